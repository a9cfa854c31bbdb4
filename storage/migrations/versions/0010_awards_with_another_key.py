"""Awards whose key was changed by their source: which key they had before

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "renumbered",
        sa.Column("old_key", sa.String(), nullable=False),
        sa.Column("new_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_seen", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["new_key"], ["record.key"]),
        sa.PrimaryKeyConstraint("old_key"),
    )
    op.create_index(op.f("ix_renumbered_new_key"), "renumbered", ["new_key"])


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database instead")
