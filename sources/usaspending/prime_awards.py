"""What USAspending's sources share, and how contracts, IDVs and assistance are fetched.

A step is a search by name, phrase or number. Each award that it finds new or changed is then fetched completely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import ClassVar
from urllib.parse import quote

import structlog

from sources.base import (
    DateWindow,
    FailedStep,
    Fetched,
    FetchStep,
    IncompleteResult,
    NotModified,
    SearchTerms,
    Source,
    Stored,
)
from sources.errors import Refused, SourceChanged, SourceError, Unreachable
from sources.fields import clean_text
from sources.http.client import Client
from sources.records import Payload, Record
from sources.usaspending import plan
from sources.usaspending.award_fetcher import AwardFetcher, is_changed, row_digest, row_matches, same_award
from sources.usaspending.award_parser import parse
from sources.usaspending.batches import TextBatches, is_empty_503
from sources.usaspending.filters import (
    AWARD_DATES,
    COUNT_PATH,
    EARLIEST,
    RATE_LIMIT,
    TRANSACTION_SEARCH,
    TYPES_BY_GROUP,
    Row,
    text_filter,
    time_filter,
)
from sources.usaspending.plan import TRANSACTIONS, Days, Search, revealed, search_of
from sources.usaspending.search import (
    Slice,
    count_transactions,
    get,
    knows_homeland_security,
    last_updated,
    search,
    search_awards,
    search_slice,
)

log = structlog.get_logger(__name__)

UNQUOTED = "assumption/unquoted-award-ids"
IDS_CHECKED = "award-ids"  # the state that holds the day on which a stored award was last found by its number
MAX_IDS_TRIED = 25
MIN_IDS_TRIED = 3  # fewer stored awards may all be gone from the source
# A nightly load contains what was modified until the evening before, and takes its time: a poll may see a change for
# the first time so many days after it was made.
LOAD_DELAY = timedelta(days=2)


class UsaspendingSource(Source):
    """What all sources of USAspending have in common."""

    publisher = "USAspending.gov"
    base_url = "https://api.usaspending.gov"
    rate_limit = RATE_LIMIT

    def health_check(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security."""
        return knows_homeland_security(client)

    def data_version(self, client: Client) -> str:
        """Return the day of the newest data, which changes with the nightly load."""
        return last_updated(client)

    def is_wanted(self, step: FetchStep, terms: SearchTerms) -> bool:
        """Whether one of a step's texts is still searched for."""
        return plan.is_wanted(step, terms)


class PrimeAwardSource(UsaspendingSource):
    """A source of prime awards.

    `groups` are the groups of award types it reads, `sweep_groups` those whose award search a sweep reads, and
    `categories` those of the stored awards whose changes it searches for.
    """

    groups: ClassVar[tuple[str, ...]]
    sweep_groups: ClassVar[tuple[str, ...]] = ()
    categories: ClassVar[tuple[str, ...]]

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: changes of stored awards, then new and changed awards; on a sweep also late ones."""
        return plan.poll_steps(terms, window, self.sweep_groups, self.categories)

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a whole history, one fiscal year at a time, by the date of each award's latest action."""
        return plan.backfill_steps(terms, since, until, self.groups, self.categories)

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Give each award that a step finds once: not modified, complete, or the reason why it cannot be fetched."""
        return _StepFetch(client, step, stored, self.groups).items()

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Parse a payload into an award, or into the problem that prevents it. Pure."""
        return [parse(payload)]


@dataclass(frozen=True, slots=True)
class _Hit:
    """A row that was found. `reread`: its award is fetched whatever is stored of it."""

    row: Row
    reread: bool = False


