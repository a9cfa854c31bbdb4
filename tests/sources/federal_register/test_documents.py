"""The adapter of the Federal Register, over real HTTP against a fake server for its API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest

from sources.base import DateWindow, IncompleteResult, NotModified, SearchTerms, StoredVersion
from sources.errors import Refused, SourceChanged
from sources.records import Payload, Problem
from tests.sources.clients import ERRORS, SOME_FAULTS, client_for
from tests.sources.fakes import Memory
from tests.sources.federal_register.documents import (
    DAY,
    SOURCE,
    fetched,
    publications,
    remembering,
    step_for,
    walked,
)
from tests.upstreams.faults import Fault
from tests.upstreams.federal_register import RECORDED, FaultyFederalRegister, Json, document
from tests.upstreams.server import Answer, LoggedRequest

WINDOW = DateWindow(until=DAY, signed_since=date(2024, 1, 8), modified_since=DAY)
NOTICE, REQUEST = "FEDERAL_REGISTER_2024-10001", "FEDERAL_REGISTER_2024-10002"


class Altered(FaultyFederalRegister):
    """The fake server whose answers a test may change: `changes` are put into each answer that is a search's."""

    changes: Json

    def __init__(self, documents: Sequence[Json] = RECORDED) -> None:
        self.changes = {}
        super().__init__(documents)

    def answer(self, request: LoggedRequest) -> Answer:
        answer = super().answer(request)
        if not self.changes:
            return answer
        content = {**json.loads(answer.body), **self.changes}
        kept = {name: value for name, value in content.items() if value != "left out"}
        return replace(answer, body=json.dumps(kept).encode())


@pytest.fixture
def server() -> Iterator[Altered]:
    with Altered() as fake_server:
        yield fake_server


def test_a_poll_requests_filed_and_recently_published_documents() -> None:
    terms = SearchTerms(names=("ANDURIL", "SKYDIO"), phrases=("SKYDIO", "DRONE"), ueis=("E5BEYXDQYJS6",))
    inspection, published = SOURCE.poll_steps(terms, WINDOW)
    assert (inspection.key, inspection.part) == ("inspection", "documents on public inspection")
    assert (published.key, published.part) == ("published", "documents")
    assert inspection.query == published.query == {"phrases": ("ANDURIL", "DRONE", "SKYDIO")}
    assert (inspection.since, inspection.until) == (None, None)
    assert published.days == (date(2024, 1, 8), DAY)


def test_a_backfill_has_one_step_per_year_from_1994() -> None:
    terms = SearchTerms(phrases=("DRONE",))
    steps = SOURCE.backfill_steps(terms, date(1980, 1, 1), DAY)
    assert [step.key for step in steps] == [f"year/{year}" for year in range(1994, 2025)]
    assert steps[0].days == (date(1994, 1, 1), date(1994, 12, 31))
    assert steps[-1].days == (date(2024, 1, 1), DAY)
    assert SOURCE.backfill_steps(terms, date(1980, 1, 1), date(1990, 1, 1)) == []


def test_identifiers_alone_plan_no_search() -> None:
    assert SOURCE.poll_steps(SearchTerms(ueis=("E5BEYXDQYJS6",)), WINDOW) == []


def test_documents_are_found_by_their_text(server: Altered) -> None:
    found = publications(fetched(server, step_for("LICENSE PLATE READERS", "ANDURIL", "BIOMETRIC ENTRY-EXIT")))
    assert set(found) == {NOTICE, REQUEST, "FEDERAL_REGISTER_2026-16231"}
    assert found[REQUEST].description == "Vendors such as Anduril Industries and ID.me may answer."


def test_a_phrase_in_an_agency_or_docket_name_does_not_match(server: Altered) -> None:
    assert fetched(server, step_for("HOMELAND SECURITY", "CBP-2024-0001")) == []
    assert server.requests


def test_a_phrase_within_a_word_does_not_match() -> None:
    taxon = document("2024-1", "2024-05-06", "Taxonomic notice", agencies=[{"raw_name": "AXON OFFICE"}])
    with Altered([taxon]) as server:
        assert fetched(server, step_for("AXON")) == []


