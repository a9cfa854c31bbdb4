"""Measure precision and recall of the matcher, for vendors and topics: `python -m benchmarks.matching`.

Without a file, on the labeled actions of tests/data/labelled. With `--actions FILE` (a CSV of contract actions with
the columns of benchmarks/extracts.py, plain or .gz) and `--labels FILE` (a CSV, see benchmarks/labelled.py), on those.
Awards are matched with all actions that the file has; a label is compared with the matches that concern its action.
benchmarks/counting.py says how each label counts.

Prints the figures by stratum for all labels and for the part that is held out, label against band, and how many pairs
of an award and an entry the whole file publishes and sends to review. `--json` prints all of it as JSON, `--misses`
every error of the part that may be read. `--actions FILE` alone prints how many awards match each entry.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.counting import BANDS, KINDS, TOPIC, VENDOR, Case, Matched, Score, confusion, misses, scores
from benchmarks.extracts import UnreadableFile, awards_of, read_extract
from benchmarks.labelled import FOLDER, HELD_OUT, TUNE, Problems, read_awards, read_label_file, read_labels
from monitors.matching.matcher import Matcher
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Kind, Watchlist

TARGETS = {
    VENDOR: {"publish precision": 0.98, "recall of publish + review": 0.98, "recall of publish": 0.93},
    TOPIC: {"publish precision": 0.95, "recall of publish + review": 0.85},
}
FIGURES = tuple(Score().figures())
BEST_BANDS = (*(band.value for band in BANDS), "none")
Entries = dict[str, frozenset[str]]  # kind -> ids
out = Console(width=170, highlight=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on one set of labels. `kinds`: those that its labels judge."""

    title: str
    kinds: tuple[str, ...]
    matched: Matched
    problems: Problems

    def part(self, name: str) -> list[Case]:
        """Return the labeled actions of a part, or those of "all"."""
        return [case for case in self.matched.cases if name in ("all", case.label.part)]


def entries_of(watchlist: Watchlist) -> Entries:
    """Return the ids of the vendors and those of the topics."""
    topics = frozenset(entry.id for entry in watchlist.vendors if entry.kind is Kind.TOPIC)
    return {VENDOR: frozenset(watchlist.by_id) - topics, TOPIC: topics}


def measure_vendor_set(matcher: Matcher) -> Measured:
    """Measure the labels for vendors; they do not judge topics."""
    matched = Matched.of(matcher, read_awards().values(), read_labels())
    return Measured("ICE and CBP, labeled for vendors", (VENDOR,), matched, Problems.none())


def measure_files(title: str, matcher: Matcher, actions: Path, labels: Path | None, known: frozenset[str]) -> Measured:
    """Measure a file of labels on a file of actions; without labels only the matches are counted.

    Raises:
        UnreadableFile: one of them lacks a column.
    """
    problems = Problems.none()
    chosen = [] if labels is None else read_label_file(labels, known, problems)
    matched = Matched.of(matcher, awards_of(read_extract(actions, problems.found["actions"])), chosen)
    problems.found["labels whose action is not in the file"].update(matched.unseen)
    return Measured(title, KINDS, matched, problems)


def measure_topic_sets(matcher: Matcher, known: frozenset[str]) -> Iterator[Measured]:
    """Measure each set that is labeled for topics, and vendors."""
    for name, title in (("topics", "ICE and CBP"), ("others", "Other agencies")):
        if (labels := FOLDER / f"{name}.csv").exists():
            actions = FOLDER / f"{name}_actions.csv.gz"
            yield measure_files(f"{title}, labeled for topics", matcher, actions, labels, known)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument("--actions", type=Path, metavar="FILE", help="a CSV of contract actions (may be gzipped)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a CSV of labels for it (may be gzipped)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--misses", action="store_true", help="list the errors of the part that may be read")
    options = parser.parse_args(arguments)
    if options.labels and not options.actions:
        parser.error("--labels needs --actions")
    watchlist = load_watchlist()
    entries, matcher = entries_of(watchlist), Matcher(watchlist)
    try:
        sets = list(_chosen_sets(options, matcher, frozenset(watchlist.by_id)))
    except (UnreadableFile, OSError) as error:
        parser.error(str(error))
    if options.json:
        print_json(sets, entries)
        return
    for measured in sets:
        print_set(measured, entries)
        if options.misses:
            print_misses(measured, entries)
    if options.actions and not options.labels:
        out.print(entry_table(sets[0].matched))


def _chosen_sets(options: argparse.Namespace, matcher: Matcher, known: frozenset[str]) -> Iterator[Measured]:
    if options.actions:
        title = (options.labels or options.actions).name
        yield measure_files(title, matcher, options.actions, options.labels, known)
    else:
        yield measure_vendor_set(matcher)
        yield from measure_topic_sets(matcher, known)


def print_json(sets: Iterable[Measured], entries: Entries) -> None:
    """Print all figures as one JSON object."""
    out.file.write(json.dumps({"sets": [as_json(measured, entries) for measured in sets]}, indent=1) + "\n")


