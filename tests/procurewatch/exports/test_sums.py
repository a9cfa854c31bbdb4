"""Every form of export adds up to the same as USAspending's own rows, which this test reads and adds up by itself."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
import openpyxl
import pyarrow.parquet
import pytest

from procurewatch.demo.recorded import read_recording
from procurewatch.exports.formats import FILE_TYPES, ExportFormat, export_bytes
from procurewatch.web.sql.examples import EXAMPLES, ExampleQuery
from sources.records import Award, Document, Payload, Removal
from sources.registry import SOURCES
from storage.database import Database, open_database
from storage.reading.export_rows import RowType
from storage.search.query import read_query
from storage.search.search import find_records
from storage.search.spending import Dimension
from storage.writing.save import save_removal
from tests.commands import run
from tests.procurewatch.site import served
from tests.records import SEEN, match
from tests.storage.database_helpers import publish_all, save
from tests.upstreams.usaspending.corpus import SUB_AGENCIES

HOSTILE = '=HYPERLINK("http://x";"y")\n"; DROP TABLE record; --<script>alert(1)</script>'
BASE = "CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-"  # of Clearview AI: five actions in three fiscal years
HOSTILE_AWARD = "CONT_AWD_70CMSD21P00000999_7012_-NONE-_-NONE-"
PARTIAL = "7014_4732_70B06C21F00000538_P00002_GS07F355AA_0"
REMOVED = "7012_-NONE-_70CMSD22C00000001_P00001_-NONE-_0"
ENTRIES = {  # of a watchlist: id -> category, whether it is a topic, name
    "clearview-ai": ("face-recognition", False, "Clearview AI"),
    "topic-face-recognition": ("face-recognition", True, "Face recognition"),
    "maltego": ("social-media", False, "Maltego"),
    "shadowdragon": ("social-media", False, "ShadowDragon"),
    "msab": ("device-forensics", False, "MSAB"),
    "topic-device-forensics": ("device-forensics", True, "Device forensics"),
    "penlink": ("interception", False, "PenLink"),
    "axon": ("body-cameras", False, "Axon"),
    "hostile": ("device-forensics", False, HOSTILE),
    "formula": ("analytics", False, "=cmd()|' /C calc'!A0"),
}
MATCHES = {  # of awards by PIID: the entries
    "70CMSD21P00000127": ("clearview-ai", "topic-face-recognition"),
    "70CMSD24P00000119": ("clearview-ai", "topic-device-forensics"),
    "70CMSD22FR0000131": ("maltego", "shadowdragon", "topic-face-recognition"),  # two vendors and a topic
    "70B06C21F00000538": ("msab", "topic-device-forensics"),  # of which the topic concerns one action
    "70CMSD22C00000001": ("penlink",),  # of which the source has deleted one action
    "70B02C23F00001272": ("axon",),  # with a de-obligation, in two fiscal years
    "70B03C18P00000831": ("msab",),  # with nothing but a de-obligation
    "70CMSD21P00000999": ("hostile", "formula", "topic-device-forensics"),
}
Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A row of USAspending's transactions with what the test needs of its award's page."""

    key: str
    award: str
    agency: str
    day: date
    award_day: date | None
    dollars: Decimal
    entries: frozenset[str]  # that concern it
    award_entries: frozenset[str]
    award_dollars: Decimal | None  # as its page states them
    is_removed: bool


Sums = Mapping[str, Decimal]
DIMENSIONS = ("agency", "year", "vendor", "category")


def fiscal_year(day: date) -> int:
    return day.year + (day.month >= 10)


def raw_awards() -> Iterator[tuple[Json, Json]]:
    """Give the page and the transactions of each award as the API returned them, and of a hostile one."""
    for recorded in read_recording()["awards"]:
        page, *pages = [document["body"] for document in recorded["documents"]]
        if json.loads(page)["piid"] in MATCHES:
            assert len(pages) == 1
            yield page, pages[0]
        if recorded["key"] == BASE:
            old, new = BASE.split("_")[2], HOSTILE_AWARD.split("_")[2]
            name = json.dumps(HOSTILE)[1:-1]
            changed = [text.replace(old, new).replace("CLEARVIEW AI, INC.", name) for text in (page, pages[0])]
            yield changed[0], changed[1].replace("CLEARVIEW FACIAL RECOGNITION", name).replace("500000.0", "-0.1")


