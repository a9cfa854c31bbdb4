"""What an order inherits from the agreement it is placed under."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitors.matching.matcher import Matcher
from monitors.runs.match_rows import match_rows
from sources.records import Award, AwardCategory
from storage.database import Database
from storage.writing.save import save_award
from tests.app_context import shipped
from tests.records import BABEL, SEEN, match

AGREEMENT = replace(BABEL, key="CONT_IDV_70B06C23A00000001_7014", piid="70B06C23A00000001", category=AwardCategory.IDV)


def order(description: str) -> Award:
    """Return an order under the agreement with one action."""
    action = replace(BABEL.actions[0], key="7014_7014_70B06C23F00000009_0_70B06C23A00000001_0", description=description)
    return replace(
        BABEL,
        key="CONT_AWD_70B06C23F00000009_7014_70B06C23A00000001_7014",
        parent_key=AGREEMENT.key,
        parent_piid=AGREEMENT.piid,
        description=description,
        actions=(action,),
    )


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(shipped())


@pytest.mark.parametrize(("band", "inherited"), [("published", ["babel-street"]), ("review", []), ("rejected", [])])
def test_an_order_that_names_nothing_waits_for_a_person_if_its_agreement_matched(
    band: str, inherited: list[str], database: Database, matcher: Matcher
) -> None:
    with database.writing() as session:
        save_award(session, AGREEMENT, [match(AGREEMENT, "babel-street", band=band)], SEEN, lambda _vendors: True)
        rows = match_rows(session, matcher, order("CALL 1: LICENSES"), SEEN)
    assert [row.vendor_id for row in rows] == inherited
    for row in rows:
        assert (row.band, row.rule) == ("review", "parent-award")
        assert row.reason.startswith("Ordered under 70B06C23A00000001, which concerns Babel Street: ")


def test_an_order_that_names_the_vendor_itself_needs_no_agreement(database: Database, matcher: Matcher) -> None:
    with database.writing() as session:
        save_award(session, AGREEMENT, [match(AGREEMENT, "babel-street")], SEEN, lambda _vendors: True)
        rows = match_rows(session, matcher, order("CALL 1: BABEL STREET LICENSES"), SEEN)
    assert [(row.vendor_id, row.band, row.rule != "parent-award") for row in rows] == [
        ("babel-street", "published", True)
    ]
