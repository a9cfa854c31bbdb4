"""What is stored: facts, evidence and quarantine, whatever comes twice and in whatever order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from sources.records import Award, Problem, Publication
from storage.database import Database, open_database
from storage.reading.records import actions_of, evidence_of, load_payload, records_by_key
from storage.reading.source_records import count_listed_actions, load_source_records
from storage.schema.tables import ActionRow, MatchRow, PayloadRow, QuarantineRow, RecordRow, SearchRow
from storage.search.query import read_query
from storage.search.search import find_records
from storage.writing.runs import save_checkpoint
from storage.writing.save import Saved, save_evidence, save_problem, save_record
from tests.records import (
    BABEL,
    CLEARVIEW,
    CLEARVIEW_AT_FIRST,
    CLEARVIEW_FORENSIC,
    COURT_REPORTER,
    EQUIPMENT,
    LATER,
    LATER_STILL,
    NO_FAIR_OPPORTUNITY,
    SEEN,
    SOLE_SOURCE,
    acted,
    document,
    match,
    problem,
    with_actions,
)
from tests.storage.database_helpers import TableDump, delete_all_rows, dump_tables, publish_all, published_ids, save


@pytest.mark.parametrize("award", [CLEARVIEW, BABEL, EQUIPMENT, COURT_REPORTER], ids=lambda award: award.piid)
@pytest.mark.parametrize("matched", [True, False])
def test_the_same_award_again_changes_nothing(database: Database, award: Award, matched: bool) -> None:
    matches = ("babel-street", "panamerica") if matched else ()
    save(database, award, *(match(award, vendor) for vendor in matches))
    before = dump_tables(database)
    for _ in range(2):
        again = save(database, award, *(match(award, vendor, first_seen=LATER) for vendor in matches), now=LATER)
        assert (again.new, again.changed, again.events) == (False, False, 0)
        assert dump_tables(database) == before


def test_every_field_is_stored(database: Database) -> None:
    full = replace(
        CLEARVIEW,
        revision="2023-09-12",
        ceiling=Decimal("2287500.00"),
        exercised=Decimal("2287500.00"),
        starts=date(2021, 9, 5),
        ends=date(2024, 9, 4),
        may_end=date(2024, 9, 4),
        modified=date(2023, 9, 13),
        recipient=replace(CLEARVIEW.recipient, uei="QKNCSQNVB4X3", parent_name="A PARENT", parent_uei="B", state="NY"),
        **{**NO_FAIR_OPPORTUNITY, **SOLE_SOURCE},
    )
    save(database, full, match(full))
    with database.reading() as session:
        (award,) = records_by_key(session, [full.key])
        actions = actions_of(session, full.key)
    for name in (
        *("key", "source", "type_text", "piid", "parent_piid", "parent_key", "description", "obligated", "exercised"),
        *("ceiling", "signed", "starts", "ends", "may_end", "modified", "psc", "psc_text", "naics", "naics_text"),
        *("solicitation", "place", "url", *NO_FAIR_OPPORTUNITY, *SOLE_SOURCE),
    ):
        assert getattr(award, name) == getattr(full, name), name
    assert (award.recipient_name, award.recipient_uei) == (full.recipient.name, "QKNCSQNVB4X3")
    assert (award.recipient_parent_name, award.recipient_parent_uei) == ("A PARENT", "B")
    assert (award.agency_code, award.sub_agency_code, award.sub_agency_name) == ("070", "7012", full.awarding.sub_name)
    assert (award.first_seen, award.last_changed) == (SEEN, SEEN)
    for stored, action in zip(actions, full.actions, strict=True):
        assert (stored.key, stored.modification, stored.signed, stored.obligation, stored.description) == (
            *(action.key, action.modification, action.signed, action.obligation, action.description),
        )


def test_details_of_several_sources_are_put_together(database: Database) -> None:
    usaspending = replace(CLEARVIEW, modified=date(2024, 1, 1), **{**SOLE_SOURCE, "pricing_code": "", "pricing": ""})
    fpds = replace(
        CLEARVIEW, source="fpds", modified=date(2023, 1, 1), offers_received=3, pricing_code="J", pricing="FIXED PRICE"
    )
    save(database, fpds)
    save(database, usaspending, now=LATER)
    save(database, fpds, now=LATER_STILL)
    with database.reading() as session:
        (award,) = records_by_key(session, [CLEARVIEW.key])
        first, second = load_source_records(session, CLEARVIEW.key)
    assert {name: getattr(award, name) for name in SOLE_SOURCE} == {**SOLE_SOURCE, "pricing": "FIXED PRICE"}
    assert (first.source, first.facts["offers_received"], first.facts["outlays"]) == (
        *("usaspending", 1, SOLE_SOURCE["outlays"]),
    )
    assert first.facts["disaster_codes"] == ["N", "Q"]
    assert (second.source, second.facts["offers_received"], second.facts.get("outlays")) == ("fpds", 3, None)


def test_a_revision_alone_is_no_change(database: Database) -> None:
    save(database, CLEARVIEW)
    saved = save(database, replace(CLEARVIEW, revision="2026-11-21"), now=LATER)
    assert not saved.changed
    save(database, replace(CLEARVIEW, revision=""), now=LATER_STILL)
    row = dump_tables(database)["record"][0]
    assert row["revision"] == "2026-11-21"
    assert row["last_changed"] == SEEN


def test_an_award_without_its_base_action_is_new(database: Database) -> None:
    partial = replace(with_actions(CLEARVIEW, CLEARVIEW.actions[2:]), signed=date(2021, 9, 3))
    save(database, partial, match(partial))
    assert {identifier.rpartition("/")[2] for identifier in published_ids(database)} == {"new-award"}
    saved = save(database, CLEARVIEW, match(CLEARVIEW), now=LATER)
    assert saved.events == 2, "P00001 and the base award; tests/storage/writing/test_events.py tests their events"
    assert len(published_ids(database)) == 3


def listed(database: Database, source: str = "usaspending") -> int:
    with database.reading() as session:
        return count_listed_actions(session, source, CLEARVIEW.key)


def test_the_listed_actions_are_those_of_the_last_read(database: Database) -> None:
    assert listed(database) == 0
    save(database, CLEARVIEW)
    assert (listed(database), listed(database, "fpds")) == (5, 0)
    save(database, with_actions(CLEARVIEW, CLEARVIEW.actions[:3]), now=LATER)
    assert listed(database) == 3
    for action in CLEARVIEW.actions[2:4]:
        save(database, replace(with_actions(CLEARVIEW, [action]), source="fpds", is_partial=True), now=LATER)
    assert (listed(database), listed(database, "fpds")) == (3, 2), "one that tells action by action adds them up"
    with database.reading() as session:
        assert len(actions_of(session, CLEARVIEW.key)) == 5, "what a source does not list any more stays"
    assert not save(database, with_actions(CLEARVIEW, CLEARVIEW.actions[:3]), now=LATER_STILL).changed
    save(database, CLEARVIEW, now=LATER_STILL)
    assert listed(database) == 5


def test_an_action_that_its_source_moves_to_another_award_moves(database: Database) -> None:
    moved = replace(CLEARVIEW.actions[4], description="MOVED")
    before_it = with_actions(CLEARVIEW, [*CLEARVIEW.actions[:4], moved])
    save(database, before_it, match(before_it))
    other = with_actions(CLEARVIEW_FORENSIC, [*CLEARVIEW_FORENSIC.actions, moved])
    assert save(database, other, match(other), now=LATER).changed
    with database.reading() as session:
        assert [action.modification for action in actions_of(session, other.key)] == ["P00005", "0"]
        assert len(actions_of(session, CLEARVIEW.key)) == 4
        assert [record.key for record in find_records(session, read_query({"q": "moved"}))] == [other.key]
        search = session.scalars(select(SearchRow).where(col(SearchRow.record_key) == CLEARVIEW.key)).one()
        assert "moved" not in search.words
    before = dump_tables(database)
    assert not save(database, other, match(other), now=LATER_STILL).changed
    assert dump_tables(database) == before


def test_a_new_match_renews_its_reasons_and_keeps_its_day(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW, band="review", score=0.6))
    save(database, CLEARVIEW, match(CLEARVIEW, score=0.99, reason="its UEI", first_seen=LATER), now=LATER)
    with database.reading() as session:
        row = session.scalars(select(MatchRow)).one()
        assert (row.score, row.band, row.reason, row.first_seen) == (0.99, "published", "its UEI", SEEN)


def test_only_a_vendors_product_is_bought_through_a_reseller(database: Database) -> None:
    described = [{**match(CLEARVIEW).signals[0], "field": "description"}]
    for is_topic in (False, True):
        save(database, CLEARVIEW, match(CLEARVIEW, signals=described, is_topic=is_topic))
        with database.reading() as session:
            assert session.scalars(select(col(MatchRow.via_reseller))).all() == [not is_topic]


def test_any_description_is_stored(database: Database) -> None:
    text = "\"; DROP TABLE award; -- % _ \\ ' é 🛰 \u202e ]]> <b>&amp;\n\t"
    hostile = replace(CLEARVIEW_AT_FIRST, description=text)
    save(database, acted(hostile, "P00001", "2021-11-29", "0.00", description=text), match(hostile, reason=text))
    with database.reading() as session:
        (award,) = records_by_key(session, [hostile.key])
        assert award.description == award.matches[0].reason == text
        assert actions_of(session, hostile.key)[1].description == text


def test_evidence_is_kept_once_and_comes_back_byte_for_byte(database: Database) -> None:
    page = document("70CMSD21P00000127", {"results": ["é"] * 1000})
    awards = [replace(award, documents=(page, page)) for award in (CLEARVIEW, BABEL)]
    for award in awards:
        save(database, award)
    again = replace(CLEARVIEW, documents=(replace(page, retrieved_at=LATER),))
    save(database, again, now=LATER)
    with database.reading() as session:
        row = session.scalars(select(PayloadRow)).one()
        assert len(row.body) < row.size == len(page.body)
        assert row.sha256 == hashlib.sha256(page.body).hexdigest()
        assert load_payload(session, row.sha256) == page.body
        for award in awards:
            (kept,) = evidence_of(session, award.key)
            assert (kept.url, kept.retrieved_at, kept.size) == (page.url, SEEN, len(page.body))
        assert load_payload(session, "0" * 64) is None


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 10, b"<html>"])
def test_evidence_may_be_any_bytes(database: Database, body: bytes) -> None:
    odd = replace(document("x", {}), body=body)
    with database.writing() as session:
        save_evidence(session, "usaspending", "x", [odd])
    with database.reading() as session:
        assert load_payload(session, odd.sha256) == body


def test_another_answer_is_further_evidence(database: Database) -> None:
    first, second = document("x", {"amount": 1}), document("x", {"amount": 2}, LATER)
    save(database, replace(CLEARVIEW, documents=(second,)), now=LATER)
    save(database, replace(CLEARVIEW, documents=(first,)))
    with database.reading() as session:
        assert [kept.sha256 for kept in evidence_of(session, CLEARVIEW.key)] == [first.sha256, second.sha256]


def quarantine(database: Database) -> QuarantineRow:
    with database.reading() as session:
        return session.scalars(select(QuarantineRow)).one()


def test_a_problem_is_kept_with_its_evidence_until_it_is_solved(database: Database) -> None:
    bad = problem(CLEARVIEW.key)
    for now, reason in ((SEEN, "it has no transactions"), (LATER, "no\x00t JSON")):
        with database.writing() as session:
            save_problem(session, replace(bad, reason=reason), now)
    row = quarantine(database)
    assert (row.reason, row.first_seen, row.last_seen, row.resolved_at) == ("not JSON", SEEN, LATER, None)
    with database.reading() as session:
        assert load_payload(session, evidence_of(session, bad.key)[0].sha256) == bad.documents[0].body
    save(database, BABEL, now=LATER)
    assert quarantine(database).resolved_at is None
    for _ in range(2):
        save(database, CLEARVIEW, now=LATER_STILL if quarantine(database).resolved_at is None else SEEN)
        assert quarantine(database).resolved_at == LATER_STILL
    with database.writing() as session:
        save_problem(session, bad, LATER_STILL + timedelta(days=1))
    assert quarantine(database).resolved_at is None
    assert quarantine(database).first_seen == SEEN


def with_obligation(amount: str) -> Award:
    """Return an award whose only action has an amount that no source is let through with."""
    return replace(BABEL, actions=(replace(BABEL.actions[0], obligation=Decimal(amount)),))


ODD = {
    "too-large": with_obligation("1e25"),
    "fractions": with_obligation("0.001"),
    "half-a-character": replace(BABEL, description="\ud800"),
    "listed-twice": replace(BABEL, actions=(BABEL.actions[0], BABEL.actions[0])),
    "its-evidence": replace(BABEL, documents=(*BABEL.documents, replace(BABEL.documents[0], url="\ud800"))),
}


def save_all(database: Database, *records: Award | Problem, now: datetime = SEEN) -> list[Saved]:
    """Save records in one transaction, each with a match."""
    with database.writing() as session:
        return [save_record(session, record, lambda of: [match_of(of)], now, publish_all) for record in records]


def match_of(record: Award | Publication) -> MatchRow:
    assert isinstance(record, Award)
    return match(record)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_invalid_record_is_quarantined(database: Database, odd: Award) -> None:
    first, second, third = save_all(database, CLEARVIEW, odd, EQUIPMENT)
    assert (first.new, third.new, first.problem, third.problem) == (True, True, "", "")
    assert second == Saved(problem=second.problem)
    assert second.problem.startswith("it could not be stored: ")
    row = quarantine(database)
    assert (row.record_key, row.reason, row.first_seen, row.resolved_at) == (BABEL.key, second.problem, SEEN, None)
    stored = dump_tables(database)
    for name in ("record", "search", "match"):
        assert {row.get("record_key") or row["key"] for row in stored[name]} == {CLEARVIEW.key, EQUIPMENT.key}, name
    with database.reading() as session:
        kept = [load_payload(session, evidence.sha256) for evidence in evidence_of(session, BABEL.key)]
    assert kept == [document.body for document in BABEL.documents if len(odd.documents) == 1]
    assert [saved.new for saved in save_all(database, BABEL, now=LATER)] == [True]
    assert quarantine(database).resolved_at == LATER


def test_an_invalid_update_changes_nothing(database: Database) -> None:
    save(database, BABEL, match(BABEL, band="review"))
    before = dump_tables(database)
    odd = replace(ODD["its-evidence"], description="X", actions=(*BABEL.actions, replace(BABEL.actions[0], key="NEW")))
    (saved,) = save_all(database, odd, now=LATER)
    assert "surrogates not allowed" in saved.problem
    after = dump_tables(database)
    for name in ("record", "action", "source_record", "match", "event", "event_snapshot", "search"):
        assert after[name] == before[name], name
    save(database, BABEL, match(BABEL), now=LATER_STILL)
    (snapshot,) = dump_tables(database)["event_snapshot"]
    assert BABEL.description in snapshot["facts"], "an entry says what was stored when it was published"


def test_an_exception_quarantines_one_record(database: Database) -> None:
    def find_nothing(_record: object) -> Sequence[MatchRow]:
        raise KeyError("a rule that nobody wrote")

    with database.writing() as session:
        saved = save_record(session, CLEARVIEW, find_nothing, SEEN, publish_all)
    assert saved.problem == "it could not be stored: KeyError: 'a rule that nobody wrote'"
    assert dump_tables(database)["record"] == []
    bad = problem(BABEL.key)
    assert save_all(database, bad) == [Saved(problem=bad.reason)]


@pytest.mark.parametrize("key", ["K" + "\x00", "".join(map(chr, range(0x4E00, 0x4E00 + 4000)))], ids=["nul", "long"])
def test_an_invalid_key_is_quarantined(postgresql_url: str, key: str) -> None:
    with closing(open_database(postgresql_url)) as database:
        odd, _ = save_all(database, replace(CLEARVIEW, key=key), EQUIPMENT)
        assert odd.problem
        assert quarantine(database).record_key == key.replace("\x00", "")[:200]
        assert [row["key"] for row in dump_tables(database)["record"]] == [EQUIPMENT.key]


@pytest.mark.parametrize("key", ["K\x00", "K\ud800"])
def test_a_problem_is_kept_whatever_its_key_holds(database: Database, key: str) -> None:
    bad = problem(key)
    assert save_all(database, bad) == [Saved(problem=bad.reason)]
    assert quarantine(database).record_key == key.replace("\x00", "").replace("\ud800", "?")


def test_an_action_without_its_award_is_refused(database: Database) -> None:
    lonely = ActionRow(
        key="K",
        award_key="nobody",
        modification="0",
        description="",
        action_type="",
        action_type_text="",
        first_seen=SEEN,
    )
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(lonely)


# Each list is the story of one record, in its order; the lists have nothing to do with each other.
LICENSES = replace(CLEARVIEW_AT_FIRST, ends=date(2022, 9, 4))
OPTION = acted(LICENSES, "P00003", "2022-09-06", "500000.00", action_type="G")
STORIES: tuple[tuple[Award | Problem, ...], ...] = (
    (LICENSES, OPTION, replace(OPTION, ends=date(2023, 9, 4)), CLEARVIEW),
    (problem(CLEARVIEW_FORENSIC.key), CLEARVIEW_FORENSIC, CLEARVIEW_FORENSIC),
    (with_actions(BABEL, BABEL.actions[:1]), BABEL),
    (problem(EQUIPMENT.key, "its amount is no number"), problem(EQUIPMENT.key, "it has no transactions")),
    (COURT_REPORTER, replace(COURT_REPORTER, description="COURT REPORTER")),
)


def matches_of(record: Award | Publication) -> list[MatchRow]:
    assert isinstance(record, Award)
    vendors = {CLEARVIEW.key: "clearview-ai", CLEARVIEW_FORENSIC.key: "panamerica", BABEL.key: "babel-street"}
    return [match(record, vendors[record.key])] if record.key in vendors else []


def stored_in_batches(database: Database, batches: Sequence[Sequence[Award | Problem]]) -> TableDump:
    delete_all_rows(database)
    for batch in batches:
        with database.writing() as session:
            for record in batch:
                save_record(session, record, matches_of, SEEN, publish_all)
            save_checkpoint(session, "usaspending", "watermark", "x", SEEN)
    # The version counts changes, and holds the time of the last one.
    return {name: rows for name, rows in dump_tables(database).items() if name != "publication_version"}


def test_neither_batches_nor_the_order_of_records_matter(database: Database) -> None:
    turns = [number for number, story in enumerate(STORIES) for _ in story]
    expected = stored_in_batches(database, [[record] for story in STORIES for record in story])
    assert len(expected["event"]) == 13, "with four round sums"

    # Each example stores all records twice; the order in which they come is decided before any SQL is.
    @settings(max_examples=20 if database.engine.dialect.name == "sqlite" else 5)
    @given(data=st.data())
    def ends_the_same(data: st.DataObject) -> None:
        stories = [iter(story) for story in STORIES]
        records = [next(stories[turn]) for turn in data.draw(st.permutations(turns))]
        cuts = sorted(data.draw(st.sets(st.integers(1, len(records) - 1))))
        batches = [records[first:last] for first, last in zip([0, *cuts], [*cuts, len(records)], strict=True)]
        assert stored_in_batches(database, batches) == expected

    ends_the_same()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["oldest first", "newest first"])
def test_the_beginning_of_an_award_is_kept_in_whichever_order_its_actions_come(
    database: Database, order: tuple[int, int]
) -> None:
    action = CLEARVIEW.actions[0]
    later = replace(action, key="MOD", modification="P00001", signed=date(2023, 5, 1))
    parts = [
        replace(with_actions(CLEARVIEW, [action]), signed=action.signed, starts=date(2021, 9, 7)),
        replace(with_actions(CLEARVIEW, [later]), signed=None, starts=None, ends=date(2024, 9, 7)),
    ]
    for number in order:
        save(database, replace(parts[number], source="archive", is_partial=True))
    with database.reading() as session:
        row = session.get_one(RecordRow, CLEARVIEW.key)
        assert (row.signed, row.starts, row.ends) == (action.signed, date(2021, 9, 7), date(2024, 9, 7))
