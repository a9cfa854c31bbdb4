"""Fetching SAM.gov's notices in one step: a range of days or the watched notices, and the texts of those that match.

Every version of a notice has an id of its own, and SAM.gov lists only the newest. The step decides which stored notice
a row is a version of (`notice_parser.shared_key`). Two notices in one result are both current, so they are two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from urllib.parse import quote

from sources.base import Fetched, IncompleteResult, NotModified, Stored
from sources.errors import SourceChanged, SourceError
from sources.fields import read_text
from sources.http.client import Client
from sources.records import Document, Payload, Publication
from sources.sam.api import holds, request_document
from sources.sam.opportunities.notice_parser import (
    NOTICE_ID,
    REMOVED,
    TEXT_FETCHED,
    notice_id_in,
    own_key,
    parse,
    plain_text,
    revision,
    shared_key,
)
from sources.sam.opportunities.search import SEARCH, Row, Search, can_spend, page_of, pages
from sources.sam.opportunities.watch import Watch, Watched

TEXT = "/prod/opportunities/v1/noticedesc?noticeid="
RESERVED_REQUESTS = 3  # a day, for SAM.gov's contract awards, which have the same key: an extract and two downloads
MAX_FOLLOWED = 3  # watched notices checked in one poll
MAX_VERSIONS = 100  # notices of one solicitation
MAX_RANGE_DAYS = 364  # days after postedFrom that postedTo may be
OFFSET_COUNTS_PAGES = "offset-counts-pages"
NOTICE_ID_SEARCH, SOLICITATION_SEARCH = "notice-id-search", "solicitation-search"


@dataclass(slots=True)
class NoticeFetch:
    """One step of a run. `waiting` holds, by key, rows whose text is to be fetched, and what to give without it."""

    client: Client
    stored: Stored
    today: date
    watch: Watch = field(init=False)
    waiting: dict[str, tuple[Row, Fetched]] = field(default_factory=dict)
    failure: SourceError | None = None

    def __post_init__(self) -> None:
        self.watch = Watch(self.stored, self.today)

    def window(self, step: str, search: Search, *, leave: int) -> Iterator[Fetched]:
        """Read all notices of a range of days, leaving `leave` of today's requests; an incomplete result comes last.

        All pages are read before any notice is given, because only together do they show which notices are current.
        """
        by_records = holds(self.stored, OFFSET_COUNTS_PAGES) is False
        rows: list[Row] = []
        shortfalls: list[IncompleteResult] = []
        try:
            for page in pages(self.client, step, search, leave=leave, by_records=by_records):
                if isinstance(page, IncompleteResult):
                    shortfalls.append(page)
                else:
                    rows += page.rows
        except SourceError:  # what was read before is given all the same
            yield from self._handle_notices(self._with_keys(rows))
            raise
        yield from self._handle_notices(self._with_keys(rows))
        yield from shortfalls

    def check_watched(self) -> Iterator[Fetched]:
        """Request the watched notices that are due, as far as today's quota allows."""
        left = MAX_FOLLOWED
        for key, entry in list(self.watch.due()):
            if self.stored.stored_version(key) is None:
                self.watch.forget(key)
            elif left and can_spend(self.client, RESERVED_REQUESTS) and self._can_ask(entry):
                left -= 1
                yield from self._check_notice(key, entry)

    def _can_ask(self, entry: Watched) -> bool:
        return holds(self.stored, SOLICITATION_SEARCH if entry.solicitation else NOTICE_ID_SEARCH) is not False

    def _check_notice(self, key: str, entry: Watched) -> Iterator[Fetched]:
        """Request all versions of one notice; if there are none, it has been removed."""
        since = date.fromisoformat(entry.posted)
        by = {"solnum": entry.solicitation} if entry.solicitation else {"noticeid": entry.notice_id}
        search = Search(since, min(self.today, since + timedelta(days=MAX_RANGE_DAYS)), by)
        limit = MAX_VERSIONS if entry.solicitation else 1
        page = page_of(self.client, search, limit=limit, is_proof=True)
        keyed = list(self._with_keys([row for row in page.rows if _matches_watched(row, entry)]))
        if page.total and not keyed:
            reason = f"searched for {next(iter(by.values()))}, got {page.total} other notices"
            self.failure = SourceChanged(self.client.source, f"GET {SEARCH}", reason)
            return
        if page.document and not page.total:
            yield Payload(source=self.client.source, key=key, revision=REMOVED, documents=(page.document,))
        yield from self._handle_notices(keyed)
        if key not in dict(keyed):  # gone, or followed by an award notice, which is another notice
            self.watch.forget(key)

    def _handle_notices(self, keyed: Iterable[tuple[str, Row]]) -> Iterator[Fetched]:
        """Give notices by key, except those whose text is to be fetched first."""
        for key, row in keyed:
            if (item := self._handle_notice(key, row)) is not None:
                yield item

    def _with_keys(self, rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
        """Give the rows of one search, each with the key of the notice that it is a version of."""
        sharing: dict[str, list[Row]] = {}
        for row in rows:
            # What is no id is for `parse` to refuse, and for no database to look up.
            shared = shared_key(row.fields) if NOTICE_ID.fullmatch(row.notice_id) else ""
            sharing.setdefault(shared, []).append(row)
        for shared, versions in sharing.items():
            known = self.stored.stored_version(shared) if shared else None
            current = next((row for row in versions if known and notice_id_in(known.revision) == row.notice_id), None)
            for row in versions:
                own = own_key(row.notice_id)
                is_own = (
                    not shared or row is not (current or versions[0]) or self.stored.stored_version(own) is not None
                )
                yield own if is_own else shared, row

    def _handle_notice(self, key: str, row: Row) -> Fetched | None:
        bare = self._payload(key, row)
        notice = parse(bare)
        if not isinstance(notice, Publication):
            return bare
        known = self.stored.stored_version(key)
        if known is None and not self.stored.matches_watchlist(notice):
            return bare
        is_same = known is not None and known.revision.removesuffix(TEXT_FETCHED) == bare.revision
        mark_text_fetched = is_same and known is not None and known.revision.endswith(TEXT_FETCHED)
        wants_text = not (mark_text_fetched or notice.state or row.fields.get("description") in (None, "", "null"))
        without: Fetched = NotModified(key=key) if is_same else bare
        if notice.state:
            self.watch.forget(key)
        else:
            solicitation = read_text(row.fields, "solicitationNumber") if key != own_key(row.notice_id) else ""
            self.watch.see(notice, notice_id=row.notice_id, solicitation=solicitation, wants_text=wants_text)
        if not wants_text:
            return without
        self.waiting[key] = (row, without)
        return None

    def fetch_texts(self) -> Iterator[Fetched]:
        """Give the waiting notices, with their texts as far as today's quota allows; the rest is stored for later."""
        for key, (row, without) in self.waiting.items():
            yield self._with_text(key, row) or without

    def _with_text(self, key: str, row: Row) -> Payload | None:
        """Fetch a notice's text; `None` if that has to wait. After one failure no further text is requested."""
        if self.failure or not can_spend(self.client, RESERVED_REQUESTS):
            return None
        try:
            document = request_document(self.client, TEXT + quote(row.notice_id, safe=""))
            plain_text(document)
            whole = self._payload(key, row, document)
        except SourceError as error:
            if error.status != 404:  # the key has just been accepted for a search, so there is no text
                self.failure = error
                return None
            whole = replace(self._payload(key, row), revision=revision(row.fields, text_fetched=True))
        self.watch.mark_text_fetched(key)
        return whole

    def _payload(self, key: str, row: Row, words: Document | None = None) -> Payload:
        return Payload(
            source=self.client.source,
            key=key,
            revision=revision(row.fields, text_fetched=words is not None),
            documents=(row.document,) if words is None else (row.document, words),
        )


def _matches_watched(row: Row, entry: Watched) -> bool:
    if entry.solicitation:
        return read_text(row.fields, "solicitationNumber") == entry.solicitation
    return row.notice_id == entry.notice_id
