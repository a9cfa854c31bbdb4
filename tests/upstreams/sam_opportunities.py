"""A server that stands in for SAM.gov's Get Opportunities Public API v2, as strict as it.

Facts: GSA/open-gsa-redesign, _apidocs/get-opportunities-public-api.md (parameters, messages) and
v1/get-opportunities-v2.yml (statuses). As others saw it in 2026: the shapes of 401 and 429, that a 400 costs a request,
that 404 answers an unknown key, that an offset counts pages, that a page past the end holds one arbitrary notice (1102-
sam, measured in August), and that a parameter it does not know, such as noticeId, is ignored. By default the server
does what was measured; where an adapter's assumption may be wrong, it can do otherwise.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.upstreams.faults import Faulty
from tests.upstreams.server import HTML_TYPE, Answer, FakeServer, LoggedRequest, Refusal, json_answer

Json = dict[str, Any]
KEY = "the-key-of-the-fake-server"
IGNORED = {"notice-id-search": "noticeid", "solicitation-search": "solnum"}
SAMPLES: list[Json] = json.loads((Path(__file__).parents[1] / "data" / "sam" / "notices.json").read_text("utf-8"))


def notice(number: int, **fields: Any) -> Json:
    """A notice with an id made of `number`, like that of the Yokosuka solicitation in the samples."""
    notice_id = f"{number:032x}"
    made = {**copy.deepcopy(SAMPLES[2]), "noticeId": notice_id, "title": f"NOTICE {number}"}
    made["solicitationNumber"] = f"N6264926R{number:04}"
    made["description"] = f"https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid={notice_id}"
    return {**made, **fields}


def refusal(status: int, message: str, code: str) -> Refusal:
    """A refusal as the gateway before SAM.gov writes it."""
    return Refusal(status, {"error": {"code": code, "message": message}})


class Page(Exception):
    """An error that is sent as a page, with status 200."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.body = body


