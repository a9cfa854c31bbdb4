"""OCDS releases, held to the standard's own schema."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from procurewatch.exports.formats import ocds_bytes
from procurewatch.exports.ocds import PROCESSES, release_of
from procurewatch.query_coverage import About
from sources.records import Amount, AmountMeaning
from storage.database import Database
from storage.models import StoredLink, StoredRecord
from storage.reading.export_rows import with_bands
from storage.reading.records import all_keys, records_by_key
from tests.feeds.records import CLEARVIEW, SEEN
from tests.records import BABEL, COURT_REPORTER, NO_FAIR_OPPORTUNITY, SOLE_SOURCE, match
from tests.storage.database_helpers import save

SCHEMAS = Path(__file__).parents[2] / "data" / "ocds"
HOSTILE = '<script>alert(1)</script> \u202e\x00\x1b[31m =1+1 "] }'

Json = dict[str, Any]


def validator() -> Draft4Validator:
    release = json.loads((SCHEMAS / "release-schema.json").read_text())
    package = json.loads((SCHEMAS / "release-package-schema.json").read_text())
    registry: Registry[Any] = Registry().with_resource(release["id"], DRAFT4.create_resource(release))
    return Draft4Validator(package, registry=registry, format_checker=Draft4Validator.FORMAT_CHECKER)


def package(*releases: Json | None) -> Json:
    return {
        "uri": "tag:procurewatch,2026:ocds/test",
        "version": "1.1",
        "publishedDate": "2026-11-23T00:00:00Z",
        "publisher": {"name": "x"},
        "releases": [json.loads(json.dumps(release)) for release in releases],
    }


def errors(told: Json) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(told)]


def test_the_schema_rejects_invalid_packages() -> None:
    broken = package({"ocid": "x", "id": "1", "date": "yesterday", "tag": ["bought"], "initiationType": "tender"})
    assert len(errors(broken)) == 2


def test_a_package_of_stored_records_is_valid(database: Database) -> None:
    for award in (BABEL, COURT_REPORTER):
        save(database, award, match(award, "babel-street"))
    with database.reading() as session:
        told = json.loads(b"".join(ocds_bytes(session, records_by_key(session, all_keys(session)), About())))
    assert errors(told) == []
    assert len(told["releases"]) == 2
    release = next(each for each in told["releases"] if BABEL.key in each["ocid"])
    assert release["tag"] == ["award", "contract", "contractAmendment"]
    assert release["buyer"]["id"] in [party["id"] for party in release["parties"]]
    assert release["contracts"][0]["awardID"] == release["awards"][0]["id"]
    assert release["contracts"][0]["value"] == {"amount": 5906000.98, "currency": "USD"}
    (amendment,) = release["contracts"][0]["amendments"]
    assert amendment["date"] == "2024-03-19T00:00:00Z"
    assert "Obligated by this action: $3,646,827.09." in amendment["description"]
    assert any(each["id"].startswith("evidence-") for each in release["awards"][0]["documents"])


FULL = replace(
    CLEARVIEW,
    recipient_uei="ABCDEFGHJKL1",
    recipient_parent_name="PARENT",
    parent_key="CONT_IDV_X_7012",
    parent_piid="X",
    solicitation="70CMSD21R0001",
    extent_competed="NOT COMPETED",
    psc="7A21",
    naics="511210",
    ceiling=Decimal("3000000.00"),
    exercised=Decimal("1000000.00"),
    starts=date(2021, 9, 5),
    ends=date(2022, 9, 4),
)
NOTICE = replace(
    FULL,
    key="SAM_1",
    category="notice",
    title="Notice of intent",
    deadline=SEEN,
    parent_key="",
    attachments=(("Statement of work", "https://sam.gov/file 1?a=<b>#x#y"), ("none", "javascript:alert(1)")),
)
SUBAWARD = replace(
    FULL,
    key="SUB_1",
    category="subaward",
    parent_key="",
    amounts=(Amount(meaning=AmountMeaning.SUBAWARDED, dollars=Decimal("12.50"), shared=False),),
)
LINK = StoredLink(record_key="SUB_1", award_key=FULL.key, confidence=1.0, reason="the source names it")


def release(record: StoredRecord, *links: tuple[StoredLink, StoredRecord | None]) -> Json:
    made = release_of(record, (), links, ())
    assert made is not None
    assert errors(package(made)) == []
    return made


def test_a_release_names_the_matching_entries(database: Database) -> None:
    resold = replace(BABEL, recipient=replace(BABEL.recipient, state="VA"))
    named = match(resold, "babel-street")
    named.signals = [{**named.signals[0], "kind": "product", "field": "description"}]
    save(database, resold, named, match(resold, "panamerica", band="review"))
    with database.reading() as session:
        records = with_bands(records_by_key(session, all_keys(session)))
        (made,) = json.loads(b"".join(ocds_bytes(session, records, About())))["releases"]
    assert errors(package(made)) == []
    (found,) = made["matches"]
    assert found == {
        "id": "babel-street",
        "name": "Babel Street",
        "kind": "vendor",
        "category": "social-media",
        "viaReseller": True,
        "reason": "Babel Street is the recipient's name.",
    }
    assert [party["address"] for party in made["parties"] if "supplier" in party["roles"]] == [{"region": "VA"}]


def test_identifiers_use_the_documented_schemes() -> None:
    parties = {party["roles"][0]: party for party in release(FULL)["parties"]}
    assert parties["supplier"]["identifier"] == {
        "scheme": "US-SAM",
        "id": "ABCDEFGHJKL1",
        "legalName": "CLEARVIEW AI, INC.",
    }
    assert parties["buyer"]["identifier"]["scheme"] == "US-FPDS"


def test_an_order_names_its_parent_and_how_it_was_competed() -> None:
    made = release(FULL)
    assert made["relatedProcesses"][0]["relationship"] == ["framework"]
    assert made["relatedProcesses"][0]["identifier"] == "procurewatch-CONT_IDV_X_7012"
    assert made["tender"]["procurementMethod"] == "direct"
    assert made["tender"]["id"] == "70CMSD21R0001"
    assert made["awards"][0]["value"]["amount"] == 3_000_000
    assert made["contracts"][0]["value"]["amount"] == 1_000_000
    assert made["awards"][0]["items"][0]["classification"]["id"] == "7A21"


def test_a_tender_has_competition_set_aside_and_offers() -> None:
    tender = release(replace(FULL, **SOLE_SOURCE))["tender"]
    assert tender["procurementMethod"] == "direct"
    assert tender["procurementMethodDetails"] == "NOT COMPETED; ONLY ONE SOURCE"
    assert tender["procurementMethodRationale"] == "ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER)"
    assert tender["eligibilityCriteria"] == "8(A) SOLE SOURCE"
    assert tender["numberOfTenderers"] == 1


def test_an_order_under_an_exception_to_fair_opportunity_is_direct() -> None:
    tender = release(replace(FULL, **NO_FAIR_OPPORTUNITY))["tender"]
    assert tender["procurementMethod"] == "direct"
    assert tender["procurementMethodDetails"] == (
        "FULL AND OPEN COMPETITION; exception to fair opportunity: ONLY ONE SOURCE - OTHER"
    )
    assert tender["procurementMethodRationale"] == "ONLY ONE SOURCE - OTHER"
    assert "eligibilityCriteria" not in tender  # no set-aside used
    given = release(replace(FULL, **{**NO_FAIR_OPPORTUNITY, "fair_opportunity_code": "FAIR"}))["tender"]
    assert (given["procurementMethod"], given.get("procurementMethodRationale")) == ("open", None)


def test_a_notice_is_a_tender_with_its_files() -> None:
    made = release(NOTICE)
    assert made["tag"] == ["tender", "award"]
    files = [each for each in made["tender"]["documents"] if each["id"].startswith("file-")]
    assert [each["url"] for each in files] == ["https://sam.gov/file%201?a=%3Cb%3E#x%23y"]
    cancelled = release(replace(NOTICE, state="cancelled", recipient_name=""))
    assert (cancelled["tag"], cancelled["tender"]["status"]) == (["tenderCancellation"], "cancelled")


def test_a_subaward_is_related_to_its_prime_award() -> None:
    made = release(SUBAWARD, (LINK, FULL))
    assert made["relatedProcesses"][0]["relationship"] == ["parent"]
    assert made["contracts"][0]["value"]["amount"] == 12.5
    assert "buyer" not in made


def test_an_announcement_is_a_document_of_its_award() -> None:
    announced = replace(NOTICE, key="DOD_1", category="announcement", published=date(2024, 1, 2))
    link = replace(LINK, record_key="DOD_1")
    assert release_of(announced, (), (), ()) is None
    made = release(FULL, (link, announced))
    assert [each["documentType"] for each in made["awards"][0]["documents"] if each["id"] == "DOD_1"] == ["awardNotice"]
    assert len(made["relatedProcesses"]) == 1


def test_an_amount_with_a_warning_is_dropped_with_the_warning() -> None:
    made = release(replace(FULL, amount_warning="it is the digits of a telephone number"))
    assert "value" not in made["awards"][0]
    assert "telephone" in made["awards"][0]["description"]


@pytest.mark.parametrize("category", sorted(PROCESSES))
def test_hostile_text_stays_text(category: str) -> None:
    texts: dict[str, Any] = {
        name: HOSTILE
        for name, value in ((name, getattr(FULL, name)) for name in FULL.__dataclass_fields__)
        if isinstance(value, str) and name != "category"
    }
    made = json.dumps(release(replace(FULL, category=category, attachments=((HOSTILE, HOSTILE),), **texts)))
    assert "\\u202e" not in made
    assert "\\u001b" not in made
    assert "alert(1)" in made


def test_the_ocid_prefix_is_the_publishers() -> None:
    made = release_of(FULL, (), (), (), "ocds-abc123")
    assert made is not None
    assert made["ocid"] == f"ocds-abc123-{FULL.key}"
