"""The Python API: the stored records, for reading only. docs/python.md describes it.

Everything here has the names and meanings of the command line, the exports and the query language.
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote
from weakref import WeakSet

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from feeds.pages.compare import title_of
from monitors.watchlist.model import Watchlist
from procurewatch.command_line.query_options import query_from_options
from procurewatch.command_line.terminal import describe_left_out
from procurewatch.context import AppContext, open_app
from procurewatch.demo.settings import demo_settings
from procurewatch.exports.data_frame import data_frame
from procurewatch.query_coverage import coverage_notes
from procurewatch.settings import Settings, load_settings
from storage.database import DatabaseError, open_for_reading, shown_database
from storage.errors import explain_read_error, left_out
from storage.models import (
    StoredAction,
    StoredEvent,
    StoredEvidence,
    StoredLink,
    StoredRecord,
    StoredSourceRecord,
)
from storage.reading.events import events_of, load_events_for
from storage.reading.export_rows import COLUMNS, Row, RowType, as_concerned, export_rows, in_batches, with_bands
from storage.reading.records import actions_of, evidence_of, find_by_identifier, records_by_key
from storage.reading.source_health import SourceHealth, load_health
from storage.reading.source_records import load_source_records
from storage.reading.timelines import links_of
from storage.schema.fields import FieldType
from storage.search.query import PARAMETERS, InvalidQuery, Query
from storage.search.search import count_records, event_cursor, find_events, find_records
from storage.search.spending import (
    Dimension,
    SpendingTable,
    Total,
    awards_query,
    load_found_actions,
    read_table,
    spending,
    total_of,
)

if TYPE_CHECKING:
    from pandas import DataFrame

PAGE_SIZE = 500  # events loaded at a time
SPENDING_COLUMNS: Mapping[str, FieldType] = {
    "row": FieldType.TEXT,
    "row_name": FieldType.TEXT,
    "column": FieldType.TEXT,
    "column_name": FieldType.TEXT,
    "obligated": FieldType.DOLLARS,
    "actions": FieldType.COUNT,
    "awards": FieldType.COUNT,
}

T = TypeVar("T")
Value = str | int | Decimal | date | Enum
Values = Value | Iterable[Value]


class Filters(TypedDict, total=False):
    """The filters of the query language (docs/querying.md). Several values of one filter match any of them."""

    vendor: Values
    category: Values
    agency: Values
    office: Values
    source: Values
    kind: Values
    event: Values
    since: str | date
    until: str | date
    fiscal_year: Values
    seen_since: str | date
    seen_until: str | date
    ends_since: str | date
    ends_until: str | date
    min_amount: str | int | Decimal
    max_amount: str | int | Decimal
    min_change: str | int | Decimal
    reseller: str
    state: Values
    psc: Values
    naics: Values
    competition: Values
    set_aside: Values
    pricing: Values
    band: str
    decision: str
    sort: str


class RecordNotFound(LookupError):
    """No stored record has this key or number, or several have it. The message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardAction:
    """An action, and its award with the matches that concern the action."""

    award: StoredRecord
    action: StoredAction


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDetails:
    """A record with everything that is stored about it. Actions and evidence are oldest first, events newest first.

    `record.matches` are those of all bands.
    """

    record: StoredRecord
    actions: tuple[StoredAction, ...]
    events: tuple[StoredEvent, ...]
    links: tuple[StoredLink, ...]
    source_records: tuple[StoredSourceRecord, ...]
    evidence: tuple[StoredEvidence, ...]


def open_store(path_or_url: str | os.PathLike[str] | None = None, *, demo: bool = False) -> Store:
    """Open the stored records for reading. Nothing is ever written, and no database is created or upgraded.

    Args:
        path_or_url: a SQLite file, a data folder (as `--data-dir`), or `sqlite:///FILE` or `postgresql://...` (as
            `--database-url`). Without it, the database that the command line opens.
        demo: open the records of the demo, as `--demo` does.

    Raises:
        DatabaseError: there is no database, it is damaged, or it was made by another version.
        procurewatch.settings.SettingsError: a setting is invalid.
    """
    settings = _settings_for(path_or_url)
    return Store(demo_settings(settings) if demo else settings)


def _settings_for(path_or_url: str | os.PathLike[str] | None) -> Settings:
    if path_or_url is None:
        return load_settings()
    given = os.fspath(path_or_url)
    if "://" in given:
        return load_settings(database_url=given)
    path = Path(given).expanduser()
    if path.is_dir():
        return load_settings(data_dir=path).model_copy(update={"database_url": None})
    return load_settings(database_url=f"sqlite:///{quote(str(path.absolute()), safe='/')}")


