"""Compare a backfill from archives with the API, by their matches: `python -m benchmarks.archives.against_api EXTRACT`.

The awards of an extract (benchmarks/extracts.py) are stored twice, each time in a database of its own: from archives,
one a fiscal year, and from the API's answers on the same awards, as the fake USAspending gives them. Prints how many
matches there are, and each that differs in record, entry, band, rule, score or actions. Exits with 1 if one does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import select

from benchmarks.archives.files import DEPARTMENT, PUBLISHED
from procurewatch.context import AppContext
from scripts.build_demo_corpus import award_of, read_actions
from sources.base import ExpectedRows
from sources.records import Document, Payload, Record
from sources.registry import SOURCES
from sources.usaspending.award_parser import parse
from sources.usaspending_archive.reading import ArchivePass
from storage.schema.tables import MatchRow
from tests.app_context import LAST_DAY, app_context_with, ignore, shipped
from tests.sources.fakes import GivenRecords
from tests.upstreams.usaspending import details
from tests.upstreams.usaspending.archive_rows import (
    Row,
    archive_row,
    columns,
    file_stem,
    fiscal_year,
    write_archive,
)
from tests.upstreams.usaspending.corpus import CorpusAward

Matches = Mapping[tuple[str, str], tuple[object, ...]]  # (record, entry) -> band, rule, score, actions
out = Console(width=200, highlight=False)


def write_archives(awards: Iterable[CorpusAward], folder: Path, rows_per_member: int = 4_000) -> list[Path]:
    """Write the actions of awards as archives, one a fiscal year, and return the files, newest first."""
    years: dict[int, list[Row]] = defaultdict(list)
    for award in awards:
        for action in award.actions:
            years[fiscal_year(action.action_date)].append(archive_row(award, action))
    files = []
    for year, rows in sorted(years.items(), reverse=True):
        files.append(folder / f"{file_stem(year, DEPARTMENT, 'Contracts', PUBLISHED)}.zip")
        write_archive(files[-1], columns(), rows, rows_per_member)
    return files


def matches_by_archive(files: Sequence[Path], folder: Path) -> Matches:
    """Return the matches of a backfill from archives into a database in a folder."""
    orders = [ArchivePass(name=file.name, location=str(file)) for file in files]
    with app_context_with({"archive": {}}, folder, *shipped().by_id) as app_context:
        app_context.read_archives(
            SOURCES["archive"], orders, ignore, watchlist=app_context.watchlist, notify=False, purpose="backfill"
        )
        return _stored_matches(app_context)


def matches_by_api(awards: Iterable[CorpusAward], folder: Path) -> Matches:
    """Return the matches of the same awards from the API's answers."""
    source = GivenRecords(records=list(api_records(awards)))
    source.store_unmatched = False
    source.expected_rows = ExpectedRows(at_least=0, at_most=1_000_000)
    with app_context_with({"usaspending": {}}, folder, *shipped().by_id) as app_context:
        app_context.poll(source, LAST_DAY, ignore)
        return _stored_matches(app_context)


def api_records(awards: Iterable[CorpusAward]) -> Iterator[Record]:
    """Yield awards as the API has them: the answers on their details and their transactions, parsed."""
    for number, award in enumerate(awards, 1):
        known = replace(award, internal_id=number)
        actions = [details.transaction_row(known, action) for action in known.actions]
        answers = (details.award_detail(known), {"results": actions})
        documents = tuple(_document(number, answer) for answer in answers)
        yield parse(Payload(source="usaspending", key=known.key, revision="", documents=documents))


def _document(number: int, answer: object) -> Document:
    return Document(
        url=f"https://api.usaspending.gov/api/v2/awards/{number}/",
        request="",
        retrieved_at=datetime.now(UTC),
        content_type="application/json",
        body=json.dumps(answer, default=_text).encode(),
    )


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _stored_matches(app_context: AppContext) -> Matches:
    with app_context.database.reading() as session:
        return {
            (row.record_key, row.vendor_id): (row.band, row.rule, row.score, tuple(sorted(row.action_keys)))
            for row in session.scalars(select(MatchRow))
        }


def differences(api: Matches, archive: Matches) -> list[str]:
    """Return one line for each match that is not the same in both."""
    keys = sorted(api.keys() | archive.keys())
    return [
        f"{' '.join(key)}: API {api.get(key)}, archive {archive.get(key)}"
        for key in keys
        if api.get(key) != archive.get(key)
    ]


def read_awards(extract: Path, every: int = 1) -> list[CorpusAward]:
    """Return the awards of an extract; with `every`, only each so many-th."""
    by_key = read_actions(extract)
    return [award_of(key, by_key[key]) for key in sorted(by_key)[::every]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extract", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th award")
    options = parser.parse_args(arguments)
    awards = read_awards(options.extract, options.every)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        api = matches_by_api(awards, folder / "api")
        archive = matches_by_archive(write_archives(awards, folder), folder / "archive")
    found = differences(api, archive)
    actions = sum(len(award.actions) for award in awards)
    out.print(
        f"{len(awards):,} awards, {actions:,} actions: {len(api):,} matches by the API, {len(archive):,} from archives"
    )
    for line in found:
        out.print(line)
    out.print(f"{len(found):,} differences")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
