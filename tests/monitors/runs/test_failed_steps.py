"""Runs of several steps of which some fail: the others are stored and published, and what failed is caught up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from feeds.entries.source_health import health_line, incident_entries
from monitors.runs.schedule import STEP_RETRY, due_at
from monitors.runs.status import RunReport
from procurewatch.context import AppContext
from sources.base import DateWindow, FailedStep, Fetched, FetchStep, IncompleteResult, SearchTerms, Stored
from sources.errors import QuotaUsedUp, Refused, SourceError, Unreachable
from sources.http.client import Client
from sources.records import Document, Payload, Record
from storage.models import RunStatus
from storage.reading.source_health import list_incidents, load_health, unfinished_parts, unfinished_steps
from storage.schema.tables import CheckpointRow, UnfinishedStepRow
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.runs import delete_checkpoints, load_checkpoint
from tests.app_context import app_context_with, dump, ignore
from tests.sources.fakes import GivenRecords, publication

DAY = date(2026, 11, 1)
NAMES = ("held", "names", "phrases")
PARTS = {"held": "held awards", "names": "recipient names", "phrases": "phrases in descriptions"}
OVERLAP = timedelta(days=3)
ON_BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
DOWN = Unreachable("samnotices", "POST /search", "HTTP 503: an empty body", status=503)
WRONG = Refused("samnotices", "POST /search", "HTTP 422: no such filter", status=422)


@dataclass(kw_only=True)
class Stepwise(GivenRecords):
    """A source with a step for each of three parts, each of which brings one notice a day; some of them fail.

    `asked` holds what was asked for: step and days. `version` is that of its data. `late` are days of notices that a
    step brings besides, `unwanted` the steps that nobody wants any more.
    """

    name: str = "samnotices"
    failing: dict[str, SourceError] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    parts_failing: dict[str, str] = field(default_factory=dict)
    late: dict[str, date] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)
    is_up: bool = True
    version: str = ""
    asked: list[tuple[str, date, date]] = field(default_factory=list)
    steps: Sequence[str] = NAMES

    def health_check(self, client: Client) -> bool:  # noqa: ARG002
        """Whether it is up."""
        return self.is_up

    def data_version(self, client: Client) -> str:  # noqa: ARG002
        """Return the version of the data."""
        return self.version

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:  # noqa: ARG002
        """Plan a step for each part."""
        since, until = window.modified_since, window.until
        parts = {name: PARTS.get(name, "others") for name in self.steps}
        return [FetchStep(key=name, query={}, since=since, until=until, part=part) for name, part in parts.items()]

    def is_wanted(self, step: FetchStep, terms: SearchTerms) -> bool:  # noqa: ARG002
        """Whether it is wanted."""
        return step.key not in self.unwanted

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan the same."""
        return self.poll_steps(terms, DateWindow(until=until, signed_since=since, modified_since=since))

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:  # noqa: ARG002
        """Give a notice for each day of the step, or fail after the first."""
        since, until = step.days
        self.asked.append((step.key, since, until))
        for number in range((until - since).days + 1):
            key = f"SAM_NOTICE_{step.key}_{since + timedelta(days=number)}"
            yield Payload(source=self.name, key=key, revision="", documents=(_document(key),))
            if step.key in self.failing:
                raise self.failing[step.key]
        if late := self.late.get(step.key):
            key = f"SAM_NOTICE_{step.key}_{late}"
            yield Payload(source=self.name, key=key, revision="", documents=(_document(key),))
        if step.key in self.short:
            yield IncompleteResult(step=step.key, expected=10, received=7)
        if reason := self.parts_failing.get(step.key):
            yield FailedStep(step=replace(step, key=f"{step.key}/one", part='awards that name "X"'), reason=reason)

    def parse(self, payload: Payload) -> list[Record]:
        """Return the notice."""
        return [publication(payload.key, published=date.fromisoformat(payload.key[-10:]))]


def _document(key: str) -> Document:
    return Document(
        url="http://127.0.0.1:9/", request="", retrieved_at=datetime.now(UTC), content_type="", body=key.encode()
    )


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test asks for more: what a step stores is tested on both databases in tests/storage/writing."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_database_url")
    return url


@pytest.fixture
def app_context(database_url: str, tmp_path: Path) -> Iterator[AppContext]:
    asked = {"samnotices": {"key": "k" * 40}}
    with app_context_with(
        asked, tmp_path, "clearview-ai", database_url=database_url, overlap_days=OVERLAP.days
    ) as opened:
        yield opened


