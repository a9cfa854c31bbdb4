"""Grants, direct payments and other assistance on USAspending: money for others to buy surveillance with.

Upstream: https://api.usaspending.gov, API v2, from what agencies submit to FABS. Access: open, no key. Limits: none
documented; shared with the other sources of USAspending. Lag: nightly loads of what agencies submit, at least twice a
month, weeks or months after an award; so it is read once a week. Corrections: amounts are revised in place. Caveats:
one award search takes the types of one group only (status 422 otherwise); what goes to private persons
is shown without names or added up (ASST_AGG keys); loans and guarantees, which are searched with fields of their own,
are not read.

It is asked the way `sources.usaspending.awards` is. A grant rarely names the company that gets the money in the end:
it is
found by what its description says, and the subawards under it (`sources.usaspending.subawards`) say who.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sources.base import DateWindow, ExpectedRows, Fetched, FetchStep, SearchTerms, Source, Stored
from sources.http.client import Client
from sources.records import AwardCategory, Payload, Record
from sources.usaspending import plan
from sources.usaspending.award_parser import parse
from sources.usaspending.fetch import Visit
from sources.usaspending.filters import ASSISTANCE_TYPES, RATE_LIMIT
from sources.usaspending.search import knows_homeland_security, last_updated

GROUPS = tuple(ASSISTANCE_TYPES)
CATEGORIES = ("assistance",)


class Assistance(Source):
    """The source `assistance`."""

    name = "assistance"
    title = "USAspending grants"
    publisher = "USAspending.gov"
    lists_every = frozenset({AwardCategory.ASSISTANCE})
    base_url = "https://api.usaspending.gov"
    rate_limit = RATE_LIMIT
    expected_rows = ExpectedRows(at_least=0, at_most=200_000)
    min_poll_interval = timedelta(days=6, hours=12)
    reporting_delay = "A grant appears when its agency submits it, which may be months after it was made."

    def health_check(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security."""
        return knows_homeland_security(client)

    def data_version(self, client: Client) -> str:
        """Return the day of the newest data, which moves with the nightly load."""
        return last_updated(client)

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: held awards, then what is new or changed; on a sweep (`window.acted_since`) what came late."""
        # A search for each of three groups would double a sweep, and an award's text is mostly its first action's.
        return plan.poll(terms, window, (), CATEGORIES)

    def is_wanted(self, step: FetchStep, terms: SearchTerms) -> bool:
        """Whether one of a step's texts is still looked for."""
        return plan.is_wanted(step, terms)

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a whole history, a fiscal year at a time, by the date of each award's latest action."""
        return plan.backfill(terms, since, until, GROUPS, CATEGORIES)

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Walk one search; give each award once: unchanged, or whole, or the reason it could not be had."""
        return Visit(client, step, stored, GROUPS).items()

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Read a payload into an award, or into the problem that prevents it. Pure."""
        return [parse(payload)]
