"""SAM.gov Contract Awards: every federal contract action, including other transactions, and deleted actions.

Upstream: https://api.sam.gov/contract-awards/v1, documented at open.gsa.gov/api/contract-awards; the successor of FPDS.
Access: a personal key from sam.gov/workspace/profile/account-details (earlier sam.gov/profile/details), valid for 90
days, sent in the header X-Api-Key, or in the URL if the header is not accepted. Limits: ten requests a day for a key
without a role (1,000 with one), shared with the other sources of SAM.gov; refused requests count. 100 rows per page,
400,000 rows of pages, 1,000,000 rows per extract. Lag: days; 90 days after signing for the Department of Defense and
the Army Corps of Engineers. Corrections: in place, which changes `lastModifiedDate`; deleted actions are listed for six
months. Caveats: descriptions cannot be searched, nor can `&`. Numbers are strings or numbers, dates have three formats.
Each UEI is searched for separately, because `~` between values may find the first only (measured in August 2026 with
contractingOfficeCode). Errors come with any status (`sources.sam.api`). An extract may take an hour to make and hold
gigabytes (`sources.sam.contract_awards.extract`). Recipients' names and addresses before 2022-04-04 are D&B's, who must
be named and whose data must not be redistributed in bulk: each record names the owner.

A poll reads an extract of all actions modified since the last poll, because descriptions can only be searched locally.
Once a week it reads two more: actions that the Department of Defense signed 90 days ago, which may have been modified
before that, and deleted actions. Stored state holds the last day read of each, so that missed days are read later,
oldest first, and only the last day is read twice. The past of a new vendor needs a backfill, which searches by
recipient: page by page for a small result, else by an extract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from sources.base import (
    Assumption,
    DailyQuota,
    DateWindow,
    ExpectedRows,
    Fetched,
    FetchStep,
    SearchTerms,
    Source,
    Stored,
)
from sources.errors import SourceChanged
from sources.http.client import Client, RateLimit
from sources.records import CONTRACT_CATEGORIES, Payload, Record
from sources.sam.api import KEY_HEADER, KEY_PARAMETER, header_key, with_known_key
from sources.sam.contract_awards.record_parser import parse
from sources.sam.contract_awards.search import (
    MAX_EXTRACTED,
    PAGE,
    UEI,
    count,
    page,
    period,
    records_of,
    searchable,
    total_of,
)
from sources.sam.contract_awards.steps import (
    OFFSET_COUNTS_PAGES,
    WEEK,
    daily_extract,
    digest,
    search_history,
    weekly_extract,
)

DELAYED = timedelta(days=90)  # actions of the Department of Defense, after signing
DAY = timedelta(days=1)
YEARS_PER_STEP = 8  # the longest range known to work
EARLIEST = date(1979, 1, 1)  # before there was any such record
JANUARY = {"dateSigned": period(date(2024, 1, 1), date(2024, 1, 31))}
ONE_DAY = {"dateSigned": period(date(2024, 1, 17), date(2024, 1, 17)), "includeSections": "contractId"}
PARTS = {
    "revealed": "actions of the Department of Defense revealed after 90 days",
    "deleted": "deleted actions",
    "modified": "new and modified actions",
    "search": "past actions",
}
PAST_THE_END = 500  # pages: more than are signed on one day
NOBODY = {"awardeeUniqueEntityId": "ZZZZZZZZZZZZ", **JANUARY}


def _finds_nothing(client: Client) -> bool:
    try:
        return count(client, NOBODY) == 0
    except SourceChanged:
        return False


def _counts_pages(client: Client) -> bool:
    """Request a page that is past the end if `offset` counts pages, and full if it counts records."""
    document = page(client, ONE_DAY, offset=PAST_THE_END)
    total = total_of(client, document) if document else 0
    if not PAST_THE_END < total < PAST_THE_END * PAGE:
        reason = f"{total} records of one day do not show what an offset counts"
        raise SourceChanged(client.source, "GET of a page", reason)
    return len(records_of(client, document)) <= 1


ASSUMPTIONS = (
    header_key(lambda client: count(client, JANUARY)),
    Assumption(
        name="empty-search-shape",
        says="A search that finds nothing is answered by a totalRecords of 0, or without a body.",
        otherwise="Such a search fails its step, and the others go on.",
        basis="The counts are in awardResponse, without awardSummary (measured in 2026). GSA's page says status 204.",
        probe=_finds_nothing,
    ),
    Assumption(
        name=OFFSET_COUNTS_PAGES,
        says="The parameter offset counts pages from 0.",
        otherwise="It is assumed to count records, and further pages are requested accordingly.",
        basis="GSA's page on the Contract Awards API, and measured in August 2026.",
        probe=_counts_pages,
    ),
)


class SamContractAwards(Source):
    """The source `samawards`."""

    name = "samawards"
    title = "SAM.gov Contract Awards"
    lists_every = CONTRACT_CATEGORIES
    base_url = "https://api.sam.gov"
    api_key_header: str | None = KEY_HEADER
    api_key_parameter = KEY_PARAMETER
    rate_limit = RateLimit(seconds_between=2.0, at_once=1)
    expected_rows = ExpectedRows(at_least=1, at_most=5 * MAX_EXTRACTED)
    quota: DailyQuota | None = DailyQuota(name="sam", requests_per_day=10)
    min_poll_interval = timedelta(hours=20)
    store_unmatched = False
    reporting_delay = (
        "Actions of the Department of Defense and the Army Corps of Engineers are published 90 days after they are"
        " signed."
    )
    assumptions: Sequence[Assumption] = ASSUMPTIONS

    def health_check(self, client: Client) -> bool:
        """Whether anything was signed in January 2024. Costs a request."""
        return count(client, JANUARY) > 0

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: newly published Defense actions, deleted and modified actions. The terms make no difference.

        The steps cover the days of a first poll. Which days later polls still have to read is stored state.
        """
        if not (terms.names or terms.ueis or terms.phrases):
            return []
        until, revealed = window.until, window.until - DELAYED
        return [
            _step("revealed", "dateSigned", revealed - WEEK, revealed, {"contractingDepartmentCode": "9700"}),
            _step("deleted", "lastModifiedDate", until - WEEK, until, {"deletedStatus": "yes"}),
            _step("modified", "lastModifiedDate", window.modified_since, until, {}),
        ]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a history by date signed: each UEI as recipient and as parent, and each name."""
        steps: list[FetchStep] = []
        start = max(since, EARLIEST)
        while start <= until:
            end = min(date(start.year - start.year % YEARS_PER_STEP + YEARS_PER_STEP - 1, 12, 31), until)
            steps += _search_steps(terms, start, end)
            start = end + DAY
        return steps

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Read one extract or one search: a payload for each record that is new or changed, `NotModified` for the rest.

        Raises:
            ExtractNotReady: the extract is still being made; the next run downloads it.
        """
        walks = {"search": search_history, "modified": daily_extract}
        return with_known_key(client, stored, walks.get(str(step.query["label"]), weekly_extract)(client, step, stored))

    def parse(self, payload: Payload) -> list[Record]:
        """Read a payload into an award with one action, its removal, or the problem that prevents either. Pure."""
        return [parse(payload)]


def _step(
    label: str, date_type: str, since: date, until: date, filters: Mapping[str, str], *, key: str = "", name: str = ""
) -> FetchStep:
    """Return a step. `name` is the full recipient name, where SAM.gov can only search for a part of it."""
    query = {"label": label, "date_type": date_type, "filters": dict(filters), "name": name}
    return FetchStep(key=key or label, query=query, since=since, until=until, part=PARTS[label])


def _search_steps(terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
    ueis = [uei for uei in terms.ueis if UEI.fullmatch(uei)]
    searches: list[tuple[str, str, Sequence[str]]] = [
        ("uei", "awardeeUniqueEntityId", ueis),
        ("parent", "ultimateParentUniqueEntityId", ueis),
        ("name", "awardeeLegalBusinessName", terms.names),
    ]
    steps: list[FetchStep] = []
    for kind, parameter, values in searches:
        for value in values:
            sent = searchable(value) if kind == "name" else value
            if sent:
                key = f"{kind}/{digest(value)}/{since}_{until}"
                whole = value if sent != value and kind == "name" else ""
                steps.append(_step("search", "dateSigned", since, until, {parameter: sent}, key=key, name=whole))
    return steps
