"""The details of an award or event as pairs of label and value. Unknown values are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from feeds.entries.ending import options_left
from feeds.entries.matches import buyer_name, is_resold, recipient_label
from feeds.entries.titles import ZERO_DOLLARS
from feeds.text import (
    NOT_STATED,
    clean,
    format_date,
    format_end,
    format_money,
    format_round_dollars,
    format_signed,
    format_time,
    one_line,
    pluralize,
)
from storage.models import MILESTONES, EventKind, StoredEvent, StoredRecord
from storage.schema.fields import AWARD_ONLY, RECORD_FIELDS

# DoD and the Army Corps of Engineers publish contract actions 90 days after signing.
DEFENSE_DELAY = timedelta(days=90)

COMPETITION_LABELS = {"competed": "Competed", "not-competed": "Not competed"}
# Disaster Emergency Fund Codes (DEFC) as USAspending groups them; Q is funding for neither.
DISASTERS = {**dict.fromkeys("LMNOPUV", "COVID-19"), **dict.fromkeys("1Z", "infrastructure"), "9": "not specified"}
NO_DISASTER = "Q"

# Fields of awards that are shown as they are, under their labels; the others are worded below.
_WORDED = {"obligated", "exercised", "ceiling", "may_end"}
PLAIN_FIELDS = [
    field for field in RECORD_FIELDS if field.label and field.name in AWARD_ONLY and field.name not in _WORDED
]

# Events that take something back: the labels of the value before and of the reason.
_WITHDRAWN = {
    EventKind.DELETED: ("Deleted description", "Reason for deletion"),
    EventKind.WITHDRAWN: ("No longer matched to", "Reason"),
    EventKind.FIRST_PURCHASE_WITHDRAWN: ("Not the first purchase from", "Earlier award"),
}
_CHANGED_FIELDS = {
    EventKind.EXTENDED: "Period end",
    EventKind.CEILING_RAISED: "Ceiling",
    EventKind.RECIPIENT_CHANGED: "Recipient",
    EventKind.RECIPIENT_RENAMED: "Recipient",
    EventKind.DEADLINE_MOVED: "Deadline",
    EventKind.NOTICE_WITHDRAWN: "Status",
    EventKind.DOCUMENT: "Status",
    EventKind.NOTICE_CHANGED: "Notice",
    EventKind.DESCRIPTION_CHANGED: "Description",
    EventKind.RENUMBERED: "Award key",
    EventKind.CORRECTED: "Action",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """One labelled value, cleaned but not escaped."""

    label: str
    value: str


def event_details(event: StoredEvent) -> list[Detail]:
    """Return the details of an event: the change, the amounts, parties, dates, product, competition and numbers."""
    award = event.record
    return [
        *change_details(event),
        *action_amount(event),
        *milestone_details(event),
        *amounts(award),
        *_parties(award),
        *dates(event),
        *_product(award),
        *competition(award),
        *_numbers(award),
        *_publication(award),
    ]


def milestone_details(event: StoredEvent) -> list[Detail]:
    """Return the milestones that an event's entry includes, each as a sentence."""
    return [_milestone(milestone, event.record) for milestone in event.milestones]


def _milestone(milestone: StoredEvent, award: StoredRecord) -> Detail:
    buyer, vendor = buyer_name(award), one_line(milestone.old_value)
    match = next((match for match in award.matches if match.vendor_id == milestone.vendor_id), None)
    resold = match is not None and is_resold(match)
    paid = f"; this award went to {recipient_label(award)}"
    bought = f"for {vendor} products" if resold else f"to {vendor}"
    if milestone.kind is EventKind.FIRST_PURCHASE:
        since = f" since {milestone.new_value}" if milestone.new_value else ""
        return Detail("First purchase on record", f"{buyer} has no earlier award {bought} in the records{since}{paid}")
    passed = format_round_dollars(Decimal(milestone.new_value)) if milestone.new_value else "a round sum"
    total = f": {format_money(milestone.total)} in all" if milestone.total is not None else ""
    return Detail("Total passed a round sum", f"{buyer}'s obligations {bought} passed {passed}{total}{paid}")


def award_details(award: StoredRecord) -> list[Detail]:
    """Return the details of an award, without its amounts."""
    seen = [
        Detail("Signed", format_signed(award.signed)),
        Detail("Last modified at the source", format_date(award.modified)),
        Detail("First seen", format_time(award.first_seen)),
        Detail("Last change first seen", format_time(award.last_changed)),
    ]
    bought = (*competition(award), *payments(award))
    return [*_parties(award), *seen, *_product(award), *bought, *_numbers(award), *_publication(award)]


def amounts(award: StoredRecord) -> list[Detail]:
    """Return each amount that the source states, and the warning if one of them cannot be right."""
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
            amount.meaning.capitalize() + (", shared by all awardees" if amount.shared else ""),
            format_money(amount.dollars),
        )
        for amount in award.amounts
    ]
    return [*stated, *_known(("Amount warning", award.amount_warning))]


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
    """Return outlays, emergency funding and subawards."""
    outlays = "" if award.outlays is None else format_money(award.outlays)
    return _known(
        ("Outlays to date", outlays),
        ("Disaster and emergency funding (DEFC)", _disasters(award.disaster_codes)),
        ("Subawards reported", _subawards(award)),
    )