class Store:
    """Stored records, opened for reading by `open_store`. A context manager; `close` ends it otherwise.

    A search takes words and filters as the command `search` does: words are all required, an argument with spaces is a
    phrase, and a query string ("q=phones&vendor=cellebrite") is a whole search. Every search raises `InvalidQuery`
    when it is called, in one line with the nearest valid value, and `DatabaseError` if the database cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._stack = ExitStack()
        self._app: AppContext = self._stack.enter_context(open_app(settings, open_for_reading))
        self._open: WeakSet[Generator[object]] = WeakSet()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {shown_database(self._app.database.engine.url)}, read-only>"

    def close(self) -> None:
        """End all searches and close the database."""
        self._is_closed = True
        for generator in list(self._open):
            generator.close()
        self._stack.close()

    def records(self, *words: str, limit: int | None = None, **filters: Unpack[Filters]) -> Iterator[StoredRecord]:
        """Find records, newest signed (or published) first unless `sort` is given, with their matches."""
        query = self._query(words, filters)
        return self._stream(lambda session: with_bands(find_records(session, query, limit), query.bands))

    def actions(self, *words: str, limit: int | None = None, **filters: Unpack[Filters]) -> Iterator[AwardAction]:
        """Find actions of awards: the awards newest first, the actions of each oldest first.

        Dates, fiscal years and amounts select actions, and a match must concern them, so their dollars can be added up.
        """
        query = self._query(words, filters)
        return self._stream(lambda session: islice(found_actions(session, query), limit))

    def events(self, *words: str, limit: int | None = None, **filters: Unpack[Filters]) -> Iterator[StoredEvent]:
        """Find the entries of feeds, newest first seen first."""
        query = self._query(words, filters)
        return self._stream(lambda session: islice(_found_events(session, query), limit))

    def count(self, *words: str, **filters: Unpack[Filters]) -> int:
        """Return how many records a search finds."""
        query = self._query(words, filters)
        with self._reading() as session:
            return count_records(session, query)

    def record(self, identifier: str) -> RecordDetails:
        """Return one record by its key, an award also by its PIID or usaspending.gov address.

        Raises:
            RecordNotFound: there is none, or there are several.
        """
        with self._reading() as session:
            found = records_by_key(session, [identifier]) or find_by_identifier(session, identifier)
            if not found:
                raise RecordNotFound(f"no stored record has the key, PIID or address {identifier!r}")
            if len(found) > 1:
                keys = ", ".join(record.key for record in found)
                raise RecordNotFound(f"several awards have the PIID {identifier!r}; name one by its key: {keys}")
            key = found[0].key
            return RecordDetails(
                record=found[0],
                actions=tuple(actions_of(session, key)),
                events=tuple(events_of(session, key)),
                links=tuple(links_of(session, key)),
                source_records=tuple(load_source_records(session, key)),
                evidence=tuple(evidence_of(session, key)),
            )

    def total(self, *words: str, **filters: Unpack[Filters]) -> Total:
        """Return what the actions of a search obligate in all, how many they are, and of how many awards."""
        query = self._query(words, filters)
        with self._reading() as session:
            return total_of(session, query)

    def spending(
        self, *words: str, rows: str = "category", columns: str | None = None, **filters: Unpack[Filters]
    ) -> SpendingTable:
        """Return what the actions of a search obligate, by one or two of the dimensions.

        Args:
            words: as in every search.
            rows: agency, year (the fiscal year), vendor, topic, category or recipient.
            columns: another of them, or `None`.
            filters: as in every search.
        """
        query, by_rows, by_columns = self._table(words, rows, columns, filters)
        with self._reading() as session:
            return spending(session, query, by_rows, by_columns)

    def coverage(self, *words: str, **filters: Unpack[Filters]) -> list[str]:
        """Return in sentences what the results of a search can lack: which contracts were read completely."""
        query = self._query(words, filters)
        with self._reading() as session:
            return coverage_notes(session, self._app.watchlist, query)

    def sources(self) -> list[SourceHealth]:
        """Return the state of each source that is polled: when it was last read, and what is wrong."""
        with self._reading() as session:
            return [load_health(session, name, limit) for name, limit in self._app.silences.items()]

    def watchlist(self) -> Watchlist:
        """Return the watchlist: its vendors and topics, and the titles of the technologies by id."""
        return self._app.watchlist

    def records_frame(self, *words: str, **filters: Unpack[Filters]) -> DataFrame:
        """Return a row for each record, with the columns of `export --rows records`."""
        return self._frame(RowType.RECORDS, words, filters)

    def actions_frame(self, *words: str, **filters: Unpack[Filters]) -> DataFrame:
        """Return a row for each action, with the columns of `export --rows actions`."""
        return self._frame(RowType.ACTIONS, words, filters)

    def events_frame(self, *words: str, **filters: Unpack[Filters]) -> DataFrame:
        """Return a row for each event of the records, with the columns of `export --rows events`."""
        return self._frame(RowType.EVENTS, words, filters)

    def spending_frame(
        self, *words: str, rows: str = "category", columns: str | None = None, **filters: Unpack[Filters]
    ) -> DataFrame:
        """Return a row for each cell of `spending`, with the columns of the page Compare's CSV, without totals."""
        query, by_rows, by_columns = self._table(words, rows, columns, filters)
        with self._reading() as session:
            table = spending(session, query, by_rows, by_columns)
        cells = _cells(table, by_rows, by_columns, self._app.watchlist.categories)
        names = list(SPENDING_COLUMNS) if by_columns else [name for name in SPENDING_COLUMNS if "column" not in name]
        return data_frame({name: SPENDING_COLUMNS[name] for name in names}, cells)

    def _frame(self, kind: RowType, words: Sequence[str], filters: Filters) -> DataFrame:
        query = self._query(words, filters)
        wanted = awards_query(query) if kind is RowType.ACTIONS else query
        with self._reading() as session:
            records = with_bands(find_records(session, wanted), query.bands)
            is_list = kind is RowType.ACTIONS
            actions = partial(load_found_actions, session, query, is_list=is_list)
            events = partial(load_events_for, session)
            return data_frame(COLUMNS[kind], export_rows(session, kind, records, actions_of=actions, events_of=events))

    def _table(
        self, words: Sequence[str], rows: str, columns: str | None, filters: Filters
    ) -> tuple[Query, Dimension, Dimension | None]:
        """Return the query and dimensions of a table of totals. Raises `InvalidQuery`."""
        _, by_rows, by_columns = read_table([("rows", rows), *([("columns", columns)] if columns else [])])
        return self._query(words, filters), by_rows, by_columns

    def _query(self, words: Sequence[str], filters: Filters) -> Query:
        with self._reading() as session:
            return read_filters(self._app, session, words, filters)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        if self._is_closed:
            raise DatabaseError("the store is closed; open it again with procurewatch.open_store()")
        try:
            with self._app.database.reading() as session:
                yield session
                if unreadable := list(left_out(session)):
                    warnings.warn(describe_left_out(unreadable), RuntimeWarning, stacklevel=3)
        except DBAPIError as error:
            raise DatabaseError(explain_read_error(error)) from error

    def _stream(self, find: Callable[[Session], Iterable[T]]) -> Iterator[T]:
        """Return an iterator that reads in one transaction, which ends with it or with the store."""

        def found() -> Generator[T]:
            with self._reading() as session:
                yield from find(session)

        generator = found()
        self._open.add(generator)
        return generator


