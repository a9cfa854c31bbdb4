"""Commands that export stored records: export, pack."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from feeds.text import pluralize
from monitors.watchlist.model import Watchlist
from procurewatch.command_line.query_options import QueryOptions, query_from_options, with_query_options
from procurewatch.command_line.terminal import fail, fail_if_left_out, fail_without_matches, whole_output
from procurewatch.context import open_app
from procurewatch.exports.data_package import MEDIA_TYPES, SUFFIX, data_package
from procurewatch.exports.formats import ExportFormat, export_bytes
from procurewatch.exports.ocds import PROCESSES
from procurewatch.exports.sqlite_file import write_sqlite
from procurewatch.exports.story_pack import MAX_RECORDS, pack_bytes, pack_name
from procurewatch.exports.xlsx import TooManyRows
from procurewatch.query_coverage import about_export, coverage_notes
from procurewatch.settings import Settings
from storage.maintenance.files import whole_file
from storage.models import StoredRecord
from storage.reading.export_rows import RowType, with_bands
from storage.reading.records import find_by_identifier
from storage.search.query import Query
from storage.search.search import find_records
from storage.search.spending import EVERYTHING, awards_query

WITHOUT_NOTES = frozenset({ExportFormat.CSV, ExportFormat.JSONL})  # a file beside them describes them
BINARY = frozenset({ExportFormat.XLSX, ExportFormat.PARQUET, ExportFormat.SQLITE})

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Output file; standard output by default.")]


class CountedRecords:
    """Records, counted as they are read."""

    def __init__(self, records: Iterable[StoredRecord]) -> None:
        self.count = 0
        self._records = records

    def __iter__(self) -> Iterator[StoredRecord]:
        for record in self._records:
            self.count += 1
            yield record


@with_query_options
def export(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    options: QueryOptions,
    form: Annotated[ExportFormat | None, typer.Option("--format", help="Output format; csv by default.")] = None,
    rows: Annotated[RowType, typer.Option(help="Row type for csv, xlsx, json, jsonl and parquet.")] = RowType.RECORDS,
    with_evidence: Annotated[bool, typer.Option(help="Include the raw evidence (sqlite only).")] = False,
    excel: Annotated[
        bool, typer.Option("--excel", help="Start the CSV with a byte order mark: Excel then reads it as UTF-8.")
    ] = False,
    describe: Annotated[
        bool | None,
        typer.Option(
            "--data-package/--no-data-package",
            help="Also write a data dictionary beside the file: FILE.datapackage.json. The default for csv and jsonl.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
) -> None:
    """Export records as CSV, Excel, JSON, Parquet, SQLite or OCDS. `export sqlite FILE` exports everything."""
    settings: Settings = context.obj
    if form is None and output is None and len(options["words"]) == 2 and options["words"][0] == ExportFormat.SQLITE:
        form, output = ExportFormat.SQLITE, Path(options["words"][1])
        options |= {"words": [], "band": options["band"] or ["all"]}
    form = form or ExportFormat.CSV
    _check_options(form, output, with_evidence=with_evidence, excel=excel, describe=describe)
    with open_app(settings) as app_context, app_context.database.reading() as session:
        query = query_from_options(options, app_context.watchlist, session)
        about = about_export(session, app_context.watchlist, query, _names(app_context.watchlist))
        wanted = awards_query(query) if rows is RowType.ACTIONS else query
        records = CountedRecords(_require_records(session, _for_format(find_records(session, wanted), form)))
        if form is ExportFormat.SQLITE and output is not None:
            with whole_file(output) as file:
                matched = with_bands(records, query.bands)
                write_sqlite(session, matched, file, about=about, bands=query.bands, with_bodies=with_evidence)
        else:
            prefix, bands = settings.ocid_prefix, query.bands
            pieces = export_bytes(
                session, records, form, query=query, row_type=rows, bands=bands, ocid_prefix=prefix, about=about
            )
            _write(chain([codecs.BOM_UTF8] if excel else [], pieces), output)
            is_described = form in WITHOUT_NOTES if describe is None else describe
            if output and is_described and output.suffix == f".{form}":
                _write([data_package(about, [(output.name, form, rows)])], Path(f"{output}{SUFFIX}"))
        if output:
            typer.echo("\n".join([f"{pluralize(records.count, 'record')} in {output}", *about.coverage]), err=True)
        fail_if_left_out(session)


def _check_options(
    form: ExportFormat, output: Path | None, *, with_evidence: bool, excel: bool, describe: bool | None
) -> None:
    """Raise `typer.BadParameter` for options that do not go together."""
    if with_evidence and form is not ExportFormat.SQLITE:
        raise typer.BadParameter("--with-evidence needs --format sqlite; `pack` writes evidence as files")
    if excel and form is not ExportFormat.CSV:
        raise typer.BadParameter("--excel needs --format csv")
    if describe and (output is None or output.suffix.removeprefix(".") != form or form not in MEDIA_TYPES):
        raise typer.BadParameter(f"--data-package needs --output FILE.{form} and csv, xlsx, json, jsonl or parquet")
    if output is None and form in BINARY and sys.stdout.isatty():
        raise typer.BadParameter(f"{form} is a binary format; name a file with --output")


def _write(pieces: Iterable[bytes], output: Path | None) -> None:
    try:
        with whole_output(output) as out:
            out.writelines(pieces)
    except TooManyRows as error:
        fail(str(error))


@with_query_options
def pack(
    context: typer.Context,
    options: QueryOptions,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The zip file to write.")] = None,
) -> None:
    """Pack an award, or the results of a search, for a story: rows, evidence, hashes, timeline, citations, a note.

    An award's key, PIID or usaspending.gov address selects that award; anything else is a search.
    """
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        query, subject, records = _selected(session, options, app_context.watchlist)
        notes = coverage_notes(session, app_context.watchlist, query) if query != EVERYTHING else ()
        if len(records) > MAX_RECORDS:
            fail(f"more than {MAX_RECORDS} records match; narrow the query, or use `export`")
        if not records:
            fail_without_matches(session)
        output = output or Path(pack_name(records))
        with whole_output(output) as out:
            prefix = settings.ocid_prefix
            out.writelines(pack_bytes(session, records, subject, query, ocid_prefix=prefix, coverage=notes))
        typer.echo(f"{pluralize(len(records), 'record')} in {output}", err=True)
        fail_if_left_out(session)


def _selected(session: Session, options: QueryOptions, watchlist: Watchlist) -> tuple[Query, str, list[StoredRecord]]:
    """Return the query, its description and its records: at most one more than a pack may hold."""
    words = options["words"]
    if len(words) == 1 and (found := find_by_identifier(session, words[0])):
        return EVERYTHING, f"the award {words[0]}", list(with_bands(found))
    query = query_from_options(options, watchlist, session)
    names = _names(watchlist)
    records = list(with_bands(find_records(session, query, MAX_RECORDS + 1), query.bands))
    return query, f"a search: {query.describe(names)}", records


def _names(watchlist: Watchlist) -> dict[str, str]:
    """Return the names of vendors and technologies by id."""
    return {vendor.id: vendor.name for vendor in watchlist.vendors} | dict(watchlist.categories)


def _for_format(records: Iterator[StoredRecord], form: ExportFormat) -> Iterator[StoredRecord]:
    if form is not ExportFormat.OCDS:
        return records
    return (record for record in records if record.category in PROCESSES)


def _require_records(session: Session, records: Iterator[StoredRecord]) -> Iterator[StoredRecord]:
    """Return the records; exit with one line if there are none, before an output file exists."""
    first = list(islice(records, 1))
    if not first:
        fail_without_matches(session)
    return chain(first, records)
