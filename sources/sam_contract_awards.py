"""SAM.gov Contract Awards: every federal contract action, other transactions among them, and what was deleted.

Upstream: https://api.sam.gov/contract-awards/v1, documented at open.gsa.gov/api/contract-awards; the successor of FPDS.
Access: a personal key from sam.gov/profile/details, sent in the header X-Api-Key. Limits: ten requests a day for a key
without a role (1,000 with one), shared with the other sources of SAM.gov; refusals count; 100 rows a page, 400,000 to
page through, 1,000,000 in an extract. Lag: actions appear within days; those of the Department of Defense 90 days after
signing. Corrections: in place, which moves `lastModifiedDate`; deleted actions are listed for six months. Caveats: no
search of descriptions; numbers are strings, dates have three formats; `&` cannot be searched for; an extract may take
an hour to make (`sources.sam_contract_awards_extract`); names and addresses in awards before 2022-04-04 are D&B's, who
must be named and whose data must not be passed on in bulk: each record says whose they are.

A poll takes an extract of all that was modified, since only our side can look into descriptions, and once a week two
more: what the Department of Defense signed 90 days ago, whose last modification may be too old for the first, and what
was deleted. Those two do not fail a run that they are not ready for. A backfill searches by recipient: page by page if
that is little, else by an extract.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import structlog

from sources.contract import Fetched, Interest, Quota, RowBounds, Shortfall, Source, Step, Stored, Window
from sources.errors import SourceChanged
from sources.http import Client, Downloaded, Pace
from sources.records import Document, Payload, Record
from sources.sam_contract_awards_answer import Answer, unpacked
from sources.sam_contract_awards_extract import ExtractNotReady, Order, Part, files, is_under_way
from sources.sam_contract_awards_queries import MOST_EXTRACTED, MOST_VALUES, UEI, path_of, period, searchable
from sources.sam_contract_awards_record import parse
from sources.sam_contract_awards_search import Sieve, page, paged, total_of

log = structlog.get_logger(__name__)

DELAYED = timedelta(days=90)  # actions of the Department of Defense, after signing
LISTED = timedelta(days=180)  # deleted actions, after deletion
FIRST_LOOK = timedelta(days=30)
A_WEEK = timedelta(days=7)
OVERLAP = timedelta(days=14)
TO_SPARE = 6  # requests without which what can wait is not begun ...
TO_GO_ON = 3  # ... and not gone on with
LITTLE = 300  # records: more come cheaper as an extract, two requests for any number
YEARS_AT_ONCE = 8  # the longest range that somebody is known to have asked for
EARLIEST = date(1979, 1, 1)  # before there was any such record


class SamContractAwards(Source):
    """The source `samawards`."""

    name = "samawards"
    title = "SAM.gov Contract Awards"
    base_url = "https://api.sam.gov"
    needs_key: str | None = "X-Api-Key"
    pace = Pace(seconds_between=2.0, at_once=1)
    expects = RowBounds(at_least=1, at_most=5 * MOST_EXTRACTED)
    quota: Quota | None = Quota(name="sam", a_day=10)
    rests = timedelta(hours=20)
    keeps_all = False
    delay = "Actions of the Department of Defense are published 90 days after they are signed."

    def control(self, client: Client) -> bool:
        """Whether anything was signed in January 2024. Costs a request."""
        january = period(date(2024, 1, 1), date(2024, 1, 31))
        path = path_of({"dateSigned": january, "limit": "1", "includeSections": "contractId"})
        document = client.get(path, may_be_empty=True)
        return bool(document.body) and total_of(client, document) > 0

    def poll_steps(self, interest: Interest, window: Window) -> list[Step]:
        """Plan a poll: what Defense reveals, what was deleted, what was modified; the same for any interest."""
        if not (interest.names or interest.ueis or interest.phrases):
            return []
        until, revealed = window.until, window.until - DELAYED
        return [
            _step("revealed", "dateSigned", revealed - FIRST_LOOK, revealed, {"contractingDepartmentCode": "9700"}),
            _step("deleted", "lastModifiedDate", until - LISTED, until, {"deletedStatus": "yes"}),
            _step("modified", "lastModifiedDate", window.modified_since, until, {}),
        ]

    def backfill_steps(self, interest: Interest, since: date, until: date) -> list[Step]:
        """Plan a history by date signed: UEIs, as recipient's and as parent's, by the hundred, and each name."""
        steps: list[Step] = []
        start = max(since, EARLIEST)
        while start <= until:
            end = min(date(start.year - start.year % YEARS_AT_ONCE + YEARS_AT_ONCE - 1, 12, 31), until)
            steps += _search_steps(interest, start, end)
            start = end + timedelta(days=1)
        return steps

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
        """Walk one extract or one search: each record that may be new or changed, the rest as unchanged.

        Raises:
            ExtractNotReady: the extract is being made; the next run fetches it.
        """
        label = str(step.query["label"])
        if label == "search":
            return _searched(client, step, stored)
        if label == "modified":
            return _extracted(client, step, stored, _order(step, label))
        return _at_leisure(client, step, stored, _order(step, label))

    def parse(self, payload: Payload) -> list[Record]:
        """Read a payload into an award with one action, its removal, or the problem that prevents either. Pure."""
        return [parse(payload)]


def _step(
    label: str, date_type: str, since: date, until: date, filters: Mapping[str, str], *, key: str = "", name: str = ""
) -> Step:
    """Return a step; `name` is what recipients' names must hold, where the search had to ask for less."""
    query = {"label": label, "date_type": date_type, "filters": dict(filters), "name": name}
    return Step(key=key or label, query=query, since=since, until=until, part=f"{label} actions")


