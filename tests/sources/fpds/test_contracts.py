"""The live feed of FPDS, over HTTP on loopback: its queries, its pages, its failures, and the end of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from sources.base import DateWindow, Fetched, FetchStep, IncompleteResult, NotModified, SearchTerms, StoredVersion
from sources.errors import Blocked, SourceChanged, SourceError
from sources.fpds.contracts import Fpds
from sources.records import Award, Payload, Problem, Removal
from tests.sources.clients import ERRORS, SOME_FAULTS, client_for
from tests.sources.fakes import Memory
from tests.upstreams.faults import Fault
from tests.upstreams.fpds import SITE, Action, FaultyFpds, feed
from tests.upstreams.server import Answer, LoggedRequest

SOURCE = Fpds()
DAY = date(2024, 5, 6)
TERMS = SearchTerms(names=("CLEARVIEW",), ueis=("ABCDEFGH1234",), phrases=('FACIAL "RECOGNITION"',))
WINDOW = DateWindow(until=DAY, signed_since=date(2024, 1, 1), modified_since=date(2024, 4, 22))
STEP = FetchStep(
    key="test/1",
    query={"feed": "PUBLIC", "term": 'VENDOR_NAME:"CLEARVIEW"', "date": "SIGNED_DATE"},
    since=date(2024, 1, 1),
    until=date(2024, 12, 31),
)
RETIRED = "may have been retired upstream"


def many(count: int, **fields: Any) -> list[Action]:
    return [Action(piid=f"P{number:04}", **fields) for number in range(count)]


def walked(
    server: FaultyFpds, step: FetchStep = STEP, stored: Memory | None = None
) -> tuple[list[Fetched], Exception | None]:
    """What a step gives, and the error it ends with."""
    items: list[Fetched] = []
    with client_for(SOURCE, server.base_url) as client:
        try:
            for item in SOURCE.fetch(client, step, stored or Memory()):
                items.append(item)  # noqa: PERF402 - what came before an error is kept
        except SourceError as error:
            return items, error
    return items, None


def keys(items: Sequence[Fetched]) -> list[str]:
    return [item.key for item in items if isinstance(item, Payload)]


def asked(server: FaultyFpds) -> list[dict[str, str]]:
    return [dict(parse_qsl(urlsplit(request.path).query)) for request in server.requests]


def test_the_source_is_off_by_default_and_stores_only_matches() -> None:
    assert SOURCE.enabled_by_default is False
    assert SOURCE.store_unmatched is False
    assert SOURCE.min_poll_interval >= timedelta(hours=12)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 25])
def test_a_query_is_paged_to_its_end(count: int) -> None:
    with FaultyFpds(many(count)) as server:
        items, error = walked(server)
    assert error is None
    assert keys(items) == [f"CONT_AWD_P{number:04}_7012_-NONE-_-NONE-" for number in range(count)]
    assert len(items) == count
    assert [int(given["start"]) for given in asked(server)] == list(range(0, max(count, 1), 10))


def test_each_entry_is_its_own_evidence_with_its_page() -> None:
    with FaultyFpds(many(11)) as server:
        items, _ = walked(server)
        address = (
            f"{server.base_url}/ezsearch/FEEDS/ATOM?FEEDNAME=PUBLIC&templateName=1.5.3&q=VENDOR_NAME%3A%22CLEARVIEW"
        )
    last = items[-1]
    assert isinstance(last, Payload)
    (document,) = last.documents
    assert document.url.startswith(address)
    assert document.url.endswith("&start=10")
    assert document.body.startswith(b"<entry ")
    (record,) = SOURCE.parse(last)
    assert isinstance(record, Award)
    assert record.actions[0].obligation == Decimal("1000.00")


def test_a_poll_requests_signed_changed_and_deleted_records() -> None:
    steps = SOURCE.poll_steps(TERMS, WINDOW)
    terms = ['VENDOR_NAME:"CLEARVIEW"', 'VENDOR_UEI:"ABCDEFGH1234"', 'DESCRIPTION_OF_REQUIREMENT:"FACIAL RECOGNITION"']
    assert [(dict(step.query), step.days, step.part) for step in steps] == [
        *(
            ({"feed": "PUBLIC", "term": term, "date": "SIGNED_DATE"}, (date(2024, 1, 1), DAY), "actions signed")
            for term in terms
        ),
        *(
            ({"feed": "PUBLIC", "term": term, "date": "LAST_MOD_DATE"}, (date(2024, 4, 22), DAY), "actions changed")
            for term in terms
        ),
        ({"feed": "DELETED", "term": "", "date": "LAST_MOD_DATE"}, (date(2024, 4, 22), DAY), "deleted actions"),
    ]


def test_a_step_requests_its_term_and_dates() -> None:
    with FaultyFpds() as server:
        for step in (STEP, SOURCE.poll_steps(TERMS, WINDOW)[-1]):
            walked(server, step)
    assert [(given["FEEDNAME"], given["q"]) for given in asked(server)] == [
        ("PUBLIC", 'VENDOR_NAME:"CLEARVIEW" SIGNED_DATE:[2024/01/01,2024/12/31]'),
        ("DELETED", "LAST_MOD_DATE:[2024/04/22,2024/05/06]"),
    ]


def test_a_sweep_requests_older_signing_dates() -> None:
    steps = SOURCE.poll_steps(TERMS, replace(WINDOW, acted_since=date(2022, 1, 1)))
    assert (steps[0].query["date"], steps[0].days) == ("SIGNED_DATE", (date(2022, 1, 1), DAY))


def test_a_step_key_does_not_depend_on_other_vendors() -> None:
    grown = replace(TERMS, names=("ANOTHER", *TERMS.names))
    before = {step.key for step in SOURCE.poll_steps(TERMS, WINDOW)}
    assert before < {step.key for step in SOURCE.poll_steps(grown, WINDOW)}


def test_a_backfill_requests_adjacent_date_slices() -> None:
    steps = SOURCE.backfill_steps(SearchTerms(names=("CLEARVIEW",)), date(2008, 3, 1), date(2021, 2, 3))
    assert [(step.key.partition("/")[0], *step.days) for step in steps] == [
        ("fy2005-2009", date(2008, 3, 1), date(2009, 9, 30)),
        ("fy2010-2014", date(2009, 10, 1), date(2014, 9, 30)),
        ("fy2015-2019", date(2014, 10, 1), date(2019, 9, 30)),
        ("fy2020-2024", date(2019, 10, 1), date(2021, 2, 3)),
    ]


def test_every_planned_query_is_accepted_by_the_feed() -> None:
    odd = SearchTerms(
        names=('AT&T "MOBILITY"', "BACK\\SLASH", "L3HARRIS [X]"), ueis=("ABCDEFGH1234",), phrases=("A:B",)
    )
    with FaultyFpds(many(1)) as server:
        for step in SOURCE.poll_steps(odd, WINDOW) + SOURCE.backfill_steps(odd, date(2020, 1, 1), DAY):
            assert walked(server, step)[1] is None, step


def test_deleted_records_become_removals() -> None:
    gone = many(1, deleted=True, modified="2024-05-01 09:00:00", modification="P00001")
    with FaultyFpds([*many(1), *gone]) as server:
        items, error = walked(server, SOURCE.poll_steps(TERMS, WINDOW)[-1])
    assert error is None
    (record,) = [SOURCE.parse(item)[0] for item in items if isinstance(item, Payload)]
    assert isinstance(record, Removal)
    assert (record.action_key, record.removed) == ("7012_-NONE-_P0000_P00001_-NONE-_0", date(2024, 5, 1))


def held(action: Action, **changes: Any) -> Memory:
    """A program that has stored an action as it stands."""
    key = f"CONT_AWD_{action.piid}_7012_-NONE-_-NONE-"
    actions = frozenset({("0", date(2024, 5, 6), Decimal("1000.00"))})
    texts = frozenset({("0", action.description)})
    version = StoredVersion(key=key, revision=action.modified, actions=actions, texts=texts)
    return Memory(records={key: replace(version, **changes)})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, NotModified),
        ({"revision": "2024-05-07 10:11:11"}, Payload),
        ({"revision": ""}, Payload),
        ({"actions": frozenset()}, Payload),
        ({"texts": frozenset({("0", "ANOTHER TEXT")})}, Payload),
        ({"actions": frozenset({("0", date(2024, 5, 6), Decimal("999.00"))})}, Payload),
    ],
)
def test_an_action_stored_in_the_same_state_is_not_modified(changes: dict[str, Any], expected: type) -> None:
    action = Action(piid="P1")
    with FaultyFpds([action]) as server:
        (item,), error = walked(server, stored=held(action, **changes))
    assert error is None
    assert isinstance(item, expected)


def test_a_removal_is_always_processed() -> None:
    action = Action(piid="P1", deleted=True)
    with FaultyFpds([action]) as server:
        step = replace(STEP, query={**STEP.query, "feed": "DELETED"})
        (item,), _ = walked(server, step, held(action))
    assert isinstance(item, Payload)


class Altered(FaultyFpds):
    """Answers with pages of the test's own, by `start`; others are true."""

    def __init__(self, pages: dict[int, bytes], actions: Sequence[Action] = ()) -> None:
        self.pages = pages
        super().__init__(actions)

    def answer(self, request: LoggedRequest) -> Answer:
        start = int(dict(parse_qsl(urlsplit(request.path).query))["start"])
        true = super().answer(request)
        return replace(true, body=self.pages[start]) if start in self.pages else true


