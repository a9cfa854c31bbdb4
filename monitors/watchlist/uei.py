"""The Unique Entity ID that SAM.gov gives to who registers there: its form and its check digit.

Twelve letters and digits without I and O; it does not begin with 0 and has no nine digits in a row; its last character
is a checksum of the others (GSA, "Unique Entity ID Technical Specifications"). GSA tells no formula there. That it is a
digit is how Veterans Affairs checks it (VistA, integration agreement 7328); the formula is one others published. It
gives the last digit of all 34 UEIs in the sample records we have, where chance would give three.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORM = re.compile(r"(?!.*\d{9})[A-HJ-NP-Z1-9][A-HJ-NP-Z0-9]{11}")


def has_form(uei: str) -> bool:
    """Whether a text in capitals could be a UEI by its form; its check digit may be wrong."""
    return bool(_FORM.fullmatch(uei))


def check_digit(uei: str) -> str:
    """Return what the last character of a UEI must be, by its first eleven in capitals.

    Each character's ASCII code is multiplied by its place, counted from one; the last digits of the products are added
    up. Of a sum of two digits or more the same is done with the digits themselves, until a single one is left.
    """
    total = _weighed(ord(character) for character in uei[:11])
    while total > 9:
        total = _weighed(int(digit) for digit in str(total))
    return str(total)


def _weighed(numbers: Iterable[int]) -> int:
    return sum(number * place % 10 for place, number in enumerate(numbers, 1))
