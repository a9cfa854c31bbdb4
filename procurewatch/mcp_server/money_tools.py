"""The tools that add up: vendor, agency, spending; and coverage. Totals are those of `storage.search.spending`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from feeds.pages.compare import overlap_note, title_of
from feeds.text import format_date, format_money, one_line
from procurewatch.mcp_server.answers import (
    MAX_LISTED,
    MAX_NAME,
    NO_CODE,
    Answer,
    Period,
    RecordSummary,
    SpendingRow,
    counted,
    cut,
    fitted,
    quote,
    room_left,
)
from procurewatch.mcp_server.reading import MONEY_LIMIT, Call, total_of_answer
from procurewatch.store import found_actions
from storage.reading.coverage import list_periods
from storage.reading.export_rows import with_bands
from storage.search.query import InvalidQuery, Query
from storage.search.search import find_records
from storage.search.spending import (
    Dimension,
    Heading,
    SpendingTable,
    read_table,
    spending,
)

MAX_COLUMNS = 20
NEWEST = 5  # records that are cited beside totals
ROOM_FOR_RECORDS = 7_000  # bytes, for one of them at least


def vendor(call: Call) -> tuple[Answer[RecordSummary], str]:
    """Return what is known of a vendor or topic: how much was obligated, by whom, through whom, since when."""
    call.required("vendor", "a vendor's name or id")
    query = call.query()
    if len(query.vendor) != 1:
        raise InvalidQuery("vendor is one name or id here; the tool spending takes several")
    entry = call.app.watchlist.by_id[query.vendor[0]]
    known = {
        "id": entry.id,
        "name": entry.name,
        "entry_kind": entry.kind.value,
        "category": entry.category,
        "also_called": [name for name in entry.names if name != entry.name][:MAX_LISTED],
        "sources": list(entry.sources)[:MAX_LISTED],
    }
    first = _first_signed(call, query)
    lines = [f"First action on record: signed {format_date(first)}" if first else "No action is on record."]
    about: dict[str, object] = {"watchlist_entry": known, "first_signed": first}
    return _profile(call, query, about, lines, (Dimension.YEAR, Dimension.AGENCY, Dimension.RECIPIENT))


def agency(call: Call) -> tuple[Answer[RecordSummary], str]:
    """Return what an agency bought of the watchlist: when, what, from whom."""
    call.required("agency", "an agency's code (7012), short name (ICE) or words of its name")
    dimensions = (Dimension.YEAR, Dimension.AGENCY, Dimension.CATEGORY, Dimension.VENDOR, Dimension.RECIPIENT)
    return _profile(call, call.query(), {}, [], dimensions)


def _profile(
    call: Call, query: Query, about: dict[str, object], lines: list[str], dimensions: Sequence[Dimension]
) -> tuple[Answer[RecordSummary], str]:
    """Return the totals of a query by several dimensions, what went through resellers, and its newest records."""
    tables = {by: spending(call.session, query, by) for by in dimensions}
    resold = spending(call.session, replace(query, reseller="yes"), Dimension.RECIPIENT)
    through, sellers = total_of_answer(resold.total), frozenset(row.code for row in resold.rows)
    lines = [*lines, f"Of that through resellers: {format_money(through.dollars)} by {counted(through)}"]
    notes = dict.fromkeys(overlap_note(by, None, table) for by, table in tables.items())
    answer = Answer[RecordSummary](
        asked=call.asked(query),
        total=total_of_answer(tables[Dimension.YEAR].total),
        limits=call.limits(query, MONEY_LIMIT, *notes),
        sources=call.sources(),
    )
    for most in (MAX_LISTED, MAX_LISTED // 2, 1):
        rows = {by: _rows(call, by, table.rows[:most], sellers) for by, table in tables.items()}
        listed = [*lines, *_breakdowns(tables, rows), "Newest records (the tool search finds all):"]
        whole = {**about, "through_resellers": through, **{f"by_{by.value}": found for by, found in rows.items()}}
        answer = answer.model_copy(update={"about": whole})
        if room_left(answer, listed) > ROOM_FOR_RECORDS:
            break
    return fitted(answer, listed, _newest(call, query), _no_cursor)


def _breakdowns(
    tables: Mapping[Dimension, SpendingTable], rows: Mapping[Dimension, Sequence[SpendingRow]]
) -> Iterator[str]:
    for by, found in rows.items():
        yield f"By {by.value}:"
        yield from (f"- {row}" for row in found)
        if more := len(tables[by].rows) - len(found):
            yield f"- and {more} more: use the tool spending with rows={by.value}"


def spending_table(call: Call) -> tuple[Answer[SpendingRow], str]:
    """Return totals by one or two dimensions, by default technologies by fiscal year."""
    _, rows, columns = read_table((name, call.text(name)) for name in ("rows", "columns") if call.text(name))
    query, start = call.query("rows", "columns"), call.offset()
    table = spending(call.session, query, rows, columns)
    newest = _newest(call, query)
    most = sorted(table.columns, key=lambda each: -each.total.dollars)[:MAX_COLUMNS]
    names = {each.code: _name(call, columns, each) for each in table.columns if columns and each in most}
    answer = Answer[SpendingRow](
        asked=f"what actions obligate, by {rows}{f' and {columns}' if columns else ''}: {call.asked(query)}",
        total=total_of_answer(table.total),
        found=len(table.rows),
        about={"columns": names, "columns_in_all": len(table.columns), "newest_records": newest},
        limits=call.limits(query, MONEY_LIMIT, overlap_note(rows, columns, table)),
        sources=call.sources(),
    )
    titles = ", ".join(f"{one_line(code) or NO_CODE} = {quote(name)}" for code, name in names.items())
    lines = [f"Columns: {titles}"] if names else []
    if len(table.columns) > len(names):
        lines.append(
            f"{len(table.columns) - len(names)} columns with fewer dollars are not shown; swap rows and columns"
        )
    lines += [f"Newest record: {each}" for each in newest]

    def cursor(count: int) -> str | None:
        return str(start + count) if start + count < len(table.rows) else None

    return fitted(answer, lines, _with_cells(_rows(call, rows, table.rows[start:]), table, list(names)), cursor)


def _with_cells(rows: Iterable[SpendingRow], table: SpendingTable, columns: Sequence[str]) -> Iterator[SpendingRow]:
    for row in rows:
        cells = {code: table.cells.get((row.code, code)) for code in columns}
        yield row.model_copy(update={"columns": {code: cell.dollars for code, cell in cells.items() if cell}})


def coverage(call: Call) -> tuple[Answer[Period], str]:
    """Return which contracts were read completely, and when each source was last read."""
    query, start = call.query(), call.offset()
    entries = [
        entry.id
        for entry in call.app.watchlist.vendors
        if entry.id in (query.vendor or (entry.id,)) and entry.category in (query.category or (entry.category,))
    ]
    periods = [
        Period(vendor_id=entry, agency=code, since=period.since, until=period.until)
        for entry, code, period in list_periods(call.session, entries)
    ]
    answer = Answer[Period](
        asked=f"coverage of {call.asked(query)}",
        found=len(periods),
        about={"watchlist_entries": len(entries), "technologies": dict(call.app.watchlist.categories)},
        limits=call.limits(query),
        sources=call.sources(),
    )

    def cursor(count: int) -> str | None:
        return str(start + count) if start + count < len(periods) else None

    lines = [f"Watchlist entries: {len(entries)}"]
    return fitted(answer, lines, periods[start:], cursor)


def _no_cursor(_count: int) -> None:
    return None


def _newest(call: Call, query: Query) -> list[RecordSummary]:
    return call.summaries(list(with_bands(find_records(call.session, query, NEWEST))), query)


def _first_signed(call: Call, query: Query) -> date | None:
    """Return the day of the earliest action that a query finds."""
    years = spending(call.session, query, Dimension.YEAR).rows
    year = next((int(row.code) for row in years if row.code), None)
    if year is None:
        return None
    found = found_actions(call.session, replace(query, fiscal_year=(year,)))
    return min((each.action.signed for each in found if each.action.signed), default=None)


def _rows(
    call: Call, by: Dimension, headings: Sequence[Heading], sellers: frozenset[str] = frozenset()
) -> list[SpendingRow]:
    return [
        SpendingRow(
            code=cut(each.code, MAX_NAME),
            quoted={"name": _name(call, by, each)},
            dollars=each.total.dollars,
            actions=each.total.actions,
            awards=each.total.awards,
            via_reseller=by is Dimension.RECIPIENT and each.code in sellers,
        )
        for each in headings
    ]


def _name(call: Call, by: Dimension, heading: Heading) -> str:
    names: Mapping[str, str] = call.app.watchlist.categories
    return cut(title_of(by, heading, names), MAX_NAME)
