"""The whole watchlist against the fake USAspending at its strictest: every award and every action is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from monitors.matching.matcher import Matcher
from monitors.runs.status import RunReport
from procurewatch.context import AppContext
from sources.records import Award, Payload
from sources.registry import SOURCES
from sources.usaspending.award_fetcher import award_step
from storage.database import open_database
from storage.models import RunStatus
from storage.schema.tables import ActionRow, MatchRow, RecordRow
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import LAST_DAY, ignore, later, settings_for, shipped
from tests.sources.fakes import Memory
from tests.sources.usaspending.helpers import client_of
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

SOURCE = SOURCES["usaspending"]
BACKFILLED = ("clearview-ai", "babel-street", "cellebrite", "palantir", "penlink")
CLEARVIEW = "70CMSD21P00000127"
# Found by words that no search asks for, since they would bring thousands of other awards (`search: false`, or weak
# words beside a product code): TASER and MOTOROLA in the descriptions of resellers, TRACKING.
NOT_ASKED_FOR = frozenset(
    {
        *("70B02C22P00000080", "70B03C22F00000680", "70B06C21F00000419", "70B06C21F00000499", "70CMSD23P00000049"),
        "70CTD022FR0000179",
    }
)


@contextmanager
def app_context_for(base_url: str, folder: Path) -> Iterator[AppContext]:
    """Open an app context whose only source is the fake server, with the whole watchlist."""
    settings = settings_for(base_url, folder, lookback_days=120, full_sweep_days=1461)
    database = open_database(settings.database())
    try:
        yield AppContext(settings=settings, database=database, watchlist=shipped(), stop=threading.Event())
    finally:
        database.close()


def poll(app_context: AppContext, until: date = LAST_DAY) -> RunReport:
    return app_context.poll(SOURCE, until, ignore)


def actions_stored(app_context: AppContext) -> set[tuple[str, str, Decimal | None]]:
    """Return (award, modification, dollars) of every stored action of an award that matched."""
    matched = select(col(MatchRow.record_key))
    query = select(ActionRow).where(col(ActionRow.award_key).in_(matched))
    with app_context.database.reading() as session:
        return {(row.award_key, row.modification, row.obligation) for row in session.scalars(query)}


def actions_of(awards: list[CorpusAward], keys: set[str]) -> set[tuple[str, str, Decimal | None]]:
    """Return the same of the fake server's awards."""
    return {
        (award.key, action.modification, action.obligation)
        for award in awards
        if award.key in keys
        for action in award.actions
    }


def matching(awards: list[CorpusAward]) -> set[str]:
    """Return the keys of the awards that concern the watchlist, by the matcher alone."""
    matcher = Matcher(shipped())
    with FakeUsaspending(awards) as upstream, client_of(upstream.base_url) as client:
        read = [
            record
            for award in awards
            if award.piid not in NOT_ASKED_FOR
            for payload in SOURCE.fetch(client, award_step(award.key), Memory())
            if isinstance(payload, Payload)
            for record in SOURCE.parse(payload)
        ]
    assert len(read) == len(awards) - len(NOT_ASKED_FOR)
    return {record.key for record in read if isinstance(record, Award) and matcher.matches(record)}


def published(app_context: AppContext) -> list[tuple[str, str]]:
    with app_context.database.reading() as session:
        events = find_events(session, Query(), 10_000)
        return [(event.record.piid, event.action.modification) for event in events if event.action]


def modification(number: str, day: date, dollars: str) -> CorpusAction:
    """Return a modification that reached the source a day after the corpus ends, whatever its date."""
    return CorpusAction(
        modification=number,
        action_date=day,
        obligation=Decimal(dollars),
        description="SEE SCHEDULE",
        last_modified_date=later(1),
    )


def test_polls_a_sweep_and_backfills_store_every_action_and_end_well(tmp_path: Path) -> None:
    corpus = load_corpus()
    wanted = matching(corpus)
    held_back = [award for award in corpus if award.key in wanted][::7]
    first = [award for award in corpus if award not in held_back]
    with FakeUsaspending(first) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        assert poll(app_context).status is RunStatus.BASELINE_SEEDED
        found = {award.key for award in first} & wanted
        assert actions_stored(app_context) == actions_of(first, found)
        asked = len(upstream.requests)
        with upstream.editing() as awards:
            clearview = next(award for award in awards if award.piid == CLEARVIEW)
            latest = clearview.latest.action_date
            clearview.actions.append(modification("P00095", later(1), "10.00"))
        for _ in range(4):
            poll(app_context, later(2))
        assert len(upstream.requests) - asked < 130, "an ordinary day"
        with upstream.editing() as awards:
            for award in held_back:
                award.last_modified_date = later(1)
            awards.extend(held_back)
            clearview.actions += [
                modification("P00091", latest - timedelta(days=30), "0.00"),
                modification("P00092", latest, "0.00"),
                modification("P00093", latest - timedelta(days=3), "100.00"),
                modification("P00094", latest - timedelta(days=3), "-100.00"),
            ]
        assert poll(app_context, later(3)).status is RunStatus.NEW
        assert actions_stored(app_context) == actions_of(corpus, wanted)
        for number in ("P00091", "P00092", "P00093", "P00094", "P00095"):
            assert published(app_context).count((CLEARVIEW, number)) == 1
        assert poll(app_context, later(4)).status is RunStatus.NOTHING_NEW
        before = published(app_context)
        swept = poll(app_context, later(12))
        assert (swept.status, swept.tally.skipped) == (RunStatus.NOTHING_NEW, False)
        for vendor in BACKFILLED:
            report = app_context.backfill(
                SOURCE, app_context.watchlist.by_id[vendor], date(2020, 10, 1), later(12), ignore, notify=False
            )
            assert report.status in (RunStatus.NEW, RunStatus.NOTHING_NEW), (vendor, report)
        assert actions_stored(app_context) == actions_of(corpus, wanted)
        assert published(app_context) == before
        with app_context.database.reading() as session:
            assert set(session.scalars(select(col(RecordRow.key)))) >= wanted
