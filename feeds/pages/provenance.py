"""Which source says what of an award: each fact with those that state it, and side by side where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from feeds.entries.details import Detail
from feeds.text import NOT_STATED, format_date, format_money, one_line
from storage.fields import RECORD_FIELDS
from storage.models import StoredRecord, StoredSourceRecord

# The sources that tell of every contract, and those of every grant: one of them that does not is worth saying.
TELLERS = {"assistance": ("assistance",)}
TELLERS_OF_CONTRACTS = ("usaspending", "fpds", "samawards")
ALWAYS = {"obligated", "exercised", "ceiling", "signed"}
LABELS = {field.name: field.label for field in RECORD_FIELDS if field.label}
# The fields that a fact of the page is made of.
FIELDS = {
    **{label: (name,) for name, label in LABELS.items()},
    "Last modified at the source": ("modified",),
    "Bought by": ("sub_agency_name", "agency_name"),
    "Paid for by": ("funding_sub_agency_name", "funding_agency_name"),
    "Recipient": ("recipient_name",),
    "Period of performance": ("starts", "ends", "may_end"),
    "Product or service (PSC)": ("psc", "psc_text"),
    "Industry (NAICS)": ("naics", "naics_text"),
    "Competition": ("extent_competed", "fair_opportunity"),
    "Paid out so far (outlays)": ("outlays",),
    "Disaster and emergency money (DEFC)": ("disaster_codes",),
    "Subawards reported": ("subaward_count", "subaward_total"),
    "Kind of award": ("type_text",),
    "Award number (PIID)": ("piid",),
    "Ordered under (parent PIID)": ("parent_piid",),
}
OURS = frozenset({"First seen", "Last change seen"})


@dataclass(frozen=True, slots=True)
class AttributedDetail:
    """A fact and who states it; "Procurewatch" where it is about our own reading."""

    detail: Detail
    stated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComparison:
    """A table: for each source its title, and for each row its label and what each source says, never summed."""

    sources: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    missing: tuple[str, ...]
    deleted: tuple[str, ...]


def attribute_details(
    details: Sequence[Detail], award: StoredRecord, said: Sequence[StoredSourceRecord], titles: Mapping[str, str]
) -> list[AttributedDetail]:
    """Return each fact with the titles of the sources that state it."""
    own = titles.get(award.source, award.source)
    attributed = []
    for detail in details:
        stated_by = "Procurewatch" if detail.label in OURS else _tellers(detail, award, said, titles) or own
        attributed.append(AttributedDetail(detail, stated_by))
    return attributed


def compare_sources(
    award: StoredRecord, said: Sequence[StoredSourceRecord], titles: Mapping[str, str]
) -> SourceComparison | None:
    """Return what the sources say of an award, `None` for what is told by one source by its nature."""
    if not said:
        return None
    rows = []
    for name, label in LABELS.items():
        values = tuple(_value(one, name) for one in said)
        if name in ALWAYS or len(set(values) - {NOT_STATED}) > 1:
            rows.append((label, values))
    rows = [row for row in rows if set(row[1]) != {NOT_STATED}]
    rows += [
        ("Actions told", tuple(f"{one.actions:,}" for one in said)),
        ("Last modified there", tuple(format_date(one.modified) for one in said)),
        ("First seen there", tuple(format_date(one.first_seen.date()) for one in said)),
    ]
    told = {one.source for one in said}
    tellers = TELLERS.get(award.category, TELLERS_OF_CONTRACTS)
    return SourceComparison(
        sources=tuple(_title(one.source, titles) for one in said),
        rows=tuple(rows),
        missing=tuple(_title(name, titles) for name in tellers if name in titles and name not in told),
        deleted=tuple(
            f"{_title(one.source, titles)} dropped it on {one.deleted_on}: "
            f"{one_line(one.deletion_reason) or 'no reason given'}"
            for one in said
            if one.deleted_on
        ),
    )


def _tellers(detail: Detail, award: StoredRecord, said: Sequence[StoredSourceRecord], titles: Mapping[str, str]) -> str:
    """Return who states at least one part of a fact as it is shown."""
    stated = {name: getattr(award, name) for name in FIELDS.get(detail.label, ())}
    return ", ".join(
        _title(one.source, titles) for one in said if any(_says(one, name, value) for name, value in stated.items())
    )


def _says(said: StoredSourceRecord, name: str, value: object) -> bool:
    own = said.facts.get(name)
    return own is not None and own == (list(value) if isinstance(value, tuple) else value)


def _title(source: str, titles: Mapping[str, str]) -> str:
    return one_line(titles.get(source, source))


def _value(said: StoredSourceRecord, name: str) -> str:
    value = said.facts.get(name)
    if isinstance(value, Decimal):
        return format_money(value)
    return format_date(value) if isinstance(value, date) else one_line(str(value or "")) or NOT_STATED
