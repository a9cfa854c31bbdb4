"""Handling values many at a time: in blocks, as the lines of one text, folded all at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from monitors.names import fold_text, normalise

BLOCK = 4_000  # values handled at once: enough to spread the cost of a call, few enough to stay near the processor
LONGEST_BLOCK = 200 * BLOCK  # characters of a block whose values are not measured one by one
Value = TypeVar("Value")
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _folded(code: int) -> str:
    """Return what an ASCII character is folded to, where that is a single one; a line break stays."""
    folded = "\n" if chr(code) == "\n" else fold_text(chr(code))
    return folded if len(folded) == 1 else " "


_FOLDED = "".join(map(_folded, range(128))).encode() + bytes(128)
_DROPPED = bytes(code for code in range(128) if normalise(f"AB{chr(code)}CD") == "ABCD")
_KEPT = frozenset(b"\n(")
_OUTLINE = bytes(
    code if code in _KEPT else ord(".") if code in _DROPPED else ord("X") if chr(code).isalnum() else ord(" ")
    for code in range(256)
)


def blocks(values: Iterable[Value], size: int = BLOCK) -> Iterator[list[Value]]:
    """Yield the values in lists of at most `size`."""
    source = iter(values)
    while block := list(islice(source, size)):
        yield block


def lines(block: list[str], longest: int) -> tuple[str, list[str], list[str]]:
    """Return (values as one ASCII text, a line each; these values; the others: not ASCII, with a line break, long).

    A long one stays in a text that is not long as a whole.
    """
    raw = "\n".join(block)
    if raw.isascii() and raw.count("\n") == len(block) - 1 and len(raw) <= LONGEST_BLOCK:
        return raw, block, []
    plain: list[str] = []
    odd: list[str] = []
    for value in block:
        (plain if len(value) <= longest and value.isascii() and "\n" not in value else odd).append(value)
    return "\n".join(plain), plain, odd


def fold_names(raw: str) -> str:
    """Fold many names, a line each, like `normalise`, but that runs of spaces stay and initials are not joined."""
    return raw.replace("&", " AND ").encode("ascii").translate(_FOLDED, _DROPPED).decode("ascii")


def fold_texts(raw: str) -> str:
    """Fold many texts, a line each, like `fold_text`, but that runs of spaces stay."""
    return raw.replace("&", " AND ").encode("ascii").translate(_FOLDED).decode("ascii")


def outline(raw: str) -> bytes:
    """Return many values, a line each, with X for each letter, a dot for what `fold_names` drops, and brackets.

    A line break is before them all. What is left out of the middle of a word shows as `.X`.
    """
    return b"\n" + raw.encode("ascii").translate(_OUTLINE)


def tighten(folded: str) -> bytes:
    """Return many folded values, a line each, without their spaces, and with a line break before and after them all."""
    return b"\n%b\n" % folded.encode("ascii").translate(None, b" ")


def one_slip_away(word: str) -> set[str]:
    """Return every spelling, in A to Z and digits, that is `word` or one slip of the pen away from it.

    A slip is one letter too many, too few or another, or two neighbours swapped.
    """
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    letters = (*LETTERS, *"0123456789")
    spellings = {left + letter + right for left, right in cuts for letter in letters}
    spellings |= {left + letter + right[1:] for left, right in cuts if right for letter in letters}
    spellings |= {left + right[1:] for left, right in cuts if right}
    spellings |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    return spellings


def with_one_letter_less(word: str) -> list[str]:
    """Return the word itself and the word with each letter left out: two words one slip apart share one of these."""
    return [word, *[word[:index] + word[index + 1 :] for index in range(len(word))]]
