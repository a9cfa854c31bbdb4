"""What a site is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

from feeds.citations import as_text, cite_award
from feeds.foia.letter import write_letter
from procurewatch.site_build import build_catalog, write_site
from storage.reading.records import actions_of, evidence_of
from storage.search.query import read_query
from storage.search.search import find_records
from tests.app_context import app_context_with
from tests.records import BABEL, CLEARVIEW, LATER, match
from tests.storage.database_helpers import save


def test_the_page_of_a_former_key_shows_the_award(tmp_path: Path) -> None:
    parent = "HSHQDC12D00014"
    key = BABEL.key.replace(BABEL.parent_piid, parent)
    corrected = replace(BABEL, key=key, parent_piid=parent, replaces=BABEL.key)
    with app_context_with({"usaspending": {}}, tmp_path, "babel-street") as app_context:
        for award in (BABEL, CLEARVIEW):
            save(app_context.database, award, match(award))
        save(app_context.database, corrected, match(corrected), now=LATER)
        pages = build_catalog(app_context, base_url="").awards
        shown = {name: read().award.key for name, read in pages.items()}
    assert shown == {BABEL.key: key, key: key, CLEARVIEW.key: CLEARVIEW.key}


def test_what_a_killed_build_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    out = tmp_path / "site"
    (out / "awards").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    left_over = out / "awards" / f".x.html.{killed.pid}.part"
    running = out / "awards" / f".y.html.{os.getppid()}.part"
    for file in (left_over, running):
        file.write_bytes(b"half of a page")
    with app_context_with({"usaspending": {}}, tmp_path, "babel-street") as app_context:
        save(app_context.database, BABEL, match(BABEL))
        assert list(write_site(build_catalog(app_context, base_url=""), out, []))
    assert list(out.rglob(".*.part")) == [running]


def test_days_that_cannot_be_true_are_flagged_and_first_in_no_list(tmp_path: Path) -> None:
    odd = (date(1, 1, 1), date(2062, 5, 1), date(9999, 12, 31))
    good = date(2024, 3, 5)
    failed: list[str] = []
    with app_context_with({"usaspending": {}}, tmp_path, "babel-street") as app_context:
        for number, day in enumerate((*odd, good)):
            actions = tuple(replace(action, key=f"{number}_{action.key}", signed=day) for action in BABEL.actions)
            award = replace(BABEL, key=f"CONT_AWD_{number}", piid=f"P{number}", signed=day, actions=actions)
            award = replace(award, starts=day, ends=day, may_end=day)
            save(app_context.database, award, match(award, "babel-street"))
        files = list(write_site(build_catalog(app_context, base_url=""), tmp_path / "site", failed))
        with app_context.database.reading() as session:
            records = list(find_records(session, read_query({"vendor": "babel-street"})))
            letters = {record.piid: write_letter(record, actions_of(session, record.key)).text for record in records}
            citations = {
                record.piid: as_text(cite_award(record, evidence_of(session, record.key))) for record in records
            }
    assert not failed
    assert records[0].piid == "P3"
    for number, day in enumerate(odd):
        assert f"Signed: {day} (this date cannot be true)" in letters[f"P{number}"]
        assert f"Dated {day}" not in citations[f"P{number}"]
        [page] = [file for file in files if file.name == f"CONT_AWD_{number}.html"]
        assert f"{day} (this date cannot be true)" in page.read_text("utf-8")
        note = "" if day.year == 2062 else " (this date cannot be true)"  # a period can end then
        assert f"Period: {day}{note} to {day}{note}\n" in letters[f"P{number}"]
        assert f"{day}{note} to {day}{note}" in page.read_text("utf-8")
    assert "cannot be true" not in letters["P3"]
    assert f"Dated {good}" in citations["P3"]
