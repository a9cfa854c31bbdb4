"""A fake of USAspending's award archives: the listing of the API, and the host of the files.

The listing is that of usaspending_api/download/v2/list_monthly_downloads.py; the files are served as S3 does: ranges,
ETag, If-Range. Each file can be served badly.
"""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.upstreams.faults import Faulty
from tests.upstreams.server import HTML_TYPE, Answer, FakeServer, LoggedRequest, Refusal, json_answer, refuse
from tests.upstreams.usaspending.server import PREFIX, posted

FOLDER = "/award_data_archive/"
ZIP_TYPE = "application/zip"
WEB_PAGE = b"<!doctype html><html><head><title>Request blocked</title></head><body>Request blocked.</body></html>"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
# toptier_agency_id, toptier_code, name, abbreviation
AGENCIES = (
    (63, "070", "Department of Homeland Security", "DHS"),
    (126, "097", "Department of Defense", "DOD"),
    (17, "015", "Department of Justice", "DOJ"),
)


class Serving(Enum):
    """How a file is served."""

    WELL = auto()
    CUT = auto()  # half of what is left of the file, then the end of the connection
    NO_RANGES = auto()  # always the whole file
    SHORT = auto()  # a shorter file, whose length is announced
    WEB_PAGE = auto()  # 200 and a web page
    MISSING = auto()  # 404
    REPLACED = auto()  # another version of the file from now on
    DRIP = auto()  # one byte at a time
    UNAVAILABLE = auto()  # 503


