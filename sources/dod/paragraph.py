"""Parsing one paragraph of the Department of Defense's announcements. Pure.

The grammar: `[CORRECTION:|UPDATE:] AWARDEES (is|was|are|has been ...) awarded [a] [maximum] $AMOUNT TYPE
(contract|modification (P00003)|order) [(PIID)] [to|under PIID] for ... Work will be performed in PLACE (78%), and is
expected to be completed by DATE. Fiscal 2026 ... funds in the amount of $X are being obligated ... ACTIVITY, City,
State, is the contracting activity (PIID). (Awarded DATE)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sources.dod.amounts import MONEY, doubtful_amount, own_amounts, read_amounts
from sources.dod.awardees import Awardee, read_awardees
from sources.dod.contract_numbers import ContractNumbers, read_contract_numbers
from sources.dod.corrections import (
    EARLIER_ONE,
    MARK,
    read_announced_day,
    read_corrected_awardees,
    self_correction,
    split_correction,
)
from sources.dod.text import DAY, DAY_OR_MONTH, Sentence, read_day, sentences
from sources.records import Amount

_ADVERBS = r"(?:\s+(?:also|both|each|all|hereby|now|being|been|be|not|actually|\w+ly))*"
VERB = re.compile(
    rf"(?<!that )\b(?:(?:is|are|was|were|has|have|had|will){_ADVERBS}\s+(?:awarded|issued|selected"
    rf"|added|granted|modified)"
    r"|(?:has|have) received|will (?:compete|share)|(?:is|are) (?:competing|sharing)|received"
    r"|awarded(?= (?:an? )?[$\w-]*\$))\b"
)
_GOES_ON = re.compile(
    r"\(|(?:Work|Fiscal|Bids?|Locations?|Type of|Using|Funds|Funding|Foreign Military|No|Awarded|Obligated)\b"
    r"|(?:The|This|These|Each|All|Both|Such)\s+(?:[\w-]+\s+){0,4}?(?:contracts?|orders?"
    r"|modifications?|options?|awards?|awardees?"
    r"|agreements?|actions?|acquisitions?|performance|ordering|contracting|locations?|primary|total"
    r"|cumulative|companies)\b"
)
_WITH_OTHERS = re.compile(r"\balong with (?:\w+ ){0,3}other (?:vendors|companies|contractors|awardees|offerors)\b")
_LIST = re.compile(r"^\W*(?:The |These )?(?:following|below)\b|\bfollowing (?:\w+ ){0,4}$", re.IGNORECASE)
_LIST_END = re.compile(r"(?:\)|,\s+[A-Z][\w. ]+?)\s*\.(?=\s|$)")
_PASSIVE = re.compile(
    r"^(?:An?|The|Contracts?|One|Two|Three|Four)\b.*?(?:contract|order|modification|agreement|\$)", re.DOTALL
)
_AFTER_TO = re.compile(
    r"^[^.;]*?\bto\s+(?=(?:the )?[A-Z])(.+?)(?:,?\s+(?:for|to|on|under|in (?:the amount|support))\b|\.\s|\.?$)",
    re.DOTALL,
)
_HEAD = (
    r"(?:contract modification|order modification|modification|task[- ]order contract|contract action"
    r"|contract option|option"
    r"|task order|delivery order|call order|job order|order|blanket purchase agreement|basic ordering agreement"
    r"|other transaction(?:al)?(?: authority)?(?: agreement)?|agreement|purchase order|contracts?"
    r"|orders|modifications|grant)"
)
_TYPE = re.compile(rf"^(.*?\b{_HEAD})\b", re.IGNORECASE | re.DOTALL)
_LEADING = re.compile(
    r"^(?:\W|(?:for each (?:task |delivery )?order (?:of|under) (?:the|an?)"
    r"|as (?:an? )?(?:\w+ )?awardees? (?:to|of|on|under)"
    r"|an?|the|each|one|of|for"
    r"|estimated|maximum|ceiling|combined|shared|total|cumulative|aggregate|overall|value[d]?|amount|potential"
    r"|not[- ]to[- ]exceed|up to|worth|at|with)\b)+",
    re.IGNORECASE,
)
_NUMBER_IN_BRACKETS = re.compile(r"\s*\([^()]*\d[^()]*\)")
_AWARDED_ON = re.compile(
    rf"\bawarded\b[^.;()]{{0,60}}?\bon\s+({DAY})|\(\s*(?:Actually )?[Aa]warded:?\s+(?:on\s+)?({DAY})"
    rf"|\bwas awarded\s+({DAY})"
)
_COMPLETION = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"((?:expected|estimated|scheduled|anticipated|slated|planned"
        rf"|projected)\s+(?:to\s+)?[^.;$]{{0,80}}?({DAY_OR_MONTH}))",
        rf"((?:estimated |performance |expected |ordering )*(?:completion|period|end) (?:completion "
        rf"|end )?date (?:of|is|will be|:)?\s*({DAY_OR_MONTH}))",
        rf"(with an?\s+({DAY_OR_MONTH}),?\s+(?:performance |ordering |estimated )*(?:completion|period"
        rf"|end)\w*(?: end)?(?: date)?)",
        rf"((?:complete[d]?|completion|conclude[d]?|continue|run|extend[s]?|performance|period"
        rf"|end[s]?)\b[^.;$]{{0,60}}?({DAY_OR_MONTH}))",
    )
)
_WORK = re.compile(
    r"(?:\b(?:Work|Services|Performance|Production|Construction)\b[^.;$]{0,60}?\b(?:performed"
    r"|take place|occur|accomplished|conducted)"
    r"|\b(?:[Ll]ocation|[Pp]lace)s? of performance (?:is|are|will be|include[s]?))"
    r"(?: primarily| mainly| mostly)?(?: in| at| within| on| aboard| throughout| worldwide in)?:?\s+",
)
_WORK_END = re.compile(
    r",?;?\s+(?:and\s+)?(?:(?:work|the work|performance)\s+)?(?:(?:is|are|will be|was)\s+(?:expected"
    r"|estimated|scheduled|anticipated|to be|completed)"
    r"|with an?\b|(?:will|shall) (?:be )?(?:complete|continue)|has an? (?:estimated|expected))",
)
_WORK_LATER = re.compile(r"\b(?:Work|Performance) locations?\b[^.]*?(?:determined|vary|specified)[^.,]*", re.IGNORECASE)
_ACTIVITY = re.compile(
    r"^(?:The\s+)?(.+?),?\s+(?:is|are|was|serves? as) (?:the )?contracting (?:activit(?:y|ies)|agency"
    r"|offices?|command)",
    re.DOTALL,
)
_ACTIVITY_AFTER = re.compile(
    r"contracting (?:activity|agency|office)(?: responsible for this action)? (?:is"
    r"|was)(?: with)?:?\s+(?:the\s+)?(.+?)\s*(?:\(|\.?$)",
    re.DOTALL,
)
_FUNDS = re.compile(r"\bfunds\b|appropriation|funding in the amount")
_COUNT = (
    r"\d+|no|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty(?:-\w+)?|\w+ty(?:-\w+)?"
)
_OFFERS = re.compile(
    rf"\b({_COUNT})\s+(?:\w+\s+){{0,2}}?(?:offers?|bids?|proposals?|quotes?|quotations?"
    rf"|responses?)(?:\s+(?:was|were|being|had been))?\s+received"
    rf"|received\s+({_COUNT})\s+(?:\w+\s+)?(?:offers?|bids?|proposals?|quotes?|responses?)"
    rf"|with\s+(?:only\s+)?({_COUNT})\s+(?:\w+\s+)?received",
    re.IGNORECASE,
)
_COMPETITION = re.compile(
    r"\b((?:not|limited|full and open|directed)?\s*(?:sole[- ]source|compet(?:itive|itively"
    r"|ed))(?: (?:\d\(a\) )?(?:acquisition|procured|procurement|solicited|award|set-aside))?"
    r"|full and open competition)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What one paragraph says. Texts are "" and dates `None` if not stated.

    `corrects`: the words in which it corrects an earlier one. `others`: clauses with amounts of another kind.
    `completion` and `work` are quoted; `ends` is set only where the completion is a full, unconditional day.
    `doubt` says which amount cannot be true. `own` holds each awardee's own amounts; `is_minimum`: the announced amount
    is a minimum.
    """

    awardees: tuple[Awardee, ...]
    amounts: tuple[Amount, ...]
    others: tuple[str, ...]
    type_text: str
    numbers: ContractNumbers
    signed: date | None
    ends: date | None
    completion: str
    work: str
    activity: str
    offers: str
    competition: str
    funds: str
    corrects: str
    doubt: str
    own: tuple[tuple[Amount, ...], ...] = ()
    is_minimum: bool = False


