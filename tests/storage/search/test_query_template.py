"""A statement is made once for a shape, and what one question asks never stays behind in it for another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import Connection, event

from storage.database import Database, open_database
from storage.search.facets import count_by_facets
from storage.search.query import Query, read_query
from storage.search.query_template import Dialect, asked
from storage.search.search import count_records, find_events, find_records
from tests.postgres import fresh_database
from tests.storage.fixtures import ALL, fill

# Questions of one shape, and what each finds: two and two with other values in the same places.
TWINS = [
    ({"vendor": "clearview-ai"}, {"vendor": "babel-street"}, [ALL[0], ALL[4]], [ALL[2]]),
    ({"category": "face-recognition"}, {"category": "no-such"}, [ALL[0], ALL[4]], []),
    ({"q": "clearview"}, {"q": "babel"}, [ALL[0], ALL[4]], [ALL[2]]),
    ({"q": '"facial recognition"'}, {"q": '"facial clearview"'}, [ALL[4]], []),
    ({"q": "clear*"}, {"q": "ba*"}, [ALL[0], ALL[4]], [ALL[2]]),
    ({"q": "-clearview"}, {"q": "-babel"}, [ALL[2]], [ALL[0], ALL[4]]),
    ({"agency": "7012"}, {"agency": "7014"}, [ALL[0], ALL[4]], [ALL[2]]),
    ({"agency": "immigration"}, {"agency": "protection"}, [ALL[0], ALL[4]], [ALL[2]]),
    ({"since": "2024-06-27"}, {"since": "2023-09-12"}, [ALL[0]], [ALL[0], ALL[2], ALL[4]]),
    ({"until": "2021-09-03"}, {"until": "2021-09-02"}, [ALL[4]], []),
    ({"seen_since": "2026-11-21"}, {"seen_since": "2026-11-22"}, [ALL[0], ALL[2]], []),
    ({"min_amount": "2287500"}, {"min_amount": "2287500.01"}, [ALL[2], ALL[4]], [ALL[2]]),
    ({"event": "new-award"}, {"event": "terminated"}, [ALL[0], ALL[2], ALL[4]], []),
    ({"source": "usaspending"}, {"source": "fpds"}, [ALL[0], ALL[2], ALL[4]], []),
    ({"kind": "contract"}, {"kind": "notice"}, [ALL[0], ALL[2], ALL[4]], []),
    ({"reseller": "panamerica"}, {"reseller": "clearview"}, [ALL[2]], []),
    ({"verdict": "unreviewed"}, {"verdict": "confirmed"}, [ALL[0], ALL[2], ALL[4]], []),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('shelf') / 'procurewatch.sqlite3'}"
        else:
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgresql_server")))
        database = stack.enter_context(closing(open_database(url)))
        fill(database)
        yield database


def answers(database: Database, query: Query) -> tuple[object, ...]:
    """Return all that is asked with a query."""
    with database.reading() as session:
        total, counted = count_by_facets(session, query)
        records = [record.piid for record in find_records(session, query)]
        told = [told.record.piid for told in find_events(session, query, 100)]
        assert total == count_records(session, query) == len(records)
        return records, sorted(told), str(counted)


@pytest.mark.parametrize(("one", "other", "first", "second"), TWINS)
def test_two_questions_of_one_shape_get_each_its_own_answer(
    shelf: Database, one: dict[str, str], other: dict[str, str], first: list[str], second: list[str]
) -> None:
    kind: Dialect = "postgresql" if shelf.engine.dialect.name == "postgresql" else "sqlite"
    queries = read_query(one), read_query(other)
    assert asked(queries[0], kind).shape == asked(queries[1], kind).shape
    assert asked(queries[0], kind).values.keys() == asked(queries[1], kind).values.keys()
    told = [answers(shelf, query) for query in (*queries, *queries)]
    assert [records for records, *_ in told] == [first, second, first, second]
    assert told[:2] == told[2:]


def test_one_session_answers_several_questions_of_one_shape(shelf: Database) -> None:
    with shelf.reading() as session:
        for one, other, first, second in TWINS:
            for params, expected in ((one, first), (other, second), (one, first)):
                assert [record.piid for record in find_records(session, read_query(params))] == expected


def test_threads_that_ask_at_once_get_each_its_own_answer(shelf: Database) -> None:
    queries = [read_query(params) for one, other, *_ in TWINS for params in (one, other)]
    expected = [answers(shelf, query) for query in queries]
    with ThreadPoolExecutor(max_workers=8) as threads:
        assert list(threads.map(lambda query: answers(shelf, query), queries * 8)) == expected * 8


def test_the_statements_of_a_shape_are_the_same_text(shelf: Database) -> None:
    texts: list[str] = []

    def note(_c: Connection, _cursor: object, statement: str, *_more: object) -> None:
        texts.append(statement)

    event.listen(shelf.engine, "before_cursor_execute", note)
    try:
        for params in ({"q": "clearview", "vendor": "clearview-ai"}, {"q": "babel", "vendor": "babel-street"}):
            with shelf.reading() as session:
                count_by_facets(session, read_query(params), newest=10)
    finally:
        event.remove(shelf.engine, "before_cursor_execute", note)
    assert texts[: len(texts) // 2] == texts[len(texts) // 2 :]
    assert not any("clearview" in text or "babel" in text for text in texts)


def test_all_parts_at_once_with_many_values_can_be_asked(shelf: Database) -> None:
    several = {
        "vendor": ("clearview-ai", "babel-street"),
        "category": ("face-recognition", "social-media"),
        "agency": ("7012", "070", "customs"),
        "office": ("a", "b"),
        "source": ("usaspending", "fpds"),
        "kind": ("award", "notice"),
        "event": ("new-award", "withdrawn", "modified"),
        "state": ("VA", "NY"),
        "psc": ("7A", "7A21"),
        "naics": ("5", "513210"),
    }
    single = {"q": 'o-brien "a b" -c -"d e"', "since": "2020-01-01", "until": "2026-01-01", "seen_since": "2020-01-01"}
    single |= {"seen_until": "2027-01-01", "min_amount": "1", "max_amount": "2", "reseller": "yes"}
    pairs = [*single.items(), *((name, value) for name, values in several.items() for value in values)]
    for more in ([], [("verdict", "confirmed")], [("band", "review")]):
        assert answers(shelf, read_query([*pairs, *more]))[0] == []
        for name, values in several.items():
            answers(shelf, read_query([*more, *((name, value) for value in values)]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"vendor": "x"}, {"category": "x"}),
        ({"q": "o-brien"}, {"q": "obrien"}),
        ({"agency": "7012"}, {"agency": "070"}),
        ({"agency": "7012"}, {"agency": "customs"}),
        ({"psc": "7A"}, {"psc": "7A21"}),
        ({"psc": "7A21"}, {"naics": "7A21"}),
        ({"since": "2024-01-01"}, {"until": "2024-01-01"}),
        ({"reseller": "yes"}, {"reseller": "no"}),
        ({"band": "all"}, {"band": "any"}),
    ],
)
def test_what_is_looked_for_in_another_way_has_another_shape(one: dict[str, str], other: dict[str, str]) -> None:
    assert asked(read_query(one), "sqlite").shape != asked(read_query(other), "sqlite").shape
