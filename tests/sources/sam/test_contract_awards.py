"""The source `samawards`, over real HTTP against a fake server that is as strict as SAM.gov."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sources.base import FailedStep, Fetched, IncompleteResult, NotModified, SearchTerms, StoredVersion
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, Stopped, Unreachable
from sources.records import Award, MatchedAward, Payload, Problem, Removal
from sources.sam.contract_awards import extract
from sources.sam.contract_awards.extract import ExtractNotReady
from tests.sources.fakes import CountingQuota, Memory
from tests.sources.sam.contract_awards import (
    RECORDS,
    SOURCE,
    TODAY,
    Json,
    changed,
    client_of,
    fetched,
    knowing,
    noted,
    parsed,
    piids,
    poll_steps,
    record,
    remember,
)
from tests.upstreams.faults import Fault
from tests.upstreams.sam_contract_awards import DOWNLOAD, KEY, SEARCH, FaultySamContractAwards, wire
from tests.upstreams.server import Answer, LoggedRequest

MODIFIED = poll_steps()["modified"]


@pytest.fixture
def server() -> Iterator[FaultySamContractAwards]:
    with FaultySamContractAwards(RECORDS) as fake_server:
        yield fake_server


@pytest.fixture
def memory() -> Memory:
    return knowing()


def forget_days(memory: Memory) -> Memory:
    """Let nothing count as read."""
    for label in ("modified", "revealed", "deleted"):
        memory.notes.pop(f"{label}/read", None)
    return memory


def one_a_day(days: int) -> list[Json]:
    """Records modified on November 11 and the days after."""
    return [record(f"P{n}", modified=f"2026-11-{11 + n:02}T00:00:00Z") for n in range(days)]


def order(server: FaultySamContractAwards, memory: Memory) -> None:
    """Order an extract that is not ready yet."""
    with pytest.raises(ExtractNotReady):
        fetched(server.base_url, MODIFIED, memory)


def test_a_poll_is_one_submission_and_one_download(server: FaultySamContractAwards, memory: Memory) -> None:
    assert piids(fetched(server.base_url, MODIFIED, memory)) == ["70CDCR26P0001", "70CDCR26P0002"]
    assert server.asked(SEARCH) == [
        {"lastModifiedDate": "[11/11/2026,11/23/2026]", "format": "json", "emailId": "No"},
    ]
    assert len(server.asked(DOWNLOAD)) == 1
    assert server.used == 2
    assert memory.notes["modified"] == ""


def test_evidence_is_the_bytes_of_the_record(server: FaultySamContractAwards, memory: Memory) -> None:
    spaced = record(description="CAMÉRA\u2028 & LENS")
    server.records = [spaced]
    item = fetched(server.base_url, MODIFIED, memory)[0]
    assert isinstance(item, Payload)
    (document,) = item.documents
    assert document.body == wire(spaced)
    assert document.url.startswith(f"{server.base_url}{SEARCH}?lastModifiedDate=")
    assert re.fullmatch(r"from an extract of \d+ bytes, sha256 [0-9a-f]{64}", document.request)
    assert "token" not in document.url
    assert KEY not in document.url


@pytest.mark.parametrize("packing", ["", "zip", "gzip"])
def test_packed_files_are_read(server: FaultySamContractAwards, memory: Memory, packing: str) -> None:
    server.packing = packing
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2


@pytest.mark.parametrize("not_ready", ["400", "303", "s3", "s3 as 200"])
def test_an_unfinished_file_is_fetched_by_a_later_run(
    server: FaultySamContractAwards, memory: Memory, not_ready: str
) -> None:
    server.ready_after, server.not_ready = 3, not_ready
    for _run in range(3):
        with pytest.raises(ExtractNotReady, match="is not ready yet") as raised:
            fetched(server.base_url, MODIFIED, memory)
        assert raised.value.retry_at
        wait = raised.value.retry_at - datetime.now(UTC)
        assert timedelta(minutes=59) < wait <= timedelta(hours=1)
        assert "vAmxTSwqtm" not in str(raised.value)
        assert raised.value.status is None  # a status would make it look like a refusal
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    assert (len(server.submissions), len(server.asked(DOWNLOAD))) == (1, 4)


def test_the_wait_grows_with_the_age_of_the_order(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 100
    for age, least, most in ((3, 2.9, 3.1), (20, 5.9, 6.1)):
        memory.notes.clear()
        memory.notes.update(knowing().notes)
        order(server, memory)
        age_note(memory, "modified", timedelta(hours=age))
        with pytest.raises(ExtractNotReady) as raised:
            fetched(server.base_url, MODIFIED, memory)
        assert raised.value.retry_at
        assert timedelta(hours=least) < raised.value.retry_at - datetime.now(UTC) < timedelta(hours=most)


def age_note(memory: Memory, name: str, age: timedelta) -> None:
    """Let an order have been submitted so long ago."""
    asked = (datetime.now(UTC) - age).isoformat()
    memory.notes[name] = json.dumps([{**part, "submitted_at": asked} for part in noted(memory, name)])


def test_an_order_is_repeated_after_two_days(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    for age, submissions in ((timedelta(hours=47), 1), (timedelta(hours=49), 2)):
        memory.notes.clear()
        memory.notes.update(knowing().notes)
        order(server, memory)
        server.requests.clear()
        age_note(memory, "modified", age)
        if submissions == 1:
            assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
            assert server.submissions == []
        else:
            order(server, memory)
            assert len(server.submissions) == 1


def test_an_expired_token_is_renewed_once(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    order(server, memory)
    server.expire()
    server.ready_after = 0
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    assert len(server.submissions) == 2


def test_a_token_is_renewed_only_once(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    for _time in range(2):
        order(server, memory)
        server.expire()
    with pytest.raises(Refused, match="token is expired"):
        fetched(server.base_url, MODIFIED, memory)
    assert len(server.submissions) == 2


def test_a_later_poll_uses_an_earlier_token(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    order(server, memory)
    server.records.append(record("P9", modified="2026-11-24T00:00:00Z"))
    tomorrow = poll_steps(until=date(2026, 11, 24))["modified"]
    server.ready_after = 0
    assert piids(fetched(server.base_url, tomorrow, memory)) == ["70CDCR26P0001", "70CDCR26P0002", "P9"]
    windows = [submission["lastModifiedDate"] for submission in server.submissions]
    assert windows == ["[11/11/2026,11/23/2026]", "[11/23/2026,11/24/2026]"]
    assert memory.notes["modified/read"] == "2026-11-24"


@pytest.mark.parametrize("note", ["", "[]", "x", '[{"other": 1}]', "[1]"])
def test_an_unreadable_note_is_ignored(server: FaultySamContractAwards, memory: Memory, note: str) -> None:
    memory.notes["modified"] = note
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2


def test_too_large_an_order_is_split(server: FaultySamContractAwards, memory: Memory) -> None:
    server.records = one_a_day(13)
    server.most_extracted, server.requests_per_day = 4, 100
    assert piids(fetched(server.base_url, MODIFIED, memory)) == [f"P{n}" for n in range(13)]
    windows = [submission["lastModifiedDate"] for submission in server.submissions]
    assert windows[:3] == ["[11/11/2026,11/23/2026]", "[11/11/2026,11/16/2026]", "[11/11/2026,11/13/2026]"]
    assert len(server.asked(DOWNLOAD)) == 4
    assert memory.notes["modified"] == ""


def test_a_split_is_remembered(server: FaultySamContractAwards, memory: Memory) -> None:
    server.records = one_a_day(8)
    server.most_extracted, server.ready_after, server.requests_per_day = 4, 1, 100
    given = []
    for _run in range(4):
        try:
            given += piids(fetched(server.base_url, MODIFIED, memory))
        except ExtractNotReady:
            continue
    windows = [submission["lastModifiedDate"] for submission in server.submissions]
    assert len(windows) == len(set(windows))
    assert memory.notes["modified"] == ""


def test_a_part_that_was_read_is_not_read_again(server: FaultySamContractAwards, memory: Memory) -> None:
    server.records = one_a_day(8)
    server.most_extracted, server.requests_per_day = 4, 100
    server.play(Fault.SERVER_ERROR, on=DOWNLOAD, after=1)
    given: list[Fetched] = []
    with client_of(server.base_url) as client, pytest.raises(Unreachable):
        for item in SOURCE.fetch(client, MODIFIED, memory):
            given.append(item)  # noqa: PERF402
    server.heal()
    given += fetched(server.base_url, MODIFIED, memory)
    assert piids(given) == [f"P{n}" for n in range(8)]
    tokens = [int(asked["token"][-1]) for asked in server.asked(DOWNLOAD)]
    assert tokens == [0, 1, 1, 2]


def test_a_day_with_too_many_records_is_a_problem(server: FaultySamContractAwards, memory: Memory) -> None:
    server.most_extracted, server.requests_per_day = 1, 100
    server.records = [record("P1"), record("P2"), record("P3", modified="2026-11-12T00:00:00Z")]
    items = fetched(server.base_url, MODIFIED, memory, quota=CountingQuota(100))
    (problem,) = (item for item in items if isinstance(item, Problem))
    assert problem.key == "EXTRACT_MODIFIED_2026-11-20"
    assert "Total Number of Records: 2 exceeded" in problem.reason
    assert piids([item for item in items if item is not problem]) == ["P3"]
    assert memory.notes["modified/read"] == "2026-11-23"


@pytest.mark.parametrize("nothing", ["200", "204", "message"])
def test_an_empty_extract_is_no_error(server: FaultySamContractAwards, memory: Memory, nothing: str) -> None:
    server.records, server.nothing = [], nothing
    assert fetched(server.base_url, MODIFIED, memory) == []
    assert memory.notes["modified"] == ""


def test_an_unreadable_record_does_not_stop_the_others(server: FaultySamContractAwards, memory: Memory) -> None:
    nameless = changed(record("P2"), "contractId.piid", ...)
    server.records = [record("P1"), nameless, record("P3")]
    records = parsed(fetched(server.base_url, MODIFIED, memory))
    assert [type(found) for found in records] == [Award, Problem, Award]
    digest = hashlib.sha256(wire(nameless)).hexdigest()[:16].upper()
    assert records[1].key == f"UNREADABLE_{digest}"


def test_fewer_records_than_counted_are_an_incomplete_result(server: FaultySamContractAwards, memory: Memory) -> None:
    class Cheat(FaultySamContractAwards):
        renaming = (b'"totalRecords": "2"', b'"totalRecords": "3"')

    with Cheat(RECORDS) as cheat:
        cheat.play(Fault.RENAMED_FIELD, on=DOWNLOAD)
        items = fetched(cheat.base_url, MODIFIED, memory)
    assert items[2:] == [IncompleteResult(step="modified", expected=3, received=2)]


def test_records_before_the_end_of_a_truncated_file_are_read(server: FaultySamContractAwards, memory: Memory) -> None:
    server.play(Fault.TRUNCATED_JSON, on=DOWNLOAD)
    server.records = [record(f"P{n}") for n in range(9)]
    given = []
    with client_of(server.base_url) as client, pytest.raises(SourceChanged):
        for item in SOURCE.fetch(client, MODIFIED, memory):
            given.append(item)  # noqa: PERF402
    assert 3 <= len(given) <= 5


@pytest.mark.parametrize("key", ["", "another-key"])
def test_a_missing_or_wrong_key_is_blocked(server: FaultySamContractAwards, memory: Memory, key: str) -> None:
    with pytest.raises(Blocked, match="Please submit with a valid API key"):
        fetched(server.base_url, MODIFIED, memory, key=key)


def test_unchanged_awards_are_not_modified(server: FaultySamContractAwards, memory: Memory) -> None:
    items = fetched(server.base_url, MODIFIED, memory)
    remember(memory, parsed(items))
    keys = [item.key for item in items if isinstance(item, Payload)]
    assert fetched(server.base_url, MODIFIED, forget_days(memory)) == [NotModified(key=key) for key in keys]
    corrected = record(obligation="99.00", modified="2026-11-21T00:00:00Z")
    server.records = [corrected, *RECORDS[1:]]
    again = fetched(server.base_url, MODIFIED, forget_days(memory))
    assert [type(item) for item in again] == [Payload, NotModified]


def test_an_older_modification_is_not_read_again(server: FaultySamContractAwards, memory: Memory) -> None:
    newer = record(modification="P00001", modified="2026-11-22T00:00:00Z", obligation="5.00", signed="2026-11-22")
    server.records = [record(), newer]
    remember(memory, parsed(fetched(server.base_url, MODIFIED, memory)))
    assert [type(item) for item in fetched(server.base_url, MODIFIED, forget_days(memory))] == [
        NotModified,
        NotModified,
    ]
    key = next(iter(memory.records))
    memory.records[key] = replace(memory.records[key], actions=frozenset({("0", date(2026, 11, 18), Decimal(100))}))
    assert [type(item) for item in fetched(server.base_url, MODIFIED, forget_days(memory))] == [NotModified, Payload]


def test_a_changed_text_is_read_although_a_later_action_of_the_award_is_stored(
    server: FaultySamContractAwards, memory: Memory
) -> None:
    """A run that was cut off has stored the later one of two changed actions, and the award's revision is its time."""
    newer = record(modification="P00001", modified="2026-11-22T00:00:00Z", obligation="5.00", signed="2026-11-22")
    server.records = [record(), newer]
    remember(memory, parsed(fetched(server.base_url, MODIFIED, memory)))
    key = next(iter(memory.records))
    texts = {
        (modification, f"BEFORE: {text}" if modification == "0" else text)
        for modification, text in memory.records[key].texts
    }
    memory.records[key] = replace(memory.records[key], texts=frozenset(texts))
    assert Payload in [type(item) for item in fetched(server.base_url, MODIFIED, forget_days(memory))]


