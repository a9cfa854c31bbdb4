"""Grants, direct payments and other assistance of USAspending: money with which others buy surveillance technology.

Upstream: https://api.usaspending.gov, API v2, from what agencies submit to FABS. Access: open, no key. Limits: none
documented; shared with the other sources of USAspending. Lag: nightly loads of what agencies submit, at least twice a
month, weeks or months after an award; so it is polled once a week. Corrections: amounts are revised in place. Caveats:
one award search takes the types of one group only (status 422 otherwise); what goes to private persons
is shown without names or added up (ASST_AGG keys); loans and guarantees, which are searched with fields of their own,
are not read.

It is polled like `sources.usaspending.awards`. A grant rarely names the company that is paid in the end: it is found by
its description, and the subawards under it (`sources.usaspending.subawards`) name the company.
"""

from __future__ import annotations

from datetime import timedelta

from sources.base import ExpectedRows
from sources.records import AwardCategory
from sources.usaspending.filters import ASSISTANCE_TYPES
from sources.usaspending.prime_awards import PrimeAwardSource


class Assistance(PrimeAwardSource):
    """The source `assistance`. Its sweeps search transactions only: a search for each group would double them."""

    name = "assistance"
    title = "USAspending grants"
    expected_rows = ExpectedRows(at_least=0, at_most=200_000)
    min_poll_interval = timedelta(days=6, hours=12)
    reporting_delay = "A grant appears when its agency submits it, which may be months after it was made."
    lists_every = frozenset({AwardCategory.ASSISTANCE})
    groups = tuple(ASSISTANCE_TYPES)
    categories = ("assistance",)
