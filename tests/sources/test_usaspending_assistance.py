"""Grants over real HTTP: found in their own groups, each once and whole; few requests where there is nothing."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.contract import HeldRecord, Interest, Shortfall, Unchanged, Window
from sources.errors import Blocked, QuotaUsedUp, SourceChanged, SourceError, Unreachable
from sources.records import Agency, Award, AwardCategory, ContractAction, Payload, Problem, Recipient, SourceFact
from sources.usaspending_assistance import Assistance
from sources.usaspending_queries import ASSISTANCE_TYPES, AWARD_COUNT, AWARD_SEARCH, TRANSACTION_COUNT
from sources.usaspending_whole import TRANSACTIONS
from tests.sources.memory import Memory
from tests.sources.more_usaspending import AlteredAssistance, grant, items_of, records_of, step_of, walk
from tests.sources.samples import WRONG_VALUES, document, places, put
from tests.sources.upstream import DAY, action, award
from tests.upstreams.faults import Fault

SOURCE = Assistance()
DATA = Path(__file__).parents[1] / "data" / "usaspending"
DIRECT_PAYMENT: dict[str, Any] = json.loads((DATA / "award_direct_payment.json").read_text("utf-8"))
TRANSACTION: dict[str, Any] = json.loads((DATA / "transaction_grant.json").read_text("utf-8"))
KEY = "ASST_NON_12FA00PY54661041_12D2"
WATCHLIST = Interest(
    names=tuple(f"VENDOR NUMBER {n}" for n in range(300)),
    ueis=tuple(f"UEI{n:09}" for n in range(300)),
    phrases=tuple(f"PRODUCT {n}" for n in range(250)),
    held_piids={"assistance": tuple(f"F{n}" for n in range(300)), "contract": ("C1",)},
)


def payload(*contents: object, key: str = KEY) -> Payload:
    return Payload(source="assistance", key=key, revision="r1", documents=tuple(document(c) for c in contents))


def page(*rows: object) -> dict[str, Any]:
    return {"page_metadata": {"page": 1, "hasNext": False}, "results": list(rows)}


def test_the_sample_of_a_direct_payment_is_read_field_by_field() -> None:
    asked = payload(DIRECT_PAYMENT, page(TRANSACTION))
    farms = Agency(code="012", name="Department of Agriculture", sub_code="12D2", sub_name="Farm Service Agency")
    kind = "DIRECT PAYMENT WITH UNRESTRICTED USE (RETIREMENT, PENSION, VETERANS BENEFITS, ETC.) (D)"
    [record] = SOURCE.parse(asked)
    assert record == Award(
        key=KEY,
        source="assistance",
        revision="r1",
        category=AwardCategory.ASSISTANCE,
        type_text=kind,
        piid="12FA00PY54661041",
        parent_piid="",
        parent_key="",
        description="AGRICULTURAL RISK COVERAGE PROG - COUNTY",
        recipient=Recipient(name="REDACTED DUE TO PII", state="ND"),
        awarding=farms,
        funding=farms,
        obligated=Decimal("479.00"),
        exercised=None,
        ceiling=None,
        signed=date(2017, 10, 4),
        starts=date(2017, 10, 4),
        ends=date(2017, 10, 4),
        may_end=None,
        modified=date(2018, 10, 27),
        psc="",
        psc_text="",
        naics="",
        naics_text="",
        solicitation="",
        extent_competed="",
        place="GARRISON, NORTH DAKOTA, UNITED STATES",
        url=f"https://www.usaspending.gov/award/{KEY}/",
        actions=(
            ContractAction(
                key="7022_4337DRFLP00000001_01CPX2002005995_97.036_-NONE-",
                modification="",
                signed=date(2020, 1, 30),
                obligation=Decimal("11041.00"),
                description="GRANT TO LOCAL GOVERNMENT FOR REPAIR OR REPLACEMENT OF DISASTER DAMAGED FACILITIES",
                action_type="A",
                action_type_text="NEW",
            ),
        ),
        documents=asked.documents,
        facts=(
            SourceFact(label="Assistance listing", value="10.112 Price Loss Coverage"),
            SourceFact(label="Assistance type", value=kind),
        ),
    )
    assert record.recipient.is_placeholder


def read(detail: dict[str, Any], *rows: dict[str, Any], key: str = KEY) -> Award | Problem:
    [record] = SOURCE.parse(payload(detail, page(*(rows or (TRANSACTION,))), key=key))
    assert isinstance(record, (Award, Problem))
    return record


def test_what_is_reported_added_up_goes_by_its_uri_and_may_have_several_listings() -> None:
    key = "ASST_AGG_URI-7_012"
    listings = [{"cfda_number": "97.067", "cfda_title": "HSGP"}, {"cfda_number": "16.738"}, {}]
    given = {"fain": None, "uri": "uri-7", "generated_unique_award_id": key.lower(), "cfda_info": listings}
    record = read({**DIRECT_PAYMENT, **given}, key=key)
    assert isinstance(record, Award)
    assert (record.key, record.piid) == (key, "URI-7")
    told = [fact.value for fact in record.facts if fact.label == "Assistance listing"]
    assert told == ["97.067 HSGP", "16.738"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fain": None}, "neither fain nor uri"),
        ({"fain": 7}, "fain is not text"),
        ({"cfda_info": {"a": 1}}, "cfda_info is not a list"),
        ({"cfda_info": ["97.067"]}, "cfda_info holds what is no object"),
        ({"total_obligation": 10.005}, "not an amount in whole cents"),
        ({"generated_unique_award_id": "ASST_NON_OTHER_012"}, "asked for ASST_NON_12FA"),
        ({"date_signed": "10/04/2017"}, "date_signed is not a date"),
    ],
)
def test_what_cannot_be_read_is_told(change: dict[str, Any], told: str) -> None:
    record = read({**DIRECT_PAYMENT, **change})
    assert isinstance(record, Problem)
    assert told in record.reason
    assert len(record.documents) == 2


def test_a_contracts_transaction_is_none_of_a_grants() -> None:
    record = read(DIRECT_PAYMENT, {**TRANSACTION, "id": "CONT_TX_9700_9700_H907_0_SPE2DX16D1500_0"})
    assert isinstance(record, Problem)
    assert "ASST_TX_" in record.reason


PLACES = list(places([DIRECT_PAYMENT, page(TRANSACTION)]))


@given(path=st.sampled_from(PLACES), value=st.sampled_from(WRONG_VALUES))
def test_a_value_of_another_kind_is_an_award_or_a_problem_and_never_an_exception(path: Any, value: object) -> None:
    contents: Any = copy.deepcopy([DIRECT_PAYMENT, page(TRANSACTION)])
    container = contents
    for name in path[:-1]:
        container = container[name]
    put(value)(container, path[-1])
    [record] = SOURCE.parse(payload(*contents))
    assert isinstance(record, Award) or (isinstance(record, Problem) and 0 < len(record.reason) < 500)


def mixed() -> list[Any]:
    """Two of each group of assistance, an award of assistance added up, a loan-free contract of the same name."""
    types = ("04", "02", "06", "10", "11", "-1")
    grants = [grant(n, type=kind) for n, kind in enumerate(types)]
    added_up = grant(50, type="06", is_aggregate=True, piid="2024-COUNTY-7")
    return [*grants, added_up, award(1, recipient_name="ACME CITY POLICE DEPARTMENT")]


def test_every_group_of_assistance_is_searched_apart_and_contracts_are_left_out() -> None:
    with AlteredAssistance(mixed()) as server:
        found = records_of(SOURCE, items_of(SOURCE, server, [step_of("assistance")]))
        asked = [body["filters"]["award_type_codes"] for body in server.asked(AWARD_SEARCH)]
    assert asked == [list(codes) for codes in ASSISTANCE_TYPES.values()]
    assert {record.key for record in found if isinstance(record, Award)} == {
        *(f"ASST_NON_EMW2024SS{n:05}_070" for n in range(6)),
        "ASST_AGG_2024-COUNTY-7_070",
    }
    assert len(found) == 7


def test_a_grant_found_is_read_whole_with_every_action_and_its_listing() -> None:
    base, more = (
        action("0", DAY, "500000.00", "LICENSE PLATE READERS"),
        action("1", date(2024, 6, 1), "-1000.10", "CUT"),
    )
    with AlteredAssistance([grant(1, base, more, recipient_uei="POLICEUEI001")]) as server:
        [record] = records_of(SOURCE, items_of(SOURCE, server, [step_of("assistance")]))
        [detail] = server.sent["/api/v2/awards/ASST_NON_EMW2024SS00001_070/"]
        [transactions] = server.sent[TRANSACTIONS]
    assert isinstance(record, Award)
    assert [d.body for d in record.documents] == [detail, transactions]
    assert (record.obligated, record.description) == (Decimal("498999.90"), "LICENSE PLATE READERS")
    assert record.recipient == Recipient(name="ACME CITY POLICE DEPARTMENT", uei="POLICEUEI001")
    assert record.facts[0] == SourceFact(label="Assistance listing", value="97.067 Homeland Security Grant Program")
    assert [(a.key, a.obligation) for a in record.actions] == [
        ("7022_EMW2024SS00001_-NONE-_97.067_0", Decimal("500000.00")),
        ("7022_EMW2024SS00001_-NONE-_97.067_1", Decimal("-1000.10")),
    ]


def test_a_phrase_finds_what_a_grant_or_one_of_its_transactions_says() -> None:
    awards = [
        grant(1, action(description="ALPR CAMERAS AND SERVERS")),
        grant(2, action("0"), action("1", description="BUYS ALPR CAMERAS")),
        grant(3, action(description="FIRE TRUCK")),
    ]
    with AlteredAssistance(awards) as server:
        by_award = items_of(SOURCE, server, [step_of("assistance", ["ALPR"], "keywords")])
        by_text = items_of(SOURCE, server, [step_of("transactions", ["ALPR"], "keywords")])
    assert [record.key for record in records_of(SOURCE, by_award)] == [awards[0].key]
    assert sorted(record.key for record in records_of(SOURCE, by_text)) == [awards[0].key, awards[1].key]


@pytest.mark.parametrize("name", ["REDACTED DUE TO PII", "Multiple Recipients"])
def test_a_placeholder_is_never_found_by_its_name_but_by_what_is_said(name: str) -> None:
    awards = [grant(1, recipient_name=name), grant(2, recipient_name=f"{name} OF ACME")]
    for group in ("assistance", "transactions"):
        with AlteredAssistance(awards) as server:
            by_name = items_of(SOURCE, server, [step_of(group, [name.upper()])])
            by_word = items_of(SOURCE, server, [step_of(group, ["DRONES"], "keywords")])
        assert [record.key for record in records_of(SOURCE, by_name)] == [awards[1].key]
        assert {record.key for record in records_of(SOURCE, by_word)} == {award.key for award in awards}


def test_many_grants_are_walked_to_the_end_and_counted() -> None:
    awards = [grant(n, type=("04", "06")[n % 2]) for n in range(230)]
    with AlteredAssistance(awards) as server:
        memory = Memory(records={a.key: HeldRecord(key=a.key, revision="old") for a in awards})
        items = items_of(SOURCE, server, [step_of("assistance")], memory)
        assert len(server.asked(AWARD_SEARCH)) == 4
        assert len(server.asked(AWARD_COUNT)) == 3
        held = {p.key: HeldRecord(key=p.key, revision=p.revision) for p in items if isinstance(p, Payload)}
        again = items_of(SOURCE, server, [step_of("assistance")], Memory(records=held))
    assert {item.key for item in items if isinstance(item, Payload)} == {award.key for award in awards}
    assert {item.key for item in again if isinstance(item, Unchanged)} == {award.key for award in awards}
    assert len(again) == len(awards)


def test_grants_that_are_counted_but_do_not_come_are_a_shortfall() -> None:
    with AlteredAssistance([grant(n) for n in range(101)]) as server:
        server.alter(AWARD_COUNT, lambda answer: answer["results"].update(grants=answer["results"]["grants"] + 3))
        memory = Memory()
        items = items_of(SOURCE, server, [step_of("assistance")], memory)
    assert [item for item in items if not isinstance(item, Payload)] == [
        Shortfall(step="test/assistance", expected=104, received=101)
    ]


WINDOW = Window(until=DAY, signed_since=date(2024, 1, 1), modified_since=date(2024, 5, 1))


def test_an_empty_poll_of_the_whole_watchlist_costs_two_dozen_requests() -> None:
    with AlteredAssistance([award(1)]) as server:
        assert items_of(SOURCE, server, SOURCE.poll_steps(WATCHLIST, WINDOW)) == []
        assert len(server.requests) == 23
        server.requests.clear()
        swept = replace(WINDOW, acted_since=date(2023, 1, 1))
        assert items_of(SOURCE, server, SOURCE.poll_steps(WATCHLIST, swept)) == []
        assert len(server.requests) == 32


def test_held_grants_are_asked_for_by_their_number() -> None:
    steps = SOURCE.poll_steps(Interest(held_piids={"assistance": ("EMW2024SS00001",)}), WINDOW)
    with AlteredAssistance([grant(1, recipient_name="OTHER"), grant(2)]) as server:
        [record] = records_of(SOURCE, items_of(SOURCE, server, steps))
    assert record.key == "ASST_NON_EMW2024SS00001_070"


def test_a_backfill_covers_every_year() -> None:
    days = (date(2019, 9, 30), date(2019, 10, 1), date(2024, 5, 6))
    awards = [grant(n, action(day=day)) for n, day in enumerate(days)]
    steps = SOURCE.backfill_steps(Interest(names=("ACME",)), date(2007, 1, 1), DAY)
    with AlteredAssistance(awards) as server:
        found = {record.key for record in records_of(SOURCE, items_of(SOURCE, server, steps[:18]))}
    assert found == {award.key for award in awards}
    assert [step.key for step in steps[:2]] == [
        "fy2008/assistance/recipient_search_text/1",
        "fy2009/assistance/recipient_search_text/1",
    ]


FAULTS = {
    Fault.TOO_MANY_HOUR: QuotaUsedUp,
    Fault.UNAVAILABLE: Unreachable,
    Fault.EMPTY: Unreachable,
    Fault.RESET: Unreachable,
    Fault.CUT_TRANSFER: Unreachable,
    Fault.SERVER_ERROR: Unreachable,
    Fault.FORBIDDEN: Blocked,
    Fault.HTML_OK: SourceChanged,
    Fault.TRUNCATED_JSON: SourceChanged,
    Fault.UNUSED_FILTER: SourceChanged,
    Fault.RENAMED_FIELD: SourceChanged,
}


@pytest.mark.parametrize(("fault", "kind"), FAULTS.items(), ids=[fault.name for fault in FAULTS])
def test_every_fault_ends_in_its_own_error_and_what_was_read_before_is_kept(
    fault: Fault, kind: type[SourceError]
) -> None:
    with AlteredAssistance([grant(1, type="04"), grant(2, type="11")]) as server:
        server.play(fault, on=AWARD_SEARCH, after=1)
        done = walk(SOURCE, server, [step_of("assistance")])
        assert type(done.error) is kind
        assert [item.key for item in done.items if isinstance(item, Payload)] == ["ASST_NON_EMW2024SS00001_070"]
        server.heal()
        assert len(items_of(SOURCE, server, [step_of("assistance")])) == 2


@pytest.mark.parametrize("path", [AWARD_COUNT, TRANSACTION_COUNT])
def test_a_count_that_leaves_a_group_out_means_that_the_source_changed(path: str) -> None:
    with AlteredAssistance([grant(1)]) as server:
        server.alter(path, lambda answer: answer.update(results={"grants": 1, "other": 1}))
        done = walk(SOURCE, server, [step_of("transactions" if path == TRANSACTION_COUNT else "assistance")])
    assert isinstance(done.error, SourceChanged)
    assert "no direct_payments" in str(done.error)
    assert done.items == []
