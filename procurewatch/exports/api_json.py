"""The JSON of the API and of webhooks. Dollars are strings with two decimals, dates are ISO 8601, times are UTC.

Texts are as their source wrote them, without control characters. "" stands for what a source does not state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model

from feeds import urls
from feeds.entries.matches import published_matches
from feeds.text import clean
from storage.models import EventKind, StoredEvent, StoredEvidence, StoredRecord, StoredSourceRecord
from storage.schema.fields import RECORD_FIELDS, FieldType
from storage.search.spending import Heading, SpendingTable


def _format_time(value: datetime) -> str:
    return value.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


Text = Annotated[str, BeforeValidator(clean)]
Dollars = Annotated[
    Decimal,
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$", "examples": ["500000.00"]}),
]
Time = Annotated[
    datetime,
    PlainSerializer(_format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T14:05:09Z"]}),
]


FISCAL_YEAR = "fiscal year of the US government (2024 began on 2023-10-01)"


class ApiModel(BaseModel):
    """Base class of all responses."""

    model_config = ConfigDict(from_attributes=True, frozen=True, populate_by_name=True)


class Problem(ApiModel):
    """An error response (RFC 9457)."""

    title: str = Field(description="kind of problem")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="what is wrong, in one line")


class Signal(ApiModel):
    """One reason for a match."""

    kind: str = Field(description="the rule: uei, name, alias, parent-name, product ...")
    field: str = Field(description="field that holds the words: recipient_name, description ...")
    text: Text = Field(description="the source's words")
    term: str = Field(description="the watchlist's words")


class Match(ApiModel):
    """A match of a record with a vendor or topic of the watchlist."""

    vendor_id: str
    vendor_name: str
    entry_kind: str = Field(description="what it is on the watchlist: vendor or topic")
    category: str = Field(description="technology category")
    via_reseller: bool = Field(description="whether the recipient is not the vendor, but sells its products")
    score: float = Field(description="from 0 to 1")
    reason: Text = Field(description="why it matched, in one sentence")
    first_seen: Time = Field(description="when it first matched")
    signals: list[Signal]
    action_keys: list[str] = Field(description="the actions that it concerns, empty if it concerns the whole record")


class Amount(ApiModel):
    """An amount that a publication states."""

    meaning: str = Field(description="announced, ceiling, obligated, awarded or subawarded")
    dollars: Dollars = Field(description="US dollars")
    shared: bool = Field(description="whether several awardees share it")


_TYPES: dict[FieldType, Any] = {
    FieldType.TEXT: Text,
    FieldType.TEXTS: list[Text],
    FieldType.DOLLARS: Dollars | None,
    FieldType.DATE: date | None,
    FieldType.TIME: Time | None,
    FieldType.COUNT: int | None,
}


class RecordKeys(ApiModel):
    """The key and pages of a record."""

    record_key: str = Field(validation_alias="key", description="permanent key")
    page: str = Field(description="page of this site")
    official_page: str = Field(description="page of the source")


_record_fields: dict[str, Any] = {
    field.public_name: (_TYPES[field.type], Field(validation_alias=field.name, description=field.meaning))
    for field in RECORD_FIELDS
}


class Record(create_model("RecordFields", __base__=RecordKeys, **_record_fields)):  # type: ignore[misc]  # mypy does not know it
    """An award or a publication, as its sources describe it now."""

    fiscal_year: int | None = Field(description=f"{FISCAL_YEAR} in which it was signed, or else published")
    amounts: list[Amount] = Field(description="amounts that a publication states; never add them to amounts of awards")
    matches: list[Match] = Field(description="published matches, best first")


class Action(ApiModel):
    """A base award or a modification."""

    action_key: str = Field(validation_alias="key")
    modification: Text
    signed: date | None
    fiscal_year: int | None = Field(description=f"{FISCAL_YEAR} in which it was signed")
    obligation: Dollars | None = Field(description="US dollars; negative if de-obligated")
    action_type: Text
    action_type_text: Text
    description: Text
    removed: date | None = Field(description="when the source deleted the action: do not add up its obligation")
    first_seen: Time


class Event(ApiModel):
    """Something that happened to a record."""

    event_id: str = Field(validation_alias="id", description="permanent id")
    kind: EventKind
    record_key: str
    action_key: str = Field(description="key of its action, empty if none")
    page: str = Field(description="its place on the record's page")
    amount: Dollars | None = Field(description="obligated by its action alone, US dollars")
    total: Dollars | None = Field(
        description="for a round sum, what the agency has obligated to the vendor in all, US dollars"
    )
    part_of: str = Field(description="for a milestone, event_id of the event that includes it, empty if none does")
    signed: date | None
    published: date | None = Field(description="when the source published it")
    first_seen: Time = Field(description="when Procurewatch first saw it")
    old_value: Text = Field(description="value before, in words")
    new_value: Text = Field(description="value after, in words")


class EventWithRecord(Event):
    """An event with its record, and the milestones that it includes."""

    record: Record
    milestones: list[Event]


class Link(ApiModel):
    """A publication and the award it is about."""

    publication_key: str = Field(validation_alias="record_key")
    award_key: str
    confidence: float = Field(description="from 0 to 1")
    reason: Text


class SourceRecord(ApiModel):
    """What one source states about an award."""

    source: str
    facts: dict[str, Any] = Field(description="fields of a record; amounts are strings in US dollars")
    actions: int = Field(description="number of actions that it lists")
    source_modified: date | None = Field(validation_alias="modified", description="last change at the source")
    official_page: str = Field(validation_alias="url")
    deleted_on: date | None = Field(description="when the source deleted the award")
    deletion_reason: Text
    first_seen: Time
    last_changed: Time


class Evidence(ApiModel):
    """A stored response of a source."""

    sha256: str
    size: int = Field(description="bytes")
    content_type: Text
    url: Text = Field(description="URL of the request")
    request: Text = Field(description="body of the request, empty for a GET")
    retrieved_at: Time
    download: str = Field(description="address of its bytes")


class RecordDetail(Record):
    """A record with its actions, events, links, source records and evidence."""

    actions: list[Action] = Field(description="oldest first")
    events: list[Event] = Field(description="all events, newest first, including unpublished ones")
    links: list[Link]
    source_records: list[SourceRecord]
    evidence: list[Evidence] = Field(description="oldest first")


LEFT_OUT = "keys of records that the page lacks, because they cannot be read"


class RecordsPage(ApiModel):
    """Records of a search, in its order."""

    total: int | None = Field(description="number of records; null after the first page")
    coverage: list[str] = Field(
        description="which contracts were read completely, in sentences: what the records can lack; empty after the "
        "first page"
    )
    left_out: list[str] = Field(description=LEFT_OUT)
    next: str | None = Field(description="address of the next page, null on the last")
    records: list[Record]


class EventsPage(ApiModel):
    """Published events, newest first seen first."""

    left_out: list[str] = Field(description=LEFT_OUT)
    next: str | None = Field(description="address of the next page, null on the last")
    events: list[EventWithRecord]


class WatchlistEntry(ApiModel):
    """An entry of the watchlist."""

    id: str
    name: str
    kind: str = Field(description="vendor or topic")
    category: str
    records: int = Field(description="number of published records")
    feed: str = Field(description="its Atom feed")


class Agency(ApiModel):
    """A department or sub-agency with published records."""

    code: str = Field(description="value of the parameter agency")
    name: Text
    records: int
    feed: str = Field(description="its Atom feed")


class Category(ApiModel):
    """A technology category."""

    id: str
    title: str
    vendors: int = Field(description="number of its watchlist entries")
    records: int
    feed: str = Field(description="its Atom feed")


class CoveredPeriod(ApiModel):
    """Days whose contracts were all read for an entry of the watchlist."""

    vendor_id: str
    agency: str = Field(description='code of a department, "" for all agencies')
    since: date
    until: date | None = Field(description="null while polls continue the period")
    archive_until: date | None = Field(description="last day that was read from award archives")


class SpendingTotal(ApiModel):
    """What contract actions obligate, each counted once."""

    dollars: Dollars = Field(description="US dollars; negative if more was de-obligated than obligated")
    actions: int = Field(description="number of actions")
    awards: int = Field(description="number of their awards")


class SpendingHeading(SpendingTotal):
    """The total of a row or a column."""

    code: str = Field(description="fiscal year, agency code, id on the watchlist, UEI or name; empty without a value")
    name: Text


class SpendingCell(SpendingTotal):
    """The total of a row and a column."""

    row: str = Field(description="code of the row")
    column: str = Field(description="code of the column")


class Spending(ApiModel):
    """Totals of a query's actions by rows and columns. Overlapping rows do not add up to their total."""

    total: SpendingTotal
    rows: list[SpendingHeading] = Field(description="fiscal years in order, anything else by dollars, most first")
    columns: list[SpendingHeading]
    cells: list[SpendingCell] = Field(description="without empty ones")
    rows_overlap: bool = Field(description="whether an action is in several rows")
    columns_overlap: bool = Field(description="whether an action is in several columns")
    coverage: list[str] = Field(
        description="which contracts were read completely, in sentences: what the totals can lack"
    )


