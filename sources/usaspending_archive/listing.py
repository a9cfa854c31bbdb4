"""What USAspending publishes as award archives: names of files, and the API's list of them.

Facts: usaspending_api/download/v2/list_monthly_downloads.py (names, fields of a row) and populate_monthly_files.py. The
list states no sizes. An agency is named by its number in USAspending's own database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from sources.errors import SourceChanged
from sources.http.client import Client

FILES = "files"  # the host of the files, in `Client.get(..., host=FILES)`
FILE_HOST = "https://files.usaspending.gov"
FOLDER = "/award_data_archive/"
LIST_PATH = "/api/v2/bulk_download/list_monthly_files/"
AGENCIES_PATH = "/api/v2/bulk_download/list_agencies/"
ALL = "all"
FIRST_YEAR = 2008  # earlier actions are in no archive but that of fiscal year 2007, which was added later
_NAME = re.compile(r"FY(\d{4}|\(All\))_(All|\w{3,4})_(Contracts|Assistance)_(Full|Delta)_(\d{8})\.zip", re.IGNORECASE)


class ArchiveKind(StrEnum):
    """What an archive is about."""

    CONTRACTS = "contracts"
    ASSISTANCE = "assistance"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """A file of award archives.

    `agency` is the code of the awarding department ("070"), "" for all agencies. `fiscal_year` is `None` for a delta,
    which has the changes of all years since the last one. A file with another name than USAspending's has a name only.
    """

    name: str
    kind: ArchiveKind | None = None
    agency: str = ""
    fiscal_year: int | None = None
    published: date | None = None
    is_delta: bool = False

    @classmethod
    def named(cls, name: str) -> ArchiveFile:
        """Return what the name of a file says about it."""
        found = _NAME.fullmatch(name)
        day = _day(found[5]) if found else None
        if found is None or day is None or (found[1].isdecimal() != (found[4].lower() == "full")):
            return cls(name=name)
        return cls(
            name=name,
            kind=ArchiveKind(found[3].lower()),
            agency="" if found[2].lower() == ALL else found[2].upper(),
            fiscal_year=int(found[1]) if found[1].isdecimal() else None,
            published=day,
            is_delta=found[4].lower() == "delta",
        )

    @property
    def path(self) -> str:
        """Its path on the host of the files."""
        return FOLDER + quote(self.name)

    @property
    def url(self) -> str:
        """Its public URL."""
        return FILE_HOST + self.path

    @property
    def series(self) -> str:
        """What its URL begins with, whenever the file was published."""
        return self.url.rpartition("_")[0] + "_"

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and last day whose actions a full file has all of, `None` for another file."""
        if self.fiscal_year is None or self.published is None:
            return None
        first, last = fiscal_year_days(self.fiscal_year)
        return first, min(last, self.published)


def fiscal_year_days(year: int) -> tuple[date, date]:
    """Return the first and the last day of a fiscal year of the US government."""
    return date(year - 1, 10, 1), date(year, 9, 30)


def fiscal_year_of(day: date) -> int:
    """Return the fiscal year of a day."""
    return (day + timedelta(days=92)).year


def list_files(client: Client, kind: ArchiveKind, agency: str | int, fiscal_year: int) -> list[ArchiveFile]:
    """Return the published files of a fiscal year, and the deltas, newest first; usually one each, or none.

    Args:
        agency: "all", or USAspending's number of the agency (`agency_numbers`).

    Raises:
        SourceError: one of its subclasses.
    """
    body = {"agency": agency, "fiscal_year": fiscal_year, "type": kind.value}
    rows = _object(client, LIST_PATH, client.post(LIST_PATH, body).body).get("monthly_files")
    if not isinstance(rows, list):
        raise SourceChanged(client.source, f"POST {LIST_PATH}", "no list monthly_files")
    files = []
    for row in rows:
        name = str(row.get("file_name", "")) if isinstance(row, dict) else ""
        file = ArchiveFile.named(name)
        if file.kind is not kind or file.published is None:
            raise SourceChanged(client.source, f"POST {LIST_PATH}", f"a file with an unknown name: {name[:100]!r}")
        if file.published > datetime.now(UTC).date() + timedelta(days=1):  # once read, it would hide all later ones
            raise SourceChanged(client.source, f"POST {LIST_PATH}", f"a file of a day to come: {name[:100]!r}")
        if file.is_delta or file.fiscal_year == fiscal_year:
            files.append(file)
    return sorted(files, key=lambda file: file.published or date.min, reverse=True)


def agency_numbers(client: Client) -> dict[str, tuple[int, str]]:
    """Return USAspending's number and the name of each department, by its code. Raises `SourceError`."""
    content = _object(client, AGENCIES_PATH, client.post(AGENCIES_PATH, {"type": "award_agencies", "agency": 0}).body)
    groups = content.get("agencies")
    rows = [row for group in groups.values() for row in group] if isinstance(groups, dict) else []
    found = {
        str(row["toptier_code"]).upper(): (row["toptier_agency_id"], str(row.get("name", "")))
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("toptier_agency_id"), int) and row.get("toptier_code")
    }
    if not found:
        raise SourceChanged(client.source, f"POST {AGENCIES_PATH}", "no agencies with toptier_agency_id")
    return found


def newest(files: Sequence[ArchiveFile], *, delta: bool = False) -> ArchiveFile | None:
    """Return the newest full file, or the newest delta."""
    return next((file for file in files if file.is_delta is delta), None)


def _object(client: Client, path: str, body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise SourceChanged(client.source, f"POST {path}", f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise SourceChanged(client.source, f"POST {path}", "not a JSON object")
    return content


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")
    except ValueError:
        return None
