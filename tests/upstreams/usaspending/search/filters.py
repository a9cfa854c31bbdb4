"""Which awards and actions a search finds, filter by filter: OR inside a filter, AND between filters.

The rules are those of USAspending's `query_with_filters.py`, in plain Python instead of Elasticsearch. Each function
named after a filter takes the filter's value and returns the test of one record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.search.index import (
    REMOVED,
    award_id_pattern,
    award_keyword,
    is_quoted,
    less_sanitized,
    sanitized,
)
from tests.upstreams.usaspending.search.search_rules import GROUPS, LATEST, OLDEST, PSC_GROUPS

Record = TypeVar("Record")
Test = Callable[[Record], bool]
AwardTest = Test[CorpusAward]
ActionTest = Callable[[CorpusAward, CorpusAction], bool]
Filters = Mapping[str, Any]
WORD = re.compile(r"[0-9A-Z]+")
FAR_FUTURE = date(9999, 12, 31)


def words(text: str) -> list[str]:
    """Return the words of `text`, upper case, plurals made singular as the index's minimal English stemmer does."""
    return [singular(word) for word in WORD.findall(text.upper())]


@lru_cache(maxsize=50_000)
def spaced(text: str) -> str:
    """Return the words of `text`, each behind a space: what a phrase is looked for in."""
    return "".join(f" {word}" for word in words(text))


def singular(word: str) -> str:
    """Return `word` without its plural ending: "PHONES" -> "PHONE", "COMPANIES" -> "COMPANY"; "US", "GLASS" stay."""
    if len(word) < 4 or not word.endswith("S") or word.endswith(("US", "SS", "AES", "EES", "OES", "AIES", "EIES")):
        return word
    return word[:-3] + "Y" if word.endswith("IES") else word[:-1]


def phrases(sought: Iterable[str]) -> Callable[[Iterable[str | None]], bool]:
    """Return the test whether one of the phrases stands in one of some texts, its last word as a prefix."""
    known = [re.escape(text) for text in map(spaced, sought) if text]
    if not known:
        return lambda _texts: False
    pattern = re.compile("|".join(known))
    return lambda texts: any(pattern.search(spaced(text)) for text in texts if text)


def keywords(sought: Sequence[str]) -> AwardTest:
    """Awards by `keywords`. A PIID is found by its beginning; the recipient's parent is found by its UEI only.

    A keyword of which only removed signs were left finds every award.
    """
    has_phrase = phrases(map(sanitized, sought))
    sent = [award_keyword(text).strip() for text in sought]
    beginnings = tuple(text.removesuffix("*").upper() for text in sent if not text.endswith(r"\*"))
    return lambda award: has_phrase(_award_texts(award)) or award.piid.upper().startswith(beginnings)


def _award_texts(award: CorpusAward) -> Iterable[str | None]:
    return (
        award.recipient_name,
        award.naics_description,
        award.psc_description,
        award.psc_code,
        award.shown_description,
        award.recipient_uei,
        award.recipient_parent_uei,
    )


def _more_texts(award: CorpusAward) -> Iterable[str | None]:
    """Return the texts of an award that a transaction search looks at: the parent's and the agencies' names too."""
    return (
        *_award_texts(award),
        award.recipient_parent_name,
        award.naics_code,
        award.awarding_toptier_name,
        award.awarding_sub_name,
        award.funding_toptier_name,
        award.funding_sub_name,
        award.type_description,
        *(title for _, title in award.listings),
    )


def keyword_search(sought: Sequence[str]) -> ActionTest:
    """Actions by the keywords of a transaction search. A PIID is found by any word of a keyword that is the whole."""
    has_phrase = phrases(map(less_sanitized, sought))
    numbers = frozenset(word for text in sought for word in text.split())
    return lambda award, action: (
        award.piid in numbers or has_phrase((action.description, action.modification)) or has_phrase(_more_texts(award))
    )


def keyword_search_of_awards(sought: Sequence[str]) -> AwardTest:
    """Awards by the keywords of the grouped search, which looks at the award's own texts."""
    has_phrase = phrases(map(less_sanitized, sought))
    numbers = frozenset(word for text in sought for word in text.upper().split())
    return lambda award: award.piid.upper() in numbers or has_phrase(_more_texts(award))


