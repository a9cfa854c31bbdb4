"""Scanning a CSV file of an archive with compiled code: the same result as the standard library, many times faster.

Rows are split and their values looked up by compiled code (`kernel`). Each distinct name, text and set of codes is
decided once, a text only if it has a word that is looked for. Only rows that are then wanted are read as CSV, and
judged as all rows are in the slow way (`row_filter`). A part of the file with NUL bytes or strange line ends, which the
compiled code does not read, is scanned the slow way. The file is inflated ahead in a thread of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from sources.candidates import Candidates, TextWords
from sources.usaspending_archive.columns import DELETED
from sources.usaspending_archive.compiled import kernel
from sources.usaspending_archive.members import MAX_BLOCK
from sources.usaspending_archive.row_filter import RowFilter
from sources.usaspending_archive.scan import Found, SlowScan

LAST = 1 << 30  # the number of a column that no file has
NAME, TEXT, CODES = 1, 2, 3  # kinds of values that are looked up
FEWEST_SLOTS = 1 << 16
MOST_ROWS = 16_384  # that are split at once
LONGEST_ROW = 8 << 20  # bytes
CAPACITY = LONGEST_ROW + MAX_BLOCK
NO, YES = 1, 2


def ahead(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blocks; the next one is made in another thread meanwhile."""
    source = iter(blocks)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, source, b"")
        while block := coming.result():
            coming = thread.submit(next, source, b"")
            yield block


class Lookup:
    """The distinct values seen so far, by their hashes, and whether each is wanted."""

    def __init__(self) -> None:
        self.keys = np.zeros(FEWEST_SLOTS, np.uint64)
        self.wanted = np.zeros(FEWEST_SLOTS, np.uint8)
        self.count = 0

    def reserve(self, more: int) -> None:
        """Make room for more values, so that at most half of the table is used."""
        size = len(self.keys)
        while 2 * (self.count + more) > size:
            size *= 2
        if size > len(self.keys):
            keys, wanted = np.zeros(size, np.uint64), np.zeros(size, np.uint8)
            kernel.spread(self.keys, keys, self.wanted, wanted)
            self.keys, self.wanted = keys, wanted


class Part:
    """The part of a file that is being scanned: whole rows and the beginning of one."""

    def __init__(self) -> None:
        self.data = np.zeros(CAPACITY + kernel.PADDING, np.uint8)
        self.words = self.data.view(np.uint64)
        self.size = 0
        self.line = 2
        self.is_strange = False

    def add(self, block: bytes) -> None:
        """Add a block of the file."""
        self.data[self.size : self.size + len(block)] = np.frombuffer(block, np.uint8)
        self.size += len(block)
        self.is_strange = self.is_strange or _is_strange(block)

    def slice(self, begin: int, end: int) -> bytes:
        """Return bytes of it."""
        return self.data[begin:end].tobytes()

    def drop(self, end: int, lines: int) -> None:
        """Remove the rows that were scanned."""
        left = self.slice(end, self.size)
        self.size, self.line, self.is_strange = 0, self.line + lines, False
        self.add(left)


