"""Commands of the service: run, status."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import timedelta
from importlib.metadata import version
from typing import Annotated

import typer
from rich.padding import Padding

from feeds.text import format_time, one_line
from monitors.runs.schedule import keep_running
from procurewatch.command_line.terminal import FAILED, STOPPED, console, plain, stopping, table
from procurewatch.commands.poll import selected_sources
from procurewatch.commands.publish import Host, Port, SiteUrl, site_served
from procurewatch.context import open_app
from procurewatch.service.runner import Service
from procurewatch.service.status import ServiceStatus, load_service_status
from procurewatch.settings import Settings
from storage.maintenance.processes import RunningProcess, registered

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

    Polls each source when it is due, sends alerts, runs the website, and builds the static site (setting site_folder)
    when it has changed.
    """
    settings: Settings = context.obj
    if site_url:
        settings = settings.model_copy(update={"site_url": site_url})  # of alerts and the static site, too
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


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write the state as JSON.")] = False,
) -> None:
    """Show what `run` does, when each source was and will be polled, and what is wrong (then the exit code is 1)."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        found = load_service_status(app_context)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(FAILED)


COLUMNS = ("Source", "Last good poll", "Last poll", "Next poll")


def _show(found: ServiceStatus) -> None:
    out = console()
    for process in found.processes:
        out.print(plain(_describe(process)))
        for line in process.doing if process.is_alive else ():
            out.print(Padding(plain(line), (0, 0, 0, 2)))
    rows = [
        (
            source.title,
            format_time(source.last_good) if source.last_good else "never",
            source.last_status or ("under way or cut off" if source.last_poll else "-"),
            ("now" if source.next_poll <= found.now else format_time(source.next_poll)) if source.next_poll else "-",
        )
        for source in found.sources
    ]
    out.print(table("Sources", COLUMNS, rows))
    out.print(plain(f"Database: {found.database}, {found.size / 10**6:,.1f} MB"))
    out.print(plain(f"Alerts: {found.subscriptions} subscriptions, {found.pending_alerts} messages to be sent"))
    for problem in found.problems:
        out.print(plain(f"Problem: {one_line(problem)}"))
    if not found.problems:
        out.print(plain("No problems."))


def _describe(process: RunningProcess) -> str:
    where = f"{process.host}, process {process.pid}, version {process.version}"
    if not process.is_alive:
        return f"Gone since {format_time(process.renewed)}: {where}"
    website = f", website at {process.address}/" if process.address else ""
    return f"Running since {format_time(process.started)}: {where}{website}"
