"""The notices to check again between runs: stored ones that are still open, or whose text is still to be fetched.

SAM.gov lists what was posted in a range of days, and only the latest version of each notice. Whether an older notice
was changed or withdrawn shows only in a search for its number, at the cost of a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta

from sources.base import Stored
from sources.records import Publication

NOTE = "watched"
IN_VIEW = 3  # days that every poll reads, and for which a notice without a deadline is missed when it is not there
TEXT_WANTED = 30  # days after which a text that could not be had is given up
MAX_WATCHED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A notice's id and solicitation number ("" if that does not identify it), and its days in ISO 8601.

    `posted`, `until` when it is watched, `seen` last. `wants_text`: its text is still to be fetched.
    """

    notice_id: str
    solicitation: str
    posted: str
    until: str
    seen: str
    wants_text: bool


class Watch:
    """The watched notices by key, on a given day; loaded from the source's state and saved to it."""

    def __init__(self, stored: Stored, today: date) -> None:
        self._stored = stored
        self._today = today.isoformat()
        self._recently = (today - timedelta(days=TEXT_WANTED)).isoformat()
        self._in_window = (today - timedelta(days=IN_VIEW - 1)).isoformat()
        stored_notices = json.loads(stored.get_state(NOTE) or "{}")
        self._notices = {key: Watched(**entry) for key, entry in stored_notices.items()}

    def see(self, notice: Publication, *, notice_id: str, solicitation: str, wants_text: bool) -> None:
        """Record that a notice was seen today and is active."""
        posted = notice.published or date.fromisoformat(self._today)
        until = (posted + timedelta(days=IN_VIEW - 1)).isoformat()
        if notice.deadline:
            until = max(until, notice.deadline.date().isoformat())
        self._notices[notice.key] = Watched(
            notice_id=notice_id,
            solicitation=solicitation,
            posted=posted.isoformat(),
            until=until,
            seen=self._today,
            wants_text=wants_text,
        )

    def mark_text_fetched(self, key: str) -> None:
        """Record that a notice's text is no longer needed."""
        self._notices[key] = replace(self._notices[key], wants_text=False)

    def forget(self, key: str) -> None:
        """Stop watching a notice."""
        self._notices.pop(key, None)

    def due(self) -> Iterator[tuple[str, Watched]]:
        """Give the notices not seen today, with their keys.

        First those that today's search should have found, then those not seen for longest.
        """
        due = [
            (entry.posted < self._in_window, entry.seen, key)
            for key, entry in self._notices.items()
            if entry.seen < self._today and self._is_watched(entry)
        ]
        for _, _, key in sorted(due):
            yield key, self._notices[key]

    def keep(self) -> None:
        """Save the watched notices, without those that need not be watched any more."""
        watched = [(entry.posted, key) for key, entry in self._notices.items() if self._is_watched(entry)]
        newest = sorted(watched, reverse=True)[:MAX_WATCHED]
        self._stored.set_state(NOTE, json.dumps({key: asdict(self._notices[key]) for _, key in newest}))

    def _is_watched(self, entry: Watched) -> bool:
        return entry.until >= self._today or (entry.wants_text and entry.posted >= self._recently)
