"""Downloads: a search in every export format, story packs, and FOIA letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from itertools import chain, islice
from threading import RLock
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.types import Receive, Scope, Send

from feeds.foia.docx import MEDIA_TYPE, write_docx
from feeds.foia.letter import write_letter
from feeds.text import clean
from procurewatch.exports.data_package import MEDIA_TYPES, SUFFIX, data_package
from procurewatch.exports.formats import FILE_TYPES, ExportFormat, export_bytes
from procurewatch.exports.ocds import PROCESSES
from procurewatch.exports.parquet import ParquetMissing
from procurewatch.exports.story_pack import CONTENT_TYPE, MAX_RECORDS, pack_bytes
from procurewatch.exports.xlsx import TooManyRows
from procurewatch.query_coverage import About, about_export
from procurewatch.web.cache import publication_version
from procurewatch.web.context import WebContext
from procurewatch.web.responses import Body, ErrorResponse, body_of, not_modified, page_response, validators
from procurewatch.web.routes.awards import record_key
from procurewatch.web.routes.search import check_query
from procurewatch.web.security.guard import RequestRejected
from storage.models import StoredRecord
from storage.reading.export_rows import RowType, with_bands
from storage.reading.records import actions_of, record_by_key
from storage.search.query import InvalidQuery, Query, parse_choice
from storage.search.search import count_records, find_records
from storage.search.spending import awards_query

NOTHING_FOUND = "No records match this search."
NO_SUCH_RECORD = "No published record has this page; /search finds those that are stored."
EXTENSIONS = {
    file_type.extension.removeprefix("."): fmt for fmt, file_type in FILE_TYPES.items() if fmt is not ExportFormat.JSON
}
MAX_DOWNLOADS = 8  # at once; a fifth of the database connections
MAX_PER_CLIENT = 2
WAIT = {"Retry-After": "60"}
Chunks = Callable[[Session], Iterator[bytes]]


def router(context: WebContext) -> APIRouter:
    """Return the routes of downloads. They stream: the first chunk is sent while the rest is read."""
    routes = APIRouter()
    downloads = Downloads(context)
    for extension, fmt in EXTENSIONS.items():
        routes.add_api_route(f"/search.{extension}", _search_export(downloads, extension, fmt), methods=["GET", "HEAD"])
        if extension in MEDIA_TYPES:
            path = f"/search.{extension}{SUFFIX}"
            routes.add_api_route(path, _dictionary(context, extension), methods=["GET", "HEAD"])
    routes.add_api_route("/search.zip", _search_pack(downloads), methods=["GET", "HEAD"])
    routes.add_api_route("/packs/{name}.zip", _record_pack(downloads), methods=["GET", "HEAD"])
    routes.add_api_route("/foia/{name}", _foia_letter(context), methods=["GET", "HEAD"])
    return routes


class DownloadResponse(StreamingResponse):
    """A streamed file. Its source is closed as soon as the response ends, also when the client disconnects."""

    def __init__(self, first: list[bytes], rest: Generator[bytes], headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(chain(first, rest), headers=headers, media_type=media_type)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._rest.close()  # no thread is reading from it: each chunk is awaited, also after a disconnect


class Downloads:
    """Streams files, a limited number at once, because each keeps a database connection open."""

    def __init__(self, context: WebContext) -> None:
        self.context = context
        self._lock = RLock()  # also for an abandoned download, which Python may close at any time
        self._running: Counter[str] = Counter()  # by client

    def response(
        self, request: Request, chunks: Chunks, media_type: str, filename: str, if_empty: str = NOTHING_FOUND
    ) -> Response:
        """Return a file download, or 404 if there are no chunks. The session stays open until the last chunk.

        Raises `RequestRejected` if too many downloads are running.
        """
        client: str = request.state.client
        self._start(client)
        stream = self._read(chunks, client)
        try:
            first = list(islice(stream, 1))
        except ParquetMissing as error:
            return ErrorResponse(501, str(error))
        except TooManyRows as error:
            return ErrorResponse(400, str(error))
        if not first:
            return ErrorResponse(404, if_empty)
        if request.method == "HEAD":
            stream.close()
            first = []
        headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-cache"}
        return DownloadResponse(first, stream, headers, media_type)

    def _start(self, client: str) -> None:
        with self._lock:
            if self._running[client] >= MAX_PER_CLIENT:
                line = f"Your address has {MAX_PER_CLIENT} downloads running; wait until one of them ends."
                raise RequestRejected(429, line, WAIT)
            if self._running.total() >= MAX_DOWNLOADS:
                raise RequestRejected(503, "Too many downloads at the moment; try again in a minute.", WAIT)
            self._running[client] += 1

    def _read(self, chunks: Chunks, client: str) -> Generator[bytes]:
        try:
            with self.context.database.reading() as session:
                yield from chunks(session)
        finally:
            with self._lock:
                self._running[client] -= 1
                self._running += Counter()  # forgets clients without downloads


def _search_export(downloads: Downloads, extension: str, fmt: ExportFormat) -> Callable[[Request], Response]:
    def export(request: Request) -> Response:
        try:
            row_type = _row_type(request)
            query = _public_query(request)
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))

        def chunks(session: Session) -> Iterator[bytes]:
            records = find_records(session, awards_query(query) if row_type is RowType.ACTIONS else query)
            if fmt is ExportFormat.OCDS:
                records = (record for record in records if record.category in PROCESSES)
            first = list(islice(records, 1))
            prefix = downloads.context.app.settings.ocid_prefix
            found = chain(first, records)
            if not first:
                return iter(())
            about = _about(downloads.context, session, query)
            return export_bytes(session, found, fmt, query=query, row_type=row_type, ocid_prefix=prefix, about=about)

        known = _version_of(downloads.context, request, extension)
        if unchanged := not_modified(request, known, validators(known)):
            return unchanged
        response = downloads.response(request, chunks, FILE_TYPES[fmt].content_type, f"procurewatch.{extension}")
        if response.status_code == HTTPStatus.OK:
            response.headers.update(validators(known) | _link(request, extension))
        return response

    return export


def _link(request: Request, extension: str) -> dict[str, str]:
    """Return the header that names the data dictionary of a file, if it has one."""
    if extension not in MEDIA_TYPES:
        return {}
    return {
        "Link": f'<search.{extension}{SUFFIX}?{request.url.query}>; rel="describedby"; type="{MEDIA_TYPES["json"]}"'
    }


def _about(context: WebContext, session: Session, query: Query) -> About:
    return about_export(session, context.app.watchlist, query, context.feeds.get(session).titles)


def _dictionary(context: WebContext, extension: str) -> Callable[[Request], Response]:
    """Return the route of the data dictionary of a search's file, which it names by its URL."""

    def dictionary(request: Request) -> Response:
        try:
            row_type = _row_type(request)
            query = _public_query(request)
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))
        params = urlencode([*query.url_params(), ("rows", row_type)])
        file = (f"{context.base_url}/search.{extension}?{params}", extension, row_type)
        with context.database.reading() as session:
            content = data_package(_about(context, session, query), [file])
        return page_response(request, body_of(content), MEDIA_TYPES["json"])

    return dictionary


