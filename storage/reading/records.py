"""Read records with their matches, actions and evidence, as immutable views (`storage.models`)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

from sqlalchemy import (
    SQLColumnExpression,
    String,
    column,
    exists,
    func,
    inspect,
    literal_column,
    or_,
    select,
    values,
)
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from sources.records import AwardCategory, PublicationKind
from storage.errors import each_alone
from storage.models import (
    AWARDS,
    EventKind,
    MatchBand,
    StoredAction,
    StoredEvidence,
    StoredMatch,
    StoredRecord,
    StoredSignal,
)
from storage.rows import distinct_values, read_amounts, view_of
from storage.schema.payloads import payload_bytes
from storage.schema.tables import (
    ActionRow,
    EventRow,
    EvidenceRow,
    LinkRow,
    MatchRow,
    PayloadRow,
    PublicationVersionRow,
    RecordRow,
    RenumberedRow,
    SearchRow,
    SourceRecordRow,
)

BATCH_SIZE = 500  # keys in one query
LISTS = ("amounts", "attachments", "facts", "disaster_codes")
COPIED = tuple(
    name for name in StoredRecord.__dataclass_fields__ if name in RecordRow.model_fields and name not in LISTS
)
RECORD_COLUMNS = tuple(col(getattr(RecordRow, name)) for name in (*COPIED, *LISTS))  # the key first
MATCH_NAMES = (
    *("vendor_id", "vendor_name", "category", "band", "score", "reason", "first_seen"),
    *("is_topic", "via_reseller"),
)
MATCH_COLUMNS = tuple(
    col(getattr(MatchRow, {"category": "vendor_category"}.get(name, name)))
    for name in ("record_key", "signals", "action_keys", *MATCH_NAMES)
)

# The tables whose rows are of one record, each with the column that has its key.
RECORD_TABLES: tuple[tuple[Any, str], ...] = (
    (RecordRow, "key"),
    (SourceRecordRow, "record_key"),
    (LinkRow, "record_key"),
    (ActionRow, "award_key"),
    (RenumberedRow, "new_key"),
    (MatchRow, "record_key"),
    (EventRow, "record_key"),
    (EvidenceRow, "record_key"),
)
UNSEEN = {"watchlist_version", "priority", "clues", "is_unpublished", "revision"}  # columns that no page shows


def records_by_key(session: Session, keys: Sequence[str], band: str = "") -> list[StoredRecord]:
    """Return the records with these keys, in that order, without those that are not stored, or cannot be read.

    Each has all its matches, or those of one band. `storage.errors.left_out` has those that cannot be read.
    """
    found: list[StoredRecord] = []
    for first in range(0, len(keys), BATCH_SIZE):
        batch = keys[first : first + BATCH_SIZE]
        found += each_alone(session, batch, lambda part: _records_by_key(session, part, band), str)
    return found


def record_by_key(session: Session, key: str) -> StoredRecord | None:
    """Return a record with all its matches, `None` if it is not stored. Raises what makes it unreadable."""
    return next(iter(_records_by_key(session, [key])), None)


def _records_by_key(session: Session, keys: Sequence[str], band: str = "") -> list[StoredRecord]:
    found = select(*RECORD_COLUMNS).where(col(RecordRow.key).in_(keys))
    rows: dict[str, Sequence[Any]] = {row[0]: row for row in session.execute(found)}
    stored = [key for key in keys if key in rows]
    matches = matches_by_record(session, stored, band)
    return [_record(rows[key], matches.get(key, ())) for key in stored]


def matches_by_record(session: Session, keys: Sequence[str], band: str = "") -> dict[str, list[StoredMatch]]:
    """Return matches by record key, best first."""
    matches: dict[str, list[StoredMatch]] = {}
    for first in range(0, len(keys), BATCH_SIZE):
        query = select(*MATCH_COLUMNS).where(col(MatchRow.record_key).in_(keys[first : first + BATCH_SIZE]))
        for key, signals, action_keys, *given in session.execute(
            query.where(col(MatchRow.band) == band) if band else query
        ):
            named: dict[str, Any] = dict(zip(MATCH_NAMES, given, strict=True))
            found_signals = tuple(StoredSignal(**signal) for signal in signals)
            match = StoredMatch(**named, signals=found_signals, action_keys=tuple(action_keys))
            matches.setdefault(key, []).append(match)
    for found in matches.values():
        found.sort(key=lambda match: (-match.score, match.vendor_id))
    return matches


def find_by_identifier(session: Session, identifier: str) -> list[StoredRecord]:
    """Return the awards with this key, former key, PIID or usaspending.gov URL. Several awards may share a PIID."""
    path = identifier.strip().partition("?")[0].partition("#")[0]
    wanted = unquote(path.rstrip("/").rsplit("/", 1)[-1]).upper()
    moved = select(col(RenumberedRow.new_key)).where(col(RenumberedRow.old_key) == wanted)
    key = col(RecordRow.key)
    query = select(key).where(or_(key == wanted, col(RecordRow.piid) == wanted, key.in_(moved)))
    return _records_by_key(session, sorted(session.scalars(query)))


def actions_of(session: Session, record_key: str) -> list[StoredAction]:
    """Return an award's actions, oldest first."""
    return load_actions_for(session, [record_key]).get(record_key, [])


