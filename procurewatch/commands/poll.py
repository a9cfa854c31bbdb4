"""Commands that fetch records: poll, backfill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import structlog
import typer

from monitors.runs.schedule import due_at
from monitors.runs.status import RunReport
from monitors.watchlist.loader import load_watchlist
from procurewatch.archives.backfill import (
    ArchivePlan,
    ArchiveRequest,
    Cluster,
    Workers,
    count_workers,
    plan_archives,
    read_archives,
    read_years,
)
from procurewatch.backfills.vendors import (
    Runner,
    choose_vendors,
    is_offline,
    plan,
    print_outlook,
    require_network,
    with_few_tries,
)
from procurewatch.command_line.terminal import console, following, plain, read_day, report_line, stopping, today
from procurewatch.context import AppContext, disabled_reason, open_app
from procurewatch.failures import FAILED, describe_failure
from procurewatch.settings import Settings
from sources.base import Source
from sources.registry import SOURCES
from sources.usaspending.filters import EARLIEST
from sources.usaspending_archive.listing import ALL, FIRST_YEAR, ArchiveKind, fiscal_year_of
from storage.models import RunStatus

log = structlog.get_logger(__name__)
What = TypeVar("What")

NO_SOURCE = "no source is enabled; see `sources` in docs/settings.md"

Since = Annotated[date, typer.Option(parser=read_day, help="First date of the history, YYYY-MM-DD.", metavar="DAY")]


def poll(
    context: typer.Context,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be given several times.")] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Poll even if the source's minimum interval has not passed.")
    ] = False,
) -> None:
    """Poll every source for new records that match the watchlist, store them, and print each run's status."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        chosen = [each for each in selected_sources(app_context, source) if _is_wanted(app_context, each, now=now)]
        if source and not chosen and not app_context.has_something_to_poll(SOURCES[source[0]]):
            raise typer.BadParameter("nothing was backfilled from archives; see `procurewatch backfill --archive`")
        polled = with_few_tries(app_context) if is_offline(app_context, chosen) else app_context
        _run_each(polled, chosen, lambda each: poll_source(polled, each, polled.today(), force=now))


def _is_wanted(app_context: AppContext, source: Source, *, now: bool) -> bool:
    """Return whether to poll a source: it can have news, and is due unless `now` is set."""
    return app_context.has_something_to_poll(source) and (now or _is_due(app_context, source))


def _is_due(app_context: AppContext, source: Source) -> bool:
    """Return whether the source's minimum interval has passed; if not, print when it has."""
    now = app_context.database.now()
    due = due_at(app_context.database, source.name, source.min_poll_interval, now) if source.min_poll_interval else now
    if due > now:
        console().print(plain(f"{source.title}: next poll after {due:%Y-%m-%d %H:%M} UTC (--now polls anyway)"))
    return due <= now


def poll_source(app_context: AppContext, source: Source, until: date, *, force: bool = False) -> RunReport:
    """Poll one source and show progress; with `force`, even if its data has not changed. Raises `Busy`."""
    with app_context.claimed(source) as claimed, following(source.title) as listen:
        return claimed.poll(source, until, listen, force=force)


