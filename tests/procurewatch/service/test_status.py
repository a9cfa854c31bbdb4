"""`procurewatch status` while `run` runs, after it was stopped, and after it was killed."""

from __future__ import annotations

import json
import signal
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.alerts.models import ChannelKind, Rhythm
from storage.alerts.subscriptions import add_subscription, disable_subscription
from storage.database import Database, open_database
from storage.maintenance.processes import SILENCE, list_processes, registered
from storage.models import RunStatus
from storage.schema.tables import ProcessRow, RunRow
from storage.search.query import Query
from tests.commands import run
from tests.procurewatch.service.test_run import HANG, SECONDS, running
from tests.sources.scripted_server import ScriptedServer

NOT_RUNNING = "`procurewatch run` is not running on this database, so nothing is polled and no alerts are sent"


def state(folder: Path, code: int) -> Any:
    done = run(folder, "status", "--json", base_url="http://127.0.0.1:9")
    assert (done.returncode, done.stderr) == (code, "")
    found = json.loads(done.stdout)
    assert found["ok"] == (code == 0)
    return found


def note_poll(folder: Path) -> None:
    now = datetime.now(UTC)
    with (
        closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database,
        database.writing() as session,
    ):
        row = RunRow(source="usaspending", purpose="poll", started=now, ended=now, status=RunStatus.NOTHING_NEW.value)
        session.add(row)


def test_while_it_runs_and_after_it_was_killed(tmp_path: Path) -> None:
    note_poll(tmp_path)
    assert state(tmp_path, 1)["problems"] == [NOT_RUNNING]
    with ScriptedServer(HANG) as server, running(tmp_path, server.base_url) as (process, client):
        found = state(tmp_path, 0)
        [running_now] = found["processes"]
        assert (running_now["pid"], running_now["address"]) == (process.pid, str(client.base_url).rstrip("/"))
        [source] = found["sources"]
        assert (source["source"], source["last_status"], source["problem"]) == ("usaspending", "nothing new", "")
        assert datetime.fromisoformat(source["next_poll"]) > datetime.now(UTC) + timedelta(hours=5)
        assert found["size"] > 0
        shown = run(tmp_path, "status", base_url="http://127.0.0.1:9")
        assert (shown.returncode, shown.stdout.splitlines()[0].split(":")[0][:13]) == (0, "Running since")
        assert "waiting for the next poll" in shown.stdout or "sending alerts" in shown.stdout
        assert "No problems." in shown.stdout
        process.kill()
        process.wait()
        found = state(tmp_path, 1)
        assert found["problems"][0] == NOT_RUNNING
        assert found["problems"][1].startswith(f"process {process.pid} on ")
        assert not found["processes"][0]["is_alive"]
    with running(tmp_path, "http://127.0.0.1:9") as (process, _client):
        assert [each["pid"] for each in state(tmp_path, 0)["processes"]] == [process.pid], "it replaces the killed one"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert state(tmp_path, 1)["processes"] == []


def test_what_is_wrong_with_sources_and_alerts_is_a_problem(tmp_path: Path) -> None:
    with ScriptedServer(HANG) as server, running(tmp_path, server.base_url) as (_process, _client):
        while not server.requests:
            time.sleep(0.02)
        with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
            now = database.now()
            with database.writing() as session:
                given = add_subscription(
                    session, channel=ChannelKind.WEBHOOK, address="https://example.org/", rhythm=Rhythm.DAILY,
                    title="palantir", query=Query(), now=now,
                )  # fmt: skip
                disable_subscription(session, given.id, "HTTP 410", now)
        found = state(tmp_path, 1)
        assert found["problems"][0].startswith("USAspending is being polled for the first time, since ")
        line = f"alert {given.id} (palantir) is disabled: HTTP 410; `alerts resume {given.id}` tries again"
        assert found["problems"][1] == line
        assert line in run(tmp_path, "sources", base_url="http://127.0.0.1:9").stdout.replace("\n", " ")
        assert "polling USAspending" in found["processes"][0]["doing"]


def test_a_process_of_another_machine_that_is_silent_is_not_alive(database: Database) -> None:
    now = database.now()
    with registered(database, version="1", address=""):
        with database.writing() as session:
            for host, ago in (("other", SILENCE / 2), ("silent", SILENCE * 2), ("forgotten", timedelta(days=2))):
                renewed = now - ago
                row = ProcessRow(id=host, host=host, pid=1, version="1", address="", started=renewed, renewed=renewed)
                session.add(row)
        with database.reading() as session:
            found = {process.host: process.is_alive for process in list_processes(session, database.now())}
        ours = next(host for host in found if host not in {"other", "silent", "forgotten"})
        assert found == {ours: True, "other": True, "silent": False, "forgotten": False}
    with registered(database, version="1", address=""), database.reading() as session:
        hosts = {process.host for process in list_processes(session, now)}
    assert hosts == {ours, "other", "silent"}, "what was killed long ago is forgotten"
