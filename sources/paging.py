"""Reading a search to a provable end: page by page, in smaller parts where it is too large, against its own count."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import date, timedelta
from typing import TypeVar

from sources.base import IncompleteResult

Days = tuple[date, date]
Page = TypeVar("Page")
Part = TypeVar("Part")


class RowCounter:
    """Counts the distinct rows of a search, so that they can be compared with the source's own count."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()

    def add(self, identity: Hashable) -> bool:
        """Count a row by what identifies it; whether it is new."""
        before = len(self._seen)
        self._seen.add(identity)
        return len(self._seen) > before

    def __len__(self) -> int:
        return len(self._seen)

    def check(self, step: str, expected: int) -> Iterator[IncompleteResult]:
        """Give the incomplete result of a step when fewer rows came than the source counts, else nothing."""
        if len(self) < expected:
            yield IncompleteResult(step=step, expected=expected, received=len(self))


def read_pages(read: Callable[[int], tuple[Page, bool]], first: int = 1) -> Iterator[Page]:
    """Give the pages of a search; `read` takes a page's number and returns it and whether another one follows."""
    number, more = first, True
    while more:
        page, more = read(number)
        yield page
        number += 1


def read_in_parts(
    part: Part, read: Callable[[Part], tuple[Page, bool]], split: Callable[[Part], Sequence[Part]]
) -> Iterator[tuple[Part, Page, bool]]:
    """Read a search in parts that fit on a page each: between two pages many upstreams lose and repeat rows.

    `read` returns the first page of a part and whether there are more; then the parts that `split` cuts it into are
    read instead. Gives each part that was read with its page, and whether that page is all of it: it is not where a
    part cannot be cut any further (`split` returns nothing).
    """
    page, more = read(part)
    smaller = split(part) if more else ()
    if not smaller:
        yield part, page, not more
    for one in smaller:
        yield from read_in_parts(one, read, split)


def split_days(since: date, until: date) -> tuple[Days, ...]:
    """Cut inclusive days into two halves; nothing when it is one day."""
    if since >= until:
        return ()
    middle = since + (until - since) // 2
    return (since, middle), (middle + timedelta(days=1), until)


def fiscal_years(since: date, until: date, years: int = 1) -> Iterator[tuple[int, date, date]]:
    """Cut inclusive days into fiscal years (October to September), oldest first, or into spans of several years.

    Gives each span's last fiscal year, first day and last day. Spans of 5 end in years such as 2014 and 2019.
    """
    start = since
    while start <= until:
        year = start.year + (start.month >= 10)
        last = year - year % years + years - 1
        end = min(date(last, 9, 30), until)
        yield last, start, end
        start = end + timedelta(days=1)
