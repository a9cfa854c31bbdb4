"""Searching and showing what is stored, alike on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date, datetime

import pytest

from storage.database import Database, open_database
from storage.models import StoredRecord
from storage.reading.records import (
    actions_of,
    find_by_identifier,
    known_agencies,
    known_vendors,
    load_publication_version,
    published_keys,
    records_by_key,
)
from storage.search.query import read_query
from storage.search.search import find_events
from tests.postgres import fresh_database
from tests.records import (
    BABEL,
    CLEARVIEW,
    CLEARVIEW_FORENSIC,
    EQUIPMENT,
    LATER,
    LATER_STILL,
    acted,
    match,
)
from tests.storage.fixtures import fill
from tests.storage.tables import no, save, told_ids


@pytest.fixture
def sample_copy(database: Database) -> Database:
    """Give a database with these awards."""
    fill(database)
    return database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give a database with these awards that no test changes, of each kind."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('shelf') / 'procurewatch.sqlite3'}"
        if request.param == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgresql_server")))
        database = stack.enter_context(closing(open_database(url)))
        fill(database)
        yield database


@pytest.mark.parametrize(
    "identifier",
    [
        BABEL.key,
        BABEL.key.lower(),
        "70B03C23F00001053",
        " 70b03c23f00001053\n",
        f"https://www.usaspending.gov/award/{BABEL.key}",
        f"https://www.usaspending.gov/award/{BABEL.key}/",
        f"usaspending.gov/award/{BABEL.key}/",
    ],
)
def test_an_award_is_found_by_whatever_names_it(sample: Database, identifier: str) -> None:
    with sample.reading() as session:
        assert [award.key for award in find_by_identifier(session, identifier)] == [BABEL.key]


def test_a_piid_may_name_several_awards_and_a_part_of_it_none(sample_copy: Database) -> None:
    twin = replace(CLEARVIEW, key="CONT_AWD_70CMSD21P00000127_9700_-NONE-_-NONE-", actions=(), documents=())
    save(sample_copy, twin)
    with sample_copy.reading() as session:
        assert [award.key for award in find_by_identifier(session, CLEARVIEW.piid)] == [CLEARVIEW.key, twin.key]
        for identifier in ("70CMSD21P", "", "/", "%", "https://www.usaspending.gov/award/"):
            assert find_by_identifier(session, identifier) == []


def test_an_award_comes_with_its_matches_the_best_first(sample: Database) -> None:
    with sample.reading() as session:
        (award,) = records_by_key(session, ["nobody", BABEL.key])
        assert [(m.vendor_id, m.band, m.score) for m in award.matches] == [
            ("panamerica", "review", 0.97),
            ("babel-street", "published", 0.9),
        ]
        assert award.matches[0].signals[0].text == "PANAMERICA COMPUTERS, INC."
        assert records_by_key(session, [EQUIPMENT.key])[0].matches == ()
        assert [action.signed for action in actions_of(session, EQUIPMENT.key)] == [
            action.signed for action in EQUIPMENT.actions
        ]


def told(database: Database, limit: int = 50, **asked: str) -> list[tuple[str, date | None]]:
    with database.reading() as session:
        return [(event.record.piid, event.signed) for event in find_events(session, read_query(asked), limit)]


def test_feeds_carry_the_newest_seen_first_then_the_newest_signed_then_by_id(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    old = acted(CLEARVIEW, "P00004", "2022-12-01", "1.00")
    save(database, acted(old, "P00006", "2023-12-01", "1.00"), match(CLEARVIEW), now=LATER_STILL)
    same_day = replace(CLEARVIEW_FORENSIC, key="CONT_AWD_A_7012_-NONE-_-NONE-", piid="A")
    for award in (CLEARVIEW_FORENSIC, same_day):
        unique = replace(award, actions=tuple(replace(action, key=award.key) for action in award.actions))
        save(database, unique, match(unique), now=LATER)
    undated = replace(CLEARVIEW_FORENSIC, key="CONT_AWD_U", piid="U", signed=None, actions=(), documents=())
    save(database, undated, match(undated), now=LATER)
    expected = [
        (CLEARVIEW.piid, date(2023, 12, 1)),
        (CLEARVIEW.piid, date(2022, 12, 1)),
        (CLEARVIEW_FORENSIC.piid, date(2024, 9, 3)),
        ("A", date(2024, 9, 3)),
        ("U", None),
        (CLEARVIEW.piid, date(2021, 9, 3)),
    ]
    assert told(database) == expected
    for limit in range(len(expected)):
        assert told(database, limit=limit) == expected[:limit]


def test_feeds_are_narrowed_by_published_vendor_category_and_agency(sample: Database) -> None:
    clearview = [(CLEARVIEW_FORENSIC.piid, date(2024, 9, 3)), (CLEARVIEW.piid, date(2021, 9, 3))]
    babel = [(BABEL.piid, date(2023, 9, 25))]
    assert told(sample, vendor="clearview-ai") == told(sample, category="face-recognition") == clearview
    assert told(sample, agency="7012") == clearview
    assert told(sample, vendor="babel-street") == told(sample, agency="7014") == babel
    assert told(sample, vendor="panamerica") == told(sample, category="resellers") == []
    assert told(sample, vendor="babel-street", agency="7012") == told(sample, agency="9999") == []


def test_feeds_do_not_carry_what_is_untold(sample_copy: Database) -> None:
    before = told(sample_copy)
    more = acted(CLEARVIEW, "P00006", "2025-09-12", "1.00")
    save(sample_copy, more, match(more), now=LATER_STILL, tell=no)
    assert told(sample_copy) == before
    assert len(told_ids(sample_copy)) == 3


def test_what_is_published_is_known(sample: Database) -> None:
    with sample.reading() as session:
        assert known_vendors(session) == [
            ("babel-street", "Babel Street", "social-media"),
            ("clearview-ai", "Clearview AI", "face-recognition"),
        ]
        assert known_agencies(session) == [
            ("070", "Department of Homeland Security"),
            ("7014", "U.S. Customs and Border Protection"),
            ("7012", "U.S. Immigration and Customs Enforcement"),
        ]
        assert published_keys(session) == sorted([BABEL.key, CLEARVIEW.key, CLEARVIEW_FORENSIC.key])


def state(database: Database) -> tuple[str, datetime | None]:
    with database.reading() as session:
        return load_publication_version(session)


def test_the_state_of_what_is_published_moves_only_with_it(database: Database) -> None:
    assert state(database)[1] is None
    fill(database)
    before = state(database)
    assert before[1] is not None
    save(database, CLEARVIEW, match(CLEARVIEW, first_seen=LATER_STILL), now=LATER_STILL)
    assert state(database) == before
    more = acted(CLEARVIEW, "P00006", "2025-09-12", "1.00")
    save(database, more, match(more), now=LATER_STILL)
    after = state(database)
    assert after[0] != before[0]
    assert after[1] is not None
    assert after[1] > before[1]


def test_a_view_cannot_be_changed(sample: Database) -> None:
    with sample.reading() as session:
        (award,) = find_by_identifier(session, BABEL.key)
    assert isinstance(award, StoredRecord)
    with pytest.raises(AttributeError):
        award.piid = "another"  # type: ignore[misc]
