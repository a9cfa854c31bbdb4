"""How the sources are, in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feeds.text import moment, one_line, plural, shorten
from storage.health import SourceHealth


def health_line(sources: Sequence[SourceHealth], titles: Mapping[str, str]) -> str:
    """Return which sources answer and which do not; "" where none has been asked."""
    asked = [health for health in sources if health.last_run]
    if not asked:
        return ""
    broken = [health for health in asked if health.incident]
    sound = [health for health in asked if not health.incident and health.last_good]
    lines = []
    if sound:
        oldest = min(health.last_good for health in sound if health.last_good)
        lines.append(f"{plural(len(sound), 'source answers', 'sources answer')}, read last {moment(oldest)} or later.")
    for health in broken:
        title = one_line(titles.get(health.source, health.source))
        since = moment(health.incident.began) if health.incident else ""
        why = shorten(one_line(health.last_message), 160)
        lines.append(f"{title} could not be read since {since}: {why or health.last_verdict}.")
    return " ".join(lines)
