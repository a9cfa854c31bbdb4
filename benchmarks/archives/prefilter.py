"""Prove that the prefilter of archives loses nothing that matches: `python -m benchmarks.archives.prefilter [FILE]`.

Matches `--records` records whole, and looks at what the prefilter says of their single values: names, texts, codes.
The records are the awards of an extract (benchmarks/extracts.py), each of its rows as an award of its own, and
records made of the watchlist's names and phrases with typos, other spaces and another order (`made_up`).
Prints, by band, how many matched and how many of them the prefilter would have lost. Ends with status 1 if any.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from rich.console import Console

from benchmarks.extracts import awards_of, read_extract
from benchmarks.labelled import read_awards
from monitors.matching.phrase_index import vendor_terms
from monitors.matching.prefilter import WatchlistCandidates
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Watchlist
from sources.records import Award
from sources.usaspending_archive.compiled.fast import has_word
from tests.awards import award

RECORDS = 300_000
BANDS = ("published", "review", "name-only")
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


def may_match(candidates: WatchlistCandidates, record: Award) -> bool:
    """Return whether a scan would want a record for one of its values, as compiled code looks at them."""
    recipient = record.recipient
    texts = {record.description, *(action.description for action in record.actions)}
    return (
        any(map(candidates.may_concern_name, filter(None, (recipient.name, recipient.parent_name))))
        or not candidates.ueis.isdisjoint({recipient.uei, recipient.parent_uei})
        or recipient.cage in candidates.cages
        or candidates.may_concern_codes(record.psc, record.psc_text, record.naics, record.naics_text)
        or any(has_word(candidates.text_words, text) and candidates.may_concern_text(text) for text in texts)
    )


def records(extract: Path | None, candidates: WatchlistCandidates, seed: int) -> Iterator[Award]:
    """Yield the awards of an extract, and each of its rows, then made-up records without an end."""
    rows = list(read_extract(extract)) if extract else []
    for row in rows:
        yield from awards_of([row])
    yield from awards_of(rows)
    texts = [row["description"] for row in rows] or [each.description for each in read_awards().values()]
    material = Material.of(candidates.watchlist, sorted({word for text in texts for word in text.split()}))
    chance = random.Random(seed)  # noqa: S311
    while True:
        yield made_up(material, chance)


def count_lost(found: Iterable[Award], candidates: WatchlistCandidates) -> tuple[Counter[str], list[Award]]:
    """Return the records by the best band of their matches ("" for none), and those that match and are not wanted."""
    bands: Counter[str] = Counter()
    lost = []
    for record in found:
        matches = candidates.matcher.matches(record)
        bands[min((match.band.value for match in matches), key=BANDS.index, default="")] += 1
        if matches and not may_match(candidates, record):
            lost.append(record)
    return bands, lost


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="an extract of contract actions, as CSV")
    parser.add_argument("--records", type=int, default=RECORDS, help=f"how many records ({RECORDS})")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up records (1)")
    options = parser.parse_args(arguments)
    candidates = WatchlistCandidates(load_watchlist())
    bands, lost = count_lost(islice(records(options.file, candidates, options.seed), options.records), candidates)
    out = Console(width=120, highlight=False)
    for band in (*BANDS, ""):
        out.print(f"{band or 'no match':>10}: {bands[band]:>8,} records")
    out.print(f"      lost: {len(lost):>8,}", *lost[:10], sep="\n")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
