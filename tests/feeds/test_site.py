"""The site: its paths, its links, its pages."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree, html

from feeds.entries.entry import entry_for
from feeds.feed import feed_id
from feeds.formats.opml import RSS_URL
from feeds.pages.award import RecordPage, render_award
from feeds.pages.lists.feeds import FeedRow, render_feed_list
from feeds.pages.lists.home import render_index
from feeds.pages.page_context import PageContext
from feeds.site import SiteFeeds
from feeds.urls import FeedFormat, FeedKind, award_page_name, award_path, event_path, feed_path
from storage.models import EventKind, StoredEvent, StoredRecord, StoredSourceRecord
from tests.feeds.records import BABEL, BABEL_ACTIONS, CLEARVIEW, CLEARVIEW_ACTIONS, SEEN, event, evidence, hostile
from tests.records import SOLE_SOURCE

SCRIPT = "<script>alert(1)</script> \u202e ]]> & \ud800"
EVENTS = (
    event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD),
    event(CLEARVIEW, CLEARVIEW_ACTIONS[1]),
    event(BABEL, BABEL_ACTIONS[0], EventKind.NEW_AWARD),
    hostile(SCRIPT, key="CONT_AWD_<x>/../../y"),
)


def record(of: StoredEvent) -> RecordPage:
    award = of.record
    known = {CLEARVIEW.key: CLEARVIEW_ACTIONS, BABEL.key: BABEL_ACTIONS}
    actions = known.get(award.key, (of.action,) if of.action else ())
    told = tuple(it for it in EVENTS if it.record.key == award.key)
    return RecordPage(award=award, actions=actions, evidence=(evidence(award),), events=told)


FEEDS = (
    (FeedKind.ALL, "", "Everything", EVENTS),
    (FeedKind.VENDOR, "clearview-ai", "Clearview AI", EVENTS[:2]),
    (FeedKind.VENDOR, "nobody", "Nobody & sons", ()),
    (FeedKind.AGENCY, "7014", "U.S. Customs and Border Protection", EVENTS[2:3]),
    (FeedKind.CATEGORY, "face-recognition", "Face recognition", EVENTS[:2]),
)
ROWS = tuple(
    FeedRow(kind=kind, slug=slug, title=title, entries=len(events), newest=SEEN.date() if events else None)
    for kind, slug, title, events in FEEDS
)
ENDINGS = ("atom", "rss", "json")


def built(base_url: str = "https://watch.example.org/pw/") -> dict[str, bytes]:
    """Return the home page, the feeds, the list of feeds and the pages of the records."""
    site, frame = SiteFeeds(base_url=base_url), PageContext(depth=1, base_url=base_url)
    entries = {event.id: entry_for(event, event_path) for event in EVENTS}
    files = {
        feed_path(kind, slug, fmt): site.feed(row, fmt, [entries[event.id] for event in events])
        for row, (kind, slug, _, events) in zip(ROWS, FEEDS, strict=True)
        for fmt in FeedFormat
    }
    index = PageContext(base_url=base_url)
    files["index.html"] = render_index(index, list(entries.values()), ROWS[0], today=SEEN.date())
    files["feeds.html"] = render_feed_list(index, ROWS)
    files["feeds.opml"] = site.opml(ROWS)
    for each in EVENTS:
        files[award_path(each.record.key)] = render_award(frame, record(each), ROWS)
    return files


def pages(files: dict[str, bytes]) -> dict[str, html.HtmlElement]:
    return {path: html.fromstring(body) for path, body in files.items() if path.endswith(".html")}


def test_pages_hold_no_script_no_inline_style_and_nothing_from_outside_opens_a_tag() -> None:
    for path, page in pages(built()).items():
        assert not page.xpath(
            "//script | //style | //@style | //img | //iframe | //b[not(parent::mark or @class)][. != 'Why:']"
        ), path
        assert page.xpath("//link[@rel='stylesheet']")[0].get("href").endswith("style.css")
        assert page.xpath("//main[@id='main']")
        assert page.xpath("//a[@href='#main']")
        assert len(page.xpath("//h1")) == 1
        assert not page.xpath("//th[not(@scope)] | //table[not(caption)]")
        ids = page.xpath("//@id")
        assert len(set(ids)) == len(ids)
    assert "&lt;script&gt;alert(1)" in built()["index.html"].decode()


def test_all_feeds_are_listed_those_with_entries_first() -> None:
    page = pages(built())["feeds.html"]
    alternates = page.xpath("//link[@rel='alternate']/@href")
    assert alternates == ["all.atom", "all.rss", "all.json", "feeds.opml"]
    rows = [" ".join(row.text_content().split()) for row in page.xpath("//tbody/tr")]
    assert rows[0] == "Clearview AI 2 2026-11-20 Atom RSS JSON"
    assert rows[1] == "Nobody & sons 0 none Atom RSS JSON"
    assert page.xpath("//details[@class='more']//tbody/tr/th//text()") == ["Nobody & sons"]


def test_index_shows_the_newest_entries_by_day_and_award() -> None:
    page = pages(built())["index.html"]
    assert page.xpath("//link[@rel='alternate']/@href") == ["all.atom", "all.rss", "all.json", "feeds.opml"]
    assert page.xpath("//section[@aria-labelledby='new']//time/text()") == ["2026-11-20"]
    awards = [award.xpath(".//a/text()") for award in page.xpath("//section[@aria-labelledby='new']//li")]
    assert [len(entries) for entries in awards] == [2, 1, 1], "two entries of one award are together"
    assert all(entry.startswith("Clearview AI") for entry in awards[0])


def test_index_shows_few_entries_of_an_award_and_says_how_many_more() -> None:
    many = [replace(event(CLEARVIEW, CLEARVIEW_ACTIONS[1]), id=f"tag:{number}") for number in range(5)]
    entries = [entry_for(each, event_path) for each in many]
    page = pages({"index.html": render_index(PageContext(), entries, None, today=SEEN.date())})["index.html"]
    assert len(page.xpath("//section[@aria-labelledby='new']//li//a")) == 2
    assert "3 more entries of this award" in page.text_content()


def test_an_amount_in_a_title_is_not_broken_over_two_lines() -> None:
    less = replace(event(CLEARVIEW, CLEARVIEW_ACTIONS[1]), amount=Decimal("-13800.00"))
    entries = [entry_for(less, event_path)]
    page = pages({"index.html": render_index(PageContext(), entries, None, today=SEEN.date())})["index.html"]
    assert page.xpath("//span[@class='unbroken']/text()") == ["\N{MINUS SIGN}$13,800"]


def test_index_without_anything() -> None:
    assert b"No entries yet" in render_index(PageContext(), (), None, today=SEEN.date())


def test_award_page_shows_actions_evidence_and_feeds() -> None:
    text = " ".join(pages(built())[f"awards/{CLEARVIEW.key}.html"].text_content().split())
    for words in (
        "P00005 2023-09-12 $787,500.00",
        "$0.00 (no funds obligated)",
        evidence(CLEARVIEW).sha256,
        evidence(CLEARVIEW).url,
        "Obligated to date$2,287,500.00",
        "Matched because",
        "Face recognition Atom RSS JSON",
    ):
        assert words in text


def page_of(award: StoredRecord, *said: StoredSourceRecord) -> str:
    """Return the words of an award's page with what its sources say."""
    shown = RecordPage(
        award=award,
        actions=(),
        evidence=(),
        events=(),
        sources=said,
        source_titles={"usaspending": "USAspending", "fpds": "FPDS"},
    )
    page = html.fromstring(render_award(PageContext(depth=1), shown))
    return " ".join(" ".join(map(str, page.itertext())).split())


