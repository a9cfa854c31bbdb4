"""From a page's HTML to records: the saved page to its last field, other markup, three origins, files, hostility."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.base import FileSource
from sources.errors import SourceChanged
from sources.records import (
    Payload,
    Problem,
    Publication,
    SourceFact,
)
from tests.shared_data import FOLDER, needs
from tests.sources.dod.articles import ARTICLE, PLAIN, SOURCE, page, publications, read, records_of

GATHERED = "dod/dod_contracts_article_4532515_excerpt.html"
URL = "https://www.war.gov/News/Contracts/Contract/Article/4532515/"
BODY = (
    '<html><head><title>x</title></head><body><h1 class="maintitle">Contracts For Feb. 24, 2025</h1>'
    '<div class="body">{}</div></body></html>'
)


PARAGRAPH = "<p>Acme Corp., Dayton, Ohio, is awarded a $9,000,000 contract for radios. (N00024-25-C-0001)</p>"


def body(told: str) -> bytes:
    return BODY.format(told).encode()


def texts(told: str) -> list[tuple[str, str]]:
    """(section, whole text) of what a page's body holds."""
    return [(one.awarding.sub_name, one.description) for one in publications(read(body(told)))]


def test_several_awardees_become_separate_records_with_a_shared_amount() -> None:
    told = (
        "<p>Alpha Inc.,* Boise, Idaho (N00019-26-D-0001); and Beta LLC, Bonn, Germany (N00019-26-D-0002), are awarded a"
        " $100 contract.</p>"
    )
    first, second = publications(read(body(told)))
    assert (first.key, second.key) == ("DOD_4532515_1_1", "DOD_4532515_1_2")
    assert (first.piid, second.piid) == ("N0001926D0001", "N0001926D0002")
    assert (first.recipient.state, second.recipient.state) == ("ID", "")
    assert [one.shared for one in (*first.amounts, *second.amounts)] == [True, True]
    marks = [[fact.value for fact in one.facts if fact.label == "small business"] for one in (first, second)]
    assert marks == [["*"], []]
    assert SourceFact(label="awardees together", value="2") in second.facts


def test_every_fact_of_an_announcement_is_parsed() -> None:
    told = (
        "<p>Acme Corp., Radar Division, Boise, Idaho, is awarded a $100 task order (N00019-26-F-0001) under contract"
        " N00019-20-D-0002, solicitation N00019-19-R-0003, with N00019-20-C-0009. Work will be performed in Boise,"
        " Idaho (60%); and Bonn, Germany (40%), and is expected to be completed by Sept. 27, 2031. Fiscal 2026 funds in"
        " the amount of $5 will be obligated. Fiscal 2027 funds of $6 will be obligated when they become available."
        " This contract was a sole-source acquisition; three offers were received. The contracting activity is the"
        " Defense Health Agency, Falls Church, Virginia. (Awarded Feb. 20, 2025)</p>"
    )
    [one] = publications(read(body(told)))
    assert (one.piid, one.parent_piid, one.solicitation) == ("N0001926F0001", "N0001920D0002", "N0001919R0003")
    assert (one.signed, one.ends, one.published) == (date(2025, 2, 20), date(2031, 9, 27), date(2025, 2, 24))
    assert (one.place, one.extent_competed) == ("Boise, Idaho; and Bonn, Germany", "sole-source acquisition")
    facts = {fact.label: fact.value for fact in one.facts}
    assert facts.pop("funds").startswith("Fiscal 2026 funds in the amount of $5")
    assert facts == {
        "place of the awardee": "Boise, Idaho",
        "the awardee is described as": "Radar Division",
        "work places": "Boise, Idaho (60%); and Bonn, Germany (40%)",
        "completion": "expected to be completed by Sept. 27, 2031",
        "contracting activity": "Defense Health Agency, Falls Church, Virginia",
        "offers received": "three",
        "other amounts": "Fiscal 2027 funds of $6 will be obligated when they become available.",
        "other contract numbers": "N0001920C0009",
        "read from": "war.gov",
    }