def test_a_document_found_by_several_searches_is_one_record() -> None:
    phrases = [f"PRODUCT NUMBER {n}" for n in range(100)]
    far = "x " * 400
    text = f"We bought PRODUCT NUMBER 3. {far} We bought PRODUCT NUMBER 99."
    with Altered([document("2024-1", "2024-05-06", "Purchases", text)]) as server:
        items = fetched(server, step_for(*phrases))
        assert len(server.requests) >= 3
        (record,) = publications(items).values()
        assert [text in record.description for text in ("NUMBER 3.", "NUMBER 99.")] == [True, True]
        assert len(record.documents) == 2


def test_searches_are_short_and_request_every_phrase_once(server: Altered) -> None:
    phrases = [f'Ünïcode "product" & (no. {n}) = a|b !c' for n in range(150)]
    fetched(server, step_for(*phrases))
    assert all(len(request.path) < 4_000 for request in server.requests)
    assert len(server.requests) > 3


def test_stored_documents_cost_no_further_requests(server: Altered) -> None:
    step = step_for("LICENSE PLATE READERS", "ANDURIL")
    memory = remembering(fetched(server, step))
    asked = len(server.requests)
    assert fetched(server, step, memory) == [NotModified(key=key) for key in (REQUEST, NOTICE)]
    assert len(server.requests) == 2 * asked


def test_an_amended_document_is_returned_again(server: Altered) -> None:
    step = step_for("LICENSE PLATE READERS", "ANDURIL")
    memory = remembering(fetched(server, step))
    server.documents[0]["comments_close_on"] = "2024-07-05"
    items = fetched(server, step, memory)
    assert [type(item) for item in items] == [NotModified, Payload]
    assert publications(items)[NOTICE].revision != memory.records[NOTICE].revision


def test_a_search_of_fewer_phrases_changes_nothing(server: Altered) -> None:
    """A backfill asks for one vendor: what was told of a document because of others stands."""
    memory = remembering(fetched(server, step_for("ANDURIL", "ID.ME")))
    assert fetched(server, step_for("ID.ME"), memory) == [NotModified(key=REQUEST)]


def test_a_new_phrase_is_added_to_a_stored_document() -> None:
    far = "x " * 400
    with Altered([document("2024-1", "2024-05-06", "Buys", f"SKYDIO drones. {far} ANDURIL towers.")]) as server:
        memory = remembering(fetched(server, step_for("SKYDIO")))
        (record,) = publications(fetched(server, step_for("ANDURIL"), memory)).values()
        assert "SKYDIO drones" in record.description
        assert "ANDURIL towers" in record.description
        memory = Memory(records={record.key: StoredVersion(key=record.key, revision=record.revision)})
        for phrase in ("SKYDIO", "ANDURIL"):
            assert fetched(server, step_for(phrase), memory) == [NotModified(key=record.key)]


def test_a_revision_of_another_format_is_replaced(server: Altered) -> None:
    memory = Memory(records={NOTICE: StoredVersion(key=NOTICE, revision="x")})
    assert set(publications(fetched(server, step_for("LICENSE PLATE READERS"), memory))) == {NOTICE}


def many(days: Sequence[str], per_day: int) -> list[Json]:
    return [
        document(f"2024-{number:02}{n:04}", day, f"Drone notice {n}")
        for number, day in enumerate(days)
        for n in range(per_day)
    ]


def test_a_large_result_is_split_by_date() -> None:
    days = ["2024-05-01", "2024-05-02", "2024-05-09", "2024-05-30"]
    with Altered(many(days, 450)) as server:
        items = fetched(server, step_for("DRONE", since="2024-05-01", until="2024-05-31"))
        assert len(publications(items)) == 1_800
        assert not [item for item in items if isinstance(item, IncompleteResult)]
        assert all("&page=" not in request.path for request in server.requests)


def test_a_large_day_is_read_in_both_orders() -> None:
    with Altered(many(["2024-05-01"], 1_500)) as server:
        items = fetched(server, step_for("DRONE", since="2024-05-01", until="2024-05-31"))
        assert len(publications(items)) == 1_500
    with Altered(many(["2024-05-01"], 2_050)) as server:
        items = fetched(server, step_for("DRONE", since="2024-05-01", until="2024-05-01"))
        assert items[0] == IncompleteResult(step="published", expected=2_050, received=2_000)
        assert len(publications(items)) == 2_000