class SamOpportunities(FakeServer):
    """Serves `notices`, newest first, and `texts` (HTML by notice id) to `KEY`.

    `counts_records`: an offset counts records, not pages. `nothing_is_404`: a search that finds nothing is answered
    with 404. `reads_header`: the key is read from its header, too. `ignored`: parameters that it does not read.
    `unknown_key`: the status that answers a key it does not know; 200 sends an error as a page.
    `requests_per_day`: counted in `used`; `throttle`: the shape of the answer beyond them: "wso2", "data.gov",
    "html", "wso2 with 200" or "page with 200". `most`: the largest page.
    `strays`: what pages past the end hold, in turn. `wrong` names an assumption of the adapter's that does not hold.
    """

    def __init__(self, notices: Sequence[Json] = (), *, wrong: str = "", port: int = 0) -> None:
        self.notices = list(notices)
        self.texts: dict[str, str] = {}
        self.counts_records = wrong == "offset-counts-pages"
        self.nothing_is_404 = False
        self.reads_header = wrong != "header-key"
        self.ignored = {IGNORED[wrong]} if wrong in IGNORED else set[str]()
        self.strays = [notice(number, postedDate="2019-01-01", title="Stray") for number in (901, 902, 903)]
        self.unknown_key = 403
        self.requests_per_day: int | None = None
        self.throttle = "wso2"
        self.used = 0
        self.most = 1000
        super().__init__(port=port)

    @property
    def searches(self) -> list[dict[str, str]]:
        """The parameters of the searches it was asked for."""
        return [_query(request) for request in self.requests if "/search" in request.path]

    @property
    def texts_asked(self) -> list[str]:
        """The ids of the notices whose texts it was asked for."""
        return [_query(request)["noticeid"] for request in self.requests if "noticedesc" in request.path]

    def amend(self, number: int, new_number: int, **fields: Any) -> Json:
        """Put a new version, with an id of its own, in the place of the notice made of `number`."""
        place = next(n for n, one in enumerate(self.notices) if one["noticeId"] == f"{number:032x}")
        amended = notice(new_number, **{**self.notices[place], **fields, "noticeId": f"{new_number:032x}"})
        self.notices[place] = amended
        return amended

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the answer that SAM.gov would give."""
        try:
            self._check_key(request)
            self.used += 1  # also for what is then refused
            if self.requests_per_day is not None and self.used > self.requests_per_day:
                return self._throttled()
            path = urlsplit(request.path).path
            if request.method == "GET" and path in ("/opportunities/v2/search", "/prod/opportunities/v2/search"):
                return self._search(_query(request))
            if request.method == "GET" and path == "/prod/opportunities/v1/noticedesc":
                return self._text(_query(request).get("noticeid", ""))
            raise refusal(404, "Not Found", "NOT_FOUND")
        except Refusal as refused:
            return refused.answer
        except Page as page:
            return Answer(body=page.body, content_type=HTML_TYPE)

    def _check_key(self, request: LoggedRequest) -> None:
        key = (self.reads_header and request.headers.get("x-api-key")) or _query(request).get("api_key")
        if key == KEY:
            return
        if self.unknown_key == 200:
            raise Page(b"<h1>API_KEY_MISSING</h1>" if not key else b"<h1>API_KEY_INVALID</h1>")
        if self.unknown_key == 404:
            raise refusal(404, "The requested resource was not found.", "NOT_FOUND")
        if not key:
            raise refusal(self.unknown_key, "No api_key was supplied", "API_KEY_MISSING")
        raise refusal(self.unknown_key, "An invalid api_key was supplied", "API_KEY_INVALID")

    def _throttled(self) -> Answer:
        midnight = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
        if self.throttle == "html":
            return Answer(status=429, body=b"<h1>OVER_RATE_LIMIT</h1>", content_type=HTML_TYPE)
        if self.throttle == "page with 200":
            raise Page(b"<h1>OVER_RATE_LIMIT</h1>")
        if self.throttle == "data.gov":
            raise refusal(429, "You have exceeded your rate limit.", "OVER_RATE_LIMIT")
        body = {
            "code": "900804",
            "message": "Message throttled out",
            "description": "You have exceeded your quota. "
            f"You can access API after {midnight:%Y-%b-%d} 00:00:00+0000 UTC",
        }
        wait = max(1, int((midnight - datetime.now(UTC)).total_seconds()))
        status = 200 if self.throttle == "wso2 with 200" else 429
        return Answer(status=status, body=json.dumps(body).encode(), headers={"Retry-After": str(wait)})

    def _search(self, query: Mapping[str, str]) -> Answer:
        since, until = _window(query)
        limit, offset = _number(query, "limit", 1), _number(query, "offset", 0)
        if limit > 1000:
            raise refusal(400, "Limit valid range is 0-1000. Please provide valid input.", "400")
        found = [one for one in self.notices if since.isoformat() <= one["postedDate"] <= until.isoformat()]
        for parameter, name in (("noticeid", "noticeId"), ("solnum", "solicitationNumber")):
            if parameter in query and parameter not in self.ignored:
                found = [one for one in found if one[name] == query[parameter]]
        if not found and self.nothing_is_404:
            raise Refusal(404, {"message": "No Data found"})
        size = min(limit, self.most)
        start = offset if self.counts_records else offset * size
        page = sorted(found, key=lambda one: str(one["postedDate"]), reverse=True)[start : start + size]
        if offset and not page:
            self.strays.append(stray := self.strays.pop(0))
            page = [stray]
        return json_answer(
            {"totalRecords": len(found), "limit": limit, "offset": offset, "opportunitiesData": page, "links": []}
        )

    def _text(self, notice_id: str) -> Answer:
        if notice_id in self.texts:
            return json_answer({"description": self.texts[notice_id]})
        return json_answer({"description": "Description Not Found"}, 404 if self.nothing_is_404 else 200)


class FaultySamOpportunities(Faulty, SamOpportunities):
    """SAM.gov, failing."""

    renaming = (b'"noticeId"', b'"noticeIdentifier"')


def _query(request: LoggedRequest) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}


def _window(query: Mapping[str, str]) -> tuple[date, date]:
    if not (query.get("postedFrom") and query.get("postedTo")):
        raise refusal(400, "PostedFrom and PostedTo are mandatory", "400")
    try:
        since, until = (_day(query[name]) for name in ("postedFrom", "postedTo"))
    except ValueError as error:
        raise refusal(400, "Invalid Date Entered. Expected date format is MM/dd/yyyy", "400") from error
    if until - since > timedelta(days=365):
        raise refusal(400, "Date range must be 1 year(s) apart", "400")
    return since, until


def _day(written: str) -> date:
    day = datetime.strptime(written, "%m/%d/%Y").replace(tzinfo=UTC).date()
    if f"{day:%m/%d/%Y}" != written:
        raise ValueError(written)
    return day


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    written = query.get(name, str(default))
    if not (written.isascii() and written.isdecimal()):
        raise refusal(400, "limit/offset must be a positive number.", "400")
    return int(written)
