"""What `procurewatch doctor` says of sources, over a real server on loopback."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from procurewatch.doctor import Result, examine, network
from procurewatch.settings import SettingsError
from storage.database import open_database
from storage.models import RunStatus
from storage.schema.tables import RunRow
from storage.writing.runs import load_checkpoints
from tests.procurewatch.doctor.fixtures import (
    KEY,
    NAMES,
    WRONG,
    City,
    CityServer,
    KeyedCity,
    Suburb,
    cities,
    looked_at,
    results,
    settings_at,
)
from tests.sources.scripted_server import How, Script, ScriptedServer, closed_port
from tests.upstreams.server import Answer, json_answer

GOOD = {"connection": Result.OK, "control query": Result.OK}
REFUSED = Answer(status=403, body=f'{{"message": "the key {KEY} is not known"}}'.encode())


@pytest.fixture(autouse=True)
def _tables(tmp_path: Path, _sqlite_with_tables: Path) -> None:
    """Put a database with its tables in the data folder: to make them takes longest."""
    shutil.copy(_sqlite_with_tables, tmp_path / "procurewatch.sqlite3")


@pytest.fixture
def server() -> Iterator[CityServer]:
    with CityServer() as upstream:
        yield upstream


def noted(folder: Path, source: str = "city") -> dict[str, str]:
    """Return what is stored of a source's assumptions, by their names."""
    with (
        closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database,
        database.reading() as session,
    ):
        found = load_checkpoints(session, source, "note/assumption/")
    return {name.removeprefix("note/assumption/"): value for name, value in found.items()}


def test_valid_assumptions_are_reported_and_stored(tmp_path: Path, server: CityServer) -> None:
    before = datetime.now(UTC)
    found = looked_at(tmp_path, City(), server=server)
    assert results(found) == GOOD | dict.fromkeys(NAMES, Result.OK)
    assert [finding.holds for finding in found] == [None, None, True, True, True]
    assert found[2].text == "unquoted: holds: The city answers unquoted requests."
    stored = noted(tmp_path)
    assert {name: stored[name] for name in NAMES} == dict.fromkeys(NAMES, "holds")
    assert before <= datetime.fromisoformat(stored["paging/probed"]) <= datetime.now(UTC)
    assert server.asked == ["/control", "/unquoted", "/paging", "/empty"], "one cheap request each"


@pytest.mark.parametrize("wrong", NAMES)
def test_a_wrong_assumption_is_a_warning(wrong: str, tmp_path: Path, server: CityServer) -> None:
    looked_at(tmp_path, City(), server=server)
    server.answers[f"/{wrong}"] = WRONG
    found = looked_at(tmp_path, City(), server=server)
    assert results(found) == GOOD | dict.fromkeys(NAMES, Result.OK) | {wrong: Result.WARNING}
    [finding] = [each for each in found if each.check == wrong]
    assert (finding.holds, finding.action) == (False, f"It is asked without {wrong} requests.")
    assert "does not hold" in finding.message
    assert noted(tmp_path)[wrong] == "does not hold"
    assert [name for name in NAMES if noted(tmp_path)[name] == "holds"] == [name for name in NAMES if name != wrong]


@pytest.mark.parametrize("answer", [Answer(status=500, body=b"<h1>Server Error</h1>"), json_answer({"other": 1})])
def test_an_inconclusive_probe_keeps_the_stored_result(answer: Answer, tmp_path: Path, server: CityServer) -> None:
    looked_at(tmp_path, City(), server=server)
    server.answers["/paging"] = answer
    found = looked_at(tmp_path, City(), server=server)
    [finding] = [each for each in found if each.check == "paging"]
    assert (finding.result, finding.holds) == (Result.WARNING, None)
    assert finding.message.startswith("Could not be probed: ")
    assert (found[-1].check, found[-1].holds) == ("empty", True), "the other probes still run"
    assert noted(tmp_path)["paging"] == "holds"


@pytest.mark.parametrize(
    ("answer", "check", "result", "says", "goes_on"),
    [
        (WRONG, "control query", Result.PROBLEM, "Answered without the expected records", True),
        (REFUSED, "control query", Result.PROBLEM, "Blocked: GET /control: HTTP 403", False),
        (Answer(status=500, body=b"broken"), "control query", Result.PROBLEM, "Failed: GET /control: HTTP 500", False),
        (Answer(status=429, body=b"slow down"), "control query", Result.WARNING, "Not run: GET /control", False),
        (json_answer([1]), "control query", Result.PROBLEM, "Failed: ", False),
        (json_answer({}), "source", Result.PROBLEM, "The check itself failed: KeyError: 'found'", False),
    ],
)
def test_a_failing_control_query_is_a_problem(  # noqa: PLR0917  as the table above has them
    answer: Answer, check: str, result: Result, says: str, goes_on: bool, tmp_path: Path, server: CityServer
) -> None:
    server.answers["/control"] = answer
    found = looked_at(tmp_path, City(), server=server)
    [finding] = [each for each in found if each.check == check]
    assert finding.result is result
    assert says in finding.message
    assert (result is Result.PROBLEM) == bool(finding.action)
    assert ("/paging" in server.asked) == goes_on