class FastScan:
    """Judges all rows of a file with compiled code."""

    def __init__(self, chosen: RowFilter) -> None:
        self._chosen = chosen
        self._slow = SlowScan(chosen)
        columns, at = chosen.columns, {name: index for index, name in enumerate(chosen.header)}
        words = chosen.candidates.text_words
        read = columns.all if words is not None else columns.keys
        numbers = sorted(at[name] for name in read if name in at)
        self._field = {name: numbers.index(at[name]) if name in at else -1 for name in read}
        self._columns = np.array([*numbers, LAST], np.int64)
        self._key = self._field[columns.award_key]
        single = (columns.award_key, columns.solicitation, columns.change, *(columns.ueis if words else ()))
        single += (columns.cage,) if words else ()
        pairs = [(self._field[name], -1) for name in single]
        self._code_groups = np.array([*pairs, (self._field[columns.parent_piid], self._field[columns.parent_agency])])
        self._codes = kernel.table_of(_codes_of(chosen.candidates))
        kinds = [(NAME, (name,)) for name in columns.names] + [(TEXT, (name,)) for name in columns.texts]
        groups = [*kinds, (CODES, columns.codes)] if words else []
        self._kinds = [kind for kind, _ in groups]
        self._groups = np.array(
            [[kind, *(self._field[name] for name in names), *[-1] * (4 - len(names))] for kind, names in groups],
            np.int64,
        ).reshape(-1, 5)
        self._text_columns = np.array([row[1] if row[0] == TEXT else -1 for row in self._groups], np.int64)
        tables, shortest = _word_tables(words or TextWords())
        self._words = kernel.classes_of_bytes(), tables, shortest, np.zeros((3, kernel.MAX_WORD + 1), np.uint64)
        self._fields = np.empty((MOST_ROWS, len(self._columns), 2), np.int32)
        self._rows = np.empty((MOST_ROWS + 1, 3), np.int32)
        self._lookup = Lookup()
        self._award_keys: list[Any] = []

    def scan(self, blocks: Iterable[bytes], found: Found, place: str) -> None:
        """Judge the rows of a file without its header. Raises `DamagedMember`."""
        part = Part()
        for block in ahead(blocks):
            for begin in range(0, len(block), MAX_BLOCK):
                part.add(block[begin : begin + MAX_BLOCK])
                if part.size > LONGEST_ROW:
                    self._scan_slowly(part, part.size, found, place)
                elif part.is_strange:
                    self._scan_slowly(part, _whole_rows(part.slice(0, part.size)), found, place)
                else:
                    self._scan_part(part, found)
        self._scan_slowly(part, part.size, found, place)

    def _scan_slowly(self, part: Part, end: int, found: Found, place: str) -> None:
        rows = part.slice(0, end)
        self._slow.scan([rows], found, place, part.line)
        part.drop(end, rows.count(b"\n"))

    def count_others(self, keys: Collection[str]) -> int:
        """Return how many of the rows that were not wanted are of these awards."""
        if not self._award_keys:
            return self._slow.count_others(keys)
        wanted = np.array([kernel.code_key(key) for key in keys], np.uint64)
        return int(np.isin(np.concatenate(self._award_keys), wanted).sum()) + self._slow.count_others(keys)

    def _scan_part(self, part: Part, found: Found) -> None:
        """Judge the whole rows of a part of the file."""
        done = lines = 0
        count = MOST_ROWS
        while count == MOST_ROWS:
            rows, fields = self._rows, self._fields
            count = kernel.split_rows(part.data, part.words, done, part.size, self._columns, fields, rows)
            self._judge(part, fields[:count], rows[: count + 1], found, part.line + lines)
            done, lines = int(rows[count, 0]), lines + int(rows[count, 1])
        part.drop(done, lines)

    def _judge(self, part: Part, fields: Any, rows: Any, found: Found, line: int) -> None:
        count, width = len(fields), len(self._chosen.header)
        keys = np.empty(count, np.uint64)
        looked_at = rows[:-1, 2] != width
        fields[looked_at] = 0
        kernel.has_code(part.data, part.words, fields, self._code_groups, self._codes, looked_at, keys)
        has_value = self._has_value(part, fields) if self._kinds else np.zeros(count, np.bool_)
        is_wanted = has_value & ~looked_at
        for row in np.flatnonzero(has_value | looked_at).tolist():
            raw = part.slice(rows[row, 0], rows[row + 1, 0])
            at = line + int(rows[row, 1])
            if is_wanted[row]:
                key = _value(part.slice(*fields[row, self._key])).strip().upper()
                found.add(key, at, _without_end(raw))
            elif not raw.strip():
                count -= 1
            else:
                is_wanted[row] = self._judge_row(raw, at, found)
        self._award_keys.append(keys[~is_wanted])
        found.read(count)

    def _judge_row(self, raw: bytes, line: int, found: Found) -> bool:
        """Return whether a row is wanted, of which the compiled code only says that it may be."""
        values, width = _values(raw), len(self._chosen.header)
        if len(values) != width:
            found.add_unreadable(line, len(values), width)
            return False
        key, is_wanted = self._chosen.judge(values)
        if is_wanted:
            found.add(key, line, _without_end(raw))
        return is_wanted

    def _has_value(self, part: Part, fields: Any) -> Any:
        """Return of each row whether it has a name, a text or codes that are wanted."""
        lookup, size = self._lookup, len(fields) * len(self._groups)
        lookup.reserve(size)
        slots, asked = np.empty((len(fields), len(self._groups)), np.int64), np.empty((size, 2), np.int64)
        new = kernel.look_up(part.words, fields, self._groups, lookup.keys, slots, asked)
        lookup.count += new
        asked = asked[:new]
        lookup.wanted[slots[asked[:, 0], asked[:, 1]]] = NO
        has_words = kernel.have_words(part.data, fields, asked, self._text_columns, *self._words)
        self._decide(part, fields, slots, asked[has_words])
        return (lookup.wanted[slots] == YES).any(axis=1)

    def _decide(self, part: Part, fields: Any, slots: Any, asked: Any) -> None:
        """Find out which values are wanted, each where (row, group) it is seen first."""
        rows, groups = asked[:, 0], asked[:, 1]
        columns = self._groups[groups, 1]
        places = np.where(columns[:, None] < 0, 0, fields[rows, columns])  # nothing, where a file has no such column
        begins, ends = places.T.tolist()
        wanted = []
        for number, kind in enumerate(self._groups[groups, 0].tolist()):
            if kind == CODES:
                row = fields[rows[number]]
                values = [_value(part.slice(*row[at])) if at >= 0 else "" for at in self._groups[groups[number], 1:]]
                is_wanted = self._chosen.fits(values)
            else:
                value = _value(part.slice(begins[number], ends[number]))
                is_wanted = self._chosen.is_name(value) if kind == NAME else self._chosen.is_text(value)
            wanted.append(is_wanted)
        found = np.flatnonzero(wanted)
        self._lookup.wanted[slots[rows[found], groups[found]]] = YES


