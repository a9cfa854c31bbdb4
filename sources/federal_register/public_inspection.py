"""Documents on public inspection: filed for a coming issue of the Federal Register, days before they are published.

Facts, from the API's own code (github.com/usnationalarchives/federalregister-api-core):
- `/api/v1/public-inspection-documents.json` searches the title and the full text of the documents on public inspection
  as `documents.json` searches the published ones, with the same terms and types; it knows no day of publication
  (es_public_inspection_document_search.rb), and no abstract (public_inspection_document_api_configuration.rb).
- A document is there from its filing until its issue is complete (public_inspection_document.rb, `indexable`), under
  the number that it is published with. Answers may be a day old (`cache_for 1.day`).
- `publication_date` is empty when it has been withdrawn; `editorial_note` may say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from sources.federal_register.document_parser import (
    WASHINGTON,
    Row,
    address,
    agency_of,
    day_of,
    description_of,
    listed,
    names_of_agencies,
    read_rows,
    required,
    text,
)
from sources.records import (
    Attachment,
    InvalidRecord,
    Payload,
    Problem,
    Publication,
    PublicationKind,
    Recipient,
    SourceFact,
)

INSPECTED_DOCUMENTS = "/api/v1/public-inspection-documents.json"
PAGE = 1000  # some 200 documents are on public inspection on any day
TYPES = ("NOTICE", "PRORULE", "RULE")
STATE, WITHDRAWN = "on public inspection", "withdrawn"
FIELDS = (
    "agencies",
    "docket_numbers",
    "document_number",
    "editorial_note",
    "excerpts",
    "filed_at",
    "filing_type",
    "html_url",
    "num_pages",
    "pdf_url",
    "publication_date",
    "title",
    "type",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A search of the documents that are on public inspection now."""

    step: str
    term: str = ""

    def path(self, _order: str) -> str:
        """Return what to ask for; the order cannot be chosen."""
        query = [
            ("conditions[term]", self.term),
            *(("conditions[type][]", kind) for kind in TYPES),
            *(("fields[]", field) for field in FIELDS),
            ("per_page", str(PAGE)),
        ]
        return f"{INSPECTED_DOCUMENTS}?{urlencode(query, quote_via=quote)}"

    def halves(self) -> None:
        """Return that it cannot be cut: it has no days."""

    def check(self, row: Row) -> None:
        """Make sure that a row is one of a document on public inspection. Raises `InvalidRecord`."""
        if "filed_at" not in row:
            raise InvalidRecord("filed_at is missing")


def read_inspected(payload: Payload) -> Publication | Problem:
    """Read the rows of one document on public inspection into a record, or into the problem that prevents it."""
    return read_rows(payload, _publication)


def _publication(rows: Sequence[Row], payload: Payload) -> Publication:
    row = rows[0]
    filed = _filed(row)
    return Publication(
        key=payload.key,
        source=payload.source,
        kind=PublicationKind.DOCUMENT,
        type_text=required(row, "type"),
        title=required(row, "title"),
        description=description_of(rows),
        recipient=Recipient(name=""),
        awarding=agency_of(row),
        published=filed.date() if filed else None,
        url=address(required(row, "html_url")),
        revision=payload.revision,
        state=STATE if text(row, "publication_date") else WITHDRAWN,
        attachments=tuple(
            Attachment(title="PDF on public inspection", url=address(url))
            for url in filter(None, [text(row, "pdf_url")])
        ),
        facts=tuple(SourceFact(label=label, value=value) for label, value in _facts(row, filed).items() if value),
        documents=payload.documents,
    )


def _facts(row: Row, filed: datetime | None) -> dict[str, str]:
    publication = day_of(row, "publication_date")
    pages = row.get("num_pages")
    return {
        "Document number": text(row, "document_number"),
        "Filed for public inspection": f"{filed:%Y-%m-%d %H:%M} in Washington" if filed else "",
        "To be published": str(publication or ""),
        "Filing": text(row, "filing_type"),
        "Agencies": names_of_agencies(row),
        "Dockets": listed(row, "docket_numbers"),
        "Pages": str(pages) if pages else "",
        "Editorial note": text(row, "editorial_note"),
    }


def _filed(row: Row) -> datetime | None:
    """Return when a document was filed, by the clocks of Washington."""
    value = text(row, "filed_at")
    try:
        moment = datetime.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidRecord(f"filed_at is no time: {value[:40]!r}") from error
    if moment and moment.tzinfo is None:
        raise InvalidRecord(f"filed_at has no zone: {value[:40]!r}")
    return moment.astimezone(WASHINGTON) if moment else None
