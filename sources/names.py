"""Names of recipients: whether a row has a name or only contains it. Pure.

A search for a short name (THORN, SITA) also finds companies whose names contain it (HAWTHORNE, UNIVERSITA). Fetching
all of their awards would take thousands of requests, so a row is compared with the name before its award is fetched.
The matcher decides later what a record matches; this comparison may accept too much, never too little.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from sources.words import GENERIC_WORDS, LEGAL_FORMS

CACHED_NAMES = 4_096

_FORM_WORDS = frozenset(word for form in LEGAL_FORMS for word in form.split())
_ADDED_WORDS = _FORM_WORDS | GENERIC_WORDS
# Between two names of one company: DBA, FKA and the like, or a bracket.
_OTHER_NAME = re.compile(
    r"\b(?:D\W?B\W?A|[FNA]\W?K\W?A|DOING BUSINESS AS|TRADING AS|(?:FORMERLY|NOW|ALSO) KNOWN AS|FORMERLY)\b|[()]"
)
_ACRONYM = re.compile(r"\s*[\w&.]{2,8}\s+-\s+")  # ANDE - ANDE CORP
_DROPPED = re.compile(r"[.'`\u2018\u2019\u00b4]")
# The words of the index's standard tokenizer: dots and apostrophes stay inside a word, all other punctuation parts two.
_INDEXED = re.compile(r"\w+(?:(?:(?<=[^\W\d_])['.\u2019](?=[^\W\d_])|(?<=\d)['.,](?=\d))\w+)*")
_BETWEEN_INITIALS = re.compile(r"(?<=\b\w) (?=\w\b)")


def is_same_name(found: str, name: str) -> bool:
    """Whether a recipient's name is this name, whatever its legal form, punctuation and spaces.

    Words that a branch adds (USA, FEDERAL, SOLUTIONS) may follow. `found` may hold several names (DBA, brackets, an
    acronym and a dash); one of them is enough.
    """
    wanted = _without_form(name)
    return bool(wanted) and wanted in _names_in(found)


@lru_cache(maxsize=CACHED_NAMES)
def _without_form(name: str) -> str:
    words = _words(name)
    while len(words) > 1 and words[-1] in _FORM_WORDS:
        words = words[:-1]
    return "".join(words)


@lru_cache(maxsize=CACHED_NAMES)
def _names_in(found: str) -> frozenset[str]:
    """Return the names that a recipient's name holds, each with and without its added words, without spaces."""
    pieces = _OTHER_NAME.split(found.upper())
    names = [_words(piece) for piece in (*pieces, *(_ACRONYM.sub("", piece, count=1) for piece in pieces))]
    return frozenset(name for words in names for name in _beginnings(words))


def _beginnings(words: tuple[str, ...]) -> Iterator[str]:
    for size in range(len(words), 0, -1):
        yield "".join(words[:size])
        if words[size - 1] not in _ADDED_WORDS:
            return


@lru_cache(maxsize=CACHED_NAMES)
def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name in capitals, without punctuation and a leading THE; initials are one word."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name.upper()) if not unicodedata.combining(each))
    spaced = " ".join(re.sub(r"[\W_]+", " ", _DROPPED.sub("", plain.replace("&", " AND "))).split())
    words = tuple(_BETWEEN_INITIALS.sub("", spaced).split())
    return words[1:] if len(words) > 1 and words[0] == "THE" else words


def indexed_words(text: str) -> tuple[str, ...]:
    """Return the words of a text as USAspending's index has them, by which its keyword search finds phrases."""
    return tuple(_INDEXED.findall(text))
