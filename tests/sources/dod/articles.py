"""What the tests of the adapter of DoD's announcements need: pages made of paragraphs, a client, fetching."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, StoredVersion
from sources.dod.announcements import Dod
from sources.records import Payload, Problem, Publication, Record
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.sources.payloads import document, payload
from tests.upstreams.dod import FakeDod, Page

SOURCE = Dod()
DATA = Path(__file__).parents[2] / "data" / "dod"
ARTICLE = (DATA / "article.html").read_bytes()
PARAGRAPHS = (DATA / "paragraphs.txt").read_text("utf-8").splitlines()
FIRST = datetime(2026, 7, 1, 21, 0, 21, tzinfo=UTC)
PLAIN = (
    "Acme Drones LLC,* Boise, Idaho, is awarded a $9,000,000 firm-fixed-price contract (N00019-26-C-0042) for drones."
)


def page(number: int, *paragraphs: str, day: datetime | None = None, copies: Sequence[str] = ()) -> Page:
    """A page `number` - 1 days after 1 July 2026, its paragraphs under "NAVY"."""
    published = day or FIRST + timedelta(days=number - 1)
    title = f"Contracts for {published:%B} {published.day}, {published.year}"
    told = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs or (PLAIN,))
    body = (
        f'<html><body><div class="adetail content-type-400"><h1 class="maintitle">{title}</h1>'
        f'<div class="body"><p style="text-align: center;"><strong>NAVY</strong></p>\n{told}'
        "<p>*Small business</p></div></div></body></html>"
    )
    return Page(number=str(4532000 + number), title=title, published=published, body=body.encode(), copies=list(copies))


OLD = page(0, day=datetime(2026, 6, 1, 21, 0, tzinfo=UTC))  # makes an index reach back far enough


def step_of(since: date = date(2026, 7, 1), until: date = date(2026, 7, 31), key: str = "rss") -> FetchStep:
    """A step over some days."""
    return FetchStep(key=key, query={}, since=since, until=until)


def fetched(server: FakeDod, memory: Memory | None = None, step: FetchStep | None = None) -> list[Fetched]:
    """Walk a step to its end."""
    with client_for(SOURCE, server.base_url) as client:
        return list(SOURCE.fetch(client, step or step_of(), memory or Memory()))


def kinds(items: Sequence[Fetched]) -> list[tuple[str, str]]:
    """What was fetched, as (kind, key) in order."""
    return [_kind(item) for item in items]


def _kind(item: Fetched) -> tuple[str, str]:
    if isinstance(item, IncompleteResult):
        return "IncompleteResult", f"{item.received}/{item.expected}"
    return type(item).__name__, item.step.key if isinstance(item, FailedStep) else item.key


def records_of(items: Sequence[Fetched]) -> list[Record]:
    """The records of the payloads fetched."""
    return [record for item in items if isinstance(item, Payload) for record in SOURCE.parse(item)]


def read(
    body: bytes, *, key: str = "DOD_4532515", url: str = "https://www.war.gov/x", sent: str = "text/html"
) -> list[Record]:
    """The records of a page; `sent` is the content type it came with."""
    return SOURCE.parse(payload("dod", key, document(body, url=url, content_type=sent)))


def publications(records: Sequence[Record]) -> list[Publication]:
    """Records that must all be publications."""
    found = [record for record in records if isinstance(record, Publication)]
    assert len(found) == len(records), [record for record in records if isinstance(record, Problem)]
    return found


def holding(*keys: str) -> Memory:
    """The memory of a program that has stored these records."""
    return Memory(records={key: StoredVersion(key=key, revision="") for key in keys})


def july(wrong: str = "") -> FakeDod:
    """war.gov and the archive with a month of pages; `wrong` names the assumption that does not hold."""
    days = [datetime(2026, 7, day, 21, tzinfo=UTC) for day in range(1, 32)]
    copies = () if wrong == "archive-copies" else ("20260820120000",)
    pages = [page(number, day=day, copies=copies) for number, day in enumerate(days, 1)]
    return FakeDod(pages, refuses=wrong == "open-pages", longest=10 if wrong == "long-index" else 500)
