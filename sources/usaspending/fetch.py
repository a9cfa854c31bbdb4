"""Walking a step of USAspending's prime awards: contracts, IDVs and assistance are asked for in the same ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import quote

import structlog

from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, NotModified, Stored
from sources.errors import Refused, SourceChanged, SourceError, Unreachable
from sources.fields import read_json
from sources.http.client import Client
from sources.usaspending.award_fetcher import Reader, is_changed, is_meant, row_digest, same_award
from sources.usaspending.batches import Lists, is_empty_503
from sources.usaspending.filters import (
    AWARD_DATES,
    EARLIEST,
    TRANSACTION_SEARCH,
    TYPES_BY_GROUP,
    Row,
    text_filter,
    time_filter,
)
from sources.usaspending.plan import TRANSACTIONS, Days, Search, revealed, search_of
from sources.usaspending.search import Slice, ask, award_rows, rows_of, taken, transaction_counts, transaction_rows

log = structlog.get_logger(__name__)

COUNT_PATH = "/api/v2/awards/count/transaction/"
UNQUOTED = "assumption/unquoted-award-ids"
IDS_CHECKED = "award-ids"  # the note of the day on which a held award was last found by its number
IDS_TRIED = 25
FEWEST_TRIED = 3  # fewer held awards may all be gone at the source
# A nightly load brings what was modified until the evening before, and takes its time: so many days after a change was
# made, a poll may see it for the first time.
LOADS_TAKE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found; `reread` when its award is to be read whatever is stored of it."""

    row: Row
    reread: bool = False