def _without_end(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _value(written: bytes) -> str:
    """Return the value of a field."""
    return (_values(written) or [""])[0] if b'"' in written else written.decode("utf-8", "replace")


def _values(written: bytes) -> list[str]:
    """Return the values of a row."""
    return next(csv.reader(io.StringIO(written.decode("utf-8", "replace"), newline="")), [])


def _is_strange(data: bytes) -> bool:
    """Return whether there is something that compiled code would read in another way: a NUL, a line end in a row."""
    return b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n"))


def _whole_rows(data: bytes) -> int:
    """Return where the last whole row of a part ends: after a line end that is in no quotes."""
    end = data.rfind(b"\n") + 1
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


def _codes_of(candidates: Candidates) -> Iterator[int]:
    for codes in (candidates.award_keys, candidates.ueis, candidates.cages, candidates.solicitations, [DELETED]):
        yield from (kernel.code_key(code) for code in codes)
    for key in candidates.parent_keys:
        piid, _, agency = key.removeprefix("CONT_IDV_").rpartition("_")
        yield kernel.code_key(piid, agency)


def has_word(words: TextWords, text: str) -> bool:
    """Return whether a text has a word that is looked for, as compiled code finds it."""
    written = text.encode()
    tables, shortest = _word_tables(words)
    room = np.zeros((3, kernel.MAX_WORD + 1), np.uint64)
    data = np.frombuffer(written, np.uint8)
    return bool(kernel.has_word(data, 0, len(written), kernel.classes_of_bytes(), tables, shortest, room))


@lru_cache(maxsize=2)
def _word_tables(words: TextWords) -> Any:
    tables = (
        kernel.table_of(map(kernel.word_key, words.singles)),
        kernel.table_of(kernel.pair_key(first, second) for first, second in words.pairs),
        kernel.table_of(map(kernel.word_key, words.known)),
        kernel.table_of(map(kernel.word_key, words.misspelled)),
    )
    return tables, words.shortest