def said_by(source: str, **facts: object) -> StoredSourceRecord:
    return StoredSourceRecord(
        source=source,
        facts=facts,
        actions=1,
        modified=None,
        url="",
        deleted_on=None,
        deletion_reason="",
        first_seen=SEEN,
        last_changed=SEEN,
    )


def test_award_page_says_how_it_was_bought_and_paid_and_who_says_so() -> None:
    facts = {**SOLE_SOURCE, "disaster_codes": ["N", "Q"]}
    text = page_of(
        replace(CLEARVIEW, **SOLE_SOURCE),
        said_by("usaspending", **facts),
        said_by("fpds", pricing="FIRM FIXED PRICE", offers_received=3, disaster_codes=["N", "Q"]),
    )
    section = text.partition("How it was bought and paid")[2].partition("Details")[0]
    for words in (
        "Competition Not competed USAspending",
        "Reason not competed ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER) USAspending",
        "Offers received 1 USAspending",
        "Solicitation procedure ONLY ONE SOURCE USAspending",
        "Set-aside 8(A) SOLE SOURCE USAspending",
        "Pricing FIRM FIXED PRICE USAspending, FPDS",
        "Outlays to date $1,787,500.00 USAspending",
        "Disaster and emergency funding (DEFC) N (COVID-19) USAspending, FPDS",
        "Subawards reported 2 (total $250,000.50) USAspending",
        "do not add them to it",
    ):
        assert words in section, words
    assert "Offers received 1 3" in text.partition("Comparison of sources")[2]
    assert text.count("8(A) SOLE SOURCE") == 1  # the table of facts does not repeat it


