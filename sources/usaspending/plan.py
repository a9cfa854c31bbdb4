"""Planning what to ask USAspending: by name, by phrase, by number; each day, each week, or for a whole history. Pure.

An ordinary poll searches transactions alone. That search takes award types of all groups at once, and every action has
a last-modified date of its own there, whereas an award has that of the action with the latest action date: a late
or a same-day modification shows nowhere else. Once a week a sweep looks back further, in awards, and compares for every
held award how many transactions there are with how many are stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sources.base import DateWindow, FetchStep, SearchTerms
from sources.names import is_same_name
from sources.usaspending.filters import EARLIEST, SEARCHABLE_ID, digest, packed

# Actions of the Department of Defense and the Army Corps of Engineers appear 90 days after they are signed, with the
# last-modified date they had long before: a search by that date alone would not find them.
DELAY = timedelta(days=90)
DELAY_MARGIN = timedelta(days=2)
# A sweep reads held awards whole that changed in so many days: a week, and the days by which windows overlap.
SWEEP_REREADS = timedelta(days=21)

TRANSACTIONS, COUNTS, AWARD = "transactions", "counts", "award"
CHANGED_BY_NAME = "new and changed awards by recipient name"
CHANGED_BY_PHRASE = "new and changed awards by description"
LATE_BY_NAME = "late awards by recipient name"
LATE_BY_PHRASE = "late awards by description"
HELD = "held awards"
COUNTED = "transaction counts of held awards"
HISTORY = "past awards"

Days = tuple[date, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a step asks, as its query says it.

    `group` is a group of award types, "transactions", "counts" (transactions per award) or "award" (one, by its key).
    `exact`: the texts are whole recipient names, and a row of another recipient is not meant. `reveals`: also what was
    signed 90 days before the step's days. `overlap` is for how many of the step's first days only actions that are not
    stored are read; an award that changed after them is read whole whatever is stored of it.
    """

    group: str
    filter: str
    texts: tuple[str, ...]
    date_type: str = "action_date"
    exact: bool = False
    reveals: bool = False
    overlap: timedelta | None = None


def search_of(step: FetchStep) -> Search:
    """Return what a step asks."""
    query = step.query
    texts, overlap = query["texts"], query.get("overlap")
    return Search(
        group=str(query["group"]),
        filter=str(query["filter"]),
        texts=tuple(str(text) for text in texts) if isinstance(texts, (list, tuple)) else (),
        date_type=str(query.get("date_type", "action_date")),
        exact=bool(query.get("exact")),
        reveals=bool(query.get("reveals")),
        overlap=timedelta(days=overlap) if isinstance(overlap, int) else None,
    )


def level_of(group: str) -> str:
    """Return which of the API's indexes a group is searched in."""
    return group if group in (TRANSACTIONS, "subawards") else "awards"


def step_of(label: str, part: str, query: Mapping[str, object], days: Days | None = None) -> FetchStep:
    """Return a step whose key is made of what it asks."""
    texts = query["texts"]
    start, end = days or (None, None)
    exact = "exact-" if query.get("exact") else ""
    return FetchStep(
        key=f"{label}/{query['group']}/{exact}{query['filter']}/{digest(texts)}",
        query=query,
        since=max(start, EARLIEST) if start else None,
        until=end,
        part=part,
    )


def steps(
    label: str, part: str, asked: tuple[str, str], texts: Sequence[str], days: Days | None, **also: object
) -> list[FetchStep]:
    """Return the steps that ask for all texts, as many in each as one request can hold; none if there are no texts.

    `asked` is the group and the filter.
    """
    group, filter_name = asked
    lists = packed(level_of(group), filter_name, texts)
    return [
        step_of(label, part, {"group": group, "filter": filter_name, "texts": listed, **also}, days) for listed in lists
    ]


def by_name(label: str, part: str, group: str, terms: SearchTerms, days: Days, **also: object) -> list[FetchStep]:
    """Return the steps that ask for recipients: names and the identifiers the API also looks at, then exact names."""
    # A short name also finds every longer one that contains it (TEEL, INC finds STEEL, INC), so it is compared whole.
    names = [name for name in terms.names if not any(is_same_name(name, short) for short in terms.short_names)]
    names += terms.ueis
    return [
        *steps(label, part, (group, "recipient_search_text"), names, days, **also),
        *steps(label, part, (group, "recipient_search_text"), terms.short_names, days, exact=True, **also),
    ]


