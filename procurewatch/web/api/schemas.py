"""What the API answers with. Dollars are texts with two digits after the point, days ISO 8601, times UTC.

Texts are as their source wrote them, without control characters; "" is what a source does not state.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model

from feeds import urls
from feeds.entries.matches import published_matches
from feeds.text import clean
from storage.fields import RECORD_FIELDS, FieldType
from storage.models import EventKind, StoredEvent, StoredEvidence, StoredLink, StoredRecord, StoredSourceRecord


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


Text = Annotated[str, BeforeValidator(clean)]
Dollars = Annotated[
    Decimal,
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$", "examples": ["500000.00"]}),
]
Moment = Annotated[
    datetime,
    PlainSerializer(_moment, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T14:05:09Z"]}),
]


class Answer(BaseModel):
    """What every answer has in common."""

    model_config = ConfigDict(from_attributes=True, frozen=True, populate_by_name=True)


class Problem(Answer):
    """Why a request is not answered (RFC 9457)."""

    title: str = Field(description="what kind of problem it is")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong, in one line")


class Signal(Answer):
    """One reason for a match."""

    kind: str = Field(description="the rule: uei, name, alias, parent-name, product ...")
    field: str = Field(description="where the words stand: recipient_name, description ...")
    text: Text = Field(description="the words of the source")
    term: str = Field(description="the words of the watchlist")


class Match(Answer):
    """A vendor or topic of the watchlist that a record concerns."""

    vendor_id: str
    vendor_name: str
    category: str = Field(description="kind of technology")
    score: float = Field(description="how sure, from 0 to 1")
    reason: Text = Field(description="why it matched, in one sentence")
    first_seen: Moment = Field(description="when it first matched")
    signals: list[Signal]


class Amount(Answer):
    """An amount that a publication states."""

    meaning: str = Field(description="announced, ceiling, obligated, awarded or subawarded")
    dollars: Dollars = Field(description="US dollars")
    shared: bool = Field(description="whether it is that of several awardees together")


_TYPES: dict[FieldType, Any] = {
    FieldType.TEXT: Text,
    FieldType.TEXTS: list[Text],
    FieldType.DOLLARS: Dollars | None,
    FieldType.DATE: date | None,
    FieldType.TIME: Moment | None,
    FieldType.COUNT: int | None,
}


class RecordKeys(Answer):
    """Where a record is found."""

    record_key: str = Field(validation_alias="key", description="its key, for ever the same")
    page: str = Field(description="its page here")
    official_page: str = Field(description="its page at the source")


_record_fields: dict[str, Any] = {
    field.public_name: (_TYPES[field.type], Field(validation_alias=field.name, description=field.meaning))
    for field in RECORD_FIELDS
}


class Record(create_model("RecordFields", __base__=RecordKeys, **_record_fields)):  # type: ignore[misc]  # a class made here
    """An award or a publication, as its sources tell it now."""

    amounts: list[Amount] = Field(description="what a publication states; never added to those of awards")
    matches: list[Match] = Field(description="whom it concerns, the surest first")


class Action(Answer):
    """A base award or a modification."""

    action_key: str = Field(validation_alias="key")
    modification: Text
    signed: date | None
    obligation: Dollars | None = Field(description="US dollars; below zero what is taken back")
    action_type: Text
    action_type_text: Text
    description: Text
    first_seen: Moment


class Event(Answer):
    """Something that happened to a record."""

    event_id: str = Field(validation_alias="id", description="its id, for ever the same")
    kind: EventKind
    record_key: str
    action_key: str = Field(description="the action it is about, empty if none")
    page: str = Field(description="where it is told on the record's page")
    amount: Dollars | None = Field(description="US dollars")
    signed: date | None
    published: date | None = Field(description="when the source carried it")
    first_seen: Moment = Field(description="when it was first seen here")
    old_value: Text = Field(description="what it was, in words")
    new_value: Text = Field(description="what it is, in words")


class EventWithRecord(Event):
    """Something that happened, with the record it happened to."""

    record: Record


class Link(Answer):
    """A publication and the award it is about."""

    publication_key: str = Field(validation_alias="record_key")
    award_key: str
    confidence: float = Field(description="how sure, from 0 to 1")
    reason: Text


class SourceRecord(Answer):
    """What one source says of an award."""

    source: str
    facts: dict[str, Any] = Field(description="in the words of a record; amounts are texts in US dollars")
    actions: int = Field(description="how many actions it names")
    source_modified: date | None = Field(validation_alias="modified", description="last change at the source")
    official_page: str = Field(validation_alias="url")
    deleted_on: date | None = Field(description="when the source dropped the award")
    deletion_reason: Text
    first_seen: Moment
    last_changed: Moment


class Evidence(Answer):
    """An answer of a source that is kept as proof."""

    sha256: str
    size: int = Field(description="bytes")
    content_type: Text
    url: Text = Field(description="the address that was asked")
    request: Text = Field(description="what was sent with it, empty for a plain GET")
    retrieved_at: Moment
    download: str = Field(description="where its bytes are")


class RecordDetail(Record):
    """A record with all that is known of it."""

    actions: list[Action] = Field(description="oldest first")
    events: list[Event] = Field(description="all that happened to it, newest first, also what feeds did not tell")
    links: list[Link]
    source_records: list[SourceRecord]
    evidence: list[Evidence] = Field(description="oldest first")


class RecordsPage(Answer):
    """Records of a search, newest signed (or published) first."""

    total: int | None = Field(description="how many there are; null on the pages after the first")
    next: str | None = Field(description="the address of the next page, null on the last")
    records: list[Record]


class EventsPage(Answer):
    """Events as feeds tell them, newest seen first."""

    next: str | None = Field(description="the address of the next page, null on the last")
    events: list[EventWithRecord]


class VendorAnswer(Answer):
    """An entry of the watchlist."""

    id: str
    name: str
    kind: str = Field(description="vendor or topic")
    category: str
    records: int = Field(description="how many published records concern it")
    feed: str = Field(description="its Atom feed")


class Agency(Answer):
    """A part of a department that has bought something."""

    code: str = Field(description="as the parameter agency takes it")
    name: Text
    records: int
    feed: str = Field(description="its Atom feed")


class Category(Answer):
    """A kind of technology."""

    id: str
    title: str
    vendors: int = Field(description="how many entries of the watchlist it has")
    records: int
    feed: str = Field(description="its Atom feed")


class Incident(Answer):
    """A time in which a source cannot be read."""

    began: Moment
    failures: int = Field(description="polls that failed in a row")
    status: str


class UncheckedPart(Answer):
    """A part of a source's polls that failed and has not been read since."""

    part: str = Field(description='what it looks for, in the plural: "held awards"')
    since: Moment
    reason: str


