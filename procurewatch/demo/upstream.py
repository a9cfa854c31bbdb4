"""A stand-in for api.usaspending.gov: a real HTTP server on this machine that serves API v2 over a list of awards.

It serves the demo and the tests. It is written from USAspending's API contracts and source code
(usaspending_api/api_contracts/contracts/v2/), as strict as the original: what that refuses, this refuses, with the
same status and shape of body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from procurewatch.demo import award_search, details, transaction_search
from procurewatch.demo.answers import Answer, LoggedRequest, Refusal, json_answer, refuse, unhandled
from procurewatch.demo.corpus import CorpusAction, CorpusAward, load_corpus
from procurewatch.demo.stand_in import StandIn

__all__ = ["Answer", "CorpusAction", "CorpusAward", "LoggedRequest", "UsaspendingStandIn", "load_corpus"]

PREFIX = "/api/v2/"


class UsaspendingStandIn(StandIn):
    """Serves `awards` at `base_url` until closed.

    `awards` may be changed while it serves, inside `with stand_in.editing() as awards:`. `last_updated` is what
    awards/last_updated/ tells (`None`: the latest action date).
    """

    def __init__(self, awards: Sequence[CorpusAward], *, port: int = 0) -> None:
        self.awards: list[CorpusAward] = list(awards)
        self.last_updated: date | None = None
        super().__init__(port=port)

    @contextmanager
    def editing(self) -> Iterator[list[CorpusAward]]:
        """Hold back all answers while the caller changes the awards it is given."""
        with self.answers_held_back():
            yield self.awards

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the answer to a request. A subclass wraps this to change what is answered."""
        try:
            return json_answer(self._routed(request))
        except _Redirect as redirect:
            return Answer(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": redirect.path})
        except Refusal as refusal:
            return refusal.answer

    def _routed(self, request: LoggedRequest) -> object:
        """Return the content of the answer, found by path and method as Django finds it."""
        path = urlsplit(request.path).path
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

    def _endpoint(self, path: str) -> tuple[str, Callable[[Mapping[str, Any]], object] | None]:
        """Return the method and the function that serve `path` (after /api/v2/); no function when nothing does."""
        awards = self.awards
        fixed: dict[str, tuple[str, Callable[[Mapping[str, Any]], object]]] = {
            "search/spending_by_award/": ("POST", lambda body: award_search.award_search(body, awards)),
            "search/spending_by_award_count/": ("POST", lambda body: transaction_search.award_count(body, awards)),
            "search/spending_by_transaction/": (
                "POST",
                lambda body: transaction_search.transaction_search(body, awards, len(self.requests)),
            ),
            "search/spending_by_transaction_count/": (
                "POST",
                lambda body: transaction_search.transaction_count(body, awards),
            ),
            "transactions/": ("POST", lambda body: details.award_transactions(body, awards)),
            "awards/last_updated/": ("GET", lambda _: details.last_updated(awards, self.last_updated)),
            "references/toptier_agencies/": ("GET", lambda _: details.toptier_agencies()),
        }
        if path in fixed:
            return fixed[path]
        counted, one = "awards/count/transaction/", "awards/"
        if path.startswith(counted) and path.endswith("/"):
            return "GET", lambda _: details.transaction_total(path[len(counted) : -1], awards)
        if path.startswith(one) and path.endswith("/"):
            return "GET", lambda _: details.award_detail(path[len(one) : -1], awards)
        return "GET", None


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
