"""The demo: the whole program on recorded awards, without a network."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from procurewatch.commands.poll import failure_line, poll_source
from procurewatch.commands.publish import build_site, serve_site
from procurewatch.context import AppContext, open_app
from procurewatch.demo.recorded import RecordedUsaspending
from procurewatch.settings import Settings
from procurewatch.terminal import AWARD_COLUMNS, award_rows, console, plain, report_line, stopping, table
from storage.search.query import Query
from storage.search.search import count_records, find_records

FAILED = 1
LAST_DAY = date(2024, 9, 30)  # of the recorded awards: fiscal years 2021 to 2024
DAYS = 1461


def demo(
    context: typer.Context,
    feeds: Annotated[Path | None, typer.Option("--feeds", help="Folder for the feeds.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the feeds and pages afterwards.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for --serve.")] = 8400,
) -> None:
    """Show the program without a network: poll, match, store and publish real awards of 2021 to 2024."""
    settings: Settings = context.obj
    own = demo_settings(settings)
    with open_app(own) as app_context:
        out = console()
        with stopping(app_context.stop):
            report = poll_source(app_context, RecordedUsaspending(), LAST_DAY)
        if report.status is None or not report.status.is_good:
            typer.echo(failure_line(report), err=True)
            raise typer.Exit(FAILED)
        _list(app_context)
        out.print(plain(report_line(report)))
        folder = feeds or own.data_dir / "feeds"
        out.print(plain(build_site(app_context, folder)[0]))
        out.print(plain(f"Open {folder.absolute() / 'index.html'} to read the entries or subscribe to a feed."))
        out.print(plain(f'Search the same records: --data-dir "{own.data_dir}" search "babel street"'))
        if serve:
            serve_site(app_context, "127.0.0.1", port)


def demo_settings(settings: Settings) -> Settings:
    """Return settings with a database of its own for the demo."""
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / "demo",
            "database_url": None,
            "lookback_days": DAYS,
            "full_sweep_days": DAYS,
            "only_sources": ["usaspending"],
            "sources": {},
        }
    )


def _list(app_context: AppContext) -> None:
    """Print the newest award of each vendor, and how many there are."""
    with app_context.database.reading() as session:
        total = count_records(session, Query())
        found = [
            (count_records(session, asked), award, vendor)
            for vendor in app_context.watchlist.vendors
            for asked in (Query(vendor=(vendor.id,)),)
            for award in find_records(session, asked, limit=1)
        ]
    newest = sorted(found, key=lambda each: (each[1].signed or date.min, each[2].id), reverse=True)
    rows = [(vendor.name, str(count), *next(award_rows([award]))[1:]) for count, award, vendor in newest]
    title = f"{total} awards match {len(rows)} vendors of the watchlist; the newest of each:"
    console().print(table(title, ("Vendor", "Awards", *AWARD_COLUMNS[1:]), rows, right=("Awards", "Obligated")))
