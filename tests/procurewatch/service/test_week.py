"""`run` in fast-forward: many polls in one process take no more memory and no more files than a few."""

from __future__ import annotations

from pathlib import Path

from tests.procurewatch.service.week import PAGES, run_polls

POLLS = 12
SETTLED = 4  # polls after which caches are full
MAX_GROWTH = 25  # MB, in eight polls


def test_memory_and_files_stay_flat(tmp_path: Path) -> None:
    week = run_polls(tmp_path, POLLS, builds_site=False)
    assert (week.good, week.pages, week.messages) == (POLLS, POLLS * len(PAGES), 4)
    settled, last = week.samples[SETTLED], week.samples[-1]
    assert last.megabytes - settled.megabytes < MAX_GROWTH
    assert last.files <= settled.files
    assert last.threads <= settled.threads
