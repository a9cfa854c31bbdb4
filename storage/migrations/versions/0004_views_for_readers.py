"""Views for readers, which are made anew after every migration (`storage.sql_views`)

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Which views there are from here on, as `views_digest` says; a migration with another value makes them anew.
VIEWS = "98f143c96e76fc7a"


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database instead")
