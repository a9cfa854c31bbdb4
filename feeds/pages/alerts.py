"""The pages of alerts: the list, one alert, adding one, and the page of the signed link in a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from feeds.pages.page_context import PageContext
from storage.alerts.models import Delivery, Rhythm, SubscriptionState

MUTES = {7: "one week", 30: "30 days", 90: "90 days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """An alert in words. `about` is what it covers, with the path of its page (`href`, "" without one).

    `to` is the address without its secrets, `state` whether messages are sent, `status` says so in words.
    """

    id: int
    about: str
    href: str
    to: str
    rhythm: Rhythm
    state: SubscriptionState
    status: str


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A message that would have been sent at a time (UTC): its number of entries and the titles of the first ones."""

    when: datetime
    entries: int
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreviewView:
    """What an alert would have sent. `summary` is a sentence, `lines` are the newest messages."""

    summary: str
    lines: tuple[PreviewLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertForm:
    """The form that adds an alert. `query` is the query string of a search, `award` the key of an award or ""."""

    about: str
    href: str
    query: str
    award: str
    address: str
    title: str
    rhythm: Rhythm
    problem: str = ""


def render_alerts(context: PageContext, alerts: Sequence[AlertView], *, notice: str = "") -> bytes:
    """Return the list of alerts."""
    return context.render("alerts/list.html", alerts=alerts, notice=notice)


def render_alert(
    context: PageContext,
    alert: AlertView,
    preview: PreviewView,
    deliveries: Sequence[Delivery],
    *,
    secret: str = "",
    notice: str = "",
    problem: str = "",
) -> bytes:
    """Return the page of one alert. `secret` signs the messages of a webhook, "" for other channels."""
    return context.render(
        "alerts/alert.html",
        alert=alert,
        preview=preview,
        deliveries=deliveries,
        secret=secret,
        notice=notice,
        problem=problem,
        rhythms=_rhythms(),
        mutes=MUTES,
    )


def render_add(context: PageContext, form: AlertForm, preview: PreviewView) -> bytes:
    """Return the page that adds an alert, with what it would have sent."""
    return context.render("alerts/add.html", form=form, preview=preview, rhythms=_rhythms())


def render_link(context: PageContext, alert: AlertView | None, *, notice: str = "") -> bytes:
    """Return the page of the signed link in a message; without an alert it says only the notice."""
    return context.render("alerts/link.html", alert=alert, notice=notice, rhythms=_rhythms(), mutes=MUTES)


def rhythm_label(rhythm: Rhythm) -> str:
    """Return a rhythm for readers."""
    return rhythm.replace("-", " ")


def _rhythms() -> dict[Rhythm, str]:
    return {rhythm: rhythm_label(rhythm) for rhythm in Rhythm}
