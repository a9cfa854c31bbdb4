"""Parsing subawards of USAspending: rows of its subaward search, and the detail of the prime award, as bytes. Pure.

Facts: the fields of usaspending_api/awards/v2/lookups/lookups.py (`subaward_mapping`) and of
search/v2/views/spending_by_award.py; what they hold, search/delta_models/subaward_search.py. No row has a key: the
maintainers advise subaward number and prime award key (issue 3807), but prime contractors number several subawards "1"
or "N/A". So who is paid, when and for what also count, and the amount, which is what gets corrected, does not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from sources.award_keys import award_page
from sources.errors import SourceChanged
from sources.fields import (
    Fields,
    read_date,
    read_dollars,
    read_identifier,
    read_json,
    read_object,
    read_required,
    read_text,
    unreadable,
)
from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    InvalidRecord,
    Payload,
    Publication,
    PublicationKind,
    Recipient,
    Record,
    SourceFact,
)
from sources.usaspending.award_parser import read_agency, read_place

PRIME_KEY = "prime_award_generated_internal_id"
SEARCH_PAGE = "https://www.usaspending.gov/search"  # what has no prime award has no page of its own
MIN_DIGITS = 6  # digits: a shorter one may be an amount by chance
MAX_PLAUSIBLE = Decimal(100_000_000_000)  # reached by no more than a typing error


def subaward_key(row: Fields) -> str:
    """Return the permanent key of a subaward: SUBAWARD_, prime award key, number, digest of the rest.

    A prime award without a key is named by its number and agency.

    Raises:
        InvalidRecord: the row does not name its prime award, or holds no text where text belongs.
    """
    prime = read_identifier(row, PRIME_KEY) or _unlinked(row)
    if not prime:
        raise InvalidRecord("it does not name its prime award")
    number = read_text(row, "Sub-Award ID").upper()
    who = read_identifier(row, "Sub-Recipient UEI") or read_text(row, "Sub-Awardee Name").upper()
    rest = (number, who, read_text(row, "Sub-Award Date")[:10], read_text(row, "Sub-Award Description").upper())
    digest = hashlib.sha256("\x1f".join(rest).encode()).hexdigest()[:12].upper()
    shown = re.sub(r"[^0-9A-Z]+", "-", number)[:40].strip("-")
    return f"SUBAWARD_{prime}_{shown}_{digest}"


def _unlinked(row: Fields) -> str:
    """Return a name for a prime award that has no key, "" if the row has no number."""
    number = read_identifier(row, "Prime Award ID")
    agency = re.sub(r"[^0-9A-Z]+", "-", read_text(row, "Awarding Sub Agency").upper())[:60].strip("-")
    return f"UNLINKED_{number}_{agency}" if number else ""


def parse(payload: Payload) -> Record:
    """Parse a payload (search responses, then perhaps the prime award's detail) into a subaward, or a problem."""
    try:
        answers = [read_json(document, payload.source) for document in payload.documents]
        rows = [row for answer in answers for row in _rows(answer) if _is(row, payload.key)]
        prime = next((answer for answer in answers if "generated_unique_award_id" in answer), {})
        return _publication(payload, rows, prime)
    except (InvalidRecord, SourceChanged) as error:
        return unreadable(payload, error)


def _rows(answer: Fields) -> list[Fields]:
    rows = answer.get("results")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _is(row: Fields, key: str) -> bool:
    try:
        return subaward_key(row) == key
    except InvalidRecord:
        return False


def _publication(payload: Payload, rows: Sequence[Fields], prime: Fields) -> Publication:
    if not rows:
        raise InvalidRecord("no row of the search is this subaward")
    row = rows[0]
    prime_key, name = read_identifier(row, PRIME_KEY), read_required(row, "Sub-Awardee Name")
    if prime and read_identifier(prime, "generated_unique_award_id") != prime_key:
        raise InvalidRecord(f"its prime award is {prime_key}, but the detail is another's")
    read_required(row, "Sub-Award Date")
    amounts = sorted({amount for row in rows if (amount := read_dollars(row, "Sub-Award Amount")) is not None})
    prime_id, psc, naics = read_text(row, "Prime Award ID"), read_object(row, "PSC"), read_object(row, "NAICS")
    return Publication(
        key=payload.key,
        source=payload.source,
        kind=PublicationKind.SUBAWARD,
        type_text=read_text(row, "Sub-Award Type"),
        title=f"Subaward to {name} under {prime_id or prime_key}",
        description=read_text(row, "Sub-Award Description"),
        recipient=Recipient(
            name=name,
            uei=read_identifier(row, "Sub-Recipient UEI"),
            state=read_text(read_object(row, "Sub-Recipient Location"), "state_code"),
        ),
        awarding=_awarding(row, prime),
        funding=read_agency(read_object(prime, "funding_agency")),
        published=None,
        url=award_page(prime_key) if prime_key else SEARCH_PAGE,
        revision=payload.revision,
        amounts=tuple(Amount(meaning=AmountMeaning.SUBAWARDED, dollars=amount) for amount in amounts),
        award_key=prime_key,
        piid=re.sub(r"[\s-]", "", prime_id.upper()),
        signed=read_date(row, "Sub-Award Date"),
        amount_warning=next(filter(None, (_amount_warning(amount, row, prime) for amount in amounts)), ""),
        psc=read_text(psc, "code"),
        psc_text=read_text(psc, "description"),
        naics=read_text(naics, "code"),
        naics_text=read_text(naics, "description"),
        place=read_place(read_object(row, "Sub-Award Primary Place of Performance")),
        facts=tuple(_facts(row, prime)),
        documents=payload.documents,
    )


def _awarding(row: Fields, prime: Fields) -> Agency:
    """Return the agency of the prime award: the row has only names."""
    if prime:
        return read_agency(read_object(prime, "awarding_agency"))
    return Agency(name=read_text(row, "Awarding Agency"), sub_name=read_text(row, "Awarding Sub Agency"))


def _facts(row: Fields, prime: Fields) -> Iterator[SourceFact]:
    listing = read_object(row, "Assistance Listing")
    named = {
        "Prime recipient": read_text(row, "Prime Recipient Name"),
        "Prime recipient's UEI": read_identifier(row, "Prime Award Recipient UEI"),
        "Prime award": read_text(row, "Prime Award ID"),
        "Prime award's amount": _shown(read_dollars(prime, "total_obligation")),
        "Prime award's ceiling": _shown(read_dollars(prime, "base_and_all_options")),
        "Subaward number": read_text(row, "Sub-Award ID"),
        "Assistance listing": f"{read_text(listing, 'cfda_number')} {read_text(listing, 'cfda_program_title')}".strip(),
    }
    for label, value in named.items():
        if value:
            yield SourceFact(label=label, value=value)


def _shown(amount: Decimal | None) -> str:
    return "" if amount is None else f"${amount:,.2f}"


def _amount_warning(amount: Decimal, row: Fields, prime: Fields) -> str:
    """Return why an amount, which the prime contractor has typed in, cannot be true; "" if nothing speaks against it.

    5000653817, a subaward's number, has been reported as the dollars paid to a machine shop.
    """
    for label, value in _identifiers(row, prime).items():
        if _is_number_of(amount, value):
            return f"The amount has the digits of {label}, {value}."
    obligated, ceiling = read_dollars(prime, "total_obligation"), read_dollars(prime, "base_and_all_options")
    if read_text(prime, "category") == "idv":  # its money is obligated by the orders under it
        obligated = None
    if ceiling and amount > max(ceiling, obligated or ceiling):
        return f"The amount is larger than the whole prime award, {_shown(max(ceiling, obligated or ceiling))}."
    if obligated is not None and amount > obligated:
        return f"The amount is larger than what the prime award has obligated, {_shown(obligated)}."
    if amount >= MAX_PLAUSIBLE:
        return "The amount is a hundred billion dollars or more."
    return ""


def _identifiers(row: Fields, prime: Fields) -> Mapping[str, str]:
    paid = read_object(prime, "recipient")
    return {
        "the subaward's number": read_text(row, "Sub-Award ID"),
        "the prime award's number": read_text(row, "Prime Award ID"),
        "the recipient's UEI": read_text(row, "Sub-Recipient UEI"),
        "the prime recipient's UEI": read_text(row, "Prime Award Recipient UEI"),
        "the prime recipient's DUNS number": read_text(paid, "recipient_unique_id"),
    }


def _is_number_of(amount: Decimal, value: str) -> bool:
    """Whether an amount in whole dollars is an identifier's number: all of its digits, or some that stand together."""
    if amount != int(amount):
        return False
    runs = {re.sub(r"\D", "", value), *re.findall(r"\d+", value)}
    return str(int(amount)) in {run.lstrip("0") for run in runs if len(run.lstrip("0")) >= MIN_DIGITS}
