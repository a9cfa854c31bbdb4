"""Which awards and actions a search finds, filter by filter: OR inside a filter, AND between filters.

The rules are those of USAspending's `query_with_filters.py`, told in plain Python instead of Elasticsearch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from procurewatch.demo.checks import EARLIEST, GROUPS
from procurewatch.demo.corpus import CorpusAction, CorpusAward

WORD = re.compile(r"[0-9A-Z]+")
FAR_FUTURE = date(9999, 12, 31)


def words(text: str) -> list[str]:
    """Return the words of `text`, upper case, plurals made singular as the index's minimal English stemmer does."""
    return [singular(word) for word in WORD.findall(text.upper())]


@lru_cache(maxsize=50_000)
def spaced(text: str) -> str:
    """Return the words of `text`, each behind a space: what a phrase is looked for in."""
    return "".join(f" {word}" for word in words(text))


@lru_cache(maxsize=64)
def phrases(sought: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what finds any of the phrases: their words side by side, the last one as a prefix."""
    known = ["".join(f" {word}" for word in words(text)) for text in sought if words(text)]
    return re.compile("|".join(known)) if known else None


def singular(word: str) -> str:
    """Return `word` without its plural ending: "PHONES" -> "PHONE", "COMPANIES" -> "COMPANY"; "US", "GLASS" stay."""
    if len(word) < 4 or not word.endswith("S") or word.endswith(("US", "SS", "AES", "EES", "OES", "AIES", "EIES")):
        return word
    return word[:-3] + "Y" if word.endswith("IES") else word[:-1]


def has_phrase(texts: Iterable[str | None], sought: Sequence[str]) -> bool:
    """Whether one of the phrases `sought` stands in one of the texts."""
    pattern = phrases(tuple(sought))
    return pattern is not None and any(pattern.search(spaced(text)) for text in texts if text)


@lru_cache(maxsize=64)
def codes(keywords: tuple[str, ...]) -> frozenset[str]:
    """Return the words of all keywords as they stand: a transaction search asks for a PIID by any of them, whole."""
    return frozenset(word for keyword in keywords for word in WORD.findall(keyword.upper()))


def begins_with_keyword(piid: str, keywords: Sequence[str]) -> bool:
    """Whether the PIID begins with a keyword: an award search asks for "keyword*"."""
    return piid.upper().startswith(tuple(keyword.upper() for keyword in keywords))


def award_keywords(award: CorpusAward, keywords: Sequence[str]) -> bool:
    """Whether a keyword finds the award. Its recipient's parent name is not looked at; the parent's UEI is."""
    texts = (
        award.recipient_name,
        award.naics_description,
        award.psc_description,
        award.psc_code,
        award.shown_description,
        award.recipient_uei,
        award.recipient_parent_uei,
    )
    return has_phrase(texts, keywords) or begins_with_keyword(award.piid, keywords)


def action_keywords(award: CorpusAward, action: CorpusAction, keywords: Sequence[str]) -> bool:
    """Whether a keyword finds the action: more fields than on awards, among them the parent's and agencies' names."""
    texts = (
        award.recipient_name,
        award.recipient_parent_name,
        award.naics_code,
        award.naics_description,
        award.psc_code,
        award.psc_description,
        action.description,
        award.shown_description,
        award.awarding_toptier_name,
        award.awarding_sub_name,
        award.funding_toptier_name,
        award.funding_sub_name,
        award.type_description,
        action.modification,
        award.recipient_uei,
        award.recipient_parent_uei,
    )
    return has_phrase(texts, keywords) or award.piid.upper() in codes(tuple(keywords))


def recipient_finds(award: CorpusAward, sought: Sequence[str]) -> bool:
    """Whether a text stands in the recipient's or its parent's name, letter by letter, or begins one of the UEIs."""
    names = [name.upper() for name in (award.recipient_name, award.recipient_parent_name) if name]
    ueis = [uei.upper() for uei in (award.recipient_uei, award.recipient_parent_uei) if uei]
    return any(
        any(text.upper() in name for name in names) or any(uei.startswith(text.upper()) for uei in ueis)
        for text in sought
    )


def piid_finds(award: CorpusAward, sought: Sequence[str]) -> bool:
    """Whether a PIID is meant: in double quotes exactly, else as a regular expression for the whole of it."""
    for text in sought:
        if text.startswith('"') and text.endswith('"'):
            if text.strip('"') == award.piid:
                return True
        elif re.fullmatch(text, award.piid, re.IGNORECASE):
            return True
    return False


def type_fits(award: CorpusAward, codes: Sequence[str]) -> bool:
    """Whether the award is of one of these types; where the type is not known, any of its group's codes will do."""
    if award.type is not None:
        return award.type in codes
    return bool(set(GROUPS[award.group]) & set(codes))


def agencies_fit(award: CorpusAward, wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the agencies asked for are the award's, by exact name; awarding and funding must both fit if given."""
    by_role: dict[str, list[bool]] = {}
    for agency in wanted:
        role, tier = agency["type"], agency["tier"]
        name = getattr(award, f"{role}_{'sub' if tier == 'subtier' else 'toptier'}_name")
        fits = name == agency.get("name")
        if tier == "subtier" and agency.get("toptier_name"):
            fits = fits and getattr(award, f"{role}_toptier_name") == agency["toptier_name"]
        by_role.setdefault(role, []).append(fits)
    return all(any(answers) for answers in by_role.values())


def amount_fits(award: CorpusAward, ranges: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the award's amount lies in one of the ranges, bounds included; an unknown amount lies in none."""
    total = award.total
    return total is not None and any(
        (bounds.get("lower_bound") is None or total >= Decimal(str(bounds["lower_bound"])))
        and (bounds.get("upper_bound") is None or total <= Decimal(str(bounds["upper_bound"])))
        for bounds in ranges
    )


def within(day: date | None, first: date, last: date) -> bool:
    """Whether a known day lies in the period, both ends included. A `datetime` counts by its date."""
    return day is not None and first.isoformat() <= day.isoformat()[:10] <= last.isoformat()


def award_in_period(award: CorpusAward, period: Mapping[str, str]) -> bool:
    """Whether the award falls in the period. Without a date type: active in it, by latest action and date signed."""
    first, last = period_of(period)
    latest, signed = award.latest.action_date if award.actions else None, award.date_signed
    match period.get("date_type"):
        case "action_date":
            return within(latest, first, last)
        case "date_signed" | "new_awards_only":
            return within(signed, first, last)
        case "last_modified_date":
            return within(award.last_modified_date, first, last)
        case _:
            return within(latest, first, FAR_FUTURE) and within(signed, date.min, last)


def action_in_period(award: CorpusAward, action: CorpusAction, period: Mapping[str, str]) -> bool:
    """Whether the action falls in the period, by its own date or the award's date signed or last modified."""
    first, last = period_of(period)
    match period.get("date_type"):
        case "date_signed":
            return within(award.date_signed, first, last)
        case "last_modified_date":
            return within(award.last_modified_date, first, last)
        case "new_awards_only":
            return within(action.action_date, first, last) and within(award.date_signed, first, last)
        case _:
            return within(action.action_date, first, last)


def period_of(period: Mapping[str, str]) -> tuple[date, date]:
    """Return the period's ends; a missing one is as early or late as the search goes."""
    first, last = period.get("start_date"), period.get("end_date")
    return date.fromisoformat(first) if first else EARLIEST, date.fromisoformat(last) if last else FAR_FUTURE


def award_found(award: CorpusAward, filters: Mapping[str, Any]) -> bool:
    """Whether an award search with these filters finds the award."""
    return common_fit(award, filters) and all(
        (
            "keywords" not in filters or award_keywords(award, filters["keywords"]),
            "description" not in filters or has_phrase([award.shown_description], [filters["description"]]),
            "time_period" not in filters or any(award_in_period(award, p) for p in filters["time_period"]),
        )
    )


def action_found(award: CorpusAward, action: CorpusAction, filters: Mapping[str, Any]) -> bool:
    """Whether a transaction search with these filters finds the action."""
    return common_fit(award, filters) and all(
        (
            "keywords" not in filters or action_keywords(award, action, filters["keywords"]),
            "description" not in filters or has_phrase([action.description], [filters["description"]]),
            "time_period" not in filters or any(action_in_period(award, action, p) for p in filters["time_period"]),
        )
    )


def common_fit(award: CorpusAward, filters: Mapping[str, Any]) -> bool:
    """Whether the award fits the filters that ask the same of awards and of actions."""
    tests: dict[str, Callable[[CorpusAward, Any], bool]] = {
        "award_type_codes": type_fits,
        "recipient_search_text": recipient_finds,
        "award_ids": piid_finds,
        "agencies": agencies_fit,
        "award_amounts": amount_fits,
        "award_unique_id": lambda award, key: award.key == key.upper(),
        "naics_codes": lambda award, codes: (award.naics_code or "").startswith(tuple(codes)),
        "psc_codes": lambda award, codes: (award.psc_code or "").startswith(tuple(codes)),
    }
    return all(test(award, filters[name]) for name, test in tests.items() if name in filters)
