"""Reading the rows of one award, as an archive has them, into records. Pure.

A payload has two documents: the header of the CSV file, and the rows. A row is one action, and has with it how the
award stood after it. An award gets the key, the action keys, the amounts and the texts that the API gives it, so that
the two agree: `sources.usaspending.award_parser`. Facts: transaction_contract_monthly.py, transaction_download.py and
etl/award_helpers.py of usaspending-api (the total obligated and the description are the award's, the other columns the
action's; the latest action is that with the last date, then modification number, then key).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sources.award_keys import award_page
from sources.fields import (
    join_place,
    read_count,
    read_date,
    read_dollars,
    read_identifier,
    read_required,
    read_text,
    unreadable,
)
from sources.records import (
    Agency,
    Award,
    AwardCategory,
    ContractAction,
    InvalidRecord,
    Payload,
    Problem,
    Recipient,
    Record,
    Removal,
    SourceFact,
)
from sources.usaspending_archive.columns import ASSISTANCE, DELETED, Columns, NotAnArchive, columns_of, read_header

Row = Mapping[str, str]

FUND_CODE = re.compile(r"([0-9A-Z]{1,3}):")
IDV_B = "B"  # an indefinite delivery contract, of which `type_of_idc` says the kind
INDEFINITE_DELIVERY = "INDEFINITE DELIVERY CONTRACT"


def parse(payload: Payload) -> list[Record]:
    """Parse a payload into its award and the removals of its deleted actions, and problems for what cannot be read."""
    try:
        columns, rows = _read(payload)
    except (InvalidRecord, NotAnArchive, csv.Error) as error:
        return [unreadable(payload, error)]
    removals: list[Record] = []
    problems: list[Record] = []
    actions: list[tuple[ContractAction, Row]] = []
    for row in rows:
        try:
            if read_identifier(row, columns.change) == DELETED:
                removals.append(_removal(payload, columns, row))
            else:
                _check_key(payload, columns, row)
                actions.append((_action(columns, row), row))
        except InvalidRecord as error:
            problems.append(_problem(payload, columns, row, error))
    return [*_award(payload, columns, actions), *removals, *problems]


def _read(payload: Payload) -> tuple[Columns, list[Row]]:
    if len(payload.documents) != 2:
        raise InvalidRecord("not a header and rows")
    header, body = (document.body for document in payload.documents)
    names = read_header(header)
    columns = columns_of(names)
    text = body.decode("utf-8", "replace").replace("\0", "")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if not rows:
        raise InvalidRecord("no row")
    if any(len(row) != len(names) for row in rows):
        raise InvalidRecord(f"a row has not the {len(names)} columns of the header")
    return columns, [dict(zip(names, map(str.strip, row), strict=True)) for row in rows]


def _problem(payload: Payload, columns: Columns, row: Row, error: InvalidRecord) -> Problem:
    key = read_text(row, columns.action_key).upper()[:200] or payload.key
    return unreadable(replace(payload, key=key), error)


def _check_key(payload: Payload, columns: Columns, row: Row) -> None:
    key = read_identifier(row, columns.award_key)
    if key != payload.key.upper():
        raise InvalidRecord(f"expected a row of {payload.key}, got one of {key}")


def _removal(payload: Payload, columns: Columns, row: Row) -> Removal:
    read_required(row, columns.action_key)
    return Removal(
        source=payload.source,
        key=payload.key.upper(),
        action_key=read_identifier(row, columns.action_key),
        removed=read_date(row, "last_modified_date"),
        reason="USAspending lists this action among those deleted",
        documents=payload.documents,
    )


def _action(columns: Columns, row: Row) -> ContractAction:
    is_assistance = columns is ASSISTANCE
    read_required(row, columns.action_key)
    read_required(row, "action_date")
    return ContractAction(
        key=read_identifier(row, columns.action_key),
        modification=read_text(row, "modification_number"),
        signed=read_date(row, "action_date"),
        obligation=read_dollars(row, "federal_action_obligation"),
        description=read_text(row, "transaction_description"),
        action_type=read_text(row, "action_type_code"),
        action_type_text=read_text(row, "action_type_description" if is_assistance else "action_type"),
    )


def _order(action: ContractAction) -> tuple[date, str, str]:
    return action.signed or date.min, action.modification, action.key


def _award(payload: Payload, columns: Columns, found: Sequence[tuple[ContractAction, Row]]) -> Iterator[Record]:
    """Yield the award as it stood after the latest of its actions here."""
    if not found:
        return
    by_key = {action.key: (action, row) for action, row in found}
    ordered = sorted(by_key.values(), key=lambda pair: _order(pair[0]))
    base = next((pair for pair in ordered if not pair[0].modification.strip("0")), None)
    latest = ordered[-1][1]
    try:
        fields = _assistance(latest, [row for _, row in ordered]) if columns is ASSISTANCE else _contract(latest)
        description = read_text(latest, "prime_award_base_transaction_description")
        yield Award(
            is_partial=True,
            has_own_text=True,
            key=payload.key.upper(),
            source=payload.source,
            revision=payload.revision,
            description=description or (base[0].description if base else ""),
            recipient=_recipient(latest),
            awarding=_agency(latest, "awarding"),
            funding=_agency(latest, "funding"),
            signed=base[0].signed if base else None,
            starts=read_date(base[1], "period_of_performance_start_date") if base else None,
            modified=read_date(latest, "last_modified_date"),
            outlays=read_dollars(latest, "total_outlayed_amount_for_overall_award"),
            disaster_codes=_disaster_codes(latest),
            place=_place(latest),
            url=award_page(payload.key.upper()),
            actions=tuple(action for action, _ in ordered),
            documents=payload.documents,
            **fields,
        )
    except InvalidRecord as error:
        yield _problem(payload, columns, latest, error)


def _contract(row: Row) -> dict[str, Any]:
    read_required(row, "award_id_piid")
    is_idv = read_identifier(row, "contract_award_unique_key").startswith("CONT_IDV_")
    parent_piid, parent_agency = (
        read_identifier(row, "parent_award_id_piid"),
        read_identifier(row, "parent_award_agency_id"),
    )
    ends = "ordering_period_end_date" if is_idv else "period_of_performance_current_end_date"
    return {
        "category": AwardCategory.IDV if is_idv else AwardCategory.CONTRACT,
        "type_text": _idv_type(row) if is_idv else read_text(row, "award_type"),
        "piid": read_identifier(row, "award_id_piid"),
        "parent_piid": parent_piid,
        "parent_key": f"CONT_IDV_{parent_piid}_{parent_agency}" if parent_piid and parent_agency else "",
        "obligated": read_dollars(row, "total_dollars_obligated"),
        "exercised": read_dollars(row, "current_total_value_of_award"),
        "ceiling": read_dollars(row, "potential_total_value_of_award"),
        "ends": read_date(row, ends),
        "may_end": read_date(row, "period_of_performance_potential_end_date"),
        "psc": read_text(row, "product_or_service_code"),
        "psc_text": read_text(row, "product_or_service_code_description"),
        "naics": read_text(row, "naics_code"),
        "naics_text": read_text(row, "naics_description"),
        "solicitation": read_text(row, "solicitation_identifier"),
        "extent_competed_code": read_identifier(row, "extent_competed_code"),
        "extent_competed": read_text(row, "extent_competed"),
        "not_competed_reason": read_text(row, "other_than_full_and_open_competition"),
        "fair_opportunity_code": read_identifier(row, "fair_opportunity_limited_sources_code"),
        "fair_opportunity": read_text(row, "fair_opportunity_limited_sources"),
        "offers_received": read_count(row, "number_of_offers_received"),
        "solicitation_procedure": read_text(row, "solicitation_procedures"),
        "set_aside_code": read_identifier(row, "type_of_set_aside_code"),
        "set_aside": read_text(row, "type_of_set_aside"),
        "commercial_procedures": read_text(row, "commercial_item_acquisition_procedures"),
        "pricing_code": read_identifier(row, "type_of_contract_pricing_code"),
        "pricing": read_text(row, "type_of_contract_pricing"),
        "facts": tuple(_names(row)),
    }


def _idv_type(row: Row) -> str:
    """Return an IDV's type in the words of the API."""
    if read_identifier(row, "idv_type_code") == IDV_B:
        return read_text(row, "type_of_idc") or INDEFINITE_DELIVERY
    return read_text(row, "idv_type")


