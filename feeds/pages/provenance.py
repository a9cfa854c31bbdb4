"""Which source states which detail of an award, and how the sources compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from feeds.entries.details import Detail
from feeds.text import NOT_STATED, format_date, format_money, one_line
from storage.models import StoredRecord, StoredSourceRecord
from storage.schema.fields import RECORD_FIELDS

ALWAYS_COMPARED = {"obligated", "exercised", "ceiling", "signed"}
LABELS = {field.name: field.label for field in RECORD_FIELDS if field.label}
# The fields that a detail of the page is made of.
FIELDS = {
    **{label: (name,) for name, label in LABELS.items()},
    "Last modified at the source": ("modified",),
    "Awarding agency": ("sub_agency_name", "agency_name"),
    "Funding agency": ("funding_sub_agency_name", "funding_agency_name"),
    "Recipient": ("recipient_name",),
    "Period of performance": ("starts", "ends", "may_end"),
    "Product or service (PSC)": ("psc", "psc_text"),
    "Industry (NAICS)": ("naics", "naics_text"),
    "Competition": ("extent_competed", "fair_opportunity"),
    "Outlays to date": ("outlays",),
    "Disaster and emergency funding (DEFC)": ("disaster_codes",),
    "Subawards reported": ("subaward_count", "subaward_total"),
    "Award type": ("type_text",),
    "Award number (PIID)": ("piid",),
    "Parent PIID": ("parent_piid",),
}
OWN_DETAILS = frozenset({"First seen", "Last change first seen"})


@dataclass(frozen=True, slots=True)
class AttributedDetail:
    """A detail and the sources that state it; "Procurewatch" for what it recorded itself."""

    detail: Detail
    stated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComparison:
    """A table of what each source states: `rows` are (label, one value per source). `missing` sources lack the award;
    `deleted` says which source deleted it, when and why.
    """

    sources: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    missing: tuple[str, ...]
    deleted: tuple[str, ...]


def attribute_details(
    details: Sequence[Detail], award: StoredRecord, sources: Sequence[StoredSourceRecord], titles: Mapping[str, str]
) -> list[AttributedDetail]:
    """Return each detail with the titles of the sources that state it."""
    attributed = []
    for detail in details:
        if detail.label in OWN_DETAILS:
            stated_by = "Procurewatch"
        else:
            stated = {name: getattr(award, name) for name in FIELDS.get(detail.label, ())}
            names = [row.source for row in sources if any(_states(row, name, stated[name]) for name in stated)]
            stated_by = ", ".join(_title(name, titles) for name in names or [award.source])
        attributed.append(AttributedDetail(detail, stated_by))
    return attributed


def compare_sources(
    sources: Sequence[StoredSourceRecord], titles: Mapping[str, str], expected: Sequence[str] = ()
) -> SourceComparison | None:
    """Return a comparison of the award's sources, `None` for a publication, which has only one.

    `expected` names the sources that list every award of its category: one of them that lacks it is `missing`.
    """
    if not sources:
        return None
    rows = []
    for name, label in LABELS.items():
        values = tuple(_value(row, name) for row in sources)
        if len(set(values) - {NOT_STATED}) > (name not in ALWAYS_COMPARED):
            rows.append((label, values))
    rows += [
        ("Actions", tuple(f"{row.actions:,}" for row in sources)),
        ("Last modified by the source", tuple(format_date(row.modified) for row in sources)),
        ("First seen", tuple(format_date(row.first_seen.date()) for row in sources)),
    ]
    present = {row.source for row in sources}
    return SourceComparison(
        sources=tuple(_title(row.source, titles) for row in sources),
        rows=tuple(rows),
        missing=tuple(_title(name, titles) for name in expected if name in titles and name not in present),
        deleted=tuple(_deletion(row, titles) for row in sources if row.deleted_on),
    )


def _deletion(row: StoredSourceRecord, titles: Mapping[str, str]) -> str:
    reason = one_line(row.deletion_reason) or "no reason given"
    return f"{_title(row.source, titles)} deleted it on {row.deleted_on}: {reason}"


def _states(row: StoredSourceRecord, name: str, value: object) -> bool:
    own = row.facts.get(name)
    return own is not None and own == (list(value) if isinstance(value, tuple) else value)


def _title(source: str, titles: Mapping[str, str]) -> str:
    return one_line(titles.get(source, source))


def _value(row: StoredSourceRecord, name: str) -> str:
    value = row.facts.get(name)
    if isinstance(value, Decimal):
        return format_money(value)
    return format_date(value) if isinstance(value, date) else one_line(str(value or "")) or NOT_STATED
