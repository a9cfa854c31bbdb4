"""Reading notices of SAM.gov, to the last field, and what no notice should be able to do."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sources.records import Payload, Problem, Publication, Record, Removal, SourceFact
from sources.sam.opportunities.notice_parser import KEY_PREFIX, REMOVED, parse, revision
from tests.sources.payloads import document
from tests.upstreams.sam_opportunities import SAMPLES

Json = dict[str, Any]
HISTORIC, TEST_AWARD, YOKOSUKA, LIGHT = SAMPLES


def read(row: Mapping[str, Any], *texts: object) -> Record:
    key = f"{KEY_PREFIX}{row.get('noticeId')}"
    documents = tuple(document(content) for content in (row, *texts))
    return parse(Payload(source="samnotices", key=key, revision=revision(row), documents=documents))


def publication(row: Mapping[str, Any], *texts: object) -> Publication:
    record = read(row, *texts)
    assert isinstance(record, Publication), record
    return record


def changed(row: Json, **fields: Any) -> Json:
    return {**copy.deepcopy(row), **fields}


def test_no_person_is_named_outside_the_evidence() -> None:
    for row in SAMPLES:
        record = publication(row)
        shown = repr(record)
        assert "documents" not in shown
        assert not any(word in shown for word in ("A Contact Person", "contact@example.gov", "555-0100"))


def test_a_text_follows_the_title_without_markup() -> None:
    html = "<p>Hello <b>Clear</b>view &amp; Co.\x00</p><script>alert(1)</script><ul><li>one<li>two</ul>a  <br>b"
    record = publication(LIGHT, {"description": html})
    assert record.description == f"{LIGHT['title']}\n\nHello Clearview & Co.\none\ntwo\na\nb"
    assert len(record.documents) == 2
    for nothing in ({"description": None}, {"description": "null"}, b"Description Not Found", {"description": ""}):
        assert publication(LIGHT, nothing).description == LIGHT["title"]
    for other in ({"text": "x"}, b"<html>", {"description": ["x"]}, {"error": {"message": "no"}}):
        assert isinstance(read(LIGHT, other), Problem)


@pytest.mark.parametrize("html", ["<div>" * 200_000, "<b></i>" * 100_000, "<p>x" * 500_000, "&" * 10**6])
def test_a_hostile_text_is_read_in_seconds(html: str) -> None:
    begun = time.monotonic()
    assert len(publication(LIGHT, {"description": html}).description) < 110_000
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("stated", "deadline", "facts"),
    [
        ("2026-03-02T16:00:00-05:00", datetime(2026, 3, 2, 21, tzinfo=UTC), []),
        ("2026-03-02T16:00:00Z", datetime(2026, 3, 2, 16, tzinfo=UTC), []),
        ("2026-03-02T16:00:00", datetime(2026, 3, 2, 21, tzinfo=UTC), ["Responses due"]),
        ("2026-07-02T16:00:00", datetime(2026, 7, 2, 20, tzinfo=UTC), ["Responses due"]),
        ("2026-03-02", None, ["Responses due, as stated"]),
        ("0001-01-01T00:00:00+09:00", None, ["Responses due, as stated"]),
        ("0001-01-01T00:00:00+00:00", None, ["Responses due, as stated"]),  # has no time in Washington
        ("9999-12-31T00:00:00+00:00", None, ["Responses due, as stated"]),  # would be watched for ever
        ("noon\x00 on Monday", None, ["Responses due, as stated"]),
        (12, None, ["Responses due, as stated"]),
        (None, None, []),
        ("null", None, []),
    ],
)
def test_a_deadline_is_in_utc_or_as_stated(stated: object, deadline: datetime | None, facts: list[str]) -> None:
    record = publication(changed(LIGHT, responseDeadLine=stated))
    assert record.deadline == deadline
    assert [fact.label for fact in record.facts if fact.label.startswith("Responses")] == facts
    assert "\x00" not in repr(record)


@pytest.mark.parametrize(
    ("codes", "names", "agency"),
    [
        ("070.7009", "SECURITY, DEPARTMENT OF.SECRET SERVICE", ("SECURITY, DEPARTMENT OF", "SECRET SERVICE", "")),
        ("070.7008.C", "DEPT. OF XY.U.S. COAST GUARD.BASE", ("DEPT. OF XY", "U.S. COAST GUARD", "BASE")),
        ("070.7008", "A.B.C.D", ("A.B.C.D", "", "")),
        ("070", "A B", ("A B", "", "")),
        ("", "A.B", ("A.B", "", "")),
    ],
)
def test_agency_names_are_split_by_their_codes(codes: str, names: str, agency: tuple[str, str, str]) -> None:
    record = publication(changed(LIGHT, fullParentPathCode=codes, fullParentPathName=names))
    assert (record.awarding.name, record.awarding.sub_name, record.awarding.office) == agency


@pytest.mark.parametrize(
    ("code", "description", "told_as"),
    [
        ("SBA", "Total Small Business Set-Aside", "Total Small Business Set-Aside"),
        (["SBA", "8A"], None, "SBA, 8A"),
        ("NONE", "No Set aside used", None),
        (None, None, None),
        ("null", "null", None),
    ],
)
def test_a_set_aside_may_be_a_list(code: object, description: object, told_as: str | None) -> None:
    record = publication(changed(LIGHT, typeOfSetAside=code, typeOfSetAsideDescription=description))
    assert {fact.label: fact.value for fact in record.facts}.get("Set-aside") == told_as


@pytest.mark.parametrize(
    ("fields", "type_text", "state"),
    [
        ({"type": "Justification"}, "Justification (J&A)", ""),
        ({"type": "Justification and Approval (J&A)"}, "Justification (J&A)", ""),
        ({"type": "Sources Sought", "active": None}, "Sources Sought", ""),
        ({"active": "No"}, "Special Notice", "inactive"),
        ({"type": "Cancelled", "active": "No"}, "Cancelled", "cancelled"),
        ({"type": "Archived"}, "Archived", "archived"),
    ],
)
def test_types_and_states(fields: Json, type_text: str, state: str) -> None:
    record = publication(changed(LIGHT, **fields))
    assert (record.type_text, record.state) == (type_text, state)


def test_an_invalid_award_is_shown_as_stated() -> None:
    award = {"date": "soon", "number": " 70-cdcr 24\u2013p1 ", "amount": "$1", "awardee": {"name": "null"}}
    record = publication(changed(LIGHT, award=award))
    assert (record.piid, record.amounts, record.signed, record.recipient.name) == ("70CDCR24P1", (), None, "")
    assert {SourceFact(label="Award amount, as stated", value="$1")} < set(record.facts)
    repeated = publication(changed(LIGHT, award={"number": "4376487348950", "amount": "4376487348950.00"}))
    assert "repeats the digits" in repeated.amount_warning
    assert publication(changed(LIGHT, award={"amount": 12})).amounts[0].dollars == Decimal(12)


def test_only_file_urls_are_attachments() -> None:
    links = [
        "javascript:alert(1)",
        "https://beta.sam.gov/a",
        "http://sam.gov/b",
        "https://sam.gov/\x0bc",
        "x y",
        "null",
    ]
    record = publication(changed(LIGHT, resourceLinks=links, naicsCode=None, naicsCodes=["1", "2", "1"]))
    assert [one.url for one in record.attachments] == ["https://sam.gov/a"]
    assert (record.naics, {fact.label: fact.value for fact in record.facts}["Further NAICS codes"]) == ("1", "2")


@pytest.mark.parametrize("name", ["noticeId", "title", "postedDate", "type"])
@pytest.mark.parametrize("value", [None, "", "null", 7, ["x"], {}])
def test_a_missing_required_field_is_a_problem(name: str, value: object) -> None:
    record = read(changed(LIGHT, **{name: value}))
    assert isinstance(record, Problem)
    assert 0 < len(record.reason) < 300
    assert record.documents


def test_too_long_a_number_is_a_problem() -> None:
    record = read(changed(LIGHT, solicitationNumber="X" * 201))
    assert isinstance(record, Problem)
    assert record.reason.startswith("solicitationNumber is too long for an identifier")


def test_only_an_empty_result_is_a_removal() -> None:
    def removed(content: object) -> Record:
        return parse(Payload(source="s", key="SAM_NOTICE_1", revision=REMOVED, documents=(document(content),)))

    for answer in ({"totalRecords": 0, "opportunitiesData": []}, {"message": "No Data found"}, b"No Data Found"):
        record = removed(answer)
        assert isinstance(record, Removal)
        assert (record.key, record.action_key, record.removed) == ("SAM_NOTICE_1", "", None)
        assert "no longer gives" in record.reason
    others: list[object] = [{"totalRecords": 1, "opportunitiesData": [LIGHT]}, {"error": {}}, b"<html>"]
    for other in others:
        assert isinstance(removed(other), Problem)


def test_a_revision_does_not_depend_on_links() -> None:
    assert revision(LIGHT) == revision(changed(LIGHT, uiLink="https://elsewhere/", links=[]))
    moved = changed(LIGHT, responseDeadLine="2026-03-09T16:00:00-05:00")
    assert len({revision(LIGHT), revision(moved), revision(LIGHT, text_fetched=True)}) == 3
    assert revision(LIGHT, text_fetched=True) == f"{revision(LIGHT)}/text"
