"""A record of SAM.gov's contract awards, read to the last field; and what cannot be read."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal

import pytest

from sources.records import Award, AwardCategory, Payload, Problem, Record, Removal
from sources.sam.contract_awards.record_parser import identity_of, names_of, parse, revision_of
from tests.sources.payloads import document, payload
from tests.sources.sam.contract_awards import SAMPLES, Json, changed, record

ORDER: Json = SAMPLES["order"]
ORDER_KEY = "CONT_AWD_SPE3SU25F97V0_9700_SPE30023DSA78_9700"
SEARCH = "https://api.sam.gov/contract-awards/v1/search?"
OT_AGREEMENT = ("AWARD", "R", "OTHER TRANSACTION AGREEMENT")


def order_payload(content: object, query: str = "format=json") -> Payload:
    return payload("samawards", ORDER_KEY, document(content, url=SEARCH + query))


def award(content: Json) -> Award:
    found = parse(order_payload(content))
    assert isinstance(found, Award), found
    return found


def reason(content: object) -> str:
    found: Record = parse(order_payload(content))
    assert isinstance(found, Problem), found
    assert found.key == ORDER_KEY
    assert found.documents
    return found.reason


def test_an_exception_to_fair_opportunity_is_read() -> None:
    order = copy.deepcopy(ORDER)
    exception = {"code": "ONE", "name": "ONLY ONE SOURCE - OTHER"}
    order["coreData"]["competitionInformation"]["statutoryExceptionToFairOpportunity"] = exception
    found = award(order)
    assert (found.fair_opportunity_code, found.fair_opportunity) == ("ONE", "ONLY ONE SOURCE - OTHER")


@pytest.mark.parametrize(
    ("award_type", "category", "prefix"),
    [
        (OT_AGREEMENT, AwardCategory.OTHER_TRANSACTION, "CONT_AWD_"),
        (("AWARD", "O", "OTHER TRANSACTION ORDER"), AwardCategory.OTHER_TRANSACTION, "CONT_AWD_"),
        (("Award", "", "Other Transaction Agreement"), AwardCategory.OTHER_TRANSACTION, "CONT_AWD_"),
        (("IDV", "O", "OTHER TRANSACTION IDV"), AwardCategory.OTHER_TRANSACTION_IDV, "CONT_IDV_"),
        (("IDV", "B", "IDC"), AwardCategory.IDV, "CONT_IDV_"),
        (("IDV", "E", "BPA"), AwardCategory.IDV, "CONT_IDV_"),
        (("AWARD", "A", "BPA CALL"), AwardCategory.CONTRACT, "CONT_AWD_"),
        (("AWARD", "D", "DEFINITIVE CONTRACT"), AwardCategory.CONTRACT, "CONT_AWD_"),
    ],
)
def test_every_kind_of_instrument_has_its_category(
    award_type: tuple[str, str, str], category: AwardCategory, prefix: str
) -> None:
    found = award(record(award_type=award_type))
    assert found.category is category
    assert found.key.startswith(prefix)
    is_other = category.value.startswith("other")
    assert bool(found.url) is not is_other  # USAspending has no page of an other transaction


def test_a_deleted_record_is_a_removal_of_one_action() -> None:
    for asked, is_removal in (("deletedStatus=yes&format=json", True), ("deletedStatus=no", False)):
        found = parse(order_payload(ORDER, query=asked))
        assert isinstance(found, Removal) is is_removal
    assert parse(order_payload(ORDER, query="deletedStatus=yes")) == Removal(
        source="samawards",
        key=ORDER_KEY,
        action_key="9700_9700_SPE3SU25F97V0_0_SPE30023DSA78_0",
        removed=date(2025, 6, 11),
        reason="SAM.gov lists this action among those deleted",
        documents=order_payload(ORDER, query="deletedStatus=yes").documents,
    )


def test_the_keys_of_deleted_records() -> None:
    keys = [identity_of({**entry, "coreData": {"awardOrIDV": "AWARD"}}) for entry in SAMPLES["deleted_ids"]]
    assert [key.action_key for key in keys][:4] == [
        "3600_3600_VA25715J1359_0_V797P3148M_0",
        "9700_-NONE-_SPE7M520V0512_P00001_-NONE-_0",
        "9700_9700_0001_0_SPE4A214D0004_0",
        "9700_-NONE-_SPE4A414V5661_P00001_-NONE-_0",  # names a modification of an IDV that it does not name
    ]
    assert keys[2].award_key == "CONT_AWD_0001_9700_SPE4A214D0004_9700"


def test_date_formats() -> None:
    found = award(ORDER)
    assert (found.signed, found.starts, found.modified) == (date(2025, 2, 20), date(2025, 2, 20), date(2025, 6, 11))
    odd = changed(ORDER, "awardDetails.dates.dateSigned", "2025-02-20T19:13:54.000Z")
    assert award(odd).signed == date(2025, 2, 20)


@pytest.mark.parametrize("value", ["00:00.0", "02/20/2025", "2025-02-30", "2025-02-20T", "soon"])
def test_an_invalid_date_is_a_problem(value: str) -> None:
    assert reason(changed(ORDER, "awardDetails.dates.dateSigned", value)).startswith("dateSigned is not a date")


def test_numbers_are_strings_and_may_have_an_exponent() -> None:
    place = "awardDetails.totalContractDollars.totalActionObligation"
    assert award(changed(ORDER, place, "2.086065536E7")).obligated == Decimal("20860655.36")
    assert award(changed(ORDER, place, 12)).obligated == Decimal(12)
    assert award(changed(ORDER, place, "")).obligated is None
    for wrong in ("1.234", "1E999", "NaN", "1,000", "twelve", True, [1]):
        assert "amount" in reason(changed(ORDER, place, wrong))


def test_n_a_is_empty() -> None:
    place = "coreData.competitionInformation.extentCompeted.name"
    assert award(changed(ORDER, place, "N/A")).extent_competed == ""
    assert award(changed(ORDER, "awardDetails.awardeeData.awardeeHeader.awardeeName", "N/A")).recipient.name


def test_names_of_a_recipient() -> None:
    header = "awardDetails.awardeeData.awardeeHeader"
    both = changed(
        changed(ORDER, f"{header}.legalBusinessName", "VV & CO"), f"{header}.awardeeDoingBusinessAsName", "VV"
    )
    facts = {fact.label: fact.value for fact in award(both).facts}
    assert (facts["Legal business name"], facts["Doing business as"]) == ("VV & CO", "VV")
    assert "Name in the contract" not in facts  # it says what the name says
    assert {"VV & CO", "VV", "VERMILION VALLEY PRODUCE, INC."} <= set(names_of(both))
    only_legal = changed(changed(both, f"{header}.awardeeName", ...), f"{header}.awardeeNameFromContract", ...)
    assert award(only_legal).recipient.name == "VV & CO"


def test_no_official_is_named() -> None:
    named = changed(ORDER, "awardDetails.transactionData.approvedBy", "JANE.DOE@AGENCY.GOV")
    found = award(named)
    told = {name: getattr(found, name) for name in Award.__dataclass_fields__ if name != "documents"}
    assert "JANE.DOE" not in str(told)
    assert b"JANE.DOE" in found.documents[0].body


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("contractId.piid", ..., "contractId.piid is missing"),
        ("contractId.piid", "N/A", "contractId.piid is missing"),
        ("contractId.piid", "X" * 201, "too long"),
        ("contractId.piid", 7, "piid is not text"),
        ("contractId.subtier.code", ..., "contractId.subtier.code is missing"),
        ("contractId.subtier", [], "contractId.subtier.code is missing"),
        ("contractId", "x", "contractId is not an object"),
        ("coreData.awardOrIDV", ..., "coreData.awardOrIDV is missing"),
        ("coreData.awardOrIDV", "GRANT", "neither an award nor an IDV"),
        ("coreData.awardOrIDVType", ..., "unknown type"),
        ("coreData.awardOrIDVType", {"code": "T", "name": "TRAINING GRANT"}, "'TRAINING GRANT'"),
        ("awardDetails.awardeeData", [1], "awardeeData is not an object"),
        ("coreData.productOrServiceInformation.principalNaics", [3], "principalNaics is not an object"),
    ],
)
def test_missing_required_fields_are_a_problem(place: str, value: object, said: str) -> None:
    assert said in reason(changed(ORDER, place, value))


def test_a_modification_may_be_missing() -> None:
    found = award(changed(ORDER, "contractId.modificationNumber", ...))
    assert found.actions[0].key == "9700_9700_SPE3SU25F97V0_-NONE-_SPE30023DSA78_0"
    assert (found.actions[0].modification, found.signed) == ("", date(2025, 2, 20))


def test_a_revision_is_a_time_or_empty() -> None:
    place = "awardDetails.transactionData.lastModifiedDate"
    assert revision_of(ORDER) == "2025-06-11T07:18:02Z"
    assert revision_of(changed(ORDER, place, "yesterday")) == ""
    assert revision_of(changed(ORDER, place, ...)) == ""