def poll(terms: SearchTerms, window: DateWindow, groups: Sequence[str], categories: Sequence[str]) -> list[FetchStep]:
    """Plan a poll: held awards first, then what is new or changed by name and by phrase; on a sweep what came late.

    `groups` are the award types whose awards a sweep searches, one group after the other; with none of them it searches
    transactions of all types. `categories` are those of the held awards to ask for.
    """
    changed = (window.modified_since, window.until)
    recent: dict[str, object] = {"date_type": "last_modified_date", "reveals": True}
    planned = held(terms, window, categories)
    planned += by_name("changed", CHANGED_BY_NAME, TRANSACTIONS, terms, changed, **recent)
    planned += steps("changed", CHANGED_BY_PHRASE, (TRANSACTIONS, "keywords"), terms.phrases, changed, **recent)
    if window.acted_since:
        acted = (window.acted_since, window.until)
        for group in groups:
            planned += by_name("late", LATE_BY_NAME, group, terms, acted)
            planned += steps("late", LATE_BY_PHRASE, (group, "keywords"), terms.phrases, acted)
        planned += steps("late", LATE_BY_PHRASE, (TRANSACTIONS, "keywords"), terms.phrases, acted)
        if not groups:
            planned += by_name("late", LATE_BY_NAME, TRANSACTIONS, terms, acted)
    return planned


def held(terms: SearchTerms, window: DateWindow, categories: Sequence[str]) -> list[FetchStep]:
    """Plan what is asked of held awards: every day what has changed, on a sweep also how many actions they have."""
    ids, _ = held_numbers(terms, categories)
    since, overlap = window.modified_since, window.overlap
    if window.acted_since:
        since, overlap = min(since, window.until - SWEEP_REREADS), timedelta(0)
    also: dict[str, object] = {"date_type": "last_modified_date", "overlap": overlap.days}
    planned = steps("held", HELD, (TRANSACTIONS, "award_ids"), ids, (since, window.until), **also)
    return planned + (counts(terms, categories) if window.acted_since else [])


def counts(terms: SearchTerms, categories: Sequence[str]) -> list[FetchStep]:
    """Plan the comparison of how many actions held awards have; awards whose numbers cannot be searched, one by one."""
    ids, keys = held_numbers(terms, categories)
    planned = steps("held", COUNTED, (COUNTS, "award_ids"), ids, None)
    return planned + [step_of("held", COUNTED, {"group": COUNTS, "filter": "key", "texts": [key]}) for key in keys]


def held_numbers(terms: SearchTerms, categories: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the numbers of held awards that can be searched for, and the keys of the other ones."""
    awards = [award for category in categories for award in terms.stored.get(category, ())]
    ids = {award.piid.upper() for award in awards if SEARCHABLE_ID.fullmatch(award.piid.upper())}
    return sorted(ids), sorted(award.key for award in awards if award.piid.upper() not in ids)


def is_wanted(step: FetchStep, terms: SearchTerms) -> bool:
    """Whether somebody still looks for one of a step's texts; an award that could not be read is always wanted."""
    held = {text for awards in terms.stored.values() for award in awards for text in (award.key, award.piid.upper())}
    wanted = {*terms.names, *terms.short_names, *terms.ueis, *terms.phrases, *held}
    search = search_of(step)
    return search.group == AWARD or not wanted.isdisjoint(search.texts)


def backfill(
    terms: SearchTerms, since: date, until: date, groups: Sequence[str], categories: Sequence[str]
) -> list[FetchStep]:
    """Plan a whole history, a fiscal year at a time, by the date of each award's latest action.

    By that date every award is in just one year, and an award signed before the search begins is still found. Awards
    that are held already are compared by their counts first: an award's row need not change with each action.
    """
    planned = counts(terms, categories) if since <= until else []
    texts: list[FetchStep] = []  # last: what the award search has brought need not be fetched for its texts
    for label, start, end in fiscal_years(since, until):
        for group in groups:
            planned += by_name(label, HISTORY, group, terms, (start, end))
            planned += steps(label, HISTORY, (group, "keywords"), terms.phrases, (start, end))
        texts += steps(label, HISTORY, (TRANSACTIONS, "keywords"), terms.phrases, (start, end))
        # An award that has passed to another company since is found only by its earlier transactions.
        texts += by_name(label, HISTORY, TRANSACTIONS, terms, (start, end))
    return planned + texts


def fiscal_years(since: date, until: date) -> Iterator[tuple[str, date, date]]:
    """Yield the fiscal years between two days as (label, first day, last day), from where the search begins."""
    start = max(since, EARLIEST)
    while start <= until:
        end = min(date(start.year + (start.month >= 10), 9, 30), until)
        yield f"fy{end.year + (end.month >= 10)}", start, end
        start = end + timedelta(days=1)


def revealed(days: Days) -> Days:
    """Return the days on which was signed what a delay of 90 days has kept back until a step's days."""
    start, end = days
    return max(start - DELAY - DELAY_MARGIN, EARLIEST), max(end - DELAY + DELAY_MARGIN, EARLIEST)
