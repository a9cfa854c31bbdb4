"""Parsing a record of SAM.gov's contract awards, which is one action of one award. Pure.

Facts: the "Response" tables and examples of open.gsa.gov/api/contract-awards (v1.0) and GSA's map from FPDS
(contract-awards/v1/FPDSvsSAM-ContractDataAPI.pdf); keys as Treasury builds them from these fields
(`derive_remaining_fields` of dataactbroker/scripts/load_sam_contract.py, then USAspending's `unique_award_key`). The
names of officials (`createdBy`, `approvedBy` ...) and what else is not taken stay in the evidence.

Other transactions are not at USAspending, whose loader leaves them out, so that nobody else has keys for them. They get
keys of the same form (CONT_AWD_, CONT_IDV_): the identity has the same fields, the numbers come from the same series,
and Treasury's loader would build these very keys should it take them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sources.award_keys import ActionIdentity, award_page
from sources.errors import SourceChanged
from sources.fields import (
    Fields,
    join_place,
    read_date,
    read_dollars,
    read_identifier,
    read_json,
    read_object,
    read_text,
    unreadable,
)
from sources.records import (
    Agency,
    Award,
    AwardCategory,
    ContractAction,
    InvalidRecord,
    Payload,
    Recipient,
    Record,
    Removal,
    SourceFact,
    count,
    treasury_code,
)

BASE_MODIFICATIONS = ("0", "")
# "2025-02-20T00:00:00Z", "2025-02-20 00:00:00.000" and "2025-02-20T19:13:54.000Z" stand in one record.
DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?)?")
# By `awardOrIDV` and the letter of `awardOrIDVType` (FPDS data dictionary, 6A): the same letter means two things.
# O and R are those of SAM.gov's own search form; the names of other transactions all begin alike.
CATEGORIES = {
    **{("AWARD", letter): AwardCategory.CONTRACT for letter in "ABCD"},
    **{("AWARD", letter): AwardCategory.OTHER_TRANSACTION for letter in "OR"},
    **{("IDV", letter): AwardCategory.IDV for letter in "ABCDE"},
    ("IDV", "O"): AwardCategory.OTHER_TRANSACTION_IDV,
}
OTHER_TRANSACTION = "OTHER TRANSACTION"


def _date(fields: Fields, name: str) -> date | None:
    """Return a date in any of the record's formats. Raises `InvalidRecord`."""
    value = _text(fields, name)
    if value and not DATE.fullmatch(value):
        raise InvalidRecord(f"{name} is not a date: {value[:40]!r}")
    return read_date(fields, name) if value else None


def _text(fields: Fields, name: str) -> str:
    """Return a text, "" also for "N/A". Raises `InvalidRecord`."""
    value = read_text(fields, name)
    return "" if value == "N/A" else value


def _identifier(fields: Fields, name: str) -> str:
    return "" if fields.get(name) == "N/A" else read_identifier(fields, name)


def _required(fields: Fields, name: str, path: str) -> str:
    value = _identifier(fields, name)
    if not value:
        raise InvalidRecord(f"{path}.{name} is missing")
    return value


def identity_of(record: Fields) -> ActionIdentity:
    """Return which action a record is. Raises `InvalidRecord`."""
    contract = read_object(record, "contractId")
    return ActionIdentity(
        agency=_required(read_object(contract, "subtier"), "code", "contractId.subtier"),
        piid=_required(contract, "piid", "contractId"),
        modification=_identifier(contract, "modificationNumber"),
        transaction=_identifier(contract, "transactionNumber"),
        parent_agency=_identifier(read_object(contract, "referencedIDVSubtier"), "code"),
        parent_piid=_identifier(contract, "referencedIDVPiid"),
        is_idv=_award_or_idv(record) == "IDV",
    )


def _award_or_idv(record: Fields) -> str:
    value = _required(read_object(record, "coreData"), "awardOrIDV", "coreData")
    if value not in ("AWARD", "IDV"):
        raise InvalidRecord(f"neither an award nor an IDV but {value[:40]!r}")
    return value


def revision_of(record: Fields) -> str:
    """Return the last-modified time as SAM.gov writes it, "" if missing. Later times sort later."""
    value = _text(read_object(record, "awardDetails", "transactionData"), "lastModifiedDate")
    return value if DATE.fullmatch(value) else ""