def raw_actions() -> Iterator[Action]:
    for page, transactions in raw_awards():
        of, rows = json.loads(page, parse_float=Decimal), json.loads(transactions, parse_float=Decimal)["results"]
        entries = frozenset(MATCHES[of["piid"]])
        for row in rows:
            key = row["id"].removeprefix("CONT_TX_")
            partial = {"topic-device-forensics"} if "70B06C21F00000538" in key and key != PARTIAL else set()
            yield Action(
                key=key,
                award=of["generated_unique_award_id"],
                agency=of["awarding_agency"]["subtier_agency"]["code"],
                day=date.fromisoformat(row["action_date"]),
                award_day=date.fromisoformat(of["date_signed"]) if of["date_signed"] else None,
                dollars=Decimal(row["federal_action_obligation"]),
                entries=entries - partial,
                award_entries=entries,
                award_dollars=of["total_obligation"],
                is_removed=key == REMOVED,
            )


def parsed(page: str, transactions: str) -> Award:
    key = json.loads(page)["generated_unique_award_id"]
    documents = tuple(
        Document(url=url, request="", retrieved_at=SEEN, content_type="application/json", body=body.encode())
        for url, body in ((f"https://x.example/awards/{key}/", page), ("https://x.example/transactions/", transactions))
    )
    payload = Payload(source="usaspending", key=key, revision="", documents=documents)
    (record,) = SOURCES["usaspending"].parse(payload)
    assert isinstance(record, Award)
    return record


class Desk(NamedTuple):
    """A store of these awards, and a client of its website."""

    database: Database
    site: httpx.Client


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("sums")
    with closing(open_database(f"sqlite:///{folder / 'desk.sqlite3'}")) as database:
        for page, transactions in raw_awards():
            award = parsed(page, transactions)
            found = [match(award, score=0.9 - number / 100) for number in range(len(MATCHES[award.piid]))]
            for row, entry in zip(found, MATCHES[award.piid], strict=True):
                row.vendor_id = entry
                row.vendor_category, row.is_topic, row.vendor_name = ENTRIES[entry]
                row.action_keys = [PARTIAL] if row.is_topic and award.piid == "70B06C21F00000538" else []
            save(database, award, *found)
        (gone,) = [action for action in raw_actions() if action.is_removed]
        removal = Removal(
            source="usaspending", key=gone.award, action_key=gone.key, removed=date(2026, 1, 2), reason="", documents=()
        )
        with database.writing() as session:
            assert save_removal(session, removal, SEEN, publish_all).changed
        with served(database, folder) as address, httpx.Client(base_url=address, timeout=60) as client:
            yield Desk(database, client)


@dataclass(frozen=True, slots=True)
class Question:
    """A search, and what it must find among the raw rows: of actions, and the entries that it is about."""

    query: str
    finds: Callable[[Action], bool] = lambda _: True
    about: frozenset[str] = frozenset(ENTRIES)


FORENSICS = frozenset(entry for entry, (category, *_) in ENTRIES.items() if category == "device-forensics")
EVERYTHING = Question("")
QUESTIONS = (
    EVERYTHING,
    Question(
        "category=device-forensics&fiscal_year=2024&fiscal_year=2021",
        lambda action: bool(action.entries & FORENSICS) and fiscal_year(action.day) in (2021, 2024),
        FORENSICS,
    ),
    Question(
        "vendor=topic-device-forensics",
        lambda action: "topic-device-forensics" in action.entries,
        frozenset({"topic-device-forensics"}),
    ),
    Question(
        "agency=7012&since=2022-01-01&until=2023-09-11",
        lambda action: action.agency == "7012" and date(2022, 1, 1) <= action.day <= date(2023, 9, 11),
    ),
)


def found_by(question: Question) -> list[Action]:
    return [action for action in raw_actions() if question.finds(action) and not action.is_removed]


def add_up(rows: Iterable[tuple[Mapping[str, Iterable[str]], Decimal]]) -> dict[str, dict[str, Decimal]]:
    """Return the sums by dimension and code, and the grand total; each row counts once for each of its codes."""
    sums: dict[str, defaultdict[str, Decimal]] = {name: defaultdict(Decimal) for name in ("total", *DIMENSIONS)}
    for codes, dollars in rows:
        sums["total"][""] += dollars
        for dimension, found in codes.items():
            for code in set(found):
                sums[dimension][code] += dollars
    return {name: {code: dollars for code, dollars in of.items() if dollars} for name, of in sums.items()}


