"""Reading the files of the federal AI use-case inventory: a CSV, as bytes, into one record per use case. Pure.

Facts: the header of `Data/2025_individually_reported_AI_use_cases.csv` (36 columns, 3,611 rows) and of
`Data/2025_consolidated_COTS_AI_use_cases.csv` (5 columns), and `Validation/data_dictionary.md`, all of
github.com/ombegov/2025-Federal-Agency-AI-Use-Case-Inventory. A column that is not known here is told as it is found.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sources.errors import SourceChanged, excerpt
from sources.records import (
    Agency,
    Attachment,
    Document,
    InvalidRecord,
    Problem,
    Publication,
    PublicationKind,
    Recipient,
    SourceFact,
)

YEAR = 2025
REPOSITORY = "https://github.com/ombegov/2025-Federal-Agency-AI-Use-Case-Inventory"
INDIVIDUAL_FILE = "Data/2025_individually_reported_AI_use_cases.csv"
COMMERCIAL_FILE = "Data/2025_consolidated_COTS_AI_use_cases.csv"
INDIVIDUAL_COLUMNS = frozenset({"agency", "id", "use_case_name", "agency_bureau", "vendor_name", "has_pii", "pia_url"})
COMMERCIAL_USE, COMMERCIAL_PRODUCT = "Agency Use (Y/N)?", "Name of Commercial Product or Service Used"
COMMERCIAL_COLUMNS = frozenset({"Agency", "AI Use Case", COMMERCIAL_USE, COMMERCIAL_PRODUCT})
NARRATIVE = ("problem_solved", "benefits", "system_outputs")
# What has a field of its own in the record. The address is for the agency's correspondence, not for feeds.
TOLD_ELSEWHERE = frozenset({*NARRATIVE, "agency_name", "use_case_name", "agency_bureau", "contact_email"})
LABELS = {
    "agency": "Agency's abbreviation",
    "id": "Use case ID",
    "is_withheld": "Withheld",
    "development_stage": "Stage of development",
    "is_high_impact": "High impact",
    "HI_justification": "Justification",
    "topic_area": "Topic area",
    "operational_date": "Operational since",
    "contracting_usage": "Bought or built",
    "vendor_name": "Vendors",
    "have_ato": "Authorization to operate",
    "system_name_ato": "System",
    "data_description": "Data used",
    "link_to_data": "Open data",
    "has_pii": "Personally identifiable information",
    "pia_url": "Privacy impact assessment",
    "demographic_features": "Demographic features",
    "has_custom_code": "Custom code",
    "code_url": "Source code",
}
NO_VENDOR = frozenset({"", "n/a", "na", "none", "not applicable", "unknown", "tbd", "-", "in-house", "no vendor"})
LEGAL_FORM = r"(?:Inc|Incorporated|L\.?L\.?C|L\.?L\.?P|L\.?P|Ltd|Limited|Corp|Corporation|Co|Company|PLC|PBC|GmbH)\b"
VENDOR_END = re.compile(rf"[;\n|]|,(?!\s*{LEGAL_FORM})", re.IGNORECASE)
# A comma may stand in an address (DHS-35), but none stands before another one.
BETWEEN_ADDRESSES = re.compile(r"[\s;|<>\"']+|,(?=\s|https?://)")
LIST_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"")
NOT_IN_A_KEY = re.compile(r"[^A-Z0-9.]+")
LONGEST_ID = 60

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One row, read: `tie` tells it from another row of the same key."""

    record: Publication
    tie: str


def read_inventory(document: Document, source: str) -> list[Publication | Problem]:
    """Return the use cases of one of the two files, and problems for rows that could not be read.

    Raises:
        SourceChanged: it is neither file (a web page ...), its required columns are not there, or it is cut off.
    """
    header, rows = _table(document, source)
    if COMMERCIAL_COLUMNS.issubset(header):
        read_row = _commercial
    elif INDIVIDUAL_COLUMNS.issubset(header):
        read_row = _individual
    else:
        missing = ", ".join(sorted(INDIVIDUAL_COLUMNS - set(header)))
        raise SourceChanged(source, document.url, f"no column {missing} in {excerpt(document.body)}")
    read: list[_Read] = []
    problems: list[Publication | Problem] = []
    for number, cells in rows:
        try:
            found = read_row(_row(header, cells, number), document, source)
        except InvalidRecord as error:
            problems.append(_problem(_digest(cells), str(error), document, source))
        else:
            read += [found] if found else []
    return [*_told_apart(read, document, source), *problems]


