"""Commands for the database: db status, check, backup, restore, vacuum."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from feeds.text import format_time, pluralize
from procurewatch.command_line.terminal import console, error_console, plain, table
from procurewatch.settings import Settings
from storage.maintenance.admin import Status, backup, load_status, restore
from storage.maintenance.check import check_database
from storage.maintenance.sqlite_file import Listen
from storage.maintenance.vacuum import vacuum

FAILED = 1
UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))

db = typer.Typer(help="Check, back up, restore and vacuum the database.", no_args_is_help=True)


@db.command("status")
def status(context: typer.Context) -> None:
    """Show the size and last backup of the database. Also its place, schema and rows."""
    settings: Settings = context.obj
    found = load_status(settings.database())
    out = console()
    for label, value in _facts(found):
        out.print(plain(f"{label}: {value}"))
    rows = [(name, f"{count:,}") for name, count in found.rows.items()]
    out.print(table("Tables", ("Table", "Rows"), rows, right=("Rows",)))


def _facts(found: Status) -> Iterator[tuple[str, str]]:
    schema = found.schema or "no tables yet"
    yield "Database", f"{found.kind}, {found.place}"
    yield "Schema", f"{schema} (current)" if found.is_current else f"{schema} (not the one of this version)"
    yield "Size", size(found.size)
    if found.free is not None:
        yield "Free", f"{size(found.free)} on its disk"
    yield "Events", f"{found.rows.get('event', 0):,}"
    payloads = pluralize(found.rows.get("payload", 0), "response")
    yield "Evidence", f"{payloads}, {size(found.evidence)} compressed, {size(found.evidence_size)} original"
    yield "Last backup", f"{format_time(found.backup_at)}, {found.backup}" if found.backup_at else "none known"


@db.command("check")
def check(context: typer.Context) -> None:
    """List what is damaged or missing, and what to do. The whole database is read. Exit code 1 if anything is."""
    settings: Settings = context.obj
    out, count = console(), 0
    with error_console().status("Checking") as shown:
        for finding in check_database(settings.database(), lambda name: shown.update(f"Checking: {name}")):
            count += 1
            out.print(plain(finding.what))
            out.print(plain(f"  -> {finding.action}"))
    out.print(plain(f"{pluralize(count, 'problem')} found" if count else "no problems found"))
    if count:
        raise typer.Exit(FAILED)


@db.command("backup")
def make_backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Backup file; .gz at the end of its name compresses a SQLite backup.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a backup to a file. Other commands may write meanwhile."""
    settings: Settings = context.obj
    with _progress("Backup") as listen:
        backup(settings.database(), file, force=force, listen=listen)
    console().print(plain(f"{size(file.stat().st_size)} written to {file}"))


@db.command("restore")
def restore_backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `db backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database with content; it is kept under another name.")
    ] = False,
) -> None:
    """Replace the database with a backup. The backup is checked first. Stop run and serve before."""
    settings: Settings = context.obj
    with _progress("Restore") as listen:
        earlier = restore(settings.database(), file, force=force, listen=listen)
    rows = load_status(settings.database()).rows
    console().print(plain(f"restored {file}: {pluralize(rows['record'], 'record')}, {rows['event']:,} events"))
    if earlier:
        console().print(plain(f"the earlier database is {earlier}; delete it when you no longer need it"))


@db.command("vacuum")
def vacuum_database(context: typer.Context) -> None:
    """Rebuild indexes, and free disk space. Evidence is compressed."""
    settings: Settings = context.obj
    days = settings.unmatched_evidence_days
    before = datetime.now(UTC) - timedelta(days=days) if days is not None else None
    with error_console().status("Vacuum"):
        done = vacuum(settings.database(), before)
    if done.removed:
        console().print(plain(f"evidence: the bytes of {pluralize(done.removed, 'response')} removed"))
    if done.indexed:
        console().print(plain(f"search index: {pluralize(done.indexed, 'record')} updated"))
    console().print(plain(f"{size(done.before)} before, {size(done.after)} now"))


@contextmanager
def _progress(label: str) -> Iterator[Listen]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    err = error_console()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, pages: shown.update(task, completed=done, total=pages)


def size(count: int) -> str:
    """Return a number of bytes with a unit: 3.0 MB."""
    return next((f"{count / unit:.1f} {name}" for unit, name in UNITS if count >= unit), f"{count} bytes")
