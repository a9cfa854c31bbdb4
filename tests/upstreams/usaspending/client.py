"""A client of the fake USAspending for its own tests, and one award that says what a test needs."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.server import FakeUsaspending

AWARDS = "search/spending_by_award/"
AWARDS_COUNT = "search/spending_by_award_count/"
ACTIONS = "search/spending_by_transaction/"
ACTIONS_COUNT = "search/spending_by_transaction_count/"
GROUPED = "search/spending_by_transaction_grouped/"
CONTRACTS = ["A", "B", "C", "D"]
SIGNED, MODIFIED = date(2024, 3, 1), date(2024, 6, 1)
Json = dict[str, Any]
TLS = ssl.create_default_context()  # made once: it takes longer than a test


class Api(httpx.Client):
    """Asks one server."""

    def awards(self, *, level: str = "awards", sort: str = "Award ID", **filters: object) -> httpx.Response:
        """Search for awards, or for subawards sorted by date."""
        sort = "Sub-Award Date" if level == "subawards" and sort == "Award ID" else sort
        fields = [sort] if level == "subawards" else ["Award ID", "Award Amount", "Last Modified Date", sort]
        filters = {"award_type_codes": CONTRACTS, **filters}
        return self.post(AWARDS, json={"filters": filters, "fields": fields, "sort": sort, "spending_level": level})

    def actions(self, **filters: object) -> httpx.Response:
        """Search for actions."""
        fields = ["Award ID", "Mod", "Action Date", "Transaction Amount"]
        filters = {"award_type_codes": CONTRACTS, **filters}
        return self.post(ACTIONS, json={"filters": filters, "fields": fields, "sort": "Action Date", "limit": 100})

    def grouped(self, *, page: int = 1, limit: int = 10, **filters: object) -> httpx.Response:
        """Search for awards with the number of their actions."""
        filters = {"award_type_codes": CONTRACTS, **filters}
        return self.post(GROUPED, json={"filters": filters, "sort": "award_id", "page": page, "limit": limit})

    def count(self, path: str, **body: object) -> Json:
        """Return a count's results."""
        content: Json = self.post(path, json=body).raise_for_status().json()["results"]
        return content


@contextmanager
def asking(server: FakeUsaspending) -> Iterator[Api]:
    """Ask a server that is already open, and close both at the end."""
    with server, Api(base_url=f"{server.base_url}/api/v2/", timeout=10, verify=TLS) as api:
        yield api


def an_action(
    modification: str = "0",
    signed: date = SIGNED,
    amount: str = "100.00",
    *,
    modified: date | None = None,
    text: str = "",
) -> CorpusAction:
    """An action; `amount` in dollars."""
    return CorpusAction(
        modification=modification,
        action_date=signed,
        obligation=Decimal(amount),
        description=text,
        last_modified_date=modified,
    )


def an_award(piid: str = "70CMSD24P00000001", *actions: CorpusAction, **facts: Any) -> CorpusAward:
    """An award to a company, signed on `SIGNED` and modified on `MODIFIED` unless an action says otherwise."""
    given = {"recipient_name": "ACME DRONES LLC", "type": "B", "date_signed": SIGNED, **facts}
    actions = actions or (an_action(modified=MODIFIED),)
    return CorpusAward(piid=piid, agency="7012", actions=list(actions), **given)


def during(first: date, last: date, date_type: str = "last_modified_date") -> list[Json]:
    """The filter time_period, of one period."""
    return [{"start_date": first.isoformat(), "end_date": last.isoformat(), "date_type": date_type}]
