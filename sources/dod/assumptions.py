"""What the DoD adapter assumes about war.gov and the Internet Archive, with a probe for each."""

from __future__ import annotations

from sources.base import Assumption
from sources.dod.index import LONGEST_INDEX, read_index
from sources.dod.pages import PAGE_TYPES, snapshot
from sources.errors import Blocked
from sources.http.client import Client

SHORT_INDEX = 10  # pages that the index lists when it is not asked for more


def _index_is_long(client: Client) -> bool:
    return len(read_index(client, 3 * SHORT_INDEX)[0]) > SHORT_INDEX


def _pages_are_open(client: Client) -> bool:
    newest = read_index(client, SHORT_INDEX)[0][-1]
    try:
        client.get(newest.path, accept=PAGE_TYPES, follow=True)
    except Blocked:
        return False
    return True


def _archive_has_copies(client: Client) -> bool:
    oldest = read_index(client, SHORT_INDEX)[0][0]
    return bool(snapshot(client, oldest))


ASSUMPTIONS = (
    Assumption(
        name="long-index",
        says=f"The index lists as many pages as it is asked for, up to {LONGEST_INDEX}.",
        otherwise="Days that it does not reach are reported as missing. Import the pages of those days as files.",
        basis="Asked for 1,000 on 3 July 2026 it listed 500, back to 13 May 2024.",
        probe=_index_is_long,
    ),
    Assumption(
        name="open-pages",
        says="war.gov gives its pages of announcements to programs.",
        otherwise=(
            "The Internet Archive's copies are read, one to three days later. Pages saved in a browser can be imported."
        ),
        basis="From May to October 2026 the pages answered 403 to programs and the index did not.",
        probe=_pages_are_open,
    ),
    Assumption(
        name="archive-copies",
        says="The Internet Archive has a copy of a page within ten business days.",
        otherwise="A page that war.gov refuses is noted, and asked for again in every poll. It can be imported.",
        basis="https://archive.org/help/wayback_api.php",
        probe=_archive_has_copies,
    ),
)
