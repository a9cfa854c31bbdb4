"""Checks of a whole database: damage, orphans, evidence that is not what was received, an outdated search index."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from storage.database import Database, DatabaseError, current_revision, known_revisions, opening
from storage.errors import is_damage
from storage.maintenance.admin import existing_path
from storage.schema.payloads import PayloadError, payload_bytes
from storage.schema.tables import EvidenceRow, PayloadRow, QuarantineRow, RecordRow, RenumberedRow
from storage.search.full_text import INDEX
from storage.search.index import BATCH_SIZE, are_totals_current, outdated_rows

MAX_FINDINGS = 20  # of one check
MAX_NAMED = 3  # rows that a finding names
RESTORE = "restore the last backup: procurewatch db restore FILE --force"
REBUILD = f"{RESTORE}; without a backup, procurewatch db vacuum builds the indexes again from the tables"
VACUUM = "run procurewatch db vacuum, which builds it again"
UPDATE = "run procurewatch sources, which brings the schema up to date"
OTHER_VERSION = f"open it with the version that made it, or {RESTORE}"
ONLY_INDEX = re.compile(r"missing from index|wrong # of entries in index|non-unique entry in index")
BTREE_INDEXES = """
SELECT i.indexrelid::regclass::text FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace
"""
UNREADABLE = (DBAPIError, ValueError, TypeError, ArithmeticError)  # the last three: a value that is none of its type
NOT_PERMITTED = "42501"
INTEGRITY_CHECK = f"INSERT INTO {INDEX}({INDEX}, rank) VALUES ('integrity-check', 1)"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a database, and what to do about it."""

    what: str
    action: str


Check = Callable[[Session], Iterator[Finding]]


def check_database(url: str, begin: Callable[[str], None] = lambda _what: None) -> Iterator[Finding]:
    """Yield what is wrong with a database. Reads all of it.

    Args:
        url: of a database that exists.
        begin: called with the name of each check before it.

    Raises:
        DatabaseError: the database cannot be read at all.
    """
    existing_path(url)
    begin("schema")
    try:
        found = list(_schema(url))
    except DatabaseError as error:
        if not is_damage(error.__cause__):
            raise
        found = [Finding(f"it is damaged, or not a database: {_one_line(error.__cause__)}", RESTORE)]
    yield from found
    if found:
        return
    checks: dict[str, Check] = {"pages": _pages, "rows": _rows, "references": _references}
    checks |= {"evidence": _evidence, "search index": _search_index}
    with opening(url) as database, closing(database):
        for name, check in checks.items():
            begin(name)
            yield from islice(_guarded(database, name, check), MAX_FINDINGS)


def _guarded(database: Database, name: str, check: Check) -> Iterator[Finding]:
    """Yield the findings of a check; an error that ends it is one."""
    try:
        with database.reading() as session:
            yield from check(session)
    except UNREADABLE as error:
        yield Finding(f"the {name} could not be checked: {_one_line(error)}", RESTORE)


def _schema(url: str) -> Iterator[Finding]:
    with opening(url) as database, closing(database):
        revision, known = current_revision(database), known_revisions()
        tables = inspect(database.engine)
        missing = sorted(set(SQLModel.metadata.tables) - set(tables.get_table_names()))
        lacking = [
            f"{table.name}.{name}"
            for table in SQLModel.metadata.sorted_tables
            if table.name not in missing
            for name in sorted({*table.columns.keys()} - {each["name"] for each in tables.get_columns(table.name)})
        ]
    if revision is not None and revision not in known:
        yield Finding(f"another version of Procurewatch made it (schema {revision})", OTHER_VERSION)
    elif revision != known[0]:
        yield Finding(f"its schema is of an earlier version ({revision or 'no tables'})", UPDATE)
    elif missing:
        yield Finding(f"these tables are missing: {', '.join(missing)}", RESTORE)
    elif lacking:
        yield Finding(
            f"another version of Procurewatch made it: it has no {', '.join(lacking[:MAX_NAMED])}", OTHER_VERSION
        )


def _pages(session: Session) -> Iterator[Finding]:
    """Check the structure of tables and indexes. On PostgreSQL that takes the extension amcheck."""
    yield from _sqlite_pages(session) if session.get_bind().dialect.name == "sqlite" else _indexes(session)


def _sqlite_pages(session: Session) -> Iterator[Finding]:
    for said in session.scalars(text(f"PRAGMA integrity_check({MAX_FINDINGS})")):
        for line in str(said).splitlines():
            if line != "ok" and not line.startswith("***"):
                yield Finding(line, REBUILD if ONLY_INDEX.search(line) else RESTORE)


