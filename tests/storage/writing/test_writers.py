"""Every function that changes what readers see renews the search index, the snapshots and the publication version."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from importlib import import_module

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

import storage.writing
from sources.records import Problem, Removal
from storage.database import Database
from storage.models import record_subject
from storage.reading.records import all_keys, load_publication_version
from storage.reading.rematching import load_candidates
from storage.schema.tables import EventRow, EventSnapshotRow, MatchRow, RecordRow, SearchRow, SpendingRow
from storage.search.index import index_records
from storage.writing.milestones import save_milestones
from storage.writing.reviews import Decision, ReviewDecision, delete_decision, import_decisions, save_decision
from storage.writing.runs import (
    correct_future_times,
    publish_expiring,
    publish_newest,
    publish_rematched,
    update_incident,
)
from storage.writing.save import (
    delete_matches,
    save_award,
    save_matches,
    save_problem,
    save_publication,
    save_record,
    save_removal,
)
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, EQUIPMENT, LATER, SEEN, acted, document, match
from tests.sources.fakes import publication
from tests.storage.database_helpers import dump_tables, publish_all, publish_none, save

MORE = acted(CLEARVIEW, "P00099", "2025-09-12", "1000000.00", description="LIDAR")
NOTICE = publication("SAM_NOTICE_1")
GONE = Removal(
    source="usaspending", key=CLEARVIEW.key, action_key="", removed=date(2026, 11, 21), reason="deleted", documents=()
)
UNREADABLE = Problem(
    source="usaspending", key=CLEARVIEW.key, reason="no amount", documents=(document("broken", {"amount": "?"}),)
)


def decision(key: str, decided: Decision, vendor: str = "clearview-ai") -> ReviewDecision:
    return ReviewDecision(
        vendor_id=vendor, subject=record_subject(key), decision=decided, decided_by="me", note="", decided_at=LATER
    )


def rematch_equipment(session: Session) -> None:
    [stored] = load_candidates(session, [EQUIPMENT.key])
    save_matches(session, stored.row, stored.record, [match(EQUIPMENT, "babel-street")], LATER)


def end_soon(session: Session) -> None:
    session.get_one(RecordRow, CLEARVIEW.key).ends = LATER.date()
    publish_expiring(session, LATER)


def pass_a_round_sum(session: Session) -> None:
    row = session.get_one(RecordRow, CLEARVIEW.key)
    matches = [session.get_one(MatchRow, (row.key, "clearview-ai"))]
    save_milestones(session, row, matches, before={}, now=SEEN, should_publish=publish_all)


def publish_a_rematch(session: Session) -> int:
    session.get_one(MatchRow, (EQUIPMENT.key, "panamerica")).is_unpublished = True
    session.flush()
    return publish_rematched(session, 5, LATER)


CONFIRMED = decision(BABEL.key, Decision.CONFIRMED, "babel-street")
# Each is run after `fill`: one award is published, one waits for review, one was rejected, one is history.
WRITERS: dict[str, Callable[[Session], object]] = {
    "save_record": lambda session: save_record(session, MORE, lambda award: [match(award)], LATER, publish_all),
    "save_award": lambda session: save_award(session, MORE, [match(MORE)], LATER, publish_all),
    "save_publication": lambda session: save_publication(session, NOTICE, [match(NOTICE)], LATER, publish_all),
    "save_matches": rematch_equipment,
    "delete_matches": lambda session: delete_matches(session, CLEARVIEW.key, ["clearview-ai"]),
    "save_removal": lambda session: save_removal(session, GONE, LATER, publish_all),
    "save_problem": lambda session: save_problem(session, UNREADABLE, LATER),
    "save_decision": lambda session: save_decision(session, CONFIRMED),
    "import_decisions": lambda session: import_decisions(session, [CONFIRMED]),
    "delete_decision": lambda session: delete_decision(
        session, "clearview-ai", record_subject(CLEARVIEW_FORENSIC.key), LATER
    ),
    "save_milestones": pass_a_round_sum,
    "publish_expiring": end_soon,
    "publish_newest": lambda session: publish_newest(session, ["panamerica"], 5, LATER),
    "publish_rematched": publish_a_rematch,
    "correct_future_times": lambda session: correct_future_times(session, SEEN - timedelta(days=9)),
    "update_incident": lambda session: update_incident(
        session, "usaspending", good=False, status="blocked", message="403", now=LATER, at_once=True
    ),
}
RENUMBERED = replace(CLEARVIEW, key=CLEARVIEW.key.replace("-NONE-_-NONE-", "GS35F_4730"), replaces=CLEARVIEW.key)


def rename_vendor(session: Session) -> None:
    [stored] = load_candidates(session, [CLEARVIEW.key])
    save_matches(session, stored.row, stored.record, [match(CLEARVIEW, vendor_name="Clearview")], LATER)


CASES = {
    **WRITERS,
    "an award with another key": lambda session: save_award(
        session, RENUMBERED, [match(RENUMBERED)], LATER, publish_all
    ),
    "a vendor with another name": rename_vendor,
}
# Steps of the writers: the writer calls `publish_changes` at its end.
STEPS = {
    *(
        "save_actions",
        "save_event",
        "save_evidence",
        "save_source_record",
        "link_award",
        "link_publication",
        "renumber",
    ),
    *("publish_changes", "snapshot_events", "bump_publication_version"),
}
# These store how runs go, which no page shows by itself.
RUNS = {
    "save_coverage",
    "begin_coverage",
    "continue_coverage",
    "save_archive_file",
    "save_archive_coverage",
    "extend_archive_coverage",
    "note_changed_terms",
    "save_checkpoint",
    "delete_checkpoints",
    "save_failed_step",
    "delete_failed_step",
}
READERS = {
    *(
        "load_checkpoint",
        "load_checkpoints",
        "latest_run",
        "load_matched_awards",
        "is_quarantined",
        "days_late",
    ),
    *("apply_decisions", "preview_decision"),
    *("list_decisions", "latest_decisions", "current_key", "former_keys", "find_corrections"),
    *("counted_dollars", "under_current_key", "with_stored_actions", "with_stored_ids"),
}


def fill(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC))
    save(database, BABEL, match(BABEL, "babel-street", "review"))
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica"), should_publish=publish_none)
    with database.writing() as session:
        save_decision(session, decision(CLEARVIEW_FORENSIC.key, Decision.REJECTED))


def version(database: Database) -> int:
    with database.reading() as session:
        return int(load_publication_version(session)[0])


def is_index_current(database: Database) -> bool:
    before = {name: dump_tables(database)[name] for name in ("search", "spending")}
    with database.writing() as session:
        session.execute(delete(SearchRow))
        session.execute(delete(SpendingRow))
        index_records(session, all_keys(session))
    return {name: dump_tables(database)[name] for name in before} == before


def events_without_snapshot(database: Database) -> int:
    with database.reading() as session:
        snapshots = select(col(EventSnapshotRow.event_id))
        query = select(func.count()).select_from(EventRow).where(col(EventRow.is_published))
        return session.scalar(query.where(col(EventRow.id).not_in(snapshots))) or 0


def test_every_function_of_writing_is_listed() -> None:
    found = set()
    for module in pkgutil.iter_modules(storage.writing.__path__, "storage.writing."):
        for name, function in inspect.getmembers(import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and "session" in inspect.signature(function).parameters:
                found.add(name)
    assert {name for name in found if not name.startswith("_")} == {*WRITERS, *STEPS, *RUNS, *READERS}


@pytest.mark.parametrize("name", CASES)
def test_a_writer_renews_what_readers_see(database: Database, name: str) -> None:
    fill(database)
    before = dump_tables(database)
    first = version(database)
    with database.writing() as session:
        CASES[name](session)
    assert dump_tables(database) != before
    assert version(database) > first
    assert is_index_current(database)
    assert events_without_snapshot(database) == 0
