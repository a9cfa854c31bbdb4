"""The API's own samples of an award, a page of its transactions, and ways to spoil them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sources.records import Document, Payload, Problem, Record
from sources.usaspending.award_parser import parse

Json = dict[str, Any]
Place = tuple[str | int, ...]
DATA = Path(__file__).parents[2] / "data" / "usaspending"
CONTRACT: Json = json.loads((DATA / "award_contract.json").read_text("utf-8"))
IDV: Json = json.loads((DATA / "award_idv.json").read_text("utf-8"))
BASE: Json = {
    "id": "CONT_TX_9700_9700_H907_0_SPE2DX16D1500_0",
    "type": "C",
    "type_description": "DELIVERY ORDER",
    "action_date": "2016-06-24",
    "action_type": None,
    "action_type_description": None,
    "modification_number": "0",
    "description": "4534723185!PV PHARM BRANCH, VENDOR, CAGE 0U9U0",
    "federal_action_obligation": 61241.34,
    "face_value_loan_guarantee": None,
    "original_loan_subsidy_cost": None,
    "cfda_number": None,
}
CHANGE: Json = {
    **BASE,
    "id": "cont_tx_9700_9700_h907_p00001_spe2dx16d1500_0",
    "modification_number": "P00001",
    "action_date": "2017-01-02",
    "action_type": "C",
    "action_type_description": "FUNDING ONLY ACTION",
    "federal_action_obligation": -10.5,
    "description": "DEOBLIGATE",
}
PAGE: Json = {"page_metadata": {"page": 1, "hasNext": False}, "results": [CHANGE, BASE]}

# What no field should hold, or not this one.
WRONG_VALUES: list[object] = [
    *(None, "", " ", "x", 7, -1.5, True, [], ["x"], {}, {"x": 1}),
    *("2016/06/24", "NaN", 10**30),
]


def document(content: object) -> Document:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Document(url="https://x/", request="", retrieved_at=now, content_type="application/json", body=body)


def payload(*contents: object, key: str = CONTRACT["generated_unique_award_id"]) -> Payload:
    return Payload(source="usaspending", key=key, revision="r1", documents=tuple(document(c) for c in contents))


def read(*contents: object, key: str = CONTRACT["generated_unique_award_id"]) -> Record:
    return parse(payload(*contents, key=key))


def places(content: object, path: Place = ()) -> Iterator[Place]:
    """Every place inside a JSON content, the outermost first."""
    if path:
        yield path
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in inside:
        yield from places(value, (*path, name))


def changed(path: Place, change: Callable[[Any, Any], None]) -> list[Any]:
    """The two documents of the contract, `change` applied to the container and the last name of `path`."""
    contents = copy.deepcopy([CONTRACT, PAGE])
    container: Any = contents
    for name in path[:-1]:
        container = container[name]
    change(container, path[-1])
    return contents


def put(value: object) -> Callable[[Any, Any], None]:
    def change(container: Any, name: Any) -> None:
        container[name] = value

    return change


def drop(container: Any, name: Any) -> None:
    del container[name]


def is_problem(record: Record) -> bool:
    """Whether a record is a problem that says why, in one line of reasonable length, and keeps its evidence."""
    return (
        isinstance(record, Problem)
        and 0 < len(record.reason) < 500
        and record.key == CONTRACT["generated_unique_award_id"]
        and len(record.documents) == 2
    )
