"""The tables. Rows are built from validated records (`sources.records`); table models do not validate.

Key columns hold "" instead of NULL, because NULLs are never equal in a unique key. Amounts are US dollars in Python and
whole cents in the database. Times are UTC. Keys are natural, so that storing is idempotent: an interrupted run that is
resumed ends with the same rows.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text
from sqlmodel import JSON, Field, SQLModel

from storage.schema.columns import Cents, Lines, UtcTime


def _cents(name: str, meaning: str = "", label: str = "") -> Any:
    column = Column(f"{name}_cents", Cents, nullable=True)
    return Field(default=None, sa_column=column, description=meaning or None, title=label or None)


def _time(name: str, meaning: str = "", *, nullable: bool = False, index: bool = False) -> Any:
    column = Column(name, UtcTime, nullable=nullable, index=index)
    return Field(None if nullable else ..., sa_column=column, description=meaning or None)


def _text(name: str, meaning: str = "", label: str = "") -> Any:
    column = Column(name, Text, nullable=False)
    return Field(default="", sa_column=column, description=meaning or None, title=label or None)


def _none() -> list[Any]:
    return []  # pydantic reads the signature of a factory for each row, which takes long of `list`


def _json(name: str, meaning: str = "") -> Any:
    column = Column(name, JSON, nullable=False)
    return Field(default_factory=_none, sa_column=column, description=meaning or None)


def _code(meaning: str, label: str = "", *, index: bool = False) -> Any:
    """Return a short text: a code, an identifier or a name."""
    return Field(default="", index=index, description=meaning, title=label or None)


def _day(meaning: str, label: str = "", *, index: bool = False) -> Any:
    return Field(default=None, index=index, description=meaning, title=label or None)


def _count(meaning: str, label: str = "") -> Any:
    return Field(default=None, description=meaning, title=label or None)


class RecordRow(SQLModel, table=True):
    """An award, or a publication about one (`category` says which), combined from its sources.

    Each column that has a meaning is public: exports, the API, the SQL views and the pages derive their columns from
    this class (`storage.schema.fields`), in this order. A label is what pages call the column. `source` is the source
    whose page is linked, `revision` the state that its search showed.
    """

    __tablename__ = "record"
    __table_args__ = (Index("ix_record_published", "source", "published"),)

    key: str = Field(primary_key=True)
    revision: str = ""
    category: str = Field(
        index=True,
        description="contract, idv, other-transaction, other-transaction-idv, assistance; announcement, notice, "
        "subaward, use-case or document",
    )
    piid: str = _code("number of the contract or order (PIID); for assistance, the FAIN or URI", index=True)
    parent_piid: str = _code("PIID of the IDV that it was ordered under")
    parent_key: str = _code("record_key of that IDV", index=True)
    type_text: str = _code("kind of award or publication, in the source's words")
    title: str = _text("title", "title of a publication")
    recipient_name: str = _text("recipient_name", "the recipient's name, in the source's spelling", "Recipient")
    recipient_uei: str = _code("the recipient's Unique Entity ID", "Recipient UEI", index=True)
    recipient_cage: str = ""
    recipient_state: str = _code("the recipient's state, two letters")
    recipient_parent_name: str = _text(
        "recipient_parent_name", "the recipient's parent company, according to the source", "Recipient parent"
    )
    recipient_parent_uei: str = _code("the parent company's Unique Entity ID")
    agency_code: str = _code("code of the awarding department: 070 is Homeland Security", index=True)
    agency_name: str = _code("the awarding department")
    sub_agency_code: str = _code("code of the awarding agency: 7012 is ICE", index=True)
    sub_agency_name: str = _code("the awarding agency within the department", "Awarding agency")
    office: str = _code("the contracting office", "Contracting office")
    funding_agency_name: str = _code("the funding department")
    funding_sub_agency_name: str = _code("the funding agency within the department")
    obligated: Decimal | None = _cents("obligated", "obligated to date, over all actions", "Obligated to date")
    exercised: Decimal | None = _cents("exercised", "base and exercised options", "Base and exercised options")
    ceiling: Decimal | None = _cents("ceiling", "base and all options", "Ceiling with all options")
    outlays: Decimal | None = _cents("outlays", "outlays reported by agencies; older awards may have none")
    amounts: list[dict[str, Any]] = _json("amounts")
    amount_warning: str = _text("amount_warning", "why an amount cannot be true; empty if there is no warning")
    signed: date | None = _day("date on which the base award was signed", "Signed", index=True)
    published: date | None = _day("date on which a publication appeared")
    deadline: datetime | None = _time("deadline", "deadline for responses to a notice", nullable=True)
    starts: date | None = _day("first day of the period of performance")
    ends: date | None = _day("last day of the period, with exercised options", "Ends", index=True)
    may_end: date | None = _day("last day of the period, with all options", "Ends with all options")
    description: str = _text("description", "description, in the source's words")
    psc: str = _code("product or service code", "Product or service (PSC)")
    psc_text: str = _code("the code's text")
    naics: str = _code("industry code (NAICS)", "Industry (NAICS)")
    naics_text: str = _code("the code's text")
    solicitation: str = _code("solicitation number", "Solicitation", index=True)
    extent_competed_code: str = _code("FPDS code: A is full and open competition, C is not competed ...")
    extent_competed: str = _code("extent competed, in the source's words", "Competition")
    not_competed_reason: str = _text(
        "not_competed_reason", "reason for other than full and open competition", "Reason not competed"
    )
    fair_opportunity_code: str = _code("for an order, FPDS code: FAIR if all holders of its contract could compete")
    fair_opportunity: str = _text("fair_opportunity", "the code's text", "Fair opportunity")
    offers_received: int | None = _count(
        "number of offers; an order may state that of its parent contract", "Offers received"
    )
    solicitation_procedure: str = _text("solicitation_procedure", "solicitation procedure", "Solicitation procedure")
    set_aside_code: str = _code("FPDS code of the set-aside; NONE if there was none")
    set_aside: str = _text("set_aside", "type of set-aside", "Set-aside")
    commercial_procedures: str = _text(
        "commercial_procedures", "whether it was bought as a commercial product or service", "Commercial procedures"
    )
    pricing_code: str = _code("FPDS code of the pricing type: J is firm fixed price")
    pricing: str = _text("pricing", "the code's text", "Pricing")
    disaster_codes: list[str] = _json(
        "disaster_codes", "Disaster Emergency Fund Codes; Q is money that is not for disasters"
    )
    subaward_count: int | None = _count("number of subawards reported by the recipient")
    subaward_total: Decimal | None = _cents(
        "subaward_total", "total of those reports, which repeat earlier amounts: never add it to other amounts"
    )
    place: str = _code("place of performance", "Place of performance")
    state: str = _text("state", "the source's state of a publication that is no longer valid")
    modification: str = _text("modification")
    corrects: str = _text("corrects")
    attachments: list[dict[str, str]] = _json("attachments")
    facts: list[dict[str, str]] = _json("facts")
    source: str = Field(description="the source whose page is linked")
    modified: date | None = _day("date of the source's last change")
    first_seen: datetime = _time("first_seen", "when Procurewatch first saw it", index=True)
    last_changed: datetime = _time("last_changed", "when Procurewatch last saw it change")
    url: str = ""


class SourceRecordRow(SQLModel, table=True):
    """What one source states about an award: its fields, and amount, date and text of each action by its key.

    `deleted_on` is the day on which the source deleted the award, with its reason. What it stated before is kept.
    """

    __tablename__ = "source_record"
    __table_args__ = (Index("ix_source_record_modified", "source", "modified"),)

    record_key: str = Field(primary_key=True, foreign_key="record.key")
    source: str = Field(primary_key=True)
    revision: str
    facts: dict[str, str] = Field(sa_column=Column("facts", JSON, nullable=False))
    actions: dict[str, dict[str, str]] = Field(sa_column=Column("actions", JSON, nullable=False))
    modified: date | None = None
    url: str
    deleted_on: date | None = None
    deletion_reason: str = _text("deletion_reason")
    first_seen: datetime = _time("first_seen")
    last_changed: datetime = _time("last_changed")


class LinkRow(SQLModel, table=True):
    """A link from a publication to an award. `confidence` is 1 if the source itself names the award by its key.

    The award may not be stored yet.
    """

    __tablename__ = "link"

    record_key: str = Field(primary_key=True, foreign_key="record.key")
    award_key: str = Field(primary_key=True, index=True)
    confidence: float
    reason: str = _text("reason")
    first_seen: datetime = _time("first_seen")


class ActionRow(SQLModel, table=True):
    """A base award or a modification. `key` is the action key of `sources.records.ContractAction`."""

    __tablename__ = "action"

    key: str = Field(primary_key=True)
    award_key: str = Field(foreign_key="record.key", index=True)
    modification: str
    signed: date | None = Field(default=None, index=True)
    obligation: Decimal | None = _cents("obligation")
    description: str = _text("description")
    action_type: str
    action_type_text: str
    source: str = _text("source")
    removed: date | None = None
    first_seen: datetime = _time("first_seen")


class RenumberedRow(SQLModel, table=True):
    """A former key of an award, and its key now."""

    __tablename__ = "renumbered"

    old_key: str = Field(primary_key=True)
    new_key: str = Field(foreign_key="record.key", index=True)
    source: str
    first_seen: datetime = _time("first_seen")


class MatchRow(SQLModel, table=True):
    """A match of a record with a vendor, and its reasons. Re-matching updates the reasons.

    `is_topic`: what it matches is a topic of the watchlist, not a company. `matcher_band` is the matcher's; `band` is
    the one that counts: a reviewer's `decision` ("" if there is none) overrides the matcher's. `via_reseller`: the
    recipient is not the vendor, but sells its products. `action_keys` are the actions that the match concerns, none if
    it concerns the whole record ("" stands for events that are of no action). `priority` orders the review queue, and
    `clues` say why: a text and its points each. `is_unpublished`: a rematch has found it, and has yet to choose which
    of the vendor's newest events feeds get.
    """

    __tablename__ = "match"
    __table_args__ = (
        # A covering index for queries over many matches.
        Index("ix_match_band", "band", "record_key", "vendor_id", "vendor_name", "vendor_category", "via_reseller"),
        Index("ix_match_vendor", "vendor_id", "band", "record_key"),
        Index("ix_match_category", "vendor_category", "band", "record_key"),
    )

    record_key: str = Field(primary_key=True, foreign_key="record.key")
    vendor_id: str = Field(primary_key=True)
    vendor_name: str
    vendor_category: str
    score: float
    matcher_band: str
    band: str
    decision: str = ""
    rule: str
    reason: str = _text("reason")
    signals: list[dict[str, Any]] = Field(sa_column=Column("signals", JSON, nullable=False))
    action_keys: list[str] = Field(default_factory=_none, sa_column=Column("action_keys", Lines, nullable=False))
    via_reseller: bool = False
    priority: int = 0
    clues: list[dict[str, Any]] = _json("clues")
    is_topic: bool = False
    is_unpublished: bool = False
    watchlist_version: str
    first_seen: datetime = _time("first_seen")


class EventRow(SQLModel, table=True):
    """Something that happened to a record. `id` is permanent. `is_published`: feeds carry it.

    `pending_review`: it waits for a reviewer to confirm its match. `vendor_id` is set if the event concerns one vendor
    alone (a withdrawal, a milestone), else "". `amount` is the obligation of this action alone. `total` is what the
    agency has obligated to the vendor in all, for a milestone. `part_of` is the id of the event of the same award whose
    entry in feeds includes this one, "" if it has an entry of its own. `is_first_sight`: the award was not stored
    before this modification of it. `days_late` is how long after signing it was first seen, 0 if it was not late
    (`storage.writing.events.days_late`).
    """

    __tablename__ = "event"
    __table_args__ = (
        # The first two are covering indexes for queries over many events.
        Index(
            "ix_event_published_first_seen",
            "is_published",
            "first_seen",
            "record_key",
            "kind",
            "vendor_id",
            "signed",
            "published",
            "part_of",
            "amount_cents",
            "is_first_sight",
        ),
        Index(
            "ix_event_record_key",
            "record_key",
            "is_published",
            "first_seen",
            "kind",
            "vendor_id",
            "signed",
            "published",
            "part_of",
            "amount_cents",
            "is_first_sight",
        ),
        Index("ix_event_kind", "kind", "is_published", "first_seen"),
        Index("ix_event_amount", "kind", "amount_cents"),
    )

    id: str = Field(primary_key=True)
    record_key: str = Field(foreign_key="record.key")
    action_key: str
    kind: str
    amount: Decimal | None = _cents("amount")
    total: Decimal | None = _cents("total")
    signed: date | None = None
    published: date | None = None
    old_value: str = _text("old_value")
    new_value: str = _text("new_value")
    earlier_actions: int = 0
    is_first_sight: bool = False
    days_late: int = 0
    vendor_id: str = ""
    part_of: str = ""
    is_published: bool
    pending_review: bool = False
    first_seen: datetime = _time("first_seen")


class EventSnapshotRow(SQLModel, table=True):
    """The record of an event as it was when the event was published (`storage.reading.snapshot_format`)."""

    __tablename__ = "event_snapshot"

    event_id: str = Field(primary_key=True, foreign_key="event.id")
    facts: str = _text("facts")


class PublicationVersionRow(SQLModel, table=True):
    """A counter of changes to published data, and the time of the last one: one row, updated in
    `storage.writing.publication`."""

    __tablename__ = "publication_version"

    id: int = Field(sa_column=Column("id", Integer, primary_key=True, autoincrement=False))
    number: int
    changed: datetime = _time("changed")


class SearchRow(SQLModel, table=True):
    """A record in the search index; `storage.search.index` derives it from the other tables in the same transaction.

    `sort_key` orders records by `sort_date` (the day signed, or else published) and is the row id of the full-text
    index. `words` are normalized; those of agencies, offices and recipients have a mark in front. `is_published` when
    one of its matches is. `amount` is the obligation, or the largest amount that a publication states. `competition` is
    a value of `storage.competition`. `spent` is what the actions obligate that published matches concern: fiscal year,
    category ("" for all), whole cents and number of actions.
    """

    __tablename__ = "search"
    __table_args__ = (
        # A covering index for filters and facets; the words make the rows themselves large.
        Index(
            "ix_search_published", "is_published", "sort_key", "record_key", "category", "source", "department",
            "sub_agency_code", "recipient_state", "competition", "psc", "naics", "sort_date", "amount_cents",
            "first_seen",
        ),
        # The newest published record of an agency, and all of them.
        Index("ix_search_sub_agency", "sub_agency_code", "is_published", "sort_key", "record_key"),
        Index("ix_search_department", "department", "is_published", "sort_key", "record_key"),
        *(
            Index(f"ix_search_{name}", column, "sort_key")
            for name, column in (
                ("category", "category"),
                ("state", "recipient_state"),
                ("psc", "psc"),
                ("naics", "naics"),
                ("amount", "amount_cents"),
                ("first_seen", "first_seen"),
            )
        ),
    )  # fmt: skip

    sort_key: int = Field(
        sa_column=Column(
            "sort_key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
        )
    )
    record_key: str = Field(foreign_key="record.key", unique=True)
    category: str
    source: str
    department: str
    sub_agency_code: str
    recipient_state: str
    competition: str
    psc: str
    naics: str
    sort_date: date
    is_published: bool = False
    amount: Decimal | None = _cents("amount")
    first_seen: datetime = _time("first_seen")
    spent: list[list[Any]] = _json("spent")
    words: str = _text("words")


class SpendingRow(SQLModel, table=True):
    """What the actions of published awards obligate in all: the sum of `spent` over the rows of `search`.

    `storage.search.index` changes it with them. `department` and `sub_agency_code` are those of the rows.
    `fiscal_year` is "" for actions without a possible date and "all" for all years, `category` "" for all.
    """

    __tablename__ = "spending"

    fiscal_year: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    department: str = Field(primary_key=True)
    sub_agency_code: str = Field(primary_key=True)
    dollars: Decimal = Field(sa_column=Column("dollars_cents", Cents, nullable=False))
    actions: int
    awards: int


class ReviewDecisionRow(SQLModel, table=True):
    """A reviewer's decision about a vendor and a subject.

    `subject` is one record ("record:KEY"), all orders under an award ("order:KEY"), the records of a recipient that
    contain a phrase ("phrase:WORDS@RECIPIENT", of all recipients "phrase:WORDS@") or have a product or service code
    ("psc:CODE@RECIPIENT"), or all of a recipient's: "uei:UEI" or "name:LETTERS AND DIGITS". `decision` is "confirmed",
    "rejected" or "never". `note` is for reviewers only. `public_reason` is published with a withdrawal.
    """

    __tablename__ = "review_decision"

    vendor_id: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    decision: str
    decided_by: str
    note: str = _text("note")
    public_reason: str = _text("public_reason")
    decided_at: datetime = _time("decided_at")


class DictionaryRow(SQLModel, table=True):
    """A dictionary for the compression of payloads (`storage.schema.payloads`), which stays while a payload needs it.

    `payloads` is the number of payloads stored when it was trained on some of them.
    """

    __tablename__ = "dictionary"

    id: int | None = Field(default=None, primary_key=True)
    body: bytes = Field(sa_column=Column("body", LargeBinary, nullable=False))
    payloads: int
    trained_at: datetime = _time("trained_at")


class PayloadRow(SQLModel, table=True):
    """The bytes of a source's response, compressed with zstd, with a dictionary if `dictionary_id` names one.

    `size` is that of the original, in bytes. `body` is empty once the bytes are removed because the records that they
    are of concern nobody.
    """

    __tablename__ = "payload"

    sha256: str = Field(primary_key=True)
    size: int
    content_type: str
    body: bytes = Field(sa_column=Column("body", LargeBinary, nullable=False))
    dictionary_id: int | None = Field(default=None, foreign_key="dictionary.id")


class EvidenceRow(SQLModel, table=True):
    """The URL and time at which a payload was first received, and the record (or quarantined record) it is for."""

    __tablename__ = "evidence"

    record_key: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True, foreign_key="payload.sha256")
    url: str = Field(primary_key=True)
    source: str
    request: str = _text("request")
    retrieved_at: datetime = _time("retrieved_at")


class QuarantineRow(SQLModel, table=True):
    """A record that could not be parsed, and why. `resolved_at` is when it could be, later."""

    __tablename__ = "quarantine"

    source: str = Field(primary_key=True)
    record_key: str = Field(primary_key=True)
    reason: str = _text("reason")
    first_seen: datetime = _time("first_seen")
    last_seen: datetime = _time("last_seen")
    resolved_at: datetime | None = _time("resolved_at", nullable=True)


class RunRow(SQLModel, table=True):
    """One run over one source. `status` is "" while it runs, or if it was killed.

    `skipped`: the source's data had not changed since the last poll, so only failed steps were fetched.
    """

    __tablename__ = "run"

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(index=True)
    purpose: str
    started: datetime = _time("started")
    ended: datetime | None = _time("ended", nullable=True)
    status: str = ""
    message: str = _text("message")
    requests: int = 0
    rows_found: int = 0
    new_awards: int = 0
    changed_awards: int = 0
    matched: int = 0
    events: int = 0
    problems: int = 0
    skipped: bool = False


class CheckpointRow(SQLModel, table=True):
    """Progress of a source: a watermark (a date), or a completed step of a backfill."""

    __tablename__ = "checkpoint"

    source: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str
    changed: datetime = _time("changed")


class ClaimRow(SQLModel, table=True):
    """On PostgreSQL, the process that has claimed a name (`storage.claims`), and when it last said so.

    `token` is different for each claim, `holder` is the host and process. SQLite has file locks instead.
    """

    __tablename__ = "claim"

    name: str = Field(primary_key=True)
    token: str
    holder: str
    renewed: datetime = _time("renewed")


class ProcessRow(SQLModel, table=True):
    """A `procurewatch run` that works on this database, and when it last said so (`storage.maintenance.processes`).

    `address` is that of its website, "" if it has none. `doing` are lines that say what it does.
    """

    __tablename__ = "process"

    id: str = Field(primary_key=True)
    host: str
    pid: int
    version: str
    address: str
    started: datetime = _time("started")
    renewed: datetime = _time("renewed")
    doing: list[str] = _json("doing")


class CoverageRow(SQLModel, table=True):
    """Days whose contracts a source has been read for completely: those of one vendor, or of all if `vendor_id` is "".

    `agency` is the code of a department or sub-agency, "" for all. `until` is the last of the days, `None` while polls
    continue them. `terms` is a digest of what the source was searched for: under another name, earlier contracts may
    exist, and `is_outdated` is set. `noted_at` is when the reading was complete (UTC).
    """

    __tablename__ = "coverage"

    source: str = Field(primary_key=True)
    vendor_id: str = Field(primary_key=True)
    agency: str = Field(primary_key=True)
    since: date = Field(primary_key=True)
    until: date | None = None
    terms: str = ""
    is_outdated: bool = False
    noted_at: datetime = _time("noted_at")


class ArchiveFileRow(SQLModel, table=True):
    """A file of award archives of which something was read, published or imported by the user.

    `kind` is "contracts" or "assistance", `agency` the code of a department, "" for all. A delta has no `fiscal_year`.
    `size` is in bytes, `sha256` "" while it is not known. `rows` is the number of its rows that were read.
    `is_complete`: every row was read. `read_at` is when it was last read (UTC).
    """

    __tablename__ = "archive_file"

    name: str = Field(primary_key=True)
    url: str
    kind: str = ""
    agency: str = ""
    fiscal_year: int | None = None
    is_delta: bool = False
    published: date | None = None
    size: int | None = Field(default=None, sa_column=Column("size", BigInteger, nullable=True))
    sha256: str = ""
    etag: str = ""
    modified: str = ""
    rows: int = 0
    is_complete: bool = False
    read_at: datetime = _time("read_at")


class QuotaRow(SQLModel, table=True):
    """The number of requests sent with an API key in one UTC day. `key_digest` is a digest of the key."""

    __tablename__ = "quota"

    name: str = Field(primary_key=True)
    key_digest: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    used: int
    exhausted: bool = False


class UnfinishedStepRow(SQLModel, table=True):
    """A step of a poll that failed: the next poll tries it again first.

    `since` and `until` are the days it covers, `None` if it covers none. `quiet_for` are the vendors whose baseline it
    belongs to: their records are stored and not published. `quiet`: there are such vendors. `failed` is the time of the
    first failure (UTC), `failures` the number of failures.
    """

    __tablename__ = "unfinished_step"

    source: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    quiet: bool = Field(primary_key=True)
    part: str
    query: dict[str, Any] = Field(sa_column=Column("query", JSON, nullable=False))
    since: date | None = None
    until: date | None = None
    quiet_for: list[str] = _json("quiet_for")
    reason: str = _text("reason")
    failures: int
    failed: datetime = _time("failed")


class IncidentRow(SQLModel, table=True):
    """A period in which `failures` polls of a source failed in a row. `ended` is set after the next good poll."""

    __tablename__ = "incident"

    source: str = Field(primary_key=True)
    began: datetime = Field(sa_column=Column("began", UtcTime, primary_key=True))
    ended: datetime | None = _time("ended", nullable=True)
    failures: int
    status: str
    message: str = _text("message")


class SubscriptionRow(SQLModel, table=True):
    """What somebody wants to be sent: the events of a search, or of one award.

    `query` is a search as the query string of its URL; `award_key` is "" unless one award is followed. `channel` and
    `rhythm` are values of `storage.alerts.models`. `address` may contain passwords, and `secret` is one: the key of the
    signatures of webhooks and of links in mails. `begins`: events first seen earlier are not sent. `position` is the
    time up to which events were looked at. A subscription is paused if `paused_at` is set, and disabled, because its
    channel failed too often, if `disabled_at` is. Times are UTC. `id` is never given twice.
    """

    __tablename__ = "subscription"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    title: str = _text("title")
    query: str = _text("query")
    award_key: str = _text("award_key")
    channel: str
    address: str = _text("address")
    rhythm: str
    secret: str
    created: datetime = _time("created")
    begins: datetime = _time("begins")
    position: datetime = _time("position")
    paused_at: datetime | None = _time("paused_at", nullable=True)
    muted_until: datetime | None = _time("muted_until", nullable=True)
    disabled_at: datetime | None = _time("disabled_at", nullable=True)
    disabled_reason: str = _text("disabled_reason")


class DeliveryRow(SQLModel, table=True):
    """One message of a subscription, stored before it is sent. Its events are in `alerted_event`.

    `key` is its idempotency key, the same each time it is sent. `state` is a value of
    `storage.alerts.models.DeliveryState`. The message is about what was first seen from `since` to `until`. `attempts`
    is the number of times that it was sent or tried, and `next_attempt` when it may be tried again. `answer` is the
    receiver's, `error` why the last try failed.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_subscription", "subscription_id", "id"),
        Index("ix_delivery_state", "state", "next_attempt"),
    )

    id: int | None = Field(default=None, primary_key=True)
    subscription_id: int = Field(foreign_key="subscription.id")
    key: str = Field(unique=True)
    state: str
    since: datetime = _time("since")
    until: datetime = _time("until")
    attempts: int = 0
    next_attempt: datetime = _time("next_attempt")
    error: str = _text("error")
    answer: str = _text("answer")
    created: datetime = _time("created")
    sent: datetime | None = _time("sent", nullable=True)


class AlertedEventRow(SQLModel, table=True):
    """An event that is in a message of a subscription, so that it is in no other one."""

    __tablename__ = "alerted_event"

    subscription_id: int = Field(primary_key=True, foreign_key="subscription.id")
    event_id: str = Field(primary_key=True, foreign_key="event.id")
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
