"""Reading what people type: dates and vendors."""

from __future__ import annotations

import difflib
from datetime import UTC, date, datetime

import typer

from monitors.watchlist.loader import Vendor, Watchlist


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
