"""Asking SAM.gov for a file of records: submitted once, fetched when it is made, however many runs that takes.

A submission answers with a token; the file is made in seconds, or not within an hour (Treasury's loader says so and
sends again, up to ten times; at ten requests a day nobody can). The token is therefore noted at once and used by every
later run until the file is there. It is asked for anew when SAM.gov says that the token has expired, once, and when
two days have brought nothing.

Facts: "Utilizing the API Extract" and "HTTP Response Codes" of open.gsa.gov/api/contract-awards; what "not ready" looks
like besides (303, S3's "The specified key does not exist"), load_sam_contract.py of Treasury's Broker. That the
download takes its key from the header, as the search does, instead of the address, follows from neither.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sources.contract import Stored
from sources.errors import Refused, SourceChanged, SourceError, Unreachable
from sources.http import Client, Downloaded
from sources.reading import read_json
from sources.sam_contract_awards_queries import DOWNLOAD, SEARCH, path_of, period

GIVE_UP_AFTER = timedelta(days=2)
SHORTEST_WAIT = timedelta(hours=1)
LONGEST_WAIT = timedelta(hours=6)
TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,200}")
TOKEN_NAMED = re.compile(r"(token\W{1,4})[\w.~-]+", re.IGNORECASE)
SMALL = 4096  # bytes: a message, not a file of records

TOO_MANY = "exceeded the maximum allowable limit"
EXPIRED = "token is expired"
NOT_READY = ("is not generated yet", "specified key does not exist", "NoSuchKey")
NOTHING = re.compile(r"no (content|data|records?)\b", re.IGNORECASE)


class ExtractNotReady(Unreachable):
    """The file is still being made. Its token is noted; `retry_at` says when it is worth asking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An extract that is wanted: filters, and inclusive days by one kind of date. `note` names it between runs."""

    note: str
    filters: Mapping[str, str]
    date_type: str
    since: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of an order, submitted or not: SAM.gov makes no file of more than a million records.

    `since` and `until` are ISO days, `asked` an ISO time, `url` the submission's address, which holds no key. `empty`:
    SAM.gov has said that there is nothing. `renewed`: an earlier token has expired.
    """

    since: str
    until: str
    token: str = ""
    url: str = ""
    asked: str = ""
    empty: bool = False
    renewed: bool = False

    def halves(self) -> tuple[Part, Part] | None:
        """Cut by days; `None` when it is one day."""
        since, until = date.fromisoformat(self.since), date.fromisoformat(self.until)
        if since == until:
            return None
        middle = since + (until - since) // 2
        return replace(self, until=middle.isoformat()), replace(self, since=(middle + timedelta(days=1)).isoformat())


def is_under_way(stored: Stored, note: str) -> bool:
    """Whether an order was submitted and not yet fetched."""
    return bool(stored.note(note))


def files(client: Client, stored: Stored, order: Order, folder: Path) -> Iterator[tuple[Part, Downloaded]]:
    """Give the files of an order, one after the other; each is gone when the next is asked for.

    What is noted is forgotten when the last one has been read, so that a run that is cut off fetches and never submits.

    Raises:
        ExtractNotReady: one of them is still being made.
        SourceError: another of its leaves, as the client raises it, without the token.
    """
    parts = _submitted(client, stored, order)
    for part in parts:
        if part.empty:
            continue
        file = folder / "extract"
        try:
            yield part, _download(client, part, file)
        except _Expired as error:
            if part.renewed:
                raise error.final from error
            _keep(stored, order, [Part(since=order.since.isoformat(), until=order.until.isoformat(), renewed=True)])
            yield from files(client, stored, order, folder)
            return
        finally:
            file.unlink(missing_ok=True)
    stored.keep_note(order.note, "")


class _Expired(Exception):
    def __init__(self, final: SourceError) -> None:
        super().__init__(final)
        self.final = final


def _submitted(client: Client, stored: Stored, order: Order) -> Sequence[Part]:
    """Return the parts of an order, every one of them submitted: by an earlier run, or now."""
    parts = _recalled(stored, order)
    number = 0
    while number < len(parts):
        if parts[number].token or parts[number].empty:
            number += 1
            continue
        parts[number : number + 1] = _submit(client, order, parts[number])
        _keep(stored, order, parts)
    return parts


