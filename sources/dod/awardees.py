"""Parsing the awardees: the subject of an announcement's first sentence. Pure.

The grammar, as seen in the daily announcements: `Name[,*] [doing business as X,] [Division,] City, State[ (PIID)]`,
several of them separated by semicolons, the last after "and". Stars are explained by the page's footer ("*Small
business"); places abroad lack a state.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

from sources.dod.amounts import MONEY
from sources.dod.text import is_country, is_province, state_code

# FAR 4.1603: six characters of activity address, two digits of year, one letter of instrument, four of serial number.
# The last form is a damaged one, with a space beside a dash or for one ("FA8575-25-F B001").
PIID = re.compile(
    r"(?<![A-Z0-9-])(?:[A-Z0-9]{5,6}-\d{2}-[A-Z]-[A-Z0-9]{3,8}"
    r"|(?=[A-Z0-9]{0,5}[A-Z])[A-Z0-9]{6}-?\d{2}-?[A-Z]-?[A-Z0-9]{4}"
    r"|GS-?\d{2}[A-Z]-?\d{3,4}[A-Z]{1,2}"
    r"|(?=[A-Z]{1,5}\d)(?=[A-Z0-9 ]{6,13}-)[A-Z0-9]{6}(?: ?- ?| )\d{2}(?: ?- ?| )[A-Z](?: ?- ?| )[A-Z0-9]{4}"
    r")(?![A-Z0-9]|-[A-Z0-9])"
)
_PARENTHESIS = re.compile(r"\s*\(([^()]*)\)")
_STARS = re.compile(r"\*+")
_LEGAL_FORM = re.compile(
    r"(?:\b(?:Inc|Incorporated|Corp|Corporation|Co|Cos|Company|Companies|Ltd|Limited|LLC|L\.L\.C|LLP"
    r"|L\.L\.P|LP|L\.P|PLC|plc"
    r"|PC|P\.C|PLLC|JV\d*|JV \d+|J\.V|Joint Venture|GmbH|mbH|KG|AG|SE|SA|S\.A|SAS|S\.A\.S|SpA|S\.p\.A"
    r"|SRL|Srl|S\.r\.l|BV|B\.V"
    r"|NV|N\.V|AB|AS|A/S|ASA|Oy|Oyj|Pty|Pte|WLL|W\.L\.L|FZE|FZC|KK|K\.K|ULC|Partnership|University"
    r"|Institute|Laborator(?:y|ies)"
    r"|Foundation|Trust))\.?$"
)
_BARE_FORM = re.compile(
    r"(?:Inc|Incorporated|Corp|Corporation|Co|Company|Ltd|Limited|LLC|L\.L\.C|LLP|LP|L\.P|PLC|PC|PLLC"
    r"|GmbH|AG|SA|S\.A|JV)\.?",
    re.IGNORECASE,
)
_TRADES_AS = re.compile(r"(?:doing business as|trading as|d/b/a|d\.b\.a\.?|dba|DBA)\s", re.IGNORECASE)
_DESCRIBED = re.compile(r"(?:an?|part of|formerly|previously|also known as|now|c/o|on behalf of)\s")
_NOBODY = re.compile(
    r"(?:(?:the|this|that|these|those|an?|each|all|both|no|one|other|previous(?:ly)?|it|they|which|who)\b.{0,80}?)?\b"
    r"(?:contracts?|orders?|modifications?|awards?|awardees?|agreements?|actions?|options?"
    r"|announcements?|funds|funding|it|they"
    r"|bids?|offers?|proposals?|which|who|this|these|work)",
    re.IGNORECASE | re.DOTALL,
)
MAX_NAME_LENGTH = 300
_AND = re.compile(r"(?:,\s*|\s+)and\s+(?=[A-Z0-9])")
_AFTER_NUMBER = re.compile(r"(?<=\))\s*,\s*(?:and\s+)?(?=[A-Z0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Awardee:
    """One company an announcement names. `name` holds a trade name too ("X doing business as Y").

    `state` is a postal code, "" abroad or unknown; `town` the place as written; `stars` what the footer explains;
    `piids` the numbers in parentheses after it, as written; `brackets` the text of such parentheses if they state an
    amount; `described` other words between name and place.
    """

    name: str
    town: str = ""
    state: str = ""
    stars: str = ""
    piids: tuple[str, ...] = ()
    brackets: str = ""
    described: str = ""


def read_awardees(subject: str) -> list[Awardee]:
    """Return the awardees that a sentence's subject lists, in order; [] when there is none."""
    parts = _rejoin_places([part for piece in _outside_parentheses(subject) for part in _split_awardees(piece)])
    return [awardee for part in parts if (awardee := _awardee(part))]


def normalize_piid(piid: str) -> str:
    """Return a contract number as USAspending writes it: upper case, without dashes or blanks."""
    return re.sub(r"[\s-]", "", piid).upper()


