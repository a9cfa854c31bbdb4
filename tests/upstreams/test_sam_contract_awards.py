"""The fake server for SAM.gov's contract awards refuses what SAM.gov refuses, in its words, and counts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.sources.sam.contract_awards import record
from tests.upstreams.sam_contract_awards import KEY, SEARCH, FakeSamContractAwards


@pytest.fixture
def server() -> Iterator[FakeSamContractAwards]:
    with FakeSamContractAwards([record(f"P{n}") for n in range(5)], [record("GONE")]) as fake_server:
        yield fake_server


def ask(server: FakeSamContractAwards, path: str = SEARCH, key: str = KEY, **parameters: str) -> tuple[int, Any]:
    request = Request(f"{server.base_url}{path}?{urlencode(parameters)}", headers={"X-Api-Key": key} if key else {})  # noqa: S310
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            body = answer.read()
            return answer.status, json.loads(body) if body else None
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"triballyOwnedFirm": "YES"}, "The search parameter, triballyOwnedFirm does not exist."),
        ({"awardeeLegalBusinessName": "AT&T"}, "not allowed"),
        ({"awardeeLegalBusinessName": "A|B"}, "not allowed"),
        ({"dateSigned": "2024-01-01"}, "Dates must be specified in the MM/DD/YYYY"),
        ({"dateSigned": "[01/01/2024,13/01/2024]"}, "Dates must be specified"),
        ({"limit": "x"}, "The max value allowed for parameter 'limit' is 100."),
        ({"limit": "100", "offset": "4001"}, "You may only page through the first 400,000 records."),
        ({"format": "json"}, "Parameters 'format' and 'emailId' must both be supplied"),
        ({"emailId": "No"}, "in conjunction with the search parameter 'format'"),
        ({"format": "json", "emailId": "me@example.org"}, "emailId must be YES or NO"),
        ({"awardeeUniqueEntityId": "~".join(["X"] * 101)}, "More than 100 Unique Entity IDs are not allowed."),
    ],
)
def test_refusals(server: FakeSamContractAwards, parameters: dict[str, str], message: str) -> None:
    status, answer = ask(server, **parameters)
    assert status == 400
    assert message in answer["message"]
    assert server.used == 1  # a refusal costs a request


def test_too_large_a_limit_is_a_string_with_status_200(server: FakeSamContractAwards) -> None:
    assert ask(server, limit="101") == (200, 'Max value allowed for parameter "limit" is 100')


def test_a_list_finds_all_or_the_first_alone(server: FakeSamContractAwards) -> None:
    server.records[0] = record("OTHER", uei="OTHEROTHEROT")
    both = {"awardeeUniqueEntityId": "OTHEROTHEROT~ACMEACMEACME"}
    assert ask(server, **both)[1]["totalRecords"] == "5"
    server.first_of_list = True
    assert ask(server, **both)[1]["totalRecords"] == "1"
