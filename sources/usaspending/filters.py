"""What requests to USAspending's API contain: paths, award types, fields and filters, checked before they are sent.

The API answers a typo with status 200 and the unfiltered universe, some plain mistakes with status 500, and a request
that is too large for its index with an empty 503, so names, dates and sizes are checked here. Facts:
usaspending_api/common/validator/tinyshield.py, award_filter.py, common/query_with_filters.py and
common/custom_exception_handler.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from urllib.parse import quote

from sources.http.rate_limit import RateLimit

AWARD_SEARCH = "/api/v2/search/spending_by_award/"
AWARD_COUNT = "/api/v2/search/spending_by_award_count/"
TRANSACTION_SEARCH = "/api/v2/search/spending_by_transaction/"
TRANSACTION_COUNT = "/api/v2/search/spending_by_transaction_count/"
GROUPED_SEARCH = "/api/v2/search/spending_by_transaction_grouped/"
LAST_UPDATED = "/api/v2/awards/last_updated/"
DEPARTMENTS = "/api/v2/references/toptier_agencies/"
TRANSACTIONS_PATH = "/api/v2/transactions/"
COUNT_PATH = "/api/v2/awards/count/transaction/"

# Undocumented: what others stay under without being refused (reference measurements of 2026). All sources share it.
RATE_LIMIT = RateLimit(seconds_between=0.6, at_once=1, max_requests=500, window_seconds=300)
EARLIEST = date(2007, 10, 1)
PAGE_SIZE = 100
MAX_ROWS = 50_000  # no watchlist matches more in one search: a filter is being ignored

AWARD_TYPES: dict[str, tuple[str, ...]] = {
    "contracts": ("A", "B", "C", "D"),
    "idvs": ("IDV_A", "IDV_B", "IDV_B_A", "IDV_B_B", "IDV_B_C", "IDV_C", "IDV_D", "IDV_E"),
}
ALL_TYPES = tuple(code for codes in AWARD_TYPES.values() for code in codes)
ASSISTANCE_TYPES: dict[str, tuple[str, ...]] = {
    "grants": ("02", "03", "04", "05", "F001", "F002"),
    "direct_payments": ("06", "10", "F006", "F007"),
    "other": ("09", "11", "-1", "F005", "F008", "F009", "F010"),
}
ALL_ASSISTANCE_TYPES = tuple(code for codes in ASSISTANCE_TYPES.values() for code in codes)
LOAN_TYPES = ("07", "08", "F003", "F004")
TYPES_BY_GROUP = AWARD_TYPES | ASSISTANCE_TYPES
# Subawards are grouped by the type of their prime award, in two groups, and lending is one of the types.
SUBAWARD_TYPES: dict[str, tuple[str, ...]] = {
    "subcontracts": ALL_TYPES,
    "subgrants": ALL_ASSISTANCE_TYPES + LOAN_TYPES,
}
# `generated_internal_id`, the award key, comes with every row; the transaction search rejects it as a field.
AWARD_FIELDS = (
    "Award ID",
    "Recipient Name",
    "Recipient UEI",
    "Award Amount",
    "Description",
    "Base Obligation Date",
    "Last Modified Date",
    "Start Date",
    "Awarding Sub Agency",
)
LAST_DAY_FIELD = {group: "Last Date to Order" if group == "idvs" else "End Date" for group in TYPES_BY_GROUP}
AWARD_DATES = ("action_date", "date_signed", "last_modified_date", "new_awards_only")
TRANSACTION_FIELDS = (
    "Award ID",
    "Mod",
    "Recipient Name",
    "Action Date",
    "Transaction Amount",
    "Transaction Description",
)
TRANSACTION_DATES = ("action_date", "date_signed", "last_modified_date")
REORDERINGS = ("Award ID", "Transaction Amount", "Recipient Name", "Mod", "Transaction Description")
SUBAWARD_FIELDS = (
    "Sub-Award ID",
    "Sub-Award Type",
    "Sub-Awardee Name",
    "Sub-Recipient UEI",
    "Sub-Award Date",
    "Sub-Award Amount",
    "Sub-Award Description",
    "Sub-Recipient Location",
    "Sub-Award Primary Place of Performance",
    "Prime Award ID",
    "Prime Recipient Name",
    "Prime Award Recipient UEI",
    "Awarding Agency",
    "Awarding Sub Agency",
    "NAICS",
    "PSC",
    "Assistance Listing",
)
# A subaward's own date. Its other dates are those of the prime award, which say nothing of when it was reported.
SUBAWARD_DATES = ("action_date",)
SUBAWARD_REORDERINGS = ("Sub-Award Amount", "Sub-Awardee Name", "Prime Award ID")  # what the index can sort by
TEXT_FILTERS = ("keywords", "recipient_search_text", "award_ids")

# How many clauses of the index's query one text costs, as measured by replaying the API's query builder in Lucene. The
# index refuses a query of more than 1,024 with an empty 503, or answers without some of its shards.
CLAUSES = {
    ("awards", "recipient_search_text"): 32,
    ("awards", "keywords"): 34,
    ("transactions", "recipient_search_text"): 32,
    ("transactions", "keywords"): 50,
    ("subawards", "recipient_search_text"): 31,
    ("subawards", "keywords"): 34,
}
MAX_CLAUSES = 960
CLAUSES_OF_TYPES_AND_DATES = 40
MAX_IDS = 250
# What `award_ids` can find: the API reads it as a regular expression over whole, upper-case numbers, and removes
# backslashes, so that nothing can be escaped. A short number is that of thousands of awards ("0001").
SEARCHABLE_ID = re.compile(r"[A-Z0-9-]{8,}")

Row = Mapping[str, object]


def batches_of(
    level: str, filter_name: str, texts: Sequence[str], max_clauses: int = MAX_CLAUSES
) -> Iterator[list[str]]:
    """Split a list of texts into lists that fit in one request.

    `level` is "awards", "transactions" or "subawards", `max_clauses` the number of clauses that the index accepts.
    """
    most = MAX_IDS
    if filter_name != "award_ids":
        most = max(1, (max_clauses - CLAUSES_OF_TYPES_AND_DATES) // CLAUSES[level, filter_name])
    for first in range(0, len(texts), most):
        yield list(texts[first : first + most])


def short_hash(parts: object) -> str:
    """Return twelve hex digits that identify a query."""
    return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:12]


def text_filter(name: str, texts: Sequence[str]) -> dict[str, object]:
    """Return a filter on a list of texts, checked here because the API ignores or half-accepts what it cannot use.

    Raises:
        ValueError: an unknown filter, no texts, or a text shorter than the API accepts.
    """
    shortest = 3 if name == "keywords" else 1
    if name not in TEXT_FILTERS:
        raise ValueError(f"USAspending has no text filter {name!r}")
    if not texts or any(len(text.strip()) < shortest for text in texts):
        raise ValueError(f"USAspending needs texts of at least {shortest} characters for {name}: {list(texts)}")
    return {name: list(texts)}


def time_filter(start: date, end: date, date_type: str, known: Sequence[str]) -> dict[str, str]:
    """Return one inclusive range of days for the filter `time_period`, whose ranges are alternatives.

    Raises:
        ValueError: an unknown kind of date, a start before 2007-10-01 (the API answers 500) or after the end.
    """
    if date_type not in known:
        raise ValueError(f"USAspending has no date type {date_type!r}; it has {', '.join(known)}")
    if start < EARLIEST:
        raise ValueError(f"USAspending's search begins on {EARLIEST}; {start} is before that")
    if end < start:
        raise ValueError(f"the range ends ({end}) before it begins ({start})")
    return {"start_date": start.isoformat(), "end_date": end.isoformat(), "date_type": date_type}


def detail_path(key: str) -> str:
    """Return the path of an award's detail."""
    return f"/api/v2/awards/{quote(key, safe='')}/"
