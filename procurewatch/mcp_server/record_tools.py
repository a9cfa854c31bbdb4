"""The tools that return records and events: search, award, new_since."""

from __future__ import annotations

from collections.abc import Sequence

from feeds import urls
from feeds.entries.titles import title_for
from feeds.text import format_date, format_money
from procurewatch.mcp_server.answers import (
    ActionSummary,
    Answer,
    EventSummary,
    RecordSummary,
    cut,
    fitted,
    quote,
    texts,
)
from procurewatch.mcp_server.reading import MATCH_LIMIT, MAX_MATCHES, MONEY_LIMIT, Call, quoted_of, total_of_answer
from storage.models import EventKind, StoredAction, StoredEvent, StoredEvidence, StoredRecord
from storage.reading.export_rows import attribution, with_bands
from storage.reading.records import actions_of, evidence_of, find_by_identifier, load_evidence_for, records_by_key
from storage.reading.summaries import published_among
from storage.reading.timelines import public_links
from storage.search.query import InvalidQuery, Query
from storage.search.search import count_records, event_cursor, find_events, find_records, record_cursor
from storage.search.spending import load_found_actions, total_of
from storage.writing.renumbering import current_key

MAX_LIMIT, DEFAULT_LIMIT = 50, 10
MAX_EVIDENCE = 3


def search(call: Call) -> tuple[Answer[RecordSummary], str]:
    """Find records, newest signed or published first."""
    query, limit, after = call.query(), call.number("limit", DEFAULT_LIMIT, MAX_LIMIT), call.text("next")
    found = list(with_bands(find_records(call.session, query, limit + 1, after)))
    shown = found[:limit]
    answer = Answer[RecordSummary](
        asked=call.asked(query),
        total=None if after else total_of_answer(total_of(call.session, query)),
        found=count_records(call.session, query),
        limits=call.limits(query, MONEY_LIMIT),
        sources=call.sources(),
    )
    lines = [] if found else ["No record matches. Leave out a word or a filter."]

    def cursor(count: int) -> str | None:
        return record_cursor(call.session, query, shown[count - 1]) if count and count < len(found) else None

    return fitted(answer, lines, call.summaries(shown, query), cursor)


def new_since(call: Call) -> tuple[Answer[EventSummary], str]:
    """Find what was first seen on or after a day, newest first."""
    call.required("seen_since", "the first day, such as 2024-09-30")
    query, limit = call.query(), call.number("limit", DEFAULT_LIMIT, MAX_LIMIT)
    found = find_events(call.session, query, limit + 1, call.text("next"))
    shown = found[:limit]
    evidence = load_evidence_for(call.session, sorted({event.record.key for event in shown}))
    answer = Answer[EventSummary](
        asked=f"news about {call.asked(query)}", limits=call.limits(query, MONEY_LIMIT), sources=call.sources()
    )

    def cursor(count: int) -> str | None:
        return event_cursor(shown[count - 1]) if count and count < len(found) else None

    items = [_event(call, event, evidence.get(event.record.key, ())) for event in shown]
    return fitted(answer, [] if found else ["Nothing new."], items, cursor)


def _event(call: Call, event: StoredEvent, evidence: Sequence[StoredEvidence]) -> EventSummary:
    # The public reason of a withdrawal is a reviewer's, not a record's.
    before, after = ("", "") if event.kind is EventKind.WITHDRAWN else (event.old_value, event.new_value)
    return EventSummary(
        event_id=event.id,
        event=event.kind.value,
        first_seen=event.first_seen,
        signed=event.signed,
        published=event.published,
        amount=event.amount,
        record_key=cut(event.record.key),
        quoted={"what": cut(title_for(event)), **texts(before=before, after=after), **quoted_of(event.record)},
        citation=call.citation(event.record, evidence),
    )