def links(**starts: int) -> list[tuple[str, str]]:
    return [(rel, f"{SITE}/FEEDS/ATOM?s=FPDS&FEEDNAME=PUBLIC&q=x&start={start}") for rel, start in starts.items()]


def test_rows_lost_between_pages_are_an_incomplete_result() -> None:
    actions = many(25)
    shifted = feed(*actions[5:15], links=links(last=20, next=20))
    with Altered({10: shifted}, actions) as server:
        items, error = walked(server)
    assert error is None
    assert items[-1] == IncompleteResult(step="test/1", expected=25, received=20)
    assert len(set(keys(items))) == 20


def test_an_empty_last_page_is_an_incomplete_result() -> None:
    with Altered({20: feed()}, many(25)) as server:
        items, _ = walked(server)
    assert items[-1] == IncompleteResult(step="test/1", expected=21, received=20)


def test_a_growing_result_is_read_to_its_new_end() -> None:
    actions = many(25)
    first = feed(*actions[:10], links=links(last=10, next=10))
    with Altered({0: first}, actions) as server:
        items, error = walked(server)
    assert error is None
    assert len(set(keys(items))) == len(items) == 25


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (feed(*many(10), links=links(next=10)), "a next page but no last one"),
        (feed(*many(11)), "11 entries on a page of 10"),
        (feed(*many(10), links=links(last=400_000)), "a last page that starts at 400000"),
        (feed(*many(10), links=links(last=13)), "a last page that starts at 13"),
        (feed() + feed(), "0 entries on a page of 10"),
        (b"<feed/>", RETIRED),
        (b"{}", RETIRED),
    ],
)
def test_a_page_of_another_format_means_the_source_changed(page: bytes, message: str) -> None:
    with Altered({0: page}) as server:
        items, error = walked(server)
    assert items == []
    assert isinstance(error, SourceChanged)
    assert message in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", (*SOME_FAULTS, Fault.FORBIDDEN), ids=lambda fault: fault.name)
