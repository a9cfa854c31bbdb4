"""Which lines of many folded names are worth a closer look, told by arithmetic. Pure; needs NumPy (`backfill`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy

from monitors.blocks import one_slip_away
from monitors.namescan import ALONE, GROUPS, Clues, Scanned, line_numbers
from monitors.wordhash import Lookup, Wanted, Words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitors.wordhash import Hashes, Places


class ArrayNames:
    """Hashes all words of a text at once and looks for their hashes in a table."""

    def __init__(self, clues: Clues) -> None:
        exact = {word: number for word, number in clues.exact.items() if word.isascii()}
        slipped = {word: number for word, number in clues.slipped.items() if word.isascii()}
        for word in clues.slipped.keys() - slipped.keys():
            for spelling in filter(str.isascii, one_slip_away(word)):
                exact[spelling] = exact.get(spelling, 0) | clues.slipped[word]
        self._words = Lookup(Wanted.exactly(exact), Wanted.with_slips(slipped))
        openings = dict.fromkeys(filter(str.isascii, clues.openings), 0)
        self._openings = Lookup(Wanted.exactly(openings))
        self._two = numpy.zeros((128, 128), numpy.bool_)
        for opening in openings:
            if len(opening) == 2:
                self._two[ord(opening[0]), ord(opening[1])] = True
        self._initials = numpy.zeros((128, 128), numpy.bool_)
        for word in exact:
            if len(word) == 2:
                self._initials[ord(word[0]), ord(word[1])] = True

    def scan(self, folded: str) -> Scanned:
        """Look through lines of folded ASCII names."""
        words = Words.of(folded)
        firsts, others = words.first_of_lines()
        first, _ = self._openings.find(words, firsts)
        first = first[self._goes_on(words, first)]
        opens = numpy.zeros(len(words.breaks) + 1, numpy.bool_)
        opens[words.lines_of(first)] = opens[others] = True
        opening = numpy.flatnonzero(opens)
        return Scanned(self._likely(words), opening.tolist(), "\n".join(words.lines(opening)))

    def _goes_on(self, words: Words, first: Places) -> NDArray[numpy.bool_]:
        """Return for each of the places of first words whether what follows does so in an opening of two letters."""
        letters = numpy.frombuffer(words.text, numpy.uint8)
        after = numpy.minimum(first + 1, len(words.starts) - 1)
        known = self._two[letters[words.starts[first]], letters[words.starts[after]]]
        alone = words.lines_of(after) != words.lines_of(first)
        goes_on: NDArray[numpy.bool_] = (words.sizes[first] > 1) | known | alone | (after == first)
        return goes_on

    def _likely(self, words: Words) -> Iterator[tuple[int, str, Collection[str]]]:
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
        marks = numpy.frombuffer(outlined, numpy.uint8)
        places = numpy.flatnonzero(marks - ord("(") <= ord(".") - ord("("))
        bracket, letter = marks[places] == ord("("), marks.take(places + 1, mode="clip") == ord("X")
        return sorted(line_numbers(outlined, places[bracket | letter].tolist()))


def _tell(said: Hashes) -> NDArray[numpy.bool_]:
    """Return for each of the numbers, or sums of them, whether they say that a line is worth a look."""
    helped = said >> 1 & said >> 1 + GROUPS & (1 << GROUPS) - 1
    tell: NDArray[numpy.bool_] = (said & ALONE | helped) > 0
    return tell