class Incident(ApiModel):
    """A period in which a source cannot be read."""

    began: Time
    failures: int = Field(description="polls that failed in a row")
    status: str


class UncheckedPart(ApiModel):
    """A part of a source's polls that has failed and not succeeded since."""

    part: str = Field(description='what it fetches: "held awards"')
    since: Time
    reason: str


class SourceStatus(ApiModel):
    """The health of a source."""

    source: str
    title: str
    asked: bool = Field(description="whether it is polled here")
    last_polled: Time | None
    last_status: str = Field(description="status of that poll: new, nothing new, source unreachable ...")
    last_good: Time | None = Field(description="when it was last polled without a failure")
    newest: date | None = Field(description="latest date in its records")
    quarantined: int = Field(description="records that could not be parsed")
    not_checked: list[UncheckedPart] = Field(description="parts that failed; the next poll tries them again first")
    incident: Incident | None


def record_values(record: StoredRecord, base_url: str) -> dict[str, Any]:
    """Return the values of a `Record`, with its published matches."""
    names = [field.validation_alias or name for name, field in Record.model_fields.items()]
    facts = {str(name): getattr(record, str(name)) for name in names if hasattr(record, str(name))}
    page = urls.site_url(base_url, urls.award_path(record.key))
    return {**facts, "page": page, "official_page": urls.official_page(record), "matches": published_matches(record)}


