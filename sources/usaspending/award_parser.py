"""Reading an award of USAspending: its detail and its transactions, as bytes, into one record. Pure.

Facts: `awards/{id}/` and `transactions/` of the API contracts (usaspending_api/api_contracts/contracts/v2/awards and
v2/transactions.md). Fields that are not taken stay in the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote, unquote

from sources.errors import SourceChanged
from sources.fields import read_json
from sources.records import (
    Agency,
    Award,
    AwardCategory,
    ContractAction,
    Document,
    InvalidRecord,
    Payload,
    Problem,
    Recipient,
    Record,
    SourceFact,
    count,
    dollars,
)

ASSISTANCE = "ASST_"
TRANSACTION_PREFIXES = {"CONT_": "CONT_TX_", ASSISTANCE: "ASST_TX_"}
LONGEST_IDENTIFIER = 200
AWARD_PAGE = "https://www.usaspending.gov/award/"

Fields = Mapping[str, object]


def text(fields: Fields, name: str) -> str:
    """Return a text field, "" when it is null or absent, without what no database can store (NUL, half characters).

    Raises:
        InvalidRecord: it is not text.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRecord(f"{name} is not text: {str(value)[:80]!r}")
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def required(fields: Fields, name: str) -> str:
    """Return a text field that must be there. Raises `InvalidRecord`."""
    value = text(fields, name)
    if not value:
        raise InvalidRecord(f"{name} is missing")
    return value


def identifier(fields: Fields, name: str) -> str:
    """Return an identifier in upper case, "" when there is none. Raises `InvalidRecord` for what cannot be one."""
    value = text(fields, name).upper()
    if len(value) > LONGEST_IDENTIFIER:
        raise InvalidRecord(f"{name} is too long for an identifier: {value[:80]!r}")
    return value


def day(fields: Fields, name: str) -> date | None:
    """Return a date; the API also writes "2019-10-27 20:06:44". Raises `InvalidRecord`."""
    value = text(fields, name)
    if not value:
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError as error:
        raise InvalidRecord(f"{name} is not a date: {value[:40]!r}") from error


def part(fields: Fields, name: str) -> Fields:
    """Return a nested object, empty when it is null or absent. Raises `InvalidRecord`."""
    value = fields.get(name) or {}
    if not isinstance(value, dict):
        raise InvalidRecord(f"{name} is not an object: {str(value)[:80]!r}")
    return value


def objects(fields: Fields, name: str) -> Iterator[Fields]:
    """Give the objects of a list, none when it is null or absent. Raises `InvalidRecord`."""
    found = fields.get(name) or []
    if not isinstance(found, list):
        raise InvalidRecord(f"{name} is not a list: {str(found)[:80]!r}")
    for each in found:
        if not isinstance(each, dict):
            raise InvalidRecord(f"{name} holds what is no object: {str(each)[:80]!r}")
        yield each


def parse(payload: Payload) -> Record:
    """Read a payload into an award, or say why not.

    It holds the detail first, then the pages of its transactions, then perhaps the answer that a former key is gone.
    """
    try:
        answers = [read_json(document, payload.source) for document in payload.documents]
        award = _award(payload, answers[0], [answer for answer in answers[1:] if "detail" not in answer])
        gone = [document for document, answer in zip(payload.documents, answers, strict=True) if "detail" in answer]
        # Of several that are gone, nothing says which one it was.
        return replace(award, replaces=_key_asked_for(gone[0]) if len(gone) == 1 else "")
    except (InvalidRecord, SourceChanged, IndexError) as error:
        reason = error.came_back if isinstance(error, SourceChanged) else str(error)
        return Problem(source=payload.source, key=payload.key, reason=reason, documents=payload.documents)


def _key_asked_for(detail: Document) -> str:
    """Return the key of the award whose detail was asked for, from the address: awards/{key}/."""
    return unquote(detail.url.rstrip("/").rpartition("/")[2]).upper()


def _award(payload: Payload, detail: Fields, pages: list[dict[str, object]]) -> Award:
    key = identifier(detail, "generated_unique_award_id")
    if key != payload.key.upper():
        raise InvalidRecord(f"asked for {payload.key}, got {key}")
    is_assistance = key.startswith(ASSISTANCE)
    actions = tuple(sorted(_actions(pages, key), key=lambda action: (action.signed or date.min, action.key)))
    if not actions:
        raise InvalidRecord("it has no transactions")
    period = part(detail, "period_of_performance")
    latest = part(detail, "latest_transaction_contract_data")
    parent = part(detail, "parent_award")
    return Award(
        key=key,
        source=payload.source,
        revision=payload.revision,
        category=AwardCategory.ASSISTANCE if is_assistance else _category(detail),
        type_text=text(detail, "type_description"),
        piid=_fain(detail) if is_assistance else _piid(detail),
        parent_piid=identifier(parent, "piid"),
        parent_key=identifier(parent, "generated_unique_award_id"),
        description=text(detail, "description"),
        recipient=_recipient(part(detail, "recipient")),
        awarding=agency(part(detail, "awarding_agency")),
        funding=agency(part(detail, "funding_agency")),
        obligated=dollars(detail.get("total_obligation")),
        exercised=dollars(detail.get("base_exercised_options")),
        ceiling=dollars(detail.get("base_and_all_options")),
        signed=day(detail, "date_signed"),
        starts=day(period, "start_date"),
        ends=day(period, "end_date"),
        may_end=day(period, "potential_end_date"),
        modified=day(period, "last_modified_date"),
        psc=text(latest, "product_or_service_code"),
        psc_text=text(latest, "product_or_service_description"),
        naics=text(latest, "naics"),
        naics_text=text(latest, "naics_description"),
        solicitation=text(latest, "solicitation_identifier"),
        **_competition(latest),
        outlays=dollars(detail.get("total_outlay")),
        disaster_codes=_disaster_codes(detail),
        subaward_count=count(detail.get("subaward_count")),
        subaward_total=dollars(detail.get("total_subaward_amount")),
        place=place(part(detail, "place_of_performance")),
        url=f"{AWARD_PAGE}{quote(key, safe='')}/",
        actions=actions,
        documents=payload.documents,
        facts=tuple(_assistance_facts(detail)) if is_assistance else (),
    )


