"""A source that has had no good poll for too long is shown as such whenever somebody looks, also if nothing polls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from feeds.entries.source_health import incident_entries
from procurewatch.context import AppContext
from sources.base import FailedStep, Fetched, FetchStep, Stored
from sources.http.client import Client
from storage.models import RunStatus
from storage.reading.source_health import (
    MAX_SILENCE,
    NOT_POLLED,
    Incident,
    find_silences,
    list_incidents,
    load_health,
    max_silence,
)
from storage.schema.tables import RunRow
from tests.app_context import app_context_with, ignore
from tests.monitors.runs.test_health import Failing
from tests.sources.fakes import GivenRecords, publication

LIMITS = {"samnotices": MAX_SILENCE}
DAY = date(2026, 11, 1)


class PartlyFailing(GivenRecords):
    """A source of which one part cannot be read."""

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Give everything, and a part that failed."""
        yield from super().fetch(client, step, stored)
        yield FailedStep(step=FetchStep(key="part", query={}, part="late notices"), reason="HTTP 500")


@pytest.fixture
def app_context(database_url: str, tmp_path: Path) -> Iterator[AppContext]:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai", database_url=database_url) as opened:
        yield opened


def poll(app_context: AppContext, kind: type[GivenRecords] = GivenRecords) -> RunStatus | None:
    return app_context.poll(kind(name="samnotices", records=[publication("SAM_NOTICE_1")]), DAY, ignore).status


def pass_time(app_context: AppContext, hours: float) -> None:
    """Move every poll into the past."""
    with app_context.database.writing() as session:
        for row in session.scalars(select(RunRow)):
            row.started -= timedelta(hours=hours)
            row.ended = row.ended - timedelta(hours=hours) if row.ended else None


def silences(app_context: AppContext, limit: timedelta = MAX_SILENCE) -> list[Incident]:
    with app_context.database.reading() as session:
        return find_silences(session, {"samnotices": limit, "dod": limit})


def stored(app_context: AppContext) -> list[Incident]:
    with app_context.database.reading() as session:
        return list_incidents(session, "samnotices")


def test_a_source_is_silent_after_a_day_without_a_good_poll_and_not_before(app_context: AppContext) -> None:
    poll(app_context)
    pass_time(app_context, 23.9)
    assert silences(app_context) == []
    pass_time(app_context, 0.2)
    [found] = silences(app_context)
    assert (found.source, found.status, found.message) == ("samnotices", NOT_POLLED, "nothing polls it")
    with app_context.database.reading() as session:
        health = load_health(session, "samnotices")
    assert health.incident == found
    assert health.last_good == found.began
    assert stored(app_context) == [], "looking stores nothing"


@pytest.mark.parametrize(("kind", "ended"), [(GivenRecords, True), (Failing, False)])
def test_the_next_poll_ends_or_continues_what_readers_have_seen(
    app_context: AppContext, kind: type[GivenRecords], ended: bool
) -> None:
    poll(app_context)
    pass_time(app_context, 40 * 24)
    [seen] = incident_entries(silences(app_context), {}, "https://watch.example.org/")
    poll(app_context, kind)
    [incident] = stored(app_context)
    entries = list(incident_entries([incident], {}, "https://watch.example.org/"))
    assert entries[0].id == seen.id
    assert (incident.ended is not None, len(entries)) == (ended, 1 + ended)
    assert silences(app_context) == []


def test_polls_that_are_killed_or_fail_do_not_end_a_silence(app_context: AppContext) -> None:
    poll(app_context)
    pass_time(app_context, 20)
    poll(app_context, Failing)
    with app_context.database.writing() as session:
        session.add(RunRow(source="samnotices", purpose="poll", started=datetime.now(UTC)))
    pass_time(app_context, 5)
    [found] = silences(app_context)
    assert found.message == "nothing polls it"
    poll(app_context, Failing)
    [incident] = stored(app_context)
    assert (incident.began, incident.status) == (found.began, "source unreachable")


def test_a_source_whose_part_fails_is_silent_too_when_nothing_polls_it(app_context: AppContext) -> None:
    assert poll(app_context, PartlyFailing) is RunStatus.INCOMPLETE
    assert (silences(app_context), len(stored(app_context))) == ([], 1)
    pass_time(app_context, 25)
    [found] = silences(app_context)
    assert found.status == NOT_POLLED
    assert found.message.startswith("the last poll ended with: not read: late notices")


def test_a_weekly_source_has_a_day_more(app_context: AppContext) -> None:
    limit = max_silence(timedelta(days=6, hours=12))
    poll(app_context)
    pass_time(app_context, 7 * 24)
    assert silences(app_context, limit) == []
    pass_time(app_context, 24)
    assert len(silences(app_context, limit)) == 1
    assert max_silence(timedelta(hours=20)) == MAX_SILENCE


def test_a_poll_under_a_clock_that_was_ahead_hides_no_silence(app_context: AppContext) -> None:
    poll(app_context)
    pass_time(app_context, -365 * 24)
    poll(app_context)
    pass_time(app_context, 30)
    [found] = silences(app_context)
    assert found.began < datetime.now(UTC) - timedelta(hours=29)


def test_a_source_that_was_never_polled_is_not_silent(app_context: AppContext) -> None:
    assert silences(app_context) == []
