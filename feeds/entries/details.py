"""The facts of an award or an event as pairs of label and value, only those that are known, no two mixed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from feeds.entries.titles import NO_MONEY
from feeds.text import NOT_STATED, clean, format_date, format_money, format_time, one_line, pluralize, to_utc
from storage.fields import AWARD_ONLY, RECORD_FIELDS
from storage.models import EventKind, StoredEvent, StoredRecord

LATE_AFTER_DAYS = 7
# DoD and the Army Corps of Engineers (096) publish contract actions 90 days after signing.
DEFENSE_DELAY = timedelta(days=90)

ANSWERS = {"competed": "Competed", "not-competed": "Not competed"}
# USAspending's groups of Disaster Emergency Fund Codes; Q is money that is not for disasters or emergencies.
DISASTERS = {**dict.fromkeys("LMNOPUV", "COVID-19"), **dict.fromkeys("1Z", "infrastructure"), "9": "not specified"}
NO_DISASTER = "Q"

# Fields of awards that are shown as they are, under their labels; the others are worded below.
_WORDED = {"obligated", "exercised", "ceiling", "may_end"}
PLAIN_FIELDS = [
    field for field in RECORD_FIELDS if field.label and field.name in AWARD_ONLY and field.name not in _WORDED
]

_CHANGES = {
    EventKind.EXTENDED: "End of the period",
    EventKind.CEILING_RAISED: "Ceiling",
    EventKind.RECIPIENT_CHANGED: "Recipient",
    EventKind.RECIPIENT_RENAMED: "Recipient",
    EventKind.DEADLINE_MOVED: "Deadline",
    EventKind.NOTICE_WITHDRAWN: "State",
    EventKind.DOCUMENT: "State",
    EventKind.NOTICE_CHANGED: "Notice",
    EventKind.DESCRIPTION_CHANGED: "Description",
    EventKind.RENUMBERED: "Award key",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """One labelled value, cleaned but not escaped."""

    label: str
    value: str


def event_details(event: StoredEvent) -> list[Detail]:
    """Return what changed, this event's amount, the award's amounts, who, when and under which identifiers."""
    award = event.record
    return [
        *_change(event),
        *_this_action(event),
        *amounts(award),
        *_parties(award),
        *dates(event),
        *_object(award),
        *competition(award),
        *_numbers(award),
        *_as_published(award),
    ]


def award_details(award: StoredRecord) -> list[Detail]:
    """Return what is known of the award itself but its amounts: who, when, how it was bought, its identifiers."""
    seen = [
        Detail("Signed", format_date(award.signed)),
        Detail("Last modified at the source", format_date(award.modified)),
        Detail("First seen", format_time(award.first_seen)),
        Detail("Last change seen", format_time(award.last_changed)),
    ]
    bought = (*competition(award), *payments(award))
    return [*_parties(award), *seen, *_object(award), *bought, *_numbers(award), *_as_published(award)]


def amounts(award: StoredRecord) -> list[Detail]:
    """Return the award's three amounts, each under its own name; what the source does not state is left out."""
    stated = [
        Detail(label, format_money(amount))
        for label, amount in (
            ("Obligated to date", award.obligated),
            ("Base and exercised options", award.exercised),
            ("Ceiling with all options", award.ceiling),
        )
        if amount is not None
    ]
    stated += [
        Detail(
            amount.meaning.capitalize() + (", of all awardees together" if amount.shared else ""),
            format_money(amount.dollars),
        )
        for amount in award.amounts
    ]
    return [*stated, *_known(("Doubtful", award.amount_warning))]


def competition(award: StoredRecord) -> list[Detail]:
    """Return how an award was competed and priced."""
    return _known(
        ("Competition", _competition(award)),
        *((field.label, _shown(getattr(award, field.name))) for field in PLAIN_FIELDS),
    )


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case int():
            return f"{value:,}"
        case Decimal():
            return format_money(value)
        case date():
            return format_date(value)
        case _:
            return str(value)


def payments(award: StoredRecord) -> list[Detail]:
    """Return what was paid out and passed on, and from which emergency money."""
    outlays = "" if award.outlays is None else format_money(award.outlays)
    return _known(
        ("Paid out so far (outlays)", outlays),
        ("Disaster and emergency money (DEFC)", _disasters(award.disaster_codes)),
        ("Subawards reported", _subawards(award)),
    )


def _competition(award: StoredRecord) -> str:
    """Return whether it was competed, with the source's own words where they say more than that."""
    extent = one_line(award.extent_competed)
    if award.had_no_fair_opportunity:
        under = f" (its contract: {extent})" if extent else ""
        return f"Not competed: the order was placed under an exception to fair opportunity{under}"
    answer = ANSWERS.get(award.competition, "")
    return f"{answer} ({extent})" if answer and extent.casefold() not in ("", answer.casefold()) else answer or extent


def _disasters(codes: Sequence[str]) -> str:
    named = [f"{code} ({DISASTERS[code]})" if code in DISASTERS else code for code in codes if code != NO_DISASTER]
    return ", ".join(named) or ("none" if codes else "")


