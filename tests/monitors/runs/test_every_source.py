"""Every fault of every fake server, and every failed step, in every source: the right status, and nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from monitors.runs.quotas import tomorrow
from monitors.runs.status import RunReport
from procurewatch.context import AppContext
from sources.base import Fetched, FetchStep, Source, Stored
from sources.errors import Unreachable
from sources.http.client import Client, Timeouts
from sources.registry import SOURCES
from storage.database import Database
from storage.models import RunStatus
from storage.reading.source_health import unfinished_steps
from storage.schema.tables import QuotaRow
from storage.writing.runs import load_checkpoint
from tests.app_context import Dump, app_context_with, dump, ignore
from tests.upstreams.every_source import FAKE_UPSTREAMS as ALL_UPSTREAMS
from tests.upstreams.every_source import FIRST, SECOND, FakeUpstream
from tests.upstreams.faults import Fault

# Archives are polled only for what was backfilled from them: test_archive_poll.py.
FAKE_UPSTREAMS = [fake for fake in ALL_UPSTREAMS if not SOURCES[fake.source].reads_archives]
THIRD = SECOND + timedelta(days=1)
COMPARED = ("record", "action", "match", "event", "source_record", "link")
FILE = "procurewatch.sqlite3"
# Seconds after which an answer that drips is given up; a byte comes in a quarter of that, so the shortest lasts longer.
DRIP_CUT_OFF = 0.5

LASTING = {
    Fault.TOO_MANY: RunStatus.QUOTA_USED_UP,
    Fault.TOO_MANY_DATE: RunStatus.QUOTA_USED_UP,
    Fault.TOO_MANY_HOUR: RunStatus.QUOTA_USED_UP,
    Fault.UNAVAILABLE: RunStatus.UNREACHABLE,
    Fault.GATEWAY_TIMEOUT: RunStatus.UNREACHABLE,
    Fault.EMPTY: RunStatus.UNREACHABLE,
    Fault.RESET: RunStatus.UNREACHABLE,
    Fault.CUT_TRANSFER: RunStatus.UNREACHABLE,
    Fault.SLOW_DRIP: RunStatus.UNREACHABLE,
    Fault.SERVER_ERROR: RunStatus.UNREACHABLE,
    Fault.FORBIDDEN: RunStatus.BLOCKED,
    Fault.HTML_OK: RunStatus.SOURCE_CHANGED,
    Fault.TRUNCATED_JSON: RunStatus.SOURCE_CHANGED,
    Fault.RENAMED_FIELD: RunStatus.SOURCE_CHANGED,
    Fault.UNUSED_FILTER: RunStatus.SOURCE_CHANGED,
}
THROTTLED = (Fault.TOO_MANY, Fault.TOO_MANY_DATE, Fault.TOO_MANY_HOUR)
# What is judged by each source itself, and so played in all its places; the rest is the client's work.
JUDGED = (Fault.FORBIDDEN, Fault.HTML_OK, Fault.TRUNCATED_JSON)
# What the client makes of these does not depend on the source (tests/sources/http): each is played to every third one.
CLIENTS = (
    Fault.TOO_MANY_DATE,
    Fault.TOO_MANY_HOUR,
    Fault.GATEWAY_TIMEOUT,
    Fault.RESET,
    Fault.CUT_TRANSFER,
    Fault.SLOW_DRIP,
    Fault.SERVER_ERROR,
)
PASSING = (Fault.UNAVAILABLE, Fault.EMPTY, Fault.RESET, Fault.CUT_TRANSFER, Fault.TOO_MANY)
# A 429 of a quota is final for the day; an empty file is asked for again by the next run.
NOT_REPEATED = (("samnotices", Fault.TOO_MANY), ("samawards", Fault.TOO_MANY), ("samawards", Fault.EMPTY))
# Where a fault is borne: the archive lags by a page or two; a notice is published without its text.
BORNE = {
    ("dod", "/Article/", Fault.FORBIDDEN): RunStatus.NOTHING_NEW,
    **{("samnotices", "noticedesc", fault): RunStatus.NEW for fault in THROTTLED},
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A fake upstream with its new records, the database of the poll before, and the outcome of a poll without a fault.

    `wanted` are the rows after that poll, `status` is its status.
    """

    fake: FakeUpstream
    upstream: Any
    before: Path
    wanted: Dump
    status: RunStatus

    @contextmanager
    def app_context(self, folder: Path) -> Iterator[AppContext]:
        """Open an app context that has polled the upstream before its new records."""
        shutil.copy(self.before / FILE, folder / FILE)
        with app_context_of(self.fake, self.upstream, folder) as app_context:
            yield app_context


