"""Which lines of a folded text hold one of very many words, or pairs of words. Pure.

`SplitScan` needs only Python; `ArrayScan` needs NumPy (the extra `backfill`) and is faster with many lines. Both look
every word up once, however many words are looked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import compress, count
from operator import not_
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_READ = 16  # letters of a word that are looked at
# Odd, so that the uppermost bits of a hash depend on every letter: for the first and the second eight letters of a
# word, and for the second word of a pair.
_FACTORS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
_BITS = 22  # of a hash: a table of so many places stays near the processor
_LINE_BREAK, _SPACE = 10, 32

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


class _Table:
    """Which hashes are known, by their uppermost bits: it says yes to few others."""

    def __init__(self, hashes: NDArray[numpy.uint64]) -> None:
        import numpy  # noqa: PLC0415

        self._numpy = numpy
        self._known = numpy.zeros(1 << _BITS, numpy.bool_)
        self._known[hashes >> (64 - _BITS)] = True

    def among(self, hashes: NDArray[numpy.uint64]) -> NDArray[numpy.int64]:
        """Return the places in `hashes` of those that may be known."""
        return self._numpy.flatnonzero(self._known.take((hashes >> (64 - _BITS)).view(self._numpy.int64)))


class _Known:
    """Hashes that are looked for, each bit of which must agree."""

    def __init__(self, hashes: NDArray[numpy.uint64]) -> None:
        import numpy  # noqa: PLC0415

        self._numpy = numpy
        self._table = _Table(hashes)
        self._sorted = numpy.append(numpy.sort(hashes), hashes.dtype.type(2**64 - 1))

    def among(self, hashes: NDArray[numpy.uint64]) -> NDArray[numpy.int64]:
        """Return the places in `hashes` of those that are known."""
        likely = self._table.among(hashes)
        places = self._numpy.searchsorted(self._sorted[:-1], hashes[likely])
        found: NDArray[numpy.int64] = likely[self._sorted[places] == hashes[likely]]
        return found


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a text: the places where they begin, their letters, and the hashes of their first eight letters."""

    text: bytes
    starts: NDArray[numpy.int64]
    sizes: NDArray[numpy.int64]
    beginnings: NDArray[numpy.uint64]


class ArrayScan:
    """Hashes all words of a text at once and looks for their hashes in a table.

    Eight letters are a number, read from where a word begins; what is after its end is masked out. Only words that
    begin like one that is looked for are read further, up to sixteen letters: longer ones that begin alike have one
    hash.
    """

    precise = True

    def __init__(self, words: Collection[str], pairs: Pairs) -> None:
        import numpy  # noqa: PLC0415 - an extra, and slow to import where it is not needed

        self._numpy = numpy
        masks = [(1 << 8 * size) - 1 for size in range(9)]
        self._masks = numpy.array(masks, numpy.uint64), numpy.array(masks[:1] * 8 + masks, numpy.uint64)
        singly = self._words_of(" ".join(filter(str.isascii, words)))
        following = self._words_of(" ".join(filter(str.isascii, map(" ".join, pairs))))
        firsts = numpy.arange(0, len(following.starts), 2)
        self._beginnings = _Table(numpy.concatenate((singly.beginnings, following.beginnings[firsts])))
        self._words = _Known(self._whole(singly, numpy.arange(len(singly.starts))))
        self._pairs = _Known(self._paired(following, firsts)) if pairs else None

    def lines(self, folded: str) -> list[int]:
        """Return the numbers of the lines that hold a word or a pair, or one with the same hash."""
        numpy, words = self._numpy, self._words_of(folded)
        likely = self._beginnings.among(words.beginnings)
        found = [likely[self._words.among(self._whole(words, likely))]]
        if self._pairs is not None:
            likely = likely[likely < len(words.starts) - 1]
            found.append(likely[self._pairs.among(self._paired(words, likely))])
        breaks = numpy.flatnonzero(numpy.frombuffer(words.text, numpy.uint8) == _LINE_BREAK)
        holds = numpy.zeros(len(breaks) + 1, numpy.bool_)
        holds[numpy.searchsorted(breaks, words.starts[numpy.concatenate(found)])] = True
        numbers: list[int] = numpy.flatnonzero(holds).tolist()
        return numbers

    def _words_of(self, folded: str) -> _Words:
        """Return the words of a folded text."""
        numpy, text = self._numpy, f" {folded} ".encode("ascii") + bytes(_READ)
        gaps = numpy.flatnonzero(numpy.frombuffer(text, numpy.uint8, len(text) - _READ) <= _SPACE)
        sizes = numpy.diff(gaps) - 1
        filled = numpy.flatnonzero(sizes)
        starts, sizes = gaps[filled] + 1, sizes[filled]
        return _Words(text, starts, sizes, self._read(text, starts, sizes, 0) * numpy.uint64(_FACTORS[0]))

    def _read(
        self, text: bytes, starts: NDArray[numpy.int64], sizes: NDArray[numpy.int64], half: int
    ) -> NDArray[numpy.uint64]:
        """Return the first or second eight letters of words as a number each."""
        at_every_place = self._numpy.ndarray(len(text) - _READ, "<u8", text, 8 * half, strides=(1,))
        read: NDArray[numpy.uint64] = at_every_place[starts] & self._masks[half].take(sizes, mode="clip")
        return read

    def _whole(self, words: _Words, places: NDArray[numpy.int64]) -> NDArray[numpy.uint64]:
        """Return the hashes of the words at these places among all."""
        second = self._read(words.text, words.starts[places], words.sizes[places], 1)
        hashes: NDArray[numpy.uint64] = words.beginnings[places] + second * self._numpy.uint64(_FACTORS[1])
        return hashes

    def _paired(self, words: _Words, places: NDArray[numpy.int64]) -> NDArray[numpy.uint64]:
        """Return the hashes of the words at these places, each with the word after it."""
        return self._whole(words, places) + self._whole(words, places + 1) * self._numpy.uint64(_FACTORS[2])
