"""Parsing a notice of SAM.gov: its row in a search, and its text if that was fetched. Pure.

Facts: Get Opportunities Public API v2 (GSA/open-gsa-redesign, _apidocs/get-opportunities-public-api.md) and a stored
answer of February 2026. Persons' names, addresses and telephone numbers stay in the evidence, as do fields that are
not taken. What is optional and cannot be read (a deadline, an amount) is shown as stated, and not guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser

from sources.errors import SourceChanged
from sources.fields import (
    MAX_IDENTIFIER_LENGTH,
    Fields,
    clean_text,
    is_possible_deadline,
    read_date,
    read_json,
    read_object,
    read_text,
    read_texts,
    unreadable,
)
from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    Attachment,
    Document,
    InvalidRecord,
    Payload,
    Publication,
    PublicationKind,
    Recipient,
    Record,
    Removal,
    SourceFact,
    dollars,
)
from sources.sam.api import NO_DATA

KEY_PREFIX = "SAM_NOTICE_"
NOTICE_ID = re.compile(r"[0-9A-Za-z-]{1,100}")
NOTICE_PAGE = "https://sam.gov/opp/{}/view"
MAX_SHARED_LENGTH = 40
NOT_WORD = re.compile(r"[^0-9A-Z]+")
# A solicitation number that no office gives twice has letters and digits; "RFI" or "2026" is none.
IDENTIFYING = re.compile(r"(?=.*[A-Z])(?=(.*\d){4})[0-9A-Z]{8,40}")
REMOVED = "gone"  # the revision of a notice that SAM.gov no longer gives
TEXT_FETCHED = "/text"  # ends the revision of a notice whose text was fetched
OWN_ADDRESSES = ("links", "uiLink")  # where the API says it is itself: no news when that changes
NO_SET_ASIDE = frozenset({"NONE", "NO SET ASIDE USED"})
STATES = {"cancel": "cancelled", "archiv": "archived", "delet": "deleted", "withdr": "withdrawn"}
MIN_REPEATED_DIGITS = 7  # an amount of so many digits does not repeat an identifier by chance

WASHINGTON = ZoneInfo("America/New_York")
NO_TEXT = b"description not found"  # what comes in place of a text, whatever the status
# In the path of an agency a dot parts names, unless it ends an abbreviation ("DEPT. OF", "U.S.").
BETWEEN_NAMES = re.compile(r"(?<!\b[A-Z])\.(?!\s)")
MAX_TEXT_LENGTH = 100_000
BLOCKS = "address,article,blockquote,br,dd,div,dt,h1,h2,h3,h4,h5,h6,hr,li,ol,p,pre,section,table,td,th,tr,ul"

Value = TypeVar("Value")


def _text(fields: Fields, name: str) -> str:
    """Return a text field, "" also for "null". Raises `InvalidRecord`."""
    value = read_text(fields, name)
    return "" if value.lower() == "null" else value


def _required(fields: Fields, name: str) -> str:
    if not _text(fields, name):
        raise InvalidRecord(f"{name} is missing")
    return _text(fields, name)


def _object(fields: Fields, name: str) -> Fields:
    return {} if fields.get(name) == "null" else read_object(fields, name)


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(value for value in read_texts(fields, name) if value.lower() != "null")


def _date(fields: Fields, name: str) -> date | None:
    return read_date(fields, name) if _text(fields, name) else None


def revision(row: Fields, *, text_fetched: bool = False) -> str:
    """Return the notice's id, a digest of its row, and TEXT_FETCHED if its text was fetched."""
    facts = {name: value for name, value in row.items() if name not in OWN_ADDRESSES}
    written = json.dumps(facts, sort_keys=True, default=str)
    digest = hashlib.sha256(written.encode()).hexdigest()[:16]
    return f"{row.get('noticeId')}:{digest}{TEXT_FETCHED * text_fetched}"


