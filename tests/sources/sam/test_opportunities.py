"""SAM.gov's notices over real HTTP: what a poll asks, what it spends, what it notices, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, NotModified
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError
from sources.records import Payload
from tests.sources.clients import ERRORS, SOME_FAULTS, client_for
from tests.sources.fakes import CountingQuota
from tests.sources.sam.notices import (
    SOURCE,
    TERMS,
    TODAY,
    memory,
    poll,
    poll_of,
    publications,
    removals,
    walk,
)
from tests.upstreams.faults import Fault
from tests.upstreams.sam_opportunities import KEY, FaultySamOpportunities, Json, notice
from tests.upstreams.server import Answer, LoggedRequest

DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[FaultySamOpportunities]:
    with FaultySamOpportunities() as server:
        yield server


def posted(number: int, day: date = TODAY, title: str = "Pencils", **fields: object) -> Json:
    return notice(number, postedDate=day.isoformat(), title=title, **fields)


def hit(number: int, day: date = TODAY, **fields: object) -> Json:
    return posted(number, day, "Clearview AI licences", **fields)


def ids(items: list[Fetched]) -> list[int]:
    """The numbers that the notices of what was fetched are made of."""
    keys = [item.key.removeprefix("SAM_NOTICE_") for item in items if isinstance(item, (Payload, NotModified))]
    return sorted(int(key.removeprefix("N6264926R").partition("_")[0]) if "_" in key else int(key, 16) for key in keys)


def test_a_poll_of_a_quiet_day_is_one_request(server: FaultySamOpportunities) -> None:
    server.notices = [posted(1), posted(2, TODAY - 2 * DAY), posted(3, TODAY - 3 * DAY), posted(4, TODAY + DAY)]
    items = poll(server, memory())
    assert ids(items) == [1, 2]
    assert server.searches == [{"postedFrom": "02/01/2026", "postedTo": "02/03/2026", "limit": "1000", "offset": "0"}]
    evidence = [item.documents[0] for item in items if isinstance(item, Payload)]
    assert [json.loads(document.body) for document in evidence] == server.notices[:2]
    assert not any("api_key" in request.path for request in server.requests)


@pytest.mark.parametrize("nothing_is_404", [False, True])
def test_an_empty_result_is_no_error(server: FaultySamOpportunities, nothing_is_404: bool) -> None:
    server.nothing_is_404 = nothing_is_404
    assert poll(server, memory()) == []
    assert len(server.requests) == 1
    with client_for(SOURCE, server.base_url, key=KEY) as client:
        assert SOURCE.health_check(client) is False
        server.notices = [posted(1, datetime.now(UTC).date())]
        assert SOURCE.health_check(client) is True


@pytest.mark.parametrize("counts_records", [False, True])
@pytest.mark.parametrize(("count", "requests"), [(99, 1), (100, 1), (101, 2), (200, 2), (230, 3)])
def test_all_pages_are_read_once(
    server: FaultySamOpportunities, counts_records: bool, count: int, requests: int
) -> None:
    server.counts_records, server.most = counts_records, 100
    server.notices = [posted(number) for number in range(count)]
    stored = memory()
    stored.notes["assumption/offset-counts-pages"] = "does not hold" if counts_records else ""
    assert ids(poll(server, stored)) == list(range(count))
    assert len(server.searches) == requests


def test_an_offset_that_counts_notices_is_an_incomplete_result(
    server: FaultySamOpportunities,
) -> None:
    server.counts_records, server.most = True, 100
    server.notices = [posted(number) for number in range(230)]
    items = poll(server, memory())
    assert items[-1] == IncompleteResult(step="posted/newest", expected=230, received=102)
    assert len(server.searches) == 3


def test_a_page_without_new_notices_is_the_last(server: FaultySamOpportunities) -> None:
    server.notices, server.most = [posted(7)] * 500, 1
    assert poll(server, memory())[-1] == IncompleteResult(step="posted/newest", expected=500, received=1)
    assert len(server.searches) == 2


def test_a_notice_of_another_day_is_ignored(server: FaultySamOpportunities) -> None:
    stray = json.dumps(posted(9, date(2019, 1, 1)))
    today = json.dumps(posted(9))
    nothing = [f'{{"totalRecords": 0, "opportunitiesData": [{one}]}}' for one in (stray, today)]
    for body in (*nothing, '{"totalRecords": "0"}'):
        with AnswersWith(body.encode()) as other:
            assert poll(other, memory()) == []
    with AnswersWith(f'{{"totalRecords": 1, "opportunitiesData": [{stray}]}}'.encode()) as other:
        assert poll(other, memory()) == [IncompleteResult(step="posted/newest", expected=1, received=0)]


def test_a_notice_with_an_unreadable_day_is_read(server: FaultySamOpportunities) -> None:
    body = json.dumps({"totalRecords": 1, "opportunitiesData": [posted(1) | {"postedDate": "Feb 3"}]}).encode()
    with AnswersWith(body) as other:
        assert ids(poll(other, memory())) == [1]


@pytest.mark.parametrize("title", ["An invalid api_key was supplied", "Message throttled out"])
def test_a_notice_titled_like_an_error_is_read(server: FaultySamOpportunities, title: str) -> None:
    server.notices = [posted(1, title=title)]
    quota = CountingQuota(10)
    assert [record.title for record in publications(poll(server, memory(), quota=quota))] == [title]
    assert quota.remaining() >= 8


@pytest.mark.parametrize("words", ["An invalid api_key was supplied", "Message throttled out"])
def test_a_text_like_an_error_is_read(server: FaultySamOpportunities, words: str) -> None:
    server.notices, server.texts = [hit(1)], {f"{1:032x}": words}
    (record,) = publications(poll(server, memory(), quota=CountingQuota(10)))
    assert words in record.description


def test_a_page_has_a_thousand_notices(server: FaultySamOpportunities) -> None:
    server.notices = [posted(number) for number in range(1001)]
    assert ids(poll(server, memory())) == list(range(1001))
    assert [search["offset"] for search in server.searches] == ["0", "1"]


def test_a_poll_after_an_incomplete_result_starts_there(server: FaultySamOpportunities) -> None:
    server.notices = [posted(1), posted(1), posted(2)]
    stored = memory()
    assert poll(server, stored)[-1] == IncompleteResult(step="posted/newest", expected=3, received=2)
    server.notices = [posted(5, TODAY + 4 * DAY)]
    poll(server, stored, TODAY + 4 * DAY, since=TODAY - 9 * DAY)
    assert [search["postedFrom"] for search in server.searches[1:]] == ["02/01/2026", "02/04/2026", "02/05/2026"]


def test_after_a_pause_only_missed_days_are_read(server: FaultySamOpportunities) -> None:
    stored = memory()
    poll(server, stored, TODAY, since=TODAY - 14 * DAY)
    assert len(server.searches) == 1  # the first look is at the newest days
    later = TODAY + 8 * DAY
    server.notices = [posted(number + 5, TODAY + number * DAY) for number in range(-5, 9)]
    items = poll(server, stored, later, since=later - 14 * DAY)
    assert [(search["postedFrom"], search["postedTo"]) for search in server.searches[1:]] == [
        ("02/02/2026", "02/04/2026"),
        ("02/05/2026", "02/07/2026"),
        ("02/08/2026", "02/08/2026"),
        ("02/09/2026", "02/11/2026"),
    ]
    assert ids(items) == list(range(4, 14))
    poll(server, stored, later, since=later - 14 * DAY)
    poll(server, stored, later + DAY, since=later - 13 * DAY)
    assert len(server.searches) == 7


def test_missed_days_leave_requests_in_reserve(server: FaultySamOpportunities) -> None:
    stored = memory()
    poll(server, stored, quota=CountingQuota(1))
    server.notices = [posted(number, TODAY + number * DAY) for number in range(22)]
    late = TODAY + 20 * DAY
    with client_for(SOURCE, server.base_url, key=KEY, quota=CountingQuota(6)) as client:
        items = walk(client, poll_of(late, TODAY), stored)
        assert client.requests_remaining == 3
    assert ids(items) == [0, 1, 2, 3, 4, 18, 19, 20]
    (failed,) = (item for item in items if isinstance(item, FailedStep))
    assert (failed.step.key, failed.step.days) == ("posted/missed", (TODAY + 5 * DAY, late - 3 * DAY))
    assert "4 requests are left today, and are reserved" in failed.reason
    with client_for(SOURCE, server.base_url, key=KEY, quota=CountingQuota(20)) as client:
        items = walk(client, poll_of(late + DAY, TODAY), stored)
    assert ids(items) == list(range(5, 22))
    assert stored.notes["read"] == (late - DAY).isoformat()


def test_a_backfill_leaves_requests_in_reserve(server: FaultySamOpportunities) -> None:
    history = SOURCE.backfill_steps(TERMS, date(2025, 1, 1), TODAY)
    with client_for(SOURCE, server.base_url, key=KEY, quota=CountingQuota(3)) as client:
        with pytest.raises(QuotaUsedUp, match="3 requests are left today, and are reserved") as caught:
            walk(client, history, memory())
        assert client.requests_remaining == 3
    assert caught.value.retry_at is not None
    assert timedelta(0) < caught.value.retry_at - datetime.now(UTC) <= DAY


@pytest.mark.parametrize("first_failed", [True, False])
def test_a_failed_poll_is_repeated_without_extra_requests(server: FaultySamOpportunities, first_failed: bool) -> None:
    stored = memory()
    if not first_failed:
        poll(server, stored, TODAY - DAY)
    server.notices = [posted(number, TODAY + (number - 2) * DAY) for number in range(7)]
    server.play(Fault.FORBIDDEN)
    with client_for(SOURCE, server.base_url, key=KEY) as client, pytest.raises(Blocked):
        list(SOURCE.fetch(client, newest(poll_of(TODAY)), stored))
    server.heal()
    server.requests.clear()
    merged = [replace(step, since=min(step.days[0], TODAY - 2 * DAY)) for step in poll_of(TODAY + 4 * DAY)]
    merged.sort(key=lambda step: step.key != "posted/newest")  # a run begins with what failed
    with client_for(SOURCE, server.base_url, key=KEY) as client:
        items = walk(client, merged, stored)
    assert ids(items) == list(range(7))
    assert [search["postedFrom"] for search in server.searches[:2]] == ["02/05/2026", "02/01/2026"]
    assert len(server.searches) == 3


def newest(steps: list[FetchStep]) -> FetchStep:
    (step,) = (step for step in steps if step.key == "posted/newest")
    return step


def test_a_backfill_covers_every_day_once() -> None:
    steps = SOURCE.backfill_steps(TERMS, date(2024, 1, 1), date(2024, 12, 31))
    days = [step.days for step in steps]
    assert (days[0][0], days[-1][1]) == (date(2024, 1, 1), date(2024, 12, 31))
    assert all(end + DAY == start for (_, end), (start, _) in pairwise(days))
    assert poll_of()[-1].key == "watched"


def test_the_text_of_a_matched_notice_is_requested_once(server: FaultySamOpportunities) -> None:
    server.notices = [posted(1), hit(2), hit(3, description="null"), hit(4)]
    server.texts = {f"{2:032x}": "<p>Sole source</p>"}
    stored = memory()
    first = {record.solicitation[-1]: record for record in publications(poll(server, stored))}
    assert server.texts_asked == [f"{2:032x}", f"{4:032x}"]
    assert first["2"].description == "Clearview AI licences\n\nSole source"
    assert first["4"].description == first["3"].description == "Clearview AI licences"
    again = poll(server, stored)
    assert [type(item).__name__ for item in again] == ["Payload", "NotModified", "NotModified", "NotModified"]
    assert len(server.texts_asked) == 2


def test_a_missing_text_is_not_requested_again(server: FaultySamOpportunities) -> None:
    server.notices, server.nothing_is_404 = [hit(1)], True
    stored = memory()
    assert len(publications(poll(server, stored))) == 1
    assert [type(item) for item in poll(server, stored)] == [NotModified]
    assert len(server.texts_asked) == 1


def test_texts_leave_requests_in_reserve(server: FaultySamOpportunities) -> None:
    server.notices = [hit(number) for number in range(4)]
    server.texts = {f"{number:032x}": f"text {number}" for number in range(4)}
    stored = memory()
    items = poll(server, stored, quota=CountingQuota(6))  # a search, two texts, three kept
    assert (len(items), len(server.texts_asked)) == (4, 2)
    assert sum("text" in record.description for record in publications(items)) == 2
    again = poll(server, stored, quota=CountingQuota(10))
    assert sum("text" in record.description for record in publications(again)) == 2
    assert sorted(set(server.texts_asked)) == sorted(server.texts)
    assert len(server.texts_asked) == 4


def test_the_text_of_an_older_notice_is_requested_by_number(server: FaultySamOpportunities) -> None:
    server.notices, server.texts = [hit(1)], {f"{1:032x}": "the text"}
    stored = memory()
    poll(server, stored, quota=CountingQuota(4))
    assert server.texts_asked == []
    stored.notes["read"] = (TODAY + 2 * DAY).isoformat()
    items = poll(server, stored, TODAY + 5 * DAY)
    assert server.searches[-1] == {
        "postedFrom": "02/03/2026",
        "postedTo": "02/08/2026",
        "solnum": "N6264926R0001",
        "limit": "100",
        "offset": "0",
    }
    assert "the text" in publications(items)[-1].description


@pytest.mark.parametrize("nothing_is_404", [False, True])
def test_a_vanished_notice_is_removed_once(server: FaultySamOpportunities, nothing_is_404: bool) -> None:
    server.notices, server.nothing_is_404 = [hit(1), posted(2)], nothing_is_404
    stored = memory()
    poll(server, stored)
    del server.notices[0]
    removed = removals(poll(server, stored, TODAY + DAY))
    assert [record.key for record in removed] == ["SAM_NOTICE_N6264926R0001_017.1700_SOLICITATION"]
    assert removed[0].documents[0].body
    assert json.loads(stored.notes["watched"]) == {}
    assert removals(poll(server, stored, TODAY + 2 * DAY)) == []


def test_an_open_notice_is_watched(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, responseDeadLine="2026-03-01T12:00:00-05:00")]
    stored = memory()
    poll(server, stored)
    later = TODAY + 10 * DAY
    assert [type(item) for item in poll(server, stored, later)] == [NotModified]
    server.notices[0]["responseDeadLine"] = "2026-02-20T12:00:00-05:00"
    moved = publications(poll(server, stored, later + DAY))
    assert [record.deadline for record in moved] == [datetime(2026, 2, 20, 17, tzinfo=UTC)]
    server.notices[0]["active"] = "No"
    closed = publications(poll(server, stored, later + 2 * DAY))
    assert [record.state for record in closed] == ["inactive"]
    count = len(server.searches)
    poll(server, stored, later + 3 * DAY)
    assert len(server.searches) == count + 1  # what is closed is watched no more


def test_a_notice_is_not_watched_after_its_deadline(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, responseDeadLine="2026-02-10T12:00:00-05:00")]
    stored = memory()
    poll(server, stored)
    server.notices.clear()
    assert poll(server, stored, date(2026, 2, 11)) == []
    assert json.loads(stored.notes["watched"]) == {}


def test_watched_notices_take_turns(server: FaultySamOpportunities) -> None:
    server.notices = [hit(number, responseDeadLine="2026-03-01T12:00:00-05:00") for number in range(7)]
    stored = memory()
    poll(server, stored)
    stored.notes["read"] = (TODAY + 7 * DAY).isoformat()
    asked: set[str] = set()
    for days in range(10, 13):
        before = len(server.searches)
        poll(server, stored, TODAY + days * DAY)
        assert len(server.searches) - before == 4
        asked |= {search["solnum"] for search in server.searches[before + 1 :]}
    assert len(asked) == 7


def test_an_unstored_notice_is_not_watched(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1)]
    stored = memory()
    poll(server, stored)
    stored.records.clear()
    server.notices.clear()
    assert poll(server, stored, TODAY + DAY) == []
    assert json.loads(stored.notes["watched"]) == {}


@pytest.mark.parametrize("fault", SOME_FAULTS)
def test_notices_before_a_fault_are_read(server: FaultySamOpportunities, fault: Fault) -> None:
    server.notices, server.most = [posted(number) for number in range(15)], 10
    server.play(fault, after=1)
    items: list[Fetched] = []
    stored = memory()
    with client_for(SOURCE, server.base_url, key=KEY) as client, pytest.raises(ERRORS[fault]):
        for item in SOURCE.fetch(client, newest(poll_of()), stored):
            items.append(item)  # noqa: PERF402
    assert len(items) == 10
    assert stored.notes["read"] < TODAY.isoformat()
    server.heal()
    assert len(ids(poll(server, stored))) == 15


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HTML_OK, Fault.RESET, Fault.FORBIDDEN])
def test_a_failed_text_loses_no_notice(server: FaultySamOpportunities, fault: Fault) -> None:
    server.notices = [hit(1), hit(2), posted(3)]
    server.play(fault, on="noticedesc")
    stored, items = memory(), list[Fetched]()
    with client_for(SOURCE, server.base_url, key=KEY, tries=1) as client, pytest.raises(SourceError):
        for item in SOURCE.fetch(client, newest(poll_of()), stored):
            items.append(item)
    assert ids(items) == [1, 2, 3]
    assert len(server.texts_asked) == 1


@pytest.mark.parametrize("shape", ["wso2", "data.gov", "html", "wso2 with 200", "page with 200"])
def test_every_form_of_a_used_up_quota_stops_the_source(server: FaultySamOpportunities, shape: str) -> None:
    server.notices = [hit(1), hit(2)]
    server.requests_per_day, server.throttle = 2, shape
    stored, quota = memory(), CountingQuota(10)
    assert len(publications(poll(server, stored, quota=quota))) == 2  # texts can wait
    assert (server.used, quota.remaining()) == (3, 0)
    with client_for(SOURCE, server.base_url, key=KEY, quota=CountingQuota(10)) as client, pytest.raises(QuotaUsedUp):
        walk(client, poll_of(), stored)
    assert server.used == 4


@pytest.mark.parametrize("status", [200, 401, 403, 404])
@pytest.mark.parametrize("key", ["", "another"])
def test_without_its_key_the_source_is_blocked(server: FaultySamOpportunities, status: int, key: str) -> None:
    server.unknown_key = status
    with client_for(SOURCE, server.base_url, key=key) as client, pytest.raises(Blocked) as caught:
        walk(client, poll_of(), memory())
    assert caught.value.status == status


@pytest.mark.parametrize(
    "query",
    [
        "",
        "postedFrom=02/01/2026",
        "postedFrom=2026-02-01&postedTo=2026-02-02",
        "postedFrom=2/1/2026&postedTo=02/02/2026",
        "postedFrom=02/01/2024&postedTo=02/02/2026",
        "postedFrom=02/01/2026&postedTo=02/02/2026&limit=1001",
        "postedFrom=02/01/2026&postedTo=02/02/2026&offset=-1",
    ],
)
def test_the_fake_server_refuses_invalid_queries(server: FaultySamOpportunities, query: str) -> None:
    with client_for(SOURCE, server.base_url, key=KEY) as client, pytest.raises(Refused, match="HTTP 400"):
        client.get(f"/opportunities/v2/search?{query}")
    assert server.used == 1


def test_a_response_to_another_search_is_a_changed_source(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1)]
    stored = memory()
    poll(server, stored)
    for note in ('{"totalRecords": 1}', '{"opportunitiesData": []}', '{"totalRecords": 1, "opportunitiesData": [7]}'):
        with (
            AnswersWith(note.encode()) as other,
            client_for(SOURCE, other.base_url, key=KEY) as client,
            pytest.raises(SourceChanged),
        ):
            walk(client, poll_of(), stored)
    another = json.dumps({"totalRecords": 1, "opportunitiesData": [hit(9)]}).encode()
    with (
        AnswersWith(another) as other,
        client_for(SOURCE, other.base_url, key=KEY) as client,
        pytest.raises(SourceChanged, match="searched for N6264926R0001, got 1 other notices"),
    ):
        walk(client, poll_of(TODAY + DAY)[-1:], stored)


@pytest.mark.parametrize("name", [assumption.name for assumption in SOURCE.assumptions])
def test_a_poll_is_complete_without_an_assumption(name: str) -> None:
    stored = memory()
    stored.notes[f"assumption/{name}"] = "does not hold"
    with FaultySamOpportunities([hit(0), *(posted(number) for number in range(1, 25))], wrong=name) as server:
        server.most = 10
        assert ids(poll(server, stored)) == list(range(25))
    assert len(stored.records) == 1


@pytest.mark.parametrize("unknown_key", [200, 401, 403, 404])
def test_an_ignored_key_header_is_remembered(server: FaultySamOpportunities, unknown_key: int) -> None:
    server.reads_header, server.unknown_key = False, unknown_key
    server.notices = [posted(1)]
    stored = memory()
    items = [*poll(server, stored), *poll(server, stored)]
    assert stored.notes["assumption/header-key"] == "does not hold"
    assert ["api_key" in request.path for request in server.requests] == [False, True, True]
    assert len(items) == 2
    assert not any(KEY in repr(item) for item in items)


def test_a_working_header_is_the_only_key_sent(server: FaultySamOpportunities) -> None:
    server.notices = [posted(1)]
    stored = memory()
    poll(server, stored)
    assert "assumption/header-key" not in stored.notes
    assert not any("api_key" in request.path for request in server.requests)


def test_a_refused_key_is_sent_twice(server: FaultySamOpportunities) -> None:
    stored = memory()
    with client_for(SOURCE, server.base_url, key="another") as client, pytest.raises(Blocked):
        walk(client, SOURCE.backfill_steps(TERMS, TODAY, TODAY)[:1], stored)
    assert stored.notes == {}
    assert len(server.requests) == 2


class AnswersWith(FaultySamOpportunities):
    """SAM.gov with one answer to everything."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        super().__init__()

    def answer(self, _: LoggedRequest) -> Answer:
        """Return that answer."""
        return Answer(body=self.body)
