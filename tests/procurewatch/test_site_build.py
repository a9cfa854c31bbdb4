"""What a site is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from procurewatch.site_build import catalogue
from tests.app_context import desk_asking
from tests.records import BABEL, CLEARVIEW, LATER, match
from tests.storage.tables import save


def test_the_page_of_a_key_that_an_award_had_before_shows_the_award(tmp_path: Path) -> None:
    parent = "HSHQDC12D00014"
    key = BABEL.key.replace(BABEL.parent_piid, parent)
    corrected = replace(BABEL, key=key, parent_piid=parent, replaces=BABEL.key)
    with desk_asking({"usaspending": {}}, tmp_path, "babel-street") as desk:
        for award in (BABEL, CLEARVIEW):
            save(desk.database, award, match(award))
        save(desk.database, corrected, match(corrected), now=LATER)
        pages = catalogue(desk, base_url="").awards
        shown = {name: read().award.key for name, read in pages.items()}
    assert shown == {BABEL.key: key, key: key, CLEARVIEW.key: CLEARVIEW.key}
