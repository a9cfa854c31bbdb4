"""Backfills of several vendors from the APIs: how long they take, what fails by itself, and without a network."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

from monitors.watchlist.loader import load_watchlist
from tests.commands import SOURCE, run, start
from tests.sources.scripted_server import Script, ScriptedServer, closed_port
from tests.upstreams.faults import Fault, FaultyUsaspending
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

SINCE = ("--since", "2023-10-01")


def test_several_vendors_are_read_by_one_command(tmp_path: Path) -> None:
    with FakeUsaspending(load_corpus()) as upstream:
        done = run(tmp_path, "backfill", "penlink", "Babel Street", *SINCE, base_url=upstream.base_url)
    assert done.returncode == 0, done.stderr
    first, *reports = done.stdout.splitlines()
    assert re.fullmatch(r"2 watchlist entries: \d+ searches; at least 0 s at the rate limits, longer .*", first)
    assert len([line for line in reports if re.match(r"usaspending: new: \d+ awards found, [1-9]", line)]) == 2


def test_the_time_is_that_of_the_rate_limit_and_a_category_may_be_named(tmp_path: Path) -> None:
    backfill = ("backfill", "--category", "Spyware", *SINCE)
    slow = {f"{SOURCE}SECONDS_BETWEEN": "3600"}
    with (
        FakeUsaspending(load_corpus()) as upstream,
        start(tmp_path, *backfill, base_url=upstream.base_url, **slow) as process,
    ):
        outlook, archive = process.stdout.readline(), process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    found = re.match(r"(\d+) watchlist entries: ([\d,]+) searches; at least (\d+) h 0 min ", outlook)
    assert found, outlook + err
    vendors = {vendor.id for vendor in load_watchlist().vendors if vendor.category == "spyware"}
    assert (int(found[1]), found[2].replace(",", "")) == (len(vendors), found[3])
    assert "`backfill --archive` reads the contracts of the whole watchlist from files" in archive
    assert process.returncode == 1, err


def test_a_source_that_is_down_is_not_asked_for_each_vendor_and_others_go_on(tmp_path: Path) -> None:
    with ScriptedServer(Script(status=403, body=b"Access denied")) as refusing, FakeUsaspending(load_corpus()) as good:
        own = {"PROCUREWATCH_ONLY_SOURCES": json.dumps(["usaspending", "assistance"])}
        for name, server in (("usaspending", refusing), ("assistance", good)):
            source = f"PROCUREWATCH_SOURCES__{name.upper()}__"
            own |= {f"{source}BASE_URL": server.base_url, f"{source}SECONDS_BETWEEN": "0", f"{source}TRIES": "1"}
        done = run(tmp_path, "backfill", "penlink", "babel-street", "anduril", *SINCE, **own)
    assert done.returncode == 1
    assert done.stdout.count("assistance: ") == 3
    assert done.stderr.count("procurewatch: blocked: usaspending: ") == 1
    assert "USAspending: not asked for 2 more entries; run the command again to resume" in done.stderr


def test_an_interrupted_backfill_says_how_much_was_done(tmp_path: Path) -> None:
    with FaultyUsaspending(load_corpus()) as upstream:
        upstream.play(Fault.SERVER_ERROR, after=10)
        assert run(tmp_path, "backfill", "penlink", *SINCE, base_url=upstream.base_url).returncode == 1
        upstream.heal()
        again = run(tmp_path, "backfill", "penlink", *SINCE, base_url=upstream.base_url)
    assert again.returncode == 0, again.stderr
    assert re.match(r"1 watchlist entry: \d+ searches, [1-9]\d* of them done before; at least ", again.stdout)


def test_without_a_network_a_backfill_is_one_line_that_names_the_host(tmp_path: Path) -> None:
    port = closed_port()
    done = run(tmp_path, "backfill", "Clearview AI", base_url=f"http://127.0.0.1:{port}", LANG="C")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line == (
        "procurewatch: no connection: 127.0.0.1 cannot be reached (Connection refused); "
        "check the network and run it again"
    )
