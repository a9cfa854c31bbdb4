"""The adapter of the AI use-case inventory, over real HTTP against a fake server for GitHub's raw files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from sources.ai_inventory.inventory import AiInventory
from sources.base import DateWindow, Fetched, FetchStep, NotModified, SearchTerms, StoredVersion
from sources.errors import Refused, SourceChanged, Unreachable
from sources.records import Payload, Problem, Publication
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.upstreams.ai_inventory import (
    COMMERCIAL,
    CONSOLIDATED,
    INDIVIDUAL,
    RETIRED,
    TOWER,
    USE_CASES,
    FaultyAiInventory,
    table,
)
from tests.upstreams.faults import Fault

SOURCE = AiInventory()
DAY = date(2026, 4, 14)
TERMS = SearchTerms(names=("ANDURIL",), phrases=("SURVEILLANCE TOWER",))
STEPS = {step.key: step for step in SOURCE.backfill_steps(TERMS, DAY, DAY)}
STEP = STEPS["2025/individual"]


@pytest.fixture
def server() -> Iterator[FaultyAiInventory]:
    with FaultyAiInventory() as fake_server:
        yield fake_server


def fetched(server: FaultyAiInventory, stored: Memory | None = None, step: FetchStep = STEP) -> list[Fetched]:
    with client_for(SOURCE, server.base_url) as client:
        return list(SOURCE.fetch(client, step, stored or Memory()))


def remembered(server: FaultyAiInventory, step: FetchStep = STEP) -> Memory:
    """The memory of a program that has stored what the server holds."""
    (payload,) = fetched(server, step=step)
    assert isinstance(payload, Payload)
    records = [record for record in SOURCE.parse(payload) if isinstance(record, Publication)]
    return Memory(records={record.key: StoredVersion(key=record.key, revision=record.revision) for record in records})


FORMATS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a column renamed": (INDIVIDUAL, lambda body: body.replace(b"pia_url", b"pia_link"), "no column pia_url"),
    "a column twice": (
        INDIVIDUAL,
        lambda body: body.replace(b"has_custom_code", b"has_pii"),
        "columns that are there twice",
    ),
    "cut off": (INDIVIDUAL, lambda body: body[:-20], "cut off"),
    "an open quote": (INDIVIDUAL, lambda body: body + b'DHS,"an open quote\n', "not a whole table"),
    "a page": (INDIVIDUAL, lambda _: b"<!doctype html><html><body>Sign in</body></html>\n", "Sign in"),
    "nothing": (INDIVIDUAL, lambda _: b'""\n', "no column"),
    "a pointer": (INDIVIDUAL, lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git-lfs"),
    "a column of 2024 renamed": (
        CONSOLIDATED,
        lambda body: body.replace(b"Use Case Name", b"Name", 1),
        "no column",
    ),
    "a column of 2024 twice": (
        CONSOLIDATED,
        lambda body: body.replace(b"Date Retired", b"Date Initiated", 1),
        "columns that are there twice",
    ),
}


@pytest.mark.parametrize(("file", "change", "says"), FORMATS.values(), ids=FORMATS.keys())
def test_another_format_means_the_source_changed(
    server: FaultyAiInventory, file: str, change: Callable[[bytes], bytes], says: str
) -> None:
    server.files[file] = change(server.files[file])
    step = STEP if file == INDIVIDUAL else STEPS["2024/consolidated"]
    with pytest.raises(SourceChanged, match=says):
        fetched(server, step=step)
    if file == INDIVIDUAL:
        with client_for(SOURCE, server.base_url) as client, pytest.raises(SourceChanged, match=says):
            SOURCE.health_check(client)


def test_a_file_without_rows_fails_the_control_query(server: FaultyAiInventory) -> None:
    server.files[INDIVIDUAL] = server.files[INDIVIDUAL].splitlines(keepends=True)[0]
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
    server.files[INDIVIDUAL] = table({**TOWER, "vendor_name": "Anduril Industries"}, RETIRED)
    (payload,) = fetched(server, memory)
    assert isinstance(payload, Payload)
    changed = [record for record in SOURCE.parse(payload) if isinstance(record, Publication)]
    assert [record.key for record in changed if memory.records[record.key].revision != record.revision] == [
        "AI_USE_CASE_2025_DHS_DHS-35"
    ]


def test_an_unreadable_row_is_reported_on_every_poll(server: FaultyAiInventory) -> None:
    server.files[INDIVIDUAL] += b"DHS,short\n"
    memory = remembered(server)
    kinds = [type(item) for item in fetched(server, memory)]
    assert kinds == [NotModified] * len(USE_CASES) + [Problem]


def test_a_deleted_file_is_refused(server: FaultyAiInventory) -> None:
    del server.files[INDIVIDUAL]
    with pytest.raises(Refused, match="404: Not Found"):
        fetched(server)


def assert_fails_alone(server: FaultyAiInventory, failing: str) -> None:
    """Read all files; the one of the step `failing` must fail, and no other."""
    for key, step in STEPS.items():
        if key == failing:
            with pytest.raises((Refused, SourceChanged, Unreachable)):
                fetched(server, step=step)
        else:
            assert len(fetched(server, step=step)) == 1


@pytest.mark.parametrize("broken", STEPS)
def test_each_file_fails_alone(server: FaultyAiInventory, broken: str) -> None:
    server.play(Fault.UNAVAILABLE, on=str(STEPS[broken].query["file"]))
    assert_fails_alone(server, broken)


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [("inventory-2024", "2024/consolidated"), ("commercial-2025", "2025/commercial"), ("newest-year", "")],
)
def test_a_wrong_assumption_does_not_block_other_files(wrong: str, failing: str) -> None:
    with FaultyAiInventory(wrong=wrong) as server:
        assert_fails_alone(server, failing)
