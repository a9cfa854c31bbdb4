"""The parameters of the query language and of paging, as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from storage.competition import Competition
from storage.models import EventKind
from storage.search.query import KINDS, MAX_TEXT_LENGTH, MAX_VALUE_LENGTH, MAX_VALUES, PARAMETERS, SINGLE

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
PAGING = ("limit", "after")
REVIEWERS_ONLY = ("band", "verdict")
Schema = dict[str, Any]


def _text(pattern: str, longest: int = MAX_VALUE_LENGTH) -> Schema:
    return {"type": "string", "pattern": pattern, "maxLength": longest}


# Patterns allow an empty value, which means none.
_LETTERS = _text(r"^\s*$|[A-Za-z0-9]")
_NAME = _text(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)?\s*$")
_CODE = _text(r"^\s*[A-Za-z0-9]{0,6}\s*$")
_DAY = {**_text(r"^\s*([12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?\s*$"), "examples": ["2024-09-30"]}
_DOLLARS = {**_text(r"^\s*(-?[0-9]{1,12}(\.[0-9]{1,2})?)?\s*$"), "examples": ["25000"]}

SCHEMAS: dict[str, tuple[Schema, str]] = {
    "q": (
        _text(r"^\s*$|[A-Za-z0-9]", MAX_TEXT_LENGTH),
        'words that must all occur; "a phrase", surveil* (a prefix), -excluded',
    ),
    "vendor": (_NAME, "id of a vendor: clearview-ai"),
    "category": (_NAME, "technology category: face-recognition"),
    "agency": (_LETTERS, "code (7012, 070) or words of an agency's name"),
    "office": (_LETTERS, "words of an office's name"),
    "source": (_NAME, "source of the record: usaspending"),
    "kind": ({"type": "string", "enum": list(KINDS)}, "kind of record"),
    "event": ({"type": "string", "enum": [kind.value for kind in EventKind]}, "kind of event"),
    "since": (_DAY, "signed (or published) on or after this day"),
    "until": (_DAY, "signed (or published) on or before this day"),
    "seen_since": (_DAY, "first seen on or after this day, UTC"),
    "seen_until": (_DAY, "first seen on or before this day, UTC"),
    "min_amount": (_DOLLARS, "minimum amount in US dollars"),
    "max_amount": (_DOLLARS, "maximum amount in US dollars"),
    "reseller": (_LETTERS, "yes, no, or words of a reseller's name"),
    "state": (_CODE, "the recipient's state: VA"),
    "psc": (_CODE, "product or service code, or a prefix of one"),
    "naics": (_CODE, "industry code, or a prefix of one"),
    "competition": (
        {"type": "string", "enum": [each.value for each in Competition]},
        "whether a contract was competed",
    ),
    "set_aside": (_LETTERS, "FPDS code (8a, none) or words of a set-aside"),
    "pricing": (_LETTERS, "FPDS code (j) or words of a type of contract: firm fixed price"),
}


def query_parameters() -> list[Schema]:
    """Return the parameters of a query and of its pages for OpenAPI."""
    asked = [_parameter(name, *SCHEMAS[name]) for name in PARAMETERS if name not in REVIEWERS_ONLY]
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    after = {"type": "string", "maxLength": 1000}
    return [
        *asked,
        {"name": "limit", "in": "query", "schema": limit, "description": "maximum number of results"},
        {"name": "after", "in": "query", "schema": after, "description": "cursor of the page, from `next`"},
    ]


def _parameter(name: str, schema: Schema, meaning: str) -> Schema:
    found: Schema = {"name": name, "in": "query", "description": meaning, "schema": schema}
    if name not in SINGLE and name != "q":
        found["schema"] = {"type": "array", "items": schema, "maxItems": MAX_VALUES}
        found |= {"style": "form", "explode": True, "description": f"{meaning}; several values match any of them"}
    return found
