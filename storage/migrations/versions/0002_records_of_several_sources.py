"""Records of several sources: publications beside awards, what each source says, links, quotas, incidents

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = storage.columns.UtcTime(timezone=True)
INDEXES = ("first_seen", "parent_key", "piid", "recipient_uei", "signed", "sub_agency_code")
TEXTS = ("title", "modification", "state", "corrects", "doubt")
LISTS = ("amounts", "attachments", "facts")


def upgrade() -> None:
    _rename()
    for name in TEXTS:
        op.add_column("record", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in LISTS:
        op.add_column("record", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("record", sa.Column("published", sa.Date(), nullable=True))
    op.add_column("record", sa.Column("deadline", TIME, nullable=True))
    op.create_index("ix_record_solicitation", "record", ["solicitation"])
    op.create_index("ix_record_category", "record", ["category"])
    op.add_column("action", sa.Column("source", sa.Text(), nullable=False, server_default="usaspending"))
    op.add_column("action", sa.Column("removed", sa.Date(), nullable=True))
    _new_tables()


def _rename() -> None:
    """An award is one kind of record now; what is stored stays, under the new name."""
    for name in INDEXES:
        op.drop_index(f"ix_award_{name}", "award")
    op.drop_index("ix_event_award_key", "event")
    op.rename_table("award", "record")
    for table in ("event", "match"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN award_key TO record_key")
    for name in INDEXES:
        op.create_index(f"ix_record_{name}", "record", [name])
    op.create_index("ix_event_record_key", "event", ["record_key"])
    op.execute("UPDATE verdict SET subject = 'record:' || substr(subject, 7) WHERE subject LIKE 'award:%'")


def _new_tables() -> None:
    op.create_table(
        "sighting",
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("modified", sa.Date(), nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("gone", sa.Date(), nullable=True),
        sa.Column("gone_reason", sa.Text(), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_changed", TIME, nullable=False),
        sa.ForeignKeyConstraint(["record_key"], ["record.key"]),
        sa.PrimaryKeyConstraint("record_key", "source"),
    )
    op.create_table(
        "link",
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("award_key", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.ForeignKeyConstraint(["record_key"], ["record.key"]),
        sa.PrimaryKeyConstraint("record_key", "award_key"),
    )
    op.create_index("ix_link_award_key", "link", ["award_key"])
    op.create_table(
        "quota",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_digest", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "key_digest", "day"),
    )
    op.create_table(
        "incident",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("began", TIME, nullable=False),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "began"),
    )


def downgrade() -> None:
    raise NotImplementedError("what the newer tables hold would be lost; restore a copy of the database instead")
