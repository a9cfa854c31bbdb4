"""A fake api.usaspending.gov: a real HTTP server on this machine that serves API v2 over a list of awards.

It serves the demo and the tests, and starts alone with `python -m tests.upstreams.usaspending`. It is written
from the API's published source code, and is as strict: what that refuses, this refuses, with the same status and words;
what makes its search index fail is answered with an empty 503.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.upstreams.server import Answer, FakeServer, LoggedRequest, Refusal, json_answer, refuse, unhandled
from tests.upstreams.usaspending import details
from tests.upstreams.usaspending.corpus import CorpusAward, CorpusSubaward
from tests.upstreams.usaspending.recipients import (
    CorpusRecipient,
    recipient_children,
    recipient_profile,
    recipient_search,
)
from tests.upstreams.usaspending.search import search_rules
from tests.upstreams.usaspending.search.award_search import award_count, award_search
from tests.upstreams.usaspending.search.served import Served, known_names
from tests.upstreams.usaspending.search.tiny_shield import UNPROCESSABLE
from tests.upstreams.usaspending.search.transaction_search import grouped_search, transaction_count, transaction_search

PREFIX = "/api/v2/"
Body = Mapping[str, Any]
# By the beginning of the path, the first that fits: upstream's patterns have no end, so a slash is not needed here.
SEARCHES: dict[str, Callable[[Body, Served], object]] = {
    "search/spending_by_award_count": award_count,
    "search/spending_by_award": award_search,
    "search/spending_by_transaction_count": transaction_count,
    "search/spending_by_transaction_grouped": grouped_search,
    "search/spending_by_transaction": transaction_search,
}


class FakeUsaspending(FakeServer):
    """Serves `awards`, `subawards` and `recipients` at `base_url` until closed.

    The records may be changed while it serves, inside `with server.editing() as awards:`. `last_updated` is the date
    that awards/last_updated/ gives; `None` means the latest date of the records, and a day more after each edit.
    `wrong` names assumptions that do not hold here (`search.served.WRONG`). Without any record there is no
    search index, so that none of its errors occur.

    Raises:
        ValueError: `wrong` holds a name that is not known.
    """

    def __init__(
        self,
        awards: Sequence[CorpusAward],
        *,
        subawards: Sequence[CorpusSubaward] = (),
        recipients: Sequence[CorpusRecipient] = (),
        port: int = 0,
        wrong: Iterable[str] = (),
    ) -> None:
        self.awards: list[CorpusAward] = list(awards)
        self.subawards: list[CorpusSubaward] = list(subawards)
        self.recipients: list[CorpusRecipient] = list(recipients)
        self.wrong = known_names(wrong)
        self.last_updated: date | None = None
        self._newest = details.latest_day(self.awards)
        super().__init__(port=port)

    @contextmanager
    def editing(self) -> Iterator[list[CorpusAward]]:
        """Hold back all answers while the caller changes the awards it is given, or `subawards`."""
        with self.paused():
            yield self.awards
            known = details.latest_day(self.awards)
            later = self._newest + timedelta(days=1) if self._newest else None
            self._newest = max((day for day in (known, later) if day), default=None)

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the answer to a request. A subclass wraps this to change what is answered."""
        try:
            return json_answer(self._routed(request))
        except _Redirect as redirect:
            return Answer(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": redirect.path})
        except Refusal as refusal:
            return refusal.answer

    def detail(self, award: CorpusAward) -> Mapping[str, Any]:
        """Return what awards/{id}/ says about an award. A subclass adds other kinds of awards."""
        return details.award_detail(award)

    def _routed(self, request: LoggedRequest) -> object:
        """Return the content of the answer, found by path and method as Django finds it."""
        path = unquote(urlsplit(request.path).path)
        if not path.startswith(PREFIX):
            raise Refusal(HTTPStatus.NOT_FOUND)
        number_awards(self.awards)
        method, serve = self._endpoint(path.removeprefix(PREFIX))
        if serve is None:
            if not path.endswith("/") and self._endpoint(f"{path.removeprefix(PREFIX)}/")[1]:
                raise _Redirect(f"{path}/")
            raise Refusal(HTTPStatus.NOT_FOUND)
        if request.method != method:
            raise refuse(HTTPStatus.METHOD_NOT_ALLOWED, f'Method "{request.method}" not allowed.')
        return serve(posted(request) if method == "POST" else {})

    def _endpoint(self, path: str) -> tuple[str, Callable[[Body], object] | None]:
        """Return the method and the function that serve `path` (after /api/v2/); no function when nothing does."""
        search = next((serve for beginning, serve in SEARCHES.items() if path.startswith(beginning)), None)
        if search is not None:
            return "POST", lambda body: self._searched(search, body)
        if path == "transactions/":
            return "POST", lambda body: details.award_transactions(body, self._served())
        if path == "recipient/":
            return "POST", lambda body: recipient_search(body, self.recipients)
        if path == "references/toptier_agencies/":
            return "GET", lambda _: details.toptier_agencies()
        return "GET", self._recipient_endpoint(path) or self._award_endpoint(path)

    def _recipient_endpoint(self, path: str) -> Callable[[Body], object] | None:
        """Return the function that serves a path about one recipient, if one does."""
        one = re.fullmatch(r"recipient/(children/)?([^/]+)/", path)
        serve = one and (recipient_children if one[1] else recipient_profile)
        return (lambda _: serve(one[2], self.recipients)) if one and serve else None

    def _award_endpoint(self, path: str) -> Callable[[Body], object] | None:
        """Return the function that serves a path about awards, if one does."""
        if path.startswith("awards/last_updated"):
            return lambda _: self._last_updated()
        counted, one = "awards/count/transaction/", "awards/"
        if path.startswith(counted) and path.endswith("/"):
            return lambda _: details.transaction_total(path[len(counted) : -1], self.awards)
        if path.startswith(one) and path.endswith("/"):
            return lambda _: self.detail(details.found(path[len(one) : -1], self.awards))
        return None

    def _served(self) -> Served:
        return Served(awards=self.awards, subawards=self.subawards, wrong=self.wrong, turn=len(self.requests))

    def _searched(self, search: Callable[[Body, Served], object], body: Body) -> object:
        """Return the answer of a search; where unknown filters are not ignored, refuse them first."""
        served, body = self._served(), search_rules.with_keywords(body)
        filters = body.get("filters")
        unknown = (
            set(filters) - search_rules.FILTERS.keys() - {"program_activities"} if isinstance(filters, dict) else ()
        )
        if unknown and not served.holds("unknown-filter-ignored"):
            raise refuse(UNPROCESSABLE, f"Unexpected filters: {sorted(unknown)}")
        return search(body, served)

    def _last_updated(self) -> object:
        """Return when the data changed. Without any award upstream's code fails."""
        day = self.last_updated or self._newest
        if day is None or not self._served().holds("last-updated"):
            raise unhandled()
        return details.last_updated(day)


class _Redirect(Exception):
    """The path lacks its trailing slash: Django sends the client on, and a POST arrives there as a GET."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def number_awards(awards: Sequence[CorpusAward]) -> None:
    """Give every award without an internal id the next free one."""
    for award in awards:
        if award.internal_id is None:
            award.internal_id = 1 + max(other.internal_id or 0 for other in awards)


def posted(request: LoggedRequest) -> Mapping[str, Any]:
    """Return the JSON object of a POST. Text that is not JSON is a 400; form data is a 500 (issue 3185 upstream)."""
    if "form" in request.headers.get("content-type", ""):
        raise unhandled()
    try:
        content = request.json()
    except ValueError as error:
        raise refuse(HTTPStatus.BAD_REQUEST, f"JSON parse error - {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise unhandled()
    return content
