"""Indexes that hold all that is checked of many rows, and which records are published

The rows that say so are written in 0009.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The words of a record are indexed anew when they change, not when something else does.
UPDATED = """
CREATE TRIGGER search_index_update AFTER UPDATE OF place, words ON search BEGIN
    INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.place, old.words);
    INSERT INTO search_index(rowid, words) VALUES (new.place, new.words);
END
"""
OF_EVENTS = ["kind", "vendor_id", "signed", "published"]
OF_RECORDS = ["record_key", "category", "source", "department", "sub_agency_code", "recipient_state", "psc", "naics"]


def upgrade() -> None:
    connection = op.get_bind()
    op.drop_index("ix_match_band", "match")
    op.create_index(
        "ix_match_band", "match", ["band", "record_key", "vendor_id", "vendor_name", "vendor_category", "resold"]
    )
    op.drop_index("ix_event_told_first_seen", "event")
    op.create_index("ix_event_told_first_seen", "event", ["told", "first_seen", "record_key", *OF_EVENTS])
    op.drop_index("ix_event_record_key", "event")
    op.create_index("ix_event_record_key", "event", ["record_key", "told", "first_seen", *OF_EVENTS])
    op.create_index("ix_record_agency_code", "record", ["agency_code"])
    op.create_index("ix_record_published", "record", ["source", "published"])
    op.add_column("search", sa.Column("is_published", sa.Boolean(), nullable=False, server_default=sa.false()))
    if connection.dialect.name == "sqlite":
        op.execute("DROP TRIGGER search_index_update")
        op.execute(UPDATED)
    columns = ["is_published", "place", *OF_RECORDS, "dated", "amount_cents", "first_seen"]
    op.create_index("ix_search_published", "search", columns)


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database instead")
