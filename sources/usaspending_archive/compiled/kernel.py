"""Splitting CSV rows and looking their values up, compiled to machine code by numba (the extra `archive`).

Bytes are read eight at a time: `_same` marks those of a word that are one letter. Quotes are as in the csv module: a
field that begins with one ends with the next one that is not doubled. Nothing here decides that a row is unwanted by
anything but its values: hashes of 64 bits only find what was looked up before, or what must be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

COMMA, QUOTE, LINE, BLANK = 44, 34, 10, 32
PADDING = 64  # bytes after the data that may be read
PARTING, SKIPPED, NOT_ASCII, AND = 0, 1, 2, 3  # classes of bytes in a text, beside letters and digits
MAX_WORD = 40

_U = np.uint64
_ONES, _LOW = _U(0x0101010101010101), _U(0x7F7F7F7F7F7F7F7F)
_COMMAS, _QUOTES, _LINES = (_U(letter * 0x0101010101010101) for letter in (COMMA, QUOTE, LINE))
_SEVEN, _TOP, _SHIFT, _BYTE = _U(7), _U(56), _U(29), _U(8)
_PRIME, _BASE = _U(0x9E3779B97F4A7C15), _U(0x100000001B3)
EXACTLY, ANY_CASE = _U(0xFFFFFFFFFFFFFFFF), _U(0xDFDFDFDFDFDFDFDF)
PAIR = _U(0xD6E8FEB86659FD93)
AND_KEY = _U(((65 * 0x100000001B3 + 78) * 0x100000001B3 + 68) & 0xFFFFFFFFFFFFFFFF)  # word_key("AND")
Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile a function, once for all processes if there is a folder to keep it in."""
    try:
        return cast(Function, njit(nogil=True, cache=True)(function))
    except RuntimeError:  # no folder can be written to
        return cast(Function, njit(nogil=True)(function))


@_compiled
def _same(word: Any, letters: Any) -> Any:
    """Return a word with the highest bit of each byte set that is this letter."""
    other = word ^ letters
    return ~(((other & _LOW) + _LOW) | other | _LOW)


@_compiled
def _count(marks: Any) -> Any:
    return np.int64(((marks >> _SEVEN) * _ONES) >> _TOP)


@_compiled
def _end_of_quoted(data: Any, words: Any, at: int, size: int) -> Any:
    """Return where a quoted field ends, after its last quote (`size` + 1 if it does not), and how many lines it has."""
    lines = 0
    while at < size:
        if at & 7 == 0:
            word = words[at >> 3]
            if _same(word, _QUOTES) == 0:
                lines += _count(_same(word, _LINES))
                at += 8
                continue
        letter = data[at]
        at += 1
        if letter == LINE:
            lines += 1
        elif letter == QUOTE:
            if at < size and data[at] == QUOTE:
                at += 1
            elif at < size:
                return at, lines
    return size + 1, lines


@_compiled
def _split_row(data: Any, words: Any, begin: int, size: int, wanted: Any, places: Any) -> Any:
    """Find the wanted columns of a row; return its end (`size` + 1 if it has none), its lines and its columns."""
    at, column, number, lines = begin, 0, 0, 1
    target, inside = wanted[0], False
    if target == 0:
        places[0, 0], target, inside = at, 1, True
    while at < size:
        if at & 7 == 0:
            word = words[at >> 3]
            if (_same(word, _QUOTES) | _same(word, _LINES)) == 0:
                commas = _count(_same(word, _COMMAS))
                if column + commas < target:
                    column += commas
                    at += 8
                    continue
        letter = data[at]
        at += 1
        if letter == COMMA:
            column += 1
            if column == target:
                if inside:
                    places[number, 1] = at - 1
                    number += 1
                    target, inside = wanted[number], False
                if column == target:
                    places[number, 0], target, inside = at, column + 1, True
        elif letter == QUOTE and (at - 1 == begin or data[at - 2] == COMMA):
            at, more = _end_of_quoted(data, words, at, size)
            lines += more
        elif letter == LINE:
            if inside:
                places[number, 1] = at - 1
            return at, lines, column + 1
    return size + 1, lines, column + 1