def _version_of(context: WebContext, request: Request, extension: str) -> Body:
    """Return what a client can ask an export again by: it changes when anything published does."""
    with context.database.reading() as session:
        version, changed = publication_version(session)
    return replace(body_of(f"{version} {extension} {request.url.query}".encode(), changed), content=b"")


def _search_pack(downloads: Downloads) -> Callable[[Request], Response]:
    def pack(request: Request) -> Response:
        try:
            query = _public_query(request)
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))
        with downloads.context.database.reading() as session:
            count = count_records(session, query)
        if count > MAX_RECORDS:
            line = f"A story pack holds at most {MAX_RECORDS} records; narrow the search, or download it as CSV."
            return ErrorResponse(400, line)

        def chunks(session: Session) -> Iterator[bytes]:
            records = list(with_bands(find_records(session, query)))
            about = _about(downloads.context, session, query)
            subject = f"a search: {about.description}"
            return pack_bytes(session, records, subject, query, coverage=about.coverage) if records else iter(())

        return downloads.response(request, chunks, CONTENT_TYPE, "procurewatch-story-pack.zip")

    return pack


def _record_pack(downloads: Downloads) -> Callable[[str, Request], Response]:
    def pack(name: str, request: Request) -> Response:
        def chunks(session: Session) -> Iterator[bytes]:
            record = _find_record(downloads.context, session, name)
            return pack_bytes(session, list(with_bands([record])), f"the award {record.piid}") if record else iter(())

        return downloads.response(request, chunks, CONTENT_TYPE, f"{name}.zip", NO_SUCH_RECORD)

    return pack


def _foia_letter(context: WebContext) -> Callable[[str, Request], Response]:
    def foia_letter(name: str, request: Request) -> Response:
        stem, _, extension = name.rpartition(".")
        with context.database.reading() as session:
            record = _find_record(context, session, stem) if extension in ("txt", "docx") else None
            actions = actions_of(session, record.key) if record else []
        if record is None:
            return ErrorResponse(404, NO_SUCH_RECORD)
        letter = write_letter(record, actions)
        if extension == "docx":
            return page_response(request, body_of(write_docx(letter)), MEDIA_TYPE)
        return page_response(request, body_of(letter.text.encode()), "text/plain; charset=utf-8")

    return foia_letter


def _row_type(request: Request) -> RowType:
    """Return what a row of an export is. Raises `InvalidQuery`."""
    given = request.query_params.get("rows", RowType.RECORDS)
    return RowType(parse_choice("rows", given, [each.value for each in RowType]))


def _public_query(request: Request) -> Query:
    """Return the query of a URL; downloads hold published matches only. Raises `InvalidQuery`."""
    params = [(name, clean(value)) for name, value in request.query_params.multi_items()]
    return check_query(params, is_reviewer=False, ignored=("after", "rows"))


def _find_record(context: WebContext, session: Session, name: str) -> StoredRecord | None:
    key = record_key(context, session, name)
    return record_by_key(session, key) if key else None
