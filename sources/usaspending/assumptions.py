"""The assumptions of USAspending's adapters, and the probes with which `procurewatch doctor` checks them.

They rest on the API's published code and on what others measured in 2026. The probes search for one award that has been
public since 2021, so that a response without it means something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sources.base import Assumption
from sources.errors import Refused, SourceChanged, SourceError
from sources.http.client import Client
from sources.usaspending.batches import IMPOSSIBLE, is_empty_503
from sources.usaspending.filters import (
    ALL_TYPES,
    AWARD_COUNT,
    AWARD_SEARCH,
    AWARD_TYPES,
    GROUPED_SEARCH,
    SUBAWARD_TYPES,
    TRANSACTION_SEARCH,
)
from sources.usaspending.search import GROUPED_KEY, RENAMED, SUBAWARDS, Response, last_updated, post

# An order of Immigration and Customs Enforcement for Clearview AI, signed in 2021.
KNOWN_PIID = "70CMSD21P00000127"
KNOWN_NAME = "CLEARVIEW AI"
SINCE = date(2020, 10, 1)
NAMES_AT_ONCE = 25


def _transactions(
    client: Client, filters: Mapping[str, object], types: Sequence[str] = AWARD_TYPES["contracts"]
) -> Response:
    """Search for transactions; by default of one group of types, so that a probe depends on nothing else."""
    body = {"filters": {**filters, "award_type_codes": list(types)}, "fields": ["Award ID"], "sort": "Award ID"}
    return post(client, TRANSACTION_SEARCH, {**body, "limit": 1})


def _finds(client: Client, filters: Mapping[str, object]) -> bool:
    return bool(_transactions(client, filters).rows())


def _says_keyword_message(client: Client) -> bool:
    return RENAMED in str(_transactions(client, {"keywords": [KNOWN_NAME]}).content.get("messages"))


def _finds_unquoted(client: Client) -> bool:
    """Whether the known award is found by its number. Raises `SourceChanged` if it is not there at all."""
    if _finds(client, {"award_ids": [KNOWN_PIID]}):
        return True
    if not _finds(client, {"recipient_search_text": [KNOWN_NAME]}):
        raise SourceChanged(client.source, f"POST {TRANSACTION_SEARCH}", f"nothing is found for {KNOWN_NAME}")
    return False


def _refuses_quoted(client: Client) -> bool:
    try:
        _finds(client, {"award_ids": [f'"{KNOWN_PIID}"']})
    except SourceError as error:
        if not is_empty_503(error):
            raise
        return True
    return False


def _takes_many_names(client: Client) -> bool:
    """Whether a request as large as those of a poll is answered, and finds what a small one finds."""
    names = [KNOWN_NAME, *(f"{IMPOSSIBLE} {number}" for number in range(1, NAMES_AT_ONCE))]
    try:
        return _finds(client, {"recipient_search_text": names})
    except SourceError as error:
        if not is_empty_503(error):
            raise
        return False


def _ignores_unknown_filters(client: Client) -> bool:
    filters = {"recipient_search_text": [KNOWN_NAME], "recipient_search_txt": [IMPOSSIBLE]}
    try:
        return "not used" in str(post(client, AWARD_COUNT, {"filters": filters}).content.get("messages"))
    except Refused:
        return False


def _counts_transactions(client: Client) -> bool:
    filters = {"recipient_search_text": [KNOWN_NAME], "award_type_codes": list(AWARD_TYPES["contracts"])}
    body = {"filters": filters, "sort": GROUPED_KEY, "order": "asc", "limit": 10, "page": 1}
    try:
        response = post(client, GROUPED_SEARCH, body)
        rows = response.rows(GROUPED_KEY)
    except (Refused, SourceChanged):
        return False
    return any(response.require("transaction_count", int, row) > 0 for row in rows)


def _says_last_updated(client: Client) -> bool:
    try:
        return bool(last_updated(client))
    except SourceError as error:
        if isinstance(error, SourceChanged) or (error.status or 0) >= 400:
            return False
        raise


def _ends_past_the_end(client: Client) -> bool:
    body = {
        "filters": {"recipient_search_text": [KNOWN_NAME], "award_type_codes": list(AWARD_TYPES["contracts"])},
        "fields": ["Award ID"],
        "sort": "Award ID",
        "limit": 100,
        "page": 90,
    }
    try:
        response = post(client, AWARD_SEARCH, body)
    except Refused:
        return False
    return not response.rows() and response.require("page_metadata", dict).get("hasNext") is False


def _counts_linked_subawards(client: Client) -> bool:
    """Whether the count leaves out subawards without a linked prime award, where a page of the search holds some.

    Where that page holds none the two cannot be distinguished, and the assumption stands.
    """
    period = {"start_date": SINCE.isoformat(), "end_date": SINCE.replace(year=2024).isoformat()}
    filters = {"keywords": [KNOWN_NAME], "time_period": [period]}
    group = "subcontracts"
    filters = {**filters, "award_type_codes": list(SUBAWARD_TYPES[group])}
    body = {
        "filters": filters,
        "fields": list(SUBAWARDS.fields),
        "sort": SUBAWARDS.sort,
        "limit": 100,
        **SUBAWARDS.level,
    }
    response = post(client, AWARD_SEARCH, body)
    rows = response.rows(SUBAWARDS.key, nullable=True)
    linked = sum(map(SUBAWARDS.counts, rows))
    if linked == len(rows) or response.require("page_metadata", dict).get("hasNext"):
        return True
    counted = post(client, AWARD_COUNT, {"filters": filters, **SUBAWARDS.level})
    return counted.require(group, int, counted.require("results", dict)) == linked


def _mixes_types(client: Client) -> bool:
    try:
        _transactions(client, {"recipient_search_text": [KNOWN_NAME]}, ALL_TYPES)
    except Refused:
        return False
    return True


ASSUMPTIONS = (
    Assumption(
        name="keyword-message",
        says="A transaction search by keywords says that the filter 'keyword_search' was not used, and uses it.",
        otherwise="Nothing changes: once a day an impossible keyword shows whether the filter is used.",
        basis="usaspending_api/search/v2/views/spending_by_transaction.py renames keywords; seen live in 2026",
        probe=_says_keyword_message,
    ),
    Assumption(
        name="unquoted-award-ids",
        says="An award is found by its number in upper case without quotes.",
        otherwise="Numbers are sent in quotes when those find a stored award and bare ones do not.",
        basis="usaspending_api/common/query_with_filters.py, _AwardIds: regexp; measured live on 2026-10-10",
        probe=_finds_unquoted,
    ),
    Assumption(
        name="quoted-award-ids-fail",
        says="A number in quotes is answered 503 with an empty body.",
        otherwise="Nothing changes: quotes are used only when bare numbers find nothing.",
        basis="usaspending_api/common/query_with_filters.py, _AwardIds: term without a value, since 2025-03-06",
        probe=_refuses_quoted,
    ),
    Assumption(
        name="clause-limit",
        says=f"A request for {NAMES_AT_ONCE} names is answered in full.",
        otherwise="Lists are halved until they are answered, and requests are made smaller for thirty days.",
        basis="default of the index, 1,024 clauses; about 32 a name, 50 a phrase, replayed in Lucene",
        probe=_takes_many_names,
    ),
    Assumption(
        name="unknown-filter-ignored",
        says="An unknown filter is ignored with status 200, and the count of awards says so.",
        otherwise="Nothing changes: once a day each filter must find nothing for an impossible text.",
        basis="usaspending_api/common/helpers/generic_helper.py, get_generic_filters_message",
        probe=_ignores_unknown_filters,
    ),
    Assumption(
        name="transaction-count-grouped",
        says="The grouped transaction search gives the number of transactions of each award.",
        otherwise="All transactions of stored awards are searched for and compared one by one.",
        basis="usaspending_api/search/v2/views/spending_by_transaction_grouped.py",
        probe=_counts_transactions,
    ),
    Assumption(
        name="last-updated",
        says="awards/last_updated/ says the day of the newest data.",
        otherwise="Every poll asks for everything, whether the data has changed or not.",
        basis="usaspending_api/awards/v2/views/awards.py, AwardLastUpdatedViewSet",
        probe=_says_last_updated,
    ),
    Assumption(
        name="paging-past-end",
        says="A page past the end is empty and says that there is no next page.",
        otherwise="Nothing changes: no page past the end is requested.",
        basis="usaspending_api/search/v2/views/spending_by_award.py",
        probe=_ends_past_the_end,
    ),
    Assumption(
        name="mixed-types-in-transactions",
        says="The transaction search takes award types of several groups at once.",
        otherwise="Each group of types is searched by itself.",
        basis="usaspending_api/common/validator/award_filter.py; spending_by_award.py alone checks for one group",
        probe=_mixes_types,
    ),
)
SUBAWARD_ASSUMPTIONS = (
    Assumption(
        name="subaward-count-linked",
        says="The count of subawards leaves out those without a linked prime award, which the search gives.",
        otherwise="Where the rows are fewer, one page shows whether the count has others, too; then all are compared.",
        basis="usaspending_api/search/v2/views/spending_by_award_count.py, subaward_count; measured live in 2026",
        probe=_counts_linked_subawards,
    ),
)
