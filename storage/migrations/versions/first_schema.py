"""The first schema: every table, and the full-text index over `search.words`.

Revision ID: first
Revises: none
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.schema.columns

revision = "first"
down_revision = None
branch_labels = None
depends_on = None

# The digest of the SQL views that belong to this schema (`storage.schema.sql_views.views_digest`).
VIEWS = "9ef81d51fcd3c4f5"

# SQLite: words are normalized and prefixed by `storage.search.index`; the tokenizer splits only at spaces.
FTS5 = """
CREATE VIRTUAL TABLE search_index USING fts5(
    words, content='search', content_rowid='sort_key', tokenize="ascii tokenchars '|@#='"
)
"""
TRIGGERS = (
    """
    CREATE TRIGGER search_index_insert AFTER INSERT ON search BEGIN
        INSERT INTO search_index(rowid, words) VALUES (new.sort_key, new.words);
    END
    """,
    """
    CREATE TRIGGER search_index_delete AFTER DELETE ON search BEGIN
        INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.sort_key, old.words);
    END
    """,
    """
    CREATE TRIGGER search_index_update AFTER UPDATE OF sort_key, words ON search BEGIN
        INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.sort_key, old.words);
        INSERT INTO search_index(rowid, words) VALUES (new.sort_key, new.words);
    END
    """,
)
# PostgreSQL: the vector is stored, so that a search does not compute it for every row.
VECTOR = "tsvector GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED"


def upgrade() -> None:
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        for statement in (FTS5, *TRIGGERS):
            op.execute(statement)
    else:
        op.execute(f"ALTER TABLE search ADD COLUMN vector {VECTOR}")
        op.execute("CREATE INDEX ix_search_words ON search USING gin (vector)")


def _create_tables() -> None:
    op.create_table(
        "archive_file",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=True),
        sa.Column("is_delta", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("modified", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("read_at", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("changed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "name"),
    )
    op.create_table(
        "claim",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("renewed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "process",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("started", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("renewed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("doing", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "coverage",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("terms", sa.String(), nullable=False),
        sa.Column("is_outdated", sa.Boolean(), nullable=False),
        sa.Column("noted_at", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "vendor_id", "agency", "since"),
    )
    op.create_table(
        "incident",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("began", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("ended", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "began"),
    )
    op.create_table(
        "dictionary",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("payloads", sa.Integer(), nullable=False),
        sa.Column("trained_at", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "payload",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("dictionary_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dictionary_id"],
            ["dictionary.id"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "publication_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "quarantine",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("last_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("resolved_at", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", "record_key"),
    )
    op.create_table(
        "quota",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_digest", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("exhausted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "key_digest", "day"),
    )
    op.create_table(
        "record",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("piid", sa.String(), nullable=False),
        sa.Column("parent_piid", sa.String(), nullable=False),
        sa.Column("parent_key", sa.String(), nullable=False),
        sa.Column("type_text", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("recipient_name", sa.Text(), nullable=False),
        sa.Column("recipient_uei", sa.String(), nullable=False),
        sa.Column("recipient_cage", sa.String(), nullable=False),
        sa.Column("recipient_state", sa.String(), nullable=False),
        sa.Column("recipient_parent_name", sa.Text(), nullable=False),
        sa.Column("recipient_parent_uei", sa.String(), nullable=False),
        sa.Column("agency_code", sa.String(), nullable=False),
        sa.Column("agency_name", sa.String(), nullable=False),
        sa.Column("sub_agency_code", sa.String(), nullable=False),
        sa.Column("sub_agency_name", sa.String(), nullable=False),
        sa.Column("office", sa.String(), nullable=False),
        sa.Column("funding_agency_name", sa.String(), nullable=False),
        sa.Column("funding_sub_agency_name", sa.String(), nullable=False),
        sa.Column("obligated_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("exercised_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("ceiling_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("outlays_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("amounts", sa.JSON(), nullable=False),
        sa.Column("amount_warning", sa.Text(), nullable=False),
        sa.Column("signed", sa.Date(), nullable=True),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("deadline", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("may_end", sa.Date(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("psc", sa.String(), nullable=False),
        sa.Column("psc_text", sa.String(), nullable=False),
        sa.Column("naics", sa.String(), nullable=False),
        sa.Column("naics_text", sa.String(), nullable=False),
        sa.Column("solicitation", sa.String(), nullable=False),
        sa.Column("extent_competed_code", sa.String(), nullable=False),
        sa.Column("extent_competed", sa.String(), nullable=False),
        sa.Column("not_competed_reason", sa.Text(), nullable=False),
        sa.Column("fair_opportunity_code", sa.String(), nullable=False),
        sa.Column("fair_opportunity", sa.Text(), nullable=False),
        sa.Column("offers_received", sa.Integer(), nullable=True),
        sa.Column("solicitation_procedure", sa.Text(), nullable=False),
        sa.Column("set_aside_code", sa.String(), nullable=False),
        sa.Column("set_aside", sa.Text(), nullable=False),
        sa.Column("commercial_procedures", sa.Text(), nullable=False),
        sa.Column("pricing_code", sa.String(), nullable=False),
        sa.Column("pricing", sa.Text(), nullable=False),
        sa.Column("disaster_codes", sa.JSON(), nullable=False),
        sa.Column("subaward_count", sa.Integer(), nullable=True),
        sa.Column("subaward_total_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("modification", sa.Text(), nullable=False),
        sa.Column("corrects", sa.Text(), nullable=False),
        sa.Column("attachments", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("modified", sa.Date(), nullable=True),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("last_changed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_agency_code"), ["agency_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_category"), ["category"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_ends"), ["ends"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_first_seen"), ["first_seen"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_parent_key"), ["parent_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_piid"), ["piid"], unique=False)
        batch_op.create_index("ix_record_published", ["source", "published"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_recipient_uei"), ["recipient_uei"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_signed"), ["signed"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_solicitation"), ["solicitation"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_sub_agency_code"), ["sub_agency_code"], unique=False)

    op.create_table(
        "review_decision",
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("public_reason", sa.Text(), nullable=False),
        sa.Column("decided_at", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("vendor_id", "subject"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("started", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("ended", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("rows_found", sa.Integer(), nullable=False),
        sa.Column("new_awards", sa.Integer(), nullable=False),
        sa.Column("changed_awards", sa.Integer(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_source"), ["source"], unique=False)

    op.create_table(
        "unfinished_step",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("quiet_for", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", "quiet"),
    )
    op.create_table(
        "action",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("award_key", sa.String(), nullable=False),
        sa.Column("modification", sa.String(), nullable=False),
        sa.Column("signed", sa.Date(), nullable=True),
        sa.Column("obligation_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("action_type", sa.String(), nullable=False),
        sa.Column("action_type_text", sa.String(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("removed", sa.Date(), nullable=True),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["award_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_action_award_key"), ["award_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_action_signed"), ["signed"], unique=False)

    op.create_table(
        "event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("action_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("total_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("signed", sa.Date(), nullable=True),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("old_value", sa.Text(), nullable=False),
        sa.Column("new_value", sa.Text(), nullable=False),
        sa.Column("earlier_actions", sa.Integer(), nullable=False),
        sa.Column("is_first_sight", sa.Boolean(), nullable=False),
        sa.Column("days_late", sa.Integer(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("part_of", sa.String(), nullable=False),
        sa.Column("is_published", sa.Boolean(), nullable=False),
        sa.Column("pending_review", sa.Boolean(), nullable=False),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_amount", ["kind", "amount_cents"], unique=False)
        batch_op.create_index("ix_event_kind", ["kind", "is_published", "first_seen"], unique=False)
        batch_op.create_index(
            "ix_event_published_first_seen",
            [
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
            ],
            unique=False,
        )
        batch_op.create_index(
            "ix_event_record_key",
            [
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
            ],
            unique=False,
        )

    op.create_table(
        "evidence",
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("retrieved_at", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["payload.sha256"],
        ),
        sa.PrimaryKeyConstraint("record_key", "sha256", "url"),
    )
    op.create_table(
        "link",
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("award_key", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("record_key", "award_key"),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_award_key"), ["award_key"], unique=False)

    op.create_table(
        "match",
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("vendor_name", sa.String(), nullable=False),
        sa.Column("vendor_category", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("matcher_band", sa.String(), nullable=False),
        sa.Column("band", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("action_keys", storage.schema.columns.Lines(), nullable=False),
        sa.Column("via_reseller", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("clues", sa.JSON(), nullable=False),
        sa.Column("is_topic", sa.Boolean(), nullable=False),
        sa.Column("is_unpublished", sa.Boolean(), nullable=False),
        sa.Column("watchlist_version", sa.String(), nullable=False),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("record_key", "vendor_id"),
    )
    with op.batch_alter_table("match", schema=None) as batch_op:
        batch_op.create_index(
            "ix_match_band",
            ["band", "record_key", "vendor_id", "vendor_name", "vendor_category", "via_reseller"],
            unique=False,
        )
        batch_op.create_index("ix_match_category", ["vendor_category", "band", "record_key"], unique=False)
        batch_op.create_index("ix_match_vendor", ["vendor_id", "band", "record_key"], unique=False)

    op.create_table(
        "renumbered",
        sa.Column("old_key", sa.String(), nullable=False),
        sa.Column("new_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["new_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("old_key"),
    )
    with op.batch_alter_table("renumbered", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_renumbered_new_key"), ["new_key"], unique=False)

    op.create_table(
        "search",
        sa.Column(
            "sort_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("sub_agency_code", sa.String(), nullable=False),
        sa.Column("recipient_state", sa.String(), nullable=False),
        sa.Column("competition", sa.String(), nullable=False),
        sa.Column("psc", sa.String(), nullable=False),
        sa.Column("naics", sa.String(), nullable=False),
        sa.Column("sort_date", sa.Date(), nullable=False),
        sa.Column("is_published", sa.Boolean(), nullable=False),
        sa.Column("amount_cents", storage.schema.columns.Cents(), nullable=True),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("spent", sa.JSON(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("sort_key"),
        sa.UniqueConstraint("record_key"),
    )
    with op.batch_alter_table("search", schema=None) as batch_op:
        batch_op.create_index("ix_search_amount", ["amount_cents", "sort_key"], unique=False)
        batch_op.create_index("ix_search_category", ["category", "sort_key"], unique=False)
        batch_op.create_index(
            "ix_search_department", ["department", "is_published", "sort_key", "record_key"], unique=False
        )
        batch_op.create_index("ix_search_first_seen", ["first_seen", "sort_key"], unique=False)
        batch_op.create_index("ix_search_naics", ["naics", "sort_key"], unique=False)
        batch_op.create_index("ix_search_psc", ["psc", "sort_key"], unique=False)
        batch_op.create_index(
            "ix_search_published",
            [
                "is_published",
                "sort_key",
                "record_key",
                "category",
                "source",
                "department",
                "sub_agency_code",
                "recipient_state",
                "competition",
                "psc",
                "naics",
                "sort_date",
                "amount_cents",
                "first_seen",
            ],
            unique=False,
        )
        batch_op.create_index("ix_search_state", ["recipient_state", "sort_key"], unique=False)
        batch_op.create_index(
            "ix_search_sub_agency", ["sub_agency_code", "is_published", "sort_key", "record_key"], unique=False
        )

    op.create_table(
        "spending",
        sa.Column("fiscal_year", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("sub_agency_code", sa.String(), nullable=False),
        sa.Column("dollars_cents", storage.schema.columns.Cents(), nullable=False),
        sa.Column("actions", sa.Integer(), nullable=False),
        sa.Column("awards", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fiscal_year", "category", "department", "sub_agency_code"),
    )

    op.create_table(
        "source_record",
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("modified", sa.Date(), nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("deleted_on", sa.Date(), nullable=True),
        sa.Column("deletion_reason", sa.Text(), nullable=False),
        sa.Column("first_seen", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("last_changed", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_key"],
            ["record.key"],
        ),
        sa.PrimaryKeyConstraint("record_key", "source"),
    )
    with op.batch_alter_table("source_record", schema=None) as batch_op:
        batch_op.create_index("ix_source_record_modified", ["source", "modified"], unique=False)

    op.create_table(
        "event_snapshot",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["event.id"],
        ),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("award_key", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("rhythm", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("begins", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("position", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("paused_at", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("muted_until", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("disabled_at", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("until", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created", storage.schema.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("sent", storage.schema.columns.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_state", ["state", "next_attempt"], unique=False)
        batch_op.create_index("ix_delivery_subscription", ["subscription_id", "id"], unique=False)

    op.create_table(
        "alerted_event",
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["delivery.id"],
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["event.id"],
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
        ),
        sa.PrimaryKeyConstraint("subscription_id", "event_id"),
    )
    with op.batch_alter_table("alerted_event", schema=None) as batch_op:
        batch_op.create_index("ix_alerted_event_delivery_id", ["delivery_id"], unique=False)
