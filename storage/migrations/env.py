"""Alembic's entry: runs migrations over the connection the program has opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

import storage.tables  # noqa: F401  the tables register themselves


def plain_text(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """Write SQLModel's own text type as what it is in the database."""
    return "sa.String()" if kind == "type" and type(item) is AutoString else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=plain_text,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
