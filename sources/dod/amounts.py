"""Parsing the amounts of an announcement, each with its meaning. Pure.

An announcement's first amount is what is announced, not what is obligated; "if all options are exercised", "maximum"
and "cumulative value" are ceilings; "funds in the amount of ... are being obligated" is what is committed now. They
are distinguished by the words around them in the same clause and sentence, and never added up. An amount in an
awardee's own brackets is that awardee's alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sources.dod.text import Sentence
from sources.records import Amount, AmountMeaning, InvalidRecord, dollars

MONEY = re.compile(
    r"\$\s?(\d{1,3}(?:,\s?\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:\s*(thousand|million|billion|trillion)\b)?", re.IGNORECASE
)
_TIMES = {"": 1, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_CEILING = re.compile(
    r"ceiling|maximum|not[- ]to[- ]exceed|\bNTE\b|up to|cumulative|potential|capacity|total (?:\w+ ){0,3}value"
    r"|face value|aggregate|if (?:all |the |these |any )*(?:\w+ )?options?|options?,? (?:which,? )?if exercised"
    r"|all options|including (?:the )?(?:\w+ ){0,3}options|could increase",
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
_CUMULATIVE = re.compile(
    r"\b(?:cumulative|face|total)\b[^;$]{0,60}\bvalue\b[^;$]{0,80}\b(?:to|is|of)\s*$", re.IGNORECASE
)
_EXPIRES = re.compile(r"^[\W\d]*(?:of which )?(?:will |shall )?(?:not )?expires?\b", re.IGNORECASE)
_MINIMUM = re.compile(r"minimum|guarantee", re.IGNORECASE)
_MINIMUM_BESIDE = re.compile(r"\bminimum(?: value)?(?: of)?\s*$", re.IGNORECASE)
_EARLIER = re.compile(
    r"(?:\bfrom|instead of|rather than|incorrectly|erroneously|\bnot|previous(?:ly)?(?: \w+){0,4})\s*$", re.IGNORECASE
)
_PER_ONE = re.compile(r"^\W*per\b", re.IGNORECASE)
_TOGETHER = re.compile(
    r"combined|shar(?:e|ing)|collective|multiple[- ]award|aggregate|each order|guarantee", re.IGNORECASE
)
_WORTH = re.compile(r"value|amount|total|worth|estimated", re.IGNORECASE)
_SEPARATE = re.compile(r"\b(?:per (?:awardee|contract)|each)\b", re.IGNORECASE)
# What the United States spent in fiscal year 2025, rounded (Monthly Treasury Statement, September 2025).
MAX_PLAUSIBLE_AMOUNT = Decimal(7_000_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountMention:
    """One amount in dollars, with the clause before and after it, its sentence, and its place in the paragraph."""

    dollars: Decimal
    words: str
    before: str
    after: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """The amounts of an announcement. `others`: clauses with amounts of none of the three meanings."""

    stated: tuple[Amount, ...]
    others: tuple[str, ...]
    is_minimum: bool = False


def read_amounts(found: Sequence[Sentence], award: int, *, several: bool, by_awardee: Sequence[str] = ()) -> Amounts:
    """Return the amounts of an announcement.

    Args:
        found: its sentences.
        award: which of them says that something is awarded.
        several: whether there are several awardees, so that amounts are theirs together.
        by_awardee: the text in brackets after each awardee, with that awardee's own amounts (`own_amounts`).
    """
    amounts: list[Amount] = []
    others: list[str] = []
    found = [_without_brackets(sentence, by_awardee) for sentence in found]
    for number, sentence in enumerate(found):
        earlier = set(amounts)
        for mention in _mentions(sentence):
            meanings = _meanings(mention, first=number == award, announced=amounts)
            shared = several and not _is_separate(mention)
            stated = [Amount(meaning=meaning, dollars=mention.dollars, shared=shared) for meaning in meanings]
            amounts += [amount for amount in stated if not _is_repeated(amount, amounts, earlier)]
            if not meanings:
                others.append(" ".join(f"{mention.before}{mention.words}{mention.after}".split()))
    return Amounts(
        stated=tuple(_announced(amounts, found)),
        others=tuple(others),
        is_minimum=any(_leads_as_minimum(mention, ()) for mention in _mentions(found[award])),
    )


def _is_repeated(amount: Amount, so_far: Sequence[Amount], earlier: set[Amount]) -> bool:
    """Whether an amount was stated before. Two funds of which one sentence obligates as much are two amounts."""
    return amount in earlier or (amount.meaning is not AmountMeaning.OBLIGATED and amount in so_far)


def own_amounts(brackets: str) -> tuple[Amount, ...]:
    """Return the amounts that stand in an awardee's own brackets."""
    return read_amounts([Sentence(0, brackets)], 0, several=False).stated


def _without_brackets(sentence: Sentence, brackets: Sequence[str]) -> Sentence:
    text = sentence.text
    for bracket in filter(None, brackets):
        text = text.replace(f"({bracket})", "")
    return replace(sentence, text=text)


