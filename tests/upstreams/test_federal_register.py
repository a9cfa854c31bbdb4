"""The fake server of the Federal Register is as strict as the API, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.upstreams.federal_register import DOCUMENTS, RECORDED, FakeFederalRegister, document

MANY = [document(f"2024-{n:05}", "2024-05-06", f"Drone {n}") for n in range(2_100)]
MANY_PHRASES = " | ".join(f'"p{n}"' for n in range(200))


@pytest.fixture
def server() -> Iterator[FakeFederalRegister]:
    with FakeFederalRegister() as fake_server:
        yield fake_server


def asked(server: FakeFederalRegister, *params: tuple[str, str], path: str = DOCUMENTS) -> tuple[int, Any]:
    response = httpx.get(f"{server.base_url}{path}", params=list(params), trust_env=False)
    return response.status_code, response.json()


def numbers(server: FakeFederalRegister, term: str) -> list[str]:
    status, content = asked(server, ("conditions[term]", term), ("order", "oldest"))
    assert status == 200
    assert content["count"] == len(content.get("results", []))
    return [row["document_number"] for row in content.get("results", [])]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ('("clearview ai")', []),
        ('("clearview ai\'s")', ["2024-10001"]),
        ('("license plate readers" | "anduril")', ["2024-10001", "2024-10002"]),
        ('("license plate reader")', []),
        ('("plate license")', []),
        ('("ID me")', []),
        ('("ID.me")', ["2024-10002"]),
        ('("CBP-2024-0001")', ["2024-10001"]),
    ],
)
def test_terms(server: FakeFederalRegister, term: str, found: list[str]) -> None:
    assert numbers(server, term) == found


@pytest.mark.parametrize(
    ("params", "status", "content"),
    [
        ([("conditions[terms]", "x")], 400, {"errors": {"terms": "is not a valid field"}}),
        (
            [("conditions[publication_date][gte]", "05/06/2024")],
            400,
            {"errors": {"publication_date": "Publication Date is not a valid ."}},
        ),
        ([("conditions[agencies][]", "homeland-security")], 400, {"errors": {"agencies": "invalid value"}}),
        ([("fields[]", "vendor")], 400, {"status": 400, "message": "vendor is not a valid field"}),
        ([("fields[]", "full_text")], 400, {"status": 400, "message": "full_text is not a valid field"}),
        (
            [("conditions[term]", f"({MANY_PHRASES})")],
            500,
            {"status": 500, "message": "Internal Server Error"},
        ),
    ],
    ids=["condition", "date", "agency", "field", "full text", "clauses"],
)
def test_refusals(server: FakeFederalRegister, params: list[tuple[str, str]], status: int, content: Any) -> None:
    assert asked(server, *params) == (status, content)


def test_only_one_path_and_one_method(server: FakeFederalRegister) -> None:
    assert asked(server, path="/api/v1/articles.json")[0] == 404
    assert httpx.post(f"{server.base_url}{DOCUMENTS}", trust_env=False).status_code == 405
    assert asked(server, ("conditions[term]", "x" * 8_000))[0] == 414


@pytest.mark.parametrize(("size", "rows"), [("1", 20), ("2", 2), ("1000", 1000), ("1001", 20), ("x", 20), ("", 20)])
def test_a_page_size_it_does_not_like_becomes_twenty(size: str, rows: int) -> None:
    with FakeFederalRegister(MANY) as server:
        assert len(asked(server, ("per_page", size))[1]["results"]) == rows


def test_pages_follow_each_other_up_to_the_two_thousandth_row() -> None:
    with FakeFederalRegister(MANY) as server:
        first = asked(server, ("per_page", "1000"))[1]
        second = httpx.get(first["next_page_url"].replace("https://www.federalregister.gov", server.base_url)).json()
        assert (first["count"], first["total_pages"]) == (2_100, 3)
        assert not {row["title"] for row in first["results"]} & {row["title"] for row in second["results"]}
        status, refused = asked(server, ("per_page", "1000"), ("page", "3"))
        assert (status, refused["message"][:25]) == (400, "Pagination limit exceeded")
        assert asked(server, ("page", "51"))[1]["results"] == asked(server)[1]["results"]


def test_conditions_narrow_and_order_orders(server: FakeFederalRegister) -> None:
    def found(*params: tuple[str, str]) -> list[str]:
        return [row["document_number"] for row in asked(server, *params)[1].get("results", [])]

    newest = ["2026-16313", "2026-16231", "2024-10002", "2024-10001"]
    assert found() == newest
    assert found(("order", "oldest")) == newest[::-1]
    assert found(("order", "sideways")) == newest
    assert found(("conditions[type][]", "RULE")) == newest[:2]
    assert found(("conditions[type][]", "RULE"), ("conditions[type][]", "NOTICE")) == newest
    assert found(("conditions[publication_date][is]", "2024-05-07")) == ["2024-10002"]
    days = (("conditions[publication_date][gte]", "2024-05-07"), ("conditions[publication_date][lte]", "2026-08-10"))
    assert found(*days) == newest[1:3]
    assert len(RECORDED) == len(newest)