def _subawards(award: StoredRecord) -> str:
    if not award.subaward_count:
        return "" if award.subaward_count is None else "none"
    total = f" (together {format_money(award.subaward_total)})" if award.subaward_total is not None else ""
    return f"{award.subaward_count:,}{total}"


def dates(event: StoredEvent) -> list[Detail]:
    """Return signed, published and first seen, all three whether known or not; how late, when late."""
    late = days_late(event)
    delay = f" ({pluralize(late, 'day')} after signing)" if late else ""
    return [
        Detail("Signed", format_date(event.signed)),
        Detail("Published by the source", format_date(event.published)),
        Detail("First seen", format_time(event.first_seen) + delay),
    ]


def days_late(event: StoredEvent) -> int:
    """Return the days between signing and our first sight, when more than a week; else 0."""
    if event.signed is None:
        return 0
    days = (to_utc(event.first_seen).date() - event.signed).days
    return days if days > LATE_AFTER_DAYS else 0


def reporting_delay_note(today: date) -> str:
    """Return the note about reporting delays that every list carries, for this day (UTC)."""
    return f"DoD and Army Corps of Engineers awards signed after {today - DEFENSE_DELAY} are not public yet."


def describe_obligation(amount: Decimal | None) -> str:
    """Return what an action does to the money: obligates, takes back, or nothing."""
    if amount is None:
        return NOT_STATED
    if amount == 0:
        return f"$0.00 ({NO_MONEY})"
    return format_money(amount) + (" (taken back)" if amount < 0 else "")


def _this_action(event: StoredEvent) -> list[Detail]:
    amount = event.amount
    if amount is None and event.action is None:
        return []
    return [Detail("Obligated by this action", describe_obligation(amount))]


def _change(event: StoredEvent) -> list[Detail]:
    details = []
    if event.old_value or event.new_value:
        if event.kind in (EventKind.FIRST_PURCHASE, EventKind.ROUND_SUM):
            return _known(("Vendor", event.old_value))
        if event.kind is EventKind.DELETED:
            return _known(("What the source said", event.old_value), ("Dropped because", event.new_value))
        if event.kind is EventKind.WITHDRAWN:
            return _known(("No longer said to concern", event.old_value), ("Reviewer's note", event.new_value))
        label = _CHANGES.get(event.kind, "Value")
        details += [
            Detail(f"{label} before", clean(event.old_value) or NOT_STATED),
            Detail(f"{label} now", clean(event.new_value) or NOT_STATED),
        ]
    if event.action and event.action.action_type_text:
        details.append(Detail("Kind of action", one_line(event.action.action_type_text)))
    if event.earlier_actions > 0:
        details.append(Detail("When first seen", f"already modified {pluralize(event.earlier_actions, 'time')}"))
    return details


def _parties(award: StoredRecord) -> list[Detail]:
    funder = _within(award.funding_sub_agency_name, award.funding_agency_name)
    awarder = _within(award.sub_agency_name, award.agency_name)
    return _known(
        ("Bought by", awarder),
        ("Office", award.office),
        ("Paid for by", funder if funder != awarder else ""),
        ("Recipient", _with_uei(award.recipient_name, award.recipient_uei)),
        ("Recipient's parent", _with_uei(award.recipient_parent_name, award.recipient_parent_uei)),
    )


def _object(award: StoredRecord) -> list[Detail]:
    return _known(
        ("Period of performance", _period(award)),
        ("Place of performance", award.place),
        ("Product or service (PSC)", _coded(award.psc, award.psc_text)),
        ("Industry (NAICS)", _coded(award.naics, award.naics_text)),
    )


def _numbers(award: StoredRecord) -> list[Detail]:
    return _known(
        ("Solicitation", award.solicitation),
        ("Kind of award", award.type_text),
        ("Award number (PIID)", award.piid),
        ("Ordered under (parent PIID)", award.parent_piid),
    )


def _as_published(record: StoredRecord) -> list[Detail]:
    """Return what a publication says besides: its title, until when it may be answered, its own facts and files."""
    due = format_time(record.deadline) if record.deadline else ""
    return _known(
        ("Title", record.title),
        ("Modification", record.modification),
        ("Corrects", record.corrects),
        ("Answers due", due),
        ("State", record.state),
        *record.facts,
        *((f"File: {title or 'attachment'}", url) for title, url in record.attachments),
    )


def _known(*pairs: tuple[str, str]) -> list[Detail]:
    return [Detail(label, one_line(value)) for label, value in pairs if one_line(value)]


def _within(part: str, whole: str) -> str:
    return f"{part} ({whole})" if part and whole and part != whole else part or whole


def _with_uei(name: str, uei: str) -> str:
    return f"{name} (UEI {uei})" if name and uei else name or uei


def _coded(code: str, text: str) -> str:
    return f"{code} {text}"


def _period(award: StoredRecord) -> str:
    options: date | None = award.may_end if award.may_end != award.ends else None
    if not (award.starts or award.ends or options):
        return ""
    return f"{format_date(award.starts)} to {format_date(award.ends)}" + (
        f", with all options to {format_date(options)}" if options else ""
    )
