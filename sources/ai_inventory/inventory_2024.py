"""Rows of the federal AI use-case inventory of 2024, which names contracts by their numbers. Pure.

Facts: `data/2024_consolidated_ai_inventory_raw_v2.csv` (62 columns, 2,133 rows, windows-1252; its first version has 376
rows less) and `validation/data_dictionary.yaml` of github.com/ombegov/2024-Federal-AI-Use-Case-Inventory. Its columns
are the questions that agencies were asked. There is no column for vendors: they stand in names, systems and contracts.
"""

from __future__ import annotations

from collections.abc import Iterator

from sources.ai_inventory.numbers import Numbers, read_numbers
from sources.ai_inventory.table import InventoryFile, Read, Row, digest, key_of
from sources.records import Agency, Document, InvalidRecord, Publication, PublicationKind, Recipient, SourceFact

CONSOLIDATED = InventoryFile(
    year=2024,
    name="consolidated",
    repository="ombegov/2024-Federal-AI-Use-Case-Inventory",
    path="data/2024_consolidated_ai_inventory_raw_v2.csv",
)
NAME, AGENCY, ABBREVIATION, BUREAU = "Use Case Name", "Agency", "Agency Abbreviation", "Bureau"
PURPOSE = "What is the intended purpose and expected benefits of the AI?"
OUTPUTS = "Describe the AI system's outputs."
STAGE = "Stage of Development"
CONTRACTS = "Provide the Procurement Instrument Identifier(s) (PIID) of the contract(s) used."
SYSTEM = "System Name"
COLUMNS = frozenset({NAME, AGENCY, ABBREVIATION, BUREAU, PURPOSE, OUTPUTS, STAGE, CONTRACTS, SYSTEM})
TOLD_ELSEWHERE = frozenset({NAME, AGENCY, BUREAU, PURPOSE, OUTPUTS})
NOTHING = frozenset({"", "n/a", "na"})
# What each question asks, by how it begins.
LABELS = {
    ABBREVIATION: "Agency's abbreviation",
    "Use Case Topic Area": "Topic area",
    "Other (Use Case Topic Area)": "Topic area, other",
    "Is the AI use case found in the below list of general commercial": "Common commercial product",
    STAGE: "Stage of development",
    "Is the AI use case rights-impacting": "Rights-impacting or safety-impacting",
    "Date Initiated": "Initiated",
    "Date when Acquisition and/or Development began": "Acquisition or development began",
    "Date Implemented": "Implemented",
    "Date Retired": "Retired",
    "Was the AI system involved in this use case developed": "Bought or built",
    CONTRACTS: "Contracts as reported",
    "Is this AI use case supporting a High-Impact Service Provider": "Supports a High-Impact Service Provider",
    "Which HISP is": "High-Impact Service Provider",
    "Which public-facing service": "Public-facing service",
    "Does this AI use case disseminate information": "Gives information to the public",
    "How is the agency ensuring compliance with Information Quality": "Information Quality Act",
    "Does this AI use case involve personally identifiable": "Personally identifiable information",
    "Has the Senior Agency Official for Privacy": "Privacy risks assessed",
    "Do you have access to an enterprise data catalog": "Data catalog",
    "Describe any agency-owned data": "Data used",
    "Is there available documentation for the model training": "Documentation of the data",
    "Which, if any, demographic variables": "Demographic features",
    "Does this project include custom-developed code": "Custom code",
    "Does the agency have access to the code": "Access to the code",
    "If the code is open-source": "Source code",
    "Does this AI use case have an associated Authority to Operate": "Authorization to operate",
    SYSTEM: "System",
    "How long have you waited": "Wait for developer tools",
    "For this AI use case, is the required IT infrastructure": "Infrastructure provisioned centrally",
    "Do you have a process in place to request access": "Computing resources can be requested",
    "Has communication regarding the provisioning": "Resources provisioned in time",
    "How are existing data science tools": "Tools and data used again",
    "Has information regarding the AI use case": "Open to review in the agency",
    "Has your agency requested an extension": "Extension for minimum practices",
    "Has an AI impact assessment": "Impact assessment",
    "Has the AI use case been tested": "Tested in operation",
    "What are the key risks": "Key risks",
    "Has an independent evaluation": "Independent evaluation",
    "Is there a process to monitor": "Monitored after deployment",
    "For this particular use case, can the AI carry out": "Acts without direct human involvement",
    "How is the agency providing reasonable and timely notice": "Notice to people affected",
    "Is the AI used to significantly influence": "Influences decisions about people",
    "What steps has the agency taken to detect": "Disparities between groups",
    "What steps has the agency taken to consult": "Feedback from groups affected",
    "Is there an established fallback": "Appeals",
    "Where practicable and consistent": "Opt-out in favor of a human",
}


def read_row(row: Row, document: Document, source: str) -> Read:
    """Read a row. Raises `InvalidRecord` when it names no agency or no use case."""
    agency, name, system = row[AGENCY] or row[ABBREVIATION], " ".join(row[NAME].split()), row[SYSTEM]
    if not agency or not name:
        raise InvalidRecord("a use case without its agency or without a name")
    contracts = "" if "@" in row[CONTRACTS] else row[CONTRACTS]  # one agency named a person, with telephone
    numbers = read_numbers(contracts)
    told = (
        row[PURPOSE],
        row[OUTPUTS],
        f"System: {system}" if _says_something(system) else "",
        f"Contracts: {contracts}" if _says_something(contracts) else "",
    )
    record = Publication(
        key=key_of(CONSOLIDATED.year, row[ABBREVIATION] or agency, digest([agency, row[BUREAU], name])),
        source=source,
        kind=PublicationKind.USE_CASE,
        type_text="AI use case",
        title=name,
        description="\n".join(filter(None, told)),
        recipient=Recipient(name=""),
        awarding=Agency(name=agency, sub_name=row[BUREAU]),
        published=None,
        url=CONSOLIDATED.page,
        revision=digest(row),
        piid=numbers.piid,
        parent_piid=numbers.parent,
        modification=numbers.modification,
        solicitation=numbers.solicitation,
        state="retired" if row[STAGE].casefold().startswith("retired") else "",
        facts=tuple(_facts({**row, CONTRACTS: contracts}, numbers)),
        documents=(document,),
    )
    return Read(record=record, tie=digest(row))


def _facts(row: Row, numbers: Numbers) -> Iterator[SourceFact]:
    yield SourceFact(label="Inventory", value=str(CONSOLIDATED.year))
    for question, answer in row.items():
        if question not in TOLD_ELSEWHERE and _says_something(answer):
            yield SourceFact(label=_label(question), value=answer)
    if numbers.others:
        yield SourceFact(label="Other contract numbers", value=", ".join(numbers.others))


def _label(question: str) -> str:
    asked, _, explained = question.partition(" - ")
    label = next((label for begin, label in LABELS.items() if asked.startswith(begin)), asked)
    return f"{label}, explained" if explained else label


def _says_something(answer: str) -> bool:
    return answer.casefold().strip(" .") not in NOTHING