def action_state(record: Fields) -> tuple[str, date | None, Decimal | None]:
    """Return the action as it is stored: modification, date signed, obligation in dollars. Raises `InvalidRecord`."""
    details = read_object(record, "awardDetails")
    modification = _text(read_object(record, "contractId"), "modificationNumber")
    signed = _date(read_object(details, "dates"), "dateSigned")
    return modification, signed, read_dollars(read_object(details, "dollars"), "actionObligation")


def action_text(record: Fields) -> tuple[str, str]:
    """Return the modification and the description of an action. Raises `InvalidRecord`."""
    requirement = read_object(record, "awardDetails", "productOrServiceInformation")
    return action_state(record)[0], _text(requirement, "descriptionOfContractRequirement")


def parse(payload: Payload) -> Record:
    """Read a record into an award with one action, or into a removal if it was found among deleted actions."""
    try:
        document = payload.documents[0]
        record = read_json(document, payload.source)
        identity = identity_of(record)
        if "yes" in parse_qs(urlsplit(document.url).query).get("deletedStatus", []):
            return _removal(payload, record, identity)
        return _award(payload, record, identity)
    except (InvalidRecord, SourceChanged, IndexError) as error:
        return unreadable(payload, error)


def _removal(payload: Payload, record: Fields, identity: ActionIdentity) -> Removal:
    return Removal(
        source=payload.source,
        key=identity.award_key,
        action_key=identity.action_key,
        removed=_date(read_object(record, "awardDetails", "transactionData"), "lastModifiedDate"),
        reason="SAM.gov lists this action among those deleted",
        documents=payload.documents,
    )


def _award(payload: Payload, record: Fields, identity: ActionIdentity) -> Award:
    core, details = read_object(record, "coreData"), read_object(record, "awardDetails")
    category, type_text = _category(record)
    dates, totals = read_object(details, "dates"), read_object(details, "totalContractDollars")
    product = read_object(core, "productOrServiceInformation")
    psc, naics = read_object(product, "productOrService"), _first(product, "principalNaics")
    organization = read_object(core, "federalOrganization")
    is_base = identity.modification in BASE_MODIFICATIONS
    is_other = category in (AwardCategory.OTHER_TRANSACTION, AwardCategory.OTHER_TRANSACTION_IDV)
    last_order = _date(dates, "lastDateToOrder")
    action = _action(record, identity)
    return Award(
        is_partial=True,
        key=identity.award_key,
        source=payload.source,
        revision=payload.revision,
        category=category,
        type_text=type_text,
        piid=identity.piid,
        parent_piid=identity.parent_piid,
        parent_key=identity.parent_key,
        description=action.description,
        recipient=_recipient(read_object(details, "awardeeData")),
        awarding=_agency(read_object(organization, "contractingInformation"), "contracting"),
        funding=_agency(read_object(organization, "fundingInformation"), "funding"),
        obligated=read_dollars(totals, "totalActionObligation"),
        exercised=read_dollars(totals, "totalBaseAndExercisedOptionsValue"),
        ceiling=read_dollars(totals, "totalBaseAndAllOptionsValue"),
        signed=action.signed if is_base else None,
        starts=_date(dates, "periodOfPerformanceStartDate"),
        ends=_date(dates, "currentCompletionDate") or last_order,
        may_end=_date(dates, "ultimateCompletionDate") or last_order,
        modified=_date(read_object(details, "transactionData"), "lastModifiedDate"),
        psc=_text(psc, "code"),
        psc_text=_text(psc, "name"),
        naics=_text(naics, "code"),
        naics_text=_text(naics, "name"),
        solicitation=_text(core, "solicitationId"),
        **_competition(core, read_object(details, "competitionInformation")),
        place=_place(read_object(core, "principalPlaceOfPerformance")),
        url="" if is_other else award_page(identity.award_key),
        actions=(action,),
        documents=payload.documents,
        facts=tuple(_facts(details)),
    )


def _competition(core: Fields, more: Fields) -> dict[str, Any]:
    """Return the fields on competition and pricing; `more` is the competition part of the award's details."""
    competition = read_object(core, "competitionInformation")
    extent, set_aside = read_object(competition, "extentCompeted"), read_object(competition, "typeOfSetAside")
    fair = read_object(competition, "statutoryExceptionToFairOpportunity")
    pricing = read_object(core, "acquisitionData", "typeOfContractPricing")
    return {
        "extent_competed_code": _identifier(extent, "code"),
        "extent_competed": _text(extent, "name"),
        "not_competed_reason": _text(read_object(competition, "otherThanFullAndOpenCompetition"), "name"),
        "fair_opportunity_code": _identifier(fair, "code"),
        "fair_opportunity": _text(fair, "name"),
        "offers_received": count(_text(more, "numberOfOffersReceived")),
        "solicitation_procedure": _text(read_object(competition, "solicitationProcedures"), "name"),
        "set_aside_code": _identifier(set_aside, "code"),
        "set_aside": _text(set_aside, "name"),
        "pricing_code": _identifier(pricing, "code"),
        "pricing": _text(pricing, "name"),
    }


