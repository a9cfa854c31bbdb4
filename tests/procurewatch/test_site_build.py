"""What a site is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from procurewatch.site_build import build_catalog, write_site
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
