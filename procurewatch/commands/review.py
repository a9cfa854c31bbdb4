"""Commands for reviewing matches: review, rematch."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from feeds.text import format_money, one_line, pluralize, shorten
from monitors.matching.matcher import Matcher
from monitors.runs.pipeline import RunContext
from monitors.runs.rematch import rematch as run_rematch
from procurewatch.command_line.query_options import read_vendor
from procurewatch.command_line.terminal import console, fail, plain, stopping, table, whole_output
from procurewatch.context import AppContext, open_app
from procurewatch.reviews import InvalidScope, Scope, describe_effect, describe_subject, record_decision, review_subject
from procurewatch.settings import Settings
from storage.database import server_time
from storage.models import MatchBand, StoredRecord
from storage.reading.records import actions_of, find_by_identifier
from storage.reading.review_queue import PendingReview, count_pending_reviews, is_pending_review, review_queue
from storage.search.review_subjects import ReviewGroup, group_reviews
from storage.writing.reviews import (
    Decision,
    InvalidReviewDecision,
    delete_decision,
    import_decisions,
    list_decisions,
    preview_decision,
    read_decisions,
    write_decisions,
)

review = typer.Typer(help="Review uncertain matches: confirm or reject them.", invoke_without_command=True)

MAX_TEXT = 120  # characters of a description in the list
QUESTION = "[c]onfirm  [r]eject  [n]ever this recipient for this vendor  [s]kip  [u]ndo  [q]uit"
GROUP_QUESTION = "[a]ll of these: confirm  [x] all of these: never  "
ANSWERS = {"c": Decision.CONFIRMED, "r": Decision.REJECTED, "n": Decision.NEVER}
GROUP_ANSWERS = {"a": Decision.CONFIRMED, "x": Decision.NEVER}

AwardArgument = Annotated[str, typer.Argument(help="An award's key, PIID or usaspending.gov address.")]
VendorArgument = Annotated[str, typer.Argument(help="A vendor of the watchlist, by name or id.")]
VendorOption = Annotated[str, typer.Option("--vendor", help="Only this vendor, by name or id.")]
NoteOption = Annotated[str, typer.Option("--note", help="A note for reviewers; never published.")]
PublicReasonOption = Annotated[
    str, typer.Option("--public-reason", help="The reason that readers see if feeds withdraw the match.")
]
ScopeOption = Annotated[
    Scope | None,
    typer.Option(
        "--scope",
        help="What it is about, now and later: record, order (all orders under the award's parent), psc (the "
        "recipient's awards with this product or service code), recipient, or any (with a phrase: all recipients).",
    ),
]
PhraseOption = Annotated[
    str, typer.Option("--phrase", help="Instead of a scope: the recipient's records that contain these words.")
]


@review.callback()
def queue(context: typer.Context, vendor: VendorOption = "") -> None:
    """Review the pending matches at the terminal, those that are most likely surveillance first."""
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        vendor_id = read_vendor(vendor, app_context.watchlist).id if vendor else ""
        with app_context.database.reading() as session:
            groups = group_reviews(review_queue(session, vendor_id))
        if not groups:
            typer.echo("No match is pending review.")
            return
        _review_all(app_context, groups)
        app_context.announce()


@review.command("list")
def list_queue(context: typer.Context, vendor: VendorOption = "") -> None:
    """List the matches pending review. One decision can settle a group."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        vendor_id = read_vendor(vendor, app_context.watchlist).id if vendor else ""
        groups = group_reviews(review_queue(session, vendor_id))
        by_name = count_pending_reviews(session, vendor_id, MatchBand.NAME_ONLY)
    rows = [
        (
            str(group.first.priority),
            group.first.match.vendor_name,
            group.first.record.piid + (f" and {len(group.members) - 1} more" if group.subject else ""),
            group.first.record.recipient_name,
            shorten(one_line(group.first.record.title or group.first.record.description), MAX_TEXT),
            describe_clues(group.first),
        )
        for group in groups
    ]
    columns = ("Priority", "Vendor", "PIID", "Recipient", "Text", "Clues")
    total = sum(len(group.members) for group in groups)
    title = f"{pluralize(total, 'match', 'matches')} pending review, in {pluralize(len(groups), 'group')}"
    console().print(table(title, columns, rows, right=("Priority",)))
    if by_name:
        typer.echo(
            f"Not listed: {pluralize(by_name, 'match', 'matches')} by a company's name only (search --band name-only)."
        )


