"""WebSub with a real hub and a real subscriber (Flask-WebSub): discovery, subscription, and a new entry delivered."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage
from flask_websub.subscriber import (
    SQLite3SubscriberStorage,
    SQLite3TempSubscriberStorage,
    Subscriber,
    discover,
)
from werkzeug.serving import make_server

from procurewatch.websub import announce
from storage.database import Database
from tests.procurewatch.site import served
from tests.records import BABEL, CLEARVIEW, SEEN, match
from tests.storage.database_helpers import save

WAIT_SECONDS = 60


class InProcess:
    """Runs the hub's tasks one after the other in a thread, as one worker of Celery does.

    The hub's SQLite file loses changes that several tasks make at once.
    """

    worker = ThreadPoolExecutor(1)

    def task(self, *, bind: bool = False, **_options: object) -> Callable[[Callable[..., object]], InProcess]:
        def decorated(run: Callable[..., object]) -> InProcess:
            made = InProcess()
            made.run = (lambda *args: run(made, *args)) if bind else run
            return made

        return decorated

    def delay(self, *args: object) -> None:
        self.worker.submit(self.run, *args)

    run: Callable[..., object]


@contextmanager
def running(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def real_hub(folder: Path) -> Iterator[str]:
    hub = Hub(SQLite3HubStorage(str(folder / "hub.sqlite3")), InProcess())
    app = Flask("hub")
    app.config["PUBLISH_SUPPORTED"] = True
    app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))
    with running(app) as address:
        yield f"{address}/hub"


@contextmanager
def real_subscriber(folder: Path) -> Iterator[tuple[Callable[[str], None], queue.Queue[Any]]]:
    """Give a function that subscribes to a feed and waits for the hub, and what the hub delivers."""
    subscriber = Subscriber(
        SQLite3SubscriberStorage(str(folder / "subscriber.sqlite3")),
        SQLite3TempSubscriberStorage(str(folder / "pending.sqlite3")),
    )
    app = Flask("subscriber")
    app.register_blueprint(subscriber.build_blueprint(url_prefix="/callbacks"))
    delivered: queue.Queue[Any] = queue.Queue()
    subscribed = threading.Event()
    subscriber.add_listener(lambda topic, _callback, body: delivered.put((topic, body)))
    subscriber.add_success_handler(lambda *_about: subscribed.set())
    with running(app) as address:

        def subscribe(feed: str) -> None:
            with app.test_request_context(base_url=address):
                subscriber.subscribe(**discover(feed))
            assert subscribed.wait(WAIT_SECONDS)

        yield subscribe, delivered


def test_a_new_entry_reaches_a_subscriber_through_a_hub(database: Database, tmp_path: Path) -> None:
    save(database, BABEL, match(BABEL, "babel-street"), now=SEEN)
    with (
        real_hub(tmp_path) as hub,
        served(database, tmp_path, websub_hub=hub) as site,
        real_subscriber(tmp_path) as (subscribe, delivered),
    ):
        feed = f"{site}/vendor/clearview-ai.atom"
        subscribe(feed)
        save(database, CLEARVIEW, match(CLEARVIEW), now=datetime.now(UTC))
        assert announce(database, hub=hub, base_url=site, contact="", sleep=lambda _seconds: None)
        topic, body = delivered.get(timeout=WAIT_SECONDS)
    assert topic == feed
    [entry] = feedparser.parse(body).entries
    assert "Clearview" in entry.title
