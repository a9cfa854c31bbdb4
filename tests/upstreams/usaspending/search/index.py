"""What USAspending's search index fails on; the API answers each such error with status 503 and an empty body.

Facts: usaspending_api/common/custom_exception_handler.py, common/query_with_filters.py and the index templates
usaspending_api/etl/es_*_template.json. The numbers of clauses were measured by sending the API's queries through
Lucene; the index's default limit is 1,024.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from itertools import accumulate, pairwise
from typing import Any, Literal

from tests.upstreams.server import Refusal, refuse
from tests.upstreams.usaspending.search.search_rules import PSC_GROUPS
from tests.upstreams.usaspending.search.served import Served
from tests.upstreams.usaspending.search.tiny_shield import BAD, UNPROCESSABLE

REMOVED = re.compile(r'[|{}()?\\"+\[\]<>]')
LESS_REMOVED = re.compile(r"[{}\[\]\\]")
ESCAPED = re.compile(r"[-^~/!&:`*]")
LESS_ESCAPED = re.compile(r"[-^~/!&:`]")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()+]|(?:[^\s+\-!():^\[\]"{}~\\/]|\\.)(?:[^\s!():^\[\]"{}~\\/]|\\.)*')
SPACE = re.compile(r"[ \t\n\r\u3000]+")
KINDS = {"(": "(", ")": ")", "AND": "o", "&&": "o", "OR": "o", "||": "o", "NOT": "n", "+": "n"}  # all else: "w", a word
FOLLOWERS = {"(": "(nw", "o": "(nw", "n": "(w", ")": "()onw", "w": "()onw"}  # the kinds that may follow each kind
PATTERN_SIGNS = {".": ".", "@": ".*", "#": "(?!)"}  # any letter, any text, nothing


def sanitized(text: str) -> str:
    """Return a text as most filters send it: some signs are removed, others escaped."""
    return ESCAPED.sub(lambda sign: f"\\{sign[0]}", REMOVED.sub("", text))


def less_sanitized(text: str) -> str:
    """Return a keyword as the transaction search sends it: quotes, brackets and wildcards keep their meaning."""
    return LESS_ESCAPED.sub(lambda sign: f"\\{sign[0]}", LESS_REMOVED.sub("", text))


def award_keyword(text: str) -> str:
    """Return a keyword as the award search sends it: its last word is meant as the beginning of a word."""
    text = sanitized(text)
    return text + (r"\*" if "\\" in text else "*")


def is_readable(query: str) -> bool:
    """Whether Lucene's query parser can read a `query_string`. It reads an empty one, and finds nothing."""
    kinds = _kinds(query)
    if kinds is None:
        return False
    whole = f"({kinds})"
    depths = list(accumulate({"(": 1, ")": -1}.get(kind, 0) for kind in whole))
    is_balanced = min(depths[:-1]) > 0 and depths[-1] == 0
    return not kinds or (is_balanced and all(after in FOLLOWERS[kind] for kind, after in pairwise(whole)))


def _kinds(query: str) -> str | None:
    """Return a letter for each token of a query; `None` if a part is no token, such as a quote without its second."""
    found: list[str] = []
    at = 0
    while at < len(query):
        token = SPACE.match(query, at) or TOKEN.match(query, at)
        if token is None:
            return None
        at = token.end()
        if token.re is TOKEN:
            # A plus sign with a space behind it is a word of its own.
            is_bare = token[0] == "+" and query[at : at + 1].isspace()
            found.append("w" if is_bare else KINDS.get(token[0], "w"))
    return "".join(found)