@review.command("decide")
def decide_one(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    award: AwardArgument,
    vendor: VendorArgument,
    decision: Annotated[
        Decision,
        typer.Argument(help="confirmed or rejected: this award; never: its recipient. A scope changes that."),
    ],
    scope: ScopeOption = None,
    phrase: PhraseOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many matches the decision would settle, and save nothing.")
    ] = False,
    note: NoteOption = "",
    public_reason: PublicReasonOption = "",
) -> None:
    """Confirm or reject a match. With a scope or phrase, all matches of the vendor like it, now and later."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        vendor_id = read_vendor(vendor, app_context.watchlist).id
        with app_context.database.reading() as session:
            record = _matched_record(session, award, vendor_id)
            subject = _subject(record, decision, scope, phrase)
            effect = preview_decision(session, vendor_id, subject, decision)
        typer.echo(f"{describe_subject(subject, record.recipient_name)}: {describe_effect(effect)}")
        if dry_run:
            return
        with app_context.database.writing() as session:
            published = record_decision(
                session,
                subject,
                vendor_id,
                decision,
                reviewer=getpass.getuser(),
                note=note,
                public_reason=public_reason,
            )
        app_context.announce()
    typer.echo(_published(published))


@review.command("undo")
def undo_one(
    context: typer.Context,
    award: AwardArgument,
    vendor: VendorArgument,
    scope: ScopeOption = None,
    phrase: PhraseOption = "",
) -> None:
    """Undo a decision about an award. Give the scope or phrase that the decision has. Published entries stay."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        vendor_id = read_vendor(vendor, app_context.watchlist).id
        with app_context.database.writing() as session:
            record = _matched_record(session, award, vendor_id)
            subject = _subject(record, Decision.REJECTED, scope, phrase)
            about = describe_subject(subject, record.recipient_name)
            if delete_decision(session, vendor_id, subject, server_time(session)) is None:
                raise typer.BadParameter(f"there is no decision about {vendor_id} and {about}")
    typer.echo(f"undone: {about}")


def _matched_record(session: Session, award: str, vendor_id: str) -> StoredRecord:
    """Return the one stored record with this identifier that has a match of the vendor."""
    found = find_by_identifier(session, award)
    matched = [each for each in found for match in each.matches if match.vendor_id == vendor_id]
    if len(matched) != 1:
        raise typer.BadParameter(f"{len(matched)} stored matches of {award!r} with {vendor_id}; give the award's key")
    return matched[0]


def _subject(record: StoredRecord, decision: Decision, scope: Scope | None, phrase: str) -> str:
    try:
        return review_subject(record, decision, scope, phrase)
    except InvalidScope as error:
        raise typer.BadParameter(str(error)) from error


