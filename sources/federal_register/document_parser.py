"""Reading a document of the Federal Register: its rows in the answers of a search, as bytes, into one record. Pure.

Facts: app/presenters/entry_api_representation.rb (which fields there are, and what each holds) and
app/searches/es_entry_search.rb (the passage that `excerpts` shows) of
github.com/usnationalarchives/federalregister-api-core. Fields that are not taken stay in the evidence.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from sources.errors import SourceChanged
from sources.fields import read_json
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
# Before, numbers were given twice: 00-111 is of 14 and of 18 January 2000.
NUMBERS_UNIQUE_SINCE = date(2016, 1, 1)
LONGEST_NUMBER = 40
DIGITS = 16  # of the digest that a revision begins with
INSPECTED = "PI"  # what the revision begins with of a document that is on public inspection
MARK = re.compile(r'<span class="match">|</span>')
WORD = re.compile(r"[^\W_]+")
WASHINGTON = ZoneInfo("America/New_York")

Row = Mapping[str, object]


def document_key(row: Row) -> str:
    """Return the key of a row's document. Raises `InvalidRecord` when it has no number."""
    number = text(row, "document_number").upper()
    if not number or len(number) > LONGEST_NUMBER or not re.fullmatch(r"[A-Z0-9.-]+", number):
        raise InvalidRecord(f"document_number is missing or none: {number[:80]!r}")
    published = text(row, "publication_date")
    unique = _is_filed(row) or published >= NUMBERS_UNIQUE_SINCE.isoformat()
    return f"FEDERAL_REGISTER_{number}" if unique else f"FEDERAL_REGISTER_{number}_{published}"


def words_of(phrases: Iterable[str]) -> dict[str, str]:
    """Return each phrase with its words, which is how it is compared: letters and digits, whatever is between them."""
    sought = {phrase: _words(phrase) for phrase in phrases}
    return {phrase: words for phrase, words in sought.items() if words}


def phrases_in(row: Row, sought: Mapping[str, str]) -> set[str]:
    """Return the phrases, given with their words, that begin at a word of a row's title, abstract or passage.

    The search also looks where a result shows nothing (the names of agencies, numbers of dockets).

    Raises:
        InvalidRecord: one of the three is not text.
    """
    shown = f" {_words(' '.join([text(row, 'title'), text(row, 'abstract'), passage(row)]))}"
    return {phrase for phrase, words in sought.items() if f" {words}" in shown}


def _words(value: str) -> str:
    return " ".join(WORD.findall(value.casefold()))


def revision_of(row: Row, phrases: Iterable[str]) -> str:
    """Return what a document says of itself, as a digest, and the phrases that were found in it.

    Not the passages: another search may show another one of the same document.
    """
    facts = json.dumps({name: str(value) for name, value in row.items() if name != "excerpts"}, sort_keys=True)
    digest = hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()
    mark = INSPECTED if _is_filed(row) else ""
    return f"{mark}{digest}"[:DIGITS] + json.dumps(sorted(phrases))


def _is_filed(row: Row) -> bool:
    """Whether a row is of a document on public inspection: only those say when they were filed."""
    return "filed_at" in row


def is_inspected(revision: str) -> bool:
    """Whether a revision is that of a document on public inspection."""
    return revision.startswith(INSPECTED)


def phrases_of(revision: str) -> frozenset[str]:
    """Return the phrases that a revision tells of; none when it is of another make."""
    try:
        phrases = json.loads(revision[DIGITS:])
    except ValueError:
        return frozenset()
    return frozenset(map(str, phrases)) if isinstance(phrases, list) else frozenset()


