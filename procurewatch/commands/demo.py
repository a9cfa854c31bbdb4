"""The demo: the whole program on recorded awards, without a network."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import RenderableType
from rich.text import Text
from sqlalchemy.orm import Session

from feeds.text import format_money, format_signed, one_line, pluralize
from monitors.watchlist.model import Kind, Watchlist
from procurewatch.command_line.program import program_name
from procurewatch.command_line.terminal import CARDS_BELOW, console, error_console, stopping, table
from procurewatch.commands.poll import failure_line, poll_source
from procurewatch.commands.publish import build_site, serve_site
from procurewatch.context import open_app
from procurewatch.demo.recorded import RecordedUsaspending
from procurewatch.demo.settings import LAST_DAY, demo_settings
from procurewatch.settings import Settings
from storage.models import StoredRecord
from storage.reading.summaries import GroupBy, SpendRow, SummaryScope, spending
from storage.search.agencies import short_agency
from storage.search.query import Query
from storage.search.search import count_records, find_records

FAILED = 1
SHOWN = 8  # vendors in the list
YEARS = "fiscal years 2021-2024"


class _Line(NamedTuple):
    """A vendor in the list: what was obligated for its products, and its newest award."""

    vendor: str
    spent: SpendRow
    newest: StoredRecord


def demo(
    context: typer.Context,
    feeds: Annotated[Path | None, typer.Option("--feeds", help="Folder for the feeds.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Then serve the website, and open it in a browser.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for --serve.")] = 8400,
) -> None:
    """Show the program without a network: poll, match, store and publish real awards of 2021 to 2024.

    The demo has a database of its own, which the option --demo of every command reads.
    """
    settings: Settings = context.obj
    own = demo_settings(settings)
    with open_app(own) as app_context:
        out = console()
        with stopping(app_context.stop):
            report = poll_source(app_context, RecordedUsaspending(), LAST_DAY)
        if report.status is None or not report.status.is_good:
            typer.echo(failure_line(report), err=True)
            raise typer.Exit(FAILED)
        with app_context.database.reading() as session:
            _print_list(session, app_context.watchlist)
        folder = feeds or own.data_dir / "feeds"
        with error_console().status("Writing feeds and pages"):
            build_site(app_context, folder)
        for line in ("", "Feeds and pages of these records, as files:", f"  {folder.absolute() / 'index.html'}"):
            out.print(Text(line), soft_wrap=True)
        for line in _next_steps(context):
            out.print(Text(line), soft_wrap=True)
        if serve:
            serve_site(app_context, "127.0.0.1", port, opens_browser=out.is_terminal)


def _print_list(session: Session, watchlist: Watchlist) -> None:
    """Print the vendors for whose products most was obligated, with the newest award of each."""
    spent = spending(session, SummaryScope(), [GroupBy.VENDOR])[GroupBy.VENDOR]
    names = {vendor.id: vendor.name for vendor in watchlist.vendors if vendor.kind is Kind.VENDOR}
    lines = [
        _Line(names[row.code], row, newest)
        for row in [row for row in spent if row.code in names][:SHOWN]
        for newest in find_records(session, Query(vendor=(row.code,)), limit=1)
    ]
    matched = pluralize(count_records(session, Query()), "award")
    count = sum(row.code in names for row in spent)
    out = console()
    out.print(f"Recorded ICE and CBP contracts, {YEARS}:")
    out.print(f"{matched} for {count} vendors, or about technologies.")
    out.print(f"Most was obligated for products of these {len(lines)} vendors:\n")
    out.print(_as_table(lines) if out.width >= CARDS_BELOW else Text("\n").join(_cards(lines)))


def _as_table(lines: list[_Line]) -> RenderableType:
    columns = ("Vendor", "Obligated", "Awards", "Newest award: PIID", "Signed", "Agency", "Recipient")
    rows = [
        (
            line.vendor,
            format_money(line.spent.dollars),
            str(line.spent.awards),
            line.newest.piid,
            format_signed(line.newest.signed),
            _agency(line.newest),
            line.newest.recipient_name,
        )
        for line in lines
    ]
    return table("", columns, rows, right=("Obligated", "Awards"))


def _cards(lines: list[_Line]) -> Iterator[Text]:
    for line in lines:
        yield Text(line.vendor, style="bold")
        yield Text(f"  {format_money(line.spent.dollars)} obligated, {pluralize(line.spent.awards, 'award')}")
        yield Text(f"  newest: {line.newest.piid}, {_agency(line.newest)}, {format_signed(line.newest.signed)}")
        yield Text(f"  recipient: {one_line(line.newest.recipient_name)}")


def _agency(award: StoredRecord) -> str:
    return short_agency(award.sub_agency_code, award.sub_agency_name) or award.sub_agency_name


def _next_steps(context: typer.Context) -> Iterator[str]:
    """Yield three commands on the demo's records, and those that leave the demo."""
    program, folder = program_name(), context.find_root().params.get("data_dir")
    own = f"{program} --data-dir {shlex.quote(str(folder))}" if folder else program
    yield "\nSearch, read and browse them (no network needed):"
    for command in ('search "babel street"', "show 70B03C23F00001053", "serve"):
        yield f"  {own} --demo {command}"
    yield "\nThen fetch current records:"
    yield f"  {own} poll"
