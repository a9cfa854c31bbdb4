"""Titles of entries of recorded actions of ICE and CBP, polled week by week: short, scannable, none equal."""

from __future__ import annotations

import csv
import gzip
from contextlib import closing
from pathlib import Path

from benchmarks.labelled import FOLDER
from benchmarks.titles import AMOUNT_WITHIN, measure, replay
from storage.database import open_database
from storage.search.query import Query
from storage.search.search import find_events

SHARE = 5  # every fifth award: enough for some hundred entries


def test_titles_can_be_scanned(tmp_path: Path) -> None:
    with gzip.open(FOLDER / "topics_actions.csv.gz", "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    keys = set(sorted({row["Generated Award ID"] for row in rows})[::SHARE])
    with (tmp_path / "actions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if row["Generated Award ID"] in keys)
    with closing(open_database(f"sqlite:///{tmp_path / 'titles.sqlite3'}")) as database:
        replay(database, tmp_path / "actions.csv")
        with database.reading() as session:
            found = measure(find_events(session, Query(), 10_000))
    assert found.entries > 100
    assert found.median_length <= 75
    assert found.early / found.with_amount >= 0.95, f"the amount is not within {AMOUNT_WITHIN} characters"
    assert found.equal == 0