def _search_steps(interest: Interest, since: date, until: date) -> list[Step]:
    ueis = [uei for uei in interest.ueis if UEI.fullmatch(uei)]
    batches = ["~".join(ueis[first : first + MOST_VALUES]) for first in range(0, len(ueis), MOST_VALUES)]
    asked: list[tuple[str, str, Sequence[str]]] = [
        ("uei", "awardeeUniqueEntityId", batches),
        ("parent", "ultimateParentUniqueEntityId", batches),
        ("name", "awardeeLegalBusinessName", interest.names),
    ]
    steps: list[Step] = []
    for kind, parameter, values in asked:
        for number, value in enumerate(values, 1):
            sent = searchable(value) if kind == "name" else value
            if sent:
                key = f"{since}/{until}/{kind}/{number}"
                whole = value if sent != value and kind == "name" else ""
                steps.append(_step("search", "dateSigned", since, until, {parameter: sent}, key=key, name=whole))
    return steps


def _filters(step: Step) -> dict[str, str]:
    filters = step.query["filters"]
    return {str(name): str(value) for name, value in filters.items()} if isinstance(filters, Mapping) else {}


def _order(step: Step, note: str) -> Order:
    since, until = step.days
    return Order(note=note, filters=_filters(step), date_type=str(step.query["date_type"]), since=since, until=until)


def _at_leisure(client: Client, step: Step, stored: Stored, order: Order) -> Iterator[Fetched]:
    """Read an extract that is due once a week and may come a run later, when there are requests to spare.

    It goes on from where it was read to by its own note, whatever became of the runs since.
    """
    noted, under_way = stored.note(f"{order.note}/read"), is_under_way(stored, order.note)
    left = client.requests_left
    if left is not None and left < (TO_GO_ON if under_way else TO_SPARE):
        return
    if noted:
        read = date.fromisoformat(noted)
        if order.until - read < A_WEEK and not under_way:
            return
        order = replace(order, since=max(min(read, order.until) - OVERLAP, order.until - LISTED))
    try:
        yield from _extracted(client, step, stored, order)
    except ExtractNotReady as error:
        log.info("extract not ready", source=client.source, step=step.key, reason=error.came_back)
        return
    stored.keep_note(f"{order.note}/read", order.until.isoformat())


def _extracted(client: Client, step: Step, stored: Stored, order: Order) -> Iterator[Fetched]:
    """Read the files of an order, record by record."""
    sieve = Sieve(client.source, stored, step)
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as folder:
        for part, file in files(client, stored, order, Path(folder)):
            yield from _records(client, step, sieve, part, file)


def _records(client: Client, step: Step, sieve: Sieve, part: Part, file: Downloaded) -> Iterator[Fetched]:
    origin = Document(
        url=part.url,
        request=f"from an extract of {file.size} bytes, sha256 {file.sha256}",
        retrieved_at=file.retrieved_at,
        content_type="application/json",
        body=b"",
    )
    count = 0
    with unpacked(file.file, client.source, part.url) as stream:
        answer = Answer(stream, client.source, part.url)
        for record in answer.records():
            count += 1
            if count > MOST_EXTRACTED:
                raise SourceChanged(client.source, part.url, f"more than the {MOST_EXTRACTED} records of an extract")
            if item := sieve.item(record, origin):
                yield item
    if count < answer.total:
        yield Shortfall(step=step.key, expected=answer.total, received=count)


def _searched(client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
    """Read a search page by page, or as an extract if it is large or was already ordered as one."""
    filters = _filters(step)
    digest = hashlib.sha256(repr((sorted(step.query.items()), step.days)).encode()).hexdigest()[:16]
    order = _order(step, f"search/{digest}")
    if not is_under_way(stored, order.note):
        dated = {**filters, order.date_type: period(order.since, order.until)}
        first = page(client, dated, 0)
        if first is None:
            return
        if total_of(client, first) <= LITTLE:
            yield from paged(client, Sieve(client.source, stored, step), dated, first)
            return
    yield from _extracted(client, step, stored, order)
