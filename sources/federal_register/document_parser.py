"""Reading a document of the Federal Register: its rows in the answers of searches into one record. Pure.

Facts, all from github.com/usnationalarchives/federalregister-api-core: the fields of published documents
(entry_api_representation.rb) and of those on public inspection (public_inspection_document_api_configuration.rb), and
the passage that `excerpts` shows (es_entry_search.rb). A document is on public inspection, days before it is published,
under the number that it will be published with; then its row has `filed_at` and no abstract. `publication_date` is
empty when it has been withdrawn. Fields that are not read stay in the evidence.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from sources.errors import SourceChanged
from sources.fields import (
    Fields,
    is_possible_deadline,
    read_count,
    read_date,
    read_json,
    read_objects,
    read_text,
    read_texts,
    unreadable,
)
from sources.records import (
    Agency,
    Attachment,
    Document,
    InvalidRecord,
    Payload,
    Problem,
    Publication,
    PublicationKind,
    Recipient,
    SourceFact,
)

FIELDS = (
    "abstract",
    "action",
    "agencies",
    "citation",
    "comments_close_on",
    "correction_of",
    "corrections",
    "dates",
    "docket_ids",
    "document_number",
    "effective_on",
    "excerpts",
    "html_url",
    "pdf_url",
    "publication_date",
    "regulation_id_numbers",
    "title",
    "topics",
    "type",
)
INSPECTED_FIELDS = (
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
# Before, numbers were given twice: 00-111 is of 14 and of 18 January 2000.
NUMBERS_UNIQUE_SINCE = date(2016, 1, 1)
MAX_NUMBER_LENGTH = 40
DIGEST_LENGTH = 16  # hex digits, with which a revision begins
INSPECTED = "PI"  # what the revision begins with of a document that is on public inspection
BETWEEN_PASSAGES = "\n\N{HORIZONTAL ELLIPSIS}\n"  # the abstract and the passages stand apart in the document
MARK = re.compile(r'<span class="match">|</span>')
WORD = re.compile(r"[^\W_]+")
WASHINGTON = ZoneInfo("America/New_York")
ON_INSPECTION, WITHDRAWN = "on public inspection", "withdrawn"


def document_key(row: Fields) -> str:
    """Return the key of a row's document. Raises `InvalidRecord` when it has no number."""
    number = _text(row, "document_number").upper()
    if not number or len(number) > MAX_NUMBER_LENGTH or not re.fullmatch(r"[A-Z0-9.-]+", number):
        raise InvalidRecord(f"document_number is missing or none: {number[:80]!r}")
    published = _text(row, "publication_date")
    unique = _is_filed(row) or published >= NUMBERS_UNIQUE_SINCE.isoformat()
    return f"FEDERAL_REGISTER_{number}" if unique else f"FEDERAL_REGISTER_{number}_{published}"


def words_of(phrases: Iterable[str]) -> dict[str, str]:
    """Return the phrases with their words (letters and digits only), by which they are compared."""
    sought = {phrase: _words(phrase) for phrase in phrases}
    return {phrase: words for phrase, words in sought.items() if words}


def phrases_in(row: Fields, sought: Mapping[str, str]) -> set[str]:
    """Return the phrases that start at a word of a row's title, abstract or passage.

    A search also matches fields that a row does not show (agency names, docket numbers).

    Raises:
        InvalidRecord: one of the three fields is not text.
    """
    shown = f" {_words(' '.join([_text(row, 'title'), _text(row, 'abstract'), passage(row)]))}"
    return {phrase for phrase, words in sought.items() if f" {words}" in shown}


def _words(value: str) -> str:
    return " ".join(WORD.findall(value.casefold()))


def revision_of(row: Fields, phrases: Iterable[str]) -> str:
    """Return a digest of a document's fields, and the phrases found in it.

    Passages are left out: another search may return another passage of the same document.
    """
    facts = json.dumps({name: str(value) for name, value in row.items() if name != "excerpts"}, sort_keys=True)
    digest = hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()
    mark = INSPECTED if _is_filed(row) else ""
    return f"{mark}{digest}"[:DIGEST_LENGTH] + json.dumps(sorted(phrases))


def _is_filed(row: Fields) -> bool:
    """Whether a row is of a document on public inspection: only those say when they were filed."""
    return "filed_at" in row


def is_inspected(revision: str) -> bool:
    """Whether a revision is that of a document on public inspection."""
    return revision.startswith(INSPECTED)


def phrases_of(revision: str) -> frozenset[str]:
    """Return the phrases in a revision; none if it has another format."""
    try:
        phrases = json.loads(revision[DIGEST_LENGTH:])
    except ValueError:
        return frozenset()
    return frozenset(map(str, phrases)) if isinstance(phrases, list) else frozenset()


def _text(row: Fields, name: str) -> str:
    """Return a text field on one line, "" when it is null or absent. Raises `InvalidRecord`."""
    return " ".join(read_text(row, name).split())


def passage(row: Fields) -> str:
    """Return the passage of the full text without its marks, "" if it is only the abstract."""
    shown = html.unescape(MARK.sub("", _text(row, "excerpts"))).replace("\x00", "")
    beginning = shown.removesuffix("...").removesuffix("\u2026").rstrip()
    return "" if _text(row, "abstract").startswith(beginning) else shown


def parse(payload: Payload) -> Publication | Problem:
    """Read the rows of one document into a record, or into the problem that prevents it."""
    try:
        return _publication(_rows_of(payload), payload)
    except (InvalidRecord, SourceChanged) as error:
        return unreadable(payload, error)


