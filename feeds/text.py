"""Cleans text from sources and formats amounts, dates and times."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from storage.possible_days import is_possible, is_possible_end

NOT_STATED = "not stated"
IMPOSSIBLE = " (this date cannot be true)"
MAX_TEXT_LENGTH = 20_000
MINUS = "\N{MINUS SIGN}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

# Vertical tab, form feed, NEL, line and paragraph separators. XML forbids or changes some of these.
_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Control characters, lone surrogates and noncharacters, which XML mostly forbids, and bidi controls, with which a text
# can display other words or digits than it contains.
_NONCHARACTERS = "".join(chr(plane * 0x10000 + low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef" + _NONCHARACTERS + "]"
)


def clean(text: str) -> str:
    """Return the text without characters that XML and HTML do not allow; line breaks become "\\n"."""
    if text.isascii() and text.isprintable():
        return text  # the common case, and fast
    return _UNWANTED.sub("", _LINE_BREAKS.sub("\n", text))


def one_line(text: str) -> str:
    """Return the cleaned text on one line, with single spaces."""
    return " ".join(clean(text).split())


def shorten(text: str, max_length: int) -> str:
    """Return the text cut to `max_length` characters, ending in an ellipsis if it was cut."""
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + ELLIPSIS


def excerpt(text: str, max_length: int) -> str:
    """Return the beginning of a text, cleaned and on one line. Only the beginning of a huge text is processed."""
    beginning = one_line(text[: 4 * max_length])
    cut = len(text) > 4 * max_length and len(beginning) <= max_length
    return shorten(beginning + ELLIPSIS if cut else beginning, max_length)


def format_money(amount: Decimal) -> str:
    """Return US dollars as $1,234.56, with a leading minus sign if negative."""
    return f"{MINUS if amount < 0 else ''}${abs(amount):,.2f}"


def format_dollars(amount: Decimal) -> str:
    """Return US dollars without their cents as $1,234, and less than a dollar as $0.17, with a minus sign if negative.

    Cents are cut, not rounded: the digits are those of the exact amount.
    """
    digits = f"{abs(amount):,.2f}" if 0 < abs(amount) < 1 else f"{int(abs(amount)):,}"
    return f"{MINUS if amount < 0 else ''}${digits}"


def format_round_dollars(amount: Decimal) -> str:
    """Return a round number of US dollars in words: $5 million, $1 billion, $250,000."""
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if amount >= size and amount % size == 0:
            return f"${amount / size:,f} {word}"
    return format_dollars(amount)


def format_short_money(amount: Decimal) -> str:
    """Return US dollars to two or three digits: $2.3M, $787K, $45."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if abs(amount) >= size:
            count = abs(amount) / size
            digits = f"{count:.1f}" if count < 10 else f"{count:.0f}"
            return f"{MINUS if amount < 0 else ''}${digits.removesuffix('.0')}{letter}"
    return f"{MINUS if amount < 0 else ''}${abs(amount):.0f}"


def format_signed_money(amount: Decimal) -> str:
    """Return US dollars with a plus or minus sign: +$1,234.56."""
    return f"+{format_money(amount)}" if amount > 0 else format_money(amount)


def format_date(value: date | None) -> str:
    """Return a date as 2024-09-30, or "not stated"."""
    return value.isoformat() if value else NOT_STATED


def format_signed(value: date | None) -> str:
    """Return a day of signing like `format_date`, with a warning if it cannot be true."""
    return format_date(value) + ("" if value is None or is_possible(value) else IMPOSSIBLE)


def format_end(value: date | None) -> str:
    """Return the first or last day of a period like `format_date`, with a warning if it cannot be true."""
    return format_date(value) + ("" if value is None or is_possible_end(value) else IMPOSSIBLE)


def to_utc(value: datetime) -> datetime:
    """Return a time in UTC, to the second."""
    return value.astimezone(UTC).replace(microsecond=0)


def format_time(value: datetime) -> str:
    """Return a time as 2024-09-30 14:05 UTC."""
    return f"{to_utc(value):%Y-%m-%d %H:%M} UTC"


def format_count(count: int) -> str:
    """Return a number as 1,234,567."""
    return f"{count:,}"


def pluralize(count: int, one: str, many: str = "") -> str:
    """Return "1 entry", "2 entries" and so on; `many` defaults to `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
