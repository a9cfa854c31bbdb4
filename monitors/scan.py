"""Which lines of a folded text hold one of very many words, or pairs of words. Pure.

`SplitScan` needs only Python; `ArrayScan` needs NumPy (the extra `backfill`) and is faster with many lines. Both look
every word up once, however many words are looked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from itertools import compress, count
from operator import not_
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_BASE = 0x9E3779B1  # odd, so that it can be divided by, modulo 2**32
_BITS = 22  # of a hash: a table of so many places stays near the processor
_LINE_BREAK, _SPACE = 10, 32
_SECOND = 0x85EBCA6B  # what the hash of the second word of a pair is multiplied by

Pairs = Mapping[tuple[str, str], str]  # two words that follow each other, and the rarer of them


class Scan(Protocol):
    """Tells the lines that hold one of its words or pairs."""

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

    def __init__(self, words: Collection[str], pairs: Pairs) -> None:
        self._words = frozenset(words).union(pairs.values())

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines that hold a word."""
        without = map(self._words.isdisjoint, map(str.split, folded.split("\n")))
        return list(compress(count(), map(not_, without)))


class _Known:
    """Hashes that are looked for."""

    def __init__(self, hashes: NDArray[numpy.uint32]) -> None:
        import numpy  # noqa: PLC0415

        self._numpy = numpy
        self._sorted = numpy.unique(hashes)
        self._table = numpy.zeros(1 << _BITS, numpy.bool_)
        self._table[self._sorted >> (32 - _BITS)] = True

    def among(self, hashes: NDArray[numpy.uint32]) -> NDArray[numpy.int64]:
        """Return the places in `hashes` of those that are known: the table settles nearly all."""
        likely = self._numpy.flatnonzero(self._table[hashes >> (32 - _BITS)])
        if not len(likely):
            return likely
        places = self._numpy.searchsorted(self._sorted, hashes[likely]).clip(max=len(self._sorted) - 1)
        found: NDArray[numpy.int64] = likely[self._sorted[places] == hashes[likely]]
        return found


def _paired(hashes: NDArray[numpy.uint32]) -> NDArray[numpy.uint32]:
    """Return the hash of every word and the one after it."""
    return hashes[:-1] + hashes[1:] * hashes.dtype.type(_SECOND)


class ArrayScan:
    """Hashes all words of a text at once and looks for their hashes in a table.

    A word of the letters a, b, c has the hash a + b*B + c*B*B, so that those of all words come from one running sum.
    """

    def __init__(self, words: Collection[str], pairs: Pairs) -> None:
        import numpy  # noqa: PLC0415 - an extra, and slow to import where it is not needed

        self._numpy = numpy
        self._powers = self._inverse = numpy.ones(0, numpy.uint32)
        single, _ = self._hashes(self._bytes(" ".join(word for word in words if word.isascii())))
        self._words = _Known(single)
        following, _ = self._hashes(self._bytes(" ".join(" ".join(pair) for pair in pairs if "".join(pair).isascii())))
        self._pairs = _Known(_paired(following)[::2])

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines that hold a word or a pair, or one with the same hash."""
        numpy, text = self._numpy, self._bytes(folded)
        hashes, starts = self._hashes(text)
        found = numpy.concatenate((starts[self._words.among(hashes)], starts[self._pairs.among(_paired(hashes))]))
        breaks = numpy.flatnonzero(text == _LINE_BREAK)
        numbers: list[int] = numpy.unique(numpy.searchsorted(breaks, found)).tolist()
        return numbers

    def _bytes(self, text: str) -> NDArray[numpy.uint8]:
        return self._numpy.frombuffer(text.encode("ascii"), self._numpy.uint8)

    def _hashes(self, text: NDArray[numpy.uint8]) -> tuple[NDArray[numpy.uint32], NDArray[numpy.int64]]:
        """Return (the hashes of all words, the places where they begin)."""
        numpy, size = self._numpy, len(text)
        if size > len(self._powers):
            self._powers, self._inverse = self._powers_of(_BASE, size), self._powers_of(pow(_BASE, -1, 2**32), size)
        inside = numpy.zeros(size + 2, numpy.bool_)
        numpy.greater(text, _SPACE, out=inside[1:-1])
        edges = numpy.flatnonzero(inside[1:] != inside[:-1])
        starts, ends = edges[::2], edges[1::2]
        sums = numpy.zeros(size + 1, numpy.uint32)
        numpy.cumsum(text * self._powers[:size], dtype=numpy.uint32, out=sums[1:])
        return (sums[ends] - sums[starts]) * self._inverse[starts], starts

    def _powers_of(self, base: int, count: int) -> NDArray[numpy.uint32]:
        factors = self._numpy.full(count, base, self._numpy.uint32)
        factors[:1] = 1
        return self._numpy.multiply.accumulate(factors, dtype=self._numpy.uint32)
