"""The source `samawards`, over real HTTP against a stand-in that is as strict as SAM.gov."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from sources.contract import HeldRecord, Interest, Shortfall, Unchanged
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable
from sources.records import Award, HeldAward, Payload, Problem, Removal
from sources.sam_contract_awards_extract import ExtractNotReady
from tests.sources.memory import Memory
from tests.sources.sam_records import (
    RECORDS,
    SOURCE,
    Ledger,
    changed,
    client_of,
    fetched,
    noted,
    parsed,
    piids,
    poll_steps,
    record,
    remember,
)
from tests.upstreams.faults import Fault
from tests.upstreams.sam_contract_awards import DOWNLOAD, KEY, SEARCH, FaultySamContractAwards, wire

MODIFIED = poll_steps()["modified"]


@pytest.fixture
def server() -> Iterator[FaultySamContractAwards]:
    with FaultySamContractAwards(RECORDS) as stand_in:
        yield stand_in


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_a_poll_is_one_submission_and_one_download(server: FaultySamContractAwards, memory: Memory) -> None:
    assert piids(fetched(server.base_url, MODIFIED, memory)) == ["70CDCR26P0001", "70CDCR26P0002"]
    assert server.asked(SEARCH) == [
        {"lastModifiedDate": "[11/11/2026,11/23/2026]", "format": "json", "emailId": "No"},
    ]
    assert len(server.asked(DOWNLOAD)) == 1
    assert server.used == 2
    assert memory.notes["modified"] == ""


def test_the_evidence_is_the_record_s_own_bytes_and_where_they_are_from(
    server: FaultySamContractAwards, memory: Memory
) -> None:
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
def test_a_file_is_read_however_it_is_packed(server: FaultySamContractAwards, memory: Memory, packing: str) -> None:
    server.packing = packing
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2


@pytest.mark.parametrize("not_ready", ["400", "303", "s3", "s3 as 200"])
def test_a_file_that_is_not_ready_is_fetched_by_a_later_run_and_never_submitted_again(
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


def test_the_longer_it_takes_the_later_it_is_asked_for(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 100
    for age, least, most in ((3, 2.9, 3.1), (20, 5.9, 6.1)):
        memory.notes.clear()
        with pytest.raises(ExtractNotReady):
            fetched(server.base_url, MODIFIED, memory)
        age_note(memory, "modified", timedelta(hours=age))
        with pytest.raises(ExtractNotReady) as raised:
            fetched(server.base_url, MODIFIED, memory)
        assert raised.value.retry_at
        assert timedelta(hours=least) < raised.value.retry_at - datetime.now(UTC) < timedelta(hours=most)


def age_note(memory: Memory, name: str, age: timedelta) -> None:
    """Let an order have been submitted so long ago."""
    asked = (datetime.now(UTC) - age).isoformat()
    memory.notes[name] = json.dumps([{**part, "asked": asked} for part in noted(memory, name)])


def test_what_two_days_have_not_brought_is_submitted_again(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    for age, submissions in ((timedelta(hours=47), 1), (timedelta(hours=49), 2)):
        memory.notes.clear()
        with pytest.raises(ExtractNotReady):
            fetched(server.base_url, MODIFIED, memory)
        server.requests.clear()
        age_note(memory, "modified", age)
        if submissions == 1:
            assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
            assert server.submissions == []
        else:
            with pytest.raises(ExtractNotReady):
                fetched(server.base_url, MODIFIED, memory)
            assert len(server.submissions) == 1


def test_an_expired_token_is_renewed_once(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    with pytest.raises(ExtractNotReady):
        fetched(server.base_url, MODIFIED, memory)
    server.expire()
    server.ready_after = 0
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    assert len(server.submissions) == 2


def test_a_token_that_expires_again_and_again_is_not_renewed_for_ever(
    server: FaultySamContractAwards, memory: Memory
) -> None:
    server.ready_after = 1
    for _time in range(2):
        with pytest.raises(ExtractNotReady):
            fetched(server.base_url, MODIFIED, memory)
        server.expire()
    with pytest.raises(Refused, match="token is expired"):
        fetched(server.base_url, MODIFIED, memory)
    assert len(server.submissions) == 2


def test_a_token_of_an_earlier_day_serves_a_later_poll(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    with pytest.raises(ExtractNotReady):
        fetched(server.base_url, MODIFIED, memory)
    tomorrow = poll_steps(until=date(2026, 11, 24))["modified"]
    assert len(piids(fetched(server.base_url, tomorrow, memory))) == 2
    assert len(server.submissions) == 1


def test_a_token_that_does_not_reach_back_far_enough_does_not(server: FaultySamContractAwards, memory: Memory) -> None:
    server.ready_after = 1
    with pytest.raises(ExtractNotReady):
        fetched(server.base_url, MODIFIED, memory)
    server.ready_after = 0
    wider = replace(MODIFIED, since=date(2024, 1, 1))
    assert len(piids(fetched(server.base_url, wider, memory))) == 3
    assert len(server.submissions) == 2


@pytest.mark.parametrize("note", ["", "[]", "x", '[{"other": 1}]', "[1]"])
def test_a_note_of_another_version_is_no_note(server: FaultySamContractAwards, memory: Memory, note: str) -> None:
    memory.notes["modified"] = note
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2


def test_what_is_too_much_for_one_file_is_halved(server: FaultySamContractAwards, memory: Memory) -> None:
    server.records = [record(f"P{n}", modified=f"2026-11-{11 + n:02}T00:00:00Z") for n in range(13)]
    server.most_extracted, server.a_day = 4, 100
    assert piids(fetched(server.base_url, MODIFIED, memory)) == [f"P{n}" for n in range(13)]
    windows = [submission["lastModifiedDate"] for submission in server.submissions]
    assert windows[:3] == ["[11/11/2026,11/23/2026]", "[11/11/2026,11/17/2026]", "[11/11/2026,11/14/2026]"]
    assert len(server.asked(DOWNLOAD)) == 4
    assert memory.notes["modified"] == ""


def test_halves_are_noted_so_that_a_refusal_is_paid_for_once(server: FaultySamContractAwards, memory: Memory) -> None:
    server.records = [record(f"P{n}", modified=f"2026-11-{11 + n:02}T00:00:00Z") for n in range(6)]
    server.most_extracted, server.ready_after = 4, 1
    for _run in range(2):
        with pytest.raises(ExtractNotReady):
            fetched(server.base_url, MODIFIED, memory)
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 6
    windows = [submission["lastModifiedDate"] for submission in server.submissions]
    assert len(windows) == len(set(windows))


def test_one_day_that_is_too_much_is_refused_and_said(server: FaultySamContractAwards, memory: Memory) -> None:
    server.most_extracted = 1
    server.records = [record("P1"), record("P2")]
    with pytest.raises(Refused, match=r"Total Number of Records: 2 exceeded"):
        fetched(server.base_url, MODIFIED, memory, meter=Ledger(100))


@pytest.mark.parametrize("nothing", ["204", "message"])
def test_no_rows_are_no_rows(server: FaultySamContractAwards, memory: Memory, nothing: str) -> None:
    server.records, server.nothing = [], nothing
    assert fetched(server.base_url, MODIFIED, memory) == []
    assert memory.notes["modified"] == ""


def test_a_record_that_cannot_be_read_does_not_stop_the_others(server: FaultySamContractAwards, memory: Memory) -> None:
    nameless = changed(record("P2"), "contractId.piid", ...)
    server.records = [record("P1"), nameless, record("P3")]
    records = parsed(fetched(server.base_url, MODIFIED, memory))
    assert [type(found) for found in records] == [Award, Problem, Award]
    digest = hashlib.sha256(wire(nameless)).hexdigest()[:16].upper()
    assert records[1].key == f"UNREADABLE_{digest}"


def test_fewer_records_than_counted_are_a_shortfall(server: FaultySamContractAwards, memory: Memory) -> None:
    class Cheat(FaultySamContractAwards):
        renaming = (b'"totalRecords": "2"', b'"totalRecords": "3"')

    with Cheat(RECORDS) as cheat:
        cheat.play(Fault.RENAMED_FIELD, on=DOWNLOAD)
        items = fetched(cheat.base_url, MODIFIED, memory)
    assert items[2:] == [Shortfall(step="modified", expected=3, received=2)]


FAULTS: dict[Fault, type[SourceError]] = {
    Fault.TOO_MANY_HOUR: QuotaUsedUp,
    Fault.UNAVAILABLE: Unreachable,
    Fault.GATEWAY_TIMEOUT: Unreachable,
    Fault.EMPTY: Unreachable,
    Fault.RESET: Unreachable,
    Fault.CUT_TRANSFER: Unreachable,
    Fault.SERVER_ERROR: Unreachable,
    Fault.FORBIDDEN: Blocked,
    Fault.HTML_OK: SourceChanged,
    Fault.TRUNCATED_JSON: SourceChanged,
}


@pytest.mark.parametrize("path", [SEARCH, DOWNLOAD])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_failure_is_told_for_what_it_is_and_the_token_is_kept(
    server: FaultySamContractAwards, memory: Memory, path: str, fault: Fault
) -> None:
    server.play(fault, on=path)
    with pytest.raises(FAULTS[fault]) as raised:
        fetched(server.base_url, MODIFIED, memory)
    assert KEY not in str(raised.value)
    assert "vAmxTSwqtm" not in str(raised.value)
    assert not isinstance(raised.value, ExtractNotReady)
    server.heal()
    assert len(piids(fetched(server.base_url, MODIFIED, memory))) == 2
    lost = path == SEARCH and fault in (Fault.CUT_TRANSFER, Fault.RESET, Fault.TRUNCATED_JSON)
    assert len(server.exports) == (2 if lost else 1)  # an answer that was lost took its token with it


def test_another_name_for_the_list_is_a_change_of_the_source(server: FaultySamContractAwards, memory: Memory) -> None:
    server.play(Fault.RENAMED_FIELD, on=DOWNLOAD)
    with pytest.raises(SourceChanged, match="no awardSummary"):
        fetched(server.base_url, MODIFIED, memory)


def test_what_was_read_before_a_file_breaks_off_is_given(server: FaultySamContractAwards, memory: Memory) -> None:
    server.play(Fault.TRUNCATED_JSON, on=DOWNLOAD)
    server.records = [record(f"P{n}") for n in range(9)]
    given = []
    with client_of(server.base_url) as client, pytest.raises(SourceChanged):
        for item in SOURCE.fetch(client, MODIFIED, memory):
            given.append(item)  # noqa: PERF402
    assert 3 <= len(given) <= 5


@pytest.mark.parametrize("key", ["", "another-key"])
def test_a_missing_or_wrong_key_is_told(server: FaultySamContractAwards, memory: Memory, key: str) -> None:
    with pytest.raises(Blocked, match="Please submit with a valid API key"):
        fetched(server.base_url, MODIFIED, memory, key=key)


def test_a_used_up_quota_stops_the_key_for_the_day(server: FaultySamContractAwards, memory: Memory) -> None:
    server.used = 10
    ledger = Ledger(5)
    with pytest.raises(QuotaUsedUp, match="exceeded your quota") as raised:
        fetched(server.base_url, MODIFIED, memory, meter=ledger, tries=5)
    assert raised.value.retry_at == datetime(2026, 11, 24, tzinfo=UTC)
    assert (ledger.left(), len(server.requests)) == (0, 1)


def test_what_is_stored_in_the_same_state_is_unchanged(server: FaultySamContractAwards, memory: Memory) -> None:
    items = fetched(server.base_url, MODIFIED, memory)
    remember(memory, parsed(items))
    keys = [item.key for item in items if isinstance(item, Payload)]
    assert fetched(server.base_url, MODIFIED, memory) == [Unchanged(key=key) for key in keys]
    corrected = record(obligation="99.00", modified="2026-11-21T00:00:00Z")
    server.records = [corrected, *RECORDS[1:]]
    again = fetched(server.base_url, MODIFIED, memory)
    assert [type(item) for item in again] == [Payload, Unchanged]


def test_an_older_modification_does_not_come_again_after_a_newer_one(
    server: FaultySamContractAwards, memory: Memory
) -> None:
    newer = record(modification="P00001", modified="2026-11-22T00:00:00Z", obligation="5.00", signed="2026-11-22")
    server.records = [record(), newer]
    remember(memory, parsed(fetched(server.base_url, MODIFIED, memory)))
    assert [type(item) for item in fetched(server.base_url, MODIFIED, memory)] == [Unchanged, Unchanged]
    key = next(iter(memory.records))
    memory.records[key] = replace(memory.records[key], actions=frozenset({("0", date(2026, 11, 18), Decimal(100))}))
    assert [type(item) for item in fetched(server.base_url, MODIFIED, memory)] == [Unchanged, Payload]


def test_the_revision_of_another_source_says_nothing(server: FaultySamContractAwards, memory: Memory) -> None:
    remember(memory, parsed(fetched(server.base_url, MODIFIED, memory)))
    for key, held in list(memory.records.items()):
        memory.records[key] = HeldRecord(key=key, revision="f" * 16, actions=held.actions)
    assert [type(item) for item in fetched(server.base_url, MODIFIED, memory)] == [Payload, Payload]


def test_a_poll_asks_the_same_whatever_the_watchlist_and_nothing_of_an_empty_one() -> None:
    assert poll_steps(Interest(phrases=("CLEARVIEW",))) == poll_steps()
    assert poll_steps(Interest(held={"contract": (HeldAward("CONT_AWD_X", "X"),)})) == {}


def test_what_defense_signed_ninety_days_ago_is_found_though_it_was_modified_long_ago(
    server: FaultySamContractAwards, memory: Memory
) -> None:
    server.records = [
        record(piid, signed=signed, modified="2026-08-20T00:00:00Z", department="9700")
        for piid, signed in (("REVEALED", "2026-08-20"), ("HIDDEN", "2026-10-20"))
    ]
    assert fetched(server.base_url, MODIFIED, memory) == []
    assert piids(fetched(server.base_url, poll_steps()["revealed"], memory)) == ["REVEALED"]
    assert server.submissions[-1]["contractingDepartmentCode"] == "9700"
    assert server.submissions[-1]["dateSigned"] == "[07/26/2026,08/25/2026]"


def test_deletions_are_removals_of_actions(server: FaultySamContractAwards, memory: Memory) -> None:
    server.deleted = [record("GONE", "P00001", modified="2026-09-01T10:00:00Z")]
    memory.wanted = lambda _record: True
    (found,) = parsed(fetched(server.base_url, poll_steps()["deleted"], memory))
    assert isinstance(found, Removal)
    assert (found.key, found.action_key) == ("CONT_AWD_GONE_7012_-NONE-_-NONE-", "7012_-NONE-_GONE_P00001_-NONE-_0")
    assert found.removed == date(2026, 9, 1)


@pytest.mark.parametrize("label", ["revealed", "deleted"])
def test_what_can_wait_is_read_once_a_week(server: FaultySamContractAwards, memory: Memory, label: str) -> None:
    server.a_day = 100
    for day, submissions in ((23, 1), (24, 1), (29, 1), (30, 2)):
        fetched(server.base_url, poll_steps(until=date(2026, 11, day))[label], memory)
        assert len(server.submissions) == submissions


def test_what_can_wait_goes_on_from_where_it_was_however_long_ago(
    server: FaultySamContractAwards, memory: Memory
) -> None:
    memory.notes["revealed/read"] = "2026-06-30"
    fetched(server.base_url, poll_steps()["revealed"], memory)
    assert server.submissions[-1]["dateSigned"] == "[06/16/2026,08/25/2026]"


def test_what_can_wait_waits_for_requests_to_spare(server: FaultySamContractAwards, memory: Memory) -> None:
    step = poll_steps()["deleted"]
    assert fetched(server.base_url, step, memory, meter=Ledger(5)) == []
    assert server.requests == []
    server.deleted, server.ready_after = [record()], 1
    assert fetched(server.base_url, step, memory, meter=Ledger(6)) == []  # not ready, which fails no run
    assert fetched(server.base_url, step, memory, meter=Ledger(2)) == []
    assert len(server.requests) == 2
    assert len(fetched(server.base_url, step, memory, meter=Ledger(3))) == 1
    assert (len(server.submissions), memory.notes["deleted/read"]) == (1, "2026-11-23")
