"""Parsing an award of USAspending: its detail and its transactions, as bytes, into one record. Pure.

Facts: `awards/{id}/` and `transactions/` of the API contracts (usaspending_api/api_contracts/contracts/v2/awards and
v2/transactions.md). Fields that are not taken stay in the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import unquote

from sources.award_keys import award_page
from sources.errors import SourceChanged
from sources.fields import (
    Fields,
    join_place,
    read_count,
    read_date,
    read_dollars,
    read_identifier,
    read_json,
    read_object,
    read_objects,
    read_required,
    read_text,
    unreadable,
)
from sources.records import (
    Agency,
    Award,
    AwardCategory,
    ContractAction,
    Document,
    InvalidRecord,
    Payload,
    Recipient,
    Record,
    SourceFact,
)

ASSISTANCE = "ASST_"
TRANSACTION_PREFIXES = {"CONT_": "CONT_TX_", ASSISTANCE: "ASST_TX_"}


def parse(payload: Payload) -> Record:
    """Parse a payload into an award, or into the problem that prevents it.

    Its documents: the detail, the pages of its transactions, then perhaps the response that a former key is gone.
    """
    try:
        answers = [read_json(document, payload.source) for document in payload.documents]
        award = _award(payload, answers[0], [answer for answer in answers[1:] if "detail" not in answer])
        gone = [document for document, answer in zip(payload.documents, answers, strict=True) if "detail" in answer]
        # If several are gone, nothing says which one it was.
        return replace(award, replaces=_requested_key(gone[0]) if len(gone) == 1 else "")
    except (InvalidRecord, SourceChanged, IndexError) as error:
        return unreadable(payload, error)


def _requested_key(detail: Document) -> str:
    """Return the key of the award that was requested, from the URL: awards/{key}/."""
    return unquote(detail.url.rstrip("/").rpartition("/")[2]).upper()


def _award(payload: Payload, detail: Fields, pages: list[dict[str, object]]) -> Award:
    key = read_identifier(detail, "generated_unique_award_id")
    if key != payload.key.upper():
        raise InvalidRecord(f"requested {payload.key}, got {key}")
    is_assistance = key.startswith(ASSISTANCE)
    actions = tuple(sorted(_actions(pages, key), key=lambda action: (action.signed or date.min, action.key)))
    if not actions:
        raise InvalidRecord("it has no transactions")
    period = read_object(detail, "period_of_performance")
    latest = read_object(detail, "latest_transaction_contract_data")
    parent = read_object(detail, "parent_award")
    return Award(
        key=key,
        source=payload.source,
        revision=payload.revision,
        category=AwardCategory.ASSISTANCE if is_assistance else _category(detail),
        type_text=read_text(detail, "type_description"),
        piid=_fain(detail) if is_assistance else _piid(detail),
        parent_piid=read_identifier(parent, "piid"),
        parent_key=read_identifier(parent, "generated_unique_award_id"),
        description=read_text(detail, "description"),
        recipient=_recipient(read_object(detail, "recipient")),
        awarding=read_agency(read_object(detail, "awarding_agency")),
        funding=read_agency(read_object(detail, "funding_agency")),
        obligated=read_dollars(detail, "total_obligation"),
        exercised=read_dollars(detail, "base_exercised_options"),
        ceiling=read_dollars(detail, "base_and_all_options"),
        signed=read_date(detail, "date_signed"),
        starts=read_date(period, "start_date"),
        ends=read_date(period, "end_date"),
        may_end=read_date(period, "potential_end_date"),
        modified=read_date(period, "last_modified_date"),
        psc=read_text(latest, "product_or_service_code"),
        psc_text=read_text(latest, "product_or_service_description"),
        naics=read_text(latest, "naics"),
        naics_text=read_text(latest, "naics_description"),
        solicitation=read_text(latest, "solicitation_identifier"),
        **_competition(latest),
        outlays=read_dollars(detail, "total_outlay"),
        disaster_codes=_disaster_codes(detail),
        subaward_count=read_count(detail, "subaward_count"),
        subaward_total=read_dollars(detail, "total_subaward_amount"),
        place=read_place(read_object(detail, "place_of_performance")),
        url=award_page(key),
        actions=actions,
        documents=payload.documents,
        facts=tuple(_assistance_facts(detail)) if is_assistance else (),
    )


def _competition(latest: Fields) -> dict[str, Any]:
    """Return how a contract was competed and priced; `latest` is the contract data of its latest transaction."""
    return {
        "extent_competed_code": read_identifier(latest, "extent_competed"),
        "extent_competed": read_text(latest, "extent_competed_description"),
        "not_competed_reason": read_text(latest, "other_than_full_and_open_description"),
        "fair_opportunity_code": read_identifier(latest, "fair_opportunity_limited"),
        "fair_opportunity": read_text(latest, "fair_opportunity_limited_description"),
        "offers_received": read_count(latest, "number_of_offers_received"),
        "solicitation_procedure": read_text(latest, "solicitation_procedures_description"),
        "set_aside_code": read_identifier(latest, "type_set_aside"),
        "set_aside": read_text(latest, "type_set_aside_description"),
        "commercial_procedures": read_text(latest, "commercial_item_acquisition_description"),
        "pricing_code": read_identifier(latest, "type_of_contract_pricing"),
        "pricing": read_text(latest, "type_of_contract_pricing_description"),
    }


def _disaster_codes(detail: Fields) -> tuple[str, ...]:
    """Return the Disaster Emergency Fund Codes under which agencies' accounts report money of the award."""
    listed = ("account_obligations_by_defc", "account_outlays_by_defc")
    amounts = (amount for name in listed for amount in read_objects(detail, name))
    return tuple(sorted({code for amount in amounts if (code := read_identifier(amount, "code"))}))


