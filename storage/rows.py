"""Convert a record of a source to the row that is stored, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import CTE, SQLColumnExpression, func, select

from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    Attachment,
    Award,
    AwardCategory,
    AwardFields,
    ContractAction,
    Publication,
    PublicationKind,
    Recipient,
    RecordFields,
    SourceFact,
)
from storage.models import AWARDS
from storage.schema.tables import ActionRow, RecordRow

View = TypeVar("View")

SHARED_NAMES = tuple(field.name for field in fields(RecordFields))
AWARD_NAMES = tuple(field.name for field in fields(AwardFields))
PUBLICATION_NAMES = (*SHARED_NAMES, "title", "modification", "published", "deadline", "state", "corrects")
# Attributes of a record that are flat columns of its row: column -> (attribute, its own attribute).
NESTED = {
    "recipient_name": ("recipient", "name"),
    "recipient_uei": ("recipient", "uei"),
    "recipient_cage": ("recipient", "cage"),
    "recipient_state": ("recipient", "state"),
    "recipient_parent_name": ("recipient", "parent_name"),
    "recipient_parent_uei": ("recipient", "parent_uei"),
    "agency_code": ("awarding", "code"),
    "agency_name": ("awarding", "name"),
    "sub_agency_code": ("awarding", "sub_code"),
    "sub_agency_name": ("awarding", "sub_name"),
    "office": ("awarding", "office"),
    "funding_agency_name": ("funding", "name"),
    "funding_sub_agency_name": ("funding", "sub_name"),
}
ACTION_NAMES = tuple(field.name for field in fields(ContractAction))


def award_row(award: Award, now: datetime) -> RecordRow:
    """Return the row of an award first seen now (UTC)."""
    row = _row(award, AWARD_NAMES, award.category.value, now)
    row.disaster_codes = list(award.disaster_codes)  # JSON has no tuples
    return row


def publication_row(publication: Publication, now: datetime) -> RecordRow:
    """Return the row of a publication first seen now (UTC)."""
    row = _row(publication, PUBLICATION_NAMES, publication.kind.value, now)
    row.amounts = [
        {"meaning": amount.meaning.value, "dollars": str(amount.dollars), "shared": amount.shared}
        for amount in publication.amounts
    ]
    row.attachments = [asdict(attachment) for attachment in publication.attachments]
    return row


def _row(record: Award | Publication, names: Sequence[str], category: str, now: datetime) -> RecordRow:
    return RecordRow(
        **{name: getattr(record, name) for name in names},
        **{column: getattr(getattr(record, part), name) for column, (part, name) in NESTED.items()},
        category=category,
        revision=record.revision,
        facts=[asdict(fact) for fact in record.facts],
        first_seen=now,
        last_changed=now,
    )


def record_from(row: RecordRow, actions: Sequence[ActionRow]) -> Award | Publication:
    """Return a stored record as its sources described it, with its actions in the given order and without evidence."""
    parts: dict[str, dict[str, str]] = {"recipient": {}, "awarding": {}, "funding": {}}
    for column, (part, name) in NESTED.items():
        parts[part][name] = getattr(row, column)
    common: dict[str, Any] = {
        "revision": row.revision,
        "recipient": Recipient(**parts["recipient"]),
        "awarding": Agency(**parts["awarding"]),
        "funding": Agency(**parts["funding"]),
        "facts": tuple(SourceFact(**fact) for fact in row.facts),
    }
    if row.category in AWARDS:
        own = {name: getattr(row, name) for name in AWARD_NAMES}
        return Award(
            **{**own, **common, "disaster_codes": tuple(row.disaster_codes)},
            category=AwardCategory(row.category),
            actions=tuple(
                ContractAction(**{name: getattr(action, name) for name in ACTION_NAMES}) for action in actions
            ),
        )
    return Publication(
        **{name: getattr(row, name) for name in PUBLICATION_NAMES},
        **common,
        kind=PublicationKind(row.category),
        amounts=read_amounts(row.amounts),
        attachments=tuple(Attachment(**attachment) for attachment in row.attachments),
    )


def read_amounts(stored: Sequence[dict[str, Any]]) -> tuple[Amount, ...]:
    """Return the amounts of a publication from their column."""
    return tuple(
        Amount(meaning=AmountMeaning(amount["meaning"]), dollars=Decimal(amount["dollars"]), shared=amount["shared"])
        for amount in stored
    )


def view_of(view: type[View], row: object, **values: object) -> View:
    """Return a view (a dataclass of `storage.models`) with the fields of a row, apart from the values given."""
    names = view.__dataclass_fields__.keys() - values.keys()  # type: ignore[attr-defined]
    make: Callable[..., View] = view
    return make(**{name: getattr(row, name) for name in names}, **values)


def update_row(row: object, values: Mapping[str, Any]) -> bool:
    """Set those of these fields that differ; return whether any did."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


def distinct_values(column: SQLColumnExpression[str], name: str) -> CTE:
    """Return the query `name` for the distinct values of a column that an index begins with, in its column `value`.

    It looks each value up, so that it takes as long however many rows have them. The last row has no value.
    """
    found = select(func.min(column).label("value")).cte(name, recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    return found.union_all(select(following).where(found.c.value.is_not(None)))
