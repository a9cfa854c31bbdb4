from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks.archives.files import Texts, generate, write_extract
from benchmarks.extracts import csv_rows
from tests.awards import award
from tests.shared_data import FOLDER, needs
from tests.upstreams.usaspending.archive_rows import archive_rows, columns, write_archive
from tests.upstreams.usaspending.corpus import load_corpus

EXTRACT = "usaspending/cbp_ice_transactions_fy2021_2024.csv.gz"
HIT = award("CLEARVIEW AI INC", actions=("FACE RECOGNITION",))
TEXTS = Texts(["ACME, INC.", "SMITH PAPER CO"], ['PAPER "A4"', "CHAIRS"], [HIT])


def members(file: Path) -> dict[str, list[list[str]]]:
    with zipfile.ZipFile(file) as archive:
        return {
            name: list(csv.reader(io.StringIO(archive.read(name).decode(), newline=""))) for name in archive.namelist()
        }


def test_a_generated_archive_has_the_columns_the_rows_and_the_hits_asked_for(tmp_path: Path) -> None:
    generate(tmp_path / "a.zip", 2_500, TEXTS, rows_per_member=2_000)
    found = members(tmp_path / "a.zip")
    assert [(name, len(rows)) for name, rows in found.items()] == [("a_1.csv", 2_001), ("a_2.csv", 501)]
    assert all(rows[0] == columns() and {len(row) for row in rows} == {297} for rows in found.values())
    rows = [dict(zip(columns(), row, strict=True)) for rows in found.values() for row in rows[1:]]
    assert sum(row["recipient_name"] == "CLEARVIEW AI INC" for row in rows) == 2  # rows 500 and 1,500
    assert len({row["contract_transaction_unique_key"] for row in rows}) == 2_500
    assert {row["foreign_funding"] for row in rows} == {"X", "A"}
    width = sum(len(",".join(row.values())) for row in rows) / len(rows)
    assert 2_100 < width < 2_600


def test_the_same_seed_gives_the_same_rows(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(tmp_path / f"{name}.zip", 1_000, TEXTS, seed)
    first, second, other = (*(next(iter(members(tmp_path / f"{name}.zip").values())) for name in "abc"),)
    assert first == second
    assert first != other


def test_an_archive_of_awards_says_what_they_say(tmp_path: Path) -> None:
    awards = load_corpus()[:5]
    awards[0] = replace(awards[0], recipient_uei="ABCDEFGHJKL5", ends=date(2025, 1, 31))
    assert write_archive(tmp_path / "a.zip", columns(), archive_rows(awards), rows_per_member=4) > 1
    found = members(tmp_path / "a.zip")
    rows = [dict(zip(columns(), row, strict=True)) for rows in found.values() for row in rows[1:]]
    assert Counter(row["contract_award_unique_key"] for row in rows) == {one.key: len(one.actions) for one in awards}
    assert rows[0]["recipient_uei"] == "ABCDEFGHJKL5"
    assert rows[0]["period_of_performance_current_end_date"] == "2025-01-31"


@needs(EXTRACT)
def test_the_extract_as_archives_has_its_rows(tmp_path: Path) -> None:
    files = write_extract(FOLDER / EXTRACT, tmp_path)
    assert [file.name[:6] for file in files] == ["FY2021", "FY2022", "FY2023", "FY2024"]
    written = Counter(
        (row[columns().index("contract_award_unique_key")], row[columns().index("transaction_description")])
        for file in files
        for rows in members(file).values()
        for row in rows[1:]
    )
    assert written == Counter(
        (row["Generated Award ID"], row["Transaction Description"]) for row in csv_rows(FOLDER / EXTRACT)
    )