def test_the_revision_of_another_source_is_ignored(server: FaultySamContractAwards, memory: Memory) -> None:
    remember(memory, parsed(fetched(server.base_url, MODIFIED, memory)))
    for key, held in list(memory.records.items()):
        memory.records[key] = StoredVersion(key=key, revision="f" * 16, actions=held.actions)
    assert [type(item) for item in fetched(server.base_url, MODIFIED, forget_days(memory))] == [Payload, Payload]


def test_a_poll_does_not_depend_on_the_watchlist() -> None:
    assert poll_steps(SearchTerms(phrases=("CLEARVIEW",))) == poll_steps()
    assert poll_steps(SearchTerms(stored={"contract": (MatchedAward("CONT_AWD_X", "X"),)})) == {}


def test_defense_awards_delayed_ninety_days_are_found(server: FaultySamContractAwards, memory: Memory) -> None:
    server.records = [
        record(piid, signed=signed, modified="2026-08-20T00:00:00Z", department="9700")
        for piid, signed in (("REVEALED", "2026-08-20"), ("HIDDEN", "2026-10-20"))
    ]
    assert fetched(server.base_url, MODIFIED, memory) == []
    assert piids(fetched(server.base_url, poll_steps()["revealed"], memory)) == ["REVEALED"]
    assert server.submissions[-1]["contractingDepartmentCode"] == "9700"
    assert server.submissions[-1]["dateSigned"] == "[08/18/2026,08/25/2026]"


