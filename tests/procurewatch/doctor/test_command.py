"""`procurewatch doctor` as its user runs it, in processes of their own."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.registry import SOURCES
from tests.commands import PROGRAM, environment, run, start
from tests.processes import Process
from tests.sources.scripted_server import How, Script, ScriptedServer, closed_port
from tests.upstreams.sam_opportunities import KEY, SamOpportunities, notice
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

SIGNING_IN = {"PROCUREWATCH_WEB_TOKEN": "a-long-token"}
NOTHING_ELSE = {"PROCUREWATCH_ONLY_SOURCES": '["samnotices"]'}


def at(name: str, base_url: str, **more: str) -> dict[str, str]:
    """Return the variables under which a source is asked at an address."""
    given = {"BASE_URL": base_url, "SECONDS_BETWEEN": "0", **more}
    return {f"PROCUREWATCH_SOURCES__{name.upper()}__{key}": value for key, value in given.items()}


def test_a_good_server_gives_no_findings(tmp_path: Path) -> None:
    with FakeUsaspending(load_corpus()) as upstream:
        done = run(tmp_path, "doctor", base_url=upstream.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "USAspending" in lines
    assert lines[-1] == "Nothing to fix; 0 warnings."
    for check in ("program", "disk", "settings", "database", "watchlist", "control query"):
        assert any(line.startswith(f"ok      {check}: ") for line in lines), check
    for assumption in SOURCES["usaspending"].assumptions:
        assert any(line.startswith(f"ok      {assumption.name}: holds: ") for line in lines)


def test_the_json_report_has_no_secrets(tmp_path: Path) -> None:
    folder = Path.home() / "watch"
    with SamOpportunities() as upstream:
        refused = at("samnotices", upstream.base_url, KEY="wrong-key-of-mine")
        done = run(folder, "doctor", "--json", **refused, **NOTHING_ELSE, **SIGNING_IN)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert set(report) == {"version", "checked_at", "counts", "findings"}
    assert report["counts"]["problem"] == 1
    [problem] = [finding for finding in report["findings"] if finding["result"] == "problem"]
    assert (problem["sources"], problem["check"]) == (["samnotices"], "key")
    for secret in ("wrong-key-of-mine", "a-long-token", str(Path.home())):
        assert secret not in done.stdout + done.stderr
    assert "~/watch" in done.stdout


def test_checking_a_valid_key_costs_few_requests(tmp_path: Path) -> None:
    today = datetime.now(UTC).date().isoformat()
    with SamOpportunities([notice(1, postedDate=today)]) as upstream:
        accepted = at("samnotices", upstream.base_url, KEY=KEY)
        for _ in range(5):
            done = run(tmp_path, "doctor", **accepted, **NOTHING_ELSE)
        keyed = [request for request in upstream.requests if "x-api-key" in request.headers]
    assert done.returncode == 0, done.stdout
    assert len(keyed) == 3


def test_without_a_network_each_server_is_one_line(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    with ScriptedServer(Script(how=How.HANG)) as silent:
        asked = {name: value for each in SOURCES for name, value in at(each, nowhere).items()}
        asked |= at("federalregister", silent.base_url)
        quickly = "import procurewatch.doctor.network as network; network.MAX_SECONDS = 1.0\n"
        command = ["procurewatch", "--data-dir", str(tmp_path), "doctor"]
        with Process(quickly + PROGRAM, command, environment(**asked)) as process:
            out, err = process.communicate()
            assert process.wait() == 1
    problems = [line for line in out.splitlines() if line.startswith("problem")]
    assert len(problems) == 2, out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"PROCUREWATCH_POLL_HOUR": "3", "PROCUREWATCH_FEED_ENTRY": "3"}, "unknown variable PROCUREWATCH_"),
        ({"PROCUREWATCH_POLL_HOURS": "often", "PROCUREWATCH_FEED_ENTRIES": "0"}, "setting "),
    ],
)
def test_each_unreadable_setting_is_one_line(variables: dict[str, str], says: str, tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", **variables)
    assert (done.returncode, done.stderr) == (1, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("problem")] == [
        line for line in done.stdout.splitlines() if f"settings: {says}" in line
    ]
    assert done.stdout.count("problem settings: ") == 2
    other = run(tmp_path, "sources", **variables)
    assert (other.returncode, other.stderr.count("\n")) == (2, 1), "any other command ends at once"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"NO_PROXY": "fd00::/8"}, "NO_PROXY contains fd00::/8; list hosts and single addresses, not networks"),
        (
            {"ALL_PROXY": "socks5://u:hush@p.example"},
            'ALL_PROXY names a SOCKS proxy, which needs a package: pip install "httpx[socks]"',
        ),
        ({"SSL_CERT_FILE": "/no.pem"}, "SSL_CERT_FILE is /no.pem: No such file or directory"),
    ],
)
def test_other_commands_name_an_invalid_variable(variables: dict[str, str], said: str, tmp_path: Path) -> None:
    done = run(tmp_path, "poll", "--source", "dod", **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"procurewatch: dod: {said}\n"


def test_wrong_usage_has_its_own_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--source", "nasa")
    assert done.returncode == 2
    assert "unknown source 'nasa'" in done.stderr


def test_the_command_can_be_interrupted(tmp_path: Path) -> None:
    with (
        ScriptedServer(Script(how=How.HANG)) as silent,
        start(tmp_path, "doctor", base_url=silent.base_url) as process,
    ):
        while not silent.requests:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode not in (0, None)
    assert "Traceback" not in err