def codes_of(action: Action, entries: frozenset[str], day: date | None) -> dict[str, set[str]]:
    return {
        "agency": {action.agency},
        "year": {str(fiscal_year(day)) if day else ""},
        "vendor": {*entries},
        "category": {ENTRIES[entry][0] for entry in entries},
    }


def truth(question: Question, rows: RowType = RowType.ACTIONS) -> dict[str, dict[str, Decimal]]:
    """Return what the raw rows add up to. Records have the year and the entries of their award."""
    if rows is RowType.RECORDS:
        found = ((codes_of(each, each.award_entries, each.award_day), each.dollars) for each in found_by(question))
    else:
        found = ((codes_of(each, each.entries, each.day), each.dollars) for each in found_by(question))
    return add_up(found)


def table_rows(form: ExportFormat, content: bytes) -> list[dict[str, Any]]:
    """Read a file as others do, with the library that they do it with."""
    match form:
        case ExportFormat.CSV:
            return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
        case ExportFormat.JSON:
            return list(json.loads(content)["rows"])
        case ExportFormat.JSONL:
            return [json.loads(line) for line in content.splitlines()]
        case ExportFormat.PARQUET:
            return list(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
        case ExportFormat.XLSX:
            header, *rows = openpyxl.load_workbook(io.BytesIO(content), read_only=True)["data"].iter_rows()
            assert not any(cell.data_type == "f" for row in rows for cell in row)
            return [{str(name.value): cell.value for name, cell in zip(header, row, strict=True)} for row in rows]
        case _:
            raise AssertionError(form)


def sums_of_rows(rows: Sequence[Mapping[str, Any]], amounts: str) -> dict[str, dict[str, Decimal]]:
    def codes(row: Mapping[str, Any]) -> dict[str, list[str]]:
        return {
            "agency": [row["sub_agency_code"]],
            "year": [str(row["fiscal_year"] or "")],
            "vendor": row["vendor_id"].split("; "),
            "category": row["category"].split("; "),
        }

    return add_up((codes(row), Decimal(str(row[amounts] or 0)).quantize(Decimal("0.01"))) for row in rows)


TABLES = (ExportFormat.CSV, ExportFormat.JSON, ExportFormat.JSONL, ExportFormat.XLSX, ExportFormat.PARQUET)
AMOUNTS = {RowType.RECORDS: "obligated_by_actions", RowType.ACTIONS: "action_obligation"}


def download(desk: Desk, form: ExportFormat, question: Question, rows: RowType = RowType.RECORDS) -> bytes:
    if form is ExportFormat.JSON:  # the website has an API instead
        query = read_query(parse_qsl(question.query))
        with desk.database.reading() as session:
            records = find_records(session, query)
            return b"".join(export_bytes(session, records, form, query=query, row_type=rows))
    answer = desk.site.get(f"/search{FILE_TYPES[form].extension}?{question.query}&rows={rows}")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.query or "everything")
@pytest.mark.parametrize("rows", AMOUNTS)
@pytest.mark.parametrize("form", TABLES)
def test_rows_add_up(desk: Desk, form: ExportFormat, rows: RowType, question: Question) -> None:
    found = table_rows(form, download(desk, form, question, rows))
    assert sums_of_rows(found, AMOUNTS[rows]) == truth(question, rows)
    counted = {action.key for action in found_by(question)} if rows is RowType.ACTIONS else {
        action.award for action in found_by(question)
    }  # fmt: skip
    keys = [row["action_key" if rows is RowType.ACTIONS else "record_key"] for row in found]
    assert sorted(keys) == sorted(counted), "each once"


