"""Reading a notice of SAM.gov: its row in a search, and its text where that was asked for, into one record. Pure.

Facts: Get Opportunities Public API v2 (GSA/open-gsa-redesign, _apidocs/get-opportunities-public-api.md) and a stored
answer of February 2026. Persons' names, addresses and telephone numbers stay in the evidence, as do fields that are
not taken. What is optional and cannot be read (a deadline, an amount) is shown as stated, and not guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser

from sources.errors import SourceChanged
from sources.fields import read_json
from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    Attachment,
    Document,
    InvalidRecord,
    Payload,
    Problem,
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
LONGEST_IDENTIFIER = 200
LONGEST_SHARED = 40
NOT_WORD = re.compile(r"[^0-9A-Z]+")
# A solicitation number that no office gives twice has letters and digits; "RFI" or "2026" is none.
IDENTIFYING = re.compile(r"(?=.*[A-Z])(?=(.*\d){4})[0-9A-Z]{8,40}")
GONE = "gone"  # the revision of a notice that SAM.gov no longer gives
TEXT_ASKED = "/text"  # ends the revision of a notice whose text was asked for
OWN_ADDRESSES = ("links", "uiLink")  # where the API says it is itself: no news when that changes
NO_SET_ASIDE = frozenset({"NONE", "NO SET ASIDE USED"})
STATES = {"cancel": "cancelled", "archiv": "archived", "delet": "deleted", "withdr": "withdrawn"}
LONGEST_DIGITS = 7  # an amount of so many digits does not repeat an identifier by chance

Value = TypeVar("Value")


def revision(row: Fields, *, text_asked: bool = False) -> str:
    """Return the id of a notice, a digest of its row, which changes when the notice does, and TEXT_ASKED if it was."""
    facts = {name: value for name, value in row.items() if name not in OWN_ADDRESSES}
    written = json.dumps(facts, sort_keys=True, default=str)
    digest = hashlib.sha256(written.encode()).hexdigest()[:16]
    return f"{row.get('noticeId')}:{digest}{TEXT_ASKED * text_asked}"


def notice_id_in(of_revision: str) -> str:
    """Return the id of the notice that a revision is of."""
    return of_revision.partition(":")[0]


def own_key(notice_id: str) -> str:
    """Return the key of a notice that is known by its id alone."""
    return KEY_PREFIX + notice_id


def shared_key(row: Fields) -> str:
    """Return the key that all versions of a notice share, "" if its solicitation number does not identify it.

    An amendment is a notice with an id of its own, and the older one is given no more. What stays is the solicitation
    number, who buys, and the type it was first published as. An award notice is no version of the solicitation that
    led to it; several of them differ by the number of the award.
    """
    try:
        number, award = _bare(row, "solicitationNumber"), _bare(part(row, "award"), "number")
        buyer = ".".join(text(row, "fullParentPathCode").upper().split(".")[:2])
        kind = text(row, "type") if text(row, "type") == "Award Notice" else text(row, "baseType")
    except InvalidRecord:
        return ""
    if not (buyer and kind and IDENTIFYING.fullmatch(number) and len(award) <= LONGEST_SHARED):
        return ""
    return KEY_PREFIX + "_".join(filter(None, (number, buyer, NOT_WORD.sub("", kind.upper()), award)))


def _bare(fields: Fields, name: str) -> str:
    return NOT_WORD.sub("", text(fields, name).upper())


def parse(payload: Payload) -> Record:
    """Read a payload into a publication, or say why not.

    Its documents: the row of the notice, then the answer with its text if that was asked for. Of a notice that is
    `GONE`, the answer to a search for its id, which holds none; the record is then a removal.
    """
    try:
        if payload.revision == GONE:
            return _removal(payload)
        return _notice(payload, read_json(payload.documents[0], payload.source))
    except (InvalidRecord, SourceChanged, IndexError) as error:
        reason = error.came_back if isinstance(error, SourceChanged) else str(error)
        return Problem(source=payload.source, key=payload.key, reason=reason, documents=payload.documents)


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
    notice_id = required(fields, "noticeId")
    if payload.key not in (own_key(notice_id), shared_key(fields)) or not NOTICE_ID.fullmatch(notice_id):
        raise InvalidRecord(f"asked for {payload.key}, got {notice_id[:80]!r}")
    title = required(fields, "title")
    required(fields, "postedDate")
    words = plain_text(payload.documents[1]) if len(payload.documents) > 1 else ""
    award = part(fields, "award")
    as_stated: list[SourceFact] = []
    ends = _or_stated(as_stated, deadline, fields, "responseDeadLine", "Responses due")
    if ends and ends.zone_assumed:
        as_stated.append(SourceFact(label="Responses due", value="stated without a time zone, taken as Washington's"))
    amount = _or_stated(as_stated, stated_dollars, award, "amount", "Award amount")
    return Publication(
        key=payload.key,
        source=payload.source,
        revision=payload.revision,
        kind=PublicationKind.NOTICE,
        type_text=_type(fields),
        title=title,
        description=f"{title}\n\n{words}".strip(),
        recipient=_recipient(award),
        awarding=agency(fields),
        amounts=() if amount is None else (Amount(meaning=AmountMeaning.AWARDED, dollars=amount),),
        doubt=_doubt(amount, award, fields),
        piid=_number(award, "number"),
        solicitation=_number(fields, "solicitationNumber"),
        signed=_or_stated(as_stated, day, award, "date", "Award date"),
        published=day(fields, "postedDate"),
        deadline=ends.at if ends else None,
        state=_state(fields),
        psc=next(iter(listed(fields, "classificationCode")), ""),
        naics=next(iter(_industries(fields)), ""),
        place=place(part(fields, "placeOfPerformance")),
        attachments=_attachments(fields),
        facts=(*as_stated, *_facts(fields)),
        url=NOTICE_PAGE.format(notice_id),
        documents=payload.documents,
    )


def _or_stated(
    as_stated: list[SourceFact], read: Callable[[Fields, str], Value], fields: Fields, name: str, label: str
) -> Value | None:
    """Return an optional value; one that cannot be read becomes a fact, as it is stated."""
    try:
        return read(fields, name)
    except InvalidRecord:
        as_stated.append(SourceFact(label=f"{label}, as stated", value=clean(str(fields.get(name)))[:200]))
        return None


def _type(fields: Fields) -> str:
    stated = required(fields, "type")
    return "Justification (J&A)" if stated.lower().startswith("justification") else stated


def _state(fields: Fields) -> str:
    """Return "" while the notice stands. Raises `InvalidRecord` when nobody can say whether it does."""
    for word, state in STATES.items():
        if word in text(fields, "type").lower():
            return state
    active = text(fields, "active").lower()
    if active not in ("", "yes", "no"):
        raise InvalidRecord(f"active is neither Yes nor No: {active[:40]!r}")
    return "inactive" if active == "no" else ""


def _recipient(award: Fields) -> Recipient:
    awardee = part(award, "awardee")
    state = part(part(awardee, "location"), "state")
    return Recipient(
        name=text(awardee, "name"),
        uei=_number(awardee, "ueiSAM"),
        cage=_number(awardee, "cageCode"),
        state=text(state, "code"),
    )


def _number(fields: Fields, name: str) -> str:
    """Return an identifier in upper case, without spaces and dashes. Raises `InvalidRecord` if it is too long."""
    value = re.sub(r"[\s\u2010-\u2015-]", "", text(fields, name)).upper()
    if len(value) > LONGEST_IDENTIFIER:
        raise InvalidRecord(f"{name} is too long for an identifier: {value[:80]!r}")
    return value


def _doubt(amount: Decimal | None, award: Fields, fields: Fields) -> str:
    """Say why an amount cannot be true: it repeats the digits of a number typed beside it."""
    digits = str(int(amount)) if amount else ""
    numbers = (_number(award, "number"), _number(fields, "solicitationNumber"))
    if len(digits) >= LONGEST_DIGITS and any(digits in re.sub(r"\D", "", number) for number in numbers):
        return "the amount repeats the digits of the award's or the solicitation's number"
    return ""


def _industries(fields: Fields) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*listed(fields, "naicsCode"), *listed(fields, "naicsCodes"))))


def _attachments(fields: Fields) -> tuple[Attachment, ...]:
    """Return the files that the notice lists. The API gives addresses alone: what a file is called, only its download.

    Some addresses name the host of years ago (GSA/srt-fbo-scraper puts the present one in its place, as here).
    """
    urls = (url.replace("//beta.sam.gov/", "//sam.gov/", 1) for url in listed(fields, "resourceLinks"))
    files = [url for url in urls if url.startswith("https://") and url.isprintable() and " " not in url]
    return tuple(Attachment(title=f"Attachment {number}", url=url) for number, url in enumerate(files, 1))


def _facts(fields: Fields) -> Iterator[SourceFact]:
    described = [
        value
        for value in listed(fields, "typeOfSetAsideDescription") or listed(fields, "typeOfSetAside")
        if value.upper() not in NO_SET_ASIDE
    ]
    base = text(fields, "baseType")
    told = {
        "Set-aside": ", ".join(described),
        "First published as": base if base != text(fields, "type") else "",
        "Archived on": text(fields, "archiveDate"),
        "Further NAICS codes": ", ".join(_industries(fields)[1:]),
        "Office address": office_address(part(fields, "officeAddress")),
    }
    for label, value in told.items():
        if value:
            yield SourceFact(label=label, value=value[:200])


Fields = Mapping[str, object]

WASHINGTON = ZoneInfo("America/New_York")
NO_TEXT = b"description not found"  # what comes in place of a text, whatever the status
# In the path of an agency a dot parts names, unless it ends an abbreviation ("DEPT. OF", "U.S.").
BETWEEN_NAMES = re.compile(r"(?<!\b[A-Z])\.(?!\s)")
LONGEST_TEXT = 100_000
BLOCKS = "address,article,blockquote,br,dd,div,dt,h1,h2,h3,h4,h5,h6,hr,li,ol,p,pre,section,table,td,th,tr,ul"


def clean(value: str) -> str:
    """Return a text without what no database can store (NUL, half characters) and blanks around it."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def text(fields: Fields, name: str) -> str:
    """Return a text field, "" when it is absent, null or "null". Raises `InvalidRecord` when it is not text."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRecord(f"{name} is not text: {str(value)[:80]!r}")
    value = clean(value)
    return "" if value.lower() == "null" else value


def required(fields: Fields, name: str) -> str:
    """Return a text field that must be there. Raises `InvalidRecord`."""
    value = text(fields, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def part(fields: Fields, name: str) -> Fields:
    """Return a nested object, empty when it is absent, null or "null". Raises `InvalidRecord`."""
    value = fields.get(name)
    if value is None or value in ("", "null"):
        return {}
    if not isinstance(value, dict):
        raise InvalidRecord(f"{name} is not an object: {str(value)[:80]!r}")
    return value


def listed(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the texts of a field that holds one or a list of them, each once. Raises `InvalidRecord`."""
    value = fields.get(name)
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(filter(None, (text({name: one}, name) for one in values))))


