"""Published rows of 2024 and 2025 to their last field, contract numbers in free text, and whole files where they are at
hand."""

from __future__ import annotations

import csv
import gzip
import io
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ai_inventory.contract_numbers import ContractNumbers, read_contract_numbers
from sources.ai_inventory.inventory import AiInventory
from sources.ai_inventory.row_parser import FILES, read_inventory
from sources.errors import SourceChanged
from sources.records import Agency, Document, Problem, Publication, PublicationKind, Recipient, SourceFact
from tests.upstreams.ai_inventory import DATA

SOURCE = AiInventory()
ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("PROCUREWATCH_SHARED_DATA") or ROOT.parent / "shared" / "data") / "aiinventory"
BODY = (DATA / "2024.csv").read_bytes()
PAGE = (
    "https://github.com/ombegov/2024-Federal-AI-Use-Case-Inventory/blob/main/"
    "data/2024_consolidated_ai_inventory_raw_v2.csv"
)


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


def test_a_published_row_is_read_to_its_last_field() -> None:
    (record,) = named("Non-Intrusive Inspection (NII) 3D Imaging Tool")
    assert replace(record, facts=(), documents=()) == Publication(
        key="AI_USE_CASE_2024_DHS_74C49DC18607F819",
        source="aiinventory",
        kind=PublicationKind.USE_CASE,
        type_text="AI use case",
        title="Non-Intrusive Inspection (NII) 3D Imaging Tool",
        description="Utilizes AI/ML to generate high resolution, rapid imaging of objects behind occlusions; create 3D"
        " images for existing processes without significant slowdowns; and provide a novel narcotics detection"
        " capability for the inspection of packages.\nDetection alerts for Items of Interest.\nContracts: 20139567",
        recipient=Recipient(name=""),
        awarding=Agency(name="Department of Homeland Security", sub_name="CBP"),
        published=None,
        url=PAGE,
        revision=record.revision,
    )
    assert [(fact.label, fact.value[:60]) for fact in record.facts] == [
        ("Inventory", "2024"),
        ("Agency's abbreviation", "DHS"),
        ("Topic area", "Law & Justice"),
        ("Common commercial product", "None of the above."),
        ("Stage of development", "Implementation and Assessment"),
        ("Rights-impacting or safety-impacting", "Neither"),
        ("Initiated", "7/1/2023"),
        ("Acquisition or development began", "7/1/2023"),
        ("Bought or built", "Developed with contracting resources."),
        ("Contracts as reported", "20139567"),
        ("Supports a High-Impact Service Provider", "No"),
        ("Gives information to the public", "No"),
        ("Personally identifiable information", "No"),
        ("Privacy risks assessed", "Yes"),
        ("Data catalog", "No"),
        ("Data used", "Images and data of baggage inspection."),
        ("Documentation of the data", "Documentation is missing or not available: No documentation "),
        ("Demographic features", "None"),
        ("Custom code", "No"),
        ("Access to the code", "No \u2013 agency does not have access to source code."),
        ("Authorization to operate", "No"),
        ("Wait for developer tools", "6-12 months"),
        ("Infrastructure provisioned centrally", "Yes"),
        ("Computing resources can be requested", "No"),
        ("Resources provisioned in time", "Yes"),
        ("Tools and data used again", "None: This use case does not re-use any internally developed"),
        ("Open to review in the agency", "Limited documentation for review: Some information regarding"),
    ]


def test_the_contract_numbers_of_a_row_are_those_of_an_award() -> None:
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


def test_a_use_that_ended_says_so_and_the_next_year_is_another_record() -> None:
    criminal, marshals = named("Clearview AI")
    assert [(one.awarding.sub_name, one.state) for one in (criminal, marshals)] == [("CRM", "retired"), ("USMS", "")]
    later = read((DATA / "2025_individual.csv").read_bytes())
    assert {record.key[:17] for record in read()} == {"AI_USE_CASE_2024_"}
    assert {record.key[:17] for record in later} == {"AI_USE_CASE_2025_"}
    assert {one.recipient.name for one in later if "facial recognition" in one.title.casefold()} == {"Clearview AI"}