@pytest.mark.parametrize(
    "told",
    [
        "<p><strong>NAVY</strong></p><p>{0}</p><p>{1}</p>",
        "<p style='text-align:center'><b>NAVY:</b></p>\n\n<p>{0}\n</p><p>&nbsp;</p><p>\u200b</p><p>{1}</p>",
        "<h3>NAVY</h3><div>{0}</div><div>{1}<br><br></div>",
        "<p><strong>NAVY</strong><br>{0}<br><br>{1}</p>",
        "NAVY<br/>{0}<br/>{1}",
        "<div><span>NAVY</span></div><div><div><p>{0}</p></div><script>var a = '$5 contract';</script><p>{1}</p></div>",
        "<p>Navy</p><p>{0}</p><p>{1}</p>",
    ],
)
def test_other_markup_gives_the_same_announcements(told: str) -> None:
    second = PLAIN.replace("Acme", "Other")
    found = texts(told.format(PLAIN, second))
    assert [(section.upper(), text) for section, text in found] == [("NAVY", PLAIN), ("NAVY", second)]


def test_broken_paragraphs_are_joined_and_page_furniture_is_dropped() -> None:
    told = (
        "<p>Contracts valued at $7.5 million or more are announced each business day.</p><p>ARMY</p>"
        f"<p>{PLAIN}</p><p>(Awarded Feb. 20, 2025)</p><p>AIR FORCE</p><p>{PLAIN}</p>"
        "<p>Fiscal 2026 funds in the amount of $5 were obligated.</p><p>*Small business<br>**Woman-owned business</p>"
        "<p>Choose which War.gov products you want delivered to your inbox.</p>"
    )
    assert texts(told) == [
        ("ARMY", f"{PLAIN} (Awarded Feb. 20, 2025)"),
        ("AIR FORCE", f"{PLAIN} Fiscal 2026 funds in the amount of $5 were obligated."),
    ]
    [first, _] = publications(read(body(told)))
    assert first.signed == date(2025, 2, 20)


@pytest.mark.parametrize(
    ("footer", "meaning"),
    [
        ("<p>*Small business<br>**Mandatory source</p>", "** Mandatory source"),
        ("<p>*Small Business **Mandatory source.</p>", "** Mandatory source"),
        ("", "**"),
    ],
)
def test_the_footer_explains_asterisks(footer: str, meaning: str) -> None:
    [one] = publications(read(body(f"<p>{PLAIN.replace('*', '**')}</p>{footer}")))
    assert [fact.value for fact in one.facts if fact.label == "small business"] == [meaning]


def test_a_correction_heading_marks_the_paragraphs_below() -> None:
    first, second, third = publications(
        read(body(f"<p>NAVY</p><p>{PLAIN}</p><p><b>CORRECTION:</b></p><p>{PLAIN}</p><p>ARMY</p><p>{PLAIN}</p>"))
    )
    assert (first.corrects, second.corrects, third.corrects) == ("", PLAIN, "")
    assert second.awarding.sub_name == "NAVY"


def test_a_paragraph_without_an_awardee_is_a_problem_with_its_text() -> None:
    first, problem, last = read(body(f"<p>{PLAIN}</p><p>Somehow $9,000,000 went away.</p><p>{PLAIN}</p>"))
    assert isinstance(problem, Problem)
    assert (problem.key, problem.reason) == (
        "DOD_4532515_2_1",
        "no awardee is named: Somehow $9,000,000 went away.",
    )
    assert problem.documents
    assert [first.key, last.key] == ["DOD_4532515_1_1", "DOD_4532515_3_1"]


def test_a_correction_with_only_a_contract_number_is_parsed() -> None:
    [one] = publications(read(body("<p>UPDATE: The date of contract N00019-26-C-0042 was wrong.</p>")))
    assert (one.recipient.name, one.piid) == ("", "N0001926C0042")
    assert one.corrects == one.description


