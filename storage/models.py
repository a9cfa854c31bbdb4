"""Immutable views of what is stored: records, matches, events, links and evidence.

Amounts are `Decimal` US dollars. Dates are as the source states them, times are aware and in UTC. Text is as the source
wrote it: escape it before showing it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sources.records import Amount, AwardFields, ContractAction
from storage.competition import competition_of, is_exception
from storage.possible_days import fiscal_year_of, is_possible

POLL = "poll"  # the purpose of a run that fetches what is new
AWARDS = frozenset({"contract", "idv", "other-transaction", "other-transaction-idv", "assistance"})
PUBLICATIONS = frozenset({"announcement", "notice", "subaward", "use-case", "document"})


class MatchBand(StrEnum):
    """Whether a match is published, pending review, or rejected by a reviewer.

    `NAME_ONLY`: nothing but the name of a company with a wide portfolio speaks for it, so nobody is asked to review it.
    """

    PUBLISHED = "published"
    REVIEW = "review"
    NAME_ONLY = "name-only"
    REJECTED = "rejected"


UNDECIDED = frozenset({MatchBand.REVIEW, MatchBand.NAME_ONLY})


def record_subject(record_key: str) -> str:
    """Return the subject of a review decision about one record."""
    return f"record:{record_key}"


def order_subject(parent_key: str) -> str:
    """Return the subject of a review decision about all orders under one award, and that award itself."""
    return f"order:{parent_key}"


def phrase_subject(phrase: str, recipient: str) -> str:
    """Return the subject of a review decision about a recipient's records that contain a phrase (search tokens).

    Of all recipients if `recipient` is "".
    """
    return f"phrase:{phrase}@{recipient}"


def psc_subject(psc: str, recipient: str) -> str:
    """Return the subject of a review decision about a recipient's awards with one product or service code."""
    return f"psc:{psc}@{recipient}"


def recipient_subjects(name: str, uei: str) -> list[str]:
    """Return the subjects of a review decision about a recipient: its UEI first, then the letters of its name."""
    letters = "".join(character for character in name.upper() if character.isalnum())
    return [*([f"uei:{uei}"] if uei else []), *([f"name:{letters}"] if letters else [])]


class RunStatus(StrEnum):
    """How a run ended. The first four are good."""

    NEW = "new"
    NOTHING_NEW = "nothing new"
    NOTHING_MATCHES = "nothing matches"
    BASELINE_SEEDED = "first poll done"
    INCOMPLETE = "incomplete"
    UNREACHABLE = "source unreachable"
    BLOCKED = "blocked"
    QUOTA_USED_UP = "quota used up"
    SOURCE_CHANGED = "source changed"
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        """Whether the source returned everything as it should, so that nothing was missed."""
        return self in GOOD_STATUSES

    @property
    def covers_its_steps(self) -> bool:
        """Whether what the run covered counts as covered: all of it, or all but the steps recorded as failed."""
        return self.is_good or self is RunStatus.INCOMPLETE


GOOD_STATUSES = (RunStatus.NEW, RunStatus.NOTHING_NEW, RunStatus.NOTHING_MATCHES, RunStatus.BASELINE_SEEDED)


class EventKind(StrEnum):
    """What can happen to an award, or be published about one. The value is part of an event's id and never changes."""

    NEW_AWARD = "new-award"
    MODIFIED = "modified"
    OPTION_EXERCISED = "option-exercised"
    CEILING_RAISED = "ceiling-raised"
    EXTENDED = "extended"
    DEOBLIGATED = "de-obligated"
    TERMINATED = "terminated"
    RECIPIENT_RENAMED = "recipient-renamed"
    RECIPIENT_CHANGED = "recipient-changed"
    DESCRIPTION_CHANGED = "description-changed"
    RENUMBERED = "award-renumbered"
    CORRECTED = "corrected"
    DELETED = "deleted"
    FIRST_PURCHASE = "first-purchase"
    FIRST_PURCHASE_WITHDRAWN = "first-purchase-withdrawn"
    ROUND_SUM = "round-sum"
    EXPIRING = "expiring"
    ANNOUNCED = "announced"
    NEW_NOTICE = "new-notice"
    DEADLINE_MOVED = "deadline-moved"
    NOTICE_WITHDRAWN = "notice-withdrawn"
    NOTICE_CHANGED = "notice-changed"
    SUBAWARDED = "subawarded"
    USE_CASE = "use-case"
    DOCUMENT = "document"
    WITHDRAWN = "withdrawn"


