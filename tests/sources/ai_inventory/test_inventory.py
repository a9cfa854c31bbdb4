"""The adapter of the AI use-case inventory, over real HTTP against a fake server for GitHub's raw files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from sources.ai_inventory.inventory import AiInventory
from sources.base import DateWindow, Fetched, FetchStep, NotModified, SearchTerms, StoredVersion
from sources.errors import Refused, SourceChanged, Unreachable
from sources.records import Document, Payload, Problem, Publication
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.upstreams.ai_inventory import (
    COMMERCIAL,
    CONSOLIDATED,
    INDIVIDUAL,
    INDIVIDUAL_HEADER,
    RETIRED,
    TOWER,
    FaultyAiInventory,
    Row,
    table,
)
from tests.upstreams.faults import Fault

SOURCE = AiInventory()
DAY = date(2026, 4, 14)
TERMS = SearchTerms(names=("ANDURIL",), phrases=("SURVEILLANCE TOWER",))
STEPS = {step.key: step for step in SOURCE.backfill_steps(TERMS, DAY, DAY)}
STEP = STEPS["2025/individual"]
ASSUMPTIONS = {assumption.name: assumption for assumption in SOURCE.assumptions}


@pytest.fixture
def server() -> Iterator[FaultyAiInventory]:
    with FaultyAiInventory() as fake_server:
        yield fake_server


def fetched(server: FaultyAiInventory, stored: Memory | None = None, step: FetchStep = STEP) -> list[Fetched]:
    with client_for(SOURCE, server.base_url) as client:
        return list(SOURCE.fetch(client, step, stored or Memory()))


def document(*rows: Row, body: bytes | None = None) -> Document:
    content = table(INDIVIDUAL_HEADER, rows) if body is None else body
    return Document(
        url="https://example.test/x.csv",
        request="",
        retrieved_at=datetime(2026, 4, 14, tzinfo=UTC),
        content_type="text/plain",
        body=content,
    )


def remembered(server: FaultyAiInventory, step: FetchStep = STEP) -> Memory:
    """The memory of a program that has stored what the server holds."""
    (payload,) = fetched(server, step=step)
    assert isinstance(payload, Payload)
    records = [record for record in SOURCE.parse(payload) if isinstance(record, Publication)]
    return Memory(records={record.key: StoredVersion(key=record.key, revision=record.revision) for record in records})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda body: body.replace(b"pia_url", b"pia_link"), "no column pia_url"),
        (lambda body: body.replace(b"has_custom_code", b"has_pii"), "columns that are there twice"),
        (lambda body: body[:-20], "cut off"),
        (lambda body: body + b'DHS,"an open quote\n', "not a whole table"),
        (lambda _body: b"<!doctype html><html><body>Sign in</body></html>\n", "Sign in"),
        (lambda _body: b'""\n', "no column"),
        (lambda _body: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "git-lfs"),
    ],
    ids=["a column renamed", "a column twice", "cut off", "an open quote", "a page", "nothing", "a pointer"],
)
def test_another_format_means_the_source_changed(server: FaultyAiInventory, change: object, says: str) -> None:
    assert callable(change)
    server.files[INDIVIDUAL] = change(server.files[INDIVIDUAL])
    with pytest.raises(SourceChanged, match=says):
        fetched(server)
    with client_for(SOURCE, server.base_url) as client, pytest.raises(SourceChanged, match=says):
        SOURCE.health_check(client)


def test_stored_evidence_of_another_format_is_a_problem() -> None:
    payload = Payload(source=SOURCE.name, key="K", revision="", documents=(document(body=b"<html></html>\n"),))
    (record,) = SOURCE.parse(payload)
    assert isinstance(record, Problem)
    assert record.key == "K"


def test_a_file_without_rows_fails_the_control_query(server: FaultyAiInventory) -> None:
    server.files[INDIVIDUAL] = table(INDIVIDUAL_HEADER, [])
    with client_for(SOURCE, server.base_url) as client:
        assert SOURCE.health_check(client) is False


def test_a_poll_reads_each_file_once(server: FaultyAiInventory) -> None:
    window = DateWindow(until=DAY, signed_since=DAY, modified_since=DAY)
    for step in SOURCE.poll_steps(TERMS, window):
        fetched(server, step=step)
    asked = [(request.method, request.path) for request in server.requests]
    assert asked == [("GET", CONSOLIDATED), ("GET", INDIVIDUAL), ("GET", COMMERCIAL)]


def test_stored_rows_are_not_modified(server: FaultyAiInventory) -> None:
    for step in STEPS.values():
        memory = remembered(server, step)
        assert fetched(server, memory, step) == [NotModified(key=key) for key in memory.records]


def test_one_changed_row_returns_the_file_again(server: FaultyAiInventory) -> None:
    memory = remembered(server)
    server.files[INDIVIDUAL] = table(INDIVIDUAL_HEADER, [{**TOWER, "vendor_name": "Anduril Industries"}, RETIRED])
    (payload,) = fetched(server, memory)
    assert isinstance(payload, Payload)
    changed = [record for record in SOURCE.parse(payload) if isinstance(record, Publication)]
    assert [record.key for record in changed if memory.records[record.key].revision != record.revision] == [
        "AI_USE_CASE_2025_DHS_DHS-35"
    ]


def test_an_unreadable_row_is_reported_on_every_poll(
    server: FaultyAiInventory,
) -> None:
    server.files[INDIVIDUAL] += b"DHS,short\n"
    memory = remembered(server)
    kinds = [type(item) for item in fetched(server, memory)]
    assert kinds == [NotModified] * 4 + [Problem]


def test_a_deleted_file_is_refused(server: FaultyAiInventory) -> None:
    del server.files[INDIVIDUAL]
    with pytest.raises(Refused, match="404: Not Found"):
        fetched(server)


@pytest.mark.parametrize("broken", STEPS)
def test_each_file_fails_alone(broken: str) -> None:
    with FaultyAiInventory() as server:
        server.play(Fault.UNAVAILABLE, on=str(STEPS[broken].query["file"]))
        for key, step in STEPS.items():
            if key == broken:
                with pytest.raises(Unreachable):
                    fetched(server, step=step)
            else:
                assert len(fetched(server, step=step)) == 1


@pytest.mark.parametrize("wrong", ["", *ASSUMPTIONS])
@pytest.mark.parametrize("name", ASSUMPTIONS)
def test_a_probe_reports_whether_its_assumption_holds(name: str, wrong: str) -> None:
    with FaultyAiInventory(wrong=wrong) as server, client_for(SOURCE, server.base_url) as client:
        assert ASSUMPTIONS[name].probe(client) is (name != wrong)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [("inventory-2024", "2024/consolidated"), ("commercial-2025", "2025/commercial"), ("newest-year", "")],
)
def test_a_wrong_assumption_does_not_block_other_files(wrong: str, failing: str) -> None:
    with FaultyAiInventory(wrong=wrong) as server:
        for key, step in STEPS.items():
            if key == failing:
                with pytest.raises((Refused, SourceChanged)):
                    fetched(server, step=step)
            else:
                assert len(fetched(server, step=step)) == 1
