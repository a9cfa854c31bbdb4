"""Reading a record of SAM.gov's contract awards, one action of one award, as bytes, into ours. Pure.

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from sources.errors import SourceChanged
from sources.fields import read_json
from sources.records import (
    Agency,
    Award,
    AwardCategory,
    ContractAction,
    InvalidRecord,
    Payload,
    Problem,
    Recipient,
    Record,
    Removal,
    SourceFact,
    count,
    dollars,
    treasury_code,
)

LONGEST_IDENTIFIER = 200
NONE = "-NONE-"
AWARD_PAGE = "https://www.usaspending.gov/award/"
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

Fields = Mapping[str, object]


def text(fields: Fields, name: str) -> str:
    """Return a text, "" when it is null, absent or "N/A", without what no database can store.

    Raises:
        InvalidRecord: it is not text.
    """
    value = fields.get(name)
    if value is None or value == "N/A":
        return ""
    if not isinstance(value, str):
        raise InvalidRecord(f"{name} is not text: {str(value)[:80]!r}")
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def identifier(fields: Fields, name: str) -> str:
    """Return an identifier in upper case, "" when there is none. Raises `InvalidRecord` for what cannot be one."""
    value = text(fields, name).upper()
    if len(value) > LONGEST_IDENTIFIER:
        raise InvalidRecord(f"{name} is too long for an identifier: {value[:80]!r}")
    return value


def required(fields: Fields, name: str, of: str) -> str:
    """Return an identifier that must be there. Raises `InvalidRecord`."""
    value = identifier(fields, name)
    if not value:
        raise InvalidRecord(f"{of}.{name} is missing")
    return value


def day(fields: Fields, name: str) -> date | None:
    """Return a date in any of the record's formats. Raises `InvalidRecord`."""
    value = text(fields, name)
    if not value:
        return None
    form = DATE.fullmatch(value)
    try:
        return date.fromisoformat(form[1] if form else value)
    except ValueError as error:
        raise InvalidRecord(f"{name} is not a date: {value[:40]!r}") from error


