"""What is private appears nowhere in public: notes and names of reviewers, keys, the token, folders.

The public reason of a withdrawal does appear.
"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from procurewatch.exports.formats import ExportFormat, export_bytes
from procurewatch.exports.story_pack import pack_bytes
from procurewatch.static_site.building import build_site
from storage.database import open_database
from storage.models import MatchBand
from storage.reading.export_rows import RowType, with_bands
from storage.search.query import read_query
from storage.search.search import find_records
from tests.procurewatch.web.security.attacked_site import DECIDED, PRIVATE, REASON, context
from tests.procurewatch.web.security.crawl import Answer, text_in, text_of


def private_in(text: str) -> list[str]:
    return [word for word in PRIVATE if word in text]


def test_no_public_response_contains_what_is_private(
    answers: dict[str, Answer], routes: dict[str, re.Pattern[str]], attacked_folder: Path
) -> None:
    texts = {url: text_of(answer) for url, answer in answers.items()}
    assert {url for url, text in texts.items() if private_in(text) or str(attacked_folder) in text} == set()
    seen = {urlsplit(url).path for url, text in texts.items() if REASON in text}
    assert seen >= {"/all.atom", "/vendor/clearview-ai.json", "/api/v1/events", "/sql/procurewatch/events.csv"}
    paths = {urlsplit(url).path for url, answer in answers.items() if answer.status in (200, 302, 303, 307)}
    tried = {name for name, path in routes.items() if any(map(path.match, paths))}
    # Nobody can guess the link of an alert; monitors read the others, without any text of a reviewer.
    assert set(routes) - tried <= {"/alerts/link/{token}", "/health/sources/{name}", "/metrics"}


def test_no_file_contains_what_is_private(attacked_folder: Path, tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{attacked_folder / 'procurewatch.sqlite3'}")) as database:
        with database.reading() as session:
            records = list(find_records(session, read_query({"band": "any"})))
            assert {record.key for record in records} >= {key for key, _, _ in DECIDED}
            for form in ExportFormat:
                for rows in RowType:
                    found = b"".join(export_bytes(session, records, form, row_type=rows, bands=frozenset(MatchBand)))
                    assert private_in(text_in(found)) == [], (form, rows)
            pack = text_in(b"".join(pack_bytes(session, list(with_bands(records)), "all")))
        build_site(context(database, tmp_path), tmp_path / "site", "https://example.org")
    site = "\n".join(text_in(file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())
    for text in (pack, site):
        assert REASON in text
        assert private_in(text) == []