@_compiled
def split_rows(data: Any, words: Any, start: int, size: int, wanted: Any, fields: Any, rows: Any) -> Any:
    """Split `data[start:size]` into whole rows; return how many there are.

    `fields[row, n]` are begin and end of the nth wanted column, `rows[row]` are begin, line (from 0) and number of
    columns; after the last row, where the rest begins. `wanted` are the numbers of the columns, with a huge one last.
    """
    at, line, count = start, 0, 0
    rows[0, 0], rows[0, 1] = at, line
    while at < size and count < len(fields):
        at, lines, columns = _split_row(data, words, at, size, wanted, fields[count])
        if at > size:
            break
        rows[count, 2] = columns
        count += 1
        line += lines
        rows[count, 0], rows[count, 1] = at, line
    return count


@_compiled
def _trimmed(data: Any, begin: int, end: int) -> Any:
    while begin < end and (data[begin] <= BLANK or data[begin] == QUOTE):
        begin += 1
    while begin < end and (data[end - 1] <= BLANK or data[end - 1] == QUOTE):
        end -= 1
    return begin, end


@_compiled
def hash_of(words: Any, begin: int, end: int, mask: Any, start: Any) -> Any:
    """Return a hash of bytes `begin` to `end`, each combined with a byte of the mask; it goes on from `start`."""
    found = start ^ (_U(end - begin) * _PRIME)
    shift = _U((begin & 7) * 8)
    at = begin >> 3
    left = end - begin
    while left > 0:
        piece = words[at] >> shift
        if shift != 0:
            piece |= words[at + 1] << (_U(64) - shift)
        if left < 8:
            piece &= EXACTLY >> _U(64 - left * 8)
        found = (found ^ (piece & mask)) * _PRIME
        found ^= found >> _SHIFT
        at += 1
        left -= 8
    return found


@_compiled
def slot_of(keys: Any, key: Any) -> Any:
    """Return where a key is in a table, or would be: `keys` has a power of two places, 0 where it is empty."""
    last = len(keys) - 1
    at = np.int64(key >> _SEVEN) & last
    while keys[at] != 0 and keys[at] != key:
        at = (at + 1) & last
    return at


@_compiled
def has_code(data: Any, words: Any, fields: Any, groups: Any, codes: Any, found: Any, keys: Any) -> None:
    """Set `found[row]` where a code is among `codes`, and `keys[row]` to the key of the first group's code.

    A group has one column, or two that are one code together; -1 is none.
    """
    for row in range(len(fields)):
        for group in range(len(groups)):
            key = _U(1)
            for column in groups[group]:
                if column >= 0:
                    begin, end = _trimmed(data, fields[row, column, 0], fields[row, column, 1])
                    key = hash_of(words, begin, end, ANY_CASE, key)
            if group == 0:
                keys[row] = key
            if _is_in(codes, key):
                found[row] = True


@_compiled
def look_up(words: Any, fields: Any, groups: Any, keys: Any, slots: Any, asked: Any) -> Any:
    """Set `slots[row, group]` to the place of a row's values in the table; return how many are new (`asked`: where).

    The first number of a group says of what kind its values are, the others are columns; -1 is none.
    """
    new = 0
    for row in range(len(fields)):
        for group in range(len(groups)):
            key = _U(groups[group, 0])
            for column in groups[group, 1:]:
                if column >= 0:
                    key = hash_of(words, fields[row, column, 0], fields[row, column, 1], EXACTLY, key)
            key |= _U(1)
            slot = slot_of(keys, key)
            if keys[slot] == 0:
                keys[slot] = key
                asked[new, 0], asked[new, 1] = row, group
                new += 1
            slots[row, group] = slot
    return new


@_compiled
def spread(keys: Any, table: Any, values: Any, spread_values: Any) -> None:
    """Put the keys of a table, and their values, into a larger one."""
    for at in range(len(keys)):
        if keys[at] != 0:
            slot = slot_of(table, keys[at])
            table[slot], spread_values[slot] = keys[at], values[at]


@_compiled
def _is_in(table: Any, key: Any) -> Any:
    mixed = (key * _PRIME) | _U(1)
    return table[slot_of(table, mixed)] == mixed


