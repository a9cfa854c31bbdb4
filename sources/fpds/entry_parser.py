"""Reading one entry of an FPDS ATOM feed, as XML, into one record. Pure.

An entry is one action of one award: a base award or a modification. Facts: the XML of the four kinds of record in GSA's
description of FPDS contract data (GSA/open-gsa-redesign, contract data V1.5), the keys as the Treasury's Broker builds
them (data-act-broker-backend, pull_fpds_data.py: `unique_award_key`, `detached_award_proc_unique`), the title from
entries seen. Names are looked up without their namespace: it has changed once, and it comes with and without a prefix.
Fields that are not taken stay in the evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

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

Element = etree._Element

DELETED_FEED = "FEEDNAME=DELETED"
NONE = "-NONE-"
LONGEST_IDENTIFIER = 50  # a PIID, a modification number (FPDS data dictionary)
LONGEST_TEXT = 20_000
AWARDED_TO = re.compile(r"awarded to (.*?)(?:, was modified)? for the amount of ", re.DOTALL)
VENDOR = "vendor/vendorSiteDetails"
PSC = "productOrServiceInformation/productOrServiceCode"
PSC_OF_OTHER_TRANSACTION = "PSCCode"
UEI = f"{VENDOR}/entityIdentifiers/vendorUEIInformation"
# What a reader may want to know and no field of a record holds: label, where.
FACTS = (
    ("Type of agreement", "contractData/typeOfAgreement"),
    ("Non-traditional contractor", "contractData/nonTraditionalGovernmentContractorParticipation"),
    ("Doing business as", "vendor/vendorHeader/vendorDoingAsBusinessName"),
    ("Name on the contract", "vendor/contractorName"),
    ("Recipient's data from", f"{VENDOR}/vendorLocation/entityDataSource"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record: its category, where its own number stands, and where that of the IDV it is under."""

    category: AwardCategory
    own: str
    parent: str

    @property
    def is_idv(self) -> bool:
        """Whether orders are placed under it: its keys are shorter."""
        return self.category in (AwardCategory.IDV, AwardCategory.OTHER_TRANSACTION_IDV)