@dataclass(slots=True)
class Visit:
    """One walk of a step. `groups` are the groups of award types that the source reads."""

    client: Client
    step: FetchStep
    stored: Stored
    groups: tuple[str, ...]
    search: Search = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.search = search_of(self.step)
        self.reader = Reader(self.client, self.stored)

    def items(self) -> Iterator[Fetched]:
        """Give each award once: unchanged, or whole, or the reason it could not be had. Raises `SourceError`."""
        match self.search:
            case Search(group="award"):
                for key in self.search.texts:
                    yield from self.reader.read(key, "", piid_in(key))
            case Search(group="counts", filter="key"):
                yield from self._counted_one_by_one()
            case Search(group="counts"):
                yield from self._counted()
            case _:
                yield from self._read_found(self._hits())

    def _read_found(self, hits: Iterator[Hit | IncompleteResult | FailedStep]) -> Iterator[Fetched]:
        """Read the awards of rows. The unchanged ones come last: one transaction says nothing of the award's next."""
        unchanged: dict[str, None] = {}
        for hit in hits:
            if not isinstance(hit, Hit):
                yield hit
                continue
            key, piid = storable(hit.row["generated_internal_id"]), storable(hit.row.get("Award ID")).upper()
            if key.upper() in self.reader.given or not self._is_meant(hit.row, key, piid):
                continue
            if self._is_stored(key.upper(), hit):
                unchanged[key.upper()] = None
            else:
                revision = "" if self.search.group == TRANSACTIONS else row_digest(hit.row)
                yield from self.reader.read(key, revision, piid)
        yield from (NotModified(key=key) for key in unchanged if key not in self.reader.given)

    def _is_stored(self, key: str, hit: Hit) -> bool:
        """Whether an award is stored as the row shows it, or has just been read."""
        if self.stored.was_read(key):
            return True
        known = self.stored.stored_version(key)
        return known is not None and not hit.reread and not is_changed(hit.row, known, self.search)

    def _is_meant(self, row: Row, key: str, piid: str) -> bool:
        """Whether a row is looked for. A number alone may be that of other agencies' awards, too."""
        if self.search.filter != "award_ids":
            return is_meant(row, self.search)
        return self._is_held_or_renumbered(key, piid)

    def _is_held_or_renumbered(self, key: str, piid: str) -> bool:
        return self.stored.is_matched(key.upper()) or bool(
            not self.stored.stored_version(key.upper()) and same_award(key, piid, self.stored.keys_with_piid(piid))
        )

    def _hits(self) -> Iterator[Hit | IncompleteResult | FailedStep]:
        lists = Lists(self.client, self.stored, self.step, self.search)
        if self.search.filter == "award_ids":
            quoted = self._ids_need_quotes()
            return lists.found(lambda ids: self._held_hits([f'"{one}"' if quoted else one for one in ids]))
        if self.search.group == TRANSACTIONS:
            signed = revealed(self.step.days) if self.search.reveals else None
            return lists.found(lambda texts: self._transactions(texts, self.step.days, signed))
        return lists.found(self._awards)

    def _held_hits(self, ids: list[str]) -> Iterator[Hit | IncompleteResult]:
        """Search by numbers: what changed since the last poll is read whole, before that only what is not stored."""
        start, end = self.step.days
        seen_before = max((self.search.overlap or timedelta(0)) - LOADS_TAKE, timedelta(0))
        fresh = min(start + seen_before, end)
        for found in self._transactions(ids, (fresh, end)):
            yield Hit(found.row, reread=True) if isinstance(found, Hit) else found
        if start < fresh:
            yield from self._transactions(ids, (start, fresh - timedelta(days=1)))

    def _transactions(
        self, texts: list[str], days: Days, signed: Days | None = None
    ) -> Iterator[Hit | IncompleteResult]:
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
        for row in transaction_rows(self.client, part):
            yield row if isinstance(row, IncompleteResult) else Hit(row)

    def _awards(self, texts: list[str]) -> Iterator[Hit | IncompleteResult]:
        period = time_filter(*self.step.days, self.search.date_type, AWARD_DATES)
        filters: Mapping[str, object] = {**text_filter(self.search.filter, texts), "time_period": [period]}
        for row in award_rows(self.client, self.step.key, self.search.group, filters):
            yield row if isinstance(row, IncompleteResult) else Hit(row)

    @property
    def _types(self) -> tuple[str, ...]:
        return tuple(code for group in self.groups for code in TYPES_BY_GROUP[group])

    def _counted(self) -> Iterator[Fetched]:
        """Read held awards whole of which the source counts other than as many actions as are stored."""
        lists = Lists(self.client, self.stored, self.step, self.search)
        quoted = self._ids_need_quotes()
        try:
            counted = list(lists.found(lambda ids: self._counts([f'"{one}"' if quoted else one for one in ids])))
        except (Refused, SourceChanged, Unreachable) as error:
            log.warning("transactions are compared one by one", source=self.client.source, reason=str(error))
            yield from self._read_found(self._all_transactions(lists, quoted=quoted))
            return
        for found in counted:
            if isinstance(found, FailedStep):
                yield found
            else:
                yield from self._compared(*found)

    def _counts(self, ids: list[str]) -> Iterator[tuple[str, int]]:
        for key, count in transaction_counts(self.client, text_filter("award_ids", ids), self._types):
            yield storable(key), count

    def _all_transactions(self, lists: Lists, *, quoted: bool) -> Iterator[Hit | IncompleteResult | FailedStep]:
        """Search for every transaction of held awards: the way when their counts cannot be had."""
        days = (EARLIEST, datetime.now(UTC).date())
        as_rows = Lists(lists.client, lists.stored, lists.step, self._as_transactions())
        self.search = as_rows.search
        return as_rows.found(lambda ids: self._transactions([f'"{one}"' if quoted else one for one in ids], days))

    def _as_transactions(self) -> Search:
        return Search(group=TRANSACTIONS, filter="award_ids", texts=self.search.texts)

    def _counted_one_by_one(self) -> Iterator[Fetched]:
        for key in self.search.texts:
            try:
                document = self.client.get(f"{COUNT_PATH}{quote(key, safe='')}/")
            except Refused as error:
                if error.status != 404:
                    raise
                continue  # the source no longer has it
            count = taken(read_json(document, self.client.source), "transactions", int, self.client, COUNT_PATH)
            yield from self._compared(key, count)

    def _compared(self, key: str, count: int) -> Iterator[Fetched]:
        known, piid = self.stored.stored_version(key.upper()), piid_in(key)
        if not self._is_held_or_renumbered(key, piid):
            return
        if known and (known.action_count == count or self.stored.was_read(key.upper())):
            yield NotModified(key=key.upper())
        else:
            yield from self.reader.read(key, known.revision if known else "", piid)

    def _ids_need_quotes(self) -> bool:
        """Find out once a day in which form numbers find awards that this source has brought: bare, or in quotes.

        Raises `SourceChanged` when neither finds one of them.
        """
        today = datetime.now(UTC).date().isoformat()
        known = (one for one in self.search.texts if self.stored.keys_with_piid(one))
        if self.stored.get_state(IDS_CHECKED) != today and (ids := list(islice(known, IDS_TRIED))):
            if self._finds(ids):
                self.stored.set_state(UNQUOTED, "holds")
            elif self._finds_quoted(ids):
                self.stored.set_state(UNQUOTED, "does not hold")
            elif len(ids) >= FEWEST_TRIED:
                came_back = f"none of {len(ids)} held awards is found by its number"
                raise SourceChanged(self.client.source, f"POST {TRANSACTION_SEARCH}", came_back)
            self.stored.set_state(IDS_CHECKED, today)
        return self.stored.get_state(UNQUOTED) == "does not hold"

    def _finds_quoted(self, ids: list[str]) -> bool:
        try:
            return self._finds([f'"{one}"' for one in ids])
        except SourceError as error:
            if is_empty_503(error):
                return False
            raise

    def _finds(self, ids: list[str]) -> bool:
        """Whether one of some numbers finds an award; each group of types by itself, since groups may be refused."""
        for group in self.groups:
            filters = {**text_filter("award_ids", ids), "award_type_codes": list(TYPES_BY_GROUP[group])}
            body = {"filters": filters, "fields": ["Award ID"], "sort": "Award ID", "limit": 1}
            if rows_of(ask(self.client, TRANSACTION_SEARCH, body), self.client, TRANSACTION_SEARCH):
                return True
        return False


def storable(value: object) -> str:
    """Return a value as text that any database holds, "" for none: without NUL and half characters."""
    return str(value or "").replace("\x00", "").encode("utf-8", "replace").decode()


def piid_in(key: str) -> str:
    """Return the PIID of a contract's key, "" if it is not one: CONT_AWD_{piid}_{agency}_{parent piid}_{...}."""
    parts = key.upper().split("_")
    return parts[2] if len(parts) == 6 and parts[:2] == ["CONT", "AWD"] else ""
