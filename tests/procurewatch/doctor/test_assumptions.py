"""Each assumption about USAspending, broken in turn: the doctor says so and stores it, and a poll still ends well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from monitors.runs.stored_state import NOTE
from procurewatch.context import AppContext
from procurewatch.doctor import Finding, Result, examine
from sources.registry import SOURCES
from storage.writing.runs import load_checkpoint
from tests.app_context import LAST_DAY, Dump, app_context_with, dump, ignore, later
from tests.upstreams.server import FakeServer
from tests.upstreams.usaspending.corpus import CorpusSubaward, load_corpus
from tests.upstreams.usaspending.grants import FakeSubawards
from tests.upstreams.usaspending.search.served import WRONG
from tests.upstreams.usaspending.server import FakeUsaspending

RECORDS = ("record", "action", "match", "event")
ASKED = ("usaspending", "subawards")
# Where bare numbers find nothing, quoted ones do.
ALSO_WRONG = {"unquoted-award-ids": ("quoted-award-ids-fail",)}
CASES = [(name, assumption.name) for name in ASKED for assumption in SOURCES[name].assumptions]


def subawards() -> list[CorpusSubaward]:
    """Return two subawards for Clearview AI, one of which USAspending has not tied to its prime award."""
    prime = next(award for award in load_corpus() if award.piid == "70CMSD21P00000127")
    first = CorpusSubaward(
        prime=prime,
        number="S-1",
        name="CLEARVIEW AI, INC.",
        day=date(2023, 5, 1),
        amount=Decimal("1000.00"),
        description="CLEARVIEW AI LICENSES",
    )
    return [first, replace(first, number="S-2", is_linked=False)]


def server_of(source: str, wrong: Sequence[str] = ()) -> FakeServer:
    """Return a fake server with the records of a source, where these assumptions do not hold."""
    if source == "subawards":
        return FakeSubawards(subawards(), wrong=wrong)
    return FakeUsaspending(load_corpus(), wrong=wrong)


@contextmanager
def app_context_of(source: str, folder: Path, *wrong: str) -> Iterator[AppContext]:
    """Open an app context over a source whose server breaks these assumptions."""
    with (
        server_of(source, wrong) as upstream,
        app_context_with(
            {source: {"base_url": upstream.base_url}},
            folder,
            "babel-street",
            "clearview-ai",
            "palantir",
            lookback_days=1461,
            full_sweep_days=1461,
        ) as app_context,
    ):
        yield app_context


def about_assumptions(app_context: AppContext, source: str) -> dict[str, Finding]:
    """Return what the doctor finds about the assumptions of a source."""
    names = [assumption.name for assumption in SOURCES[source].assumptions]
    return {finding.check: finding for finding in examine(app_context.settings) if finding.check in names}


def polled(app_context: AppContext, source: str) -> Dump:
    """Poll a source twice, the second time with awards held; both must end well. Return the records then stored."""
    for day in (LAST_DAY, later(1)):
        with app_context.claimed(SOURCES[source]) as claimed:
            report = claimed.poll(SOURCES[source], day, ignore, force=True)
        assert report.status is not None
        assert report.status.is_good, report.message
    stored = dump(app_context.database)
    return {table: stored[table] for table in RECORDS}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dump]:
    """What is stored of each source where everything holds, which the doctor finds before."""
    found = {}
    for source in ASKED:
        with app_context_of(source, tmp_path_factory.mktemp(source)) as app_context:
            about = about_assumptions(app_context, source)
            assert {name: finding.result for name, finding in about.items()} == dict.fromkeys(about, Result.OK)
            found[source] = polled(app_context, source)
        assert found[source]["record"]
    return found


def test_every_assumption_can_be_broken() -> None:
    assert sorted(WRONG) == sorted(assumption for _, assumption in CASES)


@pytest.mark.parametrize(("source", "wrong"), CASES)
def test_a_poll_succeeds_with_any_assumption_broken(
    source: str, wrong: str, right: dict[str, Dump], tmp_path: Path
) -> None:
    with app_context_of(source, tmp_path, wrong) as app_context:
        about = about_assumptions(app_context, source)
        expected = dict.fromkeys(about, True) | dict.fromkeys((wrong, *ALSO_WRONG.get(wrong, ())), False)
        assert {name: finding.holds for name, finding in about.items()} == expected
        assert about[wrong].result is Result.WARNING
        assert about[wrong].action, "what the program does about it"
        with app_context.database.reading() as session:
            noted = {name: load_checkpoint(session, source, f"{NOTE}assumption/{name}") for name in about}
        assert noted == {name: "holds" if holds else "does not hold" for name, holds in expected.items()}
        assert polled(app_context, source) == right[source]
