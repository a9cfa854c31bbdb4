"""Finding the rows of an archive that may concern the watchlist, without a database and in bounded memory.

A row is wanted if it may match (`Candidates`), or if its award, or the award that it is an order under, is known to be
wanted. Other rows of the same award are not collected: they are found by reading the file again with the award's key,
as those in the files of other years are. `MemberScan.left_out` counts them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pkgutil import resolve_name
from typing import Protocol

from sources.candidates import Candidates, TextWords
from sources.errors import excerpt
from sources.usaspending_archive.columns import NotAnArchive, read_header
from sources.usaspending_archive.members import DamagedMember, Readable, member_blocks, place_of, stream_members
from sources.usaspending_archive.row_filter import RowFilter

FAST = "sources.usaspending_archive.compiled.fast:FastScan"  # needs the extra `archive`
ROWS_PER_REPORT = 10_000
MAX_LINE = 64 << 20  # bytes; no row of an archive is nearly as long
MAX_UNREADABLE = 100  # rows of a file; with more of them it is damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAwards:
    """Candidates for reading a file again: only the rows of known awards are wanted."""

    award_keys: Collection[str]
    text_words: TextWords | None = None
    parent_keys: Collection[str] = ()
    solicitations: Collection[str] = ()
    ueis: frozenset[str] = frozenset()
    cages: frozenset[str] = frozenset()

    def may_concern_name(self, name: str, /) -> bool:  # noqa: ARG002
        """Return false."""
        return False

    def may_concern_text(self, text: str, /) -> bool:  # noqa: ARG002
        """Return false."""
        return False

    def may_concern_codes(self, psc: str, psc_text: str, naics: str, naics_text: str, /) -> bool:  # noqa: ARG002
        """Return false."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardRows:
    """The wanted rows of one award in a file, as they are in it, without the line ends. The header is line 1."""

    key: str
    lines: tuple[int, ...]
    rows: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberScan:
    """What was found in a CSV file.

    `rows` is how many it has. `left_out` counts rows of the awards found that are not among theirs here. `unreadable`
    are rows that do not have the header's columns: line and reason.
    """

    member: str
    header: bytes
    rows: int
    awards: list[AwardRows]
    left_out: int = 0
    unreadable: tuple[tuple[int, str], ...] = ()


def scan_member(
    location: str, member: str, candidates: Candidates, on_rows: Callable[[int], None] = lambda _rows: None
) -> MemberScan:
    """Read one CSV file of an archive; `on_rows` is called with the number of rows read so far.

    Raises:
        DamagedMember: it cannot be read to its end.
        OSError: the archive cannot be opened.
    """
    return _scan(member, place_of(location, member), member_blocks(location, member), candidates, on_rows)


def scan_stream(
    file: Readable, name: str, candidates: Candidates, on_rows: Callable[[int], None] = lambda _rows: None
) -> Iterator[MemberScan]:
    """Read the CSV files of an archive while it is downloaded; `name` is the archive's. Raises as `scan_member`."""
    for member, blocks in stream_members(file, name):
        yield _scan(member, place_of(name, member), blocks, candidates, on_rows)


class Found:
    """The wanted rows of one file so far."""

    def __init__(self, place: str, on_rows: Callable[[int], None]) -> None:
        self.count = 0
        self.unreadable: list[tuple[int, str]] = []
        self._place = place
        self._on_rows = on_rows
        self._rows: dict[str, list[tuple[int, bytes]]] = defaultdict(list)

    def read(self, rows: int) -> None:
        """Count rows."""
        if (self.count + rows) // ROWS_PER_REPORT > self.count // ROWS_PER_REPORT:
            self._on_rows(self.count + rows)
        self.count += rows

    def add(self, key: str, line: int, raw: bytes) -> None:
        """Add a wanted row."""
        self._rows[key].append((line, raw))

    def add_unreadable(self, line: int, values: int, columns: int) -> None:
        """Add a row that does not fit the header. Raises `DamagedMember` if there are too many."""
        self.unreadable.append((line, f"{values} values instead of {columns}"))
        if len(self.unreadable) > MAX_UNREADABLE:
            reason = f"more than {MAX_UNREADABLE} rows do not fit its header, the first in line {self.unreadable[0][0]}"
            raise DamagedMember(self._place, reason)

    def result(self, member: str, header: bytes, count_others: Callable[[Collection[str]], int]) -> MemberScan:
        """Return the result. `count_others` counts the other rows of awards."""
        self._on_rows(self.count)
        awards = [
            AwardRows(key=key, lines=tuple(line for line, _ in rows), rows=tuple(row for _, row in rows))
            for key, rows in self._rows.items()
        ]
        return MemberScan(
            member=member,
            header=header,
            rows=self.count,
            awards=awards,
            left_out=count_others(self._rows),
            unreadable=tuple(self.unreadable),
        )


