"""When messages are due by their rhythm, also when clocks are put forward and back; and what would have been sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from feeds.text import format_time
from procurewatch.alerts.preview import Preview, preview
from procurewatch.alerts.schedule import next_after
from procurewatch.settings import Settings
from storage.alerts.models import Rhythm
from storage.database import Database
from tests.procurewatch.alerts.receiver import add_alert
from tests.records import BABEL, CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC, COURT_REPORTER, EQUIPMENT, match
from tests.storage.database_helpers import save

NEW_YORK = "America/New_York"
FRIDAY = "2026-11-20T14:05"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rhythm", "after", "zone", "due"),
    [
        (Rhythm.AT_ONCE, FRIDAY, "UTC", FRIDAY),
        (Rhythm.DAILY, FRIDAY, "UTC", "2026-11-21T07:00"),
        (Rhythm.DAILY, "2026-11-20T06:59", "UTC", "2026-11-20T07:00"),
        (Rhythm.DAILY, "2026-11-20T07:00", "UTC", "2026-11-21T07:00"),
        (Rhythm.DAILY, "2026-11-20T11:59", NEW_YORK, "2026-11-20T12:00"),
        (Rhythm.DAILY, "2026-11-20T23:00", "Pacific/Auckland", "2026-11-21T18:00"),
        (Rhythm.WEEKLY, FRIDAY, "UTC", "2026-11-23T07:00"),
        (Rhythm.WEEKLY, "2026-11-23T07:00", "UTC", "2026-11-30T07:00"),
        (Rhythm.WEEKLY, "2026-10-30T14:00", NEW_YORK, "2026-11-02T12:00"),  # the clocks are put back in between
        (Rhythm.MONTHLY, FRIDAY, "UTC", "2026-12-01T07:00"),
        (Rhythm.MONTHLY, "2026-12-31T23:59", "UTC", "2027-01-01T07:00"),
        (Rhythm.MONTHLY, "2026-12-01T07:00", "UTC", "2027-01-01T07:00"),
        (Rhythm.DAILY, "2027-03-13T15:00", NEW_YORK, "2027-03-14T11:00"),  # put forward
    ],
)
def test_the_next_time(rhythm: Rhythm, after: str, zone: str, due: str) -> None:
    assert next_after(rhythm, at(after), 7, zone) == at(due)


def test_an_hour_that_the_clocks_leave_out_is_still_once_a_day() -> None:
    moment, due = at("2027-03-12T12:00"), []
    for _ in range(4):
        moment = next_after(Rhythm.DAILY, moment, 2, NEW_YORK)
        due.append(moment.astimezone(UTC).day)
    assert due == [13, 14, 15, 16]


def past(database: Database, rhythm: Rhythm, days: int = 90, vendor: str = "") -> Preview:
    alert = add_alert(database, "https://example.org/", rhythm, vendor=vendor)
    with database.reading() as session:
        return preview(session, alert, Settings(feed_min_change=Decimal(0)), days)


def test_a_preview_has_the_messages_that_would_have_been_sent(database: Database) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days, award in ((2, CLEARVIEW_AT_FIRST), (2, CLEARVIEW_FORENSIC), (40, BABEL), (400, EQUIPMENT)):
        vendor = {BABEL.key: "babel-street", EQUIPMENT.key: "panamerica"}.get(award.key, "clearview-ai")
        save(database, award, match(award, vendor), now=midnight - timedelta(days=days))
    at_once = past(database, Rhythm.AT_ONCE)
    assert [len(message.events) for message in at_once.messages] == [2, 1]
    assert str(at_once).endswith("it would have sent 2 messages with 3 entries, about one every 45 days.")
    daily = past(database, Rhythm.DAILY, vendor="clearview-ai")
    assert [message.when for message in daily.messages] == [midnight - timedelta(days=1, hours=17)]
    assert str(daily) == "In the last 90 days, it would have sent 1 message with 2 entries."
    assert len(past(database, Rhythm.AT_ONCE, days=1000).messages) == 3
    save(database, COURT_REPORTER, match(COURT_REPORTER, "nuix"), now=datetime.now(UTC) - timedelta(seconds=1))
    new = past(database, Rhythm.MONTHLY, vendor="nuix")
    assert new.messages == ()
    assert new.coming is not None
    assert new.shown == (new.coming,)
    assert new.coming.when > datetime.now(UTC)
    assert str(new).endswith(f" The next message, of {format_time(new.coming.when)}, would have 1 entry so far.")
    nothing = past(database, Rhythm.DAILY, vendor="cellebrite")
    assert str(nothing) == "In the last 90 days, it would have sent nothing."