def _assistance(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    number = read_identifier(row, "award_id_fain") or read_identifier(row, "award_id_uri")
    if not number:
        raise InvalidRecord("neither award_id_fain nor award_id_uri is there")
    kind = read_text(row, "assistance_type_description")
    listings = (f"{read_text(each, 'cfda_number')} {read_text(each, 'cfda_title')}".strip() for each in rows)
    facts = [*(("Assistance listing", listing) for listing in dict.fromkeys(listings)), ("Assistance type", kind)]
    return {
        "category": AwardCategory.ASSISTANCE,
        "type_text": kind,
        "piid": number,
        "obligated": read_dollars(row, "total_obligated_amount"),
        "ends": read_date(row, "period_of_performance_current_end_date"),
        "facts": (*(SourceFact(label=label, value=value) for label, value in facts if value), *_names(row)),
    }


def _recipient(row: Row) -> Recipient:
    return Recipient(
        name=read_text(row, "recipient_name"),
        uei=read_identifier(row, "recipient_uei"),
        cage=read_identifier(row, "cage_code"),
        parent_name=read_text(row, "recipient_parent_name") or read_text(row, "recipient_parent_name_raw"),
        parent_uei=read_identifier(row, "recipient_parent_uei"),
        state=read_text(row, "recipient_state_code"),
    )


def _names(row: Row) -> Iterator[SourceFact]:
    """Yield the recipient's other names: USAspending replaces the one on the contract with the registered one."""
    known = {read_identifier(row, "recipient_name")}
    for label, name in (
        ("Doing business as", "recipient_doing_business_as_name"),
        ("Name on the contract", "recipient_name_raw"),
    ):
        value = read_text(row, name)
        if value and value.upper() not in known:
            known.add(value.upper())
            yield SourceFact(label=label, value=value)


def _agency(row: Row, role: str) -> Agency:
    return Agency(
        code=read_identifier(row, f"{role}_agency_code"),
        name=read_text(row, f"{role}_agency_name"),
        sub_code=read_identifier(row, f"{role}_sub_agency_code"),
        sub_name=read_text(row, f"{role}_sub_agency_name"),
        office=read_text(row, f"{role}_office_name"),
    )


def _disaster_codes(row: Row) -> tuple[str, ...]:
    """Return the codes of "L: Public Law 116-123, ...;Q: Excluded from tracking ..."."""
    listed = read_text(row, "disaster_emergency_fund_codes_for_overall_award")
    return tuple(sorted({found[1] for part in listed.split(";") if (found := FUND_CODE.match(part.strip()))}))


def _place(row: Row) -> str:
    where = "primary_place_of_performance"
    return join_place(*(read_text(row, f"{where}_{part}") for part in ("city_name", "state_name", "country_name")))