def _competition(latest: Fields) -> dict[str, Any]:
    """Return how a contract was competed and priced; `latest` is the contract data of its latest transaction."""
    return {
        "extent_competed_code": identifier(latest, "extent_competed"),
        "extent_competed": text(latest, "extent_competed_description"),
        "not_competed_reason": text(latest, "other_than_full_and_open_description"),
        "fair_opportunity_code": identifier(latest, "fair_opportunity_limited"),
        "fair_opportunity": text(latest, "fair_opportunity_limited_description"),
        "offers_received": count(latest.get("number_of_offers_received")),
        "solicitation_procedure": text(latest, "solicitation_procedures_description"),
        "set_aside_code": identifier(latest, "type_set_aside"),
        "set_aside": text(latest, "type_set_aside_description"),
        "commercial_procedures": text(latest, "commercial_item_acquisition_description"),
        "pricing_code": identifier(latest, "type_of_contract_pricing"),
        "pricing": text(latest, "type_of_contract_pricing_description"),
    }


def _disaster_codes(detail: Fields) -> tuple[str, ...]:
    """Return the Disaster Emergency Fund Codes under which agencies' accounts report money of the award."""
    listed = ("account_obligations_by_defc", "account_outlays_by_defc")
    amounts = (amount for name in listed for amount in objects(detail, name))
    return tuple(sorted({code for amount in amounts if (code := identifier(amount, "code"))}))


def _piid(detail: Fields) -> str:
    required(detail, "piid")
    return identifier(detail, "piid")


def _fain(detail: Fields) -> str:
    """Return what assistance goes by: the FAIN, or the URI of awards that are only reported added up."""
    name = identifier(detail, "fain") or identifier(detail, "uri")
    if not name:
        raise InvalidRecord("neither fain nor uri is there")
    return name


def _assistance_facts(detail: Fields) -> Iterator[SourceFact]:
    for listing in objects(detail, "cfda_info"):
        named = f"{text(listing, 'cfda_number')} {text(listing, 'cfda_title')}".strip()
        if named:
            yield SourceFact(label="Assistance listing", value=named)
    if kind := text(detail, "type_description"):
        yield SourceFact(label="Assistance type", value=kind)


def _category(detail: Fields) -> AwardCategory:
    category = required(detail, "category")
    try:
        return AwardCategory(category)
    except ValueError as error:
        raise InvalidRecord(f"neither a contract nor an IDV but {category!r}") from error


def _actions(pages: list[dict[str, object]], award_key: str) -> list[ContractAction]:
    """Return the transactions of all pages, each once."""
    prefix = TRANSACTION_PREFIXES.get(award_key[:5], "CONT_TX_")
    found: dict[str, ContractAction] = {}
    for page in pages:
        rows = page.get("results")
        if not isinstance(rows, list):
            raise InvalidRecord("its transactions have no results")
        for row in rows:
            if not isinstance(row, dict):
                raise InvalidRecord(f"a transaction that is no object: {str(row)[:80]!r}")
            action = _action(row, prefix)
            found[action.key] = action
    return list(found.values())


def _action(row: Fields, prefix: str) -> ContractAction:
    key = identifier(row, "id")
    if not key.startswith(prefix):
        raise InvalidRecord(f"not the key of a transaction of this award, {prefix}...: {key[:80]!r}")
    return ContractAction(
        key=key.removeprefix(prefix),
        modification=text(row, "modification_number"),
        signed=day(row, "action_date"),
        obligation=dollars(row.get("federal_action_obligation")),
        description=text(row, "description"),
        action_type=text(row, "action_type"),
        action_type_text=text(row, "action_type_description"),
    )


def _recipient(fields: Fields) -> Recipient:
    return Recipient(
        name=text(fields, "recipient_name"),
        uei=identifier(fields, "recipient_uei"),
        parent_name=text(fields, "parent_recipient_name"),
        parent_uei=identifier(fields, "parent_recipient_uei"),
        state=text(part(fields, "location"), "state_code"),
    )


def agency(fields: Fields) -> Agency:
    """Return an agency as an award's detail tells it. Raises `InvalidRecord`."""
    top, sub = part(fields, "toptier_agency"), part(fields, "subtier_agency")
    return Agency(
        code=identifier(top, "code"),
        name=text(top, "name"),
        sub_code=identifier(sub, "code"),
        sub_name=text(sub, "name"),
        office=text(fields, "office_agency_name"),
    )


def place(fields: Fields) -> str:
    """Return where the work is done, as one line: city, state, country where each is known."""
    names = (text(fields, "city_name"), text(fields, "state_name"), text(fields, "country_name"))
    return ", ".join(name for name in names if name)
