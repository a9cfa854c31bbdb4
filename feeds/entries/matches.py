"""A record's published matches, and how entries and pages name its parties."""

from __future__ import annotations

from functools import lru_cache

from feeds.text import one_line, shorten
from storage.models import MatchBand, StoredMatch, StoredRecord

_LONGEST_NAME = 120
_ACRONYMS = frozenset({"dna"})


def published_matches(award: StoredRecord) -> tuple[StoredMatch, ...]:
    """Return the matches readers are told of, best first: never one that a person has yet to look at."""
    for match in award.matches:
        if match.band != MatchBand.PUBLISHED:
            return tuple([match for match in award.matches if match.band == MatchBand.PUBLISHED])
    return award.matches  # nearly always


def reseller_match(award: StoredRecord) -> StoredMatch | None:
    """Return the best match if it is with something other than the recipient (its parent counts as the recipient).

    That is what a purchase through a reseller looks like: the description names the product, the payee is another.
    """
    best = next(iter(published_matches(award)), None)
    if best is None or not best.signals or any(signal.field.startswith("recipient") for signal in best.signals):
        return None
    return best


def buyer_label(award: StoredRecord) -> str:
    """Return who buys, as closely as the source says."""
    return shorten_name(award.sub_agency_name or award.agency_name) or "A federal agency"


def recipient_label(award: StoredRecord) -> str:
    """Return who is paid, as the source writes it."""
    return shorten_name(award.recipient_name) or "a recipient not named"


def record_label(award: StoredRecord) -> str:
    """Return what a page calls a record: a publication by its title, a purchase through a reseller by both names."""
    if award.is_publication and award.title:
        return shorten_name(award.title)
    via = reseller_match(award)
    return f"{shorten_name(via.vendor_name)} through {recipient_label(award)}" if via else recipient_label(award)


def shorten_name(text: str) -> str:
    """Return a name or a title from upstream as it may stand in a sentence."""
    return shorten(one_line(text), _LONGEST_NAME)


@lru_cache(500)
def category_label(category: str) -> str:
    """Return a technology category for people: face_recognition is "face recognition"."""
    words = category.replace("_", " ").replace("-", " ").split()
    return one_line(" ".join(word.upper() if word in _ACRONYMS else word for word in words))