def test_deletions_are_removals_of_actions(server: FaultySamContractAwards, memory: Memory) -> None:
    server.deleted = [record("GONE", "P00001", modified="2026-11-17T10:00:00Z")]
    memory.wanted = lambda _record: True
    (found,) = parsed(fetched(server.base_url, poll_steps()["deleted"], memory))
    assert isinstance(found, Removal)
    assert (found.key, found.action_key) == ("CONT_AWD_GONE_7012_-NONE-_-NONE-", "7012_-NONE-_GONE_P00001_-NONE-_0")
    assert found.removed == date(2026, 11, 17)


@pytest.mark.parametrize("label", ["revealed", "deleted"])
def test_weekly_extracts_are_read_once_a_week(server: FaultySamContractAwards, memory: Memory, label: str) -> None:
    server.requests_per_day = 100
    for day, submissions in ((23, 1), (24, 1), (29, 1), (30, 2)):
        fetched(server.base_url, poll_steps(until=date(2026, 11, day))[label], memory)
        assert len(server.submissions) == submissions


def test_weekly_extracts_continue_from_the_last_day_read(server: FaultySamContractAwards, memory: Memory) -> None:
    memory.notes["revealed/read"] = "2026-06-30"
    fetched(server.base_url, poll_steps()["revealed"], memory)
    assert server.submissions[-1]["dateSigned"] == "[06/30/2026,08/25/2026]"