def test_award_page_names_only_what_is_known() -> None:
    assert "How it was" not in page_of(CLEARVIEW)
    assert "How it was bought As" in page_of(replace(CLEARVIEW, extent_competed="NOT COMPETED"))
    grant = page_of(replace(CLEARVIEW, category="assistance", outlays=Decimal(5)))
    assert "How it was paid As" in grant
    assert "Older awards may have none" in grant
    assert "Recipients report subawards" not in grant


def test_matches_under_review_are_nowhere() -> None:
    doubtful = replace(BABEL.matches[0], band="review")
    award = replace(BABEL, matches=(doubtful,))
    of = event(award, BABEL_ACTIONS[0], seen=SEEN)
    shown = RecordPage(award=award, actions=BABEL_ACTIONS, evidence=(), events=(of,))
    entry, site = entry_for(of, event_path), SiteFeeds(base_url="")
    for page in (
        render_award(PageContext(depth=1), shown, ROWS[:1]),
        render_index(PageContext(), [entry], ROWS[0], today=SEEN.date()),
        *(site.feed(ROWS[0], fmt, [entry]) for fmt in FeedFormat),
    ):
        assert b"Babel Street" not in page
        assert b"<mark>" not in page


def test_opml() -> None:
    root = etree.fromstring(built("https://watch.example.org/pw")["feeds.opml"])
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert root.findtext("head/title") == "Procurewatch: all feeds"
    groups = [outline.get("text") for outline in root.findall("body/outline")]
    assert groups == ["Everything", "Vendors", "Agencies", "Technologies"]
    feeds = root.findall("body/outline/outline")
    assert {feed.get("type") for feed in feeds} == {"rss"}
    assert feeds[1].get("xmlUrl") == "https://watch.example.org/pw/vendor/clearview-ai.atom"
    assert feeds[1].get(RSS_URL) == "https://watch.example.org/pw/vendor/clearview-ai.rss"
    assert feeds[2].get("text") == "Nobody & sons"


def test_a_site_without_an_address_offers_no_opml() -> None:
    assert b"opml" not in built("")["index.html"].lower()  # its entries would be https://all.atom to a reader


def test_feed_ids_are_for_ever() -> None:
    assert feed_id("vendor", "clearview-ai") == "tag:procurewatch,2026:feed/vendor/clearview-ai"
    assert feed_id("all") == "tag:procurewatch,2026:feed/all"
    assert feed_id("vendor", "a/b c\x00é") == "tag:procurewatch,2026:feed/vendor/a%2Fb%20c%C3%A9"


@given(st.lists(st.text(st.characters(), max_size=200), unique=True, max_size=8))
@example(["CON", "con", "NUL", "", ".", "..", "a/b", "a\\b", "A", "a", "a\x00", "\ud800", "CONT_AWD_x", "CONT_AWD_X"])
@example(["x" * 300, "x" * 301, "CONT_AWD_" + "X" * 300, "CONT_AWD_" + "X" * 301])
def test_names_are_safe_on_any_system_and_never_collide(keys: list[str]) -> None:
    for names in (
        [award_page_name(key) for key in keys],
        [
            feed_path(FeedKind.VENDOR, key, FeedFormat.ATOM).removeprefix("vendor/").removesuffix(".atom")
            for key in keys
        ],
    ):
        assert all(
            set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") for name in names
        )
        assert all(0 < len(name) <= 120 for name in names)
    assert len({award_page_name(key).lower() for key in keys}) == len(keys)
