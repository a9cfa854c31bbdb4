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
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from sources.errors import SourceChanged
from sources.reading import read_json
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
    unique = published >= NUMBERS_UNIQUE_SINCE.isoformat()
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
    return digest[:DIGITS] + json.dumps(sorted(phrases))


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
    """Read the rows of one document into a record, or into the problem that prevents it."""
    try:
        answers = [_rows_by_key(document, payload.source) for document in payload.documents]
        rows = [answer[payload.key] for answer in answers if payload.key in answer]
        return _publication(rows, payload)
    except (InvalidRecord, SourceChanged) as error:
        return Problem(source=payload.source, key=payload.key, reason=str(error), documents=payload.documents)


@lru_cache(maxsize=8)  # one answer tells of up to a thousand documents, which are read one by one
def _rows_by_key(document: Document, source: str) -> Mapping[str, Row]:
    """Return the rows of an answer. Raises `SourceChanged` or `InvalidRecord`."""
    results = read_json(document, source).get("results")
    rows = [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []
    return {document_key(row): row for row in rows}


def _publication(rows: Sequence[Row], payload: Payload) -> Publication:
    if not rows:
        raise InvalidRecord("no answer holds its row")
    row = rows[0]
    passages = dict.fromkeys(filter(None, map(passage, rows)))
    corrected = text(row, "correction_of").rpartition("/")[2].removesuffix(".json")
    published = _day(row, "publication_date")
    if published is None:
        raise InvalidRecord("publication_date is missing")
    closes = _day(row, "comments_close_on")
    return Publication(
        key=payload.key,
        source=payload.source,
        kind=PublicationKind.DOCUMENT,
        type_text=_required(row, "type"),
        title=_required(row, "title"),
        description="\n".join(filter(None, [text(row, "abstract"), *passages])),
        recipient=Recipient(name=""),
        awarding=_agency(row),
        published=published,
        url=_address(_required(row, "html_url")),
        revision=payload.revision,
        deadline=datetime.combine(closes, time(23, 59, 59), WASHINGTON).astimezone(UTC) if closes else None,
        corrects=f"correction of {corrected}" if corrected else "",
        attachments=tuple(
            Attachment(title="Official PDF", url=_address(url)) for url in filter(None, [text(row, "pdf_url")])
        ),
        facts=tuple(SourceFact(label=label, value=value) for label, value in _facts(row).items() if value),
        documents=payload.documents,
    )


def _facts(row: Row) -> dict[str, str]:
    effective = _day(row, "effective_on")
    return {
        "Document number": text(row, "document_number"),
        "Citation": text(row, "citation"),
        "Action": text(row, "action"),
        "Agencies": "; ".join(name for agency in _agencies(row) if (name := _name(agency))),
        "Dockets": _list(row, "docket_ids"),
        "Dates": text(row, "dates"),
        "Effective": effective.isoformat() if effective else "",
        "Regulation identifiers": _list(row, "regulation_id_numbers"),
        "Topics": _list(row, "topics"),
        "Corrected by": _list(row, "corrections"),
    }


def _required(row: Row, name: str) -> str:
    value = text(row, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def _address(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise InvalidRecord(f"not an address on the web: {value[:80]!r}")
    return value


def _day(row: Row, name: str) -> date | None:
    value = text(row, name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{name} is no date: {value[:40]!r}") from error


def _list(row: Row, name: str) -> str:
    values = row.get(name)
    if values is None:
        return ""
    if not isinstance(values, list):
        raise InvalidRecord(f"{name} is no list: {str(values)[:80]!r}")
    return "; ".join(text({name: value}, name) for value in values if value)


def _agencies(row: Row) -> list[Row]:
    values = row.get("agencies")
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise InvalidRecord(f"agencies is no list of agencies: {str(values)[:80]!r}")
    return values


def _name(agency: Row) -> str:
    return text(agency, "name") or text(agency, "raw_name")


def _agency(row: Row) -> Agency:
    """Return the first agency a document is of: with its parent above it, or the first of its children below it."""
    agencies = _agencies(row)
    if not agencies:
        return Agency()
    first = agencies[0]
    parents = [other for other in agencies if other.get("id") and other.get("id") == first.get("parent_id")]
    children = [other for other in agencies if first.get("id") and other.get("parent_id") == first.get("id")]
    if parents:
        return Agency(name=_name(parents[0]), sub_name=_name(first))
    return Agency(name=_name(first), sub_name=_name(children[0]) if children else "")