@contextmanager
def app_context_of(fake: FakeUpstream, upstream: Any, folder: Path, *, tries: int = 1) -> Iterator[AppContext]:
    """Open an app context with one source, that of the fake upstream, and the vendor that it matches."""
    asked: dict[str, object] = {"base_url": upstream.base_url, "tries": tries, "requests_per_day": 40}
    asked |= {"extra_hosts": dict.fromkeys(fake.also, upstream.base_url), **({"key": fake.key} if fake.key else {})}
    with app_context_with({fake.source: asked}, folder, fake.vendor) as app_context:
        yield app_context


def poll(app_context: AppContext, until: date) -> RunReport:
    """Poll the only source there is, even if its data has not changed."""
    return app_context.poll(app_context.sources[0], until, ignore, force=True)


def watermark(app_context: AppContext) -> str | None:
    with app_context.database.reading() as session:
        return load_checkpoint(session, app_context.sources[0].name, "poll/until")


def unfinished(app_context: AppContext) -> list[str]:
    """Return which steps failed and have not succeeded since."""
    with app_context.database.reading() as session:
        return [row.key for row in unfinished_steps(session, app_context.sources[0].name)]


def at_midnight(database: Database) -> None:
    """Let a day go by for the quota."""
    with database.writing() as session:
        for row in session.scalars(select(QuotaRow)):
            row.day -= timedelta(days=1)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    """Give the stage of each upstream, made at its first use."""
    with ExitStack() as stack:
        yield Stages(stack, tmp_path_factory)


