"""A fake server for each source, with records that match the watchlist, and the records that it adds later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from sources.base import Source
from sources.registry import SOURCES
from tests.sources.dod.articles import page
from tests.sources.examples import examples_of
from tests.sources.sam.contract_awards import record
from tests.upstreams import ai_inventory, federal_register, sam_contract_awards, sam_opportunities
from tests.upstreams.dod import FaultyDod, Page
from tests.upstreams.faults import FaultyRecorded, FaultyUsaspending
from tests.upstreams.fpds import Action, FaultyFpds
from tests.upstreams.usaspending.archive import FaultyArchive
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, CorpusSubaward
from tests.upstreams.usaspending.grants import CorpusGrant, FaultyAssistance, FaultySubawards

FIRST = date(2026, 11, 18)
SECOND = FIRST + timedelta(days=2)  # by then there is news
CLEARVIEW = "CLEARVIEW AI, INC."
PALANTIR = "Palantir USG Inc., Palo Alto, California, is awarded a $9,000,000 firm-fixed-price contract"


@dataclass(frozen=True, kw_only=True)
class FakeUpstream:
    """The fake server of a source.

    `open` starts it with the records of FIRST. `add` adds the records of SECOND; without `add` there are none.
    Both match `vendor`. `places` are parts of the requested paths, in order. RENAMED_FIELD renames a field in the
    responses of `renamed`; the responses of `filtered` list the filters that were used ("": none).
    `key` is the API key, if one is needed; `also` names the other hosts that the server replaces.
    """

    source: str
    open: Callable[[], Any]
    add: Callable[[Any], None] | None
    places: tuple[str, ...]
    renamed: str
    filtered: str = ""
    vendor: str = "clearview-ai"
    key: str = ""
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.source


def _action(modification: str, day: date, dollars: str) -> CorpusAction:
    return CorpusAction(
        modification=modification, action_date=day, obligation=Decimal(dollars), description="CLEARVIEW AI LICENSES"
    )


def _award(number: int, day: date, **facts: Any) -> CorpusAward:
    given: dict[str, Any] = {
        "piid": f"70CMSD26P{number:08}",
        "agency": "7012",
        "recipient_name": CLEARVIEW,
        "type": "B",
        "actions": [_action("0", day, "1000.00")],
        "date_signed": day,
        "last_modified_date": day,
    }
    return CorpusAward(**{**given, **facts})


def _grant(number: int, day: date, **facts: Any) -> CorpusGrant:
    given: dict[str, Any] = {
        "piid": f"EMW2026SS{number:05}",
        "agency": "7022",
        "recipient_name": "A CITY POLICE DEPARTMENT",
        "actions": [replace(_action("0", day, "5000.00"), description="CLEARVIEW AI FACIAL RECOGNITION")],
        "date_signed": day,
        "last_modified_date": day,
    }
    return CorpusGrant(**{**given, **facts})


def _subaward(number: int, day: date) -> CorpusSubaward:
    prime = _award(1, FIRST - timedelta(days=200), recipient_name="BIG PRIME CORPORATION", type="D")
    return CorpusSubaward(
        prime=prime, number=f"SUB-{number}", name=CLEARVIEW, day=day, amount=Decimal("50.00"), description="LICENSES"
    )


def _more_awards(upstream: FaultyUsaspending) -> None:
    with upstream.editing() as awards:
        awards[0].actions.append(_action("P00001", SECOND, "250.00"))
        awards[0].last_modified_date = SECOND
        awards.append(_award(2, SECOND))


def _more_grants(upstream: FaultyAssistance) -> None:
    with upstream.editing() as awards:
        awards.append(_grant(2, SECOND))


def _more_subawards(upstream: FaultySubawards) -> None:
    with upstream.editing():
        upstream.subawards.append(replace(_subaward(2, SECOND), prime=upstream.subawards[0].prime))


def _page(number: int, day: date, *paragraphs: str) -> Page:
    return page(number, *paragraphs, day=datetime.combine(day, time(21), UTC))


def _open_dod() -> FaultyDod:
    old = _page(1, FIRST - timedelta(days=200), f"{PALANTIR} (N00019-26-C-0040) for software.")
    return FaultyDod([old, _page(2, FIRST - timedelta(days=1), f"{PALANTIR} (N00019-26-C-0041) for software.")])


def _more_pages(upstream: FaultyDod) -> None:
    upstream.pages.append(_page(3, SECOND, f"{PALANTIR} (N00019-26-C-0042) for more software."))


def _notice(number: int, day: date) -> dict[str, Any]:
    return sam_opportunities.notice(number, title=f"CLEARVIEW AI LICENSES {number}", postedDate=day.isoformat())


def _open_notices() -> sam_opportunities.FaultySamOpportunities:
    upstream = sam_opportunities.FaultySamOpportunities([_notice(1, FIRST)])
    upstream.texts = {f"{number:032x}": f"<p>Licenses of Clearview AI, lot {number}.</p>" for number in (1, 2)}
    return upstream


def _contract_action(number: int, day: date) -> dict[str, Any]:
    when = f"{day}T08:00:00Z"
    return record(f"70CMSD26P{number:08}", name=CLEARVIEW, uei="CLEARVIEWAI1", modified=when, signed=day.isoformat())


def _open_awards() -> sam_contract_awards.FaultySamContractAwards:
    old = record("70CDCR24P00000001", signed="2024-01-17", modified="2024-01-20T08:00:00Z")
    upstream = sam_contract_awards.FaultySamContractAwards([old, _contract_action(1, FIRST)])
    upstream.requests_per_day = 10_000
    return upstream


def _fpds_action(number: int, day: date) -> Action:
    return Action(piid=f"70CMSD26P{number:08}", signed=day.isoformat(), modified=f"{day} 10:11:12")


def _more_use_cases(upstream: ai_inventory.FaultyAiInventory) -> None:
    more = {**ai_inventory.TOWER, "id": "DHS-36", "use_case_name": "Another Autonomous Surveillance Tower"}
    upstream.files[ai_inventory.INDIVIDUAL] = ai_inventory.table(*ai_inventory.USE_CASES.values(), more)


def _document(number: int, day: date) -> dict[str, Any]:
    text = "The system holds records obtained through Clearview AI's service."
    return federal_register.document(f"2026-1000{number}", day.isoformat(), f"Privacy Act {number}", text)


def _open_register() -> federal_register.FaultyFederalRegister:
    control = federal_register.PRIVACY_NOTICE
    return federal_register.FaultyFederalRegister([control, _document(1, FIRST)])


WRITTEN = (
    FakeUpstream(
        source="usaspending",
        open=lambda: FaultyUsaspending([_award(1, FIRST)]),
        add=_more_awards,
        places=("search/spending_by_transaction/", "/awards/CONT", "/v2/transactions/"),
        renamed="search/spending_by_transaction/",
        filtered="search/spending_by_transaction/",
    ),
    FakeUpstream(
        source="archive",
        open=lambda: FaultyArchive({"FY2024_All_Contracts_Full_20261106.zip": b""}),
        add=None,
        places=("list_monthly_files",),
        renamed="list_monthly_files",
        also=("files",),
    ),
    FakeUpstream(
        source="assistance",
        open=lambda: FaultyAssistance([_grant(1, FIRST)]),
        add=_more_grants,
        places=("search/spending_by_transaction/", "/awards/ASST", "/v2/transactions/"),
        renamed="search/spending_by_transaction/",
        filtered="search/spending_by_transaction/",
    ),
    FakeUpstream(
        source="subawards",
        open=lambda: FaultySubawards([_subaward(1, FIRST)]),
        add=_more_subawards,
        places=("search/spending_by_award/", "/awards/CONT"),
        renamed="search/spending_by_award/",
        filtered="search/spending_by_award/",
    ),
    FakeUpstream(
        source="dod",
        open=_open_dod,
        add=_more_pages,
        places=("RSS.ashx", "/Article/"),
        renamed="RSS.ashx",
        vendor="palantir",
        also=("archive", "availability"),
    ),
    FakeUpstream(
        source="samnotices",
        open=_open_notices,
        add=lambda upstream: upstream.notices.append(_notice(2, SECOND)),
        places=("/search", "noticedesc"),
        renamed="/search",
        key=sam_opportunities.KEY,
    ),
    FakeUpstream(
        source="samawards",
        open=_open_awards,
        add=lambda upstream: upstream.records.append(_contract_action(2, SECOND)),
        places=("/search", "/download"),
        renamed="/download",
        key=sam_contract_awards.KEY,
    ),
    FakeUpstream(
        source="aiinventory",
        open=ai_inventory.FaultyAiInventory,
        add=_more_use_cases,
        places=("/Data/",),
        renamed="/Data/",
        vendor="anduril",
    ),
    FakeUpstream(
        source="federalregister",
        open=_open_register,
        add=lambda upstream: upstream.documents.append(_document(2, SECOND)),
        places=("documents.json",),
        renamed="documents.json",
    ),
    FakeUpstream(
        source="fpds",
        open=lambda: FaultyFpds([_fpds_action(1, FIRST)]),
        add=lambda upstream: upstream.actions.append(_fpds_action(2, SECOND)),
        places=("FEEDS/ATOM",),
        renamed="FEEDS/ATOM",
    ),
)


def recorded_upstream(source: Source) -> FakeUpstream:
    """Return a server of the first recorded example, for a source without a fake server of its own."""
    examples = examples_of(source.name)
    documents = examples[0].responses if examples else ()
    paths = tuple(dict.fromkeys(urlsplit(document.url).path for document in documents)) or ("/",)
    is_json = bool(documents) and documents[-1].body.lstrip().startswith((b"{", b"["))
    return FakeUpstream(
        source=source.name,
        open=lambda: FaultyRecorded(documents),
        add=None,
        places=paths,
        renamed=paths[-1] if is_json else "",
        key="key-of-the-test" if source.api_key_header else "",
        also=tuple(source.extra_hosts),
    )


_WRITTEN_BY_SOURCE = {fake.source: fake for fake in WRITTEN}
FAKE_UPSTREAMS = tuple(_WRITTEN_BY_SOURCE.get(name) or recorded_upstream(source) for name, source in SOURCES.items())