def notice_id_in(revision: str) -> str:
    """Return the notice id in a revision."""
    return revision.partition(":")[0]


def own_key(notice_id: str) -> str:
    """Return the key of a notice that only its id identifies."""
    return KEY_PREFIX + notice_id


def shared_key(row: Fields) -> str:
    """Return the key that all versions of a notice share, "" if its solicitation number does not identify it.

    An amendment has an id of its own, and SAM.gov drops the older notice. The solicitation number, the buyer and the
    original type stay the same. An award notice is not a version of its solicitation; award notices of one solicitation
    differ by their award numbers.
    """
    try:
        number, award = _alphanumeric(row, "solicitationNumber"), _alphanumeric(_object(row, "award"), "number")
        buyer = ".".join(_text(row, "fullParentPathCode").upper().split(".")[:2])
        kind = _text(row, "type") if _text(row, "type") == "Award Notice" else _text(row, "baseType")
    except InvalidRecord:
        return ""
    if not (buyer and kind and IDENTIFYING.fullmatch(number) and len(award) <= MAX_SHARED_LENGTH):
        return ""
    return KEY_PREFIX + "_".join(filter(None, (number, buyer, NOT_WORD.sub("", kind.upper()), award)))


def _alphanumeric(fields: Fields, name: str) -> str:
    return NOT_WORD.sub("", _text(fields, name).upper())


def parse(payload: Payload) -> Record:
    """Read a payload into a publication, a removal or a problem.

    Documents: the notice's row in a search, then the response with its text if that was fetched. With the revision
    `REMOVED`: the response to a search for its id that finds nothing.
    """
    try:
        if payload.revision == REMOVED:
            return _removal(payload)
        return _notice(payload, read_json(payload.documents[0], payload.source))
    except (InvalidRecord, SourceChanged, IndexError) as error:
        return unreadable(payload, error)


def _removal(payload: Payload) -> Removal:
    answer = payload.documents[0]
    if NO_DATA not in answer.body.lower() and str(read_json(answer, payload.source).get("totalRecords")) != "0":
        raise InvalidRecord("said to be gone, but not by an answer without notices")
    return Removal(
        source=payload.source,
        key=payload.key,
        action_key="",
        removed=None,
        reason="SAM.gov no longer gives this notice or a newer version of it: withdrawn, or archived early",
        documents=payload.documents,
    )


def _notice(payload: Payload, fields: Fields) -> Publication:
    notice_id = _required(fields, "noticeId")
    if payload.key not in (own_key(notice_id), shared_key(fields)) or not NOTICE_ID.fullmatch(notice_id):
        raise InvalidRecord(f"expected {payload.key}, got {notice_id[:80]!r}")
    title = _required(fields, "title")
    _required(fields, "postedDate")
    words = plain_text(payload.documents[1]) if len(payload.documents) > 1 else ""
    award = _object(fields, "award")
    as_stated: list[SourceFact] = []
    ends = _read_or_quote(as_stated, read_deadline, fields, "responseDeadLine", "Responses due")
    if ends and ends.zone_assumed:
        as_stated.append(SourceFact(label="Responses due", value="stated without a time zone, taken as Washington's"))
    amount = _read_or_quote(as_stated, read_amount, award, "amount", "Award amount")
    return Publication(
        key=payload.key,
        source=payload.source,
        revision=payload.revision,
        kind=PublicationKind.NOTICE,
        type_text=_type(fields),
        title=title,
        description=f"{title}\n\n{words}".strip(),
        recipient=_recipient(award),
        awarding=read_agency(fields),
        amounts=() if amount is None else (Amount(meaning=AmountMeaning.AWARDED, dollars=amount),),
        amount_warning=_amount_warning(amount, award, fields),
        piid=_number(award, "number"),
        solicitation=_number(fields, "solicitationNumber"),
        signed=_read_or_quote(as_stated, _date, award, "date", "Award date"),
        published=_date(fields, "postedDate"),
        deadline=ends.at if ends else None,
        state=_state(fields),
        psc=next(iter(_texts(fields, "classificationCode")), ""),
        naics=next(iter(_industries(fields)), ""),
        place=read_place(_object(fields, "placeOfPerformance")),
        attachments=_attachments(fields),
        facts=(*as_stated, *_facts(fields)),
        url=NOTICE_PAGE.format(notice_id),
        documents=payload.documents,
    )


