"""Money and time come back as they went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import StatementError
from sqlmodel import col

from sources.records import MAX_AMOUNT
from storage.database import Database
from storage.rows import award_row
from storage.schema.columns import UtcTime
from storage.schema.tables import RecordRow
from tests.records import CLEARVIEW, SEEN
from tests.storage.database_helpers import delete_all_rows

one_database = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
amounts = st.decimals(min_value=-MAX_AMOUNT, max_value=MAX_AMOUNT, places=2)


def stored(database: Database, amount: Decimal | None, seen: datetime = SEEN) -> RecordRow:
    """Store an award with this amount, read it back."""
    row = award_row(CLEARVIEW, seen)
    row.obligated = amount
    with database.writing() as session:
        session.add(row)
    with database.reading() as session:
        return session.get_one(RecordRow, row.key)


@pytest.mark.parametrize(
    "amount", ["0.01", "90071992547409.93", "-1.10", "0.00", "-0.01", str(MAX_AMOUNT), str(-MAX_AMOUNT)]
)
def test_an_amount_is_exact_to_the_cent(database: Database, amount: str) -> None:
    back = stored(database, Decimal(amount)).obligated
    assert back == Decimal(amount)
    assert isinstance(back, Decimal)
    assert back.as_tuple().exponent == -2


@one_database
@given(values=st.lists(amounts, min_size=1, max_size=20))
def test_any_amount_is_exact_and_sums_exactly(database: Database, values: list[Decimal]) -> None:
    delete_all_rows(database)
    with database.writing() as session:
        for number, value in enumerate(values):
            row = award_row(CLEARVIEW, SEEN)
            row.key, row.obligated = f"{number:03}", value
            session.add(row)
    with database.reading() as session:
        back = list(session.scalars(select(col(RecordRow.obligated)).order_by(col(RecordRow.key))))
        small = list(session.scalars(select(col(RecordRow.obligated)).order_by(col(RecordRow.obligated))))
    assert back == values
    assert small == sorted(values)


def test_sums_in_the_database_are_exact(database: Database) -> None:
    values = [Decimal("0.10"), Decimal("0.20"), Decimal("90071992547409.93")]
    with database.writing() as session:
        for number, value in enumerate(values):
            row = award_row(CLEARVIEW, SEEN)
            row.key, row.obligated = str(number), value
            session.add(row)
    with database.reading() as session:
        cents = session.scalar(text("SELECT sum(obligated_cents) FROM record"))
        assert cents == 9007199254741023
        assert session.scalar(select(func.max(col(RecordRow.obligated)))) == values[2]


def test_a_missing_amount_is_not_zero(database: Database) -> None:
    assert stored(database, None).obligated is None


@pytest.mark.parametrize("amount", ["0.001", "-1.105", "1E-3"])
def test_fractions_of_a_cent_are_refused(database: Database, amount: str) -> None:
    with pytest.raises(StatementError, match="fractions of a cent"):
        stored(database, Decimal(amount))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(RecordRow)) == 0


@pytest.mark.parametrize("hours", [-12, -5, 0, 5.5, 14])
def test_a_time_comes_back_aware_and_in_utc(database: Database, hours: float) -> None:
    there = SEEN.astimezone(timezone(timedelta(hours=hours)))
    back = stored(database, None, there).first_seen
    assert back == SEEN
    assert back.utcoffset() == timedelta(0)
    assert back.tzinfo is UTC


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        stored(database, None, SEEN.replace(tzinfo=None))


def test_no_time_stays_none(database: Database) -> None:
    dialect = database.engine.dialect
    assert UtcTime().process_bind_param(None, dialect) is None
    assert UtcTime().result_processor(dialect, None)(None) is None


def test_times_sort_across_time_zones(database: Database) -> None:
    early, late = SEEN.astimezone(timezone(timedelta(hours=14))), SEEN + timedelta(minutes=1)
    with database.writing() as session:
        for key, seen in (("late", late), ("early", early)):
            row = award_row(CLEARVIEW, seen)
            row.key = key
            session.add(row)
    with database.reading() as session:
        assert list(session.scalars(select(col(RecordRow.key)).order_by(col(RecordRow.first_seen)))) == [
            "early",
            "late",
        ]
