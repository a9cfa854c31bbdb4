"""Planning the searches of a poll, a weekly sweep and a backfill: by name, by phrase, by number. Pure.

An ordinary poll searches transactions only. That search takes award types of all groups at once, and every action has
its own last-modified date there, whereas an award has that of the action with the latest action date: a late or
same-day modification shows nowhere else. Once a week a sweep looks back further, in awards, and compares the number of
transactions of every stored award with the number stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sources.base import DateWindow, FetchStep, SearchTerms
from sources.names import is_same_name
from sources.paging import fiscal_years
from sources.usaspending.filters import EARLIEST, SEARCHABLE_ID, batches_of, short_hash

# Actions of the Department of Defense and the Army Corps of Engineers appear 90 days after they are signed, with the
# last-modified date they had long before: a search by that date alone would not find them.
DELAY = timedelta(days=90)
DELAY_MARGIN = timedelta(days=2)
# A sweep fetches stored awards that changed in so many days: a week, and the days by which windows overlap.
SWEEP_REREADS = timedelta(days=21)

TRANSACTIONS, COUNTS, AWARD = "transactions", "counts", "award"
CHANGED_BY_NAME = "new and changed awards by recipient name"
CHANGED_BY_PHRASE = "new and changed awards by description"
LATE_BY_NAME = "late awards by recipient name"
LATE_BY_PHRASE = "late awards by description"
STORED = "changes of stored awards"
COUNTED = "transaction counts of stored awards"
HISTORY = "past awards"

Days = tuple[date, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The search of a step, as its query has it.

    `group` is a group of award types, "transactions", "counts" (transactions per award) or "award" (one, by its key).
    `exact`: the texts are whole recipient names, and rows of other recipients do not match. `reveals`: also what was
    signed 90 days before the step's days. `overlap`: in so many of the step's first days only actions that are not
    stored count; an award that changed after them is fetched whatever is stored of it.
    """

    group: str
    filter: str
    texts: tuple[str, ...]
    date_type: str = "action_date"
    exact: bool = False
    reveals: bool = False
    overlap: timedelta | None = None


def search_of(step: FetchStep) -> Search:
    """Return the search of a step."""
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
    """Return a step. Its key is made of its query."""
    texts = query["texts"]
    start, end = days or (None, None)
    exact = "exact-" if query.get("exact") else ""
    return FetchStep(
        key=f"{label}/{query['group']}/{exact}{query['filter']}/{short_hash(texts)}",
        query=query,
        since=max(start, EARLIEST) if start else None,
        until=end,
        part=part,
    )


def text_steps(
    label: str, part: str, target: tuple[str, str], texts: Sequence[str], days: Days | None, **options: object
) -> list[FetchStep]:
    """Return steps that together search for all texts, each with as many as one request holds.

    `target` is the group and the filter.
    """
    group, filter_name = target
    lists = batches_of(level_of(group), filter_name, texts)
    return [
        step_of(label, part, {"group": group, "filter": filter_name, "texts": listed, **options}, days)
        for listed in lists
    ]


def name_steps(label: str, part: str, group: str, terms: SearchTerms, days: Days, **options: object) -> list[FetchStep]:
    """Return the steps that search for recipients: by name and UEI, then by exact name."""
    # A short name also finds every longer one that contains it (TEEL, INC finds STEEL, INC), so it is compared whole.
    names = [name for name in terms.names if not any(is_same_name(name, short) for short in terms.short_names)]
    names += terms.ueis
    return [
        *text_steps(label, part, (group, "recipient_search_text"), names, days, **options),
        *text_steps(label, part, (group, "recipient_search_text"), terms.short_names, days, exact=True, **options),
    ]


