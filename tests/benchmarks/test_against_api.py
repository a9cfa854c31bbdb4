"""A backfill from archives ends with the matches that the same awards have by the API.

`python -m benchmarks.archives.against_api EXTRACT` compares all awards of an extract, which takes some minutes.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.archives.against_api import (
    differences,
    matches_by_api,
    matches_by_archive,
    read_awards,
    write_archives,
)
from tests.shared_data import FOLDER, needs
from tests.upstreams.usaspending.corpus import CorpusAward, load_corpus

EXTRACT = "usaspending/cbp_ice_transactions_fy2021_2024.csv.gz"


def compare(awards: list[CorpusAward], folder: Path) -> tuple[int, list[str]]:
    """Return how many matches the awards have by the API, and how those from archives differ."""
    api = matches_by_api(awards, folder / "api")
    archive = matches_by_archive(write_archives(awards, folder, rows_per_member=50), folder / "archive")
    return len(api), differences(api, archive)


def test_awards_whose_actions_are_in_four_archives_have_the_same_matches(tmp_path: Path) -> None:
    count, found = compare(load_corpus()[::15], tmp_path)
    assert count > 10
    assert found == []


@needs(EXTRACT)
def test_awards_of_the_extract_have_the_same_matches(tmp_path: Path) -> None:
    numbers = {"70B02C19C00000165", "70B04C21C00000014"}  # more of their actions match before all of them are known
    awards = read_awards(FOLDER / EXTRACT)
    count, found = compare([*awards[::291], *(award for award in awards if award.piid in numbers)], tmp_path)
    assert count > 10
    assert found == []