def poll(app_context: AppContext, source: Stepwise, days: int, **how: bool) -> RunReport:
    source.asked.clear()
    return app_context.poll(source, DAY + timedelta(days=days), ignore, **how)


def published(app_context: AppContext) -> list[str]:
    with app_context.database.reading() as session:
        return sorted(event.record.key for event in find_events(session, Query(), 1000))


def stored(app_context: AppContext) -> set[str]:
    return {str(row[0]) for row in dump(app_context.database)["record"]}


def notices(days: range, *names: str) -> set[str]:
    return {f"SAM_NOTICE_{name}_{DAY + timedelta(days=number)}" for name in names or NAMES for number in days}


@ON_BOTH
@pytest.mark.parametrize("broken", NAMES)
def test_a_step_that_fails_keeps_no_other_from_being_stored_and_published(app_context: AppContext, broken: str) -> None:
    source = Stepwise()
    assert poll(app_context, source, 0).status is RunStatus.BASELINE_SEEDED
    before = set(published(app_context))
    source.failing = {broken: DOWN}
    report = poll(app_context, source, 5)
    others = [name for name in NAMES if name != broken]
    assert report.status is RunStatus.INCOMPLETE
    assert report.message == f"not read: {PARTS[broken]} ({DOWN}); the next run tries again first"
    assert notices(range(1, 6), *others) <= stored(app_context)
    assert set(published(app_context)) - before == notices(range(1, 6), *others)
    source.failing = {}
    healed = poll(app_context, source, 7)
    assert healed.status is RunStatus.NEW
    assert source.asked[0] == (broken, DAY - OVERLAP, DAY + timedelta(days=7)), "first, over all its days"
    assert [name for name, _, _ in source.asked] == [broken, *others], "each is asked once"
    assert set(published(app_context)) - before == notices(range(1, 8)), "nothing is lost"
    assert len(published(app_context)) == len(set(published(app_context))), "nothing is repeated"
    assert poll(app_context, source, 7).status is RunStatus.NOTHING_NEW


