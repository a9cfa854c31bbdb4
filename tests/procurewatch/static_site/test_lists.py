"""Lists of records by fiscal year: every record once, with pages of a limited size."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from lxml import html

from feeds import urls
from procurewatch.static_site import lists
from procurewatch.static_site.building import build_site
from storage.reading.records import shown_records
from tests.app_context import app_context_with
from tests.records import BABEL, match
from tests.storage.database_helpers import save

DAYS = [date(2023, 9, 30), date(2023, 10, 1), date(2024, 3, 5), date(2024, 3, 6), date(1, 1, 1)]


def test_every_record_is_on_one_page_of_its_fiscal_year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PER_PAGE", 2)
    monkeypatch.setattr(lists, "MAX_AWARDS", 2)
    with app_context_with({"usaspending": {}}, tmp_path, "babel-street") as app_context:
        for number, day in enumerate(DAYS):
            actions = tuple(replace(action, key=f"{number}_{action.key}", signed=day) for action in BABEL.actions)
            award = replace(BABEL, key=f"CONT_AWD_{number}", piid=f"P{number}", signed=day, actions=actions)
            save(app_context.database, award, match(award, "babel-street"))
        done = build_site(app_context, tmp_path / "site", "")
        with app_context.database.reading() as session:
            pages = lists.pages_by_year(shown_records(session), partial(urls.list_path))
    assert {name: [page.keys for page in own] for name, own in pages.items()} == {
        "fiscal year 2024": [("CONT_AWD_3", "CONT_AWD_2"), ("CONT_AWD_1",)],
        "fiscal year 2023": [("CONT_AWD_0",)],
        "no date": [("CONT_AWD_4",)],
    }
    written = {path for path in done.files if path.startswith("records/vendor/babel-street/")}
    assert {Path(path).name for path in written} == {"2024.html", "2024-2.html", "2023.html", "undated.html"}
    vendor = html.fromstring((tmp_path / "site" / "vendor" / "babel-street.html").read_bytes())
    [years] = [each for each in vendor.iter("ul") if each.get("aria-label") == "Fiscal years"]
    links = [link.get("href") for link in years.iter("a")]
    assert links == [f"../records/vendor/babel-street/{name}.html" for name in ("2024", "2023", "undated")]
    assert "".join(str(text) for text in years[0].itertext()).strip() == "Fiscal year 2024 (3)"
