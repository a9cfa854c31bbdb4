"""What the pages of alerts and of signed links share: an alert in words, and the changes that both offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from feeds.entries.titles import title_for
from feeds.pages.alerts import MUTES, AlertView, PreviewLine, PreviewView
from feeds.urls import SEARCH, award_path
from procurewatch.alerts.channels.kinds import channel_of
from procurewatch.alerts.messages import describe
from procurewatch.alerts.preview import Preview
from procurewatch.alerts.schedule import describe_state
from procurewatch.context import AppContext
from procurewatch.web.security.guard import RequestRejected
from storage.alerts.deliveries import pending_deliveries
from storage.alerts.models import Rhythm, Subscription
from storage.alerts.subscriptions import mute_subscription, pause_subscription, resume_subscription, set_rhythm
from storage.database import server_time

MAX_MESSAGES, MAX_TITLES = 10, 4  # of a preview


def alert_view(
    app: AppContext, session: Session, alert: Subscription, titles: Mapping[str, str], *, has_errors: bool = True
) -> AlertView:
    """Return an alert in words.

    Args:
        titles: those of `subject_titles`.
        has_errors: also say why a message waits, which is only for whoever may write.
    """
    now, settings = server_time(session), app.settings
    pending = pending_deliveries(session) if has_errors else []
    waiting = next((each for each in pending if each.subscription_id == alert.id), None)
    if alert.disabled_at and not has_errors:
        alert = replace(alert, disabled_reason="messages could not be sent")
    return AlertView(
        id=alert.id,
        about=describe(session, alert, titles),
        href=about_path(alert),
        to=channel_of(app, alert.channel).shown(alert.address),
        rhythm=alert.rhythm,
        state=alert.state(now),
        status=describe_state(alert, waiting, now, settings.alert_hour, settings.alert_time_zone),
    )


def about_path(alert: Subscription) -> str:
    """Return the path of the page that an alert is about: the award's, or the search."""
    if alert.award_key:
        return award_path(alert.award_key)
    return f"{SEARCH}?{alert.query}" if alert.query else SEARCH


def preview_view(past: Preview) -> PreviewView:
    """Return a preview with its newest messages."""
    lines = tuple(
        PreviewLine(message.when, len(message.events), tuple(map(title_for, message.events[:MAX_TITLES])))
        for message in past.shown[:MAX_MESSAGES]
    )
    return PreviewView(str(past), lines)


def change_alert(session: Session, alert: Subscription, form: Mapping[str, str]) -> None:
    """Pause, resume or mute an alert or change its rhythm, as the form's `do` says. Raises `RequestRejected` (400)."""
    now, do = server_time(session), form.get("do")
    if do == "pause":
        pause_subscription(session, alert.id, now)
    elif do in ("resume", "resume-from-now"):
        resume_subscription(session, alert.id, now, from_now=do == "resume-from-now")
    elif do == "mute":
        days = next((days for days in MUTES if str(days) == form.get("days")), None)
        if days is None:
            raise RequestRejected(400, "An alert is muted for 7, 30 or 90 days.")
        mute_subscription(session, alert.id, now + timedelta(days=days))
    elif do == "rhythm" and form.get("rhythm") in list(Rhythm):
        set_rhythm(session, alert.id, Rhythm(form["rhythm"]))
    else:
        raise RequestRejected(400, "The form asks for no change of the alert.")
