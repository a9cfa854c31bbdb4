"""The pages of a built site: an index of all feeds with the newest entries, and a page for each award.

They need no JavaScript and load nothing but the style sheet beside them; every link within the site is relative, so
they work from a disk, on a static host and served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from feeds import layout
from feeds.concern import through_reseller, told_matches
from feeds.entries import Entry, category_words, entry_for, reason_for
from feeds.facts import amounts, award_facts
from feeds.highlight import marked_pieces, signals_on
from feeds.layout import FeedKind
from feeds.naming import buyer, recipient
from feeds.render import render
from storage.stored import StoredAction, StoredEvent, StoredEvidence, StoredRecord

GROUPS = {
    FeedKind.ALL: "Everything",
    FeedKind.VENDOR: "Vendors",
    FeedKind.AGENCY: "Agencies",
    FeedKind.CATEGORY: "Technologies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A feed as a page lists it: its paths from the site's root by format; `newest` is None without entries."""

    kind: FeedKind
    title: str
    atom: str
    rss: str
    json: str
    entries: int
    newest: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """An entry on the index page and where its title leads from there."""

    entry: Entry
    href: str


def render_index(title: str, feeds: Sequence[FeedRow], latest: Sequence[Latest], updated: datetime | None) -> bytes:
    """Return the index page. `latest` comes newest first; `updated` is None when there is nothing yet."""
    groups = [(GROUPS[kind], [row for row in feeds if row.kind is kind]) for kind in FeedKind]
    days = [(on, list(items)) for on, items in groupby(latest, key=lambda item: item.entry.first_seen.date())]
    page = render(
        "index.html",
        root="",
        site=title,
        feeds=feeds,
        everything=[row for row in feeds if row.kind is FeedKind.ALL],
        groups=[(name, rows) for name, rows in groups if rows and name != GROUPS[FeedKind.ALL]],
        days=days,
        shown=len(latest),
        updated=updated,
        layout=layout,
        kind_words=category_words,
    )
    return page.encode()


def render_award(
    award: StoredRecord,
    actions: Sequence[StoredAction],
    evidence: Sequence[StoredEvidence],
    events: Sequence[StoredEvent],
    *,
    title: str = "Procurewatch",
    feeds: Sequence[FeedRow] = (),
) -> bytes:
    """Return an award's page: facts, why it matched, what happened, all actions and the evidence.

    `feeds` are those this award appears in. Actions and events are shown oldest first, undated actions last.
    """
    texts = {action.key: action.description for action in actions}
    page = render(
        "award.html",
        root="../",
        site=title,
        award=award,
        heading=_heading(award),
        buyer=buyer(award),
        recipient=recipient(award),
        amounts=amounts(award),
        facts=award_facts(award),
        description=marked_pieces(award.description, signals_on(award, "description")),
        reasons=[reason_for(match, award, texts) for match in told_matches(award)],
        entries=[entry_for(event, _on_this_page) for event in sorted(events, key=lambda event: event.first_seen)],
        actions=[
            (action, marked_pieces(action.description, signals_on(award, "action_description", action.key)))
            for action in sorted(actions, key=lambda action: (action.signed or date.max, action.modification))
        ],
        evidence=evidence,
        official_url=layout.official_page(award),
        feeds=feeds,
        layout=layout,
        kind_words=category_words,
    )
    return page.encode()


def _heading(award: StoredRecord) -> str:
    via = through_reseller(award)
    if via:
        return f"{via.vendor_name} through {recipient(award)}"
    return recipient(award)


def _on_this_page(event: StoredEvent) -> str:
    return f"#{layout.event_anchor(event.id)}"
