"""Reading the files of the AI use-case inventory: published rows to their last cell, and whatever a row may hold."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.ai_inventory.inventory import AiInventory
from sources.ai_inventory.row_parser import FILES, read_inventory
from sources.records import Problem, Publication, SourceFact
from tests.shared_data import FOLDER, needs
from tests.sources.payloads import document
from tests.upstreams.ai_inventory import COPILOT, DATA, RETIRED, TOWER, Row, table

SOURCE = AiInventory()
BODY_2024 = (DATA / "2024.csv").read_bytes()


def read_with_problems(body: bytes) -> tuple[list[Publication], list[Problem]]:
    records = read_inventory(document(body), SOURCE.name)
    publications = [record for record in records if isinstance(record, Publication)]
    return publications, [record for record in records if isinstance(record, Problem)]


def keys_of(records: list[Publication], problems: list[Problem]) -> set[str]:
    return {record.key for record in records} | {problem.key for problem in problems}


def read(body: bytes) -> list[Publication]:
    publications, problems = read_with_problems(body)
    assert problems == []
    return publications


def read_rows(*rows: Row) -> list[Publication]:
    return read(table(*rows))


def read_one(row: Row, **changes: str) -> Publication:
    (record,) = read_rows({**row, **changes})
    return record


def named(title: str) -> list[Publication]:
    return [record for record in read(BODY_2024) if record.title == title]


def test_contract_numbers_of_a_row_link_to_awards() -> None:
    (facility,), (report,), (platform,) = map(
        named,
        (
            "Design Your Facility",
            "Discover Financial Business Intelligence System (FBIS) Report Analysis (Sub-CAN Line Items)",
            "Advanced Trade Analytics Platform (ATAP)",
        ),
    )
    assert (facility.piid, facility.parent_piid) == ("75D30122F15723", "")
    assert "System: Horizon (ACF instance of Palantir Foundry)" in facility.description
    assert (report.piid, report.parent_piid, report.modification) == ("75P00122F37003", "75P00122A00010", "P00004")
    assert (platform.piid, platform.parent_piid) == ("70B06C20F00000895", "70B06C20A00000036")
    others = "70B06C21F00000842, 70B06C22F00000700, 70B06C23F00000819, 70B06C24F00000450"
    assert SourceFact(label="Other contract numbers", value=others) in platform.facts


def test_a_request_for_quotations_is_a_solicitation() -> None:
    (record,) = named("Intelligent Document Processing (IDP) for I-539 Form Digitization")
    assert (record.piid, record.solicitation) == ("", "70SBUR23Q00000186")


def test_a_retired_use_case_is_marked_and_each_year_is_a_record() -> None:
    criminal, marshals = named("Clearview AI")
    assert [(one.awarding.sub_name, one.state) for one in (criminal, marshals)] == [("CRM", "retired"), ("USMS", "")]
    assert [record.state for record in read_rows(RETIRED, TOWER)] == ["retired", ""]
    assert {record.key[:17] for record in read(BODY_2024)} == {"AI_USE_CASE_2024_"}
    assert {record.key[:17] for record in read_rows(TOWER)} == {"AI_USE_CASE_2025_"}


def test_a_persons_name_and_address_are_dropped() -> None:
    body = BODY_2024.replace(b",20139567,", b",Jane Roe jane.roe@example.com P: 555.0100,")
    (record,) = [one for one in read(body) if one.title.startswith("Non-Intrusive")]
    assert "Roe" not in f"{record.description}{record.facts}"
    tower = read_one(TOWER)
    assert "ai@hq.dhs.gov" not in f"{tower.facts}{tower.description}"


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
    record = read_one(TOWER, vendor_name=vendors)
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
    record = read_one(TOWER, pia_url=cell)
    assert [attachment.url for attachment in record.attachments] == urls
    assert ("Privacy impact assessment", cell) in [(fact.label, fact.value) for fact in record.facts]


def test_an_unknown_column_is_kept() -> None:
    record = read_one(TOWER, oversight_body="OIG")
    assert ("Oversight body", "OIG") in [(fact.label, fact.value) for fact in record.facts]


def test_two_products_of_one_use_case_are_two_records() -> None:
    product = "Name of Commercial Product or Service Used"
    assert len({record.key for record in read_rows(COPILOT, {**COPILOT, product: "ChatGPT"})}) == 2


def test_keys_do_not_depend_on_row_order_or_text() -> None:
    def keys(*rows: Row) -> set[str]:
        return {record.key for record in read_rows(*rows)}

    nameless = {**TOWER, "id": ""}
    again = {**TOWER, "use_case_name": "Another Tower"}
    assert keys(TOWER, nameless, RETIRED) == keys(RETIRED, {**nameless, "benefits": "x"}, TOWER)
    assert len(keys(TOWER, nameless)) == 2
    assert keys(TOWER, again) == keys(again, TOWER)
    assert len(keys(TOWER, again)) == 2, "one ID for two use cases"


def test_rows_of_one_name_are_distinguished_and_duplicates_merged() -> None:
    first, second = named("Generative AI Usage")
    assert first.key != second.key
    assert first.key.rpartition("_")[0] == second.key.rpartition("_")[0]
    last = BODY_2024.splitlines(keepends=True)[-1]
    assert {record.key for record in read(BODY_2024 + last)} == {record.key for record in read(BODY_2024)}


def test_a_row_that_contradicts_another_is_a_problem() -> None:
    assert [record.key for record in read_rows(TOWER, TOWER)] == [record.key for record in read_rows(TOWER)]
    (record,), (problem,) = read_with_problems(table(TOWER, {**TOWER, "benefits": "Others"}))
    assert f"a second row for {record.key}" in problem.reason


def test_a_line_that_is_not_utf8_is_read_as_windows_1252() -> None:
    mixed = b"".join(
        line.decode("utf-8-sig").encode("windows-1252") if b"towers" in line else line
        for line in table({**TOWER, "use_case_name": "The agency\u2019s towers"}, RETIRED).splitlines(keepends=True)
    )
    first, _ = read(mixed)
    assert first.title == "The agency\u2019s towers"


def test_only_a_changed_cell_changes_the_revision() -> None:
    before = read_one(TOWER)
    assert before.revision == read_one(TOWER).revision
    for column in TOWER:
        assert read_one(TOWER, **{column: "something else"}).revision != before.revision, column


@pytest.mark.parametrize(
    "body",
    [
        table(TOWER, {**TOWER, "agency": "", "agency_name": ""}, RETIRED),
        table(TOWER, {**TOWER, "use_case_name": ""}, RETIRED),
        BODY_2024.replace(b"Design Your Facility,", b",", 1),
    ],
    ids=["no agency", "no name", "no name in 2024"],
)
def test_a_row_without_agency_or_name_is_a_problem(body: bytes) -> None:
    records, (problem,) = read_with_problems(body)
    assert len(records) > 1
    assert problem.reason == "a use case without its agency or without a name"
    assert "_ROW_" in problem.key


def test_a_row_of_wrong_length_is_a_problem() -> None:
    whole = table(TOWER)
    last = table(RETIRED).partition(b"\n")[2]
    body = whole + b"DHS,Department of Homeland Security,DHS-1,Short\n" + last.rstrip() + b",more\n" + last
    records, problems = read_with_problems(body)
    assert len(records) == 2
    assert [problem.reason for problem in problems] == ["row 3 has 4 cells, not 36", "row 4 has 37 cells, not 36"]
    assert len({problem.key for problem in problems}) == 2


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@example('=HYPERLINK("http://evil.test","Anduril")')
@example('"quoted", and ""doubled""')
@example("one\r\ntwo\nthree")
@example("NUL\x00 inside")
@example("_x000D_\nExcel")
@example("\ufeffanother mark")
@example("[" * 2_000)
def test_any_text_stays_text(text: str) -> None:
    row = {**TOWER, "use_case_name": text, "id": text, "vendor_name": text, "demographic_features": text}
    records, problems = read_with_problems(table(row))
    assert records or problems
    for key in keys_of(records, problems):
        assert len(key) <= 200
        assert key.isascii()
        assert key.isprintable()
    for record in records:
        told = f"{record.title}{record.recipient.name}{record.description}{[fact.value for fact in record.facts]}"
        assert "\x00" not in told
        assert "_x000D_" not in told
        assert "\n" not in record.title


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_byte_order_mark_and_line_ends_are_ignored(line_end: bytes) -> None:
    (record,) = read(table(RETIRED).removeprefix(b"\xef\xbb\xbf").replace(b"\n", line_end))
    assert record.key == "AI_USE_CASE_2025_VA_VA-25-856"


@pytest.mark.parametrize(("name", "encoding"), [("2024", "windows-1252"), ("2025_individual", "utf-8-sig")])
def test_every_cell_of_a_published_row_is_kept(name: str, encoding: str) -> None:
    body = (DATA / f"{name}.csv").read_bytes()
    header, *rows = csv.reader(io.StringIO(body.decode(encoding), newline=""))
    for cells, record in zip(rows, read(body), strict=True):
        agency = record.awarding
        facts = [fact.value for fact in record.facts]
        told = "\n".join([record.title, record.description, agency.name, agency.sub_name, *facts])
        said = [cell for column, cell in zip(header, cells, strict=True) if column != "contact_email"]
        words = {word for cell in said if not cell.startswith("[") for word in cell.split()} - {"N/A", "NA"}
        assert {word for word in words if word not in told} == set()


WHOLE = {
    "2024_consolidated.csv.gz": (2130, 0),
    "2025_individually_reported.csv.gz": (3604, 5),
    "2025_cots.csv.gz": (486, 0),
}


@needs("aiinventory")
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_parsed(name: str) -> None:
    records, problems = read_with_problems(gzip.decompress((FOLDER / "aiinventory" / name).read_bytes()))
    assert (len(records), len(problems)) == WHOLE[name]
    assert len(keys_of(records, problems)) == len(records) + len(problems)
    assert len(records) <= SOURCE.expected_rows.at_most
    assert sum(bool(one.piid) for one in records) == (336 if "2024" in name else 0)


def test_file_names_are_unique() -> None:
    assert len({file.address for file in FILES}) == len(FILES) == 3
