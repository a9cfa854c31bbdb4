"""The website in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from procurewatch.context import AppContext
from storage.reading.review_queue import count_pending_reviews
from storage.writing.reviews import Decision, list_decisions
from tests.procurewatch.web.fixtures import CLEARVIEW, TOKEN
from tests.records import CLEARVIEW as CLEARVIEW_AWARD
from tests.records import CLEARVIEW_FORENSIC, match
from tests.storage.database_helpers import save

pytestmark = pytest.mark.browser
PAGES = (
    "/",
    "/feeds.html",
    "/about.html",
    "/no-such-page",
    "/search",
    "/search?q=software",
    "/compare?category=device-forensics&fiscal_year=2024&rows=agency&columns=vendor",
    CLEARVIEW,
    "/vendor/cellebrite.html",
    "/agency/7012.html",
    "/category/face-recognition.html",
    "/recipient/carahsoft-technology-corp.html",
    "/expiring.html",
    "/review",
    "/sql/",
    "/sql/procurewatch/awards?_facet=sub_agency_name",
    "/sql/procurewatch/who-sells",
)
GRAVE = {"serious", "critical"}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/review")
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Signed in as Ana")).to_be_visible()
    page.wait_for_load_state()  # the script that reads the keys has run


def test_searching_narrowing_and_subscribing(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("search").get_by_placeholder("Company").fill("cellebrite")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="records with")).to_be_visible()
    before = page.locator(".results article").count()
    page.get_by_role("link", name="U.S. Immigration and Customs Enforcement", exact=True).click()
    expect(page.locator("#results")).to_contain_text("bought by U.S. Immigration and Customs Enforcement")
    assert 0 < page.locator(".results article").count() < before
    expect(page.locator(".facet a[aria-current]")).to_have_count(1)
    assert "agency=7012" in page.url
    card = page.get_by_role("region", name="Subscribe")
    expect(card).to_contain_text("in the last 30 days")
    atom = card.get_by_role("link", name="Atom").get_attribute("href")
    assert atom
    assert urljoin(page.url, atom) == page.url.replace("/search?", "/search.atom?")
    assert page.locator("link[rel=alternate][type='application/atom+xml']").get_attribute("href") == atom


def test_a_search_and_an_event_can_be_cited(page: Page, address: str) -> None:
    page.goto(f"{address}/search?q=cellebrite")
    cited = page.get_by_label("Plain text")
    expect(cited).to_have_value(re.compile(r"records with .*cellebrite.*: \d+ records? found"))
    assert page.url in cited.input_value()
    page.goto(f"{address}{CLEARVIEW}")
    event = page.locator(".timeline > li").first
    title = event.locator(".told").inner_text()
    expect(event.locator("details p")).to_be_hidden()
    event.get_by_text("Cite", exact=True).click()
    expect(event.locator("details p")).to_contain_text(title)
    expect(event.locator("details p")).to_contain_text(f"{page.url}#{event.get_attribute('id')}")
    expect(event.locator("details p")).to_contain_text("SHA-256 of the evidence")


def test_on_a_phone_subscribing_is_on_the_first_screen(page: Page, read_only_address: str) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    for path in ("/sql/", "/search?q=cellebrite"):
        page.goto(read_only_address + path)
        navigation = page.get_by_role("navigation", name="Site").get_by_role("link")
        assert len({link.bounding_box()["y"] for link in navigation.all()}) == 1  # type: ignore[index]
    expect(page.get_by_role("region", name="Subscribe").get_by_role("link", name="Atom")).to_be_in_viewport()


def test_the_navigation_is_in_one_line_with_the_search_on_wide_screens(
    page: Page, read_only_address: str, reviewer_cookies: list[Any]
) -> None:
    page.context.add_cookies(reviewer_cookies)  # a reviewer has one link more
    page.goto(f"{read_only_address}/review")
    places = [page.get_by_role("link", name="Alerts", exact=True), page.get_by_role("search"), page.locator(".brand")]
    boxes = [box for place in places if (box := place.bounding_box())]
    middles = [box["y"] + box["height"] / 2 for box in boxes]
    assert len(middles) == 3
    assert max(middles) - min(middles) < 6


def test_filters_come_before_the_results_folded_on_phones_only(page: Page, read_only_address: str) -> None:
    page.goto(f"{read_only_address}/search?q=cellebrite")
    agency = page.locator(".facet").get_by_role("link", name="U.S. Customs and Border Protection")
    expect(agency).to_be_visible()
    page.set_viewport_size({"width": 375, "height": 800})
    expect(agency).to_be_hidden()
    expect(page.get_by_label("Signed from")).to_be_hidden()
    page.get_by_role("heading", name="Agency").click()
    expect(agency).to_be_visible()
    assert agency.bounding_box()["y"] < page.locator(".results article").first.bounding_box()["y"]  # type: ignore[index]
    agency.click()
    expect(page.locator(".facet a[aria-current]")).to_be_visible()
    counts = page.locator(".facet .count:visible")
    assert counts.count() > 0
    assert all(count.bounding_box()["height"] < 30 for count in counts.all())  # type: ignore[index]  # on one line


def test_results_update_while_typing_and_keep_the_focus(page: Page, address: str) -> None:
    page.goto(f"{address}/search")
    page.evaluate("window.same = true")  # gone if the page is loaded anew
    page.locator("#q").press_sequentially("software cellebrite ")
    expect(page.locator("#results")).to_contain_text("records with “software” and “cellebrite”")
    assert page.locator("#q").input_value() == "software cellebrite "
    assert "q=software+cellebrite+" in page.url
    links = page.locator("link[rel=alternate]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links == [f"search.{fmt}?q=cellebrite+software" for fmt in ("atom", "rss", "json")]
    page.locator("#q").fill("cellebrite")
    expect(page.locator("#results")).to_have_text("29 records with “cellebrite”")
    facet = page.locator(".facet").get_by_role("link", name="U.S. Customs and Border Protection")
    facet.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_contain_text("bought by U.S. Customs and Border Protection")
    expect(facet).to_be_focused()
    assert page.evaluate("window.same")
    page.locator("#q").fill("ufed")  # a word changed keeps the facet
    expect(page.locator("#results")).to_contain_text("records with “ufed”; bought by U.S. Customs")
    page.locator("#min_amount").fill("plenty")  # what cannot be understood says so once it is sent
    page.locator("#min_amount").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("plenty")


def test_a_foia_request_can_be_saved_and_sent(page: Page, address: str) -> None:
    page.goto(address + CLEARVIEW)
    page.get_by_role("link", name="Request the records (FOIA)").click()
    page.get_by_text("Read and copy the letter").click()
    letter = page.get_by_label("The letter").input_value()
    assert "70CMSD21P00000127" in letter
    assert "waive" in letter
    with page.expect_download() as download:
        page.get_by_role("link", name="Plain text").click()
    assert download.value.path().read_text() == letter
    with page.expect_download() as word:
        page.get_by_role("link", name="Word (.docx)").click()
    assert word.value.suggested_filename.endswith(".docx")
    kit = page.get_by_role("region", name="Request the records")
    mail = kit.get_by_role("link", name="E-mail").get_attribute("href")
    assert mail
    assert mail.startswith("mailto:")
    muckrock = kit.get_by_role("link", name="File with MuckRock").get_attribute("href")
    assert muckrock
    assert muckrock.startswith("https://www.muckrock.com/foi/create/?title=")


def test_asking_in_sql(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("navigation", name="Site").get_by_role("link", name="SQL").click()
    page.get_by_label("Your query").fill("select piid from awards where recipient_name like 'CLEARVIEW%'")
    page.get_by_role("button", name="Run SQL").click()
    expect(page.get_by_role("cell", name="70CMSD21P00000127")).to_be_visible()
    page.get_by_role("navigation", name="Site").get_by_role("link", name="SQL").click()
    page.get_by_role("link", name="Who sells face recognition to DHS?").click()
    expect(page.get_by_role("cell", name="Clearview AI").first).to_be_visible()
    page.get_by_role("link", name="Procurewatch").click()
    expect(page.get_by_role("heading", name="Procurewatch")).to_be_visible()


def test_sql_tables_explain_their_columns(page: Page, read_only_address: str) -> None:
    page.goto(f"{read_only_address}/sql/procurewatch/awards")
    expect(page.locator("table.rows-and-columns tbody tr").first).to_be_in_viewport()
    meaning = page.get_by_text("number of the contract or order (PIID)")
    expect(meaning).to_be_hidden()
    page.get_by_text("What the columns mean").click()
    expect(meaning).to_be_visible()


def test_an_award_shows_why_money_over_time_and_evidence(page: Page, address: str) -> None:
    page.goto(address + CLEARVIEW)
    expect(page.get_by_role("heading", level=1)).to_have_text("CLEARVIEW AI, INC.")
    expect(page.locator("header mark").first).to_have_text("CLEARVIEW FACIAL RECOGNITION")
    expect(page.get_by_role("img", name="Dollars obligated by 4 actions")).to_be_visible()
    assert page.locator(".chart .stem").count() == 4
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    assert download.value.suggested_filename.endswith(".bin")
    page.get_by_role("link", name="Clearview AI", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clearview AI")


def test_reviewing_with_the_keyboard(page: Page, address: str, app_context: AppContext) -> None:
    sign_in(page, address)
    waiting = page.locator(".queue article").count()
    second = page.locator("#item-2 h3").inner_text()
    page.keyboard.press("j")
    expect(page.locator("#item-1")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#item-1")).to_be_focused()
    page.keyboard.press("c")
    expect(page.locator(".decided li")).to_have_count(1)
    expect(page.locator("#item-1 h3")).to_have_text(second)
    expect(page.locator("#item-1")).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator(".decided li")).to_have_count(2)
    assert decisions(app_context) == {Decision.CONFIRMED, Decision.REJECTED}
    page.keyboard.press("u")
    expect(page.locator(".decided li")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator(".decided li")).to_have_count(0)
    assert decisions(app_context) == set()
    expect(page.locator(".queue article")).to_have_count(waiting)
    page.locator("#note-1").fill("c")  # letters in a field are letters
    expect(page.locator(".decided li")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("#item-1").focus()
    page.keyboard.press("n")
    expect(page.locator(".decided li")).to_have_count(1)
    assert decisions(app_context) == {Decision.NEVER}


def test_a_wrong_token_gives_the_form_back(page: Page, address: str) -> None:
    page.goto(f"{address}/review")
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("Token").fill("a guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong token. Try again.")
    expect(page.get_by_label("Your name")).to_have_value("Ana")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Signed in as Ana")).to_be_visible()


def test_one_key_settles_a_group(page: Page, address: str, app_context: AppContext) -> None:
    for award in (CLEARVIEW_AWARD, CLEARVIEW_FORENSIC):
        of_code = replace(award, key=award.key.replace("70CMSD", "70CMSX"), psc="7A21", actions=(), documents=())
        by_name = match(of_code, "nuix", band="name-only")
        save(
            app_context.database, of_code, match(of_code, band="review", clues=[{"text": "HSI", "points": 2}]), by_name
        )
    sign_in(page, address)
    page.get_by_role("link", name=re.compile(r"^\d+ matches$")).click()
    expect(page.locator(".results article")).not_to_have_count(0)
    page.goto(f"{address}/review?vendor=clearview-ai")
    item = page.locator("#item-1")
    expect(item).to_contain_text("Clues: +2 HSI")
    expect(item).to_contain_text("product or service code 7A21, recipient CLEARVIEW AI, INC.")
    expect(item).to_contain_text("settles 2 matches pending review")
    item.focus()
    page.keyboard.press("x")
    expect(page.locator(".decided li")).to_contain_text("Never: Clearview AI, product or service code 7A21")
    expect(page.locator(".queue article")).to_have_count(0)
    page.keyboard.press("u")
    expect(page.locator(".queue article")).to_have_count(1)


def decisions(app_context: AppContext) -> set[Decision]:
    with app_context.database.reading() as session:
        return {verdict.decision for verdict in list_decisions(session)}


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page without JavaScript."""
    with closing(browser.new_context(java_script_enabled=False)) as context:
        yield context.new_page()