def _read_or_quote(
    as_stated: list[SourceFact], read: Callable[[Fields, str], Value], fields: Fields, name: str, label: str
) -> Value | None:
    """Read an optional field; a value that cannot be parsed is added to `as_stated` instead."""
    try:
        return read(fields, name)
    except InvalidRecord:
        as_stated.append(SourceFact(label=f"{label}, as stated", value=clean_text(str(fields.get(name)))[:200]))
        return None


def _type(fields: Fields) -> str:
    stated = _required(fields, "type")
    return "Justification (J&A)" if stated.lower().startswith("justification") else stated


def _state(fields: Fields) -> str:
    """Return "" while the notice is active, else its state. Raises `InvalidRecord` if that is unclear."""
    for word, state in STATES.items():
        if word in _text(fields, "type").lower():
            return state
    active = _text(fields, "active").lower()
    if active not in ("", "yes", "no"):
        raise InvalidRecord(f"active is neither Yes nor No: {active[:40]!r}")
    return "inactive" if active == "no" else ""


def _recipient(award: Fields) -> Recipient:
    awardee = _object(award, "awardee")
    state = _object(_object(awardee, "location"), "state")
    return Recipient(
        name=_text(awardee, "name"),
        uei=_number(awardee, "ueiSAM"),
        cage=_number(awardee, "cageCode"),
        state=_text(state, "code"),
    )


def _number(fields: Fields, name: str) -> str:
    """Return an identifier in upper case, without spaces and dashes. Raises `InvalidRecord` if it is too long."""
    value = re.sub(r"[\s\u2010-\u2015-]", "", _text(fields, name)).upper()
    if len(value) > MAX_IDENTIFIER_LENGTH:
        raise InvalidRecord(f"{name} is too long for an identifier: {value[:80]!r}")
    return value


def _amount_warning(amount: Decimal | None, award: Fields, fields: Fields) -> str:
    """Return a warning if the amount repeats the digits of a number typed beside it."""
    digits = str(int(amount)) if amount else ""
    numbers = (_number(award, "number"), _number(fields, "solicitationNumber"))
    if len(digits) >= MIN_REPEATED_DIGITS and any(digits in re.sub(r"\D", "", number) for number in numbers):
        return "the amount repeats the digits of the award's or the solicitation's number"
    return ""


def _industries(fields: Fields) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_texts(fields, "naicsCode"), *_texts(fields, "naicsCodes"))))


def _attachments(fields: Fields) -> tuple[Attachment, ...]:
    """Return the notice's files. The API gives their URLs only; a file's name comes with its download.

    Some URLs name SAM.gov's former host, which is replaced (as in GSA/srt-fbo-scraper).
    """
    urls = (url.replace("//beta.sam.gov/", "//sam.gov/", 1) for url in _texts(fields, "resourceLinks"))
    files = [url for url in urls if url.startswith("https://") and url.isprintable() and " " not in url]
    return tuple(Attachment(title=f"Attachment {number}", url=url) for number, url in enumerate(files, 1))


def _facts(fields: Fields) -> Iterator[SourceFact]:
    described = [
        value
        for value in _texts(fields, "typeOfSetAsideDescription") or _texts(fields, "typeOfSetAside")
        if value.upper() not in NO_SET_ASIDE
    ]
    base = _text(fields, "baseType")
    details = {
        "Set-aside": ", ".join(described),
        "First published as": base if base != _text(fields, "type") else "",
        "Archived on": _text(fields, "archiveDate"),
        "Further NAICS codes": ", ".join(_industries(fields)[1:]),
        "Office address": read_address(_object(fields, "officeAddress")),
    }
    for label, value in details.items():
        if value:
            yield SourceFact(label=label, value=value[:200])