def test_rows_of_one_name_and_office_are_told_apart_and_a_row_that_comes_twice_is_one() -> None:
    first, second = named("Generative AI Usage")
    assert first.key != second.key
    assert first.key.rpartition("_")[0] == second.key.rpartition("_")[0]
    rows = BODY.splitlines(keepends=True)
    assert {record.key for record in read(BODY + rows[-1])} == {record.key for record in read()}


def test_a_cell_that_names_a_person_is_left_out() -> None:
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
def test_another_shape_is_a_change_of_the_source(change: object, says: str) -> None:
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
def test_contract_numbers_as_agencies_wrote_them(cell: str, numbers: ContractNumbers) -> None:
    assert read_contract_numbers(cell) == numbers


@given(st.text(alphabet="AB19DFC-/ ,P", max_size=80))
def test_no_text_breaks_the_reading_of_numbers(cell: str) -> None:
    numbers = read_contract_numbers(cell)
    told = [number for number in (numbers.piid, numbers.parent, *numbers.others) if number]
    assert len(told) == len(set(told))
    assert all(number in cell.replace("-", "") for number in told)


def test_a_published_row_of_2025_is_read_to_its_last_field() -> None:
    body = (DATA / "2025_individual.csv").read_bytes()
    (record,) = [one for one in read(body) if one.key == "AI_USE_CASE_2025_DOJ_DOJ-0226"]
    assert (record.title, record.recipient.name, record.state) == ("Facial Recognition Technology", "Clearview AI", "")
    assert record.awarding == Agency(name="Department of Justice", sub_name="Department of Justice / USMS")
    assert [line[:40] for line in record.description.splitlines()] == [
        "Facial Recognition Technology helps to n",
        "An increase in investigative efficiency ",
        "Matches query photograph with publicly a",
        "Vendors: Clearview AI",
    ]
    assert [(fact.label, fact.value[:40]) for fact in record.facts] == [
        ("Inventory", "2025"),
        ("Agency's abbreviation", "DOJ"),
        ("Use case ID", "DOJ-0226"),
        ("Withheld", "No"),
        ("Stage of development", "Deployed"),
        ("High impact", "High-impact"),
        ("Topic area", "Law Enforcement"),
        ("Classification", "Computer Vision"),
        ("Operational since", "01/2022"),
        ("Bought or built", "Vendor Purchased"),
        ("Vendors", "Clearview AI"),
        ("Authorization to operate", "Yes"),
        ("System", "Redacted for cybersecurity purposes."),
        ("Data used", "The case owner relied on DOJ AI governan"),
        ("Personally identifiable information", "Yes"),
        ("Demographic features", "This AI use case utilizes one or more of"),
        ("Custom code", "No"),
        ("Tested before deployment", "In-progress"),
        ("Impact assessment", "In-progress"),
        ("Potential impacts", "Consistent with Executive Orders and OMB"),
        ("Independent review", "In-progress"),
        ("Monitored after deployment", "In-progress"),
        ("Training of operators", "Training In-progress"),
        ("Fail-safe", "In-progress"),
        ("Appeals", "Appeal Process In-progress"),
        ("Feedback from the public", "In-progress"),
    ]


@pytest.mark.parametrize(("name", "encoding"), [("2024", "windows-1252"), ("2025_individual", "utf-8-sig")])
def test_every_cell_of_a_published_row_is_told(name: str, encoding: str) -> None:
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
def test_a_whole_file_is_read(name: str) -> None:
    records = read_inventory(document(gzip.decompress((SHARED / name).read_bytes())), SOURCE.name)
    problems = [record for record in records if isinstance(record, Problem)]
    assert (len(records) - len(problems), len(problems)) == WHOLE[name]
    assert len({record.key for record in records}) == len(records)
    assert len(records) <= SOURCE.expected_rows.at_most
    assert sum(bool(one.piid) for one in records if isinstance(one, Publication)) == (336 if "2024" in name else 0)


def test_the_files_are_of_different_names() -> None:
    assert len({file.address for file in FILES}) == len(FILES) == 3