def test_weekly_extracts_wait_for_spare_requests(server: FaultySamContractAwards, memory: Memory) -> None:
    step = poll_steps()["deleted"]
    assert fetched(server.base_url, step, memory, quota=CountingQuota(5)) == []
    assert server.requests == []
    server.deleted, server.ready_after = [record()], 1
    assert fetched(server.base_url, step, memory, quota=CountingQuota(6)) == []  # not ready, which fails no run
    assert fetched(server.base_url, step, memory, quota=CountingQuota(2)) == []
    assert len(server.requests) == 2
    assert len(fetched(server.base_url, step, memory, quota=CountingQuota(3))) == 1
    assert (len(server.submissions), memory.notes["deleted/read"]) == (1, "2026-11-23")


@pytest.mark.parametrize("label", ["revealed", "deleted"])
def test_a_delayed_weekly_extract_is_reported(server: FaultySamContractAwards, memory: Memory, label: str) -> None:
    fetched(server.base_url, poll_steps(until=date(2026, 11, 1))[label], memory)
    for until, is_said in ((date(2026, 11, 15), False), (date(2026, 11, 16), True)):
        step = poll_steps(until=until)[label]
        items = fetched(server.base_url, step, memory, quota=CountingQuota(5))
        reason = "5 requests are left today, and are reserved for the daily extract"
        assert items == ([FailedStep(step=step, reason=reason)] if is_said else [])
    server.records = server.deleted = [record(signed="2026-08-10", department="9700", modified="2026-11-10T00:00:00Z")]
    server.ready_after = 1
    (failed,) = fetched(server.base_url, step, memory, quota=CountingQuota(6))
    assert isinstance(failed, FailedStep)
    assert "is not ready yet" in failed.reason
    assert len(fetched(server.base_url, step, memory, quota=CountingQuota(6))) == 1


