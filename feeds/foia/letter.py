"""FOIA letters about awards and publications.

A letter identifies the file (numbers, office, dates, parties), lists the records requested and asks for a fee waiver.
Its text is in `templates/foia/letter.txt`. Placeholders for the sender are in [brackets]; advice for the sender comes
separately, as notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from feeds.entries.matches import published_matches, reseller_match, shorten_name
from feeds.entries.render import render
from feeds.foia.offices import AGENCY_SEARCH, FoiaOffice, is_own_office, office_for
from feeds.text import format_date, format_end, format_money, format_signed, one_line, shorten
from feeds.urls import official_page
from storage.models import StoredAction, StoredRecord
from storage.possible_days import is_possible

ABOUT, REQUESTED = "What this is about", "Records requested"
MAX_MODIFICATIONS = 60
_PLANNING = timedelta(days=365)  # requests cover the planning before the award
_MAX_DESCRIPTION_LENGTH = 600
_MAX_VALUE_LENGTH = 300

_KINDS = {
    "contract": "contract or order",
    "idv": "ordering agreement (indefinite delivery vehicle)",
    "other-transaction": "other-transaction agreement",
    "other-transaction-idv": "other-transaction ordering agreement",
    "assistance": "grant or other assistance award",
    "announcement": "contract announced by the Department of Defense",
    "notice": "procurement notice",
    "subaward": "subaward",
    "use-case": "use case of artificial intelligence",
    "document": "published document",
}
_TRADE_NAMES = frozenset({"doing business as", "trade name", "dba"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """The sender of a request. Empty values become [placeholders]. `is_news_media` asks for that fee category."""

    name: str = ""
    organization: str = ""
    email: str = ""
    postal: str = ""
    is_news_media: bool = True


@dataclass(frozen=True, slots=True)
class LetterSection:
    """A section of the letter: a heading ("" for none), a paragraph, and a list, numbered or with dashes."""

    heading: str
    text: str
    items: tuple[str, ...] = ()
    numbered: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The items, each after its number or a dash."""
        return tuple(f"{number}. {item}" if self.numbered else f"- {item}" for number, item in enumerate(self.items, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoiaLetter:
    """A request, cleaned but not escaped, one string per line. `notes` are for the sender and not part of the letter.

    `short` is the whole request in a few sentences. `office` is `None` when neither the agency's nor its department's
    FOIA office is known.
    """

    subject: str
    date: str
    address: tuple[str, ...]
    sections: tuple[LetterSection, ...]
    signature: tuple[str, ...]
    short: str
    notes: tuple[str, ...]
    office: FoiaOffice | None

    @property
    def text(self) -> str:
        """The letter as plain text, one line per paragraph."""
        blocks = [self.date, "\n".join(self.address), f"Re: {self.subject}", "Dear FOIA Officer:"]
        for section in self.sections:
            blocks += [section.heading.upper(), section.text, "\n".join(section.lines)]
        return "\n\n".join(filter(None, [*blocks, "\n".join(self.signature)])) + "\n"


def write_letter(
    record: StoredRecord,
    actions: Sequence[StoredAction] = (),
    requester: Requester | None = None,
    *,
    dated: date | None = None,
) -> FoiaLetter:
    """Return the request for an award's or a publication's records. `actions` are the award's.

    `dated` is the letter's date; `None` leaves a placeholder.
    """
    requester, office = requester or Requester(), office_for(record)
    words = {
        "agency": _agency(record),
        "category": record.category,
        "details": _details(record, actions),
        "has_number": bool(record.piid),
        "is_match": bool(published_matches(record)),
        "is_news_media": requester.is_news_media,
        "kind": _KINDS.get(record.category, "record"),
        "number": _number(record),
        "official_url": official_page(record),
        "parent": shorten_name(record.parent_piid),
        "product": _product(record),
        "recipient": _payee(record),
        "signed": format_date(record.signed) if is_possible(record.signed) else "",
        "since": _since(record),
        "vendor": _vendor(record),
    }
    return FoiaLetter(
        subject=_subject(record),
        date=dated.isoformat() if dated else "[Date]",
        address=_address(record, office),
        sections=tuple(_sections(render("foia/letter.txt", **words))),
        signature=_signature(requester),
        short=one_line(render("foia/short.txt", **words)),
        notes=tuple(_notes(record, office, requester, len(actions))),
        office=office,
    )


def _sections(text: str) -> Iterator[LetterSection]:
    """Read the sections of the rendered template, whose head says how they are written."""
    opening, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    for section in ("\n" + opening.lstrip(), *sections):
        heading, _, body = section.partition("\n")
        paragraph, *items = re.split(r"^(?:- |1\. )", body, flags=re.MULTILINE)
        numbered = "\n1. " in body
        yield LetterSection(heading, one_line(paragraph), tuple(one_line(item) for item in items), numbered)


def _subject(record: StoredRecord) -> str:
    about = ", ".join(filter(None, (_number(record), shorten_name(record.recipient_name), _product(record))))
    return shorten(f"Freedom of Information Act request: {about}", 200)


def _product(record: StoredRecord) -> str:
    """Return whose products a reseller is paid for, "" if the recipient is the vendor itself."""
    via = reseller_match(record)
    return f"for {shorten_name(via.vendor_name)} products" if via else ""


def _number(record: StoredRecord) -> str:
    """Return the number or title by which the agency knows the record, else its type or key."""
    called = shorten_name(record.piid) or shorten_name(record.solicitation) or shorten_name(record.title)
    return called or (shorten_name(record.type_text) if record.is_publication else shorten_name(record.key))


def _payee(record: StoredRecord) -> str:
    return shorten_name(record.recipient_name) or "the recipient"


def _vendor(record: StoredRecord) -> str:
    """Return the companies whose license terms to request: the product's vendor and the reseller."""
    via = reseller_match(record)
    if via:
        return f"{shorten_name(via.vendor_name)} and of {_payee(record)}"
    return _payee(record)


def _agency(record: StoredRecord) -> str:
    return shorten_name(record.sub_agency_name or record.agency_name) or "the agency"


def _details(record: StoredRecord, actions: Sequence[StoredAction]) -> tuple[str, ...]:
    pairs = [*_numbers(record), *_parties(record), *_dates(record), *_sums(record, actions)]
    pairs = [(label, _value(value)) for label, value in pairs]
    description = shorten(one_line(record.description), _MAX_DESCRIPTION_LENGTH)
    pairs += [
        ("Modifications", _modifications(actions)),
        ("Description in the record", f"“{description}”" if description else ""),
        ("Official record", official_page(record)),
    ]
    return tuple(f"{label}: {value}" for label, value in pairs if value)


def _value(text: str) -> str:
    return shorten(one_line(text), _MAX_VALUE_LENGTH)


def _numbers(record: StoredRecord) -> Iterable[tuple[str, str]]:
    yield "Type", record.type_text
    yield "Title", record.title
    yield "Grant or award number" if record.category == "assistance" else "Award number (PIID)", record.piid
    yield "Under parent agreement", record.parent_piid
    yield "Modification", record.modification
    yield "Solicitation or notice number", record.solicitation
    yield "Key of the public record", "" if record.is_publication else record.key  # a publication's key is our own
    known = {label.casefold(): value for label, value in record.facts}
    for label in ("use case id", "prime award", "prime recipient", "subaward number", "contracting activity"):
        yield label.capitalize(), known.get(label, "")


def _parties(record: StoredRecord) -> Iterable[tuple[str, str]]:
    buyer = _joined(record.sub_agency_name, record.agency_name)
    funder = _joined(record.funding_sub_agency_name, record.funding_agency_name)
    yield "Awarding agency", buyer
    yield "Contracting office", record.office
    yield "Funding agency", funder if funder != buyer else ""
    uei = f" (UEI {record.recipient_uei})" if record.recipient_uei else ""
    via = reseller_match(record)
    yield "Reseller or prime contractor" if via else "Recipient", record.recipient_name + uei
    yield from (("Doing business as", value) for label, value in record.facts if label.casefold() in _TRADE_NAMES)
    parent = record.recipient_parent_name
    yield "Recipient parent", parent if parent != record.recipient_name else ""
    if via:
        yield "Product of", shorten_name(via.vendor_name)


def _joined(part: str, whole: str) -> str:
    return f"{part}, {whole}" if part and whole and part != whole else part or whole


def _dates(record: StoredRecord) -> Iterable[tuple[str, str]]:
    if record.signed:
        yield "Signed", format_signed(record.signed)
    if record.published and record.is_publication:
        yield "Published", format_date(record.published)
    if record.starts or record.ends:
        yield "Period", f"{format_end(record.starts)} to {format_end(record.may_end or record.ends)}"


def _sums(record: StoredRecord, actions: Sequence[StoredAction]) -> Iterable[tuple[str, str]]:
    if record.amount_warning:
        return
    if record.obligated is not None:
        count = f" in {len(actions)} actions" if len(actions) > 1 else ""
        yield "Obligated to date", format_money(record.obligated) + count
    yield "Ceiling with all options", format_money(record.ceiling) if record.ceiling else ""
    yield from ((_value(amount.meaning).capitalize(), format_money(amount.dollars)) for amount in record.amounts)


def _modifications(actions: Sequence[StoredAction]) -> str:
    ordered = sorted(actions, key=lambda action: (action.signed or date.max, action.modification))
    listed = [f"{_modification(action)} ({format_signed(action.signed)})" for action in ordered[:MAX_MODIFICATIONS]]
    more = len(ordered) - len(listed)
    return "; ".join(listed) + (f"; and {more:,} later ones" if more > 0 else "")


def _modification(action: StoredAction) -> str:
    number = _value(action.modification)
    return number if number.strip("0") else "base award"


def _since(record: StoredRecord) -> str:
    first = next(filter(is_possible, (record.signed, record.published, record.starts)), None)
    return (first - _PLANNING).isoformat() if first else "the first planning of it"


def _address(record: StoredRecord, office: FoiaOffice | None) -> tuple[str, ...]:
    address = office.postal if office and office.postal else (f"[Address: see {AGENCY_SEARCH}]",)
    if office is None:
        return ("FOIA Officer", _agency(record), *address)
    through = () if is_own_office(office, record) else (_agency(record),)
    # An address may name the agency again, within its own lines.
    return ("FOIA Officer", *through, office.agency, *(line for line in address if line != office.agency))


def _signature(requester: Requester) -> tuple[str, ...]:
    organization = shorten_name(requester.organization) or ("[Your organization]" if requester.is_news_media else "")
    lines = (
        "Sincerely,",
        shorten_name(requester.name) or "[Your name]",
        organization,
        shorten_name(requester.email) or "[Your e-mail address]",
        shorten_name(requester.postal) or "[Your postal address]",
    )
    return tuple(filter(None, lines))


def _notes(record: StoredRecord, office: FoiaOffice | None, requester: Requester, actions: int) -> Iterable[str]:
    yield from _address_notes(record, office)
    funder = record.funding_sub_agency_name or record.funding_agency_name
    if funder and _value(funder) not in (_value(record.sub_agency_name), _value(record.agency_name)):
        yield f"{_value(funder)} funds this award. Send it a request too: it may hold the records of use."
    if record.category == "use-case":
        yield "The agency may file the contracts under other names. Add them if you know them."
    if requester.is_news_media:
        yield "If you do not publish news, remove the sentence about the news media and keep the fee waiver."
    if actions > MAX_MODIFICATIONS:
        yield f"The letter names the first {MAX_MODIFICATIONS} of {actions} actions."
    if not published_matches(record):
        yield "This record has no published match. Check that it is the record you mean."
    yield "Fill in the [brackets], and shorten the list: narrow requests are answered sooner."


def _address_notes(record: StoredRecord, office: FoiaOffice | None) -> Iterable[str]:
    if office is None or not office.has_address:
        yield f"The address of the FOIA office of {_agency(record)} is not known. Find it at {AGENCY_SEARCH}."
        return
    if not is_own_office(office, record):
        yield f"This is the address of {office.agency}. Find that of {_agency(record)} at {AGENCY_SEARCH}."
    ways = [f"portal {office.portal}" if office.portal else "", f"e-mail {office.email}" if office.email else ""]
    ways.append("post" if office.postal else "")
    yield f"Ways to send it to {office.agency}: {', '.join(filter(None, ways))}."
    if office.note:
        yield office.note
    trust = "the agency's own page, stored copy" if office.verified else "another list, not confirmed"
    yield f"Check the address before you send it. It is from {office.source} ({trust}), {office.known}."
    if office.page:
        yield f"Web page of the office: {office.page}"
