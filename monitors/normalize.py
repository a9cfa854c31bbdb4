"""Normalize company names and free text so that they can be compared. Pure.

Names ("B.I. INCORPORATED", "Pen-Link, Limited") and text (descriptions) follow the same rules, except that a name loses
its dots and apostrophes, and a text keeps the position of every letter, for highlighting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sources.words import COMMON_WORDS, LEGAL_FORMS

# Raise this when a rule below changes. Stored matches carry it and are then computed again.
NORM_VERSION = 5
MIN_CORE_LENGTH = 4  # shorter cores (BI, NEC, EFW) count only with their legal form, exactly

# Last word of a legal form -> the words of the forms that end so, the longest first.
_FORMS_BY_LAST_WORD: dict[str, list[list[str]]] = {}
for _form in sorted(map(str.split, LEGAL_FORMS), key=len, reverse=True):
    _FORMS_BY_LAST_WORD.setdefault(_form[-1], []).append(_form)
# What separates two names of one company: DBA, FKA and their variants.
_OTHER_NAME = re.compile(
    r"\b(?=[DTFNA])(?:D\s?/\s?B\s?/\s?A|D\.\s?B\.\s?A\.?|DBA|DOING BUSINESS AS|TRADING AS"
    r"|[FN]\s?/\s?K\s?/\s?A|[FN]\.\s?K\.\s?A\.?|[FN]KA|(?:FORMERLY|NOW|ALSO) KNOWN AS|FORMERLY)(?![A-Z0-9])[\s:,]*",
    re.IGNORECASE,
)
_PARENTHESES = re.compile(r"\(([^()]+)\)")
_ACRONYM = re.compile(r"\s*[A-Z0-9&.]{2,8}\s+-\s+(?=\w)", re.IGNORECASE)  # GSS - GOVERNMENT SUPPORT SERVICES LLC


@dataclass(frozen=True, slots=True)
class Text:
    """Upper-case words joined by single spaces. `origin[i]` is the position of `words[i]` in the raw text."""

    words: str
    origin: tuple[int, ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the raw text's (start, end) of the normalized characters `start:end` (not empty)."""
        return self.origin[start], self.origin[end - 1] + 1


@dataclass(frozen=True, slots=True)
class Name:
    """A parsed name: `full` with its legal form in one spelling, `core` without it, at `start:end` of the raw text."""

    full: str
    core: str
    form: str
    start: int
    end: int

    @property
    def no_spaces(self) -> str:
        """The core without spaces, equal for PEN LINK and PENLINK, and for CORP and CORPORATION inside it."""
        return join_words(self.core.split())


def join_words(words: Sequence[str]) -> str:
    """Return the words of a core without spaces, each legal form among them in one spelling."""
    return "".join(map(LEGAL_FORMS.get, words, words))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    """Return upper-case letters and digits, a space for punctuation, "" for accents and invisible marks."""
    if character == "&":
        return " AND "
    kept: list[str] = []
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).upper()):
        if part.isalnum():
            kept.append(part)
        elif unicodedata.category(part) not in ("Mn", "Me", "Cf"):
            kept.append(" ")
    return "".join(kept)


_ASCII = {code: _fold_character(chr(code)) for code in range(128)}
_ASCII_NAME = {**_ASCII, ord("."): "", ord("'"): "", ord("`"): ""}
_NAME_DROPPED = frozenset(".'`\u2019\u2018\u00b4")


def normalize_text(raw: str) -> str:
    """Return upper-case words joined by single spaces, without accents and punctuation."""
    folded = raw.translate(_ASCII) if raw.isascii() else "".join(map(_fold_character, raw))
    return " ".join(folded.split())


def map_text(raw: str) -> Text:
    """Normalize like `normalize_text` and remember where each character was. Slower; for texts that matched."""
    words: list[str] = []
    origin: list[int] = []
    gap = False
    for index, character in enumerate(raw):
        for part in _fold_character(character):
            if part.isspace():
                gap = True
                continue
            if gap and words:
                words.append(" ")
                origin.append(index)
            gap = False
            words.append(part)
            origin.append(index)
    return Text("".join(words), tuple(origin))


def normalize_name(raw: str) -> str:
    """Normalize a name: as text, but without dots and apostrophes, and with initials joined (B I INC -> BI INC)."""
    if raw.isascii():
        folded = raw.translate(_ASCII_NAME)
    else:
        folded = "".join("" if character in _NAME_DROPPED else _fold_character(character) for character in raw)
    return " ".join(_join_initials(folded.split()))


