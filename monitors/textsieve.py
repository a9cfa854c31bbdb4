"""Throwing away, many at a time, the texts in which no phrase of the watchlist stands, so that few are read one by one.

The sieve may let through what turns out to hold nothing that counts; it never holds back what `PhraseIndex.find` or
`SlipIndex.find` would find something in. It looks for one telling word of every spelling, and for the rest of the
spelling only where that stands.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from monitors.blocks import blocks, fold_texts, lines, one_slip_away
from monitors.misspelt import SlipIndex
from monitors.names import COMMON_WORDS
from monitors.phrases import PhraseIndex
from monitors.scan import Scan, scan_for

LONGEST = 4_000  # characters; longer texts are few, and would make a block of them too large


class TextSieve:
    """Lets through the texts in which a phrase may be found, as written or misspelt.

    Which word of a phrase tells most is learned from the first texts it is given.
    """

    def __init__(self, phrases: PhraseIndex, slips: SlipIndex, *, arrays: bool | None = None) -> None:
        self._phrases = [spelling.split() for spelling in phrases.spellings]
        self._slipped = _misspellings(slips)
        self._arrays = arrays
        self._spellings: Mapping[str, list[str]] = {}
        self._telling: frozenset[str] | set[str] = frozenset()
        self._scan: Scan | None = None

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values that may hold a phrase; each as often as it is given."""
        for block in blocks(values):
            raw, plain, odd = lines(block, LONGEST)
            folded = fold_texts(raw)
            if self._scan is None:
                self._scan = self._learn(folded)
            likely = (plain[number] for number in self._scan.lines(folded))
            yield from likely if self._scan.precise else filter(self._holds, likely)
            yield from odd

    def _learn(self, folded: str) -> Scan:
        """Choose the word of every phrase that is rarest in this text."""
        counts = Counter(folded.split())
        spellings: dict[str, list[str]] = defaultdict(list)
        alone: set[str] = set()
        pairs: dict[tuple[str, str], str] = {}
        for words in self._phrases:
            place, rarest = min(enumerate(words), key=lambda each: (counts[each[1]], each[1] in COMMON_WORDS, each))
            spellings[rarest].append(f" {' '.join(words)} ")
            if len(words) == 1:
                alone.add(rarest)
            else:
                first = min(place, len(words) - 2)
                pairs[words[first], words[first + 1]] = rarest
        self._spellings = dict(spellings)
        self._telling = self._slipped.union(spellings)
        return scan_for(self._slipped | alone, pairs, arrays=self._arrays)

    def _holds(self, value: str) -> bool:
        """Whether a text holds a spelling that one of its words tells of, or a misspelt word."""
        words = fold_texts(value).split()
        text = f" {' '.join(words)} "
        for word in self._telling.intersection(words):
            if word in self._slipped:
                return True
            for spelling in self._spellings[word]:
                if spelling in text:
                    return True
        return False


def _misspellings(slips: SlipIndex) -> set[str]:
    """Return every way in which the words that an index recognises may be misspelt."""
    return {
        spelling
        for word in slips.words
        for spelling in one_slip_away(word)
        if spelling not in word and word not in spelling
    }
