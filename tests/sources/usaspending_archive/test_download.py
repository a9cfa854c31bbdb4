"""A download ends with the whole file, however often it was interrupted, or with the reason."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from sources.errors import Refused, SourceChanged, Unreachable
from sources.http.client import Client, Timeouts
from sources.http.transfer import FileChanged
from sources.usaspending_archive.download import BYTES_PER_SECOND, Pace, delete_download, download, hash_file
from sources.usaspending_archive.listing import ArchiveFile
from tests.sources.clients import client_at
from tests.upstreams.usaspending.archive import FakeArchive, Serving

FILE = ArchiveFile.named("FY(All)_070_Contracts_Delta_20261106.zip")


def archive(text: str = "a,b\n1,2\n") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("1.csv", text * 2000)
    return content.getvalue()


BODY = archive()


@contextmanager
def hosting(*serving: Serving, tries: int = 2) -> Iterator[tuple[FakeArchive, Client]]:
    timeouts = Timeouts(connect=5, read=10, total=30, tries=tries, first_wait=0.001)
    with (
        FakeArchive({FILE.name: BODY}) as server,
        client_at(server.base_url, timeouts=timeouts, extra_hosts={"files": server.base_url}) as client,
    ):
        server.serve(FILE.name, *serving)
        yield server, client


def ignore(_done: int, _total: int | None) -> None:
    """Listen to nothing."""


def test_a_file_is_downloaded_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with hosting(Serving.WELL) as (server, client):
        got = download(client, FILE, tmp_path, lambda done, total: seen.append((done, total)))
        again = download(client, FILE, tmp_path, ignore)
        assert len(server.requests) == 1
        etag = server.files[FILE.name].etag
    assert Path(got.location).read_bytes() == BODY
    assert (got.sha256, got.size, got.etag) == (hashlib.sha256(BODY).hexdigest(), len(BODY), etag)
    assert again == got
    assert seen[-1] == (len(BODY), len(BODY))
    assert sorted(file.name for file in tmp_path.iterdir()) == [FILE.name, f"{FILE.name}.json"]
    delete_download(tmp_path, FILE.name)
    assert list(tmp_path.iterdir()) == []


def test_a_later_download_continues_an_interrupted_one(tmp_path: Path) -> None:
    with hosting(Serving.CUT, Serving.MISSING) as (server, client), pytest.raises(Refused):
        download(client, FILE, tmp_path, ignore)
    part = tmp_path / f"{FILE.name}.part"
    assert part.stat().st_size == len(BODY) // 2
    with hosting(Serving.WELL) as (server, client):
        got = download(client, FILE, tmp_path, ignore)
        assert [request.headers["range"] for request in server.requests] == [f"bytes={len(BODY) // 2}-"]
    assert (Path(got.location).read_bytes(), got.sha256) == (BODY, hashlib.sha256(BODY).hexdigest())


def test_an_interrupted_download_of_another_version_starts_over(tmp_path: Path) -> None:
    with hosting(Serving.CUT, Serving.MISSING) as (server, client), pytest.raises(Refused):
        download(client, FILE, tmp_path, ignore)
    other = archive("c,d\n3,4\n")
    with hosting(Serving.WELL) as (server, client):
        server.files[FILE.name].body = other
        got = download(client, FILE, tmp_path, ignore)
        assert len(server.requests) == 2
    assert (Path(got.location).read_bytes(), got.sha256) == (other, hashlib.sha256(other).hexdigest())


def test_a_file_that_keeps_changing_fails(tmp_path: Path) -> None:
    serving = [Serving.CUT, Serving.REPLACED, Serving.CUT, Serving.REPLACED]
    with hosting(*serving) as (_, client), pytest.raises(FileChanged):
        download(client, FILE, tmp_path, ignore)


def test_without_its_note_a_part_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / f"{FILE.name}.part").write_bytes(b"x" * 100)
    with hosting(Serving.WELL) as (server, client):
        assert Path(download(client, FILE, tmp_path, ignore).location).read_bytes() == BODY
        assert "range" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("serving", "reason"),
    [
        (Serving.SHORT, "an incomplete or damaged ZIP archive of "),
        (Serving.WEB_PAGE, "not a ZIP archive: <!doctype html>"),
    ],
)
def test_what_is_no_archive_is_deleted(serving: Serving, reason: str, tmp_path: Path) -> None:
    with hosting(serving) as (_, client), pytest.raises(SourceChanged, match=reason) as raised:
        download(client, FILE, tmp_path, ignore)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_down_leaves_what_came(tmp_path: Path) -> None:
    with hosting(Serving.CUT, Serving.UNAVAILABLE) as (server, client), pytest.raises(Unreachable):
        download(client, FILE, tmp_path, ignore)
    assert len(server.requests) == 2
    assert (tmp_path / f"{FILE.name}.part").stat().st_size == len(BODY) // 2


def test_downloads_keep_to_what_the_host_allows() -> None:
    now, waits = [100.0], list[float]()

    class Waiting:
        def wait(self, seconds: float) -> None:
            waits.append(seconds)
            now[0] += seconds

    pace, waiting = Pace(lambda: now[0]), cast(Client, Waiting())
    began = pace.wait(waiting)
    now[0] += 40  # seconds of download
    pace.count(began, 60 * BYTES_PER_SECOND)
    assert (began, pace.wait(waiting), waits) == (100.0, 160.0, [20.0])
    pace.count(160.0, 5 * BYTES_PER_SECOND)
    now[0] += 100  # seconds of reading
    pace.wait(waiting)
    assert waits == [20.0]


def test_a_file_of_the_user_gets_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(b"a,b\n")
    assert hash_file(str(file), ignore).sha256 == hashlib.sha256(b"a,b\n").hexdigest()