def _join_initials(words: list[str]) -> list[str]:
    """Join runs of single letters: ["B", "I", "INC"] -> ["BI", "INC"]."""
    if not words or min(map(len, words)) > 1:
        return words
    joined: list[str] = []
    run = ""
    for word in words:
        if len(word) == 1 and word.isalpha():
            run += word
            continue
        if run:
            joined.append(run)
            run = ""
        joined.append(word)
    return [*joined, run] if run else joined


def strip_legal_suffix(normalised: str) -> tuple[str, str]:
    """Split a normalized name into (core, legal form in one spelling): ("PEN LINK", "LTD").

    A THE at its beginning goes, too, and one at its end: GEO GROUP, INC., THE.
    """
    words = normalised.split()
    forms: list[str] = []
    words = _without_last_the(words)
    while words and words[-1] in _FORMS_BY_LAST_WORD and (size := _form_size(words)):
        forms.insert(0, LEGAL_FORMS[" ".join(words[-size:])])
        words = _without_last_the(words[:-size])
    if len(words) > 1 and words[0] == "THE":
        words = words[1:]
    return " ".join(words), " ".join(forms)


def _without_last_the(words: list[str]) -> list[str]:
    return words[:-1] if len(words) > 1 and words[-1] == "THE" else words


def _form_size(words: list[str]) -> int:
    """Return how many of the last words are a legal form, the longest there is, leaving at least one; 0 if none are."""
    for form in _FORMS_BY_LAST_WORD[words[-1]]:
        if len(form) < len(words) and words[-len(form) :] == form:
            return len(form)
    return 0


@lru_cache(maxsize=16_384)  # the watchlist's own names are parsed again and again
def parse_name(raw: str) -> Name | None:
    """Parse one name, without D/B/A; `None` if it has no letter or digit."""
    start = len(raw) - len(raw.lstrip())
    return _parse_slice(raw, start, len(raw.rstrip()))


def _parse_slice(raw: str, start: int, end: int) -> Name | None:
    normalised = normalize_name(raw[start:end])
    if not normalised:
        return None
    core, form = strip_legal_suffix(normalised)
    return Name(full=f"{core} {form}".strip(), core=core, form=form, start=start, end=end)


def parse_names(raw: str) -> tuple[Name, ...]:
    """Return the names in a recipient field: the name itself, and one more for each D/B/A or FKA, in order.

    A name with parentheses (an acronym or a place) is also read without them, and their content as a name; a name after
    an acronym and a dash is also read without these.
    """
    bounds = [0]
    for found in _OTHER_NAME.finditer(raw):
        bounds += [found.start(), found.end()]
    bounds.append(len(raw))
    names: list[Name] = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        piece = raw[start:end]
        left = start + len(piece) - len(piece.lstrip(" ,;()\t"))
        trailing = " ,;(\t" if "(" in piece and "(" in piece.strip(" ,;(\t") else " ,;()\t"
        right = end - (len(piece) - len(piece.rstrip(trailing)))
        name = _parse_slice(raw, left, right) if right > left else None
        if name is not None:
            names.append(name)
            if "(" in raw:
                names += _without_parentheses(raw, name)
            acronym = _ACRONYM.match(raw, name.start) if "-" in raw else None
            whole = _parse_slice(raw, acronym.end(), name.end) if acronym and acronym.end() < name.end else None
            names += [whole] if whole else []
    return tuple(names)


def _without_parentheses(raw: str, name: Name) -> Iterator[Name]:
    """Yield a name without its parentheses, and the content of each: FIRM (US) INC -> FIRM INC, US."""
    parentheses = list(_PARENTHESES.finditer(raw, name.start, name.end))
    if not parentheses:
        return
    bare = raw
    for parenthesis in parentheses:
        bare = bare[: parenthesis.start()] + " " * (parenthesis.end() - parenthesis.start()) + bare[parenthesis.end() :]
    for text, start, end in (
        (bare, name.start, name.end),
        *((raw, *parenthesis.span(1)) for parenthesis in parentheses),
    ):
        other = _parse_slice(text, start, end)
        if other is not None:
            yield other


def is_common(words: str) -> bool:
    """Return whether a normalized name or phrase has only words that many unrelated companies use."""
    return all(word in COMMON_WORDS or len(word) < 3 for word in words.split())
