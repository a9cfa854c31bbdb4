"""Questions to SAM.gov's contract awards: checked before they are sent, because a refusal costs a request too.

Facts: GSA, open.gsa.gov/api/contract-awards (`_apidocs/contract-awards.md` of GSA/open-gsa-redesign, v1.0), its "Query
String Parameters", "Key Features" and "HTTP Response Codes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from urllib.parse import urlencode

SEARCH = "/contract-awards/v1/search"
DOWNLOAD = "/contract-awards/v1/download"

PAGE = 100
MOST_PAGED = 400_000  # offset x limit
MOST_EXTRACTED = 1_000_000

DATES = frozenset({"dateSigned", "lastModifiedDate"})
UEIS = frozenset({"awardeeUniqueEntityId", "ultimateParentUniqueEntityId"})
NAMES = frozenset({"awardeeLegalBusinessName", "ultimateParentLegalBusinessName", "awardeeDoingBusinessAsName"})
OTHERS = {
    "contractingDepartmentCode": r"[0-9A-Z]{4}",
    "deletedStatus": "yes",
    "emailId": "Yes|No",
    "format": "json|csv",
    "includeSections": r"[A-Za-z]+(,[A-Za-z]+)*",
    "limit": r"[1-9]\d?|100",
    "offset": r"\d{1,6}",
}

FORBIDDEN = re.compile(r"[&|{}^\\]")
UNANSWERED = re.compile(
    r"[&|{}^\\'\"<>;]"
)  # and those whose connections the firewall before SAM.gov drops, seen in 2026
OPERATORS = re.compile(r"[~!\[\]]")  # or, not, and the brackets of a range: in a name they are noise
DATE_RANGE = re.compile(r"\[(\d\d/\d\d/\d{4}),(\d\d/\d\d/\d{4})\]")
UEI = re.compile(r"[A-Z0-9]{12}")
SHORTEST_FRAGMENT = 4


def period(since: date, until: date) -> str:
    """Return inclusive days as the API writes a range of dates. Raises `ValueError` if it ends before it begins."""
    if until < since:
        raise ValueError(f"the range ends ({until}) before it begins ({since})")
    return f"[{since:%m/%d/%Y},{until:%m/%d/%Y}]"


def searchable(name: str) -> str:
    """Return the part of a name that can be searched for, "" if there is none.

    SAM.gov refuses `&`, `|`, `{`, `}`, `^` and the backslash, and does not answer quotes and angle brackets. How a
    partial search treats a gap is not documented. So a name with any of these is searched for by its longest piece, and
    the caller compares the whole name. A piece of fewer than four characters would match far too much: then all pieces
    are sent, with spaces between them.
    """
    pieces = [" ".join(piece.split()) for piece in UNANSWERED.split(OPERATORS.sub(" ", name))]
    longest = max(pieces, key=len)
    return longest if len(longest) >= SHORTEST_FRAGMENT or len(pieces) == 1 else " ".join(filter(None, pieces))


def path_of(parameters: Mapping[str, str]) -> str:
    """Return the path of a search or the submission of an extract, its parameters in the order given.

    Raises:
        ValueError: the API would refuse it.
    """
    for name, value in parameters.items():
        if not value or FORBIDDEN.search(value):
            raise ValueError(f"{name} is empty or holds a character that SAM.gov refuses: {value!r}")
        _check(name, value)
    if ("format" in parameters) != ("emailId" in parameters):
        raise ValueError("format and emailId go together")
    if int(parameters.get("offset", "0")) * int(parameters.get("limit", "10")) > MOST_PAGED:
        raise ValueError(f"SAM.gov pages no further than {MOST_PAGED} rows")
    return f"{SEARCH}?{urlencode(parameters)}"


def _check(name: str, value: str) -> None:
    if name in DATES:
        _check_period(name, value)
    elif name in UEIS:
        if not UEI.fullmatch(value):
            raise ValueError(f"{name} is no unique entity identifier: {value!r}")
    elif name in NAMES:
        if OPERATORS.search(value):
            raise ValueError(f"{name} holds an operator: {value!r}")
    elif name not in OTHERS:
        raise ValueError(f"SAM.gov has no parameter {name!r} that is used here")
    elif not re.fullmatch(OTHERS[name], value):
        raise ValueError(f"{name} cannot be {value!r}")


def _check_period(name: str, value: str) -> None:
    days = DATE_RANGE.fullmatch(value)
    if not days:
        raise ValueError(f"{name} is no range of days: {value!r}")
    since, until = (datetime.strptime(day, "%m/%d/%Y").date() for day in days.groups())  # noqa: DTZ007
    if until < since:
        raise ValueError(f"{name} ends before it begins: {value!r}")
