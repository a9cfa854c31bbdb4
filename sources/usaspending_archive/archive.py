"""USAspending's award archives: every contract and assistance action of a fiscal year in one file.

Upstream: https://files.usaspending.gov/award_data_archive/, listed by POST /api/v2/bulk_download/list_monthly_files/
(usaspending_api/download/v2/list_monthly_downloads.py). Access: open, no key. Limits: none documented; the host of the
files was seen to refuse an address after six large files in twelve minutes, so there are pauses between two (`Pace`).
Lag: published once a month, with the state of about the 6th, between the 9th and the 24th. Corrections: a delta has the
new and changed actions of all fiscal years, and the deleted ones, since the delta before; in September 2026 there was
none for some agencies (issue 4783 of usaspending-api). Caveats: a file has 297 columns (assistance 112), whose number
and order have changed; a row is an action, and what it says of its award is what USAspending knew then. DoD's contracts
come 90 days late.

It is polled only for what was backfilled from archives: a file may have gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from types import MappingProxyType

from sources.base import (
    Assumption,
    DateWindow,
    ExpectedRows,
    Fetched,
    FetchStep,
    SearchTerms,
    Source,
    Stored,
)
from sources.errors import Refused, SourceChanged
from sources.http.client import Client, RateLimit
from sources.paging import fiscal_years
from sources.records import Payload, Record
from sources.usaspending_archive.listing import (
    ALL,
    FILE_HOST,
    FILES,
    LIST_PATH,
    ArchiveFile,
    ArchiveKind,
    fiscal_year_of,
    list_files,
    newest,
)
from sources.usaspending_archive.members import SOURCE
from sources.usaspending_archive.monthly import MonthlyUpdate, read_update, read_whole
from sources.usaspending_archive.reading import PASSES, ArchivePass, ArchiveReader
from sources.usaspending_archive.rows import parse
from sources.usaspending_archive.scanning import Scans

CONTROL_YEAR = 2024


def _control_file(client: Client) -> ArchiveFile | None:
    return newest(list_files(client, ArchiveKind.CONTRACTS, ALL, CONTROL_YEAR))


def _is_listed(client: Client) -> bool:
    try:
        return _control_file(client) is not None
    except (Refused, SourceChanged):
        return False


class AwardArchive(Source):
    """The source `archive`. `scans` is where the files are scanned."""

    name = SOURCE
    title = "USAspending award archive"
    publisher = "USAspending.gov"
    base_url = "https://api.usaspending.gov"
    extra_hosts = MappingProxyType({FILES: FILE_HOST})
    rate_limit = RateLimit(seconds_between=0.6, at_once=1, max_requests=500, window_seconds=300)
    expected_rows = ExpectedRows(at_least=0, at_most=50_000_000)
    min_poll_interval = timedelta(hours=20)
    store_unmatched = False
    reads_archives = True
    reporting_delay = (
        "Archives are published once a month. Awards of the Department of Defense and the Army Corps of Engineers "
        "appear 90 days after they are signed."
    )
    assumptions = (
        Assumption(
            name="archives-are-listed",
            says="The API lists the archives of all agencies for a fiscal year.",
            otherwise="A backfill from archives fails. Download files and use `procurewatch import usaspending`.",
            basis="usaspending_api/download/v2/list_monthly_downloads.py",
            probe=_is_listed,
        ),
    )

    def __init__(self, scans: Scans | None = None) -> None:
        self.scans = scans or Scans()

    def health_check(self, client: Client) -> bool:
        """Whether an archive of fiscal year 2024 is listed."""
        return _control_file(client) is not None

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a look for archives of contracts that are newer than the window's first day."""
        if not _has_terms(terms):
            return []
        since = window.modified_since.isoformat()
        update = MonthlyUpdate(
            kind=ArchiveKind.CONTRACTS, agency="", since=since, fiscal_year=fiscal_year_of(window.until)
        )
        return [update.step]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan to read the contracts of all agencies, a fiscal year at a time, newest first."""
        if not _has_terms(terms):
            return []
        return [
            FetchStep(key=f"fy{year}", query={"fiscal_year": year}, since=first, until=last, part=f"fiscal year {year}")
            for year, first, last in reversed(list(fiscal_years(since, until)))
        ]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Read one pass over an archive, a month's news, or a fiscal year."""
        if "monthly" in step.query:
            yield from read_update(client, step, stored)
        elif "fiscal_year" in step.query:
            year = int(str(step.query["fiscal_year"]))
            file = newest(list_files(client, ArchiveKind.CONTRACTS, ALL, year))
            if file is None:
                raise Refused(self.name, f"POST {LIST_PATH}", f"no archive of fiscal year {year} is published")
            yield from read_whole(client, file, stored)
        else:
            reader = ArchiveReader(client, step, stored, self.scans)
            yield from reader.read()
            if ArchivePass.of(step).number == PASSES:
                yield from reader.finish()

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Parse the rows of an award. Pure."""
        return parse(payload)


def _has_terms(terms: SearchTerms) -> bool:
    return bool(terms.names or terms.short_names or terms.ueis or terms.phrases or terms.stored)
