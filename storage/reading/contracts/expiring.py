"""Contracts and orders that end soon."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import PROCURED
from storage.models import StoredRecord
from storage.reading.records import records_by_key
from storage.reading.summaries import SummaryScope, keys_in_scope
from storage.schema.tables import RecordRow

SOON = timedelta(days=90)


def awards_ending(
    session: Session, subject: SummaryScope, since: date, until: date = date.max, limit: int | None = None
) -> list[StoredRecord]:
    """Return the contracts and orders in a scope whose period ends between two days, the earliest first.

    The end is the last day with the options exercised so far. One that has ended, or whose end is not stated, is in
    none.
    """
    query = select(col(RecordRow.key)).where(*_ends(subject, since, until))
    keys = session.scalars(query.order_by(col(RecordRow.ends), col(RecordRow.key)).limit(limit))
    return records_by_key(session, list(keys))


def count_ending(
    session: Session, subject: SummaryScope, since: date, until: date = date.max, limit: int | None = None
) -> int:
    """Return the number of contracts and orders in a scope whose period ends between two days, counted to `limit`."""
    found = select(col(RecordRow.key)).where(*_ends(subject, since, until)).limit(limit).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def _ends(subject: SummaryScope, since: date, until: date) -> tuple[ColumnElement[bool], ...]:
    # Few periods end in a few weeks: they are found by the index of ends, and each is checked. Its scope is correlated
    # and its category in lower case, so that the planner does not begin with the records of the scope or the category.
    scope = keys_in_scope(subject).subquery()
    return (
        col(RecordRow.ends).between(since, until),
        func.lower(col(RecordRow.category)).in_(PROCURED),
        exists().where(scope.c[0] == col(RecordRow.key)).correlate(RecordRow),
    )
