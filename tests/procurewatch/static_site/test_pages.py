"""What the pages of the static site show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from feeds.citations import as_text, cite_award
from feeds.foia.letter import write_letter
from procurewatch.static_site.building import build_site
from storage.reading.records import actions_of, evidence_of
from storage.search.query import read_query
from storage.search.search import find_records
from tests.app_context import app_context_with
from tests.records import BABEL, CLEARVIEW, LATER, match
from tests.storage.database_helpers import save


def test_the_page_of_a_former_key_leads_to_the_award(tmp_path: Path) -> None:
    parent = "HSHQDC12D00014"
    key = BABEL.key.replace(BABEL.parent_piid, parent)
    corrected = replace(BABEL, key=key, parent_piid=parent, replaces=BABEL.key)
    with app_context_with({"usaspending": {}}, tmp_path, "babel-street") as app_context:
        for award in (BABEL, CLEARVIEW):
            save(app_context.database, award, match(award))
        save(app_context.database, corrected, match(corrected), now=LATER)
        build_site(app_context, tmp_path / "site", "")
    pages = {page.stem: page.read_text("utf-8") for page in (tmp_path / "site" / "awards").glob("*.html")}
    feeds = {path: (tmp_path / "site" / "awards" / path).read_bytes() for path in (f"{BABEL.key}.atom", f"{key}.atom")}
    assert pages.keys() == {BABEL.key, key, CLEARVIEW.key}
    assert f'content="0; url={key}.html"' in pages[BABEL.key]
    assert f'<a href="{key}.html">' in pages[BABEL.key]
    assert "Timeline" in pages[key]
    assert feeds[f"{BABEL.key}.atom"] == feeds[f"{key}.atom"], "who subscribed to the former one goes on reading"


def test_days_that_cannot_be_true_are_flagged_and_first_in_no_list(tmp_path: Path) -> None:
    odd = (date(1, 1, 1), date(2062, 5, 1), date(9999, 12, 31))
    good = date(2024, 3, 5)
    with app_context_with({"usaspending": {}}, tmp_path, "babel-street") as app_context:
        for number, day in enumerate((*odd, good)):
            actions = tuple(replace(action, key=f"{number}_{action.key}", signed=day) for action in BABEL.actions)
            award = replace(BABEL, key=f"CONT_AWD_{number}", piid=f"P{number}", signed=day, actions=actions)
            award = replace(award, starts=day, ends=day, may_end=day)
            save(app_context.database, award, match(award, "babel-street"))
        done = build_site(app_context, tmp_path / "site", "")
        with app_context.database.reading() as session:
            records = list(find_records(session, read_query({"vendor": "babel-street"})))
            letters = {record.piid: write_letter(record, actions_of(session, record.key)).text for record in records}
            citations = {
                record.piid: as_text(cite_award(record, evidence_of(session, record.key))) for record in records
            }
    assert not done.failed
    assert records[0].piid == "P3"
    for number, day in enumerate(odd):
        assert f"Signed: {day} (this date cannot be true)" in letters[f"P{number}"]
        assert f"Dated {day}" not in citations[f"P{number}"]
        page = (tmp_path / "site" / "awards" / f"CONT_AWD_{number}.html").read_text("utf-8")
        assert f"{day} (this date cannot be true)" in page
        note = "" if day.year == 2062 else " (this date cannot be true)"  # a period can end then
        assert f"Period: {day}{note} to {day}{note}\n" in letters[f"P{number}"]
        assert f"{day}{note} to {day}{note}" in page
    assert "cannot be true" not in letters["P3"]
    assert f"Dated {good}" in citations["P3"]