def load_actions_for(session: Session, record_keys: Sequence[str]) -> dict[str, list[StoredAction]]:
    """Return the actions of up to `BATCH_SIZE` awards by award key, oldest first; omits awards without any."""
    query = select(ActionRow).where(col(ActionRow.award_key).in_(record_keys))
    found: dict[str, list[StoredAction]] = {}
    for row in session.scalars(query.order_by(col(ActionRow.signed).nulls_first(), col(ActionRow.key))):
        found.setdefault(row.award_key, []).append(view_of(StoredAction, row))
    return found


def actions_by_key(session: Session, keys: Collection[str]) -> dict[str, StoredAction]:
    """Return the actions with these keys by key."""
    query = select(ActionRow).where(col(ActionRow.key).in_(keys))
    return {row.key: view_of(StoredAction, row) for row in session.scalars(query)} if keys else {}


def evidence_of(session: Session, record_key: str) -> list[StoredEvidence]:
    """Return the evidence of a record, oldest first."""
    return load_evidence_for(session, [record_key]).get(record_key, [])


def load_evidence_for(session: Session, record_keys: Sequence[str]) -> dict[str, list[StoredEvidence]]:
    """Return the evidence of up to `BATCH_SIZE` records by record key, oldest first; omits records without any."""
    query = select(EvidenceRow, col(PayloadRow.content_type), col(PayloadRow.size))
    query = query.join(PayloadRow, col(PayloadRow.sha256) == col(EvidenceRow.sha256))
    query = query.where(col(EvidenceRow.record_key).in_(record_keys))
    found: dict[str, list[StoredEvidence]] = {}
    ordered = query.order_by(col(EvidenceRow.retrieved_at), col(EvidenceRow.url))
    for row, content_type, size in session.execute(ordered):
        found.setdefault(row.record_key, []).append(view_of(StoredEvidence, row, content_type=content_type, size=size))
    return found


def load_payload(session: Session, sha256: str) -> bytes | None:
    """Return the payload with this hash, `None` if it is not stored or its bytes have been removed."""
    row = session.get(PayloadRow, sha256)
    return payload_bytes(session, row) if row else None


def known_vendors(session: Session) -> list[tuple[str, str, str]]:
    """Return (id, name, technology category) of every vendor that has a published match, by name.

    The name and the category are those that one of its matches states.
    """
    ids = distinct_values(col(MatchRow.vendor_id), "vendor_ids")
    one = aliased(MatchRow)
    first = select(func.min(col(one.record_key))).where(
        col(one.vendor_id) == ids.c.value, col(one.band) == MatchBand.PUBLISHED
    )
    query = select(col(MatchRow.vendor_id), col(MatchRow.vendor_name), col(MatchRow.vendor_category)).join(
        ids, (col(MatchRow.vendor_id) == ids.c.value) & (col(MatchRow.record_key) == first.scalar_subquery())
    )
    rows = session.execute(query).all()
    return sorted(((row[0], row[1], row[2]) for row in rows), key=lambda vendor: (vendor[1].casefold(), vendor))


def count_matched(session: Session, vendor_ids: Sequence[str]) -> int:
    """Return how many of these entries of the watchlist have a published match; a look-up each, however many match."""
    entries = values(column("id", String)).data([(vendor_id,) for vendor_id in vendor_ids]).cte("entries")
    own = (col(MatchRow.vendor_id) == entries.c.id) & (col(MatchRow.band) == MatchBand.PUBLISHED)
    found = select(func.count()).select_from(entries).where(exists().where(own).correlate(entries))
    return (session.scalar(found) or 0) if vendor_ids else 0


def known_agencies(session: Session) -> list[tuple[str, str]]:
    """Return (code, name) of every department and sub-agency with a published match, by name."""
    parts = _named(
        session, col(SearchRow.sub_agency_code), col(RecordRow.sub_agency_code), col(RecordRow.sub_agency_name)
    )
    departments = _named(session, col(SearchRow.department), col(RecordRow.agency_code), col(RecordRow.agency_name))
    return sorted([*parts, *departments], key=lambda agency: (agency[1].casefold(), agency))


