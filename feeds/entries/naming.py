"""How the parties of a record are called in a sentence."""

from __future__ import annotations

from functools import lru_cache

from feeds.entries.matches import through_reseller
from feeds.text import one_line, shorten
from storage.models import StoredRecord

_LONGEST_NAME = 120
_ACRONYMS = frozenset({"dna"})


def buyer(award: StoredRecord) -> str:
    """Return who buys, as closely as the source says."""
    return name(award.sub_agency_name or award.agency_name) or "A federal agency"


def recipient(award: StoredRecord) -> str:
    """Return who is paid, as the source writes it."""
    return name(award.recipient_name) or "a recipient not named"


def heading(award: StoredRecord) -> str:
    """Return what a page calls a record: a publication by its title, a purchase through a reseller by both names."""
    if award.is_publication and award.title:
        return name(award.title)
    via = through_reseller(award)
    return f"{name(via.vendor_name)} through {recipient(award)}" if via else recipient(award)


def name(text: str) -> str:
    """Return a name or a title from upstream as it may stand in a sentence."""
    return shorten(one_line(text), _LONGEST_NAME)


@lru_cache(500)
def category_words(category: str) -> str:
    """Return a technology category for people: face_recognition is "face recognition"."""
    words = category.replace("_", " ").replace("-", " ").split()
    return one_line(" ".join(word.upper() if word in _ACRONYMS else word for word in words))
