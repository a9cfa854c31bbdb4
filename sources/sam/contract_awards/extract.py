"""Extracts of SAM.gov's contract awards: files that are requested once and downloaded when ready, by whichever run.

A request returns a token; the file is ready in seconds, or not within an hour (Treasury's loader says so, and requests
it again up to ten times, which ten requests a day do not allow). The token is therefore stored at once, and used by
every later run until the file is there. A new one is requested when SAM.gov says that the token has expired, once, and
when the file is not ready after two days.

A record takes 14 to 15 kB in a file. An order is split by days into parts of less than 1 GB each by the number of
records. A file that is larger is cut off during the download and requested in halves. Progress is stored part by part.

Facts: "Utilizing the API Extract" and "HTTP Response Codes" of open.gsa.gov/api/contract-awards, and the size of its
examples; other signs of "not ready" (303, S3's "The specified key does not exist"): load_sam_contract.py of Treasury's
Broker. That a download accepts the key in the header, as a search does, is an assumption.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from sources.base import Stored
from sources.errors import SourceChanged, SourceError, TooLarge, Unreachable
from sources.fields import read_json
from sources.http.client import MAX_FILE_SIZE, Client, Downloaded
from sources.records import Problem
from sources.sam.api import TooManyRecords, request_document, stated_error
from sources.sam.contract_awards.search import DOWNLOAD, SEARCH, period

GIVE_UP_AFTER = timedelta(days=2)
MIN_WAIT = timedelta(hours=1)
MAX_WAIT = timedelta(hours=6)
FIRST_WAIT = 60.0  # seconds in which most files are made: to ask sooner would cost a request
RECORD_BYTES = 15_000
TARGET_FILE_SIZE = 1_000_000_000  # bytes that a file is meant to stay under ...
CUT_OFF_SIZE = 2 * TARGET_FILE_SIZE  # ... and at which it is cut off
PARTS_AHEAD = 3  # parts that are submitted at once: a token is good for two days
TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,200}")
TOKEN_NAMED = re.compile(r"(token\W{1,4})[\w.~-]+", re.IGNORECASE)
MAX_MESSAGE_SIZE = 4096  # bytes: a message, not a file of records

EXPIRED = "token is expired"
NOT_READY = ("is not generated yet", "specified key does not exist", "NoSuchKey")
NOTHING = re.compile(r"no (content|data|records?)\b", re.IGNORECASE)


class ExtractNotReady(Unreachable):
    """The file is still being made. Its token is stored; `retry_at` says when to try again."""

    fails_step_only = True


class _Expired(Exception):
    def __init__(self, final: SourceError) -> None:
        super().__init__(final)
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOrder:
    """An extract to request: filters, and inclusive days by one type of date. `note` names its stored state."""

    note: str
    filters: Mapping[str, str]
    date_type: str
    since: date
    until: date

    @property
    def days(self) -> int:
        """The number of days it covers."""
        return (self.until - self.since).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractPart:
    """A part of an order, submitted or not.

    `since` and `until` are ISO days, `submitted_at` an ISO time, `url` the submission's URL, without a key. `done`: it
    was read, or holds no records. `renewed`: an earlier token has expired.
    """

    since: str
    until: str
    token: str = ""
    url: str = ""
    submitted_at: str = ""
    done: bool = False
    renewed: bool = False

    @property
    def days(self) -> int:
        """The number of days it covers."""
        return (date.fromisoformat(self.until) - date.fromisoformat(self.since)).days + 1

    def split(self, pieces: int) -> list[ExtractPart]:
        """Cut it by days into pieces of nearly the same length, at most one for each day, to be submitted later."""
        pieces = min(pieces, self.days)
        first = date.fromisoformat(self.since)
        starts = [first + timedelta(days=self.days * n // pieces) for n in range(pieces + 1)]
        ends = [start - timedelta(days=1) for start in starts[1:]]
        return [
            ExtractPart(since=start.isoformat(), until=end.isoformat())
            for start, end in zip(starts, ends, strict=False)
        ]


class Extract:
    """The files of an order, and how far it has been read, which is stored between runs."""

    def __init__(self, client: Client, stored: Stored, order: ExtractOrder) -> None:
        self._client = client
        self._stored = stored
        self._order = order
        self._whole = ExtractPart(since=order.since.isoformat(), until=order.until.isoformat())
        self._parts = self._stored_parts()
        self._new: set[str] = set()  # the tokens of this run

    @property
    def is_under_way(self) -> bool:
        """Whether it has parts that are not read yet, planned now or submitted by an earlier run."""
        return bool(self._parts)

    @property
    def covers_until(self) -> date:
        """The last day it covers. An order of an earlier run ends on that run's last day."""
        return date.fromisoformat((self._parts or [self._whole])[-1].until)

    def plan(self, records: int) -> None:
        """Split the order into parts by its number of records; without records nothing is requested."""
        pieces = -(-records * RECORD_BYTES // TARGET_FILE_SIZE)
        self._parts = self._whole.split(pieces) if records else []

    def files(self, folder: Path) -> Iterator[tuple[ExtractPart, Downloaded] | Problem]:
        """Give the files, oldest days first. Each is deleted, and stored as read, when the next one is requested.

        A day whose file is too large or cannot be made becomes a problem.

        Raises:
            ExtractNotReady: a file is still being made.
            SourceError: any other error of the client, without the token.
        """
        number = 0
        while number < len(self._parts):
            if self._parts[number].done:
                number += 1
                continue
            yield from self._submit_ahead(number)
            try:
                if self._parts[number].token and not self._parts[number].done:
                    yield from self._file(number, folder / "extract")
                    self._set(number, replace(self._parts[number], done=True))
            except TooLarge as error:
                yield from self._halve(number, error)
            except _Expired as error:
                if self._parts[number].renewed:
                    raise error.final from None
                self._set(number, replace(self._parts[number].split(1)[0], renewed=True))
        self._parts = []
        self._stored.set_state(self._order.note, "")

    def _file(self, number: int, file: Path) -> Iterator[tuple[ExtractPart, Downloaded]]:
        part = self._parts[number]
        try:
            yield part, self._download(part, file)
        finally:
            file.unlink(missing_ok=True)

    def _halve(self, number: int, error: SourceError) -> Iterator[Problem]:
        """Split a part in two; a single day becomes a problem."""
        part = self._parts[number]
        halves = part.split(2)
        if len(halves) == 1:
            key = f"EXTRACT_{self._order.note}_{part.since}".upper().replace("/", "_")
            reason = f"the actions of {part.since} ({self._order.date_type}) cannot be read: {error.came_back}"
            yield Problem(source=self._client.source, key=key, reason=reason, documents=())
            halves = [replace(part, done=True)]
        self._set(number, *halves)

    def _stored_parts(self) -> list[ExtractPart]:
        """Return the stored parts; tokens older than two days are dropped."""
        try:
            parts = [ExtractPart(**fields) for fields in json.loads(self._stored.get_state(self._order.note) or "[]")]
            long_ago = (datetime.now(UTC) - GIVE_UP_AFTER).isoformat()
            return [
                part.split(1)[0] if part.submitted_at and part.submitted_at < long_ago and not part.done else part
                for part in parts
            ]
        except (ValueError, TypeError):  # a note of another version
            return []

    def _set(self, number: int, *parts: ExtractPart) -> None:
        self._parts[number : number + 1] = parts
        self._stored.set_state(self._order.note, json.dumps([asdict(part) for part in self._parts]))

    def _submit_ahead(self, number: int) -> Iterator[Problem]:
        """Submit a part, and the next ones if the quota allows; halve parts that are too large."""
        ahead = number
        while ahead < min(number + PARTS_AHEAD, len(self._parts)):
            part = self._parts[ahead]
            left = self._client.requests_remaining
            if part.token or part.done or (ahead > number and left is not None and left <= PARTS_AHEAD):
                ahead += 1
                continue
            try:
                self._set(ahead, self._submit(part))
            except TooManyRecords as error:
                yield from self._halve(ahead, error)

    def _submit(self, part: ExtractPart) -> ExtractPart:
        """Request a file; return the part with its token, or as done if there are no records."""
        order = self._order
        days = period(date.fromisoformat(part.since), date.fromisoformat(part.until))
        query = {**order.filters, order.date_type: days, "format": "json", "emailId": "No"}
        path = f"{SEARCH}?{urlencode(query)}"
        document = request_document(self._client, path, allow_204=True)
        submitted = replace(part, submitted_at=document.retrieved_at.isoformat(), url=document.url)
        if not document.body:
            return replace(submitted, done=True)
        try:
            answer = read_json(document, self._client.source)
        except SourceChanged as error:
            raise SourceChanged(self._client.source, f"GET {SEARCH}", _redact_tokens(error.came_back)) from None
        token, address = (answer.get(name) for name in ("exportToken", "presignedUrl"))
        if token is None and address is None and _finds_nothing(answer):
            return replace(submitted, done=True)
        is_known = isinstance(address, str) and urlsplit(address).path == DOWNLOAD
        if not (is_known and isinstance(token, str) and TOKEN.fullmatch(token)):
            came_back = f"no token for a download but {_redact_tokens(str(answer))[:200]}"
            raise SourceChanged(self._client.source, f"GET {SEARCH}", came_back)
        self._new.add(token)
        return replace(submitted, token=token)

    def _download(self, part: ExtractPart, file: Path) -> Downloaded:
        """Download a file. Raises `ExtractNotReady`, `_Expired` or a `SourceError`, none of which holds the token."""
        if part.token in self._new:
            self._client.wait(FIRST_WAIT)
        most = CUT_OFF_SIZE if part.days > 1 else MAX_FILE_SIZE
        try:
            downloaded = self._client.download(f"{DOWNLOAD}?token={part.token}", file, max_bytes=most)
        except SourceError as error:
            raise self._translate_error(part, _without_token(error, part.token)) from None
        if not downloaded.size:
            raise Unreachable(self._client.source, f"GET {DOWNLOAD}", "an empty file")
        if downloaded.size < MAX_MESSAGE_SIZE:
            self._check_message(part, file.read_bytes())
        return downloaded

    def _translate_error(self, part: ExtractPart, error: SourceError) -> Exception:
        if error.status == 303 or any(sign in error.came_back for sign in NOT_READY):
            return self._not_ready(part)
        if EXPIRED in error.came_back:
            return _Expired(error)
        return stated_error(self._client, error.request, error.came_back.encode(), status=error.status) or error

    def _check_message(self, part: ExtractPart, body: bytes) -> None:
        """Raise the error in a small file, which is a message sent with status 200."""
        text = body.decode("utf-8", "replace")
        request = f"GET {DOWNLOAD}"
        if any(sign in text for sign in (*NOT_READY, EXPIRED)):
            raise self._translate_error(
                part, SourceChanged(self._client.source, request, text.replace(part.token, "[token]"))
            )
        if error := stated_error(self._client, request, body):
            raise error

    def _not_ready(self, part: ExtractPart) -> ExtractNotReady:
        """Return the error that the file is not ready. The longer it has taken, the later its `retry_at`."""
        now, submitted = datetime.now(UTC), datetime.fromisoformat(part.submitted_at)
        wait = min(max(now - submitted, MIN_WAIT), MAX_WAIT)
        what = (
            f"the extract of {part.since} to {part.until}, submitted {submitted:%Y-%m-%d %H:%M} UTC, is not ready yet;"
            " it will be fetched, not submitted again"
        )
        return ExtractNotReady(self._client.source, f"GET {DOWNLOAD}", what, retry_at=now + wait)


def _finds_nothing(answer: Mapping[str, object]) -> bool:
    counts = answer.get("awardResponse", answer)
    is_zero = isinstance(counts, dict) and str(counts.get("totalRecords")) == "0"
    return is_zero or bool(NOTHING.search(str(answer.get("message"))))


def _redact_tokens(came_back: str) -> str:
    """Remove the tokens from the response to a submission."""
    return TOKEN_NAMED.sub(r"\1[token]", came_back)


def _without_token(error: SourceError, token: str) -> SourceError:
    came_back = error.came_back.replace(token, "[token]")
    return type(error)(error.source, f"GET {DOWNLOAD}", came_back, status=error.status, retry_at=error.retry_at)
