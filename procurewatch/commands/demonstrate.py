"""The demo: the main job with no network, on real awards that a stand-in for USAspending serves on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from procurewatch.commands.publish import build_site
from procurewatch.commands.pull import failure_line, poll_source
from procurewatch.demo.upstream import UsaspendingStandIn, load_corpus
from procurewatch.desk import Desk, opened
from procurewatch.settings import Settings, SourceSettings
from procurewatch.terminal import AWARD_COLUMNS, award_rows, console, plain, report_line, stopping, table
from procurewatch.web import serve_site
from sources.registry import SOURCES
from storage.reading import Search, count_awards, find_awards

FAILED = 1
LAST_DAY = date(2024, 9, 30)  # of the corpus: fiscal years 2021 to 2024
DAYS = 1461
LISTED = 30


def demo(
    context: typer.Context,
    feeds: Annotated[Path | None, typer.Option("--feeds", help="Folder for the feeds.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the feeds and pages afterwards.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for --serve.")] = 8400,
) -> None:
    """Show the main job with no network: real awards of 2021 to 2024, polled, matched, stored and published."""
    settings: Settings = context.obj
    with stand_in_settings(settings) as own, opened(own) as desk:
        out = console()
        with stopping(desk.stop):
            report = poll_source(desk, SOURCES["usaspending"], LAST_DAY)
        if report.verdict is None or not report.verdict.is_good:
            typer.echo(failure_line(report), err=True)
            raise typer.Exit(FAILED)
        _list(desk)
        out.print(plain(report_line(report)))
        folder = feeds or own.data_dir / "feeds"
        out.print(plain(build_site(desk, folder)))
        out.print(plain(f"Open {folder.absolute() / 'index.html'}, or subscribe to a feed from there."))
        out.print(plain(f'Ask more: procurewatch --data-dir "{own.data_dir}" search "babel street"'))
        if serve:
            serve_site(desk, "127.0.0.1", port)


@contextmanager
def stand_in_settings(settings: Settings) -> Iterator[Settings]:
    """Start the stand-in; give settings that ask it and keep the demo's records apart from the real ones."""
    with UsaspendingStandIn(load_corpus()) as upstream:
        yield settings.model_copy(
            update={
                "data_dir": settings.data_dir / "demo",
                "database_url": None,
                "signed_days": DAYS,
                "sweep_days": DAYS,
                "sources": {"usaspending": SourceSettings(base_url=upstream.base_url, seconds_between=0)},
            }
        )


def _list(desk: Desk) -> None:
    with desk.database.reading() as session:
        asked = Search()
        total = count_awards(session, asked)
        rows = list(award_rows(find_awards(session, asked, LISTED)))
    title = f"The newest {len(rows)} of {total} awards that concern a vendor on the watchlist"
    console().print(table(title, AWARD_COLUMNS, rows, right=("Obligated",)))
