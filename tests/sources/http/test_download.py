"""Large files go to disk, with their hash; a failed one is told as such."""

from __future__ import annotations

import gzip
import hashlib
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, TooLarge, Unreachable
from sources.http.client import Client, Timeouts
from tests.sources.clients import client_at
from tests.sources.scripted_server import How, Script, ScriptedServer

TIMEOUTS = Timeouts(connect=5, read=2, total=30, tries=3, first_wait=0.001)
KEY = "s3cr3t-K3Y-4711"
BODY = bytes(range(256)) * 5000
FILE = Script(headers={"Content-Type": "application/zip"}, body=BODY)


def client(base_url: str, **also: str) -> Client:
    return client_at(base_url, timeouts=TIMEOUTS, key_headers={"X-Api-Key": KEY}, extra_hosts=also)


def test_a_download_is_complete_with_hash_and_url(tmp_path: Path) -> None:
    file = tmp_path / "file.zip"
    file.write_bytes(b"what was there before, longer than nothing")
    before = datetime.now(UTC)
    with ScriptedServer(FILE) as server, client(server.base_url) as asking:
        got = asking.download("/file.zip?a=b", file)
    assert file.read_bytes() == BODY
    assert (got.sha256, got.size, got.file) == (hashlib.sha256(BODY).hexdigest(), len(BODY), file)
    assert (got.url, got.content_type) == (f"{server.base_url}/file.zip?a=b", "application/zip")
    assert before <= got.retrieved_at <= datetime.now(UTC)
    assert (server.requests[0].headers["accept"], server.requests[0].headers["x-api-key"]) == ("*/*", KEY)


def test_a_download_redirect_is_followed_without_the_key(tmp_path: Path) -> None:
    with ScriptedServer(FILE) as other:
        move = Script(status=302, headers={"Location": f"{other.base_url}/there"}, body=b"moved")
        with ScriptedServer(move) as server, client(server.base_url, files=other.base_url) as asking:
            assert asking.download("/here", tmp_path / "a").url == f"{other.base_url}/there"
            assert asking.download("/b", tmp_path / "b", host="files").size == len(BODY)
    assert [request.path for request in other.requests] == ["/there", "/b"]
    assert not any("x-api-key" in request.headers for request in other.requests)


def test_a_compressed_download_is_decoded(tmp_path: Path) -> None:
    packed = Script(headers={"Content-Encoding": "gzip"}, body=gzip.compress(BODY))
    with ScriptedServer(packed) as server, client(server.base_url) as asking:
        got = asking.download("/x", tmp_path / "file")
    assert (got.size, got.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())


@pytest.mark.parametrize(
    "bad", [Script(how=How.CUT, body=BODY), Script(how=How.RESET), Script(how=How.HANG), Script(status=503)]
)
def test_an_interrupted_download_is_retried_from_the_start(bad: Script, tmp_path: Path) -> None:
    file = tmp_path / "file"
    with ScriptedServer(bad, FILE) as server, client(server.base_url) as asking:
        got = asking.download("/x", file)
        assert len(server.requests) == 2
    assert (got.sha256, file.read_bytes() == BODY) == (hashlib.sha256(BODY).hexdigest(), True)


@pytest.mark.parametrize(
    ("bad", "kind", "tries"),
    [
        (Script(how=How.CUT, body=BODY), Unreachable, 3),
        (Script(status=501), Unreachable, 1),
        (Script(status=403), Blocked, 1),
        (Script(status=404), Refused, 1),
        (Script(status=429), QuotaUsedUp, 3),
        (Script(status=303, body=b"later"), SourceChanged, 1),
        (Script(status=204, body=b""), Unreachable, 3),
    ],
)
def test_a_failed_download_raises_its_error(bad: Script, kind: type[SourceError], tries: int, tmp_path: Path) -> None:
    with ScriptedServer(bad) as server, client(server.base_url) as asking:
        with pytest.raises(SourceError) as caught:
            asking.download("/x", tmp_path / "file")
        assert (type(caught.value), len(server.requests)) == (kind, tries)


@pytest.mark.parametrize("length", [{}, {"Content-Length": ""}], ids=["announced", "not announced"])
def test_too_large_a_download_is_aborted_and_not_retried(tmp_path: Path, length: dict[str, str]) -> None:
    file = tmp_path / "file"
    with ScriptedServer(replace(FILE, headers=length)) as server, client(server.base_url) as asking:
        with pytest.raises(TooLarge, match="the file is larger than 100000 bytes"):
            asking.download("/x", file, max_bytes=100_000)
        assert len(server.requests) == 1
        assert file.exists() == bool(length)  # nothing is read of what says that it is too large
        assert asking.download("/x", file, max_bytes=len(BODY)).size == len(BODY)
    assert (tmp_path / "file").stat().st_size == len(BODY)


def test_a_key_in_a_download_url_is_redacted_everywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    path = f"/x?api_key={KEY}&token=1"
    with ScriptedServer(FILE, Script(status=404)) as server, client(server.base_url) as asking:
        got = asking.download(path, tmp_path / "file")
        with pytest.raises(Refused) as caught:
            asking.download(path, tmp_path / "file")
        assert [request.path for request in server.requests] == [path, path]
    assert got.url == f"{server.base_url}/x?api_key=[key]&token=1"
    assert str(caught.value).startswith("example: GET /x?api_key=[key]&token=1: HTTP 404")
    told = [record.getMessage() for record in caplog.records]
    assert any("api_key=[key]" in line for line in told)
    assert not any(KEY in line for line in [*told, repr(caught.value)])
