"""Reading subawards of USAspending: rows of its subaward search, and the detail of the prime award, as bytes. Pure.

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
from urllib.parse import quote

from sources.errors import SourceChanged
from sources.fields import read_json
from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    InvalidRecord,
    Payload,
    Problem,
    Publication,
    PublicationKind,
    Recipient,
    Record,
    SourceFact,
    dollars,
)
from sources.usaspending.award_parser import AWARD_PAGE, Fields, agency, day, identifier, part, place, required, text

PRIME_KEY = "prime_award_generated_internal_id"
SEARCH_PAGE = "https://www.usaspending.gov/search"  # what has no prime award has no page of its own
SHORTEST_NUMBER = 6  # digits: a shorter one may be an amount by chance
LARGEST_PLAUSIBLE = Decimal(100_000_000_000)  # reached by no more than a typing error


def subaward_key(row: Fields) -> str:
    """Return the key of a subaward, the same for ever: SUBAWARD_, prime award key, number, digest of the rest.

    In the place of a key that the row does not have stand the number and the agency of the prime award.

    Raises:
        InvalidRecord: the row does not name its prime award, or holds no text where text belongs.
    """
    prime = identifier(row, PRIME_KEY) or _unlinked(row)
    if not prime:
        raise InvalidRecord("it does not name its prime award")
    number = text(row, "Sub-Award ID").upper()
    who = identifier(row, "Sub-Recipient UEI") or text(row, "Sub-Awardee Name").upper()
    rest = (number, who, text(row, "Sub-Award Date")[:10], text(row, "Sub-Award Description").upper())
    digest = hashlib.sha256("\x1f".join(rest).encode()).hexdigest()[:12].upper()
    shown = re.sub(r"[^0-9A-Z]+", "-", number)[:40].strip("-")
    return f"SUBAWARD_{prime}_{shown}_{digest}"


def _unlinked(row: Fields) -> str:
    """Return what names a prime award that has no key, "" if nothing does."""
    number = identifier(row, "Prime Award ID")
    agency = re.sub(r"[^0-9A-Z]+", "-", text(row, "Awarding Sub Agency").upper())[:60].strip("-")
    return f"UNLINKED_{number}_{agency}" if number else ""


def parse(payload: Payload) -> Record:
    """Read a payload (answers of the search, then perhaps the prime award's detail) into a subaward, or say why not."""
    try:
        answers = [read_json(document, payload.source) for document in payload.documents]
        rows = [row for answer in answers for row in _rows(answer) if _is(row, payload.key)]
        prime = next((answer for answer in answers if "generated_unique_award_id" in answer), {})
        return _publication(payload, rows, prime)
    except (InvalidRecord, SourceChanged) as error:
        reason = error.came_back if isinstance(error, SourceChanged) else str(error)
        return Problem(source=payload.source, key=payload.key, reason=reason, documents=payload.documents)


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
    prime_key, name = identifier(row, PRIME_KEY), required(row, "Sub-Awardee Name")
    if prime and identifier(prime, "generated_unique_award_id") != prime_key:
        raise InvalidRecord(f"its prime award is {prime_key}, but the detail is another's")
    required(row, "Sub-Award Date")
    amounts = sorted({amount for row in rows if (amount := dollars(row.get("Sub-Award Amount"))) is not None})
    prime_id, psc, naics = text(row, "Prime Award ID"), part(row, "PSC"), part(row, "NAICS")
    return Publication(
        key=payload.key,
        source=payload.source,
        kind=PublicationKind.SUBAWARD,
        type_text=text(row, "Sub-Award Type"),
        title=f"Subaward to {name} under {prime_id or prime_key}",
        description=text(row, "Sub-Award Description"),
        recipient=Recipient(
            name=name,
            uei=identifier(row, "Sub-Recipient UEI"),
            state=text(part(row, "Sub-Recipient Location"), "state_code"),
        ),
        awarding=_awarding(row, prime),
        funding=agency(part(prime, "funding_agency")),
        published=None,
        url=f"{AWARD_PAGE}{quote(prime_key, safe='')}/" if prime_key else SEARCH_PAGE,
        revision=payload.revision,
        amounts=tuple(Amount(meaning=AmountMeaning.SUBAWARDED, dollars=amount) for amount in amounts),
        award_key=prime_key,
        piid=re.sub(r"[\s-]", "", prime_id.upper()),
        signed=day(row, "Sub-Award Date"),
        amount_warning=next((doubt for amount in amounts if (doubt := _doubt(amount, row, prime))), ""),
        psc=text(psc, "code"),
        psc_text=text(psc, "description"),
        naics=text(naics, "code"),
        naics_text=text(naics, "description"),
        place=place(part(row, "Sub-Award Primary Place of Performance")),
        facts=tuple(_facts(row, prime)),
        documents=payload.documents,
    )


def _awarding(row: Fields, prime: Fields) -> Agency:
    """Return the agency of the prime award: the row has only names."""
    if prime:
        return agency(part(prime, "awarding_agency"))
    return Agency(name=text(row, "Awarding Agency"), sub_name=text(row, "Awarding Sub Agency"))


def _facts(row: Fields, prime: Fields) -> Iterator[SourceFact]:
    listing = part(row, "Assistance Listing")
    named = {
        "Prime recipient": text(row, "Prime Recipient Name"),
        "Prime recipient's UEI": identifier(row, "Prime Award Recipient UEI"),
        "Prime award": text(row, "Prime Award ID"),
        "Prime award's amount": _shown(dollars(prime.get("total_obligation"))),
        "Prime award's ceiling": _shown(dollars(prime.get("base_and_all_options"))),
        "Subaward number": text(row, "Sub-Award ID"),
        "Assistance listing": f"{text(listing, 'cfda_number')} {text(listing, 'cfda_program_title')}".strip(),
    }
    for label, value in named.items():
        if value:
            yield SourceFact(label=label, value=value)


def _shown(amount: Decimal | None) -> str:
    return "" if amount is None else f"${amount:,.2f}"


def _doubt(amount: Decimal, row: Fields, prime: Fields) -> str:
    """Return why an amount, which the prime contractor has typed in, cannot be true; "" if nothing speaks against it.

    5000653817, a subaward's number, has been reported as the dollars paid to a machine shop.
    """
    for label, value in _identifiers(row, prime).items():
        if _is_number_of(amount, value):
            return f"The amount has the digits of {label}, {value}."
    obligated, ceiling = dollars(prime.get("total_obligation")), dollars(prime.get("base_and_all_options"))
    if text(prime, "category") == "idv":  # its money is obligated by the orders under it
        obligated = None
    if ceiling and amount > max(ceiling, obligated or ceiling):
        return f"The amount is larger than the whole prime award, {_shown(max(ceiling, obligated or ceiling))}."
    if obligated is not None and amount > obligated:
        return f"The amount is larger than what the prime award has obligated, {_shown(obligated)}."
    if amount >= LARGEST_PLAUSIBLE:
        return "The amount is a hundred billion dollars or more."
    return ""


def _identifiers(row: Fields, prime: Fields) -> Mapping[str, str]:
    paid = part(prime, "recipient")
    return {
        "the subaward's number": text(row, "Sub-Award ID"),
        "the prime award's number": text(row, "Prime Award ID"),
        "the recipient's UEI": text(row, "Sub-Recipient UEI"),
        "the prime recipient's UEI": text(row, "Prime Award Recipient UEI"),
        "the prime recipient's DUNS number": text(paid, "recipient_unique_id"),
    }


def _is_number_of(amount: Decimal, value: str) -> bool:
    """Whether an amount in whole dollars is an identifier's number: all of its digits, or some that stand together."""
    if amount != int(amount):
        return False
    runs = {re.sub(r"\D", "", value), *re.findall(r"\d+", value)}
    return str(int(amount)) in {run.lstrip("0") for run in runs if len(run.lstrip("0")) >= SHORTEST_NUMBER}
