"""The labels: which watchlist entries an action concerns, and whether that should be published.

A file of labels is a CSV with the columns of `COLUMNS`; `also` is optional. An action is named by its award key,
modification and date.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.extracts import UnreadableFile, action_key, as_day, awards_of, csv_rows
from sources.records import Award

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "labelled"
COLUMNS = ("award_key", "modification", "action_date", "stratum", "label", "subjects", "reason")
HELD_OUT, TUNE = "held-out", "tune"


class Verdict(StrEnum):
    """What should be done with an action. benchmarks/counting.py says how each counts."""

    PUBLISH = "P"
    REVIEW = "R"
    OTHER_BUSINESS = "O"  # of a listed vendor
    GAP = "G"  # surveillance technology of a vendor that is not listed
    EITHER = "S"
    NOTHING = "N"
    MATCH = "M"  # must match, in either band; only in actions.jsonl


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The label of one action: `subjects` are the ids of the entries it concerns, those in `also` may match, too."""

    award_key: str
    modification: str
    action_date: str
    stratum: str
    verdict: Verdict
    subjects: frozenset[str]
    part: str
    also: frozenset[str] = frozenset()

    @property
    def action_key(self) -> str:
        """The key of its action, as `benchmarks.extracts.action_key` forms it."""
        return f"{self.award_key}/{self.modification}/{self.action_date}"


def part_of(award_key: str) -> str:
    """Return the part of an award. A third is held out: whoever tunes the matcher does not read it."""
    return HELD_OUT if int(hashlib.sha256(award_key.encode()).hexdigest(), 16) % 3 == 0 else TUNE


@dataclass(frozen=True, slots=True)
class Problems:
    """What could not be used of a file: kind of problem -> what it was -> how often."""

    found: dict[str, Counter[str]]

    @classmethod
    def none(cls) -> Problems:
        """Return an empty list of problems."""
        return cls(defaultdict(Counter))

    def add(self, kind: str, what: str) -> None:
        """Note one problem."""
        self.found[kind][what] += 1


def read_label_file(file: Path, known: frozenset[str], problems: Problems) -> list[Label]:
    """Return the labels of a CSV, one for each action: the first where there are several.

    `known` are the ids of the watchlist; other subjects are left out. Raises `UnreadableFile` without the columns.
    """
    labels: dict[str, Label] = {}
    for row in csv_rows(file):
        if missing := [column for column in COLUMNS if column not in row and column != "reason"]:
            raise UnreadableFile(f"{file}: no column {', '.join(missing)}")
        day, verdict = as_day(row["action_date"]), row["label"].upper()
        if day is None or verdict not in set(Verdict):
            problems.add("labels that cannot be read", f"{action_key(row)} {row['label']}")
            continue
        label = Label(
            award_key=row["award_key"],
            modification=row["modification"],
            action_date=day.isoformat(),
            stratum=row["stratum"],
            part=part_of(row["award_key"]),
            verdict=Verdict(verdict),
            subjects=_subjects(row["subjects"], known, problems),
            also=_subjects(row.get("also", ""), known, problems),
        )
        first = labels.setdefault(label.action_key, label)
        if first is not label:
            agrees = (first.verdict, first.subjects) == (label.verdict, label.subjects)
            problems.add("repeated labels" if agrees else "contradictory labels", label.action_key)
    return list(labels.values())


def _subjects(written: str, known: frozenset[str], problems: Problems) -> frozenset[str]:
    subjects = {subject.strip() for subject in written.split(";")} - {""}
    for unknown in sorted(subjects - known):
        problems.add("subjects that are not in the watchlist", unknown)
    return frozenset(subjects & known)


def read_labels(folder: Path = FOLDER) -> list[Label]:
    """Return the labels for vendors, in the order of the file."""
    ids = json.loads((folder / "vendor_ids.json").read_text())
    with (folder / "actions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Label(
            award_key=row["award_key"],
            modification=row["modification"],
            action_date=row["action_date"],
            stratum=row["stratum"],
            part=row["part"],
            verdict=_verdict(row),
            subjects=frozenset(ids.get(vendor, vendor) for vendor in row["vendors"]),
            also=frozenset(ids.get(vendor, vendor) for vendor in row["also"]),
        )
        for row in rows
    ]


def _verdict(row: Mapping[str, object]) -> Verdict:
    if not row["vendors"]:
        return Verdict.NOTHING
    return Verdict.PUBLISH if row["surveillance"] == "yes" else Verdict.MATCH


def read_awards(folder: Path = FOLDER) -> dict[str, Award]:
    """Return the awards of the labels for vendors, whole, by key: labeled or not, all actions that the extract has."""
    with gzip.open(folder / "awards.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {award.key: award for award in awards_of(json.loads(line) for line in lines)}
