"""Write and read the watchlist as CSV for spreadsheets; a round trip changes nothing.

One row is one entry. " | " separates several values in a cell; a backslash escapes a bar or backslash in a value.
A name's years and portfolio follow in brackets: "TASER INTERNATIONAL, INC. [-2017]", "AVIGILON [2018-, mixed]". Each
strength of phrases has a column; what else is listed of a phrase follows in brackets: "COVERT [near CAMERA, VIDEO; not
searched]". So does the strength of a code: "1550 UNMANNED AIRCRAFT [medium]". A cell that a spreadsheet would run as a
formula starts with a quote.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from monitors.watchlist.loader import read_entry, unique
from monitors.watchlist.model import NAME_FIELDS, TEXT_FIELDS, Kind, KnownName, Product, Strength, Vendor
from monitors.watchlist.yaml_reader import Place, read_bytes, unknown

PHRASE_COLUMNS = {f"{strength.value}_phrases": strength for strength in Strength}
CODES = "codes"
_PLAIN = ("id", "kind", "name", "category", "evidence", "portfolio")
COLUMNS = (*_PLAIN, *NAME_FIELDS, *TEXT_FIELDS[:2], *PHRASE_COLUMNS, CODES, *TEXT_FIELDS[2:], "note")
NOT_SEARCHED = "not searched"
MAX_ENTRIES = 5_000  # as many as the file that they are written to can have
# How a formula starts in a spreadsheet (OWASP, CSV injection), with full-width forms.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_KNOWN = re.compile(r"(?P<name>.*?)\s*\[(?:(?P<since>\d{4})?-(?P<until>\d{4})?)?(?:, )?(?P<portfolio>[a-z]+)?\]")
_MARKED = re.compile(
    r"(?P<phrase>.*?)\s*\[(?:near (?P<near>[^\[\];]+))?(?:; )?(?P<portfolio>[a-z]+)??(?:; )?(?P<mark>not searched)?\]"
)
_CODE = re.compile(r"(?P<code>\S+)\s+(?P<name>.*?)\s*\[(?P<strength>\w+)\]")


def write_spreadsheet(vendors: Iterable[Vendor]) -> str:
    """Return entries as CSV, with a header."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for vendor in vendors:
        writer.writerow({column: _escape_formula(cell) for column, cell in _cells(vendor).items()})
    return out.getvalue()


def read_spreadsheet(file: Path, categories: Mapping[str, str]) -> list[tuple[Vendor, Place]]:
    """Return the entries of a CSV file, each with its first line. Columns may be in any order, and missing.

    Raises:
        WatchlistError: the first thing that is wrong, with file and line.
    """
    place = Place(file.name)
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise place.error("not UTF-8 text; save it as CSV UTF-8") from error
    rows = list(islice(_rows(text, place), MAX_ENTRIES + 1))
    if len(rows) > MAX_ENTRIES:
        raise place.error(f"more than {MAX_ENTRIES:,} entries; a watchlist of so many is not supported")
    return unique(read_entry(_entry(row), Place(place.file, line), categories) for line, row in rows)


def _rows(text: str, place: Place) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row as its first line and its cells by column, without empty cells."""
    first_line = text.partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=first_line.count)  # in many countries spreadsheets write semicolons
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
        _check_header(header, place)
        line = reader.line_num + 1
        for row in reader:
            cells = {name: _unescape_formula(cell) for name, cell in zip(header, row, strict=False) if cell.strip()}
            if any(cell.strip() for cell in row[len(header) :]):
                raise Place(place.file, line).error("the row has more cells than the header has columns")
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise Place(place.file, reader.line_num).error(f"not CSV: {error}") from error


def _check_header(header: list[str], place: Place) -> None:
    place = Place(place.file, 1)
    if not header:
        raise place.error("empty")
    for name in header:
        if name not in COLUMNS:
            raise place.error(unknown("column", name, COLUMNS))
        if header.count(name) > 1:
            raise place.error(f'column "{name}" is given twice')


def _entry(row: Mapping[str, str]) -> dict[str, object]:
    """Return a row as an entry's fields, as YAML would give them."""
    entry: dict[str, object] = {name: row[name] for name in (*_PLAIN, "note") if name in row}
    entry |= {name: _split(row.get(name, "")) for name in TEXT_FIELDS}
    entry |= {name: [_name_of(cell) for cell in _split(row.get(name, ""))] for name in NAME_FIELDS}
    phrases = ((cell, strength) for name, strength in PHRASE_COLUMNS.items() for cell in _split(row.get(name, "")))
    codes = (_CODE.fullmatch(cell) or {"code": cell} for cell in _split(row.get(CODES, "")))
    entry[CODES] = [code if isinstance(code, dict) else code.groupdict() for code in codes]
    return {**entry, "products": [_phrase_of(cell, strength) for cell, strength in phrases]}


