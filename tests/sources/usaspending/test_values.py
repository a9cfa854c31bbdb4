"""Amounts and texts of an award: exact or refused, and fit to be stored whatever they hold."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.records import Award, dollars
from tests.sources.samples import Place, changed, is_told, put, read


@given(cents=st.integers(-9 * 10**18, 9 * 10**18))
def test_every_amount_in_whole_cents_is_read_exactly(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    assert dollars(str(amount)) == dollars(amount) == amount
    assert str(dollars(str(amount))).partition(".")[2] == f"{abs(cents) % 100:02}"


@given(amount=st.decimals(allow_nan=True, allow_infinity=True) | st.text())
def test_what_is_no_amount_is_refused_and_never_rounded(amount: object) -> None:
    record = read(*changed((0, "total_obligation"), put(str(amount))))
    if isinstance(record, Award):
        assert record.obligated == (Decimal(str(amount)) if str(amount) else None)
    else:
        assert is_told(record)


HOSTILE = [
    "\x00",
    "NUL\x00IN",
    "\ud800",
    "\udc00\ud800",
    "x" * 1_000_000,
    "\u202eLRO\u200f",
    "\x1b[31m",
    "\ufffe",
    "😀",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:12]) for text in HOSTILE])
def test_hostile_text_becomes_text_that_can_be_stored(text: str) -> None:
    contents = changed((0, "description"), put(text))
    contents[0]["recipient"]["recipient_name"] = f"A {text} B"
    contents[1]["results"][0]["description"] = text
    record = read(*contents)
    assert isinstance(record, Award)
    for stored in (record.description, record.recipient.name, record.actions[1].description):
        assert "\x00" not in stored
        stored.encode("utf-8")
    expected = text.replace("\x00", "").encode("utf-8", "replace").decode()
    assert (record.description, record.recipient.name) == (expected, f"A {expected} B")


@given(text=st.text(st.characters(exclude_categories=())))
@example(text="\ud83d\ude00")
def test_any_text_at_all_becomes_text_that_can_be_stored(text: str) -> None:
    for path in ((0, "description"), (0, "recipient", "recipient_uei"), (0, "parent_award", "piid")):
        record = read(*changed(path, put(text)))
        if isinstance(record, Award):
            stored = f"{record.description}{record.recipient.uei}{record.parent_piid}"
            assert "\x00" not in stored
            stored.encode("utf-8")
        else:
            assert is_told(record)


@pytest.mark.parametrize("path", [(0, "recipient", "recipient_uei"), (0, "piid"), (1, "results", 0, "id")], ids=str)
def test_an_identifier_too_long_to_be_one_is_told(path: Place) -> None:
    assert is_told(read(*changed(path, put("CONT_TX_" + "X" * 200))))
