"""Matching many awards at once, with the same matches as one by one.

Every distinct name and text of the awards goes through a sieve first, once; only awards that hold something which
passes, or an identifier, are read by the matcher. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from monitors.blocks import blocks
from monitors.matcher import Match, Matcher
from monitors.namesieve import NameSieve
from monitors.phrases import PhraseFinding
from monitors.signals import NameFinding
from monitors.textsieve import TextSieve
from sources.records import Award

AT_ONCE = 5_000  # awards whose names and texts are looked at together


class BulkMatcher:
    """Matches awards like the matcher it is given. `arrays`: whether to use NumPy; by default, if it is installed."""

    def __init__(self, matcher: Matcher, *, arrays: bool | None = None) -> None:
        self._matcher = matcher
        self._indexes = matcher.indexes
        self._arrays = arrays

    @cached_property
    def _names(self) -> NameSieve:
        return NameSieve(self._indexes.names, arrays=self._arrays)

    @cached_property
    def _texts(self) -> TextSieve:
        return TextSieve(self._indexes.phrases, self._indexes.slips, arrays=self._arrays)

    def matches(self, awards: Iterable[Award]) -> Iterator[tuple[Award, tuple[Match, ...]]]:
        """Yield each award with what `Matcher.matches` says of it, in order."""
        for block in blocks(awards, AT_ONCE):
            names = dict.fromkeys(name for award in block for name in _names_of(award) if name)
            texts = dict.fromkeys(text for award in block for text in _texts_of(award) if text)
            telling_names = set(self._names.sift(names))
            telling_texts = set(self._texts.sift(texts))
            for award in block:
                told = (
                    not telling_names.isdisjoint(_names_of(award))
                    or not telling_texts.isdisjoint(_texts_of(award))
                    or self._matcher.identifies(award)
                )
                yield award, self._matcher.matches(award) if told else ()

    def names(self, values: Iterable[str]) -> dict[str, tuple[NameFinding, ...]]:
        """Return what `NameIndex.find` finds in each distinct value, without the values it finds nothing in."""
        find = self._indexes.names.find
        return {raw: found for raw in self._names.sift(values) if (found := find(raw))}

    def texts(self, values: Iterable[str]) -> dict[str, tuple[PhraseFinding, ...]]:
        """Return the phrases, as written and misspelt, in each distinct value, without the values that hold none."""
        find, slips = self._indexes.phrases.find, self._indexes.slips.find
        return {raw: found for raw in self._texts.sift(values) if (found := (*find(raw), *slips(raw)))}


def _names_of(award: Award) -> tuple[str, str]:
    return award.recipient.name, award.recipient.parent_name


def _texts_of(award: Award) -> list[str]:
    return [award.description, *(action.description for action in award.actions)]
