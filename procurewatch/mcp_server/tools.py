"""The tools: their names, descriptions, parameters, and how a call is answered."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError

from monitors.watchlist.model import Watchlist
from procurewatch.context import AppContext
from procurewatch.failures import describe_failure
from procurewatch.mcp_server import money_tools, record_tools
from procurewatch.mcp_server.answers import ActionSummary, Answer, EventSummary, Period, RecordSummary, SpendingRow
from procurewatch.mcp_server.reading import Call
from storage.competition import Competition
from storage.errors import explain_read_error
from storage.models import EventKind
from storage.search.query import KINDS, MEANINGS, PARAMETERS, SINGLE, InvalidQuery
from storage.search.spending import Dimension

Schema = dict[str, Any]

REVIEWERS_ONLY = ("band", "decision")
FILTERS = tuple(name for name in PARAMETERS if name not in REVIEWERS_ONLY)
NARROWING = ("agency", "vendor", "category", "since", "until", "fiscal_year")
MONEY = ("q", *NARROWING, "reseller", "state", "competition", "set_aside", "psc", "naics", "min_amount", "max_amount")
NEWS = ("q", *NARROWING, "seen_since", "seen_until", "kind", "event", "reseller", "min_amount", "min_change")
NEXT: Schema = {"type": "string", "description": "`next` of the answer before, with the same other arguments"}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": record_tools.MAX_LIMIT}
LIMIT |= {"default": record_tools.DEFAULT_LIMIT, "description": "maximum number of items"}
AWARD: Schema = {"type": "string", "description": "key of a record, or PIID or usaspending.gov address of an award"}
DIMENSION: Schema = {"type": "string", "enum": list(Dimension)}


class ToolFailure(Exception):
    """A tool cannot answer. The message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool. `parameters` are those of the query language, `own` others with their schema."""

    title: str
    description: str
    answer: Callable[[Call], tuple[Answer[Any], str]]
    item: type[Answer[Any]]
    parameters: tuple[str, ...]
    own: Mapping[str, Schema]
    required: tuple[str, ...] = ()


TOOLS: Mapping[str, Tool] = {
    "search": Tool(
        title="Search records",
        description="Find contracts and other public records that match the watchlist, newest first, with the dollars "
        "that their actions obligate.",
        answer=record_tools.search,
        item=Answer[RecordSummary],
        parameters=FILTERS,
        own={"limit": LIMIT, "next": NEXT},
    ),
    "award": Tool(
        title="Show one record",
        description="Show one award or publication: facts, every action with its dollars, why it matches, evidence.",
        answer=record_tools.award,
        item=Answer[ActionSummary],
        parameters=(),
        own={"award": AWARD, "next": NEXT},
        required=("award",),
    ),
    "vendor": Tool(
        title="What was obligated for a vendor",
        description="Show what was obligated for a vendor's or topic's products: in all, since when, by fiscal year, "
        "by agency, and through whom (recipients, resellers). Give `agency` for one buyer.",
        answer=money_tools.vendor,
        item=Answer[RecordSummary],
        parameters=NARROWING,
        own={},
        required=("vendor",),
    ),
    "agency": Tool(
        title="What an agency bought",
        description="Show what an agency or department bought: in all, by fiscal year, technology, vendor, recipient.",
        answer=money_tools.agency,
        item=Answer[RecordSummary],
        parameters=NARROWING,
        own={},
        required=("agency",),
    ),
    "spending": Tool(
        title="Spending over time",
        description="Add up what actions obligate, by one or two of agency, fiscal year, vendor, topic, technology and "
        "recipient; by technology and fiscal year if neither is given. Each total counts an action once.",
        answer=money_tools.spending_table,
        item=Answer[SpendingRow],
        parameters=MONEY,
        own={"rows": DIMENSION, "columns": DIMENSION, "next": NEXT},
    ),
    "new_since": Tool(
        title="What is new since a day",
        description="List what was first seen on or after `seen_since` (UTC), newest first: new awards, modifications, "
        "notices, corrections. `since` and `until` are days of signing.",
        answer=record_tools.new_since,
        item=Answer[EventSummary],
        parameters=NEWS,
        own={"limit": LIMIT, "next": NEXT},
        required=("seen_since",),
    ),
    "coverage": Tool(
        title="What the records can lack",
        description="Show which contracts were read completely, for which vendors and agencies, and when each source "
        "was last read. Use it before you say that something was not bought.",
        answer=money_tools.coverage,
        item=Answer[Period],
        parameters=("vendor", "category", "agency"),
        own={"next": NEXT},
    ),
}


def input_schema(tool: Tool, watchlist: Watchlist) -> Schema:
    """Return the JSON schema of a tool's arguments."""
    properties = {name: _filter(name, watchlist) for name in tool.parameters}
    return {
        "type": "object",
        "properties": {**properties, **tool.own},
        "required": list(tool.required),
        "additionalProperties": False,
    }


def _filter(name: str, watchlist: Watchlist) -> Schema:
    choices: dict[str, list[str]] = {
        "category": sorted(watchlist.categories),
        "kind": list(KINDS),
        "event": [kind.value for kind in EventKind],
        "competition": [each.value for each in Competition],
    }
    said = {"vendor": "a vendor or topic on the watchlist, by name or id", "agency": "code, short name (ICE) or words"}
    one: Schema = {"type": "string"}
    if name in choices:
        one["enum"] = choices[name]
    elif name in ("fiscal_year", "min_amount", "max_amount", "min_change"):
        one["type"] = ["string", "number"]
    described = {"description": said.get(name, MEANINGS[name])}
    if name in SINGLE or name == "q":
        return {**one, **described}
    return {"anyOf": [one, {"type": "array", "items": one}], **described}


def call_tool(app: AppContext, name: str, arguments: Mapping[str, object]) -> tuple[Answer[Any], str]:
    """Return the answer of a tool, and its text.

    Raises:
        ToolFailure: there is no such tool or argument, a value is invalid, or the database cannot be read.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise ToolFailure(_unknown("tool", name, list(TOOLS)))
    _check(tool, arguments)
    try:
        with app.database.reading() as session:
            return tool.answer(Call(app, session, arguments))
    except InvalidQuery as error:
        raise ToolFailure(str(error)) from None
    except DBAPIError as error:
        raise ToolFailure(explain_read_error(error)) from None
    except Exception as error:
        raise ToolFailure(describe_failure(error).message) from error


def _check(tool: Tool, arguments: Mapping[str, object]) -> None:
    """Raise `ToolFailure` for an argument that does not exist or is of a wrong type."""
    known = [*tool.parameters, *tool.own]
    for name, value in arguments.items():
        if name not in known:
            raise ToolFailure(_unknown("argument", name, known))
        several = value if isinstance(value, list) and name in tool.parameters else [value]
        if not all(
            isinstance(one, str | int | float) and not isinstance(one, bool) for one in several if one is not None
        ):
            raise ToolFailure(f"{name} is a text or a number, or a list of them where several values are allowed")


def _unknown(what: str, given: str, known: list[str]) -> str:
    close = difflib.get_close_matches(given[:100], known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    return f"there is no {what} {given[:100]!r}; {hint}"
