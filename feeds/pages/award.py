"""The pages of a built site: an index of all feeds with the newest entries, and a page for each award.

They need no JavaScript and load nothing but the style sheet beside them; every link within the site is relative, so
they work from a disk, on a static host and served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from feeds import urls
from feeds.citations import cite_award, in_all_forms
from feeds.entries.entry import Entry, entry_for, reason_for
from feeds.entries.facts import amounts, award_facts, competition, not_public_yet, payments
from feeds.entries.highlight import marked_pieces, signals_on
from feeds.entries.matches import buyer, heading, recipient, told_matches
from feeds.foia.letter import letter
from feeds.foia.links import mailto, muckrock_composer
from feeds.pages.charts import actions_chart
from feeds.pages.page_context import Frame
from feeds.pages.provenance import side_by_side, sourced
from feeds.pages.record_page import RecordPage
from feeds.urls import FeedKind
from storage.models import StoredEvent, StoredRecord

GROUPS = {
    FeedKind.ALL: "Everything",
    FeedKind.VENDOR: "Vendors",
    FeedKind.AGENCY: "Agencies",
    FeedKind.CATEGORY: "Technologies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A feed as a page lists it: its paths from the site's root by format, `page` that of its subject where the site is
    served; `newest` is None without entries.
    """

    kind: FeedKind
    title: str
    page: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What a signed-in reviewer may decide of an award: of whom, and what was decided before ("" if nothing)."""

    vendor_id: str
    vendor_name: str
    band: str


def render_index(
    frame: Frame, feeds: Sequence[FeedRow], latest: Sequence[Latest], *, today: date, health: str = ""
) -> bytes:
    """Return the index page. `latest` comes newest first; `health` says in a line how the sources are."""
    groups = [(GROUPS[kind], [row for row in feeds if row.kind is kind]) for kind in FeedKind]
    days = [(on, list(items)) for on, items in groupby(latest, key=lambda item: item.entry.first_seen.date())]
    return frame.page(
        "index.html",
        feeds=feeds,
        everything=[row for row in feeds if row.kind is FeedKind.ALL],
        groups=[(name, rows) for name, rows in groups if rows and name != GROUPS[FeedKind.ALL]],
        days=days,
        shown=len(latest),
        updated=latest[0].entry.first_seen if latest else None,
        missing=not_public_yet(today),
        health=health,
    )


def render_award(
    frame: Frame, record: RecordPage, feeds: Sequence[FeedRow] = (), verdicts: Sequence[Verdicts] = ()
) -> bytes:
    """Return the page of an award or a publication: facts and who states them, why it matched, what happened,
    all actions, what is linked with it, and the evidence.

    `feeds` are those it appears in, `verdicts` what the reader may decide. Actions come oldest first, undated last.
    """
    award, titles = record.award, record.source_titles
    texts = {action.key: action.description for action in record.actions}
    moved = [(act.signed, act.obligation) for act in record.actions if act.signed and act.obligation]
    request = letter(award, record.actions)
    bought, paid = competition(award), payments(award)
    others = [fact for fact in award_facts(award) if fact not in (*bought, *paid)]
    return frame.page(
        "award.html",
        record=record,
        award=award,
        heading=heading(award),
        buyer=buyer(award),
        recipient=recipient(award),
        amounts=amounts(award),
        bought=sourced(bought, award, record.sources, titles),
        paid=sourced(paid, award, record.sources, titles),
        facts=sourced(others, award, record.sources, titles),
        told=side_by_side(award, record.sources, titles),
        description=marked_pieces(award.description, signals_on(award, "description")),
        reasons=[reason_for(match, award, texts) for match in told_matches(award)],
        entries=[_on_timeline(event, award) for event in record.events],
        chart=actions_chart(moved),
        actions=[
            (action, marked_pieces(action.description, signals_on(award, "action_description", action.key)))
            for action in sorted(record.actions, key=lambda action: (action.signed or date.max, action.modification))
        ],
        subawards=[linked for linked in record.linked if linked.record.category == "subaward"],
        published=[linked for linked in record.linked if linked.record.category != "subaward"],
        official_url=urls.official_page(award),
        recipient_page=urls.subject_path(
            urls.SubjectKind.RECIPIENT, urls.recipient_slug(award.recipient_name, award.recipient_uei)
        ),
        feeds=feeds,
        verdicts=verdicts,
        letter=request,
        mail=mailto(request),
        muckrock=muckrock_composer(request),
        letter_file=urls.letter_path(award.key),
        pack_file=urls.pack_path(award.key),
        written=in_all_forms(cite_award(award, record.evidence, our_url=record.address)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """An entry on an award's page; `of` names the publication it is about, "" for the award's own."""

    entry: Entry
    of: str


def _on_timeline(event: StoredEvent, award: StoredRecord) -> TimelineEntry:
    other = event.record.category if event.record.key != award.key else ""
    return TimelineEntry(entry=entry_for(event, _on_this_page), of=other)


def _on_this_page(event: StoredEvent) -> str:
    return f"#{urls.event_anchor(event.id)}"
