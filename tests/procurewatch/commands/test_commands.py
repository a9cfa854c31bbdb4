"""The program as its user runs it: real processes, real output."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import feedparser
import httpx
import pytest

from storage.database import open_database
from tests.commands import run, start
from tests.procurewatch.site import fill
from tests.upstreams.faults import Fault, FaultyUsaspending
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending


@pytest.fixture(scope="module")
def demo(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the demo has run once; its last output is in demo.txt."""
    return shutil.copytree(demo_folder, tmp_path_factory.mktemp("demo"), dirs_exist_ok=True)


@pytest.fixture
def stored(demo: Path) -> Path:
    """The data folder of what the demo has stored."""
    return demo / "demo"


def test_python_m_runs_the_program() -> None:
    told = subprocess.check_output([sys.executable, "-m", "procurewatch", "--version"], text=True)
    assert told.startswith("procurewatch ")


def test_an_unreachable_network_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = run(tmp_path, "poll", base_url=base_url)
    lines = [line for line in done.stderr.splitlines() if line.startswith("procurewatch: ")]
    assert done.returncode == 1
    assert len(lines) == 1
    assert re.match(
        r"procurewatch: source unreachable: usaspending: POST /api/v2/search/spending_by_transaction/: \w+", lines[0]
    )
    assert done.stdout == ""


