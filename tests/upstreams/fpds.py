"""A stand-in for FPDS's ATOM feed.

Ten entries a page, no total, `last` and `next` links that carry `start=`, two feeds (PUBLIC and DELETED), queries of
`FIELD:"value"` and `FIELD:[from,to]` joined by blanks: FPDS's FAQ and the page in tests/data/fpds. What FPDS answers to
a query it does not understand is not documented; so that no mistake passes, this one refuses what is not known to work
(400, a web page), and any `start` from 400,000 on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl, quote_plus, urlsplit

from procurewatch.demo.answers import HTML_TYPE, Answer, LoggedRequest
from procurewatch.demo.stand_in import StandIn
from tests.upstreams.faults import Faulty
from tests.upstreams.fpds_xml import SITE, Action, feed

PAGE = 10
BEYOND = 400_000
TERM = re.compile(r'([A-Z_]+):(?:"([^"\\]+)"|\[(\d{4}/\d\d/\d\d),(\d{4}/\d\d/\d\d)\])(?: |$)')
DAYS = {"SIGNED_DATE": "signed", "LAST_MOD_DATE": "modified"}
EXACT = {"PIID": "piid", "AGENCY_CODE": "agency", "VENDOR_UEI": "uei"}
CONTAINED = {"VENDOR_NAME": "vendor", "DESCRIPTION_OF_REQUIREMENT": "description"}
KNOWN = Action(piid="1B3G02670", agency="4740", modification="PA09", vendor="", signed="2012-10-01")


class Fpds(StandIn):
    """Serves `actions`, in the order given, after one record that always exists."""

    def __init__(self, actions: Sequence[Action] = (), *, port: int = 0) -> None:
        self.actions = [KNOWN, *actions]
        super().__init__(port=port)

    def answer(self, request: LoggedRequest) -> Answer:
        """Return a page, or the refusal."""
        parts = urlsplit(request.path)
        given = dict(parse_qsl(parts.query, strict_parsing=True))
        is_feed = parts.path == "/ezsearch/FEEDS/ATOM" and request.method == "GET"
        if not is_feed:
            return _page(HTTPStatus.NOT_FOUND)
        if set(given) != {"FEEDNAME", "templateName", "q", "start"} or given["templateName"] != "1.5.3":
            return _page(HTTPStatus.BAD_REQUEST)
        wanted = self._found(given["q"])
        start = int(given["start"])
        if wanted is None or given["FEEDNAME"] not in ("PUBLIC", "DELETED") or start >= BEYOND:
            return _page(HTTPStatus.BAD_REQUEST)
        found = [action for action in wanted if action.deleted == (given["FEEDNAME"] == "DELETED")]
        body = feed(*found[start : start + PAGE], title=given["q"], links=_links(given, len(found), start))
        return Answer(body=body, content_type="text/xml;charset=UTF-8")

    def _found(self, query: str) -> list[Action] | None:
        terms = list(TERM.finditer(query))
        if not terms or "".join(term[0] for term in terms) != query:
            return None
        found = self.actions
        for field, value, since, until in (term.groups() for term in terms):
            if field in DAYS and since:
                days = (since.replace("/", "-"), until.replace("/", "-"))
                found = [each for each in found if days[0] <= getattr(each, DAYS[field])[:10] <= days[1]]
            elif field in EXACT and value:
                found = [each for each in found if getattr(each, EXACT[field]) == value]
            elif field in CONTAINED and value:
                found = [each for each in found if value.upper() in getattr(each, CONTAINED[field]).upper()]
            else:
                return None
        return found


def _links(given: dict[str, str], count: int, start: int) -> list[tuple[str, str]]:
    query = quote_plus(given["q"])
    links = [("alternate", f"{SITE}/search.do?s=FPDS&indexName=awardfull&templateName=1.5.3&q={query}&start={start}")]
    address = f"{SITE}/FEEDS/ATOM?s=FPDS&FEEDNAME={given['FEEDNAME']}&VERSION=1.5.3&q={query}&start="
    last = max(count - 1, 0) // PAGE * PAGE
    if last:
        links.append(("last", f"{address}{last}"))
    if start < last:
        links.append(("next", f"{address}{start + PAGE}"))
    return links


def _page(status: HTTPStatus) -> Answer:
    body = f"<!doctype html><html><body><h1>{status.value} {status.phrase}</h1></body></html>".encode()
    return Answer(status=status, body=body, content_type=HTML_TYPE)


class FaultyFpds(Faulty, Fpds):
    """FPDS, failing."""

    renaming = (b"ns1:PIID", b"ns1:procurementID")