def poll_steps(
    terms: SearchTerms, window: DateWindow, groups: Sequence[str], categories: Sequence[str]
) -> list[FetchStep]:
    """Plan a poll: changes of stored awards, then new and changed awards by name and phrase; on a sweep also late ones.

    `groups` are the award types whose awards a sweep searches, one group after the other; with none of them it searches
    transactions of all types. `categories` are those of the stored awards.
    """
    changed = (window.modified_since, window.until)
    recent: dict[str, object] = {"date_type": "last_modified_date", "reveals": True}
    planned = stored_award_steps(terms, window, categories)
    planned += name_steps("changed", CHANGED_BY_NAME, TRANSACTIONS, terms, changed, **recent)
    planned += text_steps("changed", CHANGED_BY_PHRASE, (TRANSACTIONS, "keywords"), terms.phrases, changed, **recent)
    if window.acted_since:
        acted = (window.acted_since, window.until)
        for group in groups:
            planned += name_steps("late", LATE_BY_NAME, group, terms, acted)
            planned += text_steps("late", LATE_BY_PHRASE, (group, "keywords"), terms.phrases, acted)
        planned += text_steps("late", LATE_BY_PHRASE, (TRANSACTIONS, "keywords"), terms.phrases, acted)
        if not groups:
            planned += name_steps("late", LATE_BY_NAME, TRANSACTIONS, terms, acted)
    return planned


def stored_award_steps(terms: SearchTerms, window: DateWindow, categories: Sequence[str]) -> list[FetchStep]:
    """Plan the searches for stored awards: their changes, and on a sweep their numbers of actions."""
    ids, _ = award_numbers(terms, categories)
    since, overlap = window.modified_since, window.overlap
    if window.acted_since:
        since, overlap = min(since, window.until - SWEEP_REREADS), timedelta(0)
    options: dict[str, object] = {"date_type": "last_modified_date", "overlap": overlap.days}
    planned = text_steps("stored", STORED, (TRANSACTIONS, "award_ids"), ids, (since, window.until), **options)
    return planned + (count_steps(terms, categories) if window.acted_since else [])


def count_steps(terms: SearchTerms, categories: Sequence[str]) -> list[FetchStep]:
    """Plan the comparison of action counts; awards whose numbers cannot be searched for are counted one by one."""
    ids, keys = award_numbers(terms, categories)
    planned = text_steps("stored", COUNTED, (COUNTS, "award_ids"), ids, None)
    return planned + [step_of("stored", COUNTED, {"group": COUNTS, "filter": "key", "texts": [key]}) for key in keys]


def award_numbers(terms: SearchTerms, categories: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the numbers of stored awards that can be searched for, and the keys of the other awards."""
    awards = [award for category in categories for award in terms.stored.get(category, ())]
    ids = {award.piid.upper() for award in awards if SEARCHABLE_ID.fullmatch(award.piid.upper())}
    return sorted(ids), sorted(award.key for award in awards if award.piid.upper() not in ids)


def is_wanted(step: FetchStep, terms: SearchTerms) -> bool:
    """Whether one of a step's texts is still searched for. An award that could not be fetched always is."""
    stored = {text for awards in terms.stored.values() for award in awards for text in (award.key, award.piid.upper())}
    wanted = {*terms.names, *terms.short_names, *terms.ueis, *terms.phrases, *stored}
    search = search_of(step)
    return search.group == AWARD or not wanted.isdisjoint(search.texts)


def backfill_steps(
    terms: SearchTerms, since: date, until: date, groups: Sequence[str], categories: Sequence[str]
) -> list[FetchStep]:
    """Plan a whole history, one fiscal year at a time, by the date of each award's latest action.

    By that date every award is in exactly one year, and an award signed before the search begins is still found. The
    action counts of stored awards are compared first: an award's row need not change with each action.
    """
    planned = count_steps(terms, categories) if since <= until else []
    texts: list[FetchStep] = []  # last: what the award search has found need not be fetched again
    for year, start, end in fiscal_years(max(since, EARLIEST), until):
        label = f"fy{year}"
        for group in groups:
            planned += name_steps(label, HISTORY, group, terms, (start, end))
            planned += text_steps(label, HISTORY, (group, "keywords"), terms.phrases, (start, end))
        texts += text_steps(label, HISTORY, (TRANSACTIONS, "keywords"), terms.phrases, (start, end))
        # An award that has passed to another company since is found only by its earlier transactions.
        texts += name_steps(label, HISTORY, TRANSACTIONS, terms, (start, end))
    return planned + texts


def revealed(days: Days) -> Days:
    """Return the days of signing of awards that a delay of 90 days reveals on a step's days."""
    start, end = days
    return max(start - DELAY - DELAY_MARGIN, EARLIEST), max(end - DELAY + DELAY_MARGIN, EARLIEST)
