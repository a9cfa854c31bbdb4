"""The amounts an announcement states, each with what it stands for. Pure.

An announcement's first amount is what is announced, not what is obligated; "if all options are exercised", "maximum"
and "cumulative value" are ceilings; "funds in the amount of ... are being obligated" is what is committed now. They
are told apart by the words around them, within their own clause and sentence, and never added up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sources.dod_wording import Sentence
from sources.records import Amount, AmountMeaning, InvalidRecord, dollars

MONEY = re.compile(
    r"\$\s?(\d{1,3}(?:,\s?\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:\s*(thousand|million|billion|trillion)\b)?", re.IGNORECASE
)
_TIMES = {"": 1, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_CEILING = re.compile(
    r"ceiling|maximum|not[- ]to[- ]exceed|\bNTE\b|up to|cumulative|potential|capacity|total (?:\w+ ){0,3}value"
    r"|face value|aggregate|if (?:all |the |these |any )*(?:\w+ )?options?|options?,? (?:which,? )?if exercised"
    r"|all options|including (?:the )?(?:\w+ ){0,3}options",
    re.IGNORECASE,
)
_THIS_ACTION = re.compile(r"\b(?:this|the) (?:\w+ )?action\b", re.IGNORECASE)
_CORRECTED = re.compile(
    r"\bcorrect(?:ed)? (?:\w+ ){0,3}(?:amount|value)|should (?:have )?(?:be|been|read)\b", re.IGNORECASE
)
_OBLIGATES = re.compile(r"obligat|funds? in the (?:total )?amount of|funding in the amount of", re.IGNORECASE)
_LATER = re.compile(
    r"when (?:\w+ ){0,3}(?:available|needed|required)|as (?:\w+ ){0,3}(?:available|orders|issued)"
    r"|subject to|upon|incrementally funded"
    r"|at a later|future|become available|(?:will|are|is)? not (?:be|being) obligated|as individual|with each",
    re.IGNORECASE,
)
_MINIMUM = re.compile(r"minimum|guarantee", re.IGNORECASE)
_EARLIER = re.compile(
    r"(?:\bfrom|instead of|rather than|incorrectly|erroneously|\bnot|previous(?:ly)?(?: \w+){0,4})\s*$", re.IGNORECASE
)
_PER_ONE = re.compile(r"^\W*per\b", re.IGNORECASE)
_TOGETHER = re.compile(
    r"combined|shar(?:e|ing)|collective|multiple[- ]award|aggregate|each order|guarantee", re.IGNORECASE
)
_SEPARATE = re.compile(r"\b(?:per (?:awardee|contract)|each)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """One amount in dollars, with the clause before and after it, its sentence, and its place in the paragraph."""

    dollars: Decimal
    words: str
    before: str
    after: str
    sentence: str


def read_amounts(found: Sequence[Sentence], award: int, *, several: bool) -> tuple[tuple[Amount, ...], list[str]]:
    """Return the amounts of an announcement, and the clauses of those that are neither of the three kinds.

    Args:
        found: its sentences.
        award: which of them says that something is awarded.
        several: whether there are several awardees, so that amounts are theirs together.
    """
    amounts: list[Amount] = []
    others: list[str] = []
    for number, sentence in enumerate(found):
        for money in _monies(sentence):
            meanings = _meanings(money, first=number == award, announced=amounts)
            shared = several and not _is_separate(money)
            amounts += [Amount(meaning=meaning, dollars=money.dollars, shared=shared) for meaning in meanings]
            if not meanings:
                others.append(" ".join(f"{money.before}{money.words}{money.after}".split()))
    return tuple(dict.fromkeys(_announced(amounts, found))), others


def _is_separate(money: Money) -> bool:
    """Whether each of several awardees has the amount to itself."""
    if _SEPARATE.search(money.after):
        return True
    return bool(re.search(r"\beach\b", money.before)) and not _TOGETHER.search(money.sentence)


def _announced(amounts: list[Amount], found: Sequence[Sentence]) -> list[Amount]:
    """Where "this award action" has an amount of its own, what was named before it is the ceiling alone.

    Where the correct amount is given, what else was named is the wrong one.
    """
    monies = [money for sentence in found for money in _monies(sentence)]
    own = {money.dollars for money in monies if _is_own(money)}
    if not own:
        return amounts
    if any(_CORRECTED.search(money.before) for money in monies):
        return [one for one in amounts if one.meaning is not AmountMeaning.ANNOUNCED or one.dollars in own]
    ceilings = {amount.dollars for amount in amounts if amount.meaning is AmountMeaning.CEILING}
    return [
        amount
        for amount in amounts
        if not (amount.meaning is AmountMeaning.ANNOUNCED and amount.dollars in ceilings and amount.dollars not in own)
    ]


def _is_own(money: Money) -> bool:
    stated = _THIS_ACTION.search(money.before) or _CORRECTED.search(money.before)
    return bool(stated) and not _OBLIGATES.search(money.sentence)


def _meanings(money: Money, *, first: bool, announced: Sequence[Amount]) -> list[AmountMeaning]:
    if (
        _EARLIER.search(money.before)
        or _PER_ONE.match(money.after)
        or _MINIMUM.search(money.before[-40:] + money.after[:40])
    ):
        return []
    if _is_own(money):
        return [AmountMeaning.ANNOUNCED]
    if _OBLIGATES.search(money.before + money.after) or (not first and _OBLIGATES.search(money.sentence)):
        return [] if _LATER.search(money.after) else [AmountMeaning.OBLIGATED]
    ceiling = [AmountMeaning.CEILING] if _CEILING.search(_near(money, first=first)) else []
    has_announced = any(amount.meaning is AmountMeaning.ANNOUNCED for amount in announced)
    if first or (not has_announced and re.search(r"value|amount|total|worth|estimated", money.before, re.IGNORECASE)):
        return [AmountMeaning.ANNOUNCED, *ceiling]
    return ceiling


def _near(money: Money, *, first: bool) -> str:
    """Return the words that say what kind of amount it is: of an award's own, only those right beside it."""
    if not first:
        return f"{money.before} {money.after}"
    return f"{money.before[-60:]} {re.match(r'[^,;]{0,40}', money.after)[0]}"  # type: ignore[index]  # it always matches


def doubtful_amount(text: str) -> str:
    """Return a sentence about the first amount that cannot be true (part of a cent, beyond all reason), "" if none."""
    odd = next((mark[0] for mark in MONEY.finditer(text) if _dollars(mark) is None), "")
    return f"an amount that cannot be true: {odd[:80]}" if odd else ""


def _dollars(mark: re.Match[str]) -> Decimal | None:
    try:
        return dollars(Decimal(re.sub(r"[,\s]", "", mark[1])) * _TIMES[(mark[2] or "").lower()])
    except InvalidRecord:
        return None


def _monies(sentence: Sentence) -> Iterator[Money]:
    marks = [(mark, value) for mark in MONEY.finditer(sentence.text) if (value := _dollars(mark)) is not None]
    for number, (mark, value) in enumerate(marks):
        begin = marks[number - 1][0].end() if number else 0
        end = marks[number + 1][0].start() if number + 1 < len(marks) else len(sentence.text)
        before = sentence.text[begin : mark.start()].rsplit(";", 1)[-1]
        after = sentence.text[mark.end() : end].split(";", 1)[0]
        yield Money(dollars=value, words=mark[0], before=before, after=after, sentence=sentence.text)
