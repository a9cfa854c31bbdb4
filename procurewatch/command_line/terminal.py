"""What commands share: tables, progress, run reports, output files and errors. Text from sources is made safe."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Literal, NoReturn

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from feeds.text import format_money, one_line, pluralize
from monitors.runs.pipeline import Progress
from monitors.runs.status import RunReport
from procurewatch.command_line.program import program_name
from storage.database import shown_database
from storage.errors import left_out
from storage.maintenance.files import whole_file
from storage.models import MatchBand, StoredMatch, StoredRecord
from storage.reading.records import find_by_identifier, has_records

FAILED = 1
MAX_NAMED = 20  # records that a message names
PIPED_WIDTH = 200
CARDS_BELOW = 120  # columns of the terminal: a table of more than `CARD_COLUMNS` columns is shown as cards
CARD_COLUMNS = 4
UNBROKEN = frozenset({"PIID", "Obligated", "Obligation", "Signed", "Mod", "Id", "Priority"})
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
MAX_STOP_SECONDS = 8.0
STOPPED = "procurewatch: stopped on request"
ENDED = b"\0"

Listener = Callable[[Progress], None]


def console() -> Console:
    """Return the console for results: as wide as the terminal, or `PIPED_WIDTH`."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def error_console() -> Console:
    """Return the console for progress: standard error."""
    return Console(stderr=True, highlight=False)


