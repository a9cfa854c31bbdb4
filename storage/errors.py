"""Tell whether storing failed because of the record or because of the database."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

MAX_REASON_LENGTH = 500


def first_database_error(error: BaseException) -> BaseException:
    """Return the first database error in the chain that led to this one, or the error itself.

    A full disk ends the transaction, so that releasing the savepoint fails as well: the first error is the cause.
    """
    found, before = error, error.__context__
    while before is not None:
        found, before = (before if isinstance(before, DBAPIError) else found), before.__context__
    return found


def is_database_failure(error: BaseException) -> bool:
    """Whether the database itself failed (a full disk, a lost connection ...), so that other records would fail too.

    PostgreSQL counts a value that is too large for an index (error class 54) among operational errors.
    """
    if not isinstance(error, DBAPIError):
        return False
    is_too_large = str(getattr(error.orig, "sqlstate", "")).startswith("54")
    is_refused = isinstance(error, (DataError, IntegrityError, ProgrammingError)) or is_too_large
    return error.connection_invalidated or not is_refused


def describe_error(error: BaseException) -> str:
    """Return the type and message of an error, or of the driver's error behind it, on one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return storable_text(f"{type(cause).__name__}: {' '.join(str(cause).split())}")[:MAX_REASON_LENGTH]


def storable_text(text: str) -> str:
    """Return the text without NUL and lone surrogates, which databases cannot store."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
