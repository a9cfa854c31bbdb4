"""Names of companies as a title writes them: PANAMERICA COMPUTERS, INC. is Panamerica Computers."""

from __future__ import annotations

import re
from functools import lru_cache

from feeds.text import one_line
from sources.words import LEGAL_FORMS

_FORMS = frozenset(word for form in LEGAL_FORMS for word in form.split()) | {"LIABILITY", "PARTNERSHIP"}
_SMALL = frozenset({"AND", "AT", "BY", "DE", "FOR", "IN", "OF", "ON", "THE", "TO"})
# Words of three letters that are no abbreviations.
_SHORT = """
AIR ALL ART BAY BIG BIO BOX CAR CAT EYE FLY GAS GUN JET JOE KEY LAB LAW LEE MAP NET NEW OAK OIL OLD ONE OUR PRO RAY RED
SEA SIX SKY SUN TEN TOP TWO VAN WEB
"""
_SHORT_WORDS = frozenset(_SHORT.split())
_WORD = re.compile(r"[^\W_]+(?:['&][^\W_]+)*")


@lru_cache(2_000)
def company_name(name: str) -> str:
    """Return a company's name without its legal form; a name all in capitals gets lower case, abbreviations stay."""
    words = one_line(name).split()
    while len(words) > 1 and (_letters(words[-1]) in _FORMS or not _letters(words[-1])):
        words.pop()
    plain = " ".join(words).rstrip(" ,;-")
    if plain.upper() != plain:
        return plain
    written = _WORD.sub(lambda found: _in_case(found[0]), plain)
    return written[:1].upper() + written[1:]


def is_same_company(first: str, second: str) -> bool:
    """Return whether one name begins with the other: "Palantir" and "PALANTIR USG, INC."."""
    one, other = sorted((_letters(company_name(first)), _letters(company_name(second))), key=len)
    return bool(one) and other.startswith(one)


def _in_case(word: str) -> str:
    if word in _SMALL:
        return word.lower()
    is_abbreviation = not set("AEIOUY") & set(word) or (len(word) <= 3 and word not in _SHORT_WORDS)
    return word if is_abbreviation or not word.replace("'", "").isalpha() else word.capitalize()


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.upper()))
