"""Recorded search pages of USAspending, March 2026 (tests/data/usaspending/README.md)."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from sources.base import IncompleteResult
from sources.usaspending.filters import AWARD_FIELDS, LAST_DAY_FIELD
from sources.usaspending.search import search_awards
from tests.sources.scripted_server import Script, ScriptedServer
from tests.sources.usaspending.helpers import client_of
from tests.sources.usaspending.samples import DATA, Json

NASA = "National Aeronautics and Space Administration"


def body_of(name: str) -> bytes:
    return (DATA / f"recorded_{name}.json").read_bytes()


def content_of(name: str) -> Json:
    content: Json = json.loads(body_of(name))
    return content


FOUND = {
    "contracts": (
        ["80GSFC18C0008", "NAS1510000", "NNJ06TA25C", "NNM07AB03C", "80GSFC18C0008"],
        {
            "generated_internal_id": "CONT_AWD_NNM07AB03C_8000_-NONE-_-NONE-",
            "Award ID": "NNM07AB03C",
            "Recipient Name": "THE BOEING COMPANY",
            "Recipient UEI": "SML4NN2CT556",
            "Award Amount": Decimal("10167075939.0"),
            "Base Obligation Date": "2007-08-28",
            "Last Modified Date": "2025-07-08",
            "Start Date": "2007-09-01",
            "End Date": "2026-12-31",
            "Awarding Sub Agency": NASA,
        },
    ),
    "idvs": (
        ["NNJ09GA02B", "80JSC019C0012", "NNK10LB00B"],
        {
            "generated_internal_id": "CONT_IDV_80JSC019C0012_8000",
            "Award ID": "80JSC019C0012",
            "Recipient Name": "LOCKHEED MARTIN CORP",
            "Recipient UEI": "FYHNA5WC8XD7",
            "Award Amount": Decimal("2770845719.63"),
            "Description": "ORION PRODUCTION AND OPERATIONS CONTRACT",
            "Base Obligation Date": "2019-06-05",
            "Last Modified Date": "2025-07-03",
            "Start Date": "2019-06-05",
            "Last Date to Order": "2030-09-30",
            "Awarding Sub Agency": NASA,
        },
    ),
    "grants": (
        ["NNM11AA01A", "NNX12AD05A", "NNX16AO69A"],
        {
            "generated_internal_id": "ASST_NON_NNX16AO69A_080",
            "Award ID": "NNX16AO69A",
            "Recipient Name": "BAYLOR COLLEGE OF MEDICINE",
            "Recipient UEI": "FXKMA43NTV21",
            "Award Amount": Decimal("124838979.94"),
            "Base Obligation Date": "2016-09-29",
            "Last Modified Date": "2025-06-20",
            "Start Date": "2016-10-01",
            "End Date": "2028-09-30",
            "Awarding Sub Agency": NASA,
        },
    ),
}
LAST_PAGE = {"results": [], "page_metadata": {"page": 3, "hasNext": False}}


@pytest.mark.parametrize("group", FOUND)
def test_a_search_and_the_cursor_to_its_next_page(group: str) -> None:
    numbers, expected = FOUND[group]
    answers = (body_of(f"search_{group}"), LAST_PAGE, {"results": {group: len(set(numbers))}})
    scripts = [Script(body=each if isinstance(each, bytes) else json.dumps(each).encode()) for each in answers]
    with ScriptedServer(*scripts) as server, client_of(server.base_url) as client:
        rows = list(search_awards(client, "step", group, {"keywords": ["SPACE"]}))
        _, second, _ = [json.loads(request.body) for request in server.requests]
    assert [row["Award ID"] for row in rows if not isinstance(row, IncompleteResult)] == numbers
    (row,) = [row for row in rows if not isinstance(row, IncompleteResult) and row["Award ID"] == expected["Award ID"]]
    assert {name: row[name] for name in expected} == expected
    assert {*AWARD_FIELDS, LAST_DAY_FIELD[group]} <= set(row)
    page = content_of(f"search_{group}")["page_metadata"]
    cursor = ("last_record_unique_id", "last_record_sort_value")
    assert [second[name] for name in cursor] == [page[name] for name in cursor]
