"""The long form of `test_week.py`: `python -m tests.procurewatch.service --polls 300`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from procurewatch.logs import configure_logging
from tests.procurewatch.service.week import run_polls


def main() -> int:
    """Print memory and open files after each tenth of the polls; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--polls", type=int, default=300)
    polls = parser.parse_args().polls
    configure_logging("human", "warning")
    with tempfile.TemporaryDirectory() as folder:
        week = run_polls(Path(folder), polls, builds_site=True)
    for number in sorted({*range(0, polls, max(1, polls // 10)), polls - 1}):
        at = week.samples[number]
        sys.stdout.write(f"poll {number + 1}: {at.megabytes:.1f} MB, {at.files} open files, {at.threads} threads\n")
    sys.stdout.write(f"{week.days:.1f} days, {week.pages} pages, {week.messages} messages\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
