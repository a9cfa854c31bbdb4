"""Compression of evidence with a trained dictionary, and removal of what nobody needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlmodel import col

from procurewatch.exports.sqlite_file import write_sqlite
from procurewatch.query_coverage import About
from sources.records import Document, Problem
from storage.database import Database, open_database
from storage.maintenance.admin import backup, load_status, restore
from storage.maintenance.check import check_database
from storage.maintenance.evidence import compress_again, remove_unneeded, train_dictionary
from storage.maintenance.vacuum import vacuum
from storage.reading.records import evidence_of, load_payload, records_by_key
from storage.schema.tables import DictionaryRow, EventRow, EvidenceRow, LinkRow, MatchRow, PayloadRow
from storage.writing.save import save_evidence, save_problem
from tests.records import BABEL, CLEARVIEW, COURT_REPORTER, EQUIPMENT, LATER, SEEN, document, match
from tests.storage.database_helpers import save

NOBODY = COURT_REPORTER


def similar(number: int) -> Document:
    """Return one of many responses with the same fields."""
    award = {f"field_{name}_of_the_award": f"code {name}, as in all awards" for name in range(40)}
    return document(f"{number}", {"number": number, "dollars": number * 7919, **award})


def store(database: Database, numbers: Iterable[int], key: str = CLEARVIEW.key) -> None:
    with database.writing() as session:
        save_evidence(session, "usaspending", key, [similar(number) for number in numbers])


def rows(database: Database) -> list[PayloadRow]:
    with database.reading() as session:
        return list(session.scalars(select(PayloadRow)))


def dictionaries(database: Database) -> dict[int | None, int]:
    with database.reading() as session:
        return {row.id: row.payloads for row in session.scalars(select(DictionaryRow))}


def unread(database: Database, numbers: Iterable[int]) -> list[int]:
    """Return the numbers of the responses that do not come back byte for byte."""
    with database.reading() as session:
        return [each for each in numbers if load_payload(session, similar(each).sha256) != similar(each).body]


def test_a_dictionary_makes_evidence_smaller(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    store(database, range(100))
    assert not train_dictionary(database), "of too few"
    store(database, range(100, 300))
    before = sum(len(row.body) for row in rows(database))
    assert train_dictionary(database)
    store(database, range(300, 310))
    assert {row.dictionary_id for row in rows(database)} == {None, 1}
    assert unread(database, range(310)) == []
    compress_again(database)
    assert {row.dictionary_id for row in rows(database)} == {1}
    assert sum(len(row.body) for row in rows(database)) < before / 3
    assert unread(database, range(310)) == []
    assert not train_dictionary(database), "once is enough"


def test_a_newer_dictionary_replaces_an_older_one(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    store(database, range(300))
    assert train_dictionary(database)
    compress_again(database)
    with database.writing() as session:
        session.execute(update(DictionaryRow).values(payloads=30))
    store(database, range(300, 400))
    assert train_dictionary(database)
    store(database, range(400, 410))
    assert sorted({row.dictionary_id or 0 for row in rows(database)}) == [1, 2]
    assert unread(database, range(410)) == []
    compress_again(database)
    assert list(dictionaries(database)) == [2]
    assert unread(database, range(410)) == []


def test_exports_backups_and_checks_read_compressed_evidence(filled_url: str, tmp_path: Path) -> None:
    with closing(open_database(filled_url)) as database:
        store(database, range(300))
    vacuum(filled_url)
    assert list(check_database(filled_url)) == []
    with closing(open_database(filled_url)) as database, database.reading() as session:
        records = records_by_key(session, [CLEARVIEW.key])
        write_sqlite(session, records, tmp_path / "export.sqlite3", about=About(), with_bodies=True)
    with closing(sqlite3.connect(tmp_path / "export.sqlite3")) as exported:
        bodies = {body for (body,) in exported.execute("SELECT body FROM payload")}
    assert {similar(number).body for number in range(300)} <= bodies
    backup(filled_url, tmp_path / "backup", force=False)
    restore(filled_url, tmp_path / "backup", force=True)
    with closing(open_database(filled_url)) as database:
        assert unread(database, range(300)) == []
        assert list(dictionaries(database)) == [1]


def test_a_lost_dictionary_is_found(filled_file: Path) -> None:
    url = f"sqlite:///{filled_file}"
    with closing(open_database(url)) as database:
        store(database, range(300))
    vacuum(url)
    with closing(open_database(url)) as database, database.writing() as session:
        session.execute(update(DictionaryRow).values(body=b"damaged" * 100))
    said = [finding.what for finding in check_database(url)]
    assert said
    assert all(each.startswith("evidence ") for each in said)


def test_damaged_evidence_is_left_as_it_is(filled_file: Path) -> None:
    """It is compressed again only if its bytes have its hash."""
    url = f"sqlite:///{filled_file}"
    with closing(open_database(url)) as database:
        store(database, range(300))
        with database.writing() as session:
            one, other = (session.get_one(PayloadRow, similar(number).sha256) for number in (1, 2))
            one.body, one.size = other.body, other.size
            session.get_one(PayloadRow, similar(3).sha256).body = b"damaged"
    vacuum(url)
    said = [finding.what for finding in check_database(url)]
    assert len(said) == 2
    for number in (1, 3):
        assert any(similar(number).sha256 in each for each in said)


@pytest.fixture
def kept(database: Database) -> dict[str, str]:
    """Store payloads that each have a reason to stay; return their hashes, by the reason."""
    child = replace(EQUIPMENT, key="CONT_AWD_CHILD_7012_PARENT_7012", parent_key="CONT_IDV_PARENT_7012", actions=())
    parent = replace(EQUIPMENT, key="CONT_IDV_PARENT_7012", piid="PARENT", actions=())
    linked = replace(EQUIPMENT, key="CONT_AWD_LINKED_7012_-NONE-_-NONE-", piid="LINKED", actions=())
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, BABEL, match(BABEL, "babel-street", "rejected"))
    save(database, child, match(child))
    happened = replace(EQUIPMENT, key="CONT_AWD_EVENT_7012_-NONE-_-NONE-", piid="EVENT", actions=())
    save(database, happened, match(happened))
    for award in (parent, linked, NOBODY):
        save(database, award)
    reasons = {
        "a match": CLEARVIEW.key,
        "a rejected match": BABEL.key,
        "an event": happened.key,
        "an order with a match": parent.key,
        "a link": linked.key,
        "quarantine": "BROKEN",
    }
    with database.writing() as session:
        session.add(
            LinkRow(record_key=CLEARVIEW.key, award_key=linked.key, confidence=1, reason="named", first_seen=SEEN)
        )
        session.execute(delete(MatchRow).where(col(MatchRow.record_key) == happened.key))
        session.execute(delete(EventRow).where(col(EventRow.record_key) == BABEL.key))
        problem = Problem(source="usaspending", key="BROKEN", reason="no amount", documents=())
        save_problem(session, problem, SEEN)
        for reason, key in reasons.items():
            save_evidence(session, "usaspending", key, [document(key, {"reason": reason})])
        shared = document("shared", {"shared": True})
        for key in (NOBODY.key, CLEARVIEW.key):
            save_evidence(session, "usaspending", key, [shared])
        session.execute(update(EvidenceRow).values(retrieved_at=SEEN))
    hashes = {reason: document(key, {"reason": reason}).sha256 for reason, key in reasons.items()}
    return {**hashes, "shared with a match": shared.sha256}


def test_what_is_needed_is_never_removed(database: Database, kept: dict[str, str]) -> None:
    lonely = document("nobody", {"nobody": True})
    with database.writing() as session:
        save_evidence(session, "usaspending", NOBODY.key, [replace(lonely, retrieved_at=SEEN)])
    before = {row.sha256 for row in rows(database)}
    assert remove_unneeded(database, None) == 0, "everything of a stored record stays by default"
    assert remove_unneeded(database, SEEN) == 0, "it is not older"
    assert remove_unneeded(database, SEEN + timedelta(seconds=1)) > 0
    with database.reading() as session:
        for reason, sha256 in kept.items():
            assert load_payload(session, sha256), reason
        assert load_payload(session, lonely.sha256) is None
        [evidence] = [each for each in evidence_of(session, NOBODY.key) if each.sha256 == lonely.sha256]
        assert (evidence.url, evidence.retrieved_at, evidence.size) == (lonely.url, SEEN, len(lonely.body))
    assert {row.sha256 for row in rows(database)} == before
    assert remove_unneeded(database, SEEN + timedelta(seconds=1)) == 0
    with database.writing() as session:
        save_evidence(session, "usaspending", NOBODY.key, [replace(lonely, retrieved_at=LATER)])
    with database.reading() as session:
        assert load_payload(session, lonely.sha256) == lonely.body, "received again, it is stored again"


def test_payloads_of_no_record_are_removed(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    store(database, range(3))
    with database.writing() as session:
        session.execute(update(EvidenceRow).where(col(EvidenceRow.sha256) == similar(1).sha256).values(url="x"))
        row = session.scalars(select(EvidenceRow).where(col(EvidenceRow.sha256) == similar(2).sha256)).one()
        session.delete(row)
    assert remove_unneeded(database, None) == 1
    assert unread(database, range(3)) == [2]


def test_a_check_accepts_removed_evidence(filled_url: str) -> None:
    done = vacuum(filled_url, LATER + timedelta(days=9))
    assert done.removed > 0
    assert list(check_database(filled_url)) == []
    assert load_status(filled_url).evidence_size > 0