MILESTONES = (EventKind.FIRST_PURCHASE, EventKind.ROUND_SUM)
# Events that only queries find that name their kind: a contract's end is no news for every reader.
ON_REQUEST = (EventKind.EXPIRING,)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignal:
    """One reason an award may concern a vendor, with the words that gave it.

    `kind` is the matcher's name for the rule ("uei", "name", "alias", "parent-name", "product" ...). `field` is where
    the signal was found ("recipient_name", "description", "action_description" ...), `text` the source's words,
    `start` and `end` their offsets in that field, `term` the watchlist's words. `action_key` is the action whose
    description it is, "" for a field of the award itself.
    """

    kind: str
    field: str
    text: str
    term: str
    start: int
    end: int
    score: float
    action_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMatch:
    """A match of a record with a vendor. `reason` is one sentence for a reader, `score` is from 0 to 1.

    `action_keys` are the actions that the match concerns, none if it concerns the whole record. `is_topic`: it is of a
    topic, not of a vendor. `via_reseller`: the recipient is not the vendor, but sells its products.
    """

    vendor_id: str
    vendor_name: str
    category: str
    band: str  # a value of `MatchBand`
    score: float
    reason: str
    signals: tuple[StoredSignal, ...]
    first_seen: datetime
    action_keys: tuple[str, ...] = ()
    is_topic: bool = False
    via_reseller: bool = False

    @property
    def entry_kind(self) -> str:
        """What it matches on the watchlist: "vendor" or "topic"."""
        return "topic" if self.is_topic else "vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLink:
    """A link from a publication to an award, with its confidence (0 to 1) and reason. The award may not be stored."""

    record_key: str
    award_key: str
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSourceRecord:
    """What one source says of an award. `facts` has the field names of `StoredRecord`."""

    source: str
    facts: Mapping[str, object]
    actions: int
    modified: date | None
    url: str
    deleted_on: date | None
    deletion_reason: str
    first_seen: datetime
    last_changed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord(AwardFields):
    """An award or a publication with its matches, best first; fields as in `sources.records`.

    `category` is "contract", "idv", "other-transaction", "other-transaction-idv" or "assistance" of an award, and
    "announcement", "notice", "subaward", "use-case" or "document" of a publication. `attachments` are (title, address)
    pairs, `facts` (label, value) pairs.
    """

    category: str
    recipient_name: str = ""
    recipient_uei: str = ""
    recipient_state: str = ""
    recipient_parent_name: str = ""
    recipient_parent_uei: str = ""
    agency_code: str = ""
    agency_name: str = ""
    sub_agency_code: str = ""
    sub_agency_name: str = ""
    office: str = ""
    funding_agency_name: str = ""
    funding_sub_agency_name: str = ""
    first_seen: datetime
    last_changed: datetime
    matches: tuple[StoredMatch, ...] = ()
    title: str = ""
    modification: str = ""
    published: date | None = None
    deadline: datetime | None = None
    state: str = ""
    corrects: str = ""
    amounts: tuple[Amount, ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def competition(self) -> str:
        """Whether a contract was competed: a value of `storage.competition.Competition`, "" for other records."""
        return competition_of(self.category, self.extent_competed_code, self.fair_opportunity_code)

    @property
    def had_no_fair_opportunity(self) -> bool:
        """Whether this order was placed under an exception to fair opportunity."""
        return is_exception(self.fair_opportunity_code)

    @property
    def is_publication(self) -> bool:
        """Whether this is a publication, not an award."""
        return self.category in PUBLICATIONS

    @property
    def fiscal_year(self) -> int | None:
        """The fiscal year in which it was signed, or else published; `None` without a possible date."""
        day = self.signed or self.published
        return fiscal_year_of(day) if is_possible(day) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAction(ContractAction):
    """A base award or modification, as stored. `removed` is the day on which its source deleted it."""

    award_key: str
    first_seen: datetime
    removed: date | None = None

    @property
    def fiscal_year(self) -> int | None:
        """The fiscal year in which it was signed; `None` without a possible date."""
        return fiscal_year_of(self.signed) if is_possible(self.signed) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """Something that happened to a record. `id` is a permanent tag: URI.

    `signed` is the date of the action, `published` when the source carried it (its last-modified date, if it gives
    one), `first_seen` when we saw it. `action` is the action that the event is about, if any. `old_value` and
    `new_value` are the changed values in words. `earlier_actions` counts the modifications that a new award already had
    when it was first seen. `is_first_sight`: the award was not stored before this modification of it. `days_late` is
    the number of days from signing until it was first seen, 0 if it was not late or that is not known. `vendor_id` is
    set for an event that concerns one vendor: `old_value` of a withdrawal is the vendor's name, `new_value` the
    public reason.

    `amount` is the obligation of this action alone. `total` is what the agency has obligated to the vendor in all, for
    a milestone. `milestones` are those that this event's entry includes. Each names it in `part_of`. `has_twin`: when
    it was published, feeds had an event of the same kind, agency and amount (in whole dollars) already, so that only
    the award's number tells the two apart.
    """

    id: str
    kind: EventKind
    record: StoredRecord
    action: StoredAction | None
    amount: Decimal | None
    signed: date | None
    published: date | None
    first_seen: datetime
    old_value: str
    new_value: str
    earlier_actions: int
    is_first_sight: bool = False
    days_late: int = 0
    vendor_id: str = ""
    total: Decimal | None = None
    part_of: str = ""
    milestones: tuple[StoredEvent, ...] = ()
    has_twin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """A stored raw payload: its URL, the time it was received, its hash and its size in bytes."""

    sha256: str
    url: str
    request: str
    retrieved_at: datetime
    content_type: str
    size: int
