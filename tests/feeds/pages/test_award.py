"""The page of an award."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from feeds.pages.award import RecordPage, render_award
from feeds.pages.page_context import PageContext
from tests.feeds.records import BABEL, BABEL_ACTIONS


def words(element: etree._Element) -> str:
    return "".join(map(str, element.itertext()))


def test_the_page_says_which_actions_a_match_concerns() -> None:
    option = BABEL_ACTIONS[1]
    award = replace(BABEL, matches=(replace(BABEL.matches[0], action_keys=(option.key,)),))
    document = render_award(PageContext(), RecordPage(award=award, actions=BABEL_ACTIONS, evidence=(), events=()))
    page = etree.HTML(document)
    described = [words(cell) for cell in page.iterfind(".//table[@class='actions cards']/tbody/tr/td[@class='words']")]
    assert ["Concerns Babel Street." in text for text in described] == [False, True]
    [reasons] = map(words, page.iterfind(".//section[@aria-labelledby='why']"))
    assert "Of this award, it concerns only modification P00001, signed 2024-03-19." in reasons
    assert "Description of the base award" not in reasons