def _table(document: Document, source: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and each row that holds anything with its number in the file."""
    if not document.body.endswith((b"\n", b"\r")):
        raise SourceChanged(source, document.url, f"a file that is cut off: {excerpt(document.body[-200:])}")
    text = document.body.decode("utf-8-sig", "replace").replace("\x00", "")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        table = [(number, [_clean(cell) for cell in cells]) for number, cells in enumerate(lines, 1)]
    except csv.Error as error:
        raise SourceChanged(source, document.url, f"not a whole table: {error}") from error
    header = table[0][1] if table else []
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise SourceChanged(source, document.url, f"columns that are there twice: {twice}")
    return header, [(number, cells) for number, cells in table[1:] if any(cells)]


def _row(header: Sequence[str], cells: Sequence[str], number: int) -> Row:
    """Return a row's cells by column. Raises `InvalidRecord`: one too few or too many may have shifted all the rest."""
    if len(cells) != len(header):
        raise InvalidRecord(f"row {number} has {len(cells)} cells, not {len(header)}")
    return dict(zip(header, cells, strict=True))


def _clean(cell: str) -> str:
    """Return a cell without what Excel left of its line ends, on one line per paragraph."""
    lines = (" ".join(line.split()) for line in cell.replace("_x000D_", "\n").splitlines())
    return "\n".join(line for line in lines if line)


def _digest(parts: Sequence[str] | Row) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _key(*parts: str) -> str:
    """Return a key made of parts, whatever stands in them."""
    safe = [NOT_IN_A_KEY.sub("-", part.upper()).strip("-") for part in parts]
    return "_".join(("AI_USE_CASE", str(YEAR), *safe))


def _problem(name: str, reason: str, document: Document, source: str) -> Problem:
    return Problem(source=source, key=_key("ROW", name), reason=reason, documents=(document,))


def _told_apart(read: Sequence[_Read], document: Document, source: str) -> Iterator[Publication | Problem]:
    """Give each record a key of its own: agencies may leave the ID out or use one for two use cases."""
    times = Counter(row.record.key for row in read)
    given: dict[str, str] = {}
    for row in read:
        record = row.record
        if times[record.key] > 1:
            record = replace(record, key=f"{record.key}_{_digest([row.tie])}")
        if record.key not in given:
            given[record.key] = record.revision
            yield record
        elif given[record.key] != record.revision:
            yield _problem(record.revision, f"a second row for {record.key}", document, source)


def _individual(row: Row, document: Document, source: str) -> _Read:
    """Read a row of the individually reported use cases. Raises `InvalidRecord`."""
    agency, name = row["agency"] or row.get("agency_name", ""), row["use_case_name"]
    if not agency or not name:
        raise InvalidRecord("a use case without its agency or without a name")
    identity = row["id"] if len(row["id"]) <= LONGEST_ID else _digest([row["id"]])
    vendors = row["vendor_name"]
    stage = row.get("development_stage", "")
    record = Publication(
        key=_key(agency, identity or _digest([agency, row["agency_bureau"], name])),
        source=source,
        kind=PublicationKind.USE_CASE,
        type_text="AI use case",
        title=" ".join(name.split()),
        description="\n".join(
            filter(None, [*(row.get(column, "") for column in NARRATIVE), f"Vendors: {vendors}" if vendors else ""])
        ),
        recipient=Recipient(name=_first_vendor(vendors)),
        awarding=Agency(name=row.get("agency_name") or agency, sub_name=row["agency_bureau"]),
        published=None,
        url=f"{REPOSITORY}/blob/main/{INDIVIDUAL_FILE}",
        revision=_digest(row),
        state="retired" if stage.casefold().startswith("retired") else "",
        attachments=tuple(
            Attachment(title="Privacy impact assessment", url=url) for url in dict.fromkeys(_addresses(row["pia_url"]))
        ),
        facts=tuple(_facts(row)),
        documents=(document,),
    )
    return _Read(record=record, tie=f"{row['agency_bureau']}\n{name}")


def _facts(row: Row) -> Iterator[SourceFact]:
    yield SourceFact(label="Inventory", value=str(YEAR))
    for name, cell in row.items():
        value = _list_in(cell)
        if value and name not in TOLD_ELSEWHERE:
            yield SourceFact(label=LABELS.get(name) or name.replace("_", " ").capitalize(), value=value)


def _addresses(cell: str) -> Iterator[str]:
    """Return the web addresses among the words of a cell."""
    for word in BETWEEN_ADDRESSES.split(cell):
        start = word.find("http")
        if word[start:].startswith(("https://", "http://")):
            yield word[start:].rstrip(".,)]")


def _list_in(cell: str) -> str:
    """Return a cell; the list that it may hold, written as Python does, as words."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return cell
    items = [single or double for single, double in LIST_ITEM.findall(cell)]
    return "; ".join(items) if items or cell == "[]" else cell


def _first_vendor(vendors: str) -> str:
    """Return the first vendor a cell names, "" when it names none."""
    first = VENDOR_END.split(vendors, maxsplit=1)[0].strip()
    return "" if first.casefold() in NO_VENDOR or first.casefold().startswith("redacted") else first


def _commercial(row: Row, document: Document, source: str) -> _Read | None:
    """Read a row of the common commercial products; `None` where an agency has none in use. Raises `InvalidRecord`."""
    agency, name, product = row["Agency"], row["AI Use Case"], row[COMMERCIAL_PRODUCT]
    if not agency or not name:
        raise InvalidRecord("a use of a commercial product without its agency or without a name")
    if not product and row[COMMERCIAL_USE].casefold() in ("n", "no"):
        return None
    facts = [SourceFact(label=label, value=cell) for label, cell in row.items() if cell and label != "Agency"]
    record = Publication(
        key=_key("COTS", _digest([agency, name])),
        source=source,
        kind=PublicationKind.USE_CASE,
        type_text="AI use case, commercial product",
        title=" ".join(name.split()),
        description=f"Commercial products: {product}" if product else "",
        recipient=Recipient(name=""),
        awarding=Agency(name=agency),
        published=None,
        url=f"{REPOSITORY}/blob/main/{COMMERCIAL_FILE}",
        revision=_digest(row),
        facts=(SourceFact(label="Inventory", value=str(YEAR)), *facts),
        documents=(document,),
    )
    return _Read(record=record, tie=product)
