"""A reviewer's note and name appear nowhere in public; the public reason of a withdrawal does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from httpx import Client

from procurewatch.exports.formats import ExportFormat, export_bytes
from procurewatch.exports.story_pack import pack_bytes
from procurewatch.site_build import build_catalog, write_site
from procurewatch.web.app import make_app
from storage.database import Database, open_database
from storage.models import MatchBand
from storage.reading.export_rows import RowType, with_bands
from storage.search.query import read_query
from storage.search.search import find_records
from storage.sql_views import VIEWS
from tests.procurewatch.site import context_for, fill, serve
from tests.procurewatch.web.fixtures import sign_in
from tests.procurewatch.web.security.crawl import get_routes, public_answers, text_in, text_of
from tests.records import BABEL, CLEARVIEW, EQUIPMENT, match
from tests.storage.database_helpers import save

NOTE, NAME, REASON = "zzprivatenotezz", "zzreviewernamezz", "zzpublicreasonzz"
DECIDED = [
    (CLEARVIEW.key, "clearview-ai", "rejected"),
    (EQUIPMENT.key, "panamerica", "rejected"),
    (BABEL.key, "babel-street", "confirmed"),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Database, Path]]:
    """A client of a site whose reviewer, through the site's own forms, has decided with a note and a public reason."""
    folder = tmp_path_factory.mktemp("notes")
    with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        save(database, CLEARVIEW, match(CLEARVIEW), match(CLEARVIEW, "babel-street"))  # so that its page stays
        with serve(context_for(database, folder)) as address, Client(base_url=address, timeout=60) as client:
            decide(address)
            yield client, database, folder


def decide(address: str) -> None:
    """Decide as a reviewer does, in a session of its own."""
    with Client(base_url=address, follow_redirects=True, timeout=60) as reviewer:
        word = sign_in(reviewer, NAME)
        for record, vendor, decision in DECIDED:
            form = {"record": record, "vendor": vendor, "decision": decision, "csrf": word}
            answer = reviewer.post("/review/decide", data={**form, "note": NOTE, "public_reason": REASON})
            assert answer.status_code == 200, answer.text
        assert NAME in reviewer.get("/review").text


def test_no_public_response_contains_a_note(stored: tuple[Client, Database, Path]) -> None:
    client, database, folder = stored
    routes = get_routes(make_app(context_for(database, folder), str(client.base_url)))
    starts = ["/feeds.opml", "/sql/", *(path for path in routes if "{" not in path)]
    starts += [f"/api/v1/records/{key}" for key, _, _ in DECIDED]
    starts += [f"/sql/procurewatch/{view.name}{ending}" for view in VIEWS for ending in ("", ".json", ".csv")]
    answers = public_answers(client, starts)
    texts = {url: text_of(answer) for url, answer in answers.items()}
    assert {url for url, text in texts.items() if NOTE in text or NAME in text} == set()
    seen = [url.removeprefix(str(client.base_url)).partition("?")[0] for url, text in texts.items() if REASON in text]
    assert {"/all.atom", "/vendor/clearview-ai.json", "/api/v1/events", "/sql/procurewatch/events.csv"} <= set(seen)
    paths = {answer.url.path for answer in answers.values() if answer.status_code in (200, 302, 303, 307)}
    assert {name for name, path in routes.items() if not any(map(path.match, paths))} == set()


def test_no_file_contains_a_note(stored: tuple[Client, Database, Path], tmp_path: Path) -> None:
    _, database, folder = stored
    with database.reading() as session:
        records = list(find_records(session, read_query({"band": "any"})))
        assert {record.key for record in records} >= {key for key, _, _ in DECIDED}
        for form in ExportFormat:
            for rows in RowType:
                found = b"".join(export_bytes(session, records, form, row_type=rows, bands=frozenset(MatchBand)))
                assert NOTE not in text_in(found), (form, rows)
                assert NAME not in text_in(found), (form, rows)
        pack = text_in(b"".join(pack_bytes(session, list(with_bands(records)), "all")))
    assert REASON in pack
    assert NOTE not in pack
    assert NAME not in pack
    list(write_site(build_catalog(context_for(database, folder), base_url="https://example.org"), tmp_path, []))
    site = "\n".join(text_in(file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())
    assert REASON in site
    assert NOTE not in site
    assert NAME not in site
