"""The pages over real HTTP: what each shows, in its place and safely."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from httpx import Client
from lxml import etree

from feeds.urls import award_path
from procurewatch.context import AppContext
from procurewatch.web.routes import search
from sources.records import Agency, Amount, AmountMeaning, Publication, PublicationKind, Recipient
from storage.database import Database
from storage.writing.publication import bump_publication_version
from storage.writing.save import save_publication
from tests.app_context import few
from tests.procurewatch.web.fixtures import CLEARVIEW, sign_in, tree_of
from tests.records import BABEL, CLEARVIEW_FORENSIC, EQUIPMENT, LATER, SEEN, SOLE_SOURCE, acted, match
from tests.records import CLEARVIEW as CLEARVIEW_AWARD
from tests.storage.database_helpers import publish_all, save

Made = tuple[Client, Database]
EVIL = "<script>alert(1)</script>\u202egnp\x00\x07 =cmd|' /C calc'!A0 \ud800"


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return " ".join(" ".join(tree_of(answer.content).itertext()).split())


def publication(key: str, kind: PublicationKind, **facts: Any) -> Publication:
    told = Publication(
        key=key,
        source="samnotices",
        kind=kind,
        type_text=kind.value,
        title="Facial recognition software",
        description="CLEARVIEW licences wanted",
        recipient=Recipient(name=""),
        awarding=Agency(code="070", name="Department of Homeland Security", sub_code="7012", sub_name="ICE"),
        published=date(2026, 11, 1),
        url="https://sam.gov/opp/1",
    )
    return replace(told, **facts)


def publish(database: Database, one: Publication, band: str = "published") -> None:
    place = {"field": "description", "text": "CLEARVIEW", "start": 0, "end": 9}
    signals = [{"kind": "product", "term": "Clearview", "score": 0.9, "action_key": "", **place}]
    row = match(CLEARVIEW_AWARD, band=band, record_key=one.key, signals=signals)
    with database.writing() as session:
        save_publication(session, one, [row], SEEN, publish_all)


def test_the_home_page_shows_new_entries_and_reporting_delays(client: Client) -> None:
    shown = text(client, "/")
    assert "First seen" in shown
    delayed = datetime.now(UTC).date() - timedelta(days=90)
    assert f"DoD and Army Corps of Engineers awards signed after {delayed} are not public yet." in shown
    assert "1 source is available, last polled" in shown
    assert "Subscribe" in shown
    assert client.get("/index.html").content == client.get("/").content


def test_what_the_defense_department_has_not_published_is_named_where_it_could_be_missing(
    made: Made,
) -> None:
    client, database = made
    save(database, CLEARVIEW_AWARD, match(CLEARVIEW_AWARD))
    army = Agency(code="097", name="Department of Defense", sub_code="2100", sub_name="Department of the Army")
    other = replace(BABEL, awarding=army)
    save(database, other, match(other, "babel-street"))
    not_public_yet = "are not public yet"
    concerned = ["/search", "/search?q=x", "/search?agency=2100", "/search?agency=097", "/search?vendor=babel-street"]
    concerned += ["/agency/2100.html", "/vendor/babel-street.html", "/vendor/axon.html"]
    others = ["/search?agency=7012", "/search?vendor=clearview-ai", "/search?category=face-recognition"]
    others += ["/agency/7012.html", "/agency/070.html", "/vendor/clearview-ai.html", "/category/face-recognition.html"]
    assert {path for path in concerned + others if not_public_yet in text(client, path)} == {*concerned}


def test_the_home_page_says_how_much_is_on_record_and_where_it_goes(made: Made) -> None:
    client, database = made
    assert "$0.00 Awards 0" in text(client, "/")
    save(database, CLEARVIEW_AWARD, match(CLEARVIEW_AWARD))
    save(database, BABEL, match(BABEL, "babel-street"))
    dated = replace(CLEARVIEW_FORENSIC, signed=date(2023, 9, 30))
    save(database, dated, match(dated, band="review"))
    shown = text(client, "/")
    money = sum(action.obligation or 0 for award in (CLEARVIEW_AWARD, BABEL) for action in award.actions)
    assert f"Obligated, all years ${money:,.2f} Awards 2" in shown
    assert "Vendors with records 2 of" in shown


def test_the_home_page_names_the_largest_awards_of_the_newest_year(made: Made) -> None:
    client, database = made
    awards: list[tuple[date, int, dict[str, Any]]] = [
        (date(2023, 9, 30), 9_000, {}),
        (date(2023, 10, 1), 100, {}),
        (date(2024, 9, 30), 300, {}),
        (date(2024, 9, 1), 8_000, {"band": "review"}),
        (date(2024, 9, 2), 7_000, {"action_keys": ["other"]}),
        (date(2024, 9, 3), 200, {}),
    ]
    for number, (signed, dollars, extra) in enumerate(awards):
        action = replace(CLEARVIEW_AWARD.actions[0], key=f"A{number}", signed=signed, obligation=Decimal(dollars))
        award = replace(CLEARVIEW_AWARD, key=f"K{number}", piid=f"P{number}", actions=(action,))
        award = replace(award, signed=signed, obligated=Decimal(dollars))
        save(database, award, match(award, **extra))
    section = tree_of(client.get("/").content).xpath("//section[@aria-labelledby='largest']")[0]
    assert section.xpath("string(h2)") == "Largest awards signed in fiscal year 2024"
    assert section.xpath(".//span[@class='amount']/text()") == ["$300", "$200", "$100"]


def test_the_list_of_feeds_has_every_feed(client: Client) -> None:
    page = tree_of(client.get("/feeds.html").content)
    listed, without_entries = (page.xpath(f"//{place}//td/a[1]/@href") for place in ("table", "details"))
    assert {"vendor/cellebrite.atom", "agency/7012.atom", "category/face-recognition.atom"} <= set(listed)
    assert {f"vendor/{vendor.id}.atom" for vendor in few().vendors} <= set(listed)
    assert without_entries
    assert "vendor/cellebrite.atom" not in without_entries


def test_links_of_the_main_pages_work(client: Client) -> None:
    pages = ["/", "/search?q=software", CLEARVIEW, "/vendor/cellebrite.html", "/agency/7012.html"]
    seen: set[str] = set()
    for page in pages:
        tree = tree_of(client.get(page).content)
        tree.make_links_absolute(str(client.base_url.join(page)))
        own = {link.partition("#")[0] for _, _, link, _ in tree.iterlinks() if link.startswith(str(client.base_url))}
        seen |= {link for link in own if "/search." not in link}  # feeds and exports of a search are another's
    assert len(seen) > 60
    sample = sorted(seen)[::4]
    assert {client.get(link).status_code for link in sample} == {200}


def test_an_award_shows_its_facts_by_source(client: Client) -> None:
    shown = text(client, CLEARVIEW)
    assert "Recipient CLEARVIEW AI, INC. USAspending" in shown
    assert "Seen in USAspending." in shown
    assert "Do not add up amounts" in shown
    assert "Dollars obligated by 4 actions, 2021-09-03 to 2023-09-12; total $2,287,500.00." in shown
    assert "first purchase" not in shown.lower()


def test_evidence_is_downloaded_byte_for_byte(client: Client) -> None:
    page = tree_of(client.get(CLEARVIEW).content)
    path = page.xpath("//a[contains(@href, 'evidence/')]/@href")[0]
    answer = client.get(path.removeprefix(".."))
    assert hashlib.sha256(answer.content).hexdigest() == path.rpartition("/")[2]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/evidence/" + "0" * 64).status_code == 404
    assert client.get("/evidence/..%2f..%2fetc").status_code == 404


def test_a_vendor_shows_names_spending_and_resellers(client: Client) -> None:
    shown = text(client, "/vendor/cellebrite.html")
    assert "Legal name CELLEBRITE, INC." in shown
    assert "Dollars obligated by fiscal year, 2021 to 2024" in shown
    assert "U.S. Customs and Border Protection" in shown
    assert "CARAHSOFT TECHNOLOGY CORP" in shown
    assert "first purchase" not in shown.lower()
    earliest = shown.partition("Earliest awards")[2].partition("Names and identifiers")[0]
    assert "2020-12-15 2020-09-30" in earliest, "the day to which the first poll looked back"
    assert "Avail" not in earliest, "another vendor's"
    assert client.get("/vendor/nobody.html").status_code == 404
    assert client.get("/vendor/cellebrite.atom").headers["content-type"].startswith("application/atom+xml")


def test_a_vendor_shows_vehicles_competition_ends_and_options(made: Made) -> None:
    client, database = made
    ends = datetime.now(UTC).date() + timedelta(days=42)
    options = {"may_end": ends + timedelta(days=365), "exercised": Decimal("2287500.00"), "ceiling": Decimal(3000000)}
    parent = {"parent_piid": "HSHQDC12D00013", "parent_key": "CONT_IDV_HSHQDC12D00013_7001"}
    order = replace(CLEARVIEW_AWARD, **SOLE_SOURCE, ends=ends, **options, **parent)  # type: ignore[arg-type]
    save(database, order, match(order))
    for path in ("/vendor/clearview-ai.html", "/agency/7012.html", "/category/face-recognition.html"):
        shown = text(client, path)
        vehicles = shown.partition("Contract vehicles")[2].partition("Competition")[0]
        assert "HSHQDC12D00013 CLEARVIEW AI, INC. 1 $2,287,500.00" in vehicles
        assert "Not competed ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER) 1 $2,287,500.00" in shown
        ending = shown.partition("When contracts end")[2].partition("Earliest awards")[0]
        assert f"{ends} in 42 days CLEARVIEW AI, INC." in ending
        assert f"until {ends + timedelta(days=365)}, $712,500.00" in ending
    links = tree_of(client.get("/vendor/clearview-ai.html").content).xpath("//section[@aria-labelledby='vehicles']//a")
    assert [link.get("href") for link in links] == ["https://www.usaspending.gov/award/CONT_IDV_HSHQDC12D00013_7001/"]


def test_a_vendor_is_narrowed_to_an_agency(client: Client) -> None:
    whole = tree_of(client.get("/vendor/cellebrite.html").content)
    [href] = whole.xpath("//a[text()='U.S. Immigration and Customs Enforcement']/@href")
    page = tree_of(client.get(f"/vendor/cellebrite.html{href}").content)
    total = "//dl[@class='sums']//dd/text()"
    by_agency = "//tr[th/a='U.S. Immigration and Customs Enforcement']/td[last()]/text()"
    assert page.xpath(total)[0] == whole.xpath(by_agency)[0] != whole.xpath(total)[0]
    assert "U.S. Customs and Border Protection" not in page.text_content()
    assert page.xpath("//a[text()='All records']/@href") == ["../search?vendor=cellebrite&agency=7012"]
    for refused in ("/vendor/cellebrite.html?agency=9999", "/agency/7012.html?agency=7014"):
        assert client.get(refused).status_code == 400


def test_what_is_new_on_a_page_is_what_was_first_seen_since_a_day(made: Made) -> None:
    client, database = made
    save(database, CLEARVIEW_AWARD, match(CLEARVIEW_AWARD))
    save(database, acted(CLEARVIEW_AWARD, "P00009", "2026-11-01", "250000.00"), match(CLEARVIEW_AWARD), now=LATER)

    def titles(query: str) -> list[str]:
        page = tree_of(client.get(f"/vendor/clearview-ai.html{query}").content)
        return list(page.xpath("//section[@aria-labelledby='newest']//p[@class='told']/a/text()"))

    assert [len(titles(f"?seen_since={day}")) for day in (SEEN.date(), LATER.date(), date(2027, 1, 1))] == [2, 1, 0]
    assert "P00009" in titles(f"?seen_since={LATER.date()}")[0]
    assert "No entries first seen since 2027-01-01." in text(client, "/vendor/clearview-ai.html?seen_since=2027-01-01")
    assert client.get("/vendor/clearview-ai.html?seen_since=soon").status_code == 400


def test_agencies_technologies_and_recipients_have_pages(client: Client) -> None:
    assert "Recipients" in text(client, "/agency/7012.html")
    department = text(client, "/agency/070.html")
    assert "Department, with all its parts; code 070." in department
    assert "do not add these up" in department.partition("What is bought")[2].partition("Recipients")[0]
    assert department.count("do not add these up") == 1
    assert "U.S. Customs and Border Protection" in department.partition("Spending by agency")[2]
    assert client.get("/agency/070.atom").status_code == 200
    assert "Spending by agency" in text(client, "/category/face-recognition.html")
    shown = text(client, "/recipient/carahsoft-technology-corp.html")
    assert "Name as written CARAHSOFT TECHNOLOGY CORP" in shown
    assert "Cellebrite" in shown


def test_a_search_shows_results_and_feeds(client: Client) -> None:
    answer = client.get("/search", params={"q": "clearview", "since": "2024-01-01"})
    page = tree_of(answer.content)
    assert page.xpath("//h2[@id='results']")[0].text_content().startswith("1 record with")
    assert "in the last 30 days" in page.text_content()
    hrefs = page.xpath("//section[@aria-labelledby='subscribe']//a/@href")
    assert [href.partition("?")[0] for href in hrefs] == [
        "search.atom",
        "search.rss",
        "search.json",
        "alerts/add",
    ]
    assert {href.partition("?")[2] for href in hrefs} == {"q=clearview&since=2024-01-01"}
    assert page.xpath("//input[@name='since']/@value") == ["2024-01-01"]


def test_a_search_adds_up_no_more_records_than_it_counts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def spent(query: str) -> str:
        return str(tree_of(client.get(f"/search?{query}").content).xpath("string(//p[@class='spent-total'])"))

    monkeypatch.setattr(search, "MAX_COUNTED", 3)
    assert "obligated by" in spent("agency=7012")  # its total is stored
    assert spent("q=cellebrite&kind=award") == (
        "To add up what these records obligate, compare them by agency and fiscal year."
    )


def test_a_search_has_all_pages(client: Client) -> None:
    path = "/search"
    seen: list[str] = []
    for _ in range(20):
        page = tree_of(client.get(path).content)
        seen += page.xpath("//article//h3/a/@href")
        following = page.xpath("//a[@rel='next']/@href")
        if not following:
            break
        path = f"/{following[0]}"
    total = int(tree_of(client.get("/search").content).xpath("//h2[@id='results']")[0].text.split()[0])
    assert len(seen) == len(set(seen)) == total > 25


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"vendr": "x"}, "unknown parameter 'vendr'; did you mean 'vendor'?"),
        ({"since": "yesterday"}, "since 'yesterday' is not a date; write it as 2024-09-30"),
        ({"after": "nowhere"}, ""),
        ({"band": "review"}, "only a signed-in reviewer may ask for matches that are not published"),
        ({"decision": "rejected"}, "only a signed-in reviewer may ask for matches that are not published"),
    ],
)
def test_an_invalid_search_is_one_line(client: Client, params: dict[str, str], line: str) -> None:
    answer = client.get("/search", params=params)
    assert answer.status_code == 400
    assert line in tree_of(answer.content).xpath("//p[@role='alert']")[0].text_content()


def test_an_invalid_search_keeps_its_other_filters(client: Client) -> None:
    params = {"vendor": "cellebrite", "agency": "7012", "category": "no-such", "band": "review", "min_amount": "lots"}
    refused = client.get("/search", params={**params, "reseller": "panamerica"})
    assert (refused.status_code, refused.headers["cache-control"]) == (400, "no-store")
    assert client.get("/search", params=params, headers={"If-None-Match": "*"}).status_code == 400
    form = tree_of(refused.content).xpath("//form[@class='ask']")[0]
    hidden = {each.get("name"): each.get("value") for each in form.xpath(".//input[@type='hidden']")}
    assert hidden == {"vendor": "cellebrite", "agency": "7012"}
    assert form.xpath("string(.//input[@name='min_amount']/@value)") == "lots"
    assert form.xpath("string(.//option[@selected]/@value)") == "panamerica"


def test_facets_contain_only_valid_values(made: Made) -> None:
    client, database = made
    for number, state in enumerate(("VA", "NY", "ENGLAND", "N/A")):
        recipient = Recipient(name="Clearview AI", state=state)
        award = replace(CLEARVIEW_AWARD, key=f"K{number}", piid=f"P{number}", recipient=recipient, actions=())
        save(database, award, match(award))
    links = tree_of(client.get("/search").content).xpath("//a[starts-with(@id, 'state-')]/@href")
    assert {"search?state=VA", "search?state=NY"} == set(links)
    assert [client.get(f"/{link}").status_code for link in links] == [200] * len(links)


@pytest.mark.parametrize(
    "path", ["/nothing", "/awards/nothing.html", "/vendor/nothing.html", "/sql/-/nothing", "/search.csv?q=zzzz"]
)
def test_a_404_is_html_for_browsers_and_text_for_programs(client: Client, path: str) -> None:
    page = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    tree = tree_of(page.content)
    line = client.get(path)
    assert (line.status_code, line.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert tree.xpath("string(//p[@role='alert'])") == line.text.strip()
    assert "Accept" in line.headers["vary"]
    assert tree.xpath("string(//title)") == "Not found · Procurewatch"
    for href in [
        *tree.xpath("//link[@rel='stylesheet']/@href"),
        *tree.xpath("//nav//a/@href"),
        *tree.xpath("//main//a/@href"),
    ]:
        assert client.get(str(page.url.join(href))).status_code != 404, href


@pytest.mark.parametrize(
    "path",
    ["vendor/clearview-ai.html", "agency/7012.html", "category/face-recognition.html", "search?q=nothing+like+this"],
)
def test_pages_say_which_contracts_were_read(client: Client, path: str) -> None:
    page = tree_of(client.get(f"/{path}").content)
    lines = [line.text for line in page.xpath("//ul[@aria-label='Coverage']/li")]
    assert any("all contracts since 2020-09-30 have been read; earlier ones" in line.lower() for line in lines), lines
    assert ("awards signed after" in lines[-1]) == path.startswith("search")
    assert "search" not in path or "have been read" in client.get(f"/{path}").text.partition("Cite this search")[2]


def test_the_title_of_a_search(client: Client) -> None:
    for query, title, heading in (
        ("", "All records · Procurewatch", "116 records"),
        ("?q=cellebrite", "Records with “cellebrite” · Procurewatch", "29 records with “cellebrite”"),
    ):
        tree = tree_of(client.get(f"/search{query}").content)
        assert tree.xpath("string(//title)") == title
        assert tree.xpath("string(//h2[@id='results'])") == heading
    assert tree_of(client.get("/search?since=x").content).xpath("string(//title)") == "Search · Procurewatch"


def test_an_empty_search_has_no_exports(client: Client) -> None:
    assert tree_of(client.get("/search?q=cellebrite").content).xpath("//a[contains(@href, 'search.csv')]")
    assert not tree_of(client.get("/search?q=zzzz").content).xpath("//a[contains(@href, 'search.csv')]")


def test_a_reviewer_may_search_pending_matches(client: Client) -> None:
    sign_in(client)
    answer = client.get("/search", params={"band": "review"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    tree = tree_of(answer.content)
    assert "records: matches pending review" in tree.xpath("string(//h2[@id='results'])")
    titles = tree.xpath("//article/h3/a/@href")
    assert titles
    for href in [*tree.xpath("//aside//a/@href | //head/link/@href"), *titles]:  # feeds and files have none of it
        own = client.get(str(answer.url.join(href))) if "//" not in href else None
        assert own is None or own.status_code == 200, href


ACCEPTED = {
    "gzip, deflate": "gzip",
    "gzip, br": "br",
    "gzip, deflate, br, zstd": "zstd",
    "gzip;q=0": None,
    "*;q=0": None,
    "identity": None,
}


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/search", CLEARVIEW, "/vendor/cellebrite.html", "/style.css", "/assets/review.js"),
        *("/assets/htmx.min.js", "/search.atom", "/search.rss", "/search.json", "/api/v1/records"),
    ],
)
def test_every_response_has_validators_compression_and_head(client: Client, path: str) -> None:
    answer = client.get(path)
    for accepted, used in ACCEPTED.items():
        plain = client.get(path, headers={"Accept-Encoding": accepted})
        assert (plain.content, plain.headers.get("content-encoding")) == (answer.content, used), accepted
    tag = answer.headers["etag"]
    validators = [{"If-None-Match": tag}, {"If-None-Match": f'"x", {tag}'}]
    if modified := answer.headers.get("last-modified"):
        validators.append({"If-Modified-Since": modified})
    unchanged = [client.get(path, headers=headers) for headers in validators]
    assert [(each.status_code, each.content, each.headers["etag"]) for each in unchanged] == [(304, b"", tag)] * len(
        validators
    )
    assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
    # A cache takes over what a 304 says: it must not give to one what only another can read.
    for told in (answer, plain, *unchanged):
        assert told.headers["vary"].split(", ").count("Accept-Encoding") == 1
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


@pytest.mark.parametrize("path", ["/search.csv?vendor=clearview-ai", "/search.parquet"])
def test_an_export_is_not_sent_again_while_nothing_has_changed(
    client: Client, app_context: AppContext, path: str
) -> None:
    headers = {"If-None-Match": client.get(path).headers["etag"]}
    assert (client.get(path, headers=headers).status_code, client.head(path, headers=headers).status_code) == (304, 304)
    assert client.get("/search.csv?vendor=cellebrite", headers=headers).status_code == 200
    with app_context.database.writing() as session:
        bump_publication_version(session)
    assert client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/all.atom", "/search.json?q=x", "/feeds.opml", "/health.rss", "/api/v1/records"])
def test_other_sites_may_read_feeds_with_validators(client: Client, path: str) -> None:
    origin = {"Origin": "https://reader.example.org"}
    asked = {**origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "if-none-match"}
    allowed = client.request("OPTIONS", path, headers=asked)
    assert (allowed.status_code, allowed.content) == (204, b"")
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "If-None-Match" in allowed.headers["access-control-allow-headers"]
    assert client.get(path, headers=origin).headers["access-control-allow-origin"] == "*"


def test_other_sites_may_not_read_pages(client: Client) -> None:
    assert client.request("OPTIONS", "/search").status_code == 405
    assert "access-control-allow-origin" not in client.get("/search").headers


def test_assets_are_served_by_name(client: Client) -> None:
    assert client.get("/icon.svg").headers["content-type"] == "image/svg+xml"
    assert client.get("/assets/page.html").status_code == 404


def test_an_award_shows_its_linked_publications(made: Made) -> None:
    client, database = made
    save(database, CLEARVIEW_AWARD, match(CLEARVIEW_AWARD))
    amounts = (Amount(meaning=AmountMeaning.SUBAWARDED, dollars=Decimal("900000000.00"), shared=False),)
    of_award: dict[str, Any] = {"award_key": CLEARVIEW_AWARD.key, "piid": CLEARVIEW_AWARD.piid}
    sub = publication(
        "SUB_1", PublicationKind.SUBAWARD, recipient=Recipient(name="SMALL LLC"), amounts=amounts, **of_award
    )
    notice = publication("NOTICE_1", PublicationKind.NOTICE, deadline=LATER + timedelta(days=36500))
    use = publication("USE_1", PublicationKind.USE_CASE, title="Finding faces")
    announced = publication(
        "ANN_1", PublicationKind.ANNOUNCEMENT, piid=CLEARVIEW_AWARD.piid, title="Contracts for today"
    )
    for one in (sub, notice, use, announced):
        publish(database, one)
    shown = text(client, f"/{award_path(CLEARVIEW_AWARD.key)}")
    assert "SMALL LLC" in shown.partition("Subawards")[2]
    assert "Contracts for today" in shown.partition("Linked publications")[2]
    assert "$2,287,500.00" in shown
    assert "same award number" in shown
    vendor = text(client, "/vendor/clearview-ai.html")
    assert "Open notices Facial recognition software" in vendor
    assert "Finding faces" in vendor.partition("AI use case inventories")[2]
    assert "$2,287,500.00" in vendor
    assert "900,000,000" not in vendor.partition("Newest entries")[0]
    assert "Awards it is about" in text(client, f"/{award_path('ANN_1')}")


def test_pending_records_have_no_page(made: Made) -> None:
    client, database = made
    save(database, CLEARVIEW_AWARD, match(CLEARVIEW_AWARD))
    save(database, BABEL, match(BABEL, "babel-street", band="review"))
    assert client.get(f"/{award_path(BABEL.key)}").status_code == 404
    for path in ("/", "/search", "/vendor/babel-street.html", "/agency/7012.html"):
        assert "PANAMERICA" not in text(client, path)


def test_parent_and_orders_are_linked(made: Made) -> None:
    client, database = made
    parent = replace(EQUIPMENT, key="CONT_IDV_HSHQDC12D00013_7001", piid="HSHQDC12D00013", parent_piid="", actions=())
    order = replace(BABEL, parent_key=parent.key)
    save(database, order, match(order, "babel-street"))
    save(database, parent, match(parent, "babel-street"))
    assert f"../{award_path(order.key)}" in client.get(f"/{award_path(parent.key)}").text
    assert f"../{award_path(parent.key)}" in client.get(f"/{award_path(order.key)}").text


def test_a_former_key_redirects_to_the_award(made: Made) -> None:
    client, database = made
    save(database, BABEL, match(BABEL, "babel-street"))
    parent = "HSHQDC12D00014"
    corrected = replace(BABEL, key=BABEL.key.replace(BABEL.parent_piid, parent), parent_piid=parent, replaces=BABEL.key)
    save(database, corrected, match(corrected, "babel-street"), now=LATER)
    moved = client.get(f"/{award_path(BABEL.key)}", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (302, f"../{award_path(corrected.key)}")
    shown = text(client, f"/{award_path(BABEL.key)}")
    assert f"Award key before: {BABEL.key} Award key now: {corrected.key}" in shown
    assert client.get(f"/foia/{BABEL.key}.txt").text == client.get(f"/foia/{corrected.key}.txt").text
    assert client.get(f"/api/v1/records/{BABEL.key}").json()["record_key"] == corrected.key


def test_hostile_text_is_escaped_and_shortened(made: Made) -> None:
    client, database = made
    long = "A" * 1_000_000
    evil = replace(
        CLEARVIEW_AWARD,
        recipient=Recipient(name=EVIL.replace("\ud800", "").replace("\x00", "")),
        description=EVIL.replace("\ud800", "").replace("\x00", "") + long,
    )
    save(database, evil, match(evil, reason=f"Because {EVIL}".replace("\ud800", "").replace("\x00", "")))
    for path in ("/", "/search", f"/{award_path(evil.key)}", "/vendor/clearview-ai.html", "/agency/7012.html"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text
        assert "\x07" not in answer.text
        assert len(answer.content) < 200_000
    for q in (EVIL.replace("\ud800", ""), '"', "%00", "' OR 1=1 --", "*" * 900):
        assert client.get("/search", params={"q": q}).status_code in (200, 400)


def test_the_feed_list_links_to_html_pages(client: Client) -> None:
    outlines = etree.fromstring(client.get("/feeds.opml").content).findall(".//outline[@xmlUrl]")
    pages = {str(outline.get("text")): str(outline.get("htmlUrl")) for outline in outlines}
    assert pages["Cellebrite"].endswith("/vendor/cellebrite.html")
    assert all(client.get(page).status_code == 200 for page in pages.values())


@pytest.mark.parametrize("path", ["/search", "/search.atom", "/search.json"])
def test_an_unknown_id_is_refused_with_a_suggestion(client: Client, path: str) -> None:
    for asked, near in (("vendor=cellebrit", "cellebrite"), ("category=faces", "face-recognition")):
        answer = client.get(f"{path}?{asked}")
        assert answer.status_code == 400
        assert f"did you mean '{near}'?" in unescape(answer.text)
    assert client.get(f"{path}?agency=9999").status_code == 200  # it may buy something tomorrow


def test_the_title_of_a_search_feed(client: Client) -> None:
    assert "<title>Procurewatch: records with “cellebrite”</title>" in client.get("/search.atom?q=cellebrite").text
    assert "<title>Procurewatch: everything</title>" in client.get("/search.atom").text
