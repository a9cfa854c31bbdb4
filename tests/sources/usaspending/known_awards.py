"""Awards bought through a dealer, and a program that holds them: only their numbers find what happens to them later."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sources.base import SearchTerms
from tests.sources.polling import Poll, Poller
from tests.sources.upstream import DAY, SOURCE, AlteredUsaspending, action, award
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.server import FakeUsaspending

TERMS = SearchTerms(phrases=("DRONES",))
FIRST = DAY + timedelta(days=5)
SECOND = FIRST + timedelta(days=1)
SWEPT = SECOND + timedelta(days=30)
AGES_AGO = DAY - timedelta(days=60)
DETAIL = "/api/v2/awards/"


def days_before(number: int, day: date = SECOND) -> date:
    """The date so many days before."""
    return day - timedelta(days=number)


def bought(number: int = 1, *actions: CorpusAction, **fields: Any) -> CorpusAward:
    """An award to a dealer; its only action says what is watched, unless others are given."""
    return award(number, *(actions or (action(),)), recipient_name="DEALER INC", **fields)


def late(number: str = "P00001", day: date = DAY, amount: str | None = "0.00", *, modified: date) -> CorpusAction:
    """A modification of which the words say nothing."""
    return action(number, day, amount, "ADMINISTRATIVE", modified=modified)


def poller_of(server: AlteredUsaspending, **given: Any) -> Poller:
    """A program that has polled once, and stored what there was."""
    poller = Poller(source=SOURCE, server=server, terms=TERMS, **given)
    first = poller.poll(FIRST)
    assert (first.errors, first.failures) == ([], [])
    return poller


def quiet(poller: Poller, until: date) -> Poller:
    """Let polls that bring nothing pass until a day."""
    poller.watermark = until - timedelta(days=1)
    return poller


def sweep(poller: Poller) -> Poll:
    """Sweep after a month in which polls brought nothing."""
    return quiet(poller, SWEPT).poll(SWEPT, sweep=True)


def change(server: FakeUsaspending, *actions: CorpusAction, **fields: Any) -> None:
    """Add actions to the first award, and set its fields."""
    with server.editing() as served:
        served[0].actions += actions
        for name, value in fields.items():
            setattr(served[0], name, value)


def in_no_window(server: FakeUsaspending) -> None:
    """Let an action of the first award arrive that was signed and modified long before any window."""
    change(server, late(day=AGES_AGO, modified=AGES_AGO))