def test_a_poll_continues_from_the_last_day(server: FaultySamContractAwards, memory: Memory) -> None:
    server.requests_per_day = 100
    for day in (23, 24, 27):
        fetched(server.base_url, poll_steps(until=date(2026, 11, day), since=date(2026, 11, 22))["modified"], memory)
    fetched(server.base_url, poll_steps(until=date(2026, 11, 27), since=date(2026, 11, 22))["modified"], memory)
    windows = [submission["lastModifiedDate"] for submission in server.submissions]
    assert windows == ["[11/22/2026,11/23/2026]", "[11/23/2026,11/24/2026]", "[11/24/2026,11/27/2026]"]


@pytest.mark.parametrize(
    ("daily", "since"), [(1, 11), (10_256, 11), (10_300, 12), (40_000, 21), (70_000, 23), (500_000, 23)]
)
def test_the_first_poll_covers_two_files(
    server: FaultySamContractAwards, memory: Memory, daily: int, since: int
) -> None:
    memory.notes["modified/daily"] = str(daily)
    server.requests_per_day, server.ready_after = 100, 1
    server.records = one_a_day(13)
    order(server, memory)
    assert memory.notes["modified/read"] == f"2026-11-{since}"
    assert server.submissions[0]["lastModifiedDate"].startswith(f"[11/{since}/2026,")
    assert len(server.submissions) <= 2


def test_the_first_poll_counts_before_it_orders(server: FaultySamContractAwards) -> None:
    memory = Memory()
    step = poll_steps(since=date(2026, 11, 22))["modified"]
    server.records = [record(f"P{n}", modified="2026-11-23T00:00:00Z") for n in range(5)]
    assert len(fetched(server.base_url, step, memory)) == 5
    first, *others = server.asked(SEARCH)
    assert (first["limit"], first["includeSections"]) == ("1", "contractId")
    assert ["format" in asked for asked in others] == [True]
    assert memory.notes["modified/daily"] == "3"  # five in two days
    fetched(server.base_url, poll_steps(until=date(2026, 11, 24), since=date(2026, 11, 22))["modified"], memory)
    assert ["format" in asked for asked in server.asked(SEARCH)[2:]] == [True]


