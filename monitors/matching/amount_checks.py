"""Amounts that cannot be true: found before anybody is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sources.records import Award

FEWEST_DIGITS = 7  # a shorter number may be an identifier's digits by chance
MORE_THAN_ANY = Decimal(200_000_000_000)  # dollars: no contract has come near it


def with_doubt(award: Award) -> Award:
    """Return the award with what speaks against its amounts, if anything does and its source has not said so."""
    if award.amount_warning:
        return award
    return replace(award, amount_warning=next(_doubts(award), ""))


def _doubts(award: Award) -> Iterator[str]:
    numbers = {
        "its own award number": award.piid,
        "its agreement's number": award.parent_piid,
        "its solicitation": award.solicitation,
        "the recipient's UEI": award.recipient.uei,
    }
    digits = {re.sub(r"\D", "", number): what for what, number in numbers.items()}
    for amount in _amounts(award):
        whole = str(abs(amount).to_integral_value())
        if len(whole) >= FEWEST_DIGITS and whole in digits:
            yield f"the amount of ${amount:,.2f} has the digits of {digits[whole]}"
        if abs(amount) > MORE_THAN_ANY:
            yield f"the amount of ${amount:,.2f} is larger than any contract there was"


def _amounts(award: Award) -> Iterator[Decimal]:
    stated = [award.obligated, award.exercised, award.ceiling, *(action.obligation for action in award.actions)]
    yield from (amount for amount in stated if amount is not None)
