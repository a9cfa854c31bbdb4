"""Every source has a recorded example, found by itself, and reads it into the records that a person has reviewed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sources.base import Source
from sources.records import Problem, Record
from sources.registry import SOURCES
from tests.sources.examples import FOLDER, Example, as_json, examples_of

HTML = b"<!doctype html><html><head><title>Access Denied</title></head><body>Please enable cookies.</body></html>"
FOREIGN = {
    "empty": b"",
    "html": HTML,
    "html with a line end": HTML + b"\n",
    "binary": b"\xff\x00",
    "a list": b"[]",
    "nested deeply": b"[" * 100_000,
}

each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
each_example = pytest.mark.parametrize(
    "example", [Example(file) for file in sorted(FOLDER.glob("*/*.json"))], ids=lambda example: _name(example.file)
)


def _name(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"


def read(example: Example, body: bytes | None = None) -> list[Record]:
    """Read an example, with another body for its first document if one is given."""
    first, *others = example.payload.documents
    documents = (first if body is None else replace(first, body=body), *others)
    return list(SOURCES[example.source].parse(replace(example.payload, documents=documents)))


@each_source
def test_every_source_has_a_recorded_example(source: Source) -> None:
    assert examples_of(source.name), f"no example: put one into tests/data/examples/{source.name}/"


@each_example
def test_a_recorded_example_is_parsed_into_its_records(example: Example) -> None:
    assert example.content["origin"], "an example says where it is from"
    records = read(example)
    if "records" not in example.content:
        example.write_records(records)
        pytest.fail(f"{example.file} stated no records: they are written into it now; review them and run again")
    assert [as_json(record) for record in records] == example.content["records"]


@each_example
def test_example_records_belong_to_their_source(example: Example) -> None:
    records, again = read(example), read(example)
    assert records == again, "the same payload gives the same records"
    assert {record.source for record in records} == {example.source}
    assert len({(type(record), record.key) for record in records}) == len(records)
    for record in records:
        assert record.key == record.key.strip()
        assert record.documents, "a record has its evidence"
        assert set(record.documents) <= set(example.payload.documents)


@each_example
@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_payload_is_a_problem_with_its_reason(example: Example, body: bytes) -> None:
    records = read(example, body)
    assert records
    for record in records:
        assert isinstance(record, Problem)
        assert record.reason
        assert "\n" not in record.reason
        assert record.documents


@each_example
def test_a_truncated_payload_never_raises(example: Example) -> None:
    body = example.payload.documents[0].body
    for tenth in range(1, 10):
        assert read(example, body[: len(body) * tenth // 10])
