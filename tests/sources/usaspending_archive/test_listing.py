"""The list of published archives, and what their names say."""

from __future__ import annotations

import json
from datetime import date

import pytest

from sources.errors import SourceChanged
from sources.usaspending_archive.listing import (
    ArchiveFile,
    ArchiveKind,
    agency_numbers,
    fiscal_year_days,
    fiscal_year_of,
    list_files,
    newest,
)
from tests.sources.clients import client_at
from tests.sources.scripted_server import Script, ScriptedServer
from tests.upstreams.usaspending.archive import FakeArchive

FULL = "FY2026_070_Contracts_Full_20261106.zip"
OLDER = "FY2026_070_Contracts_Full_20261006.zip"
DELTA = "FY(All)_070_Contracts_Delta_20261106.zip"
NAMES = (
    FULL,
    OLDER,
    DELTA,
    "FY2025_070_Contracts_Full_20261106.zip",
    "FY2026_070_Assistance_Full_20261106.zip",
    "FY2026_All_Contracts_Full_20261106.zip",
)


def test_the_files_of_an_agency_and_year_are_listed_newest_first() -> None:
    with FakeArchive(dict.fromkeys(NAMES, b"x")) as server, client_at(server.base_url) as client:
        numbers = agency_numbers(client)
        files = list_files(client, ArchiveKind.CONTRACTS, numbers["070"][0], 2026)
        assert {file.name for file in files} == {FULL, OLDER, DELTA}
        assert server.requests[-1].json() == {"agency": 63, "fiscal_year": 2026, "type": "contracts"}
        assert (newest(files), newest(files, delta=True)) == (ArchiveFile.named(FULL), ArchiveFile.named(DELTA))
        everyone = list_files(client, ArchiveKind.CONTRACTS, "all", 2026)
        assert [file.agency for file in everyone] == [""]
        assert list_files(client, ArchiveKind.ASSISTANCE, "all", 2026) == []
    assert numbers["070"] == (63, "Department of Homeland Security")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"<html>",
        b'{"monthly_files": ["x"]}',
        json.dumps({"monthly_files": [{"file_name": "../../etc/passwd"}]}).encode(),
        json.dumps({"monthly_files": [{"file_name": "FY2026_070_Contracts_Full_20991231.zip"}]}).encode(),
        json.dumps({"monthly_files": [{"file_name": "FY2026_070_Assistance_Full_20261106.zip"}]}).encode(),
    ],
)
def test_another_list_means_that_the_source_changed(body: bytes) -> None:
    with ScriptedServer(Script(body=body)) as server, client_at(server.base_url) as client:
        with pytest.raises(SourceChanged, match="POST /api/v2/bulk_download/list_monthly_files/"):
            list_files(client, ArchiveKind.CONTRACTS, "all", 2026)
        with pytest.raises(SourceChanged, match="POST /api/v2/bulk_download/list_agencies/"):
            agency_numbers(client)


def test_a_name_says_what_a_file_is() -> None:
    delta = ArchiveFile.named(DELTA)
    assert (delta.is_delta, delta.fiscal_year, delta.published, delta.days) == (True, None, date(2026, 11, 6), None)
    assert delta.url == (
        "https://files.usaspending.gov/award_data_archive/FY%28All%29_070_Contracts_Delta_20261106.zip"
    )
    full = ArchiveFile.named(FULL)
    assert (full.kind, full.agency, full.fiscal_year) == (ArchiveKind.CONTRACTS, "070", 2026)
    assert full.days == (date(2025, 10, 1), date(2026, 9, 30))
    assert ArchiveFile.named("fy2026_all_contracts_full_20260906.ZIP").days == (date(2025, 10, 1), date(2026, 9, 6))
    assert full.series == ArchiveFile.named(OLDER).series
    assert full.series != ArchiveFile.named("FY2026_All_Contracts_Full_20261106.zip").series


@pytest.mark.parametrize(
    "name",
    [
        "All_PrimeTransactions_2020-09-16_H15M20S52934397.zip",
        "FY2026_070_Contracts_Full_20261399.zip",
        "FY2026_070_Contracts_Delta_20261106.zip",
        "FY(All)_070_Contracts_Full_20261106.zip",
        "FY2026_070_Contracts_Full_20261106.csv",
        "",
    ],
)
def test_another_name_says_nothing(name: str) -> None:
    assert ArchiveFile.named(name) == ArchiveFile(name=name)


@pytest.mark.parametrize(
    ("day", "year"), [(date(2024, 9, 30), 2024), (date(2024, 10, 1), 2025), (date(2024, 12, 31), 2025)]
)
def test_a_fiscal_year_begins_in_october(day: date, year: int) -> None:
    assert fiscal_year_of(day) == year
    first, last = fiscal_year_days(year)
    assert first <= day <= last
