"""Which lines of many folded names are worth a closer look. Pure.

`SplitNames` needs only Python; `monitors.arraynames` needs NumPy (the extra `backfill`), is faster and lets fewer lines
through.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import not_
from typing import Protocol

from monitors.blocks import LETTERS, one_slip_away

# What a word says, in bits: that its line is worth a look; or only (one bit of 31) together with another of the same
# group; or that it is such another (one bit of 31).
ALONE = 1
GROUPS = 31


def in_need(group: int) -> int:
    """Return the number of a word that tells together with another of its group."""
    return 1 << 1 + group % GROUPS


def support(group: int) -> int:
    """Return the number of a word that makes those of its group tell."""
    return 1 << 1 + GROUPS + group % GROUPS


def tells(number: int) -> bool:
    """Whether a word says more than that it makes others tell."""
    return number < support(0) or number % support(0) > 0


@dataclass(frozen=True, slots=True)
class Clues:
    """What is looked for: words as they are and with up to one slip, with the number of each.

    `openings`: what the first word of a line may be, or a first letter with the next one, for the line to be a known
    name without spaces.
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
        from monitors.arraynames import ArrayNames  # noqa: PLC0415 - an extra, and slow to import where not needed

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
