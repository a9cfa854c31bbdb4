"""Totals of a query: what its actions obligate, in all and by agency, fiscal year, vendor, topic, category, recipient.

Only obligations of actions are added up, never the totals that awards and publications state. An action counts once in
each cell and each total, even if several matches concern it, and only if a match of the query concerns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
    values,
)
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.concerned import concerns_action
from storage.models import StoredAction
from storage.possible_days import fiscal_year_of, possible_days
from storage.rows import view_of
from storage.schema.tables import ActionRow, MatchRow, RecordRow, SearchRow, SpendingRow
from storage.search.filters import action_filter, agency_code_filter, match_filter
from storage.search.full_text import Condition, Dialect, is_agency_code
from storage.search.index import ALL_YEARS
from storage.search.query import BandFilter, InvalidQuery, Query, parse_choice, read_query
from storage.search.search import dialect_of, record_conditions


class Dimension(StrEnum):
    """What totals are grouped by. A vendor and a topic are both entries of the watchlist; `CATEGORY` covers both."""

    AGENCY = "agency"
    YEAR = "year"
    VENDOR = "vendor"
    TOPIC = "topic"
    CATEGORY = "category"
    RECIPIENT = "recipient"


ENTRIES = frozenset({Dimension.VENDOR, Dimension.TOPIC})
TABLE_PARAMETERS = ("rows", "columns")
EVERYTHING = Query(band=BandFilter.ALL)  # with or without a match
OF_MATCHES = ENTRIES | {Dimension.CATEGORY}
# The dimensions of the stored totals of everything that is published.
STORED: Mapping[Dimension, Any] = {
    Dimension.YEAR: col(SpendingRow.fiscal_year),
    Dimension.CATEGORY: col(SpendingRow.category),
    Dimension.AGENCY: func.coalesce(func.nullif(col(SpendingRow.sub_agency_code), ""), col(SpendingRow.department)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """US dollars obligated by actions, how many actions those are, and of how many awards."""

    dollars: Decimal = Decimal(0)
    actions: int = 0
    awards: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A row or a column. `code` is a fiscal year, agency code, id of the watchlist or UEI (a name if there is none).

    `code` is "" for actions without the value: without a date, matched by topics only, or by vendors only.
    """

    code: str
    name: str
    total: Total


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingTable:
    """Totals by rows and columns: fiscal years in order, everything else by dollars, the most first.

    `cells` has the totals by the codes of row and column, without empty cells. Each total counts an action once.
    """

    rows: tuple[Heading, ...]
    columns: tuple[Heading, ...]
    cells: Mapping[tuple[str, str], Total]
    total: Total

    @property
    def rows_overlap(self) -> bool:
        """Whether an action is in several rows, so that the rows add up to more than the total."""
        return sum(row.total.actions for row in self.rows) > self.total.actions

    @property
    def columns_overlap(self) -> bool:
        """Whether an action is in several columns."""
        return sum(column.total.actions for column in self.columns) > self.total.actions


def total_of(session: Session, query: Query) -> Total:
    """Return the total of the actions that a query finds."""
    if has_stored_sums(query):
        return _total(session.execute(_stored_sums(query, {}, ())).one())
    actions = _actions(query, dialect_of(session), {}).cte("actions")
    return _total(session.execute(_sums(actions, (), once=True)).one())


def has_stored_sums(query: Query) -> bool:
    """Return whether the totals of a query by year, technology and agency are stored, so that no actions are read.

    They are for everything that is published, and for one fiscal year, one technology and agencies by their codes.
    """
    is_simple = replace(query.unsorted, fiscal_year=(), category=(), agency=()) == Query()
    is_single = len(query.fiscal_year) <= 1 and len(query.category) <= 1  # an award may be in several
    # Actions of later years may have been signed on days that cannot be true.
    is_past = all(year <= fiscal_year_of(datetime.now(UTC).date()) for year in query.fiscal_year)
    return is_simple and is_single and is_past and all(map(is_agency_code, query.agency))


