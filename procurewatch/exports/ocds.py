"""Records as releases of the Open Contracting Data Standard 1.1: https://standard.open-contracting.org/1.1/

A release describes a contracting process as of its last change. Each award, notice and subaward is one process;
`relatedProcesses` connects them. Announcements, documents and AI use cases are documents of the awards they are linked
with. docs/exports.md maps every field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from feeds.text import clean, format_money, one_line
from feeds.urls import official_page
from sources.records import Amount
from storage.models import StoredAction, StoredEvidence, StoredLink, StoredMatch, StoredRecord
from storage.reading.export_rows import attribution

# Not a registered prefix; those begin with "ocds-" and are assigned by the Open Contracting Partnership.
OWN_PREFIX = "procurewatch"
AGENCIES = "US-FPDS"  # agency codes of FPDS; org-id.guide lists no scheme for them
UNIQUE_ENTITIES = "US-SAM"  # org-id.guide: the Unique Entity ID of SAM.gov
METHODS = {
    "FULL AND OPEN COMPETITION": "open",
    "FULL AND OPEN COMPETITION AFTER EXCLUSION OF SOURCES": "selective",
    "NOT COMPETED": "direct",
    "NOT COMPETED UNDER SAP": "direct",
    "NOT AVAILABLE FOR COMPETITION": "direct",
    "NON-COMPETITIVE DELIVERY ORDER": "direct",
}
NO_SET_ASIDE = "NONE"
DOCUMENT_TYPES = {"notice": "tenderNotice", "announcement": "awardNotice"}
PROCESSES = frozenset(
    {"contract", "idv", "other-transaction", "other-transaction-idv", "assistance", "notice", "subaward"}
)
_WEB_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:[/?#]|$)")

Json = dict[str, object]
Linked = Sequence[tuple[StoredLink, StoredRecord | None]]


def release_of(
    record: StoredRecord,
    actions: Sequence[StoredAction],
    linked: Linked,
    evidence: Sequence[StoredEvidence],
    prefix: str = OWN_PREFIX,
) -> Json | None:
    """Return a record's release, or `None` if it is not a contracting process (`PROCESSES`).

    Args:
        linked: the record's links with the records at their other ends.
        prefix: the prefix of process identifiers: `OWN_PREFIX` or the publisher's registered one.
    """
    if record.category not in PROCESSES:
        return None
    ocid = ocid_of(prefix, record.key)
    sections = {"notice": _notice, "subaward": _subaward}.get(record.category, _award)
    buyer = _buyer(record)
    release: Json = _without_empty(
        {
            "ocid": ocid,
            "id": f"{ocid}-{record.last_changed.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}",
            "date": _date_time(record.last_changed),
            "initiationType": "tender",
            "language": "en",
            "parties": list(_parties(record)),
            "buyer": buyer if record.category != "subaward" else None,
            "relatedProcesses": list(_related(record, linked, prefix)),
            "matches": [_match(match) for match in record.matches],
            **sections(record, actions, [*_documents(record, linked), *_evidence(evidence)]),
        }
    )
    return release


def ocid_of(prefix: str, key: str) -> str:
    """Return the OCDS identifier of a record's contracting process."""
    return f"{prefix}-{clean(key)}"


def _award(record: StoredRecord, actions: Sequence[StoredAction], documents: Sequence[Json]) -> Json:
    actions = [action for action in actions if action.removed is None]
    amendments = [_amendment(action) for action in actions if action.modification not in ("", "0")]
    exercised = _value(record, record.exercised if record.exercised is not None else record.obligated)
    award = {
        "id": clean(record.key),
        "title": _title(record),
        "description": _description(record),
        "status": "active",
        "date": _date(record.signed),
        "value": _value(record, record.ceiling) or exercised,
        "suppliers": list(_suppliers(record)),
        "items": _items(record),
        "contractPeriod": _period(record),
        "documents": list(documents),
    }
    tender = _tender(record)
    if record.category == "assistance":
        return {"tag": ["award"], "tender": tender, "awards": [award | {"amendments": amendments}]}
    contract = {
        "id": clean(record.key),
        "awardID": clean(record.key),
        "title": _title(record),
        "description": clean(record.description),
        "period": _period(record),
        "value": exercised,
        "dateSigned": _date(record.signed),
        "amendments": amendments,
        "obligations": [_obligation(action) for action in actions if action.obligation is not None],
    }
    tags = ["award", "contract", *(["contractAmendment"] if amendments else [])]
    return {"tag": tags, "tender": tender, "awards": [award], "contracts": [contract]}


def _tender(record: StoredRecord) -> Json | None:
    """Return what an award says about its competition, or `None`."""
    method = _without_empty(_method(record))
    if not (record.solicitation or method):
        return None
    named = clean(record.solicitation) or clean(record.key)
    return {"id": named, "procuringEntity": _buyer(record), **method}


