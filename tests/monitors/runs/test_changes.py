"""Every kind of event comes out of the pipeline once, with a title that says what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from feeds.entries.titles import title_for
from procurewatch.context import AppContext
from sources.ai_inventory.contract_numbers import read_contract_numbers
from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    Attachment,
    Award,
    AwardCategory,
    Publication,
    PublicationKind,
    Recipient,
    Record,
    Removal,
)
from storage.models import MILESTONES, EventKind, StoredEvent
from storage.reading.events import events_of
from storage.reading.summaries import GroupBy, SummaryScope, spending
from storage.reading.timelines import links_of, timeline_of
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.records import CLEARVIEW, CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC, acted
from tests.sources.fakes import GivenRecords, announcement, award_of, publication

DAY = date(2026, 11, 18)
CEILING = replace(CLEARVIEW_AT_FIRST, ceiling=Decimal("500000.00"), ends=date(2022, 9, 3), modified=date(2021, 9, 4))
FILED = publication(
    "FEDERAL_REGISTER_2026-1",
    PublicationKind.DOCUMENT,
    source="federalregister",
    title="Clearview AI at the border",
    state="on public inspection",
)
NOTICE = publication("SAM_NOTICE_1", deadline=datetime(2030, 1, 2, 17, tzinfo=UTC))
ATTACHED = Attachment(title="Attachment 1", url="https://sam.gov/1")
ANNOUNCED = announcement(
    "DOD_1_1_1", "W9124C26C0001", amounts=(Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal(9_000_000)),)
)
CORRECTION = announcement(
    "DOD_2_1_1",
    "W9124C26C0001",
    published=DAY + timedelta(days=1),
    corrects="CORRECTION: The contract announced for Clearview AI (W9124C-26-C-0001) stated an incorrect amount.",
    description="CORRECTION: The contract announced for Clearview AI (W9124C-26-C-0001) stated an incorrect amount.",
)
PRIME = award_of("70CMSD26C00000001", recipient=Recipient(name="BIG PRIME CORPORATION"))


@contextmanager
def baseline(folder: Path, database_url: str | None = None) -> Iterator[AppContext]:
    """Open an app context for which Clearview AI is nothing new, in any source."""
    with app_context_with({"usaspending": {}}, folder, "clearview-ai", database_url=database_url) as app_context:
        for name in ("usaspending", "samnotices", "dod", "subawards", "aiinventory", "federalregister"):
            app_context.poll(GivenRecords(name=name), DAY - timedelta(days=9), ignore)
        yield app_context


def poll(app_context: AppContext, *records: Record) -> list[StoredEvent]:
    """Poll a source that brings these records; return what feeds newly carry."""
    before = {event.id for event in published_events(app_context)}
    report = app_context.poll(GivenRecords(name=records[0].source, records=records), DAY, ignore)
    assert report.status, report
    assert report.status.is_good, report
    return [event for event in published_events(app_context) if event.id not in before]


def published_events(app_context: AppContext) -> list[StoredEvent]:
    with app_context.database.reading() as session:
        return find_events(session, Query(), limit=1000)


def dropped(award: Award, action_key: str = "") -> Removal:
    return Removal(
        source=award.source, key=award.key, action_key=action_key, removed=DAY, reason="deleted", documents=()
    )


def published(kind: PublicationKind, source: str) -> Publication:
    return publication(f"{kind.value.upper()}_1", kind, source=source, title="Clearview AI at the border")


MODIFIED = acted(CEILING, "P00009", "2026-11-17", "2500.00")
ADMINISTRATIVE = {"action_type": "M", "action_type_text": "OTHER ADMINISTRATIVE ACTION"}
BEGUN = replace(CEILING, signed=DAY - timedelta(days=30))
BEGUN = replace(BEGUN, actions=(replace(BEGUN.actions[0], signed=BEGUN.signed),))
RECENT = acted(BEGUN, "P00009", "2026-11-17", "2500.00")
FROM_SAM = replace(RECENT, source="samawards", is_partial=True, obligated=None, actions=RECENT.actions[1:])
UNDER_AN_AGREEMENT = replace(
    CEILING, key=f"CONT_AWD_{CEILING.piid}_7012_HSHQDC12D00013_7001", parent_piid="HSHQDC12D00013", replaces=CEILING.key
)
# What was there, what is there now, the kind of event that makes, and words of its title.
CHANGES: list[tuple[Sequence[Record], Record, EventKind, str]] = [
    ((), CLEARVIEW, EventKind.NEW_AWARD, "Clearview AI · $500,000 · ICE · new contract"),
    ((CEILING,), MODIFIED, EventKind.MODIFIED, "Clearview AI · $2,500 · ICE · modified P00009"),
    (
        (MODIFIED,),
        acted(MODIFIED, "P00008", "2026-10-17", "0.00", **ADMINISTRATIVE),
        EventKind.MODIFIED,
        "Clearview AI · $0 · ICE · modified P00008: other administrative action · 70CMSD21P00000127",
    ),
    (
        (MODIFIED,),
        acted(MODIFIED, "P00010", "2026-11-17", "0.00", action_type="F", action_type_text="TERMINATE FOR CONVENIENCE"),
        EventKind.TERMINATED,
        "Clearview AI · $0 · ICE · terminated for convenience P00010",
    ),
    (
        (FROM_SAM,),
        RECENT,
        EventKind.NEW_AWARD,
        "Clearview AI · $500,000 · ICE · new contract, first seen with 1 modification",
    ),
    (
        (CEILING,),
        UNDER_AN_AGREEMENT,
        EventKind.RENUMBERED,
        "Clearview AI · ICE · award key changed · 70CMSD21P00000127",
    ),
    (
        (CEILING,),
        acted(CEILING, "P2", "2026-11-17", "-5.00"),
        EventKind.DEOBLIGATED,
        "\N{MINUS SIGN}$5 · ICE · de-obligated P2",
    ),
    (
        (CEILING,),
        acted(CEILING, "P2", "2026-11-17", "5.00", action_type="G"),
        EventKind.OPTION_EXERCISED,
        "option exercised P2",
    ),
    (
        (CEILING,),
        acted(CEILING, "P2", "2026-11-17", "0.00", action_type="E", action_type_text="TERMINATE FOR DEFAULT"),
        EventKind.TERMINATED,
        "terminated for default",
    ),
    (
        (CEILING,),
        acted(CEILING, "P2", "2026-11-17", "0.00", action_type="F", action_type_text="TERMINATE FOR CONVENIENCE"),
        EventKind.TERMINATED,
        "terminated for convenience",
    ),
    (
        (CEILING,),
        replace(CEILING, ceiling=Decimal("900000.00")),
        EventKind.CEILING_RAISED,
        "$900,000 · ICE · ceiling raised from $500,000",
    ),
    ((CEILING,), replace(CEILING, ends=date(2027, 1, 1)), EventKind.EXTENDED, "to 2027-01-01, was 2022-09-03"),
    (
        (replace(CEILING, recipient=Recipient(name="CLEARVIEW AI, INC.", uei="XD4CRB8GFKZ5")),),
        replace(CEILING, recipient=Recipient(name="CLEARVIEW HOLDINGS, INC.", uei="XD4CRB8GFKZ5")),
        EventKind.RECIPIENT_RENAMED,
        "recipient's name changed from CLEARVIEW AI, INC. to CLEARVIEW HOLDINGS, INC.",
    ),
    (
        (replace(CEILING, recipient=Recipient(name="CLEARVIEW AI, INC.", uei="XD4CRB8GFKZ5")),),
        replace(CEILING, recipient=Recipient(name="ANOTHER COMPANY, LLC", uei="ZZZZZZZZZZZ1")),
        EventKind.RECIPIENT_CHANGED,
        "recipient changed from CLEARVIEW AI, INC. to ANOTHER COMPANY, LLC",
    ),
    ((CEILING,), replace(CEILING, description="SOFTWARE"), EventKind.DESCRIPTION_CHANGED, "description changed"),
    (
        (CEILING,),
        replace(CEILING, actions=(replace(CEILING.actions[0], obligation=Decimal("400000.00")),)),
        EventKind.CORRECTED,
        "$400,000 · ICE · corrected, was $500,000",
    ),
    ((CEILING,), dropped(CEILING), EventKind.DELETED, "Clearview AI · ICE · deleted by the source"),
    (
        (MODIFIED,),
        dropped(MODIFIED, MODIFIED.actions[1].key),
        EventKind.DELETED,
        "modification P00009 deleted by the source",
    ),
    ((), ANNOUNCED, EventKind.ANNOUNCED, "Clearview AI · $9,000,000 · Army · announced"),
    ((ANNOUNCED,), CORRECTION, EventKind.CORRECTED, "announcement corrected: correction:"),
    ((), NOTICE, EventKind.NEW_NOTICE, " days left)"),
    (
        (NOTICE,),
        replace(NOTICE, deadline=datetime(2030, 2, 2, 17, tzinfo=UTC)),
        EventKind.DEADLINE_MOVED,
        "now due 2030-02-02 12:00 EST, was 2030-01-02 12:00 EST",
    ),
    ((NOTICE,), replace(NOTICE, state="cancelled"), EventKind.NOTICE_WITHDRAWN, "cancelled"),
    ((FILED,), replace(FILED, state="withdrawn"), EventKind.NOTICE_WITHDRAWN, "at the border: withdrawn"),
    ((NOTICE,), replace(NOTICE, description="CLEARVIEW AI, MORE OF IT"), EventKind.NOTICE_CHANGED, "amended"),
    ((NOTICE,), replace(NOTICE, type_text="Sources Sought"), EventKind.NOTICE_CHANGED, "amended"),
    ((NOTICE,), replace(NOTICE, attachments=(ATTACHED,)), EventKind.NOTICE_CHANGED, "amended"),
    (
        (ANNOUNCED,),
        replace(ANNOUNCED, description="ANOTHER TEXT ON CLEARVIEW AI"),
        EventKind.DESCRIPTION_CHANGED,
        "description changed",
    ),
    ((), published(PublicationKind.SUBAWARD, "subawards"), EventKind.SUBAWARDED, " · subaward"),
    ((), published(PublicationKind.USE_CASE, "aiinventory"), EventKind.USE_CASE, "AI use case: Clearview"),
    ((), published(PublicationKind.DOCUMENT, "federalregister"), EventKind.DOCUMENT, "Clearview AI at the border"),
    ((), FILED, EventKind.DOCUMENT, "Clearview AI at the border (on public inspection)"),
    (
        (FILED,),
        replace(FILED, state="", description="DHS WILL USE CLEARVIEW AI", deadline=datetime(2030, 1, 2, tzinfo=UTC)),
        EventKind.DOCUMENT,
        "Clearview AI at the border (published)",
    ),
]


def test_every_kind_has_its_case() -> None:
    # Withdrawals: tests/storage/writing/test_reviews.py; milestones: test_milestones.py beside it; what ends soon:
    # test_expiring.py.
    assert {kind for _, _, kind, _ in CHANGES} == set(EventKind) - {
        EventKind.WITHDRAWN,
        EventKind.FIRST_PURCHASE_WITHDRAWN,
        EventKind.EXPIRING,
        *MILESTONES,
    }


@pytest.mark.parametrize(
    ("before", "now", "kind", "words"), CHANGES, ids=[f"{n}-{kind.value}" for n, (_, _, kind, _) in enumerate(CHANGES)]
)
def test_a_change_is_published_once(
    before: Sequence[Record], now: Record, kind: EventKind, words: str, tmp_path: Path
) -> None:
    with baseline(tmp_path) as app_context:
        if before:
            poll(app_context, *before)
        new = [event for event in poll(app_context, now) if event.kind is kind]
        assert len(new) == 1
        assert words.lower() in title_for(new[0]).lower()
        assert poll(app_context, now) == [], "and never again"


def test_a_notice_has_no_state_in_its_event_and_can_come_back(tmp_path: Path) -> None:
    with baseline(tmp_path) as app_context:
        [first] = poll(app_context, replace(NOTICE, state="cancelled"))
        assert (first.kind, first.new_value) == (EventKind.NEW_NOTICE, "")
        assert poll(app_context, NOTICE) == []


def test_a_notice_without_its_text_keeps_the_stored_one(tmp_path: Path) -> None:
    title = NOTICE.title
    full, bare = (replace(NOTICE, description=text) for text in (f"{title}\n\nFIRST TEXT", f"{title} "[:-1]))
    with baseline(tmp_path) as app_context:
        poll(app_context, full)
        [moved] = poll(app_context, replace(bare, deadline=datetime(2030, 2, 2, 17, tzinfo=UTC)))
        assert moved.kind is EventKind.DEADLINE_MOVED
        for text in (f"{title}\n\nSECOND TEXT", "ANOTHER TEXT"):
            [event] = poll(app_context, replace(NOTICE, description=text, deadline=moved.record.deadline))
            assert (event.kind, event.new_value) == (EventKind.NOTICE_CHANGED, text)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_amendment_counts_attachments(count: int, tmp_path: Path) -> None:
    many = tuple(replace(ATTACHED, url=f"https://sam.gov/{n}") for n in range(3))
    with baseline(tmp_path) as app_context:
        poll(app_context, replace(NOTICE, attachments=many[:count]))
        [event] = poll(app_context, replace(NOTICE, attachments=many))
    expected = ["0 attachments", "1 attachment", "2 attachments"][count]
    assert (event.old_value, event.new_value) == (expected, "3 attachments")


def test_that_a_document_is_published_is_one_event(tmp_path: Path) -> None:
    later = replace(FILED, state="", description="DHS WILL USE CLEARVIEW AI", deadline=datetime(2030, 1, 2, tzinfo=UTC))
    with baseline(tmp_path) as app_context:
        first = poll(app_context, FILED)
        second = poll(app_context, later)
    assert [(event.kind, event.old_value, event.new_value) for event in (*first, *second)] == [
        (EventKind.DOCUMENT, "", "on public inspection"),
        (EventKind.DOCUMENT, "on public inspection", "published"),
    ]


def test_a_correction_is_an_event_on_the_earlier_announcement(database_url: str, tmp_path: Path) -> None:
    award = award_of("W9124C26C0001", "9700", source="usaspending", awarding=Agency(code="097", sub_code="2100"))
    with baseline(tmp_path, database_url) as app_context:
        poll(app_context, ANNOUNCED)
        new = poll(app_context, CORRECTION)
        poll(app_context, award)
        with app_context.database.reading() as session:
            line = timeline_of(session, award.key)
        assert [(event.kind, event.record.key) for event in new] == [(EventKind.CORRECTED, ANNOUNCED.key)]
        assert new[0].new_value == CORRECTION.corrects
        assert (EventKind.CORRECTED, ANNOUNCED.key) in [(event.kind, event.record.key) for event in line]


def test_a_correction_that_comes_first_finds_its_announcement_later(tmp_path: Path) -> None:
    with baseline(tmp_path) as app_context:
        assert [event.kind for event in poll(app_context, CORRECTION)] == [EventKind.ANNOUNCED]
        new = poll(app_context, ANNOUNCED)
        assert {event.kind for event in new} == {EventKind.ANNOUNCED, EventKind.CORRECTED}
        assert {event.record.key for event in new} == {ANNOUNCED.key}


@pytest.mark.parametrize(
    "other",
    [
        replace(ANNOUNCED, piid="W9124C26C0002"),
        replace(ANNOUNCED, published=DAY + timedelta(days=2)),
        replace(ANNOUNCED, modification="P00002"),
    ],
    ids=["another-number", "later", "another-modification"],
)
def test_a_correction_of_something_else_is_an_announcement_of_its_own(other: Publication, tmp_path: Path) -> None:
    with baseline(tmp_path) as app_context:
        poll(app_context, other)
        new = poll(app_context, replace(CORRECTION, modification="P00001"))
        assert [(event.kind, event.record.key) for event in new] == [(EventKind.ANNOUNCED, CORRECTION.key)]


def test_what_arrives_late_says_how_late(tmp_path: Path) -> None:
    late = replace(CLEARVIEW_FORENSIC, modified=DAY)
    with baseline(tmp_path) as app_context:
        [event] = [event for event in poll(app_context, late) if event.kind is EventKind.NEW_AWARD]
        assert (event.signed, event.published) == (date(2024, 9, 3), DAY)
        assert event.first_seen.date() >= DAY


def test_a_round_sum_is_published_once_and_only_the_largest(tmp_path: Path) -> None:
    huge = replace(CLEARVIEW_AT_FIRST, obligated=Decimal(12_000_000))
    with baseline(tmp_path) as app_context:
        [begun] = poll(app_context, huge)
        assert [(part.kind, part.new_value) for part in begun.milestones] == [(EventKind.ROUND_SUM, "10000000")]
        assert title_for(begun) == "Clearview AI · $500,000 · ICE · new contract · total passed $10 million"
        assert [event.milestones for event in poll(app_context, CLEARVIEW_FORENSIC)] == [()]


IMPOSSIBLE: list[tuple[Callable[[Award], Award], str]] = [
    (lambda award: replace(award, obligated=Decimal("300_000_000_000")), "larger than any contract ever was"),
    (lambda award: replace(award, piid="1234567", obligated=Decimal("1234567.00")), "the digits of its own award"),
    (
        lambda award: replace(award, solicitation="7654321", ceiling=Decimal("7654321.00")),
        "the digits of its solicitation",
    ),
]


@pytest.mark.parametrize(("spoil", "words"), IMPOSSIBLE)
def test_an_amount_that_cannot_be_true_is_flagged_before_it_is_published(
    spoil: Callable[[Award], Award], words: str, tmp_path: Path
) -> None:
    with baseline(tmp_path) as app_context:
        new = poll(app_context, spoil(CLEARVIEW_AT_FIRST))
        assert EventKind.ROUND_SUM not in {event.kind for event in new}, "and counts for nothing"
        [first] = [event for event in new if event.kind is EventKind.NEW_AWARD]
        assert words in first.record.amount_warning
        assert "(amount warning)" in title_for(first)


def test_a_subaward_larger_than_its_prime_is_not_announced_as_a_fact(tmp_path: Path) -> None:
    doubtful = publication(
        "SUBAWARD_2",
        PublicationKind.SUBAWARD,
        source="subawards",
        recipient=Recipient(name="CLEARVIEW AI, INC."),
        amounts=(Amount(meaning=AmountMeaning.SUBAWARDED, dollars=Decimal(7_000_000)),),
        amount_warning="larger than its prime award",
    )
    with baseline(tmp_path) as app_context:
        [event] = poll(app_context, doubtful)
        assert event.amount is None
        title = title_for(event)
        assert "7" not in title.replace("7012", "")
        assert " · amount warning · " in title


ORDERS_0001 = [award_of("0001", parent=parent, parent_agency="7001") for parent in ("HSHQDC12D00013", "HSHQDC12D00014")]


def test_an_old_number_never_merges_two_awards(database_url: str, tmp_path: Path) -> None:
    announced = announcement("DOD_3_1_1", "0001", parent_piid="HSHQDC12D00014", awarding=Agency(code="070"))
    bare = announcement("DOD_4_1_1", "0001", awarding=Agency(code="070"))
    with baseline(tmp_path, database_url) as app_context:
        poll(app_context, *(replace(order, source="usaspending") for order in ORDERS_0001))
        poll(app_context, announced, bare)
        with app_context.database.reading() as session:
            links = [[link.record_key for link in links_of(session, order.key)] for order in ORDERS_0001]
            lines = [{event.record.key for event in timeline_of(session, order.key)} for order in ORDERS_0001]
        assert links == [[], [announced.key]]
        assert lines == [{ORDERS_0001[0].key}, {ORDERS_0001[1].key, announced.key}]


@pytest.mark.parametrize(
    ("awarding", "is_linked"),
    [
        (Agency(code="097", sub_code="2100"), True),  # USAspending: the department and the Army within it
        (Agency(code="9700", sub_code="2100"), True),  # FPDS's and SAM.gov's code
        (Agency(code="021"), True),  # a notice's own, of the Army
        (Agency(code="096"), True),  # of the Army Corps of Engineers
        (Agency(code="070", sub_code="7012"), False),
    ],
)
def test_defense_is_one_department_whatever_its_code(awarding: Agency, is_linked: bool, tmp_path: Path) -> None:
    award = award_of("W9124C26C0001", "9700", awarding=awarding)
    with baseline(tmp_path) as app_context:
        poll(app_context, award)
        poll(app_context, ANNOUNCED)
        with app_context.database.reading() as session:
            assert [link.record_key for link in links_of(session, award.key)] == [ANNOUNCED.key] * is_linked


def test_an_announcement_of_an_agreement_is_linked_more_softly(tmp_path: Path) -> None:
    agreement = replace(
        award_of("FA875024D0001", "9700"), category=AwardCategory.IDV, key="CONT_IDV_FA875024D0001_9700"
    )
    agreement = replace(agreement, awarding=Agency(code="097"))
    under = announcement("DOD_5_1_1", "", parent_piid="FA875024D0001")
    with baseline(tmp_path) as app_context:
        poll(app_context, agreement)
        poll(app_context, under)
        with app_context.database.reading() as session:
            [link] = links_of(session, agreement.key)
            events = events_of(session, under.key)
        assert (link.confidence, link.reason) == (0.7, "placed under this agreement")
        assert [event.kind for event in events] == [EventKind.ANNOUNCED]


def test_a_use_case_is_linked_with_the_award_that_its_agency_names(tmp_path: Path) -> None:
    numbers = read_contract_numbers("75P00122A00010/70CMSD26F00000001/P00004")
    use_case = replace(
        published(PublicationKind.USE_CASE, "aiinventory"),
        awarding=Agency(name="Department of Homeland Security", sub_name="ICE"),
        piid=numbers.piid,
        parent_piid=numbers.parent,
        modification=numbers.modification,
    )
    order = award_of("70CMSD26F00000001", parent="75P00122A00010", parent_agency="7501")
    with baseline(tmp_path) as app_context:
        poll(app_context, use_case)
        poll(app_context, order)
        with app_context.database.reading() as session:
            [link] = links_of(session, order.key)
    assert (link.record_key, link.confidence) == (use_case.key, 0.9)


def test_a_poll_publishes_the_modification_of_an_old_award_and_a_backfill_the_award(tmp_path: Path) -> None:
    reduced = acted(CLEARVIEW, "P00009", "2026-11-17", "-22675.00")
    with baseline(tmp_path / "poll") as app_context:
        [event] = poll(app_context, reduced)
        assert (event.kind, event.amount) == (EventKind.DEOBLIGATED, Decimal("-22675.00"))
        assert title_for(event).endswith("award of 2021 seen for the first time")
    with baseline(tmp_path / "backfill") as app_context:
        source = GivenRecords(records=[reduced])
        vendor = app_context.watchlist.by_id["clearview-ai"]
        app_context.backfill(source, vendor, date(2021, 1, 1), DAY, ignore, notify=True)
        assert [event.kind for event in published_events(app_context)] == [EventKind.NEW_AWARD]


def test_an_award_whose_parent_is_corrected_is_published_and_counted_once(tmp_path: Path) -> None:
    """The replay's case: CBP's order of $90,149.85; its parents and recipient here are others."""
    orders = []
    for parent in ("HSHQDC12D00013", "HSHQDC12D00014"):
        order = award_of("70B03C26F00000640", "7014", parent, "7001", signed=DAY, source="usaspending")
        base = replace(
            CLEARVIEW.actions[0],
            key=f"7014_7001_70B03C26F00000640_0_{parent}_0",
            signed=DAY,
            obligation=Decimal("90149.85"),
        )
        orders.append(replace(order, actions=(base,), obligated=base.obligation))
    corrected = replace(orders[1], replaces=orders[0].key)
    with baseline(tmp_path) as app_context:
        assert [event.kind for event in poll(app_context, orders[0])] == [EventKind.NEW_AWARD]
        assert [event.kind for event in poll(app_context, corrected)] == [EventKind.RENUMBERED]
        for again in (orders[1], replace(orders[0], source="samawards", is_partial=True)):
            assert poll(app_context, again) == []
        with app_context.database.reading() as session:
            [spent] = spending(session, SummaryScope(vendor="clearview-ai"), [GroupBy.VENDOR])[GroupBy.VENDOR]
        assert (spent.dollars, spent.awards) == (Decimal("90149.85"), 1)