def award(call: Call) -> tuple[Answer[ActionSummary], str]:
    """Return one published record with its actions, oldest first."""
    record = _one_published(call, call.required("award", "a key, PIID or usaspending.gov address"))
    everything = Query()
    found = load_found_actions(call.session, everything, [record.key]).get(record.key, [])
    actions, start = actions_of(call.session, record.key), call.offset()
    evidence = evidence_of(call.session, record.key)
    [summary] = call.summaries([record], everything)
    about = {
        "record": summary,
        "facts": _facts(record),
        "evidence": [_evidence(call, each) for each in evidence[-MAX_EVIDENCE:]],
        "evidence_in_all": len(evidence),
        "linked": [
            {
                "publication": link.record_key,
                "award": link.award_key,
                "confidence": link.confidence,
                "why": cut(link.reason),
            }
            for link in public_links(call.session, record.key)[:MAX_MATCHES]
        ],
    }
    answer = Answer[ActionSummary](
        asked=f"the record {cut(record.key)}",
        found=len(actions),
        about=about,
        limits=_award_limits(record, len(found), len(actions)),
        sources=call.sources(),
    )
    lines = [str(summary), *(f"{name}: {quote(value)}" for name, value in _facts(record).items())]
    lines += [
        f"reason for the match with {each.vendor_name}: {quote(cut(each.reason))}"
        for each in record.matches[:MAX_MATCHES]
    ]

    def cursor(count: int) -> str | None:
        return str(start + count) if start + count < len(actions) else None

    return fitted(answer, lines, [_action(each) for each in actions[start:]], cursor)


def _one_published(call: Call, given: str) -> StoredRecord:
    """Return the published record with a key, PIID or address, with its published matches. Raises `InvalidQuery`."""
    key = current_key(call.session, given)
    found = records_by_key(call.session, [key]) or find_by_identifier(call.session, given)
    published = published_among(call.session, [record.key for record in found])
    known = list(with_bands(record for record in found if record.key in published))
    if len(known) > 1:
        keys = ", ".join(record.key for record in known[:MAX_MATCHES])
        raise InvalidQuery(f"several awards have this PIID; give the key of one: {keys}")
    if not known:
        raise InvalidQuery(
            f"no published record has the key, PIID or address {given[:120]!r}; the tool search finds them"
        )
    return known[0]


def _facts(record: StoredRecord) -> dict[str, str]:
    """Return the facts about a record that are not texts of its author, those that its source states."""
    dollars = {
        "obligated to date, whole award": record.obligated,
        "base and exercised options": record.exercised,
        "base and all options": record.ceiling,
        "outlays": record.outlays,
    }
    days = {"starts": record.starts, "ends": record.ends, "may end with all options": record.may_end}
    facts = {name: format_money(value) for name, value in dollars.items() if value is not None}
    facts |= {name: format_date(value) for name, value in days.items() if value}
    facts |= {
        "parent contract": record.parent_piid,
        "competition": record.competition,
        "amount warning": record.amount_warning,
    }
    return {name: cut(value) for name, value in facts.items() if value}


def _award_limits(record: StoredRecord, found: int, actions: int) -> list[str]:
    partial = (
        f"Only {found} of its {actions} actions concern the watchlist; do not add up the others."
        if found < actions and any(match.action_keys for match in record.matches)
        else ""
    )
    return [each for each in (partial, attribution(record), MONEY_LIMIT, MATCH_LIMIT) if each]


def _action(action: StoredAction) -> ActionSummary:
    return ActionSummary(
        action_key=cut(action.key),
        modification=cut(action.modification, 40),
        signed=action.signed,
        obligation=action.obligation,
        removed=action.removed,
        quoted=texts(kind=action.action_type_text or action.action_type, description=action.description),
    )


def _evidence(call: Call, evidence: StoredEvidence) -> dict[str, str]:
    base = call.app.settings.site_url
    download = urls.site_url(base, urls.evidence_path(evidence.sha256)) if base else ""
    retrieved = evidence.retrieved_at.isoformat(timespec="seconds")
    return {"url": cut(evidence.url), "retrieved": retrieved, "sha256": evidence.sha256, "download": download}
