"""Every reader of what comes from outside, given damaged bytes of real inputs: results or typed errors, nothing else.

The long form: python -m pytest tests/test_fuzzing.py --hypothesis-profile long
With a fuzzer that is guided by coverage: tests/fuzz.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as some

from monitors.watchlist.csv_io import read_spreadsheet, write_spreadsheet
from monitors.watchlist.loader import read_categories, read_file
from monitors.watchlist.yaml_reader import WatchlistError
from sources.base import FileSource
from sources.errors import SourceError
from sources.records import Payload
from sources.registry import SOURCES
from storage.search.query import InvalidQuery, read_query
from storage.writing.reviews import InvalidReviewDecision, read_decisions
from tests.app_context import shipped
from tests.sources.examples import Example, examples_of

DATA = Path(__file__).parent / "data"
CATEGORIES = read_categories()
PIECES = [
    *(b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"&amp;", b"&#0;", b"<", b">", b'"', b"'"),
    *(b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"\n", b"\r", b"\t", b"- ", b"|", b"*", b"!!"),
    *(b"null", b"true", b"NaN", b"1e999", b"-1", b"9" * 30, b"0001-01-01", b"9999-12-31", b"2024-02-30"),
    *(b"9999-12-31T23:59:59+14:00", b"<!DOCTYPE x>", b"]]>", b"<![CDATA["),
]
Damage = tuple[float, int, bytes, int]
DAMAGES = some.lists(
    some.tuples(
        some.floats(0, 1),
        some.integers(0, 60),
        some.sampled_from(PIECES) | some.binary(max_size=8),
        some.integers(1, 40),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, damages: list[Damage]) -> bytes:
    """Return bytes in which pieces are cut out at some places (a share of the length) and others put in, repeated."""
    for share, cut, piece, times in damages:
        start = int(share * len(content))
        content = content[:start] + piece * times + content[start + cut :]
    return content


@cache
def small_examples(source: str) -> tuple[Example, ...]:
    examples = examples_of(source)
    return tuple(one for one in examples if sum(len(each.body) for each in one.payload.documents) < 60_000)


@pytest.mark.parametrize("source", [name for name in SOURCES if examples_of(name)])
@given(data=some.data())
def test_damaged_responses_are_records_or_problems(source: str, data: some.DataObject) -> None:
    payload = data.draw(some.sampled_from(small_examples(source)), label="example").payload
    at = data.draw(some.integers(0, len(payload.documents) - 1), label="document")
    read_response(payload, at, damaged(payload.documents[at].body, data.draw(DAMAGES, label="damage")))


def read_response(payload: Payload, at: int, body: bytes) -> None:
    documents = tuple(replace(one, body=body) if n == at else one for n, one in enumerate(payload.documents))
    for record in SOURCES[payload.source].parse(replace(payload, documents=documents)):
        assert str(record).encode()


FILES = {"dod": DATA / "dod" / "article.html", "fpds": DATA / "fpds" / "page.xml"}


@pytest.mark.parametrize("source", FILES)
@given(damages=DAMAGES)
def test_damaged_files_are_read_or_refused(
    source: str, tmp_path_factory: pytest.TempPathFactory, damages: list[Damage]
) -> None:
    file = tmp_path_factory.getbasetemp() / f"damaged-{source}"
    read_import(source, file, damaged(FILES[source].read_bytes(), damages))


def read_import(source: str, file: Path, body: bytes) -> None:
    file.write_bytes(body)
    reader = SOURCES[source]
    assert isinstance(reader, FileSource)
    try:
        for item in reader.read_file(file):
            assert not isinstance(item, Payload) or SOURCES[source].parse(item) is not None
    except SourceError as error:
        assert len(str(error)) < 1000


ENTRIES = shipped().vendors[:3]
YAML = (Path(__file__).parents[1] / "monitors" / "vendors" / "dna.yaml").read_bytes()[:3000]
WATCHLISTS: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "yaml": (YAML, lambda file: read_file(file, CATEGORIES)),
    "csv": (write_spreadsheet(ENTRIES).encode(), lambda file: read_spreadsheet(file, CATEGORIES)),
}


@pytest.mark.parametrize("form", WATCHLISTS)
@given(damages=DAMAGES)
def test_damaged_watchlists_are_read_or_refused_in_one_line(
    form: str, tmp_path_factory: pytest.TempPathFactory, damages: list[Damage]
) -> None:
    read_watchlist(form, tmp_path_factory.getbasetemp() / f"damaged.{form}", damaged(WATCHLISTS[form][0], damages))


def read_watchlist(form: str, file: Path, body: bytes) -> None:
    file.write_bytes(body)
    try:
        WATCHLISTS[form][1](file)
    except WatchlistError as error:
        assert str(error).startswith(file.name)
        assert len(str(error).splitlines()) == 1


DECISION = {
    "vendor_id": "clearview-ai",
    "subject": "record:CONT_AWD_1",
    "decision": "rejected",
    "decided_by": "A",
    "note": "a & b",
    "public_reason": "",
    "decided_at": "2026-11-01T12:00:00+00:00",
}


DECISIONS = f"{json.dumps(DECISION)}\n{json.dumps(DECISION)}\n".encode()


@given(damages=DAMAGES)
def test_damaged_decisions_are_read_or_refused(damages: list[Damage]) -> None:
    read_reviews(damaged(DECISIONS, damages))


def read_reviews(content: bytes) -> None:
    try:
        for decision in read_decisions(content.decode("utf-8", "replace").splitlines()):
            json.dumps(decision.note).encode()
            assert decision.subject.encode()
    except InvalidReviewDecision as error:
        assert str(error).startswith("line ")


ADDRESS = b'q="face recognition" -toys clear*&vendor=axon&agency=7012&since=2021-01-01&min_amount=$1,000&psc=7A21'


@given(damages=DAMAGES)
def test_damaged_queries_are_read_or_refused_in_one_line(damages: list[Damage]) -> None:
    read_address(damaged(ADDRESS, damages))


def read_address(content: bytes) -> None:
    pairs = parse_qsl(content.decode("utf-8", "surrogateescape"), keep_blank_values=True)
    try:
        query = read_query(pairs)
    except InvalidQuery as error:
        assert len(str(error).splitlines()) == 1
    else:
        address = query.url_query()
        assert read_query(parse_qsl(address)).url_query() == address
