"""`procurewatch db` as its user runs it, and a damaged or newer database in every other command and on the site."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from httpx import get

from procurewatch.settings import load_settings
from storage.database import open_database
from tests.commands import run, start
from tests.records import CLEARVIEW, match
from tests.storage.database_helpers import save

NAME = "procurewatch.sqlite3"
EVERY_COMMAND = (
    ("poll",),
    ("sources",),
    ("search", "clearview"),
    ("show", "70CMSD24P00000119"),
    ("export",),
    ("rematch",),
    ("review", "list"),
    ("feeds", "build", "site"),
    ("serve", "--port", "0"),
    ("run",),
    ("db", "status"),
    ("db", "backup", "backup"),
    ("db", "vacuum"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder, with characters that addresses give a meaning, in which an award is stored."""
    folder = tmp_path / "50% of #1?x=y z"
    with closing(open_database(load_settings(data_dir=folder).database())) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
    return folder


def test_backup_and_restore(folder: Path) -> None:
    status = run(folder, "db", "status")
    assert (status.returncode, status.stderr) == (0, "")
    for line in (f"Database: SQLite, {folder / NAME}", "Schema: first (current)", "Last backup: none known"):
        assert line in status.stdout
    file = folder / "backup.gz"
    assert run(folder, "db", "backup", str(file)).stdout.endswith(f"written to {file}\n")
    assert f", {file}" in run(folder, "db", "status").stdout
    again = run(folder, "db", "backup", str(file))
    assert (again.returncode, again.stderr) == (1, f"procurewatch: {file} exists; --force overwrites it\n")
    before = {path.name for path in folder.iterdir()}
    (folder / NAME).write_bytes(b"\xff" * 9999)
    refused = run(folder, "db", "restore", str(file))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"procurewatch: {folder / NAME} has content; --force replaces it")
    done = run(folder, "db", "restore", str(file), "--force")
    assert done.returncode == 0, done.stderr
    assert f"restored {file}: 1 record, " in done.stdout
    [earlier] = {path.name for path in folder.iterdir()} - before
    assert f"the earlier database is {folder / earlier}" in done.stdout
    assert (folder / earlier).read_bytes() == b"\xff" * 9999
    assert "CLEARVIEW AI" in run(folder, "search", "clearview").stdout


def test_check_and_vacuum(folder: Path) -> None:
    assert run(folder, "db", "check").stdout == "no problems found\n"
    with closing(sqlite3.connect(folder / NAME)) as connection, connection:
        connection.execute("DELETE FROM search")
    found = run(folder, "db", "check")
    assert found.returncode == 1
    assert found.stdout.splitlines()[0].startswith("the search index lacks the present state of 1 records")
    assert found.stdout.splitlines()[1:] == [
        "-> run procurewatch db vacuum, which builds it again",
        "the totals of spending do not fit the records",
        "-> run procurewatch db vacuum, which builds it again",
        "2 problems found",
    ]
    assert "search index: 1 record updated" in run(folder, "db", "vacuum").stdout
    assert run(folder, "db", "check").returncode == 0


@pytest.mark.parametrize("harm", ["truncated", "no database", "newer"])
def test_an_unusable_database_is_one_line_in_every_command(folder: Path, harm: str) -> None:
    file = folder / NAME
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if harm == "truncated" else b"no database at all" * 999)
    if harm == "newer":
        file.write_bytes(content)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    harmed = file.read_bytes()
    for command in EVERY_COMMAND if harm == "truncated" else (("search", "clearview"), ("serve",)):
        done = run(folder, *command)
        assert (done.returncode, done.stdout) == (1, ""), command
        assert len(done.stderr.splitlines()) == 1, command
        assert "procurewatch db restore" in done.stderr, command
        assert ("another version of Procurewatch (schema 9999)" in done.stderr) == (harm == "newer")
    assert file.read_bytes() == harmed
    check = run(folder, "db", "check")
    assert (check.returncode, check.stdout.splitlines()[-1]) == (1, "1 problem found")


def test_a_database_that_is_damaged_while_it_is_served(folder: Path) -> None:
    shutil.copy(folder / NAME, folder / "whole")
    with start(folder, "serve", "--port", "0") as process:
        address = process.stdout.readline().split()[1]
        assert get(address).status_code == 200
        with closing(sqlite3.connect(folder / NAME)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = (folder / NAME).read_bytes()
        with (folder / NAME).open("r+b") as file:
            file.write(content.replace(b"CLEARVIEW AI, INC.", b"CLEARVIEW \xff\xff, INC."))
        with closing(sqlite3.connect(folder / NAME)) as connection:
            connection.execute("PRAGMA user_version = 1")  # after another's write, the website reads the file again
        response = get(f"{address}search?q=clearview")
        assert response.status_code == 200
        assert "1 record cannot be read, and is left out: " in response.text
        process.kill()
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert "the database is damaged" in errors
    assert "procurewatch db check" in errors