@dataclass(slots=True)
class _StepFetch:
    """Fetches one step."""

    client: Client
    step: FetchStep
    stored: Stored
    groups: tuple[str, ...]
    search: Search = field(init=False)
    fetcher: AwardFetcher = field(init=False)

    def __post_init__(self) -> None:
        self.search = search_of(self.step)
        self.fetcher = AwardFetcher(self.client, self.stored)

    def items(self) -> Iterator[Fetched]:
        match self.search:
            case Search(group="award"):
                for key in self.search.texts:
                    yield from self.fetcher.fetch(key, "", piid_in(key))
            case Search(group="counts", filter="key"):
                yield from self._compare_one_by_one()
            case Search(group="counts"):
                yield from self._compare_counts()
            case _:
                yield from self._fetch_hits(self._hits())

    def _fetch_hits(self, hits: Iterator[_Hit | IncompleteResult | FailedStep]) -> Iterator[Fetched]:
        """Fetch the awards of rows. Unmodified ones come last, since another row of the same award may be new."""
        unmodified: dict[str, None] = {}
        for hit in hits:
            if not isinstance(hit, _Hit):
                yield hit
                continue
            key = clean_text(str(hit.row["generated_internal_id"]))
            piid = clean_text(str(hit.row.get("Award ID") or "")).upper()
            if key.upper() in self.fetcher.fetched or not self._matches(hit.row, key, piid):
                continue
            if self._is_stored(key.upper(), hit):
                unmodified[key.upper()] = None
            else:
                revision = "" if self.search.group == TRANSACTIONS else row_digest(hit.row)
                yield from self.fetcher.fetch(key, revision, piid)
        yield from (NotModified(key=key) for key in unmodified if key not in self.fetcher.fetched)

    def _is_stored(self, key: str, hit: _Hit) -> bool:
        """Whether an award is stored as the row shows it, or was fetched by this run."""
        if self.stored.was_read(key):
            return True
        known = self.stored.stored_version(key)
        return known is not None and not hit.reread and not is_changed(hit.row, known, self.search)

    def _matches(self, row: Row, key: str, piid: str) -> bool:
        """Whether a row is what the search was for. Other agencies may have awards of the same number."""
        if self.search.filter != "award_ids":
            return row_matches(row, self.search)
        return self._is_stored_or_renumbered(key, piid)

    def _is_stored_or_renumbered(self, key: str, piid: str) -> bool:
        return self.stored.is_matched(key.upper()) or bool(
            not self.stored.stored_version(key.upper()) and same_award(key, piid, self.stored.keys_with_piid(piid))
        )

    def _batches(self) -> TextBatches:
        return TextBatches(self.client, self.stored, self.step, self.search)

    def _hits(self) -> Iterator[_Hit | IncompleteResult | FailedStep]:
        if self.search.filter == "award_ids":
            quoted = self._ids_need_quotes()
            return self._batches().search(lambda ids: self._changes(_quote(ids, quoted=quoted)))
        if self.search.group == TRANSACTIONS:
            signed = revealed(self.step.days) if self.search.reveals else None
            return self._batches().search(lambda texts: self._transactions(texts, self.step.days, signed))
        return self._batches().search(self._awards)

    def _changes(self, ids: list[str]) -> Iterator[_Hit | IncompleteResult]:
        """Search by number: what changed since the last poll is fetched, of the days before only what is not stored."""
        start, end = self.step.days
        seen_before = max((self.search.overlap or timedelta(0)) - LOAD_DELAY, timedelta(0))
        fresh = min(start + seen_before, end)
        for hit in self._transactions(ids, (fresh, end)):
            yield _Hit(hit.row, reread=True) if isinstance(hit, _Hit) else hit
        if start < fresh:
            yield from self._transactions(ids, (start, fresh - timedelta(days=1)))

    def _transactions(
        self, texts: list[str], days: Days, signed: Days | None = None
    ) -> Iterator[_Hit | IncompleteResult]:
        part = Slice(
            step=self.step.key,
            filters=text_filter(self.search.filter, texts),
            start=days[0],
            end=days[1],
            date_type=self.search.date_type,
            types=self._types,
            groups=self.groups,
            or_signed=signed,
        )
        for found in search_slice(self.client, part):
            if isinstance(found, IncompleteResult):
                yield found
            else:
                yield from (_Hit(hit.row) for hit in found)

    def _awards(self, texts: list[str]) -> Iterator[_Hit | IncompleteResult]:
        period = time_filter(*self.step.days, self.search.date_type, AWARD_DATES)
        filters: Mapping[str, object] = {**text_filter(self.search.filter, texts), "time_period": [period]}
        for row in search_awards(self.client, self.step.key, self.search.group, filters):
            yield row if isinstance(row, IncompleteResult) else _Hit(row)

    @property
    def _types(self) -> tuple[str, ...]:
        return tuple(code for group in self.groups for code in TYPES_BY_GROUP[group])

    def _compare_counts(self) -> Iterator[Fetched]:
        """Fetch stored awards of which the source counts another number of actions than is stored."""
        quoted = self._ids_need_quotes()

        def count(ids: list[str]) -> Iterator[tuple[str, int]]:
            return count_transactions(self.client, text_filter("award_ids", _quote(ids, quoted=quoted)), self._types)

        try:
            counts = list(self._batches().search(count))
        except (Refused, SourceChanged, Unreachable) as error:
            log.warning("comparing transactions one by one", source=self.client.source, reason=str(error))
            yield from self._fetch_hits(self._all_transactions(quoted=quoted))
            return
        for found in counts:
            if isinstance(found, FailedStep):
                yield found
            else:
                yield from self._compare(clean_text(found[0]), found[1])

    def _all_transactions(self, *, quoted: bool) -> Iterator[_Hit | IncompleteResult | FailedStep]:
        """Search for every transaction of stored awards, when the source does not count them."""
        self.search = Search(group=TRANSACTIONS, filter="award_ids", texts=self.search.texts)
        days = (EARLIEST, datetime.now(UTC).date())
        return self._batches().search(lambda ids: self._transactions(_quote(ids, quoted=quoted), days))

    def _compare_one_by_one(self) -> Iterator[Fetched]:
        for key in self.search.texts:
            try:
                response = get(self.client, f"{COUNT_PATH}{quote(key, safe='')}/")
            except Refused as error:
                if error.status != 404:
                    raise
                continue  # the source no longer has it
            yield from self._compare(key, response.require("transactions", int))

    def _compare(self, key: str, count: int) -> Iterator[Fetched]:
        known, piid = self.stored.stored_version(key.upper()), piid_in(key)
        if not self._is_stored_or_renumbered(key, piid):
            return
        if known and (known.action_count == count or self.stored.was_read(key.upper())):
            yield NotModified(key=key.upper())
        else:
            yield from self.fetcher.fetch(key, known.revision if known else "", piid)

    def _ids_need_quotes(self) -> bool:
        """Find out once a day which form of a number finds stored awards: bare, or in quotes.

        Raises `SourceChanged` if neither finds any of them.
        """
        today = datetime.now(UTC).date().isoformat()
        known = (one for one in self.search.texts if self.stored.keys_with_piid(one))
        if self.stored.get_state(IDS_CHECKED) != today and (ids := list(islice(known, MAX_IDS_TRIED))):
            if self._finds(ids):
                self.stored.set_state(UNQUOTED, "holds")
            elif self._finds_quoted(ids):
                self.stored.set_state(UNQUOTED, "does not hold")
            elif len(ids) >= MIN_IDS_TRIED:
                came_back = f"none of {len(ids)} stored awards is found by its number"
                raise SourceChanged(self.client.source, f"POST {TRANSACTION_SEARCH}", came_back)
            self.stored.set_state(IDS_CHECKED, today)
        return self.stored.get_state(UNQUOTED) == "does not hold"

    def _finds_quoted(self, ids: list[str]) -> bool:
        try:
            return self._finds(_quote(ids, quoted=True))
        except SourceError as error:
            if is_empty_503(error):
                return False
            raise

    def _finds(self, ids: list[str]) -> bool:
        """Whether one of some numbers finds an award; each group of types alone, since several may be refused."""
        for group in self.groups:
            filters = {**text_filter("award_ids", ids), "award_type_codes": list(TYPES_BY_GROUP[group])}
            body = {"filters": filters, "fields": ["Award ID"], "sort": "Award ID", "limit": 1}
            if search(self.client, TRANSACTION_SEARCH, body).rows():
                return True
        return False


def _quote(ids: list[str], *, quoted: bool) -> list[str]:
    return [f'"{one}"' for one in ids] if quoted else ids


def piid_in(key: str) -> str:
    """Return the PIID of a contract's key, "" for other keys: CONT_AWD_{piid}_{agency}_{parent piid}_{...}."""
    parts = key.upper().split("_")
    return parts[2] if len(parts) == 6 and parts[:2] == ["CONT", "AWD"] else ""
