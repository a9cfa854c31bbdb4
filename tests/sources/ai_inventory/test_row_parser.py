"""Reading the files of the AI use-case inventory: every field, keys, and whatever text a row may hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ai_inventory.inventory import AiInventory
from sources.ai_inventory.row_parser import read_inventory
from sources.records import Document, Payload, Problem, Publication
from tests.upstreams.ai_inventory import (
    COMMERCIAL_HEADER,
    COPILOT,
    INDIVIDUAL_HEADER,
    PASSPORT_MODEL,
    RETIRED,
    TOWER,
    TRANSLATION,
    Row,
    table,
)

SOURCE = AiInventory()


def document(*rows: Row, body: bytes | None = None) -> Document:
    content = table(INDIVIDUAL_HEADER, rows) if body is None else body
    return Document(
        url="https://example.test/x.csv",
        request="",
        retrieved_at=datetime(2026, 4, 14, tzinfo=UTC),
        content_type="text/plain",
        body=content,
    )


def read(*rows: Row) -> list[Publication]:
    records = read_inventory(document(*rows), SOURCE.name)
    publications = [record for record in records if isinstance(record, Publication)]
    assert len(publications) == len(records), records
    return publications


def test_an_officials_address_is_dropped() -> None:
    (record,) = read(PASSPORT_MODEL)
    assert "ai@hq.dhs.gov" not in f"{record.facts}{record.description}"


@pytest.mark.parametrize(
    ("vendors", "first"),
    [
        ("Anduril", "Anduril"),
        ("FOIA Xpress, Forum One, Adobe, and Polydelta", "FOIA Xpress"),
        ("Penlink, Ltd.; Cellebrite", "Penlink, Ltd."),
        ("Clearview AI, Inc., Babel Street", "Clearview AI, Inc."),
        ("Acme, L.L.C.", "Acme, L.L.C."),
        ("Acme, Incognito", "Acme"),
        ("Skydio and Xtender", "Skydio and Xtender"),
        ("Redacted for cybersecurity purposes.", ""),
        ("N/A", ""),
        ("", ""),
    ],
)
def test_the_first_vendor_is_the_recipient_and_all_of_them_stay_in_the_text(vendors: str, first: str) -> None:
    (record,) = read({**TRANSLATION, "vendor_name": vendors})
    assert record.recipient.name == first
    assert vendors in record.description


@pytest.mark.parametrize(
    ("cell", "urls"),
    [
        (TOWER["pia_url"], [TOWER["pia_url"]]),
        ("https://a.gov/1.pdf, https://a.gov/2.pdf", ["https://a.gov/1.pdf", "https://a.gov/2.pdf"]),
        (
            "https://a.gov/1.pdf,https://a.gov/2.pdf;https://a.gov/1.pdf.",
            ["https://a.gov/1.pdf", "https://a.gov/2.pdf"],
        ),
        ("See (https://a.gov/x) for DHS/CBP/PIA-056", ["https://a.gov/x"]),
        ("javascript:alert(1)", []),
        ("N/A", []),
        ("http", []),
    ],
)
def test_only_web_addresses_become_attachments(cell: str, urls: list[str]) -> None:
    (record,) = read({**TOWER, "pia_url": cell})
    assert [attachment.url for attachment in record.attachments] == urls
    assert ("Privacy impact assessment", cell) in [(fact.label, fact.value) for fact in record.facts]


def test_a_retired_use_case_is_marked() -> None:
    assert [record.state for record in read(RETIRED, TOWER)] == ["retired", ""]


def test_an_unknown_column_is_kept() -> None:
    body = table([*INDIVIDUAL_HEADER, "oversight_body"], [{**TOWER, "oversight_body": "OIG"}])
    (record,) = read_inventory(document(body=body), SOURCE.name)
    assert isinstance(record, Publication)
    assert ("Oversight body", "OIG") in [(fact.label, fact.value) for fact in record.facts]


def test_two_products_of_one_use_case_are_two_records() -> None:
    body = table(COMMERCIAL_HEADER, [COPILOT, {**COPILOT, COMMERCIAL_HEADER[3]: "ChatGPT"}])
    records = read_inventory(document(body=body), SOURCE.name)
    assert len({record.key for record in records}) == 2
    assert all(isinstance(record, Publication) for record in records)


def test_keys_do_not_depend_on_row_order_or_text() -> None:
    def keys(*rows: Row) -> set[str]:
        return {record.key for record in read(*rows)}

    nameless = {**TOWER, "id": ""}
    again = {**TOWER, "use_case_name": "Another Tower"}
    assert keys(TOWER, nameless, RETIRED) == keys(RETIRED, {**nameless, "benefits": "x"}, TOWER)
    assert len(keys(TOWER, nameless)) == 2
    assert keys(TOWER, again) == keys(again, TOWER)
    assert len(keys(TOWER, again)) == 2, "one ID for two use cases"


def test_duplicate_rows_are_merged_and_contradictions_are_problems() -> None:
    assert [record.key for record in read(TOWER, TOWER)] == [record.key for record in read(TOWER)]
    records = read_inventory(document(TOWER, {**TOWER, "benefits": "Others"}), SOURCE.name)
    assert [type(record) for record in records] == [Publication, Problem]
    assert "a second row for AI_USE_CASE_2025_DHS_DHS-35" in records[1].reason  # type: ignore[union-attr]


def test_a_line_that_is_not_utf8_is_read_as_windows_1252() -> None:
    body = document({**TOWER, "use_case_name": "The agency\u2019s towers"}, RETIRED).body
    mixed = b"".join(
        line.decode("utf-8-sig").encode("windows-1252") if b"towers" in line else line
        for line in body.splitlines(keepends=True)
    )
    first, _ = read_inventory(replace(document(TOWER), body=mixed), SOURCE.name)
    assert isinstance(first, Publication)
    assert first.title == "The agency\u2019s towers"


def test_only_a_changed_cell_changes_the_revision() -> None:
    (before,), (same,) = read(TOWER), read(TOWER)
    assert before.revision == same.revision
    for column in INDIVIDUAL_HEADER:
        (after,) = read({**TOWER, column: "something else"})
        assert after.revision != before.revision, column


@pytest.mark.parametrize("column", ["agency", "use_case_name"])
def test_a_row_without_agency_or_name_is_a_problem(column: str) -> None:
    broken = {**TOWER, column: "", **({"agency_name": ""} if column == "agency" else {})}
    records = read_inventory(document(PASSPORT_MODEL, broken, RETIRED), SOURCE.name)
    assert [type(record) for record in records] == [Publication, Publication, Problem]


def test_a_row_of_wrong_length_is_a_problem() -> None:
    whole = table(INDIVIDUAL_HEADER, [TOWER])
    body = whole + b"DHS,Department of Homeland Security,DHS-1,Short\n" + whole.splitlines()[1] + b",more\n"
    body += table(INDIVIDUAL_HEADER, [RETIRED]).partition(b"\n")[2]
    records = read_inventory(document(body=body), SOURCE.name)
    assert [type(record) for record in records] == [Publication, Publication, Problem, Problem]
    problems = [record for record in records if isinstance(record, Problem)]
    assert [problem.reason for problem in problems] == ["row 3 has 4 cells, not 36", "row 4 has 37 cells, not 36"]
    assert len({problem.key for problem in problems}) == 2


HOSTILE = [
    '=HYPERLINK("http://evil.test","Anduril")',
    "+cmd|' /C calc'!A0",
    '"quoted", and ""doubled""',
    "one\r\ntwo\nthree",
    "NUL\x00 inside",
    "_x000D_\nExcel",
    "<script>alert(1)</script>",
    "\ufeffanother mark",
    "[" * 2_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    (record,) = read({**TOWER, "use_case_name": text, "vendor_name": text, "demographic_features": text})
    told = f"{record.title}{record.recipient.name}{record.description}{[fact.value for fact in record.facts]}"
    assert "\x00" not in told
    assert "_x000D_" not in told
    assert "\n" not in record.title


@given(st.text(max_size=60), st.text(max_size=60))
def test_parsing_never_fails_on_arbitrary_text(name: str, identity: str) -> None:
    row = {**TOWER, "use_case_name": name, "id": identity}
    body = table(INDIVIDUAL_HEADER, [row]) if _can_be_encoded(name + identity) else b""
    payload = Payload(
        source=SOURCE.name, key="AI_USE_CASE_2025_INDIVIDUAL", revision="", documents=(document(body=body),)
    )
    for record in SOURCE.parse(payload):
        assert len(record.key) <= 200
        assert record.key.isascii()
        assert record.key.isprintable()


def _can_be_encoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_byte_order_mark_and_line_ends_are_ignored(line_end: bytes) -> None:
    plain = table(INDIVIDUAL_HEADER, [RETIRED]).removeprefix(b"\xef\xbb\xbf").replace(b"\n", line_end)
    (record,) = read_inventory(document(body=plain), SOURCE.name)
    assert record.key == "AI_USE_CASE_2025_VA_VA-25-856"