def test_poll_and_backfill_report_their_status(tmp_path: Path) -> None:
    with FakeUsaspending(load_corpus()) as upstream:
        backfill = run(tmp_path, "backfill", "penlink", "--since", "2020-10-01", base_url=upstream.base_url)
        poll = run(tmp_path, "poll", base_url=upstream.base_url)
    assert (backfill.returncode, poll.returncode) == (0, 0)
    assert re.search(r"usaspending: new: \d+ awards found, [1-9]\d* new", backfill.stdout)
    assert re.search(r"usaspending: first poll done: \d+ awards found", poll.stdout)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("backfill", "Clearviw AI"), "did you mean 'Clearview AI'"),
        (("backfill", '"; DROP TABLE award'), "no vendor"),
        (("backfill", "penlink", "--since", "1999-01-01"), "search starts on 2007-10-01"),
        (("backfill", "penlink", "--since", "2999-01-01"), "is in the future"),
        (("backfill", "penlink", "--since", "yesterday"), "is not a date"),
        (("search", "--min-amount", "lots"), "is not an amount in dollars"),
        (("--log-format", "xml", "search"), "log_format"),
        (("export", "--format", "doc"), "Invalid value for '--format': 'doc' is not one of 'csv', "),
        (("--database-url", "mysql://x/y", "search"), "mysql is not supported"),
        (
            ("--database-url", "sqlite:////proc/nothing/here.sqlite3", "search"),
            "cannot open the database /proc/nothing/here.sqlite3: ",
        ),
        (("--data-dir", "/dev/null", "search"), "/dev/null is not a folder; choose another with --data-dir"),
        (("search", "--category", "faces"), "there is no category 'faces'; did you mean 'face-recognition'?"),
        (("search", "--source", "usaspnding"), "there is no source 'usaspnding'; did you mean 'usaspending'?"),
        (("search", "vendor=celebrite"), "there is no vendor 'celebrite'; did you mean 'cellebrite'?"),
        (("vendors", "suggest", "--agency", "9999"), "there is no agency '9999'; stored are none"),
        (("vendors", "export", "--category", "spywar"), "there is no category 'spywar'; did you mean 'spyware'?"),
        (("search", "--data-dir", "x"), "--data-dir goes before the command: procurewatch --data-dir FOLDER COMMAND"),
        (("search", "clearview"), "no records are stored yet in /"),
        (("serve", "--host", "192.0.2.1"), "192.0.2.1 is not an address of this machine; choose another with --host"),
        (("feeds", "build", "/dev/null"), "is a file; name a folder"),
    ],
)
def test_bad_input_gets_a_clear_line(arguments: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode != 0
    assert complaint in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_a_mistyped_agency_is_refused_with_the_nearest(stored: Path) -> None:
    for agency, hint in (("9999", "7012 (U.S. Immigration and Customs Enforcement)"), ("custms", "did you mean 'cust")):
        done = run(stored, "search", "--agency", agency)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"there is no agency '{agency}'; " in done.stderr
        assert hint in done.stderr
    for agency in ("ice", "7012", "customs", "navy"):  # no record is the Navy's, but it is an agency
        assert "there is no agency" not in run(stored, "search", "--agency", agency).stderr


def test_a_port_in_use_is_named(stored: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(stored, "serve", "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"procurewatch: port {port} is already in use; choose another with --port (0 picks a free one)\n"
    )


READ = "No period has been read completely, so contracts may be missing."


def test_search_show_and_export(stored: Path, tmp_path: Path) -> None:
    found = run(stored, "search", "babel", "street", "--agency", "cbp", "--min-amount", "$1,000,000")
    assert "70B03C23F00001053" in found.stdout
    assert "PANAMERICA" in found.stdout
    assert re.search(r"^2 records\s*$", found.stdout, re.MULTILINE)
    assert "$9,705,815.16 obligated by 3 contract actions of 2 awards." in found.stdout
    assert READ in " ".join(found.stdout.split())
    none = run(stored, "search", "no-such-words-anywhere")
    assert none.returncode == 1
    assert READ in none.stderr
    for address in (
        'q="facial recognition"&agency=7012&since=2021-01-01',
        "https://example.org/search?q=facial recognition",
    ):
        assert "70CMSD21P00000127" in run(stored, "search", address).stdout
    shown = run(stored, "show", "https://www.usaspending.gov/award/CONT_AWD_70CMSD24P00000119_7012_-NONE-_-NONE-/")
    assert "FORENSIC SOFTWARE" in shown.stdout
    assert re.search(r"award obligated total +│ \$1,102,500\.00 ", shown.stdout)
    assert re.search(r"PIID +│ 70CMSD24P00000119 ", shown.stdout)
    assert re.search(r"[0-9a-f]{64}", shown.stdout), "the evidence's hash"
    assert run(stored, "show", "nothing-like-it").returncode == 1
    table = run(stored, "export", "--vendor", "Clearview AI", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert [row["award_obligated_total"] for row in rows if row["piid"] == "70CMSD24P00000119"] == ["1102500.00"]
    for_excel = tmp_path / "excel.csv"
    assert run(stored, "export", "--vendor", "Clearview AI", "--excel", "-o", str(for_excel)).returncode == 0
    assert for_excel.read_bytes() == codecs.BOM_UTF8 + table.stdout.replace("\n", "\r\n").encode()
    assert "--excel needs --format csv" in run(stored, "export", "clearview", "--excel", "--format", "json").stderr
    file = tmp_path / "actions.json"
    assert run(stored, "export", "--rows", "actions", "--format", "json", "-o", str(file)).returncode == 0
    told = json.loads(file.read_text())
    assert any(row["action_obligation"].startswith("-") for row in told["rows"])
    beside = json.loads(for_excel.with_name("excel.csv.datapackage.json").read_text())
    assert beside["resources"][0]["path"] == "excel.csv"
    assert READ in " ".join(beside["coverage"])
    assert READ in " ".join(told["coverage"])
    plain = ("--no-data-package", "-o", str(tmp_path / "plain.csv"))
    assert run(stored, "export", "--vendor", "Clearview AI", *plain).returncode == 0
    assert [file.name for file in tmp_path.glob("*.datapackage.json")] == ["excel.csv.datapackage.json"]


def test_an_export_of_everything_and_a_story_pack(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "everything.db"
    done = run(stored, "export", "sqlite", str(file))
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(file)) as everything:
        (count,) = everything.execute("SELECT count(*) FROM record").fetchone()
    assert done.stderr.startswith(f"{count} records in {file}\n")
    assert READ in done.stderr
    story = tmp_path / "story.zip"
    done = run(stored, "pack", "70CMSD24P00000119", "-o", str(story))
    assert (done.returncode, done.stderr) == (0, f"1 record in {story}\n")
    with zipfile.ZipFile(story) as archive:
        assert "the award 70CMSD24P00000119" in archive.read("README.txt").decode()
    told = run(stored, "export", "--vendor", "clearview-ai", "--format", "ocds")
    assert {release["tag"][0] for release in json.loads(told.stdout)["releases"]} == {"award"}


@pytest.mark.parametrize("form", ["csv", "ocds", "sqlite"])
def test_an_empty_export_writes_no_file(stored: Path, tmp_path: Path, form: str) -> None:
    done = run(stored, "export", "no-such-words-anywhere", "--format", form, "-o", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (
        1,
        "procurewatch: no records match this query; remove a word or a filter\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_two_processes_never_read_a_source_at_once(tmp_path: Path) -> None:
    with FaultyUsaspending(load_corpus()) as upstream:
        upstream.drip_seconds = 1
        upstream.play(Fault.SLOW_DRIP)
        with start(tmp_path, "poll", base_url=upstream.base_url) as first:
            while not upstream.requests and first.poll() is None:
                time.sleep(0.02)
            second = run(tmp_path, "poll", base_url=upstream.base_url)
            first.kill()
            first.communicate()
        assert second.returncode == 3
        assert "USAspending is being polled by another process" in second.stderr


def test_an_unavailable_source_does_not_block_others(tmp_path: Path) -> None:
    with FakeUsaspending(load_corpus()) as upstream, closing(open_database(f"sqlite:///{tmp_path / 'db'}")) as busy:
        sources = ("subawards", "usaspending", "assistance", "samnotices")
        asked = {f"PROCUREWATCH_SOURCES__{name.upper()}__BASE_URL": upstream.base_url for name in sources}
        paced = {f"PROCUREWATCH_SOURCES__{name.upper()}__SECONDS_BETWEEN": "0" for name in sources}
        own = {
            "PROCUREWATCH_ONLY_SOURCES": json.dumps(sources),
            "PROCUREWATCH_SOURCES__SAMNOTICES__KEY": "k\u00e9y" * 10,
            "PROCUREWATCH_DATABASE_URL": f"sqlite:///{tmp_path / 'db'}",
        }
        with busy.claim("usaspending"):
            done = run(tmp_path, "poll", **asked, **paced, **own)
    assert "subawards: nothing matches" in done.stdout
    assert "assistance: nothing matches" in done.stdout
    assert "USAspending is being polled by another process" in done.stderr
    assert "procurewatch: samnotices: " in done.stderr
    assert done.returncode == 2


def test_run_polls_when_due_and_stops_on_sigterm(tmp_path: Path) -> None:
    with FakeUsaspending(load_corpus()) as upstream:
        arguments = ("run", "--no-serve", "--tick-seconds", "0.2")
        with start(tmp_path, *arguments, base_url=upstream.base_url) as process:
            line = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert line.startswith("usaspending: ")
        asked = len(upstream.requests)
        with start(tmp_path, *arguments, base_url=upstream.base_url) as process:
            time.sleep(3)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        assert len(upstream.requests) == asked, "a restart forgets nothing: it is not due yet"


@pytest.fixture
def served(stored: Path) -> Iterator[str]:
    """The address at which the demo's site is served."""
    with start(stored, "serve", "--port", "0") as process:
        line = process.stdout.readline()
        try:
            yield re.findall(r"http://[\d.:]+", line)[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def test_the_site_is_served_at_its_own_address(served: str) -> None:
    feed = httpx.get(f"{served}/vendor/clearview-ai.atom")
    assert feed.headers["content-type"].startswith("application/atom+xml")
    assert not feedparser.parse(feed.content).bozo
    assert f"{served}/awards/" in feed.text
    assert [httpx.get(f"{served}{path}").status_code for path in ("/", "/index.html", "/feeds.opml")] == [200] * 3
    assert httpx.get(f"{served}/../../etc/passwd").status_code == 404


def test_every_feed_entry_links_to_its_page(served: str) -> None:
    for entry in feedparser.parse(httpx.get(f"{served}/all.atom").content).entries[:20]:
        address, _, anchor = entry.link.partition("#")
        page = httpx.get(address)
        assert page.status_code == 200
        assert f'id="{anchor}"' in page.text


def test_feeds_build_writes_only_changed_files(tmp_path: Path) -> None:
    stored, site = tmp_path / "data", tmp_path / "site"
    with closing(open_database(f"sqlite:///{stored / 'procurewatch.sqlite3'}")) as database:
        fill(database)
    assert run(stored, "feeds", "build", str(site), "--site-url", "https://example.org/watch").returncode == 0
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    again = run(stored, "feeds", "build", str(site), "--site-url", "https://example.org/watch")
    assert "; 0 files written" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before
    links = [entry.link for entry in feedparser.parse((site / "all.atom").read_bytes()).entries]
    assert all(link.startswith("https://example.org/watch/awards/") for link in links)
