"""The search of the static site in a real Chromium, under the policy of the recipes for web hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from feeds import urls
from procurewatch.static_site.building import build_site
from storage.database import open_database
from tests.procurewatch.site import context_for, fill
from tests.procurewatch.static_site.crawling import hosted

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def static_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a static site."""
    folder = tmp_path_factory.mktemp("data")
    with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        build_site(context_for(database, folder), folder / "site", "https://example.org/contracts")
    with hosted(folder / "site") as address:
        yield address


def test_a_search_in_the_browser_with_a_filter(static_site: str, page: Page) -> None:
    page.goto(f"{static_site}index.html")
    page.get_by_role("search").get_by_placeholder("Company").fill("licenses")
    page.keyboard.press("Enter")
    results = page.locator(".pagefind-ui__result-link")
    expect(results.first).to_be_visible()
    assert page.url == f"{static_site}{urls.SEARCH_PAGE}?q=licenses"
    before = results.count()
    page.locator("summary", has_text="Vendor").click()
    page.get_by_label("Babel Street").check()
    expect(page.locator(".pagefind-ui__message")).to_have_text(re.compile(r"^\s*1 result\b"))
    assert before > 1
    results.first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("PANAMERICA")


def test_without_scripts_the_page_leads_to_the_lists(static_site: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    with closing(context), closing(context.new_page()) as page:
        page.goto(f"{static_site}{urls.SEARCH_PAGE}")
        expect(page.get_by_text("It needs JavaScript")).to_be_visible()
        page.get_by_role("link", name="by fiscal year and recipient").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("All records")
