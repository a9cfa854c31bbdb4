"""The public fields of a record, read from the table that declares them.

Exports, the API, the SQL views and the pages derive from `RECORD_FIELDS`, so a field is declared twice: in
`sources.records` as what adapters fill in, and in `storage.schema.tables.RecordRow` with its column, meaning and label.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sources.records import AwardFields, Publication, RecordFields
from storage.schema.tables import RecordRow


class FieldType(StrEnum):
    """What the values of a field or of an export's column are; any may be missing."""

    TEXT = "text"
    TEXTS = "texts"
    DOLLARS = "dollars"
    DATE = "date"
    TIME = "time"
    COUNT = "count"
    SCORE = "score"


_TYPES: dict[object, FieldType] = {
    str: FieldType.TEXT,
    list[str]: FieldType.TEXTS,
    int | None: FieldType.COUNT,
    Decimal | None: FieldType.DOLLARS,
    date | None: FieldType.DATE,
    datetime: FieldType.TIME,
    datetime | None: FieldType.TIME,
}
_UNITS = {FieldType.DOLLARS: ", US dollars", FieldType.TIME: ", UTC"}
_PUBLIC_NAMES = {"category": "kind", "modified": "source_modified"}
_SHARED = {field.name for field in fields(RecordFields)}
AWARD_ONLY = frozenset({field.name for field in fields(AwardFields)} - _SHARED | {"competition"})
PUBLICATION_ONLY = frozenset({field.name for field in fields(Publication)} - _SHARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordField:
    """A field of a record: an attribute of `StoredRecord`, under `public_name` in exports, the API and SQL.

    `label` is what pages call it, "" where they word it themselves.
    """

    name: str
    public_name: str
    type: FieldType
    meaning: str
    label: str


def _declared() -> tuple[RecordField, ...]:
    found = []
    for name, field in RecordRow.model_fields.items():
        if name == "extent_competed_code":
            found.append(COMPETITION)
        if field.description:
            kind = _TYPES[field.annotation]
            found.append(
                RecordField(
                    name=name,
                    public_name=_PUBLIC_NAMES.get(name, name),
                    type=kind,
                    meaning=field.description + _UNITS.get(kind, ""),
                    label=field.title or "",
                )
            )
    return tuple(found)


COMPETITION = RecordField(
    name="competition",
    public_name="competition",
    type=FieldType.TEXT,
    meaning="competed, not-competed or unknown; empty if not a contract",
    label="",
)
RECORD_FIELDS = _declared()
