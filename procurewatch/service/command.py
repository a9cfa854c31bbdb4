"""Commands of the service: run, status."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from importlib.metadata import version
from typing import Annotated

import typer

from monitors.runs.schedule import keep_running
from procurewatch.commands.poll import selected_sources
from procurewatch.commands.publish import Host, Port, SiteUrl, site_served
from procurewatch.context import open_app
from procurewatch.service.runner import Service
from procurewatch.settings import Settings
from procurewatch.terminal import STOPPED, stopping
from storage.maintenance.processes import registered

Tick = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between checks for due polls.")]


def run(  # noqa: PLR0917  the options of the command
    context: typer.Context,
    tick_seconds: Tick = 60,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Run the website, too.")] = True,
    host: Host = "127.0.0.1",
    port: Port = 8400,
    site_url: SiteUrl = "",
) -> None:
    """Do everything in one process, until stopped with SIGTERM or Ctrl-C.

    Polls each source when it is due, runs the website, and builds the static site (setting site_folder) when it has
    changed.
    """
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        sources = selected_sources(app_context)
        website = site_served(app_context, host, port, site_url) if serve else nullcontext("")
        with (
            website as address,
            registered(app_context.database, version=version("procurewatch"), address=address) as us,
        ):
            service = Service(app_context, sources, us)
            keep_running(service.jobs(), tick=timedelta(seconds=tick_seconds), stop=app_context.stop)
    typer.echo(STOPPED, err=True)
