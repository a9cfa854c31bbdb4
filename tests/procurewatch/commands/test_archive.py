"""The commands for award archives in real processes: killed, stopped and run again they end with the same database."""

from __future__ import annotations

import csv
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import typer

from procurewatch.archives import backfill as archive
from procurewatch.archives.backfill import ArchiveRequest, plan_archives, read_years
from sources.usaspending_archive.listing import ArchiveKind
from storage.database import open_database
from tests.app_context import Dump, dump
from tests.archives import CONTROL, archive_context, archives_of, award, environment_for
from tests.archives import action as make_action
from tests.commands import run, start
from tests.upstreams.usaspending.archive import FakeArchive, Serving
from tests.upstreams.usaspending.archive_rows import archive_rows, columns
from tests.upstreams.usaspending.corpus import load_corpus

KILLS = 3
YEARS = "2021..2024"
SIGNED = date(2024, 5, 6)
BACKFILL = ("backfill", "--archive", "Clearview AI", "Cellebrite", "--agency", "070", "--fiscal-year", YEARS)
NAME = "FY2023_070_Contracts_Full_20260906.zip"


@pytest.fixture(scope="module")
def published() -> dict[str, bytes]:
    """Archives of four fiscal years, with several files in each."""
    return CONTROL | archives_of(load_corpus(), rows_per_member=60)


@pytest.fixture
def server(published: dict[str, bytes]) -> Iterator[FakeArchive]:
    with FakeArchive(published) as upstream:
        yield upstream


def dump_of(folder: Path) -> Dump:
    database = open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")
    try:
        return dump(database)
    finally:
        database.close()


