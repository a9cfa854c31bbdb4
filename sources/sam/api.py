"""What both sources of SAM.gov share: how the key is sent, and errors that come with the wrong status.

SAM.gov sends some errors with status 200: a bare JSON string, plain text, or `<h1>API_KEY_INVALID</h1>` (seen in 2026;
the documentation gives each of them a status of its own).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sources.base import Assumption, Fetched, Stored
from sources.errors import Blocked, Refused, SourceError, excerpt
from sources.http.client import Client
from sources.http.redaction import MAX_MESSAGE_SIZE, says_no_key
from sources.records import Document

KEY_HEADER, KEY_PARAMETER = "X-Api-Key", "api_key"
HEADER_KEY = "header-key"
HOLDS, DOES_NOT_HOLD = "holds", "does not hold"
NO_DATA = b"no data found"  # the answer of notices, with status 404, to a search that finds nothing
USED_UP = re.compile(rb"over_rate_limit|exceeded your (quota|rate limit)|throttled out|\b900804\b", re.IGNORECASE)
TOO_MANY = re.compile(rb"exceeded the maximum allowable limit", re.IGNORECASE)
# What only an answer has, and no error: the lists and counts of both searches, the token of an extract, and the text of
# a notice, which is alone in its answer.
CONTENT_MARKS = re.compile(rb'"(awardSummary|totalRecords|exportToken|opportunitiesData)"|^\s*\{\s*"description"')


class TooManyRecords(Refused):
    """A search finds more records than an extract may hold. A narrower search works."""


def holds(stored: Stored, assumption: str) -> bool | None:
    """Return whether an assumption holds according to its last probe, `None` if it was never probed."""
    return {HOLDS: True, DOES_NOT_HOLD: False}.get(stored.get_state(f"assumption/{assumption}"))


def request_document(client: Client, path: str, *, allow_204: bool = False, allow_404: bool = False) -> Document:
    """Request a path; raise the errors that SAM.gov sends with the wrong status.

    Raises:
        Blocked: the key is not accepted.
        QuotaUsedUp: no requests are left today.
        TooManyRecords: the search finds more than an extract may hold.
        SourceError: any other error of the client.
    """
    try:
        document = client.get(path, allow_204=allow_204, allow_404=allow_404)
    except Refused as error:
        is_nothing = NO_DATA.decode() in error.came_back.lower()
        if error.status == 404 and not (is_nothing or client.key_arrives or client.key_in_url):
            return _retry_with_key_in_url(client, path, error)
        raise stated_error(client, error.request, error.came_back.encode(), status=error.status) or error from None
    if wrong := stated_error(client, f"GET {path.partition('?')[0]}", document.body):
        raise wrong
    return document


def _retry_with_key_in_url(client: Client, path: str, error: Refused) -> Document:
    """Request again with the key in the URL: some users get a 404 for every request without a key."""
    client.key_in_url = True
    try:
        if client.key_in_url:
            return request_document(client, path)
    except SourceError:
        client.key_in_url = False
    raise error


def stated_error(client: Client, request: str, body: bytes, *, status: int | None = 200) -> SourceError | None:
    """Return the error that a response's body states, whatever its status; `None` if it states no known error."""
    if len(body) > MAX_MESSAGE_SIZE or CONTENT_MARKS.search(body):
        return None
    came_back = excerpt(body)
    if says_no_key(body):
        return Blocked(client.source, request, came_back, status=status)
    if USED_UP.search(body):
        return client.quota_used_up(request, came_back, status=status)
    if TOO_MANY.search(body):
        return TooManyRecords(client.source, request, came_back, status=status)
    return None


def with_known_key(client: Client, stored: Stored, items: Iterator[Fetched]) -> Iterator[Fetched]:
    """Give items, sending the key as stored state says; store it if the key works only in the URL."""
    name = f"assumption/{HEADER_KEY}"
    if holds(stored, HEADER_KEY) is False:
        client.key_in_url = True
    try:
        yield from items
    finally:
        if client.key_in_url and holds(stored, HEADER_KEY) is not False:
            stored.set_state(name, DOES_NOT_HOLD)


def header_key(search: Callable[[Client], object]) -> Assumption:
    """Return the assumption that the key is accepted in its header. `search` makes a cheap request."""

    def probe(client: Client) -> bool:
        search(client)
        return not client.key_in_url

    return Assumption(
        name=HEADER_KEY,
        says=f"SAM.gov reads the key from the header {KEY_HEADER}.",
        otherwise=f"The key is sent as the parameter {KEY_PARAMETER} of the address. It appears in no log and no"
        " stored address in either form.",
        basis="GSA's page on the Entity Management API names the header. Its pages on the other two APIs name the"
        " parameter, and so does every public client of them.",
        probe=probe,
    )
