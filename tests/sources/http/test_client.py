"""The client over real HTTP: what it repeats, what it never repeats, and what each failure is called."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from importlib.metadata import version

import pytest

from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable
from sources.fields import read_json
from sources.http import client as http_client
from sources.http.client import RateLimit, Timeouts
from sources.http.decoding import PIECE, decoded
from sources.http.status import read_retry_after
from sources.records import Document
from tests.sources.clients import client_at
from tests.sources.payloads import document
from tests.sources.scripted_server import How, Script, ScriptedServer, closed_port
from tests.upstreams.server import LOOPBACK, Answer, FakeServer, LoggedRequest

PATIENT = Timeouts(connect=10, read=10, total=10, tries=3, first_wait=1.0, max_retry_after=60.0)
HASTY = replace(PATIENT, read=0.5, total=0.6)
GOOD = Script()
PAGE = Script(headers={"Content-Type": "text/html"}, body=b"<!doctype html>\n<title>Access\tDenied</title>")


def never(seconds: float) -> None:
    """The sleep of a client that has nothing to wait for."""
    raise AssertionError(f"slept for {seconds} seconds")


def asked(*scripts: Script) -> tuple[Document | SourceError, int, list[float]]:
    """Ask a server of these scripts once: what came of it, how many requests it received, the waits between them."""
    waits: list[float] = []
    timeouts = HASTY if scripts[0].how in (How.HANG, How.DRIP) else PATIENT
    with (
        ScriptedServer(*scripts) as server,
        client_at(server.base_url, sleep=waits.append, timeouts=timeouts) as asking,
    ):
        outcome: Document | SourceError
        try:
            outcome = asking.post("/api/things/", {"b": 1, "a": "ü"})
        except SourceError as error:
            outcome = error
        assert asking.requests_sent == len(server.requests)
        return outcome, len(server.requests), waits


def test_a_response_is_returned_byte_for_byte_with_its_url() -> None:
    body = b'{ "b" : [1.10,  2],\n"unknown":null }\n'
    before = datetime.now(UTC)
    with ScriptedServer(Script(body=body)) as server, client_at(server.base_url, sleep=never) as asking:
        posted = asking.post("/api/things/", {"b": 1, "a": "ü"})
        got = asking.get("/api/things/A%2FB%20C/?page=2")
        first, second = server.requests
    assert posted.body == got.body == body
    assert (posted.url, posted.request) == (f"{server.base_url}/api/things/", '{"a": "\\u00fc", "b": 1}')
    assert (got.url, got.request) == (f"{server.base_url}/api/things/A%2FB%20C/?page=2", "")
    assert posted.content_type == "application/json"
    assert before <= posted.retrieved_at <= got.retrieved_at <= datetime.now(UTC)
    assert (first.method, first.body.decode(), second.method, second.body) == ("POST", posted.request, "GET", b"")
    assert first.headers["content-type"] == first.headers["accept"] == "application/json"
    assert second.path == "/api/things/A%2FB%20C/?page=2"


PASSING = [
    pytest.param(Script(how=How.RESET), id="reset"),
    pytest.param(Script(how=How.HANG_UP), id="hung up"),
    pytest.param(Script(how=How.CUT), id="cut transfer"),
    pytest.param(Script(how=How.HANG), id="no answer in time"),
    pytest.param(Script(how=How.DRIP, pause=0.2), id="drip"),
    pytest.param(Script(status=429), id="429"),
    pytest.param(Script(status=500, body=b"<h1>Server Error (500)</h1>"), id="500"),
    pytest.param(Script(status=502, body=b"<h1>Bad Gateway</h1>"), id="502"),
    pytest.param(Script(status=503, body=b""), id="503"),
    pytest.param(Script(status=504, body=b""), id="504"),
    *[pytest.param(Script(status=status), id=str(status)) for status in range(520, 525)],
    pytest.param(Script(body=b""), id="empty"),
    pytest.param(Script(body=b" \r\n "), id="blank"),
    pytest.param(Script(status=204, body=b""), id="204"),
]


@pytest.mark.parametrize("bad", PASSING)
def test_transient_errors_are_retried_with_growing_waits(bad: Script) -> None:
    outcome, requests, waits = asked(bad, bad, GOOD)
    assert isinstance(outcome, Document)
    assert json.loads(outcome.body) == {"good": True}
    assert requests == 3
    assert [1 <= waits[0] <= 2, 2 <= waits[1] <= 3] == [True, True]


@pytest.mark.parametrize("bad", PASSING)
def test_permanent_errors_raise_their_type_after_all_attempts(bad: Script) -> None:
    outcome, requests, waits = asked(bad)
    assert isinstance(outcome, QuotaUsedUp if bad.status == 429 else Unreachable)
    assert (requests, len(waits)) == (3, 2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Blocked),
        (403, Blocked),
        (404, Refused),
        (405, Refused),
        (410, Refused),
        (422, Refused),
        (501, Unreachable),
        (505, Unreachable),
        (519, Unreachable),
        (525, Unreachable),
        (301, SourceChanged),
        (302, SourceChanged),
        (307, SourceChanged),
        (308, SourceChanged),
    ],
)
def test_refusals_and_malformed_responses_are_not_retried(status: int, kind: type[SourceError]) -> None:
    headers = {"Location": "/elsewhere/"} if status < 400 else {"Retry-After": "1"}
    outcome, requests, waits = asked(Script(status=status, headers=headers, body=b'{"detail": "no\n such thing"}'))
    assert type(outcome) is kind
    assert (requests, waits, outcome.status) == (1, [], status)
    told = f"HTTP {status}: moved to /elsewhere/" if status < 400 else f'HTTP {status}: {{"detail": "no such thing"}}'
    assert str(outcome) == f"example: POST /api/things/: {told}"


def test_a_refused_connection_is_retried() -> None:
    port = closed_port()
    waits: list[float] = []
    with ScriptedServer() as other:  # keeps the port of the test free of this one
        assert other.base_url != f"http://{LOOPBACK}:{port}"

    with (
        client_at(f"http://{LOOPBACK}:{port}", sleep=waits.append) as asking,
        pytest.raises(Unreachable) as caught,
    ):
        asking.get("/x/")
    assert (asking.requests_sent, len(waits)) == (3, 2)
    assert "example: GET /x/: ConnectError: " in str(caught.value)

    started: list[ScriptedServer] = []
    with client_at(f"http://{LOOPBACK}:{port}", sleep=lambda _: started.append(ScriptedServer(port=port))) as asking:
        try:
            assert asking.get("/x/").body == GOOD.body
            assert [len(server.requests) for server in started] == [1]
        finally:
            for server in started:
                server.close()


def header(retry_after: str | timedelta) -> dict[str, str]:
    """A Retry-After header; a time from now is written as a date."""
    if isinstance(retry_after, timedelta):
        return {"Retry-After": format_datetime(datetime.now(UTC) + retry_after, usegmt=True)}
    return {"Retry-After": retry_after}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("7", 7, 7.2),
        ("0", 0, 0.2),
        (" 7 ", 7, 7.2),
        (timedelta(seconds=40), 35, 40.2),
        (timedelta(days=-3), 0, 0.2),
    ],
)
def test_retry_after_is_respected(status: int, retry_after: str | timedelta, least: float, most: float) -> None:
    outcome, requests, waits = asked(Script(status=status, headers=header(retry_after)), GOOD)
    assert isinstance(outcome, Document)
    assert requests == 2
    assert least <= waits[0] <= most
    assert len(waits) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "retry_after",
    ["3600", "2592000", timedelta(hours=1), "9" * 400, timedelta(days=9999), str(int(time.time()) + 7200)],
    ids=["an hour", "thirty days", "a date", "a huge number", "a distant date", "an epoch"],
)
def test_too_long_a_retry_after_ends_at_once_with_the_time(status: int, retry_after: str | timedelta) -> None:
    outcome, requests, waits = asked(Script(status=status, headers=header(retry_after)))
    assert type(outcome) is (QuotaUsedUp if status == 429 else Unreachable)
    assert (requests, waits, outcome.status) == (1, [], status)
    assert outcome.retry_at is not None
    ahead = outcome.retry_at - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead <= timedelta(days=1)
    assert str(outcome).endswith(f"; the next request is allowed at {outcome.retry_at:%Y-%m-%d %H:%M} UTC")


@pytest.mark.parametrize(
    "rubbish",
    ["", "soon", "-5", "1.5", "Mon, 31 Feb 2024 00:00:00 GMT", "Mon, 01 Jan 99999999999 00:00 GMT", "\xb2"],
)
def test_an_invalid_retry_after_uses_the_default_wait(rubbish: str) -> None:
    outcome, requests, waits = asked(Script(status=429, headers={"Retry-After": rubbish}), GOOD)
    assert isinstance(outcome, Document)
    assert requests == 2
    assert 1 <= waits[0] <= 2


def test_retry_after_may_be_a_unix_time() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert read_retry_after(f"{now.timestamp() + 45:.0f}", now) == 45
    assert read_retry_after(f"{now.timestamp() - 45:.0f}", now) == 0
    assert read_retry_after("2000000000", now) == 86_400


def test_retry_after_without_a_zone_is_utc_and_with_one_is_converted() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert read_retry_after("Thu, 01 Jan 2026 12:00:30", now) == 30
    assert read_retry_after("Thu, 01 Jan 2026 07:01:00 -0500", now) == 60
    assert read_retry_after(None, now) is None


def test_too_large_a_response_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(http_client.MAX_BODY_SIZE + 1))
    outcome, _, _ = asked(Script(headers={"Content-Encoding": "gzip"}, body=bomb))
    assert isinstance(outcome, Unreachable)
    assert f"the response is larger than {64 * 1024 * 1024} bytes" in str(outcome)
    monkeypatch.setattr(http_client, "MAX_BODY_SIZE", 100_000)
    outcome, _, _ = asked(Script(body=b'"' + b"x" * 100_000))
    assert "the response is larger than 100000 bytes" in str(outcome)
    outcome, _, _ = asked(Script(body=b"x" * 100_000))
    assert isinstance(outcome, Document)


def test_only_one_gzip_is_decoded() -> None:
    body = b'{"good": true}' * 100_000
    packed = Script(headers={"Content-Encoding": "GZIP"}, body=gzip.compress(body[:5]) + gzip.compress(body[5:]))
    with ScriptedServer(packed) as server, client_at(server.base_url) as asking:
        assert asking.get("/x/").body == body
        assert server.requests[0].headers["accept-encoding"] == "gzip"
    for encoding in ("gzip, gzip", "gzip, identity", "deflate", "br"):
        outcome, requests, waits = asked(Script(headers={"Content-Encoding": encoding}, body=gzip.compress(body)))
        assert isinstance(outcome, SourceChanged)
        assert outcome.came_back == f"HTTP 200 encoded as {encoding!r}; only gzip is accepted"
        assert (requests, waits) == (1, [])
    for broken in (gzip.compress(body)[:-9], b"\x1f\x8bno", gzip.compress(body) + b"rest"):
        outcome, requests, _ = asked(Script(headers={"Content-Encoding": "gzip"}, body=broken))
        assert isinstance(outcome, Unreachable)
        assert "the compressed body cannot be read" in str(outcome)
        assert requests == 3


def test_a_compressed_body_is_decoded_in_pieces_of_bounded_size() -> None:
    body = bytes(10 * 1024 * 1024)
    packed = gzip.compress(body)
    pieces = [len(piece) for piece in decoded([packed[:50], packed[50:]], "gzip")]
    assert (sum(pieces), max(pieces)) == (len(body), PIECE)


def test_a_response_slower_than_the_deadline_is_aborted() -> None:
    begun = time.monotonic()
    outcome, requests, _ = asked(Script(body=b"x" * 10_000, how=How.DRIP, pause=0.01))
    assert "the response took longer than 0.6 seconds" in str(outcome)
    assert requests == 3
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "body",
    [
        PAGE.body,
        b'{"results": [{"a": 1}, {"b"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e99999999999999999999}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{",
        b"\x1f\x8b\x08",
    ],
)
def test_a_response_without_a_json_object_means_the_source_changed(body: bytes) -> None:
    with pytest.raises(SourceChanged) as caught:
        read_json(document(body), "example")
    told = str(caught.value)
    assert told.startswith("example: https://x.test/: not ")
    assert told.isprintable()
    assert len(told) < 300


def test_html_instead_of_json_means_the_source_changed() -> None:
    outcome, requests, _ = asked(PAGE)
    assert isinstance(outcome, Document)
    assert requests == 1
    with pytest.raises(SourceChanged, match="not JSON but text/html: <!doctype html> <title>Access Denied</title>"):
        read_json(outcome, "example")


def test_decimals_are_read_exactly() -> None:
    assert read_json(document(b'{"a": 0.1, "b": 61241.34, "c": 12, "d": "\\ud83d\\ude00"}'), "example") == {
        "a": Decimal("0.1"),
        "b": Decimal("61241.34"),
        "c": 12,
        "d": "😀",
    }


@pytest.mark.parametrize(
    "script",
    [
        *PASSING,
        pytest.param(Script(status=403, body="\x00\x1b[31m\u202e\r\nno".encode() * 500), id="403"),
        pytest.param(Script(status=501, body=b"a\n" * 900), id="501"),
        pytest.param(Script(status=302), id="302"),
        pytest.param(Script(status=404, body=b""), id="404"),
    ],
)
def test_every_error_is_one_line_with_source_request_and_response(script: Script) -> None:
    outcome, _, _ = asked(script)
    assert isinstance(outcome, SourceError)
    told = str(outcome)
    assert told.startswith("example: POST /api/things/: ")
    assert told.isprintable()
    assert len(told) < 400
    broken = {How.RESET: "ReadError", How.HANG_UP: "RemoteProtocolError", How.CUT: "RemoteProtocolError"}
    expected = {How.HANG: "ReadTimeout", How.DRIP: "ReadTimeout", How.WHOLE: f"HTTP {script.status}", **broken}
    assert expected[script.how] in told


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        ("desk@example.org", "desk@example.org"),
        ("https://example.org/~us?a=b%20c", "https://example.org/~us?a=b%20c"),
        ("", "no contact set"),
        ("  \n", "no contact set"),
        ("desk@köln.example", "desk@k%C3%B6ln.example"),
        ("a\r\nX-Evil: (b)", "a%0D%0AX-Evil: %28b%29"),
    ],
)
def test_the_user_agent_has_name_and_contact(contact: str, told: str) -> None:
    with ScriptedServer() as server, client_at(server.base_url, sleep=never, contact=contact) as asking:
        asking.get("/")
    assert server.requests[0].headers["user-agent"] == f"procurewatch/{version('procurewatch')} ({told})"
    assert "x-evil" not in server.requests[0].headers


@pytest.mark.parametrize("status", [200, 422, 503])
@pytest.mark.parametrize(("body", "is_empty"), [(b"", True), (b" \n", True), (b"{", False)])
def test_an_error_says_whether_the_response_had_a_body(status: int, body: bytes, is_empty: bool) -> None:
    outcome, _, _ = asked(Script(status=status, body=body))
    assert (isinstance(outcome, SourceError) and outcome.body_was_empty) == is_empty
    cut_off, _, _ = asked(Script(how=How.HANG_UP))
    assert isinstance(cut_off, SourceError)
    assert not cut_off.body_was_empty


@pytest.mark.parametrize("tries", [1, 2])
def test_a_caller_may_limit_the_attempts(tries: int) -> None:
    bad = Script(status=503, body=b"")
    with ScriptedServer(bad) as server, client_at(server.base_url) as asking:
        with pytest.raises(Unreachable):
            asking.post("/x/", {}, tries=tries)
        assert len(server.requests) == tries


def test_the_default_timeout_allows_ninety_seconds() -> None:
    timeouts = Timeouts()
    assert timeouts.total > timeouts.read > 90


@pytest.mark.parametrize("bad", [503, 500, 520, 200])
def test_a_retry_uses_a_new_connection(bad: int) -> None:
    with KeepsConnections(bad) as server, client_at(server.base_url) as asking:
        asking.get("/x/")
        asking.get("/y/")
        asking.get("/z/")
    first, second, third, fourth = server.ports
    assert first != second
    assert second == third == fourth  # a good connection is kept


class KeepsConnections(FakeServer):
    """Answers first badly, with this status and without a body, then well; `ports` are those it was asked from."""

    def __init__(self, bad: int) -> None:
        self.bad = bad
        self.ports: list[int] = []
        super().__init__()

    def answer(self, _: LoggedRequest) -> Answer:
        """Return the next answer."""
        return Answer(status=200, body=b"{}") if self.ports else Answer(status=self.bad)

    def transmit(self, connection: socket.socket, answer: Answer) -> bool:
        """Note the connection, and keep it."""
        self.ports.append(connection.getpeername()[1])
        return super().transmit(connection, answer)


def test_retries_are_rate_limited_too() -> None:
    starts = [time.monotonic()]
    bad = Script(status=503, body=b"")
    with (
        ScriptedServer(GOOD, GOOD, bad, GOOD) as server,
        client_at(
            server.base_url,
            sleep=lambda seconds: starts.append(time.monotonic() + seconds),
            timeouts=replace(PATIENT, first_wait=0.001),
            rate_limit=RateLimit(seconds_between=100),
        ) as asking,
    ):
        for _ in range(3):
            asking.get("/")
        assert len(server.requests) == 4
    backoff = starts.pop(3)
    assert [round(start - starts[0], -1) for start in starts] == [0, 100, 200, 300]
    assert backoff - starts[0] < 1


def test_threads_share_the_rate_limit() -> None:
    moments: list[float] = []
    lock = threading.Lock()

    def note(seconds: float) -> None:
        with lock:
            moments.append(time.monotonic() + seconds)

    rate_limit = RateLimit(seconds_between=100, at_once=4)
    begun = time.monotonic()
    with ScriptedServer() as server, client_at(server.base_url, sleep=note, rate_limit=rate_limit) as asking:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(asking.get, ["/"] * 8))
        assert asking.requests_sent == len(server.requests) == 8
    assert sorted(round(moment - begun, -1) for moment in moments) == [100, 200, 300, 400, 500, 600, 700]


@pytest.mark.parametrize("at_once", [1, 3])
def test_concurrent_requests_are_limited(at_once: int) -> None:
    rate_limit = RateLimit(seconds_between=0, at_once=at_once)
    with ScriptedServer(Script(how=How.LATE, pause=0.05)) as server:
        with (
            client_at(server.base_url, sleep=never, rate_limit=rate_limit) as asking,
            ThreadPoolExecutor(9) as pool,
        ):
            list(pool.map(asking.get, ["/"] * 9))
        assert (server.most_at_once, len(server.requests)) == (at_once, 9)


def test_loopback_requests_bypass_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = f"http://{LOOPBACK}:{closed_port()}"
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, dead)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ScriptedServer() as server, client_at(server.base_url, sleep=never) as asking:
        assert asking.get("/").body == GOOD.body
    with client_at("http://api.example.invalid") as elsewhere, pytest.raises(Unreachable, match="refused"):
        elsewhere.get("/")
