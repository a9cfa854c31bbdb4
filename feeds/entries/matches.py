"""Whom an award concerns, as far as readers are told."""

from __future__ import annotations

from storage.models import StoredMatch, StoredRecord

PUBLISH = "publish"


def told_matches(award: StoredRecord) -> tuple[StoredMatch, ...]:
    """Return the matches readers are told of, best first: never one that a person has yet to look at."""
    for match in award.matches:
        if match.band != PUBLISH:
            return tuple([match for match in award.matches if match.band == PUBLISH])
    return award.matches  # nearly always


def through_reseller(award: StoredRecord) -> StoredMatch | None:
    """Return the best match if it is with something other than the recipient (its parent counts as the recipient).

    That is what a purchase through a reseller looks like: the description names the product, the payee is another.
    """
    best = next(iter(told_matches(award)), None)
    if best is None or not best.signals or any(signal.field.startswith("recipient") for signal in best.signals):
        return None
    return best
