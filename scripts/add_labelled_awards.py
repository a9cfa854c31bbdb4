"""Write the awards of the labelled actions whole: `python -m scripts.add_labelled_awards EXTRACT`.

The matcher reads an award with all its actions, of which only some are labelled; the others are written here, from the
same extract, so that the measurement needs nothing else.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from benchmarks.labelled import FOLDER, read_labels
from benchmarks.matching import read_extract


def main() -> None:
    """Write `awards.jsonl.gz`, the same bytes for the same extract."""
    wanted = {label.award_key for label in read_labels()}
    rows = [dict(row) for row in read_extract(Path(sys.argv[1])) if row["award_key"] in wanted]
    rows.sort(key=lambda row: (row["award_key"], row["action_date"], row["modification"], row["description"]))
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (FOLDER / "awards.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.stdout.write(f"{len(rows)} actions of {len(wanted)} awards\n")


if __name__ == "__main__":
    main()
