"""What decides which rows of a large file are wanted: the interface, without the matcher."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWords:
    """Words, in upper case, of which every ASCII text has at least one for which `may_concern_text` is true.

    Words are runs of letters and digits; a NUL is no part of a text, and "&" is the word AND. The text has one of
    `singles`, or two words in a row of `pairs`, or a word of `shortest` to 40 letters that is not `known` and that is
    one of `misspelled`, perhaps without one of its letters, and without its double letters.
    """

    singles: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    misspelled: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    shortest: int = 1


class Candidates(Protocol):
    """What decides whether a row of a large file is wanted. It is pickled where other processes read.

    `may_concern_*` must be true for whatever the matcher could find something in. Codes and keys are upper case.
    """

    @property
    def ueis(self) -> Collection[str]:
        """The UEIs of recipients or parents that are wanted."""

    @property
    def cages(self) -> Collection[str]:
        """The CAGE codes of recipients that are wanted."""

    @property
    def text_words(self) -> TextWords | None:
        """Words without which a text need not be looked at; `None` if no names, texts and product codes are wanted."""

    @property
    def award_keys(self) -> Collection[str]:
        """The awards of which every row is wanted."""

    @property
    def parent_keys(self) -> Collection[str]:
        """The awards under which every order is wanted."""

    @property
    def solicitations(self) -> Collection[str]:
        """The solicitation numbers whose awards are wanted."""

    def may_concern_name(self, name: str, /) -> bool:
        """Whether the name of a recipient, or of its parent, may be that of somebody on the watchlist."""

    def may_concern_text(self, text: str, /) -> bool:
        """Whether a description may contain a phrase of the watchlist."""

    def may_concern_codes(self, psc: str, psc_text: str, naics: str, naics_text: str, /) -> bool:
        """Whether the codes of what is bought, and their names, may be enough for a match."""
