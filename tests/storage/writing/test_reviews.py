"""Verdicts: remembered, applied, taken back, shared."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from sources.records import Award
from storage.database import Database
from storage.models import (
    MatchBand,
    order_subject,
    phrase_subject,
    psc_subject,
    recipient_subjects,
    record_subject,
)
from storage.reading.records import find_by_identifier
from storage.reading.review_queue import count_pending_reviews, review_queue
from storage.search.query import Query, read_query
from storage.search.search import find_events, find_records
from storage.writing.reviews import (
    Decision,
    Effect,
    InvalidReviewDecision,
    ReviewDecision,
    delete_decision,
    import_decisions,
    list_decisions,
    preview_decision,
    read_decisions,
    save_decision,
    write_decisions,
)
from storage.writing.save import save_award
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, LATER, SEEN, acted, match


def save(
    database: Database, award: Award, band: str, vendor: str = "clearview-ai", *, should_publish: bool = True
) -> None:
    with database.writing() as session:
        save_award(session, award, [match(award, vendor, band=band)], SEEN, lambda _vendors: should_publish)


def verdict(
    subject: str, decision: Decision, vendor: str = "clearview-ai", note: str = "", public_reason: str = ""
) -> ReviewDecision:
    return ReviewDecision(
        vendor_id=vendor,
        subject=subject,
        decision=decision,
        decided_by="ada",
        note=note,
        public_reason=public_reason,
        decided_at=LATER,
    )


def judge(database: Database, subject: str, decision: Decision, note: str = "", public_reason: str = "") -> int:
    with database.writing() as session:
        return save_decision(session, verdict(subject, decision, note=note, public_reason=public_reason))


def bands(database: Database) -> dict[str, str]:
    with database.reading() as session:
        found = [find_by_identifier(session, award.key) for award in (CLEARVIEW, CLEARVIEW_FORENSIC)]
    return {award.piid: award.matches[0].band for awards in found for award in awards}


def published_events(database: Database, **of: str) -> list[tuple[str, str]]:
    with database.reading() as session:
        return [(event.kind.value, event.record.piid) for event in find_events(session, read_query(of), 100)]


def test_confirming_publishes_pending_events(database: Database) -> None:
    save(database, CLEARVIEW, "review")
    assert published_events(database) == []
    assert judge(database, record_subject(CLEARVIEW.key), Decision.CONFIRMED) == 1
    assert published_events(database) == [("new-award", CLEARVIEW.piid)]
    assert judge(database, record_subject(CLEARVIEW.key), Decision.CONFIRMED) == 0


def test_confirming_old_events_publishes_nothing(database: Database) -> None:
    save(database, CLEARVIEW, "review", should_publish=False)
    assert judge(database, record_subject(CLEARVIEW.key), Decision.CONFIRMED) == 0
    assert bands(database) == {CLEARVIEW.piid: "published"}
    assert published_events(database) == []


def test_a_match_by_the_name_only_is_not_in_the_queue_and_can_be_confirmed(database: Database) -> None:
    save(database, CLEARVIEW, "name-only")
    with database.reading() as session:
        assert review_queue(session) == []
        assert count_pending_reviews(session) == 0
        assert count_pending_reviews(session, "clearview-ai", MatchBand.NAME_ONLY) == 1
        found = list(find_records(session, read_query({"band": "name-only"}), 10))
    assert [record.piid for record in found] == [CLEARVIEW.piid]
    assert judge(database, record_subject(CLEARVIEW.key), Decision.CONFIRMED) == 1
    assert published_events(database) == [("new-award", CLEARVIEW.piid)]


def test_the_queue_is_in_order_of_priority_and_says_why(database: Database) -> None:
    clue = {"text": "HSI", "points": 2}
    rows = [
        match(CLEARVIEW, band="review", priority=1, score=0.7),
        match(CLEARVIEW_FORENSIC, band="review", priority=5, score=0.62, clues=[clue]),
        match(BABEL, "babel-street", band="review", priority=1, score=0.75),
    ]
    with database.writing() as session:
        for award, row in zip((CLEARVIEW, CLEARVIEW_FORENSIC, BABEL), rows, strict=True):
            save_award(session, award, [row], SEEN, lambda _vendors: True)
    with database.reading() as session:
        queue = review_queue(session)
        assert [one.record.piid for one in queue] == [CLEARVIEW_FORENSIC.piid, BABEL.piid, CLEARVIEW.piid]
        assert (queue[0].priority, queue[0].clues, queue[1].clues) == (5, (("HSI", 2),), ())
        assert [one.record.piid for one in review_queue(session, "clearview-ai", 1)] == [CLEARVIEW_FORENSIC.piid]


def test_rejecting_an_unpublished_match_publishes_nothing(database: Database) -> None:
    save(database, CLEARVIEW, "review")
    assert judge(database, record_subject(CLEARVIEW.key), Decision.REJECTED) == 0
    assert published_events(database) == []
    with database.reading() as session:
        assert review_queue(session) == []


def test_rejecting_a_published_match_adds_a_withdrawal(database: Database) -> None:
    save(database, CLEARVIEW, "published")
    save(database, BABEL, "published", "babel-street")
    assert judge(database, record_subject(CLEARVIEW.key), Decision.REJECTED, "ask Ada", "another company") == 1
    assert published_events(database, vendor="clearview-ai") == [("withdrawn", CLEARVIEW.piid)]
    assert published_events(database, vendor="babel-street") == [("new-award", BABEL.piid)]
    assert ("withdrawn", CLEARVIEW.piid) in published_events(database)
    with database.reading() as session:
        entry = find_events(session, Query(vendor=("clearview-ai",)), 1)[0]
    assert (entry.old_value, entry.new_value, entry.vendor_id) == ("Clearview AI", "another company", "clearview-ai")
    assert judge(database, record_subject(CLEARVIEW.key), Decision.REJECTED) == 0


def test_a_verdict_survives_a_repoll_and_a_better_match(database: Database) -> None:
    save(database, CLEARVIEW, "review")
    judge(database, record_subject(CLEARVIEW.key), Decision.REJECTED)
    save(database, acted(CLEARVIEW, "P00009", "2024-01-02", "1.00"), "published")
    assert bands(database) == {CLEARVIEW.piid: "rejected"}
    assert published_events(database) == []


def test_never_this_recipient_holds_for_awards_to_come(database: Database) -> None:
    save(database, CLEARVIEW, "review")
    subject = recipient_subjects(CLEARVIEW.recipient.name, "")[0]
    judge(database, subject, Decision.NEVER)
    save(database, CLEARVIEW_FORENSIC, "published")
    assert bands(database) == {CLEARVIEW.piid: "rejected", CLEARVIEW_FORENSIC.piid: "rejected"}
    judge(database, record_subject(CLEARVIEW_FORENSIC.key), Decision.CONFIRMED)
    assert bands(database)[CLEARVIEW_FORENSIC.piid] == "published", (
        "a verdict on the award counts before its recipient's"
    )


ORDER = replace(CLEARVIEW, parent_key="CONT_IDV_70CMSD20A_7012", psc="7A21")
SECOND_ORDER = replace(CLEARVIEW_FORENSIC, parent_key="CONT_IDV_70CMSD20A_7012", psc="DA10")
RECIPIENT = recipient_subjects(CLEARVIEW.recipient.name, "")[0]
FACIAL = phrase_subject("clearview facial recognition", RECIPIENT)  # in a description of CLEARVIEW


def test_one_decision_settles_all_orders_under_an_award_now_and_later(database: Database) -> None:
    save(database, ORDER, "review")
    subject = order_subject("CONT_IDV_70CMSD20A_7012")
    with database.reading() as session:
        effect = preview_decision(session, "clearview-ai", subject, Decision.CONFIRMED)
    assert effect == Effect(pending=1, name_only=0, withdrawn=0)
    assert judge(database, subject, Decision.CONFIRMED) == 1
    save(database, SECOND_ORDER, "name-only")
    assert bands(database) == {CLEARVIEW.piid: "published", CLEARVIEW_FORENSIC.piid: "published"}


@pytest.mark.parametrize("subject", [FACIAL, psc_subject("7A21", RECIPIENT)])
def test_never_a_phrase_or_code_of_a_recipient(database: Database, subject: str) -> None:
    save(database, ORDER, "review")
    save(database, SECOND_ORDER, "review")
    judge(database, subject, Decision.NEVER)
    assert bands(database) == {CLEARVIEW.piid: "rejected", CLEARVIEW_FORENSIC.piid: "review"}
    with database.reading() as session:
        assert [one.record.piid for one in review_queue(session)] == [CLEARVIEW_FORENSIC.piid]
        found = find_records(session, read_query({"decision": "never", "band": "any"}), 10)
        assert [record.piid for record in found] == [CLEARVIEW.piid]
    other_recipient = replace(BABEL, psc="7A21", description="CLEARVIEW FACIAL RECOGNITION")
    save(database, other_recipient, "review")
    with database.writing() as session:
        assert find_by_identifier(session, BABEL.key)[0].matches[0].band == "review"
        delete_decision(session, "clearview-ai", subject, LATER)
    assert bands(database) == {CLEARVIEW.piid: "review", CLEARVIEW_FORENSIC.piid: "review"}


def test_a_phrase_that_an_action_adds_later_counts(database: Database) -> None:
    judge(database, phrase_subject("phone plans", RECIPIENT), Decision.NEVER)
    save(database, CLEARVIEW, "review")
    assert bands(database) == {CLEARVIEW.piid: "review"}
    save(database, acted(CLEARVIEW, "P00099", "2025-09-12", "1.00", description="PHONE PLANS."), "review")
    assert bands(database) == {CLEARVIEW.piid: "rejected"}


def test_the_narrowest_decision_counts(database: Database) -> None:
    save(database, ORDER, "review")
    subjects = [
        (phrase_subject("facial recognition", ""), Decision.CONFIRMED, "published"),
        (RECIPIENT, Decision.NEVER, "rejected"),
        (psc_subject("7A21", RECIPIENT), Decision.CONFIRMED, "published"),
        (FACIAL, Decision.NEVER, "rejected"),
        (order_subject("CONT_IDV_70CMSD20A_7012"), Decision.CONFIRMED, "published"),
        (record_subject(CLEARVIEW.key), Decision.REJECTED, "rejected"),
    ]
    for subject, decision, band in subjects:
        judge(database, subject, decision)
        assert bands(database) == {CLEARVIEW.piid: band}, subject
    for subject, _, band in reversed(subjects):
        assert bands(database) == {CLEARVIEW.piid: band}, subject
        with database.writing() as session:
            delete_decision(session, "clearview-ai", subject, LATER)
    assert bands(database) == {CLEARVIEW.piid: "review"}


def test_what_a_decision_would_do(database: Database) -> None:
    save(database, ORDER, "published")
    save(database, SECOND_ORDER, "name-only")
    with database.reading() as session:
        effects = [preview_decision(session, "clearview-ai", RECIPIENT, decided) for decided in Decision]
        assert preview_decision(session, "babel-street", RECIPIENT, Decision.NEVER) == Effect(0, 0, 0)
    assert effects == [Effect(0, 1, 0), Effect(0, 1, 1), Effect(0, 1, 1)]
    assert bands(database) == {CLEARVIEW.piid: "published", CLEARVIEW_FORENSIC.piid: "name-only"}


def test_taking_a_verdict_back(database: Database) -> None:
    save(database, CLEARVIEW, "review")
    judge(database, record_subject(CLEARVIEW.key), Decision.REJECTED)
    with database.writing() as session:
        delete_decision(session, "clearview-ai", record_subject(CLEARVIEW.key), LATER)
    assert bands(database) == {CLEARVIEW.piid: "review"}
    with database.reading() as session:
        assert list(list_decisions(session)) == []


def test_a_recipient_is_known_by_its_letters_and_by_its_uei() -> None:
    assert recipient_subjects("Clearview A.I., Inc.", "E5BEYXDQYJS6") == ["uei:E5BEYXDQYJS6", "name:CLEARVIEWAIINC"]
    assert recipient_subjects("", "") == []


def test_verdicts_travel_as_a_file_and_the_later_counts(database: Database) -> None:
    save(database, CLEARVIEW, "review")
    mine = verdict(
        record_subject(CLEARVIEW.key), Decision.REJECTED, note='weird "note" \u2028 <b>', public_reason="why"
    )
    wide = [
        verdict(subject, Decision.NEVER)
        for subject in (FACIAL, psc_subject("DA10", RECIPIENT), order_subject("X"), "phrase:x@")
    ]
    lines = list(write_decisions([mine, *wide]))
    assert list(read_decisions(lines)) == [mine, *wide]
    later = replace(mine, decision=Decision.CONFIRMED, decided_at=LATER + timedelta(days=1))
    with database.writing() as session:
        assert import_decisions(session, [mine]) == (1, 0)
        assert import_decisions(session, [later]) == (1, 0)
        assert import_decisions(session, [mine]) == (0, 1)
    assert bands(database) == {CLEARVIEW.piid: "published"}


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "maybe"},
        {"decided_at": "yesterday"},
        {"decided_at": "2026-01-01T00:00:00"},
        {"subject": "planet:earth"},
        {"subject": "phrase:no recipient"},
        {"subject": "psc:@uei:E5BEYXDQYJS6"},
        {"subject": "psc:7A21@"},
        {"note": 3},
        {"public_reason": None},
        {"vendor_id": None},
    ],
)
def test_a_broken_line_is_named(change: dict[str, object]) -> None:
    facts = json.loads(next(iter(write_decisions([verdict("record:x", Decision.NEVER)]))))
    with pytest.raises(InvalidReviewDecision, match="line 2 is not a review decision"):
        list(read_decisions(["", json.dumps({**facts, **change})]))
