"""The process that runs readers' SQL, `python -m procurewatch.web.sql.worker`: `workers.py` starts and kills it.

It reads requests from standard input and writes answers to standard output. It imports nothing outside the standard
library and this program's smallest modules, so that it starts in a few hundredths of a second.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from feeds.text import clean
from procurewatch.web.sql.guard import SqlGuard, SqlNotAllowed, connect_readonly

MAX_RESULT_SIZE = 10_000_000  # characters and bytes of all values
MAX_MEMORY = 512 * 1024 * 1024  # bytes of the process's address space
NICENESS = 10  # so that pages are not slower while queries run
NUMBER_SIZE = 8
STEPS = 1_000  # of SQLite's virtual machine between two looks at the clock
LENGTH_BYTES = 8
TOO_MUCH_MEMORY = "the query needs too much memory"


@dataclass(frozen=True, slots=True)
class Request:
    """A query: its SQL and parameters, the maximum number of rows, and of seconds.

    A text that begins with one of `formula_starts` gets a quote in front, so that no spreadsheet runs it as a formula.
    """

    sql: str
    values: Mapping[str, object] | Sequence[object]
    max_rows: int | None
    seconds: float
    formula_starts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of the columns, and the rows without control characters. `is_cut`: there are more rows.

    `error`: why there is no result. `is_late`: because it took too long.
    """

    columns: list[str]
    rows: list[tuple[object, ...]]
    is_cut: bool = False
    error: str = ""
    is_late: bool = False


def main() -> None:
    """Answer requests until standard input ends. The arguments: the database file, and the views as a literal."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _limit_process()
    file, views = pickle.loads(_read(requests) or b"")  # noqa: S301  from our own parent process
    guard, connection = SqlGuard(views), connect_readonly(Path(file))
    _write(answers, Answer([], []))  # it has started
    while data := _read(requests):
        _write(answers, run(guard, connection, pickle.loads(data)))  # noqa: S301


def run(guard: SqlGuard, connection: sqlite3.Connection, request: Request) -> Answer:
    """Run a query that the guard allows, within its limits."""
    connection.text_factory = partial(_text, request.formula_starts)
    deadline = time.monotonic() + request.seconds
    connection.set_progress_handler(lambda: time.monotonic() >= deadline, STEPS)
    try:
        guard.check(request.sql, request.values)
        cursor = connection.execute(request.sql, request.values)
        most = request.max_rows
        rows = list(_fetched(cursor, None if most is None else most + 1))
        columns = [description[0] for description in cursor.description or ()]
    except MemoryError:
        return Answer([], [], error=TOO_MUCH_MEMORY)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        return Answer([], [], error=str(error), is_late=error.args == ("interrupted",))
    return Answer(columns, rows[:most], is_cut=most is not None and len(rows) > most)


def _text(formula_starts: tuple[str, ...], stored: bytes) -> str:
    text = clean(stored.decode(errors="replace"))
    return f"'{text}" if formula_starts and text.lstrip(" ").startswith(formula_starts) else text


def _fetched(cursor: Iterable[tuple[object, ...]], most: int | None) -> Iterator[tuple[object, ...]]:
    """Give up to this many rows. Raises `SqlNotAllowed` if their total size is too large."""
    size = 0
    for count, row in enumerate(cursor, start=1):
        size += sum(len(value) if isinstance(value, (str, bytes)) else NUMBER_SIZE for value in row)
        if size > MAX_RESULT_SIZE:
            raise SqlNotAllowed("the result is larger than 10 MB; select fewer rows or columns")
        yield row
        if count == most:
            return


def _limit_process() -> None:
    """Limit the process's memory and priority, where the system can."""
    with suppress(AttributeError):
        os.nice(NICENESS)
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  it is not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def _read(stream: BinaryIO) -> bytes:
    """Return the next message, empty at the end."""
    return stream.read(int.from_bytes(stream.read(LENGTH_BYTES), "big"))


def _write(stream: BinaryIO, answer: Answer) -> None:
    stream.write(message(answer))
    stream.flush()


def message(content: object) -> bytes:
    """Return the bytes of a message: its length, then the pickled content."""
    data = pickle.dumps(content)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


if __name__ == "__main__":
    main()
