"""A key reaches the source, as a header or in the address, and nothing else: no document, error, log or output."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from structlog.testing import capture_logs

from sources.errors import Blocked, QuotaUsedUp, Refused, SourceError
from sources.fields import read_json
from sources.http.client import Client, Timeouts
from tests.sources.clients import client_at
from tests.sources.fakes import CountingQuota
from tests.sources.scripted_server import How, Script, ScriptedServer, closed_port
from tests.upstreams.server import LOOPBACK, Answer, FakeServer, LoggedRequest

KEY = "s3cr3t-K3Y-4711"
TIMEOUTS = Timeouts(tries=2, first_wait=0.001)
HASTY = replace(TIMEOUTS, total=0.5)


def keyed(base_url: str, key: str = KEY, timeouts: Timeouts = TIMEOUTS, parameter: str = "", **how: Any) -> Client:
    """A client that has a key, and waits for nothing."""
    keys = {"X-Api-Key": key}
    return client_at(base_url, timeouts=timeouts, key_headers=keys, api_key_parameter=parameter, **how)


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


def test_a_key_is_sent_as_a_header_and_never_stored(logged: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer() as server, keyed(server.base_url) as client:
        documents = [client.get("/a/?b=c"), client.post("/a/", {"b": "c"})]
        assert [request.headers["x-api-key"] for request in server.requests] == [KEY, KEY]
        assert not any(KEY in request.path or KEY.encode() in request.body for request in server.requests)
    assert not any(KEY in repr(document) for document in documents)
    assert KEY not in repr(client)
    out, err = capfd.readouterr()
    assert KEY not in out + err


IN_HEADER_OR_URL = pytest.mark.parametrize("in_url", [False, True], ids=["in the header", "in the URL"])


@IN_HEADER_OR_URL
@pytest.mark.parametrize("failure", FAILURES)
def test_a_key_is_in_no_error_and_no_log(failure: Script, in_url: bool, logged: list[str]) -> None:
    timeouts = HASTY if failure.how is How.HANG else TIMEOUTS
    with ScriptedServer(failure) as server, keyed(server.base_url, timeouts=timeouts, parameter="api_key") as client:
        client.key_in_url = in_url
        with pytest.raises(SourceError) as caught:
            client.post("/a/?b=c", {"b": "c"})
    assert KEY in (server.requests[0].path if in_url else server.requests[0].headers["x-api-key"])
    assert not any(KEY in told for told in chain(caught.value))


@IN_HEADER_OR_URL
def test_a_key_is_in_no_connection_error(in_url: bool, logged: list[str]) -> None:
    with keyed(f"http://{LOOPBACK}:{closed_port()}", parameter="api_key") as client:
        client.key_in_url = in_url
        with pytest.raises(SourceError) as caught:
            client.get("/a/")
    assert not any(KEY in told for told in chain(caught.value))


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
def test_a_key_repeated_by_the_source_is_redacted(status: int, logged: list[str]) -> None:
    repeated = Script(status=status, body=f"your key {KEY}: \xfc".encode())
    with ScriptedServer(repeated) as server, keyed(server.base_url) as client, pytest.raises(SourceError) as caught:
        read_json(client.get("/a/"), "example")
    assert "your key [key]" in str(caught.value)
    assert not any(KEY in told for told in chain(caught.value))


def test_spaces_around_a_key_are_stripped() -> None:
    with ScriptedServer() as server, keyed(server.base_url, f" {KEY}\r\n") as client:
        client.get("/a/")
    assert server.requests[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize("broken", [f"{KEY}\n{KEY}", f"{KEY}\x00", f"{KEY}ü", f"{KEY}\x7f"])
def test_a_key_unfit_for_a_header_is_refused_without_showing_it(broken: str) -> None:
    with pytest.raises(ValueError, match=r"^example: its key holds characters that no header can carry$") as caught:
        keyed("http://127.0.0.1:9", broken)
    assert not any(KEY in told for told in chain(caught.value))


def test_each_retry_is_logged_once(logged: list[str]) -> None:
    with capture_logs() as events, ScriptedServer(Script(status=503, body=b"")) as server:
        with keyed(server.base_url) as client, pytest.raises(SourceError):
            client.get("/a/")
        assert len(server.requests) == TIMEOUTS.tries
    assert [event["event"] for event in events] == ["trying again"]


MISSING = [
    Answer(status=403, body=b'{"error": {"code": "API_KEY_MISSING", "message": "No API key was supplied."}}'),
    Answer(status=401, body=b'{"error": {"code": "API_KEY_INVALID"}}'),
    Answer(status=200, body=b"<h1>API_KEY_INVALID</h1>", content_type="text/html"),
    Answer(status=200, body=b'"No api_key was supplied"'),
    Answer(status=400, body=b'{"message": "An invalid api_key was supplied"}'),
    Answer(status=404, body=b'{"message": "No api_key was supplied"}'),
    Answer(status=403, body=b"<!doctype html><title>Access Denied</title>", content_type="text/html"),
]


class WantsItInTheAddress(FakeServer):
    """Reads the key from the parameter `api_key` alone; without it, gives `refusal`, with it what `then` says."""

    def __init__(self, refusal: Answer, then: Answer | None = None, key: str = KEY) -> None:
        self.refusal, self.then, self.key = refusal, then or Answer(body=b'{"good": true}'), key
        super().__init__()

    def answer(self, request: LoggedRequest) -> Answer:
        """Answer whoever has the key."""
        given = parse_qs(urlsplit(request.path).query).get("api_key", [])
        return self.then if given == [self.key] else self.refusal


@pytest.mark.parametrize("refusal", MISSING, ids=lambda answer: f"{answer.status} {answer.body[:40]!r}")
def test_an_ignored_key_header_falls_back_to_the_url(refusal: Answer, logged: list[str]) -> None:
    with WantsItInTheAddress(refusal) as server, keyed(server.base_url, parameter="api_key") as client:
        documents = [client.get("/a/?b=c"), client.get("/d/"), client.post("/e/", {"f": "g"})]
        assert client.key_in_url
    assert [request.path for request in server.requests] == [
        "/a/?b=c",
        f"/a/?b=c&api_key={KEY}",
        f"/d/?api_key={KEY}",
        f"/e/?api_key={KEY}",
    ]
    assert ["x-api-key" in request.headers for request in server.requests] == [True, False, False, False]
    assert [urlsplit(document.url).path for document in documents] == ["/a/", "/d/", "/e/"]
    assert not any("api_key" in document.url or KEY in repr(document) for document in documents)


def test_a_key_in_the_url_is_encoded_and_redacted(logged: list[str]) -> None:
    key = f"{KEY}+/=&?"
    repeated = f"{quote(key, safe='')} {key} {quote(key, safe='').lower()} {KEY}".encode()
    with WantsItInTheAddress(MISSING[0], Answer(status=400, body=repeated), key) as server:
        with keyed(server.base_url, key, parameter="api_key") as client, pytest.raises(Refused) as caught:
            client.get("/a/")
        assert len(server.requests) == 2
    hidden = str(caught.value).removesuffix(KEY)
    assert hidden == "example: GET /a/: HTTP 400: [key] [key] [key] "


def test_a_key_in_the_url_is_not_sent_to_another_host(tmp_path: Path, logged: list[str]) -> None:
    with ScriptedServer() as other, ScriptedServer() as home:
        repeats = f"{other.base_url}/there?x=1&api_key={KEY}"
        home.scripts[:] = [Script(status=302, headers={"Location": repeats}, body=b"moved")]
        with keyed(home.base_url, parameter="api_key") as client:
            client.key_in_url = True
            assert client.get("/a", follow_redirects=True).url == f"{other.base_url}/there?x=1"
            assert client.download("/a", tmp_path / "file").url == f"{other.base_url}/there?x=1"
    assert [request.path for request in home.requests] == [f"/a?api_key={KEY}"] * 2
    assert [request.path for request in other.requests] == ["/there?x=1"] * 2


@pytest.mark.parametrize("refusal", MISSING[:2])
def test_a_key_refused_both_ways_is_sent_in_the_url_once(refusal: Answer, logged: list[str]) -> None:
    with WantsItInTheAddress(refusal, refusal) as server, keyed(server.base_url, parameter="api_key") as client:
        for _ in range(3):
            with pytest.raises(Blocked):
                client.get("/a/")
        assert not client.key_in_url
    assert sum(KEY in request.path for request in server.requests) == 1
    assert len(server.requests) == 4


def test_a_server_error_does_not_change_the_key_method() -> None:
    missing, ill = Script(status=403, body=b"API_KEY_MISSING"), Script(status=503, body=b"")
    with (
        ScriptedServer(missing, ill, missing, Script()) as server,
        keyed(server.base_url, parameter="api_key") as client,
    ):
        assert client.get("/a/").body == Script().body
        assert client.key_in_url
    assert [KEY in request.path for request in server.requests] == [False, True, False, True]
    with ScriptedServer(missing, Script(how=How.RESET), missing, Script()) as server:
        with keyed(server.base_url, parameter="api_key") as client:
            assert client.get("/a/").body == Script().body
        assert len(server.requests) == 4


@pytest.mark.parametrize("status", [401, 403])
def test_after_the_key_was_accepted_a_refusal_is_final(status: int) -> None:
    with ScriptedServer(Script(), Script(status=status, body=b"no")) as server:
        with keyed(server.base_url, parameter="api_key") as client:
            client.get("/a/")
            with pytest.raises(SourceError):
                client.get("/b/")
        assert [request.path for request in server.requests] == ["/a/", "/b/"]


def test_a_404_does_not_change_the_key_method() -> None:
    with ScriptedServer(Script(status=404, body=b"no such file")) as server:
        with keyed(server.base_url, parameter="api_key") as client, pytest.raises(Refused):
            client.get("/a/")
        assert [request.path for request in server.requests] == ["/a/"]


def test_both_key_methods_count_toward_the_quota() -> None:
    quota = CountingQuota(10)
    with WantsItInTheAddress(MISSING[0]) as server:
        with keyed(server.base_url, parameter="api_key", quota=quota) as client:
            client.get("/a/")
            assert quota.remaining() == 8
        with keyed(server.base_url, parameter="api_key", quota=quota) as client:
            client.key_in_url = True
            client.get("/a/")
        assert quota.remaining() == 7
        with keyed(server.base_url, parameter="api_key", quota=CountingQuota(1)) as client, pytest.raises(QuotaUsedUp):
            client.get("/a/")


@pytest.mark.parametrize(("key", "parameter"), [(KEY, ""), ("", "api_key")])
def test_without_a_key_or_parameter_there_is_no_fallback(key: str, parameter: str) -> None:
    with WantsItInTheAddress(MISSING[0]) as server, keyed(server.base_url, key, parameter=parameter) as client:
        client.key_in_url = True
        with pytest.raises(Blocked):
            client.get("/a/")
        assert [request.path for request in server.requests] == ["/a/"]
