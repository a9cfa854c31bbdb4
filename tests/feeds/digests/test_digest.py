"""Digests: what they say, in which order, safely, and short enough for a mail program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import html

from feeds.digests.contents import MAX_CORRECTIONS, MAX_ITEMS, MAX_ROWS, DigestFrame
from feeds.digests.digest import Digest, make_digest
from storage.alerts.models import Rhythm
from storage.models import EventKind, StoredEvent
from storage.reading.source_health import Incident, SourceHealth
from tests.feeds.records import (
    BABEL,
    BABEL_ACTIONS,
    CLEARVIEW,
    CLEARVIEW_ACTIONS,
    GREYKEY,
    GREYKEY_ACTIONS,
    SEEN,
    event,
    hostile,
)

SITE = "https://watch.example.org"
FRAME = DigestFrame(
    title="records about face recognition",
    rhythm=Rhythm.WEEKLY,
    since=SEEN - timedelta(days=6),
    until=SEEN,
    base_url=SITE,
    whole_url=f"{SITE}/search?q=all",
    manage_url=f"{SITE}/alerts/link/signed",
)
NEW = event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD)
LATER = event(CLEARVIEW, CLEARVIEW_ACTIONS[4])
RESOLD = replace(event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED), days_late=976)
WITHDRAWN = event(GREYKEY, None, EventKind.WITHDRAWN, before="Grayshift", after="A drawing tool of the same name.")
DELETED = event(GREYKEY, GREYKEY_ACTIONS[0], EventKind.DELETED, before="GREYKEY RENEWAL", after="duplicate")
GMAIL_CUTS = 102 * 1024


def words(digest: Digest) -> str:
    """Return what a reader of the HTML sees, on one line."""
    [body] = html.fromstring(digest.html).findall("body")
    return " ".join("".join(map(str, body.itertext())).split())


def both(digest: Digest) -> Iterator[str]:
    """Give the HTML's words and the text, each on one line."""
    yield words(digest)
    yield " ".join(digest.text.split())


def links_in(digest: Digest) -> list[str]:
    return [str(each.get("href")) for each in html.fromstring(digest.html).iter("a")]


def elements(digest: Digest, *names: str) -> list[Any]:
    return list(html.fromstring(digest.html).iter(*names))


def many(count: int) -> list[StoredEvent]:
    return [replace(LATER, id=f"tag:procurewatch,2026:{number}") for number in range(count)]


def test_a_digest_names_vendors_agencies_amounts_payees_and_reasons() -> None:
    digest = make_digest([NEW, RESOLD, LATER], FRAME)
    assert digest.subject == "Procurewatch weekly: 3 new entries about Babel Street, Clearview AI"
    for said in both(digest):
        assert "Records about face recognition, first seen 2026-11-14 to 2026-11-20." in said
        assert "These actions obligate $4,934,327.09 in all." in said
        assert "Babel Street · $3,646,827 · CBP via Panamerica Computers · option exercised P00001" in said
        assert "Obligated by this action: $3,646,827.09" in said
        assert "Reseller: PANAMERICA COMPUTERS, INC." in said
        assert "Recipient: CLEARVIEW AI, INC." in said
        assert 'Why: Matched because the record holds "CLEARVIEW AI, INC." and "CLEARVIEW".' in said
        assert "Signed 2024-03-19 · first seen 2026-11-20 14:05 UTC, 976 days after sign" in said
        assert "awards signed after 2026-08-22 are not public yet" in said
        assert "You get this because of the alert “records about face recognition”, sent weekly." in said
        assert said.index("Babel Street ·") < said.index("Clearview AI ·"), "the largest obligation first"
    assert "- Clearview AI, ICE: 2 entries, $1,287,500.00 obligated" in digest.text
    links = links_in(digest)
    award = f"{SITE}/awards/{BABEL.key}.html#event-"
    assert [link.startswith(award) for link in links].count(True) == 2  # the title and the link below
    assert award in digest.text
    assert BABEL.url in links
    assert f"Source: {BABEL.url}" in digest.text
    assert FRAME.manage_url in links
    assert FRAME.manage_url in digest.text


def test_one_entry_is_a_message_with_its_title() -> None:
    digest = make_digest([RESOLD], replace(FRAME, rhythm=Rhythm.AT_ONCE))
    assert digest.subject == "Babel Street · $3,646,827 · CBP via Panamerica Computers · option exercised P00001"
    for said in both(digest):
        assert "By vendor and agency" not in said
        assert "Entries" not in said
        assert "1 new entry" in said
        assert "in all" not in said
        assert "sent at once" in said


