"""Which rows of a large file may match, decided by single values: names, descriptions, codes. Pure.

The matcher itself reads each value, so that no row is left out in which it would find something. A match needs at least
one signal, and each signal is in a single value: weak words, too, because two of them may be enough together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from monitors.matching.matcher import Matcher
from monitors.watchlist.model import Watchlist
from sources.candidates import TextWords


@dataclass(frozen=True)
class WatchlistCandidates:
    """The rows that may concern a watchlist, and those of stored awards (`sources.candidates.Candidates`)."""

    watchlist: Watchlist
    award_keys: frozenset[str] = frozenset()
    parent_keys: frozenset[str] = frozenset()
    solicitations: frozenset[str] = frozenset()

    def __getstate__(self) -> tuple[object, ...]:
        """Return what another process needs: it builds the matcher itself."""
        return self.watchlist, self.award_keys, self.parent_keys, self.solicitations

    def __setstate__(self, state: tuple[object, ...]) -> None:
        for name, value in zip(self.__dataclass_fields__, state, strict=True):
            object.__setattr__(self, name, value)

    @cached_property
    def matcher(self) -> Matcher:
        """The matcher, which decides."""
        return Matcher(self.watchlist)

    @cached_property
    def ueis(self) -> frozenset[str]:
        """The UEIs of all entries, upper case."""
        return frozenset(uei.upper() for vendor in self.watchlist.vendors for uei in vendor.ueis)

    @cached_property
    def cages(self) -> frozenset[str]:
        """The CAGE codes of all entries, upper case."""
        return frozenset(cage.upper() for vendor in self.watchlist.vendors for cage in vendor.cages)

    @cached_property
    def text_words(self) -> TextWords:
        """The words of which a text that may match has at least one."""
        return self.matcher.text_words()

    def may_concern_name(self, name: str, /) -> bool:
        """Whether a recipient's or parent's name points to an entry."""
        return self.matcher.finds_name(name)

    def may_concern_text(self, text: str, /) -> bool:
        """Whether a text has a phrase of an entry, or a misspelled one."""
        return self.matcher.finds_phrase(text)

    def may_concern_codes(self, psc: str, psc_text: str, naics: str, naics_text: str, /) -> bool:
        """Whether codes, or their names, are enough for a match without words."""
        return self.matcher.finds_code(psc, psc_text, naics, naics_text)
