"""The sentences that keep a list honest: what is not public yet, and how the sources are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from feeds.entries.details import reporting_delay_note
from feeds.entries.source_health import health_line
from storage.reading.source_health import Incident, SourceHealth

READ = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SOUND = SourceHealth(
    source="usaspending",
    last_run=READ,
    last_status="new",
    last_message="",
    last_good=READ,
    rows=5,
    usual_rows=None,
    newest=None,
    quarantined=0,
    incident=None,
)
BROKEN = replace(
    SOUND,
    source="fpds",
    last_message="no answer\nfrom <b>fpds</b>",
    incident=Incident(source="fpds", began=READ, ended=None, failures=3, status="source unreachable", message=""),
)


def test_what_is_not_public_yet() -> None:
    told = "DoD and Army Corps of Engineers awards signed after 2026-08-25 are not public yet."
    assert reporting_delay_note(date(2026, 11, 23)) == told


def test_the_health_of_the_sources_in_a_line() -> None:
    titles = {"usaspending": "USAspending", "fpds": "FPDS"}
    assert health_line([SOUND, BROKEN], titles) == (
        "1 source is available, last polled 2026-11-23 06:00 UTC. "
        "FPDS unavailable since 2026-11-23 06:00 UTC: no answer from <b>fpds</b>."
    )
    assert health_line([replace(SOUND, last_run=None)], titles) == "No source has been polled yet."
    never = replace(BROKEN, incident=None, last_good=None)
    assert health_line([never], titles) == "FPDS has never been available: no answer from <b>fpds</b>."