def as_json(measured: Measured, entries: Entries) -> dict[str, object]:
    """Return the figures of a set by part and kind, in total and by stratum, with the counts they are made of."""
    parts = {
        part: {
            kind: {
                "strata": {
                    stratum: {**score.figures(), **asdict(score)}
                    for stratum, score in scores(measured.part(part), entries[kind]).items()
                },
                "labels_by_band": confusion(measured.part(part), entries[kind]),
            }
            for kind in measured.kinds
        }
        for part in ("all", TUNE, HELD_OUT)
    }
    return {
        "title": measured.title,
        "awards": measured.matched.awards,
        "labels": len(measured.matched.cases),
        "problems": {kind: which for kind, which in measured.problems.found.items() if which},
        "parts": parts,
        "pairs": {kind: pairs_by_band(measured.matched, entries[kind]) for kind in KINDS},
    }


def pairs_by_band(matched: Matched, entries: frozenset[str]) -> dict[str, int]:
    """Return band -> pairs of an award and an entry of one kind, over the whole file."""
    counts = Counter(dict.fromkeys((band.value for band in BANDS), 0))
    for (entry, band), pairs in matched.pairs.items():
        if entry in entries:
            counts[band.value] += pairs
    return dict(counts)


def print_set(measured: Measured, entries: Entries) -> None:
    """Print the tables of a set."""
    out.rule(measured.title)
    for title, part in (("All labeled actions", "all"), ("The part held out", HELD_OUT)):
        if cases := measured.part(part):
            out.print(score_table(title, cases, {kind: entries[kind] for kind in measured.kinds}))
    if measured.matched.cases:
        out.print(confusion_table(measured, entries))
    for kind in KINDS:
        counts = ", ".join(
            f"{count:,} {band}" for band, count in pairs_by_band(measured.matched, entries[kind]).items()
        )
        out.print(f"All {measured.matched.awards:,} awards of the file: {counts} (pairs of an award and a {kind})")
    for problem, which in measured.problems.found.items():
        for what, count in which.items():
            out.print(f"{problem}: {what}" + (f" ({count:,})" if count > 1 else ""), markup=False, soft_wrap=True)


def score_table(title: str, cases: Sequence[Case], entries: Entries) -> Table:
    """Return a table of figures, vendors and topics side by side, "all" last with the targets."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("stratum")
    shown.add_column("actions", justify="right")
    counted = {kind: scores(cases, ids) for kind, ids in entries.items()}
    for kind in entries:
        for column in ("required", "wrong", *FIGURES):
            shown.add_column(f"{kind}: {column}" if column == "required" else column, justify="right")
    strata = counted[VENDOR]
    for stratum in sorted(strata, key=lambda name: (name == "all", name)):
        cells = [cell for kind in entries for cell in _cells(counted[kind][stratum])]
        shown.add_row(stratum, str(strata[stratum].actions), *cells)
    targets = [_target(kind, column) for kind in entries for column in ("", "", *FIGURES)]
    shown.add_row("target", "", *targets)
    return shown


def _cells(score: Score) -> list[str]:
    figures = ("-" if figure is None else f"{figure:.3f}" for figure in score.figures().values())
    return [str(score.required), str(score.wrong), *figures]


def _target(kind: str, figure: str) -> str:
    target = TARGETS[kind].get(figure)
    return f">= {target:.2f}" if target else ""


def confusion_table(measured: Measured, entries: Entries) -> Table:
    """Return how many actions of each label have a match of which band."""
    shown = Table(title="Labeled actions by label and best band", title_justify="left")
    shown.add_column("label")
    counted = {kind: confusion(measured.matched.cases, entries[kind]) for kind in measured.kinds}
    for kind in measured.kinds:
        for band in BEST_BANDS:
            shown.add_column(f"{kind}: {band}" if band == BEST_BANDS[0] else band, justify="right")
    for label in sorted(counted[VENDOR]):
        shown.add_row(label, *(str(counted[kind][label][band]) for kind in measured.kinds for band in BEST_BANDS))
    return shown


def print_misses(measured: Measured, entries: Entries) -> None:
    """Print a line for each error of the part that may be read."""
    for kind in measured.kinds:
        for what, entry, case in misses(measured.part(TUNE), entries[kind]):
            line = f"{what:6} {entry:28} {case.label.verdict} {case.label.stratum:20} {case.recipient[:40]:40} | "
            out.print(line + case.description[:120], markup=False, soft_wrap=True)


def entry_table(matched: Matched) -> Table:
    """Return how many awards match each entry, by band."""
    shown = Table(title=f"Matches over {matched.awards:,} awards", title_justify="left")
    for column in ("entry", *BANDS):
        shown.add_column(column, justify="left" if column == "entry" else "right")
    for entry in sorted({entry for entry, _ in matched.pairs}):
        shown.add_row(entry, *(str(matched.pairs[entry, band]) for band in BANDS))
    return shown


if __name__ == "__main__":
    main()
