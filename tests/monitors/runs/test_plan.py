"""Interests, windows and verdicts: pure decisions."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from monitors.runs.plan import Reach, interest_in, poll_window
from monitors.runs.status import Tally, Verdict, distrust, verdict_of_error, verdict_of_success
from sources.base import ExpectedRows
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable
from tests.app_context import shipped

TODAY = date(2026, 11, 23)
REACH = Reach()
days = some.dates(date(2010, 1, 1), date(2030, 1, 1))


@given(until=days, watermark=some.none() | days, swept=some.none() | days)
def test_windows_overlap_whatever_the_program_missed(until: date, watermark: date | None, swept: date | None) -> None:
    window = poll_window(until, watermark, swept, REACH)
    seen = min(watermark or until, until)
    assert window.modified_since <= seen - timedelta(days=REACH.overlap)
    assert window.signed_since <= until - timedelta(days=REACH.signed)
    assert window.signed_since <= seen
    assert (window.acted_since is not None) == (
        swept is None or swept > until or (until - swept).days >= REACH.sweep_every
    )
    if window.acted_since:
        assert window.acted_since <= until - timedelta(days=289), "the latest arrival that was measured"


def test_the_interest_is_short_and_finds_every_name() -> None:
    vendors = shipped().vendors
    terms = interest_in(vendors)
    assert len(terms.names) == len(set(terms.names))
    assert not [name for name in terms.names if len(name) < 6]
    assert not [phrase for phrase in terms.phrases if len(phrase) < 3]
    for name in ("CLEARVIEW AI, INC.", "PALANTIR TECHNOLOGIES INC.", "PEN-LINK, LIMITED", "B.I. INCORPORATED"):
        assert any(short in name for short in terms.names), name


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Unreachable, Verdict.UNREACHABLE),
        (Blocked, Verdict.BLOCKED),
        (QuotaUsedUp, Verdict.QUOTA_USED_UP),
        (SourceChanged, Verdict.SOURCE_CHANGED),
    ],
)
def test_the_verdict_of_an_error(error: type[SourceError], verdict: Verdict) -> None:
    assert verdict_of_error(error("s", "GET /", "x")) is verdict


def test_a_refused_request_means_that_the_source_changed() -> None:
    assert verdict_of_error(Refused("s", "GET /", "x", status=422)) is Verdict.SOURCE_CHANGED


@pytest.mark.parametrize(
    ("tally", "believed"),
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
def test_when_a_run_is_not_believed(tally: Tally, believed: bool) -> None:
    assert (distrust(tally, ExpectedRows(at_least=1, at_most=1000)) == "") is believed


@pytest.mark.parametrize(
    ("tally", "seeded", "verdict"),
    [
        (Tally(), False, Verdict.NOTHING_MATCHES),
        (Tally(), True, Verdict.NOTHING_MATCHES),
        (Tally(resumed=True), False, Verdict.NOTHING_NEW),
        (Tally(found=3, matched=2, new_awards=2, events=2), True, Verdict.BASELINE_SEEDED),
        (Tally(found=3, matched=2, new_awards=2, events=2), False, Verdict.NEW),
        (Tally(found=3), False, Verdict.NOTHING_NEW),
        (Tally(found=3, new_awards=3), False, Verdict.NOTHING_NEW),
    ],
)
def test_the_verdict_of_success(tally: Tally, seeded: bool, verdict: Verdict) -> None:
    assert verdict_of_success(tally, seeded=seeded) is verdict
