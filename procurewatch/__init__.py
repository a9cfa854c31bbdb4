"""The faces: command line, web pages, settings; they wire sources, monitors, storage and feeds together.

`import procurewatch` is also the Python API: `procurewatch.open_store()` opens the stored records for reading. See
docs/python.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procurewatch.store import AwardAction, RecordDetails, RecordNotFound, Store, open_store
    from storage.database import DatabaseError
    from storage.search.query import InvalidQuery

__all__ = [
    "AwardAction",
    "DatabaseError",
    "InvalidQuery",
    "RecordDetails",
    "RecordNotFound",
    "Store",
    "open_store",
]

if not TYPE_CHECKING:  # else every name would exist, with any type

    def __getattr__(name: str) -> object:
        """Import the API when it is first used: the command line starts without it."""
        if name not in __all__:
            raise AttributeError(f"module 'procurewatch' has no attribute {name!r}")
        from procurewatch import store  # noqa: PLC0415

        return getattr(store, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
