"""Reading documents of the Federal Register: every field, what is meant, keys, and whatever text an answer may hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.federal_register.document_parser import (
    document_key,
    parse,
    passage,
    phrases_in,
    phrases_of,
    revision_of,
    words_of,
)
from sources.federal_register.documents import FederalRegister
from sources.federal_register.search import MAX_PHRASES, MAX_TERM_LENGTH, terms
from sources.records import (
    Agency,
    InvalidRecord,
    Payload,
    Problem,
    Publication,
    SourceFact,
)
from tests.sources.payloads import payload
from tests.upstreams.federal_register import BORDER, HOMELAND, PRIVACY_NOTICE, Json

SOURCE = FederalRegister()
KEY = "FEDERAL_REGISTER_2024-10001"
EXCERPT = 'through <span class="match">Clearview</span> <span class="match">AI</span>&#39;s service &amp; others …'


def payload_of(*rows: object) -> Payload:
    content = {"count": len(rows), "total_pages": 1, "results": rows}
    return payload(SOURCE.name, KEY, content)


def row(**changes: Any) -> Json:
    fields = {name: value for name, value in PRIVACY_NOTICE.items() if name != "full_text"}
    return {**fields, "excerpts": EXCERPT, **changes}


def read(**changes: Any) -> Publication:
    record = parse(payload_of(row(**changes)))
    assert isinstance(record, Publication), record
    return record


def test_optional_fields_may_be_absent() -> None:
    kept = {"document_number", "publication_date", "title", "type", "html_url"}
    for empty in (None, "absent"):
        bare = {name: value if name in kept else empty for name, value in row().items()}
        record = parse(payload_of({name: value for name, value in bare.items() if value != "absent"}))
        assert isinstance(record, Publication)
        assert (record.description, record.deadline, record.attachments) == ("", None, ())
        assert (record.awarding, record.corrects) == (Agency(), "")
        assert [fact.label for fact in record.facts] == ["Document number"]


@pytest.mark.parametrize("day", ["9999-12-31", "2500-01-01"])
def test_a_deadline_that_cannot_be_true_is_quoted(day: str) -> None:
    document = read(comments_close_on=day)
    assert document.deadline is None
    assert SourceFact(label="Comments close, as stated", value=day) in document.facts


def test_a_deadline_is_the_end_of_the_day_in_washington() -> None:
    assert read(comments_close_on="2024-12-02").deadline == datetime(2024, 12, 3, 4, 59, 59, tzinfo=UTC)
    assert read(comments_close_on="2024-07-02").deadline == datetime(2024, 7, 3, 3, 59, 59, tzinfo=UTC)


def test_a_correction_and_its_original_name_each_other() -> None:
    url = "https://www.federalregister.gov/api/v1/documents/2024-09999.json"
    assert read(correction_of=url).corrects == "correction of 2024-09999"
    assert ("Corrected by", url) in [(fact.label, fact.value) for fact in read(corrections=[url]).facts]


@pytest.mark.parametrize(
    ("agencies", "expected"),
    [
        ([HOMELAND, BORDER], Agency(name=HOMELAND["name"], sub_name=BORDER["name"])),
        ([BORDER, HOMELAND], Agency(name=HOMELAND["name"], sub_name=BORDER["name"])),
        ([BORDER], Agency(name=BORDER["name"])),
        ([HOMELAND], Agency(name=HOMELAND["name"])),
        ([{"raw_name": "OFFICE OF NOBODY"}, HOMELAND], Agency(name="OFFICE OF NOBODY")),
        ([], Agency()),
    ],
    ids=["parent first", "child first", "child alone", "parent alone", "unknown", "none"],
)
def test_the_agency_is_the_first_sub_agency(agencies: list[Json], expected: Agency) -> None:
    assert read(agencies=agencies).awarding == expected


@pytest.mark.parametrize(
    ("closes", "deadline"),
    [
        ("2024-05-05", None),
        ("2024-05-06", datetime(2024, 5, 7, 3, 59, 59, tzinfo=UTC)),
        ("2024-12-02", datetime(2024, 12, 3, 4, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_comment_date_before_publication_is_no_deadline(closes: str, deadline: datetime | None) -> None:
    record = read(comments_close_on=closes)
    told = [fact.value for fact in record.facts if fact.label == "Comments closed, before publication"]
    assert (record.deadline, told) == (deadline, [] if deadline else [closes])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": None}, "title is missing"),
        ({"title": 5}, "title is not text"),
        ({"type": ""}, "type is missing"),
        ({"html_url": None}, "html_url is missing"),
        ({"html_url": "javascript:alert(1)"}, "not an address on the web"),
        ({"pdf_url": "file:///etc/passwd"}, "not an address on the web"),
        ({"publication_date": None}, "no answer holds its row"),
        ({"comments_close_on": "soon"}, "comments_close_on is not a date"),
        ({"effective_on": "2024-02-30"}, "effective_on is not a date"),
        ({"agencies": {"name": "x"}}, "agencies is not a list"),
        ({"agencies": ["x"]}, "agencies holds what is no object"),
        ({"docket_ids": {"x": 1}}, "docket_ids is not text"),
        ({"docket_ids": [{"id": 1}]}, "docket_ids is not text"),
        ({"excerpts": ["x"]}, "excerpts is not text"),
        ({"document_number": "2024-9"}, "no answer holds its row"),
    ],
    ids=range(15),
)
def test_an_unreadable_document_is_a_problem(changes: Json, reason: str) -> None:
    record = parse(payload_of(row(**changes)))
    assert isinstance(record, Problem)
    assert record.reason.startswith(reason)
    assert (record.key, len(record.documents)) == (KEY, 1)


def test_hostile_text_stays_text_on_one_line() -> None:
    record = read(
        title="<script>\x00alert(1)</script>\n=1+1 \ud800", abstract=None, excerpts="&lt;b&gt;\x00 &#0; 5 < 6"
    )
    assert record.title == "<script>alert(1)</script> =1+1 ?"
    assert record.description == "<b> \ufffd 5 < 6"


def test_an_excerpt_that_repeats_the_abstract_is_dropped() -> None:
    assert passage({"abstract": "One two three four", "excerpts": "One two three..."}) == ""
    assert passage({"abstract": "One two three four", "excerpts": "three four five"}) == "three four five"
    assert passage({"abstract": None, "excerpts": None}) == ""


@pytest.mark.parametrize(
    ("phrase", "text", "meant"),
    [
        ("CLEARVIEW AI", "the Clearview-AI® service", True),
        ("ID.ME", "by ID.me, Inc.", True),
        ("PEN-LINK", "Pen Link and others", True),
        ("BODY CAMERA", "of body cameras", True),
        ("AXON", "a taxon of beetles", False),
        ("AXON", "Taxon; AXON.", True),
        ("CLEARVIEW AI", "a clear view AI", False),
        ("...", "anything", False),
    ],
)
def test_a_phrase_matches_at_word_boundaries(phrase: str, text: str, meant: bool) -> None:
    for name in ("title", "abstract", "excerpts"):
        assert phrases_in({name: text}, words_of([phrase])) == ({phrase} if meant else set())


def test_a_reused_document_number_is_keyed_with_its_date() -> None:
    assert document_key({"document_number": "00-111", "publication_date": "2000-01-14"}).endswith("_00-111_2000-01-14")
    assert document_key({"document_number": "e5-1", "publication_date": "2015-12-31"}).endswith("_E5-1_2015-12-31")
    assert document_key({"document_number": "2016-1", "publication_date": "2016-01-01"}).endswith("REGISTER_2016-1")


@pytest.mark.parametrize("number", [None, "", "a b", "x" * 41, "\x00", "2024/1"])
def test_an_invalid_document_number_gives_no_key(number: object) -> None:
    with pytest.raises(InvalidRecord):
        document_key({"document_number": number, "publication_date": "2024-05-06"})


def test_a_revision_depends_on_fields_and_phrases_not_on_excerpts() -> None:
    before = revision_of(row(), ["A"])
    assert revision_of(row(excerpts="another"), ["A"]) == before
    assert revision_of(row(), ["B", "A"]) == revision_of(row(), ["A", "B"]) != before
    assert phrases_of(revision_of(row(), ['a "quoted" one', "B"])) == {'a "quoted" one', "B"}
    for name in row():
        if name != "excerpts":
            assert revision_of(row(**{name: "something else"}), ["A"]) != before, name


@pytest.mark.parametrize("revision", ["", "x", "0123456789abcdef", "0123456789abcdef{}", "0123456789abcdef[["])
def test_a_revision_of_another_format_has_no_phrases(revision: str) -> None:
    assert phrases_of(revision) == frozenset()


def test_a_search_term_quotes_its_phrases() -> None:
    assert list(terms(["ID.ME", "D&B DATA", "I2, INC", "ANALYST'S NOTEBOOK"])) == [
        '("ID.ME" | "D&B DATA" | "I2, INC" | "ANALYST\'S NOTEBOOK")'
    ]
    assert list(terms(["ONE"])) == ['("ONE")'], "brackets keep what is merely related out"
    assert list(terms(['A "B" =C | (D) ~2 \\E *', "...", ""])) == ['("A B C D 2 E")']
    assert list(terms(["x", "x"])) == ['("x")']


@given(st.lists(st.text(max_size=80), max_size=120))
def test_search_terms_are_bounded_and_complete(phrases: list[str]) -> None:
    made = list(terms(phrases))
    for term in made:
        inner = term.removeprefix("(").removesuffix(")")
        quoted = inner.split(" | ")
        assert all(part[0] == part[-1] == '"' and part.count('"') == 2 for part in quoted)
        assert len(quoted) <= MAX_PHRASES
    asked = "".join(made)
    for phrase in phrases:
        assert all(word in asked for word in phrase.split() if word.isalnum())


def test_only_a_single_phrase_can_exceed_the_url_limit() -> None:
    made = list(terms([f"{'long ' * 20}{n}" for n in range(100)]))
    assert len(made) > 5
    assert all(len(term.replace(" ", "%20")) < MAX_TERM_LENGTH for term in made)
