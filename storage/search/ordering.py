"""The orders of a query's records, and the positions in them from which a list goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, collate, func, null, or_, select
from sqlmodel import col

from storage.schema.tables import MatchRow, RecordRow, SearchRow
from storage.search.filters import match_filter
from storage.search.full_text import Condition, Dialect
from storage.search.query import InvalidQuery, Query, Sort

BAD_CURSOR = "the place to go on from cannot be read; begin again without it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order of rows of `search`: by a value, without it last, then newest signed first (or oldest, if `is_oldest`).

    `value` is NULL if the order has none; `read` reads one from a cursor.
    """

    value: SQLColumnExpression[Any]
    read: Callable[[str], Any] | None = None
    is_descending: bool = False
    is_oldest: bool = False

    @property
    def columns(self) -> tuple[ColumnElement[Any], ...]:
        """What to order the rows by."""
        key = col(SearchRow.sort_key)
        last = key.asc() if self.is_oldest else key.desc()
        if self.read is None:
            return (last,)
        value = self.value.desc() if self.is_descending else self.value.asc()
        return value.nulls_last(), last

    def is_after(self, sort_key: int, value: object) -> Condition:
        """Return the condition that a row comes after one with this key and value."""
        key = col(SearchRow.sort_key)
        follows = key > sort_key if self.is_oldest else key < sort_key
        if self.read is None:
            return follows
        if value is None:
            return and_(self.value.is_(None), follows)
        further = self.value < value if self.is_descending else self.value > value
        return or_(further, and_(self.value == value, follows), self.value.is_(None))

    def cursor(self, sort_key: int, value: object) -> str:
        """Return a position as text. No value is empty, so an empty one stands for none."""
        if self.read is None:
            return str(sort_key)
        return f"{sort_key}~{'' if value is None else value.isoformat() if isinstance(value, date) else value}"

    def read_cursor(self, text: str) -> tuple[int, Any]:
        """Return the key and the value of a position. Raises `InvalidQuery`, also for one of another kind of order."""
        key, mark, value = text.partition("~")
        is_key = key.isascii() and key.isdigit() and len(key) < 20 and int(key) < 2**63
        if not is_key or "\x00" in value or bool(mark) is (self.read is None):
            raise InvalidQuery(BAD_CURSOR)
        try:
            return int(key), self.read(value) if self.read and value else None
        except (ValueError, InvalidOperation):
            raise InvalidQuery(BAD_CURSOR) from None


def order_of(query: Query, dialect: Dialect) -> Order:
    """Return the order of a query's records."""
    agency = func.coalesce(func.nullif(col(RecordRow.sub_agency_name), ""), col(RecordRow.agency_name))
    names: dict[Sort, Callable[[], SQLColumnExpression[str]]] = {
        Sort.AGENCY: lambda: _of_record(func.nullif(agency, "")),
        Sort.RECIPIENT: lambda: _of_record(func.nullif(col(RecordRow.recipient_name), "")),
        Sort.VENDOR: lambda: _best_vendor(query),
    }
    if query.sort in names:
        return Order(value=bytewise(dialect, names[query.sort]()), read=str)
    others = {
        Sort.OBLIGATED: Order(value=col(SearchRow.amount), read=_read_dollars, is_descending=True),
        Sort.SEEN: Order(value=col(SearchRow.first_seen), read=_read_time, is_descending=True),
        Sort.ENDS: Order(value=_of_record(col(RecordRow.ends)), read=date.fromisoformat),
    }
    return others.get(query.sort) or Order(value=null(), is_oldest=query.sort is Sort.OLDEST)


def bytewise(dialect: Dialect, column: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    """Return a text column to order by bytes, as SQLite does, whatever the collation of the PostgreSQL cluster is."""
    return collate(column, "C") if dialect == "postgresql" else column


def _of_record(column: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
    found = select(column).where(col(RecordRow.key) == col(SearchRow.record_key))
    return found.correlate(SearchRow).scalar_subquery()


def _best_vendor(query: Query) -> SQLColumnExpression[str]:
    """Return the name of the best match that a query asks for."""
    found = select(col(MatchRow.vendor_name)).where(col(MatchRow.record_key) == col(SearchRow.record_key))
    best = found.where(*match_filter(query)).order_by(col(MatchRow.score).desc(), col(MatchRow.vendor_id)).limit(1)
    return best.correlate(SearchRow).scalar_subquery()


def _read_dollars(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 16:
        raise ValueError(text)
    return amount


def _read_time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found
