"""Feed entries about sources that cannot be read: one when an incident begins, another when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from feeds.entries.entry import Entry
from feeds.entries.facts import Fact
from feeds.entries.render import render
from feeds.tags import AUTHORITY
from feeds.text import moment, one_line, plural, utc
from storage.reading.source_health import INCOMPLETE, Incident


def incident_entries(incidents: Iterable[Incident], titles: Mapping[str, str], link: str) -> Iterator[Entry]:
    """Yield the entries of incidents.

    Args:
        titles: the sources' names for readers, by name.
        link: the absolute address of the page about the state of the sources.
    """
    for incident in incidents:
        title = titles.get(incident.source, incident.source)
        since = moment(incident.began)
        if incident.verdict == INCOMPLETE:
            headline = f"{title}: read only in part since {since}"
        else:
            headline = f"{title}: not readable since {since} ({incident.verdict})"
        yield _entry(incident, "source-failed", headline, incident.began, link)
        if incident.ended:
            lasted = plural(max(1, round((incident.ended - incident.began) / timedelta(hours=1))), "hour")
            headline = f"{title}: readable again after {lasted}; what was missed has been read"
            yield _entry(incident, "source-recovered", headline, incident.ended, link)


def _entry(incident: Incident, kind: str, title: str, when: datetime, link: str) -> Entry:
    began = incident.began.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    facts = (
        Fact("Source", incident.source),
        Fact("Began", moment(incident.began)),
        Fact("Ended", moment(incident.ended) if kind == "source-recovered" and incident.ended else "not yet"),
        Fact("What went wrong", one_line(incident.message) or incident.verdict),
    )
    content = render(
        "entry.html",
        title=title,
        facts=facts,
        description=(),
        action_description=(),
        reasons=(),
        link=link,
        official_url="",
    )
    return Entry(
        id=f"tag:{AUTHORITY}:{kind}/{quote(incident.source, safe='')}/{began}",
        kind=kind,
        title=one_line(title),
        link=link,
        official_url=link,
        summary=one_line(f"{title}. {incident.message}"),
        content_html=content,
        signed=None,
        published=None,
        first_seen=utc(when),
        days_late=0,
        agency="",
        vendors=(),
        categories=(),
        facts=facts,
        description=(),
        action_description=(),
        reasons=(),
        record_key="",
    )