def read_amount(fields: Fields, name: str) -> Decimal | None:
    """Return an amount in dollars, stated as text. Raises `InvalidRecord`."""
    value = fields.get(name)
    return dollars(_text(fields, name) if isinstance(value, str) else value)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When responses are due, in UTC; whether no time zone was stated, so that Washington's was assumed."""

    at: datetime
    zone_assumed: bool


def read_deadline(fields: Fields, name: str) -> Deadline | None:
    """Return when responses are due. Raises `InvalidRecord`, also for a day without a time, or that cannot be true."""
    value = _text(fields, name)
    if not value:
        return None
    try:
        stated = datetime.fromisoformat(value)
        zoned = stated if stated.tzinfo else stated.replace(tzinfo=WASHINGTON)
        at = zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRecord(f"{name} is not a time: {value[:40]!r}") from error
    if len(value) <= len("2026-02-10"):
        raise InvalidRecord(f"{name} is a day without a time: {value!r}")
    if not is_possible_deadline(at.date()):
        raise InvalidRecord(f"{name} cannot be true: {value[:40]!r}")
    return Deadline(at, zone_assumed=stated.tzinfo is None)


def read_agency(fields: Fields) -> Agency:
    """Return the agency from two paths, of codes and of names, separated by dots.

    Names may contain dots. If there are not as many names as codes, the whole path becomes the name. Version 1 of the
    API has three names and no codes.
    """
    codes = [code.strip() for code in filter(None, _text(fields, "fullParentPathCode").split("."))]
    path = " ".join(_text(fields, "fullParentPathName").split())
    if not path:
        return Agency(
            code=codes[0] if codes else "",
            name=_text(fields, "department"),
            sub_code=codes[1] if len(codes) > 1 else "",
            sub_name=_text(fields, "subTier"),
            office=_text(fields, "office"),
        )
    names = [path]
    for parted in (path.split("."), BETWEEN_NAMES.split(path)):
        if len(parted) == len(codes):
            names = [name.strip() for name in parted]
            break
    return Agency(
        code=codes[0] if codes else "",
        name=names[0],
        sub_code=codes[1] if len(codes) > 1 else "",
        sub_name=names[1] if len(names) > 1 else "",
        office=names[-1] if len(names) > 2 else "",
    )


def read_place(fields: Fields) -> str:
    """Return the place of performance on one line: city, state, country."""
    parts = (_object(fields, name) for name in ("city", "state", "country"))
    return ", ".join(filter(None, (_text(one, "name") or _text(one, "code") for one in parts)))


def read_address(fields: Fields) -> str:
    """Return the office's address on one line."""
    state = f"{_text(fields, 'state')} {_text(fields, 'zipcode')}".strip()
    return ", ".join(filter(None, (_text(fields, "city"), state, _text(fields, "countryCode"))))


def plain_text(document: Document) -> str:
    """Return the text of a notice, HTML within JSON, as lines of plain text; "" when it has none.

    Longer texts are cut, because the parser would take hours for deeply nested elements.

    Raises:
        SourceChanged: it is something else.
    """
    if NO_TEXT in document.body.lower()[:1000]:
        return ""
    answer = read_json(document, "samnotices")
    description = answer.get("description", 0)
    if not isinstance(description, str | None):
        raise SourceChanged("samnotices", document.url, f"no description in {str(answer)[:200]}")
    tree = LexborHTMLParser("" if _text(answer, "description") == "" else (description or "")[:MAX_TEXT_LENGTH])
    for node in tree.css("script,style"):
        node.decompose()
    for node in tree.css(BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    lines = (" ".join(line.split()) for line in (tree.body.text() if tree.body else "").splitlines())
    return clean_text("\n".join(filter(None, lines)))
