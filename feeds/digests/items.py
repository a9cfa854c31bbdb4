"""The parts of a digest: events as items, items by vendor, and what they come to by vendor and agency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from feeds.entries.details import Detail, action_amount, amounts, change_details, milestone_details
from feeds.entries.entry import Entry, entry_for
from feeds.entries.highlight import Piece
from feeds.entries.matches import buyer_name, category_label, recipient_label, reseller_match
from feeds.entries.titles import SEPARATOR, subject_names
from feeds.text import ELLIPSIS, excerpt, format_date, format_signed, format_time, one_line, pluralize, shorten
from storage.models import EventKind, StoredEvent

MAX_TITLE, MAX_NAME, MAX_DESCRIPTION, MAX_REASON, MAX_VALUE = 240, 60, 280, 260, 200  # characters
MAX_REASONS = 2
CORRECTIONS = frozenset(
    {EventKind.CORRECTED, EventKind.DELETED, EventKind.WITHDRAWN, EventKind.FIRST_PURCHASE_WITHDRAWN}
)
NO_VENDOR = "Other records"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestItem:
    """One event in a digest. Texts are cleaned, not escaped; links are absolute.

    `obligated` is what the event's action obligates, in dollars; `None` if it has no amount of its own.
    """

    title: str
    kind: str
    vendor: str
    agency: str
    link: str
    official_url: str
    description: tuple[Piece, ...]
    details: tuple[Detail, ...]
    reasons: tuple[str, ...]
    dates: str
    obligated: Decimal | None
    is_correction: bool


@dataclass(frozen=True, slots=True)
class VendorSection:
    """The items about one vendor, by agency, newest first."""

    vendor: str
    items: tuple[DigestItem, ...]


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """The number of entries about a vendor at an agency, and the dollars they obligate; `None` if none states any."""

    vendor: str
    agency: str
    entries: int
    obligated: Decimal | None


def digest_item(event: StoredEvent, permalink: Callable[[StoredEvent], str]) -> DigestItem:
    """Return an event as an item of a digest. `permalink` returns its link."""
    entry, record = entry_for(event, permalink), event.record
    is_correction: bool = event.kind in CORRECTIONS or bool(record.corrects)
    stated = [*change_details(event), *action_amount(event), *milestone_details(event), *amounts(record)]
    if record.recipient_name:
        label = "Reseller" if reseller_match(record) else "Recipient"
        stated.append(Detail(label, recipient_label(record)))
    return DigestItem(
        title=excerpt(entry.title, MAX_TITLE),
        kind=category_label(event.kind),
        vendor=shorten(next(iter(subject_names(event)), NO_VENDOR), MAX_NAME),
        agency=shorten(buyer_name(record), MAX_NAME),
        link=entry.link,
        official_url=entry.official_url,
        description=_beginning(entry.action_description or entry.description),
        details=tuple(replace(detail, value=excerpt(detail.value, MAX_VALUE)) for detail in stated),
        reasons=_reasons(entry),
        dates=_dates(event),
        obligated=None if is_correction or record.is_publication else event.amount,
        is_correction=is_correction,
    )


def _dates(event: StoredEvent) -> str:
    late = event.days_late
    seen = f"first seen {format_time(event.first_seen)}" + (f", {pluralize(late, 'day')} after signing" if late else "")
    published = (f"published {format_date(event.published)}",) if event.published else ()
    return SEPARATOR.join((f"Signed {format_signed(event.signed)}", *published, seen))


def _reasons(entry: Entry) -> tuple[str, ...]:
    sentences = (one_line(f"{reason.sentence} {reason.scope}") for reason in entry.reasons)
    return tuple(excerpt(sentence, MAX_REASON) for sentence in sentences)[:MAX_REASONS]


def _beginning(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return the beginning of a text in pieces, on one line."""
    kept: list[Piece] = []
    left = MAX_DESCRIPTION
    for piece in pieces:
        text = " ".join(piece.text.split())
        spaced = f"{' ' * piece.text[:1].isspace()}{text}{' ' * piece.text[-1:].isspace()}" if text else " "
        kept.append(Piece(spaced[:left], piece.marked))
        if len(spaced) > left:
            return (*kept, Piece(ELLIPSIS, marked=False))
        left -= len(spaced)
    return tuple(kept)


def by_vendor(items: Sequence[DigestItem]) -> list[VendorSection]:
    """Return the items by vendor, the one with the largest obligations first; within one by agency."""
    found: dict[str, list[DigestItem]] = {}
    for item in items:
        found.setdefault(item.vendor, []).append(item)
    sections = [
        VendorSection(vendor, tuple(sorted(each, key=lambda item: item.agency))) for vendor, each in found.items()
    ]
    return sorted(sections, key=lambda section: (-_moved(section.items), section.vendor))


def _moved(items: Iterable[DigestItem]) -> Decimal:
    return sum((abs(item.obligated) for item in items if item.obligated is not None), Decimal(0))


def overview(sections: Iterable[VendorSection]) -> list[OverviewRow]:
    """Return what the items come to by vendor and agency, in the order of the sections."""
    rows = []
    for section in sections:
        for agency in dict.fromkeys(item.agency for item in section.items):
            items = [item for item in section.items if item.agency == agency]
            rows.append(OverviewRow(section.vendor, agency, len(items), total_of(items)))
    return rows


def total_of(items: Iterable[DigestItem]) -> Decimal | None:
    """Return the dollars that the actions of these items obligate; `None` if none states an amount."""
    stated = [item.obligated for item in items if item.obligated is not None]
    return sum(stated, Decimal(0)) if stated else None
