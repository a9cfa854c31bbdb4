"""Pings to a WebSub hub: a real one on loopback that takes note, one that fails, and none at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from procurewatch.websub import NAME, NOTIFIED, announce, feeds_with_new_entries
from storage.database import Database
from storage.models import RunStatus
from storage.writing.runs import save_checkpoint
from tests.app_context import app_context_for, app_context_with, poll
from tests.records import BABEL, CLEARVIEW, LATER, SEEN, match
from tests.storage.database_helpers import publish_none, save
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

SITE = "https://watch.example.org/pw"


def no_sleep(_seconds: float) -> None:
    """Do not wait between tries."""


@contextmanager
def hub(status: int = 204) -> Iterator[tuple[str, list[list[tuple[str, str]]]]]:
    """Give the address of a hub that answers so, and what it was received."""
    received: list[list[tuple[str, str]]] = []

    class Hub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            received.append(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hub?secret=1", received
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
def test_a_hub_is_notified_once_of_each_feed_with_new_entries(database: Database, status: int) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=datetime.now(UTC) - timedelta(minutes=10))
    with hub(status) as (address, received):
        assert announce(database, hub=address, base_url=SITE, contact="", sleep=no_sleep)
        assert not announce(database, hub=address, base_url=SITE, contact="", sleep=no_sleep)
    feed = f"{SITE}/vendor/clearview-ai.json"
    assert [("hub.mode", "publish"), ("hub.url", feed), ("hub.topic", feed)] in received
    assert len({ping[1] for ping in received}) == len(received)


def test_a_clock_that_was_ahead_hides_no_entries_from_the_hub(database: Database) -> None:
    now = datetime.now(UTC)
    with database.writing() as session:
        save_checkpoint(session, NAME, NOTIFIED, (now + timedelta(days=365)).isoformat(), now)
    save(database, CLEARVIEW, match(CLEARVIEW), now=now - timedelta(minutes=10))
    with hub() as (address, _received):
        assert announce(database, hub=address, base_url=SITE, contact="", sleep=no_sleep)


def test_without_new_entries_no_hub_is_notified(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=datetime.now(UTC), should_publish=publish_none)
    with hub() as (address, received):
        assert not announce(database, hub=address, base_url=SITE, contact="", sleep=no_sleep)
    assert received == []


def test_what_a_failing_hub_did_not_accept_is_sent_again(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=datetime.now(UTC))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nobody = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with hub(500) as (broken, _received):
        for address in (broken, nobody):
            assert not announce(database, hub=address, base_url=SITE, contact="", sleep=no_sleep)
    with hub() as (address, received):
        assert announce(database, hub=address, base_url=SITE, contact="", sleep=no_sleep)
    assert ("hub.url", f"{SITE}/all.atom") in received[0]


@pytest.mark.parametrize("status", [204, 404])
def test_a_poll_with_new_entries_notifies_the_hub_and_succeeds(tmp_path: Path, status: int) -> None:
    awards = [award for award in load_corpus() if "CLEARVIEW AI" in (award.recipient_name or "")]
    with (
        FakeUsaspending(awards) as upstream,
        hub(status) as (address, received),
        app_context_for(upstream.base_url, tmp_path, websub_hub=address, site_url=SITE) as app_context,
    ):
        report = poll(app_context)
        assert report.status is RunStatus.BASELINE_SEEDED
        assert ("hub.url", f"{SITE}/all.atom") in received[0]


def test_a_site_of_files_is_announced_when_it_is_built(tmp_path: Path) -> None:
    with (
        hub() as (address, received),
        app_context_with(
            {"usaspending": {}}, tmp_path, "clearview-ai", websub_hub=address, site_url=SITE, site_folder=tmp_path
        ) as app_context,
    ):
        save(app_context.database, CLEARVIEW, match(CLEARVIEW), now=datetime.now(UTC))
        app_context.announce()
        assert received == []
        app_context.announce(is_built=True)
        assert ("hub.url", f"{SITE}/all.atom") in received[0]
