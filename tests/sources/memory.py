"""What a source may know of what is stored, in a test: records it is told of, notes it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sources.base import StoredVersion
from sources.records import Record


@dataclass(kw_only=True)
class Memory:
    """The memory of a program; empty, that of one that has stored nothing. `wanted` says whom a record concerns."""

    records: dict[str, StoredVersion] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    wanted: Callable[[Record], bool] = lambda _record: False

    def stored_version(self, key: str, /) -> StoredVersion | None:
        """Look a record up by its key, which no database takes with half characters in it."""
        return self.records.get(key.encode().decode())

    def was_read(self, key: str, /) -> bool:
        """Whether this run has read a record whole."""
        return key in self.read

    def is_matched(self, key: str, /) -> bool:
        """Whether an award is stored and concerns anybody."""
        return key in self.followed or (key in self.records and self.records[key].matched)

    def keys_with_piid(self, piid: str, /) -> list[str]:
        """Return the keys of stored awards that have a PIID."""
        return [key for key in self.records if f"_{piid}_" in key]

    def matches_watchlist(self, record: Record, /) -> bool:
        """Whether a record concerns anybody."""
        return self.wanted(record)

    def get_state(self, name: str, /) -> str:
        """Return what was noted, "" if nothing."""
        return self.notes.get(name, "")

    def set_state(self, name: str, value: str, /) -> None:
        """Note something."""
        self.notes[name] = value
