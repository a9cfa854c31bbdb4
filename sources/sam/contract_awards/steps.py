"""Reading a step of SAM.gov's contract awards: daily extracts, weekly extracts, and searches of the past."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import structlog

from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, Stored
from sources.errors import SourceChanged
from sources.http.client import Client, Downloaded
from sources.records import Document, Problem
from sources.sam.api import holds
from sources.sam.contract_awards.extract import (
    RECORD_BYTES,
    TARGET_FILE_SIZE,
    Extract,
    ExtractNotReady,
    ExtractOrder,
    ExtractPart,
)
from sources.sam.contract_awards.json_stream import RecordStream, unpacked
from sources.sam.contract_awards.search import (
    MAX_EXTRACTED,
    RecordFilter,
    count,
    page,
    period,
    read_all_pages,
    total_of,
)

log = structlog.get_logger(__name__)

DELETIONS_LISTED = timedelta(days=180)  # deleted actions, after deletion
WEEK = timedelta(days=7)
OVERDUE = timedelta(days=15)
MIN_REQUESTS_TO_BEGIN = 6  # requests that must be left to start a weekly extract ...
MIN_REQUESTS_TO_CONTINUE = 3  # ... and to continue one
MAX_FIRST_RECORDS = (
    2 * TARGET_FILE_SIZE // RECORD_BYTES
)  # records of a first look: two files, which a day's requests can fetch
MAX_PAGED_RECORDS = 300  # records: more cost less as an extract, which takes two requests
OFFSET_COUNTS_PAGES = "offset-counts-pages"


def _filters(step: FetchStep) -> dict[str, str]:
    filters = step.query["filters"]
    return {str(name): str(value) for name, value in filters.items()} if isinstance(filters, Mapping) else {}


def _order(step: FetchStep, note: str, since: date, until: date) -> ExtractOrder:
    return ExtractOrder(
        note=note, filters=_filters(step), date_type=str(step.query["date_type"]), since=since, until=until
    )


def daily_extract(client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
    """Read the extract that an earlier run has requested, then what is missing up to the step's last day."""
    read = _read_until(step, stored)
    while read < step.days[1]:
        read = yield from _read_order(client, step, stored, read)


def weekly_extract(client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
    """Read an extract that is due once a week, or put it off if few requests are left."""
    label, until, left = str(step.query["label"]), step.days[1], client.requests_remaining
    read, under_way = _read_until(step, stored), bool(stored.get_state(label))
    if until <= read or (until - read < WEEK and not under_way):
        return
    if left is not None and left < (MIN_REQUESTS_TO_CONTINUE if under_way else MIN_REQUESTS_TO_BEGIN):
        reason = f"{left} requests are left today, and are reserved for the daily extract"
    else:
        try:
            yield from _read_order(client, step, stored, max(read, until - DELETIONS_LISTED))
        except ExtractNotReady as error:
            reason = error.came_back
        else:
            return
    log.info("extract put off", source=client.source, step=step.key, reason=reason)
    if until - read >= OVERDUE:
        yield FailedStep(step=step, reason=reason)


def _read_until(step: FetchStep, stored: Stored) -> date:
    """Return the last day that was read, or the step's first day before the first read."""
    stored_day = stored.get_state(f"{step.query['label']}/read")
    return date.fromisoformat(stored_day) if stored_day else step.days[0]


def _read_order(client: Client, step: FetchStep, stored: Stored, since: date) -> Generator[Fetched, None, date]:
    """Read the current order, or a new one from `since` on; return the last day it covers."""
    label = str(step.query["label"])
    order = _order(step, label, since, step.days[1])
    extract = Extract(client, stored, order)
    if not extract.is_under_way:
        daily = int(stored.get_state(f"{label}/daily") or "0")
        records = daily * order.days or count(client, {**order.filters, order.date_type: _period(order)})
        if not stored.get_state(f"{label}/read"):
            order, records = _limit_first_order(order, records)
            stored.set_state(f"{label}/read", order.since.isoformat())
        extract = Extract(client, stored, order)
        extract.plan(records)
    covers_until = extract.covers_until
    if extract.is_under_way:
        yield from _read_extract(client, step, stored, extract, note_daily=f"{label}/daily")
    stored.set_state(f"{label}/read", covers_until.isoformat())
    return covers_until


def _limit_first_order(order: ExtractOrder, records: int) -> tuple[ExtractOrder, int]:
    """Limit an order to the newest days that a few files can hold; return it and its estimated records."""
    daily = -(-records // order.days)
    days = min(order.days, max(1, MAX_FIRST_RECORDS // max(1, daily)))
    return replace(order, since=order.until - timedelta(days=days - 1)), min(records, daily * days)


def _period(order: ExtractOrder) -> str:
    return period(order.since, order.until)


def _read_extract(
    client: Client, step: FetchStep, stored: Stored, extract: Extract, *, note_daily: str = ""
) -> Iterator[Fetched]:
    """Read the files of an extract record by record; store the daily number of records, for the next order."""
    record_filter = RecordFilter(client.source, stored, step)
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as folder:
        for item in extract.files(Path(folder)):
            if isinstance(item, Problem):
                yield item
                continue
            part, file = item
            found = yield from _records(client, step, record_filter, part, file)
            if note_daily:
                daily = max(-(-found // part.days), int(stored.get_state(note_daily) or "0") // 2)
                stored.set_state(note_daily, str(daily))


def _records(
    client: Client, step: FetchStep, record_filter: RecordFilter, part: ExtractPart, file: Downloaded
) -> Generator[Fetched, None, int]:
    origin = Document(
        url=part.url,
        request=f"from an extract of {file.size} bytes, sha256 {file.sha256}",
        retrieved_at=file.retrieved_at,
        content_type="application/json",
        body=b"",
    )
    found = 0
    with unpacked(file.file, client.source, part.url) as stream:
        answer = RecordStream(stream, client.source, part.url)
        for record in answer.records():
            found += 1
            if found > MAX_EXTRACTED:
                raise SourceChanged(client.source, part.url, f"more than the {MAX_EXTRACTED} records of an extract")
            if item := record_filter.item(record, origin):
                yield item
    if found < answer.total:
        yield IncompleteResult(step=step.key, expected=answer.total, received=found)
    return found


def digest(value: object) -> str:
    """Return 16 hex digits of a hash of a value."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def _digest_of(step: FetchStep) -> str:
    return digest((sorted(step.query.items()), step.days))


def search_history(client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
    """Read a search page by page, or as an extract if it is large or already requested as one."""
    order = _order(step, f"search/{_digest_of(step)}", *step.days)
    extract = Extract(client, stored, order)
    if not extract.is_under_way:
        dated = {**order.filters, order.date_type: _period(order)}
        first = page(client, dated)
        total = total_of(client, first) if first else 0
        if first and total <= MAX_PAGED_RECORDS:
            by_records = holds(stored, OFFSET_COUNTS_PAGES) is False
            yield from read_all_pages(
                client, RecordFilter(client.source, stored, step), dated, first, by_records=by_records
            )
        if total <= MAX_PAGED_RECORDS:
            return
        extract.plan(total)
    yield from _read_extract(client, step, stored, extract)
