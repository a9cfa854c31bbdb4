"""A large file is read while it comes, over as many connections as it takes, and never from two versions."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import sources.http.client as client_module
import sources.http.deadline as deadline_module
import sources.http.transfer as transfer_module
from sources.errors import Blocked, Refused, SourceError, Unreachable
from sources.http.client import Client, RateLimit, Timeouts
from sources.http.transfer import FileChanged, RemoteFile, Transfer, TransferReader, remote_file
from tests.sources.clients import client_at
from tests.sources.scripted_server import How, Script, ScriptedServer
from tests.upstreams.usaspending.archive import FOLDER, FakeArchive, Serving

NAME = "FY2024_070_Contracts_Full_20261106.zip"
PATH = FOLDER + NAME
BODY = bytes(range(256)) * 3000
TIMEOUTS = Timeouts(connect=5, read=10, total=30, tries=3, first_wait=0.001)


class Clock:
    """A module `time` whose seconds a test sets."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@contextmanager
def hosting(*serving: Serving, timeouts: Timeouts = TIMEOUTS) -> Iterator[tuple[FakeArchive, Client]]:
    with FakeArchive({NAME: BODY}) as server, client_at(server.base_url, timeouts=timeouts) as client:
        server.serve(NAME, *serving)
        yield server, client


def ranges(server: FakeArchive) -> list[str]:
    return [request.headers.get("range", "") for request in server.requests]


def test_a_file_comes_whole_and_as_it_is_stored() -> None:
    with hosting(Serving.WELL) as (server, client):
        transfer = Transfer(client, PATH)
        assert b"".join(transfer) == BODY
        assert (transfer.position, ranges(server)) == (len(BODY), [""])
        assert server.requests[0].headers["accept-encoding"] == "identity"
        etag = server.files[NAME].etag
        assert transfer.remote == RemoteFile(url=f"{server.base_url}{PATH}", size=len(BODY), etag=etag)


def test_a_cut_connection_continues_where_it_stopped() -> None:
    with hosting(Serving.CUT, Serving.CUT, Serving.WELL) as (server, client):
        assert b"".join(Transfer(client, PATH)) == BODY
        half, rest = len(BODY) // 2, len(BODY) // 4
        assert ranges(server) == ["", f"bytes={half}-", f"bytes={half + rest}-"]
        assert {request.headers.get("if-range") for request in server.requests[1:]} == {server.files[NAME].etag}


def test_without_ranges_the_beginning_is_read_again_and_left_out() -> None:
    with hosting(Serving.CUT, Serving.NO_RANGES) as (server, client):
        assert b"".join(Transfer(client, PATH)) == BODY
        assert len(server.requests) == 2


