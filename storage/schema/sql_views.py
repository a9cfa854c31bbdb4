"""The SQL views that readers may query: published records only, the same on SQLite and PostgreSQL.

On PostgreSQL they are in the schema `readers`, so that a role can be granted access to them alone; on SQLite they stand
beside the tables. They are created again after every migration. A change here needs a new digest in the migration
(`VIEWS`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage.competition import COMPETED_EXTENTS, FAIR_OPPORTUNITY, NOT_COMPETED_EXTENTS, PROCURED, Competition
from storage.models import AWARDS, GOOD_STATUSES, POLL, PUBLICATIONS, EventKind, MatchBand
from storage.schema.fields import AWARD_ONLY, COMPETITION, PUBLICATION_ONLY, RECORD_FIELDS, FieldType, RecordField

SCHEMA = "readers"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view: its name, its meaning with the unit, and its SQL expression."""

    name: str
    meaning: str
    sql: str


@dataclass(frozen=True, slots=True)
class View:
    """A view: its name, the meaning of a row, its columns, and the SQL after the columns of SELECT."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    rest: str

    @property
    def select(self) -> str:
        """The query of the view."""
        listed = ", ".join(f'{column.sql} AS "{column.name}"' for column in self.columns)
        return f"SELECT {listed} {self.rest}"


def make_views(connection: Connection) -> None:
    """Create the views; on PostgreSQL with their meaning as comments."""
    if connection.dialect.name == "sqlite":
        for view in VIEWS:
            connection.exec_driver_sql(f'CREATE VIEW "{view.name}" AS {view.select}')
        return
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    for view in VIEWS:
        name = f"{SCHEMA}.{view.name}"
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {view.select.replace('%', '%%')}")
        for what, meaning in ((f"VIEW {name}", view.meaning), *_column_comments(name, view)):
            quoted = meaning.replace("'", "''").replace("%", "%%")
            connection.exec_driver_sql(f"COMMENT ON {what} IS '{quoted}'")


def drop_views(connection: Connection) -> None:
    """Drop all views for readers, of any version."""
    if connection.dialect.name == "sqlite":
        found = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'view'")).all()
        names = [f'"{name}"' for name in found]
    else:
        query = text("SELECT viewname FROM pg_views WHERE schemaname = :schema")
        names = [f'{SCHEMA}."{name}"' for name in connection.scalars(query, {"schema": SCHEMA})]
    for name in names:
        connection.exec_driver_sql(f"DROP VIEW {name}")


def views_digest() -> str:
    """Return a digest of the views, which changes when they do."""
    return hashlib.sha256(repr([(view.name, view.select) for view in VIEWS]).encode()).hexdigest()[:16]


def _column_comments(name: str, view: View) -> Iterator[tuple[str, str]]:
    return ((f'COLUMN {name}."{column.name}"', column.meaning) for column in view.columns)


def _quoted(values: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _is_public(key: str) -> str:
    return f"EXISTS (SELECT 1 FROM \"match\" AS p WHERE p.record_key = {key} AND p.band = '{MatchBand.PUBLISHED}')"


def _dollars(name: str, meaning: str, column: str) -> Column:
    return Column(name, f"{meaning}, US dollars", _dollars_sql(column))


def _dollars_sql(column: str) -> str:
    return f"round({column} / 100.0, 2)"


def _fiscal_year(column: str) -> Column:
    day = f"CAST({column} AS TEXT)"
    year = f"CAST(substr({day}, 1, 4) AS INTEGER) + CASE WHEN substr({day}, 6, 2) >= '10' THEN 1 ELSE 0 END"
    return Column("fiscal_year", "federal fiscal year of that day: 2024 began on 2023-10-01", year)


def _listed(column: str) -> str:
    """Return the codes of a JSON array separated by commas. Codes contain no quotes or brackets."""
    return f"""replace(replace(replace(CAST({column} AS TEXT), '[', ''), ']', ''), '"', '')"""


def _competition() -> str:
    """Return `storage.competition.competition_of` as SQL."""
    fair, extent = "r.fair_opportunity_code", "r.extent_competed_code"
    cases = (
        (f"r.category NOT IN ({_quoted(PROCURED)})", ""),
        (f"{fair} <> '' AND {fair} NOT IN ({_quoted(FAIR_OPPORTUNITY)})", Competition.NOT_COMPETED),
        (f"{extent} IN ({_quoted(NOT_COMPETED_EXTENTS)})", Competition.NOT_COMPETED),
        (f"{extent} IN ({_quoted(COMPETED_EXTENTS)}) OR {fair} <> ''", Competition.COMPETED),
    )
    listed = " ".join(f"WHEN {condition} THEN '{value}'" for condition, value in cases)
    return f"CASE {listed} ELSE '{Competition.UNKNOWN}' END"


def _record_columns(left_out: frozenset[str]) -> Iterator[Column]:
    """Yield the columns of a record's fields except those left out, with the fiscal year after the day signed."""
    for field in RECORD_FIELDS:
        if field.name not in left_out:
            yield Column(field.public_name, field.meaning, _field_sql(field))
            if field.name == "signed":
                yield _fiscal_year("r.signed")


