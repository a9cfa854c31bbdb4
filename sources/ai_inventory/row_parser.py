"""Reading the files of the federal AI use-case inventory: CSV bytes into one record per use case. Pure.

Facts: the headers of the three files of `FILES` (62 columns and 2,133 rows in 2024, in windows-1252; 36 columns and
3,611 rows, 5 columns and 900 rows in 2025), and the data dictionaries in the `validation` folders of both repositories.
The columns of 2024 are questions to agencies. None of them asks for vendors, which appear in names, systems and
contracts. An unknown column becomes a detail under its own name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sources.ai_inventory.contract_numbers import read_contract_numbers
from sources.ai_inventory.table import Row, digest, key_of, problem, read_table, row_of, with_unique_keys
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
LABELS: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("labels.toml").read_text("utf-8"))
NO_VENDOR = frozenset(
    {"", "-", "in-house", "law enforcement sensitive (les)", "n/a", "na", "no vendor", "none"}
    | {"not applicable", "not available", "tbd", "unknown"}
)
LEGAL_FORM = r"(?:Inc|Incorporated|L\.?L\.?C|L\.?L\.?P|L\.?P|Ltd|Limited|Corp|Corporation|Co|Company|PLC|PBC|GmbH)\b"
VENDOR_END = re.compile(rf"[;\n|]|,(?!\s*{LEGAL_FORM})", re.IGNORECASE)
# A comma may stand in an address (DHS-35), but none stands before another one.
BETWEEN_ADDRESSES = re.compile(r"[\s;|<>\"']+|,(?=\s|https?://)")
LIST_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"")
MAX_ID_LENGTH = 60
NARRATIVE = ("problem_solved", "benefits", "system_outputs")
COMMERCIAL_USE, PRODUCT = "Agency Use (Y/N)?", "Name of Commercial Product or Service Used"
NAME, AGENCY, ABBREVIATION, BUREAU = "Use Case Name", "Agency", "Agency Abbreviation", "Bureau"
PURPOSE = "What is the intended purpose and expected benefits of the AI?"
OUTPUTS, STAGE, SYSTEM = "Describe the AI system's outputs.", "Stage of Development", "System Name"
CONTRACTS = "Provide the Procurement Instrument Identifier(s) (PIID) of the contract(s) used."


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryFile:
    """A file of the inventory: its year, its repository on GitHub, its path there, and the columns it must have.

    `fields` are columns that have a field of their own in the record, or are not for feeds: they become no facts.
    `blank` are the words, in lower case, of a cell that says nothing.
    """

    year: int
    name: str
    repository: str
    path: str
    columns: frozenset[str]
    fields: frozenset[str]
    blank: frozenset[str] = frozenset({""})

    @property
    def address(self) -> str:
        """Where its bytes are, below raw.githubusercontent.com."""
        return f"/{self.repository}/main/{self.path}"

    @property
    def page(self) -> str:
        """Where a reader finds it."""
        return f"https://github.com/{self.repository}/blob/main/{self.path}"

    def says(self, cell: str) -> bool:
        """Whether a cell says anything."""
        return cell.casefold().strip(" .") not in self.blank

    def facts(self, row: Row) -> tuple[SourceFact, ...]:
        """Return what has no field of its own, labeled for readers."""
        shown = [(self._label(column), cell) for column, cell in row.items() if column not in self.fields]
        facts = (SourceFact(label=label, value=_words_of_list(cell)) for label, cell in shown if self.says(cell))
        return (SourceFact(label="Inventory", value=str(self.year)), *(fact for fact in facts if fact.value))

    def _label(self, column: str) -> str:
        if self is COMMERCIAL:
            return column
        if self is INDIVIDUAL:
            return LABELS["2025"].get(column) or column.replace("_", " ").capitalize()
        question, _, explanation = column.partition(" - ")
        label = next((label for begin, label in LABELS["2024"].items() if question.startswith(begin)), question)
        return f"{label}, explained" if explanation else label


CONSOLIDATED = InventoryFile(
    year=2024,
    name="consolidated",
    repository="ombegov/2024-Federal-AI-Use-Case-Inventory",
    path="data/2024_consolidated_ai_inventory_raw_v2.csv",
    columns=frozenset({NAME, AGENCY, ABBREVIATION, BUREAU, PURPOSE, OUTPUTS, STAGE, CONTRACTS, SYSTEM}),
    fields=frozenset({NAME, AGENCY, BUREAU, PURPOSE, OUTPUTS}),
    blank=frozenset({"", "n/a", "na"}),
)
INDIVIDUAL = InventoryFile(
    year=YEAR,
    name="individual",
    repository="ombegov/2025-Federal-Agency-AI-Use-Case-Inventory",
    path="Data/2025_individually_reported_AI_use_cases.csv",
    columns=frozenset({"agency", "id", "use_case_name", "agency_bureau", "vendor_name", "has_pii", "pia_url"}),
    fields=frozenset({*NARRATIVE, "agency_name", "use_case_name", "agency_bureau", "contact_email"}),
)
COMMERCIAL = InventoryFile(
    year=YEAR,
    name="commercial",
    repository=INDIVIDUAL.repository,
    path="Data/2025_consolidated_COTS_AI_use_cases.csv",
    columns=frozenset({"Agency", "AI Use Case", COMMERCIAL_USE, PRODUCT}),
    fields=frozenset({"Agency"}),
)
FILES = (CONSOLIDATED, INDIVIDUAL, COMMERCIAL)


def read_inventory(document: Document, source: str) -> list[Publication | Problem]:
    """Return the use cases of one of the files, and problems for rows that could not be read.

    Raises:
        SourceChanged: it is none of the files (a web page ...), its required columns are not there, or it is cut off.
    """
    header, rows = read_table(document, source)
    file = next((file for file in FILES if file.columns.issubset(header)), None)
    if file is None:
        missing = ", ".join(sorted(INDIVIDUAL.columns - set(header)))
        raise SourceChanged(source, document.url, f"no column {missing} in {excerpt(document.body)}")
    read: list[tuple[Publication, str]] = []
    problems: list[Problem] = []
    for number, cells in rows:
        try:
            row = row_of(header, cells, number)
            if file is COMMERCIAL and not row[PRODUCT] and row[COMMERCIAL_USE].casefold() in ("n", "no"):
                continue  # the agency does not use such a product
            record, tie = READERS[file.name](row)
        except InvalidRecord as error:
            problems.append(problem(file.year, digest(cells), str(error), document, source))
        else:
            read.append((replace(record, source=source, revision=digest(row), documents=(document,)), tie))
    return [*with_unique_keys(read, file.year), *problems]


def _use_case(
    file: InventoryFile, row: Row, *, key: Sequence[str], title: str, agency: Agency, description: Iterable[str]
) -> Publication:
    """Return the fields that the records of all files have in common. Raises `InvalidRecord`."""
    if not agency.name or not title:
        raise InvalidRecord("a use case without its agency or without a name")
    return Publication(
        key=key_of(file.year, *key),
        source="",
        kind=PublicationKind.USE_CASE,
        type_text="AI use case",
        title=" ".join(title.split()),
        description="\n".join(filter(None, description)),
        recipient=Recipient(name=""),
        awarding=agency,
        published=None,
        url=file.page,
        facts=file.facts(row),
    )


def _consolidated(row: Row) -> tuple[Publication, str]:
    """Read a row of 2024."""
    agency, name = row[AGENCY] or row[ABBREVIATION], " ".join(row[NAME].split())
    contracts = "" if "@" in row[CONTRACTS] else row[CONTRACTS]  # one agency named a person, with telephone
    numbers = read_contract_numbers(contracts)
    mentioned = {"System": row[SYSTEM], "Contracts": contracts}
    stated = (f"{label}: {cell}" for label, cell in mentioned.items() if CONSOLIDATED.says(cell))
    record = _use_case(
        CONSOLIDATED,
        {**row, CONTRACTS: contracts},
        key=(row[ABBREVIATION] or agency, digest([agency, row[BUREAU], name])),
        title=name,
        agency=Agency(name=agency, sub_name=row[BUREAU]),
        description=(row[PURPOSE], row[OUTPUTS], *stated),
    )
    others = SourceFact(label="Other contract numbers", value=", ".join(numbers.others))
    record = replace(
        record,
        piid=numbers.piid,
        parent_piid=numbers.parent,
        modification=numbers.modification,
        solicitation=numbers.solicitation,
        state=_state(row[STAGE]),
        facts=(*record.facts, others) if others.value else record.facts,
    )
    return record, digest(row)


def _individual(row: Row) -> tuple[Publication, str]:
    """Read a row of the individually reported use cases of 2025."""
    agency, name, bureau = row["agency"] or row.get("agency_name", ""), row["use_case_name"], row["agency_bureau"]
    identity = row["id"] if len(row["id"]) <= MAX_ID_LENGTH else digest([row["id"]])
    vendors, assessments = row["vendor_name"], dict.fromkeys(_addresses(row["pia_url"]))
    record = _use_case(
        INDIVIDUAL,
        row,
        key=(agency, identity or digest([agency, bureau, name])),
        title=name,
        agency=Agency(name=row.get("agency_name") or agency, sub_name=bureau),
        description=[*(row.get(column, "") for column in NARRATIVE), f"Vendors: {vendors}" if vendors else ""],
    )
    record = replace(
        record,
        recipient=Recipient(name=_first_vendor(vendors)),
        state=_state(row.get("development_stage", "")),
        attachments=tuple(Attachment(title="Privacy impact assessment", url=url) for url in assessments),
    )
    return record, f"{bureau}\n{name}"


def _commercial(row: Row) -> tuple[Publication, str]:
    """Read a row of the common commercial products of 2025."""
    agency, name, product = row["Agency"], row["AI Use Case"], row[PRODUCT]
    stated = [f"Commercial products: {product}" if product else ""]
    key = ("COTS", digest([agency, name]))
    record = _use_case(COMMERCIAL, row, key=key, title=name, agency=Agency(name=agency), description=stated)
    return replace(record, type_text="AI use case, commercial product"), product


READERS: Mapping[str, Callable[[Row], tuple[Publication, str]]] = {
    "consolidated": _consolidated,
    "individual": _individual,
    "commercial": _commercial,
}


def _state(stage: str) -> str:
    return "retired" if stage.casefold().startswith("retired") else ""


def _addresses(cell: str) -> Iterator[str]:
    """Return the web addresses in a cell."""
    for word in BETWEEN_ADDRESSES.split(cell):
        start = word.find("http")
        if word[start:].startswith(("https://", "http://")):
            yield word[start:].rstrip(".,)]")


def _words_of_list(cell: str) -> str:
    """Return a cell; a list in Python's notation as words."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return cell
    items = [single or double for single, double in LIST_ITEM.findall(cell)]
    return "; ".join(items) if items or cell == "[]" else cell


def _first_vendor(vendors: str) -> str:
    """Return the first vendor a cell names, "" when it names none."""
    first = VENDOR_END.split(vendors, maxsplit=1)[0].strip()
    return "" if first.casefold() in NO_VENDOR or first.casefold().startswith("redacted") else first
