"""How awards were bought and paid: competition, offers, set-aside, pricing, outlays, disaster codes, subawards

The rows of the search index, and what feeds had told before 0005, are written here: both read the columns of today.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from storage.columns import Cents
from storage.search.index import index_all
from storage.writing.event_snapshots import keep_all_told

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Which views there are from here on (0004 says how).
VIEWS = "d2106de455ee3a8c"
CODES = ("extent_competed_code", "fair_opportunity_code", "set_aside_code", "pricing_code")
TEXTS = ("not_competed_reason", "fair_opportunity", "solicitation_procedure", "set_aside", "pricing")
OF_RECORDS = (
    "record_key", "category", "source", "department", "sub_agency_code", "recipient_state", "competition", "psc",
    "naics",
)  # fmt: skip


def upgrade() -> None:
    for name in CODES:
        op.add_column("record", sa.Column(name, sa.String(), nullable=False, server_default=""))
    for name in TEXTS:
        op.add_column("record", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("offers_received", "subaward_count"):
        op.add_column("record", sa.Column(name, sa.Integer(), nullable=True))
    for name in ("outlays_cents", "subaward_total_cents"):
        op.add_column("record", sa.Column(name, Cents(), nullable=True))
    op.add_column("record", sa.Column("disaster_codes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("search", sa.Column("competition", sa.String(), nullable=False, server_default=""))
    op.drop_index("ix_search_published", "search")
    columns = ["is_published", "place", *OF_RECORDS, "dated", "amount_cents", "first_seen"]
    op.create_index("ix_search_published", "search", columns)
    with Session(op.get_bind(), join_transaction_mode="rollback_only") as session:
        keep_all_told(session)
        index_all(session)
        session.flush()


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database instead")