@_compiled
def _lacks_a_letter(word: Any, size: int, table: Any, before: Any) -> Any:
    """Return whether a word, or the word less one letter, is in a table. `before` is room for its partial hashes."""
    whole = _U(0)
    for index in range(size):
        before[index] = whole
        whole = whole * _BASE + _U(word[index])
    if _is_in(table, whole):
        return True
    power, after = _U(1), _U(0)
    for index in range(size - 1, -1, -1):
        if _is_in(table, before[index] * power + after):
            return True
        after += _U(word[index]) * power
        power *= _BASE
    return False


@_compiled
def _is_misspelled(word: Any, size: int, key: Any, tables: Any, room: Any) -> Any:
    """Return whether a word may be a misspelled one: no known word, and near one, with or without double letters."""
    known, misspelled = tables[2], tables[3]
    near = _lacks_a_letter(word, size, misspelled, room[0])
    if not near:
        plain, length = room[1], 0
        for index in range(size):
            if index == 0 or word[index] != word[index - 1]:
                plain[length] = word[index]
                length += 1
        near = length < size and _lacks_a_letter(plain, length, misspelled, room[0])
    return near and not _is_in(known, key)


@_compiled
def has_word(data: Any, begin: int, end: int, classes: Any, tables: Any, shortest: int, room: Any) -> Any:
    """Return whether a text has a word, or two words in a row, of the tables, a misspelled one, or is not ASCII."""
    word, size, key, last = room[2], 0, _U(0), _U(0)
    for at in range(begin, end + 1):
        kind = classes[data[at]] if at < end else PARTING
        if kind > AND:
            key = key * _BASE + _U(kind)
            if size < MAX_WORD:
                word[size] = kind
            size += 1
            continue
        if kind == SKIPPED:
            continue
        if kind == NOT_ASCII:
            return True
        if size:
            if _is_in(tables[0], key) or _is_in(tables[1], last * PAIR + key):
                return True
            if shortest <= size <= MAX_WORD and _is_misspelled(word, size, key, tables, room):
                return True
            last, key, size = key, _U(0), 0
        if kind == AND:
            if _is_in(tables[1], last * PAIR + AND_KEY):
                return True
            last = AND_KEY
    return False


@_compiled
def have_words(
    data: Any, fields: Any, asked: Any, columns: Any, classes: Any, tables: Any, shortest: int, room: Any
) -> Any:
    """Return of each value that was asked about (row, group) whether it is a text that `has_word`, or no text.

    `columns[group]` is the column of a text, -1 for other groups.
    """
    found = np.ones(len(asked), np.bool_)
    for number in range(len(asked)):
        row, column = asked[number, 0], columns[asked[number, 1]]
        if column >= 0:
            begin, end = fields[row, column, 0], fields[row, column, 1]
            found[number] = has_word(data, begin, end, classes, tables, shortest, room)
    return found


def word_key(word: str) -> int:
    """Return the key of a word, as the compiled code finds it."""
    key = 0
    for letter in word.encode():
        key = (key * int(_BASE) + letter) & 0xFFFFFFFFFFFFFFFF
    return key


def pair_key(first: str, second: str) -> int:
    """Return the key of two words in a row."""
    return (word_key(first) * int(PAIR) + word_key(second)) & 0xFFFFFFFFFFFFFFFF


def table_of(keys: Iterable[int]) -> Any:
    """Return a table of keys, at most half full."""
    mixed = [_U((key * int(_PRIME)) & 0xFFFFFFFFFFFFFFFF | 1) for key in set(keys)]
    table = np.zeros(1 << max(4, (2 * len(mixed)).bit_length()), np.uint64)
    for key in mixed:
        table[slot_of(table, key)] = key
    return table


def code_key(*parts: str) -> int:
    """Return the key by which `has_code` finds a code, or the parts of one."""
    key = _U(1)
    for part in parts:
        written = part.strip().encode()
        data = np.frombuffer(written + bytes(PADDING - len(written) % 8), np.uint8)
        begin, end = _trimmed(data, 0, len(written))
        key = hash_of(data.view(np.uint64), begin, end, ANY_CASE, key)
    return int(key)


def classes_of_bytes() -> Any:
    """Return what each byte is in a text: a letter or digit in upper case, or one of the classes below `AND`."""
    classes = np.zeros(256, np.uint8)
    for code in range(128):
        if chr(code).isalnum():
            classes[code] = ord(chr(code).upper())
    classes[0], classes[ord("&")], classes[128:] = SKIPPED, AND, NOT_ASCII
    return classes