def day(fields: Fields, name: str) -> date | None:
    """Return a date ("2026-02-02", a time after it is left out). Raises `InvalidRecord`."""
    value = text(fields, name)
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError as error:
        raise InvalidRecord(f"{name} is not a date: {value[:40]!r}") from error


def stated_dollars(fields: Fields, name: str) -> Decimal | None:
    """Return an amount in dollars, which comes as text. Raises `InvalidRecord`."""
    value = fields.get(name)
    return dollars(text(fields, name) if isinstance(value, str) else value)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When responses are due, in UTC; whether the time was stated without a zone and taken as Washington's."""

    at: datetime
    zone_assumed: bool


def deadline(fields: Fields, name: str) -> Deadline | None:
    """Return when responses are due. Raises `InvalidRecord`, also for a day without a time."""
    value = text(fields, name)
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
    return Deadline(at, zone_assumed=stated.tzinfo is None)


def agency(fields: Fields) -> Agency:
    """Return who buys, from the paths of codes and of names, whose parts are parted by dots.

    Names can hold dots themselves. When they do not come out as many as the codes, nobody can say which is which, and
    the whole path stands as the name. Version 1 of the API gave three names and no codes.
    """
    codes = [code.strip() for code in filter(None, text(fields, "fullParentPathCode").split("."))]
    path = " ".join(text(fields, "fullParentPathName").split())
    if not path:
        return Agency(
            code=codes[0] if codes else "",
            name=text(fields, "department"),
            sub_code=codes[1] if len(codes) > 1 else "",
            sub_name=text(fields, "subTier"),
            office=text(fields, "office"),
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


def place(fields: Fields) -> str:
    """Return where the work is done, as one line: city, state, country, by name where it is known."""
    parts = (part(fields, name) for name in ("city", "state", "country"))
    return ", ".join(filter(None, (text(one, "name") or text(one, "code") for one in parts)))


def office_address(fields: Fields) -> str:
    """Return where the office is, as one line."""
    state = f"{text(fields, 'state')} {text(fields, 'zipcode')}".strip()
    return ", ".join(filter(None, (text(fields, "city"), state, text(fields, "countryCode"))))


def plain_text(document: Document) -> str:
    """Return the text of a notice, which comes as HTML within JSON, a line for each block; "" when it has none.

    What is longer than any notice is cut: elements in elements without end would take the parser hours.

    Raises:
        SourceChanged: it is something else.
    """
    if NO_TEXT in document.body.lower()[:1000]:
        return ""
    answer = read_json(document, "samnotices")
    if not isinstance(answer.get("description", 0), str | None):
        raise SourceChanged("samnotices", document.url, f"no description in {str(answer)[:200]}")
    tree = LexborHTMLParser(text(answer, "description")[:LONGEST_TEXT])
    for node in tree.css("script,style"):
        node.decompose()
    for node in tree.css(BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    lines = (" ".join(line.split()) for line in (tree.body.text() if tree.body else "").splitlines())
    return clean("\n".join(filter(None, lines)))
