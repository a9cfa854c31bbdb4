"""The query language on the command line: one option per URL parameter, or a pasted query string."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any
from urllib.parse import parse_qsl

import typer
from sqlalchemy.orm import Session

from monitors.watchlist.model import Vendor, Watchlist
from procurewatch.command_line.known import check_query, known_id
from storage.search.query import MEANINGS, PARAMETERS, SINGLE, InvalidQuery, Query, read_query

QueryOptions = dict[str, list[str]]

WORDS_HELP = "Search terms, all required; or a query string such as 'q=phones&vendor=cellebrite'."
FILTERS = "Filters"  # their section of the help
OPTION_HELP = {name: f"{MEANINGS[name][0].upper()}{MEANINGS[name][1:]}." for name in PARAMETERS[1:]}
OPTION_HELP["vendor"] = "A vendor on the watchlist, by name or id."
# A query string may contain spaces if it begins with a parameter, because browsers show them.
_PASTED = re.compile(rf"(?:\S+\?|\?)?(?:[a-z_]+=\S*|(?:{'|'.join(PARAMETERS)})=.*)|\S+://\S*")


def with_query_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the words and options of the query language to a command, which receives them as `options`."""

    @wraps(command)
    def with_options(words: list[str] | None, everything: bool, **others: Any) -> None:
        options: QueryOptions = {"words": words or []}
        for name in OPTION_HELP:
            value = others.pop(name)
            options[name] = list(value) if isinstance(value, list) else [value] if value else []
        if everything:
            options["band"] = ["all"]
        command(options=options, **others)

    own = [each for each in inspect.signature(command, eval_str=True).parameters.values() if each.name != "options"]
    parameters = [own[0], *_option_parameters(), *own[1:]]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def _option_parameters() -> list[inspect.Parameter]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    words = Annotated[list[str] | None, typer.Argument(help=WORDS_HELP)]
    every = typer.Option("--all", help="Include records that match nothing on the watchlist.", rich_help_panel=FILTERS)
    everything = Annotated[bool, every]
    found = [inspect.Parameter("words", kind, default=None, annotation=words)]
    for name, said in OPTION_HELP.items():
        option = typer.Option(f"--{name.replace('_', '-')}", help=said, show_default=False, rich_help_panel=FILTERS)
        single = name in SINGLE
        annotation = Annotated[str, option] if single else Annotated[list[str] | None, option]
        found.append(inspect.Parameter(name, kind, default="" if single else None, annotation=annotation))
    return [*found, inspect.Parameter("everything", kind, default=False, annotation=everything)]


def query_from_options(options: QueryOptions, watchlist: Watchlist, session: Session | None = None) -> Query:
    """Return the query. Raises `typer.BadParameter`, also if it names what does not exist (`check_query`)."""
    words = options["words"]
    params = [(name, _known(name, value, watchlist)) for name in PARAMETERS[1:] for value in options[name]]
    if len(words) == 1 and _PASTED.fullmatch(words[0]):
        pasted = words[0].rpartition("?")[2] if "?" in words[0] else words[0]
        params += parse_qsl(pasted, keep_blank_values=True, max_num_fields=1000)
    else:
        params = [("q", _typed(words)), *params]
    try:
        query = read_query(params)
    except InvalidQuery as error:
        raise typer.BadParameter(str(error)) from None
    check_query(query, watchlist, session)
    return query


def _known(name: str, value: str, watchlist: Watchlist) -> str:
    """Return the id of a vendor or category that is given by name; other values as they are."""
    if name == "vendor":
        return read_vendor(value, watchlist).id
    return known_id(name, value, watchlist.categories) if name == "category" else value


def _typed(words: Sequence[str]) -> str:
    """Return the words as one text; an argument with spaces is a phrase."""
    return " ".join(
        f'"{word}"' if " " in word and not word.startswith("-") and '"' not in word else word for word in words
    )


def read_vendor(name: str, watchlist: Watchlist) -> Vendor:
    """Find a vendor by its id or any of its names, ignoring case."""
    wanted = name.strip().casefold()
    names = {vendor.id: vendor for vendor in watchlist.vendors}
    for vendor in watchlist.vendors:
        names.update({written.casefold(): vendor for written in vendor.names})
    if found := names.get(wanted):
        return found
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f"did you mean {names[close[0]].name!r}?" if close else "use an id or name from `vendors list`"
    raise typer.BadParameter(f"no vendor {name!r} on the watchlist; {hint}")