@pytest.mark.parametrize(("known", "then"), [("10", "5"), ("3", "3"), ("1", "3")])
def test_the_records_per_day_estimate_falls_slowly(
    server: FaultySamContractAwards, memory: Memory, known: str, then: str
) -> None:
    memory.notes["modified/daily"] = known
    server.records = [record(f"P{n}", modified="2026-11-23T00:00:00Z") for n in range(5)]
    fetched(server.base_url, poll_steps(since=date(2026, 11, 22))["modified"], memory)
    assert memory.notes["modified/daily"] == then


def test_deletions_are_requested_as_far_back_as_listed(server: FaultySamContractAwards, memory: Memory) -> None:
    memory.notes["deleted/read"] = "2024-01-01"
    fetched(server.base_url, poll_steps()["deleted"], memory)
    assert server.submissions[-1]["lastModifiedDate"] == "[05/27/2026,11/23/2026]"


def test_a_count_of_zero_orders_nothing(server: FaultySamContractAwards) -> None:
    server.records = []
    memory = Memory()
    assert fetched(server.base_url, MODIFIED, memory) == []
    assert server.submissions == []
    assert memory.notes["modified/read"] == "2026-11-23"


@pytest.mark.parametrize(("daily", "windows"), [(5_000, 1), (5_200, 2), (11_000, 3), (60_000, 12), (900_000, 13)])
def test_orders_are_split_by_expected_file_size(
    server: FaultySamContractAwards, memory: Memory, daily: int, windows: int
) -> None:
    memory.notes |= {"modified/daily": str(daily), "modified/read": "2026-11-11"}
    server.requests_per_day = 100
    server.records = one_a_day(13)
    assert piids(fetched(server.base_url, MODIFIED, memory)) == [f"P{n}" for n in range(13)]
    assert len(server.submissions) == windows
    assert int(memory.notes["modified/daily"]) < daily  # and is found to be less


