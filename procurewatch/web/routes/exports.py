"""Files to take away: a search's rows in every format, story packs, and requests for records."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import chain, islice
from threading import BoundedSemaphore

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.types import Receive, Scope, Send

from feeds.foia.docx import MEDIA_TYPE, write_docx
from feeds.foia.letter import write_letter
from feeds.text import clean
from procurewatch.exports.formats import FILE_TYPES, ExportFormat, export_bytes
from procurewatch.exports.ocds import PROCESSES
from procurewatch.exports.parquet import ParquetMissing
from procurewatch.exports.story_pack import CONTENT_TYPE, MAX_RECORDS, pack_bytes
from procurewatch.web.context import WebContext
from procurewatch.web.responses import ErrorResponse, body_of, page_response
from procurewatch.web.routes.awards import record_key
from procurewatch.web.routes.search import check_query
from storage.models import StoredRecord
from storage.reading.export_rows import with_bands
from storage.reading.records import actions_of, records_by_key
from storage.search.query import InvalidQuery, Query
from storage.search.search import find_records

NOTHING_FOUND = "Nothing stored answers to that search."
NO_SUCH_RECORD = "No record that readers see has this page; /search finds those that are stored."
SUFFIXES = {
    form.extension.removeprefix("."): kind for kind, form in FILE_TYPES.items() if kind is not ExportFormat.JSON
}
MOST_AT_ONCE = 8  # files; a fifth of the connections that there are
Pieces = Callable[[Session], Iterator[bytes]]


def router(context: WebContext) -> APIRouter:
    """Return the routes of downloads. They stream: the first piece is sent while the rest is read."""
    routes = APIRouter()
    files = Files(context)
    for suffix, form in SUFFIXES.items():
        routes.add_api_route(f"/search.{suffix}", _export_of(files, suffix, form), methods=["GET", "HEAD"])
    routes.add_api_route("/search.zip", _pack_of_search(files), methods=["GET", "HEAD"])
    routes.add_api_route("/packs/{name}.zip", _pack_of_record(files), methods=["GET", "HEAD"])
    routes.add_api_route("/foia/{name}", _request_for_records(context), methods=["GET", "HEAD"])
    return routes


class Sent(StreamingResponse):
    """A file on its way: however that ends, what it is read from is closed then, not when somebody comes to tidy up."""

    def __init__(self, first: list[bytes], rest: Generator[bytes], headers: Mapping[str, str], kind: str) -> None:
        super().__init__(chain(first, rest), headers=headers, media_type=kind)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._rest.close()  # no thread reads from it any more: each piece is waited for, even by who gives up


class Files:
    """Files that are sent while they are read, so many at once: the database is open for each as long as that takes."""

    def __init__(self, context: WebContext) -> None:
        self.context = context
        self._free = BoundedSemaphore(MOST_AT_ONCE)

    def streamed(
        self, request: Request, pieces: Pieces, kind: str, name: str, nothing: str = NOTHING_FOUND
    ) -> Response:
        """Return what `pieces` gives as a file to save, the session open until the last piece is taken."""
        if not self._free.acquire(blocking=False):
            busy = ErrorResponse(503, "Too many files are being taken just now; try again in a minute.")
            busy.headers["Retry-After"] = "60"
            return busy
        stream = self._read(pieces)
        try:
            first = list(islice(stream, 1))
        except ParquetMissing as error:
            return ErrorResponse(501, str(error))
        if not first:
            return ErrorResponse(404, nothing)
        if request.method == "HEAD":
            stream.close()
            first = []
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-cache"}
        return Sent(first, stream, headers, kind)

    def _read(self, pieces: Pieces) -> Generator[bytes]:
        try:
            with self.context.database.reading() as session:
                yield from pieces(session)
        finally:
            self._free.release()


def _export_of(files: Files, suffix: str, form: ExportFormat) -> Callable[[Request], Response]:
    def export(request: Request) -> Response:
        try:
            query = _asked(request)
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))

        def pieces(session: Session) -> Iterator[bytes]:
            records = _fit(session, query, form)
            found = list(islice(records, 1))
            prefix = files.context.app.settings.ocid_prefix
            return export_bytes(session, chain(found, records), form, ocid_prefix=prefix) if found else iter(())

        return files.streamed(request, pieces, FILE_TYPES[form].content_type, f"procurewatch.{suffix}")

    return export


def _pack_of_search(files: Files) -> Callable[[Request], Response]:
    def pack(request: Request) -> Response:
        try:
            query = _asked(request)
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))
        with files.context.database.reading() as session:
            count = len(list(find_records(session, query, MAX_RECORDS + 1)))
        if count > MAX_RECORDS:
            return ErrorResponse(
                400, f"That finds more than {MAX_RECORDS} records; narrow the search, or take it as CSV."
            )

        def pieces(session: Session) -> Iterator[bytes]:
            records = list(with_bands(find_records(session, query)))
            return pack_bytes(session, records, f"a search: {query.in_words()}") if records else iter(())

        return files.streamed(request, pieces, CONTENT_TYPE, "procurewatch-story-pack.zip")

    return pack


def _pack_of_record(files: Files) -> Callable[[str, Request], Response]:
    def pack(name: str, request: Request) -> Response:
        def pieces(session: Session) -> Iterator[bytes]:
            record = _record(files.context, session, name)
            return pack_bytes(session, list(with_bands([record])), f"the award {record.piid}") if record else iter(())

        return files.streamed(request, pieces, CONTENT_TYPE, f"{name}.zip", NO_SUCH_RECORD)

    return pack


def _request_for_records(context: WebContext) -> Callable[[str, Request], Response]:
    def request_for_records(name: str, request: Request) -> Response:
        stem, _, ending = name.rpartition(".")
        with context.database.reading() as session:
            record = _record(context, session, stem) if ending in ("txt", "docx") else None
            actions = actions_of(session, record.key) if record else []
        if record is None:
            return ErrorResponse(404, NO_SUCH_RECORD)
        written = write_letter(record, actions)
        if ending == "docx":
            return page_response(request, body_of(write_docx(written)), MEDIA_TYPE)
        return page_response(request, body_of(written.text.encode()), "text/plain; charset=utf-8")

    return request_for_records


def _asked(request: Request) -> Query:
    """Return the question of an address; downloads hold what all readers see, whoever asks. Raises `InvalidQuery`."""
    pairs = [(name, clean(value)) for name, value in request.query_params.multi_items()]
    return check_query(pairs, is_reviewer=False)


def _record(context: WebContext, session: Session, name: str) -> StoredRecord | None:
    key = record_key(context, session, name)
    return next(iter(records_by_key(session, [key])), None) if key else None


def _fit(session: Session, query: Query, form: ExportFormat) -> Iterator[StoredRecord]:
    """Give the records of a search that a format can hold."""
    records = find_records(session, query)
    if form is not ExportFormat.OCDS:
        return records
    return (record for record in records if record.category in PROCESSES)
