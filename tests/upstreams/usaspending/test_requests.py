"""The fake USAspending answers recorded requests as the published code does: status, message and keys.

`tests/data/usaspending/README.md` says where the answers come from.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.upstreams.usaspending.server import FakeUsaspending

RECORDED = Path(__file__).parents[2] / "data" / "usaspending" / "requests.jsonl"
CASES = [json.loads(line) for line in RECORDED.read_text().splitlines()]
TLS = ssl.create_default_context()


def in_full(value: Any) -> Any:
    """Return a request with its long texts and lists written out."""
    match value:
        case {"$text": str(text), "length": int(length)}:
            return text * length
        case {"$numbered": str(text), "count": int(count)}:
            return [f"{text}{number}" for number in range(count)]
        case dict():
            return {name: in_full(part) for name, part in value.items()}
        case list():
            return [in_full(part) for part in value]
    return value


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with FakeUsaspending([]) as server, httpx.Client(base_url=server.base_url, timeout=10, verify=TLS) as client:
        yield client


@pytest.mark.parametrize("case", CASES, ids=[f"{case['endpoint']}-{case['case']}" for case in CASES])
def test_recorded_requests_are_answered_alike(client: httpx.Client, case: dict[str, Any]) -> None:
    answer = client.request(case["method"], case["path"], json=in_full(case["body"]))
    assert answer.status_code == case["status"], answer.text[:500]
    is_json = answer.headers["content-type"] == "application/json"
    content = answer.json() if is_json else {}
    message = content.get("detail", content.get("message", "")) if is_json else repr(answer.content)
    assert message.startswith(case["message"])
    assert (sorted(content) if answer.status_code == 200 else None) == case["keys"]
    notes = " ".join(content.get("messages", []))
    assert ("filters from the request were not used" in notes) == case["says_filters_not_used"]
