"""Throwing away, many at a time, the names that bear no likeness to a known one, so that few are read one by one.

The sieve may let through what turns out to be nobody's name; it never holds back what `NameIndex.find` would find
something in. A block of names is folded, split and looked up by a handful of calls: a name goes on if it is a known
one written without spaces, or has a word that is, or is one slip away from, the telling word of a known name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import filterfalse, product

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from monitors.blocks import LETTERS, blocks, fold_names, lines, one_slip_away, tighten, with_one_letter_less
from monitors.names import GENERIC_WORDS, LEGAL_FORMS, has_more_names, join_initials, peel
from monitors.patterns import one_of
from monitors.scan import scan_for
from monitors.signals import CLOSE_ENOUGH, LONGEST_NAME, SHORTEST_RARE, Known, NameIndex, slips_allowed

CACHED_WORDS = 65_536
MOST_FORMS = 8  # legal forms inside one name whose spellings are all tried

_OTHER_NAME = (b"DBA", b"DOINGBUSINESSAS", b"TRADINGAS", b"FKA", b"NKA", b"KNOWNAS", b"FORMERLY")
_FORM_WORDS = frozenset(word for form in LEGAL_FORMS for word in form.split()) | {"THE"}


@dataclass(frozen=True, slots=True)
class _Target:
    """A known name that others may resemble.

    `others`: its rare words but the telling one, each with the slips allowed in it; `shortest` and `longest`: letters
    and spaces of a name that is like it.
    """

    words: frozenset[str]
    ordered: str
    others: tuple[tuple[str, int], ...]
    shortest: float
    longest: float

    @classmethod
    def of(cls, known: Known, anchor: str) -> _Target:
        """Return what of a known name the sieve looks at."""
        size = len(known.name.core)
        return cls(
            words=frozenset(known.words),
            ordered=known.ordered,
            others=tuple((word, slips_allowed(word)) for word in known.rare_words if word != anchor),
            # Two texts are no more alike than their lengths let them be.
            shortest=size * CLOSE_ENOUGH / (200 - CLOSE_ENOUGH),
            longest=size * (200 - CLOSE_ENOUGH) / CLOSE_ENOUGH,
        )

    def has_counterparts(self, words: list[str]) -> bool:
        """Whether each of the other rare words stands in a name, nearly."""
        return all(any(OSA.distance(rare, word) <= slips for word in words) for rare, slips in self.others)


class NameSieve:
    """Lets through the names in which `NameIndex.find` may find a vendor."""

    def __init__(self, index: NameIndex, *, arrays: bool | None = None) -> None:
        written = {spelling for known in index.known for spelling in _spelled_out(known.tight)}
        added = one_of({form.replace(" ", "") for form in LEGAL_FORMS} | GENERIC_WORDS)
        pattern = rf"\n(?:THE)?(?:{one_of(written)})(?:{added})*(?=\n)"
        self._exact = re.compile(pattern.encode()) if written else None
        self._targets: dict[str, list[_Target]] = defaultdict(list)
        for known in index.known:
            if known.recognisable:
                for anchor in _anchors(known.rare_words):
                    self._targets[anchor].append(_Target.of(known, anchor))
        self._damaged: dict[str, list[str]] = defaultdict(list)
        for anchor in self._targets:
            for damaged in with_one_letter_less(anchor) if len(anchor) >= SHORTEST_RARE else (anchor,):
                self._damaged[damaged].append(anchor)
        self._telling = frozenset[str]().union(*map(_seen_as, self._targets))
        self._scan = scan_for(LETTERS | self._telling, arrays=arrays)  # a letter may be an initial of a telling word
        self._near = lru_cache(maxsize=CACHED_WORDS)(self._targets_near)

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values that may bear a known name; each value as often as it is given."""
        for block in blocks(values):
            raw, plain, odd = lines(block, LONGEST_NAME)
            folded = fold_names(raw)
            rows = folded.split("\n")
            passed = {number for number in self._scan.lines(folded) if self._resembles(rows[number])}
            passed |= self._equal(raw, plain)
            yield from (plain[number] for number in sorted(passed))
            yield from odd

    def _equal(self, raw: str, plain: list[str]) -> set[int]:
        """Return the numbers of the lines that are a known name or its branch without spaces, or have several names."""
        tight = tighten(raw)
        numbers: set[int] = set()
        if self._exact is not None:
            numbers |= _line_numbers(tight, [found.start() + 1 for found in self._exact.finditer(tight)])
        places = sorted(place for wanted in _OTHER_NAME for place in _occurrences(tight, wanted))
        several = _line_numbers(tight, places)
        if "(" in raw:
            several |= {number for number, value in enumerate(plain) if "(" in value}
        return numbers | {number for number in several if has_more_names(plain[number])}

    def _resembles(self, row: str) -> bool:
        """Whether a folded name looks like a known one."""
        words = row.split()
        if not LETTERS.isdisjoint(words):
            words = join_initials(words)
        telling = self._telling.intersection(words)
        if not telling:
            return False
        targets = [target for word in telling for target in self._near(word)]
        if any(target.words.issubset(words) for target in targets):
            return True
        most, least = len(row), sum(map(len, filterfalse(_FORM_WORDS.__contains__, words)))
        likely = [target for target in targets if target.shortest <= most and least <= target.longest]
        return bool(likely) and _is_like_one_of(likely, words)

    def _targets_near(self, word: str) -> tuple[_Target, ...]:
        """Return the known names that a word tells of, exactly or with one slip."""
        anchors = {anchor for damaged in with_one_letter_less(word) for anchor in self._damaged.get(damaged, ())}
        return tuple(
            target for anchor in anchors if OSA.distance(word, anchor) <= 1 for target in self._targets[anchor]
        )


def _is_like_one_of(targets: list[_Target], words: list[str]) -> bool:
    """Whether a name of these words may be one of the known ones, misspelt: rare words and most letters agree."""
    ordered = " ".join(sorted(peel(" ".join(words))[0].split()))
    return any(
        target.shortest <= len(ordered) <= target.longest
        and fuzz.ratio(target.ordered, ordered, score_cutoff=CLOSE_ENOUGH)
        and target.has_counterparts(words)
        for target in targets
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


def _occurrences(text: bytes, wanted: bytes) -> Iterator[int]:
    place = text.find(wanted)
    while place >= 0:
        yield place
        place = text.find(wanted, place + 1)


def _line_numbers(text: bytes, places: list[int]) -> set[int]:
    """Return the numbers of the lines (each begins with a line break) in which the places, in order, are."""
    numbers: set[int] = set()
    number, last = -1, 0
    for place in places:
        number += text.count(b"\n", last, place)
        numbers.add(number)
        last = place
    return numbers