def _cells(vendor: Vendor) -> dict[str, str]:
    cells = {name: str(getattr(vendor, name)) for name in (*_PLAIN, "note")}
    if vendor.kind is Kind.TOPIC:
        cells["portfolio"] = ""
    cells |= {name: _join(map(name_text, getattr(vendor, name))) for name in NAME_FIELDS}
    cells |= {name: _join(getattr(vendor, name)) for name in TEXT_FIELDS}
    for column, strength in PHRASE_COLUMNS.items():
        cells[column] = _join(_phrase_text(product) for product in vendor.products if product.strength is strength)
    cells[CODES] = _join(f"{code.code} {code.name} [{code.strength}]" for code in vendor.codes)
    return cells


def name_text(known: KnownName) -> str:
    """Return a name with its years and portfolio in brackets."""
    years = f"{known.since or ''}-{known.until or ''}" if known.since or known.until else ""
    said = ", ".join(part for part in (years, known.portfolio or "") if part)
    return f"{known.name} [{said}]" if said or _KNOWN.fullmatch(known.name) else known.name


def _name_of(cell: str) -> str | dict[str, str]:
    found = _KNOWN.fullmatch(cell)
    if not found:
        return cell
    parts = {"name": found["name"], "from": found["since"], "until": found["until"], "portfolio": found["portfolio"]}
    return {field: value for field, value in parts.items() if value}


def _phrase_text(product: Product) -> str:
    marks = [f"near {', '.join(product.near)}"] if product.near else []
    marks += [product.portfolio] if product.portfolio else []
    marks += [] if product.search else [NOT_SEARCHED]
    return f"{product.phrase} [{'; '.join(marks)}]" if marks or _MARKED.fullmatch(product.phrase) else product.phrase


def _phrase_of(cell: str, strength: Strength) -> dict[str, object]:
    found = _MARKED.fullmatch(cell)
    phrase: dict[str, object] = {"phrase": found["phrase"] if found else cell, "strength": strength.value}
    if found and found["near"]:
        phrase["near"] = [word.strip() for word in found["near"].split(",")]
    if found and found["portfolio"]:
        phrase["portfolio"] = found["portfolio"]
    return {**phrase, "search": False} if found and found["mark"] else phrase


def _join(values: Iterable[str]) -> str:
    return " | ".join(value.replace("\\", "\\\\").replace("|", "\\|") for value in values)


def _split(cell: str) -> list[str]:
    values = re.findall(r"(?:\\.|[^|\\]|\\$)+", cell, re.DOTALL)
    # With its blanks joined, a value is compared with the patterns above in a time that grows with its length only.
    joined = (" ".join(re.sub(r"\\(.)", r"\1", each).split()) for each in values)
    return [value for value in joined if value]


def _is_formula(cell: str) -> bool:
    return cell.lstrip(" ").startswith(FORMULA_STARTS)


def _escape_formula(cell: str) -> str:
    """Put a quote before what a spreadsheet would run, and before what looks escaped already."""
    return f"'{cell}" if _is_formula(cell.lstrip("'")) else cell


def _unescape_formula(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _is_formula(cell.lstrip("'")) else cell
