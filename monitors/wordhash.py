"""Reading all words of a text at once as numbers, and looking very many of them up. Pure; needs NumPy (`backfill`).

Eight letters are a number, read from where a word begins; what is after its end is masked out. Sixteen letters of a
word are looked at, in two steps: longer ones that begin alike have one hash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

from monitors.blocks import one_slip_away

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[numpy.uint64]
    Places = NDArray[numpy.int64]

READ = 16  # letters of a word that are looked at
LINE_BREAK, SPACE = 10, 32
# Of a hash: tables of so many places stay near the processor. The second is asked only about what is in the first.
_BITS, _SLOT_BITS = 22, 20
# Odd, so that the uppermost bits of a hash depend on every letter: for the first and the second eight letters of a
# word, and for the second word of a pair.
_FIRST, _SECOND, _FOLLOWING = map(numpy.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))
_PLACES = 128  # what is less is an ASCII letter
_CUT = [(1 << 8 * size) - 1 for size in range(9)]
_MASKS = numpy.array(_CUT, numpy.uint64), numpy.array(_CUT[:1] * 8 + _CUT, numpy.uint64)  # by letters of a word


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text of one or more lines.

    `starts` and `sizes`: where each begins in `text`, which has one more character before the first line, and its
    letters; `beginnings`: the hashes of their first eight letters; `breaks`: the places of line breaks.
    """

    text: bytes
    starts: Places
    sizes: Places
    beginnings: Hashes
    breaks: Places

    @classmethod
    def of(cls, folded: str) -> Words:
        """Read the words of a folded text, which is ASCII."""
        text = f" {folded} ".encode("ascii") + bytes(READ)
        letters = numpy.frombuffer(text, numpy.uint8, len(text) - READ)
        gaps = numpy.flatnonzero(letters <= SPACE)
        sizes = numpy.diff(gaps) - 1
        filled = numpy.flatnonzero(sizes != 0)
        starts, sizes = gaps[filled] + 1, sizes[filled]
        breaks = gaps[letters[gaps] == LINE_BREAK]
        return cls(text, starts, sizes, _read(text, starts, sizes, 0) * _FIRST, breaks)

    def whole(self, places: Places) -> Hashes:
        """Return the hashes of the words at these places among all."""
        second = _read(self.text, self.starts[places], self.sizes[places], 1)
        hashes: Hashes = self.beginnings[places] + second * _SECOND
        return hashes

    def paired(self, places: Places) -> Hashes:
        """Return the hashes of the words at these places, each with the word after it."""
        return self.whole(places) + self.whole(places + 1) * _FOLLOWING

    def lines_of(self, places: Places) -> Places:
        """Return the numbers of the lines in which the words at these places are."""
        numbers: Places = numpy.searchsorted(self.breaks, self.starts[places])
        return numbers

    def at(self, places: Places) -> list[str]:
        """Return the words at these places among all."""
        starts, ends = self.starts[places], self.starts[places] + self.sizes[places]
        return [self.text[start:end].decode("ascii") for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def lines(self, numbers: Places) -> list[str]:
        """Return the text of the lines with these numbers."""
        bounds = numpy.concatenate(([0], self.breaks, [len(self.text) - READ - 1]))
        places = zip((bounds[numbers] + 1).tolist(), bounds[numbers + 1].tolist(), strict=True)
        return [self.text[start:end].decode("ascii") for start, end in places]

    def first_of_lines(self) -> tuple[Places, Places]:
        """Return (places of words that a line begins with, numbers of the lines that begin with no word)."""
        letters = numpy.frombuffer(self.text, numpy.uint8)
        begins = letters[self.starts - 1] == LINE_BREAK
        begins[:1] = True
        others = numpy.flatnonzero(letters[self.breaks + 1] <= SPACE) + 1
        return numpy.flatnonzero(begins), others


def _read(text: bytes, starts: Places, sizes: Places, half: int) -> Hashes:
    """Return the first or second eight letters of words as a number each."""
    at_every_place: Hashes = numpy.ndarray(len(text) - READ, "<u8", text, 8 * half, strides=(1,))
    read: Hashes = at_every_place[starts] & _MASKS[half].take(sizes, mode="clip")
    return read


class Table:
    """Which hashes are known, by their uppermost bits: it says yes to few others."""

    def __init__(self, hashes: Hashes) -> None:
        self._known = numpy.zeros(1 << _BITS, numpy.bool_)
        self._known[hashes >> (64 - _BITS)] = True

    def among(self, hashes: Hashes) -> Places:
        """Return the places in `hashes` of those that may be known."""
        return numpy.flatnonzero(self._known.take((hashes >> (64 - _BITS)).view(numpy.int64)))


class Known:
    """Hashes that are looked for, each bit of which must agree, and a number for each, 0 if none are given.

    A hash that comes more than once has the bits of all its numbers.
    """

    def __init__(self, hashes: Hashes, numbers: Hashes | None = None) -> None:
        order = numpy.argsort(hashes)
        hashes = hashes[order]
        differ = numpy.flatnonzero(numpy.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        self._sorted = numpy.append(hashes[differ], hashes.dtype.type(2**64 - 1))
        self._numbers = numpy.zeros(len(self._sorted), numpy.uint64)
        if numbers is not None and len(differ):
            self._numbers[:-1] = numpy.bitwise_or.reduceat(numbers[order], differ)
        # Hashes with the same uppermost bits follow each other: where they begin, and how many there are at most.
        slots = self._sorted[:-1] >> (64 - _SLOT_BITS)
        bounds = numpy.flatnonzero(numpy.append(True, slots[1:] != slots[:-1])[: len(slots)])
        self._first = numpy.full(1 << _SLOT_BITS, -1, numpy.int32)
        self._first[slots[bounds]] = bounds
        self._most = int(numpy.diff(bounds, append=len(slots)).max(initial=0))

    def among(self, hashes: Hashes) -> tuple[Places, Hashes]:
        """Return (the places in `hashes` of those that are known, their numbers)."""
        first = self._first.take((hashes >> (64 - _SLOT_BITS)).view(numpy.int64))
        places = numpy.flatnonzero(first >= 0)
        at = first[places]
        for _ in range(self._most - 1):
            at += self._sorted[at] < hashes[places]
        agree = numpy.flatnonzero(self._sorted[at] == hashes[places])
        return places[agree], self._numbers[at[agree]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Words that are looked for: the hashes of their first eight letters, and of the whole, and a number for each."""

    beginnings: Hashes
    hashes: Hashes
    numbers: Hashes

    @classmethod
    def exactly(cls, words: Mapping[str, int]) -> Wanted:
        """Return ASCII words, each with its number."""
        read = Words.of(" ".join(words))
        hashes = read.whole(numpy.arange(len(read.starts)))
        return cls(read.beginnings, hashes, numpy.array(list(words.values()), numpy.uint64))

    @classmethod
    def with_slips(cls, words: Mapping[str, int]) -> Wanted:
        """Return all that is one slip or none away from ASCII words, with the number of the word."""
        alike: dict[int, list[str]] = defaultdict(list)
        for word in words:
            alike[len(word)].append(word)
        read = [numpy.zeros((0, 2), numpy.uint64)]
        numbers = [numpy.zeros(0, numpy.uint64)]
        for size, group in alike.items():
            slips = _slips(size)
            letters = numpy.frombuffer("".join(group).encode("ascii"), numpy.uint8).reshape(len(group), size)
            every = numpy.broadcast_to(numpy.arange(_PLACES, dtype=numpy.uint8), (len(group), _PLACES))
            spelled = numpy.concatenate((every, letters), axis=1).take(slips, axis=1)
            read.append(spelled.reshape(-1, READ).view("<u8"))
            numbers.append(numpy.array([words[word] for word in group], numpy.uint64).repeat(len(slips)))
        halves = numpy.concatenate(read)
        beginnings = halves[:, 0] * _FIRST
        return cls(beginnings, beginnings + halves[:, 1] * _SECOND, numpy.concatenate(numbers))


class Lookup:
    """Finds words among those of a text: by their first eight letters, and only then by sixteen."""

    def __init__(self, *wanted: Wanted) -> None:
        self._beginnings = Table(numpy.concatenate([each.beginnings for each in wanted]))
        hashes, numbers = [each.hashes for each in wanted], [each.numbers for each in wanted]
        self._words = Known(numpy.concatenate(hashes), numpy.concatenate(numbers))

    def find(self, words: Words, among: Places | None = None) -> tuple[Places, Hashes]:
        """Return (places of words that are wanted, among those at some places if these are given; their numbers)."""
        likely = self._beginnings.among(words.beginnings if among is None else words.beginnings[among])
        likely = likely if among is None else among[likely]
        found, numbers = self._words.among(words.whole(likely))
        return likely[found], numbers


def _slips(size: int) -> NDArray[numpy.int64]:
    """Return, a row each, the spellings that are one slip or none away from any word of so many letters.

    A letter is its ASCII code, or `_PLACES` and the place in the word from which it is taken; 0 is none.
    """
    any_word = "".join(chr(_PLACES + place) for place in range(size))
    spellings = "".join(spelling[:READ].ljust(READ, "\0") for spelling in one_slip_away(any_word))
    return numpy.frombuffer(spellings.encode("utf-32-le"), "<u4").reshape(-1, READ).astype(numpy.int64)
