"""Requests for records: what they name, whom they are sent to, and every form they can be sent in."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, unquote, urlsplit

import docx
import pytest
from selectolax.lexbor import LexborHTMLParser

from feeds.entries.render import _environment
from feeds.foia.docx import write_docx
from feeds.foia.letter import MAX_MODIFICATIONS, FoiaLetter, Requester, write_letter
from feeds.foia.links import MAX_MAILTO_LENGTH, MAX_MUCKROCK_LENGTH, mailto, muckrock_composer
from feeds.foia.offices import AGENCY_SEARCH, FoiaOffice, is_own_office, office_for, offices
from sources.records import Amount, AmountMeaning
from storage.models import StoredRecord
from tests.feeds.records import (
    BABEL,
    BABEL_ACTIONS,
    CLEARVIEW,
    CLEARVIEW_ACTIONS,
    GREYKEY,
    GREYKEY_ACTIONS,
    PALANTIR,
    PALANTIR_ACTIONS,
    action,
    hostile,
)

HOSTILE = [
    "</textarea><script>alert(1)</script>",
    "}{\\input{/etc/passwd}%&body=x&to=evil@example.org",
    "line\r\nBcc: everyone@example.org\n\nDear",
    '=HYPERLINK("x")\u202egnp.exe\x00\x1b[31m\ud800',
    "\N{FACE WITH TEARS OF JOY}" * 400,
    "A" * 100_000,
]
REAL = [
    (CLEARVIEW, CLEARVIEW_ACTIONS),
    (BABEL, BABEL_ACTIONS),
    (GREYKEY, GREYKEY_ACTIONS),
    (PALANTIR, PALANTIR_ACTIONS),
]
KINDS = ["notice", "announcement", "subaward", "use-case", "document", "assistance", "idv", "other-transaction"]


def publication(category: str, **facts: object) -> StoredRecord:
    """Return a publication of ICE about the Clearview purchase, of a kind."""
    made = replace(CLEARVIEW, category=category, key=f"{category.upper()}_1", piid="", signed=None)
    return replace(made, published=date(2021, 8, 30), title="Facial recognition", **facts)  # type: ignore[arg-type]


def facts(of: FoiaLetter) -> tuple[str, ...]:
    return next(part.items for part in of.sections if part.heading == "What this is about")


def asked(of: FoiaLetter) -> str:
    return "\n".join(next(part.items for part in of.sections if part.heading == "Records requested"))


@pytest.mark.parametrize(("record", "actions"), REAL)
def test_a_letter_has_what_a_records_office_needs(record: StoredRecord, actions: tuple[object, ...]) -> None:
    made = write_letter(record, actions, dated=date(2026, 11, 23))  # type: ignore[arg-type]
    told = (record.piid, record.parent_piid, record.key, record.recipient_name, record.sub_agency_name, record.url)
    for needed in (*told, record.description, "5 U.S.C. § 552", "20 working days", "segregable", "preserve"):
        assert needed in made.text
    assert made.text.startswith("2026-11-23\n\nFOIA Officer\n" + record.sub_agency_name.split(" and ")[0])
    assert record.piid in made.subject


def test_every_modification_is_named_with_its_date() -> None:
    assert (
        "Modifications: base award (2021-09-03); P00001 (2021-11-29); P00002 (2022-06-29); P00003 (2022-09-06); "
        "P00005 (2023-09-12)" in facts(write_letter(CLEARVIEW, CLEARVIEW_ACTIONS))
    )


def test_many_modifications_are_shortened_to_a_count() -> None:
    first = CLEARVIEW_ACTIONS[0]
    many = [replace(first, modification=f"P{n:05}", signed=date(2021, 1, 1) + timedelta(days=n)) for n in range(1, 101)]
    made = write_letter(CLEARVIEW, many)
    (told,) = [fact for fact in facts(made) if fact.startswith("Modifications: ")]
    assert told.count("(") == MAX_MODIFICATIONS
    assert told.endswith("; and 40 later ones")
    assert any("first 60 of 100" in note for note in made.notes)


def test_through_a_reseller_both_are_named() -> None:
    made = write_letter(BABEL, BABEL_ACTIONS)
    assert "Reseller or prime contractor: PANAMERICA COMPUTERS, INC." in facts(made)
    assert "Product of: Babel Street" in facts(made)
    assert "terms of Babel Street and of PANAMERICA COMPUTERS, INC.\n" in asked(made)
    direct = write_letter(CLEARVIEW, CLEARVIEW_ACTIONS)
    assert "Recipient: CLEARVIEW AI, INC." in facts(direct)
    assert not any(fact.startswith("Product of") for fact in facts(direct))
    assert "PANAMERICA COMPUTERS, INC., for Babel Street products" in write_letter(BABEL).short


def test_parent_trade_name_office_and_funder_are_named() -> None:
    record = replace(
        CLEARVIEW,
        recipient_parent_name="CLEARVIEW HOLDINGS",
        office="INVESTIGATIONS AND OPERATIONS SUPPORT DALLAS",
        facts=(("Doing business as", "CLEARVIEW"),),
        funding_agency_name="Department of Justice",
        funding_sub_agency_name="Federal Bureau of Investigation",
    )
    made = write_letter(record)
    assert {
        "Recipient parent: CLEARVIEW HOLDINGS",
        "Contracting office: INVESTIGATIONS AND OPERATIONS SUPPORT DALLAS",
        "Doing business as: CLEARVIEW",
        "Funding agency: Federal Bureau of Investigation, Department of Justice",
    } <= set(facts(made))
    assert any(note.startswith("Federal Bureau of Investigation funds this") for note in made.notes)


def test_unknown_facts_are_omitted_and_sender_facts_are_placeholders() -> None:
    bare = replace(CLEARVIEW, signed=None, description="", obligated=None, recipient_name="", type_text="")
    made = write_letter(bare)
    assert "not stated" not in made.text
    assert "“”" not in made.text
    assert "from the first planning of it" in made.text
    assert {"[Date]", "[Your name]", "[Your organization]", "[Your e-mail address]"} <= set(
        re.findall(r"\[[^\]]+\]", made.text)
    )
    signed = write_letter(
        CLEARVIEW, (), Requester(name="Ida B. Wells", organization="Memphis Free Speech", email="i@m.org")
    )
    assert signed.signature[:4] == ("Sincerely,", "Ida B. Wells", "Memphis Free Speech", "i@m.org")


def test_an_amount_with_a_warning_is_not_repeated() -> None:
    record = replace(CLEARVIEW, amount_warning="it has the digits of an identifier")
    assert "2,287,500" in write_letter(CLEARVIEW).text
    assert "2,287,500" not in write_letter(record).text


def test_the_news_media_sentence_is_optional() -> None:
    assert "representative of the news media" in write_letter(CLEARVIEW).text
    assert "representative of the news media" in write_letter(CLEARVIEW).short
    citizen = write_letter(CLEARVIEW, (), Requester(is_news_media=False))
    assert "news media" not in citizen.text + citizen.short
    assert "waiver of all fees" in citizen.text


@pytest.mark.parametrize("category", KINDS)
def test_each_kind_of_record_has_its_own_letter(category: str) -> None:
    made = write_letter(publication(category))
    wanted = {
        "notice": "Questions from vendors",
        "announcement": "statement of work",
        "subaward": "consent to subcontract",
        "use-case": "AI impact assessment",
        "document": "Comments received",
        "assistance": "application that was funded",
        "idv": "every order placed under it",
        "other-transaction": "statement of work",
    }
    assert wanted[category] in asked(made)
    assert "{" not in made.text
    assert "Title: Facial recognition" in facts(made)
    assert made.subject == "Freedom of Information Act request: Facial recognition, CLEARVIEW AI, INC."
    assert made.address.count("U.S. Immigration and Customs Enforcement") == 1
    assert "from 2020-08-30 to the date of your search" in made.text


def test_a_subaward_names_the_prime_award_and_an_announcement_its_amount() -> None:
    prime = (("Prime award", "70CTD019FR0000268"), ("Prime recipient", "PALANTIR"), ("Subaward number", "S-1"))
    told = facts(write_letter(publication("subaward", facts=prime)))
    assert {"Prime award: 70CTD019FR0000268", "Prime recipient: PALANTIR", "Subaward number: S-1"} <= set(told)
    amount = Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal("1000000"), shared=False)
    assert "Announced: $1,000,000.00" in facts(write_letter(publication("announcement", amounts=(amount,))))


@pytest.mark.parametrize("office", offices(), ids=lambda office: office.agency)
def test_every_office_cites_its_address(office: FoiaOffice) -> None:
    assert office.source.startswith("https://")
    year, *rest = (int(part) for part in office.known.split("-"))
    assert datetime(year, *([*rest, 1, 1][:2]), tzinfo=UTC) <= datetime.now(UTC)  # type: ignore[misc, arg-type]
    assert office.has_address or office.muckrock
    official = urlsplit(office.source).hostname or ""
    assert office.verified is official.endswith((".gov", ".mil")) or not office.verified
    assert all(line == line.strip() and line for line in office.postal)


def test_codes_and_names_identify_one_office() -> None:
    for values in (
        [code for office in offices() for code in office.codes],
        [name.casefold() for office in offices() for name in office.names],
        [office.muckrock for office in offices() if office.muckrock],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


@pytest.mark.parametrize(
    ("code", "name", "department", "expected"),
    [
        ("7012", "", "", "U.S. Immigration and Customs Enforcement"),
        ("", "IMMIGRATION & CUSTOMS ENFORCEMENT", "", "U.S. Immigration and Customs Enforcement"),
        ("1549", "anything", "", "Federal Bureau of Investigation"),
        ("97AS", "Defense Logistics Agency", "Department of Defense", "Defense Logistics Agency"),
        ("", "Department of the Navy", "Department of Defense", "Department of the Navy"),
        ("9999", "Bureau of Odd Affairs", "Department of Justice", "Department of Justice"),
    ],
)
def test_an_office_is_found_by_code_name_or_department(code: str, name: str, department: str, expected: str) -> None:
    record = replace(CLEARVIEW, sub_agency_code=code, sub_agency_name=name, agency_code="", agency_name=department)
    office = office_for(record)
    assert office is not None
    assert office.agency == expected


def test_an_unknown_component_uses_its_department_and_says_so() -> None:
    record = replace(
        CLEARVIEW,
        sub_agency_code="1599",
        sub_agency_name="Bureau of Odd Affairs",
        agency_code="015",
        agency_name="Department of Justice",
    )
    office, made = office_for(record), write_letter(record)
    assert office is not None
    assert not is_own_office(office, record)
    assert made.address[:3] == ("FOIA Officer", "Bureau of Odd Affairs", "Department of Justice")
    assert any(AGENCY_SEARCH in note for note in made.notes)


def test_without_an_address_the_letter_says_where_to_find_one() -> None:
    record = replace(CLEARVIEW, sub_agency_code="", sub_agency_name="Panama Canal", agency_code="", agency_name="")
    made = write_letter(record)
    assert made.office is None
    assert made.address == ("FOIA Officer", "Panama Canal", f"[Address: see {AGENCY_SEARCH}]")
    assert made.notes[0] == f"The address of the FOIA office of Panama Canal is not known. Find it at {AGENCY_SEARCH}."
    assert mailto(made).startswith("mailto:?subject=")
    assert "agency" not in parse_qs(urlsplit(muckrock_composer(made)).query)


def test_an_unconfirmed_address_is_marked() -> None:
    marshals = replace(CLEARVIEW, sub_agency_code="1560", sub_agency_name="")
    (note,) = [note for note in write_letter(marshals).notes if note.startswith("Check the address")]
    assert "not confirmed" in note
    assert note.endswith("2015.")


def test_a_mail_link_contains_the_request() -> None:
    record = replace(CLEARVIEW, sub_agency_code="7009", sub_agency_name="")
    made = write_letter(record, CLEARVIEW_ACTIONS)
    link = mailto(made)
    assert len(link) <= MAX_MAILTO_LENGTH
    parts = urlsplit(link)
    assert (parts.scheme, unquote(parts.path)) == ("mailto", "FOIA@usss.dhs.gov")
    fields = parse_qs(parts.query, strict_parsing=True)
    assert fields["subject"] == [made.subject]
    assert made.short in fields["body"][0]
    assert "\n" not in fields["body"][0].replace("\r\n", "")
    assert set(fields) == {"subject", "body"}


def test_the_muckrock_form_is_filled_in() -> None:
    made = write_letter(BABEL, BABEL_ACTIONS)
    parts = urlsplit(muckrock_composer(made))
    fields = parse_qs(parts.query, strict_parsing=True)
    assert (parts.scheme, parts.hostname, parts.path) == ("https", "www.muckrock.com", "/foi/create/")
    assert fields["agency"] == ["38"]
    assert fields["title"] == ["70B03C23F00001053, PANAMERICA COMPUTERS, INC., for Babel Street products"]
    for needed in ("HSHQDC12D00013", "statement of work", "audit logs", "P00001 (2024-03-19)"):
        assert needed in fields["requested_docs"][0]


def test_a_word_file_contains_the_letter_and_is_reproducible() -> None:
    made = write_letter(BABEL, BABEL_ACTIONS, Requester(name="Ida B. Wells"), dated=date(2026, 11, 23))
    content = write_docx(made)
    assert content == write_docx(made)
    document = docx.Document(io.BytesIO(content))
    lines = [line for paragraph in document.paragraphs for line in paragraph.text.split("\n")]
    told = [line for line in made.text.split("\n") if line]
    assert [line.upper() for line in lines] == [line.upper() for line in told]
    assert document.core_properties.title == made.subject
    assert document.core_properties.author == ""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_every_form(text: str) -> None:
    event = hostile(text)
    record = replace(event.record, agency_name=text, facts=(("Doing business as", text),), title=text)
    made = write_letter(record, [action(record, text, "1.00", date(2024, 1, 1), text)])
    assert len(made.text) < 20_000
    assert not set(made.text) & {"\x00", "\x1b", "\u202e", "\ud800", "\r"}
    assert not re.search(r"^Bcc:", made.text, re.M)
    link = mailto(made)
    assert len(link) <= MAX_MAILTO_LENGTH
    assert set(parse_qs(urlsplit(link).query)) == {"subject", "body"}
    assert len(muckrock_composer(made)) <= MAX_MUCKROCK_LENGTH
    assert urlsplit(muckrock_composer(made)).hostname == "www.muckrock.com"
    opened = docx.Document(io.BytesIO(write_docx(made)))
    assert any(made.subject in paragraph.text for paragraph in opened.paragraphs)


@pytest.mark.parametrize("text", ["CLEARVIEW", *HOSTILE[:4]])
def test_the_page_shows_exactly_the_letter(text: str) -> None:
    made = write_letter(replace(CLEARVIEW, description=text), CLEARVIEW_ACTIONS)
    macro = _environment().get_template("foia/request.html").module.foia_request  # type: ignore[attr-defined]
    page = LexborHTMLParser(str(macro(made, mailto(made), muckrock_composer(made), word_file="a.docx")))
    assert [area.text().strip() for area in page.css("textarea")] == [made.text.strip()]
    assert not page.css("script")
    assert [link.attributes["href"] for link in page.css("a")] == ["a.docx", mailto(made), muckrock_composer(made)]
    assert [label.attributes["for"] for label in page.css("label")] == ["foia-letter"]
    assert [area.id for area in page.css("textarea")] == ["foia-letter"]