@pytest.mark.parametrize(
    ("title", "day"),
    [
        ("Contracts For Feb. 24, 2025", date(2025, 2, 24)),
        ("Contracts for Sept. 5, 2025", date(2025, 9, 5)),
        ("Contracts for Feb. 2, 2026, Through Feb. 4, 2026", date(2026, 2, 4)),
        ("CONTRACTS FOR MAY 1, 2026", date(2026, 5, 1)),
        ("Contracts for today", None),
    ],
)
def test_the_date_comes_from_the_title(title: str, day: date | None) -> None:
    changed = body(f"<p>{PLAIN}</p>").replace(b"Contracts For Feb. 24, 2025", title.encode())
    [one] = publications(read(changed))
    assert one.published == day


def test_site_archive_and_file_give_the_same_keys() -> None:
    archive = f"https://web.archive.org/web/20260703010203id_/{URL}"
    found = [publications(read(ARTICLE, url=url)) for url in (URL, archive, "file:july.html")]
    origins = [{fact.value for one in records for fact in one.facts if fact.label == "read from"} for records in found]
    assert origins == [{"war.gov"}, {"the Internet Archive's copy of 2026-07-03 01:02:03 UTC"}, {"a saved file"}]
    bare = [
        [replace(one, documents=(), facts=tuple(f for f in one.facts if f.label != "read from")) for one in records]
        for records in found
    ]
    assert bare[0] == bare[1] == bare[2]


@pytest.mark.parametrize(
    "says",
    [
        f'<link rel="canonical" href="{URL}contracts-for-july-2-2026/">',
        f'<meta property="og:url" content="{URL}">',
        f'<link rel="canonical" href="https://web.archive.org/web/20260703010203/{URL}">',
        f"<!-- saved from url=(0091){URL}contracts-for-july-2-2026/ -->",
    ],
)
def test_a_saved_file_has_the_keys_of_its_page(tmp_path: Path, says: str) -> None:
    file = tmp_path / "Contracts for July 2, 2026 > war.gov.html"
    file.write_bytes(says.encode() + ARTICLE)
    assert isinstance(SOURCE, FileSource)
    [payload] = SOURCE.read_file(file)
    assert isinstance(payload, Payload)
    assert payload.documents[0].url == "file:Contracts%20for%20July%202%2C%202026%20%3E%20war.gov.html"
    assert str(tmp_path) not in payload.documents[0].url
    keys = [one.key for one in publications(records_of([payload]))]
    assert keys == [one.key for one in publications(read(ARTICLE))]


def test_a_file_without_an_article_number_is_keyed_by_its_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(ARTICLE)
    with caplog.at_level(logging.WARNING):
        [payload] = SOURCE.read_file(file)
    told = capsys.readouterr().out + caplog.text
    assert told.count("its day is the key") == 1
    found = publications(records_of([payload]))
    assert found[0].key == "DOD_2026-07-02_1_1"
    assert found[0].url == "https://www.war.gov/News/Contracts/"
    assert SourceFact(label="article", value="its number is not in the file; the key is its date") in found[0].facts


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7 binary",
        b"<html><h1>Access Denied</h1></html>",
        b"<html><h1>Contracts for July 2, 2026</h1></html>",
        b"<html><h1>Contracts for July 2, 2026</h1><div class=body><p>NAVY</p></div></html>",
        b"<html><h1>Releases</h1><div class=body><p>Acme Corp., Boise, is awarded a $9 contract.</p></div></html>",
        b"<html><h1>Contracts for today</h1><div class=body><p>Acme Corp. is awarded a $9 contract.</p></div></html>",
    ],
)
def test_a_file_that_is_not_a_contracts_page_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.html"
    file.write_bytes(content)
    with pytest.raises(SourceChanged):
        list(SOURCE.read_file(file))


