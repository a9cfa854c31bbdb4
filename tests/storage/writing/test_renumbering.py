"""An award whose key its source corrects stays one award: its history, its matches and what was published of it move.

The award is a real one (tests/records.py); that CBP corrects the agreement it was ordered under is made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from sources.records import Award, PublicationKind, Recipient
from storage.database import Database
from storage.models import MILESTONES, EventKind, StoredEvent, record_subject
from storage.reading.events import events_of
from storage.reading.records import actions_of, evidence_of, find_by_identifier, records_by_key
from storage.reading.rematching import load_candidates
from storage.reading.source_records import count_listed_actions, load_source_records
from storage.reading.timelines import links_of
from storage.schema.tables import RecordRow, SearchRow
from storage.search.query import Query, read_query
from storage.search.search import count_records, find_events, find_records
from storage.writing.renumbering import current_key
from storage.writing.reviews import Decision, ReviewDecision, list_decisions, save_decision
from storage.writing.save import save_matches, save_publication
from tests.records import BABEL, LATER, LATER_STILL, SEEN, acted, match, with_actions
from tests.sources.fakes import publication
from tests.storage.database_helpers import dump_tables, publish_all, published_ids, save

OLD_PARENT, NEW_PARENT, THIRD_PARENT = "HSHQDC12D00013", "HSHQDC12D00014", "HSHQDC12D00015"


def under(parent: str, award: Award = BABEL, *, same_action_keys: bool = False, **facts: Any) -> Award:
    """Return an award as it is where it was ordered under another agreement."""
    key = award.key.replace(award.parent_piid, parent)
    actions = [
        action if same_action_keys else replace(action, key=action.key.replace(award.parent_piid, parent))
        for action in award.actions
    ]
    other = replace(award, key=key, parent_piid=parent, url=award.url.replace(award.parent_piid, parent))
    return replace(with_actions(other, actions), **{"replaces": "", **facts})


CORRECTED = under(NEW_PARENT, replaces=BABEL.key)
AGAIN = under(NEW_PARENT)


def hold(database: Database, award: Award = BABEL, **facts: str) -> list[StoredEvent]:
    """Store an award that concerns Babel Street; return what feeds carry of it."""
    save(database, award, match(award, "babel-street", **facts))
    return carried(database)


def carried(database: Database) -> list[StoredEvent]:
    with database.reading() as session:
        return find_events(session, Query(), 100)


def keys_of_records(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(col(RecordRow.key)).order_by(col(RecordRow.key))))


@pytest.mark.parametrize("corrected", [CORRECTED, under(NEW_PARENT, same_action_keys=True, replaces=BABEL.key)])
def test_a_renumbered_award_is_one_award_with_one_event(database: Database, corrected: Award) -> None:
    before = hold(database)
    saved = save(database, corrected, match(corrected, "babel-street", first_seen=LATER), now=LATER)
    assert (saved.new, saved.changed, saved.events) == (False, True, 1)
    assert keys_of_records(database) == [corrected.key]
    event, *others = carried(database)
    assert (event.kind, event.old_value, event.new_value) == (EventKind.RENUMBERED, BABEL.key, corrected.key)
    assert event.first_seen == LATER
    assert [other.id for other in others] == [event.id for event in before], "an id is for ever"
    assert saved.matched
    for again in (replace(corrected, replaces=""), corrected):
        unchanged = dump_tables(database)
        repeated = save(database, again, match(again, "babel-street", first_seen=LATER_STILL), now=LATER_STILL)
        assert (repeated.new, repeated.changed, repeated.events) == (False, False, 0)
        assert dump_tables(database) == unchanged


def test_all_rows_of_a_renumbered_award_move(database: Database) -> None:
    signal = {"kind": "product", "field": "action_description", "text": "BABEL STREET", "term": "Babel Street"}
    signals = [{**signal, "start": 0, "end": 12, "score": 0.9, "action_key": BABEL.actions[1].key}]
    save(database, BABEL, match(BABEL, "babel-street", signals=signals, action_keys=[BABEL.actions[1].key]))
    save(database, CORRECTED, now=LATER)
    with database.reading() as session:
        (award,) = records_by_key(session, [CORRECTED.key])
        assert (award.parent_piid, award.first_seen, award.last_changed) == (NEW_PARENT, SEEN, LATER)
        assert [(found.vendor_id, found.first_seen) for found in award.matches] == [("babel-street", SEEN)]
        assert [signal.action_key for signal in award.matches[0].signals] == [CORRECTED.actions[1].key]
        assert award.matches[0].action_keys == (CORRECTED.actions[1].key,)
        assert [(action.key, action.first_seen) for action in actions_of(session, CORRECTED.key)] == [
            (action.key, SEEN) for action in CORRECTED.actions
        ]
        assert {kept.sha256 for kept in evidence_of(session, CORRECTED.key)} == {
            document.sha256 for document in (*BABEL.documents, *CORRECTED.documents)
        }
        assert [
            (said.source, said.actions, said.first_seen) for said in load_source_records(session, CORRECTED.key)
        ] == [("usaspending", 2, SEEN)]
        assert count_listed_actions(session, "usaspending", CORRECTED.key) == 2
        assert [found.key for found in find_records(session, read_query({"q": "babel"}))] == [CORRECTED.key]
        assert count_records(session, Query()) == 1
        assert len(session.scalars(select(SearchRow)).all()) == 1
        assert [found.key for found in find_by_identifier(session, BABEL.key)] == [CORRECTED.key]


def test_published_entries_link_to_the_new_key(database: Database) -> None:
    (before,) = hold(database)
    save(database, CORRECTED, now=LATER)
    after = carried(database)[-1]
    assert before.action is not None
    assert after.action is not None
    assert (after.record.key, after.action.key) == (CORRECTED.key, CORRECTED.actions[0].key)
    assert after.record.url == CORRECTED.url, "the source's page of the old key is gone"
    assert replace(after.record, key=BABEL.key, url=BABEL.url) == before.record
    assert after.record.parent_piid == OLD_PARENT
    assert replace(after.action, key=before.action.key, award_key=BABEL.key) == before.action


def test_published_entries_without_a_page_keep_their_text(database: Database) -> None:
    (before,) = hold(database, replace(BABEL, url="", source="fpds"))
    save(database, CORRECTED, now=LATER)
    after = carried(database)[-1]
    assert before.action is not None
    assert after.action is not None
    assert replace(after.record, key=BABEL.key) == before.record
    assert replace(after.action, key=before.action.key, award_key=BABEL.key) == before.action


def test_an_action_missing_under_the_new_key_is_kept(database: Database) -> None:
    hold(database)
    shorter = with_actions(CORRECTED, CORRECTED.actions[:1])
    assert save(database, shorter, now=LATER).events == 1
    with database.reading() as session:
        assert [action.modification for action in actions_of(session, CORRECTED.key)] == ["0", "P00001"]
        assert count_listed_actions(session, "usaspending", CORRECTED.key) == 1


def test_a_modification_with_the_new_key_is_published(database: Database) -> None:
    hold(database)
    more = acted(CORRECTED, "P00002", "2024-04-01", "0.00", action_type="F")
    assert save(database, more, now=LATER).events == 2
    assert [event.kind for event in carried(database)] == [
        *(EventKind.TERMINATED, EventKind.RENUMBERED, EventKind.NEW_AWARD),
    ]


def test_an_award_stored_under_both_keys_becomes_one(database: Database) -> None:
    hold(database)
    hold(database, AGAIN)
    assert len(keys_of_records(database)) == 2
    published = published_ids(database)
    save(database, CORRECTED, match(CORRECTED, "babel-street"), now=LATER)
    assert keys_of_records(database) == [CORRECTED.key]
    assert published < published_ids(database)
    with database.reading() as session:
        assert [action.key for action in actions_of(session, CORRECTED.key)] == [
            action.key for action in CORRECTED.actions
        ]
        assert {event.record.key for event in find_events(session, Query(), 100)} == {CORRECTED.key}
        assert all(event.action for event in events_of(session, CORRECTED.key) if event.kind is EventKind.MODIFIED)


def verdict(key: str, decision: Decision) -> ReviewDecision:
    subject = record_subject(key)
    return ReviewDecision(
        vendor_id="babel-street", subject=subject, decision=decision, decided_by="me", note="", decided_at=LATER_STILL
    )


def test_a_reviewers_decision_moves(database: Database) -> None:
    hold(database)
    with database.writing() as session:
        save_decision(session, verdict(BABEL.key, Decision.REJECTED))
    save(database, CORRECTED, match(CORRECTED, "babel-street"), now=LATER)
    with database.reading() as session:
        (kept,) = list_decisions(session)
        assert (kept.subject, kept.decision) == (record_subject(CORRECTED.key), Decision.REJECTED)
        assert [found.band for found in records_by_key(session, [CORRECTED.key])[0].matches] == ["rejected"]


def test_a_confirmed_renumbered_award_is_published_once(database: Database) -> None:
    hold(database, band="review")
    for award in (CORRECTED, AGAIN):
        save(database, award, match(award, "babel-street", band="review"), now=LATER)
    with database.writing() as session:
        save_decision(session, verdict(CORRECTED.key, Decision.CONFIRMED))
    assert [event.kind for event in carried(database)] == [EventKind.NEW_AWARD]
    with database.reading() as session:
        kinds = [event.kind for event in events_of(session, CORRECTED.key) if event.kind not in MILESTONES]
        assert len(kinds) == 3, "with the history"


def test_matching_anew_repeats_nothing(database: Database) -> None:
    hold(database, band="review")
    save(database, CORRECTED, now=LATER)
    with database.writing() as session:
        (facts,) = load_candidates(session, [CORRECTED.key])
        rows = [match(CORRECTED, "babel-street", band="review"), match(CORRECTED, "panamerica")]
        assert save_matches(session, facts.row, facts.record, rows, LATER_STILL) == 0


def test_a_publication_that_names_the_old_key_is_linked_with_the_award(database: Database) -> None:
    named = publication("SUBAWARD_1", PublicationKind.SUBAWARD, source="subawards", award_key=BABEL.key)
    hold(database)
    for now in (SEEN, LATER_STILL):
        with database.writing() as session:
            save_publication(session, named, [], now, publish_all)
        save(database, CORRECTED, now=LATER)
        with database.reading() as session:
            assert [link.award_key for link in links_of(session, named.key)] == [CORRECTED.key]


def test_a_source_that_still_has_the_old_key_speaks_of_the_same_award(database: Database) -> None:
    hold(database)
    save(database, CORRECTED, now=LATER)
    published = published_ids(database)
    late = acted(replace(BABEL, source="fpds"), "P00002", "2026-11-21", "0.00", action_type="F")
    further = replace(late, actions=late.actions[1:], is_partial=True)
    assert not save(database, further, match(further, "babel-street"), match(further, "panamerica"), now=LATER).new
    assert keys_of_records(database) == [CORRECTED.key]
    with database.reading() as session:
        (award,) = records_by_key(session, [CORRECTED.key])
    assert {found.vendor_id for found in award.matches} == {"babel-street", "panamerica"}
    assert len(published_ids(database) - published) == 1
    whole = acted(AGAIN, "P00002", "2026-11-21", "0.00", action_type="F")
    assert save(database, whole, match(whole, "babel-street"), now=LATER_STILL).events == 0
    with database.reading() as session:
        assert [action.modification for action in actions_of(session, CORRECTED.key)] == ["0", "P00001", "P00002"]


def test_a_key_that_is_corrected_again_and_back_leads_to_the_award(database: Database) -> None:
    hold(database)
    parents = (NEW_PARENT, THIRD_PARENT, OLD_PARENT, NEW_PARENT)
    before = BABEL.key
    for days, parent in enumerate(parents, 1):
        award = under(parent, replaces=before)
        assert save(database, award, match(award, "babel-street"), now=SEEN + timedelta(days=days)).events == 1
        assert keys_of_records(database) == [award.key]
        before = award.key
    with database.reading() as session:
        assert {current_key(session, under(parent).key) for parent in (OLD_PARENT, *parents)} == {before}
    changes = [(event.old_value, event.new_value) for event in carried(database) if event.kind is EventKind.RENUMBERED]
    keys = [under(parent).key for parent in (OLD_PARENT, *parents)]
    assert changes == list(pairwise(keys))[::-1]


def test_a_key_that_its_source_brings_again_is_an_award_of_its_own(database: Database) -> None:
    hold(database)
    save(database, CORRECTED, now=LATER)
    assert save(database, BABEL, match(BABEL, "babel-street"), now=LATER_STILL).new
    assert keys_of_records(database) == [BABEL.key, CORRECTED.key]
    assert not save(database, AGAIN, now=LATER_STILL).new


OTHERS: Sequence[tuple[str, Award]] = [
    ("recipient", replace(CORRECTED, recipient=Recipient(name="ANOTHER COMPANY, LLC"))),
    ("number", replace(CORRECTED, piid="70B03C23F00001054", key=CORRECTED.key.replace("1053", "1054"))),
    ("agency", replace(CORRECTED, key=CORRECTED.key.replace("_7014_", "_7012_"))),
    ("nobody", replace(CORRECTED, replaces="CONT_AWD_NOBODY_7014_-NONE-_-NONE-")),
    ("itself", replace(BABEL, key=CORRECTED.key, replaces=CORRECTED.key, actions=CORRECTED.actions)),
]


@pytest.mark.parametrize(("other"), [other for _, other in OTHERS], ids=[name for name, _ in OTHERS])
def test_another_award_replaces_nothing(database: Database, other: Award) -> None:
    hold(database)
    assert save(database, other, match(other, "babel-street"), now=LATER).new
    assert keys_of_records(database) == sorted([BABEL.key, other.key])


def test_companies_are_the_same_by_their_uei(database: Database) -> None:
    hold(database, replace(BABEL, recipient=Recipient(name="PANAMERICA COMPUTERS, INC.", uei="JN7FZSDJLJF3")))
    renamed = replace(CORRECTED, recipient=Recipient(name="PANAMERICA LLC", uei="JN7FZSDJLJF3"))
    assert not save(database, renamed, match(renamed, "babel-street"), now=LATER).new
    kinds = {event.kind for event in carried(database)}
    assert kinds == {EventKind.NEW_AWARD, EventKind.RENUMBERED, EventKind.RECIPIENT_RENAMED}


def test_an_award_that_concerns_nobody_moves_without_an_event(database: Database) -> None:
    save(database, BABEL)
    assert save(database, CORRECTED, now=LATER).events == 0
    assert keys_of_records(database) == [CORRECTED.key]
    assert carried(database) == []


def test_obligations_are_counted_once(database: Database) -> None:
    hold(database)
    save(database, CORRECTED, now=LATER)
    with database.reading() as session:
        amounts: list[Decimal] = [action.obligation or Decimal(0) for action in actions_of(session, CORRECTED.key)]
        everything = [action for key in keys_of_records(database) for action in actions_of(session, key)]
    assert sum(amounts) == CORRECTED.obligated
    assert len(everything) == 2
