"""Reading one entry of an FPDS ATOM feed, as XML, into one record. Pure.

An entry is one action of one award: a base award or a modification. Facts: the XML of the four kinds of record in GSA's
description of FPDS contract data (GSA/open-gsa-redesign, contract data V1.5), the keys as the Treasury's Broker builds
them (data-act-broker-backend, pull_fpds_data.py: `unique_award_key`, `detached_award_proc_unique`), the title from
entries seen. Names are looked up without their namespace: it has changed once, and it comes with and without a prefix.
Fields that are not taken stay in the evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from sources.award_keys import ActionIdentity
from sources.fields import decode_entities, join_place, unreadable
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
    dollars,
    treasury_code,
)
from sources.xml import Element, InvalidXml, parse_xml

DELETED_FEED = "FEEDNAME=DELETED"
MAX_IDENTIFIER_LENGTH = 50  # a PIID, a modification number (FPDS data dictionary)
MAX_TEXT_LENGTH = 20_000
AWARDED_TO = re.compile(r"awarded to (.*?)(?:, was modified)? for the amount of ", re.DOTALL)
VENDOR = "vendor/vendorSiteDetails"
PSC = "productOrServiceInformation/productOrServiceCode"
PSC_OF_OTHER_TRANSACTION = "PSCCode"
UEI = f"{VENDOR}/entityIdentifiers/vendorUEIInformation"
# What a reader may want to know and no field of a record holds: label, where.
DETAILS = (
    ("Type of agreement", "contractData/typeOfAgreement"),
    ("Non-traditional contractor", "contractData/nonTraditionalGovernmentContractorParticipation"),
    ("Doing business as", "vendor/vendorHeader/vendorDoingAsBusinessName"),
    ("Name on the contract", "vendor/contractorName"),
    ("Recipient's data from", f"{VENDOR}/vendorLocation/entityDataSource"),
)


@dataclass(frozen=True, slots=True)
class AwardType:
    """A type of record: its category, where its own number stands, and where that of the IDV it is under."""

    category: AwardCategory
    own: str
    parent: str


AWARD_TYPES = {
    "award": AwardType(AwardCategory.CONTRACT, "awardID/awardContractID", "awardID/referencedIDVID"),
    "IDV": AwardType(AwardCategory.IDV, "contractID/IDVID", "contractID/referencedIDVID"),
    "OtherTransactionAward": AwardType(
        AwardCategory.OTHER_TRANSACTION,
        "OtherTransactionAwardID/OtherTransactionAwardContractID",
        "OtherTransactionAwardID/referencedIDVID",
    ),
    "OtherTransactionIDV": AwardType(
        AwardCategory.OTHER_TRANSACTION_IDV,
        "OtherTransactionIDVID/OtherTransactionIDVContractID",
        "OtherTransactionIDVID/referencedIDVID",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryIdentity(ActionIdentity):
    """Which action of which award an entry is, and when FPDS last changed it (Washington's clock, "" if unknown)."""

    category: AwardCategory
    modified: str

    @property
    def is_base(self) -> bool:
        """Whether this is the award itself and no modification of it."""
        return self.modification != "" and self.modification.strip("0") == ""


@cache
def _pattern(path: str) -> str:
    return "/".join(f"{{*}}{name}" for name in path.split("/"))


def _cleaned(value: str | None) -> str:
    """Return a text as the Broker stores it: every white space a blank."""
    return re.sub(r"\s", " ", decode_entities(value or "")).strip()


def read_text(element: Element, path: str) -> str:
    """Return the text of an element below another, "" when it is missing or empty. Raises `InvalidRecord`."""
    found = element.find(_pattern(path))
    value = "" if found is None else _cleaned(found.text if len(found) == 0 else str(found.xpath("string()")))
    if len(value) > MAX_TEXT_LENGTH:
        raise InvalidRecord(f"{path} is too long: {value[:80]!r}")
    return value


def read_attribute(element: Element, path: str, *names: str) -> str:
    """Return the first attribute of that name which an element below another has, "" if it has none."""
    found = element.find(_pattern(path))
    values = [] if found is None else [_cleaned(found.get(name)) for name in names]
    return next(filter(None, values), "")


def read_identifier(element: Element, path: str) -> str:
    """Return an identifier in upper case, "" when there is none. Raises `InvalidRecord` for what cannot be one."""
    value = read_text(element, path).upper()
    if len(value) > MAX_IDENTIFIER_LENGTH:
        raise InvalidRecord(f"{path} is too long for an identifier: {value[:80]!r}")
    return value


def read_date(element: Element, path: str) -> date | None:
    """Return the day of "2013-12-18 17:03:03", as Washington's calendar has it. Raises `InvalidRecord`."""
    value = read_text(element, path)
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{path} is not a date: {value[:40]!r}") from error


def record_of(entry: Element) -> tuple[AwardType, Element]:
    """Return an entry's type and the element of its record. Raises `InvalidRecord` for another type."""
    content = entry.find(_pattern("content"))
    children = [] if content is None else list(content.iterchildren("*"))
    for child in children:
        kind = AWARD_TYPES.get(etree.QName(child).localname)
        if kind:
            return kind, child
    names = ", ".join(etree.QName(child).localname for child in children)[:80]
    raise InvalidRecord(f"neither an award, an IDV nor an other transaction but {names or 'nothing'}")


def identify(entry: Element) -> EntryIdentity:
    """Return which action an entry is. Raises `InvalidRecord` when it does not say."""
    kind, record = record_of(entry)
    own, parent = kind.own, kind.parent
    identity = EntryIdentity(
        category=kind.category,
        is_idv=kind.category in (AwardCategory.IDV, AwardCategory.OTHER_TRANSACTION_IDV),
        agency=read_identifier(record, f"{own}/agencyID"),
        piid=read_identifier(record, f"{own}/PIID"),
        modification=read_identifier(record, f"{own}/modNumber"),
        transaction=read_identifier(record, f"{own}/transactionNumber"),
        parent_agency=read_identifier(record, f"{parent}/agencyID"),
        parent_piid=read_identifier(record, f"{parent}/PIID"),
        modified=read_text(entry, "modified")
        or read_text(_facts_of(record), "transactionInformation/lastModifiedDate"),
    )
    for name in ("agency", "piid"):
        if not getattr(identity, name):
            raise InvalidRecord(f"{name} is missing")
    return identity


def parse(payload: Payload) -> Record:
    """Read a payload (one entry) into an award with one action, a removal, or the problem that prevents it."""
    key = payload.key
    try:
        entry = _entry_of(payload)
        identity = identify(entry)
        key = identity.action_key
        _check_key(identity, payload)
        if any(DELETED_FEED in document.url for document in payload.documents):
            return _removal(entry, identity, payload)
        return _award(entry, identity, payload)
    except (InvalidRecord, InvalidXml) as error:
        return unreadable(replace(payload, key=key), error)


def _check_key(identity: EntryIdentity, payload: Payload) -> None:
    if identity.award_key != payload.key.upper():
        raise InvalidRecord(f"expected {payload.key}, got {identity.award_key}")


def _entry_of(payload: Payload) -> Element:
    if not payload.documents:
        raise InvalidRecord("no document")
    entry = parse_xml(payload.documents[0].body)
    if etree.QName(entry).localname != "entry":
        raise InvalidRecord(f"not an entry but {etree.QName(entry).localname[:80]!r}")
    return entry


def _facts_of(record: Element) -> Element:
    """Return the element that holds a record's facts: in an other transaction it is one level down."""
    detail = record.find(_pattern("contractDetail"))
    return record if detail is None else detail


def _removal(entry: Element, identity: EntryIdentity, payload: Payload) -> Removal:
    """Return the removal of an action; it holds only if the action was not changed again after `removed`."""
    facts = _facts_of(record_of(entry)[1])
    return Removal(
        source=payload.source,
        key=identity.award_key,
        action_key=identity.action_key,
        removed=read_date(facts, "transactionInformation/lastModifiedDate") or read_date(entry, "modified"),
        reason="FPDS lists it among its deleted records",
        documents=payload.documents,
    )


def _award(entry: Element, identity: EntryIdentity, payload: Payload) -> Award:
    facts = _facts_of(record_of(entry)[1])
    dates, totals = "relevantContractDates", "totalDollarValues"
    psc = PSC if read_text(facts, PSC) else PSC_OF_OTHER_TRANSACTION
    naics = "productOrServiceInformation/principalNAICSCode"
    action = _action(facts, identity)
    recipient = _recipient(facts, read_text(entry, "title"))
    return Award(
        is_partial=True,
        key=identity.award_key,
        source=payload.source,
        revision=payload.revision,
        category=identity.category,
        type_text=_described(facts, "contractData/contractActionType"),
        piid=identity.piid,
        parent_piid=identity.parent_piid,
        parent_key=identity.parent_key,
        description=action.description,
        recipient=recipient,
        awarding=_agency(facts, "contractingOffice"),
        funding=_agency(facts, "fundingRequesting"),
        obligated=dollars(read_text(facts, f"{totals}/totalObligatedAmount")),
        exercised=dollars(read_text(facts, f"{totals}/totalBaseAndExercisedOptionsValue")),
        ceiling=dollars(read_text(facts, f"{totals}/totalBaseAndAllOptionsValue")),
        signed=action.signed if identity.is_base else None,
        starts=read_date(facts, f"{dates}/effectiveDate"),
        ends=read_date(facts, f"{dates}/currentCompletionDate") or read_date(facts, f"{dates}/lastDateToOrder"),
        may_end=read_date(facts, f"{dates}/ultimateCompletionDate"),
        modified=read_date(facts, "transactionInformation/lastModifiedDate") or read_date(entry, "modified"),
        psc=read_identifier(facts, psc),
        psc_text=read_attribute(facts, psc, "description"),
        naics=read_identifier(facts, naics),
        naics_text=read_attribute(facts, naics, "description"),
        solicitation=read_text(facts, "contractData/solicitationID"),
        **_competition(facts),
        place=_place(facts),
        url=link_of(entry),
        actions=(action,),
        documents=payload.documents,
        facts=_details(facts, recipient.name),
    )


def link_of(entry: Element) -> str:
    """Return the address of FPDS's own page on an entry, "" if it names none or one that is not FPDS's."""
    href = read_attribute(entry, "link", "href")
    try:
        parts = urlsplit(href)
        is_fpds = parts.scheme == "https" and parts.netloc == "www.fpds.gov"
    except ValueError:
        return ""
    return href if is_fpds else ""


def _action(facts: Element, identity: EntryIdentity) -> ContractAction:
    signed = read_date(facts, "relevantContractDates/signedDate")
    if signed is None:
        raise InvalidRecord("relevantContractDates/signedDate is missing")
    return ContractAction(
        key=identity.action_key,
        modification=identity.modification,
        signed=signed,
        obligation=dollars(read_text(facts, "dollarValues/obligatedAmount")),
        description=read_text(facts, "contractData/descriptionOfContractRequirement"),
        action_type=read_text(facts, "contractData/reasonForModification"),
        action_type_text=read_attribute(facts, "contractData/reasonForModification", "description"),
    )


def _recipient(facts: Element, title: str) -> Recipient:
    """Return who is paid. Old records have no `vendorName`; then the registered name, or the one in the title."""
    paths = ("vendor/vendorHeader/vendorName", f"{UEI}/UEILegalBusinessName", "vendor/contractorName")
    names = [read_text(facts, path) for path in paths]
    in_title = AWARDED_TO.search(title)
    return Recipient(
        name=next(filter(None, [*names, in_title[1].strip(" ,") if in_title else ""]), ""),
        uei=read_identifier(facts, f"{UEI}/UEI"),
        cage=read_identifier(facts, f"{VENDOR}/entityIdentifiers/cageCode"),
        parent_name=read_text(facts, f"{UEI}/ultimateParentUEIName"),
        parent_uei=read_identifier(facts, f"{UEI}/ultimateParentUEI"),
        state=read_text(facts, f"{VENDOR}/vendorLocation/state"),
    )


def _agency(facts: Element, role: str) -> Agency:
    """Return an agency; `role` is how the names of its elements begin."""
    agency = f"purchaserInformation/{role}AgencyID"
    office = "contractingOfficeID" if role == "contractingOffice" else "fundingRequestingOfficeID"
    return Agency(
        code=treasury_code(read_attribute(facts, agency, "departmentID")),
        name=read_attribute(facts, agency, "departmentName"),
        sub_code=read_identifier(facts, agency),
        sub_name=read_attribute(facts, agency, "name"),
        office=read_attribute(facts, f"purchaserInformation/{office}", "name", "Description"),
    )


def _competition(facts: Element) -> dict[str, Any]:
    """Return how it was competed and priced."""
    extent, set_aside = "competition/extentCompeted", "competition/typeOfSetAside"
    fair, pricing = "competition/statutoryExceptionToFairOpportunity", "contractData/typeOfContractPricing"
    return {
        "extent_competed_code": read_identifier(facts, extent),
        "extent_competed": _described(facts, extent),
        "not_competed_reason": _described(facts, "competition/reasonNotCompeted"),
        "fair_opportunity_code": read_identifier(facts, fair),
        "fair_opportunity": _described(facts, fair),
        "offers_received": count(read_text(facts, "competition/numberOfOffersReceived")),
        "solicitation_procedure": _described(facts, "competition/solicitationProcedures"),
        "set_aside_code": read_identifier(facts, set_aside),
        "set_aside": _described(facts, set_aside),
        "pricing_code": read_identifier(facts, pricing),
        "pricing": _described(facts, pricing),
    }


def _described(facts: Element, path: str) -> str:
    """Return what a code means, or the code where FPDS does not say."""
    return read_attribute(facts, path, "description") or read_text(facts, path)


def _place(facts: Element) -> str:
    """Return where the work is done, as one line: city, state, country where each is known."""
    where = "placeOfPerformance/principalPlaceOfPerformance"
    names = (
        read_attribute(facts, "placeOfPerformance/placeOfPerformanceZIPCode", "city"),
        read_attribute(facts, f"{where}/stateCode", "name") or read_text(facts, f"{where}/stateCode"),
        read_attribute(facts, f"{where}/countryCode", "name") or read_text(facts, f"{where}/countryCode"),
    )
    return join_place(*names)


def _details(facts: Element, recipient: str) -> tuple[SourceFact, ...]:
    found = ((label, _described(facts, path)) for label, path in DETAILS)
    return tuple(SourceFact(label=label, value=value) for label, value in found if value and value != recipient)
