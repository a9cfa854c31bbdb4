"""Build indexes and search index again, and give unused space back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import SQLModel

from storage.database import Database, open_database
from storage.maintenance.admin import database_size, existing_path
from storage.maintenance.check import outdated_keys
from storage.maintenance.evidence import compress_again, remove_unneeded, train_dictionary
from storage.search.full_text import INDEX
from storage.search.index import index_records, rebuild_totals

REBUILD = f"INSERT INTO {INDEX}({INDEX}) VALUES ('rebuild')"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacuumed:
    """What `vacuum` did: records indexed again, payloads removed, and bytes on disk before and after."""

    indexed: int
    removed: int
    before: int
    after: int


def vacuum(url: str, unmatched_before: datetime | None = None) -> Vacuumed:
    """Build all indexes and totals again, index records whose search rows are outdated, and give unused space back.

    Payloads that nothing needs are removed (`remove_unneeded`), and the others compressed with a trained dictionary.

    Raises:
        DatabaseError: the database cannot be opened.
        sqlalchemy.exc.DBAPIError: it is damaged, in use, or its disk is full.
    """
    existing_path(url)
    with closing(open_database(url)) as database:
        before = database_size(database)
        is_sqlite = database.engine.dialect.name == "sqlite"
        tables = [f'"{name}"' for name in SQLModel.metadata.tables]
        _execute(
            database, ["REINDEX", REBUILD] if is_sqlite else [f"REINDEX TABLE CONCURRENTLY {name}" for name in tables]
        )
        with database.writing() as session:
            outdated = list(outdated_keys(session))
            index_records(session, outdated)
            rebuild_totals(session)
        removed = remove_unneeded(database, unmatched_before)
        train_dictionary(database)
        compress_again(database)
        last = ["VACUUM", "PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"]
        _execute(database, last if is_sqlite else [f"VACUUM (ANALYZE) {name}" for name in tables])
        return Vacuumed(indexed=len(outdated), removed=removed, before=before, after=database_size(database))


def _execute(database: Database, statements: Sequence[str]) -> None:
    """Run statements that no transaction may surround."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
