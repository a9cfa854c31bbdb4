"""SAM.gov contract opportunities: planned purchases, awards, and purchases without competition.

Upstream: https://api.sam.gov/opportunities/v2/search, Get Opportunities Public API (GSA/open-gsa-redesign,
_apidocs/get-opportunities-public-api.md). Access: a personal key from sam.gov/workspace/profile/account-details
(earlier sam.gov/profile/details), valid for 90 days by users' accounts, sent in the header X-Api-Key, or in the URL if
the header is not accepted. Limits: ten requests a day for a key without a role (1,000 with one), counted until 00:00
UTC over all SAM.gov APIs as far as is known; refused requests count. A page holds 1,000 notices, a search covers a year
at most. About 300 notices are posted a day, twice that late in the week. Lag: active notices are updated daily,
archived ones weekly. Corrections: only the latest active version of a notice is listed. An amendment has a new id and
the same solicitation number; both are one record here (`sources.sam.opportunities.notice_parser.shared_key`). A change
or withdrawal shows in the days of the posting, later only in a search for the notice's number. Caveats: texts cannot be
searched, and each text costs a request, so a notice is found by its title, awardee and award only. 404 means that
nothing was found or, some say, that the key is unknown.

A poll reads all notices of three days and matches them locally; the third-last day is the first that has ended in
Washington wherever the poll runs. It fetches the texts of matching notices and checks open ones again, both as far as
the day's quota allows. The state READ holds the last day up to which everything was read, so that a failed step is
repeated from there and no day is read twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sources.base import (
    Assumption,
    DailyQuota,
    DateWindow,
    ExpectedRows,
    FailedStep,
    Fetched,
    FetchStep,
    IncompleteResult,
    SearchTerms,
    Source,
    Stored,
)
from sources.errors import QuotaUsedUp, SourceChanged
from sources.http.client import Client, RateLimit
from sources.records import Payload, Record
from sources.sam.api import KEY_HEADER, KEY_PARAMETER, header_key, with_known_key
from sources.sam.opportunities.notice_fetcher import (
    NOTICE_ID_SEARCH,
    OFFSET_COUNTS_PAGES,
    RESERVED_REQUESTS,
    SOLICITATION_SEARCH,
    NoticeFetch,
)
from sources.sam.opportunities.notice_parser import parse
from sources.sam.opportunities.search import PAGE_SIZE, SEARCH, Search, can_spend, page_of, requests_reserved
from sources.sam.opportunities.watch import IN_VIEW

SLICE = 14  # days in a step of a backfill: five or six pages, which is what a day allows
FOR_NEWEST = 1  # request reserved for the newest days while older ones are read
READ = "read"  # the note of the last day that was over when polls had read it and all before it
DAY = timedelta(days=1)
PAST_THE_END = 20  # pages: more than are posted in fifteen days
NO_SUCH_NOTICE = "f" * 32
NO_SUCH_SOLICITATION = "PROCUREWATCH0000"
DOCUMENTATION = "GSA's page on the Get Opportunities Public API"


def _last_days(days: int, **filters: str) -> Search:
    today = datetime.now(UTC).date()
    return Search(today - timedelta(days=days), today, filters)


def _finds_nothing(client: Client, **filters: str) -> bool:
    return page_of(client, _last_days(30, **filters), limit=1).total == 0


def _counts_pages(client: Client) -> bool:
    """Request a page that is past the end if `offset` counts pages, and full if it counts notices."""
    page = page_of(client, _last_days(15), offset=PAST_THE_END)
    if not PAST_THE_END < page.total < PAST_THE_END * PAGE_SIZE:
        reason = f"{page.total} notices in fifteen days do not show what an offset counts"
        raise SourceChanged(client.source, f"GET {SEARCH}", reason)
    return page.size <= 1


ASSUMPTIONS = (
    header_key(lambda client: page_of(client, _last_days(30), limit=1)),
    Assumption(
        name=OFFSET_COUNTS_PAGES,
        says="The parameter offset counts pages from 0.",
        otherwise="It is assumed to count notices, and further pages are requested accordingly.",
        basis=f"{DOCUMENTATION}, and measured in August 2026. GSA's own client (srt-fbo-scraper) counts notices.",
        probe=_counts_pages,
    ),
    Assumption(
        name=NOTICE_ID_SEARCH,
        says="The parameter noticeid, in lower case, finds that notice alone.",
        otherwise="A watched notice without a solicitation number is not looked at again.",
        basis=f"{DOCUMENTATION}. In camel case it is ignored, and other notices are found (seen in 2026).",
        probe=lambda client: _finds_nothing(client, noticeid=NO_SUCH_NOTICE),
    ),
    Assumption(
        name=SOLICITATION_SEARCH,
        says="The parameter solnum finds the notices of that solicitation alone.",
        otherwise="A watched notice is not looked at again. An amendment is still seen when it is posted.",
        basis=DOCUMENTATION,
        probe=lambda client: _finds_nothing(client, solnum=NO_SUCH_SOLICITATION),
    ),
)


class SamOpportunities(Source):
    """The source `samnotices`."""

    name = "samnotices"
    title = "SAM.gov contract opportunities"
    publisher = "SAM.gov Contract Opportunities"
    base_url = "https://api.sam.gov"
    api_key_header: str | None = KEY_HEADER
    api_key_parameter = KEY_PARAMETER
    rate_limit = RateLimit(seconds_between=1.0)
    expected_rows = ExpectedRows(at_least=1, at_most=200_000)
    quota: DailyQuota | None = DailyQuota(name="sam", requests_per_day=10)
    min_poll_interval = timedelta(hours=20)
    store_unmatched = False
    reporting_delay = "Notices are found by title and awardee; their texts are read only then, a few a day."
    assumptions: Sequence[Assumption] = ASSUMPTIONS

    def health_check(self, client: Client) -> bool:
        """Whether anything was posted in the last thirty days."""
        return page_of(client, _last_days(30), limit=1).total > 0

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: missed days, the newest days, then the watched notices.

        Stored state says which days were missed; the steps' own days do not.
        """
        if not _is_wanted(terms):
            return []
        until = window.until
        newest = until - timedelta(days=IN_VIEW - 1)
        since = min(window.modified_since, newest)
        return [
            _step("posted/missed", "missed", since, max(since, newest - DAY), until, part="older posted notices"),
            _step("posted/newest", "newest", newest, until, until, part="posted notices"),
            _step("watched", "watched", until, until, until, part="watched notices"),
        ]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan the whole history in slices of two weeks. SAM.gov lists only what is still active."""
        steps: list[FetchStep] = []
        start = since
        while _is_wanted(terms) and start <= until:
            end = min(start + timedelta(days=SLICE - 1), until)
            steps.append(_step(f"posted/{start}_{end}", "history", start, end, until, part="past notices"))
            start = end + DAY
        return steps

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Read a range of days or the watched notices; matching notices come last, with their texts."""
        return with_known_key(client, stored, _fetch(client, step, stored))

    def parse(self, payload: Payload) -> list[Record]:
        """Read a payload into a publication, a removal, or the problem that prevents it. Pure."""
        return [parse(payload)]


