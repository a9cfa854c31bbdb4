"""Pings to a WebSub hub: a real one on loopback that takes note, one that fails, and none at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from procurewatch.websub import announce, feeds_with_new_entries
from storage.database import Database
from storage.models import RunStatus
from tests.app_context import app_context_for, poll
from tests.records import BABEL, CLEARVIEW, LATER, SEEN, match
from tests.storage.database_helpers import publish_none, save
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

SITE = "https://watch.example.org/pw"


@contextmanager
def hub(status: int = 204) -> Iterator[tuple[str, list[list[tuple[str, str]]]]]:
    """Give the address of a hub that answers so, and what it was told."""
    told: list[list[tuple[str, str]]] = []

    class Hub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            told.append(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hub?secret=1", told
        finally:
            server.shutdown()
            thread.join()


def test_feeds_with_new_entries_are_found(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street"), now=SEEN)
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER)
    paths = feeds_with_new_entries(database, LATER)
    assert paths[:3] == ["all.atom", "all.rss", "all.json"]
    assert {path.rpartition(".")[0] for path in paths} >= {"all", "vendor/clearview-ai", "agency/7012"}
    assert "vendor/babel-street.atom" not in paths
    assert feeds_with_new_entries(database, LATER + timedelta(seconds=1)) == []


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_hub_is_pinged_with_the_changed_feeds(database: Database, status: int) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER)
    with hub(status) as (address, told):
        assert announce(database, hub=address, base_url=SITE, contact="", since=LATER, sleep=lambda _: None)
    (ping,) = told
    assert ping[0] == ("hub.mode", "publish")
    assert [name for name, _ in ping[1:]] == ["hub.url"] * (len(ping) - 1)
    assert ("hub.url", f"{SITE}/vendor/clearview-ai.json") in ping


def test_without_new_entries_no_hub_is_pinged(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER, should_publish=publish_none)
    with hub() as (address, told):
        assert not announce(database, hub=address, base_url=SITE, contact="", since=SEEN, sleep=lambda _: None)
    assert told == []


def test_a_failing_hub_does_not_fail_the_poll(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nobody = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with hub(500) as (broken, _told):
        for address in (broken, nobody):
            assert not announce(database, hub=address, base_url=SITE, contact="", since=LATER, sleep=lambda _: None)


@pytest.mark.parametrize("status", [204, 404])
def test_a_poll_with_new_entries_pings_the_hub_and_succeeds(tmp_path: Path, status: int) -> None:
    awards = [award for award in load_corpus() if "CLEARVIEW AI" in (award.recipient_name or "")]
    with (
        FakeUsaspending(awards) as upstream,
        hub(status) as (address, told),
        app_context_for(upstream.base_url, tmp_path, websub_hub=address, site_url=SITE) as app_context,
    ):
        report = poll(app_context)
        assert report.status is not None
        assert report.status.is_good
        assert report.status is RunStatus.BASELINE_SEEDED
        assert ("hub.url", f"{SITE}/all.atom") in told[0]
        pings = len(told)
        assert poll(app_context).status is RunStatus.NOTHING_NEW
        assert len(told) == pings
