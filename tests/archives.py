"""Award archives of a few awards, and an app context whose only source is a fake server that publishes them."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from monitors.runs.status import RunReport
from procurewatch.archives.backfill import ArchiveRequest, plan_archives, read_archives
from procurewatch.context import AppContext
from sources.http.client import Timeouts
from sources.registry import SOURCES
from sources.usaspending_archive.listing import ArchiveKind
from tests.app_context import app_context_with, ignore
from tests.upstreams.usaspending.archive import FakeArchive
from tests.upstreams.usaspending.archive_rows import (
    Row,
    archive_row,
    archive_rows,
    columns,
    file_stem,
    write_archive,
)
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward

PUBLISHED = date(2026, 9, 6)
DHS = "070"
LISTING = "list_monthly_files"
CONTROL = {"FY2024_All_Contracts_Full_20260906.zip": b""}  # what the source's health check looks for


def zipped(stem: str, rows: Iterable[Row], *, names: Sequence[str] = (), rows_per_member: int = 1_000_000) -> bytes:
    """Return an archive as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{stem}.zip"
        write_archive(file, names or columns(), rows, rows_per_member)
        return file.read_bytes()


def archives_of(
    awards: Iterable[CorpusAward], published: date = PUBLISHED, *, agency: str = DHS, rows_per_member: int = 1_000_000
) -> dict[str, bytes]:
    """Return archives of awards, one for each fiscal year in which there is an action, by name."""
    years: dict[int, list[Row]] = defaultdict(list)
    for row in archive_rows(awards):
        years[int(row["action_date_fiscal_year"])].append(row)
    stems = {file_stem(year, agency, "Contracts", published): rows for year, rows in years.items()}
    return {f"{stem}.zip": zipped(stem, rows, rows_per_member=rows_per_member) for stem, rows in stems.items()}


def delta_of(
    changed: Iterable[tuple[CorpusAward, CorpusAction]],
    deleted: Iterable[tuple[CorpusAward, CorpusAction]] = (),
    *,
    published: date,
    agency: str = DHS,
) -> dict[str, bytes]:
    """Return a delta with changed and deleted actions, by name. Of a deleted action it has only the keys."""
    rows = [{**archive_row(award, action), "correction_delete_ind": "C"} for award, action in changed]
    rows += [_deleted(award, action, published) for award, action in deleted]
    stem = file_stem(None, agency, "Contracts", published)
    return {f"{stem}.zip": zipped(stem, rows, names=columns(delta=True))}


def _deleted(award: CorpusAward, action: CorpusAction, day: date) -> dict[str, str]:
    return {
        "correction_delete_ind": "D",
        "agency_id": award.agency,
        "contract_transaction_unique_key": award.action_key(action),
        "award_id_piid": award.piid,
        "modification_number": action.modification,
        "transaction_number": action.transaction_number,
        "parent_award_agency_id": award.parent_agency or "",
        "parent_award_id_piid": award.parent_piid or "",
        "last_modified_date": f"{day} 00:00:00+00",
    }


def action(modification: str, day: date, dollars: str = "1000.00", text: str = "OFFICE PAPER") -> CorpusAction:
    """Return an action; its text concerns nobody."""
    return CorpusAction(
        modification=modification,
        action_date=day,
        obligation=Decimal(dollars),
        description=text,
        last_modified_date=day,
    )


def award(piid: str, *actions: CorpusAction, name: str = "ACME PAPER INC", **facts: Any) -> CorpusAward:
    """Return a purchase order of ICE."""
    given = {"awarding_sub_code": "7012", "awarding_sub_name": "ICE", "type": "B", "type_description": "PO", **facts}
    return CorpusAward(piid=piid, agency="7012", recipient_name=name, actions=list(actions), **given)


@contextmanager
def archive_context(
    server: FakeArchive, folder: Path, *vendors: str, database_url: str | None = None
) -> Iterator[AppContext]:
    """Open an app context whose only source are the archives of a fake server."""
    asked = {"archive": {"base_url": server.base_url, "extra_hosts": {"files": server.base_url}, "tries": 3}}
    chosen = vendors or ("clearview-ai",)
    with app_context_with(asked, folder, *chosen, database_url=database_url) as app_context:
        yield app_context


def backfill(
    app_context: AppContext,
    *years: int,
    agency: str = DHS,
    notify: bool = False,
    vendors: Sequence[str] = (),
    **how: Any,
) -> RunReport:
    """Backfill contracts as the command does."""
    request = ArchiveRequest(years=sorted(years, reverse=True), agencies=[agency], kinds=[ArchiveKind.CONTRACTS], **how)
    plan = plan_archives(app_context, vendors, request, dry_run=False)
    return read_archives(app_context, plan, notify=notify)


def poll(app_context: AppContext, until: date) -> RunReport:
    """Poll the archives as the commands do."""
    with app_context.claimed(SOURCES["archive"]) as claimed:
        return claimed.poll(SOURCES["archive"], until, ignore)


@contextmanager
def hurried() -> Iterator[None]:
    """Let clients wait moments before another try."""

    def timeouts(tries: int) -> Timeouts:
        return Timeouts(tries=tries, first_wait=0.01)

    with patch("procurewatch.context.Timeouts", timeouts):
        yield


def environment_for(base_url: str) -> Mapping[str, str]:
    """Return the variables with which a process finds the archives at a fake server, and nothing else."""
    own = "PROCUREWATCH_SOURCES__ARCHIVE__"
    return {
        "PROCUREWATCH_ONLY_SOURCES": '["archive"]',
        f"{own}BASE_URL": base_url,
        f"{own}EXTRA_HOSTS": json.dumps({"files": base_url}),
        f"{own}SECONDS_BETWEEN": "0",
        f"{own}TRIES": "2",
    }
