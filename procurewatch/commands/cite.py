"""Commands for reporting on an award: foia writes a records request, cite writes a citation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from feeds.citations import CITATION_WRITERS, CitationFormat, cite_award, cite_event
from feeds.foia.docx import write_docx
from feeds.foia.letter import FoiaLetter, Requester, write_letter
from feeds.foia.links import mailto, muckrock_composer
from feeds.text import one_line
from feeds.urls import award_path, event_anchor, event_path, site_url
from procurewatch.command_line.terminal import read_awards, whole_output
from procurewatch.context import open_app
from procurewatch.settings import Settings
from sources.registry import publisher_of
from storage.models import StoredEvent, StoredRecord
from storage.reading.events import events_of
from storage.reading.records import actions_of, evidence_of

AwardArgument = Annotated[str, typer.Argument(help="An award's key, PIID or usaspending.gov address.")]


def foia(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    award: AwardArgument,
    docx: Annotated[
        Path | None, typer.Option(help="Write a Word document to this file instead.", dir_okay=False)
    ] = None,
    name: Annotated[str, typer.Option(help="Your name, for the signature.")] = "",
    organization: Annotated[str, typer.Option(help="Your newsroom or organization.")] = "",
    email: Annotated[str, typer.Option(help="Your e-mail address, for the agency's reply.")] = "",
    not_media: Annotated[bool, typer.Option("--not-media", help="Do not request the news media fee category.")] = False,
) -> None:
    """Write a Freedom of Information Act request for an award's records to the agency that bought it."""
    settings: Settings = context.obj
    who = Requester(name=name, organization=organization, email=email, is_news_media=not not_media)
    with open_app(settings) as app_context, app_context.database.reading() as session:
        record = _single_record(session, award)
        request = write_letter(record, actions_of(session, record.key), who, dated=datetime.now(UTC).date())
    if docx:
        with whole_output(docx) as out:
            out.write(write_docx(request))
        _print_lines([f"wrote {docx}"])
    else:
        with whole_output(None) as out:
            out.write(request.text.encode())
    _print_lines(_sending_notes(request))


def cite(
    context: typer.Context,
    award: AwardArgument,
    form: Annotated[CitationFormat, typer.Option("--format", help="Citation format.")] = CitationFormat.TEXT,
    event: Annotated[str, typer.Option(help="Cite one event of the award: its id, or its link on the page.")] = "",
) -> None:
    """Write a citation of an award or event: source, address, retrieval date, and hashes of the evidence."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        record = _single_record(session, award)
        base, evidence = settings.site_url, evidence_of(session, record.key)
        publisher = publisher_of(record.source)
        if event:
            meant = _find_event(session, record, event)
            our_url = site_url(base, event_path(meant)) if base else ""
            citation = cite_event(meant, evidence, publisher=publisher, our_url=our_url)
        else:
            our_url = site_url(base, award_path(record.key)) if base else ""
            citation = cite_award(record, evidence, publisher=publisher, our_url=our_url)
    with whole_output(None) as out:
        out.write((CITATION_WRITERS[form](citation).rstrip("\n") + "\n").encode())


def _single_record(session: Session, award: str) -> StoredRecord:
    """Return the one record with this identifier. Exits with one line if there are none or several."""
    found = read_awards(session, award)
    if len(found) == 1:
        return found[0]
    keys = ", ".join(record.key for record in found)
    raise typer.BadParameter(one_line(f"{award!r} is the PIID of {len(found)} awards; use a key instead: {keys}"))


def _find_event(session: Session, record: StoredRecord, wanted: str) -> StoredEvent:
    """Return the record's event with this id, or with this anchor on the record's page."""
    anchor = wanted.rpartition("#")[2]
    for event in events_of(session, record.key):
        if wanted == event.id or anchor == event_anchor(event.id):
            return event
    raise typer.BadParameter(one_line(f"{record.key} has no event {wanted!r}"))


def _sending_notes(request: FoiaLetter) -> list[str]:
    links = [f"MuckRock form, filled in: {muckrock_composer(request)}", f"By e-mail: {mailto(request)}"]
    return ["", *request.notes, *links]


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(one_line(line), err=True)