def spending(session: Session, query: Query, rows: Dimension, columns: Dimension | None = None) -> SpendingTable:
    """Return the totals of the actions that a query finds, by one or two dimensions.

    Raises:
        ValueError: rows and columns are the same, or a vendor and a topic, which are of different matches.
    """
    if rows == columns or {rows, columns} == {Dimension.VENDOR, Dimension.TOPIC}:
        raise ValueError(f"no table of {rows} by {columns}")
    dimensions = {"row": rows} if columns is None else {"row": rows, "column": columns}
    parts = [(), *((part,) for part in dimensions), *([("row", "column")] if columns else [])]
    if has_stored_sums(query) and set(dimensions.values()) <= set(STORED):
        sums = [_stored_sums(query, dimensions, part) for part in parts]
    else:
        once = not OF_MATCHES & set(dimensions.values())
        actions = _actions(query, dialect_of(session), dimensions).cte("actions")
        sums = [_sums(actions, part, once=once) for part in parts]
    found: dict[str, dict[tuple[str, str], Total]] = {}
    names: dict[str, dict[str, str]] = {"row": {}, "column": {}}
    for result in session.execute(union_all(*sums)):
        found.setdefault(result.part, {})[result.row, result.column] = _total(result)
        names.get(result.part, {})[result.row or result.column] = result.name
    totals = {part: {row or column: total for (row, column), total in found.get(part, {}).items()} for part in names}
    return SpendingTable(
        rows=_headings(session, rows, totals["row"], names["row"]),
        columns=_headings(session, columns, totals["column"], names["column"]) if columns else (),
        cells=found.get("row column", {}),
        total=found[""]["", ""],
    )


def read_table(params: Iterable[tuple[str, str]]) -> tuple[Query, Dimension, Dimension | None]:
    """Return the query, the rows and the columns of a table of totals from URL parameters.

    Rows are technologies and columns fiscal years if neither is given.

    Raises:
        InvalidQuery: a parameter is mistyped or invalid, or the dimensions do not go together.
    """
    pairs = list(params)
    given = {
        name: parse_choice(name, value.strip(), [each.value for each in Dimension])
        for name, value in pairs
        if name in TABLE_PARAMETERS and value.strip()
    }
    rows = Dimension(given.get("rows", Dimension.CATEGORY))
    columns = Dimension(given["columns"]) if "columns" in given else None if "rows" in given else Dimension.YEAR
    if rows == columns or {rows, columns} == {Dimension.VENDOR, Dimension.TOPIC}:
        raise InvalidQuery(f"rows={rows} and columns={columns} do not go together; choose others")
    return read_query(pairs, ignored=TABLE_PARAMETERS).unsorted, rows, columns


def awards_query(query: Query) -> Query:
    """Return the query without days of first sight and amounts.

    It finds the awards that may have the actions of a list of actions, which must have these themselves; the actions
    that count in totals, whose awards must have them.
    """
    return replace(query, seen_since=None, seen_until=None, min_amount=None, max_amount=None)


def load_found_actions(
    session: Session, query: Query, keys: Sequence[str], *, is_list: bool = False
) -> dict[str, list[StoredAction]]:
    """Return the actions that a query finds, of the awards with these keys, by award key; oldest first.

    Dates and fiscal years of the query select actions, and a match of it must concern them. Amounts and days of first
    sight are those of the awards, as in totals, or if it `is_list` of actions, those of the actions.
    """
    of_awards, of_actions = (awards_query(query), query) if is_list else (query, awards_query(query))
    awards = _awards(of_awards, dialect_of(session)).where(col(SearchRow.record_key).in_(keys))
    found = select(ActionRow).where(col(ActionRow.award_key).in_(awards), *_action_conditions(of_actions))
    actions: dict[str, list[StoredAction]] = {}
    for row in session.scalars(found.order_by(col(ActionRow.signed).nulls_first(), col(ActionRow.key))):
        actions.setdefault(row.award_key, []).append(view_of(StoredAction, row))
    return actions