def part(fields: Fields, *path: str) -> Fields:
    """Return a nested object, empty when it or what holds it is null or absent. Raises `InvalidRecord`."""
    for name in path:
        value = fields.get(name) or {}
        if not isinstance(value, dict):
            raise InvalidRecord(f"{name} is not an object: {str(value)[:80]!r}")
        fields = value
    return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which action of which award a record is, in parts (upper case, "" where silent) and as keys."""

    agency: str
    piid: str
    modification: str
    transaction: str
    parent_agency: str
    parent_piid: str
    is_idv: bool

    @property
    def award_key(self) -> str:
        """The award, as USAspending names it."""
        if self.is_idv:
            return f"CONT_IDV_{self.piid}_{self.agency}"
        return f"CONT_AWD_{self.piid}_{self.agency}_{self.parent_piid or NONE}_{self.parent_agency or NONE}"

    @property
    def action_key(self) -> str:
        """The action; that of an IDV is named by three parts only."""
        modification = self.modification or NONE
        if self.is_idv:
            return f"{self.agency}_{NONE}_{self.piid}_{modification}_{NONE}_{NONE}"
        parent, parent_agency = self.parent_piid or NONE, self.parent_agency or NONE
        return f"{self.agency}_{parent_agency}_{self.piid}_{modification}_{parent}_{self.transaction or NONE}"

    @property
    def parent_key(self) -> str:
        """The IDV it was ordered under, "" if it names none whole."""
        return f"CONT_IDV_{self.parent_piid}_{self.parent_agency}" if self.parent_piid and self.parent_agency else ""


def identity_of(record: Fields) -> Identity:
    """Return which action a record is. Raises `InvalidRecord` when it does not say."""
    contract = part(record, "contractId")
    return Identity(
        agency=required(part(contract, "subtier"), "code", "contractId.subtier"),
        piid=required(contract, "piid", "contractId"),
        modification=identifier(contract, "modificationNumber"),
        transaction=identifier(contract, "transactionNumber"),
        parent_agency=identifier(part(contract, "referencedIDVSubtier"), "code"),
        parent_piid=identifier(contract, "referencedIDVPiid"),
        is_idv=_award_or_idv(record) == "IDV",
    )


def _award_or_idv(record: Fields) -> str:
    value = required(part(record, "coreData"), "awardOrIDV", "coreData")
    if value not in ("AWARD", "IDV"):
        raise InvalidRecord(f"neither an award nor an IDV but {value[:40]!r}")
    return value


def revision_of(record: Fields) -> str:
    """Return when the record was last modified, as SAM.gov writes it; later is greater. "" if it does not say."""
    value = text(part(record, "awardDetails", "transactionData"), "lastModifiedDate")
    return value if DATE.fullmatch(value) else ""


def state_of(record: Fields) -> tuple[str, date | None, Decimal | None]:
    """Return modification, date signed and obligation in dollars: the action as it is held. Raises `InvalidRecord`."""
    details = part(record, "awardDetails")
    modification = text(part(record, "contractId"), "modificationNumber")
    signed = day(part(details, "dates"), "dateSigned")
    return modification, signed, dollars(part(details, "dollars").get("actionObligation"))


def parse(payload: Payload) -> Record:
    """Read one record into an award with one action; into its removal if it was found among the deleted."""
    try:
        document = payload.documents[0]
        record = read_json(document, payload.source)
        identity = identity_of(record)
        if "yes" in parse_qs(urlsplit(document.url).query).get("deletedStatus", []):
            return _removal(payload, record, identity)
        return _award(payload, record, identity)
    except (InvalidRecord, SourceChanged, IndexError) as error:
        reason = error.came_back if isinstance(error, SourceChanged) else str(error)
        return Problem(source=payload.source, key=payload.key, reason=reason, documents=payload.documents)


def _removal(payload: Payload, record: Fields, identity: Identity) -> Removal:
    return Removal(
        source=payload.source,
        key=identity.award_key,
        action_key=identity.action_key,
        removed=day(part(record, "awardDetails", "transactionData"), "lastModifiedDate"),
        reason="SAM.gov lists this action among those deleted",
        documents=payload.documents,
    )


def _award(payload: Payload, record: Fields, identity: Identity) -> Award:
    core, details = part(record, "coreData"), part(record, "awardDetails")
    category, type_text = _category(record)
    dates, totals = part(details, "dates"), part(details, "totalContractDollars")
    product = part(core, "productOrServiceInformation")
    psc, naics = part(product, "productOrService"), _first(product, "principalNaics")
    organization = part(core, "federalOrganization")
    is_base = identity.modification in BASE_MODIFICATIONS
    is_other = category in (AwardCategory.OTHER_TRANSACTION, AwardCategory.OTHER_TRANSACTION_IDV)
    last_order = day(dates, "lastDateToOrder")
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
        recipient=_recipient(part(details, "awardeeData")),
        awarding=_agency(part(organization, "contractingInformation"), "contracting"),
        funding=_agency(part(organization, "fundingInformation"), "funding"),
        obligated=dollars(totals.get("totalActionObligation")),
        exercised=dollars(totals.get("totalBaseAndExercisedOptionsValue")),
        ceiling=dollars(totals.get("totalBaseAndAllOptionsValue")),
        signed=action.signed if is_base else None,
        starts=day(dates, "periodOfPerformanceStartDate"),
        ends=day(dates, "currentCompletionDate") or last_order,
        may_end=day(dates, "ultimateCompletionDate") or last_order,
        modified=day(part(details, "transactionData"), "lastModifiedDate"),
        psc=text(psc, "code"),
        psc_text=text(psc, "name"),
        naics=text(naics, "code"),
        naics_text=text(naics, "name"),
        solicitation=text(core, "solicitationId"),
        **_competition(core, part(details, "competitionInformation")),
        place=_place(part(core, "principalPlaceOfPerformance")),
        url="" if is_other else f"{AWARD_PAGE}{quote(identity.award_key, safe='')}/",
        actions=(action,),
        documents=payload.documents,
        facts=tuple(_facts(details)),
    )


def _competition(core: Fields, more: Fields) -> dict[str, Any]:
    """Return how it was competed and priced; `more` is the competition of the award's details."""
    competition = part(core, "competitionInformation")
    extent, set_aside = part(competition, "extentCompeted"), part(competition, "typeOfSetAside")
    fair = part(competition, "statutoryExceptionToFairOpportunity")
    pricing = part(core, "acquisitionData", "typeOfContractPricing")
    return {
        "extent_competed_code": identifier(extent, "code"),
        "extent_competed": text(extent, "name"),
        "not_competed_reason": text(part(competition, "otherThanFullAndOpenCompetition"), "name"),
        "fair_opportunity_code": identifier(fair, "code"),
        "fair_opportunity": text(fair, "name"),
        "offers_received": count(text(more, "numberOfOffersReceived")),
        "solicitation_procedure": text(part(competition, "solicitationProcedures"), "name"),
        "set_aside_code": identifier(set_aside, "code"),
        "set_aside": text(set_aside, "name"),
        "pricing_code": identifier(pricing, "code"),
        "pricing": text(pricing, "name"),
    }