def test_corrections_and_withdrawals_have_a_section_and_no_sum() -> None:
    digest = make_digest([NEW, WITHDRAWN, DELETED], FRAME)
    assert digest.subject.startswith("Procurewatch weekly: 1 new entry and 2 corrections about ")
    for said in both(digest):
        before, _, after = said.partition("orrections and withdrawals") if "orrections and w" in said else (
            said.partition("CORRECTIONS AND WITHDRAWALS")
        )  # fmt: skip
        assert "Grayshift ·" not in before
        assert "No longer matched to: Grayshift" in after
        assert "Reason: A drawing tool of the same name." in after
        assert "Deleted description: GREYKEY RENEWAL" in after
        assert "These actions obligate $500,000.00 in all." in said


def test_sources_in_trouble_are_named() -> None:
    incident = Incident(source="sam", began=SEEN, ended=None, failures=3, status="blocked", message="403")
    broken = SourceHealth(
        source="sam", last_run=SEEN, last_status="blocked", last_message="403", last_good=None, quarantined=0,
        incident=incident, unfinished=(), rows=None, usual_rows=None, newest=None, waits_until=None,
    )  # fmt: skip
    fine = replace(broken, source="usaspending", incident=None, last_good=SEEN)
    digest = make_digest([NEW], FRAME, [broken, fine], {"sam": "SAM.gov notices", "usaspending": "USAspending"})
    for said in both(digest):
        assert "SAM.gov notices: unavailable since 2026-11-20 14:05 UTC: 403" in said
        assert "USAspending:" not in said


def test_without_a_site_entries_link_to_the_source_and_a_line_says_how_to_stop() -> None:
    frame = replace(FRAME, base_url="", manage_url="", whole_url="", how_to_stop="Ask the administrator.")
    digest = make_digest([RESOLD], frame)
    assert set(links_in(digest)) == {BABEL.url}
    for said in both(digest):
        assert "Ask the administrator." in said
        assert "nsubscribe" not in said
        assert "Award page" not in said


def test_a_large_digest_is_shortened_with_a_link_to_the_whole() -> None:
    digest = make_digest([*many(200), *[replace(DELETED, id=f"tag:{number}") for number in range(9)]], FRAME)
    left_out = 209 - MAX_ITEMS - MAX_CORRECTIONS
    assert digest.subject.startswith("Procurewatch weekly: 200 new entries and 9 corrections")
    assert len(elements(digest, "h3")) == MAX_ITEMS + MAX_CORRECTIONS
    for said in both(digest):
        assert f"{left_out} more entries not shown here." in said
        assert "$157,500,000.00 in all" in said, "the sum is that of all entries"
    assert FRAME.whole_url in links_in(digest)
    assert f"All of them: {FRAME.whole_url}" in digest.text
    assert len(make_digest(many(2), FRAME).html) < len(digest.html) < GMAIL_CUTS


def test_long_texts_keep_a_digest_below_what_gmail_cuts() -> None:
    long = "SURVEILLANCE & ANALYSIS SOFTWARE <LICENSES> " * 400
    record = replace(CLEARVIEW, description=long, matches=tuple(replace(it, reason=long) for it in CLEARVIEW.matches))
    events = [
        replace(each, record=replace(record, sub_agency_code="", sub_agency_name=f"Agency {number} {long}"))
        for number, each in enumerate(many(60))
    ]
    digest = make_digest(events, replace(FRAME, title=long))
    assert len(digest.html.encode()) < GMAIL_CUTS
    assert len(digest.subject) <= 150
    for said in both(digest):
        assert f"{60 - MAX_ROWS} more" in said


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "two\r\nBcc: everybody@example.org\n\nlines",
        "\u202egnp.exe\x00\x07\ud800",
        "{{ 7 * 7 }}{% raw %}",
        "javascript:alert(1)",
    ],
)
def test_text_from_outside_is_escaped(text: str) -> None:
    digest = make_digest([hostile(text), replace(hostile(text), id="tag:2")], replace(FRAME, title=text))
    assert digest.subject.isprintable()
    assert not elements(digest, "script", "img", "iframe", "link", "object"), "it loads nothing"
    assert not [each for each in elements(digest) if {"src", "onerror"} & set(each.attrib)]
    assert all(link.startswith("https://") for link in links_in(digest))
    assert "49" not in digest.subject
    assert not {"\x00", "\x07", "\ud800", "\u202e", "\r"} & set(digest.html + digest.text)
    single = make_digest([hostile(text)], FRAME)
    assert single.subject.isprintable()


def test_the_same_events_give_the_same_digest() -> None:
    assert make_digest([NEW, RESOLD], FRAME) == make_digest([NEW, RESOLD], FRAME)


def test_a_digest_without_entries_says_so() -> None:
    digest = make_digest([], FRAME)
    assert digest.subject == "Procurewatch weekly: 0 new entries"
    assert "0 new entries" in words(digest)
