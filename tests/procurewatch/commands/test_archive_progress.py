"""The progress of archives: a bar with rows per second on a terminal, lines elsewhere."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bar

from monitors.runs.pipeline import Progress
from monitors.runs.status import Tally
from procurewatch.archives.backfill import _Bars, _Lines
from sources.base import FileProgress

SIZES = {"new.zip": 4000, "old.zip": 6000}


def progress(step: int, name: str, doing: str, done: int, total: int | None, *, rows: int = 0) -> Progress:
    reading = FileProgress(name=name, doing=doing, done=done, total=total, rows=rows)
    return Progress(step=step, steps=6, label=name, tally=Tally(found=7), reading=reading)


def test_a_bar_counts_the_bytes_of_all_files_and_rows_per_second() -> None:
    seconds = 0.0
    with Bar(console=Console(file=io.StringIO())) as bar:
        bars = _Bars(bar, SIZES, lambda: seconds)

        def shown(*given: Any, rows: int = 0) -> tuple[float, str, str]:
            bars.show(progress(*given, rows=rows))
            [task] = bar.tasks
            assert task.total == 10_000
            return task.completed, task.description, task.fields["rate"]

        shown(1, "new.zip", "downloading", 0, 4000)
        seconds = 2.0
        assert shown(1, "new.zip", "downloading", 2000, 4000) == (2000, "downloading new.zip, 7 found", "1 kB/s")
        shown(2, "old.zip", "reading", 0, 6000)
        seconds = 4.0
        assert shown(2, "old.zip", "reading", 3000, 6000, rows=90_000) == (
            7000,
            "reading old.zip, 7 found",
            "45,000 rows/s",
        )
        assert shown(3, "new.zip", "reading", 0, 4000)[1] == "reading new.zip (pass 2), 7 found"
        assert shown(3, "new.zip", "reading", 10, None)[0] == 0


def test_lines_name_each_file_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines()
    lines.show(Progress(step=1, steps=6, label="new.zip", tally=Tally()))
    for done in (0, 10, 20):
        lines.show(progress(1, "new.zip", "downloading", done, 20))
    lines.show(progress(1, "new.zip", "reading", 5, 20))
    assert capsys.readouterr().err.splitlines() == [
        "1/6 downloading new.zip (7 found, 0 new)",
        "1/6 reading new.zip (7 found, 0 new)",
    ]
