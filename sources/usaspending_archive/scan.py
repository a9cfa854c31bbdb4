"""Finding the rows of an archive that may concern the watchlist, without a database and in bounded memory.

A row is wanted if it may match (`Candidates`), or if its award, or the award that it is an order under, is known to be
wanted. Other rows of the same award are not collected: they are found by reading the file again with the award's key,
as those in the files of other years are. `MemberScan.left_out` counts them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sources.base import Candidates
from sources.errors import excerpt
from sources.usaspending_archive.columns import (
    BYTE_ORDER_MARK,
    CONTRACTS,
    DELETED,
    NotAnArchive,
    columns_of,
    deleted_contract_key,
    read_header,
)
from sources.usaspending_archive.members import DamagedMember, Readable, member_blocks, place_of, stream_members

ROWS_PER_REPORT = 10_000
MAX_LINE = 64 << 20  # bytes; no row of an archive is nearly as long
MAX_UNREADABLE = 100  # rows of a file; with more of them it is damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAwards:
    """Candidates for reading a file again: only the rows of known awards are wanted."""

    award_keys: Collection[str]
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


@dataclass(slots=True)
class _Found:
    """The wanted rows so far, by award key, and the awards of all rows."""

    rows: dict[str, list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    others: dict[int, int] = field(default_factory=lambda: defaultdict(int))  # hash of an award key -> other rows
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0

    def scan(self, member: str, header: bytes) -> MemberScan:
        """Return the result."""
        awards = [
            AwardRows(key=key, lines=tuple(line for line, _ in rows), rows=tuple(row for _, row in rows))
            for key, rows in self.rows.items()
        ]
        left_out = sum(self.others.get(hash(key), 0) for key in self.rows)
        return MemberScan(
            member=member,
            header=header,
            rows=self.count,
            awards=awards,
            left_out=left_out,
            unreadable=tuple(self.unreadable),
        )


def _scan(
    member: str, place: str, blocks: Iterator[bytes], candidates: Candidates, on_rows: Callable[[int], None]
) -> MemberScan:
    rows = read_rows(blocks, place)
    _, header, names = next(rows, (0, b"", []))
    try:
        names = list(read_header(header))
        chosen = RowFilter(candidates, names)
    except NotAnArchive as error:
        raise DamagedMember(place, str(error)) from error
    found = _Found()
    for line, raw, values in rows:
        found.count += 1
        if found.count % ROWS_PER_REPORT == 0:
            on_rows(found.count)
        if len(values) != len(names):
            _note_unreadable(found.unreadable, line, f"{len(values)} values instead of {len(names)}", place)
            continue
        key, is_wanted = chosen.judge(values)
        if is_wanted:
            found.rows[key].append((line, raw))
        else:
            found.others[hash(key)] += 1
    on_rows(found.count)
    return found.scan(member, header)


def _note_unreadable(unreadable: list[tuple[int, str]], line: int, reason: str, place: str) -> None:
    unreadable.append((line, reason))
    if len(unreadable) > MAX_UNREADABLE:
        raise DamagedMember(
            place, f"more than {MAX_UNREADABLE} rows do not fit its header, the first in line {unreadable[0][0]}"
        )


def read_rows(blocks: Iterable[bytes], place: str) -> Iterator[tuple[int, bytes, Sequence[str]]]:
    """Yield the rows of a CSV file: the line where it begins, its bytes without the line end, its values.

    A row that is no CSV has no values. Empty lines are left out. Raises `DamagedMember`.
    """
    read = 0
    raw: list[bytes] = []

    def lines() -> Iterator[str]:
        nonlocal read
        for line in _lines(blocks, place):
            read += 1
            raw.append(line)
            yield line.removeprefix(BYTE_ORDER_MARK if read == 1 else b"").decode("utf-8", "replace").replace("\0", "")

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


class RowFilter:
    """Judges the rows of one file. It remembers the distinct names that it has looked up."""

    def __init__(self, candidates: Candidates, header: Sequence[str]) -> None:
        self.columns = columns_of(header)
        self._candidates = candidates
        at = {name: index for index, name in enumerate(header)}
        self._at = {name: at.get(name) for name in self.columns.all}
        self._award, self._change = at[self.columns.award_key], at.get(self.columns.change)
        self._names = [at[name] for name in self.columns.names if name in at]
        self._texts = [at[name] for name in self.columns.texts if name in at]
        self._header = header
        self._known_names: dict[str, bool] = {}
        self._known_codes: dict[tuple[str, ...], bool] = {}
        self._stored: dict[str, list[str]] | None = None

    def judge(self, values: Sequence[str]) -> tuple[str, bool]:
        """Return the award key of a row, and whether the row is wanted."""
        if self._change is not None and values[self._change].strip().upper() == DELETED:
            key = self._deleted_key(dict(zip(self._header, map(str.strip, values), strict=True)))
            return key, key in self._candidates.award_keys
        key = values[self._award].strip().upper()
        return key, (
            key in self._candidates.award_keys
            or any(map(self._is_name, (values[at] for at in self._names)))
            or self._has_code(values)
            or any(self._candidates.may_concern_text(text) for text in dict.fromkeys(values[at] for at in self._texts))
        )

    def _is_name(self, name: str) -> bool:
        name = name.strip()
        found = self._known_names.get(name)
        if found is None:
            found = self._known_names[name] = bool(name) and self._candidates.may_concern_name(name)
        return found

    def _has_code(self, values: Sequence[str]) -> bool:
        """Whether a row has an identifier, a number or a product code that is looked for."""
        wanted, columns = self._candidates, self.columns
        codes = tuple(self._value(values, name) for name in columns.codes)
        fits = self._known_codes.get(codes)
        if fits is None:
            fits = self._known_codes[codes] = wanted.may_concern_codes(*codes)
        return (
            fits
            or any(self._value(values, name).upper() in wanted.ueis for name in columns.ueis)
            or self._value(values, columns.cage).upper() in wanted.cages
            or self._value(values, columns.solicitation).upper() in wanted.solicitations
            or self._parent(values) in wanted.parent_keys
        )

    def _value(self, values: Sequence[str], name: str) -> str:
        at = self._at[name]
        return "" if at is None else values[at].strip()

    def _parent(self, values: Sequence[str]) -> str:
        piid, agency = self._value(values, self.columns.parent_piid), self._value(values, self.columns.parent_agency)
        return f"CONT_IDV_{piid}_{agency}".upper() if piid and agency else ""

    def _deleted_key(self, row: Mapping[str, str]) -> str:
        """Return the award key of a deleted action. A delta does not state it, but its parts.

        The key of assistance has the code of a department, which is missing: the stored award with the number is meant.
        """
        if key := row[self.columns.award_key].upper():
            return key
        if self.columns is CONTRACTS:
            return deleted_contract_key(row)
        if self._stored is None:
            self._stored = defaultdict(list)
            for stored in self._candidates.award_keys:
                self._stored[stored.rpartition("_")[0]].append(stored)
        parts = (f"ASST_NON_{row.get('award_id_fain', '')}", f"ASST_AGG_{row.get('award_id_uri', '')}")
        found = [key for part in parts for key in self._stored.get(part.upper(), ())]
        return found[0] if len(found) == 1 else ""
