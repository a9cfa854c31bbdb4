"""Planning what to ask USAspending: so many texts at once, by one kind of date, in fiscal years. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from sources.contract import Interest, Step, Window
from sources.usaspending_queries import EARLIEST, TRANSACTION_DATES

TEXTS_AT_ONCE = 100  # names or phrases in one search: a clause each in the index's query
PIIDS_AT_ONCE = 250

Query = Mapping[str, object]
Period = tuple[str, date, date]


def texts_of(query: Query) -> list[str]:
    """Return the texts that a step looks for."""
    texts = query["texts"]
    return [str(text) for text in texts] if isinstance(texts, (list, tuple)) else []


def period_of(query: Query) -> Period:
    """Return the kind of date of a step, and its first and last day."""
    return str(query["date_type"]), date.fromisoformat(str(query["start"])), date.fromisoformat(str(query["end"]))


def steps(label: str, group: str, filter_name: str, texts: Sequence[str], period: Period) -> list[Step]:
    """Return one step for every so many texts, none if there are no texts."""
    at_once = PIIDS_AT_ONCE if filter_name == "award_ids" else TEXTS_AT_ONCE
    date_type, start, end = period
    common = {
        "group": group,
        "filter": filter_name,
        "date_type": date_type,
        "start": max(start, EARLIEST).isoformat(),
        "end": end.isoformat(),
    }
    return [
        Step(
            key=f"{label}/{group}/{filter_name}/{first // at_once + 1}",
            query={**common, "texts": tuple(texts[first : first + at_once])},
        )
        for first in range(0, len(texts), at_once)
    ]


def recipients(interest: Interest) -> tuple[str, ...]:
    """Return what the API's recipient search is asked: names, and the identifiers it also looks at."""
    return (*interest.names, *interest.ueis)


def searches(label: str, groups: Sequence[str], interest: Interest, period: Period) -> list[Step]:
    """Return the searches for recipients and for phrases, group by group."""
    planned: list[Step] = []
    for group in groups:
        planned += steps(label, group, "recipient_search_text", recipients(interest), period)
        planned += steps(label, group, "keywords", interest.phrases, period)
    return planned


def poll(interest: Interest, window: Window, groups: Sequence[str], held: Mapping[str, str]) -> list[Step]:
    """Plan a poll: new by date signed, changed by last-modified date, held, named in a transaction's text.

    On a sweep (`window.acted_since`) also whatever acted since then, however late it arrived. `held` says which
    category of held awards is asked for in which group.
    """
    until, changed = window.until, ("last_modified_date", window.modified_since, window.until)
    planned = searches("signed", groups, interest, ("date_signed", window.signed_since, until))
    planned += searches("modified", groups, interest, changed)
    if window.acted_since:
        acted = ("action_date", window.acted_since, until)
        planned += searches("acted", groups, interest, acted) + _text_steps("texts", interest, acted)
    else:
        planned += _text_steps("texts", interest, changed)
    for group, category in held.items():
        quoted = [f'"{award.piid}"' for award in interest.held.get(category, ())]
        planned += steps("held", group, "award_ids", quoted, changed)
    return planned


def backfill(interest: Interest, since: date, until: date, groups: Sequence[str]) -> list[Step]:
    """Plan a whole history, a fiscal year at a time, by the date of each award's latest action.

    By that date every award is in just one year, and an award signed before the search begins is still found.
    """
    awards: list[Step] = []
    texts: list[Step] = []  # last: what the award search has brought need not be fetched for its texts
    for label, start, end in fiscal_years(since, until):
        period = ("action_date", start, end)
        awards += searches(label, groups, interest, period)
        texts += _text_steps(label, interest, period)
        # An award that has passed to another company since is found only by its earlier transactions.
        texts += steps(label, "transactions", "recipient_search_text", recipients(interest), period)
    return awards + texts


def fiscal_years(since: date, until: date) -> Iterator[tuple[str, date, date]]:
    """Yield the fiscal years between two days as (label, first day, last day), from where the search begins."""
    start = max(since, EARLIEST)
    while start <= until:
        end = min(date(start.year + (start.month >= 10), 9, 30), until)
        yield f"fy{end.year + (end.month >= 10)}", start, end
        start = end + timedelta(days=1)


def _text_steps(label: str, interest: Interest, period: Period) -> list[Step]:
    if period[0] not in TRANSACTION_DATES:
        raise ValueError(f"USAspending's transactions have no date type {period[0]!r}")
    return steps(label, "transactions", "keywords", interest.phrases, period)
