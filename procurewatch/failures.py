"""Describes a failed command or scheduled job to the user: one line and an exit code.

An expected error (a wrong setting, a source that does not answer ...) says all in its message. The traceback of any
other exception goes to the debug log (`procurewatch.logs`).
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError

from monitors.watchlist.yaml_reader import WatchlistError
from procurewatch.context import Busy
from procurewatch.exports.parquet import ParquetMissing
from procurewatch.logs import DEBUG_LOG
from procurewatch.settings import SettingsError
from procurewatch.static_site.manifest import SiteError
from sources.errors import SourceError
from storage.claims import ClaimLost
from storage.database import DatabaseError
from storage.errors import describe_error, explain_database_error

FAILED, MISUSED, BUSY = 1, 2, 3
ADVICE = {
    errno.EROFS: "; choose another folder",
    errno.EACCES: "; this user may not use it",
    errno.EPERM: "; this user may not use it",
    errno.ENOSPC: "; free some space and run the command again",
}
CODES: dict[type[Exception], int] = {
    SettingsError: MISUSED,
    WatchlistError: MISUSED,
    Busy: BUSY,
    ClaimLost: BUSY,
    DatabaseError: FAILED,
    SourceError: FAILED,
    ParquetMissing: FAILED,
    SiteError: FAILED,
}


class Failure(NamedTuple):
    """One line for the user, and the exit code."""

    message: str
    code: int


def describe_failure(error: Exception) -> Failure:
    """Return what to tell the user about an exception. The traceback of an unexpected one goes to the debug log."""
    for kind, code in CODES.items():
        if isinstance(error, kind):
            return Failure(str(error), code)
    if isinstance(error, DBAPIError):
        return Failure(explain_database_error(error), FAILED)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        advice = ADVICE.get(error.errno or 0, "")
        return Failure(f"{name}{error.strerror or error}{advice}", FAILED)
    return Failure(f"unexpected error: {DEBUG_LOG.redact(describe_error(error))}{DEBUG_LOG.write(error)}", FAILED)
