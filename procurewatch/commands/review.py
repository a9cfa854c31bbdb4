"""Commands for reviewing matches: review, rematch."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from feeds.text import format_money
from monitors.matching.matcher import Matcher
from monitors.runs.pipeline import RunContext
from monitors.runs.rematch import rematch as run_rematch
from procurewatch.context import AppContext, open_app
from procurewatch.query_options import read_vendor
from procurewatch.reviews import record_decision, review_target
from procurewatch.settings import Settings
from procurewatch.terminal import console, plain, stopping, table
from storage.models import MatchBand, StoredMatch, StoredRecord
from storage.reading.records import actions_of, find_by_identifier
from storage.reading.review_queue import (
    PendingReview,
    count_pending_reviews,
    is_pending_review,
    review_queue,
)
from storage.writing.reviews import (
    Decision,
    InvalidReviewDecision,
    delete_decision,
    import_decisions,
    list_decisions,
    read_decisions,
    write_decisions,
)

review = typer.Typer(help="Review uncertain matches: confirm or reject them.", invoke_without_command=True)

QUESTION = "[c]onfirm  [r]eject  [n]ever this recipient for this vendor  [s]kip  [u]ndo  [q]uit"
ANSWERS = {"c": Decision.CONFIRMED, "r": Decision.REJECTED, "n": Decision.NEVER}

VendorOption = Annotated[str, typer.Option("--vendor", help="Only this vendor, by name or id.")]
NoteOption = Annotated[
    str, typer.Option("--note", help="The reason; stored with the decision, and published if feeds withdraw the match.")
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
            pending = review_queue(session, vendor_id)
        if not pending:
            typer.echo("No match is pending review.")
            return
        _review_all(app_context, pending)


@review.command("list")
def list_queue(context: typer.Context, vendor: VendorOption = "") -> None:
    """List the matches pending review."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        vendor_id = read_vendor(vendor, app_context.watchlist).id if vendor else ""
        pending = review_queue(session, vendor_id)
        by_name = count_pending_reviews(session, vendor_id, MatchBand.NAME_ONLY)
    rows = [
        (
            str(one.priority),
            one.match.vendor_name,
            one.record.piid,
            one.record.recipient_name,
            describe_clues(one),
            one.match.reason,
        )
        for one in pending
    ]
    columns = ("Priority", "Vendor", "PIID", "Recipient", "Clues", "Why")
    console().print(table(f"{len(rows)} matches pending review", columns, rows, right=("Priority",)))
    if by_name:
        typer.echo(f"Not listed: {by_name} matches by a company's name only (search --band name-only).")


@review.command("decide")
def decide_one(
    context: typer.Context,
    award: Annotated[str, typer.Argument(help="An award's key, PIID or usaspending.gov address.")],
    vendor: Annotated[str, typer.Argument(help="A vendor of the watchlist, by name or id.")],
    decision: Annotated[
        Decision, typer.Argument(help="confirmed, rejected, or never (reject the recipient permanently).")
    ],
    note: NoteOption = "",
) -> None:
    """Decide one match."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        vendor_id = read_vendor(vendor, app_context.watchlist).id
        with app_context.database.writing() as session:
            found = find_by_identifier(session, award)
            matches = [(each, match) for each in found for match in each.matches if match.vendor_id == vendor_id]
            if len(matches) != 1:
                raise typer.BadParameter(
                    f"{len(matches)} stored matches of {award!r} with {vendor_id}; give the award's key"
                )
            published = record_decision(
                session, matches[0][0], vendor_id, decision, reviewer=getpass.getuser(), note=note
            )
    typer.echo(_published(published))


@review.command("export")
def export_file(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="Output file, one decision per line.")]
) -> None:
    """Write all review decisions to a file that others can import."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        lines = list(write_decisions(list_decisions(session)))
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    typer.echo(f"{len(lines)} decisions in {file}")


@review.command("import")
def import_file(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A file that `review export` wrote.")]
) -> None:
    """Import review decisions from a file, all or none. If two decisions conflict, the later one is used."""
    settings: Settings = context.obj
    try:
        decisions = list(read_decisions(file.read_text(encoding="utf-8").splitlines()))
    except (InvalidReviewDecision, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    with open_app(settings) as app_context, app_context.database.writing() as session:
        applied, skipped = import_decisions(session, decisions)
    typer.echo(f"{applied} decisions imported, {skipped} unchanged")


def rematch(context: typer.Context) -> None:
    """Match all stored records again, after a change of the watchlist. Review decisions stay."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        run_context = RunContext(
            database=app_context.database, matcher=Matcher(app_context.watchlist), stop=app_context.stop
        )
        report = run_rematch(run_context)
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


def _review_all(app_context: AppContext, pending: Sequence[PendingReview]) -> None:
    out = console()
    done: list[tuple[int, StoredRecord, StoredMatch, Decision]] = []
    position = 0
    while position < len(pending):
        award, match = pending[position].record, pending[position].match
        with app_context.database.reading() as session:
            is_pending = is_pending_review(session, award.key, match.vendor_id)
        if not is_pending:  # decided together with another match of the same recipient
            position += 1
            continue
        _show(app_context, out, pending[position], f"{position + 1} of {len(pending)}")
        key = typer.prompt(QUESTION, default="s", show_default=False).strip().lower()[:1]
        if key == "q":
            break
        if key == "u" and done:
            position, last_award, last_match, decision = done.pop()
            with app_context.database.writing() as session:
                delete_decision(session, last_match.vendor_id, review_target(last_award, decision), datetime.now(UTC))
            continue
        if key in ANSWERS:
            with app_context.database.writing() as session:
                record_decision(session, award, match.vendor_id, ANSWERS[key], reviewer=getpass.getuser())
            done.append((position, award, match, ANSWERS[key]))
        elif key != "s":
            continue
        position += 1
    typer.echo(f"{len(done)} decided, {len(pending) - len(done)} still pending.")


def _show(app_context: AppContext, out: Console, pending: PendingReview, place: str) -> None:
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