def spending_of(table: SpendingTable, coverage: Sequence[str]) -> Spending:
    """Return the JSON of a table of totals; `coverage` says what they can lack, in sentences."""

    def headings(of: Iterable[Heading]) -> list[SpendingHeading]:
        return [SpendingHeading(code=each.code, name=each.name, **asdict(each.total)) for each in of]

    return Spending(
        total=SpendingTotal(**asdict(table.total)),
        rows=headings(table.rows),
        columns=headings(table.columns),
        cells=[
            SpendingCell(row=row, column=column, **asdict(total))
            for (row, column), total in sorted(table.cells.items())
        ],
        rows_overlap=table.rows_overlap,
        columns_overlap=table.columns_overlap,
        coverage=list(coverage),
    )


def event_values(event: StoredEvent, base_url: str) -> dict[str, Any]:
    """Return the values of an `Event`."""
    own = ("id", "kind", "amount", "total", "part_of", "signed", "published", "first_seen", "old_value", "new_value")
    return {
        **{name: getattr(event, name) for name in own},
        "record_key": event.record.key,
        "action_key": event.action.key if event.action else "",
        "page": urls.permalink(base_url, event),
    }


def source_record(stored: StoredSourceRecord) -> SourceRecord:
    """Return a source record; the values of its fields are strings or lists."""
    return SourceRecord.model_validate({**asdict(stored), "facts": _plain(stored.facts)})


def evidence_of_record(stored: StoredEvidence, base_url: str) -> Evidence:
    """Return evidence with the address of its bytes."""
    download = urls.site_url(base_url, urls.evidence_path(stored.sha256))
    return Evidence.model_validate({**asdict(stored), "download": download})


def _plain(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return str(value)
