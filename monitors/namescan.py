"""Which lines of many folded names are worth a closer look. Pure.

`SplitNames` needs only Python; `ArrayNames` needs NumPy (the extra `backfill`), is faster and lets fewer lines through.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import not_
from typing import TYPE_CHECKING, Protocol

from monitors.blocks import LETTERS, one_slip_away

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from monitors.wordhash import Hashes, Words

# What a word says, in bits: that its line is worth a look; or only (one bit of 31) together with another of the same
# group; or that it is such another (one bit of 31).
ALONE = 1
_GROUPS = 31


def in_need(group: int) -> int:
    """Return the number of a word that tells together with another of its group."""
    return 1 << 1 + group % _GROUPS


def support(group: int) -> int:
    """Return the number of a word that makes those of its group tell."""
    return 1 << 1 + _GROUPS + group % _GROUPS


def tells(number: int) -> bool:
    """Whether a word says more than that it makes others tell."""
    return number < support(0) or number % support(0) > 0


@dataclass(frozen=True, slots=True)
class Clues:
    """What is looked for: words as they are and with up to one slip, with the number of each.

    `openings`: what the first word of a line may be for the line to be a known name without spaces.
    """

    exact: dict[str, int]
    slipped: dict[str, int]
    openings: Collection[str]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan lets through.

    `likely`: for each line with words that tell, or with initials: its number, its text, the words. `opening`: the
    numbers of the lines that may be a known name, `opened` these lines.
    """

    likely: Iterable[tuple[int, str, Collection[str]]]
    opening: Sequence[int]
    opened: str


class NameScan(Protocol):
    """Tells the lines of folded names that are worth a closer look; it may tell others, but leaves none out."""

    def scan(self, folded: str) -> Scanned:
        """Look through lines of folded ASCII names."""
        ...

    def irregular(self, outlined: bytes) -> Iterable[int]:
        """Return the numbers of the lines of an outline with brackets, or with words that folding joins."""
        ...


def name_scan(clues: Clues, *, arrays: bool | None = None) -> NameScan:
    """Return a scan for these clues, with NumPy if that is wanted, or by default if it is installed."""
    if arrays or (arrays is None and importlib.util.find_spec("numpy")):
        return ArrayNames(clues)
    return SplitNames(clues)


class SplitNames:
    """Splits every line into words and looks for them in a set."""

    def __init__(self, clues: Clues) -> None:
        slipped = (one_slip_away(word) for word, number in clues.slipped.items() if tells(number))
        # A letter may be an initial of a telling word.
        self._telling = LETTERS.union(clues.exact, *slipped)

    def scan(self, folded: str) -> Scanned:
        """Look through lines of folded ASCII names. All of them may be a known name."""
        rows = folded.split("\n")
        return Scanned(self._likely(rows), range(len(rows)), folded)

    def _likely(self, rows: list[str]) -> Iterator[tuple[int, str, Collection[str]]]:
        without = map(self._telling.isdisjoint, map(str.split, rows))
        for number in compress(count(), map(not_, without)):
            yield number, rows[number], self._telling.intersection(rows[number].split())

    def irregular(self, outlined: bytes) -> set[int]:
        """Return the numbers of the lines of an outline with brackets, or with words that folding joins."""
        return line_numbers(outlined, sorted((*_occurrences(outlined, b".X"), *_occurrences(outlined, b"("))))


def _occurrences(text: bytes, wanted: bytes) -> Iterator[int]:
    place = text.find(wanted)
    while place >= 0:
        yield place
        place = text.find(wanted, place + 1)


def line_numbers(text: bytes, places: Iterable[int]) -> set[int]:
    """Return the numbers of the lines (each begins with a line break) in which the places, in order, are."""
    numbers: set[int] = set()
    number, last = -1, 0
    for place in places:
        number += text.count(b"\n", last, place + 1)
        numbers.add(number)
        last = place + 1
    return numbers