def plain(text: str) -> Text:
    """Return a text as one line without control characters and markup."""
    return Text(one_line(text))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()
) -> RenderableType:
    """Return a table, or a card for each row where the terminal is too narrow for a table of so many columns.

    Columns named in `right` are aligned to the right; those in `UNBROKEN` are not wrapped.
    """
    if len(columns) > CARD_COLUMNS and console().width < CARDS_BELOW:
        return Group(plain(title), *(_card(columns, row) for row in rows))
    shown = Table(title=title, title_justify="left", expand=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        shown.add_column(column, justify=justify, overflow="fold", no_wrap=column in UNBROKEN)
    for row in rows:
        shown.add_row(*(plain(cell) for cell in row))
    return shown


def _card(columns: Sequence[str], row: Sequence[str]) -> RenderableType:
    """Return a row as lines of "column value" under its first cell, without empty cells."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(width=max(map(len, columns)))
    lines.add_column(overflow="fold")
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if cell not in {"", "-"}:
            lines.add_row(column, plain(cell))
    return Group("", Text(one_line(row[0]), style="bold"), Padding(lines, (0, 0, 0, 2)))


FIELD_LABELS = {
    "recipient_name": "recipient",
    "recipient_uei": "recipient's UEI",
    "recipient_parent_name": "parent",
    "recipient_parent_uei": "parent's UEI",
    "description": "description",
    "action_description": "a modification",
    "psc_text": "product or service",
    "naics_text": "industry",
    "parent_award": "parent award",
    "solicitation": "solicitation",
}


def award_rows(awards: Iterable[StoredRecord]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each award, with the columns `AWARD_COLUMNS`."""
    for award in awards:
        yield (
            ", ".join(match.vendor_name for match in award.matches) or "-",
            award.sub_agency_name or award.agency_name,
            award.recipient_name,
            format_money(award.obligated) if award.obligated is not None else "not stated",
            award.signed.isoformat() if award.signed else "not stated",
            award.piid,
            "; ".join(why(match) for match in award.matches) or "matches nothing on the watchlist",
        )


NOTES: dict[str, str] = {
    MatchBand.REVIEW: "for review",
    MatchBand.NAME_ONLY: "name only",
    MatchBand.REJECTED: "rejected",
}


def why(match: StoredMatch) -> str:
    """Return a match's best signal in a few words."""
    best = match.signals[0]
    note = f", {NOTES[match.band]}" if match.band in NOTES else ""
    return f'{FIELD_LABELS.get(best.field, best.field)}: "{best.text}"{note}'


AWARD_COLUMNS = ("Vendor", "Agency", "Recipient", "Obligated", "Signed", "PIID", "Why")


def report_line(report: RunReport) -> str:
    """Return a run's status and counts as one line."""
    tally = report.tally
    figures = (
        f"{tally.found} awards found, {tally.new_awards} new, {tally.changed_awards} changed, "
        f"{tally.matched} matched, {tally.events} events; {report.requests} requests in {report.seconds:.0f} s"
    )
    status = report.status or "stopped"
    note = f" ({report.message})" if report.message else ""
    return one_line(f"{report.source}: {status}: {figures}{note}")


@contextmanager
def following(title: str) -> Iterator[Listener]:
    """Show a run's progress on stderr: a bar on a terminal, otherwise one line per step."""
    err = error_console()
    if not err.is_terminal:
        yield _plain_lines(title)
        return
    # What counts comes first: a narrow terminal cuts off the end.
    columns = (
        TextColumn("{task.fields[counts]}"),
        BarColumn(bar_width=12),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None, counts="")

        def show(progress: Progress) -> None:
            counts = f"{progress.step}/{progress.steps}, {progress.tally.found} found"
            description = f"{title}: {progress.label}"
            bar.update(task, total=progress.steps, completed=progress.step - 1, description=description, counts=counts)

        yield show


def _plain_lines(title: str) -> Listener:
    last = ""

    def show(progress: Progress) -> None:
        nonlocal last
        if progress.label != last:
            last = progress.label
            found, new = progress.tally.found, progress.tally.new_awards
            counts = f" ({found} found, {new} new)" if found else ""
            sys.stderr.write(f"{title}: {progress.step}/{progress.steps} {last}{counts}\n")

    return show


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on the first SIGINT, SIGTERM or SIGHUP, so that a run ends cleanly; a second one kills the process.

    If the block has not ended `MAX_STOP_SECONDS` later (a DNS server that does not answer, a file of one huge record
    ...), the process exits: what is not committed is rolled back. A signal that is ignored, as SIGHUP under nohup,
    stays ignored.
    """
    ended = threading.Event()
    received, sent = os.pipe()
    os.set_blocking(sent, False)

    def allow_kill(_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.getsignal(number) for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, allow_kill)
    wakeup = signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    waiting = threading.Thread(target=_wait_for_signal, args=(received, stop, ended), daemon=True)
    waiting.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(sent, ENDED)
        waiting.join()
        os.close(sent)
        os.close(received)


def _wait_for_signal(received: int, stop: threading.Event, ended: threading.Event) -> None:
    # Python writes a signal's number to the pipe at once, even while the main thread is in a long call.
    while (byte := os.read(received, 1)) != ENDED:
        if byte[0] not in SIGNALS:
            continue
        stop.set()
        if not ended.wait(MAX_STOP_SECONDS):
            sys.stderr.write("procurewatch: stopped: it took too long; run it again to go on\n")
            sys.stderr.flush()
            os._exit(1)


@contextmanager
def whole_output(file: Path | None) -> Iterator[BinaryIO]:
    """Open standard output, or a file that appears only when it is complete."""
    if file is None:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            error.filename = error.filename or "standard output"
            raise
        return
    with whole_file(file) as temporary, temporary.open("wb") as out:
        yield out


def read_day(value: str | date) -> date:
    """Read a date written as YYYY-MM-DD; return a `date` (an option's default) unchanged."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not a date; use the form 2024-09-30") from None


def read_awards(session: Session, identifier: str) -> list[StoredRecord]:
    """Find the awards with this key, PIID or usaspending.gov address. Exits if there are none."""
    return find_by_identifier(session, identifier) or fail(f"no award {identifier!r} is stored")


def fail(message: str) -> NoReturn:
    """Print one line to stderr and exit with code 1."""
    typer.echo(one_line(f"procurewatch: {message}"), err=True)
    raise typer.Exit(FAILED)


def fail_without_matches(session: Session, notes: Sequence[str] = ()) -> NoReturn:
    """Exit because a search found nothing that can be read, and say what to do.

    `notes` say which records may be missing.
    """
    fail_if_left_out(session)
    if has_records(session):
        for note in notes:
            typer.echo(one_line(note), err=True)
        fail("no records match this query; remove a word or a filter")
    place, program = shown_database(session.get_bind().engine.url), program_name()
    fail(f"no records are stored yet in {place}; run `{program} poll`, or `{program} demo` and then add --demo")


def fail_if_left_out(session: Session) -> None:
    """Exit with the names of the records that could not be read or written, if there are any."""
    if failed := left_out(session):
        fail(describe_left_out(list(failed)))


def describe_left_out(keys: Sequence[str]) -> str:
    """Return a line about records that could not be read or written, of which the log has the reasons."""
    named = ", ".join(keys[:MAX_NAMED]) + (" ..." if len(keys) > MAX_NAMED else "")
    return f"left out, because of an error: {pluralize(len(keys), 'record')} ({named}); run procurewatch db check"


def today() -> date:
    """Return today's date in UTC, the last day of every window."""
    return datetime.now(UTC).date()