def test_a_higher_count_is_complete_if_both_orders_agree(server: Altered) -> None:
    server.wider_count = 25
    items = fetched(server, step_for("ANDURIL"))
    assert set(publications(items)) == {REQUEST}
    assert [item for item in items if isinstance(item, IncompleteResult)] == []
    assert ["order=oldest" in request.path for request in server.requests] == [False, True]


def test_lost_rows_are_an_incomplete_result() -> None:
    class Lossy(Altered):
        """Gives only the first row of each answer."""

        def answer(self, request: LoggedRequest) -> Answer:
            answer = super().answer(request)
            content = json.loads(answer.body)
            return replace(answer, body=json.dumps({**content, "results": content["results"][:1]}).encode())

    step = step_for("DRONE", since="2024-05-01", until="2024-05-02")
    with Lossy(many(["2024-05-01", "2024-05-02"], 3)) as server:
        items = fetched(server, step)
        assert items[0] == IncompleteResult(step="published", expected=6, received=2)
        held = remembering(items[1:])
        server.documents[-1]["dates"] = "Soon"
        again = fetched(server, step, held)
        assert [type(item) for item in again] == [IncompleteResult, NotModified], "less is not put for what is held"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"count": "left out"}, "no count"),
        ({"count": "2"}, "no count"),
        ({"count": True}, "no count"),
        ({"results": "left out"}, "no results"),
        ({"results": None}, "no results"),
        ({"results": {}}, "no results"),
        ({"total_pages": "1"}, "no total_pages"),
        ({"results": ["x"]}, "no object"),
        ({"results": [{"document_number": "2024-1"}]}, "publication_date is no date"),
        ({"results": [{"document_number": "", "publication_date": "2024-05-06"}]}, "document_number is missing"),
        ({"results": [{"document_number": 5, "publication_date": "2024-05-06"}]}, "document_number is not text"),
        ({"results": [{"document_number": "../x", "publication_date": "2024-05-06"}]}, "document_number is missing"),
        ({"results": [{"document_number": "2024-1", "publication_date": "1999-05-06"}]}, "a condition was ignored"),
    ],
    ids=range(13),
)
def test_another_format_means_the_source_changed(server: Altered, changes: Json, says: str) -> None:
    server.changes = changes
    with pytest.raises(SourceChanged, match=says):
        fetched(server, step_for("ANDURIL"))


def test_an_unreadable_row_is_a_problem(server: Altered) -> None:
    server.documents[1]["title"] = {"en": "x"}
    server.documents[0]["abstract"] = "Anduril"
    (problem, payload) = fetched(server, step_for("ANDURIL"))
    assert isinstance(problem, Problem)
    assert (problem.key, problem.reason[:17]) == (REQUEST, "title is not text")
    assert isinstance(payload, Payload)


@pytest.mark.parametrize("fault", SOME_FAULTS)
def test_a_fault_raises_its_error_and_keeps_what_was_read(server: Altered, fault: Fault) -> None:
    phrases = ["ANDURIL", *(f"PRODUCT NUMBER {n}" for n in range(60)), "RETRIEVAL"]
    step = step_for(*phrases)
    server.documents[2]["full_text"] = "Retrieval of records"
    held = remembering(fetched(server, step))
    server.documents[0]["full_text"] += " ANDURIL"
    server.documents[1]["dates"] = "Soon"
    server.play(fault, after=1, on="PRODUCT")
    given, ended = walked(server, step, held)
    assert ended is ERRORS[fault]
    assert set(publications(given)) == {NOTICE}, "what is new is given, what is held is not replaced by less"


def test_an_unknown_condition_is_refused(server: Altered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.upstreams.federal_register.CONDITIONS", frozenset({"term", "type"}))
    with pytest.raises(Refused, match="is not a valid field"):
        fetched(server, step_for("ANDURIL"))


def test_the_control_query_detects_an_empty_response(server: Altered) -> None:
    with client_for(SOURCE, server.base_url) as client:
        assert SOURCE.health_check(client) is True
        server.documents.clear()
        assert SOURCE.health_check(client) is False


def test_an_empty_result_is_accepted(server: Altered) -> None:
    assert fetched(server, step_for("NOBODY HEARD OF THIS")) == []
    assert len(server.requests) == 1
