"""What feeds told with an event, as text that is kept: the record and the action as they were at that moment.

A field that a later version adds to `StoredRecord` needs a default, so that what was told before can still be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from storage.models import StoredAction, StoredMatch, StoredRecord


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """A record with its published matches, and the action that an event is about, if any."""

    record: StoredRecord
    action: StoredAction | None

    def with_present(self, matches: Sequence[StoredMatch]) -> StoredRecord:
        """Return the record of the snapshot with the matches that are published now.

        A review decision is the only change that reaches entries that are already published.
        """
        told = {match.vendor_id for match in self.record.matches}
        present = {match.vendor_id for match in matches}
        if told == present:
            return self.record  # nearly always
        kept = [match for match in self.record.matches if match.vendor_id in present]
        return replace(self.record, matches=(*kept, *(match for match in matches if match.vendor_id not in told)))


_FACTS = TypeAdapter(EventSnapshot)


def write_snapshot(facts: EventSnapshot) -> str:
    """Return a snapshot as JSON, without fields that have their default."""
    return _FACTS.dump_json(facts, exclude_defaults=True).decode()


def read_snapshot(text: str) -> EventSnapshot:
    """Return what `write_snapshot` wrote."""
    return _FACTS.validate_json(text)
