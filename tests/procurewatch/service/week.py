"""`run` in fast-forward: its jobs in this process on the fake USAspending, with a clock that jumps to the next poll."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from procurewatch.context import AppContext
from procurewatch.service.runner import Service
from sources.registry import SOURCES
from storage.alerts.models import ChannelKind, Rhythm
from storage.alerts.subscriptions import add_subscription
from storage.maintenance.processes import registered
from storage.models import GOOD_STATUSES
from storage.schema.tables import RunRow
from storage.search.query import Query
from tests.app_context import app_context_for
from tests.procurewatch.site import serve
from tests.sources.scripted_server import Script, ScriptedServer
from tests.upstreams.every_source import _action
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

PACKAGES = frozenset({"sources", "monitors", "storage", "feeds", "procurewatch"})
PAGES = ("/", "/search?q=clearview", "/all.atom", "/vendor/clearview-ai.html", "/health", "/api/v1/events")
EVERY_POLLS = 4  # polls between two changes upstream
HOURS = 0.5  # between two polls: 300 are a week


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process takes after a poll."""

    megabytes: float
    files: int
    threads: int


@dataclass(slots=True)
class Week:
    """What happened in `days` days."""

    days: float = 0
    good: int = 0
    pages: int = 0
    messages: int = 0
    samples: list[Sample] = field(default_factory=list)


class Clock:
    """A clock for all modules of the program, which goes by itself and can jump ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Replace `datetime` in every module of the program for the block."""
        clock, real = self, datetime

        class AnyTime(type):
            def __instancecheck__(cls, value: object) -> bool:
                return isinstance(value, real)

        class Jumping(datetime, metaclass=AnyTime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return real.now(tz) + clock.ahead

        with pytest.MonkeyPatch.context() as patch:
            for name, module in list(sys.modules.items()):
                if name.partition(".")[0] in PACKAGES and vars(module).get("datetime") is real:
                    patch.setattr(module, "datetime", Jumping)
            yield


def run_polls(folder: Path, polls: int, *, builds_site: bool) -> Week:
    """Run so many polls, with news at every fourth, ask the website, send alerts, and perhaps build the static site."""
    week, clock = Week(), Clock()
    settings: dict[str, Any] = {"poll_hours": HOURS, "alerts_to_private_addresses": True}
    settings |= {"site_folder": folder / "site"} if builds_site else {}
    with (
        FakeUsaspending(load_corpus()) as upstream,
        ScriptedServer(*[Script(body=b"ok")] * polls * 2) as receiver,
        app_context_for(upstream.base_url, folder, **settings) as app_context,
        serve(app_context) as address,
        httpx.Client(base_url=address, timeout=120) as client,
        clock.installed(),
        registered(app_context.database, version="0", address=address) as registration,
    ):
        _subscribe(app_context, receiver.base_url)
        source = SOURCES["usaspending"]
        jobs = Service(app_context, [source], registration).jobs()
        for number in range(polls):
            if number % EVERY_POLLS == 1:
                _publish_something(upstream, number, app_context.today())
            for job in jobs.values():
                job()
            week.pages += sum(client.get(page).status_code == 200 for page in PAGES)
            clock.ahead += timedelta(hours=HOURS, seconds=1)
            week.messages += len(receiver.requests)
            for server in (upstream, receiver):
                server.requests.clear()  # they are in this process, too
            week.samples.append(_sample())
        week.days = clock.ahead / timedelta(days=1)
        with app_context.database.reading() as session:
            week.good = session.scalar(select(func.count()).where(col(RunRow.status).in_(GOOD_STATUSES))) or 0
    return week


def _subscribe(app_context: AppContext, address: str) -> None:
    with app_context.database.writing() as session:
        given: dict[str, Any] = {"address": address, "query": Query(), "now": app_context.database.now()}
        add_subscription(session, channel=ChannelKind.WEBHOOK, rhythm=Rhythm.AT_ONCE, **given)


def _publish_something(upstream: FakeUsaspending, number: int, today: date) -> None:
    """Add a modification to an award."""
    with upstream.editing() as awards:
        award = next(each for each in awards if each.recipient_name == "CLEARVIEW AI, INC.")
        signed = today - timedelta(days=1)
        award.actions.append(_action(f"P9{number:04}", signed, "250.00"))
        award.last_modified_date = signed


def _sample() -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    )
