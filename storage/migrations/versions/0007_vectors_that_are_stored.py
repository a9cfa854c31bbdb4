"""PostgreSQL keeps the vector of each record's words, so that it is not made anew for every record that is looked at

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

VECTOR = "tsvector GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_search_words")
        op.execute(f"ALTER TABLE search ADD COLUMN vector {VECTOR}")
        op.execute("CREATE INDEX ix_search_words ON search USING gin (vector)")
        op.execute("ANALYZE search (vector)")  # what it then knows of words decides how it looks for them


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database instead")