@dataclass
class HostedFile:
    """A file, and how its next answers are served: the last of `serving` is for good."""

    body: bytes
    serving: list[Serving] = field(default_factory=lambda: [Serving.WELL])

    @property
    def etag(self) -> str:
        """The ETag, as S3's a digest of the bytes."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'

    def next_serving(self) -> Serving:
        """Return how the next answer is served."""
        return self.serving.pop(0) if len(self.serving) > 1 else self.serving[0]


@dataclass(frozen=True, kw_only=True)
class FileAnswer(Answer):
    """An answer with a file or a part of one."""

    serving: Serving = Serving.WELL


class FakeArchive(FakeServer):
    """Serves `files` by name.

    `drip_seconds` lie between two bytes of a file that drips.
    """

    drip_seconds = 0.05

    def __init__(self, files: Mapping[str, bytes] | None = None, *, port: int = 0) -> None:
        self.files = {name: HostedFile(body) for name, body in (files or {}).items()}
        super().__init__(port=port)

    def publish(self, *published: Mapping[str, bytes]) -> None:
        """Publish these files instead of those before, and forget the requests."""
        with self.paused():
            self.files = {name: HostedFile(body) for files in published for name, body in files.items()}
            self.requests.clear()

    def serve(self, name: str, *serving: Serving) -> None:
        """Serve a file badly: its next answers, the last one for good."""
        with self.paused():
            self.files[name].serving = list(serving)

    def asked(self, part: str) -> list[LoggedRequest]:
        """Return the requests whose path contains a text, percent-decoded."""
        return [request for request in self.requests if part in unquote(request.path)]

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the listing or a file."""
        path = unquote(urlsplit(request.path).path)
        try:
            if path.startswith(FOLDER):
                answer = self._file(path.removeprefix(FOLDER), request)
                return _without_body(answer) if request.method == "HEAD" else answer
            if request.method == "POST" and path == f"{PREFIX}bulk_download/list_monthly_files/":
                return json_answer(self._listed(posted(request)))
            if request.method == "POST" and path == f"{PREFIX}bulk_download/list_agencies/":
                return json_answer(_agencies())
        except Refusal as refusal:
            return refusal.answer
        return Refusal(HTTPStatus.NOT_FOUND).answer

    def _listed(self, body: Mapping[str, Any]) -> object:
        for name in ("agency", "fiscal_year", "type"):
            if body.get(name) is None:
                raise refuse(HTTPStatus.BAD_REQUEST, f"Missing one or more required body parameters: {name}")
        agency = next((each for each in AGENCIES if each[0] == body["agency"]), None)
        if body["agency"] == "all":
            agency = (0, "All", "All", "")
        if agency is None:
            raise refuse(HTTPStatus.BAD_REQUEST, f"{body['agency']} agency not found")
        kind = str(body["type"]).capitalize()
        full = re.compile(rf"FY{body['fiscal_year']}_{agency[1]}_{kind}_Full_(\d+)\.zip")
        delta = re.compile(rf"FY\(All\)_{agency[1]}_{kind}_Delta_(\d+)\.zip")
        rows = [
            {
                "fiscal_year": body["fiscal_year"] if pattern is full else None,
                "agency_name": agency[2],
                "agency_acronym": agency[3] or None,
                "type": body["type"],
                "updated_date": f"{found[1][:4]}-{found[1][4:6]}-{found[1][6:]}",
                "file_name": name,
                "url": f"https://files.usaspending.gov{FOLDER}{name}",
            }
            for pattern in (full, delta)
            for name in sorted(self.files)
            if (found := pattern.search(name))
        ]
        return {"monthly_files": rows}

    def _file(self, name: str, request: LoggedRequest) -> Answer:
        """Return a file, or the part of it that was asked for, as it is to be served."""
        if name not in self.files:
            return Answer(status=HTTPStatus.NOT_FOUND, body=b"<Error><Code>NoSuchKey</Code></Error>")
        hosted = self.files[name]
        serving = Serving.WELL if request.method == "HEAD" else hosted.next_serving()
        match serving:
            case Serving.MISSING:
                return Answer(status=HTTPStatus.NOT_FOUND, body=b"<Error><Code>NoSuchKey</Code></Error>")
            case Serving.UNAVAILABLE:
                return Answer(status=HTTPStatus.SERVICE_UNAVAILABLE)
            case Serving.WEB_PAGE:
                return Answer(body=WEB_PAGE, content_type=HTML_TYPE)
            case Serving.SHORT:
                return Answer(body=hosted.body[: len(hosted.body) * 2 // 3], content_type=ZIP_TYPE)
            case Serving.REPLACED:
                hosted.body += b"another version"
                serving = Serving.WELL
        return _part(hosted, serving, request)

    def transmit(self, connection: socket.socket, answer: Answer) -> bool:
        """Send an answer, badly if it is to be."""
        match answer:
            case FileAnswer(serving=Serving.CUT):
                connection.sendall(answer.head() + answer.body[: len(answer.body) // 2])
                return False
            case FileAnswer(serving=Serving.DRIP):
                connection.sendall(answer.head())
                for byte in answer.body:
                    connection.sendall(bytes([byte]))
                    time.sleep(self.drip_seconds)
                return True
        return super().transmit(connection, answer)


class FaultyArchive(Faulty, FakeArchive):
    """The award archives, failing."""

    renaming = (b'"monthly_files"', b'"files_of_the_month"')


def _part(hosted: HostedFile, serving: Serving, request: LoggedRequest) -> Answer:
    headers = {"ETag": hosted.etag}
    body, size = hosted.body, len(hosted.body)
    if serving is Serving.NO_RANGES:
        return FileAnswer(body=body, content_type=ZIP_TYPE, headers=headers, serving=serving)
    headers["Accept-Ranges"] = "bytes"
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted and request.headers.get("if-range", hosted.etag) == hosted.etag:
        first = int(wanted[1])
        if first >= size:
            headers["Content-Range"] = f"bytes */{size}"
            return Answer(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
        headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
        return FileAnswer(
            status=HTTPStatus.PARTIAL_CONTENT,
            body=body[first:],
            content_type=ZIP_TYPE,
            headers=headers,
            serving=serving,
        )
    return FileAnswer(body=body, content_type=ZIP_TYPE, headers=headers, serving=serving)


def _without_body(answer: Answer) -> Answer:
    return Answer(status=answer.status, content_type=answer.content_type, headers=answer.all_headers)


def _agencies() -> object:
    rows = [{"toptier_agency_id": number, "toptier_code": code, "name": name} for number, code, name, _ in AGENCIES]
    return {"agencies": {"cfo_agencies": rows[:2], "other_agencies": rows[2:]}, "sub_agencies": []}