class ArrayNames:
    """Hashes all words of a text at once and looks for their hashes in a table."""

    def __init__(self, clues: Clues) -> None:
        import numpy  # noqa: PLC0415 - an extra, and slow to import where it is not needed

        from monitors import wordhash  # noqa: PLC0415

        self._numpy, self._read = numpy, wordhash.Words.of
        exact = {word: number for word, number in clues.exact.items() if word.isascii()}
        slipped = {word: number for word, number in clues.slipped.items() if word.isascii()}
        for word in clues.slipped.keys() - slipped.keys():
            for spelling in filter(str.isascii, one_slip_away(word)):
                exact[spelling] = exact.get(spelling, 0) | clues.slipped[word]
        self._words = wordhash.Lookup(wordhash.Wanted.exactly(exact), wordhash.Wanted.with_slips(slipped))
        openings = dict.fromkeys(filter(str.isascii, clues.openings), 0)
        self._openings = wordhash.Lookup(wordhash.Wanted.exactly(openings))
        self._initials = numpy.zeros((128, 128), numpy.bool_)
        for word in exact:
            if len(word) == 2:
                self._initials[ord(word[0]), ord(word[1])] = True

    def scan(self, folded: str) -> Scanned:
        """Look through lines of folded ASCII names."""
        numpy, words = self._numpy, self._read(folded)
        firsts, others = words.first_of_lines()
        first, _ = self._openings.find(words, firsts)
        opens = numpy.zeros(len(words.breaks) + 1, numpy.bool_)
        opens[words.lines_of(first)] = opens[others] = True
        opening = numpy.flatnonzero(opens)
        return Scanned(self._likely(words), opening.tolist(), "\n".join(words.lines(opening)))

    def _likely(self, words: Words) -> Iterator[tuple[int, str, Collection[str]]]:
        numpy = self._numpy
        found, numbers = self._words.find(words)
        lines = words.lines_of(found)
        first = numpy.flatnonzero(numpy.append(True, lines[1:] != lines[:-1])[: len(lines)])
        worth = self._with_initials(words)
        if len(first):
            said = numpy.bitwise_or.reduceat(numbers, first)
            worth[lines[first[_tell(said)]]] = True
        chosen = numpy.flatnonzero(worth)
        telling: dict[int, list[str]] = {number: [] for number in chosen.tolist()}
        kept = worth[lines]
        for number, word in zip(lines[kept].tolist(), words.at(found[kept]), strict=True):
            telling[number].append(word)
        return zip(telling, words.lines(chosen), telling.values(), strict=True)

    def _with_initials(self, words: Words) -> NDArray[numpy.bool_]:
        """Return for each line whether it has three single letters in a row, or two that make a word that tells."""
        numpy = self._numpy
        single = words.sizes == 1
        two = numpy.flatnonzero(single[:-1] & single[1:])
        letters = numpy.frombuffer(words.text, numpy.uint8)[words.starts]
        makes = self._initials[letters[two], letters[two + 1]]
        makes[:-1] |= two[1:] == two[:-1] + 1
        worth = numpy.zeros(len(words.breaks) + 1, numpy.bool_)
        worth[words.lines_of(two[makes])] = True
        return worth

    def irregular(self, outlined: bytes) -> list[int]:
        """Return the numbers of the lines of an outline with brackets, or with words that folding joins."""
        numpy = self._numpy
        marks = numpy.frombuffer(outlined, numpy.uint8)
        places = numpy.flatnonzero(marks - ord("(") <= ord(".") - ord("("))
        bracket, letter = marks[places] == ord("("), marks.take(places + 1, mode="clip") == ord("X")
        return sorted(line_numbers(outlined, places[bracket | letter].tolist()))


def _tell(said: Hashes) -> NDArray[numpy.bool_]:
    """Return for each of the numbers, or sums of them, whether they say that a line is worth a look."""
    helped = said >> 1 & said >> 1 + _GROUPS & (1 << _GROUPS) - 1
    tell: NDArray[numpy.bool_] = (said & ALONE | helped) > 0
    return tell
