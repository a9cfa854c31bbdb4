"""The query language over what is stored, alike on both databases."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlmodel import col

from sources.records import Agency, Amount, AmountMeaning, AwardCategory, Publication, PublicationKind, Recipient
from storage.database import Database, open_database
from storage.models import StoredRecord, recipient_subjects, record_subject
from storage.reading.records import matches_by_record
from storage.rows import award_row
from storage.schema.tables import EventRow, RecordRow, SearchRow
from storage.search.facets import FacetCount, count_by_facets
from storage.search.query import InvalidQuery, Query, Sort, read_query
from storage.search.search import (
    count_events_since,
    count_records,
    event_conditions,
    event_cursor,
    find_events,
    find_records,
    record_conditions,
    record_cursor,
)
from storage.search.tokenize import tokenize
from storage.writing.publication import publish_changes
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from storage.writing.save import save_award, save_publication
from tests.postgres import fresh_database
from tests.records import (
    BABEL,
    CLEARVIEW,
    COURT_REPORTER,
    EQUIPMENT,
    LATER,
    NO_FAIR_OPPORTUNITY,
    SEEN,
    SOLE_SOURCE,
    acted,
    match,
)
from tests.storage.database_helpers import delete_all_rows, dump_tables, publish_all, save
from tests.storage.fixtures import SAMPLE_PIIDS, find_piids, save_sample_awards

HOSTILE = [
    '"', '""', "'", "*", "a*b", "^", "foo NEAR bar", "NEAR(a b, 2)", "AND", "OR", "NOT", "a AND", "(", ")", "words:x",
    "{words}:x", "-", "--", "- a", '-"', "+", "a + b", ":", "\\", "a\\b", "%", "_", "%_%", "'; DROP TABLE record; --",
    '"; DROP TABLE record; --', "a\x00b", "\x00", "\ud800", "\udcff", "a\u202eb", "<b>", "a & b", "a | b", "!a", "a:*",
    "a <-> b", "🛰", "%00%ff", "|", "@customs", "=panamerica", "a" * 1000, " ".join("abcdefghijklmnopqrstuvwxyz0123"),
]  # fmt: skip


def test_everything_is_found_newest_signed_first(sample: Database) -> None:
    assert find_piids(sample) == SAMPLE_PIIDS
    assert (
        find_piids(sample, band="")
        == find_piids(sample, band="published")
        == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]
    )
    assert find_piids(sample, limit=2) == SAMPLE_PIIDS[:2]
    assert find_piids(sample, limit=0) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("clearview", [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ("CLEARVIEW facial", [SAMPLE_PIIDS[4]]),
        ("facial clearview", [SAMPLE_PIIDS[4]]),
        ('"ClearView ai, INC."', [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ('"facial clearview"', []),
        ('"facial recognition"', [SAMPLE_PIIDS[4]]),
        ("babel panamerica", [SAMPLE_PIIDS[2]]),
        ("champlain", [SAMPLE_PIIDS[1]]),
        ('"government\'s convenience"', [SAMPLE_PIIDS[3]]),
        ("government's", [SAMPLE_PIIDS[3]]),
        ("governments", []),
        ("CBP/NTC", [SAMPLE_PIIDS[2]]),
        ("clear", []),
        ("clear*", [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ("70b06c22*", [SAMPLE_PIIDS[3]]),
        ("70-B06C-22-P-00000094", [SAMPLE_PIIDS[3]]),
        ("babel clearview", []),
        ("babel -panamerica", []),
        ("-clearview", [SAMPLE_PIIDS[1], SAMPLE_PIIDS[2], SAMPLE_PIIDS[3]]),
        ('software -"babel street"', [SAMPLE_PIIDS[0]]),
        ('"inc equipment"', []),  # no phrase reaches from the recipient into the description
        ("customs", []),  # agencies have a parameter of their own
        ("clárevïew clearview", []),
        ("\uff43\uff4c\uff45\uff41\uff52\uff56\uff49\uff45\uff57", [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ("cléarview", [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
    ],
)
def test_words_and_phrases(sample: Database, asked: str, expected: list[str]) -> None:
    assert find_piids(sample, q=asked) == expected


def test_an_agency_is_found_by_each_name_of_its_code(database: Database) -> None:
    names = ("Department of Defense", "Department of War", "DEPT OF DEFENSE", "Dept. of War")
    for number, name in enumerate(names):
        award = replace(CLEARVIEW, key=f"CONT_AWD_{number}", piid=f"P{number}", awarding=Agency(code="097", name=name))
        save(database, award, match(award))
    no_code = replace(CLEARVIEW, key="CONT_AWD_9", piid="P9", awarding=Agency(name="Department of War"))
    save(database, no_code, match(no_code))
    found = {f"P{number}" for number in (0, 1, 2, 3, 9)}
    for asked in (*names, "defense", "war", "DoD", "War Department", "DEFENSE, DEPARTMENT OF", "Dept. Defense"):
        assert set(find_piids(database, agency=asked)) == found, asked
    assert set(find_piids(database, agency="097")) == found - {"P9"}
    assert find_piids(database, agency="warfare") == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"vendor": "babel-street"}, [SAMPLE_PIIDS[2]]),
        ({"vendor": "panamerica", "band": "published"}, []),
        ({"vendor": "panamerica", "band": "review"}, [SAMPLE_PIIDS[2]]),
        ({"vendor": "panamerica", "band": "any"}, [SAMPLE_PIIDS[2]]),
        ({"category": "face-recognition"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ({"vendor": "clearview-ai", "category": "social-media"}, []),
        ({"agency": "7012"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ({"agency": "070"}, SAMPLE_PIIDS),
        ({"agency": "7000"}, SAMPLE_PIIDS),  # the same department, as FPDS writes it
        ({"agency": "immigration"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ({"agency": "u.s. customs"}, [SAMPLE_PIIDS[1], SAMPLE_PIIDS[2], SAMPLE_PIIDS[3]]),
        ({"agency": "homeland security"}, SAMPLE_PIIDS),
        ({"agency": "ice"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ({"agency": "70"}, []),
        ({"since": "2024-09-03"}, [SAMPLE_PIIDS[0]]),
        ({"since": "2024-06-27"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[1]]),
        ({"since": "2023-09-12"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[1], SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]),
        ({"since": "2024-09-04"}, []),
        ({"until": "2021-09-03"}, [SAMPLE_PIIDS[4]]),
        ({"until": "2021-09-02"}, []),
        ({"since": "2022-05-01", "until": "2022-06-29"}, [SAMPLE_PIIDS[3], SAMPLE_PIIDS[4]]),
        ({"fiscal_year": "2024"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[1], SAMPLE_PIIDS[2]]),
        ({"fiscal_year": "2021"}, [SAMPLE_PIIDS[4]]),
        ({"seen_since": "2026-11-21"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2]]),
        ({"seen_until": "2026-11-20"}, [SAMPLE_PIIDS[1], SAMPLE_PIIDS[3], SAMPLE_PIIDS[4]]),
        ({"min_amount": "2287500"}, [SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]),
        ({"min_amount": "2287500.01"}, [SAMPLE_PIIDS[2]]),
        ({"min_amount": "0.01"}, [piid for piid in SAMPLE_PIIDS if piid != SAMPLE_PIIDS[3]]),
        ({"max_amount": "0"}, [SAMPLE_PIIDS[3]]),
        ({"reseller": "yes"}, [SAMPLE_PIIDS[2]]),
        ({"reseller": "no", "band": "published"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]),
        ({"reseller": "Panamerica"}, [SAMPLE_PIIDS[2]]),
        ({"reseller": "clearview"}, []),
        ({"kind": "award"}, SAMPLE_PIIDS),
        ({"kind": "publication"}, []),
        ({"event": "new-award"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]),
        ({"event": "terminated"}, []),
        ({"source": "usaspending"}, SAMPLE_PIIDS),
        ({"source": "fpds"}, []),
        ({"decision": "unreviewed", "band": "any"}, [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]),
        ({"q": "clearview", "agency": "7012", "since": "2024-01-01"}, [SAMPLE_PIIDS[0]]),
    ],
)
def test_each_part_narrows_a_query(sample: Database, asked: dict[str, Any], expected: list[str]) -> None:
    assert find_piids(sample, **asked) == expected


def test_any_of_several_values_will_do(sample: Database) -> None:
    query = read_query(
        [("vendor", "babel-street"), ("vendor", "clearview-ai"), ("agency", "7012"), ("agency", "u.s. customs")]
    )
    with sample.reading() as session:
        assert [record.piid for record in find_records(session, query)] == [
            SAMPLE_PIIDS[0],
            SAMPLE_PIIDS[2],
            SAMPLE_PIIDS[4],
        ]
        assert count_records(session, query) == 3


def answers(database: Database, query: Query) -> tuple[object, ...]:
    """Return all that is asked with a query."""
    with database.reading() as session:
        total, counted = count_by_facets(session, query)
        records = [record.piid for record in find_records(session, query)]
        events = [event.record.piid for event in find_events(session, query, 100)]
        assert total == count_records(session, query) == len(records)
        return records, sorted(events), str(counted)


def test_all_parts_at_once_with_many_values_can_be_asked(sample: Database) -> None:
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
        "fiscal_year": ("2023", "2024"),
    }
    single = {"q": 'o-brien "a b" -c -"d e"', "since": "2020-01-01", "until": "2026-01-01", "seen_since": "2020-01-01"}
    single |= {"ends_since": "2020-01-01", "ends_until": "2027-01-01"}
    single |= {"seen_until": "2027-01-01", "min_amount": "1", "max_amount": "2", "min_change": "1", "reseller": "yes"}
    pairs = [*single.items(), *((name, value) for name, values in several.items() for value in values)]
    for more in ([], [("decision", "confirmed")], [("band", "review")]):
        assert answers(sample, read_query([*pairs, *more]))[0] == []
        for name, values in several.items():
            answers(sample, read_query([*more, *((name, value) for value in values)]))


@pytest.mark.parametrize("asked", HOSTILE)
def test_hostile_words_find_something_or_nothing_or_get_one_line(sample: Database, asked: str) -> None:
    before = dump_tables(sample)
    for name in ("q", "agency", "office", "reseller", "vendor", "psc"):
        try:
            query = read_query({name: asked})
        except InvalidQuery as error:
            assert len(str(error).splitlines()) == 1
            assert str(error).isascii()
            continue
        with sample.reading() as session:
            list(find_records(session, query))
            find_events(session, query, 10)
    assert dump_tables(sample) == before


@pytest.mark.parametrize(
    "cursor", ["x", "-1", "9" * 30, "²", "~~", "2024-01-01~x~y", "0001-01-01T00:00:00~0001-01-01~\x00"]
)
def test_a_place_that_is_none_gets_one_line(sample: Database, cursor: str) -> None:
    with sample.reading() as session:
        with pytest.raises(InvalidQuery, match="cannot be read"):
            list(find_records(session, Query(), after=cursor))
        if not cursor.endswith("\x00"):
            with pytest.raises(InvalidQuery, match="cannot be read"):
                find_events(session, Query(), 10, before=cursor)


def sorted_by(sort: Sort, records: Sequence[StoredRecord]) -> list[StoredRecord]:
    """Sort records, the newest signed first, without the help of the database."""
    values: dict[Sort, Callable[[StoredRecord], Any]] = {
        Sort.OBLIGATED: lambda record: -record.obligated if record.obligated is not None else None,
        Sort.SEEN: lambda record: -record.first_seen.timestamp(),
        Sort.ENDS: lambda record: record.ends,
        Sort.AGENCY: lambda record: record.sub_agency_name or record.agency_name or None,
        Sort.RECIPIENT: lambda record: record.recipient_name or None,
        Sort.VENDOR: lambda record: record.matches[0].vendor_name if record.matches else None,
    }
    if sort not in values:
        return list(records) if sort is Sort.DATE else list(reversed(records))
    given = [(values[sort](record), record) for record in records]
    first = sorted([pair for pair in given if pair[0] is not None], key=itemgetter(0))
    return [record for _, record in (*first, *[pair for pair in given if pair[0] is None])]


def test_pages_in_each_order_are_the_whole(database: Database) -> None:
    save_sample_awards(database)
    with database.writing() as session:
        odd = replace(
            EQUIPMENT,
            key="CONT_AWD_X_7014_-NONE-_-NONE-",
            piid="X",
            obligated=None,
            recipient=replace(EQUIPMENT.recipient, name=""),
            awarding=Agency(code="x", name="élan; DROP TABLE ~ agency"),
            actions=(),
        )
        save_award(session, odd, (), SEEN, lambda _vendors: True)
        for piid, ends in (
            ("X", date(2030, 1, 1)),
            (SAMPLE_PIIDS[1], date(2030, 1, 1)),
            (SAMPLE_PIIDS[2], SEEN.date()),
        ):
            session.execute(update(RecordRow).where(col(RecordRow.piid) == piid).values(ends=ends))
    for sort in Sort:
        query = read_query({"band": "all", "sort": sort.value})
        with database.reading() as session:
            found = list(find_records(session, query))
            expected = sorted_by(sort, list(find_records(session, query.unsorted)))
            assert [record.piid for record in found] == [record.piid for record in expected], sort
            assert len(found) == 6
            for size in (1, 2, 3):
                paged, cursor = [], ""
                while page := list(find_records(session, query, size, cursor)):
                    paged += page
                    cursor = record_cursor(session, query, page[-1])
                assert paged == found, sort


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("date", "5~6"),
        ("obligated", "5"),
        ("obligated", "5~x"),
        ("obligated", "5~NaN"),
        ("obligated", "5~1e999"),
        ("seen", "5~2024-01-01T00:00:00"),
        ("ends", "5~2024-13-01"),
        ("agency", "5~\x00"),
        ("vendor", "x~y"),
    ],
)
def test_a_place_of_another_order_is_refused(sample: Database, sort: str, cursor: str) -> None:
    with sample.reading() as session, pytest.raises(InvalidQuery, match="cannot be read"):
        list(find_records(session, read_query({"sort": sort}), after=cursor))


def test_pages_of_records_and_of_events_are_the_whole(sample: Database) -> None:
    query = read_query({"band": "all"})
    with sample.reading() as session:
        for size in (1, 2, 3):
            piids, cursor = [], ""
            while page := list(find_records(session, query, size, cursor)):
                piids += [record.piid for record in page]
                cursor = record_cursor(session, query, page[-1])
            assert piids == SAMPLE_PIIDS
            events, before = [], ""
            while batch := find_events(session, query, size, before):
                events += [event.id for event in batch]
                before = event_cursor(batch[-1])
            assert events == [event.id for event in find_events(session, query, 100)]
            assert len(events) == len(set(events)) == 3


def test_more_records_than_one_question_holds(database: Database) -> None:
    with database.writing() as session:
        for number in range(1101):
            award = replace(COURT_REPORTER, key=f"K{number:04}", piid=f"P{number:04}", actions=(), documents=())
            session.add(award_row(award, SEEN))
        publish_changes(session, [f"K{number:04}" for number in range(1101)])
    piids = find_piids(database)
    assert sorted(piids) == [f"P{number:04}" for number in range(1101)]
    assert find_piids(database, limit=700) == piids[:700]


def test_an_award_without_date_or_amount_comes_last_and_has_no_least_amount(sample_copy: Database) -> None:
    save(sample_copy, replace(CLEARVIEW, key="ODD", piid="ODD", signed=None, obligated=None, actions=(), documents=()))
    assert find_piids(sample_copy) == [*SAMPLE_PIIDS, "ODD"]
    assert "ODD" not in find_piids(sample_copy, min_amount="0")
    assert "ODD" not in find_piids(sample_copy, since="1900-01-01")
    assert "ODD" not in find_piids(sample_copy, until="2900-01-01")


def test_a_publication_is_found_by_its_title_and_by_what_it_states(sample_copy: Database) -> None:
    notice = Publication(
        key="SAM_1", source="sam", kind=PublicationKind.NOTICE, type_text="Sources Sought", title="Phone Unlocking Kits",  # noqa: E501
        description="", recipient=Recipient(name=""), awarding=Agency(office="Field Office Łódź"),
        published=date(2024, 7, 1), url="", amounts=(Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal(5_000_000)),),  # noqa: E501
    )  # fmt: skip
    with sample_copy.writing() as session:
        save_publication(session, notice, [match(replace(CLEARVIEW, key="SAM_1"))], LATER, publish_all)
    assert find_piids(
        sample_copy, q="unlocking", kind="notice", source="sam", office="field office", min_amount="5000000"
    ) == [""]
    assert find_piids(sample_copy)[1] == "", "in its place by the day it was published"
    with sample_copy.reading() as session:
        assert [event.kind.value for event in find_events(session, read_query({"q": "unlocking"}), 5)] == ["new-notice"]


def test_what_changes_is_found_anew_and_no_longer_by_what_it_was(sample_copy: Database) -> None:
    save(
        sample_copy,
        replace(
            COURT_REPORTER, description="STENOGRAPHY", recipient=Recipient(name="Veritext", parent_name="Holding X")
        ),
    )
    assert find_piids(sample_copy, q="huseby") == []
    assert (
        find_piids(sample_copy, q="stenography veritext")
        == find_piids(sample_copy, q='"holding x"')
        == [SAMPLE_PIIDS[3]]
    )
    more = acted(COURT_REPORTER, "P00009", "2025-01-02", "1.00", description="DRONES")
    save(sample_copy, more)
    assert find_piids(sample_copy, q="drones") == find_piids(sample_copy, since="2025-01-01") == [SAMPLE_PIIDS[3]]


def test_a_verdict_is_asked_for_and_changes_what_is_found(sample_copy: Database) -> None:
    def say(decision: Decision, vendor: str, subject: str) -> None:
        with sample_copy.writing() as session:
            save_decision(
                session,
                ReviewDecision(
                    vendor_id=vendor, subject=subject, decision=decision, decided_by="me", note="", decided_at=LATER
                ),
            )

    assert find_piids(sample_copy, q='"panamerica computers"', vendor="panamerica", band="published") == []
    say(Decision.CONFIRMED, "panamerica", record_subject(BABEL.key))
    assert find_piids(sample_copy, vendor="panamerica", band="published") == [SAMPLE_PIIDS[2]]
    assert find_piids(sample_copy, decision="confirmed", band="any") == [SAMPLE_PIIDS[2]]
    say(Decision.NEVER, "clearview-ai", recipient_subjects(CLEARVIEW.recipient.name, "")[0])
    assert find_piids(sample_copy, decision="never", band="any") == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]
    assert find_piids(sample_copy, vendor="clearview-ai", band="published") == []
    assert find_piids(sample_copy, vendor="clearview-ai", band="rejected") == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]
    with sample_copy.reading() as session:
        events = find_events(session, read_query({"vendor": "clearview-ai"}), 10)
        assert {event.kind.value for event in events} == {"withdrawn"}, "feeds with the match carry its withdrawal"
        _, counted = count_by_facets(session, Query())
        assert [each.value for each in counted["vendor"]] == ["babel-street", "panamerica"]


def test_a_feed_is_narrowed_by_its_events(sample: Database) -> None:
    def piids(**asked: str) -> list[str]:
        with sample.reading() as session:
            return [event.record.piid for event in find_events(session, read_query(asked), 100)]

    assert piids() == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]
    assert piids(event="new-award", q="clearview") == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[4]]
    assert piids(event="modified") == piids(band="review", vendor="babel-street") == []
    assert piids(since="2023-01-01") == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2]]
    assert piids(until="2023-01-01") == [SAMPLE_PIIDS[4]]
    assert piids(seen_since="2026-11-21") == [SAMPLE_PIIDS[0], SAMPLE_PIIDS[2]]
    with sample.reading() as session:
        assert count_events_since(session, Query(), date(2026, 11, 21), 1000) == 2
        assert count_events_since(session, Query(), date(2026, 11, 22), 1000) == 0
        assert count_events_since(session, read_query({"vendor": "clearview-ai"}), date(2020, 1, 1), 1000) == 2


def test_facets_are_counted(sample: Database) -> None:
    with sample.reading() as session:
        total, found = count_by_facets(session, Query())
        assert total == count_records(session, Query()) == 3
        assert found["vendor"] == [
            FacetCount(value="clearview-ai", label="Clearview AI", records=2),
            FacetCount(value="babel-street", label="Babel Street", records=1),
        ]
        assert found["kind"] == [FacetCount(value="contract", label="contract", records=3)]
        assert count_by_facets(session, read_query({"q": "babel"}))[1]["agency"] == [
            FacetCount(value="7014", label="7014", records=1)
        ]
        assert count_by_facets(session, Query(), newest=1)[0] == 2
        for band in ("published", "any", "all"):
            for name, values in count_by_facets(session, read_query({"band": band}))[1].items():
                assert values or name == "state"
                for each in values:
                    assert count_records(session, read_query({"band": band, name: each.value})) == each.records


def fill_with_competition(database: Database) -> None:
    """Store contracts of which one was not competed, one was, one was in part, one does not say; and a grant."""
    save(database, replace(CLEARVIEW, **SOLE_SOURCE), match(CLEARVIEW))
    save(database, replace(BABEL, **NO_FAIR_OPPORTUNITY), match(BABEL, "babel-street"))
    competed: dict[str, Any] = {
        "extent_competed_code": "F",
        "extent_competed": "COMPETED UNDER SAP",
        "pricing": "COST PLUS FIXED FEE",
    }
    save(database, replace(EQUIPMENT, **competed), match(EQUIPMENT, "panamerica"))
    save(database, COURT_REPORTER, match(COURT_REPORTER, "panamerica"))
    grant = replace(COURT_REPORTER, key="ASST_NON_X_070", piid="X", category=AwardCategory.ASSISTANCE, actions=())
    save(database, grant, match(grant, "panamerica"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"competition": "not-competed"}, [SAMPLE_PIIDS[2], SAMPLE_PIIDS[4]]),
        ({"competition": "Competed"}, [SAMPLE_PIIDS[1]]),
        ({"competition": "unknown"}, [SAMPLE_PIIDS[3]]),
        ({"competition": "not-competed", "q": "clearview"}, [SAMPLE_PIIDS[4]]),
        ({"set_aside": "8an"}, [SAMPLE_PIIDS[4]]),
        ({"set_aside": "sole source"}, [SAMPLE_PIIDS[4]]),
        ({"set_aside": "source sole"}, []),
        ({"set_aside": "none"}, [SAMPLE_PIIDS[2]]),
        ({"pricing": "J"}, [SAMPLE_PIIDS[4]]),
        ({"pricing": "fixed"}, [SAMPLE_PIIDS[1], SAMPLE_PIIDS[4]]),
        ({"pricing": "cost plus"}, [SAMPLE_PIIDS[1]]),
        ({"q": "fixed"}, []),
        ({"office": "fixed"}, []),
    ],
    ids=str,
)
def test_contracts_are_found_by_how_they_were_bought(
    database: Database, asked: dict[str, Any], expected: list[str]
) -> None:
    fill_with_competition(database)
    assert find_piids(database, **asked) == expected
    with database.reading() as session:
        events = find_events(session, read_query(asked), 100)
    assert {event.record.piid for event in events} == set(expected)


def test_competition_is_a_facet(database: Database) -> None:
    fill_with_competition(database)
    with database.reading() as session:
        total, counted = count_by_facets(session, Query())
    assert total == 5
    assert [(each.value, each.records) for each in counted["competition"]] == [
        ("not-competed", 2),
        ("competed", 1),
        ("unknown", 1),
    ]


def test_several_values_of_a_facet_are_any_of_them(database: Database) -> None:
    fill_with_competition(database)
    query = read_query([("competition", "competed"), ("competition", "unknown"), ("pricing", "j"), ("pricing", "cost")])
    with database.reading() as session:
        assert [record.piid for record in find_records(session, query)] == [SAMPLE_PIIDS[1]]


def test_views_say_of_competition_what_the_index_does(database: Database) -> None:
    codes = ("", "A", "B", "C", "CDO", "D", "E", "F", "G", "H", "NDO")
    for number, (extent, fair) in enumerate(product(codes, ("", "FAIR", "CSA", "ONE", "URG"))):
        award = replace(COURT_REPORTER, key=f"K{number}", extent_competed_code=extent, fair_opportunity_code=fair)
        one = replace(award, actions=(), category=AwardCategory.ASSISTANCE if number == 7 else AwardCategory.IDV)
        save(database, one, match(one, "panamerica"))
    schema = "readers." if database.engine.dialect.name == "postgresql" else ""
    with database.reading() as session:
        asked = select(col(SearchRow.record_key), col(SearchRow.competition))
        indexed = {row[0]: row[1] for row in session.execute(asked)}
        rows = session.execute(text(f"SELECT record_key, competition FROM {schema}awards"))
        viewed = {row[0]: row[1] for row in rows}
    assert indexed == viewed
    assert len(indexed) == 55
    assert set(indexed.values()) == {"competed", "not-competed", "unknown", ""}


def test_a_withdrawal_is_published_to_the_vendor_of_the_match(sample_copy: Database) -> None:
    subject = recipient_subjects(CLEARVIEW.recipient.name, "")[0]
    never = ReviewDecision(
        vendor_id="clearview-ai", subject=subject, decision=Decision.NEVER, decided_by="me", note="", decided_at=LATER
    )
    with sample_copy.writing() as session:
        save_decision(session, never)
    with sample_copy.reading() as session:
        kinds = {
            reseller: [event.kind.value for event in find_events(session, read_query({"reseller": reseller}), 10)]
            for reseller in ("yes", "no")
        }
    assert kinds == {"yes": ["new-award"], "no": ["withdrawn", "withdrawn"]}


def test_only_a_vendors_products_are_bought_through_a_reseller(database: Database) -> None:
    """The words of a topic are never the recipient's name, and yet whoever is paid is no reseller of the topic."""
    words = [{"kind": "topic", "field": "description", "text": "FACIAL RECOGNITION", "term": "facial recognition",
              "start": 0, "end": 18, "score": 0.9, "action_key": ""}]  # fmt: skip
    topic = "face-recognition"
    named = [{**words[0], "kind": "product"}]
    save(database, CLEARVIEW, match(CLEARVIEW), match(CLEARVIEW, topic, is_topic=True, signals=words))
    save(
        database,
        BABEL,
        match(BABEL, "babel-street", signals=named),
        match(BABEL, topic, is_topic=True, signals=words),
    )
    assert find_piids(database, reseller="yes") == [BABEL.piid]
    assert find_piids(database, reseller="no") == [CLEARVIEW.piid]
    with database.reading() as session:
        resold = {each.vendor_id: each.via_reseller for each in matches_by_record(session, [BABEL.key])[BABEL.key]}
    assert resold == {"babel-street": True, "face-recognition": False}