def _rows_of(payload: Payload) -> list[Fields]:
    answers = [_rows_by_key(document, payload.source) for document in payload.documents]
    rows = [answer[payload.key] for answer in answers if payload.key in answer]
    if not rows:
        raise InvalidRecord("no answer holds its row")
    return rows


@lru_cache(maxsize=8)  # one response has up to a thousand documents, which are read one by one
def _rows_by_key(document: Document, source: str) -> Mapping[str, Fields]:
    """Return the rows of an answer. Raises `SourceChanged` or `InvalidRecord`."""
    results = read_json(document, source).get("results")
    rows = [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []
    return {document_key(row): row for row in rows}


def _publication(rows: Sequence[Fields], payload: Payload) -> Publication:
    row = rows[0]
    passages = dict.fromkeys(filter(None, map(passage, rows)))
    pdf, address = _text(row, "pdf_url"), _required(row, "html_url")
    for url in filter(None, (address, pdf)):
        if not url.startswith(("https://", "http://")):
            raise InvalidRecord(f"not an address on the web: {url[:80]!r}")
    record = Publication(
        key=payload.key,
        source=payload.source,
        kind=PublicationKind.DOCUMENT,
        type_text=_required(row, "type"),
        title=_required(row, "title"),
        description=BETWEEN_PASSAGES.join(filter(None, [_text(row, "abstract"), *passages])),
        recipient=Recipient(name=""),
        awarding=_agency(row),
        published=None,
        url=address,
        revision=payload.revision,
        documents=payload.documents,
    )
    return _filed(record, row, pdf) if _is_filed(row) else _published(record, row, pdf)


def _published(record: Publication, row: Fields, pdf: str) -> Publication:
    """Return the record with the fields of a published document."""
    published, closes = read_date(row, "publication_date"), read_date(row, "comments_close_on")
    if published is None:
        raise InvalidRecord("publication_date is missing")
    is_open = closes is not None and closes >= published and is_possible_deadline(closes)
    corrected = _text(row, "correction_of").rpartition("/")[2].removesuffix(".json")
    return replace(
        record,
        published=published,
        deadline=_end_of(closes) if closes and is_open else None,
        corrects=f"correction of {corrected}" if corrected else "",
        attachments=(Attachment(title="Official PDF", url=pdf),) if pdf else (),
        facts=_facts(
            {
                "Document number": _text(row, "document_number"),
                "Citation": _text(row, "citation"),
                "Action": _text(row, "action"),
                "Agencies": _agency_names(row),
                "Dockets": _listed(row, "docket_ids"),
                "Dates": _text(row, "dates"),
                # 2026-19895 reopens the comments on an earlier document, whose day it has in the index.
                "Comments closed, before publication": str(closes) if closes and closes < published else "",
                "Comments close, as stated": str(closes) if closes and not is_open and closes >= published else "",
                "Effective": str(read_date(row, "effective_on") or ""),
                "Regulation identifiers": _listed(row, "regulation_id_numbers"),
                "Topics": _listed(row, "topics"),
                "Corrected by": _listed(row, "corrections"),
            }
        ),
    )


def _filed(record: Publication, row: Fields, pdf: str) -> Publication:
    """Return the record with the fields of a document on public inspection."""
    filed, publication = _filing_time(row), read_date(row, "publication_date")
    return replace(
        record,
        published=filed.date() if filed else None,
        state=ON_INSPECTION if publication else WITHDRAWN,
        attachments=(Attachment(title="PDF on public inspection", url=pdf),) if pdf else (),
        facts=_facts(
            {
                "Document number": _text(row, "document_number"),
                "Filed for public inspection": f"{filed:%Y-%m-%d %H:%M} in Washington" if filed else "",
                "To be published": str(publication or ""),
                "Filing": _text(row, "filing_type"),
                "Agencies": _agency_names(row),
                "Dockets": _listed(row, "docket_numbers"),
                "Pages": str(read_count(row, "num_pages") or ""),
                "Editorial note": _text(row, "editorial_note"),
            }
        ),
    )


def _facts(values: Mapping[str, str]) -> tuple[SourceFact, ...]:
    return tuple(SourceFact(label=label, value=value) for label, value in values.items() if value)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), WASHINGTON).astimezone(UTC)


def _filing_time(row: Fields) -> datetime | None:
    """Return when a document was filed, in Washington's time."""
    value = _text(row, "filed_at")
    try:
        moment = datetime.fromisoformat(value) if value else None
        in_washington = moment.astimezone(WASHINGTON) if moment else None
    except (ValueError, OverflowError) as error:
        raise InvalidRecord(f"filed_at is no time: {value[:40]!r}") from error
    if moment and moment.tzinfo is None:
        raise InvalidRecord(f"filed_at has no zone: {value[:40]!r}")
    return in_washington


def _required(row: Fields, name: str) -> str:
    value = _text(row, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def _listed(row: Fields, name: str) -> str:
    return "; ".join(" ".join(value.split()) for value in read_texts(row, name))


def _agency_names(row: Fields) -> str:
    return "; ".join(filter(None, map(_agency_name, read_objects(row, "agencies"))))


def _agency_name(agency: Fields) -> str:
    return _text(agency, "name") or _text(agency, "raw_name")


def _agency(row: Fields) -> Agency:
    """Return the document's first agency, with its parent above it or the first of its children below it."""
    agencies = list(read_objects(row, "agencies"))
    if not agencies:
        return Agency()
    first = agencies[0]
    parents = [other for other in agencies if other.get("id") and other.get("id") == first.get("parent_id")]
    children = [other for other in agencies if first.get("id") and other.get("parent_id") == first.get("id")]
    if parents:
        return Agency(name=_agency_name(parents[0]), sub_name=_agency_name(first))
    return Agency(name=_agency_name(first), sub_name=_agency_name(children[0]) if children else "")
