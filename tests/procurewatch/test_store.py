"""The Python API: what the command line and the exports give, as typed records and DataFrames, for reading only."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from sqlalchemy import text

import procurewatch
import storage.search.search
from procurewatch.exports.data_frame import DTYPES, PandasMissing
from procurewatch.store import Filters, _settings_for
from storage.database import Database, open_database
from storage.models import EventKind, StoredRecord
from storage.reading.export_rows import COLUMNS, RowType
from storage.search.query import PARAMETERS
from tests.commands import run
from tests.procurewatch.site import fill
from tests.records import BABEL, CLEARVIEW, COURT_REPORTER, match
from tests.storage.database_helpers import save

if TYPE_CHECKING:
    from pandas import DataFrame

NONE: Filters = {"vendor": "clearview-ai", "since": date(2099, 1, 1)}  # finds nothing


@pytest.fixture(scope="module")
def demo(demo_folder: Path) -> Iterator[procurewatch.Store]:
    """Yield the store of the demo."""
    with procurewatch.open_store(demo_folder, demo=True) as store:
        yield store


def test_searches_find_what_the_command_line_exports(demo: procurewatch.Store, demo_folder: Path) -> None:
    options = ("--category", "device-forensics", "--fiscal-year", "2024")
    exported = run(demo_folder, "--demo", "export", *options, "--rows", "actions", "--format", "jsonl")
    rows = [json.loads(line) for line in exported.stdout.splitlines()]
    actions = list(demo.actions(category="device-forensics", fiscal_year=2024))
    assert [each.action.key for each in actions] == [row["action_key"] for row in rows]
    assert len(rows) > 20
    total = demo.total(category="device-forensics", fiscal_year=2024)
    assert sum(each.action.obligation or 0 for each in actions) == total.dollars
    frame = demo.actions_frame(category="device-forensics", fiscal_year=2024)
    assert_same(frame, rows)
    assert frame["action_obligation"].sum() == total.dollars
    assert demo.spending(rows="agency", category="device-forensics", fiscal_year=2024).total == total


def assert_same(frame: DataFrame, rows: list[dict[str, Any]]) -> None:
    """Check that a DataFrame has the rows of an export in JSON."""
    assert list(frame.columns) == list(rows[0])
    for row, exported in zip(frame.to_dict("records"), rows, strict=True):
        for name, value in exported.items():
            found = row[str(name)]
            if value is None:
                assert found is None or found != found or str(found) in {"NaT", "<NA>"}  # noqa: PLR0124  NaN
            elif isinstance(found, Decimal):
                assert f"{found:.2f}" == value
            elif hasattr(found, "isoformat"):
                assert found.isoformat().startswith(value.removesuffix("Z"))
            else:
                assert found == value


def test_the_types_of_columns_do_not_depend_on_the_rows(demo: procurewatch.Store) -> None:
    frames = {
        RowType.RECORDS: (demo.records_frame(**NONE), demo.records_frame()),
        RowType.ACTIONS: (demo.actions_frame(**NONE), demo.actions_frame()),
        RowType.EVENTS: (demo.events_frame(**NONE), demo.events_frame()),
    }
    for kind, (empty, full) in frames.items():
        assert (len(empty), len(full) >= 175) == (0, True)
        for frame in (empty, full):
            assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
                name: DTYPES[column] for name, column in COLUMNS[kind].items()
            }


def test_spending_as_a_frame_adds_up_to_the_total(demo: procurewatch.Store) -> None:
    cells = demo.spending_frame(rows="agency", columns="year")
    assert list(cells.columns) == ["row", "row_name", "column", "column_name", "obligated", "actions", "awards"]
    assert cells["obligated"].sum() == demo.total().dollars
    by_year = demo.spending_frame(rows="year")
    assert list(by_year.columns) == ["row", "row_name", "obligated", "actions", "awards"]
    assert list(by_year["row"]) == ["2021", "2022", "2023", "2024"]
    assert by_year["obligated"].sum() == demo.total().dollars
    by_category = demo.spending_frame(rows="category", vendor="clearview-ai")
    assert "Face recognition" in set(by_category["row_name"])


def test_both_databases(database: Database, database_url: str) -> None:
    fill(database)
    with closing(procurewatch.open_store(database_url)) as store:
        assert {record.key for record in store.records()} >= {CLEARVIEW.key, BABEL.key}
        assert store.count() == len(list(store.records())) == len(store.records_frame())
        assert (
            len(list(store.records(limit=1))) == len(list(store.actions(limit=1))) == len(list(store.events(limit=1)))
        )
        events = list(store.events())
        assert [event.first_seen for event in events] == sorted((each.first_seen for each in events), reverse=True)
        assert len({event.id for event in events}) == len(events) > 3
        assert all(isinstance(event.kind, EventKind) for event in events)
        assert store.total().dollars == sum(each.action.obligation or 0 for each in store.actions())
        assert [entry.source for entry in store.sources()]
        assert store.coverage()
        details = store.record(CLEARVIEW.key)
        assert details.record.signed == date(2021, 9, 3)
        assert [action.obligation for action in details.actions][:1] == [Decimal("500000.00")]
        assert details.evidence[0].retrieved_at.tzinfo is UTC
        assert store.record("70CMSD21P00000127") == details
        with pytest.raises(procurewatch.RecordNotFound, match="no stored record has the key, PIID or address 'none'"):
            store.record("none")


def test_only_matches_of_the_wanted_bands_are_in_the_results(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        fill(database)
        save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica", "review"))
    with procurewatch.open_store(sqlite_url) as store:
        bands = {each.band for record in store.records() for each in record.matches}
        assert bands == {"published"}
        assert {each.band for award in store.actions() for each in award.award.matches} == {"published"}
        assert COURT_REPORTER.key in {record.key for record in store.records(band="review")}
        assert set(store.records_frame(band="review")["band"]) == {"review"}


def test_an_action_has_only_the_matches_that_concern_it(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        save(
            database,
            CLEARVIEW,
            match(CLEARVIEW),
            match(CLEARVIEW, "panamerica", action_keys=[CLEARVIEW.actions[1].key]),
        )
    with procurewatch.open_store(sqlite_url) as store:
        vendors = {each.action.modification: [one.vendor_id for one in each.award.matches] for each in store.actions()}
        assert sorted(vendors["P00001"]) == ["clearview-ai", "panamerica"]
        assert vendors["0"] == ["clearview-ai"]


@pytest.mark.parametrize(
    ("words", "filters", "said"),
    [
        ((), {"vendor": "clearvew"}, "no vendor 'clearvew' on the watchlist; did you mean 'Clearview AI'?"),
        ((), {"category": "face"}, "there is no category 'face'; did you mean 'face-recognition'?"),
        ((), {"agency": "custms"}, "did you mean 'customs'?"),
        ((), {"since": "2024"}, "write it as 2024-09-30"),
        ((), {"vendr": "clearview-ai"}, "there is no filter 'vendr'; did you mean 'vendor'?"),
        ((), {"since": ["2024-01-01", "2024-02-01"]}, "since is given more than once"),
        (("((",), {}, "q has no letter or digit"),
    ],
)
@pytest.mark.parametrize("search", ["records", "actions", "events", "count", "total", "coverage", "records_frame"])
def test_a_search_that_cannot_be_made(
    demo: procurewatch.Store, search: str, words: tuple[str, ...], filters: dict[str, Any], said: str
) -> None:
    with pytest.raises(procurewatch.InvalidQuery) as caught:
        getattr(demo, search)(*words, **filters)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("rows", "columns"), [("agencies", None), ("year", "month"), ("vendor", "topic"), ("year", "year")]
)
def test_a_table_that_cannot_be_made(demo: procurewatch.Store, rows: str, columns: str | None) -> None:
    for make in (demo.spending, demo.spending_frame):
        with pytest.raises(procurewatch.InvalidQuery, match=r"rows|columns"):
            make(rows=rows, columns=columns)


def test_the_filters_are_those_of_the_query_language(demo: procurewatch.Store) -> None:
    assert set(get_type_hints(Filters)) == set(PARAMETERS[1:])
    kinds = demo.events(event=[EventKind.NEW_AWARD, "modified"])
    assert {event.kind for event in kinds} == {EventKind.NEW_AWARD, EventKind.MODIFIED}
    pasted = [record.key for record in demo.records("vendor=clearview-ai&agency=7012")]
    assert pasted == [record.key for record in demo.records(vendor="Clearview AI", agency=["7012"])]
    assert demo.count("q=recognition", vendor="Clearview AI") == demo.count("recognition", vendor="clearview-ai") == 1
    assert demo.count(min_amount=Decimal("1000000.50")) == demo.count("min_amount=1000000.5") > 0


def test_memory_does_not_grow_with_the_results(demo: procurewatch.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.search.search, "BATCH_SIZE", 10)
    gc.collect()
    before = records_in_memory()
    found = 0
    for found, _record in enumerate(demo.records(), 1):
        if found % 40 == 0:
            assert records_in_memory() - before <= 21
    assert found == 175


def records_in_memory() -> int:
    return sum(isinstance(each, StoredRecord) for each in gc.get_objects())


def test_closing_ends_searches(demo_folder: Path) -> None:
    with procurewatch.open_store(demo_folder, demo=True) as store:
        assert str(demo_folder / "demo" / "procurewatch.sqlite3") in repr(store)
        records = store.records()
        next(records)
    assert list(records) == []
    with pytest.raises(procurewatch.DatabaseError, match="the store is closed"):
        store.count()


def test_a_database_that_breaks_while_it_is_read(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        fill(database)
        with procurewatch.open_store(sqlite_url) as store, database.engine.begin() as connection:
            records = store.records()
            connection.execute(text("DROP TABLE search"))
            connection.commit()
            with pytest.raises(procurewatch.DatabaseError, match="cannot be read: no such table"):
                list(records)


def test_a_damaged_record_is_left_out_with_a_warning(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        fill(database)
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE record SET amounts = 'damaged' WHERE key = :key"), {"key": BABEL.key})
    with procurewatch.open_store(sqlite_url) as store:
        for search in (store.records, store.records_frame):
            with pytest.warns(RuntimeWarning, match=f"1 record .{BABEL.key}.; run procurewatch db check"):
                assert len(list(search())) > 1
        assert CLEARVIEW.key in {record.key for record in store.records(vendor="clearview-ai")}


def test_the_default_is_the_database_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCUREWATCH_DATA_DIR", str(tmp_path / "no"))
    with pytest.raises(procurewatch.DatabaseError, match=f"there is no database {tmp_path}/no/procurewatch.sqlite3"):
        procurewatch.open_store()
    monkeypatch.setenv("PROCUREWATCH_DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite3")
    with pytest.raises(procurewatch.DatabaseError, match=r"other\.sqlite3"):
        procurewatch.open_store()
    assert _settings_for(tmp_path).database() == f"sqlite:///{tmp_path}/procurewatch.sqlite3"
    assert _settings_for(tmp_path / "a?b %.db").database() == f"sqlite:///{tmp_path}/a%3Fb%20%25.db"


def test_without_pandas(demo: procurewatch.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PandasMissing, match=r"pip install 'procurewatch\[notebook\]'"):
        demo.records_frame()


def test_days_that_no_calendar_of_nanoseconds_has(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        save(database, replace(CLEARVIEW, ends=date(9999, 12, 31)), match(CLEARVIEW))
    with procurewatch.open_store(sqlite_url) as store:
        assert store.records_frame()["ends"][0].date() == date(9999, 12, 31)
        assert store.records_frame()["first_seen"][0] <= datetime.now(UTC)


def test_importing_the_package_imports_no_other_module() -> None:
    code = (
        "import sys, procurewatch; print([each for each in sys.modules if each.startswith(('procurewatch.', 'sqlal'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = procurewatch.nothing  # type: ignore[attr-defined]


def test_type_checkers_see_the_types() -> None:
    root = Path(procurewatch.__file__).parents[1]
    for package in ("procurewatch", "storage", "sources", "monitors", "feeds"):
        assert (root / package / "py.typed").is_file()