def count_evidence(folder: Path) -> int:
    """Return how much of what a backfill stores is there, 0 while there is no database."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'procurewatch.sqlite3'}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM evidence").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.timeout(600)
def test_sigkill_at_random_moments_loses_nothing(server: FakeArchive, tmp_path: Path) -> None:
    chance = random.Random(20261106)
    given = environment_for(server.base_url)
    whole = run(tmp_path / "undisturbed", *BACKFILL, **given)
    assert whole.returncode == 0, whole.stderr
    wanted = dump_of(tmp_path / "undisturbed")
    assert len(wanted["match"]) > 5
    killed, folders = 0, [tmp_path / "disturbed-0"]
    while killed < KILLS:
        moment = chance.randrange(len(wanted["evidence"]))
        with start(folders[-1], *BACKFILL, **given) as process:
            while count_evidence(folders[-1]) < moment and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.1))
            process.kill()
            process.communicate()
        if process.returncode == -signal.SIGKILL:
            killed += 1
        else:  # it came to its end: begin another
            folders.append(tmp_path / f"disturbed-{len(folders)}")
    for folder in folders:
        last = run(folder, *BACKFILL, **given)
        assert last.returncode == 0, last.stderr
        assert dump_of(folder) == wanted, folder


def test_a_killed_download_continues_where_it_stopped(server: FakeArchive, tmp_path: Path) -> None:
    given = environment_for(server.base_url)
    server.drip_seconds = 0.01
    server.serve(NAME, Serving.DRIP, Serving.WELL)
    one = (*BACKFILL[:-1], "2023")
    part = tmp_path / "archives" / f"{NAME}.part"
    with start(tmp_path, *one, **given) as process:
        while not (part.exists() and part.stat().st_size) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    size = part.stat().st_size
    assert 0 < size < len(server.files[NAME].body)
    server.requests.clear()
    assert run(tmp_path, *one, **given).returncode == 0
    ranges = [request.headers.get("range") for request in server.asked(NAME) if request.method == "GET"]
    assert ranges == [f"bytes={size}-"]


def test_ctrl_c_says_how_to_resume(server: FakeArchive, tmp_path: Path) -> None:
    given = environment_for(server.base_url)
    server.drip_seconds = 0.01
    server.serve(NAME, Serving.DRIP, Serving.WELL)
    with start(tmp_path, *BACKFILL, **given) as process:
        while not server.asked(NAME)[1:] and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "run it again to go on" in err.strip().splitlines()[-1], err
    assert run(tmp_path, *BACKFILL, **given).returncode == 0


def test_a_dry_run_says_what_it_takes_and_reads_nothing(server: FakeArchive, tmp_path: Path) -> None:
    given = environment_for(server.base_url)
    shown = run(
        tmp_path, "backfill", "--archive", "--agency", "070", "--fiscal-year", "2020..2024", "--dry-run", **given
    )
    assert shown.returncode == 0, shown.stderr
    lines = " ".join(shown.stdout.split())
    for words in (
        "4 archives, ",
        "rows",
        "to download at 5 MB per second",
        f"of disk space in {tmp_path / 'archives'}",
        "not published: FY2020 070 contracts",
        NAME,
    ):
        assert words in lines, shown.stdout
    assert {request.method for request in server.asked("/award_data_archive/")} == {"HEAD"}
    assert not (tmp_path / "archives").exists()
    streamed = run(tmp_path, *BACKFILL, "--stream", "--dry-run", **given)
    assert "nothing is stored on disk; reading again downloads again" in " ".join(streamed.stdout.split())


def test_a_disk_that_is_too_small_is_said_before(
    server: FakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=archive.SPARE + 1000))
    request = ArchiveRequest(years=[2024], agencies=["070"], kinds=[ArchiveKind.CONTRACTS])
    with archive_context(server, tmp_path) as app_context:
        with pytest.raises(typer.Exit):
            plan_archives(app_context, [], request, dry_run=False)
        assert "use --stream, which stores no file, or fewer fiscal years" in capsys.readouterr().err
        assert plan_archives(app_context, [], replace(request, stream=True), dry_run=False).orders


def test_files_of_the_user_are_read_by_the_same_code(tmp_path: Path) -> None:
    licenses = make_action("0", SIGNED, text="CLEARVIEW AI LICENSES")
    files = archives_of([award("70CMSD24P1", licenses, make_action("P00001", date(2024, 11, 5)))])
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    ended = run(tmp_path / "data", "import", "usaspending", *(str(tmp_path / name) for name in files))
    assert ended.returncode == 0, ended.stderr
    imported = dump_of(tmp_path / "data")
    assert len(imported["action"]) == 2, "the silent action of another year, too"
    assert {str(row[0]) for row in imported["archive_file"]} == set(files)
    assert len(imported["coverage"]) > 100, "their names are USAspending's"
    assert all(str(row[2]).startswith("file:FY202") for row in imported["evidence"])


def test_a_csv_file_of_an_archive_is_imported(tmp_path: Path) -> None:
    rows = list(archive_rows([award("70CMSD24P1", make_action("0", SIGNED, text="CLEARVIEW AI LICENSES"))]))
    file = tmp_path / "part 1.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns(), restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    ended = run(tmp_path / "data", "import", "usaspending", str(file))
    assert ended.returncode == 0, ended.stderr
    found = dump_of(tmp_path / "data")
    assert ([len(found["record"]), len(found["coverage"])], found["archive_file"][0][0]) == ([1, 0], "part 1.csv")
    page = tmp_path / "page.html"
    page.write_text("<html>not an archive</html>", encoding="utf-8")
    wrong = run(tmp_path / "data", "import", "usaspending", str(page))
    assert wrong.returncode == 1
    assert "its header has no contract_award_unique_key" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("backfill",), "name a vendor, or use --archive, --category or --all"),
        (("backfill", "Axon", "--stream"), "--stream needs --archive"),
        (("backfill", "--archive", "--fiscal-year", "24"), "archives have the fiscal years 2008.."),
        (("backfill", "--archive", "--fiscal-year", "2024..2020"), "archives have the fiscal years 2008.."),
        (("backfill", "--archive", "--fiscal-year", "soon"), "'soon' is not a fiscal year"),
        (("backfill", "--archive", "--kind", "loans"), "--kind is contracts or assistance, not 'loans'"),
        (("backfill", "--archive", "--since", "2020-01-01"), "--since does not go with --archive"),
        (("backfill", "--archive", "--agency", "999", "--fiscal-year", "2024"), "there is no department '999'"),
        (("backfill", "--archive", "Nobody Inc"), "no vendor 'Nobody Inc' on the watchlist"),
        (("poll", "--source", "archive"), "nothing was backfilled from archives"),
    ],
)
def test_bad_options_get_one_clear_line(
    arguments: tuple[str, ...], words: str, server: FakeArchive, tmp_path: Path
) -> None:
    ended = run(tmp_path, *arguments, **environment_for(server.base_url))
    assert ended.returncode == 2
    [line] = ended.stderr.strip().splitlines()
    assert words in line


def test_fiscal_years_are_read_newest_first() -> None:
    assert read_years("2020,2022..2024, 2022") == [2024, 2023, 2022, 2020]
