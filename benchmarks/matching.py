"""Measure precision and recall of the matcher: `python -m benchmarks.matching`.

Prints precision and recall on the labelled actions (tests/data/labelled), per stratum and band, on all of them and on
the part that is set aside; with `--misses`, every error of the part that may be looked at. With `--extract FILE` (a CSV
of contract actions with the columns of the USAspending transaction search) also how many awards match per vendor over
the whole of it, so that a surprise is seen.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.labelled import Facts, Label, awards_of, read_awards, read_labels
from monitors.matching.matcher import Matcher
from monitors.watchlist.loader import load_watchlist
from sources.records import Award
from storage.models import MatchBand

Found = dict[str, dict[str, MatchBand]]  # award key -> entry id -> band
TARGETS = {"publish precision": 0.98, "recall of publish + review": 0.98, "recall of publish": 0.93}


@dataclass(slots=True)
class Score:
    """Counted pairs of an action and a vendor."""

    right: int = 0
    wrong: int = 0
    required: int = 0
    found: int = 0
    required_publish: int = 0
    found_publish: int = 0

    def add(self, label: Label, bands: dict[str, MatchBand]) -> None:
        """Count one action."""
        published = {vendor for vendor, band in bands.items() if band is MatchBand.PUBLISHED}
        self.right += len(published & label.vendors)
        self.wrong += len(published - label.vendors - label.also)
        self.required += len(label.vendors)
        self.found += len(label.vendors & set(bands))
        if label.must_publish:
            self.required_publish += len(label.vendors)
            self.found_publish += len(label.vendors & published)

    def figures(self) -> dict[str, float]:
        """Return precision and recalls, from 0 to 1; 1 where there is nothing to get wrong."""
        return {
            "publish precision": _share(self.right, self.right + self.wrong),
            "recall of publish + review": _share(self.found, self.required),
            "recall of publish": _share(self.found_publish, self.required_publish),
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def vendors_found(matcher: Matcher, awards: Iterable[Award], topics: frozenset[str]) -> Found:
    """Return the matches of each award, without topics."""
    return {
        award.key: {match.vendor_id: match.band for match in matcher.matches(award) if match.vendor_id not in topics}
        for award in awards
    }


def scores(labels: Iterable[Label], found: Found) -> dict[str, Score]:
    """Return a score for each stratum, and for "all"."""
    result: dict[str, Score] = {}
    for label in labels:
        for stratum in (label.stratum, "all"):
            result.setdefault(stratum, Score()).add(label, found[label.award_key])
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--misses", action="store_true", help="list the errors of the part that may be looked at")
    parser.add_argument("--extract", type=Path, help="a CSV of contract actions (may be gzipped)")
    options = parser.parse_args(arguments)
    watchlist = load_watchlist()
    matcher = Matcher(watchlist)
    topics = frozenset(vendor.id for vendor in watchlist.vendors if vendor.id.startswith("topic-"))
    out = Console(width=140, highlight=False)
    labels = read_labels()
    found = vendors_found(matcher, read_awards().values(), topics)
    for title, chosen in (
        ("All labelled actions", labels),
        ("The part set aside", [label for label in labels if label.part == "held-out"]),
    ):
        out.print(score_table(title, scores(chosen, found)))
    if options.misses:
        for line in misses([label for label in labels if label.part == "tune"], found):
            out.print(line, markup=False, soft_wrap=True)
    if options.extract:
        out.print(vendor_table(vendors_found(matcher, awards_of(read_extract(options.extract)), topics)))


def score_table(title: str, by_stratum: dict[str, Score]) -> Table:
    """Return a table of figures, "all" last with the targets."""
    shown = Table(title=title, title_justify="left")
    names = list(TARGETS)
    for column in ("stratum", "required", "published wrongly", *names):
        shown.add_column(column, justify="left" if column == "stratum" else "right")
    for stratum, score in sorted(by_stratum.items(), key=lambda each: (each[0] == "all", each[0])):
        figures = score.figures()
        cells = (f"{figures[name]:.3f}" for name in names)
        shown.add_row(stratum, str(score.required), str(score.wrong), *cells)
    shown.add_row("target", "", "", *(f">= {TARGETS[name]:.2f}" for name in names))
    return shown


def misses(labels: Iterable[Label], found: Found) -> Iterator[str]:
    """Yield a line for each vendor published wrongly, not found, or found only for review."""
    for label in labels:
        bands = found[label.award_key]
        published = {vendor for vendor, band in bands.items() if band is MatchBand.PUBLISHED}
        kinds = {
            "WRONG ": published - label.vendors - label.also,
            "MISSED": label.vendors - set(bands),
            "REVIEW": (label.vendors & set(bands)) - published if label.must_publish else frozenset(),
        }
        for kind, vendors in kinds.items():
            for vendor in sorted(vendors):
                yield f"{kind} {vendor:24} {label.stratum:20} {label.recipient[:40]:40} | {label.description[:120]}"


def read_extract(file: Path) -> Iterator[Facts]:
    """Yield the rows of an extract with the field names of the labeled actions, without duplicates."""
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        seen = set()
        for row in csv.DictReader(lines):
            if tuple(row.values()) in seen:
                continue
            seen.add(tuple(row.values()))
            yield {
                "award_key": row["Generated Award ID"],
                "piid": row["Award ID"],
                "modification": row["Modification"],
                "action_date": row["Action Date"],
                "agency": row["Agency"],
                "recipient_name": row["Recipient Name"],
                "description": row["Transaction Description"],
                "psc_text": row["Product/Service Description"],
                "naics_text": row["NAICS Description"],
                "obligation": "",
            }


def vendor_table(found: Found) -> Table:
    """Return how many awards match each vendor, by band."""
    counts = Counter((vendor, band) for bands in found.values() for vendor, band in bands.items())
    shown = Table(title=f"Matches over {len(found):,} awards", title_justify="left")
    for column in ("vendor", "published", "review"):
        shown.add_column(column, justify="left" if column == "vendor" else "right")
    for vendor in sorted({vendor for vendor, _ in counts}):
        shown.add_row(vendor, str(counts[vendor, MatchBand.PUBLISHED]), str(counts[vendor, MatchBand.REVIEW]))
    return shown


if __name__ == "__main__":
    main()