def _recalled(stored: Stored, order: Order) -> list[Part]:
    """Return what is noted of an order, if it covers what is wanted now; otherwise the order as a whole."""
    whole = [Part(since=order.since.isoformat(), until=order.until.isoformat())]
    try:
        parts = [Part(**fields) for fields in json.loads(stored.note(order.note) or "[]")]
        oldest = min((datetime.fromisoformat(part.asked) for part in parts if part.asked), default=None)
    except (ValueError, TypeError):  # a note of another version
        return whole
    if not parts:
        return whole
    if oldest and datetime.now(UTC) - oldest > GIVE_UP_AFTER:
        return whole
    # A file that ends a day or two early is used: what was modified since is within the overlap of the next poll.
    return parts if parts[0].since <= whole[0].since else whole


def _keep(stored: Stored, order: Order, parts: Sequence[Part]) -> None:
    stored.keep_note(order.note, json.dumps([asdict(part) for part in parts]))


def _submit(client: Client, order: Order, part: Part) -> list[Part]:
    """Ask for a file; return the part with its token, or its halves if it would be too large."""
    days = period(date.fromisoformat(part.since), date.fromisoformat(part.until))
    path = path_of({**order.filters, order.date_type: days, "format": "json", "emailId": "No"})
    try:
        document = client.get(path, may_be_empty=True)
    except Refused as error:
        halves = part.halves() if TOO_MANY in error.came_back else None
        if halves is None:
            raise
        return list(halves)
    submitted = replace(part, asked=document.retrieved_at.isoformat(), url=document.url)
    if not document.body:
        return [replace(submitted, empty=True)]
    try:
        answer = read_json(document, client.source)
    except SourceChanged as error:
        raise SourceChanged(client.source, f"GET {SEARCH}", _unnamed(error.came_back)) from None
    token, address, message = (answer.get(name) for name in ("exportToken", "presignedUrl", "message"))
    if token is None and address is None and NOTHING.search(str(message)):
        return [replace(submitted, empty=True)]
    is_known = isinstance(address, str) and urlsplit(address).path == DOWNLOAD
    if not (is_known and isinstance(token, str) and TOKEN.fullmatch(token)):
        came_back = f"no token for a download but {_unnamed(str(answer))[:200]}"
        raise SourceChanged(client.source, f"GET {SEARCH}", came_back)
    return [replace(submitted, token=token)]


def _unnamed(came_back: str) -> str:
    """Take the tokens out of a submission's answer."""
    return TOKEN_NAMED.sub(r"\1[token]", came_back)


def _download(client: Client, part: Part, file: Path) -> Downloaded:
    """Fetch a file. Raises `ExtractNotReady`, `_Expired` or what the client raises, none of which says the token."""
    try:
        downloaded = client.download(f"{DOWNLOAD}?token={part.token}", file)
    except SourceError as error:
        if error.status == 303 or any(sign in error.came_back for sign in NOT_READY):
            raise _not_ready(client, part) from None
        final = _without_token(error, part.token)
        if EXPIRED in error.came_back:
            raise _Expired(final) from None
        raise final from None
    if not downloaded.size:
        raise Unreachable(client.source, f"GET {DOWNLOAD}", "an empty file")
    if downloaded.size < SMALL and any(sign.encode() in file.read_bytes() for sign in NOT_READY):
        raise _not_ready(client, part)
    return downloaded


def _not_ready(client: Client, part: Part) -> ExtractNotReady:
    """Say so, and when to come again: the longer it has taken, the later."""
    now, asked = datetime.now(UTC), datetime.fromisoformat(part.asked)
    wait = min(max(now - asked, SHORTEST_WAIT), LONGEST_WAIT)
    what = (
        f"the extract of {part.since} to {part.until}, submitted {asked:%Y-%m-%d %H:%M} UTC, is not ready yet;"
        " it will be fetched, not submitted again"
    )
    return ExtractNotReady(client.source, f"GET {DOWNLOAD}", what, retry_at=now + wait)


def _without_token(error: SourceError, token: str) -> SourceError:
    came_back = error.came_back.replace(token, "[token]")
    return type(error)(error.source, f"GET {DOWNLOAD}", came_back, status=error.status, retry_at=error.retry_at)
