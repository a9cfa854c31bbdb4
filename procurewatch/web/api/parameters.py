"""The parameters of the query language and of paging, as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from storage.competition import Competition
from storage.models import EventKind
from storage.search.query import (
    KINDS,
    MAX_TEXT_LENGTH,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    MEANINGS,
    PARAMETERS,
    SINGLE,
    Sort,
)
from storage.search.spending import Dimension

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
PAGING = ("limit", "after")
Schema = dict[str, Any]


def _text(pattern: str, longest: int = MAX_VALUE_LENGTH) -> Schema:
    return {"type": "string", "pattern": pattern, "maxLength": longest}


# Patterns allow an empty value, which means none.
_LETTERS = _text(r"^\s*$|[A-Za-z0-9]")
_NAME = _text(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)?\s*$")
_CODE = _text(r"^\s*[A-Za-z0-9]{0,6}\s*$")
_DAY = {**_text(r"^\s*([12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?\s*$"), "examples": ["2024-09-30"]}
_YEAR = {**_text(r"^\s*((19|20)[0-9]{2})?\s*$"), "examples": ["2024"]}
_DOLLARS = {**_text(r"^\s*(-?[0-9]{1,12}(\.[0-9]{1,2})?)?\s*$"), "examples": ["25000"]}

SCHEMAS: dict[str, Schema] = {
    "q": _text(r"^\s*$|[A-Za-z0-9]", MAX_TEXT_LENGTH),
    **dict.fromkeys(("vendor", "category", "source"), _NAME),
    **dict.fromkeys(("agency", "office", "reseller", "set_aside", "pricing"), _LETTERS),
    **dict.fromkeys(("state", "psc", "naics"), _CODE),
    **dict.fromkeys(("since", "until", "seen_since", "seen_until", "ends_since", "ends_until"), _DAY),
    "fiscal_year": _YEAR,
    **dict.fromkeys(("min_amount", "max_amount", "min_change"), _DOLLARS),
    "kind": {"type": "string", "enum": list(KINDS)},
    "event": {"type": "string", "enum": [kind.value for kind in EventKind]},
    "competition": {"type": "string", "enum": [each.value for each in Competition]},
    "sort": {"type": "string", "enum": [each.value for each in Sort]},
}


def table_parameters() -> list[Schema]:
    """Return the parameters of a table of totals for OpenAPI."""
    dimension = {"type": "string", "enum": list(Dimension)}
    meanings = {
        "rows": "what the rows are; technologies by fiscal year without rows and columns",
        "columns": "what the columns are",
    }
    own = [{"name": name, "in": "query", "schema": dimension, "description": said} for name, said in meanings.items()]
    return [*_filters(), *own]


def _filters() -> list[Schema]:
    return [
        _parameter(name, SCHEMAS[name], MEANINGS[name]) for name in PARAMETERS if name in SCHEMAS and name != "sort"
    ]


def query_parameters(*, is_sorted: bool = False) -> list[Schema]:
    """Return the parameters of a query and of its pages for OpenAPI; `is_sorted`: also that of the order."""
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    after = {"type": "string", "maxLength": 1000}
    return [
        *_filters(),
        *([_parameter("sort", SCHEMAS["sort"], MEANINGS["sort"])] if is_sorted else []),
        {"name": "limit", "in": "query", "schema": limit, "description": "maximum number of results"},
        {"name": "after", "in": "query", "schema": after, "description": "cursor of the page, from `next`"},
    ]


def _parameter(name: str, schema: Schema, meaning: str) -> Schema:
    found: Schema = {"name": name, "in": "query", "description": meaning, "schema": schema}
    if name not in SINGLE and name != "q":
        found["schema"] = {"type": "array", "items": schema, "maxItems": MAX_VALUES}
        found |= {"style": "form", "explode": True, "description": f"{meaning}; several values match any of them"}
    return found
