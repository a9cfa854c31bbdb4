from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import archive
from benchmarks.archive import Measured, Results, goals
from benchmarks.archives.files import Texts, generate
from tests.awards import award

HIT = award("CLEARVIEW AI INC", actions=("FACE RECOGNITION",))


def test_methods_run_in_their_own_processes_and_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(archive.archive_file(tmp_path, 1_000), 1_000, Texts(["ACME PAPER"], ["CHAIRS"], [HIT]))
    archive.main(["--rows", "1000", "--rounds", "1", "--cores", "1", "--folder", str(tmp_path), "--only", "the extra"])
    printed = capsys.readouterr().out
    assert "1,000 rows, 1 candidates, 1 awards match" in printed


def test_a_method_whose_library_is_missing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "duckdb.py").write_text("raise ImportError\n")
    generate(archive.archive_file(tmp_path, 10), 10, Texts(["ACME PAPER"], ["CHAIRS"], [HIT]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        archive.main(["--rows", "10", "--rounds", "1", "--cores", "1", "--folder", str(tmp_path), "--only", "gzip"])
    assert "DuckDB reads the columns, gzip: duckdb is not installed" in capsys.readouterr().out


def test_goals_are_judged_by_the_median_of_ratios_of_the_same_round() -> None:
    results = Results()
    for floor, ours in ((1.0, 1.9), (2.0, 3.0), (1.0, 2.4)):
        for method, seconds in ((archive.FLOOR, floor), (archive.OURS, ours), (archive.PLAIN, 150.0)):
            results.runs.setdefault((500, 1, method), []).append(Measured(seconds=seconds, cpu=0, peak=100, found=""))
    lines = list(goals(results, [500]))
    assert lines[0] == "met: 500 rows on 1 core(s), times the isal inflate: 1.90 [1.50-2.40], goal at most 2"
    assert lines[1].startswith("NOT MET: 500 rows on one core, times as fast as the plain way: 62.50")
    assert lines[2].startswith("met: 500 rows, peak MB")