class Stages(dict[str, Stage]):
    """The stages, each made at its first use."""

    def __init__(self, stack: ExitStack, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self._stack, self._folders = stack, folders

    def __missing__(self, name: str) -> Stage:
        fake = next(fake for fake in FAKE_UPSTREAMS if fake.source == name)
        upstream = self._stack.enter_context(fake.open())
        upstream.retry_after, upstream.drip_seconds = 0, DRIP_CUT_OFF / 4
        before, after = self._folders.mktemp(name), self._folders.mktemp(name)
        with app_context_of(fake, upstream, before) as app_context:
            assert poll(app_context, FIRST).status is RunStatus.BASELINE_SEEDED, "its example concerns Clearview AI"
        shutil.copy(before / FILE, after / FILE)
        if fake.add:
            fake.add(upstream)
        with app_context_of(fake, upstream, after) as app_context:
            status = poll(app_context, SECOND).status
            assert status is (RunStatus.NEW if fake.add else RunStatus.NOTHING_NEW)
            assert watermark(app_context) == SECOND.isoformat()
            assert poll(app_context, THIRD).status is RunStatus.NOTHING_NEW
            wanted = dump(app_context.database)
        self[name] = Stage(fake=fake, upstream=upstream, before=before, wanted=wanted, status=status)
        return self[name]


@pytest.fixture(autouse=True)
def _haste() -> Iterator[None]:
    """Wait moments before another try, but as long as it takes for an answer: this machine may be busy."""
    with waiting(total=60):
        yield


@contextmanager
def waiting(total: float) -> Iterator[None]:
    """Let clients wait so many seconds for an answer: the same code, in a hurry."""

    def hurried(tries: int) -> Timeouts:
        return Timeouts(total=total, tries=tries, first_wait=0.01, max_retry_after=5)

    with patch("procurewatch.context.Timeouts", hurried):
        yield


def assert_nothing_lost(before: Dump, after: Dump) -> None:
    for table in (*COMPARED, "evidence", "quarantine"):
        size = 1 if table == "record" else 2  # columns of the key
        assert {row[:size] for row in before[table]} <= {row[:size] for row in after[table]}, (
            f"{table}: nothing is lost"
        )
    assert set(before["event"]) <= set(after["event"]), "what was published stays published"
    assert set(before["payload"]) <= set(after["payload"])


def assert_alike(found: Dump, wanted: Dump) -> None:
    for table in COMPARED:
        assert found[table] == wanted[table], f"{table}: as if nothing had happened"
    evidence = {row[0] for row in found["evidence"]}
    assert {row[0] for row in wanted["evidence"]} <= evidence, "requests name other days, but are kept all the same"


def cases() -> Iterator[Any]:
    for number, fake in enumerate(FAKE_UPSTREAMS):
        for fault in LASTING:
            if fault in CLIENTS and (number + CLIENTS.index(fault)) % 3:
                continue
            places: tuple[str, ...] = fake.places if fault in JUDGED else fake.places[-1:]
            if fault is Fault.RENAMED_FIELD:
                places = (fake.renamed,) if fake.renamed else ()
            if fault is Fault.UNUSED_FILTER:
                places = (fake.filtered,) if fake.filtered else ()
            for place in places:
                name = f"{fake}-{fault.name.lower()}-{place.strip('/').replace('/', '-')}"
                yield pytest.param(fake.source, fault, place, id=name)


@pytest.mark.parametrize(("source", "fault", "place"), list(cases()))
def test_a_fault_has_its_status_and_loses_nothing(
    source: str, fault: Fault, place: str, stages: dict[str, Stage], tmp_path: Path
) -> None:
    stage = stages[source]
    upstream = stage.upstream
    with stage.app_context(tmp_path) as app_context:
        stored = dump(app_context.database)
        upstream.play(fault, on=place)
        try:
            with waiting(DRIP_CUT_OFF if fault is Fault.SLOW_DRIP else 60):
                failed = poll(app_context, SECOND)
        finally:
            upstream.heal()
        kept = dump(app_context.database)
        expected = BORNE.get((source, place, fault), LASTING[fault])
        assert failed.status in (expected, RunStatus.INCOMPLETE), failed
        if not failed.status.is_good:
            assert failed.message, "the message says why"
            assert "\n" not in failed.message
        # What has succeeded is covered; what has not is noted step by step, or else the watermark stays.
        is_covered = failed.status.is_good or bool(unfinished(app_context))
        assert watermark(app_context) == (SECOND if is_covered else FIRST).isoformat()
        assert is_covered or failed.status is not RunStatus.INCOMPLETE
        assert_nothing_lost(stored, kept)
        at_midnight(app_context.database)
        healed = poll(app_context, THIRD)
        found = dump(app_context.database)
        assert healed.status in (RunStatus.NEW, RunStatus.NOTHING_NEW), healed
        assert unfinished(app_context) == []
        assert watermark(app_context) == THIRD.isoformat()
        assert_nothing_lost(kept, found)
        assert_alike(found, stage.wanted)


class Broken:
    """What breaks one step of a source, the one with a number: asked for anything, it cannot be reached."""

    def __init__(self, source: Source, number: int) -> None:
        self.source = copy(source)
        self.number = number
        self.steps: list[str] = []
        self.fetch = source.fetch
        self.source.fetch = self.break_one  # type: ignore[method-assign]

    def break_one(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Walk a step, unless it is the broken one."""
        self.steps.append(step.key)
        if len(self.steps) - 1 == self.number:
            raise Unreachable(client.source, step.key, "no connection")
        return self.fetch(client, step, stored)


@pytest.mark.parametrize("source", [fake.source for fake in FAKE_UPSTREAMS])
def test_a_failed_step_is_retried_and_stops_no_other_step(
    source: str, stages: dict[str, Stage], tmp_path: Path
) -> None:
    stage, number, steps = stages[source], 0, 1
    while number < steps:
        folder = tmp_path / str(number)
        folder.mkdir()
        with stage.app_context(folder) as app_context:
            at_midnight(app_context.database)
            broken = Broken(app_context.sources[0], number)
            failed = app_context.poll(broken.source, SECOND, ignore, force=True)
            steps = len(broken.steps)
            expected = RunStatus.INCOMPLETE if steps > 1 else RunStatus.UNREACHABLE
            assert failed.status is expected, (broken.steps[number], failed)
            if steps > 1:
                assert unfinished(app_context) == [broken.steps[number]]
            at_midnight(app_context.database)
            healed = poll(app_context, THIRD)
            assert healed.status in (RunStatus.NEW, RunStatus.NOTHING_NEW), (broken.steps[number], healed)
            assert unfinished(app_context) == []
            assert_alike(dump(app_context.database), stage.wanted)
        number += 1


@pytest.mark.parametrize("source", [fake.source for fake in FAKE_UPSTREAMS])
def test_passing_faults_are_retried(source: str, stages: dict[str, Stage], tmp_path: Path) -> None:
    stage = stages[source]
    place = stage.fake.places[-1]
    faults = [fault for fault in PASSING if (source, fault) not in NOT_REPEATED]
    if SOURCES[source].quota:
        faults = faults[:1]  # a further try would cost too much of the day's quota
    shutil.copy(stage.before / FILE, tmp_path / FILE)
    with app_context_of(stage.fake, stage.upstream, tmp_path, tries=len(faults) + 1) as app_context:
        for fault in faults:
            stage.upstream.play(fault, on=place, times=1)
        try:
            report = poll(app_context, SECOND)
        finally:
            stage.upstream.heal()
        assert report.status is stage.status, report
        assert watermark(app_context) == SECOND.isoformat()
        poll(app_context, THIRD)
        assert_alike(dump(app_context.database), stage.wanted)


@pytest.mark.parametrize("source", [fake.source for fake in FAKE_UPSTREAMS if SOURCES[fake.source].quota])
def test_a_used_up_quota_stops_its_source_until_midnight(source: str, stages: dict[str, Stage], tmp_path: Path) -> None:
    stage = stages[source]
    upstream = stage.upstream
    with stage.app_context(tmp_path) as app_context:
        at_midnight(app_context.database)
        upstream.play(Fault.TOO_MANY, on=stage.fake.places[0])
        try:
            stopped = poll(app_context, SECOND)
        finally:
            upstream.heal()
        assert stopped.status is RunStatus.QUOTA_USED_UP
        assert stopped.retry_at == tomorrow()
    with app_context_of(stage.fake, upstream, tmp_path) as app_context:  # a restart forgets nothing
        asked = len(upstream.requests)
        again = poll(app_context, SECOND)
        quota = app_context.quota(app_context.sources[0])
        assert again.status is RunStatus.QUOTA_USED_UP
        assert len(upstream.requests) == asked, "nothing is sent"
        assert quota is not None
        assert quota.remaining() == 0
        assert (watermark(app_context) == FIRST.isoformat()) != bool(unfinished(app_context)), "nothing is passed over"
        at_midnight(app_context.database)
        assert quota.remaining() == 40
        assert poll(app_context, THIRD).status is stage.status
        assert quota.remaining() == 40 - (len(upstream.requests) - asked)
        assert_alike(dump(app_context.database), stage.wanted)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET, Fault.TOO_MANY, Fault.CUT_TRANSFER])
def test_a_failed_download_does_not_order_the_extract_again(
    fault: Fault, stages: dict[str, Stage], tmp_path: Path
) -> None:
    stage = stages["samawards"]
    upstream = stage.upstream
    with stage.app_context(tmp_path) as app_context:
        ordered = len(upstream.submissions)
        upstream.play(fault, on="/download")
        try:
            poll(app_context, SECOND)
        finally:
            upstream.heal()
        assert len(upstream.submissions) == ordered + 1
        at_midnight(app_context.database)
        assert poll(app_context, THIRD).status is RunStatus.NEW
        days = [submission["lastModifiedDate"] for submission in upstream.submissions[ordered:]]
        assert len(days) == len(set(days)) == 2, "the days before are fetched, and only the new day is ordered"


def test_sources_with_one_key_share_its_quota(tmp_path: Path) -> None:
    fake = next(fake for fake in FAKE_UPSTREAMS if fake.source == "samnotices")
    with fake.open() as upstream, app_context_of(fake, upstream, tmp_path) as app_context:
        given = app_context.settings.source("samnotices")
        app_context.settings.sources["samawards"] = given
        before = [app_context.quota(SOURCES[name]) for name in ("samnotices", "samawards")]
        poll(app_context, FIRST)
        spent = len(upstream.requests)
        assert spent > 0
        assert [quota.remaining() for quota in before if quota] == [40 - spent, 40 - spent]
