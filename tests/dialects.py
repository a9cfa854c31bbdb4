"""SQLAlchemy dialects that share compiled statements between all engines of a process.

Nearly every test opens its own database; compiling the same statements for each took a third of the time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

_compiled: LRUCache[Any, Any] = LRUCache(2000)


class _SharedCache:
    """Equal to any dialect of the same class, because all engines of a class are configured alike."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Use the shared cache in a new engine."""
        engine.update_execution_options(compiled_cache=_compiled)


class Sqlite(_SharedCache, SQLiteDialect_pysqlite):
    """SQLite with the standard library's driver."""

    supports_statement_cache = True


class Postgresql(_SharedCache, PGDialect_psycopg):
    """PostgreSQL with psycopg."""

    supports_statement_cache = True


def register() -> None:
    """Register these dialects for `sqlite://` and `postgresql+psycopg://`."""
    registry.register("sqlite", __name__, Sqlite.__name__)
    registry.register("postgresql.psycopg", __name__, Postgresql.__name__)