def _outside_parentheses(subject: str) -> list[str]:
    """Split at semicolons that stand in no parenthesis."""
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(subject):
        depth = max(0, depth + (character == "(") - (character == ")"))
        if character == ";" and depth == 0:
            pieces.append(subject[start:position])
            start = position + 1
    return [*pieces, subject[start:]]


def _split_awardees(piece: str) -> list[str]:
    """Split "A, City, State, and B, City, State" and "A, City, State (PIID), B ...", where both halves have a place."""
    for separator in (_AFTER_NUMBER, _AND):
        for found in separator.finditer(piece):
            left, right = piece[: found.start()], piece[found.end() :]
            if _ends_in_place(left) and _ends_in_place(right):
                return [left, *_split_awardees(right)]
    return [piece]


def _rejoin_places(parts: list[str]) -> list[str]:
    """Rejoin a place that a stray semicolon separated from its company."""
    joined: list[str] = []
    for part in parts:
        words = _split_at_commas(_without_notes(part))
        cut_off = len(words) == 2 and _is_place(words[1]) and not _LEGAL_FORM.search(words[0])
        if joined and cut_off and not _ends_in_place(joined[-1]):
            joined[-1] = f"{joined[-1].rstrip(' ,')}, {part.strip()}"
        else:
            joined.append(part)
    return joined


def _without_notes(part: str) -> str:
    return _STARS.sub("", _PARENTHESIS.sub("", part))


def _split_at_commas(text: str) -> list[str]:
    return [element for element in (piece.strip() for piece in text.split(",")) if element]


def _is_place(element: str) -> bool:
    return bool(state_code(element)) or is_country(element) or is_province(element)


def _ends_in_place(part: str) -> bool:
    words = _split_at_commas(_without_notes(part))
    return len(words) >= 2 and _is_place(words[-1])


def _awardee(part: str) -> Awardee | None:
    part = re.sub(r"^(?:\s|,)*(?:(?:and|or)\s+)?", "", part).strip(" ,")
    brackets = _PARENTHESIS.findall(part)
    piids = tuple(PIID.findall(" ".join(brackets)))
    stated = next((bracket for bracket in brackets if MONEY.search(bracket)), "")
    stars = "".join(_STARS.findall(part)[:1])
    kept = _PARENTHESIS.sub(lambda found: "" if PIID.search(found[1]) or MONEY.search(found[1]) else found[0], part)
    words = _split_at_commas(_STARS.sub("", kept))
    if not words or not re.search(r"[^\W\d_]{2}", words[0]):
        return None
    words, trade = _without_trade_names(words)
    awardee = _placed(words)
    awardee = replace(awardee, name=" ".join([awardee.name, *trade]), stars=stars, piids=piids, brackets=stated)
    somebody = 0 < len(awardee.name) <= MAX_NAME_LENGTH and "$" not in awardee.name
    return awardee if somebody and not _NOBODY.fullmatch(awardee.name) else None


def _placed(words: list[str]) -> Awardee:
    """Split the name from the place, which is at the end."""
    last = words[-1]
    if len(words) == 1:
        return Awardee(name=last)
    if not _is_place(last):
        return _of_unknown_place(words)
    size = 1
    if is_country(last) and len(words) > 3 and (is_province(words[-2]) or state_code(words[-2])):
        size = 2
    town = words[-size - 1] if len(words) > size + 1 else ""
    if town and not _BARE_FORM.fullmatch(town) and not _DESCRIBED.match(town):
        size += 1
    name, described = _named(words[:-size])
    return Awardee(name=name, town=", ".join(words[-size:]), state=state_code(last), described=described)


def _of_unknown_place(words: list[str]) -> Awardee:
    name, described = _named(words)
    return Awardee(name=name, described=described)


def _named(words: list[str]) -> tuple[str, str]:
    """Split the name, with its legal form, from other words about the company."""
    size = 1
    while size < len(words) and _BARE_FORM.fullmatch(words[size]):
        size += 1
    if not _LEGAL_FORM.search(words[size - 1]):
        size = _until_legal_form(words, size)
    return ", ".join(words[:size]), ", ".join(words[size:])


def _without_trade_names(words: list[str]) -> tuple[list[str], list[str]]:
    """Remove "doing business as X", with a legal form after a comma; return the rest and the trade names."""
    kept: list[str] = words[:1]
    trade: list[str] = []
    for before, word in itertools.pairwise(words):
        if _TRADES_AS.match(word):
            trade.append(word)
        elif trade and _TRADES_AS.match(before) and _BARE_FORM.fullmatch(word):
            trade[-1] += f", {word}"
        else:
            kept.append(word)
    return kept, trade


def _until_legal_form(words: list[str], size: int) -> int:
    """Extend a name over commas, as in "Science, Engineering, and Management LLC"."""
    for position in range(size, len(words)):
        if _DESCRIBED.match(words[position]):
            break
        if _LEGAL_FORM.search(words[position]):
            return position + 1
    return size