def test_an_amount_selects_awards_or_in_rows_of_actions_those(desk: Desk) -> None:
    def is_large(amount: Decimal | None) -> bool:
        return amount is not None and amount >= 600_000

    asked = "min_amount=600000"
    of_awards = Question(asked, lambda action: is_large(action.award_dollars))
    of_actions = Question(asked, lambda action: is_large(action.dollars))
    for question, rows in ((of_awards, RowType.RECORDS), (of_actions, RowType.ACTIONS)):
        found = table_rows(ExportFormat.CSV, download(desk, ExportFormat.CSV, question, rows))
        assert sums_of_rows(found, AMOUNTS[rows]) == truth(question, rows)
    assert truth(of_awards) != truth(of_actions)
    total = desk.site.get(f"/api/v1/spending?{asked}&rows=agency").json()["total"]
    assert Decimal(total["dollars"]) == truth(of_awards)["total"][""]
    page = desk.site.get(f"/search?{asked}").text
    awards = len({action.award for action in found_by(of_awards)})
    assert f"{awards} records of $600,000.00 or more" in page
    assert f"<b>${truth(of_awards)['total']['']:,.2f}</b> obligated by" in page
    assert f"of {awards} awards" in page


@pytest.mark.parametrize("form", TABLES)
def test_rows_of_events_have_the_amounts_of_their_actions(desk: Desk, form: ExportFormat) -> None:
    raw = {action.key: action.dollars for action in raw_actions()}
    found = table_rows(form, download(desk, form, EVERYTHING, RowType.EVENTS))
    amounts = [(row["event_action_key"], row["event_amount"]) for row in found if row["event_amount"] not in ("", None)]
    assert len(amounts) >= len(found_by(EVERYTHING))
    assert [(key, Decimal(str(amount))) for key, amount in amounts] == [(key, raw[key]) for key, _ in amounts]


@pytest.mark.parametrize("form", TABLES)
def test_hostile_texts_break_no_form(desk: Desk, form: ExportFormat) -> None:
    (row,) = table_rows(form, download(desk, form, Question("vendor=hostile")))
    quoted = "'" if form is ExportFormat.CSV else ""
    assert row["vendor"].removeprefix(quoted).startswith(HOSTILE)
    assert not row["reseller"]
    assert " ".join(row["recipient_name"].split()) == f"{quoted}{' '.join(HOSTILE.split())}"
    assert row["vendor_id"] == "hostile; formula; topic-device-forensics"
    assert row["entry_kind"] == "vendor; vendor; topic"


@pytest.mark.parametrize("question", QUESTIONS[:1] + QUESTIONS[2:3], ids=["everything", "partial"])
def test_a_pack_adds_up(desk: Desk, question: Question) -> None:
    with zipfile.ZipFile(io.BytesIO(desk.site.get(f"/search.zip?{question.query}").content)) as pack:
        for rows, amounts in AMOUNTS.items():
            found = table_rows(ExportFormat.CSV, pack.read(f"{rows}.csv"))
            assert sums_of_rows(found, amounts) == truth(question, rows)
        assert ocds_sums(pack.read("releases.ocds.json")) == whole_awards(question)


def whole_awards(question: Question) -> dict[str, dict[str, Decimal]]:
    """Return what all actions of the awards add up to that a question finds, by agency and year."""
    awards = {action.award for action in found_by(question)}
    actions = [action for action in raw_actions() if action.award in awards and not action.is_removed]
    return add_up((codes_of(action, frozenset(), action.day), action.dollars) for action in actions)


def ocds_sums(content: bytes) -> dict[str, dict[str, Decimal]]:
    releases = json.loads(content, parse_float=Decimal)["releases"]
    return add_up(
        (
            {
                "agency": [release["buyer"]["id"].removeprefix("US-FPDS-")],
                "year": [str(fiscal_year(datetime.fromisoformat(action["date"]).date()))],
            },
            Decimal(action["value"]["amount"]),
        )
        for release in releases
        for contract in release["contracts"]
        for action in contract["obligations"]
    )


@pytest.mark.parametrize("question", QUESTIONS[:1] + QUESTIONS[2:3], ids=["everything", "partial"])
def test_releases_add_up(desk: Desk, question: Question) -> None:
    assert ocds_sums(download(desk, ExportFormat.OCDS, question)) == whole_awards(question)


