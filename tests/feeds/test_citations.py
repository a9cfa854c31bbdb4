"""Citations: what they rest on, and that each form can be read by what reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from feeds.citations import (
    CITATION_WRITERS,
    MAX_HASHES,
    as_bibtex,
    as_csl_json,
    as_markdown,
    as_text,
    cite_award,
    cite_event,
    cite_search,
    format_citation,
)
from feeds.entries.render import _environment
from storage.models import EventKind
from tests.feeds.records import BABEL, BABEL_ACTIONS, CLEARVIEW, CLEARVIEW_ACTIONS, SEEN, event, evidence, hostile

OURS = "https://watch.example.org/awards/x.html"
HOSTILE = [
    "</textarea><script>alert(1)</script>",
    "x}, url = {https://evil.example/}}\n@book{evil, title = {y",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png) `code` **b** <img src=x>",
    "\\input{/etc/passwd} $ & # % _ ^ ~ \" ' @comment{",
    "line\r\n\r\nER  - \nTY  - EVIL\u202e\x00\ud800",
]


def braces(entry: str) -> list[int]:
    """Return the depth after each character, as BibTeX counts it: a backslash protects nothing."""
    depth, depths = 0, []
    for character in entry:
        depth += {"{": 1, "}": -1}.get(character, 0)
        depths.append(depth)
    return depths


def test_a_citation_says_what_it_rests_on() -> None:
    proof = evidence(CLEARVIEW)
    text = as_text(cite_award(CLEARVIEW, [proof], publisher="USAspending.gov", our_url=OURS))
    for needed in (
        "U.S. Immigration and Customs Enforcement. ",
        "PURCHASE ORDER 70CMSD21P00000127 to CLEARVIEW AI, INC., $2,287,500.00 obligated to date",
        "“CLEARVIEW FACIAL RECOGNITION ENTERPRISE LICENSES”",
        "USAspending.gov. Dated 2021-09-03.",
        CLEARVIEW.url,
        "Retrieved 2026-11-20 14:05 UTC",
        OURS,
        proof.sha256,
    ):
        assert needed in text


def test_a_title_begins_with_a_capital_after_the_authors_full_stop() -> None:
    plain = replace(CLEARVIEW, type_text="", category="contract")
    assert "Enforcement. Contract 70CMSD21P00000127 to" in as_text(cite_award(plain, []))


def test_the_newest_evidence_dates_it_and_the_oldest_are_counted() -> None:
    proofs = [replace(evidence(CLEARVIEW), sha256=f"{n:064x}", retrieved_at=SEEN + timedelta(days=n)) for n in range(8)]
    made = cite_award(CLEARVIEW, proofs)
    assert made.retrieved == SEEN + timedelta(days=7)
    assert made.hashes == tuple(f"{n:064x}" for n in (7, 6, 5, 4, 3))
    assert as_text(made).endswith(f" and {8 - MAX_HASHES} earlier responses.")


def test_an_event_and_a_search_are_cited_as_such() -> None:
    bought = cite_event(event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED), [])
    assert "option exercised P00001" in bought.title
    assert BABEL.piid in bought.title
    assert "to PANAMERICA COMPUTERS, INC. for Babel Street products" in cite_award(BABEL, []).title
    assert str(bought.dated) == "2024-03-19"
    search = cite_search(
        "with “clearview”", "3 records", SEEN, "https://watch.example.org/search?q=clearview&agency=7012"
    )
    assert "records with “clearview”: 3 records found." in as_text(search)
    assert "https://watch.example.org/search?q=clearview&agency=7012" in as_bibtex(search)


def test_keys_are_stable_and_no_two_alike() -> None:
    events = [event(CLEARVIEW, action) for action in CLEARVIEW_ACTIONS]
    made = [cite_award(CLEARVIEW, []), cite_award(BABEL, []), *(cite_event(each, []) for each in events)]
    made += [cite_search("a", "1 record", SEEN, ""), cite_search("b", "1 record", SEEN, "")]
    assert len({citation.key for citation in made}) == len(made)
    assert made[0].key == cite_award(CLEARVIEW, [evidence(CLEARVIEW)], our_url=OURS).key
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", citation.key) for citation in made)


def test_bibtex_has_the_fields_that_styles_want() -> None:
    entry = as_bibtex(cite_award(CLEARVIEW, [evidence(CLEARVIEW)]))
    fields = dict(re.findall(r"^  (\w+) = (.*),$", entry, re.M))
    assert fields["author"] == "{{U.S. Immigration and Customs Enforcement}}"
    assert (fields["year"], fields["month"], fields["urldate"]) == ("{2021}", "sep", "{2026-11-20}")
    assert fields["url"] == f"{{{CLEARVIEW.url}}}"
    assert r"\$2,287,500.00" in fields["title"]


def test_csl_json_is_read_back() -> None:
    (item,) = json.loads(as_csl_json(cite_award(CLEARVIEW, [evidence(CLEARVIEW)])))
    assert item["issued"] == {"date-parts": [[2021, 9, 3]]}
    assert item["accessed"] == {"date-parts": [[2026, 11, 20]]}
    assert item["URL"] == CLEARVIEW.url
    assert item["author"] == [{"literal": "U.S. Immigration and Customs Enforcement"}]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_safe_in_each_form(text: str) -> None:
    told = hostile(text)
    for made in (cite_award(told.record, []), cite_event(told, []), cite_search(text, "2 records", SEEN, OURS)):
        assert "\n" not in as_text(made)
        entry = as_bibtex(made)
        depths = braces(entry.rstrip())
        assert min(depths[entry.index("{") : -1]) >= 1
        assert depths[-1] == 0
        assert entry.count("@") - entry.count("{@}") == 1
        (item,) = json.loads(as_csl_json(made))
        assert "\n" not in item["title"]
        assert not set("".join(write(made) for write in CITATION_WRITERS.values())) & {"\u202e", "\x00", "\ud800", "\r"}


@pytest.mark.parametrize("text", ["CLEARVIEW AI, INC. (NY) & CO_LTD *", *HOSTILE])
def test_markdown_shows_the_text_and_links_only_where_we_link(text: str) -> None:
    made = cite_award(replace(hostile(text).record, url=CLEARVIEW.url), [], our_url=OURS)
    page = LexborHTMLParser(MarkdownIt("gfm-like", {"linkify": False}).render(as_markdown(made)))
    assert [link.attributes["href"] for link in page.css("a")] == [CLEARVIEW.url, OURS]
    assert not page.css("script, img, strong, em, code")
    assert page.body is not None
    assert made.title in page.body.text()


@pytest.mark.parametrize("text", ["CLEARVIEW", *HOSTILE])
def test_the_page_shows_every_form_as_it_is(text: str) -> None:
    written = format_citation(cite_award(replace(CLEARVIEW, description=text), [evidence(CLEARVIEW)]))
    macro = _environment().get_template("cite.html").module.cite_this  # type: ignore[attr-defined]
    page = LexborHTMLParser(str(macro(written)))
    assert [area.text().strip() for area in page.css("textarea")] == [each.text.strip() for each in written]
    assert [label.attributes["for"] for label in page.css("label")] == [area.id for area in page.css("textarea")]
    assert not page.css("script, img")
