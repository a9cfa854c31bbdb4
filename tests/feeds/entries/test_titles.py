"""What a title says, kind by kind, on real actions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from feeds.entries.titles import title_for
from storage.models import EventKind, StoredEvent
from tests.feeds.records import (
    BABEL,
    BABEL_ACTIONS,
    CLEARVIEW,
    CLEARVIEW_ACTIONS,
    GREYKEY,
    GREYKEY_ACTIONS,
    PALANTIR,
    PALANTIR_ACTIONS,
    event,
)

ICE = "U.S. Immigration and Customs Enforcement"
CBP = "U.S. Customs and Border Protection"
NEW = event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD)


def ended(why: str) -> StoredEvent:
    return event(PALANTIR, replace(PALANTIR_ACTIONS[0], action_type_text=why), EventKind.TERMINATED)


CLEARVIEW_AWARD = "its award to CLEARVIEW AI, INC."
PALANTIR_AWARD = "its award to PALANTIR TECHNOLOGIES INC."
BABEL_PURCHASE = "its purchase of Babel Street through PANAMERICA COMPUTERS, INC."
ICE_NUMBER = f"{ICE} award 70CMSD21P00000127"


@pytest.mark.parametrize(
    ("of", "title"),
    [
        (NEW, f"{ICE} buys from CLEARVIEW AI, INC.: $500,000.00 (Clearview AI)"),
        (
            replace(NEW, earlier_actions=4),
            f"{ICE} buys from CLEARVIEW AI, INC.: $500,000.00; already had 4 modifications when first seen "
            "(Clearview AI)",
        ),
        (
            event(BABEL, BABEL_ACTIONS[0], EventKind.NEW_AWARD),
            f"{CBP} buys Babel Street through PANAMERICA COMPUTERS, INC.: $2,259,173.89",
        ),
        (
            event(GREYKEY, GREYKEY_ACTIONS[0], EventKind.NEW_AWARD),
            f"{CBP} buys Grayshift (Magnet Forensics) through PANAMERICA COMPUTERS, INC.: $145,185.00",
        ),
        (
            event(CLEARVIEW, CLEARVIEW_ACTIONS[3]),
            f"{ICE} modifies (P00003) {CLEARVIEW_AWARD}: +$500,000.00 (Clearview AI)",
        ),
        (
            event(CLEARVIEW, CLEARVIEW_ACTIONS[1]),
            f"{ICE} modifies (P00001) {CLEARVIEW_AWARD}: no funds obligated (Clearview AI)",
        ),
        (
            event(CLEARVIEW, replace(CLEARVIEW_ACTIONS[1], action_type_text="CHANGE ORDER")),
            f"{ICE} modifies (P00001) {CLEARVIEW_AWARD}: no funds obligated (change order) (Clearview AI)",
        ),
        (
            event(CLEARVIEW, replace(CLEARVIEW_ACTIONS[3], action_type_text="FUNDING ONLY ACTION")),
            f"{ICE} modifies (P00003) {CLEARVIEW_AWARD}: +$500,000.00 (Clearview AI)",
        ),
        (
            event(PALANTIR, PALANTIR_ACTIONS[0]),
            f"{ICE} de-obligates $1,402,838.41 (P00007) from {PALANTIR_AWARD} (Palantir)",
        ),
        (
            event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED),
            f"{CBP} exercises an option (P00001) on {BABEL_PURCHASE}: +$3,646,827.09",
        ),
        (
            ended("TERMINATE FOR CONVENIENCE (COMPLETE OR PARTIAL)"),
            f"{ICE} terminates for convenience (P00007) {PALANTIR_AWARD}: \u2212$1,402,838.41 (Palantir)",
        ),
        (
            event(CLEARVIEW, None, EventKind.EXTENDED, before="2024-09-30", after="2025-09-30"),
            f"{ICE} extends {CLEARVIEW_AWARD} to 2025-09-30 (was 2024-09-30) (Clearview AI)",
        ),
        (
            event(CLEARVIEW, None, EventKind.RECIPIENT_CHANGED, before="A, INC.", after="B LLC"),
            f"{ICE_NUMBER}: recipient changed from A, INC. to B LLC (Clearview AI)",
        ),
        (
            event(CLEARVIEW, None, EventKind.RENUMBERED, before="CONT_AWD_A", after="CONT_AWD_B"),
            f"{ICE_NUMBER}: award key changed from CONT_AWD_A to CONT_AWD_B (Clearview AI)",
        ),
        (
            event(CLEARVIEW, None, EventKind.DESCRIPTION_CHANGED, before="X", after="Y"),
            f"{ICE}: description changed of {CLEARVIEW_AWARD} (Clearview AI)",
        ),
        (
            event(CLEARVIEW, CLEARVIEW_ACTIONS[2], EventKind.CORRECTED, before="$5.00", after="$6.00"),
            f"{ICE}: record corrected (P00002) of {CLEARVIEW_AWARD}: $5.00 became $6.00 (Clearview AI)",
        ),
    ],
)
def test_title(of: StoredEvent, title: str) -> None:
    assert title_for(of) == title


@pytest.mark.parametrize(
    ("why", "verb"),
    [
        ("TERMINATE FOR DEFAULT (COMPLETE OR PARTIAL)", "terminates for default"),
        ("TERMINATE FOR CAUSE", "terminates for cause"),
        ("LEGAL CONTRACT CANCELLATION", "cancels"),
        ("", "terminates"),
    ],
)
def test_reasons_of_termination(why: str, verb: str) -> None:
    assert f" {verb} (P00007) its award" in title_for(ended(why))


def test_every_kind_has_a_title_without_an_action_or_an_amount() -> None:
    for kind in EventKind:
        assert title_for(event(CLEARVIEW, None, kind)).startswith(ICE)


def test_amounts_are_never_mixed_up() -> None:
    unknown = replace(NEW, action=None, amount=None)
    assert ": $2,287,500.00 obligated to date" in title_for(unknown)
    assert ": amount not stated" in title_for(replace(unknown, record=replace(CLEARVIEW, obligated=None)))
    vehicle = replace(CLEARVIEW, category="idv", ceiling=Decimal("9200000"))
    empty = replace(NEW, record=vehicle, amount=Decimal(0))
    assert title_for(empty).startswith(
        f"{ICE} awards an ordering contract (IDV) to CLEARVIEW AI, INC.: ceiling $9,200,000.00"
    )


def test_a_match_nobody_has_looked_at_is_not_told() -> None:
    doubtful = replace(CLEARVIEW.matches[0], band="review")
    assert "(Clearview AI)" not in title_for(replace(NEW, record=replace(CLEARVIEW, matches=(doubtful,))))


def test_a_parent_that_matches_is_no_reseller() -> None:
    concern = replace(BABEL.matches[0], signals=(replace(BABEL.matches[0].signals[0], field="recipient_parent_name"),))
    of = event(replace(BABEL, matches=(concern,)), BABEL_ACTIONS[0], EventKind.NEW_AWARD)
    assert title_for(of) == f"{CBP} buys from PANAMERICA COMPUTERS, INC.: $2,259,173.89 (Babel Street)"
