"""Orders and actions are real (ICE and CBP, fiscal years 2021-2024), shortened, unless a comment says otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from monitors.matching.matcher import Match, Matcher
from sources.records import Award, ContractAction
from tests.app_context import shipped
from tests.awards import award

MATCHER = Matcher(shipped())


def order(recipient: str, *actions: tuple[str, str]) -> Award:
    """An order with actions given by amount and description, one a month; its description is that of the first."""
    made = tuple(
        ContractAction(
            key=f"a{n}",
            modification=f"P{n:05}",
            signed=date(2022, 1 + n, 1),
            obligation=Decimal(amount),
            description=said,
        )
        for n, (amount, said) in enumerate(actions)
    )
    return replace(award(recipient, made[0].description), actions=made)


def concerned(record: Award, entry_id: str) -> tuple[str, ...]:
    found: dict[str, Match] = {match.vendor_id: match for match in MATCHER.matches(record)}
    return found[entry_id].action_keys


def test_words_in_one_action_concern_that_action_and_small_ones_that_name_nothing_else() -> None:
    phones = order(
        "WIDEPOINT INTEGRATED SOLUTIONS CORP",
        ("7466012.00", "DHS CWMS IDIQ TASK ORDER"),
        ("6044.58", "DHS CWMS IDIQ TASK ORDER ADMIN ACTION-CHANGE ACOR"),
        ("296.79", "DHS CWMS IDIQ TASK ORDER BODY WORN CAMERA SUPPORT PROGRAM"),
        ("0.00", "DHS CWMS IDIQ TASK ORDER CHANGE ACOR"),
        ("-12.10", "DE-OBLIGATION"),
        ("7003260.40", "DHS CWMS IDIQ TASK ORDER EXERCISE OPTION THREE"),
        ("33394.08", "DHS CWMS IDIQ TASK ORDER ADD 87 TACCOM SONIM DEVICES"),
        ("0.00", "DHS CWMS IDIQ TASK ORDER CHANGE ACOR"),
    )
    assert concerned(phones, "topic-body-worn-cameras") == ("a2", "a3", "a4")


def test_every_action_with_the_words_is_concerned_even_if_its_text_is_repeated() -> None:
    licenses = order(
        "MSAB INCORPORATED",
        ("107160.21", "RENEWAL OF LICENSES"),
        ("69175.00", "ADDITIONAL LINE ITEM FOR DIGITAL FORENSICS LICENSES"),
        ("10.00", "SHIPPING"),
        ("69175.00", "ADDITIONAL LINE ITEM FOR DIGITAL FORENSICS LICENSES"),
    )
    assert concerned(licenses, "topic-device-forensics") == ("a1", "a3")


def test_a_recipient_or_the_words_of_the_award_itself_concern_the_whole_award() -> None:
    cameras = order("AXON ENTERPRISE, INC.", ("7010659.18", "BODY WORN CAMERAS"), ("9000000", "OPTION AND FENCES"))
    assert concerned(cameras, "topic-body-worn-cameras") == ()
    assert concerned(cameras, "axon") == ()


def test_an_action_with_only_weak_words_is_not_enough() -> None:
    made_up = order("SNAP, INC", ("5", "NEW AWARD"), ("5", "CAMERA TRIPODS"), ("5", "COVERT CAMERA"))
    assert concerned(made_up, "topic-covert-tracking") == ("a2",)
