"""Checkpoints, the beginning of feeds, and what is asked for again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sources.records import Award, AwardCategory, MatchedAward
from storage.database import Database
from storage.schema.tables import CheckpointRow, EventRow, RunRow
from storage.writing.runs import (
    delete_checkpoints,
    latest_run,
    load_checkpoint,
    load_checkpoints,
    load_matched_awards,
    publish_newest,
    save_checkpoint,
)
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, LATER, SEEN, match
from tests.storage.database_helpers import publish_none, published_ids, save


def note(database: Database, source: str, *names: str, value: str = "done", now: datetime = SEEN) -> None:
    with database.writing() as session:
        for name in names:
            save_checkpoint(session, source, name, value, now)


def noted(database: Database, source: str, prefix: str) -> set[str]:
    with database.reading() as session:
        return set(load_checkpoints(session, source, prefix))


def test_a_checkpoint_is_what_was_noted_last(database: Database) -> None:
    with database.reading() as session:
        assert load_checkpoint(session, "usaspending", "watermark") is None
    note(database, "usaspending", "watermark", value="2026-11-19")
    note(database, "usaspending", "watermark", value="2026-11-20", now=LATER)
    note(database, "usaspending", "watermark", value="2026-11-20", now=LATER + timedelta(days=1))
    note(database, "sam", "watermark", value="2020-01-01")
    with database.reading() as session:
        assert load_checkpoint(session, "usaspending", "watermark") == "2026-11-20"
        assert session.get_one(CheckpointRow, ("usaspending", "watermark")).changed == LATER


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("backfill 50%", {"backfill 50% a", "backfill 50%"}),
        ("backfill_", {"backfill_a"}),
        ("%", {"%"}),
        ("backfill/", {"backfill/x"}),
        ("backfill\\", {"backfill\\y"}),
        ("nothing", set()),
        (
            "",
            {
                "backfill 50% a",
                "backfill 50%",
                "backfill 500",
                "backfill_a",
                "backfillXa",
                "%",
                "backfill/x",
                "backfill\\y",
            },
        ),
    ],
)
def test_a_prefix_is_taken_as_it_is_written(database: Database, prefix: str, found: set[str]) -> None:
    names = (
        "backfill 50% a",
        "backfill 50%",
        "backfill 500",
        "backfill_a",
        "backfillXa",
        "%",
        "backfill/x",
        "backfill\\y",
    )
    note(database, "usaspending", *names)
    note(database, "sam", *names)
    assert noted(database, "usaspending", prefix) == found
    with database.writing() as session:
        delete_checkpoints(session, "usaspending", prefix)
    assert noted(database, "usaspending", "") == set(names) - found
    assert noted(database, "sam", "") == set(names)


def run(purpose: str, started: datetime, source: str = "usaspending", message: str = "") -> RunRow:
    names = ("requests", "rows_found", "new_awards", "changed_awards", "matched", "events", "problems")
    counts: dict[str, Any] = dict.fromkeys(names, 0)
    return RunRow(source=source, purpose=purpose, started=started, status="", message=message, **counts)


def test_the_latest_run_is_the_one_begun_last(database: Database) -> None:
    with database.writing() as session:
        for row in (run("poll", LATER, message="late"), run("poll", SEEN, message="early"), run("backfill x", LATER)):
            session.add(row)
            session.flush()
        session.add(run("poll", LATER, message="as late, noted later"))
        session.add(run("poll", LATER, source="sam"))
    with database.reading() as session:
        latest = latest_run(session, "usaspending", "poll")
        assert latest is not None
        assert latest.message == "as late, noted later"
        assert latest_run(session, "usaspending", "demo") is None


def test_feeds_begin_with_the_newest_of_each_vendor(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), should_publish=publish_none)
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), should_publish=publish_none)
    save(
        database,
        BABEL,
        match(BABEL, "babel-street"),
        match(BABEL, "panamerica", band="review"),
        should_publish=publish_none,
    )
    assert published_ids(database) == set()
    with database.writing() as session:
        assert publish_newest(session, ["clearview-ai", "babel-street"], 2, LATER) == 4
    with database.reading() as session:
        published = {(row.record_key, row.signed): row for row in session.scalars(select(EventRow)) if row.is_published}
    assert set(published) == {
        (CLEARVIEW_FORENSIC.key, date(2024, 9, 3)),
        (CLEARVIEW.key, date(2023, 9, 12)),
        (BABEL.key, date(2024, 3, 19)),
        (BABEL.key, date(2023, 9, 25)),
    }
    assert {row.first_seen for row in published.values()} == {LATER}


def test_feeds_do_not_begin_with_what_waits_for_review(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street", band="review"), should_publish=publish_none)
    with database.writing() as session:
        assert publish_newest(session, ["babel-street", "nobody"], 5, LATER) == 0
    assert published_ids(database) == set()


def test_published_events_are_not_published_again(database: Database) -> None:
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC))
    save(database, CLEARVIEW, match(CLEARVIEW), should_publish=publish_none)
    (already,) = published_ids(database)
    for expected in (1, 0):
        with database.writing() as session:
            assert publish_newest(session, ["clearview-ai", "clearview-ai"], 2, LATER) == expected
    with database.reading() as session:
        assert session.get_one(EventRow, already).first_seen == SEEN


def test_matched_awards_include_old_awards_but_no_rejected_ones(database: Database) -> None:
    def also(key: str, piid: str, **facts: Any) -> Award:
        return replace(CLEARVIEW, key=key, piid=piid, actions=(), documents=(), **facts)

    for award in (also("B", "P2"), also("A", "P1"), also("C", "P2"), also("D", "P3", category=AwardCategory.IDV)):
        save(database, award, match(award), match(award, "panamerica"))
    old = also("E", "P4", ends=date(2009, 1, 1))
    save(database, old, match(old, band="review"))
    rejected = also("F", "P5")
    save(database, rejected, match(rejected, band="rejected"))
    save(database, BABEL)
    with database.reading() as session:
        matched = load_matched_awards(session)
    contracts = tuple(MatchedAward(key, piid) for key, piid in (("A", "P1"), ("B", "P2"), ("C", "P2"), ("E", "P4")))
    assert matched == {"contract": contracts, "idv": (MatchedAward("D", "P3"),)}