def _is_separate(mention: AmountMention) -> bool:
    """Whether each of several awardees has the amount to itself."""
    if _SEPARATE.search(mention.after):
        return True
    return bool(re.search(r"\beach\b", mention.before)) and not _TOGETHER.search(mention.sentence)


def _announced(amounts: list[Amount], found: Sequence[Sentence]) -> list[Amount]:
    """Where "this award action" has an amount of its own, what was named before it is the ceiling alone.

    Where the correct amount is given, what else was named is the wrong one.
    """
    mentions = [mention for sentence in found for mention in _mentions(sentence)]
    own = {mention.dollars for mention in mentions if _states_this_action(mention)}
    if not own:
        return amounts
    if any(_CORRECTED.search(mention.before) for mention in mentions):
        return [one for one in amounts if one.meaning is not AmountMeaning.ANNOUNCED or one.dollars in own]
    ceilings = {amount.dollars for amount in amounts if amount.meaning is AmountMeaning.CEILING}
    return [
        amount
        for amount in amounts
        if not (amount.meaning is AmountMeaning.ANNOUNCED and amount.dollars in ceilings and amount.dollars not in own)
    ]


def _states_this_action(mention: AmountMention) -> bool:
    stated = _THIS_ACTION.search(mention.before) or _CORRECTED.search(mention.before)
    return bool(stated) and not _OBLIGATES.search(mention.sentence)


def _meanings(mention: AmountMention, *, first: bool, announced: Sequence[Amount]) -> list[AmountMeaning]:
    if _EARLIER.search(mention.before) or _PER_ONE.match(mention.after) or _EXPIRES.match(mention.after):
        return []
    if _MINIMUM.search(mention.before[-40:] + _up_to_comma(mention.after)):
        return [AmountMeaning.ANNOUNCED] if first and _leads_as_minimum(mention, announced) else []
    if _states_this_action(mention):
        return [AmountMeaning.ANNOUNCED]
    is_sum = _is_cumulative(mention)
    if not is_sum and (
        _OBLIGATES.search(mention.before + mention.after) or (not first and _OBLIGATES.search(mention.sentence))
    ):
        return [] if _LATER.search(mention.after) else [AmountMeaning.OBLIGATED]
    has_announced = any(amount.meaning is AmountMeaning.ANNOUNCED for amount in announced)
    leads = not (is_sum and has_announced) and (first or (not has_announced and bool(_WORTH.search(mention.before))))
    ceiling = [AmountMeaning.CEILING] if _CEILING.search(_context(mention, first=leads)) else []
    return [AmountMeaning.ANNOUNCED, *ceiling] if leads else ceiling


def _is_cumulative(mention: AmountMention) -> bool:
    """Whether it is the value of a contract so far ("bringing the total cumulative face value of the contract to")."""
    found = _CUMULATIVE.search(mention.before)
    return found is not None and not _OBLIGATES.search(found[0])


def _leads_as_minimum(mention: AmountMention, announced: Sequence[Amount]) -> bool:
    """Whether an award is announced by its minimum alone ("awarded a minimum $5,000,000 contract")."""
    alone = not announced and "maximum" not in mention.sentence.lower()
    return alone and bool(_MINIMUM_BESIDE.search(mention.before))


def _context(mention: AmountMention, *, first: bool) -> str:
    """Return the words that say what kind of amount it is: of an award's own, only those right beside it."""
    if not first:
        return f"{mention.before} {mention.after}"
    return f"{mention.before[-60:]} {_up_to_comma(mention.after)}"


def _up_to_comma(after: str) -> str:
    return re.split(r"[,;]", after[:40], maxsplit=1)[0]


def doubtful_amount(text: str) -> str:
    """Return a sentence about the first amount that cannot be true (part of a cent, beyond all reason), "" if none."""
    read = [(mark[0][:80], _dollars(mark)) for mark in MONEY.finditer(text)]
    odd = next((words for words, value in read if value is None), "")
    if odd:
        return f"an amount that cannot be true: {odd}"
    absurd = next((words for words, value in read if value is not None and value > MAX_PLAUSIBLE_AMOUNT), "")
    return f"an amount larger than the whole federal budget: {absurd}" if absurd else ""


def _dollars(mark: re.Match[str]) -> Decimal | None:
    try:
        return dollars(Decimal(re.sub(r"[,\s]", "", mark[1])) * _TIMES[(mark[2] or "").lower()])
    except InvalidRecord:
        return None


def _mentions(sentence: Sentence) -> Iterator[AmountMention]:
    marks = [(mark, value) for mark in MONEY.finditer(sentence.text) if (value := _dollars(mark)) is not None]
    for number, (mark, value) in enumerate(marks):
        begin = marks[number - 1][0].end() if number else 0
        end = marks[number + 1][0].start() if number + 1 < len(marks) else len(sentence.text)
        before = sentence.text[begin : mark.start()].rsplit(";", 1)[-1]
        after = sentence.text[mark.end() : end].split(";", 1)[0]
        yield AmountMention(dollars=value, words=mark[0], before=before, after=after, sentence=sentence.text)