def _category(record: Fields) -> tuple[AwardCategory, str]:
    """Return the award's category and SAM.gov's name for its type."""
    kind, award_type = _award_or_idv(record), read_object(record, "coreData", "awardOrIDVType")
    code, name = _identifier(award_type, "code"), _text(award_type, "name")
    category = CATEGORIES.get((kind, "O" if name.upper().startswith(OTHER_TRANSACTION) else code))
    if category is None:
        raise InvalidRecord(f"{kind} of an unknown type: {code[:40]!r}, {name[:80]!r}")
    return category, name


def _action(record: Fields, identity: ActionIdentity) -> ContractAction:
    modification, signed, obligation = action_state(record)
    reason = read_object(record, "contractId", "reasonForModification")
    return ContractAction(
        key=identity.action_key,
        modification=modification,
        signed=signed,
        obligation=obligation,
        description=action_text(record)[1],
        action_type=_text(reason, "code"),
        action_type_text=_text(reason, "name"),
    )


def _recipient(awardee: Fields) -> Recipient:
    header, numbers = read_object(awardee, "awardeeHeader"), read_object(awardee, "awardeeUEIInformation")
    names = (_text(header, name) for name in ("awardeeName", "legalBusinessName", "awardeeNameFromContract"))
    return Recipient(
        name=next(filter(None, names), ""),
        uei=_identifier(numbers, "uniqueEntityId"),
        cage=_identifier(numbers, "cageCode"),
        parent_name=_text(numbers, "awardeeUltimateParentName"),
        parent_uei=_identifier(numbers, "awardeeUltimateParentUniqueEntityId"),
        state=_text(read_object(awardee, "awardeeLocation", "state"), "code"),
    )


def _agency(information: Fields, role: str) -> Agency:
    department, subtier = read_object(information, f"{role}Department"), read_object(information, f"{role}Subtier")
    return Agency(
        code=treasury_code(_identifier(department, "code")),
        name=_text(department, "name"),
        sub_code=_identifier(subtier, "code"),
        sub_name=_text(subtier, "name"),
        office=_text(read_object(information, f"{role}Office"), "name"),
    )


def _first(fields: Fields, name: str) -> Fields:
    """Return the first object of a list, or a single object; empty when there is none."""
    value = fields.get(name)
    return read_object({name: value[0] if isinstance(value, list) and value else value or None}, name)


def _place(place: Fields) -> str:
    """Return the place of performance: city, state, country."""
    names = (_text(read_object(place, level), "name") for level in ("city", "state", "country"))
    return join_place(*names)


def _facts(details: Fields) -> Iterator[SourceFact]:
    """Give further details for readers that have no field of their own."""
    header = read_object(details, "awardeeData", "awardeeHeader")
    more = read_object(details, "competitionInformation")
    values = {
        "Doing business as": _text(header, "awardeeDoingBusinessAsName"),
        "Also named": _text(header, "awardeeAlternateName"),
        "Legal business name": _text(header, "legalBusinessName"),
        "Name in the contract": _text(header, "awardeeNameFromContract"),
        "Source of the recipient's name and address": _text(
            read_object(details, "awardeeData", "awardeeLocation"), "awardeeDataSource"
        ),
        "Closed": {"Y": "yes", "N": "no"}.get(_text(read_object(details, "transactionData"), "closedStatus"), ""),
        "Type of agreement": _text(read_object(more, "typeOfAgreement"), "name"),
        "Nontraditional participation": _text(read_object(more, "nontraditionalGovernmentEntityParticipation"), "name"),
    }
    name = _recipient(read_object(details, "awardeeData")).name
    yield from (SourceFact(label=label, value=value) for label, value in values.items() if value and value != name)


def names_of(record: Fields) -> tuple[str, ...]:
    """Return every name of the recipient and its parent in a record. Raises `InvalidRecord`."""
    awardee = read_object(record, "awardDetails", "awardeeData")
    header = (value for value in read_object(awardee, "awardeeHeader").values() if isinstance(value, str))
    return (*header, _text(read_object(awardee, "awardeeUEIInformation"), "awardeeUltimateParentName"))
