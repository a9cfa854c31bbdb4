"""What a digest says, before it is text or HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from feeds.digests.items import DigestItem, OverviewRow, VendorSection, by_vendor, overview, total_of
from feeds.entries.details import reporting_delay_note
from feeds.entries.source_health import describe_trouble
from feeds.text import excerpt, format_money, one_line, pluralize
from storage.alerts.models import Rhythm
from storage.reading.source_health import SourceHealth

# Gmail cuts a mail after 102 KB of HTML; an item with long texts takes 3.5 KB.
MAX_ITEMS, MAX_CORRECTIONS, MAX_ROWS = 20, 5, 15
MAX_SUBJECT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFrame:
    """What a digest is about, and its links. All URLs are absolute, or "" where there is none.

    Args:
        title: what the alert covers, such as "records about Skydio".
        rhythm: how often it is sent.
        since: the beginning of the period in which the entries were first seen; `None` if it is not known.
        until: its end, and the time of the digest.
        base_url: the site's URL.
        whole_url: a page with every entry, for a digest that is shortened.
        manage_url: the page that unsubscribes, pauses or changes the alert.
        how_to_stop: a sentence that says so if there is no `manage_url`.
        unreadable: the keys of records with entries that the digest lacks, because they could not be read.
    """

    title: str
    rhythm: Rhythm
    since: datetime | None
    until: datetime
    base_url: str = ""
    whole_url: str = ""
    manage_url: str = ""
    how_to_stop: str = ""
    unreadable: tuple[str, ...] = ()

    @property
    def how_often(self) -> str:
        """The rhythm in words."""
        return self.rhythm.replace("-", " ")

    @property
    def period(self) -> str:
        """The period in words, "" if its beginning is not known."""
        if self.since is None or self.rhythm is Rhythm.AT_ONCE:
            return ""
        first, last = (moment.astimezone(UTC).date().isoformat() for moment in (self.since, self.until))
        return f"first seen on {last}" if first == last else f"first seen {first} to {last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContents:
    """The contents of a digest, not escaped. `left_out` is the number of entries that it does not show,
    `unchecked` what could not be read, in sentences."""

    frame: DigestFrame
    heading: str
    lead: str
    overview: tuple[OverviewRow, ...]
    more_rows: int
    sections: tuple[VendorSection, ...]
    corrections: tuple[DigestItem, ...]
    left_out: int
    unchecked: tuple[str, ...]
    subject: str


def digest_contents(
    items: Sequence[DigestItem], frame: DigestFrame, health: Sequence[SourceHealth], titles: Mapping[str, str]
) -> DigestContents:
    """Return the contents of a digest of these items, newest first; `titles` are those of the sources by name."""
    corrections = tuple(item for item in items if item.is_correction)
    sections = by_vendor([item for item in items if not item.is_correction])
    rows = overview(sections)
    shown = _first(sections, MAX_ITEMS)
    count = sum(len(section.items) for section in shown) + len(corrections[:MAX_CORRECTIONS])
    has_overview = len(items) > 1
    return DigestContents(
        frame=frame,
        heading=_heading(items),
        lead=_lead(items, frame),
        overview=tuple(rows[:MAX_ROWS]) if has_overview else (),
        more_rows=max(0, len(rows) - MAX_ROWS) if has_overview else 0,
        sections=tuple(shown),
        corrections=corrections[:MAX_CORRECTIONS],
        left_out=len(items) - count,
        unchecked=(
            *_unreadable(frame),
            *_troubles(health, titles),
            reporting_delay_note(frame.until.astimezone(UTC).date()),
        ),
        subject=_subject(items, frame, (*(each.vendor for each in sections), *(item.vendor for item in corrections))),
    )


def _first(sections: Sequence[VendorSection], limit: int) -> list[VendorSection]:
    """Return the first items of all sections, up to a limit."""
    kept: list[VendorSection] = []
    for section in sections:
        if limit > 0:
            kept.append(VendorSection(section.vendor, section.items[:limit]))
            limit -= len(section.items)
    return kept


def _heading(items: Sequence[DigestItem]) -> str:
    corrections = sum(item.is_correction for item in items)
    new = len(items) - corrections
    parts = [pluralize(new, "new entry", "new entries")] if new or not corrections else []
    if corrections:
        parts.append(pluralize(corrections, "correction"))
    return " and ".join(parts)


def _lead(items: Sequence[DigestItem], frame: DigestFrame) -> str:
    """Return what the alert covers, the period, and the sum, as sentences."""
    about = one_line(excerpt(frame.title, 300)) or "everything"
    sentences = [f"{about[0].upper()}{about[1:]}" + (f", {frame.period}" if frame.period else "")]
    total = total_of(items)
    if total is not None and len(items) > 1:
        sentences.append(f"These actions obligate {format_money(total)} in all")
    return "".join(f"{sentence}. " for sentence in sentences).rstrip()


def _subject(items: Sequence[DigestItem], frame: DigestFrame, vendors: Iterable[str]) -> str:
    if len(items) == 1:
        return excerpt(items[0].title, MAX_SUBJECT)
    rhythm = "" if frame.rhythm is Rhythm.AT_ONCE else f" {frame.rhythm}"
    named = list(dict.fromkeys(vendors))
    about = f" about {', '.join(named[:2])}" if named else ""
    about += f" +{len(named) - 2}" if len(named) > 2 else ""
    return excerpt(f"Procurewatch{rhythm}: {_heading(items)}{about}", MAX_SUBJECT)


def _unreadable(frame: DigestFrame) -> tuple[str, ...]:
    return tuple(one_line(f"Record {key}: its entry is missing here, because of an error") for key in frame.unreadable)


def _troubles(health: Sequence[SourceHealth], titles: Mapping[str, str]) -> tuple[str, ...]:
    troubles = ((titles.get(each.source, each.source), describe_trouble(each)) for each in health)
    return tuple(one_line(f"{title}: {trouble}") for title, trouble in troubles if trouble)
