"""Backup and restore: one state while others write, whole files only, nothing overwritten unasked."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from storage.database import DatabaseError, open_database, opening
from storage.maintenance import sqlite_file
from storage.maintenance.admin import backup, load_status, restore
from storage.writing.runs import save_checkpoint
from tests.records import BABEL, CLEARVIEW, SEEN, match
from tests.storage.database_helpers import TableDump, dump_tables, save, start_process

WRITE_UNTIL_TOLD = """
import sys, threading
from dataclasses import replace
from storage.database import open_database
from storage.writing.save import save_award
from tests.records import CLEARVIEW, SEEN, match
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
database, number = open_database(sys.argv[1]), 0
while not stop.is_set():
    number += 1
    award = replace(CLEARVIEW, key=f"CONT_AWD_{number}_7012_-NONE-_-NONE-", piid=str(number), actions=())
    with database.writing() as session:
        save_award(session, award, [match(award)], SEEN, lambda vendors: True)
    print(number, flush=True)
"""
BACKUP_ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from storage.database import DatabaseError
from storage.maintenance import sqlite_file
from storage.maintenance.admin import backup
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    backup(sys.argv[1], Path(sys.argv[2]), force=True)
except DatabaseError as error:
    print(error)
"""


def dump_of(url: str) -> TableDump:
    """Return every row of a database, without the note of its last backup."""
    with closing(open_database(url)) as database:
        dumped = dump_tables(database)
    dumped["checkpoint"] = [row for row in dumped["checkpoint"] if row["source"] != "database"]
    return dumped


def refused(act: Callable[[], object]) -> str:
    """Return the one line with which something is refused."""
    with pytest.raises(DatabaseError) as caught:
        act()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


def change(url: str) -> None:
    """Store another award."""
    with closing(open_database(url)) as database:
        save(database, replace(CLEARVIEW, key="CONT_AWD_NEW_7012_-NONE-_-NONE-", piid="NEW", actions=()), match(BABEL))


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_restored_backup_is_the_same_database(filled_url: str, tmp_path: Path) -> None:
    before = dump_of(filled_url)
    backup(filled_url, tmp_path / "backup", force=False)
    status = load_status(filled_url)
    assert (status.backup, status.is_current) == (str(tmp_path / "backup"), True)
    change(filled_url)
    changed = dump_of(filled_url)
    assert changed != before
    said = refused(lambda: restore(filled_url, tmp_path / "backup", force=False))
    assert "has content; --force replaces it and keeps the earlier" in said
    assert dump_of(filled_url) == changed
    earlier = restore(filled_url, tmp_path / "backup", force=True)
    assert dump_of(filled_url) == before
    with closing(open_database(filled_url)) as database, database.reading() as session:
        schema = "" if filled_url.startswith("sqlite") else "readers."
        assert session.scalar(text(f"SELECT count(*) FROM {schema}awards")) == 3
        if schema:
            kept = earlier.removeprefix("the schema ")
            assert session.scalar(text(f"SELECT count(*) FROM {kept}.record")) == len(changed["record"])
    if not schema:
        assert dump_of(f"sqlite:///{earlier}") == changed


def test_a_backup_goes_into_an_empty_database(filled_url: str, tmp_path: Path, sqlite_url: str) -> None:
    before = dump_of(filled_url)
    backup(filled_url, tmp_path / "backup", force=False)
    if filled_url.startswith("sqlite"):
        target = f"sqlite:///{tmp_path / 'elsewhere' / 'new.sqlite3'}"
        assert restore(target, tmp_path / "backup", force=False) == ""
        assert dump_of(target) == before
        target = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        open_database(target).close()
        restore(target, tmp_path / "backup", force=False)
        assert dump_of(target) == before


