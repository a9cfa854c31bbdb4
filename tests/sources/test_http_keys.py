"""A key reaches the source as a header, and nothing else: no document, no error, no log, no output."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from sources.errors import SourceError
from sources.http import Client, Pace, Patience
from sources.reading import read_json
from tests.sources.scripted_server import LOOPBACK, How, Script, ScriptedServer, closed_port

KEY = "s3cr3t-K3Y-4711"
PATIENCE = Patience(tries=2, first_wait=0.001)
HASTY = replace(PATIENCE, whole_answer=0.5)


def keyed(base_url: str, key: str = KEY, patience: Patience = PATIENCE) -> Client:
    """A client that has a key, and waits for nothing."""
    pace = Pace(seconds_between=0)
    keys = {"X-Api-Key": key}
    return Client(
        "example", base_url=base_url, pace=pace, patience=patience, key_headers=keys, sleep=lambda _seconds: None
    )


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that any library logs, at any level, once the test has asked."""
    told: list[str] = []
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    with capture_logs() as events:
        yield told
        told += [str(event) for event in events]
    told += [f"{record.getMessage()} {record.args!r}" for record in caplog.get_records("call")]
    assert any("HTTP Request" in line or "connect_tcp" in line for line in told)  # the capture itself works
    assert not any(KEY in line for line in told)


FAILURES = [
    Script(status=403, body=b"no"),
    Script(status=404),
    Script(status=429, headers={"Retry-After": "9999"}),
    Script(status=500),
    Script(status=503, body=b""),
    Script(status=302, headers={"Location": "/other/"}),
    Script(how=How.RESET),
    Script(how=How.CUT),
    Script(how=How.HANG),
]


def chain(error: BaseException | None) -> Iterator[str]:
    """What an error and all that led to it say."""
    while error is not None:
        yield f"{error} {error!r} {error.__dict__}"
        error = error.__cause__ or error.__context__


def test_a_key_travels_as_a_header_and_stands_in_no_document(
    logged: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server, keyed(server.base_url) as client:
        documents = [client.get("/a/?b=c"), client.post("/a/", {"b": "c"})]
        assert [request.headers["x-api-key"] for request in server.requests] == [KEY, KEY]
        assert not any(KEY in request.path or KEY.encode() in request.body for request in server.requests)
    assert not any(KEY in repr(document) for document in documents)
    assert KEY not in repr(client)
    out, err = capfd.readouterr()
    assert KEY not in out + err


@pytest.mark.parametrize("failure", FAILURES)
def test_a_key_stands_in_no_error_and_no_log(failure: Script, logged: list[str]) -> None:
    patience = HASTY if failure.how is How.HANG else PATIENCE
    with (
        ScriptedServer(failure) as server,
        keyed(server.base_url, patience=patience) as client,
        pytest.raises(SourceError) as caught,
    ):
        client.post("/a/", {"b": "c"})
    assert server.requests[0].headers["x-api-key"] == KEY
    assert not any(KEY in told for told in chain(caught.value))


def test_a_key_stands_in_no_error_when_nobody_listens(logged: list[str]) -> None:
    with keyed(f"http://{LOOPBACK}:{closed_port()}") as client, pytest.raises(SourceError) as caught:
        client.get("/a/")
    assert not any(KEY in told for told in chain(caught.value))


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
def test_a_key_that_the_source_repeats_is_taken_out(status: int, logged: list[str]) -> None:
    repeated = Script(status=status, body=f"your key {KEY}: \xfc".encode())
    with ScriptedServer(repeated) as server, keyed(server.base_url) as client, pytest.raises(SourceError) as caught:
        read_json(client.get("/a/"), "example")
    assert "your key [key]" in str(caught.value)
    assert not any(KEY in told for told in chain(caught.value))


def test_a_key_copied_with_blanks_around_it_is_used_without_them() -> None:
    with ScriptedServer() as server, keyed(server.base_url, f" {KEY}\r\n") as client:
        client.get("/a/")
    assert server.requests[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize("broken", [f"{KEY}\n{KEY}", f"{KEY}\x00", f"{KEY}ü", f"{KEY}\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_unspoken(broken: str) -> None:
    with pytest.raises(ValueError, match=r"^example: its key holds characters that no header can carry$") as caught:
        keyed("http://127.0.0.1:9", broken)
    assert not any(KEY in told for told in chain(caught.value))


def test_one_retry_is_announced_once(logged: list[str]) -> None:
    with capture_logs() as events, ScriptedServer(Script(status=503, body=b"")) as server:
        with keyed(server.base_url) as client, pytest.raises(SourceError):
            client.get("/a/")
        assert len(server.requests) == PATIENCE.tries
    assert [event["event"] for event in events] == ["trying again"]
