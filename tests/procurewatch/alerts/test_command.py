"""`procurewatch alerts`, as its user runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import Database, open_database
from tests.commands import run, start
from tests.procurewatch.alerts.receiver import Receiver, publish
from tests.procurewatch.alerts.test_once import ALLOWED
from tests.records import CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC

Alerts = Callable[..., subprocess.CompletedProcess[str]]
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


@pytest.fixture
def store(tmp_path: Path) -> Database:
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        publish(database, CLEARVIEW_FORENSIC)
        return database


@pytest.fixture
def alerts(tmp_path: Path, store: Database) -> Alerts:
    """Return a function that runs `procurewatch alerts` with arguments."""
    return lambda *arguments: run(tmp_path, "alerts", *arguments, **ALLOWED)


def test_an_alert_from_its_beginning_to_its_end(alerts: Alerts, store: Database) -> None:
    with Receiver() as receiver:
        assert alerts("list").stdout.startswith("There are no alerts.")
        added = alerts(
            "add", "--vendor", "Clearview AI", "--to", f"{receiver.base_url}/ok/s3cret-path", "--title", "Faces"
        )
        assert added.stdout.startswith(f"Alert 1: Faces, at-once, to {receiver.base_url}/...\nThe secret of its")
        assert alerts("test", "1").stdout == 'The test was accepted: HTTP 200 {"ok": true}\n'
        assert alerts("send").stdout == "0 messages sent\n"
        publish(store, CLEARVIEW_AT_FIRST)
        assert alerts("send").stdout == "1 message sent\n"
        assert alerts("replay", "1").stdout == "Delivery 1 was sent again.\n"
        assert len(receiver.requests) == 3
    listed = alerts("list").stdout
    assert "Faces" in listed
    assert "active" in listed
    shown = alerts("show", "1", "--secret").stdout
    assert "Search: vendor=clearview-ai\n" in shown
    secret = added.stdout.partition("signatures: ")[2].partition("\n")[0]
    assert f"Secret: {secret}\n" in shown
    deliveries = alerts("deliveries").stdout
    assert "sent" in deliveries
    assert alerts("remove", "1").stdout == "Alert 1 is removed.\n"
    for said in (added.stdout, listed, shown, deliveries):
        assert "s3cret-path" not in said
    gone = alerts("show", "1")
    assert (gone.returncode, gone.stderr) == (
        1, "procurewatch: there is no alert 1; `procurewatch alerts list` lists them\n",
    )  # fmt: skip


def test_a_message_that_fails_is_an_error_and_is_listed(alerts: Alerts, store: Database) -> None:
    with Receiver() as receiver:
        alerts("add", "--to", f"{receiver.base_url}/410")
        assert alerts("test", "1").stderr.startswith("procurewatch: the test was not accepted: HTTP 410")
        publish(store, CLEARVIEW_AT_FIRST)
        failed = alerts("send")
    assert (failed.returncode, failed.stdout) == (1, "0 messages sent, 1 failed\n")
    listed = " ".join(alerts("list").stdout.split())
    assert "disabled: HTTP 410" in listed
    assert alerts("resume", "1", "--from-now").stdout == "Alert 1: at-once, active\n"
    refused = alerts("replay", "1")
    assert refused.returncode == 1
    assert "procurewatch: delivery 1 is pending: ConnectError" in refused.stderr
    alerts("pause", "1")
    held_back = alerts("replay", "1").stderr
    assert held_back == "procurewatch: delivery 1 is pending: its alert is paused, muted or disabled\n"


def test_an_alert_is_paused_muted_and_changed(alerts: Alerts) -> None:
    alerts("add", "--award", CLEARVIEW_FORENSIC.piid, "--to", "http://127.0.0.1:9/", "--rhythm", "weekly")
    assert alerts("show", "1").stdout.startswith(f"About: award {CLEARVIEW_FORENSIC.piid}\nAward: CONT_AWD_")
    assert alerts("pause", "1").stdout == "Alert 1: weekly, paused\n"
    assert alerts("resume", "1").stdout.startswith("Alert 1: weekly, next ")
    assert alerts("mute", "1", TOMORROW).stdout == f"Alert 1: weekly, muted until {TOMORROW} 00:00 UTC\n"
    assert alerts("rhythm", "1", "daily").stdout.startswith("Alert 1: daily, muted until")


def test_an_address_is_read_from_standard_input(tmp_path: Path, store: Database) -> None:
    with start(tmp_path, "alerts", "add", "--to", "-", **ALLOWED) as process:
        out, _ = process.communicate("json://127.0.0.1:9/s3cret-token\n")
    assert out.startswith("Alert 1: all records, at-once, to json://...\n")


def test_a_preview_shows_titles_and_how_often(alerts: Alerts) -> None:
    assert alerts("preview", "--vendor", "clearview-ai").stdout.splitlines()[1:] == [
        "- Clearview AI · $1,102,500 · ICE · new contract",
        "In the last 90 days, it would have sent 1 message with 1 entry.",
    ]
    alerts("add", "--vendor", "babel-street", "--to", "http://127.0.0.1:9/")
    assert alerts("preview", "1").stdout == "In the last 90 days, it would have sent nothing.\n"


HOOK = ("--to", "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("add", "--vendor", "clearview-ai"),
            "--to says where to send it: a mail address, the URL of a webhook, or an",
        ),
        (("add", *HOOK, "--rhythm", "dayly"), "--rhythm cannot be 'dayly'; did you mean daily?"),
        (("add", *HOOK, "--rhythm", "x"), "--rhythm cannot be 'x'; write at-once, daily, weekly or monthly"),
        (("add", *HOOK, "--channel", "webhok"), "--channel cannot be 'webhok'; did you mean webhook?"),
        (("add", *HOOK, "--vendor", "clearvew"), "no vendor 'clearvew' on the watchlist; did you mean"),
        (("add", *HOOK, "--band", "review"), "an alert is about what feeds publish"),
        (("add", *HOOK, "--award", CLEARVIEW_FORENSIC.key, "phones"), "--award follows one award"),
        (("add", *HOOK, "--award", "nosuch"), "no award 'nosuch' is stored"),
        (("add", "--to", "slak://x"), "Apprise cannot use this slak://... URL"),
        (("mute", "1", "2020-01-01"), "2020-01-01 is not in the future"),
        (("mute", "1", "soon"), "'soon' is not a date; use the form 2024-09-30"),
        (("rhythm", "1", "hourly"), "the rhythm cannot be 'hourly'"),
        (("deliveries", "7"), "there is no alert 7"),
        (("replay", "7"), "there is no delivery 7; `procurewatch alerts deliveries` lists them"),
        (("preview", "7"), "there is no alert 7"),
        (("lst",), "No such command 'lst'. Did you mean 'list'?"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        publish(database, CLEARVIEW_FORENSIC)
        if arguments[0] in ("mute", "rhythm"):
            from tests.storage.alerts.helpers import add

            add(database)
    done = run(tmp_path, "alerts", *arguments, **ALLOWED)
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
