"""Records that nearly match: names and phrases of the watchlist, misspelled, reordered and oddly spaced."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitors.matching.phrase_index import vendor_terms
from monitors.watchlist.model import Watchlist
from sources.records import Award
from tests.awards import award

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
GAPS = (" ", " ", " ", "  ", "-", " - ", ".", "/", ", ", " & ", "", "\n", "'")
AROUND = ("", "", " INC", ", LLC", " CORPORATION", " FEDERAL LLC", " (US)", " DBA X", " SOLUTIONS", " OF AMERICA")


@dataclass(frozen=True)
class Material:
    """What records are made of: words, names and phrases of a watchlist, its identifiers and codes, and other text."""

    names: Sequence[str]
    phrases: Sequence[str]
    near: Sequence[str]
    codes: Sequence[str]
    identifiers: Sequence[str]
    fillers: Sequence[str]

    @classmethod
    def of(cls, watchlist: Watchlist, fillers: Sequence[str]) -> Material:
        """Return the material of a watchlist; `fillers` are words of other descriptions."""
        terms = [term for vendor in watchlist.vendors for term in vendor_terms(vendor)]
        return cls(
            names=sorted({name for vendor in watchlist.vendors for name in vendor.names}),
            phrases=sorted({term.phrase for term in terms}),
            near=sorted({word for term in terms for word in term.near}) or ["X"],
            codes=sorted({code.code for vendor in watchlist.vendors for code in vendor.codes}),
            identifiers=sorted({code for vendor in watchlist.vendors for code in (*vendor.ueis, *vendor.cages)}),
            fillers=fillers,
        )


def mutated(text: str, chance: random.Random) -> str:
    """Return a text with other gaps, another case, another order or wrong letters, or as it is."""
    words = text.split()
    if chance.random() < 0.1:
        chance.shuffle(words)
    if chance.random() < 0.5:
        at = chance.randrange(len(words))
        words[at] = _misspelled(words[at], chance)
    gap = chance.choice(GAPS) if chance.random() < 0.5 else " "
    joined = gap.join(words) + chance.choice(("", "", "", "S", "."))
    return chance.choice((str.upper, str.upper, str.lower, str.title))(joined)


def _misspelled(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    other = chance.choice(LETTERS)
    return chance.choice(
        (
            word[:at] + other + word[at + 1 :],
            word[:at] + word[at + 1 :],
            word[:at] + other + word[at:],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
        )
    )


def made_up(material: Material, chance: random.Random) -> Award:
    """Return an award of which some values come from the watchlist, more or less, and the others do not."""

    def text() -> str:
        words = [chance.choice(material.fillers) for _ in range(chance.randrange(8))]
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            source = chance.choice((material.phrases, material.phrases, material.near, material.names))
            words.insert(chance.randrange(len(words) + 1), mutated(chance.choice(source), chance))
        return chance.choice((" ", " ", "  ", " - ")).join(words)

    def name() -> str:
        if chance.random() < 0.6:
            return " ".join(chance.choice(material.fillers) for _ in range(2)) + chance.choice(AROUND)
        return mutated(chance.choice(material.names), chance) + chance.choice(AROUND)

    def code() -> str:
        return chance.choice(material.identifiers) if chance.random() < 0.05 else ""

    made = award(
        name(), text(), actions=(text(), text()), uei=code(), cage=code(), parent_uei=code(),
        parent_name=name() if chance.random() < 0.3 else "",
    )  # fmt: skip
    return replace(made, psc=chance.choice(material.codes) if chance.random() < 0.2 else "")