def _named(
    session: Session, code: SQLColumnExpression[str], stated: SQLColumnExpression[str], name: SQLColumnExpression[str]
) -> Iterator[tuple[str, str]]:
    """Yield each code of published records with its name: that of the newest record, or of any other that has one.

    `code` is the column of the search index, `stated` the same column of the record.
    """
    codes = distinct_values(code, "codes")
    newest = select(col(SearchRow.sort_key)).where(code == codes.c.value, col(SearchRow.is_published).is_(True))
    newest = newest.order_by(col(SearchRow.sort_key).desc()).limit(1)
    found = select(codes.c.value.label("code"), newest.scalar_subquery().label("sort_key"))
    seen = found.where(codes.c.value != "").subquery()
    written = select(name).join(SearchRow, col(SearchRow.record_key) == col(RecordRow.key))
    written = written.where(col(SearchRow.sort_key) == seen.c.sort_key).correlate_except(RecordRow, SearchRow)
    other = select(func.max(name)).where(stated == seen.c.code).correlate_except(RecordRow)
    named = func.coalesce(func.nullif(written.scalar_subquery(), ""), other.scalar_subquery(), "")
    rows = session.execute(select(seen.c.code, named).where(seen.c.sort_key.is_not(None)))
    yield from ((row[0], row[1]) for row in rows)


def _record(row: Sequence[Any], matches: Sequence[StoredMatch]) -> StoredRecord:
    *copied, amounts, attachments, facts, disaster_codes = row
    return StoredRecord(
        **dict(zip(COPIED, copied, strict=True)),
        matches=tuple(matches),
        amounts=read_amounts(amounts),
        attachments=tuple((attachment["title"], attachment["url"]) for attachment in attachments),
        facts=tuple((fact["label"], fact["value"]) for fact in facts),
        disaster_codes=tuple(disaster_codes),
    )


def published_matches_of(session: Session, record_key: str) -> list[MatchRow]:
    """Return the published matches of an award, by vendor id."""
    query = select(MatchRow).where(col(MatchRow.record_key) == record_key, col(MatchRow.band) == MatchBand.PUBLISHED)
    return list(session.scalars(query.order_by(col(MatchRow.vendor_id))))


def notice_matches_of(session: Session, solicitation: str) -> list[MatchRow]:
    """Return the published matches of the notices with a solicitation number, by vendor id."""
    query = select(MatchRow).join(RecordRow, col(RecordRow.key) == col(MatchRow.record_key))
    query = query.where(col(RecordRow.solicitation) == solicitation, col(RecordRow.category) == PublicationKind.NOTICE)
    query = query.where(col(MatchRow.band) == MatchBand.PUBLISHED)
    return list(session.scalars(query.order_by(col(MatchRow.vendor_id), col(MatchRow.record_key))))


def matched_award_keys(session: Session) -> frozenset[str]:
    """Return the keys of the stored awards with a match that is not rejected."""
    query = select(col(MatchRow.record_key)).join(RecordRow, col(RecordRow.key) == col(MatchRow.record_key))
    query = query.where(col(MatchRow.band) != MatchBand.REJECTED, col(RecordRow.category).in_(AwardCategory))
    return frozenset(session.scalars(query.distinct()))


def published_agreements(session: Session) -> frozenset[str]:
    """Return the keys of the stored IDVs with a published match: their orders are reviewed."""
    query = select(col(MatchRow.record_key)).join(RecordRow, col(RecordRow.key) == col(MatchRow.record_key))
    query = query.where(col(MatchRow.band) == MatchBand.PUBLISHED, col(RecordRow.category) == AwardCategory.IDV)
    return frozenset(session.scalars(query.distinct()))


def noticed_solicitations(session: Session) -> frozenset[str]:
    """Return the solicitation numbers of the stored notices with a published match."""
    query = select(col(RecordRow.solicitation)).join(MatchRow, col(RecordRow.key) == col(MatchRow.record_key))
    query = query.where(col(MatchRow.band) == MatchBand.PUBLISHED, col(RecordRow.category) == PublicationKind.NOTICE)
    return frozenset(session.scalars(query.distinct()))


def has_records(session: Session) -> bool:
    """Return whether anything is stored."""
    return session.scalars(select(col(RecordRow.key)).limit(1)).first() is not None