def _awards(query: Query, dialect: Dialect) -> Select[str]:
    """Return the query for the keys of the records that a query finds."""
    return select(col(SearchRow.record_key)).where(*record_conditions(query, dialect))


def _action_conditions(query: Query) -> list[Condition]:
    """Return the conditions that a query sets for an action itself."""
    conditions = list(action_filter(query))
    if matched := match_filter(query):
        of_award = col(MatchRow.record_key) == col(ActionRow.award_key)
        is_concerned = exists().where(of_award, *matched, concerns_action(col(ActionRow.key)))
        conditions.append(is_concerned.correlate(ActionRow))
    return conditions


def _actions(query: Query, dialect: Dialect, dimensions: Mapping[str, Dimension]) -> Select[*tuple[Any, ...]]:
    """Return the query for an action's key, award and dollars, and the code and name of its row and column.

    An action has several rows if a dimension is one of matches.
    """
    wanted = set(dimensions.values())
    found: Select[*tuple[Any, ...]] = select(
        col(ActionRow.key), col(ActionRow.award_key), col(ActionRow.obligation).label("dollars")
    ).join(SearchRow, col(SearchRow.record_key) == col(ActionRow.award_key))
    for part, dimension in dimensions.items():
        found = found.add_columns(_code(dimension).label(part), _name(dimension).label(f"{part}_name"))
    if Dimension.RECIPIENT in wanted:
        found = found.join(RecordRow, col(RecordRow.key) == col(ActionRow.award_key))
    found = found.where(
        col(ActionRow.award_key).in_(_awards(query, dialect)),
        col(ActionRow.obligation).is_not(None),
        *_action_conditions(awards_query(query)),
    )
    if not OF_MATCHES & wanted:
        return found
    matched = match_filter(query)
    of_action = and_(
        col(MatchRow.record_key) == col(ActionRow.award_key), concerns_action(col(ActionRow.key)), *matched
    )
    found = found.join(MatchRow, of_action, isouter=not matched)
    entries = next((part for part, each in dimensions.items() if each in ENTRIES), "")
    if not entries:
        return found
    # An action that a vendor matches is not one of those that topics alone match, and vice versa.
    best = func.max(_code(dimensions[entries])).over(partition_by=col(ActionRow.key))
    ranked = found.add_columns(best.label("best")).subquery()
    return select(*list(ranked.c)[:-1]).where(or_(ranked.c[entries] != "", ranked.c.best == ""))


def _code(dimension: Dimension) -> ColumnElement[str]:
    signed = col(ActionRow.signed)
    # The fiscal year ends with September.
    year = func.extract("year", signed) + case((func.extract("month", signed) >= 10, 1), else_=0)
    year = case((signed.between(*possible_days()), cast(year, String)), else_="")
    is_topic = col(MatchRow.is_topic)
    sub_agency = func.nullif(col(SearchRow.sub_agency_code), "")
    uei = func.nullif(col(RecordRow.recipient_uei), "")
    codes: dict[Dimension, ColumnElement[str]] = {
        Dimension.AGENCY: func.coalesce(sub_agency, col(SearchRow.department)),
        Dimension.YEAR: year,
        Dimension.VENDOR: case((is_topic.is_(False), col(MatchRow.vendor_id)), else_=""),
        Dimension.TOPIC: case((is_topic.is_(True), col(MatchRow.vendor_id)), else_=""),
        Dimension.CATEGORY: func.coalesce(col(MatchRow.vendor_category), ""),
        Dimension.RECIPIENT: func.coalesce(uei, col(RecordRow.recipient_name)),
    }
    return codes[dimension]


def _name(dimension: Dimension) -> ColumnElement[str]:
    """Return the name that goes with a code, "" if the code itself is one or the name is looked up."""
    is_topic = col(MatchRow.is_topic)
    names: dict[Dimension, ColumnElement[str]] = {
        Dimension.VENDOR: case((is_topic.is_(False), col(MatchRow.vendor_name)), else_=""),
        Dimension.TOPIC: case((is_topic.is_(True), col(MatchRow.vendor_name)), else_=""),
        Dimension.RECIPIENT: type_coerce(col(RecordRow.recipient_name), Text),
    }
    return names.get(dimension, literal(""))


