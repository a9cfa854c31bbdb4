"""Which events and actions of a record a match concerns: all of them, or those of the actions that it names."""

from __future__ import annotations

from functools import cache

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, and_, func, or_, type_coerce
from sqlmodel import col

from storage.models import EventKind, StoredMatch
from storage.schema.tables import EventRow, MatchRow

# Events that concern every match of their record if they are of no single action.
RECORD_KINDS = (EventKind.DELETED, EventKind.RENUMBERED)


def is_concerned(match: MatchRow | StoredMatch, kind: str, action_key: str, vendor_id: str = "") -> bool:
    """Whether a match concerns an event, by its kind, its action ("" if it is of none) and the vendor it is about."""
    keys = match.action_keys
    of_record = not action_key and kind in RECORD_KINDS
    return not keys or action_key in keys or of_record or vendor_id == match.vendor_id


@cache
def concerns_event() -> ColumnElement[bool]:
    """Return the condition that a row of `match` concerns one of `event`, of the same record; as `is_concerned`."""
    action_key = col(EventRow.action_key)
    of_record = and_(action_key == "", col(EventRow.kind).in_([kind.value for kind in RECORD_KINDS]))
    return or_(concerns_action(action_key), of_record, col(EventRow.vendor_id) == col(MatchRow.vendor_id))


def concerns_action(action_key: SQLColumnExpression[str]) -> ColumnElement[bool]:
    """Return the condition that a row of `match` concerns an action of the same award."""
    text = type_coerce(col(MatchRow.action_keys), Text)  # `storage.schema.columns.Lines`
    return or_(concerns_all(), func.replace(text, "\n" + action_key + "\n", "") != text)


def concerns_all() -> ColumnElement[bool]:
    """Return the condition that a row of `match` concerns the whole record."""
    return type_coerce(col(MatchRow.action_keys), Text) == ""
