"""Why something could not be stored: because of the record, or because of the database."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

LONGEST = 500  # characters of a reason


def first_error(error: BaseException) -> BaseException:
    """Return what went wrong first: a full disk ends the transaction, and then its savepoint is not there either."""
    found, before = error, error.__context__
    while before is not None:
        found, before = (before if isinstance(before, DBAPIError) else found), before.__context__
    return found


def is_of_the_database(error: BaseException) -> bool:
    """Whether the database failed (a full disk, a lost connection ...) and would refuse any other record as well.

    PostgreSQL counts a value that is too large for an index (class 54 of its error codes) among operational errors.
    """
    if not isinstance(error, DBAPIError):
        return False
    is_too_large = str(getattr(error.orig, "sqlstate", "")).startswith("54")
    is_refused = isinstance(error, (DataError, IntegrityError, ProgrammingError)) or is_too_large
    return error.connection_invalidated or not is_refused


def in_one_line(error: BaseException) -> str:
    """Return an error's kind and message, of the database's own where it is one's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return storable(f"{type(cause).__name__}: {' '.join(str(cause).split())}")[:LONGEST]


def storable(text: str) -> str:
    """Return text without what no database can store (NUL, half characters)."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
