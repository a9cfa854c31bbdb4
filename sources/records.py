"""The records of all sources: immutable, in the terms of federal procurement.

Records are validated here, once, when an adapter's `parse` builds them: table models do not validate. Every amount is
a `Decimal` of US dollars with at most two decimals, every date a `datetime.date` as the source states it (Washington,
no time zone), every time an aware `datetime` in UTC.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

CENT = Decimal("0.01")
MAX_AMOUNT = Decimal("90_000_000_000_000_000")
MAX_COUNT = 2**31 - 1  # PostgreSQL's integer

# USAspending's own list of recipients that are nobody in particular (recipient/v2/lookups.py, SPECIAL_CASES).
PLACEHOLDER_RECIPIENTS = frozenset(
    {
        "MULTIPLE RECIPIENTS",
        "REDACTED DUE TO PII",
        "MULTIPLE FOREIGN RECIPIENTS",
        "PRIVATE INDIVIDUAL",
        "INDIVIDUAL RECIPIENT",
        "MISCELLANEOUS FOREIGN AWARDEES",
    }
)


class InvalidRecord(ValueError):
    """A record is invalid: a required field is missing or a value makes no sense."""


def dollars(value: object) -> Decimal | None:
    """Return an amount in US dollars from a JSON number or string; `None` stays `None`.

    Raises:
        InvalidRecord: it is not a finite number, or has fractions of a cent, which the source's own database
            (numeric(23,2)) cannot hold.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise InvalidRecord(f"not an amount in dollars: {value!r}")
    try:
        amount = Decimal(value)
        cents = amount.quantize(CENT)
    except ArithmeticError as error:
        raise InvalidRecord(f"not an amount in dollars: {value!r}") from error
    if cents != amount or abs(amount) > MAX_AMOUNT:
        raise InvalidRecord(f"not an amount in whole cents within reason: {value!r}")
    return cents


def count(value: object) -> int | None:
    """Return a number of things (offers, subawards) from a JSON number or string; `None` stays `None`.

    Raises:
        InvalidRecord: it is not a whole number from 0 to `MAX_COUNT`.
    """
    number = dollars(value)
    if number is None:
        return None
    if number != int(number) or not 0 <= number <= MAX_COUNT:
        raise InvalidRecord(f"not a whole number that can be counted: {value!r}")
    return int(number)


def treasury_code(department: str) -> str:
    """Return Treasury's three digits of a department ("070") from FPDS's four ("7000"); other codes as they are.

    FPDS's department codes begin with Treasury's two digits (FPDS data dictionary, element 4A).
    """
    return f"0{department[:2]}" if len(department) == 4 and department.isdigit() else department


class AwardCategory(StrEnum):
    """What kind of instrument an award is."""

    CONTRACT = "contract"
    IDV = "idv"
    OTHER_TRANSACTION = "other-transaction"
    OTHER_TRANSACTION_IDV = "other-transaction-idv"
    ASSISTANCE = "assistance"


CONTRACT_CATEGORIES = frozenset(AwardCategory) - {AwardCategory.ASSISTANCE}


class PublicationKind(StrEnum):
    """What a publication is: not an award's own record, but something the government published about buying."""

    ANNOUNCEMENT = "announcement"
    NOTICE = "notice"
    SUBAWARD = "subaward"
    USE_CASE = "use-case"
    DOCUMENT = "document"