@review.command("export")
def export_file(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="Output file, one decision per line.")]
) -> None:
    """Write all review decisions to a file that others can import."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        lines = list(write_decisions(list_decisions(session)))
    with whole_output(file) as out:
        out.writelines(f"{line}\n".encode() for line in lines)
    typer.echo(f"{len(lines)} decisions in {file}")


@review.command("import")
def import_file(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A file that `review export` wrote.")]
) -> None:
    """Import review decisions from a file, all or none. If two decisions conflict, the later one is used."""
    settings: Settings = context.obj
    try:
        # A text may have characters that `splitlines` takes for the end of a line.
        decisions = list(read_decisions(file.read_text(encoding="utf-8-sig").split("\n")))
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file}: not UTF-8 text") from error
    except InvalidReviewDecision as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    with open_app(settings) as app_context:
        with app_context.database.writing() as session:
            applied, skipped = import_decisions(session, decisions)
        app_context.announce()
    typer.echo(f"{applied} decisions imported, {skipped} unchanged")


def rematch(context: typer.Context) -> None:
    """Match all stored records again, after a change of the watchlist. Review decisions stay."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        run_context = RunContext(
            database=app_context.database, matcher=Matcher(app_context.watchlist), stop=app_context.stop
        )
        report = run_rematch(run_context)
        app_context.announce()
    if report.is_stopped:
        fail("stopped on request; run it again to go on")
    changes = [(vendor, f"+{count}") for vendor, count in sorted(report.gained.items())]
    changes += [(vendor, f"-{count}") for vendor, count in sorted(report.lost.items())]
    if changes:
        console().print(table("New and lost matches", ("Vendor", "Awards"), changes, right=("Awards",)))
    typer.echo(f"{report.awards} awards matched; {_published(report.published)}")


def _published(count: int) -> str:
    return f"{count} new {'entry' if count == 1 else 'entries'} in feeds"


def describe_clues(pending: PendingReview) -> str:
    """Return the clues of a pending match with their points."""
    return "; ".join(f"{points:+} {text}" for text, points in pending.clues) or "none"


def _review_all(app_context: AppContext, groups: Sequence[ReviewGroup]) -> None:
    """Ask about each match that is still pending when its turn comes, group after group."""
    queue = [(group, pending) for group in groups for pending in group.members]
    done: list[tuple[int, str, str]] = []  # position, vendor, subject
    position = 0
    while position < len(queue):
        group, pending = queue[position]
        record, vendor_id = pending.record, pending.match.vendor_id
        with app_context.database.reading() as session:
            if not is_pending_review(session, record.key, vendor_id):
                position += 1  # settled together with another match
                continue
        _show(app_context, group, pending, f"{position + 1} of {len(queue)}")
        question = (GROUP_QUESTION if group.subject else "") + QUESTION
        key = typer.prompt(question, default="s", show_default=False).strip().lower()[:1]
        answers = ANSWERS | GROUP_ANSWERS if group.subject else ANSWERS
        if key == "q":
            break
        if key == "u" and done:
            position, last_vendor, subject = done.pop()
            with app_context.database.writing() as session:
                delete_decision(session, last_vendor, subject, server_time(session))
            continue
        if key in answers:
            subject = group.subject if key in GROUP_ANSWERS else review_subject(record, answers[key])
            with app_context.database.writing() as session:
                record_decision(session, subject, vendor_id, answers[key], reviewer=getpass.getuser())
            done.append((position, vendor_id, subject))
        elif key != "s":
            continue
        position += 1
    with app_context.database.reading() as session:
        left = count_pending_reviews(session)
    typer.echo(f"{pluralize(len(done), 'decision')}; {pluralize(left, 'match', 'matches')} still pending.")


def _show(app_context: AppContext, group: ReviewGroup, pending: PendingReview, place: str) -> None:
    out = console()
    award, match = pending.record, pending.match
    amount = format_money(award.obligated) if award.obligated is not None else "amount not stated"
    out.print()
    out.print(plain(f"{place}: {match.vendor_name}?  {award.recipient_name}, {award.sub_agency_name}, {amount}"))
    out.print(plain(match.reason))
    out.print(plain(f"  Priority {pending.priority}: {describe_clues(pending)}"))
    with app_context.database.reading() as session:
        for action in actions_of(session, award.key)[:5]:
            out.print(plain(f"  {action.signed or 'not stated'}  {action.modification:>8}  {action.description}"))
        out.print(plain(f"  {award.url}"))
        if group.subject:
            effect = preview_decision(session, match.vendor_id, group.subject, Decision.CONFIRMED)
            about = describe_subject(group.subject, award.recipient_name)
            out.print(plain(f"  All of these: {about}: {describe_effect(effect)}"))