def _category(record: Fields) -> tuple[AwardCategory, str]:
    """Return what kind of instrument it is, and what SAM.gov calls it."""
    kind, award_type = _award_or_idv(record), part(record, "coreData", "awardOrIDVType")
    code, name = identifier(award_type, "code"), text(award_type, "name")
    category = CATEGORIES.get((kind, "O" if name.upper().startswith(OTHER_TRANSACTION) else code))
    if category is None:
        raise InvalidRecord(f"{kind} of an unknown type: {code[:40]!r}, {name[:80]!r}")
    return category, name


def _action(record: Fields, identity: Identity) -> ContractAction:
    modification, signed, obligation = state_of(record)
    reason = part(record, "contractId", "reasonForModification")
    requirement = part(record, "awardDetails", "productOrServiceInformation")
    return ContractAction(
        key=identity.action_key,
        modification=modification,
        signed=signed,
        obligation=obligation,
        description=text(requirement, "descriptionOfContractRequirement"),
        action_type=text(reason, "code"),
        action_type_text=text(reason, "name"),
    )


def _recipient(awardee: Fields) -> Recipient:
    header, numbers = part(awardee, "awardeeHeader"), part(awardee, "awardeeUEIInformation")
    names = (text(header, name) for name in ("awardeeName", "legalBusinessName", "awardeeNameFromContract"))
    return Recipient(
        name=next(filter(None, names), ""),
        uei=identifier(numbers, "uniqueEntityId"),
        cage=identifier(numbers, "cageCode"),
        parent_name=text(numbers, "awardeeUltimateParentName"),
        parent_uei=identifier(numbers, "awardeeUltimateParentUniqueEntityId"),
        state=text(part(awardee, "awardeeLocation", "state"), "code"),
    )


def _agency(information: Fields, role: str) -> Agency:
    department, subtier = part(information, f"{role}Department"), part(information, f"{role}Subtier")
    return Agency(
        code=treasury_code(identifier(department, "code")),
        name=text(department, "name"),
        sub_code=identifier(subtier, "code"),
        sub_name=text(subtier, "name"),
        office=text(part(information, f"{role}Office"), "name"),
    )


def _first(fields: Fields, name: str) -> Fields:
    """Return the first object of a list, or the object that stands there alone; empty when there is none."""
    value = fields.get(name)
    return part({name: value[0] if isinstance(value, list) and value else value or None}, name)


def _place(place: Fields) -> str:
    """Return where the work is done, as one line: city, state, country where each is known."""
    names = (text(part(place, level), "name") for level in ("city", "state", "country"))
    return ", ".join(name for name in names if name)


def _facts(details: Fields) -> Iterator[SourceFact]:
    """Give what has no field of its own and a reader may want to know."""
    header = part(details, "awardeeData", "awardeeHeader")
    more = part(details, "competitionInformation")
    values = {
        "Doing business as": text(header, "awardeeDoingBusinessAsName"),
        "Also named": text(header, "awardeeAlternateName"),
        "Legal business name": text(header, "legalBusinessName"),
        "Name in the contract": text(header, "awardeeNameFromContract"),
        "Source of the recipient's name and address": text(
            part(details, "awardeeData", "awardeeLocation"), "awardeeDataSource"
        ),
        "Closed": {"Y": "yes", "N": "no"}.get(text(part(details, "transactionData"), "closedStatus"), ""),
        "Type of agreement": text(part(more, "typeOfAgreement"), "name"),
        "Nontraditional participation": text(part(more, "nontraditionalGovernmentEntityParticipation"), "name"),
    }
    name = _recipient(part(details, "awardeeData")).name
    yield from (SourceFact(label=label, value=value) for label, value in values.items() if value and value != name)


def names_of(record: Fields) -> tuple[str, ...]:
    """Return every name by which a record knows its recipient or the recipient's parent. Raises `InvalidRecord`."""
    awardee = part(record, "awardDetails", "awardeeData")
    header = (value for value in part(awardee, "awardeeHeader").values() if isinstance(value, str))
    return (*header, text(part(awardee, "awardeeUEIInformation"), "awardeeUltimateParentName"))