KINDS = {
    "award": Kind(AwardCategory.CONTRACT, "awardID/awardContractID", "awardID/referencedIDVID"),
    "IDV": Kind(AwardCategory.IDV, "contractID/IDVID", "contractID/referencedIDVID"),
    "OtherTransactionAward": Kind(
        AwardCategory.OTHER_TRANSACTION,
        "OtherTransactionAwardID/OtherTransactionAwardContractID",
        "OtherTransactionAwardID/referencedIDVID",
    ),
    "OtherTransactionIDV": Kind(
        AwardCategory.OTHER_TRANSACTION_IDV,
        "OtherTransactionIDVID/OtherTransactionIDVContractID",
        "OtherTransactionIDVID/referencedIDVID",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which action of which award an entry is, in upper case, and when FPDS last changed it (Washington's clock)."""

    kind: Kind
    agency: str
    piid: str
    modification: str
    transaction: str
    parent_agency: str
    parent_piid: str
    modified: str

    @property
    def key(self) -> str:
        """The key of the award. An other transaction has none at USAspending; it is built in the same way."""
        if self.kind.is_idv:
            return f"CONT_IDV_{self.piid}_{self.agency}"
        return f"CONT_AWD_{self.piid}_{self.agency}_{self.parent_piid or NONE}_{self.parent_agency or NONE}"

    @property
    def action_key(self) -> str:
        """The key of the action; an IDV's has its agency, PIID and modification only."""
        modification = self.modification or NONE
        if self.kind.is_idv:
            return f"{self.agency}_{NONE}_{self.piid}_{modification}_{NONE}_{NONE}"
        parent_agency, parent_piid = self.parent_agency or NONE, self.parent_piid or NONE
        return f"{self.agency}_{parent_agency}_{self.piid}_{modification}_{parent_piid}_{self.transaction or NONE}"

    @property
    def parent_key(self) -> str:
        """The key of the IDV that it is under, "" if there is none."""
        return f"CONT_IDV_{self.parent_piid}_{self.parent_agency}" if self.parent_piid and self.parent_agency else ""

    @property
    def is_base(self) -> bool:
        """Whether this is the award itself and no modification of it."""
        return self.modification != "" and self.modification.strip("0") == ""


def hardened_parser() -> etree.XMLParser:
    """Return a parser that expands no entity, loads no DTD, asks no network and accepts no monstrous node."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )


@cache
def _pattern(path: str) -> str:
    return "/".join(f"{{*}}{name}" for name in path.split("/"))


def _cleaned(value: str | None) -> str:
    """Return a text as the Broker stores it: every white space a blank."""
    return re.sub(r"\s", " ", value or "").strip()


def text(element: Element, path: str) -> str:
    """Return the text of an element below another, "" when it is missing or empty. Raises `InvalidRecord`."""
    found = element.find(_pattern(path))
    value = "" if found is None else _cleaned(found.text if len(found) == 0 else str(found.xpath("string()")))
    if len(value) > LONGEST_TEXT:
        raise InvalidRecord(f"{path} is too long: {value[:80]!r}")
    return value


def attribute(element: Element, path: str, *names: str) -> str:
    """Return the first attribute of that name which an element below another has, "" if it has none."""
    found = element.find(_pattern(path))
    values = [] if found is None else [_cleaned(found.get(name)) for name in names]
    return next(filter(None, values), "")


def identifier(element: Element, path: str) -> str:
    """Return an identifier in upper case, "" when there is none. Raises `InvalidRecord` for what cannot be one."""
    value = text(element, path).upper()
    if len(value) > LONGEST_IDENTIFIER:
        raise InvalidRecord(f"{path} is too long for an identifier: {value[:80]!r}")
    return value


def day(element: Element, path: str) -> date | None:
    """Return the day of "2013-12-18 17:03:03", as Washington's calendar has it. Raises `InvalidRecord`."""
    value = text(element, path)
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{path} is not a date: {value[:40]!r}") from error


def record_of(entry: Element) -> tuple[Kind, Element]:
    """Return what an entry tells of. Raises `InvalidRecord` when it is none of the four kinds of record."""
    content = entry.find(_pattern("content"))
    children = [] if content is None else list(content.iterchildren("*"))
    for child in children:
        kind = KINDS.get(etree.QName(child).localname)
        if kind:
            return kind, child
    names = ", ".join(etree.QName(child).localname for child in children)[:80]
    raise InvalidRecord(f"neither an award, an IDV nor an other transaction but {names or 'nothing'}")


def identify(entry: Element) -> Identity:
    """Return which action an entry is. Raises `InvalidRecord` when it does not say."""
    kind, record = record_of(entry)
    own, parent = kind.own, kind.parent
    identity = Identity(
        kind=kind,
        agency=identifier(record, f"{own}/agencyID"),
        piid=identifier(record, f"{own}/PIID"),
        modification=identifier(record, f"{own}/modNumber"),
        transaction=identifier(record, f"{own}/transactionNumber"),
        parent_agency=identifier(record, f"{parent}/agencyID"),
        parent_piid=identifier(record, f"{parent}/PIID"),
        modified=text(entry, "modified") or text(_facts_of(record), "transactionInformation/lastModifiedDate"),
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
    except InvalidRecord as error:
        return Problem(source=payload.source, key=key, reason=str(error), documents=payload.documents)


def _check_key(identity: Identity, payload: Payload) -> None:
    if identity.key != payload.key.upper():
        raise InvalidRecord(f"expected {payload.key}, got {identity.key}")


def _entry_of(payload: Payload) -> Element:
    if not payload.documents:
        raise InvalidRecord("no document")
    try:
        entry: Element = etree.fromstring(payload.documents[0].body, hardened_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidRecord(f"not XML: {error}") from error
    if entry.getroottree().docinfo.internalDTD is not None:
        raise InvalidRecord("it declares a document type, which FPDS does not")
    if etree.QName(entry).localname != "entry":
        raise InvalidRecord(f"not an entry but {etree.QName(entry).localname[:80]!r}")
    return entry


def _facts_of(record: Element) -> Element:
    """Return where the facts stand: an other transaction has them one level down."""
    detail = record.find(_pattern("contractDetail"))
    return record if detail is None else detail


def _removal(entry: Element, identity: Identity, payload: Payload) -> Removal:
    """Return that an action is gone; it is so only if it was not changed again after `removed`."""
    facts = _facts_of(record_of(entry)[1])
    return Removal(
        source=payload.source,
        key=identity.key,
        action_key=identity.action_key,
        removed=day(facts, "transactionInformation/lastModifiedDate") or day(entry, "modified"),
        reason="FPDS lists it among its deleted records",
        documents=payload.documents,
    )


def _award(entry: Element, identity: Identity, payload: Payload) -> Award:
    facts = _facts_of(record_of(entry)[1])
    dates, totals = "relevantContractDates", "totalDollarValues"
    psc = PSC if text(facts, PSC) else PSC_OF_OTHER_TRANSACTION
    naics = "productOrServiceInformation/principalNAICSCode"
    action = _action(facts, identity)
    recipient = _recipient(facts, text(entry, "title"))
    return Award(
        is_partial=True,
        key=identity.key,
        source=payload.source,
        revision=payload.revision,
        category=identity.kind.category,
        type_text=_described(facts, "contractData/contractActionType"),
        piid=identity.piid,
        parent_piid=identity.parent_piid,
        parent_key=identity.parent_key,
        description=action.description,
        recipient=recipient,
        awarding=_agency(facts, "contractingOffice"),
        funding=_agency(facts, "fundingRequesting"),
        obligated=dollars(text(facts, f"{totals}/totalObligatedAmount")),
        exercised=dollars(text(facts, f"{totals}/totalBaseAndExercisedOptionsValue")),
        ceiling=dollars(text(facts, f"{totals}/totalBaseAndAllOptionsValue")),
        signed=action.signed if identity.is_base else None,
        starts=day(facts, f"{dates}/effectiveDate"),
        ends=day(facts, f"{dates}/currentCompletionDate") or day(facts, f"{dates}/lastDateToOrder"),
        may_end=day(facts, f"{dates}/ultimateCompletionDate"),
        modified=day(facts, "transactionInformation/lastModifiedDate") or day(entry, "modified"),
        psc=identifier(facts, psc),
        psc_text=attribute(facts, psc, "description"),
        naics=identifier(facts, naics),
        naics_text=attribute(facts, naics, "description"),
        solicitation=text(facts, "contractData/solicitationID"),
        **_competition(facts),
        place=_place(facts),
        url=link_of(entry),
        actions=(action,),
        documents=payload.documents,
        facts=_told(facts, recipient.name),
    )


def link_of(entry: Element) -> str:
    """Return the address of FPDS's own page on an entry, "" if it names none or one that is not FPDS's."""
    href = attribute(entry, "link", "href")
    try:
        parts = urlsplit(href)
        is_fpds = parts.scheme == "https" and parts.netloc == "www.fpds.gov"
    except ValueError:
        return ""
    return href if is_fpds else ""


def _action(facts: Element, identity: Identity) -> ContractAction:
    signed = day(facts, "relevantContractDates/signedDate")
    if signed is None:
        raise InvalidRecord("relevantContractDates/signedDate is missing")
    return ContractAction(
        key=identity.action_key,
        modification=identity.modification,
        signed=signed,
        obligation=dollars(text(facts, "dollarValues/obligatedAmount")),
        description=text(facts, "contractData/descriptionOfContractRequirement"),
        action_type=text(facts, "contractData/reasonForModification"),
        action_type_text=attribute(facts, "contractData/reasonForModification", "description"),
    )


def _recipient(facts: Element, title: str) -> Recipient:
    """Return who is paid. Old records have no `vendorName`; then the registered name, or the one in the title."""
    paths = ("vendor/vendorHeader/vendorName", f"{UEI}/UEILegalBusinessName", "vendor/contractorName")
    names = [text(facts, path) for path in paths]
    in_title = AWARDED_TO.search(title)
    return Recipient(
        name=next(filter(None, [*names, in_title[1].strip(" ,") if in_title else ""]), ""),
        uei=identifier(facts, f"{UEI}/UEI"),
        cage=identifier(facts, f"{VENDOR}/entityIdentifiers/cageCode"),
        parent_name=text(facts, f"{UEI}/ultimateParentUEIName"),
        parent_uei=identifier(facts, f"{UEI}/ultimateParentUEI"),
        state=text(facts, f"{VENDOR}/vendorLocation/state"),
    )


def _agency(facts: Element, role: str) -> Agency:
    """Return an agency; `role` is how the names of its elements begin."""
    agency = f"purchaserInformation/{role}AgencyID"
    office = "contractingOfficeID" if role == "contractingOffice" else "fundingRequestingOfficeID"
    return Agency(
        code=treasury_code(attribute(facts, agency, "departmentID")),
        name=attribute(facts, agency, "departmentName"),
        sub_code=identifier(facts, agency),
        sub_name=attribute(facts, agency, "name"),
        office=attribute(facts, f"purchaserInformation/{office}", "name", "Description"),
    )


def _competition(facts: Element) -> dict[str, Any]:
    """Return how it was competed and priced."""
    extent, set_aside = "competition/extentCompeted", "competition/typeOfSetAside"
    fair, pricing = "competition/statutoryExceptionToFairOpportunity", "contractData/typeOfContractPricing"
    return {
        "extent_competed_code": identifier(facts, extent),
        "extent_competed": _described(facts, extent),
        "not_competed_reason": _described(facts, "competition/reasonNotCompeted"),
        "fair_opportunity_code": identifier(facts, fair),
        "fair_opportunity": _described(facts, fair),
        "offers_received": count(text(facts, "competition/numberOfOffersReceived")),
        "solicitation_procedure": _described(facts, "competition/solicitationProcedures"),
        "set_aside_code": identifier(facts, set_aside),
        "set_aside": _described(facts, set_aside),
        "pricing_code": identifier(facts, pricing),
        "pricing": _described(facts, pricing),
    }


def _described(facts: Element, path: str) -> str:
    """Return what a code means, or the code where FPDS does not say."""
    return attribute(facts, path, "description") or text(facts, path)


def _place(facts: Element) -> str:
    """Return where the work is done, as one line: city, state, country where each is known."""
    where = "placeOfPerformance/principalPlaceOfPerformance"
    names = (
        attribute(facts, "placeOfPerformance/placeOfPerformanceZIPCode", "city"),
        attribute(facts, f"{where}/stateCode", "name") or text(facts, f"{where}/stateCode"),
        attribute(facts, f"{where}/countryCode", "name") or text(facts, f"{where}/countryCode"),
    )
    return ", ".join(name for name in names if name)


def _told(facts: Element, recipient: str) -> tuple[SourceFact, ...]:
    found = ((label, _described(facts, path)) for label, path in FACTS)
    return tuple(SourceFact(label=label, value=value) for label, value in found if value and value != recipient)
