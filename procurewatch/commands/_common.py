"""What several commands share: output files, dates, vendors, awards and errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO, NoReturn

import typer
from sqlalchemy.orm import Session

from feeds.text import one_line
from storage.maintenance.files import whole_file
from storage.models import StoredRecord
from storage.reading.records import find_by_identifier

FAILED = 1


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


def today() -> date:
    """Return today's date in UTC, the last day of every window."""
    return datetime.now(UTC).date()
