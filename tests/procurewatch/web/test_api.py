"""The API over real HTTP: what it answers, what it keeps to itself, and Schemathesis against all of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from procurewatch.web.api.parameters import SCHEMAS, query_parameters
from storage.database import Database, open_database
from storage.schema.tables import CoverageRow, LinkRow, RunRow
from storage.search.query import PARAMETERS
from storage.writing.runs import save_failed_step
from tests.procurewatch.site import fill, served
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, COURT_REPORTER, EQUIPMENT, LATER, SEEN, SOLE_SOURCE
from tests.storage.database_helpers import save

DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
# That a day is none, that a range is the wrong way round, or that a place to go on from is none: no schema says it.
# An address may be too long before anything in it is looked at.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404"]
[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "414"]
"""
EXAMPLES = {
    "q": "clearview",
    "sort": "obligated",
    "vendor": "clearview-ai",
    "category": "face-recognition",
    "agency": "7012",
    "office": "procurement",
    "source": "usaspending",
    "kind": "contract",
    "event": "new-award",
    "since": "2021-01-31",
    "until": "2026-12-31",
    "fiscal_year": "2024",
    "seen_since": "2026-01-01",
    "seen_until": "2026-12-31",
    "ends_since": "2022-09-03",
    "ends_until": "2022-09-03",
    "min_amount": "1000000",
    "max_amount": "9000000.50",
    "min_change": "1",
    "reseller": "yes",
    "state": "NY",
    "psc": "7A21",
    "naics": "5132",
    "competition": "not-competed",
    "set_aside": "8an",
    "pricing": "firm fixed price",
}
# Of the examples those that not every record of `fill` answers to.
NARROWING = {
    "ends_since",
    "ends_until",
    *("q", "vendor", "category", "agency", "office", "reseller", "state", "psc", "naics", "min_amount"),
    *("competition", "set_aside", "pricing", "fiscal_year"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Give the API over a SQLite file that no test changes."""
    folder = tmp_path_factory.mktemp("api")
    with closing(open_database(f"sqlite:///{folder / 'desk.sqlite3'}")) as database:
        fill(database)
        with served(database, folder) as address, httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client:
            yield client


@pytest.fixture
def own_site(database: Database, tmp_path: Path) -> Iterator[httpx.Client]:
    fill(database)
    with served(database, tmp_path) as address, httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client:
        yield client


def got(site: httpx.Client, path: str) -> Any:
    response = site.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def test_records_are_published_records_newest_first(own_site: httpx.Client) -> None:
    answer = got(own_site, "/records")
    assert [one["record_key"] for one in answer["records"]] == [
        CLEARVIEW_FORENSIC.key,
        EQUIPMENT.key,
        BABEL.key,
        CLEARVIEW.key,
    ]
    assert (answer["total"], answer["next"]) == (4, None)
    assert answer["coverage"][0] == "No period has been read completely, so contracts may be missing."
    assert "are not public yet" in answer["coverage"][-1]
    assert got(own_site, "/records?agency=7012&limit=1")["coverage"] == answer["coverage"][:1], "none of Defense"
    assert got(own_site, "/records?q=nothing")["coverage"] == answer["coverage"]


def test_record_fields_have_documented_units(site: httpx.Client) -> None:
    record = got(site, "/records?vendor=clearview-ai&min_amount=2000000")["records"][0]
    assert record["obligated"] == "2287500.00"
    assert record["signed"] == "2021-09-03"
    assert record["first_seen"] == "2026-11-20T14:05:09Z"
    assert record["matches"][0]["vendor_id"] == "clearview-ai"
    assert httpx.get(record["page"]).status_code == 200


def test_a_record_has_its_competition_and_outlays(site: httpx.Client) -> None:
    (record,) = got(site, "/records?competition=not-competed")["records"]
    assert (record["record_key"], record["competition"]) == (CLEARVIEW.key, "not-competed")
    dollars = {"outlays": "1787500.00", "subaward_total": "250000.50"}
    told = {name: record[name] for name in SOLE_SOURCE}
    assert told == {**SOLE_SOURCE, **dollars, "disaster_codes": ["N", "Q"]}
    (facts,) = (said["facts"] for said in got(site, f"/records/{CLEARVIEW.key}")["source_records"])
    assert (facts["offers_received"], facts["outlays"], facts["disaster_codes"]) == ("1", "1787500.00", ["N", "Q"])
    other = got(site, "/records?competition=unknown")["records"][0]
    assert (other["offers_received"], other["outlays"], other["disaster_codes"]) == (None, None, [])


def test_a_record_with_all_its_parts(own_site: httpx.Client) -> None:
    record = got(own_site, f"/records/{CLEARVIEW.key}")
    assert [action["obligation"] for action in record["actions"]] == [
        "500000.00",
        "0.00",
        "500000.00",
        "500000.00",
        "787500.00",
    ]
    assert {event["record_key"] for event in record["events"]} == {CLEARVIEW.key}
    (evidence,) = record["evidence"]
    assert httpx.get(evidence["download"]).content == CLEARVIEW.documents[0].body
    assert evidence["sha256"] in evidence["download"]
    assert record["source_records"][0]["source"] == "usaspending"
    assert record["source_records"][0]["facts"]["obligated"] == "2287500.00"


def test_events_are_newest_first_with_their_records(site: httpx.Client) -> None:
    events = got(site, "/events")["events"]
    assert events[0]["record_key"] == BABEL.key
    assert [event["first_seen"] for event in events] == sorted((event["first_seen"] for event in events), reverse=True)
    assert all(event["record"]["record_key"] == event["record_key"] for event in events)


@pytest.mark.parametrize("what", ["records", "events"])
def test_pages_contain_everything_once(own_site: httpx.Client, what: str) -> None:
    whole = got(own_site, f"/{what}")[what]
    pages = [got(own_site, f"/{what}?limit=1")]
    while pages[-1]["next"]:
        pages.append(httpx.get(pages[-1]["next"]).json())
    assert [one for page in pages for one in page[what]] == whole
    assert len(pages) == len(whole)


def test_new_records_do_not_shift_pages(own_site: httpx.Client, database: Database) -> None:
    first = got(own_site, "/records?limit=2")
    save(database, COURT_REPORTER, now=LATER)
    rest = httpx.get(first["next"]).json()
    assert rest["total"] is None
    assert [one["record_key"] for one in rest["records"]] == [BABEL.key, CLEARVIEW.key]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_parameter_is_used(site: httpx.Client, name: str) -> None:
    api = got(site, f"/records?{name}={EXAMPLES[name]}")
    page = httpx.get(str(site.base_url).replace("/api/v1/", f"/search?{name}={EXAMPLES[name]}"))
    assert all(one["page"].rpartition("/")[2] in page.text for one in api["records"])
    assert (api["total"] < 4) == (name in NARROWING)


def test_pages_in_another_order_lose_nothing(site: httpx.Client) -> None:
    whole = got(site, "/records?sort=obligated")["records"]
    amounts = [Decimal(one["obligated"]) for one in whole]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts != [Decimal(one["obligated"]) for one in got(site, "/records")["records"]]
    page, found = got(site, "/records?sort=obligated&limit=1"), []
    while True:
        found += page["records"]
        if not page["next"]:
            break
        page = httpx.get(page["next"]).json()
    assert found == whole
    assert httpx.get(f"{site.base_url}records?sort=obligatd").json()["detail"].endswith("did you mean 'obligated'?")


def test_parameters_match_the_query_language() -> None:
    assert sorted(EXAMPLES) == sorted(SCHEMAS) == sorted(set(PARAMETERS) - {"band", "decision"})
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENTATION.partition("## Parameters")[2].partition("\n## ")[0], re.M)
    assert documented == [parameter["name"] for parameter in query_parameters(is_sorted=True)]


def test_the_watchlist_agencies_and_technologies_count_published_records(site: httpx.Client) -> None:
    vendors = {one["id"]: one for one in got(site, "/vendors")}
    assert (vendors["clearview-ai"]["records"], vendors["axon"]["records"]) == (2, 0)
    assert [(one["code"], one["records"]) for one in got(site, "/agencies")] == [("7012", 2), ("7014", 2)]
    categories = {one["id"]: one["records"] for one in got(site, "/categories")}
    assert categories["face-recognition"] == 2
    for one in (vendors["clearview-ai"], *got(site, "/agencies"), *got(site, "/categories")):
        assert httpx.get(one["feed"]).status_code == 200


def test_sources_list_unchecked_assumptions(own_site: httpx.Client, database: Database) -> None:
    with database.writing() as session:
        save_failed_step(
            session, "usaspending", "held/1", part="held awards", query={}, days=(None, None), quiet_for=(),
            reason="HTTP 503: an empty body", now=SEEN,
        )  # fmt: skip
    [usaspending] = [one for one in got(own_site, "/sources") if one["source"] == "usaspending"]
    [part] = usaspending["not_checked"]
    assert (part["part"], part["reason"]) == ("held awards", "HTTP 503: an empty body")
    assert part["since"] == "2026-11-20T14:05:09Z"


def test_sources_show_their_health(own_site: httpx.Client, database: Database) -> None:
    with database.writing() as session:
        session.add(RunRow(source="usaspending", purpose="poll", started=SEEN, status="new", message="in /home/me"))
    found = {one["source"]: one for one in got(own_site, "/sources")}
    assert found["usaspending"]["last_status"] == "new"
    assert found["usaspending"]["last_good"] == "2026-11-20T14:05:09Z"
    assert found["dod"]["last_polled"] is None
    assert "/home/me" not in json.dumps(found)


def test_the_periods_that_were_read_completely(own_site: httpx.Client, database: Database) -> None:
    vendor: dict[str, Any] = {"vendor_id": "clearview-ai", "noted_at": SEEN}
    with database.writing() as session:
        years: dict[str, Any] = {
            "source": "archive",
            "agency": "070",
            "since": date(2022, 10, 1),
            "until": date(2023, 9, 30),
        }
        session.add(CoverageRow(**vendor, **years))
        session.add(CoverageRow(**vendor, source="usaspending", agency="", since=date(2023, 8, 1)))
        session.add(CoverageRow(**vendor, source="fpds", agency="", since=date(2008, 1, 1), is_outdated=True))
    open_period = {"vendor_id": "clearview-ai", "until": None}
    assert got(own_site, "/coverage") == [
        {**open_period, "agency": "", "since": "2023-08-01", "archive_until": None},
        {**open_period, "agency": "070", "since": "2022-10-01", "archive_until": "2023-09-30"},
    ]


def test_unpublished_records_are_not_found(own_site: httpx.Client, database: Database) -> None:
    with database.writing() as session:
        row = LinkRow(record_key=CLEARVIEW.key, award_key=COURT_REPORTER.key, confidence=1, reason="x", first_seen=SEEN)
        session.add(row)
    assert own_site.get(f"/records/{COURT_REPORTER.key}").status_code == 404
    assert got(own_site, f"/records/{CLEARVIEW.key}")["links"] == []
    for question in ("band=review", "band=all", "decision=rejected"):
        response = own_site.get(f"/records?{question}")
        assert response.status_code == 403
        assert COURT_REPORTER.key not in response.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/records?vendr=1", 400),
        ("/records?since=yesterday", 400),
        ("/records?since=2024-02-01&until=2024-01-01", 400),
        ("/records?competition=none", 400),
        ("/records?limit=0", 400),
        ("/records?limit=201", 400),
        ("/records?limit=1&limit=2", 400),
        ("/records?limit=%C2%B2", 400),
        ("/records?after=nowhere", 400),
        ("/events?after=nowhere", 400),
        ("/records?q=" + "x" * 1001, 400),
        ("/records/NOTHING", 404),
        ("/records/%00", 404),
        ("/records/", 404),
        ("/nothing", 404),
        ("/records?q=" + "x" * 9000, 414),
    ],
)
def test_problems_are_one_line(site: httpx.Client, path: str, status: int) -> None:
    response = site.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert "\n" not in problem["detail"]


def test_only_get_is_allowed(site: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = site.request(method, "/records")
        assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_hostile_text_has_no_control_characters(own_site: httpx.Client, database: Database) -> None:
    with database.writing() as session:
        hostile = "A\u202eB<script>\x07"
        session.connection().exec_driver_sql(f"UPDATE record SET title = '{hostile}' WHERE key = '{CLEARVIEW.key}'")
    assert got(own_site, f"/records/{CLEARVIEW.key}")["title"] == "AB<script>"


def test_openapi_describes_every_member(site: httpx.Client) -> None:
    document = got(site, "/openapi.json")
    assert document["servers"] == [{"url": "/api/v1"}]
    assert sorted(document["paths"]) == [
        "/agencies",
        "/categories",
        "/coverage",
        "/events",
        "/records",
        "/records/{key}",
        "/sources",
        "/spending",
        "/vendors",
    ]
    for path in document["paths"]:
        assert f"`{path}`" in DOCUMENTATION


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    with closing(open_database(f"sqlite:///{tmp_path / 'desk.sqlite3'}")) as database:
        fill(database)
        with served(database, tmp_path) as address:
            document = f"{address}/api/v1/openapi.json"
            bounded = ["--max-examples", "1", "--generation-deterministic", "--phases", "examples,coverage,fuzzing"]
            bounded += ["--checks", "all", "--no-color"]
            run = subprocess.run(
                [sys.executable, "-m", "schemathesis.cli", "--config-file", configuration, "run", *bounded, document],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
            )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Tested: 9" in run.stdout