class AmountMeaning(StrEnum):
    """What an amount in a publication stands for. They are never added up."""

    ANNOUNCED = "announced"
    CEILING = "ceiling"
    OBLIGATED = "obligated"
    AWARDED = "awarded"
    SUBAWARDED = "subawarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One response of an upstream, byte for byte, and where it came from.

    `url` never contains a key. `request` is the body of a POST ("" for a GET). `retrieved_at` is UTC.
    """

    url: str
    request: str
    retrieved_at: datetime
    content_type: str
    body: bytes

    @property
    def sha256(self) -> str:
        """The hash a reader can check the stored evidence against, as 64 hex digits."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The documents that together describe one record, as fetched and not yet parsed.

    `revision` identifies the version of the record in search results ("" if they do not show it), so that an unchanged
    record need not be fetched again.
    """

    source: str
    key: str
    revision: str
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """A federal agency: code and name of its top tier, sub-tier and office. "" for what the source does not state."""

    code: str = ""
    name: str = ""
    sub_code: str = ""
    sub_name: str = ""
    office: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who is paid, and their parent company. "" for what the source does not state."""

    name: str
    uei: str = ""
    cage: str = ""
    parent_name: str = ""
    parent_uei: str = ""
    state: str = ""

    @property
    def is_placeholder(self) -> bool:
        """Whether the name stands for no particular recipient and must not be matched."""
        return self.name.upper().strip() in PLACEHOLDER_RECIPIENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount in US dollars that a publication states; `shared` when it is that of several awardees together."""

    meaning: AmountMeaning
    dollars: Decimal
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFact:
    """A fact that has no field of its own here: what the source calls it, in words for a reader, and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that a publication lists: what it is called and where it is."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAction:
    """A base award or one modification of it.

    `key` is `{agency}_{parent agency}_{piid}_{mod}_{parent piid}_{transaction no}`, upper-cased
    (DESIGN.md, Identity). `obligation` is what this action alone adds (or, negative, takes back), in dollars.
    """

    key: str
    modification: str
    signed: date | None
    obligation: Decimal | None
    description: str
    action_type: str = ""
    action_type_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFields:
    """What awards and publications have in common. "" and `None` stand for what the source does not state.

    `piid`, `parent_piid` and `solicitation` are upper case. `signed` is the day of the base award, `starts` and `ends`
    the period of performance. `amount_warning` says why an amount cannot be true, "" if nothing speaks against it.
    """

    key: str
    source: str
    type_text: str = ""
    piid: str = ""
    parent_piid: str = ""
    description: str = ""
    signed: date | None = None
    starts: date | None = None
    ends: date | None = None
    psc: str = ""
    psc_text: str = ""
    naics: str = ""
    naics_text: str = ""
    solicitation: str = ""
    extent_competed: str = ""
    place: str = ""
    url: str = ""
    amount_warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardFields(RecordFields):
    """What awards have besides. Amounts are dollars; codes and descriptions are those of the FPDS data dictionary.

    `obligated` is the total to date, `exercised` the base and exercised options, `ceiling` the base and all options;
    `may_end` is the end with all options. How it was bought: `extent_competed` (element 10A), `not_competed_reason`
    (10C), `fair_opportunity` (10R: whether an order was offered to all holders of a multiple-award contract),
    `offers_received` (10D), `solicitation_procedure` (10M), `set_aside` (10N),
    `commercial_procedures` (10H: bought as a commercial product or service, or not), `pricing` (6A, type of contract).
    `outlays` are dollars paid out, as agencies report them. `disaster_codes` are the Disaster Emergency Fund Codes of
    the money ("Q": no such money). `subaward_count` and `subaward_total` are what the recipient has reported; a later
    report repeats the earlier amount, so the total is never added to the award's own amounts.
    """

    parent_key: str = ""
    obligated: Decimal | None = None
    exercised: Decimal | None = None
    ceiling: Decimal | None = None
    may_end: date | None = None
    modified: date | None = None
    extent_competed_code: str = ""
    not_competed_reason: str = ""
    fair_opportunity_code: str = ""
    fair_opportunity: str = ""
    offers_received: int | None = None
    solicitation_procedure: str = ""
    set_aside_code: str = ""
    set_aside: str = ""
    commercial_procedures: str = ""
    pricing_code: str = ""
    pricing: str = ""
    outlays: Decimal | None = None
    disaster_codes: tuple[str, ...] = ()
    subaward_count: int | None = None
    subaward_total: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Award(AwardFields):
    """A contract, order or IDV with all its actions, as one source describes it at one time.

    `is_partial`: the source reports awards action by action; this is the award after the actions given here, which are
    not all. `has_own_text`: its description is nevertheless the award's, not that of the action it was reported with.
    `replaces` is the key under which the source carried the same award before and does not any more, "" if
    none is known.
    """

    category: AwardCategory
    recipient: Recipient
    awarding: Agency = Agency()
    funding: Agency = Agency()
    actions: tuple[ContractAction, ...] = ()
    revision: str = ""
    facts: tuple[SourceFact, ...] = ()
    is_partial: bool = False
    has_own_text: bool = False
    replaces: str = ""
    documents: tuple[Document, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication(RecordFields):
    """Something published about a purchase that is not the award's own record: an announcement, a notice ...

    `key` begins with the name of its source and never changes ("DOD_4532515_3_1"). `description` is the text in which
    phrases are looked for. `award_key` is set when the source itself names the award by its key; otherwise `piid`,
    `parent_piid`, `modification` and `solicitation`, without spaces or dashes, are what it can be linked by.
    `published` is the day it appeared, `deadline` (UTC) until when one may answer. `state` is "" while it stands, else
    the source's word ("archived", "cancelled"). `corrects`: the words in which it corrects an earlier one.
    """

    kind: PublicationKind
    recipient: Recipient
    awarding: Agency = Agency()
    funding: Agency = Agency()
    revision: str = ""
    title: str = ""
    published: date | None = None
    amounts: tuple[Amount, ...] = ()
    award_key: str = ""
    modification: str = ""
    deadline: datetime | None = None
    state: str = ""
    corrects: str = ""
    attachments: tuple[Attachment, ...] = ()
    facts: tuple[SourceFact, ...] = ()
    documents: tuple[Document, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A source has deleted a record. What it stated before stays stored.

    `key` is that of the award or publication; `action_key` is set when only one action of it was removed.
    """

    source: str
    key: str
    action_key: str
    removed: date | None
    reason: str
    documents: tuple[Document, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A record that cannot be parsed: it is stored in quarantine with the reason, and counted in the run."""

    source: str
    key: str
    reason: str
    documents: tuple[Document, ...] = field(repr=False)


class MatchedAward(NamedTuple):
    """A stored award that matched: its key and its PIID (of assistance, its FAIN or URI)."""

    key: str
    piid: str


Record = Award | Publication | Removal | Problem