def text(row: Row, name: str) -> str:
    """Return a text field on one line, "" when it is null or absent, without what no database can store.

    Raises:
        InvalidRecord: it is not text.
    """
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRecord(f"{name} is not text: {str(value)[:80]!r}")
    return " ".join(value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").split())


def passage(row: Row) -> str:
    """Return the passage of the full text that the search shows, without its marks; "" when it shows the abstract."""
    shown = html.unescape(MARK.sub("", text(row, "excerpts"))).replace("\x00", "")
    beginning = shown.removesuffix("...").removesuffix("\u2026").rstrip()
    return "" if text(row, "abstract").startswith(beginning) else shown


def read_document(payload: Payload) -> Publication | Problem:
    """Read the rows of one published document into a record, or into the problem that prevents it."""
    return read_rows(payload, _publication)


def read_rows(payload: Payload, read: Callable[[Sequence[Row], Payload], Publication]) -> Publication | Problem:
    """Read the rows that the answers of a payload hold of its document, one at least; or return what prevents it."""
    try:
        return read(_rows_of(payload), payload)
    except (InvalidRecord, SourceChanged) as error:
        return Problem(source=payload.source, key=payload.key, reason=str(error), documents=payload.documents)


def _rows_of(payload: Payload) -> list[Row]:
    answers = [_rows_by_key(document, payload.source) for document in payload.documents]
    rows = [answer[payload.key] for answer in answers if payload.key in answer]
    if not rows:
        raise InvalidRecord("no answer holds its row")
    return rows


@lru_cache(maxsize=8)  # one answer tells of up to a thousand documents, which are read one by one
def _rows_by_key(document: Document, source: str) -> Mapping[str, Row]:
    """Return the rows of an answer. Raises `SourceChanged` or `InvalidRecord`."""
    results = read_json(document, source).get("results")
    rows = [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []
    return {document_key(row): row for row in rows}


def _publication(rows: Sequence[Row], payload: Payload) -> Publication:
    row = rows[0]
    corrected = text(row, "correction_of").rpartition("/")[2].removesuffix(".json")
    published = day_of(row, "publication_date")
    if published is None:
        raise InvalidRecord("publication_date is missing")
    closes = day_of(row, "comments_close_on")
    return Publication(
        key=payload.key,
        source=payload.source,
        kind=PublicationKind.DOCUMENT,
        type_text=required(row, "type"),
        title=required(row, "title"),
        description=description_of(rows),
        recipient=Recipient(name=""),
        awarding=agency_of(row),
        published=published,
        url=address(required(row, "html_url")),
        revision=payload.revision,
        deadline=_end_of(closes) if closes and closes >= published else None,
        corrects=f"correction of {corrected}" if corrected else "",
        attachments=tuple(
            Attachment(title="Official PDF", url=address(url)) for url in filter(None, [text(row, "pdf_url")])
        ),
        facts=tuple(SourceFact(label=label, value=value) for label, value in _facts(row).items() if value),
        documents=payload.documents,
    )


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), WASHINGTON).astimezone(UTC)


def description_of(rows: Sequence[Row]) -> str:
    """Return the abstract and each passage that the rows of a document show."""
    passages = dict.fromkeys(filter(None, map(passage, rows)))
    return "\n".join(filter(None, [text(rows[0], "abstract"), *passages]))


def _facts(row: Row) -> dict[str, str]:
    effective = day_of(row, "effective_on")
    published, closes = day_of(row, "publication_date"), day_of(row, "comments_close_on")
    is_earlier = published is not None and closes is not None and closes < published
    return {
        "Document number": text(row, "document_number"),
        "Citation": text(row, "citation"),
        "Action": text(row, "action"),
        "Agencies": names_of_agencies(row),
        "Dockets": listed(row, "docket_ids"),
        "Dates": text(row, "dates"),
        # 2026-19895 reopens the comments on an earlier document, whose day it has in the index.
        "Comments closed, before publication": str(closes) if is_earlier else "",
        "Effective": effective.isoformat() if effective else "",
        "Regulation identifiers": listed(row, "regulation_id_numbers"),
        "Topics": listed(row, "topics"),
        "Corrected by": listed(row, "corrections"),
    }


def names_of_agencies(row: Row) -> str:
    """Return the names of all agencies that a document is of."""
    return "; ".join(name for agency in agencies_of(row) if (name := name_of(agency)))


def required(row: Row, name: str) -> str:
    """Return a text field. Raises `InvalidRecord` when it is empty."""
    value = text(row, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def address(value: str) -> str:
    """Return an address on the web. Raises `InvalidRecord` when it is none."""
    if not value.startswith(("https://", "http://")):
        raise InvalidRecord(f"not an address on the web: {value[:80]!r}")
    return value


def day_of(row: Row, name: str) -> date | None:
    """Return a day, `None` when the field is empty. Raises `InvalidRecord` when it is no day."""
    value = text(row, name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{name} is no date: {value[:40]!r}") from error


def listed(row: Row, name: str) -> str:
    """Return what a list holds, as one text. Raises `InvalidRecord` when it is no list of texts."""
    values = row.get(name)
    if values is None:
        return ""
    if not isinstance(values, list):
        raise InvalidRecord(f"{name} is no list: {str(values)[:80]!r}")
    return "; ".join(text({name: value}, name) for value in values if value)


def agencies_of(row: Row) -> list[Row]:
    """Return the agencies that a document is of. Raises `InvalidRecord` when they are no list of objects."""
    values = row.get("agencies")
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise InvalidRecord(f"agencies is no list of agencies: {str(values)[:80]!r}")
    return values


def name_of(agency: Row) -> str:
    """Return an agency's name, else the name as the document gives it."""
    return text(agency, "name") or text(agency, "raw_name")


def agency_of(row: Row) -> Agency:
    """Return the first agency a document is of: with its parent above it, or the first of its children below it."""
    agencies = agencies_of(row)
    if not agencies:
        return Agency()
    first = agencies[0]
    parents = [other for other in agencies if other.get("id") and other.get("id") == first.get("parent_id")]
    children = [other for other in agencies if first.get("id") and other.get("parent_id") == first.get("id")]
    if parents:
        return Agency(name=name_of(parents[0]), sub_name=name_of(first))
    return Agency(name=name_of(first), sub_name=name_of(children[0]) if children else "")