def _is_wanted(terms: SearchTerms) -> bool:
    return bool(terms.names or terms.ueis or terms.phrases or terms.stored)


def _step(key: str, kind: str, since: date, until: date, today: date, *, part: str) -> FetchStep:
    query = {"kind": kind, "today": today.isoformat()}
    return FetchStep(key=key, query=query, since=since, until=until, part=part)


def _fetch(client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
    fetch = NoticeFetch(client, stored, date.fromisoformat(str(step.query["today"])))
    match step.query["kind"]:
        case "watched":
            yield from fetch.check_watched()
        case "missed":
            yield from _missed(fetch, step)
        case "newest":
            yield from _newest(fetch, step)
        case _:
            yield from fetch.window(step.key, Search(*step.days), leave=RESERVED_REQUESTS)
    yield from fetch.fetch_texts()
    fetch.watch.keep()
    if fetch.failure and not isinstance(fetch.failure, QuotaUsedUp):
        raise fetch.failure


def _missed(fetch: NoticeFetch, step: FetchStep) -> Iterator[Fetched]:
    """Read the days between those already read and the newest ones; what the quota does not allow is left for later."""
    read = fetch.stored.get_state(READ)
    newest = fetch.today - timedelta(days=IN_VIEW - 1)
    start = date.fromisoformat(read) + DAY if read else newest
    while start < newest:
        if not can_spend(fetch.client, RESERVED_REQUESTS + FOR_NEWEST):
            yield FailedStep(step=replace(step, since=start), reason=str(requests_reserved(fetch.client)))
            return
        end = min(start + timedelta(days=IN_VIEW - 1), newest - DAY)
        yield from _read(fetch, step, start, end, leave=RESERVED_REQUESTS + FOR_NEWEST)
        start = end + DAY


def _newest(fetch: NoticeFetch, step: FetchStep) -> Iterator[Fetched]:
    """Read the newest days. A backfill reads those before the first poll."""
    newest = fetch.today - timedelta(days=IN_VIEW - 1)
    if not fetch.stored.get_state(READ):
        fetch.stored.set_state(READ, (newest - DAY).isoformat())
    yield from _read(fetch, step, newest, fetch.today, leave=0)


def _read(fetch: NoticeFetch, step: FetchStep, start: date, end: date, *, leave: int) -> Iterator[Fetched]:
    """Read a range of days; store that it was read, unless the result is incomplete or earlier days are missing."""
    is_whole = True
    for item in fetch.window(step.key, Search(start, end), leave=leave):
        is_whole = is_whole and not isinstance(item, IncompleteResult)
        yield item
    read = fetch.stored.get_state(READ)
    if is_whole and start - DAY <= date.fromisoformat(read):
        over = min(end, fetch.today - timedelta(days=IN_VIEW - 1))
        fetch.stored.set_state(READ, max(over.isoformat(), read))
