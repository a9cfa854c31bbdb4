"""How the parties of a record are called in a sentence."""

from __future__ import annotations

from feeds.text import one_line, shorten
from storage.stored import StoredRecord

_LONGEST_NAME = 120


def buyer(award: StoredRecord) -> str:
    """Return who buys, as closely as the source says."""
    return name(award.sub_agency_name or award.agency_name) or "A federal agency"


def recipient(award: StoredRecord) -> str:
    """Return who is paid, as the source writes it."""
    return name(award.recipient_name) or "a recipient not named"


def name(text: str) -> str:
    """Return a name or a title from upstream as it may stand in a sentence."""
    return shorten(one_line(text), _LONGEST_NAME)