def _notice(record: StoredRecord, _actions: Sequence[StoredAction], documents: Sequence[Json]) -> Json:
    cancelled = "cancel" in record.state.casefold()
    files: list[Json] = [
        {"id": f"file-{number}", "title": one_line(title), "url": address}
        for number, (title, url) in enumerate(record.attachments, start=1)
        if (address := _uri(url))
    ]
    tender = {
        "id": clean(record.solicitation) or clean(record.key),
        "title": one_line(record.title),
        "description": _description(record),
        "status": "cancelled" if cancelled else None,
        "procuringEntity": _buyer(record),
        "tenderPeriod": {"startDate": _date(record.published), "endDate": _date_time(record.deadline)},
        "items": _items(record),
        "documents": [*documents, *files],
        **_method(record),
    }
    if not record.recipient_name:
        return {"tag": ["tenderCancellation" if cancelled else "tender"], "tender": tender}
    award = {
        "id": clean(record.key),
        "title": _title(record),
        "date": _date(record.signed),
        "value": _stated_value(record, "awarded"),
        "suppliers": list(_suppliers(record)),
    }
    return {"tag": ["tender", "award"], "tender": tender, "awards": [award]}


def _subaward(record: StoredRecord, _actions: Sequence[StoredAction], documents: Sequence[Json]) -> Json:
    key = clean(record.key)
    value, signed = _stated_value(record, "subawarded"), _date(record.signed)
    award = {
        "id": key,
        "title": _title(record),
        "description": _description(record),
        "date": signed,
        "value": value,
        "suppliers": list(_suppliers(record)),
        "items": _items(record),
        "documents": list(documents),
    }
    contract = {"id": key, "awardID": key, "dateSigned": signed, "value": value, "period": _period(record)}
    return {"tag": ["award", "contract"], "awards": [award], "contracts": [contract]}


def _parties(record: StoredRecord) -> Iterator[Json]:
    funds = record.category == "subaward"
    for party in filter(None, [_buyer(record)]):
        code = record.sub_agency_code or record.agency_code
        identifier = {"scheme": AGENCIES, "id": clean(code), "legalName": party["name"]} if code else None
        roles = ["funder"] if funds else ["buyer", "procuringEntity"]
        details = {"department": one_line(record.agency_name), "office": one_line(record.office)}
        yield {**party, "identifier": identifier, "roles": roles, "details": details}
    for party in _suppliers(record):
        uei = clean(record.recipient_uei)
        identifier = {"scheme": UNIQUE_ENTITIES, "id": uei, "legalName": party["name"]} if uei else None
        details = {
            "parentName": one_line(record.recipient_parent_name),
            "parentUEI": clean(record.recipient_parent_uei),
            "attribution": attribution(record),
        }
        address = {"region": clean(record.recipient_state)}
        yield {**party, "identifier": identifier, "address": address, "roles": ["supplier"], "details": details}


def _match(match: StoredMatch) -> Json:
    """Return an entry of the watchlist that a record matches: an addition of ours to a release."""
    return {
        "id": clean(match.vendor_id),
        "name": one_line(match.vendor_name),
        "kind": match.entry_kind,
        "category": clean(match.category),
        "viaReseller": match.via_reseller,
        "reason": one_line(match.reason),
    }


def _buyer(record: StoredRecord) -> Json | None:
    name = one_line(record.sub_agency_name or record.agency_name)
    code = clean(record.sub_agency_code or record.agency_code)
    return {"id": f"{AGENCIES}-{code or name}", "name": name or code} if name or code else None


def _suppliers(record: StoredRecord) -> Iterator[Json]:
    name, uei = one_line(record.recipient_name), clean(record.recipient_uei)
    if name or uei:
        yield {"id": f"{UNIQUE_ENTITIES}-{uei}" if uei else f"name-{name}", "name": name or uei}


def _related(record: StoredRecord, linked: Linked, prefix: str) -> Iterator[Json]:
    if record.parent_key:
        yield _relation(ocid_of(prefix, record.parent_key), f"Ordered under {record.parent_piid}", "framework")
    for link, other in linked:
        key = link.award_key if link.record_key == record.key else link.record_key
        if other is not None and other.category not in PROCESSES:
            continue
        relation = "parent" if record.category == "subaward" and key == link.award_key else ""
        yield _relation(ocid_of(prefix, key), f"{link.reason} (confidence {link.confidence:.2f})", relation)


def _relation(ocid: str, title: str, relationship: str) -> Json:
    return {
        "id": ocid,
        "relationship": [relationship] if relationship else None,
        "title": one_line(title),
        "scheme": "ocid",
        "identifier": ocid,
    }


