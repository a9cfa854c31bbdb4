"""Refuses values of filters that nothing can match, such as a mistyped category, and names the nearest."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import typer
from sqlalchemy.orm import Session

from monitors.watchlist.model import Watchlist
from procurewatch.named_feeds import nearest_id
from sources.registry import SOURCES
from storage.reading.records import known_agencies, known_vendors
from storage.search.agencies import is_known_agency
from storage.search.query import BandFilter, Query
from storage.search.search import count_records

MAX_LISTED = 8  # values in a message


def known_id(kind: str, given: str, known: Mapping[str, str]) -> str:
    """Return the id of what is given by id or title, ignoring case.

    Args:
        kind: what it is, for the message: "category".
        given: as the user typed it.
        known: titles by id.

    Raises:
        typer.BadParameter: it is neither; the message names the nearest.
    """
    wanted = given.strip().casefold()
    for each, title in known.items():
        if wanted in {each, title.casefold()}:
            return each
    close = nearest_id(given, known)
    hint = f"did you mean {close!r}?" if close else f"there are: {', '.join(known)}"
    raise typer.BadParameter(f"there is no {kind} {given!r}; {hint}")


def check_query(query: Query, watchlist: Watchlist, session: Session | None = None) -> None:
    """Refuse a query whose vendor, category or source does not exist, or whose agency no record names.

    Args:
        session: to find the agencies, and the vendors that are no longer on the watchlist. Without it agencies are
            not checked: one may buy something later.

    Raises:
        typer.BadParameter: the message names the nearest.
    """
    stored = known_vendors(session) if session else []
    vendors = {vendor: name for vendor, name, _ in stored} | {each.id: each.name for each in watchlist.vendors}
    categories = dict.fromkeys((category for _, _, category in stored), "") | dict(watchlist.categories)
    for kind, values, known in (
        ("vendor", query.vendor, vendors),
        ("category", query.category, categories),
        ("source", query.source, {name: source.title for name, source in SOURCES.items()}),
    ):
        for value in values:
            known_id(kind, value, known)
    if session:
        for agency in query.agency:
            _check_agency(session, agency)


def _check_agency(session: Session, given: str) -> None:
    """Refuse an agency that no record names and that is not known otherwise."""
    if is_known_agency(given) or count_records(session, Query(agency=(given,), band=BandFilter.ALL)):
        return
    stored = known_agencies(session)
    close = _nearest_words(given, (text for agency in stored for text in agency))
    some = ", ".join(f"{code} ({name})" for code, name in stored[:MAX_LISTED])
    hint = f"did you mean {close!r}?" if close else f"stored are {some or 'none'}"
    raise typer.BadParameter(f"there is no agency {given!r}; {hint}")


def _nearest_words(given: str, texts: Iterable[str]) -> str:
    """Return what was probably meant: each word that no text has is replaced by the nearest; "" if one has none."""
    known = {word.strip(".,").casefold() for text in texts for word in text.split()}
    words = []
    for word in given.split():
        close = [word] if word in known else difflib.get_close_matches(word, known, n=1, cutoff=0.7)
        if not close:
            return ""
        words += close
    return " ".join(words)
