"""Alembic's entry: runs migrations over the connection the program has opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

import storage.schema.tables  # noqa: F401  the tables register themselves


def plain_text(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """Write SQLModel's own text type as what it is in the database."""
    return "sa.String()" if kind == "type" and type(item) is AutoString else False


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the index of words, which each database has in its own way and no model describes."""
    if kind == "column":
        return name != "vector"
    return not (kind in ("table", "index") and (name or "").startswith(("search_index", "ix_search_words")))


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=plain_text,
    include_name=is_ours,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
