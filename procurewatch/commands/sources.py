"""Commands for sources: sources shows their health, import reads their files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from feeds.text import format_time, one_line
from monitors.runs.status import RunReport
from procurewatch.alerts.problems import alert_problems
from procurewatch.archives.backfill import Cluster, Workers, count_workers, plan_import, read_archives
from procurewatch.command_line.terminal import console, following, plain, stopping, table
from procurewatch.commands.poll import exit_with, run_and_report
from procurewatch.context import AppContext, disabled_reason, open_app
from procurewatch.settings import Settings
from sources.base import FileSource, Source
from sources.registry import SOURCES
from storage.models import RunStatus
from storage.reading.source_health import NOT_POLLED, SourceHealth, load_health

ARCHIVES = ("usaspending", "archive")  # whose files `import` reads as award archives
COLUMNS = ("Source", "State", "Last good poll", "Last status", "Rows (usual)", "Newest record", "Quota left")


def sources(context: typer.Context) -> None:
    """Show the health of each source: last good poll, rows found, quota left; and the alerts that fail."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        with app_context.database.reading() as session:
            limits = app_context.silences
            health = [
                (source, load_health(session, source.name, limits.get(source.name, timedelta.max)))
                for source in SOURCES.values()
            ]
            alerts = list(alert_problems(session))
        console().print(table("Sources", COLUMNS, [_row(app_context, source, how) for source, how in health]))
        for source, how in health:
            for line in _lines(app_context, source, how):
                console().print(plain(line))
        for line in alerts:
            console().print(plain(line))


def _row(app_context: AppContext, source: Source, how: SourceHealth) -> tuple[str, ...]:
    quota = app_context.quota(source)
    usual = f" ({how.usual_rows:,.0f})" if how.usual_rows is not None else ""
    return (
        source.title,
        "disabled" if disabled_reason(app_context.settings, source) else "enabled",
        _when(how.last_good),
        how.last_status or "-",
        f"{how.rows:,}{usual}" if how.rows is not None else "-",
        how.newest.isoformat() if how.newest else "-",
        str(quota.remaining()) if quota else "-",
    )


def _when(value: datetime | None) -> str:
    return format_time(value) if value else "never"


def _lines(app_context: AppContext, source: Source, how: SourceHealth) -> Sequence[str]:
    """Return the notes about a source, its incident first."""
    lines = [f"{one_line(str(part))}; the next poll tries again first" for part in how.unfinished]
    if how.incident and how.incident.status == NOT_POLLED:
        lines.append(f"no good poll since {format_time(how.incident.began)}: {one_line(how.incident.message)}")
    elif how.incident and how.incident.status != RunStatus.INCOMPLETE:
        failures = f"{how.incident.failures} failed polls"
        lines.append(f"{failures} since {format_time(how.incident.began)}: {one_line(how.incident.message)}")
    elif how.last_run and how.last_message and not how.unfinished:
        lines.append(f"last poll: {one_line(how.last_message)}")
    if how.waits_until:
        lines.append(f"not polled before {format_time(how.waits_until)}, as the source has asked")
    if how.quarantined:
        lines.append(f"{how.quarantined} records could not be read and are in quarantine")
    if reason := disabled_reason(app_context.settings, source):
        lines.append(reason)
    lines += [source.reporting_delay] if source.reporting_delay and not reason else []
    return [f"{source.title}: {line}" for line in lines]


def import_files(  # noqa: PLR0917  the options of the command
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The source that published the files.")],
    files: Annotated[list[str], typer.Argument(help="Files as the source published them.", metavar="FILE")],
    notify: Annotated[
        bool | None, typer.Option("--notify/--no-notify", help="Publish what is found in the feeds.")
    ] = None,
    workers: Workers = None,
    cluster: Cluster = "",
) -> None:
    """Import files you have downloaded: a saved page of announcements, an archive of contract actions."""
    readers = {name: each for name, each in SOURCES.items() if isinstance(each, FileSource)}
    if source not in (*readers, *ARCHIVES):
        names = ", ".join((*readers, ARCHIVES[0]))
        raise typer.BadParameter(f"files from {source!r} cannot be imported; choose from: {names}")
    for file in files:
        if not ("://" in file and source in ARCHIVES) and not Path(file).is_file():
            raise typer.BadParameter(f"{file} is not a file")
    settings: Settings = context.obj
    if source in ARCHIVES:
        with open_app(settings) as app_context, stopping(app_context.stop):
            plan = plan_import(app_context, files)
            count = count_workers(workers, cluster)
            read_all = partial(read_archives, app_context, plan, notify=bool(notify), workers=count, cluster=cluster)
            exit_with([run_and_report(read_all)])
        return
    if workers or cluster:
        raise typer.BadParameter("--workers and --cluster are for award archives only")
    reader = readers[source]
    publish = reader.import_notifies if notify is None else notify

    def read() -> RunReport:
        with app_context.claimed(SOURCES[source]) as claimed, following(SOURCES[source].title) as listen:
            return claimed.import_files(SOURCES[source], [Path(file) for file in files], listen, notify=publish)

    with open_app(settings) as app_context, stopping(app_context.stop):
        exit_with([run_and_report(read)])