def test_a_request_is_tried_twice_at_most(tmp_path: Path, server: CityServer) -> None:
    server.answers["/control"] = Answer(status=503, body=b"later")
    with cities(City()):
        own = {"city": {"base_url": server.base_url, "tries": 9}}
        assert any("HTTP 503" in each.message for each in examine(settings_at(tmp_path, server.base_url, sources=own)))
    assert server.asked == ["/control", "/control"]


def test_an_api_key_is_checked_and_never_shown(tmp_path: Path, server: CityServer) -> None:
    assert results(looked_at(tmp_path, KeyedCity(), server=server))["key"] is Result.OK
    server.answers["/control"] = REFUSED
    found = looked_at(tmp_path, KeyedCity(), server=server)
    assert found[-1].check == "key"
    assert found[-1].result is Result.PROBLEM
    assert "sources.keyed.key" in found[-1].action
    assert "[key] is not known" in found[-1].message, "the client has taken it out"
    assert KEY not in repr(found)
    with cities(KeyedCity()):
        settings = settings_at(
            tmp_path, server.base_url, sources={"keyed": {"base_url": server.base_url, "key": "a\nb"}}
        )
        [broken] = [finding for finding in examine(settings) if finding.check == "key"]
    assert (broken.result, "no header can carry" in broken.message) == (Result.PROBLEM, True)


def test_the_quota_is_saved_for_polls_unless_a_source_is_named(tmp_path: Path, server: CityServer) -> None:
    first = looked_at(tmp_path, KeyedCity(), server=server)
    assert server.asked == ["/control"]
    assert first[-1].text == (
        "assumptions: 3 assumptions not probed, to leave requests for polls. "
        "`procurewatch doctor --source keyed` checks it with about 4 requests."
    )
    for _ in range(5):
        last = looked_at(tmp_path, KeyedCity(), server=server)
    assert len(server.asked) == 3
    assert results(last)["control query"] is Result.SKIPPED
    assert "7 of 10 requests are left today" in last[-1].message
    server.answers["/paging"] = WRONG
    named = looked_at(tmp_path, KeyedCity(), server=server, only=["keyed"])
    assert [finding.holds for finding in named][-3:] == [True, False, True]
    assert len(server.asked) == 7
    again = looked_at(tmp_path, KeyedCity(), server=server)
    assert len(server.asked) == 7
    assert [finding.holds for finding in again][-3:] == [True, False, True], "what is stored is said"
    assert "does not hold (" in again[-2].message, "and since when"


def test_probes_stop_at_the_quota(tmp_path: Path, server: CityServer) -> None:
    for _ in range(2):
        looked_at(tmp_path, KeyedCity(), server=server, only=["keyed"])
    found = looked_at(tmp_path, KeyedCity(), server=server, only=["keyed"])
    assert len(server.asked) == 10
    assert "all 10 requests of today's quota are used" in found[-1].message
    assert results(found)["paging"] is Result.OK or results(found)["paging"] is Result.WARNING
    after = looked_at(tmp_path, KeyedCity(), server=server, only=["keyed"])
    assert results(after)["control query"] is Result.WARNING
    assert after[-1].holds, "what is stored is said"


def test_an_unreachable_server_is_one_line(tmp_path: Path, server: CityServer) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    with cities(City(), Suburb(), KeyedCity()):
        settings = settings_at(tmp_path, nowhere, "city", "suburb")
        settings.sources |= settings_at(tmp_path, server.base_url, "keyed").sources
        found = list(examine(settings))
    failed = [finding for finding in found if finding.result is Result.PROBLEM]
    assert [finding.sources for finding in failed] == [("city", "suburb")]
    assert failed[0].section == "City of Example, Suburb"
    assert failed[0].message.startswith(f"{nowhere.removeprefix('http://')} cannot be reached: ConnectError")
    assert results(found)["key"] is Result.OK


def test_a_silent_server_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_SECONDS", 0.5)
    with ScriptedServer(Script(how=How.HANG)) as server, cities(City()):
        began = time.monotonic()
        found = list(examine(settings_at(tmp_path, server.base_url)))
        assert time.monotonic() - began < 10
    assert "no response within 0.5 seconds" in found[-1].message
    assert network.MAX_SECONDS < 20