def test_everything_works_without_javascript(plain: Page, address: str, app_context: AppContext) -> None:
    plain.goto(address)
    plain.get_by_role("search").get_by_placeholder("Company").fill("clearview")
    plain.get_by_role("search").get_by_role("button").click()
    plain.locator(".results article a").first.click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("CLEARVIEW AI, INC.")
    sign_in(plain, address)
    with app_context.database.reading() as session:
        before = count_pending_reviews(session)
    plain.locator("#item-1").get_by_role("button", name="Reject", exact=True).click()
    expect(plain.locator(".decided li")).to_have_count(1)
    plain.get_by_role("button", name="Undo").click()
    expect(plain.locator(".decided li")).to_have_count(0)
    with app_context.database.reading() as session:
        assert count_pending_reviews(session) == before


def test_a_phone_shows_rows_as_cards_with_the_names_of_their_columns(page: Page, read_only_address: str) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    for path, table, label in (
        ("/sql/procurewatch/who-sells", ".rows-and-columns", "seller"),
        ("/vendor/cellebrite.html", ".records", "Agency"),
    ):
        page.goto(read_only_address + path)
        cell = page.locator(f"{table} tbody tr").first.locator(f"td[data-label='{label}']")
        shown = cell.evaluate("cell => getComputedStyle(cell, '::before').content.replaceAll('\"', '')")
        assert shown == f"{label}: "
        assert cell.evaluate("cell => getComputedStyle(cell).display") == "block"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_axe_finds_no_serious_fault(
    page: Page, read_only_address: str, reviewer_cookies: list[Any], path: str
) -> None:
    page.context.add_cookies(reviewer_cookies)
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(read_only_address + path)
    assert page.evaluate("document.documentElement.scrollWidth") == 375, "no sideways scrolling"
    page.set_viewport_size({"width": 1280, "height": 900})
    page.reload()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        faults = [(fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in GRAVE]
        assert faults == [], scheme
