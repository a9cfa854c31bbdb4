"""Feed entries: an event with its title, details, dates and the reasons for the match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from feeds.entries.details import (
    Detail,
    action_amount,
    amounts,
    dates,
    event_details,
    milestone_details,
)
from feeds.entries.highlight import Piece, Quote, action_label, marked_pieces, quotes, signals_on
from feeds.entries.matches import category_label, published_matches
from feeds.entries.render import render
from feeds.entries.titles import title_for
from feeds.feed import category_scheme
from feeds.text import clean, excerpt, one_line, pluralize, to_utc
from feeds.urls import official_page
from storage.models import StoredAction, StoredEvent, StoredMatch, StoredRecord

_SUMMARY_DESCRIPTION = 300
_MOST_ACTIONS = 5  # named in a sentence


@dataclass(frozen=True, slots=True)
class EntryCategory:
    """A category of an entry: `scheme` is the kind of category, `term` its id, `label` is for readers."""

    scheme: str
    term: str
    label: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record matched a vendor: the matcher's sentence and the matched words in their fields.

    `scope` says which actions the match concerns, "" if it concerns the whole record.
    """

    vendor_id: str
    vendor_name: str
    category: str
    sentence: str
    scope: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event, independent of feed formats.

    `id` is the event's id. `title` and `summary` are cleaned plain text on one line. `link` is the permalink,
    `official_url` the source's page; without a site both are the same. `record_key` is "" for an entry about a source.
    Times are UTC.
    """

    id: str
    kind: str
    title: str
    link: str
    official_url: str
    summary: str
    signed: date | None
    published: date | None
    first_seen: datetime
    days_late: int
    agency: str
    vendors: tuple[str, ...]
    categories: tuple[EntryCategory, ...]
    details: tuple[Detail, ...]
    description: tuple[Piece, ...]
    action_description: tuple[Piece, ...]
    reasons: tuple[Reason, ...]
    record_key: str

    @cached_property
    def content_html(self) -> str:
        """The entry as an escaped fragment of HTML. Only feeds need it, so it is rendered on first use."""
        return render("entry.html", entry=self)


def entry_for(event: StoredEvent, permalink: Callable[[StoredEvent], str]) -> Entry:
    """Return the entry of an event. `permalink` returns its link."""
    award = event.record
    title, link, official = title_for(event), permalink(event), official_page(award)
    actions = {event.action.key: event.action} if event.action else {}
    reasons = tuple(reason_for(match, award, actions) for match in published_matches(award))
    details, in_action = tuple(event_details(event)), _action_description(event)
    description = marked_pieces(award.description, signals_on(award, "description"))
    return Entry(
        id=clean(event.id),
        kind=event.kind,
        title=title,
        link=link,
        official_url=official,
        summary=_summary(event, reasons),
        signed=event.signed,
        published=event.published,
        first_seen=to_utc(event.first_seen),
        days_late=event.days_late,
        agency=one_line(award.sub_agency_name or award.agency_name),
        vendors=tuple(dict.fromkeys(one_line(match.vendor_name) for match in published_matches(award))),
        categories=_categories(event),
        details=details,
        description=description,
        action_description=in_action,
        reasons=reasons,
        record_key=award.key,
    )


def in_feed_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries by first seen, newest first, without duplicates. The sort is stable."""
    once: dict[str, Entry] = {}
    for entry in entries:
        once.setdefault(entry.id, entry)
    return sorted(once.values(), key=lambda entry: entry.first_seen, reverse=True)


def reason_for(match: StoredMatch, award: StoredRecord, actions: Mapping[str, StoredAction]) -> Reason:
    """Return why a vendor matched. `actions` are those of the award that are at hand, by key."""
    return Reason(
        vendor_id=match.vendor_id,
        vendor_name=one_line(match.vendor_name),
        category=category_label(match.category),
        sentence=one_line(match.reason),
        scope=_scope(match, actions),
        quotes=quotes(match, award, actions),
    )


def _scope(match: StoredMatch, actions: Mapping[str, StoredAction]) -> str:
    """Return which actions a match concerns, as a sentence; "" if it concerns the whole record."""
    named = [action_label(key, actions) for key in match.action_keys if key]
    if not named:
        return ""
    shown, more = named[:_MOST_ACTIONS], len(named) - _MOST_ACTIONS
    listed = "; ".join(shown) + (f"; and {pluralize(more, 'more action')}" if more > 0 else "")
    return f"Of this award, it concerns only {listed}."


def _action_description(event: StoredEvent) -> tuple[Piece, ...]:
    """Return the action's description if it differs from the award's."""
    action = event.action
    if action is None or one_line(action.description) in ("", one_line(event.record.description)):
        return ()
    return marked_pieces(action.description, signals_on(event.record, "action_description", action.key))


def _summary(event: StoredEvent, reasons: Sequence[Reason]) -> str:
    details = [*action_amount(event), *milestone_details(event), *amounts(event.record), *dates(event)]
    stated = "; ".join(f"{detail.label}: {detail.value}" for detail in details) + "."
    description = excerpt(event.record.description, _SUMMARY_DESCRIPTION)
    quoted = f"\N{LEFT DOUBLE QUOTATION MARK}{description}\N{RIGHT DOUBLE QUOTATION MARK}" if description else ""
    return one_line(" ".join([quoted, stated, *(f"{reason.sentence} {reason.scope}" for reason in reasons)]))


def _categories(event: StoredEvent) -> tuple[EntryCategory, ...]:
    award = event.record
    kinds = [event.kind, *(milestone.kind for milestone in event.milestones)]
    found: list[tuple[str, str, str]] = [("kind", kind, kind.replace("-", " ")) for kind in kinds]
    found += [("vendor", match.vendor_id, match.vendor_name) for match in published_matches(award)]
    found += [("category", match.category, category_label(match.category)) for match in published_matches(award)]
    found.append(_agency(award))
    labelled = [(kind, one_line(term), one_line(label)) for kind, term, label in found]
    return tuple(
        dict.fromkeys(
            EntryCategory(category_scheme(kind), term, label or term) for kind, term, label in labelled if term
        )
    )


def _agency(award: StoredRecord) -> tuple[str, str, str]:
    if award.sub_agency_code:
        return "agency", award.sub_agency_code, award.sub_agency_name
    return "agency", award.agency_code, award.agency_name