def test_a_copy_in_steps_does_not_begin_again_after_a_write(
    filled_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, before = f"sqlite:///{filled_file}", dump_of(f"sqlite:///{filled_file}")
    monkeypatch.setattr(sqlite_file, "PAGES_PER_STEP", 20)
    done = [0]
    with closing(open_database(url)) as other:

        def write(pages: int, _total: int) -> None:
            assert pages > done[-1]
            done.append(pages)
            with other.writing() as session:
                save_checkpoint(session, "test", str(pages), "written meanwhile", SEEN)

        backup(url, tmp_path / "backup", force=False, listen=write)
    assert len(done) > 3
    assert len(dump_of(url)["checkpoint"]) > len(before["checkpoint"])
    restore(url, tmp_path / "backup", force=True)
    assert dump_of(url) == before


def test_a_backup_is_one_state_while_another_process_writes(filled_url: str, tmp_path: Path) -> None:
    with start_process(WRITE_UNTIL_TOLD, filled_url) as writer:
        assert int(writer.stdout.readline()) == 1
        backup(filled_url, tmp_path / "backup", force=False)
        backup(filled_url, tmp_path / "backup", force=True)
        out, complaint = writer.communicate("stop\n")
    assert complaint == ""
    written = int(out.split()[-1])
    restore(filled_url, tmp_path / "backup", force=True)
    dumped = dump_of(filled_url)
    numbers = sorted(int(row["piid"]) for row in dumped["record"] if row["piid"].isdigit())
    assert numbers == list(range(1, len(numbers) + 1))
    assert 1 <= len(numbers) <= written
    assert len(dumped["search"]) == len(dumped["record"]) == len(dumped["source_record"])


def test_a_compressed_backup(filled_file: Path, tmp_path: Path) -> None:
    url, before = f"sqlite:///{filled_file}", dump_of(f"sqlite:///{filled_file}")
    backup(url, tmp_path / "backup.gz", force=False)
    assert (tmp_path / "backup.gz").stat().st_size < filled_file.stat().st_size / 2
    assert files(tmp_path) == {"backup.gz", filled_file.name}
    restore(url, tmp_path / "backup.gz", force=True)
    assert dump_of(url) == before
    cut = tmp_path / "cut.gz"
    cut.write_bytes((tmp_path / "backup.gz").read_bytes()[:-2000])
    assert f"{cut} is damaged or incomplete" in refused(lambda: restore(url, cut, force=True))
    assert dump_of(url) == before


def test_an_existing_file_is_not_overwritten(filled_url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("precious")
    assert f"{file} exists; --force overwrites it" in refused(lambda: backup(filled_url, file, force=False))
    assert file.read_text() == "precious"
    backup(filled_url, file, force=True)
    assert file.read_bytes()[:5] in (b"SQLit", b"PGDMP")


def test_a_backup_that_cannot_be_written_leaves_no_file(filled_url: str, tmp_path: Path) -> None:
    before = files(tmp_path)
    nowhere = tmp_path / "none" / "backup"
    assert "the folder" in refused(lambda: backup(filled_url, nowhere, force=False))
    with start_process(BACKUP_ON_A_SMALL_DISK, filled_url, str(tmp_path / "backup")) as process:
        said, complaint = process.communicate()
    assert complaint == ""
    if filled_url.startswith("sqlite"):
        assert f"{tmp_path / 'backup'} was not written: " in said
        assert files(tmp_path) - before <= {f"{make_url(filled_url).database}{end}" for end in ("-wal", "-shm")}


def test_what_a_killed_backup_has_left_is_removed(filled_file: Path, tmp_path: Path) -> None:
    for suffix in ("", ".plain", ".plain-journal"):
        (tmp_path / f".backup.gz.99999999999.part{suffix}").touch()
    backup(f"sqlite:///{filled_file}", tmp_path / "backup.gz", force=False)
    assert files(tmp_path) == {"backup.gz", filled_file.name}


def test_the_database_itself_is_no_backup(filled_file: Path) -> None:
    url = f"sqlite:///{filled_file}"
    assert "the database itself" in refused(lambda: backup(url, filled_file, force=True))
    assert "the database itself" in refused(lambda: restore(url, filled_file, force=True))


def test_a_database_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.sqlite3'}"
    for act in (lambda: backup(url, tmp_path / "backup", force=False), lambda: load_status(url)):
        assert "there is no database at" in refused(act)
    assert files(tmp_path) == set()


def test_a_damaged_database_is_not_backed_up(filled_file: Path, tmp_path: Path) -> None:
    """A backup of it would replace a good one."""
    content = bytearray(filled_file.read_bytes())
    with closing(sqlite3.connect(filled_file)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_match_band'").fetchone()
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    filled_file.write_bytes(content)
    said = refused(lambda: backup(f"sqlite:///{filled_file}", tmp_path / "backup", force=False))
    assert "the database is damaged: " in said
    assert "procurewatch db check" in said
    assert files(tmp_path) == {filled_file.name}


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def random_bytes(file: Path) -> None:
    file.write_bytes(b"Dear diary, this is not a database. " * 100)


def foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE diary (day TEXT)")


def packed(file: Path) -> None:
    file.write_bytes(gzip.compress(b"anything"))


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (truncated, "is damaged: database disk image is malformed; use another backup"),
        (random_bytes, "is not a backup of Procurewatch: it is not a SQLite database"),
        (foreign, "is not a backup of Procurewatch: it lacks the version of its schema"),
        (newer, "is of another version of Procurewatch (schema 9999)"),
        (lambda file: file.write_bytes(b"PGDMP" + bytes(100)), "is a backup of a PostgreSQL database"),
        (lambda file: file.unlink(), "is not a file"),
    ],
)
def test_a_wrong_file_is_not_restored(
    harm: Callable[[Path], object], expected: str, filled_file: Path, tmp_path: Path
) -> None:
    url, before = f"sqlite:///{filled_file}", dump_of(f"sqlite:///{filled_file}")
    file = tmp_path / "backup"
    backup(url, file, force=False)
    harm(file)
    assert f"{file} {expected}" in refused(lambda: restore(url, file, force=True))
    assert dump_of(url) == before
    assert files(tmp_path) <= {filled_file.name, file.name}


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (truncated, "pg_restore failed: "),
        (random_bytes, "is not a backup of Procurewatch"),
        (lambda file: file.write_bytes(b"SQLite format 3\0"), "is a backup of a SQLite database; set"),
        (packed, "is a backup of a SQLite database; set"),
    ],
)
def test_a_wrong_file_is_not_restored_on_postgresql(
    harm: Callable[[Path], object], expected: str, postgresql_filled_url: str, tmp_path: Path
) -> None:
    url, before = postgresql_filled_url, dump_of(postgresql_filled_url)
    file = tmp_path / "backup"
    backup(url, file, force=False)
    harm(file)
    assert expected in refused(lambda: restore(url, file, force=True))
    assert dump_of(url) == before


