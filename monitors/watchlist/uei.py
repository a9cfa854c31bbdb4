"""The Unique Entity ID (UEI) of SAM.gov: its form and its check digit.

It has twelve letters and digits without I and O, does not begin with 0, and has no nine digits in a row. The last
character is a checksum of the others (GSA, "Unique Entity ID Technical Specifications"). GSA does not publish the
formula. Veterans Affairs checks that it is a digit (VistA, integration agreement 7328), and the formula used here gives
the last digit of all 34 UEIs in the sample records; chance would give three.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORM = re.compile(r"(?!.*\d{9})[A-HJ-NP-Z1-9][A-HJ-NP-Z0-9]{11}")


def has_form(uei: str) -> bool:
    """Return whether a text in capitals has the form of a UEI; its check digit may be wrong."""
    return bool(_FORM.fullmatch(uei))


def check_digit(uei: str) -> str:
    """Return the last character of a UEI, computed from its first eleven in capitals.

    Each character's ASCII code is multiplied by its position, counted from one, and the last digits of the products are
    added up. The digits of the sum are then treated the same way until one digit is left.
    """
    total = _weighted_sum(ord(character) for character in uei[:11])
    while total > 9:
        total = _weighted_sum(int(digit) for digit in str(total))
    return str(total)


def _weighted_sum(numbers: Iterable[int]) -> int:
    return sum(number * place % 10 for place, number in enumerate(numbers, 1))
