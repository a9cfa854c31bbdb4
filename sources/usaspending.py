"""USAspending: what the federal government has awarded, and how it changed.

Upstream: https://api.usaspending.gov, API v2. Access: open, no key. Limits: none documented; users report empty replies
at a hundred calls in thirty seconds (issue 4459 of usaspending-api), so we ask about once a second. Lag: nightly loads;
DoD awards arrive about 90 days late, and any award may arrive months after it was signed. Corrections: amounts are
revised in place, which shows in the search row. Caveats: unknown filters are ignored with status 200; the transaction
search loses and repeats rows between pages (`sources.usaspending_search`).

A poll asks three ways: by recipient (names and UEIs, where the API also looks at the parent company), by phrase (which
finds what is bought through resellers), and for changes of what is already held. Every award that is new or changed is
then read whole: its detail, and all its transactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from sources import usaspending_plan
from sources.contract import Fetched, Interest, RowBounds, Shortfall, Source, Step, Stored, Window
from sources.http import Client, Pace
from sources.records import Payload, Record
from sources.usaspending_award import parse
from sources.usaspending_plan import period_of, texts_of
from sources.usaspending_queries import ALL_TYPES, AWARD_DATES, AWARD_TYPES, Row, text_filter, time_filter
from sources.usaspending_search import Slice, award_rows, knows_homeland_security, transaction_rows
from sources.usaspending_whole import whole_awards

HELD_GROUPS = {"contracts": "contract", "idvs": "idv"}


class Usaspending(Source):
    """The source `usaspending`."""

    name = "usaspending"
    title = "USAspending"
    base_url = "https://api.usaspending.gov"
    pace = Pace(seconds_between=0.8, at_once=1)
    expects = RowBounds(at_least=1, at_most=200_000)
    delay = "Awards of the Department of Defense appear 90 days after they are signed, and any award may come late."

    def control(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security."""
        return knows_homeland_security(client)

    def poll_steps(self, interest: Interest, window: Window) -> list[Step]:
        """Plan a poll: new by date signed, changed by last-modified date, held, named in a transaction's text.

        On a sweep (`window.acted_since`) also whatever acted since then, however late it arrived.
        """
        return usaspending_plan.poll(interest, window, tuple(AWARD_TYPES), HELD_GROUPS)

    def backfill_steps(self, interest: Interest, since: date, until: date) -> list[Step]:
        """Plan a whole history, a fiscal year at a time, by the date of each award's latest action."""
        return usaspending_plan.backfill(interest, since, until, tuple(AWARD_TYPES))

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
        """Walk one search; give each award once: unchanged, or whole, or the reason it could not be had."""
        return whole_awards(client, self._rows(client, step), step.query, stored)

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Read a payload into an award, or into the problem that prevents it. Pure."""
        return [parse(payload)]

    def _rows(self, client: Client, step: Step) -> Iterator[Row | Shortfall]:
        query = step.query
        filters = text_filter(str(query["filter"]), texts_of(query))
        (date_type, start, end), group = period_of(query), str(query["group"])
        if group == "transactions":
            part = Slice(step=step.key, filters=filters, start=start, end=end, date_type=date_type, types=ALL_TYPES)
            return transaction_rows(client, part)
        return award_rows(client, step.key, group, {**filters, **time_filter(start, end, date_type, AWARD_DATES)})
