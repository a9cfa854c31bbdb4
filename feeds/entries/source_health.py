"""Feed entries about source outages, one at the start and one at the end, and the status line of the home page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from feeds.entries.details import Detail
from feeds.entries.entry import Entry
from feeds.feed import AUTHORITY
from feeds.text import format_time, one_line, pluralize, shorten, to_utc
from storage.models import RunStatus
from storage.reading.source_health import NOT_POLLED, Incident, SourceHealth


def incident_entries(incidents: Iterable[Incident], titles: Mapping[str, str], link: str) -> Iterator[Entry]:
    """Yield the entries of incidents.

    Args:
        titles: the titles of the sources by name.
        link: the absolute URL of the page about the sources.
    """
    for incident in incidents:
        title = titles.get(incident.source, incident.source)
        since = format_time(incident.began)
        if incident.status == RunStatus.INCOMPLETE:
            headline = f"{title}: partly unavailable since {since}"
        elif incident.status == NOT_POLLED:
            headline = f"{title}: no good poll since {since}"
        else:
            headline = f"{title}: unavailable since {since} ({incident.status})"
        yield _entry(incident, "source-failed", headline, incident.began, link)
        if incident.ended:
            lasted = pluralize(max(1, round((incident.ended - incident.began) / timedelta(hours=1))), "hour")
            headline = f"{title}: available again after {lasted}; the missed records have been read"
            yield _entry(incident, "source-recovered", headline, incident.ended, link)


def _entry(incident: Incident, kind: str, title: str, when: datetime, link: str) -> Entry:
    began = incident.began.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    details = (
        Detail("Source", incident.source),
        Detail("Began", format_time(incident.began)),
        Detail("Ended", format_time(incident.ended) if kind == "source-recovered" and incident.ended else "not yet"),
        Detail("Problem", one_line(incident.message) or incident.status),
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


def describe_trouble(health: SourceHealth) -> str:
    """Return since when and why a source is unavailable, "" if it is available."""
    if not health.last_run:
        return "has not been polled yet"
    if health.is_ahead:
        return f"its last poll is dated {format_time(health.last_run)}, in the future: a clock is wrong, or was"
    if health.unfinished:
        return "; ".join(shorten(one_line(str(part)), 240) for part in health.unfinished)
    if not health.incident and health.last_good:
        return ""
    return _trouble(health)


def _trouble(health: SourceHealth) -> str:
    why = shorten(one_line(health.last_message), 160) or health.last_status
    if health.incident is None and health.last_run and not health.last_status:
        return f"is being polled for the first time, since {format_time(health.last_run)}"
    if health.incident is None:
        return f"has never been available: {why}"
    since = format_time(health.incident.began)
    if health.incident.status == NOT_POLLED:
        return f"has had no good poll since {since}: {shorten(one_line(health.incident.message), 160)}"
    return f"unavailable since {since}: {why}"


def future_events_line(count: int) -> str:
    """Return that so many events are dated in the future, "" for none."""
    events = pluralize(count, "event is", "events are")
    return f"{events} dated in the future: a clock was wrong; the next good poll corrects them" if count else ""


def health_line(sources: Sequence[SourceHealth], titles: Mapping[str, str]) -> str:
    """Return one line: which sources work, which do not, and which parts are still missing."""
    polled = [health for health in sources if health.last_run]
    if not polled:
        return "No source has been polled yet."
    partly = [health for health in polled if health.unfinished]
    broken = [health for health in polled if health.incident and health.incident.status != RunStatus.INCOMPLETE]
    sound = [health for health in polled if not health.incident and health.last_good]
    silent = [health for health in polled if not health.incident and not health.last_good and not health.unfinished]
    lines = []
    if sound:
        oldest = min(health.last_good for health in sound if health.last_good)
        count = pluralize(len(sound), "source is available", "sources are available")
        when = "last polled" if len(sound) == 1 else "all polled since"
        lines.append(f"{count}, {when} {format_time(oldest)}.")
    for health in partly:
        title = one_line(titles.get(health.source, health.source))
        lines += [f"{title}: {shorten(one_line(str(part)), 240)}." for part in health.unfinished]
    for health in (*broken, *silent):
        title = one_line(titles.get(health.source, health.source))
        lines.append(f"{title} {_trouble(health)}.")
    for health in polled:
        if health.waits_until:
            title = one_line(titles.get(health.source, health.source))
            lines.append(f"{title} has asked for no request before {format_time(health.waits_until)}.")
    return " ".join(lines)