def test_an_unreachable_secondary_host_is_a_warning(tmp_path: Path, server: CityServer) -> None:
    with cities(City()):
        extra = {"archive": f"http://127.0.0.1:{closed_port()}"}
        settings = settings_at(
            tmp_path, server.base_url, sources={"city": {"base_url": server.base_url, "extra_hosts": extra}}
        )
        found = [finding for finding in examine(settings) if finding.check == "connection"]
    assert [finding.result for finding in found] == [Result.OK, Result.WARNING]


def test_offline_mode_reports_the_store_without_requests(tmp_path: Path, server: CityServer) -> None:
    server.answers["/paging"] = WRONG
    looked_at(tmp_path, City(), server=server)
    asked = len(server.requests)
    found = looked_at(tmp_path, City(), server=server, offline=True)
    assert len(server.requests) == asked
    assert [finding.holds for finding in found] == [True, False, True, None]
    assert found[-1].text == "all sources: not checked because of --offline."


def test_skipped_sources_say_why(tmp_path: Path, server: CityServer) -> None:
    with cities(City(), Suburb(), KeyedCity()):
        own = {"city": {"base_url": server.base_url}, "suburb": {"base_url": server.base_url, "enabled": False}}
        settings = settings_at(tmp_path, server.base_url, sources=own)
        left_out = {finding.check: finding.message for finding in examine(settings) if finding.result is Result.SKIPPED}
        named = results([finding for finding in examine(settings, only=["suburb"]) if finding.sources == ("suburb",)])
    assert left_out["Suburb"] == "disabled."
    assert left_out["Keyed city"] == "needs a key: set PROCUREWATCH_SOURCES__KEYED__KEY."
    assert named == GOOD | dict.fromkeys(NAMES, Result.OK), "a source that is named is asked even so"


def test_the_last_poll_is_reported(tmp_path: Path, server: CityServer) -> None:
    def poll(status: RunStatus, message: str = "") -> None:
        with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
            now = datetime.now(UTC)
            with database.writing() as session:
                row = RunRow(source="city", purpose="poll", started=now, ended=now, status=status, message=message)
                session.add(row)

    poll(RunStatus.NOTHING_NEW)
    assert results(looked_at(tmp_path, City(), server=server))["last poll"] is Result.OK
    poll(RunStatus.UNREACHABLE, "city: GET /\n: nobody there")
    [finding] = [each for each in looked_at(tmp_path, City(), server=server) if each.check == "last poll"]
    assert finding.result is Result.WARNING
    assert finding.message.endswith("source unreachable: city: GET / : nobody there.")


@pytest.mark.parametrize(
    ("hours", "result", "says"),
    [
        (0, Result.OK, "Within 1 s of 1 server."),
        (3, Result.PROBLEM, "This clock is 3 hours behind 1 server."),
        (-72, Result.PROBLEM, "This clock is 3 days ahead of 1 server."),
        (None, Result.SKIPPED, "No server sent its time."),
    ],
)
def test_the_local_clock_is_compared_with_servers(
    hours: int | None, result: Result, says: str, tmp_path: Path, server: CityServer
) -> None:
    if hours is not None:
        server.date = format_datetime(datetime.now(UTC) + timedelta(hours=hours))
    with cities(City()):
        [clock] = [each for each in examine(settings_at(tmp_path, server.base_url)) if each.check == "clock"]
    assert clock.result is result
    assert clock.message.startswith(says)


def test_one_server_with_a_wrong_clock_does_not_count(tmp_path: Path) -> None:
    dates = [datetime.now(UTC) + timedelta(hours=hours) for hours in (0, 0, 9)]
    replies = {str(date): network.Reply(ahead=(date - datetime.now(UTC)).total_seconds()) for date in dates}
    [clock] = network.check_clock(replies)
    assert clock.result is Result.OK


def test_unreadable_settings_skip_the_other_checks() -> None:
    found = list(examine(SettingsError("unknown variable A", "unknown variable B")))
    assert [each.message for each in found if each.section == "Settings"][:2] == [
        "unknown variable A.",
        "unknown variable B.",
    ]
    assert not any(each.section in ("Database", "Watchlist") for each in found)


def test_an_unknown_source_is_a_problem(tmp_path: Path, server: CityServer) -> None:
    with cities(City()):
        found = list(examine(settings_at(tmp_path, server.base_url, "city", "town")))
    assert [each.message for each in found if each.result is Result.PROBLEM] == ['There is no source "town".']
    assert json.dumps([each.text for each in found])