SOCIETE = PLAIN.replace("Acme Drones LLC", "Soci\u00e9t\u00e9 Drones \u2013 LLC")
UNREADABLE = "characters of the page that could not be read"


@pytest.mark.parametrize(
    ("written", "head", "sent"),
    [
        ("utf-8", "", "text/html"),
        ("utf-8", "", "text/html; charset=utf-8"),
        ("utf-8", '<meta charset="utf-8">', "text/html"),
        ("windows-1252", "", "text/html"),
        ("windows-1252", '<meta charset="iso-8859-1">', "text/html"),
        ("windows-1252", '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "text/html"),
        ("windows-1252", '<meta charset="utf-8">', "text/html; charset=ISO-8859-1"),
        ("utf-8", '<meta charset="no-such-charset">', "text/html"),
        ("utf-16", "", "text/html; charset=utf-16"),
    ],
)
def test_a_page_is_read_in_the_encoding_it_declares(written: str, head: str, sent: str) -> None:
    content = head + BODY.format(f"<p>{SOCIETE}</p>")
    (one,) = publications(read(content.encode(written), sent=sent))
    assert one.recipient.name == "Soci\u00e9t\u00e9 Drones \u2013 LLC"
    assert UNREADABLE not in {fact.label for fact in one.facts}


def test_text_outside_the_declared_encoding_is_reported() -> None:
    content = '<meta charset="utf-8">' + BODY.format(f"<p>{SOCIETE}</p>")
    (one,) = publications(read(content.encode("windows-1252")))
    assert SourceFact(label=UNREADABLE, value="3") in one.facts


def test_hostile_text_stays_text() -> None:
    odd = "Acme\x00 &lt;script&gt;alert(1)&lt;/script&gt; \x1e\x1f\u202eCorp., Boise, Idaho, is awarded a $9 contract."
    [one] = publications(read(body(f"<p>{odd}</p>")))
    assert one.recipient.name == "Acme <script>alert(1)</script> Corp."
    assert all(character.isprintable() for character in one.description)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: body(f"<p>{text}</p>")))
def test_parsing_never_fails_on_arbitrary_pages(content: bytes) -> None:
    records = read(content)
    assert all(
        isinstance(record, (Publication, Problem)) and record.key.startswith("DOD_4532515") for record in records
    )
    assert len({record.key for record in records}) == len(records)


def test_a_long_page_is_parsed_completely() -> None:
    many = page(1, *(PLAIN.replace("Acme", f"Acme {n}") for n in range(300)))
    found = publications(read(many.body))
    assert [one.key for one in found] == [f"DOD_4532515_{n}_1" for n in range(1, 301)]


@needs(GATHERED)
def test_the_recorded_page_matches_the_gathered_paragraphs() -> None:
    gathered = (FOLDER / GATHERED).read_bytes()
    keep = [replace(one, documents=()) for one in publications(read(ARTICLE))]
    assert [replace(one, documents=()) for one in publications(read(gathered))] == keep


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<div>" * 100_000 + PARAGRAPH, "more than 30000 tags"),
        ('<div class="body">' * 40_000 + PARAGRAPH, "more than 30000 tags"),
        (PARAGRAPH * 6_000, "more than 500000 characters"),
        ("x" * 5_000_000, "larger than a page can be"),
    ],
)
def test_a_page_that_would_take_minutes_is_refused(content: str, why: str) -> None:
    [problem] = read(body(content))
    assert isinstance(problem, Problem)
    assert why in problem.reason


def test_a_paragraph_longer_than_any_announcement_is_a_problem_of_its_own() -> None:
    long, good = read(body(f"<p>Acme, Ohio, is awarded $9,000,000. {'$1 ' * 10_000}</p>" + PARAGRAPH))
    assert isinstance(long, Problem)
    assert long.reason.startswith("too long for an announcement: Acme, Ohio, is awarded")
    assert isinstance(good, Publication)
