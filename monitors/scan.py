"""Which lines of a folded text hold one of very many words, or pairs of words. Pure.

`SplitScan` needs only Python; `ArrayScan` needs NumPy (the extra `backfill`) and is faster with many lines. Both look
every word up once, however many words are looked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from itertools import compress, count
from operator import not_
from typing import Protocol

Pairs = Mapping[tuple[str, str], str]  # two words that follow each other, and the rarer of them


class Scan(Protocol):
    """Tells the lines that hold one of its words or pairs.

    `precise`: whether it tells hardly any line that holds none.
    """

    precise: bool

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines, in order, and those of some without, for somebody to look closer."""
        ...


def scan_for(words: Collection[str], pairs: Pairs | None = None, *, arrays: bool | None = None) -> Scan:
    """Return a scan for these words and pairs, with NumPy if that is wanted, or by default if it is installed."""
    if arrays or (arrays is None and importlib.util.find_spec("numpy")):
        return ArrayScan(words, pairs or {})
    return SplitScan(words, pairs or {})


class SplitScan:
    """Splits every line into words and looks for them, and for the rarer words of pairs, in a set."""

    precise = False

    def __init__(self, words: Collection[str], pairs: Pairs) -> None:
        self._words = frozenset(words).union(pairs.values())

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines that hold a word."""
        without = map(self._words.isdisjoint, map(str.split, folded.split("\n")))
        return list(compress(count(), map(not_, without)))


class ArrayScan:
    """Hashes all words of a text at once and looks for their hashes in a table.

    Only words that begin like one that is looked for are read further than eight letters.
    """

    precise = True

    def __init__(self, words: Collection[str], pairs: Pairs) -> None:
        import numpy  # noqa: PLC0415 - an extra, and slow to import where it is not needed

        from monitors import wordhash  # noqa: PLC0415

        self._numpy, self._read = numpy, wordhash.Words.of
        singly = self._read(" ".join(filter(str.isascii, words)))
        following = self._read(" ".join(filter(str.isascii, map(" ".join, pairs))))
        firsts = numpy.arange(0, len(following.starts), 2)
        self._beginnings = wordhash.Table(numpy.concatenate((singly.beginnings, following.beginnings[firsts])))
        self._words = wordhash.Known(singly.whole(numpy.arange(len(singly.starts))))
        self._pairs = wordhash.Known(following.paired(firsts)) if pairs else None

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines that hold a word or a pair, or one with the same hash."""
        numpy, words = self._numpy, self._read(folded)
        likely = self._beginnings.among(words.beginnings)
        found = [likely[self._words.among(words.whole(likely))[0]]]
        if self._pairs is not None:
            likely = likely[likely < len(words.starts) - 1]
            found.append(likely[self._pairs.among(words.paired(likely))[0]])
        holds = numpy.zeros(len(words.breaks) + 1, numpy.bool_)
        holds[words.lines_of(numpy.concatenate(found))] = True
        numbers: list[int] = numpy.flatnonzero(holds).tolist()
        return numbers