def _competition(award: StoredRecord) -> str:
    """Return whether an award was competed, with the source's wording where it says more."""
    extent = one_line(award.extent_competed)
    if award.had_no_fair_opportunity:
        under = f" (parent contract: {extent})" if extent else ""
        return f"Not competed: the order was placed under an exception to fair opportunity{under}"
    label = COMPETITION_LABELS.get(award.competition, "")
    return f"{label} ({extent})" if label and extent.casefold() not in ("", label.casefold()) else label or extent


def _disasters(codes: Sequence[str]) -> str:
    named = [f"{code} ({DISASTERS[code]})" if code in DISASTERS else code for code in codes if code != NO_DISASTER]
    return ", ".join(named) or ("none" if codes else "")


def _subawards(award: StoredRecord) -> str:
    if not award.subaward_count:
        return "" if award.subaward_count is None else "none"
    total = f" (total {format_money(award.subaward_total)})" if award.subaward_total is not None else ""
    return f"{award.subaward_count:,}{total}"


def dates(event: StoredEvent) -> list[Detail]:
    """Return the signed, published and first-seen dates, always all three, with the delay of what arrived late."""
    delay = f" ({pluralize(event.days_late, 'day')} after signing)" if event.days_late else ""
    return [
        Detail("Signed", format_signed(event.signed)),
        Detail("Published by the source", format_date(event.published)),
        Detail("First seen", format_time(event.first_seen) + delay),
    ]


def reporting_delay_note(today: date | None) -> str:
    """Return the note for lists that may lack awards of the Defense Department, for this day (UTC).

    Without a day, as on pages that are read long after they were made, it names none.
    """
    if today is None:
        return "DoD and Army Corps of Engineers awards become public 90 days after they are signed."
    return f"DoD and Army Corps of Engineers awards signed after {today - DEFENSE_DELAY} are not public yet."


def describe_obligation(amount: Decimal | None) -> str:
    """Return an action's obligation, with a note if it is zero or negative."""
    if amount is None:
        return NOT_STATED
    if amount == 0:
        return f"$0.00 ({ZERO_DOLLARS})"
    return format_money(amount) + (" (de-obligated)" if amount < 0 else "")


def action_amount(event: StoredEvent) -> list[Detail]:
    """Return what an event's action obligates; nothing for an event that is about no action."""
    amount = event.amount
    if amount is None and event.action is None:
        return []
    return [Detail("Obligated by this action", describe_obligation(amount))]


def change_details(event: StoredEvent) -> list[Detail]:
    """Return what changed, with the values before and now, and what kind of action did it."""
    details = []
    if event.old_value or event.new_value:
        if event.kind is EventKind.EXPIRING:
            return [Detail("Ends", event.new_value), Detail("Options left", options_left(event.record))]
        if event.kind in MILESTONES:
            return [_milestone(event, event.record)]
        if labels := _WITHDRAWN.get(event.kind):
            return _known(*zip(labels, (event.old_value, event.new_value), strict=True))
        label = _CHANGED_FIELDS.get(event.kind, "Value")
        details += [
            Detail(f"{label} before", clean(event.old_value) or NOT_STATED),
            Detail(f"{label} now", clean(event.new_value) or NOT_STATED),
        ]
    if event.action and event.action.action_type_text:
        details.append(Detail("Action type", one_line(event.action.action_type_text)))
    if event.earlier_actions > 0:
        details.append(Detail("When first seen", f"already modified {pluralize(event.earlier_actions, 'time')}"))
    if event.is_first_sight:
        details.append(Detail("Award", f"signed {format_signed(event.record.signed)}, seen for the first time"))
    return details


def _parties(award: StoredRecord) -> list[Detail]:
    funder = _within(award.funding_sub_agency_name, award.funding_agency_name)
    awarder = _within(award.sub_agency_name, award.agency_name)
    return _known(
        ("Awarding agency", awarder),
        ("Contracting office", award.office),
        ("Funding agency", funder if funder != awarder else ""),
        ("Recipient", _with_uei(award.recipient_name, award.recipient_uei)),
        ("Recipient parent", _with_uei(award.recipient_parent_name, award.recipient_parent_uei)),
    )


def _product(award: StoredRecord) -> list[Detail]:
    return _known(
        ("Period of performance", _period(award)),
        ("Place of performance", award.place),
        ("Product or service (PSC)", _coded(award.psc, award.psc_text)),
        ("Industry (NAICS)", _coded(award.naics, award.naics_text)),
    )


def _numbers(award: StoredRecord) -> list[Detail]:
    return _known(
        ("Solicitation", award.solicitation),
        ("Award type", award.type_text),
        ("Award number (PIID)", award.piid),
        ("Parent PIID", award.parent_piid),
    )


def _publication(record: StoredRecord) -> list[Detail]:
    """Return the details that only publications have."""
    due = format_time(record.deadline) if record.deadline else ""
    return _known(
        ("Title", record.title),
        ("Modification", record.modification),
        ("Corrects", record.corrects),
        ("Responses due", due),
        ("Status", record.state),
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
    return f"{format_end(award.starts)} to {format_end(award.ends)}" + (
        f", with all options to {format_end(options)}" if options else ""
    )