def test_a_failure_raises_its_error_and_keeps_what_was_read(fault: Fault) -> None:
    with FaultyFpds(many(25)) as server:
        server.play(fault, after=1)
        items, error = walked(server)
    assert type(error) is ERRORS[fault]
    assert "\n" not in str(error)
    assert len(keys(items)) == len(items) == 10
    is_gone = ERRORS[fault] in (SourceChanged, Blocked)
    assert (RETIRED in str(error)) is is_gone


def test_a_renamed_field_is_a_problem_not_a_zero() -> None:
    with FaultyFpds(many(3)) as server:
        server.play(Fault.RENAMED_FIELD)
        items, error = walked(server)
    assert error is None
    assert [type(item) for item in items] == [Problem] * 3
    assert all(isinstance(item, Problem) and item.reason == "piid is missing" for item in items)


class Moved(FaultyFpds):
    """FPDS, gone: every address answers with `status`."""

    status = 404

    def answer(self, request: LoggedRequest) -> Answer:
        if self.status == 200:
            return super().answer(request)
        return Answer(status=self.status, body=b"<html>Gone</html>", headers={"Location": "https://sam.gov/"})


@pytest.mark.parametrize("status", [301, 302, 400, 404, 410])
def test_a_retired_feed_is_reported(status: int) -> None:
    with Moved() as server:
        server.status = status
        items, error = walked(server)
        with client_for(SOURCE, server.base_url) as client, pytest.raises(SourceChanged, match=RETIRED):
            SOURCE.health_check(client)
    assert items == []
    assert isinstance(error, SourceChanged)
    assert error.status == status
    assert RETIRED in str(error)


def test_the_control_query_finds_a_permanent_record() -> None:
    with FaultyFpds() as server, client_for(SOURCE, server.base_url) as client:
        assert SOURCE.health_check(client) is True
        server.actions.clear()
        assert SOURCE.health_check(client) is False
    assert asked(server)[0]["q"] == 'AGENCY_CODE:"4740" PIID:"1B3G02670"'


@pytest.mark.parametrize(("status", "holds"), [(200, True), (404, False), (410, False), (403, False)])
def test_the_probe_reports_whether_the_feed_responds(status: int, holds: bool) -> None:
    (assumption,) = SOURCE.assumptions
    with Moved() as server:
        server.status = status
        with client_for(SOURCE, server.base_url) as client:
            assert assumption.probe(client) is holds
        assert len(server.requests) == 1
