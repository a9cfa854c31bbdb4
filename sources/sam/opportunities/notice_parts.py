"""The parts of a SAM.gov notice: its texts, codes, deadline, agency and places. Pure.

Facts: Get Opportunities Public API v2 (GSA/open-gsa-redesign, _apidocs/get-opportunities-public-api.md); what real
answers add to it (lists for codes, deadlines without a zone, "null" as text) as seen by others in 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser

from sources.errors import SourceChanged
from sources.fields import read_json
from sources.records import Agency, Document, InvalidRecord, dollars

Fields = Mapping[str, object]

WASHINGTON = ZoneInfo("America/New_York")
NO_TEXT = b"description not found"  # what comes in place of a text, whatever the status
# In the path of an agency a dot parts names, unless it ends an abbreviation ("DEPT. OF", "U.S.").
BETWEEN_NAMES = re.compile(r"(?<!\b[A-Z])\.(?!\s)")
LONGEST_TEXT = 100_000
BLOCKS = "address,article,blockquote,br,dd,div,dt,h1,h2,h3,h4,h5,h6,hr,li,ol,p,pre,section,table,td,th,tr,ul"


def clean(value: str) -> str:
    """Return a text without what no database can store (NUL, half characters) and blanks around it."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def text(fields: Fields, name: str) -> str:
    """Return a text field, "" when it is absent, null or "null". Raises `InvalidRecord` when it is not text."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRecord(f"{name} is not text: {str(value)[:80]!r}")
    value = clean(value)
    return "" if value.lower() == "null" else value


def required(fields: Fields, name: str) -> str:
    """Return a text field that must be there. Raises `InvalidRecord`."""
    value = text(fields, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def part(fields: Fields, name: str) -> Fields:
    """Return a nested object, empty when it is absent, null or "null". Raises `InvalidRecord`."""
    value = fields.get(name)
    if value is None or value in ("", "null"):
        return {}
    if not isinstance(value, dict):
        raise InvalidRecord(f"{name} is not an object: {str(value)[:80]!r}")
    return value


def listed(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the texts of a field that holds one or a list of them, each once. Raises `InvalidRecord`."""
    value = fields.get(name)
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(filter(None, (text({name: one}, name) for one in values))))


def day(fields: Fields, name: str) -> date | None:
    """Return a date ("2026-02-02", a time after it is left out). Raises `InvalidRecord`."""
    value = text(fields, name)
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{name} is not a date: {value[:40]!r}") from error


def stated_dollars(fields: Fields, name: str) -> Decimal | None:
    """Return an amount in dollars, which comes as text. Raises `InvalidRecord`."""
    value = fields.get(name)
    return dollars(text(fields, name) if isinstance(value, str) else value)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When responses are due, in UTC; whether the time was stated without a zone and taken as Washington's."""

    at: datetime
    zone_assumed: bool


def deadline(fields: Fields, name: str) -> Deadline | None:
    """Return when responses are due. Raises `InvalidRecord`, also for a day without a time."""
    value = text(fields, name)
    if not value:
        return None
    try:
        stated = datetime.fromisoformat(value)
        zoned = stated if stated.tzinfo else stated.replace(tzinfo=WASHINGTON)
        at = zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRecord(f"{name} is not a time: {value[:40]!r}") from error
    if len(value) <= len("2026-02-10"):
        raise InvalidRecord(f"{name} is a day without a time: {value!r}")
    return Deadline(at, zone_assumed=stated.tzinfo is None)


def agency(fields: Fields) -> Agency:
    """Return who buys, from the paths of codes and of names, whose parts are parted by dots.

    Names can hold dots themselves. When they do not come out as many as the codes, nobody can say which is which, and
    the whole path stands as the name. Version 1 of the API gave three names and no codes.
    """
    codes = [code.strip() for code in filter(None, text(fields, "fullParentPathCode").split("."))]
    path = " ".join(text(fields, "fullParentPathName").split())
    if not path:
        return Agency(
            code=codes[0] if codes else "",
            name=text(fields, "department"),
            sub_code=codes[1] if len(codes) > 1 else "",
            sub_name=text(fields, "subTier"),
            office=text(fields, "office"),
        )
    names = [path]
    for parted in (path.split("."), BETWEEN_NAMES.split(path)):
        if len(parted) == len(codes):
            names = [name.strip() for name in parted]
            break
    return Agency(
        code=codes[0] if codes else "",
        name=names[0],
        sub_code=codes[1] if len(codes) > 1 else "",
        sub_name=names[1] if len(names) > 1 else "",
        office=names[-1] if len(names) > 2 else "",
    )


def place(fields: Fields) -> str:
    """Return where the work is done, as one line: city, state, country, by name where it is known."""
    parts = (part(fields, name) for name in ("city", "state", "country"))
    return ", ".join(filter(None, (text(one, "name") or text(one, "code") for one in parts)))


def office_address(fields: Fields) -> str:
    """Return where the office is, as one line."""
    state = f"{text(fields, 'state')} {text(fields, 'zipcode')}".strip()
    return ", ".join(filter(None, (text(fields, "city"), state, text(fields, "countryCode"))))


def plain_text(document: Document) -> str:
    """Return the text of a notice, which comes as HTML within JSON, a line for each block; "" when it has none.

    What is longer than any notice is cut: elements in elements without end would take the parser hours.

    Raises:
        SourceChanged: it is something else.
    """
    if NO_TEXT in document.body.lower()[:1000]:
        return ""
    answer = read_json(document, "samnotices")
    if not isinstance(answer.get("description", 0), str | None):
        raise SourceChanged("samnotices", document.url, f"no description in {str(answer)[:200]}")
    tree = LexborHTMLParser(text(answer, "description")[:LONGEST_TEXT])
    for node in tree.css("script,style"):
        node.decompose()
    for node in tree.css(BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    lines = (" ".join(line.split()) for line in (tree.body.text() if tree.body else "").splitlines())
    return clean("\n".join(filter(None, lines)))
