"""Which days a poll covers and what it searches for; how its counts become a status."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from monitors.runs.jobs import Lookback, poll_window, search_terms
from monitors.runs.status import Tally, implausible, status_of_error, status_of_success
from sources.base import ExpectedRows
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable
from storage.models import RunStatus
from tests.app_context import shipped

TODAY = date(2026, 11, 23)
LOOKBACK = Lookback(signed=120, overlap=14, sweep=400, sweep_every=7)
days = some.dates(date(2010, 1, 1), date(2030, 1, 1))


def before(number: int) -> date:
    return TODAY - timedelta(days=number)


@pytest.mark.parametrize(
    ("last_sweep", "is_sweep"),
    [
        (None, True),
        (before(0), False),
        (before(6), False),
        (before(7), True),
        (before(8), True),
        (before(-1), True),  # a clock that was a day ahead
    ],
)
def test_a_sweep_is_due_after_seven_days(last_sweep: date | None, is_sweep: bool) -> None:
    window = poll_window(TODAY, before(1), last_sweep, LOOKBACK)
    assert window.acted_since == (before(400) if is_sweep else None)


@pytest.mark.parametrize(
    ("watermark", "signed_since", "modified_since", "acted_since"),
    [
        (None, before(120), before(14), before(400)),
        (before(1), before(120), before(15), before(400)),
        (before(200), before(214), before(214), before(400)),
        (before(500), before(514), before(514), before(514)),
        (before(-300), before(120), before(14), before(400)),  # a clock that was ahead
    ],
)
def test_the_days_of_a_poll(
    watermark: date | None, signed_since: date, modified_since: date, acted_since: date
) -> None:
    window = poll_window(TODAY, watermark, None, LOOKBACK)
    assert (window.until, window.overlap) == (TODAY, timedelta(days=14))
    assert (window.signed_since, window.modified_since) == (signed_since, modified_since)
    assert window.acted_since == acted_since


@given(until=days, watermark=some.none() | days, last_sweep=some.none() | days)
def test_no_day_is_left_out_however_long_the_program_was_off(
    until: date, watermark: date | None, last_sweep: date | None
) -> None:
    window = poll_window(until, watermark, last_sweep, LOOKBACK)
    read_until = min(watermark or until, until)
    assert window.modified_since <= read_until - timedelta(days=LOOKBACK.overlap)
    assert window.signed_since <= min(read_until, until - timedelta(days=LOOKBACK.signed))


def test_a_sweep_reaches_the_latest_arrival_that_was_measured() -> None:
    assert poll_window(TODAY, TODAY, None, Lookback()).acted_since <= before(289)  # type: ignore[operator]


def test_the_search_terms_are_few_and_find_every_name() -> None:
    vendors = shipped().vendors
    terms = search_terms(vendors)
    assert len(terms.names) == len(set(terms.names))
    assert not [name for name in terms.names if len(name) < 6]
    assert not [phrase for phrase in terms.phrases if len(phrase) < 3]
    for name in ("CLEARVIEW AI, INC.", "PALANTIR TECHNOLOGIES INC.", "PEN-LINK, LIMITED", "B.I. INCORPORATED"):
        assert any(short in name for short in terms.names), name


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unreachable, RunStatus.UNREACHABLE),
        (Blocked, RunStatus.BLOCKED),
        (QuotaUsedUp, RunStatus.QUOTA_USED_UP),
        (SourceChanged, RunStatus.SOURCE_CHANGED),
    ],
)
def test_the_status_of_an_error(error: type[SourceError], status: RunStatus) -> None:
    assert status_of_error(error("s", "GET /", "x")) is status


def test_a_refused_request_means_that_the_source_changed() -> None:
    assert status_of_error(Refused("s", "GET /", "x", status=422)) is RunStatus.SOURCE_CHANGED


@pytest.mark.parametrize(
    ("tally", "is_plausible"),
    [
        (Tally(found=100, read=100, problems=0), True),
        (Tally(found=100, read=100, problems=2), True),
        (Tally(found=100, read=100, problems=5), False),
        (Tally(found=1, read=1, problems=1), False),
        (Tally(found=1, read=1, problems=1, known_problems=1), True),
        (Tally(found=3, read=3, problems=3, known_problems=3), False),
        (Tally(found=1001, read=0, problems=0), False),
    ],
)
def test_which_counts_are_plausible(tally: Tally, is_plausible: bool) -> None:
    assert (implausible(tally, ExpectedRows(at_least=1, at_most=1000)) == "") is is_plausible


@pytest.mark.parametrize(
    ("tally", "is_baseline", "status"),
    [
        (Tally(), False, RunStatus.NOTHING_MATCHES),
        (Tally(), True, RunStatus.NOTHING_MATCHES),
        (Tally(resumed=True), False, RunStatus.NOTHING_NEW),
        (Tally(found=3, matched=2, new_awards=2, events=2), True, RunStatus.BASELINE_SEEDED),
        (Tally(found=3, matched=2, new_awards=2, events=2), False, RunStatus.NEW),
        (Tally(found=3), False, RunStatus.NOTHING_NEW),
        (Tally(found=3, new_awards=3), False, RunStatus.NOTHING_NEW),
    ],
)
def test_the_status_of_success(tally: Tally, is_baseline: bool, status: RunStatus) -> None:
    assert status_of_success(tally, is_baseline=is_baseline) is status