def _scan(
    member: str, place: str, blocks: Iterator[bytes], candidates: Candidates, on_rows: Callable[[int], None]
) -> MemberScan:
    header, blocks = _split_header(blocks)
    try:
        chosen = RowFilter(candidates, read_header(header))
    except NotAnArchive as error:
        raise DamagedMember(place, str(error)) from error
    found = Found(place, on_rows)
    judge = engine()(chosen)
    judge.scan(blocks, found, place)
    return found.result(member, header, judge.count_others)


class Scan(Protocol):
    """One way of judging all rows of a file."""

    def scan(self, blocks: Iterable[bytes], found: Found, place: str) -> None:
        """Judge the rows of a file without its header."""

    def count_others(self, keys: Collection[str]) -> int:
        """Return how many of the rows that were not wanted are of these awards."""


def engine() -> Callable[[RowFilter], Scan]:
    """Return the fast way if the extra `archive` is installed, else the slow one."""
    try:
        fast: Callable[[RowFilter], Scan] = resolve_name(FAST)
    except ImportError:  # not installed, or not for this Python
        return SlowScan
    return fast


class SlowScan:
    """Judges all rows with the standard library."""

    def __init__(self, chosen: RowFilter) -> None:
        self._chosen = chosen
        self._others: dict[int, int] = defaultdict(int)  # hash of an award key -> rows

    def scan(self, blocks: Iterable[bytes], found: Found, place: str, first_line: int = 2) -> None:
        """Judge the rows of a file without its header."""
        for line, raw, values in read_rows(blocks, place, first_line):
            found.read(1)
            if len(values) != len(self._chosen.header):
                found.add_unreadable(line, len(values), len(self._chosen.header))
                continue
            key, is_wanted = self._chosen.judge(values)
            if is_wanted:
                found.add(key, line, raw)
            else:
                self._others[hash(key)] += 1

    def count_others(self, keys: Collection[str]) -> int:
        """Return how many of the rows that were not wanted are of these awards."""
        return sum(self._others.get(hash(key), 0) for key in keys)


def _split_header(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first line, without its end, and what follows."""
    first = b""
    for block in blocks:
        first += block
        if b"\n" in block or len(first) > MAX_LINE:
            break
    header, _, rest = first.partition(b"\n")
    return header.removesuffix(b"\r"), chain([rest] if rest else [], blocks)


def read_rows(blocks: Iterable[bytes], place: str, first_line: int = 2) -> Iterator[tuple[int, bytes, Sequence[str]]]:
    """Yield the rows of a CSV file without its header: the line, the bytes without the line end, the values.

    A row that is no CSV has no values. Empty lines are left out. Raises `DamagedMember`.
    """
    read = first_line - 1
    raw: list[bytes] = []

    def lines() -> Iterator[str]:
        nonlocal read
        for line in _lines(blocks, place):
            read += 1
            raw.append(line)
            yield line.decode("utf-8", "replace").replace("\0", "")

    reader = csv.reader(lines())
    while True:
        raw.clear()
        start = read + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values = []
        row = b"".join(raw)
        if row.strip():
            yield start, row.removesuffix(b"\n").removesuffix(b"\r"), values


def _lines(blocks: Iterable[bytes], place: str) -> Iterator[bytes]:
    """Yield lines with their line ends; the last one may have none."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > MAX_LINE:
            raise DamagedMember(place, f"no CSV file: {excerpt(rest)}")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest
