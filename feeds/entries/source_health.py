"""Feed entries about sources that cannot be read: one when an incident begins, another when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from feeds.entries.details import Detail
from feeds.entries.entry import Entry
from feeds.feed import AUTHORITY
from feeds.text import format_time, one_line, pluralize, shorten, to_utc
from storage.models import RunStatus
from storage.reading.source_health import Incident, SourceHealth


def incident_entries(incidents: Iterable[Incident], titles: Mapping[str, str], link: str) -> Iterator[Entry]:
    """Yield the entries of incidents.

    Args:
        titles: the sources' names for readers, by name.
        link: the absolute address of the page about the state of the sources.
    """
    for incident in incidents:
        title = titles.get(incident.source, incident.source)
        since = format_time(incident.began)
        if incident.status == RunStatus.INCOMPLETE:
            headline = f"{title}: read only in part since {since}"
        else:
            headline = f"{title}: not readable since {since} ({incident.status})"
        yield _entry(incident, "source-failed", headline, incident.began, link)
        if incident.ended:
            lasted = pluralize(max(1, round((incident.ended - incident.began) / timedelta(hours=1))), "hour")
            headline = f"{title}: readable again after {lasted}; what was missed has been read"
            yield _entry(incident, "source-recovered", headline, incident.ended, link)


def _entry(incident: Incident, kind: str, title: str, when: datetime, link: str) -> Entry:
    began = incident.began.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    details = (
        Detail("Source", incident.source),
        Detail("Began", format_time(incident.began)),
        Detail("Ended", format_time(incident.ended) if kind == "source-recovered" and incident.ended else "not yet"),
        Detail("What went wrong", one_line(incident.message) or incident.status),
    )
    return Entry(
        id=f"tag:{AUTHORITY}:{kind}/{quote(incident.source, safe='')}/{began}",
        kind=kind,
        title=one_line(title),
        link=link,
        official_url=link,
        summary=one_line(f"{title}. {incident.message}"),
        signed=None,
        published=None,
        first_seen=to_utc(when),
        days_late=0,
        agency="",
        vendors=(),
        categories=(),
        details=details,
        description=(),
        action_description=(),
        reasons=(),
        record_key="",
    )


def health_line(sources: Sequence[SourceHealth], titles: Mapping[str, str]) -> str:
    """Return which sources answer, which do not, and which parts of them have not been read."""
    asked = [health for health in sources if health.last_run]
    if not asked:
        return "No source has been asked yet."
    partly = [health for health in asked if health.unfinished]
    broken = [health for health in asked if health.incident and health.incident.status != RunStatus.INCOMPLETE]
    sound = [health for health in asked if not health.incident and health.last_good]
    silent = [health for health in asked if not health.incident and not health.last_good and not health.unfinished]
    lines = []
    if sound:
        oldest = min(health.last_good for health in sound if health.last_good)
        when = "last read" if len(sound) == 1 else "each last read since"
        lines.append(f"{pluralize(len(sound), 'source answers', 'sources answer')}, {when} {format_time(oldest)}.")
    for health in partly:
        title = one_line(titles.get(health.source, health.source))
        lines += [f"{title}: {shorten(one_line(str(part)), 240)}." for part in health.unfinished]
    for health in (*broken, *silent):
        title = one_line(titles.get(health.source, health.source))
        how = (
            f"could not be read since {format_time(health.incident.began)}"
            if health.incident
            else "has not answered yet"
        )
        why = shorten(one_line(health.last_message), 160)
        lines.append(f"{title} {how}: {why or health.last_status}.")
    return " ".join(lines)
