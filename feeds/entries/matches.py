"""A record's published matches, and how entries and pages name its parties."""

from __future__ import annotations

from functools import lru_cache

from feeds.entries.names import company_name
from feeds.text import one_line, shorten
from storage.models import MatchBand, StoredMatch, StoredRecord
from storage.search.agencies import short_agency

_LONGEST_NAME = 120
_ACRONYMS = frozenset({"dna", "idv"})


def published_matches(award: StoredRecord) -> tuple[StoredMatch, ...]:
    """Return the published matches, best first: never one that is pending review or rejected."""
    return tuple(match for match in award.matches if match.band == MatchBand.PUBLISHED)


def is_topic(match: StoredMatch) -> bool:
    """Return whether an entry of the watchlist is a topic: a technology, whoever sells it."""
    return bool(match.signals) and all(signal.kind in ("topic", "psc", "naics") for signal in match.signals)


def reseller_match(award: StoredRecord) -> StoredMatch | None:
    """Return the best match if its signals are not about the recipient or the recipient's parent.

    A purchase through a reseller looks like this: the description names the product of another company. A topic is no
    company, so nobody sells its products.
    """
    best = next(iter(published_matches(award)), None)
    return best if best and is_resold(best) and not is_topic(best) else None


def is_resold(match: StoredMatch) -> bool:
    """Return whether a match is not about the recipient or its parent: only the texts name the vendor."""
    return bool(match.signals) and not any(signal.field.startswith("recipient") for signal in match.signals)


def buyer_label(award: StoredRecord) -> str:
    """Return the buying agency: the sub-agency where it is stated."""
    return shorten_name(award.sub_agency_name or award.agency_name) or "A federal agency"


def buyer_name(award: StoredRecord) -> str:
    """Return the buying agency by the name that readers know: ICE, DHS Office of Procurement Operations."""
    department = short_agency(award.agency_code, award.agency_name)
    own = one_line(award.sub_agency_name)
    if short := short_agency(award.sub_agency_code, own):
        return short
    if own and own != one_line(award.agency_name):
        return f"{department} {company_name(own)}" if department else company_name(own)
    return department or company_name(award.agency_name) or "a federal agency"


def payee_name(award: StoredRecord) -> str:
    """Return who is paid, without the legal form of the company; "" if the source does not say."""
    return company_name(award.recipient_name)


def recipient_label(award: StoredRecord) -> str:
    """Return the recipient as the source writes it."""
    return shorten_name(award.recipient_name) or "a recipient not named"


def record_label(award: StoredRecord) -> str:
    """Return a record's heading: a publication's title, or the vendor or topic and the recipient, or the recipient."""
    if award.is_publication and award.title:
        return shorten_name(award.title)
    best = next(iter(published_matches(award)), None)
    if best is None or not is_resold(best):
        return recipient_label(award)
    return f"{shorten_name(best.vendor_name)} {'from' if is_topic(best) else 'through'} {recipient_label(award)}"


def shorten_name(text: str) -> str:
    """Return a name or title on one line, short enough for a sentence."""
    return shorten(one_line(text), _LONGEST_NAME)


@lru_cache(500)
def category_label(category: str) -> str:
    """Return a category for readers: face_recognition is "face recognition"."""
    words = category.replace("_", " ").replace("-", " ").split()
    label = " ".join(word.upper() if word in _ACRONYMS else word for word in words)
    return one_line(label.replace("de obligated", "de-obligated"))
