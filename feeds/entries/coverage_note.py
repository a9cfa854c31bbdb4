"""What no source can tell yet: said wherever a list could be taken for complete."""

from __future__ import annotations

from datetime import date, timedelta

# What DoD and the Army Corps of Engineers (096) sign reaches the public record that much later.
DEFENSE_DELAY = timedelta(days=90)


def not_public_yet(today: date) -> str:
    """Return the sentence on what is missing from any list of this day (UTC)."""
    return f"DoD and Army Corps of Engineers awards signed after {today - DEFENSE_DELAY} are not public yet."
