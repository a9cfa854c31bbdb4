"""Write the awards of the labeled actions whole: `python -m scripts.add_labelled_awards EXTRACT`.

The matcher reads an award with all its actions, of which only some are labeled; the others are written here, from the
same extract, so that the measurement needs nothing else.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path

from benchmarks.extracts import COLUMNS, csv_rows, read_extract
from benchmarks.labelled import FOLDER, read_labels


def main() -> None:
    """Write `awards.jsonl.gz` and `topics_actions.csv.gz`, the same bytes for the same extract."""
    extract = Path(sys.argv[1])
    _write("awards.jsonl.gz", _vendor_awards(extract))
    _write("topics_actions.csv.gz", _topic_awards(extract))


def _write(name: str, text: str) -> None:
    (FOLDER / name).write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.stdout.write(f"{name}: {text.count(chr(10))} lines\n")


def _vendor_awards(extract: Path) -> str:
    wanted = {label.award_key for label in read_labels()}
    rows = [dict(row) for row in read_extract(extract) if row["award_key"] in wanted]
    rows.sort(key=lambda row: (row["award_key"], row["action_date"], row["modification"], row["description"]))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _topic_awards(extract: Path) -> str:
    """Return the rows of the awards in topics.csv, each distinct row once, with the columns of the extract."""
    wanted = {row["award_key"] for row in csv_rows(FOLDER / "topics.csv")}
    rows = [row for row in csv_rows(extract) if row[COLUMNS["award_key"]] in wanted]
    order = ("award_key", "action_date", "modification", "description")
    distinct = {tuple(row.values()): row for row in rows}.values()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(distinct, key=lambda row: tuple(row[COLUMNS[field]] for field in order)))
    return text.getvalue()


if __name__ == "__main__":
    main()
