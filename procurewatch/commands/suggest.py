"""The command vendors suggest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from feeds.text import format_money
from monitors.proposals.suggestions import MIN_SIGNALS, Suggestion, entry_of, suggest_vendors
from monitors.watchlist.editor import HEADER, entry_text
from monitors.watchlist.loader import load_watchlist
from procurewatch.command_line.known import check_query
from procurewatch.command_line.query_options import OPTION_HELP
from procurewatch.command_line.terminal import console, fail, table, whole_output
from procurewatch.settings import Settings
from storage.database import open_database
from storage.search.query import InvalidQuery, read_query
from storage.search.search import find_records

EXAMPLE_LENGTH = 80
COLUMNS = ("Recipient", "Topics", "Records", "Signals", "Obligated", "Resold", "Example")


def suggest(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of recipients.")] = 20,
    agency: Annotated[list[str] | None, typer.Option(help=OPTION_HELP["agency"])] = None,
    since: Annotated[str, typer.Option(help="Only records signed or changed since this day.")] = "",
    min_signals: Annotated[
        int, typer.Option(min=1, max=1000, help="Fewest topic phrases in its records.")
    ] = MIN_SIGNALS,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Write the recipients as watchlist entries.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File for the entries.")] = None,
) -> None:
    """Suggest vendors to add. They are recipients of stored awards that match topics, and no vendor.

    Exit code 1 if there are none. The entries go to review by name. Check what a company sells before you add it.
    """
    settings: Settings = context.obj
    wanted = [("band", "any"), ("since", since), *(("agency", name) for name in agency or ())]
    try:
        query = read_query(wanted)
    except InvalidQuery as error:
        raise typer.BadParameter(str(error)) from None
    watchlist = load_watchlist(*settings.watchlist_files)
    with closing(open_database(settings.database())) as database, database.reading() as session:
        check_query(query, watchlist, session)
        found = suggest_vendors(find_records(session, query), watchlist, min_signals)
    if not found:
        fail("no recipient of the stored awards is suggested")
    shown = found[:limit]
    if as_yaml or output:
        with whole_output(output) as out:
            out.write(_file(shown, set(watchlist.by_id)).encode())
        return
    of_all = "" if len(shown) == len(found) else f"{len(shown)} of "
    title = f"{of_all}{len(found)} recipient{'' if len(found) == 1 else 's'}"
    console().print(table(title, COLUMNS, list(_rows(shown)), right=("Records", "Signals", "Obligated", "Resold")))


def _rows(found: Sequence[Suggestion]) -> Iterator[tuple[str, ...]]:
    for each in found:
        newest = each.records[0]
        counts = (str(len(each.records)), str(each.signals), format_money(each.obligated), str(each.resold))
        yield each.name, ", ".join(sorted(each.topics)), *counts, (newest.description or newest.title)[:EXAMPLE_LENGTH]


def _file(found: Sequence[Suggestion], known: set[str]) -> str:
    """Return a watchlist file with the suggestions. `known`: ids that are in use, to which theirs are added."""
    entries = []
    for each in found:
        entry = entry_of(each, known)
        known.add(entry.id)
        entries.append(entry_text(entry))
    return f"{HEADER}vendors:\n{''.join(entries)}"
