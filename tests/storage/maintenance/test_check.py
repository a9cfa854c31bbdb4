"""A check finds damage of every kind and says what to do; a vacuum builds what can be built again."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from storage.database import DatabaseError, open_database, opening
from storage.maintenance.check import Finding, check_database
from storage.maintenance.vacuum import vacuum
from storage.schema.tables import PayloadRow
from storage.writing.save import save_evidence
from tests import postgres
from tests.records import CLEARVIEW, document
from tests.storage.database_helpers import dump_tables

PAGE_SIZE = 4096


def findings(url: str) -> list[Finding]:
    found = list(check_database(url))
    assert all(finding.what and finding.action and "\n" not in finding.what for finding in found)
    return found


def run(url: str, *statements: str) -> None:
    """Run SQL that the program would never run."""
    with opening(url) as database, closing(database), database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        for statement in statements:
            connection.execute(text(statement))


def test_a_sound_database_has_no_findings(filled_url: str) -> None:
    begun: list[str] = []
    assert list(check_database(filled_url, begun.append)) == []
    assert begun == ["schema", "pages", "rows", "references", "evidence", "search index"]


def test_a_file_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="there is no database at"):
        list(check_database(f"sqlite:///{tmp_path / 'none.sqlite3'}"))
    assert list(tmp_path.iterdir()) == []


ORPHAN = (
    "INSERT INTO evidence (record_key, sha256, url, source, request, retrieved_at) "
    "SELECT 'nobody', sha256, url, source, request, retrieved_at FROM evidence LIMIT 1"
)
NOWHERE = "INSERT INTO payload (sha256, size, content_type, body) SELECT 'abc', size, content_type, body FROM payload"


@pytest.mark.parametrize(
    ("statements", "expected", "action"),
    [
        (["UPDATE alembic_version SET version_num = '9999'"], "another version of Procurewatch", "open it with"),
        (["DELETE FROM alembic_version"], "its schema is of an earlier version (no tables)", "procurewatch sources"),
        (
            ["ALTER TABLE quota DROP COLUMN used"],
            "another version of Procurewatch made it: it has no quota.used",
            "open it",
        ),
        (["DROP TABLE quota"], "these tables are missing: quota", "procurewatch db restore"),
        ([ORPHAN], "rows of evidence are of records that are missing: 1 (nobody)", "procurewatch db restore"),
        ([f"{NOWHERE} LIMIT 1"], "rows of payload are of no record: 1 (abc)", "procurewatch db vacuum"),
        (["UPDATE payload SET body = substr(body, 5)"], "cannot be decompressed", "procurewatch db restore"),
        (["UPDATE payload SET size = size + 1"], "its bytes have another size", "procurewatch db restore"),
        (["DELETE FROM search"], "the search index lacks the present state of 5 records", "procurewatch db vacuum"),
        (["UPDATE search SET words = 'other'"], "the search index lacks", "procurewatch db vacuum"),
        (["UPDATE record SET recipient_name = 'OTHER'"], "the search index lacks", "procurewatch db vacuum"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_the_check_finds(filled_url: str, statements: list[str], expected: str, action: str) -> None:
    run(filled_url, *statements)
    assert any(expected in found.what and action in found.action for found in findings(filled_url))


def test_evidence_with_another_hash(filled_url: str) -> None:
    with closing(open_database(filled_url)) as database, database.writing() as session:
        save_evidence(session, "usaspending", CLEARVIEW.key, [document("other", {"other": 1})])
        one, other = session.query(PayloadRow).limit(2)
        one.body, one.size = other.body, other.size
    [finding] = findings(filled_url)
    assert finding.what == f"evidence {one.sha256} of {CLEARVIEW.key}: its bytes have another hash"


def test_rows_that_refer_to_missing_rows(filled_file: Path) -> None:
    url = f"sqlite:///{filled_file}"
    run(url, f"DELETE FROM record WHERE key = '{CLEARVIEW.key}'")
    said = [finding.what for finding in findings(url)]
    for table in ("action", "match", "event", "search", "source_record"):
        assert any(each.startswith(f"rows of {table} refer to rows of record that are missing") for each in said)


def test_a_full_text_index_that_disagrees(filled_file: Path) -> None:
    url = f"sqlite:///{filled_file}"
    run(url, "INSERT INTO search_index(search_index) VALUES ('delete-all')")
    [finding] = findings(url)
    assert finding.what.startswith("the full-text index does not fit the records")
    vacuum(url)
    assert findings(url) == []


@pytest.mark.parametrize("statement", ["DELETE FROM search", "UPDATE record SET recipient_name = 'OTHER'"])
def test_a_vacuum_updates_the_search_index(filled_url: str, statement: str) -> None:
    run(filled_url, statement)
    assert vacuum(filled_url).indexed == 5
    assert findings(filled_url) == []
    assert vacuum(filled_url).indexed == 0


def test_a_vacuum_gives_space_back(filled_file: Path) -> None:
    url = f"sqlite:///{filled_file}"
    with closing(open_database(url)) as database:
        before = dump_tables(database)
    fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
    run(
        url,
        f"{fill} INSERT INTO payload SELECT 'x' || i, 1, '', randomblob(1000), NULL FROM n",
        "DELETE FROM payload WHERE sha256 LIKE 'x%'",
    )
    done = vacuum(url)
    assert done.after < done.before - 1_000_000
    with closing(open_database(url)) as database:
        assert dump_tables(database) == before


def pages_of(file: Path, name: str) -> list[int]:
    """Return the numbers of the pages of a table or index."""
    with closing(sqlite3.connect(file)) as connection:
        return [page for (page,) in connection.execute("SELECT pageno FROM dbstat WHERE name = ?", (name,))]


def overwrite(file: Path, page: int, content: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek((page - 1) * PAGE_SIZE)
        opened.write(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record", b"\xff" * PAGE_SIZE),
        ("payload", bytes(PAGE_SIZE)),
        ("sqlite_autoindex_evidence_1", b"\xff" * PAGE_SIZE),
        ("ix_match_vendor", bytes(PAGE_SIZE)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_damaged_pages(filled_file: Path, name: str, content: bytes) -> None:
    overwrite(filled_file, pages_of(filled_file, name)[-1], content)
    found = findings(f"sqlite:///{filled_file}")
    assert found
    assert all("procurewatch db" in finding.action for finding in found)


def test_random_damage_never_ends_in_another_error(filled_file: Path) -> None:
    """Single bits in all pages: whatever they change, the check goes on, and at least finds most of it."""
    sound, chance = filled_file.read_bytes(), random.Random(15)
    noticed = 0
    for number in range(15):
        content = bytearray(sound)
        for _ in range(40):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file = filled_file.with_name(f"{number}.sqlite3")
        file.write_bytes(content)
        noticed += bool(findings(f"sqlite:///{file}"))
    assert noticed > 12


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"\xff" * 100 + content[100:],
        lambda content: b"Dear diary, this is not a database. " * len(content),
    ],
    ids=["truncated", "header", "text"],
)
def test_a_file_that_cannot_be_opened(filled_file: Path, harm: Callable[[bytes], bytes]) -> None:
    filled_file.write_bytes(harm(filled_file.read_bytes()))
    [finding] = findings(f"sqlite:///{filled_file}")
    assert finding.what.startswith("it is damaged, or not a database: ")
    assert "procurewatch db restore" in finding.action


def test_a_damaged_file_of_postgresql(postgresql_server: str, postgresql_filled_url: str) -> None:
    """The server has not read a page of the copy yet, so it is not in its memory."""
    with closing(open_database(postgresql_filled_url)) as database, database.engine.connect() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
    if not folder.is_dir():
        pytest.skip("the server is on another machine")
    copy = make_url(postgresql_filled_url).set(database="damaged_copy")
    source = make_url(postgresql_filled_url).database
    run(postgresql_server, f"CREATE DATABASE damaged_copy TEMPLATE {source} STRATEGY file_copy")
    try:
        url = copy.render_as_string(hide_password=False)
        with opening(url) as database, closing(database), database.engine.connect() as connection:
            paths = [connection.scalar(text(f"SELECT pg_relation_filepath('{name}')")) for name in ("record", "action")]
        for path in paths:
            with (folder / str(path)).open("r+b") as opened:
                opened.write(b"\xff" * 100)
        said = [finding.what for finding in findings(url)]
        assert any("table record has a row that cannot be read: invalid page in block 0" in each for each in said)
        assert any(each.startswith("table action has a row that cannot be read") for each in said)
        assert not any(each.startswith("table match") for each in said)
    finally:
        run(postgresql_server, "DROP DATABASE damaged_copy WITH (FORCE)")


def test_a_damaged_index_of_postgresql(postgresql_filled_url: str) -> None:
    """The table says other than its index: only amcheck notices, where the server has it."""
    url = postgresql_filled_url
    has_amcheck = postgres.has_extension(url, "amcheck")
    run(
        url,
        *(["CREATE EXTENSION amcheck"] if has_amcheck else []),
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'ix_action_award_key'::regclass",
        "UPDATE action SET award_key = (SELECT max(key) FROM record)",
        "UPDATE pg_index SET indisready = true WHERE indexrelid = 'ix_action_award_key'::regclass",
    )
    damaged = [found.what.partition(":")[0] for found in findings(url) if "index ix_" in found.what]
    assert damaged == (["index ix_action_award_key"] if has_amcheck else [])
    vacuum(url)
    assert findings(url) == []
