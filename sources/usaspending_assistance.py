"""Grants, direct payments and other assistance on USAspending: money for others to buy surveillance with.

Upstream: https://api.usaspending.gov, API v2, from what agencies submit to FABS. Access: open, no key. Limits: none
documented, so we ask about once a second, and once a day. Lag: nightly loads of what agencies have submitted, weeks or
months after an award. Corrections: amounts are revised in place, which shows in the search row. Caveats: one search
takes the types of one group only (status 422 otherwise); what goes to private persons is shown without names or added
up (ASST_AGG keys); loans and guarantees, which are searched with fields of their own, are not read.

What is asked is what `sources.usaspending` asks of contracts. A grant rarely names the company that gets the money in
the end: it is found by what its description says, and the subawards under it (`sources.usaspending_subawards`) say who.
One count tells which of the three groups a search need walk at all, so that an empty search costs one request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from sources import usaspending_plan
from sources.contract import Fetched, Interest, RowBounds, Shortfall, Source, Step, Stored, Window
from sources.http import Client, Pace
from sources.records import PLACEHOLDER_RECIPIENTS, Payload, Record
from sources.usaspending_award import parse
from sources.usaspending_plan import period_of, texts_of
from sources.usaspending_queries import (
    ALL_ASSISTANCE_TYPES,
    ASSISTANCE_TYPES,
    AWARD_DATES,
    Row,
    text_filter,
    time_filter,
)
from sources.usaspending_search import Slice, award_counts, award_rows, knows_homeland_security, transaction_rows
from sources.usaspending_whole import whole_awards

GROUP = "assistance"


class Assistance(Source):
    """The source `assistance`."""

    name = "assistance"
    title = "USAspending grants"
    base_url = "https://api.usaspending.gov"
    pace = Pace(seconds_between=0.8, at_once=1)
    expects = RowBounds(at_least=0, at_most=200_000)
    rests = timedelta(hours=20)
    delay = "A grant appears when its agency submits it, which may be months after it was made."

    def control(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security."""
        return knows_homeland_security(client)

    def poll_steps(self, interest: Interest, window: Window) -> list[Step]:
        """Plan a poll: new by date signed, changed by last-modified date, held, named in a transaction's text."""
        return usaspending_plan.poll(interest, window, (GROUP,), {GROUP: "assistance"})

    def backfill_steps(self, interest: Interest, since: date, until: date) -> list[Step]:
        """Plan a whole history, a fiscal year at a time, by the date of each award's latest action."""
        return usaspending_plan.backfill(interest, since, until, (GROUP,))

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
        """Walk one search; give each award once: unchanged, or whole, or the reason it could not be had."""
        return whole_awards(client, self._rows(client, step), step.query, stored)

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Read a payload into an award, or into the problem that prevents it. Pure."""
        return [parse(payload)]

    def _rows(self, client: Client, step: Step) -> Iterator[Row | Shortfall]:
        for row in self._found(client, step):
            if isinstance(row, Shortfall) or not _is_nobodys_name(row, step.query):
                yield row

    def _found(self, client: Client, step: Step) -> Iterator[Row | Shortfall]:
        filters = text_filter(str(step.query["filter"]), texts_of(step.query))
        date_type, start, end = period_of(step.query)
        if step.query["group"] == "transactions":
            part = Slice(
                step=step.key,
                filters=filters,
                start=start,
                end=end,
                date_type=date_type,
                types=ALL_ASSISTANCE_TYPES,
                groups=tuple(ASSISTANCE_TYPES),
            )
            yield from transaction_rows(client, part)
            return
        filters |= time_filter(start, end, date_type, AWARD_DATES)
        for group, number in award_counts(client, filters, ASSISTANCE_TYPES).items():
            if number:
                yield from award_rows(client, step.key, group, filters)


def _is_nobodys_name(row: Row, query: Mapping[str, object]) -> bool:
    """Whether a row was found by the name of its recipient, and that stands for nobody in particular."""
    name = str(row.get("Recipient Name") or "").upper().strip()
    return query["filter"] == "recipient_search_text" and name in PLACEHOLDER_RECIPIENTS
