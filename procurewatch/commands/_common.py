"""What several commands share: writing a file that appears only when it is complete, reading dates and vendors."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

import typer

from monitors.watchlist.model import Vendor, Watchlist


@contextmanager
def whole_output(file: Path | None) -> Iterator[BinaryIO]:
    """Give standard output, or a file that appears only when it is whole."""
    if file is None:
        yield sys.stdout.buffer
        return
    with whole_file(file) as temporary, temporary.open("wb") as out:
        yield out


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give the path of a file to make; it takes the place of `file` when nothing went wrong, or is removed."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def read_day(value: str | date) -> date:
    """Read a date as YYYY-MM-DD; an option's default, which is a date, stays what it is."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not a date; write it as 2024-09-30") from None


def read_vendor(name: str, watchlist: Watchlist) -> Vendor:
    """Find a vendor by id or by any of its names, case aside."""
    wanted = name.strip().casefold()
    names = {vendor.id: vendor for vendor in watchlist.vendors}
    for vendor in watchlist.vendors:
        names.update({written.casefold(): vendor for written in vendor.names})
    if found := names.get(wanted):
        return found
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f"did you mean {names[close[0]].name!r}?" if close else "its id or name must be as in the watchlist"
    raise typer.BadParameter(f"no vendor {name!r} on the watchlist; {hint}")


def today() -> date:
    """Return the day it is in UTC, the day all windows end on."""
    return datetime.now(UTC).date()