def test_too_large_a_file_is_ordered_in_halves(
    server: FaultySamContractAwards, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.records = one_a_day(13)
    server.requests_per_day = 100
    monkeypatch.setattr(extract, "CUT_OFF_SIZE", 5 * len(wire(server.records[0])))
    items = fetched(server.base_url, MODIFIED, memory)
    assert piids(items) == [f"P{n}" for n in range(13)]
    tokens = [asked["token"] for asked in server.asked(DOWNLOAD)]
    assert len(tokens) == len(set(tokens)) == len(server.submissions) > 4


def test_a_single_day_may_be_larger(
    server: FaultySamContractAwards, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "CUT_OFF_SIZE", 100)
    server.records = [record("P1", modified="2026-11-23T00:00:00Z"), record("P2", modified="2026-11-23T00:00:00Z")]
    server.requests_per_day = 100
    step = poll_steps(since=date(2026, 11, 22))["modified"]
    assert piids(fetched(server.base_url, step, memory)) == ["P1", "P2"]


def test_a_day_that_is_too_large_is_a_problem(
    server: FaultySamContractAwards, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MAX_FILE_SIZE", 1500)
    monkeypatch.setattr(extract, "CUT_OFF_SIZE", 1500)
    server.records = [record("P1"), record("P2"), record("P3", modified="2026-11-12T00:00:00Z")]
    server.requests_per_day = 100
    items = fetched(server.base_url, MODIFIED, memory)
    (problem,) = (item for item in items if isinstance(item, Problem))
    assert problem.key == "EXTRACT_MODIFIED_2026-11-20"
    assert "the file is larger than 1500 bytes" in problem.reason
    assert piids([item for item in items if item is not problem]) == ["P3"]


def test_the_quota_is_reserved_for_downloads(server: FaultySamContractAwards, memory: Memory) -> None:
    memory.notes |= {"modified/daily": "60000", "modified/read": "2026-11-11"}
    server.records = one_a_day(13)
    server.ready_after, server.requests_per_day = 1, 1000
    order(server, memory)
    assert len(server.submissions) == 3
    server.ready_after = 0
    with pytest.raises(QuotaUsedUp):
        fetched(server.base_url, MODIFIED, memory, quota=CountingQuota(3))
    assert len(server.submissions) == 3  # three files, and no request for another order


def test_a_new_order_waits_a_minute(server: FaultySamContractAwards, memory: Memory) -> None:
    waits: list[float] = []
    rate_limit: dict[str, Any] = {"seconds_between": 0.5, "sleep": waits.append}
    assert len(fetched(server.base_url, MODIFIED, memory, **rate_limit)) == 2
    assert [wait for wait in waits if wait > 1] == [60]
    server.ready_after = 1
    forget_days(memory)
    order(server, memory)
    assert len(fetched(server.base_url, MODIFIED, memory, **rate_limit)) == 2
    assert [wait for wait in waits if wait > 1] == [60]  # one of an earlier run is asked for at once


def test_a_stopped_run_does_not_wait_for_a_file(server: FaultySamContractAwards, memory: Memory) -> None:
    with pytest.raises(Stopped):
        fetched(server.base_url, MODIFIED, memory, seconds_between=0.01, sleep=lambda seconds: seconds > 1)
    assert server.asked(DOWNLOAD) == []
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    assert len(server.submissions) == 1


ERRORS_WITH_200 = ["html", "string", "text"]


@pytest.mark.parametrize("shape", ERRORS_WITH_200)
@pytest.mark.parametrize("label", ["modified", "search"])
def test_a_refused_key_with_status_200_is_blocked(
    server: FaultySamContractAwards, memory: Memory, shape: str, label: str
) -> None:
    server.wrong_status = shape
    steps = {"modified": MODIFIED, "search": SOURCE.backfill_steps(SearchTerms(names=("ACME",)), TODAY, TODAY)[0]}
    with pytest.raises(Blocked, match=r"API_KEY_INVALID|invalid API key"):
        fetched(server.base_url, steps[label], memory, key="another")


@pytest.mark.parametrize("shape", ["", *ERRORS_WITH_200])
@pytest.mark.parametrize("path", [SEARCH, DOWNLOAD])
def test_a_used_up_quota_is_recognized_with_any_status(
    server: FaultySamContractAwards, memory: Memory, shape: str, path: str
) -> None:
    server.wrong_status, server.used = shape, 10 if path == SEARCH else 9
    ledger = CountingQuota(5)
    with pytest.raises(QuotaUsedUp):
        fetched(server.base_url, MODIFIED, memory, quota=ledger)
    assert ledger.remaining() == 0
    server.used = 0
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    assert len(server.exports) == 1


@pytest.mark.parametrize("shape", ["string", "text"])
def test_too_many_records_with_status_200_are_split(
    server: FaultySamContractAwards, memory: Memory, shape: str
) -> None:
    server.records = one_a_day(6)
    server.wrong_status, server.most_extracted, server.requests_per_day = shape, 4, 100
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 6


@pytest.mark.parametrize("body", [b'"something else is wrong"', b"something else is wrong", b"<h1>Oops</h1>", b"[]"])
def test_another_error_with_status_200_is_a_changed_source(memory: Memory, body: bytes) -> None:
    class Wrong(FaultySamContractAwards):
        def answer(self, _: LoggedRequest) -> Answer:
            return Answer(body=body)

    with Wrong() as wrong, pytest.raises(SourceChanged):
        fetched(wrong.base_url, MODIFIED, memory)


@pytest.mark.parametrize("shape", ["", *ERRORS_WITH_200])
def test_an_ignored_key_header_is_remembered(server: FaultySamContractAwards, memory: Memory, shape: str) -> None:
    server.reads_header, server.wrong_status = False, shape
    items = fetched(server.base_url, MODIFIED, memory)
    assert len(piids(items)) == 2
    assert memory.notes["assumption/header-key"] == "does not hold"
    assert ["api_key" in request.path for request in server.requests] == [False, True, True]
    assert not any(KEY in repr(item) for item in items)
    server.requests.clear()
    fetched(server.base_url, MODIFIED, forget_days(memory))
    assert ["api_key" in request.path for request in server.requests] == [True, True]


def test_a_missing_download_does_not_change_the_key_assumption(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after, server.not_ready = 1, "s3"
    order(server, memory)
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    assert "assumption/header-key" not in memory.notes