def read_filters(app: AppContext, session: Session, words: Sequence[str], filters: Mapping[str, object]) -> Query:
    """Return the query of words and filters, which have the names and values of the command line.

    Raises:
        InvalidQuery: a filter or a value does not exist. The message names the nearest.
    """
    options: dict[str, list[str]] = {name: [] for name in PARAMETERS[1:]}
    for name, value in filters.items():
        if name not in options:
            close = difflib.get_close_matches(name, options, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(options)}"
            raise InvalidQuery(f"there is no filter {name!r}; {hint}")
        several = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        options[name] = [str(one) for one in several if one is not None]
    try:
        return query_from_options({"words": list(words), **options}, app.watchlist, session)
    except typer.BadParameter as error:
        raise InvalidQuery(error.message) from None


def found_actions(session: Session, query: Query) -> Iterator[AwardAction]:
    """Yield the actions that a query finds: the awards newest first, the actions of each oldest first."""
    awards = with_bands(find_records(session, awards_query(query)), query.bands)
    for batch in in_batches(awards):
        actions = load_found_actions(session, query, [award.key for award in batch], is_list=True)
        for award in batch:
            for action in actions.get(award.key, ()):
                yield AwardAction(award=as_concerned(award, action), action=action)


def _found_events(session: Session, query: Query) -> Iterator[StoredEvent]:
    before = ""
    while page := find_events(session, query, PAGE_SIZE, before):
        yield from page
        before = event_cursor(page[-1])


def _cells(
    table: SpendingTable, rows: Dimension, columns: Dimension | None, categories: Mapping[str, str]
) -> Iterator[Row]:
    """Yield the cells of a table, or its rows if it has no columns."""
    for row in table.rows:
        of_row = {"row": row.code, "row_name": title_of(rows, row, categories)}
        if columns is None:
            yield {**of_row, **_amounts(row.total)}
            continue
        for column in table.columns:
            if total := table.cells.get((row.code, column.code)):
                of_column = {"column": column.code, "column_name": title_of(columns, column, categories)}
                yield {**of_row, **of_column, **_amounts(total)}


def _amounts(total: Total) -> Row:
    return {"obligated": total.dollars, "actions": total.actions, "awards": total.awards}
