"""Which matches a record gets when it is stored, and when stored records are matched again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.event import listen, remove

from monitors.matching.matcher import Matcher
from monitors.runs.match_rows import match_rows, named_elsewhere
from monitors.runs.pipeline import RunContext
from monitors.runs.rematch import RematchReport, rematch
from procurewatch.context import AppContext
from sources.records import Award, AwardCategory, Publication, Recipient
from storage.database import Database
from storage.schema.tables import MatchRow
from storage.search.query import BandFilter, Query
from storage.search.search import count_records, find_events
from storage.writing.save import save_award, save_publication, save_record
from tests.app_context import app_context_for, app_context_with, dump, ignore, poll, shipped
from tests.records import BABEL, SEEN, match
from tests.sources.fakes import GivenRecords, announcement, publication
from tests.upstreams.usaspending.corpus import CorpusAward, load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

RESELLER = "PANAMERICA COMPUTERS, INC."


def awards() -> list[CorpusAward]:
    """Some awards of Clearview AI and of a reseller."""
    return [award for award in load_corpus() if (award.recipient_name or "") in ("CLEARVIEW AI, INC.", RESELLER)]


def matched_anew(app_context: AppContext) -> RematchReport:
    """Match as the command does."""
    return rematch(
        RunContext(database=app_context.database, matcher=Matcher(app_context.watchlist), stop=app_context.stop)
    )


def watchlist(folder: Path, *names: str) -> Path:
    """Write a watchlist of one more vendor."""
    file = folder / "own.yaml"
    listed = json.dumps(names)
    file.write_text(
        "vendors:\n  - id: the-reseller\n    name: The Reseller\n    category: device-forensics\n"
        f"    legal_names: {listed}\n    sources: [https://example.org/why]\n"
    )
    return file


def test_an_unchanged_watchlist_changes_nothing(database_url: str, tmp_path: Path) -> None:
    with (
        FakeUsaspending(awards()) as upstream,
        app_context_for(upstream.base_url, tmp_path, database_url) as app_context,
    ):
        poll(app_context)
        before = dump(app_context.database, moments=True)
        report = matched_anew(app_context)
        assert (report.awards > 10, report.published, report.gained, report.lost) == (True, 0, {}, {})
        assert dump(app_context.database, moments=True) == before


def test_a_new_vendor_gains_what_is_stored_and_feeds_get_its_newest(database_url: str, tmp_path: Path) -> None:
    with FakeUsaspending(awards()) as upstream:
        with app_context_for(upstream.base_url, tmp_path, database_url) as app_context:
            poll(app_context)
            with app_context.database.reading() as session:
                before = {event.id for event in find_events(session, Query(), 1000)}
        with app_context_for(
            upstream.base_url, tmp_path, database_url, watchlist=[watchlist(tmp_path, RESELLER)]
        ) as app_context:
            report = matched_anew(app_context)
            again = matched_anew(app_context)
            with app_context.database.reading() as session:
                stored = count_records(session, Query(vendor=("the-reseller",)))
                after = {event.id for event in find_events(session, Query(), 1000)}
        assert report.gained["the-reseller"] == stored > 5
        assert before <= after
        assert len(after - before) == report.published <= 3
        assert (again.published, again.gained, again.lost) == (0, {}, {})


@contextmanager
def stored_before_the_vendor_was_listed(folder: Path, database_url: str | None = None) -> Iterator[AppContext]:
    """Yield an app context with six announcements about a vendor that was added to the watchlist afterwards."""
    records = [
        announcement(
            f"DOD_{n}", f"W56KGU26C000{n}", description=f"ORDER {n}", recipient=Recipient(name="Palantir USG Inc.")
        )
        for n in range(6)
    ]
    with app_context_with({"dod": {}}, folder, "clearview-ai", database_url=database_url) as app_context:
        app_context.poll(GivenRecords(name="dod", records=records), date(2026, 11, 18), ignore)
    with app_context_with({"dod": {}}, folder, "clearview-ai", "palantir", database_url=database_url) as app_context:
        yield app_context


def published(app_context: AppContext) -> int:
    with app_context.database.reading() as session:
        return len(find_events(session, Query(), 1000))


@pytest.mark.parametrize("commits", [0, 1, 3, 6])
def test_a_rematch_that_is_cut_off_publishes_what_it_found_when_it_is_run_again(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    monkeypatch.setattr("monitors.runs.rematch.BATCH_SIZE", 1)
    left = commits

    def cut_off(_connection: Connection) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionError("killed")

    with stored_before_the_vendor_was_listed(tmp_path, database_url) as app_context:
        listen(app_context.database.engine, "commit", cut_off)
        with pytest.raises(ConnectionError):
            matched_anew(app_context)
        remove(app_context.database.engine, "commit", cut_off)
        assert published(app_context) == 0
        assert matched_anew(app_context).published == published(app_context) == 3
        assert matched_anew(app_context).published == 0


def test_a_rematch_that_is_stopped_says_so_and_the_next_one_publishes(tmp_path: Path) -> None:
    with stored_before_the_vendor_was_listed(tmp_path) as app_context:
        app_context.stop.set()
        stopped = matched_anew(app_context)
        assert (stopped.is_stopped, stopped.published) == (True, 0)
        app_context.stop.clear()
        report = matched_anew(app_context)
        assert (report.is_stopped, report.published) == (False, 3)


def test_a_vendor_taken_off_loses_its_matches_but_not_its_awards(tmp_path: Path) -> None:
    with FakeUsaspending(awards()) as upstream:
        with app_context_for(upstream.base_url, tmp_path, watchlist=[watchlist(tmp_path, RESELLER)]) as app_context:
            poll(app_context)
            with app_context.database.reading() as session:
                had = count_records(session, Query(vendor=("the-reseller",)))
                everything = count_records(session, Query(band=BandFilter.ALL))
        with app_context_for(upstream.base_url, tmp_path) as app_context:
            report = matched_anew(app_context)
            with app_context.database.reading() as session:
                assert count_records(session, Query(vendor=("the-reseller",))) == 0
                assert count_records(session, Query(band=BandFilter.ALL)) == everything
        assert report.lost == {"the-reseller": had}
        assert had > 5


AGREEMENT = replace(BABEL, key="CONT_IDV_70B06C23A00000001_7014", piid="70B06C23A00000001", category=AwardCategory.IDV)


def order(description: str) -> Award:
    """Return an order under the agreement with one action."""
    action = replace(BABEL.actions[0], key="7014_7014_70B06C23F00000009_0_70B06C23A00000001_0", description=description)
    return replace(
        BABEL,
        key="CONT_AWD_70B06C23F00000009_7014_70B06C23A00000001_7014",
        parent_key=AGREEMENT.key,
        parent_piid=AGREEMENT.piid,
        description=description,
        actions=(action,),
    )


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(shipped())


@pytest.mark.parametrize(("band", "inherited"), [("published", ["babel-street"]), ("review", []), ("rejected", [])])
def test_an_order_that_names_nothing_waits_for_a_person_if_its_agreement_matched(
    band: str, inherited: list[str], database: Database, matcher: Matcher
) -> None:
    with database.writing() as session:
        save_award(session, AGREEMENT, [match(AGREEMENT, "babel-street", band=band)], SEEN, lambda _vendors: True)
        rows = match_rows(session, matcher, order("CALL 1: LICENSES"), SEEN)
    assert [row.vendor_id for row in rows] == inherited
    for row in rows:
        assert (row.band, row.rule) == ("review", "parent-award")
        assert row.reason.startswith("Ordered under 70B06C23A00000001, which concerns Babel Street: ")


@pytest.mark.parametrize(
    ("band", "number", "inherited"),
    [
        ("published", "70B06C23Q00000123", [("babel-street", "solicitation", "review")]),
        ("published", "RFQ-1", []),  # too short to be of one office alone
        ("review", "70B06C23Q00000123", []),
    ],
)
def test_an_award_that_names_nothing_is_reviewed_if_the_notice_of_its_solicitation_matched(
    band: str, number: str, inherited: list[tuple[str, str, str]], database: Database, matcher: Matcher
) -> None:
    notice = publication("NOTICE_1", solicitation=number)
    bought = replace(order("CALL 1: LICENSES"), solicitation=number, parent_key="", parent_piid="")
    with database.writing() as session:
        save_publication(session, notice, [match(notice, "babel-street", band=band)], SEEN, lambda _vendors: True)
        rows = match_rows(session, matcher, bought, SEEN)
        others = match_rows(session, matcher, replace(bought, solicitation="70B06C23Q00000124"), SEEN)
    assert [(row.vendor_id, row.rule, row.band) for row in rows] == inherited
    assert others == []
    for row in rows:
        assert row.reason.startswith("Bought under solicitation 70B06C23Q00000123, which concerns Babel Street: ")


def test_an_order_that_names_the_vendor_itself_needs_no_agreement(database: Database, matcher: Matcher) -> None:
    with database.writing() as session:
        save_award(session, AGREEMENT, [match(AGREEMENT, "babel-street")], SEEN, lambda _vendors: True)
        rows = match_rows(session, matcher, order("CALL 1: BABEL STREET LICENSES"), SEEN)
    assert [(row.vendor_id, row.band, row.rule != "parent-award") for row in rows] == [
        ("babel-street", "published", True)
    ]


TEXT = (
    "Palantir USG Inc., Palo Alto, California (W56KGU-26-D-0001); and Clearview AI, Inc., New York, New York "
    "(W56KGU-26-D-0002), will compete for each order of a $99,000,000 contract for PALANTIR GOTHAM and Clearview AI."
)
AWARDEES = {"W56KGU26D0001": "Palantir USG Inc.", "W56KGU26D0002": "Clearview AI, Inc."}


def awardees(text: str = TEXT) -> list[Publication]:
    """Return the records of one announcement with two awardees, whose text names both."""
    return [
        announcement(f"DOD_{piid}", piid, description=text, title="ARMY", recipient=Recipient(name=name))
        for piid, name in AWARDEES.items()
    ]


def test_an_awardee_is_no_match_of_the_record_of_another(database: Database, matcher: Matcher) -> None:
    records = awardees()
    elsewhere = named_elsewhere(matcher, records)
    assert elsewhere == {"DOD_W56KGU26D0001": {"clearview-ai"}, "DOD_W56KGU26D0002": {"palantir"}}
    with database.writing() as session:
        found = {
            record.key: [row.vendor_id for row in match_rows(session, matcher, record, SEEN, elsewhere[record.key])]
            for record in records
        }
    assert found == {"DOD_W56KGU26D0001": ["palantir"], "DOD_W56KGU26D0002": ["clearview-ai"]}


def test_records_with_other_texts_say_nothing_about_each_other(matcher: Matcher) -> None:
    first, second = awardees()
    assert named_elsewhere(matcher, [first, replace(second, description="Another text.")]) == {}


def test_a_rematch_leaves_the_other_awardees_out_too(database: Database, matcher: Matcher) -> None:
    records = awardees()
    elsewhere = named_elsewhere(matcher, records)
    with database.writing() as session:
        for record in records:
            others = elsewhere[record.key]
            find = partial(match_rows, session, matcher, now=SEEN, named_elsewhere=others)
            save_record(session, record, find, SEEN, lambda _vendors: True)
    report = rematch(RunContext(database=database, matcher=matcher, stop=threading.Event()))
    assert (report.awards, report.gained, report.lost) == (2, {}, {})


def test_a_poll_leaves_the_other_awardees_out(tmp_path: Path) -> None:
    with app_context_with({"dod": {}}, tmp_path, "clearview-ai", "palantir") as app_context:
        app_context.poll(GivenRecords(name="dod", records=awardees()), date(2026, 11, 18), ignore)
        with app_context.database.reading() as session:
            found = {(row.record_key, row.vendor_id) for row in session.scalars(select(MatchRow))}
    assert found == {("DOD_W56KGU26D0001", "palantir"), ("DOD_W56KGU26D0002", "clearview-ai")}
