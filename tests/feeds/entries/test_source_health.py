"""The feed of source outages, and the status line of the home page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser

from feeds.entries.source_health import health_line, incident_entries
from feeds.site import SiteFeeds
from feeds.urls import FeedFormat
from storage.reading.source_health import Incident, SourceHealth

BEGAN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
INCIDENT = Incident(
    source="dod", began=BEGAN, ended=None, failures=3, status="blocked", message="HTTP 403: <script>alert(1)</script>"
)
TITLES = {"dod": "War.gov contract announcements"}
LINK = "https://watch.example.org/"


def test_an_incident_is_one_entry_and_its_end_another() -> None:
    (began,) = incident_entries([INCIDENT], TITLES, LINK)
    over = replace(INCIDENT, ended=BEGAN + timedelta(hours=30), failures=9)
    again, ended = incident_entries([over], TITLES, LINK)
    assert began.id == again.id != ended.id
    assert began.title == "War.gov contract announcements: unavailable since 2026-11-20 06:00 UTC (blocked)"
    assert ended.title.startswith("War.gov contract announcements: available again after 30 hours")
    assert (began.first_seen, ended.first_seen) == (BEGAN, over.ended)
    assert "<script>" not in began.content_html


def test_the_feed_is_there_before_anything_went_wrong_and_tells_what_did() -> None:
    site = SiteFeeds(base_url=LINK)
    for fmt in (FeedFormat.ATOM, FeedFormat.RSS):
        assert feedparser.parse(site.health(fmt, (), TITLES)).entries == []
        parsed = feedparser.parse(site.health(fmt, (INCIDENT,), TITLES))
        assert not parsed.bozo
        assert [entry.title for entry in parsed.entries] == [next(incident_entries([INCIDENT], TITLES, LINK)).title]


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


def test_the_health_of_the_sources_in_a_line() -> None:
    titles = {"usaspending": "USAspending", "fpds": "FPDS"}
    assert health_line([SOUND, BROKEN], titles) == (
        "1 source is available, last polled 2026-11-23 06:00 UTC. "
        "FPDS unavailable since 2026-11-23 06:00 UTC: no answer from <b>fpds</b>."
    )
    assert health_line([replace(SOUND, last_run=None)], titles) == "No source has been polled yet."
    never = replace(BROKEN, incident=None, last_good=None)
    assert health_line([never], titles) == "FPDS has never been available: no answer from <b>fpds</b>."
