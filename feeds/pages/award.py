"""The page of an award or a publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from feeds import urls
from feeds.citations import as_text, cite_award, cite_event, format_citation
from feeds.entries.details import amounts, award_details, competition, payments
from feeds.entries.entry import reason_for
from feeds.entries.highlight import marked_pieces, signals_on
from feeds.entries.matches import buyer_label, published_matches, recipient_label, record_label
from feeds.foia.letter import write_letter
from feeds.foia.links import mailto, muckrock_composer
from feeds.pages.charts import actions_chart
from feeds.pages.lists.feeds import FeedRow, RecordFeed
from feeds.pages.page_context import PageContext
from feeds.pages.provenance import attribute_details, compare_sources
from feeds.pages.timeline import TimelineItem, timeline_item
from storage.models import StoredAction, StoredEvent, StoredEvidence, StoredLink, StoredRecord, StoredSourceRecord
from storage.possible_days import is_possible


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRecord:
    """A linked record. `has_page` if it has a published page."""

    link: StoredLink
    record: StoredRecord
    has_page: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """The data of an award's page.

    `events` include those of linked records. `sources` hold each source's version of the award; `source_titles` names
    every source in use, and `complete_sources` those that list every award of its category. `publisher` is the source
    as citations name it. `orders` are the published ones of `orders_stored`.
    """

    award: StoredRecord
    actions: tuple[StoredAction, ...]
    evidence: tuple[StoredEvidence, ...]
    events: tuple[StoredEvent, ...]
    sources: tuple[StoredSourceRecord, ...] = ()
    source_titles: Mapping[str, str] = field(default_factory=dict)
    publisher: str = ""
    complete_sources: Sequence[str] = ()
    linked: tuple[LinkedRecord, ...] = ()
    parent: StoredRecord | None = None
    parent_has_page: bool = False
    orders: tuple[StoredRecord, ...] = ()
    orders_stored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewChoice:
    """A match that a signed-in reviewer may decide, with its current band."""

    vendor_id: str
    vendor_name: str
    band: str


def render_award(
    context: PageContext,
    record: RecordPage,
    feeds: Sequence[FeedRow | RecordFeed] = (),
    choices: Sequence[ReviewChoice] = (),
) -> bytes:
    """Return the page. `feeds` are those the record appears in, `choices` what a reviewer may decide."""
    award, titles = record.award, record.source_titles
    our_url = context.address(urls.award_path(award.key))
    actions = {action.key: action for action in record.actions}
    moved = [(act.signed, act.obligation) for act in record.actions if is_possible(act.signed) and act.obligation]
    request = write_letter(award, record.actions)
    bought, paid = competition(award), payments(award)
    others = [detail for detail in award_details(award) if detail not in (*bought, *paid)]
    return context.render(
        "award.html",
        record=record,
        award=award,
        heading=record_label(award),
        buyer=buyer_label(award),
        recipient=recipient_label(award),
        amounts=amounts(award),
        bought=attribute_details(bought, award, record.sources, titles),
        paid=attribute_details(paid, award, record.sources, titles),
        details=attribute_details(others, award, record.sources, titles),
        comparison=compare_sources(record.sources, titles, record.complete_sources),
        description=marked_pieces(award.description, signals_on(award, "description")),
        reasons=[reason_for(match, award, actions) for match in published_matches(award)],
        timeline=[_timeline_item(event, record, our_url) for event in record.events],
        chart=actions_chart(moved),
        actions=[
            (
                action,
                marked_pieces(action.description, signals_on(award, "action_description", action.key)),
                [match.vendor_name for match in published_matches(award) if action.key in match.action_keys],
            )
            for action in sorted(record.actions, key=lambda action: (action.signed or date.max, action.modification))
        ],
        subawards=[linked for linked in record.linked if linked.record.category == "subaward"],
        published=[linked for linked in record.linked if linked.record.category != "subaward"],
        official_url=urls.official_page(award),
        recipient_page=urls.subject_path(
            urls.SubjectKind.RECIPIENT, urls.recipient_slug(award.recipient_name, award.recipient_uei)
        ),
        feeds=feeds,
        choices=choices,
        letter=request,
        mail=mailto(request),
        muckrock=muckrock_composer(request),
        letter_file=urls.letter_path(award.key),
        pack_file=urls.pack_path(award.key),
        citations=format_citation(cite_award(award, record.evidence, publisher=record.publisher, our_url=our_url)),
    )


def _timeline_item(event: StoredEvent, record: RecordPage, our_url: str) -> TimelineItem:
    """Return an event as a timeline item. Events of linked records get no citation: their evidence is not here."""
    anchor = f"#{urls.event_anchor(event.id)}"
    if event.record.key != record.award.key:
        return timeline_item(event, anchor, of=event.record.category)
    link = f"{our_url}{anchor}" if our_url else ""
    cited = cite_event(event, record.evidence, publisher=record.publisher, our_url=link)
    return timeline_item(event, anchor, citation=as_text(cited))
