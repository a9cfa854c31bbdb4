"""Story packs: what a reporter unpacks, checks and opens."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html

from procurewatch.exports.redaction import remove_user_names
from procurewatch.exports.story_pack import pack_bytes, pack_name
from storage.database import Database
from storage.reading.records import all_keys, records_by_key
from storage.schema.tables import LinkRow
from tests.records import BABEL, CLEARVIEW, SEEN, document, match
from tests.storage.database_helpers import save

HOSTILE = '=1+1 <script>alert(1)</script> \u202e } \\ [x](javascript:y) " \x1b[31m'


def packed(database: Database, folder: Path, *keys: str) -> Path:
    folder = folder / "pack"
    with database.reading() as session:
        records = records_by_key(session, keys or all_keys(session))
        content = b"".join(pack_bytes(session, records, "a test"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(), newline=""), strict=True))


def test_a_pack_is_complete_and_its_hashes_verify(database: Database, tmp_path: Path) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    folder = packed(database, tmp_path)
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    listed = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert files - {"SHA256SUMS"} == listed
    assert [row["modification"] for row in rows(folder / "actions.csv")][:2] == ["0", "P00001"]
    assert len(json.loads((folder / "releases.ocds.json").read_text())["releases"]) == 1
    note = (folder / "README.txt").read_text()
    assert "USAspending: 1 record; last fetched 2026-11-20 14:05 UTC" in note
    assert "COVERAGE\nNo period has been read completely, so contracts may be missing." in note
    page = html.fromstring((folder / "timeline.html").read_bytes())
    assert "CLEARVIEW AI, INC." in (folder / "timeline.html").read_text()
    assert page.find(".//ol/li") is not None
    assert "Retrieved 2026-11-20" in (folder / "citations.txt").read_text()


def test_user_names_are_removed_and_the_original_hash_is_given(database: Database, tmp_path: Path) -> None:
    told = document("x", {"transactionData": {"createdBy": "JANE.DOE@DHS", "closedBy": ""}, "piid": "X"})
    plain = document("y", {"piid": "X"})
    saved = replace(BABEL, documents=(told, plain))
    save(database, saved, match(saved, "babel-street"))
    folder = packed(database, tmp_path)
    index = {row["original_sha256"]: row for row in rows(folder / "evidence" / "index.csv")}
    assert index[told.sha256]["user_names_removed"] == "yes"
    handed = json.loads((folder / index[told.sha256]["file"]).read_text())
    assert handed == {"transactionData": {"createdBy": "[removed]", "closedBy": ""}, "piid": "X"}
    assert index[plain.sha256]["user_names_removed"] == "no"
    assert index[plain.sha256]["file_sha256"] == plain.sha256
    assert (folder / index[plain.sha256]["file"]).read_bytes() == plain.body


def test_linked_records_are_included_without_pending_matches(database: Database, tmp_path: Path) -> None:
    save(database, BABEL, match(BABEL, "babel-street"))
    save(database, CLEARVIEW, match(CLEARVIEW, band="review"))
    with database.writing() as session:
        session.add(
            LinkRow(
                record_key=CLEARVIEW.key,
                award_key=BABEL.key,
                confidence=0.9,
                reason="same solicitation",
                first_seen=SEEN,
            )
        )
    folder = packed(database, tmp_path, BABEL.key)
    found = {row["record_key"]: row for row in rows(folder / "records.csv")}
    assert set(found) == {BABEL.key, CLEARVIEW.key}
    assert found[CLEARVIEW.key]["vendor"] == found[CLEARVIEW.key]["matched_because"] == ""
    assert "1 record, and 1 record linked" in (folder / "README.txt").read_text()


def test_hostile_text_is_escaped(database: Database, tmp_path: Path) -> None:
    hostile = replace(BABEL, description=HOSTILE, recipient=replace(BABEL.recipient, name=HOSTILE), piid=HOSTILE)
    save(database, hostile, match(hostile, "babel-street", reason=HOSTILE))
    folder = packed(database, tmp_path)
    page = (folder / "timeline.html").read_text()
    assert html.fromstring(page).xpath("//script | //@onclick | //link | //img") == []
    for file in folder.rglob("*"):
        if file.is_file() and file.parent == folder:
            content = file.read_text()
            assert "\u202e" not in content, file
            assert "\x1b" not in content, file
    assert rows(folder / "records.csv")[0]["description"].startswith("'=1+1")
    assert "](javascript" not in (folder / "citations.md").read_text()


@pytest.mark.parametrize(
    ("body", "handed"),
    [
        (b'{"approvedBy" : "A \\" B", "x": 1}', b'{"approvedBy" : "[removed]", "x": 1}'),
        (b"<ns1:createdBy>JANE</ns1:createdBy>", b"<ns1:createdBy>[removed]</ns1:createdBy>"),
        (b'<lastModifiedBy a="1">JANE</lastModifiedBy>', b'<lastModifiedBy a="1">[removed]</lastModifiedBy>'),
        (b'{"approvedBy": null, "createdBy": ""}', b'{"approvedBy": null, "createdBy": ""}'),
        (
            b'{"soldBy": "JANE", "description": "createdBy: JANE"}',
            b'{"soldBy": "JANE", "description": "createdBy: JANE"}',
        ),
        (b"\x00\xff<createdBy>", b"\x00\xff<createdBy>"),
    ],
)
def test_only_user_names_are_removed(body: bytes, handed: bytes) -> None:
    assert remove_user_names(body) == handed


def test_a_pack_is_named_after_its_award(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    with database.reading() as session:
        records = records_by_key(session, [CLEARVIEW.key])
    assert pack_name(records) == f"{CLEARVIEW.key}.zip"
    assert pack_name([*records, *records]) == "procurewatch-story-pack.zip"