class SourceAnswer(Answer):
    """How a source is."""

    source: str
    title: str
    asked: bool = Field(description="whether it is polled here")
    last_polled: Moment | None
    last_status: str = Field(description="how that ended: new, nothing new, source unreachable ...")
    last_good: Moment | None = Field(description="when it last answered as it should")
    newest: date | None = Field(description="the newest day that its own records bear")
    quarantined: int = Field(description="records that could not be read")
    not_checked: list[UncheckedPart] = Field(description="parts that failed; the next poll tries them again first")
    incident: Incident | None


def record_facts(record: StoredRecord, base_url: str) -> dict[str, Any]:
    """Return what `Record` says of a record; its matches are those that are published."""
    names = [field.validation_alias or name for name, field in Record.model_fields.items()]
    facts = {str(name): getattr(record, str(name)) for name in names if hasattr(record, str(name))}
    page = urls.site_url(base_url, urls.award_path(record.key))
    return {**facts, "page": page, "official_page": urls.official_page(record), "matches": published_matches(record)}


def event_facts(event: StoredEvent, base_url: str) -> dict[str, Any]:
    """Return what `Event` says of an event."""
    own = ("id", "kind", "amount", "signed", "published", "first_seen", "old_value", "new_value")
    return {
        **{name: getattr(event, name) for name in own},
        "record_key": event.record.key,
        "action_key": event.action.key if event.action else "",
        "page": urls.permalink(base_url, event),
    }


def link_answer(link: StoredLink) -> Link:
    """Return a link as it is answered."""
    return Link.model_validate(link)


def source_record_answer(source_record: StoredSourceRecord) -> SourceRecord:
    """Return what a source says as it is answered: values are texts or lists, none is empty."""
    facts = {name: _plain(value) for name, value in source_record.facts.items()}
    names = [name for name in source_record.__dataclass_fields__ if name != "facts"]
    return SourceRecord.model_validate({**{name: getattr(source_record, name) for name in names}, "facts": facts})


def evidence_answer(evidence: StoredEvidence, base_url: str) -> Evidence:
    """Return evidence as it is answered, with where its bytes are."""
    facts = {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}
    return Evidence.model_validate({**facts, "download": urls.site_url(base_url, urls.evidence_path(evidence.sha256))})


def _plain(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return str(value)