def _sums(actions: CTE, by: tuple[str, ...], *, once: bool) -> Select[*tuple[Any, ...]]:
    """Return the query for one kind of total: its part of the table, codes, name, dollars, actions, awards.

    `once`: each action has one row.
    """
    named = [f"{part}_name" for part in by] if len(by) == 1 else []
    counted = actions
    if not once:
        counted = select(*(actions.c[name] for name in ("key", "award_key", "dollars", *by, *named))).distinct().cte()
    row, column = (counted.c[part] if part in by else literal("") for part in ("row", "column"))
    return select(
        literal(" ".join(by)).label("part"),
        row.label("row"),
        column.label("column"),
        (func.max(counted.c[named[0]]) if named else literal("")).label("name"),
        func.sum(counted.c.dollars).label("dollars"),
        func.count(counted.c.key).label("actions"),
        func.count(counted.c.award_key.distinct()).label("awards"),
    ).group_by(*(counted.c[part] for part in by))


def _stored_sums(query: Query, dimensions: Mapping[str, Dimension], by: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    """Return the same query over the stored totals, of a query that has them."""
    grouped = {part: STORED[dimensions[part]] for part in by}
    shown = {dimensions[part] for part in by}
    row, column = (grouped.get(part, literal("")) for part in ("row", "column"))
    found = select(
        literal(" ".join(by)).label("part"),
        row.label("row"),
        column.label("column"),
        literal("").label("name"),
        func.sum(col(SpendingRow.dollars)).label("dollars"),
        func.coalesce(func.sum(col(SpendingRow.actions)), 0).label("actions"),
        func.coalesce(func.sum(col(SpendingRow.awards)), 0).label("awards"),
    )
    wanted = {
        Dimension.YEAR: (col(SpendingRow.fiscal_year), query.fiscal_year, ALL_YEARS),
        Dimension.CATEGORY: (col(SpendingRow.category), query.category, ""),
    }
    for each, (stored, chosen, whole) in wanted.items():
        is_whole = each not in shown and not chosen
        found = found.where(stored == str(chosen[0]) if chosen else stored == whole if is_whole else stored != whole)
    if query.agency:
        found = found.where(or_(*(each for code in query.agency for each in agency_code_filter(code, SpendingRow))))
    return found.group_by(*grouped.values())


def _total(row: Any) -> Total:
    return Total(dollars=Decimal(0) if row.dollars is None else row.dollars, actions=row.actions, awards=row.awards)


def _headings(
    session: Session, dimension: Dimension, totals: Mapping[str, Total], names: Mapping[str, str]
) -> tuple[Heading, ...]:
    if dimension is Dimension.AGENCY and totals:
        names = _agency_names(session, list(totals))
    headings = (Heading(code=code, name=names.get(code) or code, total=total) for code, total in totals.items())
    is_year = dimension is Dimension.YEAR
    return tuple(sorted(headings, key=lambda each: (0 if is_year else -each.total.dollars, each.code)))


def _agency_names(session: Session, codes: Sequence[str]) -> dict[str, str]:
    """Return the names of sub-agencies and departments, as their newest records have them, published ones first."""
    wanted = values(column("code", String)).data([(code,) for code in codes]).cte()
    of_record = col(RecordRow.key) == col(SearchRow.record_key)
    newest = [
        select(name)
        .join(SearchRow, of_record)
        .where(code == wanted.c.code, name != "", col(SearchRow.is_published).is_(is_published))
        .order_by(col(SearchRow.sort_key).desc())
        .limit(1)
        .correlate(wanted)
        .scalar_subquery()
        for is_published in (True, False)
        for code, name in (
            (col(SearchRow.sub_agency_code), col(RecordRow.sub_agency_name)),
            (col(SearchRow.department), col(RecordRow.agency_name)),
        )
    ]
    return {row[0]: row[1] for row in session.execute(select(wanted.c.code, func.coalesce(*newest, "")))}
