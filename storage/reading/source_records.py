"""What each source states about an award, and the order in which sources take precedence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import ContractAction
from storage.models import StoredSourceRecord
from storage.rows import view_of
from storage.schema.tables import ActionRow, RecordRow, SourceRecordRow

# Precedence between sources with the same date. The page of the first one is linked, because it is public.
SOURCE_ORDER = ("usaspending", "archive", "assistance", "samawards", "fpds")
OWN_FIELDS = frozenset({"key", "source", "revision", "category", "first_seen", "last_changed", "url"})
SOURCE_FIELDS = tuple(sorted(set(RecordRow.model_fields) - OWN_FIELDS - {"deadline"}))
_PARSERS: Mapping[object, Callable[[str], object]] = {
    Decimal | None: Decimal,
    date | None: date.fromisoformat,
    int | None: int,
}


@dataclass(frozen=True, slots=True)
class ActionStatement:
    """What a source stated about an action. `obligation` is in dollars, `None` if not stated."""

    obligation: Decimal | None
    signed: date | None
    description: str

    @classmethod
    def of(cls, action: ContractAction | ActionRow) -> ActionStatement:
        """Return the statement of an action."""
        return cls(action.obligation, action.signed, action.description)

    def to_json(self) -> dict[str, str]:
        """Return it as JSON, without what is not stated."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: str(value) for name, value in values.items() if value not in (None, "")}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> ActionStatement:
        """Return what `to_json` wrote."""
        obligation, signed = stored.get("obligation"), stored.get("signed")
        return cls(
            Decimal(obligation) if obligation else None,
            date.fromisoformat(signed) if signed else None,
            stored.get("description", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatement:
    """What one source last stated about an award.

    `facts` are values of `RecordRow`'s fields, none empty. `actions` are those that it listed, by action key. `since`
    is when it first carried the award (UTC).
    """

    since: datetime
    facts: Mapping[str, Any]
    actions: Mapping[str, ActionStatement] = field(default_factory=dict)
    latest: date | None = None


def fields_to_json(row: RecordRow) -> dict[str, Any]:
    """Return the fields of a row that are not empty, as JSON types."""
    found = {name: getattr(row, name) for name in SOURCE_FIELDS}
    return {name: _to_json(value) for name, value in found.items() if value not in (None, "", [])}


def load_statements(session: Session, record_key: str) -> dict[str, SourceStatement]:
    """Return what each source stated about a stored award, by source."""
    return {
        each.source: SourceStatement(
            since=each.first_seen,
            facts=fields_from_json(each.facts),
            actions={key: ActionStatement.from_json(stated) for key, stated in each.actions.items()},
            latest=newest_action_date(each),
        )
        for each in source_record_rows(session, record_key)
    }


def load_source_records(session: Session, record_key: str) -> list[StoredSourceRecord]:
    """Return what each source states about an award, in order of precedence; empty for a publication."""
    found = [
        view_of(StoredSourceRecord, row, facts=fields_from_json(row.facts), actions=len(row.actions))
        for row in source_record_rows(session, record_key)
    ]
    return sorted(found, key=lambda each: (source_rank(each.source), each.source))


def stored_revision(session: Session, source: str, key: str) -> str | None:
    """Return the revision of a record that a source last showed, `None` if it has not carried the record."""
    stated = session.get(SourceRecordRow, (key, source))
    if stated is not None:
        return stated.revision
    row = session.get(RecordRow, key)
    return row.revision if row and row.source == source else None


def count_listed_actions(session: Session, source: str, key: str) -> int:
    """Return how many actions of an award a source listed when the award was last read completely, else 0."""
    row = session.get(SourceRecordRow, (key, source))
    return len(row.actions) if row else 0


def source_record_rows(session: Session, record_key: str) -> list[SourceRecordRow]:
    """Return the rows of an award's sources, last modified first."""
    rows = session.scalars(select(SourceRecordRow).where(col(SourceRecordRow.record_key) == record_key))
    return sorted(rows, key=lambda row: (-(row.modified or date.min).toordinal(), source_rank(row.source)))


def source_rank(source: str) -> int:
    """Return the position of a source in `SOURCE_ORDER`; others come last."""
    return SOURCE_ORDER.index(source) if source in SOURCE_ORDER else len(SOURCE_ORDER)


def newest_action_date(row: SourceRecordRow) -> date | None:
    """Return the date of the newest action that the source had listed when its facts were last stored."""
    text = row.facts.get("latest")
    return date.fromisoformat(text) if text else None


def _to_json(value: Any) -> Any:
    return value if isinstance(value, (str, list)) else str(value)


def fields_from_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `fields_to_json` wrote, as values of `RecordRow`'s fields."""
    return {name: _from_json(name, value) for name, value in facts.items() if name in SOURCE_FIELDS}


def _from_json(name: str, value: Any) -> Any:
    parse = _PARSERS.get(RecordRow.model_fields[name].annotation)
    return parse(value) if parse else value
