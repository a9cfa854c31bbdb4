"""Recorded examples of JSON with another value at any place: records or problems, never an error, and clean text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sources.records import Problem, Record
from sources.registry import SOURCES
from tests.sources.examples import FOLDER, Example, as_json
from tests.sources.payloads import WRONG_VALUES, Place, altered, places

JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=50),
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(some.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
ANY_TEXT = some.text(some.characters(exclude_categories=()), max_size=200)  # NUL and halves of surrogate pairs, too
VALUES = some.sampled_from([..., *WRONG_VALUES, "NUL\x00IN", "\ud83d\ude00", "\udc00\ud800"]) | JSON | ANY_TEXT


def json_examples() -> Iterator[Any]:
    for file in sorted(FOLDER.glob("*/*.json")):
        example = Example(file)
        if example.payload.documents[0].body.lstrip().startswith(b"{"):
            yield pytest.param(example, id=f"{example.source}-{file.stem}")


@cache
def contents_and_places(example: Example) -> tuple[list[Any], list[Place]]:
    """What its documents hold, and every place in there."""
    contents = [json.loads(document.body) for document in example.payload.documents]
    return contents, list(places(contents))


def texts(value: object) -> Iterator[str]:
    """Every text in a record's fields."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


def encoded(value: object) -> object:
    """Return JSON with each ampersand in its texts encoded once more than it should be."""
    if isinstance(value, str):
        return value.replace("&", "&amp;")
    if isinstance(value, dict):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(inner) for inner in value] if isinstance(value, list) else value


def without_revision(record: Record) -> dict[str, Any]:
    """Return a record without the digest of what its source has sent."""
    return {name: value for name, value in as_json(record).items() if name != "revision"}


@pytest.mark.parametrize("example", list(json_examples()))
def test_ampersands_that_are_encoded_once_more_make_no_difference(example: Example) -> None:
    documents = tuple(
        replace(one, body=json.dumps(encoded(json.loads(one.body))).encode()) for one in example.payload.documents
    )
    records = SOURCES[example.source].parse(replace(example.payload, documents=documents))
    expected = SOURCES[example.source].parse(example.payload)
    assert [without_revision(one) for one in records] == [without_revision(one) for one in expected]
    assert all(one.documents == documents for one in records)


@pytest.mark.parametrize("example", list(json_examples()))
@given(data=some.data())
def test_any_value_in_any_field_gives_records_or_problems(example: Example, data: some.DataObject) -> None:
    contents, all_places = contents_and_places(example)
    place, value = data.draw(some.sampled_from(all_places), label="place"), data.draw(VALUES, label="value")
    changed = tuple(
        replace(document, body=json.dumps(content).encode())
        for document, content in zip(example.payload.documents, altered(contents, place, value), strict=False)
    )
    records = SOURCES[example.source].parse(replace(example.payload, documents=changed))
    assert records
    for record in records:
        if isinstance(record, Problem):
            assert 0 < len(record.reason) < 500
            assert record.documents == changed
        for text in texts(as_json(record)):
            assert "\x00" not in text
            text.encode()
