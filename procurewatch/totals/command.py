"""The command `compare`: totals of a search by two dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

import typer

from feeds.pages.compare import TITLES, overlap_note, title_of
from feeds.text import format_money
from procurewatch.command_line.query_options import QueryOptions, query_from_options, with_query_options
from procurewatch.command_line.terminal import console, fail_without_matches, plain, table, whole_output
from procurewatch.context import open_app
from procurewatch.exports.api_json import spending_of
from procurewatch.exports.csv_json import csv_bytes
from procurewatch.query_coverage import coverage_notes
from procurewatch.settings import Settings
from procurewatch.totals.rows import COLUMNS, table_rows
from storage.search.query import InvalidQuery, Query
from storage.search.spending import TABLE_PARAMETERS, Dimension, SpendingTable, read_table, spending


class TableFormat(StrEnum):
    """The format of a table of totals."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@with_query_options
def compare(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    options: QueryOptions,
    rows: Annotated[Dimension | None, typer.Option(help="What the rows are; technologies by default.")] = None,
    columns: Annotated[Dimension | None, typer.Option(help="What the columns are; fiscal years by default.")] = None,
    form: Annotated[TableFormat, typer.Option("--format", help="Output format.")] = TableFormat.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Output file (csv and json).")] = None,
) -> None:
    """Add up what contract actions obligate, by agency, year, vendor, topic, category or recipient.

    Each total counts an action once. A pasted address of the page /compare gives the same table.
    """
    settings: Settings = context.obj
    if output and form is TableFormat.TABLE:
        raise typer.BadParameter("--output needs --format csv or json")
    with open_app(settings) as app_context, app_context.database.reading() as session:
        query = query_from_options(options, app_context.watchlist, session)
        given = {"rows": rows, "columns": columns}
        query, by_row, by_column = _read(query, {**_pasted(options), **{k: v for k, v in given.items() if v}})
        totals = spending(session, query, by_row, by_column)
        names = {each.id: each.name for each in app_context.watchlist.vendors} | dict(app_context.watchlist.categories)
        notes = [overlap_note(by_row, by_column, totals), *coverage_notes(session, app_context.watchlist, query)]
        if not totals.total.actions:
            typer.echo("\n".join(notes[1:]), err=True)
            fail_without_matches(session)
    if form is TableFormat.TABLE:
        shown = list(_shown(totals, by_row, by_column, names))
        console().print(table(f"Obligated: {query.describe(names)}", shown[0], shown[1:], right=shown[0][1:]))
        for line in filter(None, notes):
            console().print(plain(line))
        return
    content = (
        csv_bytes(COLUMNS, table_rows(totals, by_row, by_column, names))
        if form is TableFormat.CSV
        else [spending_of(totals, notes[1:]).model_dump_json(indent=1).encode(), b"\n"]
    )
    with whole_output(output) as out:
        out.writelines(content)
    typer.echo("\n".join(filter(None, notes)), err=True)


def _pasted(options: QueryOptions) -> dict[str, str]:
    """Return what the rows and columns of a pasted address are."""
    words = options["words"]
    pairs = parse_qsl(words[0].rpartition("?")[2]) if len(words) == 1 else []
    return {name: value for name, value in pairs if name in TABLE_PARAMETERS}


def _read(query: Query, dimensions: Mapping[str, str]) -> tuple[Query, Dimension, Dimension | None]:
    """Return the query and its dimensions. Raises `typer.BadParameter` if they do not go together."""
    try:
        _, rows, columns = read_table(dimensions.items())
    except InvalidQuery as error:
        raise typer.BadParameter(str(error)) from None
    return query.unsorted, rows, columns


def _shown(
    totals: SpendingTable, rows: Dimension, columns: Dimension | None, names: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    """Yield the heading, the rows and the totals of the table."""
    named = [title_of(columns, each, names) for each in totals.columns] if columns else []
    yield (TITLES[rows], *named, "Awards", "Total")
    for row in totals.rows:
        cells = (totals.cells.get((row.code, column.code)) for column in totals.columns)
        shown = (format_money(cell.dollars) if cell else "-" for cell in cells)
        yield (title_of(rows, row, names), *shown, str(row.total.awards), format_money(row.total.dollars))
    by_column = (format_money(column.total.dollars) for column in totals.columns)
    yield ("Total", *by_column, str(totals.total.awards), format_money(totals.total.dollars))