@pytest.mark.parametrize("start", [0, 1, len(BODY) // 3, len(BODY)])
def test_a_transfer_continues_an_earlier_one(start: int) -> None:
    with hosting(Serving.WELL) as (server, client):
        known = RemoteFile(url="", size=len(BODY), etag=server.files[NAME].etag)
        assert b"".join(Transfer(client, PATH, start=start, known=known)) == BODY[start:]


@pytest.mark.parametrize("start", [100, len(BODY), len(BODY) + 5])
def test_another_version_is_never_joined_to_the_first_one(start: int) -> None:
    with hosting(Serving.REPLACED) as (server, client):
        known = RemoteFile(url="", size=len(BODY), etag=server.files[NAME].etag)
        with pytest.raises(FileChanged, match="was replaced by another one while it was read"):
            list(Transfer(client, PATH, start=start, known=known))


def test_a_file_replaced_in_the_middle_is_noticed() -> None:
    with hosting(Serving.CUT, Serving.REPLACED) as (server, client):
        received = []
        with pytest.raises(FileChanged):
            for chunk in Transfer(client, PATH):
                received.append(chunk)  # noqa: PERF402  what came before the error
        assert b"".join(received) == BODY[: len(BODY) // 2]
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("serving", "kind", "requests"),
    [(Serving.MISSING, Refused, 1), (Serving.UNAVAILABLE, Unreachable, 3), (Serving.CUT, Unreachable, 3)],
)
def test_a_transfer_gives_up(serving: Serving, kind: type[SourceError], requests: int) -> None:
    with hosting(serving) as (server, client), pytest.raises(kind):
        list(Transfer(client, PATH))
    assert len(server.requests) == requests


def test_connections_that_give_much_are_not_counted_as_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_module, "PART_SIZE", len(BODY) // 64)
    with hosting(*[Serving.CUT] * 5, Serving.WELL) as (server, client):  # the fifth still gives two parts
        assert b"".join(Transfer(client, PATH)) == BODY
        assert len(server.requests) == 6


def test_a_server_that_sends_a_byte_now_and_then_is_given_up() -> None:
    slow = Timeouts(connect=5, read=10, total=0.2, tries=2, first_wait=0.001)
    with hosting(Serving.DRIP, timeouts=slow) as (server, client):
        transfer = Transfer(client, PATH)
        with pytest.raises(Unreachable, match="took longer than"):
            list(transfer)
        assert 0 < transfer.position < len(BODY)
        assert len(server.requests) == 2


def test_the_time_of_the_reader_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(client_module, "time", clock)
    monkeypatch.setattr(deadline_module, "time", clock)
    with hosting(Serving.WELL) as (_, client):
        size = 0
        for chunk in Transfer(client, PATH):
            size += len(chunk)
            clock.seconds += TIMEOUTS.total * 2
    assert size == len(BODY)


def test_a_403_is_not_retried() -> None:
    with ScriptedServer(Script(status=403)) as server, client_at(server.base_url) as client:
        with pytest.raises(Blocked):
            list(Transfer(client, "/x"))
        assert len(server.requests) == 1


def test_a_file_of_unknown_size_ends_with_its_connection() -> None:
    whole = Script(body=b"abc", headers={"Content-Length": ""})
    with ScriptedServer(whole) as server, client_at(server.base_url) as client:
        transfer = Transfer(client, "/x")
        assert b"".join(transfer) == b"abc"
        assert transfer.remote is not None
        assert transfer.remote.size is None


@pytest.mark.parametrize(
    ("remote", "validator"),
    [
        (RemoteFile(url="", size=1, etag='"a"', modified="Fri"), '"a"'),
        (RemoteFile(url="", size=1, etag='W/"a"', modified="Fri"), "Fri"),
        (RemoteFile(url="", size=1, etag='W/"a"'), ""),
        (RemoteFile(url="", size=1, modified="Fri"), "Fri"),
    ],
)
def test_a_weak_etag_does_not_validate_a_range(remote: RemoteFile, validator: str) -> None:
    assert remote.validator == validator


def test_the_size_of_a_file_is_known_without_reading_it() -> None:
    with hosting(Serving.WELL) as (server, client):
        assert remote_file(client, PATH).size == len(BODY)
        assert [request.method for request in server.requests] == ["HEAD"]
        with pytest.raises(Refused):
            remote_file(client, f"{FOLDER}nothing.zip")


def test_a_size_is_asked_for_again_after_a_failure() -> None:
    good = Script(headers={"Content-Length": "17"}, body=b"")
    with ScriptedServer(Script(how=How.RESET), good) as server, client_at(server.base_url) as client:
        assert remote_file(client, "/x").size == 17
        assert len(server.requests) == 2


def test_a_transfer_is_read_as_a_file() -> None:
    read = bytearray()
    with hosting(Serving.CUT, Serving.WELL) as (_, client):
        file = io.BufferedReader(TransferReader(Transfer(client, PATH), read.extend))
        assert file.read(5) == BODY[:5]
        assert file.read() == BODY[5:]
        assert file.read(1) == b""
    assert read == BODY


def test_transfers_wait_for_their_turn() -> None:
    waits: list[float] = []
    with FakeArchive({NAME: BODY}) as server:
        limit = RateLimit(seconds_between=0.5)
        with client_at(server.base_url, rate_limit=limit, sleep=waits.append) as client:
            for _ in range(2):
                assert b"".join(Transfer(client, PATH)) == BODY
    assert waits == [pytest.approx(0.5, abs=0.1)]
