"""The home page: what is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from feeds.entries.details import reporting_delay_note
from feeds.entries.entry import Entry
from feeds.pages.feed_list import FeedRow
from feeds.pages.page_context import PageContext

MAX_AWARDS = 8  # with new entries
MAX_ENTRIES = 3  # of one award and day


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOfAward:
    """The entries of one award that were first seen on one day, newest first, and how many more there are."""

    entries: tuple[Entry, ...]
    more: int


def render_index(
    context: PageContext, latest: Sequence[Entry], everything: FeedRow | None, *, today: date, health: str = ""
) -> bytes:
    """Return the home page.

    Args:
        latest: entries, newest first.
        everything: the feed of everything, `None` if there is none.
        health: one line on the state of the sources.
    """
    return context.render(
        "index.html",
        everything=[everything] if everything else [],
        days=list(_days(latest)),
        updated=latest[0].first_seen if latest else None,
        missing=reporting_delay_note(today),
        health=health,
    )


def _days(latest: Sequence[Entry]) -> Iterator[tuple[date, list[NewOfAward]]]:
    """Yield each day with its awards; both in the order of their newest entries, up to `MAX_AWARDS` in all."""
    left = MAX_AWARDS
    for day, entries in groupby(latest, key=lambda entry: entry.first_seen.date()):
        awards: dict[str, list[Entry]] = {}
        for entry in entries:
            awards.setdefault(entry.record_key, []).append(entry)
        shown = list(awards.values())[:left]
        yield day, [NewOfAward(entries=tuple(each[:MAX_ENTRIES]), more=len(each[MAX_ENTRIES:])) for each in shown]
        left -= len(shown)
        if not left:
            return
