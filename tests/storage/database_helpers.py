"""What the tests of storage share: saving, and looking at everything that is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import SQLModel

import storage.schema.tables  # noqa: F401  the tables register themselves
from sources.records import Award, Publication
from storage.database import Database
from storage.models import StoredEvent
from storage.reading.events import events_of
from storage.schema.tables import EventRow, MatchRow
from storage.writing.events import PublishRule
from storage.writing.save import Saved, save_award
from tests.processes import Process
from tests.records import SEEN

TableDump = dict[str, list[dict[str, Any]]]


def publish_all(_vendors: Sequence[str]) -> bool:
    return True


def publish_none(_vendors: Sequence[str]) -> bool:
    return False


def save(
    database: Database,
    award: Award,
    *matches: MatchRow,
    now: datetime = SEEN,
    should_publish: PublishRule = publish_all,
    since: date | None = None,
) -> Saved:
    """Save an award in a transaction of its own."""
    with database.writing() as session:
        return save_award(session, award, matches, now, should_publish, since=since)


def load_events(database: Database, award: Award | Publication) -> list[StoredEvent]:
    """Return all events of a record, published or not, newest first."""
    with database.reading() as session:
        return events_of(session, award.key)


def published_ids(database: Database) -> set[str]:
    """Return the ids of the events that feeds carry."""
    with database.reading() as session:
        return {row.id for row in session.scalars(select(EventRow)) if row.is_published}


def dump_tables(database: Database) -> TableDump:
    """Return every column of every row of every table."""
    tables = SQLModel.metadata.sorted_tables
    with database.reading() as session:
        rows = {each.name: [dict(row) for row in session.execute(select(each)).mappings()] for each in tables}
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def delete_all_rows(database: Database) -> None:
    """Delete every row of every table."""
    with database.writing() as session:
        for each in reversed(SQLModel.metadata.sorted_tables):
            session.execute(delete(each))


def start_process(program: str, *arguments: str) -> Process:
    """Start another process that runs this Python program."""
    return Process(program, ["program", *arguments])
