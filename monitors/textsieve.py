"""Throwing away, many at a time, the texts in which no phrase of the watchlist stands, so that few are read one by one.

A sieve may let through what turns out to hold nothing that counts; it never holds back what `PhraseIndex.find` or
`SlipIndex.find` would find something in. `TextSieve` needs only Python; `ColumnSieve` needs polars (the extra
`backfill`) and is faster with many texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import compress, count
from operator import not_
from typing import Protocol

from monitors.blocks import blocks, fold_texts, lines, one_slip_away
from monitors.misspelt import SlipIndex
from monitors.names import COMMON_WORDS
from monitors.patterns import one_of
from monitors.phrases import LONGEST_TEXT, PhraseIndex

_COLUMN = 50_000  # texts in one column
_MOST = 8_000  # spellings in one expression: with many more, it no longer fits what polars keeps of it in memory
_ANY = "[A-Z0-9]"
_GAP = r"[\x00-/:-@\[-`{-\x7f]"  # what folding turns into a space: any ASCII but letters and digits
_START, _END = f"(?-u)(?:^|{_GAP})(?:", f")(?:{_GAP}|$)"


class Sieve(Protocol):
    """Lets through the values worth reading one by one; each as often as it is given."""

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values in which something may be found."""
        ...


class TextSieve:
    """Looks for one telling word of every spelling, and for the rest of the spelling only where that stands."""

    def __init__(self, phrases: PhraseIndex, slips: SlipIndex) -> None:
        self._spellings: dict[str, list[str]] = defaultdict(list)
        for spelling in phrases.spellings:
            self._spellings[_telling(spelling.split())].append(f" {spelling} ")
        self._spellings.default_factory = None
        self._slipped = misspellings(slips)
        self._telling = self._slipped.union(self._spellings)

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values that may hold a phrase."""
        for block in blocks(values):
            raw, plain, odd = lines(block, LONGEST_TEXT)
            rows = fold_texts(raw).split("\n")
            told = map(not_, map(self._telling.isdisjoint, map(str.split, rows)))
            yield from (plain[number] for number in compress(count(), told) if self._holds(rows[number].split()))
            yield from odd

    def _holds(self, words: list[str]) -> bool:
        text = f" {' '.join(words)} "
        return not self._slipped.isdisjoint(words) or any(
            spelling in text for word in words if word in self._spellings for spelling in self._spellings[word]
        )


def _telling(words: list[str]) -> str:
    """Return the word of a phrase that other texts have least often: a long one that is not common."""
    return max(words, key=lambda word: (word not in COMMON_WORDS, len(word), word))


def misspellings(slips: SlipIndex) -> set[str]:
    """Return every way in which the words that an index recognises may be misspelt."""
    return {
        spelling
        for word in slips.words
        for spelling in one_slip_away(word)
        if spelling not in word and word not in spelling
    }


class ColumnSieve:
    """Looks for all spellings at once with one regular expression over a column of texts."""

    def __init__(self, phrases: PhraseIndex, slips: SlipIndex) -> None:
        spellings = sorted(spelling for spelling in phrases.spellings if spelling.isascii())
        pieces = [one_of(spellings[start : start + _MOST]) for start in range(0, len(spellings), _MOST)]
        words = sorted(word for word in slips.words if word.isascii())
        pieces += ["|".join(_misspelt(word) for word in words)] if words else []
        self._patterns = [_START + piece.replace(r"\ ", f"{_GAP}+") + _END for piece in pieces]

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values that may hold a phrase."""
        import polars  # noqa: PLC0415 - an extra, and slow to import where it is not needed

        for block in blocks(values, _COLUMN):
            _, plain, odd = lines(block, LONGEST_TEXT)
            column = polars.Series(plain, dtype=polars.String).str.to_uppercase()
            column = column.str.replace_all("&", " AND ", literal=True)
            held = polars.repeat(False, len(plain), dtype=polars.Boolean, eager=True)
            for pattern in self._patterns:
                held |= column.str.contains(pattern)
            yield from (plain[number] for number in held.arg_true().to_list())
            yield from odd


def _misspelt(word: str) -> str:
    """Return an expression for a word with one slip after its first letter: common beginnings are tried once."""
    pattern = ""
    for place in range(len(word) - 2, -1, -1):
        right = word[place + 1 :]
        slips = [f"{right[:1]}(?:{pattern})"] if pattern else []
        slips += [f"{_ANY}{right}", f"{_ANY}{right[1:]}", right[1:], f"{right[1:2]}{right[:1]}{right[2:]}"]
        pattern = "|".join(slips)
    first = f"{_ANY}{word[1:]}|{word[1]}{word[0]}{word[2:]}"
    return f"{word[0]}(?:{pattern})|{first}"