def names_and_ueis(sought: Sequence[str]) -> Callable[[Iterable[str | None], Iterable[str | None]], bool]:
    """Return the test whether a text stands in a name, letter by letter and without regard to case, or begins a UEI."""
    texts = tuple(text.upper() for text in sought)

    def test(names: Iterable[str | None], ueis: Iterable[str | None]) -> bool:
        upper = [name.upper() for name in names if name]
        return any(text in name for name in upper for text in texts) or any(
            uei.upper().startswith(texts) for uei in ueis if uei
        )

    return test


def recipient_search_text(sought: Sequence[str]) -> AwardTest:
    """Awards by the names and UEIs of the recipient and its parent."""
    test = names_and_ueis(sought)
    return lambda award: test(
        (award.recipient_name, award.recipient_parent_name), (award.recipient_uei, award.recipient_parent_uei)
    )


def award_ids(sought: Sequence[str], *, unquoted: bool = True) -> Callable[[str], bool]:
    """Return the test of a PIID. Without quotes an id is a pattern for the whole of it; `unquoted`: whether that works.

    An id in double quotes gets here only where the index does not fail on it, and is meant exactly.
    """
    exact = frozenset(text[1:-1] for text in sought if is_quoted(text))
    patterns = [award_id_pattern(text) for text in sought if unquoted and not is_quoted(text)]
    return lambda piid: piid in exact or any(pattern.fullmatch(piid) for pattern in patterns)


def award_type_codes(codes: Sequence[str]) -> AwardTest:
    """Awards by type; where an award's type is not known, any code of its group will do."""
    wanted = frozenset(codes)
    return lambda award: award.type in wanted if award.type is not None else bool(wanted & set(GROUPS[award.group]))


def agencies(wanted: Sequence[Mapping[str, Any]]) -> AwardTest:
    """Awards by exact names of agencies; awarding and funding must both fit if both are given."""

    def fits(award: CorpusAward, agency: Mapping[str, Any]) -> bool:
        role, tier = agency["type"], "sub" if agency["tier"] == "subtier" else "toptier"
        above = agency.get("toptier_name") if tier == "sub" else None
        return getattr(award, f"{role}_{tier}_name") == agency["name"] and above in {
            None,
            getattr(award, f"{role}_toptier_name"),
        }

    roles = [[agency for agency in wanted if agency["type"] == role] for role in ("awarding", "funding")]
    return lambda award: all(any(fits(award, agency) for agency in named) for named in roles if named)


def in_ranges(ranges: Sequence[Mapping[str, Any]]) -> Callable[[Decimal | None], bool]:
    """Return the test whether an amount lies in one of the ranges, bounds included; an unknown one lies in none."""

    def fits(amount: Decimal, bounds: Mapping[str, Any]) -> bool:
        lower, upper = bounds.get("lower_bound"), bounds.get("upper_bound")
        return (lower is None or amount >= Decimal(str(lower))) and (upper is None or amount <= Decimal(str(upper)))

    return lambda amount: amount is not None and any(fits(amount, bounds) for bounds in ranges)


def award_amounts(ranges: Sequence[Mapping[str, Any]]) -> AwardTest:
    """Awards by amount."""
    test = in_ranges(ranges)
    return lambda award: test(award.total)


def naics_codes(value: Any) -> AwardTest:
    """Awards by the beginning of the NAICS code."""
    tree = value if isinstance(value, dict) else {"require": value}
    required, excluded = ([str(code) for code in tree.get(name) or []] for name in ("require", "exclude"))
    return lambda award: in_tree(award.naics_code, required, excluded)


def psc_codes(value: Any) -> AwardTest:
    """Awards by the beginning of the PSC, or by a path from one of its three groups downwards."""
    tree = value if isinstance(value, dict) else {"require": [[code] for code in value]}
    required, excluded = (
        [code for path in tree.get(name) or [] for code in PSC_GROUPS.get(path[-1], (path[-1],))]
        for name in ("require", "exclude")
    )
    return lambda award: in_tree(award.psc_code, required, excluded)


def in_tree(code: str | None, required: Sequence[str], excluded: Sequence[str]) -> bool:
    """Whether a code is asked for: the longest beginning of it that is named, required or excluded, decides."""
    longest = {
        wanted: max((len(part) for part in parts if (code or "").startswith(part)), default=0)
        for wanted, parts in ((True, required), (False, excluded))
    }
    return bool(code) and (longest[True] > longest[False] or not (required or longest[False]))