@lru_cache(maxsize=4096)
def award_id_pattern(text: str) -> re.Pattern[str]:
    """Return what an unquoted award id finds: a pattern for the whole of the number, case-sensitive.

    It is sanitized twice, so that of Lucene's signs for patterns only the dot, @ and # are left.
    """
    sent = sanitized(" ".join(sanitized(text).split()))
    parts = re.findall(r"\\.|.", sent, re.DOTALL)
    return re.compile("".join(PATTERN_SIGNS.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def is_quoted(text: str) -> bool:
    """Whether an award id stands in double quotes."""
    return text.startswith('"') and text.endswith('"')


Index = Literal["awards", "transactions", "subawards"]
Filters = Mapping[str, Any]

WINDOW = 50_000  # rows that can be reached by page number
MOST_CLAUSES, FEWER_CLAUSES = 1024, 256
PSC_CODE = re.compile("[A-Z0-9]{1,4}")
# Clauses for each text of a filter. That for keywords in subawards is an estimate: nobody has measured it.
CLAUSES: dict[Index, dict[str, int]] = {
    "awards": {"recipient_search_text": 32, "keywords": 34, "keyword_search": 50, "award_ids": 1},
    "transactions": {"recipient_search_text": 32, "keyword_search": 50, "award_ids": 1},
    "subawards": {"recipient_search_text": 31, "keywords": 10, "award_ids": 2},
}
CLAUSES_A_PERIOD = 2
# Fields that are text, which the index cannot sort by, and fields that an index does not have.
UNSORTABLE: dict[Index, frozenset[str]] = {
    "awards": frozenset(
        {
            "Award Type",
            "Assistance Listing",
            "Sub-Recipient Location",
            "Sub-Award Primary Place of Performance",
            "sub_cfda_program_titles",
            "sub_recipient_location_city_name",
            "sub_recipient_location_state_code",
            "sub_recipient_location_country_name",
            "sub_recipient_location_address_line1",
            "sub_pop_city_name",
            "sub_pop_state_code",
            "sub_pop_country_name",
        }
    ),
    "transactions": frozenset({"def_codes"}),
    "subawards": frozenset({"Sub-Recipient UEI", "Recipient UEI", "Recipient Location", "Contract Award Type"}),
}
# Filters that the API knows and this fake does not serve: it says so instead of ignoring them.
UNSERVED = frozenset(
    {
        "recipient_locations",
        "place_of_performance_locations",
        "recipient_scope",
        "place_of_performance_scope",
        "contract_pricing_type_codes",
        "set_aside_type_codes",
        "extent_competed_type_codes",
        "recipient_type_names",
        "program_numbers",
        "program_activities",
        "def_codes",
        "tas_codes",
        "treasury_account_components",
    }
)


def failed() -> Refusal:
    """Return the answer to any error of the index."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE)


def check_query(index: Index, filters: Filters, served: Served) -> None:
    """Refuse a query that the index fails on, and (501) filters that only this fake does not serve."""
    if served.is_empty:
        return
    if unserved := sorted(UNSERVED & filters.keys()):
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, f"This fake server does not serve the filters {unserved}")
    quoted_fail = served.holds("quoted-award-ids-fail") and served.holds("unquoted-award-ids")
    if quoted_fail and any(is_quoted(text) for text in filters.get("award_ids", ())):
        raise failed()
    most = MOST_CLAUSES if served.holds("clause-limit") else FEWER_CLAUSES
    if clauses(index, filters) > most or not all(is_readable(query) for query in _queries(index, filters)):
        raise failed()


def clauses(index: Index, filters: Filters) -> int:
    """Return about how many clauses a query with these filters has."""
    each = CLAUSES[index]
    total = 0
    for name, value in filters.items():
        if name == "time_period":
            total += CLAUSES_A_PERIOD * len(value)
        else:
            total += each[name] * len(value) if name in each else 1
    return total


def _queries(index: Index, filters: Filters) -> Iterable[str]:
    """Yield the texts that go through the index's query parser."""
    if index != "subawards":
        yield from (award_keyword(text) for text in filters.get("keywords", ()))
    yield from (less_sanitized(text) for text in filters.get("keyword_search", ()))
    if "award_unique_id" in filters:
        yield sanitized(filters["award_unique_id"])


def check_sort(index: Index, sort: str, served: Served) -> None:
    """Refuse a sort by a field that the index cannot sort by."""
    if not served.is_empty and sort in UNSORTABLE[index]:
        raise failed()


def check_codes(filters: Filters) -> None:
    """Refuse NAICS and PSC codes of which no query can be made."""
    naics = filters.get("naics_codes", [])
    for code in naics if isinstance(naics, list) else [*(naics.get("require") or []), *(naics.get("exclude") or [])]:
        if len(str(code)) not in {2, 4, 6}:
            raise refuse(BAD, "naics code filtering only supported for codes with lengths of 2, 4, and 6")
    psc = filters.get("psc_codes", [])
    if isinstance(psc, list):
        _check_psc(psc)
        return
    for path in [*(psc.get("require") or []), *(psc.get("exclude") or [])]:
        if path and path[0] not in PSC_GROUPS:
            text = f"Tier1 PSC filter values must be one of: {tuple(PSC_GROUPS)}.  Offending code: '{path[0]}'."
            raise refuse(UNPROCESSABLE, text)
        _check_psc(path[1:])


def _check_psc(codes: Iterable[str]) -> None:
    for code in codes:
        if not PSC_CODE.fullmatch(code):
            text = "PSC codes must be one to four character uppercased alphanumeric strings.  "
            raise refuse(UNPROCESSABLE, f"{text}Offending code: '{code}'.")
