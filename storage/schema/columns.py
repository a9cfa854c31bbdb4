"""Column types for money, times and lists of keys, which work the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator


class Cents(TypeDecorator[Decimal]):
    """US dollars as a `Decimal` in Python, whole cents in the database.

    SQLite stores decimals as floating point, which loses cents of large amounts. Column names end in `_cents`.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Convert dollars to cents. Raises `ValueError` for fractions of a cent."""
        if value is None:
            return None
        cents = value.scaleb(2)
        if cents != cents.to_integral_value():
            raise ValueError(f"{value} has fractions of a cent")
        return int(cents)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Convert cents to dollars."""
        return None if value is None else Decimal(value).scaleb(-2)


class Lines(TypeDecorator[list[str]]):
    """A list of keys as a text: a line break before and after each key, "" if there are none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str:  # noqa: ARG002
        """Convert keys to lines."""
        return "\n{}\n".format("\n".join(value)) if value else ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str]:  # noqa: ARG002
        """Convert lines to keys."""
        return value[1:-1].split("\n") if value else []


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite has no time zones and stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises `ValueError` for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """Return the function that reads a time, as UTC."""
        return _from_text if dialect.name == "sqlite" else _to_utc


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}Z")


def _to_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
