"""Column types that keep money and time exact on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect
from sqlalchemy.types import TypeDecorator


class Cents(TypeDecorator[Decimal]):
    """US dollars as a `Decimal` in Python, as whole cents in the database.

    SQLite would keep a decimal as floating point and lose cents of large amounts; an integer is exact on both, sums
    exactly, and says its unit in the column's name (`obligated_cents`).
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Take dollars to cents; an amount with fractions of a cent is refused (`ValueError`)."""
        if value is None:
            return None
        cents = value.scaleb(2)
        if cents != cents.to_integral_value():
            raise ValueError(f"{value} has fractions of a cent")
        return int(cents)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Take cents to dollars."""
        return None if value is None else Decimal(value).scaleb(-2)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite, which knows no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time (`ValueError`): nobody could say which time it was."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """Give the time back in UTC: in one step, since there is one in every row of most answers."""
        return _written if dialect.name == "sqlite" else _with_zone


def _written(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}Z")


def _with_zone(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
