"""Reading an entry of FPDS: real ones to the last field, the four kinds of record, and what is hostile or broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sources.fpds.contracts import Fpds
from sources.fpds.entry_parser import parse
from sources.records import (
    Agency,
    Award,
    AwardCategory,
    ContractAction,
    Payload,
    Problem,
    Recipient,
    Record,
    Removal,
    SourceFact,
)
from tests.shared_data import FOLDER, needs
from tests.sources.payloads import document, payload
from tests.upstreams.fpds import Action, entry

SOURCE = Fpds()
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "tests" / "data" / "fpds" / "page.xml"
WHOLE_PAGE = "fpds/fpds_atom_page.xml"
BUILDINGS = Agency(
    code="047", name="GENERAL SERVICES ADMINISTRATION", sub_code="4740", sub_name="PUBLIC BUILDINGS SERVICE"
)


def awards_in(file: Path) -> list[Award]:
    records = [record for item in SOURCE.read_file(file) if isinstance(item, Payload) for record in SOURCE.parse(item)]
    awards = [record for record in records if isinstance(record, Award)]
    assert len(awards) == len(records)
    return awards


def read(xml: str | bytes, *, key: str | None = None, url: str = "a.xml") -> Record:
    body = xml if isinstance(xml, bytes) else xml.encode()
    key = "CONT_AWD_70CTD024C00000001_7012_-NONE-_-NONE-" if key is None else key
    return parse(payload("fpds", key, document(body, url=url, content_type="application/xml")))


def award(xml: str, *, key: str | None = None) -> Award:
    record = read(xml, key=key)
    assert isinstance(record, Award), record
    return record


def reason(xml: str | bytes, *, key: str | None = None) -> str:
    record = read(xml, key=key)
    assert isinstance(record, Problem), record
    assert record.documents
    return record.reason


def test_an_exception_to_fair_opportunity_is_parsed() -> None:
    exception = (
        '<ns1:statutoryExceptionToFairOpportunity description="URGENCY">URG</ns1:statutoryExceptionToFairOpportunity>'
    )
    found = award(entry(Action()).replace("</ns1:competition>", f"{exception}</ns1:competition>", 1))
    assert (found.extent_competed_code, found.extent_competed) == ("C", "NOT COMPETED")
    assert (found.fair_opportunity_code, found.fair_opportunity) == ("URG", "URGENCY")


def test_actions_of_one_award_share_the_award_key() -> None:
    _, _, base, change = awards_in(PAGE)
    assert base.key == change.key
    assert base.actions[0].key != change.actions[0].key


def test_the_idv_number_is_not_used_for_the_order() -> None:
    order = awards_in(PAGE)[1]
    assert (order.piid, order.parent_piid) == ("1B3L02518", "GS00P95BSD0006")
    assert order.actions[0].modification == "PA03"


@needs(WHOLE_PAGE)
def test_a_real_page_is_parsed_completely() -> None:
    awards = awards_in(FOLDER / WHOLE_PAGE)
    assert len({award.actions[0].key for award in awards}) == len(awards) == 10
    assert len({award.key for award in awards}) == 8
    assert all(award.recipient.name and award.recipient.uei and award.url and award.modified for award in awards)
    obligations = [award.actions[0].obligation for award in awards]
    assert [amount for amount in obligations if amount is not None and amount > 1_000_000] == [Decimal("1230942.45")]


KEYS = {
    "award": "CONT_AWD_P1_7012_GS1_4730",
    "IDV": "CONT_IDV_P1_7012",
    "OtherTransactionAward": "CONT_AWD_P1_7012_GS1_4730",
    "OtherTransactionIDV": "CONT_IDV_P1_7012",
}


@pytest.mark.parametrize(
    ("kind", "category", "action_key", "type_text"),
    [
        ("award", AwardCategory.CONTRACT, "7012_4730_P1_P00001_GS1_0", "DEFINITIVE CONTRACT"),
        ("IDV", AwardCategory.IDV, "7012_-NONE-_P1_P00001_-NONE-_-NONE-", "IDC"),
        (
            "OtherTransactionAward",
            AwardCategory.OTHER_TRANSACTION,
            "7012_4730_P1_P00001_GS1_-NONE-",
            "OTHER TRANSACTION AGREEMENT",
        ),
        (
            "OtherTransactionIDV",
            AwardCategory.OTHER_TRANSACTION_IDV,
            "7012_-NONE-_P1_P00001_-NONE-_-NONE-",
            "OTHER TRANSACTION IDV",
        ),
    ],
)
def test_the_four_kinds_of_record_are_parsed(
    kind: str, category: AwardCategory, action_key: str, type_text: str
) -> None:
    action = Action(kind=kind, piid="p1", modification="P00001", parent=("4730", "GS1"), obligated="-12.5")
    got = award(entry(action), key=KEYS[kind])
    assert (got.category, got.type_text, got.piid) == (category, type_text, "P1")
    assert (got.parent_piid, got.parent_key) == ("GS1", "CONT_IDV_GS1_4730")
    assert got.actions == (
        ContractAction(
            key=action_key,
            modification="P00001",
            signed=date(2024, 5, 6),
            obligation=Decimal("-12.50"),
            description="FACIAL RECOGNITION LICENSES",
            action_type="C",
            action_type_text="FUNDING ONLY ACTION",
        ),
    )
    is_idv = kind == "IDV"
    assert (got.obligated, got.ceiling) == (Decimal("2000.50"), Decimal("9000.00"))
    assert got.exercised == (None if is_idv else Decimal("3000.00"))
    assert (got.starts, got.ends) == (date(2024, 5, 6), date(2029, 5, 5))
    assert got.may_end == (None if is_idv else date(2029, 5, 5))
    assert got.recipient == Recipient(
        name="CLEARVIEW AI, INC.",
        uei="ABCDEFGH1234",
        cage="8ABC1",
        parent_name="THE PARENT, INC.",
        parent_uei="PARENT123456",
        state="NY",
    )
    assert (got.psc, got.psc_text) == ("7A21", "BUSINESS APPLICATION SOFTWARE")
    assert (got.awarding.code, got.awarding.name) == ("070", "HOMELAND SECURITY, DEPARTMENT OF")
    assert (got.awarding.sub_code, got.funding.sub_code, got.funding.office) == ("7012", "7014", "BORDER ENFORCEMENT")
    assert got.place == ("" if is_idv else "DALLAS, TEXAS, UNITED STATES")
    assert got.extent_competed == "NOT COMPETED"
    is_other = kind.startswith("Other")
    assert got.naics == ("" if is_other else "513210")
    assert got.solicitation == ("" if is_other else "70CTD024R0001")
    assert (SourceFact(label="Type of agreement", value="PROTOTYPE") in got.facts) is is_other


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.4.5", "1.5", "1.5.3"])
@pytest.mark.parametrize("namespace", ["https://www.fpds.gov/FPDS", "http://www.fpdsng.com/FPDS"])
def test_every_version_and_namespace_is_parsed(version: str, namespace: str) -> None:
    xml = entry(Action(version=version)).replace("https://www.fpds.gov/FPDS", namespace)
    assert award(xml).signed == date(2024, 5, 6)


def test_elements_without_a_prefix_are_parsed() -> None:
    written = entry(Action())
    without = written.replace("<ns1:award xmlns:ns1=", "<ns1:award xmlns=").replace(' xmlns:ns1="', ' xmlns:x="')
    without = without.replace("ns1:", "")
    assert "ns1" not in without
    assert replace(award(without), documents=()) == replace(award(written), documents=())


@pytest.mark.parametrize(
    ("vendor", "registered", "title", "expected"),
    [
        ("ACME, INC.", "ACME, INCORPORATED", "awarded to NOBODY for the amount of $1", "ACME, INC."),
        ("", "ACME, INCORPORATED", "awarded to NOBODY for the amount of $1", "ACME, INCORPORATED"),
        ("", "", "New BPA CALL 0001 awarded to B.F. SAUL COMPANY for the amount of $6,760", "B.F. SAUL COMPANY"),
        ("", "", "X (PA09) awarded to ACME, INC., was modified for the amount of $8", "ACME, INC."),
        ("", "", "X (PA09) awarded to , was modified for the amount of $8,392.9", ""),
        ("", "", "New X awarded to  for the amount of $55,768.89", ""),
        ("", "", "awarded", ""),
    ],
)
def test_the_recipient_is_found_in_every_place(vendor: str, registered: str, title: str, expected: str) -> None:
    xml = entry(Action(vendor=vendor, registered=registered))
    start, end = xml.index("CDATA[") + 6, xml.index("]]>")
    assert award(xml[:start] + title + xml[end:]).recipient.name == expected


def test_line_breaks_in_a_description_become_spaces() -> None:
    assert award(entry(Action(description="ONE\r\nTWO\tTHREE <B> & "))).description == "ONE TWO THREE <B> &"


def test_the_modified_date_is_in_washington_time() -> None:
    assert award(entry(Action(modified="2024-05-07 23:59:59"))).modified == date(2024, 5, 7)


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "http://www.fpds.gov/", "https://evil.example/", "https://[", ""]
)
def test_a_link_to_another_host_is_dropped(href: str) -> None:
    xml = entry(Action())
    start, end = xml.index('href="') + 6, xml.index('"></link>')
    assert award(xml[:start] + href + xml[end:]).url == ""


def test_a_deleted_record_removes_its_action() -> None:
    action = Action(modification="P00002", modified="2024-06-01 08:00:00")
    record = read(entry(action), url="a.xml FEEDNAME=DELETED")
    assert isinstance(record, Removal)
    assert (record.source, record.key) == ("fpds", "CONT_AWD_70CTD024C00000001_7012_-NONE-_-NONE-")
    assert record.action_key == "7012_-NONE-_70CTD024C00000001_P00002_-NONE-_0"
    assert record.removed == date(2024, 6, 1)
    assert record.documents


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<ns1:PIID>70CTD024C00000001</ns1:PIID>", "", "piid is missing"),
        (">7012</ns1:agencyID>", "></ns1:agencyID>", "agency is missing"),
        ("<ns1:PIID>", "<ns1:PIID>" + "X" * 51, "too long for an identifier"),
        ("<ns1:signedDate>2024-05-06 00:00:00</ns1:signedDate>", "", "signedDate is missing"),
        ("<ns1:signedDate>2024-05-06", "<ns1:signedDate>2024-13-06", "signedDate is not a date: '2024-13-06 00:00:00'"),
        (">1000.00<", ">a lot<", "not an amount in dollars: 'a lot'"),
        (">1000.00<", ">NaN<", "not an amount"),
        (">1000.00<", ">1000.001<", "not an amount in whole cents"),
        (">2000.50<", ">1e30<", "not an amount"),
        ("FACIAL", "F" * 20_001, "descriptionOfContractRequirement is too long"),
        ("ns1:award ", "ns1:grant ", "not XML"),
        ("</entry>", "", "not XML"),
        ("<entry>", '<!DOCTYPE entry SYSTEM "file:///etc/passwd"><entry>', "declares a document type"),
    ],
)
def test_an_unreadable_entry_is_a_problem_with_its_reason(old: str, new: str, expected: str) -> None:
    xml = entry(Action())
    assert old in xml
    assert expected in reason(xml.replace(old, new, 1))


def test_an_unknown_kind_of_record_is_a_problem() -> None:
    xml = entry(Action()).replace("ns1:award ", "ns1:grant ").replace("</ns1:award>", "</ns1:grant>")
    assert reason(xml) == "neither an award, an IDV nor an other transaction but grant"
    assert reason("<entry/>") == "neither an award, an IDV nor an other transaction but nothing"
    assert reason("<feed/>") == "not an entry but 'feed'"


def test_a_problem_has_the_action_key_of_its_entry() -> None:
    record = read(entry(Action(obligated="?")))
    assert isinstance(record, Problem)
    assert record.key == "7012_-NONE-_70CTD024C00000001_0_-NONE-_0"


def test_a_payload_of_another_award_is_a_problem() -> None:
    assert reason(entry(Action()), key="CONT_AWD_X_7012_-NONE-_-NONE-").startswith("expected CONT_AWD_X")


@pytest.mark.parametrize("name", ["obligatedAmount", "totalObligatedAmount"])
def test_a_missing_amount_stays_unknown(name: str) -> None:
    xml = entry(Action())
    start, end = xml.index(f"<ns1:{name}>"), xml.index(f"</ns1:{name}>")
    got = award(xml[:start] + xml[end + len(f"</ns1:{name}>") :])
    assert (got.actions[0].obligation is None) is (name == "obligatedAmount")
    assert (got.obligated is None) is (name == "totalObligatedAmount")