def test_a_question_is_answered_from_indexes(sqlite_url: str) -> None:
    asked: list[str] = []
    with closing(open_database(sqlite_url)) as database, database.reading() as session:
        connection = session.connection()
        for params in (
            {},
            {"q": "phones"},
            {"vendor": "x"},
            {"agency": "7012"},
            {"psc": "7A21"},
            {"event": "modified"},
        ):
            for plan in _plans(session, connection, read_query(params)):
                asked += [f"{params}: {step}" for step in plan if step.startswith("SCAN")]
    # The order of places is the order of the table itself; an empty one is not read out of any other order.
    assert [
        step for step in asked if not step.endswith(("SCAN search", "SCAN search_index VIRTUAL TABLE INDEX 0:M1"))
    ] == []


def _plans(session: Any, connection: Any, query: Query) -> Iterator[list[str]]:
    records = select(col(SearchRow.sort_key)).where(*record_conditions(query, "sqlite"))
    events = select(col(EventRow.id)).where(*event_conditions(query, "sqlite"))
    for statement in (
        records.order_by(col(SearchRow.sort_key).desc()).limit(50),
        events.order_by(col(EventRow.first_seen).desc()).limit(50),
    ):
        compiled = statement.compile(connection, compile_kwargs={"literal_binds": True})
        yield [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]


