"""SQL at /sql over real HTTP: what it gives, that every link works, and what it refuses."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from procurewatch.web.sql.examples import EXAMPLES
from procurewatch.web.sql.guard import connect_readonly
from procurewatch.web.sql.pages import MAX_ROWS
from storage.database import open_database
from storage.schema.sql_views import VIEWS
from tests.procurewatch.site import fill, served
from tests.records import BABEL, CLEARVIEW, COURT_REPORTER

ASSETS = {"script": "src", "img": "src", "link[rel=stylesheet]": "href", "iframe": "src", "source": "src"}
LEVELS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sql")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[httpx.Client]:
    with closing(open_database(f"sqlite:///{folder / 'desk.sqlite3'}")) as database:
        fill(database)
        with served(database, folder) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client


def asked(site: httpx.Client, sql: str) -> httpx.Response:
    return site.get("/sql/procurewatch.json", params={"sql": sql, "_shape": "array"})


def test_links_work_and_assets_are_local(site: httpx.Client) -> None:
    ours = urlsplit(str(site.base_url)).netloc
    seen: set[str] = set()
    level = [urljoin(str(site.base_url), "/sql/")]
    for depth in range(LEVELS + 1):
        found: list[str] = []
        for address in level:
            response = site.get(address, follow_redirects=True)
            if "/sql" not in address:  # a page of the site: there, if perhaps not for everybody
                assert response.status_code != 404, f"{address} at level {depth}"
                continue
            assert response.status_code == 200, f"{address} at level {depth}: {response.status_code}"
            if "text/html" in response.headers["content-type"]:
                found += links(response, ours)
            for other in response.headers.get_list("link"):
                found.append(other.partition(";")[0].strip("<> "))
        seen |= set(level)
        level = sorted(set(found) - seen)
    assert len(seen) > 200


@pytest.mark.parametrize("asked_for", ["_facet_date=signed", "_facet=modification&_facet_size=1"])
def test_facet_links_work(site: httpx.Client, asked_for: str) -> None:
    page = site.get(f"/sql/procurewatch/actions?{asked_for}")
    followed = [address for address in links(page, urlsplit(str(site.base_url)).netloc) if asked_for[:12] in address]
    assert followed
    for address in followed:
        assert "/sql/procurewatch/" in address
        assert site.get(address).status_code == 200


@pytest.mark.parametrize(
    ("asked_for", "led_to"),
    [
        ("/sql/procurewatch/awards/", "/sql/procurewatch/awards"),
        ("/sql/procurewatch/", "/sql/procurewatch"),
        ("/sql/procurewatch/awards.jsono", "/sql/procurewatch/awards.json?_shape=objects"),
        ("/sql/procurewatch/awards?_sort=signed&_sort_by_desc=on", "/sql/procurewatch/awards?_sort_desc=signed"),
    ],
)
def test_redirects_lead_to_sql_pages(site: httpx.Client, asked_for: str, led_to: str) -> None:
    response = site.get(asked_for)
    assert response.status_code == 302
    assert response.headers["location"] == led_to
    assert site.get(led_to).status_code == 200


def links(page: httpx.Response, ours: str) -> list[str]:
    """Return where a page leads on our own site; what it loads must be ours."""
    tree = LexborHTMLParser(page.text)
    loaded = [node.attributes.get(name) for selector, name in ASSETS.items() for node in tree.css(selector)]
    assets = [urljoin(str(page.url), address) for address in loaded if address]
    assert [address for address in assets if urlsplit(address).netloc != ours] == []
    assert tree.css("style") == []
    assert [node for node in tree.css("script") if not node.attributes.get("src")] == []
    pointed = [node.attributes.get("href") for node in tree.css("a[href], link[href]")]
    forms = [node.attributes.get("action") for node in tree.css("form[action]")]
    found = [urldefrag(urljoin(str(page.url), address)).url for address in (*pointed, *forms) if address]
    return [*assets, *(address for address in found if urlsplit(address).netloc == ours)]


def test_sql_pages_have_a_content_security_policy(site: httpx.Client) -> None:
    for path in ("/sql/procurewatch", "/sql/procurewatch/awards", "/sql/procurewatch/nothing"):
        policy = site.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "http" not in policy


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_is_a_page_with_its_columns_explained(site: httpx.Client, view: object) -> None:
    name, columns = getattr(view, "name"), getattr(view, "columns")  # noqa: B009
    page = LexborHTMLParser(site.get(f"/sql/procurewatch/{name}").text)
    shown = [node.text() for node in page.css("dl.column-descriptions dd")]
    assert shown == [column.meaning for column in columns]
    assert site.get(f"/sql/procurewatch/{name}.csv").text.startswith(columns[0].name)


@pytest.mark.parametrize("question", EXAMPLES, ids=lambda question: question.name)
def test_every_example_query_has_rows(site: httpx.Client, question: object) -> None:
    name = getattr(question, "name")  # noqa: B009
    rows = site.get(f"/sql/procurewatch/{name}.json?_shape=array&category=face-recognition").json()
    assert rows
    csv_file = site.get(f"/sql/procurewatch/{name}.csv?category=face-recognition").text
    assert csv_file.count("\n") == len(rows) + 1


def test_resellers_and_deobligations(site: httpx.Client) -> None:
    rows = site.get("/sql/procurewatch/who-sells.json?_shape=array").json()
    assert [(row["vendor"], row["seller"], row["awards"], row["obligated"]) for row in rows] == [
        ("Clearview AI", "CLEARVIEW AI, INC.", 2, 3390000.0)
    ]
    back = site.get("/sql/procurewatch/de-obligated.json?_shape=array").json()
    assert [row["obligation"] for row in back] == [-1027.1, -939.0]
    assert site.get("/sql/procurewatch/de-obligated.json?_shape=array&since=2024-06-27").json() == back[:1]


def test_example_queries_leave_topics_apart(site: httpx.Client, folder: Path) -> None:
    kinds = "select distinct entry_kind from matches order by 1"
    before = site.get("/sql/procurewatch/who-sells.json?_shape=array").json()
    with closing(sqlite3.connect(folder / "desk.sqlite3")) as writer, writer:
        columns = [row[1] for row in writer.execute("PRAGMA table_info('match')")]
        values = ", ".join({"vendor_id": "'topic-faces'", "is_topic": "1"}.get(name, f'"{name}"') for name in columns)
        added = writer.execute(f'INSERT INTO "match" SELECT {values} FROM "match" WHERE vendor_id = \'clearview-ai\'')
        assert added.rowcount
    try:
        assert [row["entry_kind"] for row in asked(site, kinds).json()] == ["topic", "vendor"]
        assert site.get("/sql/procurewatch/who-sells.json?_shape=array").json() == before
    finally:
        with closing(sqlite3.connect(folder / "desk.sqlite3")) as writer, writer:
            writer.execute("DELETE FROM \"match\" WHERE vendor_id = 'topic-faces'")


def test_facets_count(site: httpx.Client) -> None:
    found = site.get("/sql/procurewatch/awards.json?_facet=sub_agency_name").json()["facet_results"]
    counts = {one["label"]: one["count"] for one in found["sub_agency_name"]["results"]}
    assert counts == {"U.S. Immigration and Customs Enforcement": 2, "U.S. Customs and Border Protection": 2}


def test_only_published_records_are_in_the_views(site: httpx.Client) -> None:
    for name in ("awards", "actions", "matches", "events", "raw_evidence", "source_records"):
        rows = asked(site, f"select record_key from {name}").json()
        keys = {row["record_key"] for row in rows}
        assert {CLEARVIEW.key, BABEL.key} <= keys
        assert COURT_REPORTER.key not in keys


@pytest.mark.parametrize(
    "sql",
    [
        "select * from review_decision",
        "select * from main.review_decision",
        'select * from "match"',
        "select body from payload",
        "select * from search_index",
        "select * from record",
        "with awards as (select * from record) select * from awards",
        "with awards as (select decided_by as record_key from review_decision) select record_key from awards",
        "select * from awards where record_key in (select record_key from match where band = 'review')",
        "select (select count(*) from review_decision)",
        "select * from pragma_database_list",
        "select * from pragma_table_info('review_decision')",
        "select * from dbstat",
        "select load_extension('/tmp/x.so')",
        "select readfile('/etc/passwd')",
        "select * from awards; delete from record",
        "with x as (select 1) delete from record",
        "with x as (select 1) insert into record default values",
        "select length(zeroblob(1000000000))",
        "select length(hex(zeroblob(1900000)))",
        "select " + "1+" * 1500 + "1",
        "insert into record(key) values ('x')",
        "update record set key = 'x'",
        "drop table record",
        "attach database '/tmp/other.sqlite3' as other",
        "pragma journal_mode=delete",
        "pragma query_only=off",
        "vacuum into '/tmp/copy.sqlite3'",
        "explain delete from record",
        "",
    ],
)
def test_expensive_and_writing_queries_are_refused(site: httpx.Client, folder: Path, sql: str) -> None:
    before = content(folder)
    response = asked(site, sql or "delete from record")
    assert response.status_code == 400
    assert str(folder) not in response.text
    assert content(folder) == before


def test_no_table_behind_the_views_can_be_read(site: httpx.Client, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "desk.sqlite3")) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    private = tables - {view.name for view in VIEWS}
    assert {"record", "match", "review_decision", "payload", "search_index"} <= private
    for table in private:
        for sql in (f'select * from "{table}"', f"select 1 from awards where (select count(rowid) from [{table}])"):
            assert asked(site, sql).status_code == 400, sql
        assert site.get(f"/sql/procurewatch/{table}.json").status_code == 404, table


@pytest.mark.parametrize("table", ["review_decision", "subscription", "delivery", "alerted_event"])
def test_the_connection_itself_cannot_read_private_tables(site: httpx.Client, folder: Path, table: str) -> None:
    with closing(connect_readonly(folder / "desk.sqlite3")) as connection:
        with pytest.raises(sqlite3.DatabaseError, match=r"prohibited|not authorized"):
            connection.execute(f"SELECT * FROM {table}")
        assert connection.execute("SELECT count(*) FROM record").fetchone()[0]


def content(folder: Path) -> list[tuple[object, ...]]:
    """Return how many rows there are and how the tables are made, as another program sees them."""
    with closing(sqlite3.connect(folder / "desk.sqlite3")) as connection:
        names = sorted(row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
        counts = [connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in names]
        return [tuple(names), *counts, *connection.execute("PRAGMA journal_mode")]


def test_a_slow_query_is_stopped(site: httpx.Client) -> None:
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    response = asked(site, endless)
    assert response.status_code == 400
    assert "took too long" in response.text
    assert asked(site, "select 1 as one").json() == [{"one": 1}]


def test_nested_table_products_are_refused(site: httpx.Client) -> None:
    names = ["a", '"b""c"', "[d]", "'e'", "f", "g", "h", "i", "j"]
    parts = ["a as (select 1 as x)"]
    for before, name in pairwise(names):
        parts.append(f"{name}/**/as --\n (select 1 as x from {', '.join([before] * 5)})")
    response = asked(site, f"with {', '.join(parts)} select 1 from j")
    assert response.status_code == 400
    assert "too often" in response.text


def test_rows_and_size_of_a_result_are_limited(site: httpx.Client) -> None:
    many = "with recursive n(x) as (select 1 union all select x + 1 from n limit 5000) select x from n"
    response = site.get("/sql/procurewatch.json", params={"sql": many})
    assert (len(response.json()["rows"]), response.json()["truncated"]) == (MAX_ROWS, True)
    streamed = site.get("/sql/procurewatch.csv", params={"sql": many, "_stream": "1", "_size": "max"})
    assert streamed.status_code == 400 or streamed.text.count("\n") <= MAX_ROWS + 1
    numbers = "with recursive n(x) as (select 1 union all select x + 1 from n limit 900)"
    large = f"{numbers} select printf('%.*c', 50000, 'x') from n"
    assert "larger than 10 MB" in asked(site, large).text


def test_hostile_text_is_escaped_in_pages_and_csv(site: httpx.Client) -> None:
    sql = "select '=1+1 ' || recipient_name || char(8238) || char(7) as name, -5 as number from awards"
    for ending in ("", ".json", ".csv"):
        text = site.get(f"/sql/procurewatch{ending}", params={"sql": sql}).text
        assert "=1+1 CLEARVIEW" in text
        assert [mark for mark in ("\u202e", "\x07", "\\u202e", "\\u0007") if mark in text] == []
    rows = list(csv.reader(io.StringIO(site.get("/sql/procurewatch.csv", params={"sql": sql}).text)))
    assert {(name[:5], number) for name, number in rows[1:]} == {("'=1+1", "-5")}
    assert asked(site, "select '=1+1' as name").json() == [{"name": "=1+1"}]  # a program reads what is there


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(site: httpx.Client, method: str) -> None:
    response = site.request(method, "/sql/procurewatch", content="sql=delete+from+record")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/sql/-/databases.json",
        "/sql/-/metadata.json",
        "/sql/-/threads",
        "/sql/-/patterns",
        "/sql/_internal",
        "/sql/procurewatch/review_decision",
        "/sql/procurewatch/record",
        "/sql/procurewatch/match.json",
        "/sql/own/../../app.py",
        "/sql/-/static/%2e%2e/%2e%2e/app.py",
        "/sql/procurewatchx",
    ],
)
def test_internal_tables_have_no_page(site: httpx.Client, folder: Path, path: str) -> None:
    response = site.get(path)
    assert response.status_code == 404
    assert str(folder) not in response.text


def test_the_file_cannot_be_downloaded(site: httpx.Client) -> None:
    assert site.get("/sql/procurewatch.db").status_code == 403


def test_rows_have_no_page(site: httpx.Client) -> None:
    response = site.get(f"/sql/procurewatch/record/{COURT_REPORTER.key}.json")
    assert response.status_code >= 400
    assert "HUSEBY" not in response.text


def test_new_records_appear_while_serving(site: httpx.Client, folder: Path) -> None:
    with closing(open_database(f"sqlite:///{folder / 'desk.sqlite3'}")) as database, database.writing() as session:
        session.connection().exec_driver_sql("UPDATE record SET place = 'HERE' WHERE key = ?", (CLEARVIEW.key,))
    rows = asked(site, f"select place from awards where record_key = '{CLEARVIEW.key}'").json()
    assert rows == [{"place": "HERE"}]


def test_postgresql_shows_how_to_run_sql(postgresql_url: str, tmp_path: Path) -> None:
    with closing(open_database(postgresql_url)) as database, served(database, tmp_path) as address:
        response = httpx.get(f"{address}/sql/")
    assert response.status_code == 404
    assert "export sqlite" in response.text


def test_links_name_no_host_whatever_the_request_says(site: httpx.Client) -> None:
    """A proxy passes its own name for this server on, not that of the public address."""
    proxy = {"Host": "127.0.0.1:9"}
    page = site.get("/sql/procurewatch/awards?_size=1&_facet=agency_name", headers=proxy)
    assert page.status_code == 200
    assert "_facet=" in page.text
    assert "127.0.0.1:9" not in page.text
    assert not any("127.0.0.1" in link for link in page.headers.get_list("link"))
    following = site.get("/sql/procurewatch/awards.json?_size=1", headers=proxy).json()["next_url"]
    assert following.startswith("/sql/procurewatch/awards.json?")