def backfill(  # noqa: C901, PLR0917  the options of the command
    context: typer.Context,
    vendors: Annotated[
        list[str] | None,
        typer.Argument(metavar="VENDOR", help="Vendors of the watchlist, by name or id. With --archive: default all."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", help="All vendors and topics of this category.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All vendors and topics of the watchlist.")] = False,
    since: Since = EARLIEST,
    notify: Annotated[bool, typer.Option("--notify", help="Publish what is found in the feeds.")] = False,
    archive: Annotated[bool, typer.Option("--archive", help="Read USAspending's archives of whole years.")] = False,
    fiscal_year: Annotated[
        str, typer.Option(help="With --archive: fiscal years, such as 2024, 2008..2026 or 2020,2024.", metavar="YEARS")
    ] = "",
    agency: Annotated[
        str, typer.Option(help="With --archive: all, or codes of departments, such as 070 or 070,015.", metavar="CODES")
    ] = "",
    kind: Annotated[
        str, typer.Option(help="With --archive: contracts, assistance or both, with a comma.", metavar="KINDS")
    ] = "",
    stream: Annotated[
        bool, typer.Option("--stream", help="With --archive: read the files while they come, without storing them.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --archive: do not delete the downloaded files in the end.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="With --archive: where files are downloaded to; all workers must see it.")
    ] = None,
    workers: Workers = None,
    cluster: Cluster = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --archive: print size, rows, time and disk space, and stop.")
    ] = False,
) -> None:
    """Fetch the whole history of vendors. You can stop it at any time; run it again to resume."""
    settings: Settings = context.obj
    only_with_archive = {
        "--fiscal-year": fiscal_year,
        "--agency": agency,
        "--kind": kind,
        "--stream": stream,
        "--keep": keep,
        "--folder": folder,
        "--workers": workers,
        "--cluster": cluster,
        "--dry-run": dry_run,
    }
    if archive:
        request = _archive_request(fiscal_year, agency, kind, folder=folder, stream=stream, keep=keep)
        if stream and (workers or cluster or folder):
            raise typer.BadParameter("--stream reads in this process, without storing files")
        if since != EARLIEST:
            raise typer.BadParameter("--since does not go with --archive; use --fiscal-year")
        where = partial(read_archives, notify=notify, workers=count_workers(workers, cluster), cluster=cluster)
        names = list(vendors or ())
        if category:
            watchlist = load_watchlist(*settings.watchlist_files)
            names = [each.id for each in choose_vendors(watchlist, names, category, everything=everything)]
        _backfill_archive(settings, () if everything else names, request, where, dry_run=dry_run)
        return
    if given := [name for name, value in only_with_archive.items() if value]:
        raise typer.BadParameter(f"{given[0]} needs --archive")
    if not (vendors or category or everything):
        raise typer.BadParameter("name a vendor, or use --archive, --category or --all")
    if since < EARLIEST:
        raise typer.BadParameter(f"USAspending's search starts on {EARLIEST}; omit --since to fetch all of it")
    if since > today():
        raise typer.BadParameter(f"--since {since} is in the future")
    with open_app(settings) as app_context, stopping(app_context.stop):
        found = choose_vendors(app_context.watchlist, vendors or (), category or (), everything=everything)
        searched = [source for source in selected_sources(app_context) if not source.reads_archives]
        require_network(app_context, searched)
        planned = plan(app_context, found, searched, since)
        print_outlook(app_context, planned)
        runner = Runner(app_context, since, notify=notify)
        try:
            _run_each(app_context, (job for job in planned if not runner.is_skipped(job)), runner.run)
        finally:
            runner.print_skipped()


def _archive_request(
    fiscal_year: str, agency: str, kind: str, *, folder: Path | None, stream: bool, keep: bool
) -> ArchiveRequest:
    """Read the options of a backfill from archives. Raises `typer.BadParameter`."""
    kinds = _listed(kind or ArchiveKind.CONTRACTS)
    if unknown := [each for each in kinds if each not in list(ArchiveKind)]:
        raise typer.BadParameter(f"--kind is contracts or assistance, not {unknown[0]!r}")
    return ArchiveRequest(
        years=read_years(fiscal_year or f"{FIRST_YEAR}..{fiscal_year_of(today())}"),
        agencies=[ALL if code.lower() == ALL else code.upper() for code in _listed(agency or ALL)],
        kinds=[ArchiveKind(each) for each in kinds],
        folder=folder,
        stream=stream,
        keep=keep,
    )


def _listed(text: str) -> list[str]:
    """Return the parts of a list with commas, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _backfill_archive(
    settings: Settings,
    vendors: Sequence[str],
    request: ArchiveRequest,
    read: Callable[[AppContext, ArchivePlan], RunReport],
    *,
    dry_run: bool,
) -> None:
    with open_app(settings) as app_context, stopping(app_context.stop):
        plan = plan_archives(app_context, vendors, request, dry_run=dry_run)
        if not dry_run:
            exit_with([run_and_report(lambda: read(app_context, plan))])


def _run_each(app_context: AppContext, jobs: Iterable[What], run_one: Callable[[What], RunReport]) -> None:
    """Run each job until stopped, then exit. One that fails does not stop the others."""
    codes = []
    for job in jobs:
        if app_context.stop.is_set():
            codes.append(FAILED)
            break
        codes.append(run_and_report(partial(run_one, job)))
    exit_with(codes)


def run_and_report(run_job: Callable[[], RunReport]) -> int:
    """Run a job on one source, print its status (failures to stderr) and return the exit code.

    Whatever happens to one source, the others are still polled.
    """
    try:
        report = run_job()
    except Exception as error:  # noqa: BLE001  the boundary of every job
        failure = describe_failure(error)
        typer.echo(plain(f"procurewatch: {failure.message}").plain, err=True)
        return failure.code
    if report.status and report.status.is_good:
        console().print(plain(report_line(report)))
        return 0
    typer.echo(failure_line(report), err=True)
    return FAILED


def exit_with(codes: Iterable[int]) -> None:
    """Exit with 1 if a run failed; else with 2 or 3 if a source could not be polled."""
    if failed := [code for code in codes if code]:
        raise typer.Exit(min(failed))


def failure_line(report: RunReport) -> str:
    """Return one line that says what went wrong and that nothing is lost."""
    status = report.status or "stopped"
    is_stored = report.tally.read and report.status is not RunStatus.FAILED
    stored = f"; the {report.tally.read} records read so far are stored" if is_stored else ""
    return plain(f"procurewatch: {status}: {report.message}{stored}").plain


def selected_sources(app_context: AppContext, names: Sequence[str] | None = None) -> list[Source]:
    """Return the enabled sources, or those that are named. Raises `typer.BadParameter` if one cannot be polled."""
    for name in names or ():
        if name not in SOURCES:
            raise typer.BadParameter(f"unknown source {name!r}; there are: {', '.join(SOURCES)}")
        if reason := disabled_reason(app_context.settings, SOURCES[name]):
            raise typer.BadParameter(f"cannot poll {name}: {reason}")
    chosen = [source for source in app_context.sources if not names or source.name in names]
    if not chosen:
        raise typer.BadParameter(NO_SOURCE)
    return chosen
