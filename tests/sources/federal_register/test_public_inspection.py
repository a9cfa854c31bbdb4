"""Documents on public inspection: found before they are published, one record with what is published, and by a step of
their own that may fail alone. Over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from sources.base import IncompleteResult, NotModified, StoredVersion
from sources.errors import Refused, SourceChanged
from sources.federal_register.document_parser import is_inspected
from sources.records import (
    Payload,
    Problem,
    SourceFact,
)
from tests.sources.clients import ERRORS, SOME_FAULTS
from tests.sources.fakes import Memory
from tests.sources.federal_register.documents import (
    SOURCE,
    fetched,
    publications,
    remembering,
    steps_for,
    walked,
)
from tests.upstreams.faults import Fault
from tests.upstreams.federal_register import RECORDED, FaultyFederalRegister, document
from tests.upstreams.public_inspection import PATH, filed

KEY = "FEDERAL_REGISTER_2026-20001"
TITLE = "Privacy Act of 1974; System of Records"
TEXT = "The system holds records obtained from Clearview AI and others."
FILED = filed(
    "2026-20001",
    "2026-10-08T12:45:00Z",
    TITLE,
    TEXT,
    publication_date="2026-10-13",
    docket_numbers=["DHS-2026-0044"],
)
PUBLISHED = document(
    "2026-20001", "2026-10-13", TITLE, TEXT, abstract="DHS proposes a system.", comments_close_on="2026-11-12"
)
INSPECTION, SEARCH = steps_for("CLEARVIEW AI")
ASSUMPTIONS = [assumption.name for assumption in SOURCE.assumptions]


@pytest.fixture
def server() -> Iterator[FaultyFederalRegister]:
    with FaultyFederalRegister(RECORDED, [FILED]) as fake_server:
        yield fake_server


@pytest.mark.parametrize(("filed_at", "day"), [("2026-10-09T01:00:00Z", date(2026, 10, 8)), (None, None)])
def test_the_filing_date_is_in_washington_time(
    server: FaultyFederalRegister, filed_at: str | None, day: date | None
) -> None:
    server.inspected[0] |= {"filed_at": filed_at, "publication_date": None, "docket_numbers": []}
    (record,) = publications(fetched(server, INSPECTION)).values()
    assert (record.key, record.published) == (KEY, day)
    assert "To be published" not in {fact.label for fact in record.facts}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"filed_at": "soon"}, "filed_at is no time"),
        ({"filed_at": "2026-10-08T12:45:00"}, "filed_at has no zone"),
        ({"html_url": "javascript:alert(1)"}, "not an address on the web"),
        ({"type": None}, "type is missing"),
        ({"agencies": "DHS"}, "agencies is not a list"),
        ({"num_pages": "4\x00"}, "not an amount in dollars"),
    ],
)
def test_an_unreadable_document_is_a_problem(changes: dict[str, object], reason: str) -> None:
    row = {**{name: FILED[name] for name in FILED if name != "full_text"}, "excerpts": TEXT, **changes}
    body = json.dumps({"count": 1, "total_pages": 1, "results": [row]}).encode()
    with FaultyFederalRegister(RECORDED, [FILED]) as server:
        (payload,) = fetched(server, INSPECTION)
    assert isinstance(payload, Payload)
    (told,) = payload.documents
    changed = [type(told)(url=told.url, request="", retrieved_at=told.retrieved_at, content_type="", body=body)]
    (problem,) = SOURCE.parse(
        Payload(source=payload.source, key=payload.key, revision=payload.revision, documents=tuple(changed))
    )
    assert isinstance(problem, Problem)
    assert problem.reason.startswith(reason)


def test_both_steps_request_every_phrase(server: FaultyFederalRegister) -> None:
    for step in steps_for(*(f"PRODUCT NUMBER {n}" for n in range(100))):
        fetched(server, step)
    paths = [request.path.partition("?")[0] for request in server.requests]
    assert paths.count(PATH) == paths.count("/api/v1/documents.json") == 3


def test_a_document_still_on_public_inspection_is_not_modified(server: FaultyFederalRegister) -> None:
    memory = remembering(fetched(server, INSPECTION))
    assert is_inspected(memory.records[KEY].revision)
    assert fetched(server, INSPECTION, memory) == [NotModified(key=KEY)]
    server.inspected[0]["editorial_note"] = "This document was withdrawn."
    (record,) = publications(fetched(server, INSPECTION, memory)).values()
    assert SourceFact(label="Editorial note", value="This document was withdrawn.") in record.facts


def test_a_changed_unpublished_document_needs_no_further_request(
    server: FaultyFederalRegister,
) -> None:
    (found,) = publications(fetched(server, INSPECTION)).values()
    more = f'{found.revision[:16]}["ANDURIL", "CLEARVIEW AI"]'
    server.inspected[0] |= {"editorial_note": "Withdrawn.", "publication_date": None}
    server.requests.clear()
    memory = Memory(records={KEY: StoredVersion(key=KEY, revision=more)})
    (record,) = publications(fetched(server, INSPECTION, memory)).values()
    assert (record.key, record.state) == (KEY, "withdrawn")
    assert [request.path.partition("?")[0] for request in server.requests] == [PATH]


def test_only_notices_and_rules_are_requested(server: FaultyFederalRegister) -> None:
    server.inspected[0]["type"] = "Presidential Document"
    assert fetched(server, INSPECTION) == []


def test_publication_removes_the_public_inspection_state(server: FaultyFederalRegister) -> None:
    memory = remembering(fetched(server, INSPECTION))
    server.documents.append(dict(PUBLISHED))
    server.inspected.clear()
    (record,) = publications(fetched(server, SEARCH, memory)).values()
    assert (record.key, record.state, record.published) == (KEY, "", date(2026, 10, 13))
    assert record.description == f"DHS proposes a system.\n…\n{TEXT}"
    assert record.deadline is not None


def test_a_published_document_does_not_return_to_public_inspection(server: FaultyFederalRegister) -> None:
    """Answers about public inspection may be a day old."""
    server.documents.append(dict(PUBLISHED))
    memory = remembering(fetched(server, SEARCH))
    assert fetched(server, INSPECTION, memory) == [NotModified(key=KEY)]
    assert fetched(server, SEARCH, memory) == [NotModified(key=KEY)]


def test_documents_on_public_inspection_are_requested_when_published(server: FaultyFederalRegister) -> None:
    far = "x " * 400
    text = f"{TEXT} {far} ANDURIL towers."
    server.inspected[0]["full_text"] = text
    both, _ = steps_for("CLEARVIEW AI", "ANDURIL")
    found = publications(fetched(server, both))
    memory = Memory(records={key: StoredVersion(key=key, revision=one.revision) for key, one in found.items()})
    memory.records[KEY] = StoredVersion(key=KEY, revision=f'{found[KEY].revision[:16]}["ANDURIL", "CLEARVIEW AI"]')
    server.documents.append({**PUBLISHED, "full_text": text})
    (record,) = publications(fetched(server, SEARCH, memory)).values()
    assert "ANDURIL towers" in record.description


def test_more_documents_than_a_page_are_an_incomplete_result() -> None:
    many = [filed(f"2026-{n:05}", "2026-10-08T12:45:00Z", f"Drone notice {n}") for n in range(1_001)]
    drones, _ = steps_for("DRONE")
    with FaultyFederalRegister(RECORDED, many) as server:
        items = fetched(server, drones)
    assert items[0] == IncompleteResult(step="inspection", expected=1_001, received=1_000)
    assert len(publications(items)) == 1_000


@pytest.mark.parametrize("fault", [*SOME_FAULTS, Fault.FORBIDDEN, Fault.RENAMED_FIELD])
def test_either_step_fails_alone(server: FaultyFederalRegister, fault: Fault) -> None:
    error = ERRORS.get(fault, SourceChanged)
    server.documents.append({**PUBLISHED, "document_number": "2026-20000"})
    for broken, well, on in ((INSPECTION, SEARCH, PATH), (SEARCH, INSPECTION, "/v1/documents.json")):
        server.play(fault, on=on)
        assert walked(server, broken, Memory()) == ([], error)
        assert len(publications(fetched(server, well))) == 1
        server.heal()
        assert len(publications(fetched(server, broken))) == 1


def test_a_row_without_a_filing_date_means_the_source_changed(server: FaultyFederalRegister) -> None:
    class Renamed(FaultyFederalRegister):
        renaming = (b'"filed_at"', b'"filing_time"')

    with Renamed(RECORDED, server.inspected) as other:
        other.play(Fault.RENAMED_FIELD)
        with pytest.raises(SourceChanged, match=r"public-inspection-documents\.json: filed_at is missing"):
            fetched(other, INSPECTION)


@pytest.mark.parametrize("wrong", ASSUMPTIONS)
def test_a_poll_succeeds_when_one_assumption_is_wrong(wrong: str) -> None:
    may = [document(f"2024-2{n:04}", f"2024-05-{1 + n % 20:02}", "Drone") for n in range(30)]
    inspection, search = steps_for("DRONE", "NOBODY")
    nobody = steps_for("NOBODY")[-1]
    with FaultyFederalRegister(
        [*RECORDED, *may], [filed("2026-1", "2026-10-08T12:45:00Z", "Drone")], wrong=wrong
    ) as server:
        assert len(publications(fetched(server, search))) == 30
        assert fetched(server, nobody) == []
        if wrong == "public-inspection":
            assert walked(server, inspection, Memory()) == ([], Refused)
        else:
            assert len(publications(fetched(server, inspection))) == 1