def _indexes(session: Session) -> Iterator[Finding]:
    if not session.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'")):
        return
    for index in session.scalars(text(BTREE_INDEXES)).all():
        try:
            with session.begin_nested():
                session.execute(text("SELECT bt_index_check(CAST(:name AS regclass), true)"), {"name": index})
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") == NOT_PERMITTED:
                return
            yield Finding(f"index {index}: {_one_line(error)}", REBUILD)


def _rows(session: Session) -> Iterator[Finding]:
    """Read every value of every table except the bytes of evidence."""
    for table in SQLModel.metadata.sorted_tables:
        columns = [column for column in table.columns if column is not table.c.get("body")]
        try:
            with session.begin_nested():
                for _row in session.execute(select(*columns).execution_options(yield_per=1000)):
                    pass
        except UNREADABLE as error:
            yield Finding(f"table {table.name} has a row that cannot be read: {_one_line(error)}", RESTORE)


def _references(session: Session) -> Iterator[Finding]:
    """Look for rows that refer to rows that do not exist."""
    for table in SQLModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            parent = key.column.table
            orphaned = ~exists().where(parent.alias().c[key.column.name] == key.parent)
            what = f"rows of {table.name} refer to rows of {parent.name} that are missing"
            yield from _orphans(session, key.parent, orphaned, Finding(what, RESTORE))
    known = (col(RecordRow.key), col(QuarantineRow.record_key), col(RenumberedRow.old_key))
    unknown = and_(*(~exists().where(key == col(EvidenceRow.record_key)) for key in known))
    what = "rows of evidence are of records that are missing"
    yield from _orphans(session, col(EvidenceRow.record_key), unknown, Finding(what, RESTORE))
    unused = ~exists().where(col(EvidenceRow.sha256) == col(PayloadRow.sha256))
    what = "rows of payload are of no record"
    yield from _orphans(session, col(PayloadRow.sha256), unused, Finding(what, "procurewatch db vacuum removes them"))


def _orphans(session: Session, column: Any, orphaned: ColumnElement[bool], finding: Finding) -> Iterator[Finding]:
    count = session.scalar(select(func.count(column)).where(orphaned)) or 0
    if count:
        named = session.scalars(select(column).where(orphaned).limit(MAX_NAMED + 1)).all()
        yield Finding(f"{finding.what}: {count:,} ({_list(named)})", finding.action)


def _evidence(session: Session) -> Iterator[Finding]:
    """Compare the bytes of all evidence with their hashes."""
    for row in session.scalars(select(PayloadRow).execution_options(yield_per=100)):
        try:
            body = payload_bytes(session, row)
        except PayloadError as error:
            reason = str(error)
        else:
            is_whole = body is None or hashlib.sha256(body).hexdigest() == row.sha256
            reason = "" if is_whole else "its bytes have another hash"
        if reason:
            keys = session.scalars(select(col(EvidenceRow.record_key)).where(col(EvidenceRow.sha256) == row.sha256))
            yield Finding(f"evidence {row.sha256} of {_list(keys.all())}: {reason}", RESTORE)
        session.expunge(row)


def _search_index(session: Session) -> Iterator[Finding]:
    """Compare the search index with the records."""
    if outdated := list(outdated_keys(session)):
        yield Finding(
            f"the search index lacks the present state of {len(outdated):,} records: {_list(outdated)}", VACUUM
        )
    if not are_totals_current(session):
        yield Finding("the totals of spending do not fit the records", VACUUM)
    if session.get_bind().dialect.name == "sqlite":
        try:
            session.execute(text(INTEGRITY_CHECK))
        except DBAPIError as error:
            yield Finding(f"the full-text index does not fit the records: {_one_line(error)}", VACUUM)


def outdated_keys(session: Session) -> Iterator[str]:
    """Yield the keys of all records whose rows in the search index are missing or outdated."""
    last = ""
    query = select(col(RecordRow.key)).order_by(col(RecordRow.key)).limit(BATCH_SIZE)
    while keys := session.scalars(query.where(col(RecordRow.key) > last)).all():
        if keys[-1] <= last:
            return  # a damaged index gives them in no order
        yield from outdated_rows(session, keys)
        last = keys[-1]


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(map(str, names[:MAX_NAMED]))
    return f"{shown} ..." if len(names) > MAX_NAMED else shown


def _one_line(error: BaseException | None) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(cause).split()) or type(cause).__name__