words = st.text(alphabet=string.ascii_letters[:4] + " -'\"*éßİŁ１½中\u0301.,/", max_size=12)
some_text = st.lists(words, min_size=0, max_size=4).map(" ".join)


@pytest.fixture(scope="module")
def both_databases(
    postgresql_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Database]]:
    with ExitStack() as stack:
        own = f"sqlite:///{tmp_path_factory.mktemp('both') / 'procurewatch.sqlite3'}"
        served = stack.enter_context(fresh_database(postgresql_server))
        yield (
            stack.enter_context(closing(open_database(own))),
            stack.enter_context(closing(open_database(served))),
        )


@settings(max_examples=25)
@given(
    texts=st.lists(st.tuples(some_text, some_text), min_size=1, max_size=6),
    questions=st.lists(some_text, min_size=5, max_size=12),
)
def test_both_databases_find_the_same(
    both_databases: tuple[Database, Database], texts: list[tuple[str, str]], questions: list[str]
) -> None:
    def answers(database: Database) -> list[object]:
        delete_all_rows(database)
        for number, (name, description) in enumerate(texts):
            award = replace(
                EQUIPMENT, key=f"K{number}", piid=f"P{number}", recipient=Recipient(name=name), description=description,
                signed=date(2024, 1, 1) + timedelta(days=number // 2), actions=(), documents=(),
            )  # fmt: skip
            save(database, award, match(award))
        given: list[object] = []
        with database.reading() as session:
            for question in questions:
                try:
                    query = read_query({"q": question})
                except InvalidQuery as error:
                    given.append(str(error))
                    continue
                given.append([record.key for record in find_records(session, query)])
                given.append([event.id for event in find_events(session, query, 100)])
                given.append(count_records(session, query))
        return given

    assert answers(both_databases[0]) == answers(both_databases[1])


@given(st.text())
def test_what_is_folded_stays_as_it_is(written: str) -> None:
    folded = tokenize(written)
    assert tokenize(" ".join(folded)) == folded
    assert all(token and " " not in token for token in folded)