def _documents(record: StoredRecord, linked: Linked) -> Iterator[Json]:
    page = _uri(official_page(record))
    yield {"id": "official-page", "title": "Official page at the source", "url": page, "format": "text/html"}
    for link, other in linked:
        if other is None or not other.is_publication or link.record_key == record.key:
            continue
        yield {
            "id": clean(other.key),
            "documentType": DOCUMENT_TYPES.get(other.category),
            "title": one_line(other.title or other.type_text or other.category),
            "description": f"{one_line(link.reason)} (confidence {link.confidence:.2f})",
            "url": _uri(official_page(other)),
            "datePublished": _date(other.published),
        }


def _evidence(evidence: Sequence[StoredEvidence]) -> Iterator[Json]:
    for each in evidence:
        yield {
            "id": f"evidence-{each.sha256}-{_url_hash(each.url)}",
            "title": "The source's response, as stored",
            "description": f"sha256 {each.sha256}, {each.size} bytes",
            "url": _uri(each.url),
            "dateModified": _date_time(each.retrieved_at),
            "format": clean(each.content_type).partition(";")[0],
        }


def _amendment(action: StoredAction) -> Json:
    amount = f"Obligated by this action: {format_money(action.obligation)}." if action.obligation is not None else ""
    return {
        "id": clean(action.key),
        "date": _date(action.signed),
        "rationale": one_line(action.action_type_text or action.action_type),
        "description": " ".join(filter(None, (clean(action.description), amount))),
    }


def _obligation(action: StoredAction) -> Json:
    """Return what an action obligates, which the standard has no field for: an addition of ours to a contract."""
    return {"id": clean(action.key), "date": _date(action.signed), "value": _money(action.obligation or Decimal(0))}


def _items(record: StoredRecord) -> list[Json]:
    codes = (("PSC", record.psc, record.psc_text), ("NAICS", record.naics, record.naics_text))
    found = [
        {"scheme": scheme, "id": clean(code), "description": one_line(text)}
        for scheme, code, text in codes
        if clean(code) or one_line(text)
    ]
    return [{"id": "1", "classification": found[0], "additionalClassifications": found[1:]}] if found else []


def _method(record: StoredRecord) -> Json:
    extent = one_line(record.extent_competed)
    reason = record.fair_opportunity or record.fair_opportunity_code
    exception = one_line(reason) if record.had_no_fair_opportunity else ""
    details = (
        extent,
        one_line(record.solicitation_procedure),
        exception and f"exception to fair opportunity: {exception}",
    )
    return {
        "procurementMethod": "direct" if exception else METHODS.get(extent.upper()),
        "procurementMethodDetails": "; ".join(filter(None, details)),
        "procurementMethodRationale": one_line(record.not_competed_reason) or exception,
        "eligibilityCriteria": one_line(record.set_aside) if record.set_aside_code != NO_SET_ASIDE else "",
        "numberOfTenderers": record.offers_received,
    }


def _period(record: StoredRecord) -> Json:
    dates = {"startDate": record.starts, "endDate": record.ends, "maxExtentDate": record.may_end}
    return {name: _date(value) for name, value in dates.items()}


def _title(record: StoredRecord) -> str:
    return one_line(record.title or f"{record.type_text} {record.piid}")


def _description(record: StoredRecord) -> str:
    doubt = (
        f"The amount is left out because it is doubtful: {one_line(record.amount_warning)}."
        if record.amount_warning
        else ""
    )
    return "\n".join(filter(None, (clean(record.description), doubt)))


def _stated_value(record: StoredRecord, meaning: str) -> Json | None:
    """Return a publication's amount, or `None` if several awardees share it."""
    found: list[Amount] = [each for each in record.amounts if each.meaning == meaning and not each.shared]
    return _value(record, found[0].dollars) if len(found) == 1 else None


def _value(record: StoredRecord, dollars: Decimal | None) -> Json | None:
    if dollars is None or record.amount_warning:
        return None
    return _money(dollars)


def _money(dollars: Decimal) -> Json:
    return {"amount": int(dollars) if dollars == int(dollars) else float(dollars), "currency": "USD"}


def _uri(url: str) -> str:
    """Return a web address as a valid URI, or "" if it is not one."""
    written = quote(clean(url).strip(), safe="%/:?#@!$&'()*+,;=~-._")
    written = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", written)
    base, mark, rest = written.partition("#")
    written = f"{base}{mark}{rest.replace('#', '%23')}"
    return written if _WEB_URL.match(written) else ""


def _url_hash(url: str) -> str:
    # The same bytes may have come from two URLs.
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:8]


def _date(value: date | None) -> str | None:
    return f"{value.isoformat()}T00:00:00Z" if value else None


def _date_time(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


def _without_empty(value: Any) -> Any:
    """Drop the fields that are `None` or empty, at every level."""
    if isinstance(value, dict):
        cleaned = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in cleaned.items() if each not in (None, "", [], {})}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value
