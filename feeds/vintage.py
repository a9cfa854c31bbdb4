"""What no source can tell yet: said wherever a list could be taken for complete."""

from __future__ import annotations

from datetime import date, timedelta

DEFENSE_DELAY = timedelta(days=90)  # DoD's actions reach the public record that long after they are signed


def not_public_yet(today: date) -> str:
    """Return the sentence on what is missing from any list of this day (UTC)."""
    return f"DoD awards signed after {today - DEFENSE_DELAY} are not public yet."
