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

_READ = 16  # letters of a word that are looked at
_FIRST_FACTOR, _SECOND_FACTOR = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # odd; the uppermost bits depend on every letter
_PAIR_FACTOR = 0x165667B19E3779F9  # what the hash of the second word of a pair is multiplied by
_BITS = 22  # of a hash: a table of so many places stays near the processor
_LINE_BREAK, _SPACE = 10, 32

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

    def __init__(self, hashes: NDArray[numpy.uint64]) -> None:
        import numpy  # noqa: PLC0415

        self._numpy = numpy
        self._sorted = numpy.sort(hashes)
        self._table = numpy.zeros(1 << _BITS, numpy.bool_)
        self._table[self._sorted >> (64 - _BITS)] = True

    def among(self, hashes: NDArray[numpy.uint64]) -> NDArray[numpy.int64]:
        """Return the places in `hashes` of those that are known: the table settles nearly all."""
        if not len(self._sorted):
            return self._numpy.zeros(0, self._numpy.int64)
        likely = self._numpy.flatnonzero(self._table.take((hashes >> (64 - _BITS)).view(self._numpy.int64)))
        places = self._numpy.searchsorted(self._sorted, hashes[likely]).clip(max=len(self._sorted) - 1)
        found: NDArray[numpy.int64] = likely[self._sorted[places] == hashes[likely]]
        return found


def _paired(hashes: NDArray[numpy.uint64]) -> NDArray[numpy.uint64]:
    """Return the hash of every word and the one after it."""
    return hashes[:-1] + hashes[1:] * hashes.dtype.type(_PAIR_FACTOR)


class ArrayScan:
    """Hashes all words of a text at once and looks for their hashes in a table.

    The first 16 letters of a word are two numbers, read from where it begins; what is after its end is masked out.
    Longer words that begin alike have one hash.
    """

    def __init__(self, words: Collection[str], pairs: Pairs) -> None:
        import numpy  # noqa: PLC0415 - an extra, and slow to import where it is not needed

        self._numpy = numpy
        masks = [(1 << 8 * size) - 1 for size in range(9)]
        self._first_mask = numpy.array(masks + masks[-1:] * 8, numpy.uint64)
        self._second_mask = numpy.array(masks[:1] * 8 + masks, numpy.uint64)
        single, _ = self._hashes(" ".join(filter(str.isascii, words)))
        self._words = _Known(single)
        following, _ = self._hashes(" ".join(filter(str.isascii, map(" ".join, pairs))))
        self._pairs = _Known(_paired(following)[::2])

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines that hold a word or a pair, or one with the same hash."""
        numpy = self._numpy
        hashes, starts = self._hashes(folded)
        breaks = numpy.flatnonzero(numpy.frombuffer(folded.encode("ascii"), numpy.uint8) == _LINE_BREAK) + 1
        holds = numpy.zeros(len(breaks) + 1, numpy.bool_)
        for known, looked_up in ((self._words, hashes), (self._pairs, _paired(hashes))):
            holds[numpy.searchsorted(breaks, starts[known.among(looked_up)])] = True
        numbers: list[int] = numpy.flatnonzero(holds).tolist()
        return numbers

    def _hashes(self, folded: str) -> tuple[NDArray[numpy.uint64], NDArray[numpy.int64]]:
        """Return (the hashes of all words, the places where they begin)."""
        numpy, text = self._numpy, f" {folded} ".encode("ascii")
        letters = numpy.frombuffer(text, numpy.uint8)
        gaps = numpy.flatnonzero(letters <= _SPACE)
        starts, sizes = gaps[:-1] + 1, numpy.diff(gaps) - 1
        filled = sizes > 0
        starts, sizes = starts[filled], sizes[filled]
        at_every_place = numpy.ndarray(len(text), "V16", text + bytes(_READ), strides=(1,))
        read = at_every_place[starts].view("<u8")
        first = read[::2] & self._first_mask.take(sizes, mode="clip")
        second = read[1::2] & self._second_mask.take(sizes, mode="clip")
        return first * _FIRST_FACTOR + second * _SECOND_FACTOR, starts
