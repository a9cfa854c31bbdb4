"""One query language: a row of what is looked for of each record, the index of its words, and what feeds ask by

The rows are written when the table is as it is now (0009).

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

import storage.columns
from storage.search.index import is_resold

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXED = {
    "category": "category",
    "department": "department",
    "sub_agency": "sub_agency_code",
    "state": "recipient_state",
    "psc": "psc",
    "naics": "naics",
    "amount": "amount_cents",
    "first_seen": "first_seen",
}
# Words are folded and marked by us: to the tokenizer everything but the space belongs to a word.
FTS5 = """
CREATE VIRTUAL TABLE search_index USING fts5(
    words, content='search', content_rowid='place', tokenize="ascii tokenchars '|@#='"
)
"""
TRIGGERS = (
    """
    CREATE TRIGGER search_index_insert AFTER INSERT ON search BEGIN
        INSERT INTO search_index(rowid, words) VALUES (new.place, new.words);
    END
    """,
    """
    CREATE TRIGGER search_index_delete AFTER DELETE ON search BEGIN
        INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.place, old.words);
    END
    """,
    """
    CREATE TRIGGER search_index_update AFTER UPDATE ON search BEGIN
        INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.place, old.words);
        INSERT INTO search_index(rowid, words) VALUES (new.place, new.words);
    END
    """,
)
GIN = "CREATE INDEX ix_search_words ON search USING gin (array_to_tsvector(string_to_array(words, ' ')))"


def upgrade() -> None:
    op.add_column("match", sa.Column("resold", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ("vendor_id", "vendor_category", "band"):
        op.drop_index(f"ix_match_{name}", "match")
    # A database without statistics would take the index of the band alone to be a good one.
    op.create_index("ix_match_band", "match", ["band", "record_key"])
    op.create_index("ix_match_vendor", "match", ["vendor_id", "band", "record_key"])
    op.create_index("ix_match_category", "match", ["vendor_category", "band", "record_key"])
    op.create_index("ix_event_kind", "event", ["kind", "told", "first_seen"])
    _search_table()
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in (FTS5, *TRIGGERS):
            op.execute(statement)
    else:
        op.execute(GIN)
    _note_resold(connection)


def _search_table() -> None:
    op.create_table(
        "search",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("sub_agency_code", sa.String(), nullable=False),
        sa.Column("recipient_state", sa.String(), nullable=False),
        sa.Column("psc", sa.String(), nullable=False),
        sa.Column("naics", sa.String(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("amount_cents", storage.columns.Cents(), nullable=True),
        sa.Column("first_seen", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("uei_subject", sa.Text(), nullable=False),
        sa.Column("name_subject", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_key"], ["record.key"]),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("record_key"),
    )
    for name, column in INDEXED.items():
        op.create_index(f"ix_search_{name}", "search", [column, "place"])


def _note_resold(connection: sa.Connection) -> None:
    match = sa.table("match", *(sa.column(name) for name in ("record_key", "vendor_id", "signals", "resold")))
    rows = connection.execute(sa.select(match.c.record_key, match.c.vendor_id, match.c.signals)).all()
    for record_key, vendor_id, signals in rows:
        if is_resold(json.loads(signals) if isinstance(signals, str) else signals):
            of_this = (match.c.record_key == record_key, match.c.vendor_id == vendor_id)
            connection.execute(sa.update(match).where(*of_this).values(resold=True))


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database instead")
