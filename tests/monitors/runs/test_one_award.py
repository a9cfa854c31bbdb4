"""One purchase through every source that tells of it: ICE's of Clearview AI, 70CMSD21P00000127.

Number, recipient, agency, dates, obligations and descriptions are those of the public record; what an award notice and
a subaward of it would say is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from procurewatch.context import AppContext
from sources.registry import SOURCES
from storage.models import MILESTONES, EventKind, RunStatus, StoredEvent
from storage.reading.records import records_by_key
from storage.reading.source_records import load_source_records
from storage.reading.timelines import links_of, timeline_of
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.sources.sam.contract_awards import changed, record
from tests.upstreams import sam_contract_awards, sam_opportunities
from tests.upstreams.fpds import Action, Fpds
from tests.upstreams.sam_contract_awards import FakeSamContractAwards
from tests.upstreams.sam_opportunities import SamOpportunities
from tests.upstreams.usaspending.corpus import CorpusAward, CorpusSubaward, load_corpus
from tests.upstreams.usaspending.grants import FakeSubawards
from tests.upstreams.usaspending.server import FakeUsaspending

PIID, SOLICITATION = "70CMSD21P00000127", "70CMSD21Q00000089"
KEY = f"CONT_AWD_{PIID}_7012_-NONE-_-NONE-"
FACES = "CLEARVIEW FACIAL RECOGNITION ENTERPRISE LICENSES"
UNTIL = {
    "samnotices": date(2021, 9, 4),
    "samawards": date(2021, 9, 10),
    "usaspending": date(2023, 9, 30),
    "fpds": date(2024, 9, 20),
    "subawards": date(2024, 9, 30),
}
ORDERS = [tuple(UNTIL), tuple(reversed(UNTIL)), ("usaspending", "subawards", "fpds", "samawards", "samnotices")]


def _purchase() -> CorpusAward:
    found = next(award for award in load_corpus() if award.key == KEY)
    return replace(found, solicitation=SOLICITATION, last_modified_date=date(2023, 9, 12))


def _notice() -> dict[str, Any]:
    award = {"date": "2021-09-03", "number": PIID, "amount": "500000", "awardee": {"name": "Clearview AI, Inc."}}
    return sam_opportunities.notice(
        7,
        title="Facial recognition licenses",
        type="Award Notice",
        baseType="Award Notice",
        solicitationNumber=SOLICITATION,
        fullParentPathName="HOMELAND SECURITY, DEPARTMENT OF.US IMMIGRATION AND CUSTOMS ENFORCEMENT",
        fullParentPathCode="070.7012",
        postedDate="2021-09-03",
        responseDeadLine=None,
        award=award,
    )


def _contract_record() -> dict[str, Any]:
    made = record(
        PIID,
        name="CLEARVIEW AI, INC.",
        uei="XD4CRB8GFKZ5",
        modified="2021-09-04T08:00:00Z",
        signed="2021-09-03",
        obligation="500000.00",
        description=FACES,
    )
    return changed(made, "coreData.solicitationId", SOLICITATION)


@contextmanager
def everywhere(folder: Path, database_url: str | None = None) -> Iterator[AppContext]:
    """Open an app context whose sources all report the purchase."""
    subaward = CorpusSubaward(
        prime=_purchase(),
        number="SUB-1",
        name="VENNTEL, INC.",
        day=date(2022, 10, 1),
        amount=Decimal("250000.00"),
        description="DATA",
    )
    de_obligated = Action(
        piid=PIID, modification="P00006", signed="2024-09-10", modified="2024-09-11 10:00:00", obligated="-12500.00",
        description=FACES,
    )  # fmt: skip
    with ExitStack() as stack:
        open_ = stack.enter_context
        addresses = {
            "samnotices": {"base_url": open_(SamOpportunities([_notice()])).base_url, "key": sam_opportunities.KEY},
            "samawards": {
                "base_url": open_(FakeSamContractAwards([_contract_record()])).base_url,
                "key": sam_contract_awards.KEY,
            },
            "usaspending": {"base_url": open_(FakeUsaspending([_purchase()])).base_url},
            "fpds": {"base_url": open_(Fpds([de_obligated])).base_url},
            "subawards": {"base_url": open_(FakeSubawards([subaward])).base_url},
        }
        days = {"lookback_days": 1461, "full_sweep_days": 1461}
        yield open_(app_context_with(addresses, folder, "clearview-ai", "venntel", database_url=database_url, **days))


def poll_in(app_context: AppContext, order: Sequence[str]) -> None:
    for name in order:
        report = app_context.poll(SOURCES[name], UNTIL[name], ignore)
        assert report.status is RunStatus.BASELINE_SEEDED, report


def timeline(app_context: AppContext, key: str = KEY) -> list[StoredEvent]:
    with app_context.database.reading() as session:
        return timeline_of(session, key)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_all_sources_of_a_purchase_make_one_timeline(order: Sequence[str], database_url: str, tmp_path: Path) -> None:
    with everywhere(tmp_path, database_url) as app_context:
        poll_in(app_context, order)
        events = [event for event in timeline(app_context) if event.kind not in MILESTONES]
        began = [event for event in events if event.kind in (EventKind.NEW_NOTICE, EventKind.NEW_AWARD)]
        assert events[: len(began)] == began
        assert [event.amount for event in began if event.action] == [Decimal("500000.00")], "reported by a modification"
        assert sorted((event.kind, event.signed, event.amount) for event in events[len(began) :]) == [
            (EventKind.DEOBLIGATED, date(2024, 9, 10), Decimal("-12500.00")),
            (EventKind.MODIFIED, date(2021, 11, 29), Decimal("0.00")),
            (EventKind.MODIFIED, date(2022, 6, 29), Decimal("500000.00")),
            (EventKind.MODIFIED, date(2022, 9, 6), Decimal("500000.00")),
            (EventKind.MODIFIED, date(2023, 9, 12), Decimal("787500.00")),
            (EventKind.SUBAWARDED, date(2022, 10, 1), Decimal("250000.00")),
        ]
        assert {event.kind for event in began} == {EventKind.NEW_NOTICE, EventKind.NEW_AWARD}
        days = [event.signed for event in events if event.signed]
        assert days == sorted(days), "the award itself, dated or not, stands at its beginning"


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_what_each_source_says_stands_side_by_side(order: Sequence[str], tmp_path: Path) -> None:
    with everywhere(tmp_path) as app_context:
        poll_in(app_context, order)
        with app_context.database.reading() as session:
            said = {sighting.source: sighting for sighting in load_source_records(session, KEY)}
            [award] = records_by_key(session, [KEY])
        assert list(said) == ["usaspending", "samawards", "fpds"], "and so missing from no register but grants"
        amounts = {name: sighting.facts.get("obligated") for name, sighting in said.items()}
        assert amounts["usaspending"] == Decimal("2287500.00")
        assert amounts["samawards"] == Decimal("500000.00")
        assert amounts["fpds"] == Decimal("2000.50")
        assert award.obligated == amounts["fpds"], "from the one whose record was changed last, and never a sum"
        assert award.url.startswith("https://www.usaspending.gov/award/"), "the page that all have"
        assert [sighting.actions for sighting in said.values()] == [5, 1, 1]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_publications_are_linked_with_how_sure_and_why(order: Sequence[str], tmp_path: Path) -> None:
    with everywhere(tmp_path) as app_context:
        poll_in(app_context, order)
        with app_context.database.reading() as session:
            links = [(link.record_key.split("_")[0], link.confidence, link.reason) for link in links_of(session, KEY)]
        assert links == [
            ("SUBAWARD", 1.0, "the source names the award by its key"),
            ("SAM", 0.95, "same award number and the company is the same"),
        ]


def test_one_purchase_is_published_once(tmp_path: Path) -> None:
    with everywhere(tmp_path) as app_context:
        poll_in(app_context, tuple(UNTIL))
        with app_context.database.reading() as session:
            before = {event.id for event in find_events(session, Query(), limit=100)}
        for name, day in UNTIL.items():
            app_context.poll(SOURCES[name], day, ignore)
        with app_context.database.reading() as session:
            assert {event.id for event in find_events(session, Query(), limit=100)} == before
