"""What happens to a stored award, through the whole program: nothing is missed, and nothing is published twice.

The award is a real one, CBP's of Babel Street's licenses through a reseller; what happens to it here is made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from feeds.entries.titles import title_for
from monitors.runs.jobs import TURNS, Lookback, stored_awards
from procurewatch.context import AppContext
from storage.models import MILESTONES, EventKind
from storage.reading.records import actions_of
from storage.search.query import Query
from storage.search.search import count_records, find_events
from tests.app_context import LAST_DAY, app_context_for, app_context_with, poll
from tests.records import CLEARVIEW, match
from tests.storage.database_helpers import save
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

PIID = "70B03C23F00001053"
BOUGHT = "Babel Street · $2,259,173 · CBP via Panamerica Computers · new order"


class World:
    """A fake USAspending with one award, and the program that watches it."""

    def __init__(self, server: FakeUsaspending, app_context: AppContext) -> None:
        self.server = server
        self.app_context = app_context
        self.day = LAST_DAY

    def poll(self, days: int = 1) -> list[str]:
        """Poll so many days later; return the titles of what is newly published."""
        before = self._published()
        self.day += timedelta(days=days)
        report = poll(self.app_context, self.day)
        assert report.status
        assert report.status.is_good, report
        return sorted(title for identifier, title in self._published().items() if identifier not in before)

    def change(self, *actions: CorpusAction, **fields: object) -> None:
        """Add actions to the award, and set its fields."""
        with self.server.editing() as served:
            served[0].actions += actions
            for name, value in fields.items():
                setattr(served[0], name, value)

    def acted(self, number: str, signed: date, amount: str, **kind: str) -> CorpusAction:
        """A modification that the source publishes on the day of the next poll."""
        return CorpusAction(
            modification=number,
            action_date=signed,
            obligation=Decimal(amount),
            description="ADMINISTRATIVE",
            last_modified_date=self.day + timedelta(days=1),
            **kind,
        )

    def _published(self) -> dict[str, str]:
        with self.app_context.database.reading() as session:
            events = [event for event in find_events(session, Query(), 100) if event.kind not in MILESTONES]
        return {event.id: title_for(event) for event in events}


@contextmanager
def world(folder: Path, *actions: int) -> Iterator[World]:
    """Open a world in which a poll has stored the award with these of its actions."""
    award = next(award for award in load_corpus() if award.piid == PIID)
    held: CorpusAward = replace(award, actions=[award.actions[number] for number in actions])
    with FakeUsaspending([held]) as server, app_context_for(server.base_url, folder) as app_context:
        opened = World(server, app_context)
        [bought] = (title for title in opened.poll(0) if "new order" in title)
        assert "Babel Street · " in bought
        assert " · CBP via Panamerica Computers · new order" in bought
        assert opened.poll() == []
        yield opened


LATE = {
    "a month back": LAST_DAY - timedelta(days=30),
    "on the day of the latest action": date(2024, 3, 19),
    "before it": date(2024, 1, 2),
}


@pytest.mark.parametrize("signed", LATE.values(), ids=LATE)
def test_a_late_modification_without_money_is_published_once(signed: date, tmp_path: Path) -> None:
    with world(tmp_path, 0, 1) as opened:
        opened.change(
            opened.acted("P00002", signed, "0.00", action_type="F", action_type_description="TERMINATE FOR CONVENIENCE")
        )
        [title] = opened.poll()
        assert " · $0 · CBP via Panamerica Computers · terminated for convenience P00002 · " in title
        assert opened.poll() == []


def test_actions_that_cancel_out_are_published_each(tmp_path: Path) -> None:
    with world(tmp_path, 0, 1) as opened:
        day = LAST_DAY - timedelta(days=3)
        opened.change(opened.acted("P00002", day, "100.00"), opened.acted("P00003", day, "-100.00"))
        modified, deobligated = opened.poll()
        assert " · $100 · " in modified
        assert " · \N{MINUS SIGN}$100 · CBP via Panamerica Computers · de-obligated P00003" in deobligated
        assert opened.poll() == []


def test_a_base_award_that_comes_after_its_modification_is_published_with_its_amount(tmp_path: Path) -> None:
    with world(tmp_path, 1) as opened:
        base = next(award for award in load_corpus() if award.piid == PIID).actions[0]
        opened.change(replace(base, last_modified_date=opened.day + timedelta(days=1)))
        # USAspending describes an award in the words of its first action: the new description is no news of its own.
        [begun] = opened.poll()
        assert begun == f"{BOUGHT}, first seen with 1 modification · total passed $5 million"
        assert opened.poll() == []


def test_a_modification_of_an_award_that_ended_years_ago_is_found_within_a_quarter(tmp_path: Path) -> None:
    with world(tmp_path, 0) as opened:
        assert opened.poll(5 * 365) == []
        listed_late = replace(opened.acted("P00009", LAST_DAY, "0.00"), last_modified_date=LAST_DAY)
        opened.change(listed_late)
        found = [title for _ in range(TURNS) for title in opened.poll(7)]
    assert len(found) == 1
    assert "P00009" in found[0]


def test_each_poll_checks_active_awards_and_each_sweep_a_share_of_the_others(tmp_path: Path) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        database, start = app_context.database, date(2026, 11, 2)
        for number in range(40):
            ends = date(2012, 1, 1) if number else date(2025, 1, 1)
            award = replace(
                CLEARVIEW, key=f"{CLEARVIEW.key}{number}", actions=(), modified=ends, ends=ends, may_end=None
            )
            save(database, award, match(award))
        checked = [checked_awards(app_context, start + timedelta(weeks=week)) for week in range(TURNS)]
        assert checked_awards(app_context, start, is_sweep=False) == [f"{CLEARVIEW.key}0"]
    counted = Counter(key for keys in checked for key in keys)
    assert counted.pop(f"{CLEARVIEW.key}0") == TURNS
    assert len(counted) == 39
    assert set(counted.values()) == {1}


def checked_awards(app_context: AppContext, until: date, *, is_sweep: bool = True) -> list[str]:
    """Return the keys of the stored awards that a poll checks for changes."""
    checked = stored_awards(app_context.database, until, Lookback(), is_sweep=is_sweep, has_failed=False)[1]
    return [award.key for awards in checked.values() for award in awards]


def test_an_award_whose_parent_is_corrected_stays_one_award(tmp_path: Path) -> None:
    with world(tmp_path, 0, 1) as opened:
        opened.change(opened.acted("P00002", LAST_DAY, "0.00"), parent_piid="HSHQDC12D00014")
        after = opened.server.awards[0].key
        modified, renumbered = opened.poll()
        assert renumbered.endswith(f"award key changed · {PIID}")
        assert " · modified P00002" in modified
        assert opened.poll() == []
        with opened.app_context.database.reading() as session:
            assert count_records(session, Query()) == 1
            assert [action.modification for action in actions_of(session, after)] == ["0", "P00001", "P00002"]
            kinds = [event.kind for event in find_events(session, Query(), 100)]
        assert kinds.count(EventKind.NEW_AWARD) == 1