def _piid(detail: Fields) -> str:
    read_required(detail, "piid")
    return read_identifier(detail, "piid")


def _fain(detail: Fields) -> str:
    """Return what assistance goes by: the FAIN, or the URI of awards that are only reported added up."""
    name = read_identifier(detail, "fain") or read_identifier(detail, "uri")
    if not name:
        raise InvalidRecord("neither fain nor uri is there")
    return name


def _assistance_facts(detail: Fields) -> Iterator[SourceFact]:
    for listing in read_objects(detail, "cfda_info"):
        named = f"{read_text(listing, 'cfda_number')} {read_text(listing, 'cfda_title')}".strip()
        if named:
            yield SourceFact(label="Assistance listing", value=named)
    if kind := read_text(detail, "type_description"):
        yield SourceFact(label="Assistance type", value=kind)


def _category(detail: Fields) -> AwardCategory:
    category = read_required(detail, "category")
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
    key = read_identifier(row, "id")
    if not key.startswith(prefix):
        raise InvalidRecord(f"not the key of a transaction of this award, {prefix}...: {key[:80]!r}")
    return ContractAction(
        key=key.removeprefix(prefix),
        modification=read_text(row, "modification_number"),
        signed=read_date(row, "action_date"),
        obligation=read_dollars(row, "federal_action_obligation"),
        description=read_text(row, "description"),
        action_type=read_text(row, "action_type"),
        action_type_text=read_text(row, "action_type_description"),
    )


def _recipient(fields: Fields) -> Recipient:
    return Recipient(
        name=read_text(fields, "recipient_name"),
        uei=read_identifier(fields, "recipient_uei"),
        parent_name=read_text(fields, "parent_recipient_name"),
        parent_uei=read_identifier(fields, "parent_recipient_uei"),
        state=read_text(read_object(fields, "location"), "state_code"),
    )


def read_agency(fields: Fields) -> Agency:
    """Return an agency of an award's detail. Raises `InvalidRecord`."""
    top, sub = read_object(fields, "toptier_agency"), read_object(fields, "subtier_agency")
    return Agency(
        code=read_identifier(top, "code"),
        name=read_text(top, "name"),
        sub_code=read_identifier(sub, "code"),
        sub_name=read_text(sub, "name"),
        office=read_text(fields, "office_agency_name"),
    )


def read_place(fields: Fields) -> str:
    """Return where the work is done, as one line: city, state, country where each is known."""
    return join_place(*(read_text(fields, name) for name in ("city_name", "state_name", "country_name")))
