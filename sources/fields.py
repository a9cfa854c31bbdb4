"""Readers for the fields of an upstream's JSON: exact in numbers, strict in types, safe for any database.

Every reader takes an object and the name of a field, and raises `InvalidRecord` for a value of the wrong type.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from sources.errors import SourceChanged, excerpt
from sources.records import Document, InvalidRecord, Payload, Problem, count, dollars

MAX_IDENTIFIER_LENGTH = 200
FIRST_DEADLINE, LAST_DEADLINE = 1970, 2100  # years
_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)

Fields = Mapping[str, object]


def read_json(document: Document, source: str) -> dict[str, object]:
    """Return the JSON object of a response, its fractions as `Decimal`.

    Raises:
        SourceChanged: it is not a JSON object (an HTML page, half a response).
    """
    try:
        answer = json.loads(document.body, parse_float=Decimal, parse_constant=_reject_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        came_back = f"not JSON but {document.content_type or 'unnamed content'}: {excerpt(document.body)}"
        raise SourceChanged(source, document.url, came_back) from error
    if not isinstance(answer, dict):
        raise SourceChanged(source, document.url, f"not a JSON object: {excerpt(document.body)}")
    return answer


def _reject_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def decode_entities(value: str) -> str:
    """Return a text with its character references decoded once: sources send AT&amp;T and AT&AMP;T for AT&T.

    It is for plain text only, once, where a text enters the program. The evidence keeps the source's bytes.
    """
    return _REFERENCE.sub(lambda found: html.unescape(found[0].lower()), value) if "&" in value else value


def clean_text(value: str) -> str:
    """Return a plain text with its character references decoded, and without blanks around it.

    What no database can store (NUL, lone surrogates) is left out or replaced.
    """
    value = decode_entities(value)
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def read_text(fields: Fields, name: str) -> str:
    """Return a text field, "" when it is null or absent."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRecord(f"{name} is not text: {str(value)[:80]!r}")
    return clean_text(value)


def read_required(fields: Fields, name: str) -> str:
    """Return a text field that must not be empty."""
    value = read_text(fields, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def read_identifier(fields: Fields, name: str) -> str:
    """Return an identifier in upper case, "" when it is null or absent."""
    value = read_text(fields, name).upper()
    if len(value) > MAX_IDENTIFIER_LENGTH:
        raise InvalidRecord(f"{name} is too long for an identifier: {value[:80]!r}")
    return value


def read_date(fields: Fields, name: str) -> date | None:
    """Return a date, `None` when it is null or absent. A time after it ("2019-10-27 20:06:44") is left out."""
    value = read_text(fields, name)
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{name} is not a date: {value[:40]!r}") from error


def is_possible_deadline(day: date) -> bool:
    """Return whether responses can be due on a day. 0001-01-01 and 9999-12-31 are placeholders for "none"."""
    return FIRST_DEADLINE <= day.year <= LAST_DEADLINE


def read_dollars(fields: Fields, name: str) -> Decimal | None:
    """Return an amount in US dollars, `None` when it is null, "" or absent (`sources.records.dollars`)."""
    return dollars(fields.get(name))


def read_count(fields: Fields, name: str) -> int | None:
    """Return a number of things, `None` when it is null, "" or absent (`sources.records.count`)."""
    return count(fields.get(name))


def read_object(fields: Fields, *path: str) -> Fields:
    """Return a nested object, empty when it or what holds it is null or absent."""
    for name in path:
        value = fields.get(name) or {}
        if not isinstance(value, dict):
            raise InvalidRecord(f"{name} is not an object: {str(value)[:80]!r}")
        fields = value
    return fields


def read_objects(fields: Fields, name: str) -> Iterator[Fields]:
    """Give the objects of a list, none when it is null or absent."""
    values = fields.get(name) or []
    if not isinstance(values, list):
        raise InvalidRecord(f"{name} is not a list: {str(values)[:80]!r}")
    for value in values:
        if not isinstance(value, dict):
            raise InvalidRecord(f"{name} holds what is no object: {str(value)[:80]!r}")
        yield value


def read_texts(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the texts of a field that holds one or a list of them, each once, without empty ones."""
    value = fields.get(name)
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(filter(None, (read_text({name: one}, name) for one in values))))


def join_place(*names: str) -> str:
    """Return a place on one line ("Dayton, Ohio, United States") from the names that are known."""
    return ", ".join(filter(None, names))


def unreadable(payload: Payload, error: Exception) -> Problem:
    """Return the problem that keeps a payload from being read; its reason says what was wrong."""
    reason = error.came_back if isinstance(error, SourceChanged) else str(error)
    return Problem(source=payload.source, key=payload.key, reason=reason, documents=payload.documents)
