"""How sources are: incidents begin and end once, and a poll that finds far too little is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from monitors.runs.status import RunReport
from procurewatch.context import AppContext
from sources.base import Fetched, FetchStep, Stored
from sources.errors import Unreachable
from sources.http.client import Client
from storage.models import RunStatus
from storage.reading.source_health import MAX_SILENCE, list_incidents, load_health
from storage.schema.tables import RunRow
from storage.writing.runs import MIN_FAILURES, load_checkpoint
from tests.app_context import app_context_with, ignore
from tests.sources.fakes import GivenRecords, publication

DAY = date(2026, 11, 1)
ON_BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


class Failing(GivenRecords):
    """A source that cannot be reached."""

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Fail at once."""
        raise Unreachable(client.source, f"GET {step.key}", f"no connection, {bool(stored)}")


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test asks for both."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_database_url")
    return url


@pytest.fixture
def app_context(database_url: str, tmp_path: Path) -> Iterator[AppContext]:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai", database_url=database_url) as opened:
        yield opened


def bring(app_context: AppContext, number: int, days: int) -> RunReport:
    """Poll a source that brings so many notices."""
    records = [publication(f"SAM_NOTICE_{n}") for n in range(number)]
    return app_context.poll(GivenRecords(name="samnotices", records=records), DAY + timedelta(days=days), ignore)


def fail(app_context: AppContext, name: str = "samnotices") -> RunReport:
    return app_context.poll(Failing(name=name), DAY, ignore)


@ON_BOTH
def test_failures_in_a_row_are_one_incident_and_a_good_poll_ends_it(app_context: AppContext) -> None:
    bring(app_context, 1, 0)
    for number in range(1, MIN_FAILURES + 2):
        assert fail(app_context).status is RunStatus.UNREACHABLE
        with app_context.database.reading() as session:
            found = list_incidents(session, "samnotices")
        assert len(found) == (number >= MIN_FAILURES)
    [incident] = found
    assert (incident.failures, incident.status, incident.ended) == (MIN_FAILURES + 1, "source unreachable", None)
    assert incident.message.startswith("samnotices: GET all: no connection")
    bring(app_context, 1, 1)
    bring(app_context, 1, 2)
    with app_context.database.reading() as session:
        [over] = list_incidents(session)
        assert over.ended is not None
        assert over.began == incident.began
        assert load_health(session, "samnotices").incident is None
    for _ in range(MIN_FAILURES):
        fail(app_context)
    with app_context.database.reading() as session:
        assert len(list_incidents(session, "samnotices")) == 2, "another time is another incident"
        assert list_incidents(session, "usaspending") == []


@ON_BOTH
def test_a_day_without_a_good_poll_is_an_incident_after_two_failures(app_context: AppContext) -> None:
    fail(app_context)
    with app_context.database.writing() as session:
        for row in session.scalars(select(RunRow)):
            row.started -= MAX_SILENCE
    fail(app_context)
    with app_context.database.reading() as session:
        [incident] = list_incidents(session)
    assert incident.failures == 2
    assert incident.began <= datetime.now(UTC) - MAX_SILENCE


@ON_BOTH
def test_a_poll_far_under_the_healthy_ones_is_not_believed_until_it_lasts(app_context: AppContext) -> None:
    for day in range(6):
        assert bring(app_context, 40, day).status in (RunStatus.BASELINE_SEEDED, RunStatus.NOTHING_NEW)
    for day in (6, 7):
        few = bring(app_context, 3, day)
        assert few.status is RunStatus.SOURCE_CHANGED
        assert few.message.startswith("only 3 rows where its last 6 good runs found 40 or more")
        with app_context.database.reading() as session:
            assert load_checkpoint(session, "samnotices", "poll/until") == (DAY + timedelta(days=5)).isoformat()
            health = load_health(session, "samnotices")
        assert (health.rows, health.usual_rows) == (40, 40)
    assert bring(app_context, 3, 8).status is RunStatus.NOTHING_NEW, (
        "again and again is the truth: a watchlist can shrink"
    )
    with app_context.database.reading() as session:
        assert load_checkpoint(session, "samnotices", "poll/until") == (DAY + timedelta(days=8)).isoformat()


@pytest.mark.parametrize("found", [10, 39, 160])
def test_a_little_less_or_much_more_is_believed(app_context: AppContext, found: int) -> None:
    for day in range(5):
        bring(app_context, 40, day)
    assert bring(app_context, found, 5).status in (RunStatus.NOTHING_NEW, RunStatus.NEW)


def test_nothing_is_usual_of_a_young_or_a_small_source(app_context: AppContext) -> None:
    for day in range(4):
        bring(app_context, 40, day)
    assert bring(app_context, 1, 4).status is RunStatus.NOTHING_NEW
    for day in range(5, 12):
        bring(app_context, 15, day)
    assert bring(app_context, 1, 12).status is RunStatus.NOTHING_NEW


@ON_BOTH
def test_health_tells_the_newest_record_and_the_last_good_poll(app_context: AppContext) -> None:
    bring(app_context, 2, 0)
    fail(app_context)
    with app_context.database.reading() as session:
        health = load_health(session, "samnotices")
    assert (health.newest, health.rows, health.usual_rows) == (date(2026, 11, 18), 2, None)
    assert health.last_status == "source unreachable"
    assert health.last_run is not None
    assert health.last_good is not None
    assert health.last_run > health.last_good