def within(day: date | None, first: str, last: str) -> bool:
    """Whether a known day lies in the period, both ends included. A `datetime` counts by its date."""
    return day is not None and first <= day.isoformat()[:10] <= last


def ends(period: Mapping[str, str]) -> tuple[str, str]:
    """Return a period's first and last day; a missing one is as early or late as the search goes."""
    return period.get("start_date", OLDEST), period.get("end_date", LATEST)


def award_in_period(award: CorpusAward, period: Mapping[str, str]) -> bool:
    """Whether the award falls in the period. Without a date type: active in it, by latest action and date signed."""
    first, last = ends(period)
    latest, signed = award.latest.action_date if award.actions else None, award.date_signed
    match period.get("date_type"):
        case "action_date":
            return within(latest, first, last)
        case "date_signed" | "new_awards_only":
            return within(signed, first, last)
        case "last_modified_date":
            return within(award.modified, first, last)
        case _:
            return within(latest, first, FAR_FUTURE.isoformat()) and within(signed, "", last)


def action_in_period(award: CorpusAward, action: CorpusAction, period: Mapping[str, str]) -> bool:
    """Whether the action falls in the period, by its own dates or the date its award was signed."""
    first, last = ends(period)
    match period.get("date_type"):
        case "date_signed":
            return within(award.date_signed, first, last)
        case "last_modified_date":
            return within(award.modified_on(action), first, last)
        case "new_awards_only":
            return within(action.action_date, first, last) and within(award.date_signed, first, last)
        case _:
            return within(action.action_date, first, last)


def _description(text: str) -> AwardTest:
    has_phrase = phrases([sanitized(text)])
    return lambda award: has_phrase([award.shown_description])


def _action_description(text: str) -> ActionTest:
    has_phrase = phrases([sanitized(text)])
    return lambda _award, action: has_phrase([action.description])


SAME_FOR_BOTH: dict[str, Callable[[Any], AwardTest]] = {
    "award_type_codes": award_type_codes,
    "recipient_search_text": recipient_search_text,
    "agencies": agencies,
    "award_amounts": award_amounts,
    "award_unique_id": lambda key: lambda award: award.key == REMOVED.sub("", key),
    "naics_codes": naics_codes,
    "psc_codes": psc_codes,
    "recipient_id": lambda _id: lambda _award: False,  # the fake's awards have no such ids
}
OF_AWARDS: dict[str, Callable[[Any], AwardTest]] = SAME_FOR_BOTH | {
    "keywords": keywords,
    "keyword_search": keyword_search_of_awards,
    "description": _description,
    "time_period": lambda periods: lambda award: any(award_in_period(award, period) for period in periods),
}
OF_ACTIONS: dict[str, Callable[[Any], ActionTest]] = {
    "keyword_search": keyword_search,
    "description": _action_description,
    "time_period": lambda periods: lambda award, action: any(action_in_period(award, action, p) for p in periods),
}


def awards_found(awards: Sequence[CorpusAward], filters: Filters, *, unquoted: bool = True) -> list[CorpusAward]:
    """Return the awards that an award search finds. `unquoted`: whether award ids without quotes find anything."""
    return _kept(awards, filters, OF_AWARDS, unquoted=unquoted)


def actions_found(
    awards: Sequence[CorpusAward], filters: Filters, *, unquoted: bool = True
) -> list[tuple[CorpusAward, CorpusAction]]:
    """Return the actions, each with its award, that a transaction search finds."""
    tests = [OF_ACTIONS[name](value) for name, value in filters.items() if name in OF_ACTIONS]
    return [
        (award, action)
        for award in _kept(awards, filters, SAME_FOR_BOTH, unquoted=unquoted)
        for action in award.actions
        if all(test(award, action) for test in tests)
    ]


def _kept(
    awards: Sequence[CorpusAward], filters: Filters, makers: Mapping[str, Callable[[Any], AwardTest]], *, unquoted: bool
) -> list[CorpusAward]:
    tests = [makers[name](value) for name, value in filters.items() if name in makers]
    if "award_ids" in filters:
        has_id = award_ids(filters["award_ids"], unquoted=unquoted)
        tests.append(lambda award: has_id(award.piid))
    return [award for award in awards if all(test(award) for test in tests)]