def _field_sql(field: RecordField) -> str:
    if field == COMPETITION:
        return _competition()
    match field.type:
        case FieldType.DOLLARS:
            return _dollars_sql(f"r.{field.name}_cents")
        case FieldType.TEXTS:
            return _listed(f"r.{field.name}")
        case _:
            return f"r.{field.name}"


SIGNED = "date signed"
SOURCE = "the source of this row"
FIRST_SEEN = "when Procurewatch first saw it, UTC"
KEY = "key of the award or publication, shared by all views"
PAGE = "the official page"

AWARDS_VIEW = View(
    "awards",
    "A contract, order, ordering contract or grant with a published match, in its current version.",
    (Column("record_key", KEY, "r.key"), *_record_columns(PUBLICATION_ONLY), Column("official_page", PAGE, "r.url")),
    f"FROM record AS r WHERE r.category IN ({_quoted(AWARDS)}) AND {_is_public('r.key')}",
)
ACTIONS_VIEW = View(
    "actions",
    "The base award or a modification of it. Obligations can be added up. Actions deleted at the source are left out.",
    (
        Column("action_key", "key of the action", "a.key"),
        Column("record_key", KEY, "a.award_key"),
        Column("modification", "number of the modification; 0 is the base award", "a.modification"),
        Column("signed", SIGNED, "a.signed"),
        _fiscal_year("a.signed"),
        _dollars("obligation", "amount obligated by this action; negative if de-obligated", "a.obligation_cents"),
        Column("action_type", "code of the reason for a modification", "a.action_type"),
        Column("action_type_text", "the code's text", "a.action_type_text"),
        Column("description", "description, in the source's words", "a.description"),
        Column("source", SOURCE, "a.source"),
        Column("first_seen", FIRST_SEEN, "a.first_seen"),
    ),
    f"FROM action AS a WHERE a.removed IS NULL AND {_is_public('a.award_key')}",
)
PUBLICATIONS_VIEW = View(
    "publications",
    "An announcement, notice, subaward, AI use case or document. Never add its amounts to those of awards.",
    (
        Column("record_key", KEY, "r.key"),
        *_record_columns(AWARD_ONLY),
        Column("amounts", "its amounts, JSON: meaning, dollars, whether several awardees share it", "r.amounts"),
        Column("official_page", PAGE, "r.url"),
    ),
    f"FROM record AS r WHERE r.category IN ({_quoted(PUBLICATIONS)}) AND {_is_public('r.key')}",
)
_OF_MATCHED_ACTION = ("action_key", "record_key", "signed", "fiscal_year", "obligation")
_OF_MATCH = ("vendor_id", "vendor_name", "entry_kind", "category", "via_reseller")
MATCHES_VIEW = View(
    "matches",
    "A record and a vendor (or topic) of the watchlist that it matches; a record may match several.",
    (
        Column("record_key", KEY, "m.record_key"),
        Column("vendor_id", "the vendor's id on the watchlist: clearview-ai", "m.vendor_id"),
        Column("vendor_name", "its name", "m.vendor_name"),
        Column(
            "entry_kind",
            "what it is on the watchlist: vendor or topic",
            "CASE WHEN m.is_topic THEN 'topic' ELSE 'vendor' END",
        ),
        Column("category", "the technology: face-recognition", "m.vendor_category"),
        Column("score", "score of the match, from 0 to 1", "m.score"),
        Column("reason", "why it matched, in one sentence", "m.reason"),
        Column(
            "via_reseller",
            "1 if the recipient is not the vendor, else 0",
            "CASE WHEN m.via_reseller THEN 1 ELSE 0 END",
        ),
        Column("first_seen", "when it first matched, UTC", "m.first_seen"),
    ),
    f"FROM \"match\" AS m WHERE m.band = '{MatchBand.PUBLISHED}'",
)
MATCHED_ACTIONS_VIEW = View(
    "matched_actions",
    "An action and a vendor (or topic) that it concerns: what to add up per vendor. An action may concern several.",
    (
        *(column for column in ACTIONS_VIEW.columns if column.name in _OF_MATCHED_ACTION),
        *(column for column in MATCHES_VIEW.columns if column.name in _OF_MATCH),
    ),
    'FROM action AS a JOIN "match" AS m ON m.record_key = a.award_key'
    f" WHERE a.removed IS NULL AND m.band = '{MatchBand.PUBLISHED}'"
    " AND (m.action_keys = '' OR replace(m.action_keys, '\n' || a.key || '\n', '') <> m.action_keys)",
)
EVENTS_VIEW = View(
    "events",
    "A published event: an entry of the feeds, or a milestone that is part of an entry.",
    (
        Column("event_id", "its permanent id", "e.id"),
        Column("part_of", "event_id of the entry that includes it, empty if it has an entry of its own", "e.part_of"),
        Column("record_key", KEY, "e.record_key"),
        Column("action_key", "the action it is about, empty if none", "e.action_key"),
        Column("kind", f"one of {', '.join(sorted(kind.value for kind in EventKind))}", "e.kind"),
        _dollars("amount", "amount obligated by its action alone", "e.amount_cents"),
        _dollars(
            "total",
            "for a round sum, what the agency has obligated to the vendor in all: never add totals up",
            "e.total_cents",
        ),
        Column("signed", SIGNED, "e.signed"),
        Column("published", "date on which the source published it, YYYY-MM-DD", "e.published"),
        Column("old_value", "the value before, as text", "e.old_value"),
        Column("new_value", "the value after, as text", "e.new_value"),
        Column("first_seen", "when it was published in feeds, UTC", "e.first_seen"),
    ),
    f"FROM event AS e WHERE e.is_published"
    f" AND ({_is_public('e.record_key')} OR e.kind = '{EventKind.WITHDRAWN.value}')",
)
LINKS_VIEW = View(
    "links",
    "A publication and the award it is about. The award may be missing from awards.",
    (
        Column("publication_key", "record_key of the publication", "l.record_key"),
        Column("award_key", "record_key of the award", "l.award_key"),
        Column("confidence", "confidence from 0 to 1; 1 if the source names the award", "l.confidence"),
        Column("reason", "the reason for the link", "l.reason"),
        Column("first_seen", FIRST_SEEN, "l.first_seen"),
    ),
    f"FROM link AS l WHERE {_is_public('l.record_key')} AND ({_is_public('l.award_key')}"
    " OR NOT EXISTS (SELECT 1 FROM record AS r WHERE r.key = l.award_key))",
)
SOURCE_RECORDS_VIEW = View(
    "source_records",
    "One source's version of an award.",
    (
        Column("record_key", KEY, "s.record_key"),
        Column("source", SOURCE, "s.source"),
        Column("facts", "the source's values, JSON; amounts are US dollars", "s.facts"),
        Column("source_modified", "date of the source's last change, YYYY-MM-DD", "s.modified"),
        Column("deleted_on", "date on which the source deleted the award, YYYY-MM-DD", "s.deleted_on"),
        Column("deletion_reason", "the reason for the deletion", "s.deletion_reason"),
        Column("first_seen", FIRST_SEEN, "s.first_seen"),
        Column("last_changed", "when Procurewatch last saw it change, UTC", "s.last_changed"),
        Column("official_page", PAGE, "s.url"),
    ),
    f"FROM source_record AS s WHERE {_is_public('s.record_key')}",
)
EVIDENCE_VIEW = View(
    "raw_evidence",
    "A stored response of a source: where and when it was received, and its hash.",
    (
        Column("record_key", KEY, "e.record_key"),
        Column("sha256", "the hash of its bytes", "e.sha256"),
        Column("size", "its size in bytes", "p.size"),
        Column("content_type", "its media type", "p.content_type"),
        Column("url", "the requested URL", "e.url"),
        Column("request", "the request body, empty for GET", "e.request"),
        Column("source", "the source", "e.source"),
        Column("retrieved_at", "when it was received, UTC", "e.retrieved_at"),
    ),
    f"FROM evidence AS e JOIN payload AS p ON p.sha256 = e.sha256 WHERE {_is_public('e.record_key')}",
)
_LATEST = (
    "(SELECT {} FROM run AS l WHERE l.source = r.source AND l.purpose = '" + POLL + "' ORDER BY l.id DESC LIMIT 1)"
)
SOURCES_VIEW = View(
    "sources",
    "A source that has been polled, and its health.",
    (
        Column("source", "its name", "r.source"),
        Column("last_polled", "start of the last poll, UTC", "max(r.started)"),
        Column(
            "last_status", "status of that poll: new, nothing new, source unreachable ...", _LATEST.format("l.status")
        ),
        Column(
            "last_good",
            "start of the last successful poll, UTC",
            f"max(CASE WHEN r.status IN ({_quoted(GOOD_STATUSES)}) THEN r.started END)",
        ),
        Column(
            "incident_since",
            "start of the current outage, UTC; empty if there is none",
            "(SELECT min(i.began) FROM incident AS i WHERE i.source = r.source AND i.ended IS NULL)",
        ),
    ),
    f"FROM run AS r WHERE r.purpose = '{POLL}' GROUP BY r.source",
)
COVERAGE_VIEW = View(
    "coverage_periods",
    "Days whose contracts were read completely for an entry of the watchlist. Periods that touch belong together.",
    (
        Column("vendor_id", "the entry of the watchlist, empty for all", "c.vendor_id"),
        Column("agency", "code of a department, empty for all", "c.agency"),
        Column("source", SOURCE, "c.source"),
        Column("since", "first day, YYYY-MM-DD", "c.since"),
        Column("until", "last day, YYYY-MM-DD; empty while polls continue the period", "c.until"),
    ),
    "FROM coverage AS c WHERE NOT c.is_outdated",
)
VIEWS = (
    AWARDS_VIEW,
    ACTIONS_VIEW,
    MATCHES_VIEW,
    MATCHED_ACTIONS_VIEW,
    EVENTS_VIEW,
    PUBLICATIONS_VIEW,
    LINKS_VIEW,
    SOURCE_RECORDS_VIEW,
    EVIDENCE_VIEW,
    SOURCES_VIEW,
    COVERAGE_VIEW,
)
