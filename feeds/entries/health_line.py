"""The state of the sources, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feeds.text import moment, one_line, plural, shorten
from storage.reading.source_health import INCOMPLETE, SourceHealth


def health_line(sources: Sequence[SourceHealth], titles: Mapping[str, str]) -> str:
    """Return which sources answer, which do not, and which parts of them have not been read."""
    asked = [health for health in sources if health.last_run]
    if not asked:
        return "No source has been asked yet."
    partly = [health for health in asked if health.unfinished]
    broken = [health for health in asked if health.incident and health.incident.verdict != INCOMPLETE]
    sound = [health for health in asked if not health.incident and health.last_good]
    silent = [health for health in asked if not health.incident and not health.last_good and not health.unfinished]
    lines = []
    if sound:
        oldest = min(health.last_good for health in sound if health.last_good)
        when = "last read" if len(sound) == 1 else "each last read since"
        lines.append(f"{plural(len(sound), 'source answers', 'sources answer')}, {when} {moment(oldest)}.")
    for health in partly:
        title = one_line(titles.get(health.source, health.source))
        lines += [f"{title}: {shorten(one_line(str(part)), 240)}." for part in health.unfinished]
    for health in (*broken, *silent):
        title = one_line(titles.get(health.source, health.source))
        how = f"could not be read since {moment(health.incident.began)}" if health.incident else "has not answered yet"
        why = shorten(one_line(health.last_message), 160)
        lines.append(f"{title} {how}: {why or health.last_verdict}.")
    return " ".join(lines)
