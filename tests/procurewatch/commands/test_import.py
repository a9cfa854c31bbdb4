"""`procurewatch import` in a process of its own, with files as people hold them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from storage.database import open_database
from storage.schema.tables import RecordRow
from storage.search.query import Query
from storage.search.search import find_events
from tests.commands import run
from tests.sources.dod.articles import page
from tests.upstreams.fpds import Action, feed

PALANTIR = "Palantir USG Inc., Palo Alto, California, is awarded a $9,000,000 contract (W9124C-26-C-0001) for software."


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Give a page of announcements, saved in a browser."""
    body = page(1, PALANTIR).body.replace(
        b"<html>", b"<!-- saved from url=(0066)https://www.war.gov/News/Contracts/Contract/Article/4532001/ -->\n<html>"
    )
    file = tmp_path / "Contracts for July 1.html"
    file.write_bytes(body)
    return file


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Give a feed of FPDS: one purchase from Clearview AI with a modification, and one of nobody's interest."""
    file = tmp_path / "fpds.xml"
    others = Action(piid="70CTD024C00000002", vendor="ACME LLC", registered="ACME LLC", description="CHAIRS")
    file.write_bytes(feed(Action(), Action(modification="P00001", signed="2024-06-01"), others))
    return file


def stored(folder: Path) -> tuple[list[str], int]:
    """Return the keys of what is stored, and how many events feeds carry."""
    with (
        closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database,
        database.reading() as session,
    ):
        keys = sorted(row.key for row in session.query(RecordRow))
        return keys, len(find_events(session, Query(), limit=100))


def test_an_imported_page_is_published_once(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = run(folder, "import", "dod", str(saved))
    assert first.returncode == 0, first.stderr
    assert "new" in first.stdout
    found = stored(folder)
    assert found == (["DOD_4532001_1_1"], 1)
    again = run(folder, "import", "dod", str(saved), str(saved))
    assert again.returncode == 0
    assert "nothing new" in again.stdout
    assert stored(folder) == found


def test_an_imported_archive_is_published_only_on_request(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = run(folder, "import", "fpds", str(archive))
    assert first.returncode == 0, first.stderr
    assert stored(folder) == (["CONT_AWD_70CTD024C00000001_7012_-NONE-_-NONE-"], 0)
    again = run(folder, "import", "fpds", str(archive))
    assert "nothing new" in again.stdout
    assert run(folder, "import", "fpds", "--notify", str(archive)).returncode == 0
    assert stored(folder)[0] == ["CONT_AWD_70CTD024C00000001_7012_-NONE-_-NONE-"]


@pytest.mark.parametrize("source", ["dod", "fpds"])
def test_a_wrong_file_is_one_clear_line(source: str, tmp_path: Path) -> None:
    file = tmp_path / "holiday.html"
    file.write_text("<html><body>A holiday</body></html>", encoding="utf-8")
    ended = run(tmp_path / "data", "import", source, str(file))
    assert ended.returncode == 1
    assert ended.stdout == ""
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("procurewatch: ")]
    assert line.startswith(f"procurewatch: source changed: {source}: ")
    assert "holiday.html" in line
    assert str(tmp_path) not in line


def test_records_before_an_invalid_file_are_kept(saved: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.html"
    wrong.write_text("<html></html>", encoding="utf-8")
    ended = run(tmp_path / "data", "import", "dod", str(saved), str(wrong))
    assert ended.returncode == 1
    assert "so far are stored" in ended.stderr
    assert stored(tmp_path / "data") == (["DOD_4532001_1_1"], 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("subawards", "FILE"), "files from 'subawards' cannot be imported; choose from: dod, fpds, usaspending"),
        (("dod", "no-such-file"), "no-such-file is not a file"),
    ],
)
def test_a_source_without_import_is_reported(
    arguments: tuple[str, str], words: str, saved: Path, tmp_path: Path
) -> None:
    named = [str(saved) if argument == "FILE" else argument for argument in arguments]
    ended = run(tmp_path / "data", "import", *named)
    assert ended.returncode == 2
    assert words in " ".join(ended.stderr.replace("│", " ").split())
