"""Saving looks rows up by the keys of an award, however many others are stored."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from sqlalchemy import event

from storage.database import open_database
from tests.records import CLEARVIEW, LATER, acted, match
from tests.storage.database_helpers import save


def test_saving_an_award_again_reads_no_events_of_others(sqlite_url: str) -> None:
    asked: list[tuple[str, Any]] = []
    with closing(open_database(sqlite_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
        event.listen(database.engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        later = acted(CLEARVIEW, "P00099", "2025-09-12", "500000.00")
        save(database, later, match(later), now=LATER)
        questions = [each for each in asked if each[0].startswith("SELECT") and "FROM event" in each[0]]
        with database.engine.connect() as connection:
            plans = {
                step[3]: said
                for said, given in questions
                for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given)
            }
    assert any("record_key=?" in step for step in plans)
    assert {step: said for step, said in plans.items() if "(kind=? AND is_published=?)" in step} == {}