def is_continuation(line: str) -> bool:
    """Whether a line continues the announcement above it, which a page has split into several paragraphs."""
    if MARK.match(line) or EARLIER_ONE.match(sentences(line)[0].text):
        return False
    return line[:1].islower() or bool(_GOES_ON.match(line))


def read_paragraph(paragraph: str, published: date | None, *, correction: bool = False) -> Announcement | None:
    """Parse a paragraph; return `None` if it names no awardee.

    A correction needs an awardee or a contract number, so that it can be linked.

    Args:
        paragraph: its text on one line, with plain hyphens.
        published: the day of the article, for days that lack a year.
        correction: whether a heading above it says that it is one.
    """
    mark = MARK.match(paragraph)
    text = paragraph[mark.end() :] if mark else paragraph
    lead, text = split_correction(text) if mark or correction else ("", text)
    found = sentences(text)
    corrects = paragraph if mark or correction or EARLIER_ONE.match(found[0].text) else ""
    award, subject, after = _award(text, found)
    awardees = _awardees(text, subject, corrects=bool(corrects))
    kind = _type_text(after) or (_type_text(found[0].text) if corrects else "")
    numbers = read_contract_numbers(text, awardees, kind)
    if not awardees and not (corrects and numbers.piid):
        return None
    several = len(awardees) > 1 or bool(_WITH_OTHERS.search(text))
    amounts = read_amounts(found, award, several=several, by_awardee=[awardee.brackets for awardee in awardees])
    completion, ends = _completion(found)
    return Announcement(
        awardees=tuple(awardees),
        amounts=amounts.stated,
        others=amounts.others,
        own=tuple(own_amounts(awardee.brackets) for awardee in awardees),
        is_minimum=amounts.is_minimum,
        type_text=kind,
        numbers=numbers,
        signed=_signed(text, published) or read_announced_day(lead, published),
        ends=ends,
        completion=completion,
        work=_work(found),
        activity=_activity(found),
        offers=_first(_OFFERS, text),
        competition=_first(_COMPETITION, text),
        funds=" ".join(one.text for one in found[award + 1 :] if _FUNDS.search(one.text)),
        corrects=corrects or self_correction(found),
        doubt=doubtful_amount(text),
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    """Return the first group that a pattern matched, on one line, "" if none."""
    found = pattern.search(text)
    return " ".join(next(filter(None, found.groups()), "").split()) if found else ""


def _award(text: str, found: Sequence[Sentence]) -> tuple[int, str, str]:
    """Return the number of the sentence that announces the award, its subject, and the text after the verb."""
    for number, sentence in enumerate(found[:3]):
        verb = VERB.search(sentence.text)
        if not verb:
            continue
        subject, after = sentence.text[: verb.start()], sentence.text[verb.end() :]
        if _LIST.search(subject):
            return number, _listed(text, sentence.start + verb.end()), after
        passive = _AFTER_TO.match(after) if _PASSIVE.match(subject) else None
        if passive:
            return number, passive[1], subject
        return number, subject, after
    return 0, "", found[0].text


def _listed(text: str, start: int) -> str:
    """Return the awardees listed after a colon ("The following companies are awarded ...: A, City, State; ...")."""
    colon = text.find(":", start)
    if colon < 0:
        return ""
    last = text.rfind(";", colon)
    end = _LIST_END.search(text, max(last, colon))
    return text[colon + 1 : end.end() - 1 if end else len(text)]


def _awardees(text: str, subject: str, *, corrects: bool) -> list[Awardee]:
    awardees = read_awardees(subject)
    return read_corrected_awardees(text) if corrects and (not awardees or EARLIER_ONE.match(subject)) else awardees


def _type_text(after: str) -> str:
    """Return the kind of award ("firm-fixed-price modification") from what follows the verb."""
    mention = MONEY.search(after)
    lead = after[: mention.start()] if mention else ""
    words = (
        after[mention.end() :]
        if mention and not re.search(rf"\b{_HEAD}\b", _LEADING.sub("", lead), re.IGNORECASE)
        else after
    )
    words = _LEADING.sub("", _NUMBER_IN_BRACKETS.sub("", words[:400]))
    kind = _TYPE.match(words)
    return " ".join(kind[1].split()) if kind and len(kind[1]) <= 300 and "$" not in kind[1] else ""


def _signed(text: str, published: date | None) -> date | None:
    found = _AWARDED_ON.search(text)
    return read_day(next(filter(None, found.groups())), near=published) if found else None


def _completion(found: Sequence[Sentence]) -> tuple[str, date | None]:
    for pattern in _COMPLETION:
        for sentence in found:
            hit = pattern.search(sentence.text)
            if hit:
                conditional = re.search(r"if (?:all |the |any )*options?", sentence.text, re.IGNORECASE)
                words = " ".join(hit[1].split()) + (", if options are exercised" if conditional else "")
                return words, None if conditional else read_day(hit[2])
    return "", None


def _work(found: Sequence[Sentence]) -> str:
    """Return where the work is done, with percentages, as written."""
    for sentence in found:
        begins = _WORK.search(sentence.text)
        if begins:
            rest = sentence.text[begins.end() :]
            end = _WORK_END.search(rest)
            return re.sub(r"(?<!\.[A-Z])\.$", "", rest[: end.start() if end else len(rest)].strip()).strip(" ,;")
    later = next((hit for one in found if (hit := _WORK_LATER.search(one.text))), None)
    return later[0] if later else ""


def _activity(found: Sequence[Sentence]) -> str:
    for sentence in found:
        hit = _ACTIVITY.match(sentence.text) or _ACTIVITY_AFTER.search(sentence.text)
        if hit:
            return re.sub(r"\s*\([^()]*\)", "", hit[1]).strip(" ,;")
    return ""


_CLOSING = re.compile(r"\bcontracting (?:activity|agency)\b", re.IGNORECASE)
_GAP = re.compile(r"(?<=[.)])\s+(?=[A-Z0-9])")
MAX_SUBJECT_LENGTH = 600  # characters before the verb of an announcement that lacks a break before it


def split_announcements(line: str) -> list[str]:
    """Return the announcements of a line: one, or those after a contracting activity that begin with an awardee."""
    starts = [0]
    while begin := _next_begin(line, starts[-1]):
        starts.append(begin)
    return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], len(line)], strict=True)]


def _next_begin(line: str, start: int) -> int:
    """Return where another announcement begins, 0 if none does."""
    closing = _CLOSING.search(line, start)
    gaps = _GAP.finditer(line, closing.end()) if closing else ()
    return next((gap.end() for gap in gaps if _begins_another(line[gap.end() : gap.end() + MAX_SUBJECT_LENGTH])), 0)


def _begins_another(beginning: str) -> bool:
    verb = VERB.search(beginning)
    if not verb or is_continuation(beginning):
        return False
    subject = beginning[: verb.start()]
    return len(sentences(subject.strip())) == 1 and any(awardee.town for awardee in read_awardees(subject))