def all_keys(session: Session) -> list[str]:
    """Return the keys of all records, sorted."""
    return list(session.scalars(select(col(RecordRow.key)).order_by(col(RecordRow.key))))


def published_keys(session: Session) -> list[str]:
    """Return the keys of all records with a published match, sorted."""
    query = select(col(MatchRow.record_key)).where(col(MatchRow.band) == MatchBand.PUBLISHED).distinct()
    return list(session.scalars(query.order_by(col(MatchRow.record_key))))


def load_publication_version(session: Session) -> tuple[str, datetime | None]:
    """Return the publication version, which increases with every public change, and the time of the last one (UTC).

    The time is `None` in an empty database. It reads one row.
    """
    row = session.execute(select(col(PublicationVersionRow.number), col(PublicationVersionRow.changed))).first()
    return (str(row[0]), row[1]) if row else ("0", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRecord:
    """On which pages a record is: that of a published one, or of one whose only match was withdrawn.

    `day` is the day signed, else published. `vendors` and `categories` include those of withdrawn matches.
    """

    key: str
    is_published: bool
    agency: str
    department: str
    recipient_name: str
    recipient_uei: str
    is_award: bool
    day: date | None
    ends: date | None
    deadline: datetime | None
    vendors: frozenset[str]
    categories: frozenset[str]


def shown_records(session: Session) -> list[ShownRecord]:
    """Return all records that are on pages or in feeds, newest signed (or published) first."""
    category = col(MatchRow.vendor_category)
    categories: dict[str, set[str]] = {}
    for vendor, of in session.execute(select(col(MatchRow.vendor_id), category).distinct()):
        categories.setdefault(vendor, set()).add(of)
    vendors: dict[str, set[str]] = {}
    matched = select(col(MatchRow.record_key), col(MatchRow.vendor_id)).where(col(MatchRow.band) == MatchBand.PUBLISHED)
    withdrawn = select(col(EventRow.record_key), col(EventRow.vendor_id))
    withdrawn = withdrawn.where(col(EventRow.kind) == EventKind.WITHDRAWN.value, col(EventRow.is_published).is_(True))
    for query in (matched, withdrawn):
        for key, vendor in session.execute(query):
            vendors.setdefault(key, set()).add(vendor)
    names = ("key", "recipient_name", "recipient_uei", "category", "signed", "published", "ends", "deadline")
    columns: list[Any] = [col(getattr(RecordRow, name)) for name in names]
    columns += [col(getattr(SearchRow, name)) for name in ("sub_agency_code", "department", "is_published")]
    rows = select(*columns).join_from(RecordRow, SearchRow, col(RecordRow.key) == col(SearchRow.record_key))
    return [
        ShownRecord(
            key=row.key,
            is_published=row.is_published,
            agency=row.sub_agency_code,
            department=row.department,
            recipient_name=row.recipient_name,
            recipient_uei=row.recipient_uei,
            is_award=row.category in AWARDS,
            day=row.signed or row.published,
            ends=row.ends,
            deadline=row.deadline,
            vendors=frozenset(vendors[row.key]),
            categories=frozenset(each for vendor in vendors[row.key] for each in categories.get(vendor, ())),
        )
        for row in session.execute(rows.order_by(col(SearchRow.sort_key).desc()))
        if row.key in vendors
    ]


def parent_keys(session: Session) -> dict[str, str]:
    """Return the key of each order's parent award, by the key of the order."""
    query = select(col(RecordRow.key), col(RecordRow.parent_key)).where(col(RecordRow.parent_key) != "")
    return {row[0]: row[1] for row in session.execute(query)}


def linked_keys(session: Session) -> list[tuple[str, str]]:
    """Return the keys of each publication and award that are linked."""
    return [(row[0], row[1]) for row in session.execute(select(col(LinkRow.record_key), col(LinkRow.award_key)))]


def digest_records(session: Session) -> dict[str, int]:
    """Return a digest of everything that is stored about each record, by key.

    It does not depend on the order of rows. It is read from the tables themselves, so that no writer can forget it, and
    a restored backup has other digests.
    """
    found: dict[str, int] = {}
    for table, key_column in RECORD_TABLES:
        names = [each.name for each in inspect(table).columns if each.name not in UNSEEN]
        columns: list[Any] = [literal_column(f'"{name}"') for name in names]
        place = names.index(key_column)
        for row in session.execute(select(*columns).select_from(table), execution_options={"yield_per": 1000}):
            text = repr((table.__tablename__, *row)).encode("utf-8", "surrogatepass")
            part = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
            found[row[place]] = (found.get(row[place], 0) + part) % 2**128
    return found