def test_an_incomplete_run_moves_the_watermark_and_is_repeated_after_an_hour(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing = {"names": DOWN}
    poll(app_context, source, 5)
    with app_context.database.reading() as session:
        assert load_checkpoint(session, "samnotices", "poll/until") == (DAY + timedelta(days=5)).isoformat()
    now = datetime.now(UTC)
    wait = due_at(app_context.database, "samnotices", timedelta(hours=6), now) - now
    assert timedelta(minutes=55) < wait <= STEP_RETRY


def test_pages_and_the_health_feed_say_what_was_not_checked_and_since_when(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing = {"held": DOWN}
    poll(app_context, source, 1)
    with app_context.database.reading() as session:
        health = load_health(session, "samnotices")
        [part] = unfinished_parts(session, "samnotices")
        [entry] = incident_entries(list_incidents(session), {"samnotices": "SAM.gov"}, "https://example.org/")
    since = f"{part.since:%Y-%m-%d %H:%M} UTC"
    sentence = f"held awards have not been checked since {since}"
    assert sentence in health_line([health], {"samnotices": "SAM.gov"})
    assert sentence in entry.summary
    assert entry.title.startswith("SAM.gov: partly unavailable since ")
    poll(app_context, source, 2)
    source.failing = {}
    poll(app_context, source, 3)
    with app_context.database.reading() as session:
        entries = list(incident_entries(list_incidents(session), {}, "https://example.org/"))
        assert load_health(session, "samnotices").unfinished == ()
    assert [entry.kind for entry in entries] == ["source-failed", "source-recovered"]


def test_only_a_control_query_that_fails_means_that_the_source_is_down(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing, source.is_up = {"names": DOWN}, False
    report = poll(app_context, source, 5)
    assert report.status is RunStatus.UNREACHABLE
    assert [name for name, _, _ in source.asked] == ["held", "names"], "no more is asked of it"
    assert notices(range(1, 6), "held") <= stored(app_context), "what was read is kept"
    with app_context.database.reading() as session:
        assert [row.key for row in unfinished_steps(session, "samnotices")] == ["names", "phrases"]
        assert load_checkpoint(session, "samnotices", "poll/until") == (DAY + timedelta(days=5)).isoformat()
    source.failing, source.is_up = {}, True
    assert poll(app_context, source, 6).status is RunStatus.NEW
    days = {name: (since, until) for name, since, until in source.asked}
    first, last = DAY - OVERLAP, DAY + timedelta(days=6)
    assert days == {"names": (first, last), "phrases": (first, last), "held": (first + timedelta(days=5), last)}
    assert notices(range(1, 7)) <= stored(app_context)


def test_a_refused_request_costs_no_control_query(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing, source.is_up = {"names": WRONG}, False
    assert poll(app_context, source, 5).status is RunStatus.INCOMPLETE


def test_a_rate_limit_ends_the_run(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    retry_at = datetime.now(UTC) + timedelta(hours=1)
    source.failing = {"names": QuotaUsedUp("samnotices", "POST /search", "HTTP 429", status=429, retry_at=retry_at)}
    report = poll(app_context, source, 5)
    assert (report.status, report.retry_at) == (RunStatus.QUOTA_USED_UP, retry_at)
    assert [name for name, _, _ in source.asked] == ["held", "names"]
    now = datetime.now(UTC)
    assert due_at(app_context.database, "samnotices", timedelta(hours=6), now) == retry_at
    source.failing = {}
    poll(app_context, source, 5)
    assert due_at(app_context.database, "samnotices", timedelta(0), now) < retry_at, "a good poll ends the wait"


def test_when_every_step_fails_the_run_says_what_is_wrong_with_the_source(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing = dict.fromkeys(NAMES, WRONG)
    report = poll(app_context, source, 5)
    assert (report.status, report.message) == (RunStatus.SOURCE_CHANGED, str(WRONG))
    assert len(source.asked) == 3
    with app_context.database.reading() as session:
        assert unfinished_parts(session, "samnotices") == ()


def test_after_three_failures_in_a_row_the_rest_of_a_part_is_left_to_the_next_run(app_context: AppContext) -> None:
    source = Stepwise(steps=("held", "a", "b", "c", "d", "names"))
    poll(app_context, source, 0)
    source.failing = dict.fromkeys("abcd", DOWN)
    assert poll(app_context, source, 1).status is RunStatus.INCOMPLETE
    assert [name for name, _, _ in source.asked] == ["held", "a", "b", "c", "names"]
    source.failing = {}
    poll(app_context, source, 2)
    assert notices(range(1, 3), "a", "b", "c", "d") <= stored(app_context)


def test_a_shortfall_is_a_failed_step(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.short = {"phrases"}
    report = poll(app_context, source, 1)
    assert report.status is RunStatus.INCOMPLETE
    assert "phrases in descriptions (7 of 10 rows received)" in report.message
    source.short = set()
    poll(app_context, source, 2)
    assert source.asked[0][0] == "phrases"


def test_a_part_of_a_step_that_fails_alone_is_tried_again_alone(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.parts_failing = {"names": "the search for 'X' alone fails"}
    report = poll(app_context, source, 1)
    assert report.status is RunStatus.INCOMPLETE
    assert """awards that name "X" (the search for 'X' alone fails)""" in report.message
    source.parts_failing = {}
    assert poll(app_context, source, 2).status is RunStatus.NEW
    assert [name for name, _, _ in source.asked] == ["names/one", *NAMES]
    with app_context.database.reading() as session:
        assert unfinished_parts(session, "samnotices") == ()


def test_what_a_baseline_missed_is_stored_later_and_not_published(app_context: AppContext) -> None:
    source = Stepwise(failing={"names": DOWN})
    first = poll(app_context, source, 0)
    assert first.status is RunStatus.INCOMPLETE
    before = published(app_context)
    assert 0 < len(before) <= 3
    source.failing = {}
    second = poll(app_context, source, 1)
    assert [name for name, _, _ in source.asked] == ["names", "held", "names", "phrases"], "its days, then the new ones"
    assert second.status is RunStatus.NEW
    assert notices(range(-120, 2), "names") & stored(app_context)
    assert set(published(app_context)) - set(before) == notices(range(1, 2)), "news of the day, and no history"


def test_news_of_the_days_between_a_baseline_and_its_retry_is_published(app_context: AppContext) -> None:
    source = Stepwise(failing={"names": DOWN})
    poll(app_context, source, 0)
    before = set(published(app_context))
    source.failing, source.late = {}, {"names": DAY + timedelta(days=2)}
    poll(app_context, source, 3)
    assert set(published(app_context)) - before >= notices(range(1, 4), "held", "phrases")
    brought_by_the_retry = {f"SAM_NOTICE_names_{source.late['names']}"}
    assert brought_by_the_retry <= set(published(app_context))
    assert len(set(published(app_context)) & notices(range(-120, 1), "names")) <= 1, "and no history"


def test_the_baseline_of_a_further_vendor_is_no_news_either(app_context: AppContext) -> None:
    source = Stepwise(failing={"names": DOWN})
    poll(app_context, source, 0)
    with app_context.database.writing() as session:
        delete_checkpoints(session, "samnotices", "baseline/")
        [step] = session.scalars(select(UnfinishedStepRow))
        step.quiet_for = ["another-vendor"]
        session.add(step)
    source.steps = ("held", "phrases")
    poll(app_context, source, 1)
    with app_context.database.reading() as session:
        [row] = session.scalars(select(UnfinishedStepRow))
        assert row.quiet_for == ["another-vendor", "clearview-ai"]


def test_a_step_that_nobody_wants_any_more_is_forgotten(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing = {"names": DOWN}
    poll(app_context, source, 1)
    source.unwanted, source.steps = {"names"}, ("held", "phrases")
    assert poll(app_context, source, 2).status is RunStatus.NEW
    assert [name for name, _, _ in source.asked] == ["held", "phrases"]
    with app_context.database.reading() as session:
        assert unfinished_parts(session, "samnotices") == ()


def test_a_step_that_keeps_failing_keeps_its_first_day(app_context: AppContext) -> None:
    source = Stepwise()
    poll(app_context, source, 0)
    source.failing = {"names": DOWN}
    for day in (5, 10, 15):
        poll(app_context, source, day)
    with app_context.database.reading() as session:
        [row] = session.scalars(select(UnfinishedStepRow))
        assert (row.since, row.until) == (DAY - OVERLAP, DAY + timedelta(days=15))
        assert row.failures == 3
    source.failing = {}
    poll(app_context, source, 16)
    assert notices(range(1, 17), "names") <= stored(app_context)


def test_a_poll_is_passed_over_while_the_data_has_not_changed(app_context: AppContext) -> None:
    source = Stepwise(version="11/29/2026")
    assert poll(app_context, source, 0).status is RunStatus.BASELINE_SEEDED
    skipped = poll(app_context, source, 1)
    assert (skipped.status, source.asked, skipped.tally.skipped) == (RunStatus.NOTHING_NEW, [], True)
    assert skipped.message == "the data has not changed since the last poll (11/29/2026)"
    assert poll(app_context, source, 1, force=True).status is RunStatus.NEW
    source.version = "11/30/2026"
    poll(app_context, source, 2)
    assert len(source.asked) == 3


def test_what_failed_is_tried_again_even_while_the_data_has_not_changed(app_context: AppContext) -> None:
    source = Stepwise(version="11/29/2026")
    poll(app_context, source, 0)
    source.version, source.failing = "11/30/2026", {"names": DOWN}
    assert poll(app_context, source, 1).status is RunStatus.INCOMPLETE
    assert poll(app_context, source, 1).status is RunStatus.INCOMPLETE
    assert [name for name, _, _ in source.asked] == ["names"]
    source.failing = {}
    healed = poll(app_context, source, 1)
    assert healed.status is RunStatus.NEW
    assert healed.message.endswith("; only failed steps were read again")
    assert [name for name, _, _ in source.asked] == ["names"]


def test_a_version_that_stands_still_for_two_days_is_not_believed(app_context: AppContext) -> None:
    source = Stepwise(version="11/29/2026")
    poll(app_context, source, 0)
    with app_context.database.writing() as session:
        row = session.get_one(CheckpointRow, ("samnotices", "poll/version"))
        moment, _, version = row.value.partition(" ")
        row.value = f"{(datetime.fromisoformat(moment) - timedelta(hours=49)).isoformat()} {version}"
        session.add(row)
    poll(app_context, source, 1)
    assert len(source.asked) == 3


def test_a_backfill_goes_on_past_a_failed_step_and_repeats_only_that_one(app_context: AppContext) -> None:
    source = Stepwise(failing={"names": DOWN})
    vendor = app_context.watchlist.by_id["clearview-ai"]

    def backfill() -> RunReport:
        source.asked.clear()
        return app_context.backfill(source, vendor, DAY, DAY + timedelta(days=2), ignore, notify=False)

    assert backfill().status is RunStatus.INCOMPLETE
    assert stored(app_context) >= notices(range(3), "held", "phrases")
    source.failing = {}
    assert backfill().status is RunStatus.NEW
    assert [name for name, _, _ in source.asked] == ["names"]
    assert stored(app_context) == notices(range(3))
