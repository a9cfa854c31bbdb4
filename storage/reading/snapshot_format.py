"""The stored form of an event snapshot: the record and action of an event as they were when it was published.

A field that is added to `StoredRecord` needs a default, so that older snapshots can still be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from storage.models import StoredAction, StoredMatch, StoredRecord


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """A record with its published matches, and the action that an event is about, if any; `StoredEvent.has_twin`."""

    record: StoredRecord
    action: StoredAction | None
    has_twin: bool = False

    def with_present(self, matches: Sequence[StoredMatch]) -> StoredRecord:
        """Return the record of the snapshot with the matches that are published now.

        A review decision is the only change that reaches entries that are already published.
        """
        before = {match.vendor_id: match.action_keys for match in self.record.matches}
        present = {match.vendor_id: match.action_keys for match in matches}
        if before == present:
            return self.record  # nearly always
        kept = [
            replace(match, action_keys=present[match.vendor_id])
            for match in self.record.matches
            if match.vendor_id in present
        ]
        return replace(self.record, matches=(*kept, *(match for match in matches if match.vendor_id not in before)))


_ADAPTER = TypeAdapter(EventSnapshot)


def write_snapshot(snapshot: EventSnapshot) -> str:
    """Return a snapshot as JSON, without fields that have their default."""
    return _ADAPTER.dump_json(snapshot, exclude_defaults=True).decode()


def read_snapshot(text: str) -> EventSnapshot:
    """Return what `write_snapshot` wrote."""
    return _ADAPTER.validate_json(text)
