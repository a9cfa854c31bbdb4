"""Reading the files of the federal AI use-case inventory: a CSV, as bytes, into one record per use case. Pure.

Facts: the header of `Data/2025_individually_reported_AI_use_cases.csv` (36 columns, 3,611 rows) and of
`Data/2025_consolidated_COTS_AI_use_cases.csv` (5 columns, 900 rows), and `Validation/data_dictionary.md`, all of
github.com/ombegov/2025-Federal-Agency-AI-Use-Case-Inventory; for 2024, `sources.ai_inventory.inventory_2024`. A
column that is
not known here is kept as it is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sources.ai_inventory import inventory_2024
from sources.ai_inventory.table import InventoryFile, Read, Row, digest, key_of, problem, read_table, row_of, told_apart
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
REPOSITORY = "ombegov/2025-Federal-Agency-AI-Use-Case-Inventory"
INDIVIDUAL = InventoryFile(
    year=YEAR, name="individual", repository=REPOSITORY, path="Data/2025_individually_reported_AI_use_cases.csv"
)
COMMERCIAL = InventoryFile(
    year=YEAR, name="commercial", repository=REPOSITORY, path="Data/2025_consolidated_COTS_AI_use_cases.csv"
)
FILES = (inventory_2024.CONSOLIDATED, INDIVIDUAL, COMMERCIAL)
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
    "hi_testing_conducted": "Tested before deployment",
    "hi_assessment_completed": "Impact assessment",
    "hi_potential_impacts": "Potential impacts",
    "hi_independent_review": "Independent review",
    "hi_ongoing_monitoring": "Monitored after deployment",
    "hi_training_established": "Training of operators",
    "hi_failsafe_presence": "Fail-safe",
    "hi_appeal_process": "Appeals",
    "hi_public_consultation": "Feedback from the public",
}
NO_VENDOR = frozenset(
    {
        "",
        "-",
        "in-house",
        "law enforcement sensitive (les)",
        "n/a",
        "na",
        "no vendor",
        "none",
        "not applicable",
        "not available",
        "tbd",
        "unknown",
    }
)
LEGAL_FORM = r"(?:Inc|Incorporated|L\.?L\.?C|L\.?L\.?P|L\.?P|Ltd|Limited|Corp|Corporation|Co|Company|PLC|PBC|GmbH)\b"
VENDOR_END = re.compile(rf"[;\n|]|,(?!\s*{LEGAL_FORM})", re.IGNORECASE)
# A comma may stand in an address (DHS-35), but none stands before another one.
BETWEEN_ADDRESSES = re.compile(r"[\s;|<>\"']+|,(?=\s|https?://)")
LIST_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"")
LONGEST_ID = 60


def read_inventory(document: Document, source: str) -> list[Publication | Problem]:
    """Return the use cases of one of the files, and problems for rows that could not be read.

    Raises:
        SourceChanged: it is none of the files (a web page ...), its required columns are not there, or it is cut off.
    """
    header, rows = read_table(document, source)
    year = YEAR
    if COMMERCIAL_COLUMNS.issubset(header):
        read_row = _commercial
    elif INDIVIDUAL_COLUMNS.issubset(header):
        read_row = _individual
    elif inventory_2024.COLUMNS.issubset(header):
        year, read_row = inventory_2024.CONSOLIDATED.year, inventory_2024.read_row
    else:
        missing = ", ".join(sorted(INDIVIDUAL_COLUMNS - set(header)))
        raise SourceChanged(source, document.url, f"no column {missing} in {excerpt(document.body)}")
    read: list[Read] = []
    problems: list[Publication | Problem] = []
    for number, cells in rows:
        try:
            found = read_row(row_of(header, cells, number), document, source)
        except InvalidRecord as error:
            problems.append(problem(year, digest(cells), str(error), document, source))
        else:
            read += [found] if found else []
    return [*told_apart(read, year, document, source), *problems]


def _individual(row: Row, document: Document, source: str) -> Read:
    """Read a row of the individually reported use cases. Raises `InvalidRecord`."""
    agency, name = row["agency"] or row.get("agency_name", ""), row["use_case_name"]
    if not agency or not name:
        raise InvalidRecord("a use case without its agency or without a name")
    identity = row["id"] if len(row["id"]) <= LONGEST_ID else digest([row["id"]])
    vendors = row["vendor_name"]
    stage = row.get("development_stage", "")
    record = Publication(
        key=key_of(YEAR, agency, identity or digest([agency, row["agency_bureau"], name])),
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
        url=INDIVIDUAL.page,
        revision=digest(row),
        state="retired" if stage.casefold().startswith("retired") else "",
        attachments=tuple(
            Attachment(title="Privacy impact assessment", url=url) for url in dict.fromkeys(_addresses(row["pia_url"]))
        ),
        facts=tuple(_facts(row)),
        documents=(document,),
    )
    return Read(record=record, tie=f"{row['agency_bureau']}\n{name}")


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


def _commercial(row: Row, document: Document, source: str) -> Read | None:
    """Read a row of the common commercial products; `None` where an agency has none in use. Raises `InvalidRecord`."""
    agency, name, product = row["Agency"], row["AI Use Case"], row[COMMERCIAL_PRODUCT]
    if not agency or not name:
        raise InvalidRecord("a use of a commercial product without its agency or without a name")
    if not product and row[COMMERCIAL_USE].casefold() in ("n", "no"):
        return None
    facts = [SourceFact(label=label, value=cell) for label, cell in row.items() if cell and label != "Agency"]
    record = Publication(
        key=key_of(YEAR, "COTS", digest([agency, name])),
        source=source,
        kind=PublicationKind.USE_CASE,
        type_text="AI use case, commercial product",
        title=" ".join(name.split()),
        description=f"Commercial products: {product}" if product else "",
        recipient=Recipient(name=""),
        awarding=Agency(name=agency),
        published=None,
        url=COMMERCIAL.page,
        revision=digest(row),
        facts=(SourceFact(label="Inventory", value=str(YEAR)), *facts),
        documents=(document,),
    )
    return Read(record=record, tie=product)
