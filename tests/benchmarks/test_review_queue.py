"""What the benchmark of the review queue counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.review_queue import main

HEADER = "Agency,Award ID,Recipient Name,Federal Action Obligation,Action Date,Modification,Transaction Description"
ROWS = (
    "ICE,1,AT&T MOBILITY LLC,10,2023-01-01,0,FIRSTNET PHONES,CONT_AWD_1_7012_-NONE-_-NONE-",
    "ICE,2,AT&T ENTERPRISES LLC,10,2023-01-01,0,DATA ANALYST SUPPORT,CONT_AWD_2_7012_P_7012",
    "ICE,3,AT&T ENTERPRISES LLC,10,2024-01-01,0,ANALYTICS FOR HSI,CONT_AWD_3_7012_P_7012",
    "ICE,4,TRM LABS INC,10,2023-01-01,0,SOFTWARE,CONT_AWD_4_7012_-NONE-_-NONE-",
)


def test_pairs_are_counted_by_what_speaks_for_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "actions.csv"
    file.write_text("\n".join((f"{HEADER},Generated Award ID", *ROWS)), encoding="utf-8")
    main([str(file)])
    printed = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["a broad company's name", "2", "1"] in printed
    assert ["all", "2", "1"] in printed
    assert [row[:2] for row in printed if len(row) == 6 and row[0]] == [["3", "2"]]
    main([str(file), "--until", "2023-12-31"])
    assert "are 1 group" in capsys.readouterr().out
