"""Find amounts that cannot be true, before they are published. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sources.records import Award

MIN_DIGITS = 7  # a shorter number may have the digits of an identifier by chance
MAX_AMOUNT = Decimal(200_000_000_000)  # dollars: no contract has been nearly as large


def add_amount_warning(award: Award) -> Award:
    """Return the award with a warning about its amounts if they cannot be true and its source gave no warning."""
    if award.amount_warning:
        return award
    return replace(award, amount_warning=next(_warnings(award), ""))


def _warnings(award: Award) -> Iterator[str]:
    numbers = {
        "its own award number": award.piid,
        "its agreement's number": award.parent_piid,
        "its solicitation": award.solicitation,
        "the recipient's UEI": award.recipient.uei,
    }
    digits = {re.sub(r"\D", "", number): what for what, number in numbers.items()}
    for amount in _amounts(award):
        whole = str(abs(amount).to_integral_value())
        if len(whole) >= MIN_DIGITS and whole in digits:
            yield f"the amount of ${amount:,.2f} has the digits of {digits[whole]}"
        if abs(amount) > MAX_AMOUNT:
            yield f"the amount of ${amount:,.2f} is larger than any contract ever was"


def _amounts(award: Award) -> Iterator[Decimal]:
    stated = [award.obligated, award.exercised, award.ceiling, *(action.obligation for action in award.actions)]
    yield from (amount for amount in stated if amount is not None)
