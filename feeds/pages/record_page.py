"""All that the page of an award, or of a publication, shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.models import StoredAction, StoredEvent, StoredEvidence, StoredLink, StoredRecord, StoredSighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A record at the other end of a link. `has_page` when readers see it too."""

    link: StoredLink
    record: StoredRecord
    has_page: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """`events` are the record's own and those of what is linked with it. `sources` say what each source tells of it.

    `source_titles` names every source that is asked. `orders` are those readers see, of `orders_stored` in all.
    `address` is where the page itself is found, "" when nobody knows.
    """

    award: StoredRecord
    actions: tuple[StoredAction, ...]
    evidence: tuple[StoredEvidence, ...]
    events: tuple[StoredEvent, ...]
    sources: tuple[StoredSighting, ...] = ()
    source_titles: Mapping[str, str] = field(default_factory=dict)
    linked: tuple[Linked, ...] = ()
    parent: StoredRecord | None = None
    parent_has_page: bool = False
    orders: tuple[StoredRecord, ...] = ()
    orders_stored: int = 0
    address: str = ""
