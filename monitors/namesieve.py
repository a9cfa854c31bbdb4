"""Throwing away, many at a time, the names that bear no likeness to a known one, so that few are read one by one.

The sieve may let through what turns out to be nobody's name; it never holds back what `NameIndex.find` would find
something in. A block of names is folded, split and looked up by a handful of calls: a name goes on if it is a known
one written without spaces, or has a word that is, or is one slip away from, the telling word of a known name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import filterfalse, product

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from monitors.blocks import LETTERS, blocks, fold_names, lines, one_slip_away, outline, tighten, with_one_letter_less
from monitors.names import GENERIC_WORDS, LEGAL_FORMS, has_more_names, join_initials, peel
from monitors.patterns import one_of
from monitors.scan import scan_for
from monitors.signals import CLOSE_ENOUGH, LONGEST_NAME, SHORTEST_RARE, Known, NameIndex, slips_allowed

CACHED_WORDS = 65_536
MOST_FORMS = 8  # legal forms inside one name whose spellings are all tried

# What stands before another name of a company: initials, which may be words of their own, or one of the words.
_INITIALS_BEFORE = ("DBA", "FKA", "NKA")
_BEFORE = frozenset((*_INITIALS_BEFORE, "DOING", "TRADING", "KNOWN", "FORMERLY"))
_Counterparts = Callable[[list[str]], bool]
_FORM_WORDS = frozenset(word for form in LEGAL_FORMS for word in form.split()) | {"THE"}


@dataclass(frozen=True, slots=True)
class _Target:
    """A known name that others may resemble.

    `others`: its rare words but the telling one; `shortest` and `longest`: letters and spaces of a name like it.
    """

    words: frozenset[str]
    ordered: str
    others: tuple[_Counterparts, ...]
    shortest: float
    longest: float

    @classmethod
    def of(cls, known: Known, anchor: str) -> _Target:
        """Return what of a known name the sieve looks at."""
        size = len(known.name.core)
        return cls(
            words=frozenset(known.words),
            ordered=known.ordered,
            others=tuple(map(_counterparts, known.rare_words - {anchor})),
            # Two texts are no more alike than their lengths let them be.
            shortest=size * CLOSE_ENOUGH / (200 - CLOSE_ENOUGH),
            longest=size * (200 - CLOSE_ENOUGH) / CLOSE_ENOUGH,
        )

    def may_be(self, words: list[str], size: int) -> bool:
        """Whether a name with the telling word, these words and at most so many letters may hold or resemble this."""
        if size < self.shortest:
            return False
        return all(other(words) for other in self.others)

    def is_like(self, ordered: str) -> bool:
        """Whether it has nearly the letters of a name without legal form, both with their words in order."""
        return fuzz.ratio(self.ordered, ordered, score_cutoff=CLOSE_ENOUGH) > 0


@lru_cache(maxsize=CACHED_WORDS)
def _counterparts(rare: str) -> _Counterparts:
    """Return what says whether a rare word, nearly, is among the words it is given."""
    slips = slips_allowed(rare)
    if slips > 1:
        return lambda words: any(OSA.distance(rare, word) <= slips for word in words)
    spellings: set[str] = set()

    def among(words: list[str]) -> bool:
        if not spellings:
            spellings.update(one_slip_away(rare))
        return not spellings.isdisjoint(words)

    return among


class NameSieve:
    """Lets through the names in which `NameIndex.find` may find a vendor."""

    def __init__(self, index: NameIndex, *, arrays: bool | None = None) -> None:
        written = {spelling for known in index.known for spelling in _spelled_out(known.tight)}
        added = one_of({form.replace(" ", "") for form in LEGAL_FORMS} | GENERIC_WORDS)
        pattern = rf"\n(?:THE)?(?:{one_of(written)})(?:{added})*(?=\n)"
        self._exact = re.compile(pattern.encode()) if written else None
        self._targets: dict[str, dict[str, _Target]] = defaultdict(dict)
        for known in index.known:
            if known.recognisable:
                for anchor in _anchors(known.rare_words):
                    self._targets[anchor].setdefault(known.name.core, _Target.of(known, anchor))
        self._damaged: dict[str, list[str]] = defaultdict(list)
        for anchor in self._targets:
            for damaged in with_one_letter_less(anchor) if len(anchor) >= SHORTEST_RARE else (anchor,):
                self._damaged[damaged].append(anchor)
        # A letter may be an initial of a telling word.
        self._telling = LETTERS.union(_BEFORE, *map(_seen_as, self._targets))
        self._scan = scan_for(self._telling, arrays=arrays)
        self._near = lru_cache(maxsize=CACHED_WORDS)(self._targets_near)

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values that may bear a known name; each value as often as it is given."""
        for block in blocks(values):
            raw, plain, odd = lines(block, LONGEST_NAME)
            folded = fold_names(raw)
            rows = folded.split("\n")
            passed = {number for number in self._scan.lines(folded) if self._tells(rows[number], plain[number])}
            passed |= self._equal(tighten(folded))
            passed |= {number for number in _irregular(outline(raw)) if has_more_names(plain[number])}
            yield from (plain[number] for number in sorted(passed))
            yield from odd

    def _equal(self, tight: bytes) -> set[int]:
        """Return the numbers of the lines that are a known name or its branch without spaces."""
        return set() if self._exact is None else _line_numbers(tight, [x.start() for x in self._exact.finditer(tight)])

    def _tells(self, row: str, value: str) -> bool:
        """Whether a name, folded, looks like a known one, or, as it is, has several names in it."""
        words = row.split()
        several = False
        if not LETTERS.isdisjoint(words):
            words = join_initials(words)
            joined = " ".join(words)
            several = any(initials in joined for initials in _INITIALS_BEFORE)
        telling = self._telling.intersection(words)
        if (several or not telling.isdisjoint(_BEFORE)) and has_more_names(value):
            return True
        return bool(telling) and self._resembles(words, telling, len(row))

    def _resembles(self, words: list[str], telling: frozenset[str], size: int) -> bool:
        """Whether words, some of them telling, in a name of at most so many letters look like those of a known name."""
        targets = [target for word in telling for target in self._near(word) if target.may_be(words, size)]
        if not targets:
            return False
        if any(target.words.issubset(words) for target in targets):
            return True
        least = sum(map(len, filterfalse(_FORM_WORDS.__contains__, words)))
        targets = [target for target in targets if least <= target.longest]
        if not targets:
            return False
        ordered = " ".join(sorted(peel(" ".join(words))[0].split()))
        return any(target.is_like(ordered) for target in targets)

    def _targets_near(self, word: str) -> tuple[_Target, ...]:
        """Return the known names that a word tells of, exactly or with one slip."""
        anchors = {anchor for damaged in with_one_letter_less(word) for anchor in self._damaged.get(damaged, ())}
        return tuple(
            target for anchor in anchors if OSA.distance(word, anchor) <= 1 for target in self._targets[anchor].values()
        )