def test_a_backup_with_a_newer_schema_is_not_restored_on_postgresql(postgresql_filled_url: str, tmp_path: Path) -> None:
    url, before = postgresql_filled_url, dump_of(postgresql_filled_url)
    for schema in ("9999", "first"):
        with opening(url) as database, closing(database), database.engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{schema}'"))
        backup(url, tmp_path / schema, force=False)
    assert "(schema 9999)" in refused(lambda: restore(url, tmp_path / "9999", force=True))
    assert dump_of(url) == before


def test_a_restore_that_fails_half_way_puts_the_tables_back(postgresql_filled_url: str, tmp_path: Path) -> None:
    """A backup whose data the tables refuse: a row refers to a record that is missing."""
    url = postgresql_filled_url
    with closing(open_database(url)) as database:
        with database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE action DISABLE TRIGGER ALL"))
            connection.execute(text("UPDATE action SET award_key = 'missing'"))
        backup(url, tmp_path / "backup", force=False)
        change(url)
    before = dump_of(url)
    assert "pg_restore failed: " in refused(lambda: restore(url, tmp_path / "backup", force=True))
    assert dump_of(url) == before
    with closing(open_database(url)) as database, database.reading() as session:
        schemas = session.scalars(text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before%'")).all()
        assert (schemas, session.scalar(text("SELECT count(*) FROM readers.awards"))) == ([], 4)


def test_without_the_programs_of_postgresql(
    postgresql_filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(lambda: backup(postgresql_filled_url, tmp_path / "backup", force=False))
    assert said.startswith("pg_dump is not installed; install the client programs of PostgreSQL")
    (tmp_path / "dump").write_bytes(b"PGDMP")
    said = refused(lambda: restore(postgresql_filled_url, tmp_path / "dump", force=True))
    assert said.startswith("pg_restore is not installed")


def test_the_password_is_not_on_the_command_line(
    postgresql_filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD" "$@" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    url = postgresql_filled_url.replace(":@", ":hunter2%2F%25@")
    said = refused(lambda: backup(url, tmp_path / "backup", force=False))
    assert said.startswith("pg_dump failed: hunter2/% --dbname=")
    assert said.count("hunter2") == 1


def test_a_database_in_use_is_not_replaced(filled_file: Path, tmp_path: Path) -> None:
    url, before = f"sqlite:///{filled_file}", dump_of(f"sqlite:///{filled_file}")
    backup(url, tmp_path / "backup", force=False)
    with closing(open_database(url)) as other:
        dump_tables(other)  # its connection stays open in the pool
        assert f"{filled_file} is in use; stop" in refused(lambda: restore(url, tmp_path / "backup", force=True))
        assert dump_tables(other)["record"] == before["record"]
    restore(url, tmp_path / "backup", force=True)
    assert dump_of(url) == before


@pytest.mark.parametrize("harm", [truncated, random_bytes])
def test_a_damaged_database_is_replaced_and_kept(
    harm: Callable[[Path], object], filled_file: Path, tmp_path: Path
) -> None:
    url, before = f"sqlite:///{filled_file}", dump_of(f"sqlite:///{filled_file}")
    backup(url, tmp_path / "backup", force=False)
    harm(filled_file)
    damaged = filled_file.read_bytes()
    assert "has content" in refused(lambda: restore(url, tmp_path / "backup", force=False))
    earlier = restore(url, tmp_path / "backup", force=True)
    assert (Path(earlier).read_bytes(), dump_of(url)) == (damaged, before)


def test_a_copied_file_is_a_backup(filled_file: Path, tmp_path: Path) -> None:
    url, before = f"sqlite:///{filled_file}", dump_of(f"sqlite:///{filled_file}")
    shutil.copy(filled_file, tmp_path / "copy.sqlite3")
    change(url)
    restore(url, tmp_path / "copy.sqlite3", force=True)
    assert dump_of(url) == before


def test_a_path_with_special_characters(tmp_path: Path) -> None:
    folder = tmp_path / "50% of #1?x=y z"
    folder.mkdir()
    file = folder / "news ?%41.sqlite3"
    url = make_url("sqlite://").set(database=str(file)).render_as_string(hide_password=False)
    with closing(open_database(url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
    before = dump_of(url)
    backup(url, folder / "a?b#c%", force=False)
    restore(url, folder / "a?b#c%", force=True)
    assert dump_of(url) == before
    assert file.is_file()
