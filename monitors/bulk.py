"""Matching many awards at once, with the same matches as one by one.

Every distinct name and text of the awards goes through a sieve first, once; only awards that hold something which
passes, or an identifier, are read by the matcher. Pure.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator

from monitors.blocks import blocks
from monitors.matcher import Match, Matcher
from monitors.namesieve import NameSieve
from monitors.phrases import PhraseFinding
from monitors.signals import NameFinding
from monitors.textsieve import ColumnSieve, Sieve, TextSieve
from sources.records import Award

AT_ONCE = 5_000  # awards whose names and texts are looked at together
WORTH_A_COLUMN = 2_000  # texts from which on the sieve that takes longer to begin is the faster one


class BulkMatcher:
    """Matches awards like the matcher it is given. `columns`: whether to use polars; by default, if it is installed."""

    def __init__(self, matcher: Matcher, *, columns: bool | None = None) -> None:
        self._matcher = matcher
        self._indexes = matcher.indexes
        self._names = NameSieve(self._indexes.names)
        self._texts: Sieve = TextSieve(self._indexes.phrases, self._indexes.slips)
        self._columns: Sieve = self._texts
        if columns or (columns is None and importlib.util.find_spec("polars")):
            self._columns = ColumnSieve(self._indexes.phrases, self._indexes.slips)

    def matches(self, awards: Iterable[Award]) -> Iterator[tuple[Award, tuple[Match, ...]]]:
        """Yield each award with what `Matcher.matches` says of it, in order."""
        for block in blocks(awards, AT_ONCE):
            names = dict.fromkeys(name for award in block for name in _names_of(award) if name)
            texts = dict.fromkeys(text for award in block for text in _texts_of(award) if text)
            telling_names = set(self._names.sift(names))
            telling_texts = set(self._sieve_for(len(texts)).sift(texts))
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
        return {raw: found for raw in self._columns.sift(values) if (found := (*find(raw), *slips(raw)))}

    def _sieve_for(self, count: int) -> Sieve:
        return self._columns if count >= WORTH_A_COLUMN else self._texts


def _names_of(award: Award) -> tuple[str, str]:
    return award.recipient.name, award.recipient.parent_name


def _texts_of(award: Award) -> list[str]:
    return [award.description, *(action.description for action in award.actions)]