def _seen_as(anchor: str) -> Collection[str]:
    """Return the spellings in which a telling word is recognised."""
    return one_slip_away(anchor) if len(anchor) >= SHORTEST_RARE else (anchor,)


def _anchors(rare: set[str]) -> list[str]:
    """Return words one of which is, up to one slip, in every name that resembles a known one with these rare words.

    Every rare word must have a counterpart, within one slip if it has less than twelve letters, so that a single one
    is enough; if none is long enough to be recognised with a slip, one of all of them must be there as it is.
    """
    fit = [word for word in rare if SHORTEST_RARE <= len(word) < 2 * SHORTEST_RARE]
    return [max(fit, key=lambda word: (len(word), word))] if fit else sorted(rare)


def _spelled_out(tight: str) -> set[str]:
    """Return a name without spaces, and it with the legal forms in it as they may be written: XCOY, XCOMPANYY."""
    spellings = {tight}
    for written, form in LEGAL_FORMS.items():
        if " " not in written and written != form:
            spellings |= {
                "".join(part for pair in zip(pieces, (*choice, ""), strict=True) for part in pair)
                for spelling in spellings
                for pieces in [spelling.split(form, MOST_FORMS)]
                for choice in product((form, written), repeat=len(pieces) - 1)
            }
    return spellings


def _irregular(outlined: bytes) -> set[int]:
    """Return the numbers of the lines with brackets, or with words that folding joins."""
    return _line_numbers(outlined, sorted((*_occurrences(outlined, b".X"), *_occurrences(outlined, b"("))))


def _occurrences(text: bytes, wanted: bytes) -> Iterator[int]:
    place = text.find(wanted)
    while place >= 0:
        yield place
        place = text.find(wanted, place + 1)


def _line_numbers(text: bytes, places: Iterable[int]) -> set[int]:
    """Return the numbers of the lines (each begins with a line break) in which the places, in order, are."""
    numbers: set[int] = set()
    number, last = -1, 0
    for place in places:
        number += text.count(b"\n", last, place + 1)
        numbers.add(number)
        last = place + 1
    return numbers
