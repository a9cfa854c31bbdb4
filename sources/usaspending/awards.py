"""Contracts and IDVs of USAspending, with every modification.

Upstream: https://api.usaspending.gov, API v2. Access: open, no key. Limits: none documented; users report empty replies
at a hundred calls in thirty seconds (issue 4459 of usaspending-api), and others stay under 500 requests in five
minutes, as this program does. Lag: nightly loads, whose day `awards/last_updated/` gives; awards of the Department of
Defense and the Army Corps of Engineers arrive 90 days late, and any award may arrive months after it was signed.
Corrections: amounts are revised in place; a corrected parent award changes an award's key. Caveats: unknown filters are
ignored with status 200; an award has the last-modified date of the action with the latest action date, so that only
the transaction search shows what came late; that search loses and repeats rows between pages
(`sources.usaspending.search`); what is too large for the index gets an empty 503 (`sources.usaspending.batches`).

A poll searches in three ways: by the numbers of stored awards, by recipient (names and UEIs, where the API also looks
at the parent company), and by phrase (which finds what is bought through resellers). Of every new or changed award it
fetches the detail and all transactions. It sends nothing while the data has not changed.
"""

from __future__ import annotations

from sources.base import ExpectedRows
from sources.records import CONTRACT_CATEGORIES
from sources.usaspending.assumptions import ASSUMPTIONS
from sources.usaspending.filters import AWARD_TYPES
from sources.usaspending.prime_awards import PrimeAwardSource


class Usaspending(PrimeAwardSource):
    """The source `usaspending`."""

    name = "usaspending"
    title = "USAspending"
    expected_rows = ExpectedRows(at_least=1, at_most=200_000)
    reporting_delay = (
        "Awards of the Department of Defense and the Army Corps of Engineers appear 90 days after they are signed, and "
        "any award may come late."
    )
    assumptions = ASSUMPTIONS
    lists_every = CONTRACT_CATEGORIES
    groups = tuple(AWARD_TYPES)
    sweep_groups = tuple(AWARD_TYPES)
    categories = ("contract", "idv")
