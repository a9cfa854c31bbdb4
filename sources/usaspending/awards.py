"""USAspending: what the federal government has awarded, and how it changed.

Upstream: https://api.usaspending.gov, API v2. Access: open, no key. Limits: none documented; users report empty replies
at a hundred calls in thirty seconds (issue 4459 of usaspending-api), and others stay under 500 requests in five
minutes, which is what we do. Lag: nightly loads, whose day `awards/last_updated/` says; awards of the Department of
Defense and the Army Corps of Engineers arrive 90 days late, and any award may arrive months after it was signed.
Corrections: amounts are revised in place; a corrected parent award changes an award's key. Caveats: unknown filters are
ignored with status 200; an award has the last-modified date of the action with the latest action date, so that only
the transaction search shows what came late; that search loses and repeats rows between pages
(`sources.usaspending.search`); what is too large for the index is an empty 503 (`sources.usaspending.batches`).

A poll asks three ways: by the numbers of held awards, by recipient (names and UEIs, where the API also looks at the
parent company), and by phrase (which finds what is bought through resellers). Every award that is new or changed is
then read whole: its detail, and all its transactions. It asks nothing while the data has not changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from sources.base import DateWindow, ExpectedRows, Fetched, FetchStep, SearchTerms, Source, Stored
from sources.http.client import Client
from sources.records import CONTRACT_CATEGORIES, Payload, Record
from sources.usaspending import plan
from sources.usaspending.assumptions import ASSUMPTIONS
from sources.usaspending.award_parser import parse
from sources.usaspending.fetch import Visit
from sources.usaspending.filters import AWARD_TYPES, RATE_LIMIT
from sources.usaspending.search import knows_homeland_security, last_updated

GROUPS = tuple(AWARD_TYPES)
CATEGORIES = ("contract", "idv")


class Usaspending(Source):
    """The source `usaspending`."""

    name = "usaspending"
    title = "USAspending"
    publisher = "USAspending.gov"
    lists_every = CONTRACT_CATEGORIES
    base_url = "https://api.usaspending.gov"
    rate_limit = RATE_LIMIT
    expected_rows = ExpectedRows(at_least=1, at_most=200_000)
    reporting_delay = (
        "Awards of the Department of Defense and the Army Corps of Engineers appear 90 days after they are signed, and "
        "any award may come late."
    )
    assumptions = ASSUMPTIONS

    def health_check(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security."""
        return knows_homeland_security(client)

    def data_version(self, client: Client) -> str:
        """Return the day of the newest data, which moves with the nightly load."""
        return last_updated(client)

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: held awards, then what is new or changed; on a sweep (`window.acted_since`) what came late."""
        return plan.poll(terms, window, GROUPS, CATEGORIES)

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