@pytest.fixture(scope="module")
def exported(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Everything as a SQLite file."""
    file = tmp_path_factory.mktemp("sqlite") / "search.sqlite3"
    file.write_bytes(download(desk, ExportFormat.SQLITE, EVERYTHING))
    with closing(sqlite3.connect(file)) as connection:
        yield connection


SQL = {  # of the dimensions: the query in docs/querying-sql.md, for any of them
    "agency": "SELECT sub_agency_code, sum(c.obligation) FROM actions c JOIN awards USING (record_key) {} GROUP BY 1",
    "year": "SELECT CAST(c.fiscal_year AS TEXT), sum(c.obligation) FROM actions c {} GROUP BY 1",
    "vendor": "SELECT vendor_id, sum(obligation) FROM matched_actions GROUP BY 1",
    "category": "SELECT category, sum(obligation) FROM "
    "(SELECT DISTINCT category, action_key, obligation FROM matched_actions) GROUP BY 1",
}


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_sqlite_file_adds_up(exported: sqlite3.Connection, dimension: str) -> None:
    concerned = "WHERE c.action_key IN (SELECT action_key FROM matched_actions)"
    rows = exported.execute(SQL[dimension].format(concerned)).fetchall()
    sums = {code: Decimal(str(dollars)).quantize(Decimal("0.01")) for code, dollars in rows}
    assert {code: dollars for code, dollars in sums.items() if dollars} == truth(EVERYTHING)[dimension]


def test_a_sqlite_file_has_the_tables_of_the_sql_pages(desk: Desk, exported: sqlite3.Connection) -> None:
    pages = desk.site.get("/sql/procurewatch.json").json()["views"]
    assert len(pages) > 9
    for name in (page["name"] for page in pages):
        with desk.database.engine.connect() as connection:
            columns = [(row[1], row[2]) for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")]
        assert [(row[1], row[2]) for row in exported.execute(f"PRAGMA table_info({name})")] == columns, name
        shown = desk.site.get(f"/sql/procurewatch/{name}.json?_shape=objects&_size=1").json()
        assert shown["columns"] == [column for column, _ in columns], name


@pytest.mark.parametrize("question", EXAMPLES, ids=lambda question: question.name)
def test_a_question_of_the_sql_pages_has_the_same_answer(
    desk: Desk, exported: sqlite3.Connection, question: ExampleQuery
) -> None:
    given = {"category": "device-forensics", "department": "070", "year": "2024", "since": "2000-01-01"}
    page = desk.site.get(f"/sql/procurewatch/{question.name}.json", params={**given, "_shape": "arrays"})
    found = [list(row) for row in exported.execute(question.sql, given)]
    assert found == page.json()["rows"]
    assert found or question.name == "resellers"


def test_the_sql_pages_add_up(exported: sqlite3.Connection) -> None:
    by_name = {example.name: example.sql for example in EXAMPLES}
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for action in found_by(EVERYTHING):
        for entry in action.entries:
            sums[str(fiscal_year(action.day)), ENTRIES[entry][2]] += action.dollars * (not ENTRIES[entry][1])
    rows = exported.execute(by_name["spending-by-year"]).fetchall()
    found = {(str(year), vendor): Decimal(str(dollars)).quantize(Decimal("0.01")) for year, vendor, *_, dollars in rows}
    assert {code: dollars for code, dollars in found.items() if dollars} == {
        code: dollars for code, dollars in sums.items() if dollars
    }
    rows = exported.execute(by_name["technology-by-agency"], {"category": "", "year": ""}).fetchall()
    by_agency: defaultdict[str, Decimal] = defaultdict(Decimal)
    for *_, agency, _, dollars in rows:
        by_agency[agency] += Decimal(str(dollars)).quantize(Decimal("0.01"))
    actions = [action for action in found_by(EVERYTHING) if action.entries & FORENSICS]
    expected = {SUB_AGENCIES[code]: dollars for code, dollars in sums_by_agency(actions).items()}
    assert by_agency == expected


def sums_by_agency(actions: Iterable[Action]) -> dict[str, Decimal]:
    return add_up(({"agency": [action.agency]}, action.dollars) for action in actions)["agency"]


COMPARED = ("agency", "year", "vendor", "topic", "category")


def compared(question: Question) -> dict[str, dict[str, Decimal]]:
    """Return the truth by the entries that a question is about; without codes, what no vendor or topic concerns."""
    sums = truth(question)
    found = add_up((codes_of(each, each.entries & question.about, each.day), each.dollars)
                   for each in found_by(question))  # fmt: skip
    by_kind = {
        kind: {entry: dollars for entry, dollars in found["vendor"].items() if ENTRIES[entry][1] is is_topic}
        for kind, is_topic in (("vendor", False), ("topic", True))
    }
    return {"agency": sums["agency"], "year": sums["year"], "category": found["category"], **by_kind}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.query or "everything")
@pytest.mark.parametrize("rows", COMPARED)
def test_comparisons_add_up(desk: Desk, rows: str, question: Question) -> None:
    asked = f"{question.query}&rows={rows}"
    table = list(csv.DictReader(io.StringIO(desk.site.get(f"/compare.csv?{asked}").text)))
    in_file = {row["row"]: Decimal(row["obligated"]) for row in table[:-1] if row["row"]}
    answer = desk.site.get(f"/api/v1/spending?{asked}").json()
    in_api = {
        row["code"]: Decimal(row["dollars"]) for row in answer["rows"] if row["code"] and row["dollars"] != "0.00"
    }
    assert in_file == in_api == compared(question)[rows]
    total = truth(question)["total"][""]
    assert (Decimal(table[-1]["obligated"]), Decimal(answer["total"]["dollars"])) == (total, total)


def test_the_command_compares_as_the_page_does(desk: Desk, tmp_path: Path) -> None:
    url = desk.database.engine.url.render_as_string()
    asked = "rows=agency&columns=vendor&since=2021-10-01"
    options = ("--since", "2021-10-01", "--rows", "agency", "--columns", "vendor")
    as_csv = run(tmp_path, "--database-url", url, "compare", *options, "--format", "csv", "-o", str(tmp_path / "x.csv"))
    assert (as_csv.returncode, as_csv.stdout) == (0, "")
    assert "counts in full in both" in as_csv.stderr
    assert "No period has been read completely" in as_csv.stderr
    assert (tmp_path / "x.csv").read_bytes() == desk.site.get(f"/compare.csv?{asked}").content
    shown = run(tmp_path, "--database-url", url, "compare", f"https://example.org/compare?{asked}")
    total = truth(Question("", lambda action: action.day >= date(2021, 10, 1)))["total"][""]
    (last,) = [line for line in shown.stdout.splitlines() if line.startswith("│ Total")]
    assert last.split("│")[-2].strip() == f"${total:,.2f}"


def test_records_of_the_api_add_up(desk: Desk) -> None:
    records = desk.site.get("/api/v1/records").json()["records"]
    assert {record["record_key"] for record in records} == {action.award for action in raw_actions()}
    stated = {}
    for page, _ in raw_awards():
        of = json.loads(page, parse_float=Decimal)
        stated[of["generated_unique_award_id"]] = of["total_obligation"]
    for record in records:
        assert record["obligated"] == (f"{stated[record['record_key']]:.2f}" if stated[record["record_key"]] else None)
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for record in records:
        detail = desk.site.get(f"/api/v1/records/{record['record_key']}").json()
        for action in detail["actions"]:
            sums[str(action["fiscal_year"])] += Decimal(action["obligation"]) if not action["removed"] else 0
    assert {year: dollars for year, dollars in sums.items() if dollars} == whole_awards(EVERYTHING)["year"]


def test_events_of_the_api_have_the_amounts_of_their_actions(desk: Desk) -> None:
    raw = {action.key: action.dollars for action in raw_actions()}
    events = [event for event in desk.site.get("/api/v1/events?limit=200").json()["events"] if event["amount"]]
    assert len({event["action_key"] for event in events}) > len(MATCHES)
    assert {(event["action_key"], Decimal(event["amount"])) for event in events} <= set(raw.items())


def test_no_form_is_forgotten(desk: Desk) -> None:
    """A new format or address for downloads and totals needs a test here."""
    assert {*TABLES, ExportFormat.SQLITE, ExportFormat.OCDS} == set(ExportFormat)
    assert {*AMOUNTS, RowType.EVENTS} == set(RowType)
    assert set(Dimension) == {*COMPARED, "recipient"}
    with_amounts = {"/spending", "/records", "/records/{key}", "/events"}
    without = {"/vendors", "/agencies", "/categories", "/sources", "/coverage"}
    assert set(desk.site.get("/api/v1/openapi.json").json()["paths"]) == with_amounts | without
