"""Extracts of contract actions: CSV files, one action a row, plain or gzipped, and the awards that the rows make up.

The columns are those of USAspending's transaction search (`COLUMNS`); further ones are used where present (`OPTIONAL`).
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO

from sources.records import CENT, Agency, Award, AwardCategory, ContractAction, Recipient

Facts = Mapping[str, str]

COLUMNS = {
    "award_key": "Generated Award ID",
    "piid": "Award ID",
    "modification": "Modification",
    "action_date": "Action Date",
    "agency": "Agency",
    "recipient_name": "Recipient Name",
    "description": "Transaction Description",
    "psc_text": "Product/Service Description",
    "naics_text": "NAICS Description",
    "obligation": "Federal Action Obligation",
}
REQUIRED = ("award_key", "modification", "action_date", "recipient_name", "description")
# Other names of these columns are recognized without regard to case, spaces and punctuation.
OPTIONAL = {
    "psc": ("PSC Code", "PSC", "Product/Service Code", "Product or Service Code"),
    "naics": ("NAICS Code", "NAICS"),
    "recipient_uei": ("Recipient UEI", "UEI"),
    "recipient_cage": ("CAGE Code", "CAGE", "Recipient CAGE"),
    "parent_name": ("Recipient Parent Name", "Parent Name", "Parent Recipient Name", "Parent"),
    "parent_uei": ("Recipient Parent UEI", "Parent UEI"),
    "office": ("Awarding Office Name", "Awarding Office", "Contracting Office", "Office", "Office Name"),
    "funding_office": ("Funding Office Name", "Funding Office"),
    "solicitation": ("Solicitation Identifier", "Solicitation ID", "Solicitation"),
    "parent_piid": ("Parent Award ID PIID", "Parent Award ID", "Parent PIID"),
}


class UnreadableFile(ValueError):
    """The file is not a CSV with the required columns."""


def csv_rows(file: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, plain or gzipped, in UTF-8 with or without a byte-order mark, cells stripped."""
    opener: Callable[..., IO[str]] = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as lines:
        for row in csv.DictReader(lines):
            yield {name.strip(): (value or "").strip() for name, value in row.items() if name is not None}


def read_extract(file: Path, problems: Counter[str] | None = None) -> Iterator[Facts]:
    """Yield the actions of an extract as facts, all as text, each distinct row once.

    Rows without an award key or a readable date are left out, and counted in `problems`.

    Raises:
        UnreadableFile: a required column is missing.
    """
    counts = Counter[str]() if problems is None else problems
    seen = set()
    columns: dict[str, str] = {}
    for row in csv_rows(file):
        columns = columns or _columns(row, file)
        facts = {field: row[column] for field, column in columns.items()}
        distinct = tuple(facts.values())
        day = as_day(facts["action_date"])
        if distinct in seen:
            counts["rows repeated"] += 1
        elif not facts["award_key"] or day is None:
            counts["rows without award key or date"] += 1
        else:
            seen.add(distinct)
            yield {**facts, "action_date": day.isoformat()}


def _columns(row: Mapping[str, str], file: Path) -> dict[str, str]:
    """Return field -> column of a file with these columns."""
    known = {_letters(column): column for column in row}
    wanted = {field: (column,) for field, column in COLUMNS.items()} | OPTIONAL
    found = {
        field: known[_letters(name)]
        for field, names in wanted.items()
        for name in reversed(names)
        if _letters(name) in known
    }
    if missing := [COLUMNS[field] for field in REQUIRED if field not in found]:
        raise UnreadableFile(f"{file}: no column {', '.join(missing)}")
    return found


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def as_day(written: str) -> date | None:
    """Return a date written as 2024-09-30, with or without a time after it, or as 9/30/2024; `None` for other text."""
    american = re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})\b", written)
    try:
        return date(*(int(american[part]) for part in (3, 1, 2))) if american else date.fromisoformat(written[:10])
    except ValueError:
        return None


def as_amount(written: str) -> Decimal | None:
    """Return dollars written with or without $ and commas, in parentheses if negative; `None` if it is no amount."""
    plain = re.sub(r"[$,\s]", "", written)
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    try:
        return Decimal(plain).quantize(CENT)
    except InvalidOperation:
        return None


def action_key(facts: Facts) -> str:
    """Return what identifies an action: award key, modification and date."""
    return f"{facts['award_key']}/{facts['modification']}/{facts['action_date']}"


def awards_of(rows: Iterable[Facts]) -> Iterator[Award]:
    """Give the awards that rows of actions make up; the rows of an award need not stand together.

    The award's description is that of the first action in the file: USAspending shows the base action's, and most
    files begin with it.
    """
    grouped: dict[str, list[Facts]] = {}
    for row in rows:
        grouped.setdefault(row["award_key"], []).append(row)
    for key, actions in grouped.items():
        yield _award(key, sorted(actions, key=lambda row: (row["action_date"], row["modification"])))


def _award(key: str, rows: list[Facts]) -> Award:
    latest = rows[-1]
    recipient = Recipient(
        name=latest["recipient_name"],
        uei=latest.get("recipient_uei", ""),
        cage=latest.get("recipient_cage", ""),
        parent_name=latest.get("parent_name", ""),
        parent_uei=latest.get("parent_uei", ""),
    )
    return Award(
        key=key,
        source="usaspending",
        revision="",
        category=AwardCategory.CONTRACT,
        type_text="",
        piid=latest.get("piid", ""),
        parent_piid=latest.get("parent_piid", ""),
        parent_key="",
        description=rows[0]["description"],
        recipient=recipient,
        awarding=Agency(sub_name=latest.get("agency", ""), office=latest.get("office", "")),
        funding=Agency(office=latest.get("funding_office", "")),
        obligated=None,
        exercised=None,
        ceiling=None,
        signed=None,
        starts=None,
        ends=None,
        may_end=None,
        modified=None,
        psc=latest.get("psc", ""),
        psc_text=latest.get("psc_text", ""),
        naics=latest.get("naics", ""),
        naics_text=latest.get("naics_text", ""),
        solicitation=latest.get("solicitation", ""),
        extent_competed="",
        place="",
        url="",
        actions=tuple(_action(row) for row in rows),
        documents=(),
    )


def _action(facts: Facts) -> ContractAction:
    return ContractAction(
        key=action_key(facts),
        modification=facts["modification"],
        signed=date.fromisoformat(facts["action_date"]),
        obligation=as_amount(facts.get("obligation", "")),
        description=facts["description"],
    )
