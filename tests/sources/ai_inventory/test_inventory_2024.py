"""Published rows of 2024 and 2025 to their last field, contract numbers in free text, and whole files where they are at
hand."""

from __future__ import annotations

import csv
import gzip
import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ai_inventory.contract_numbers import ContractNumbers, read_contract_numbers
from sources.ai_inventory.inventory import AiInventory
from sources.ai_inventory.row_parser import FILES, read_inventory
from sources.errors import SourceChanged
from sources.records import Document, Problem, Publication, SourceFact
from tests.upstreams.ai_inventory import DATA

SOURCE = AiInventory()
ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("PROCUREWATCH_SHARED_DATA") or ROOT.parent / "shared" / "data") / "aiinventory"
BODY = (DATA / "2024.csv").read_bytes()


def document(body: bytes) -> Document:
    now = datetime(2026, 4, 14, tzinfo=UTC)
    return Document(url="https://x.test/y.csv", request="", retrieved_at=now, content_type="text/plain", body=body)


def read(body: bytes = BODY) -> list[Publication]:
    records = read_inventory(document(body), SOURCE.name)
    publications = [record for record in records if isinstance(record, Publication)]
    assert len(publications) == len(records), records
    return publications


def named(title: str) -> list[Publication]:
    return [record for record in read() if record.title == title]


def fact(record: Publication, label: str) -> str:
    return next((fact.value for fact in record.facts if fact.label == label), "")


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
    explained = "Model development is done with test data and input from adjudication Subject Matter Experts"
    assert fact(record, "Data catalog, explained").startswith(explained)


def test_a_retired_use_case_is_marked_and_each_year_is_a_record() -> None:
    criminal, marshals = named("Clearview AI")
    assert [(one.awarding.sub_name, one.state) for one in (criminal, marshals)] == [("CRM", "retired"), ("USMS", "")]
    later = read((DATA / "2025_individual.csv").read_bytes())
    assert {record.key[:17] for record in read()} == {"AI_USE_CASE_2024_"}
    assert {record.key[:17] for record in later} == {"AI_USE_CASE_2025_"}
    assert {one.recipient.name for one in later if "facial recognition" in one.title.casefold()} == {"Clearview AI"}


def test_rows_of_one_name_are_distinguished_and_duplicates_merged() -> None:
    first, second = named("Generative AI Usage")
    assert first.key != second.key
    assert first.key.rpartition("_")[0] == second.key.rpartition("_")[0]
    rows = BODY.splitlines(keepends=True)
    assert {record.key for record in read(BODY + rows[-1])} == {record.key for record in read()}


def test_a_cell_with_a_persons_name_is_dropped() -> None:
    body = BODY.replace(b",20139567,", b",Jane Roe jane.roe@example.com P: 555.0100,")
    (record,) = [one for one in read(body) if one.title.startswith("Non-Intrusive")]
    assert "Roe" not in f"{record.description}{record.facts}"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda body: body.replace(b"Use Case Name", b"Name", 1), "no column"),
        (lambda body: body.replace(b"Date Retired", b"Date Initiated", 1), "columns that are there twice"),
    ],
)
def test_another_format_means_the_source_changed(change: object, says: str) -> None:
    assert callable(change)
    with pytest.raises(SourceChanged, match=says):
        read_inventory(document(change(BODY)), SOURCE.name)


def test_a_row_without_its_agency_or_its_name_is_a_problem() -> None:
    body = BODY.replace(b"Design Your Facility,", b",", 1)
    problems = [record for record in read_inventory(document(body), SOURCE.name) if isinstance(record, Problem)]
    assert [problem.reason for problem in problems] == ["a use case without its agency or without a name"]
    assert problems[0].key.startswith("AI_USE_CASE_2024_ROW_")


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("70B03C23F00001059", ContractNumbers(piid="70B03C23F00001059")),
        (
            "75D301-22-C-13291, 75D30124C20195",
            ContractNumbers(piid="75D30122C13291", others=("75D30124C20195",)),
        ),
        ("75F40119D10037 - 75F40123F19010", ContractNumbers(piid="75F40123F19010", parent="75F40119D10037")),
        ("GS-10F-0294V/7200AA23M00014", ContractNumbers(piid="7200AA23M00014", parent="GS10F0294V")),
        ("HHSN316201200013W/75N97019F00066", ContractNumbers(piid="75N97019F00066", parent="HHSN316201200013W")),
        ("NNG15SC71B-50310224F0140", ContractNumbers(piid="50310224F0140", parent="NNG15SC71B")),
        ("VA118-16-D-1006 36C10B22N10060040", ContractNumbers(piid="36C10B22N10060040", parent="VA11816D1006")),
        ("TIRNO-17-D-00004 WR2730", ContractNumbers(piid="TIRNO17D00004")),
        ("HHSN273201500010C; GS00Q14OADU417", ContractNumbers(piid="HHSN273201500010C", others=("GS00Q14OADU417",))),
        ("36C24124D0061, 36C24124C0018", ContractNumbers(piid="36C24124C0018", others=("36C24124D0061",))),
        (
            "GSA Contract # GS-10F-0064W NLM BPA Task Order: 75N97019A00005/75N97021F00006",
            ContractNumbers(piid="75N97021F00006", parent="75N97019A00005", others=("GS10F0064W",)),
        ),
        ("AID-OAA-A-17-00029 (PIATA)", ContractNumbers(piid="AIDOAAA1700029")),
        ("12314418F0020/P00075", ContractNumbers(piid="12314418F0020", modification="P00075")),
        (
            "2032H5-21-F-00495 Blue Tech / 2032H5-22-F-00922 P00003",
            ContractNumbers(piid="2032H521F00495", others=("2032H522F00922",)),
        ),
        ("70SBUR23Q00000186", ContractNumbers(solicitation="70SBUR23Q00000186")),
        *((prose, ContractNumbers()) for prose in ("", "REDACTED", "Brite Group", "PO 4300174099", "IAA E21PG00001")),
        ("This work was developed under a Research Support Agreement (RMA22CPT0012747)", ContractNumbers()),
    ],
)  # fmt: skip
def test_contract_numbers_are_parsed_in_every_spelling(cell: str, numbers: ContractNumbers) -> None:
    assert read_contract_numbers(cell) == numbers


@given(st.text(alphabet="AB19DFC-/ ,P", max_size=80))
def test_parsing_contract_numbers_never_fails(cell: str) -> None:
    numbers = read_contract_numbers(cell)
    told = [number for number in (numbers.piid, numbers.parent, *numbers.others) if number]
    assert len(told) == len(set(told))
    assert all(number in cell.replace("-", "") for number in told)


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


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no {SHARED} (set PROCUREWATCH_SHARED_DATA to the folder it is under)")
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_parsed(name: str) -> None:
    records = read_inventory(document(gzip.decompress((SHARED / name).read_bytes())), SOURCE.name)
    problems = [record for record in records if isinstance(record, Problem)]
    assert (len(records) - len(problems), len(problems)) == WHOLE[name]
    assert len({record.key for record in records}) == len(records)
    assert len(records) <= SOURCE.expected_rows.at_most
    assert sum(bool(one.piid) for one in records if isinstance(one, Publication)) == (336 if "2024" in name else 0)


def test_file_names_are_unique() -> None:
    assert len({file.address for file in FILES}) == len(FILES) == 3
