"""Throwing away, many at a time, the names that bear no likeness to a known one, so that few are read one by one.

The sieve may let through what turns out to be nobody's name; it never holds back what `NameIndex.find` would find
something in. A block of names is folded, split and looked up by a handful of calls: a name goes on if it is a known
one written without spaces, or has a word that is, or is one slip away from, the telling word of a known name.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import product

from rapidfuzz.distance import OSA

from monitors.blocks import LETTERS, blocks, fold_names, lines, outline, tighten, with_one_letter_less
from monitors.names import GENERIC_WORDS, LEGAL_FORMS, has_more_names, join_initials, peel_words
from monitors.namescan import ALONE, Clues, in_need, line_numbers, name_scan, support
from monitors.patterns import one_of
from monitors.signals import LONGEST_NAME, SHORTEST_RARE, Known, NameIndex, likeness

CACHED_WORDS = 65_536
SHORTEST_OTHER = 4  # letters of a second rare word that is looked for: what is near shorter ones is in too many names
MOST_FORMS = 8  # legal forms inside one name whose spellings are all tried

# What stands before another name of a company: initials, which may be words of their own, or one of the words.
_INITIALS_BEFORE = ("DBA", "FKA", "NKA")
_BEFORE = frozenset((*_INITIALS_BEFORE, "DOING", "TRADING", "KNOWN", "FORMERLY"))


class NameSieve:
    """Lets through the names in which `NameIndex.find` may find a vendor."""

    def __init__(self, index: NameIndex, *, arrays: bool | None = None) -> None:
        written = {spelling for known in index.known for spelling in _spelled_out(known.tight)}
        added = one_of({form.replace(" ", "") for form in LEGAL_FORMS} | GENERIC_WORDS)
        pattern = rf"\n(?:THE)?(?:{one_of(written)})(?:{added})*(?=\n)"
        self._exact = re.compile(pattern.encode()) if written else None
        self._targets: dict[str, dict[str, Known]] = defaultdict(dict)
        clues = Clues(dict.fromkeys(_BEFORE, ALONE), {}, _openings(written))
        for known in index.known:
            if known.recognisable:
                for anchor in _anchors(known.rare_words):
                    self._targets[anchor].setdefault(known.name.core, known)
                    _add_clues(clues, anchor, known.rare_words - {anchor})
        self._damaged: dict[str, list[str]] = defaultdict(list)
        for anchor in self._targets:
            for damaged in with_one_letter_less(anchor) if len(anchor) >= SHORTEST_RARE else (anchor,):
                self._damaged[damaged].append(anchor)
        self._scan = name_scan(clues, arrays=arrays)
        self._near = lru_cache(maxsize=CACHED_WORDS)(self._targets_near)

    def sift(self, values: Iterable[str]) -> Iterator[str]:
        """Yield the values that may bear a known name; each value as often as it is given."""
        for block in blocks(values):
            raw, plain, odd = lines(block, LONGEST_NAME)
            scanned = self._scan.scan(fold_names(raw))
            passed = {scanned.opening[number] for number in self._equal(tighten(scanned.opened))}
            passed |= {number for number, row, telling in scanned.likely if self._tells(row, telling, plain[number])}
            passed |= {number for number in self._scan.irregular(outline(raw)) if has_more_names(plain[number])}
            yield from (plain[number] for number in sorted(passed))
            yield from odd

    def _equal(self, tight: bytes) -> set[int]:
        """Return the numbers of the lines that are a known name or its branch without spaces."""
        return set() if self._exact is None else line_numbers(tight, [x.start() for x in self._exact.finditer(tight)])

    def _tells(self, row: str, telling: Collection[str], value: str) -> bool:
        """Whether a name, folded and with these telling words, looks like a known one, or has several names in it."""
        words = row.split()
        several = not _BEFORE.isdisjoint(telling)
        if not LETTERS.isdisjoint(words):
            joined = join_initials(words)
            telling = {*telling, *joined}
            several = several or any(initials in word for word in joined for initials in _INITIALS_BEFORE)
            words = joined
        if several and has_more_names(value):
            return True
        return _resembles(words, [target for word in telling for target in self._near(word)])

    def _targets_near(self, word: str) -> tuple[Known, ...]:
        """Return the known names that a word tells of, exactly or with one slip."""
        anchors = {anchor for damaged in with_one_letter_less(word) for anchor in self._damaged.get(damaged, ())}
        return tuple(
            target for anchor in anchors if OSA.distance(word, anchor) <= 1 for target in self._targets[anchor].values()
        )


def _resembles(words: list[str], targets: list[Known]) -> bool:
    """Whether a name of these words is like one of some known ones."""
    if not targets:
        return False
    peeled, _ = peel_words(words)
    core, ordered = " ".join(peeled), " ".join(sorted(peeled))
    return any(likeness(known, core, peeled, ordered) for known in targets)


def _add_clues(clues: Clues, anchor: str, others: frozenset[str]) -> None:
    """Add what to look for so that no name is missed that resembles one with this telling and these other rare words.

    The longest of the others must be there too, if all spellings can be listed in which it counts.
    """
    fit = [word for word in others if SHORTEST_OTHER <= len(word) < 2 * SHORTEST_RARE]
    group = zlib.crc32(anchor.encode())
    anchors = clues.slipped if len(anchor) >= SHORTEST_RARE else clues.exact
    anchors[anchor] = anchors.get(anchor, 0) | (in_need(group) if fit else ALONE)
    if fit:
        other = max(fit, key=lambda word: (len(word), word))
        clues.slipped[other] = clues.slipped.get(other, 0) | support(group)


def _openings(written: set[str]) -> set[str]:
    """Return what the first word of a line may be, if it is one of these spellings without spaces, or a branch of it.

    And, if the first word is a single letter, what that may be with the letter after it.
    """
    branches = (tight + word[0] for tight in written if len(tight) == 1 for word in (*GENERIC_WORDS, *LEGAL_FORMS))
    return {tight[:end] for tight in ("THE", *written, *branches) for end in range(1, len(tight) + 1)}


def _anchors(rare: frozenset[str]) -> list[str]:
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
