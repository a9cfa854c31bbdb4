"""Commands for the watchlist: vendors list, show, check, preview, add, export, import."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from feeds.text import one_line
from monitors.matching.lint import RecordTexts, lint_watchlist, mistyped_ueis, unsearchable_phrases
from monitors.normalize import normalize_text
from monitors.proposals.preview import Preview, Span, describe, preview
from monitors.proposals.recipient_profiles import Proposal, owners_of, propose
from monitors.watchlist.csv_io import name_text, read_spreadsheet, write_spreadsheet
from monitors.watchlist.editor import write_entries
from monitors.watchlist.loader import Entries, load_watchlist, read_categories, read_entries, read_entry, read_file
from monitors.watchlist.model import Evidence, Kind, Portfolio, Strength, Vendor, Watchlist
from monitors.watchlist.search_terms import search_names, search_phrases, search_short_names
from monitors.watchlist.yaml_reader import Place, WatchlistError
from procurewatch.command_line.known import known_id
from procurewatch.command_line.query_options import read_vendor
from procurewatch.command_line.terminal import FAILED, console, fail, plain, table, whole_output
from procurewatch.commands.suggest import suggest
from procurewatch.context import AppContext
from procurewatch.settings import Settings
from sources.errors import SourceError
from sources.records import Award, Publication
from sources.registry import SOURCES
from storage.database import Database, open_database
from storage.reading.records import all_keys
from storage.reading.rematching import list_described_recipients, list_recipient_names, load_candidates

vendors = typer.Typer(help="Show and edit the watchlist.", no_args_is_help=True)

BATCH_SIZE = 500
EXAMPLES = 5
MAX_FAILURES = 5

PhraseOption = Annotated[
    list[str] | None,
    typer.Option("--phrase", help="A phrase in descriptions: WORDS=strong, WORDS=medium (the default) or WORDS=weak."),
]
LegalNameOption = Annotated[list[str] | None, typer.Option("--legal-name", help="A registered name.")]
AliasOption = Annotated[list[str] | None, typer.Option("--alias", help="Another name.")]
ExcludeOption = Annotated[list[str] | None, typer.Option("--exclude", help="Words that mean something else.")]
UeiOption = Annotated[list[str] | None, typer.Option("--uei", help="A Unique Entity ID.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replace entries with the same id.")]


@vendors.command("list")
def list_entries(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(help="Words that an entry must contain.")] = None,
    category: Annotated[str, typer.Option(help="Only this category, by id.")] = "",
    evidence: Annotated[Evidence | None, typer.Option(help="Only entries with this evidence.")] = None,
) -> None:
    """List the entries of the watchlist. Exit code 1 if none match."""
    settings: Settings = context.obj
    watchlist = load_watchlist(*settings.watchlist_files)
    category = known_id("category", category, watchlist.categories) if category else ""
    chosen = [
        vendor
        for vendor in watchlist.vendors
        if category in ("", vendor.category)
        and evidence in (None, vendor.evidence)
        and all(word.casefold() in repr(vendor).casefold() for word in words or ())
    ]
    if not chosen:
        fail("no entry of the watchlist matches")
    rows = [(each.id, each.name, each.kind, each.category, each.evidence, each.portfolio) for each in chosen]
    title = f"{len(chosen)} of {len(watchlist.vendors)} entries"
    console().print(table(title, ("Id", "Name", "Kind", "Category", "Evidence", "Portfolio"), rows))


@vendors.command("show")
def show_entry(context: typer.Context, vendor: Annotated[str, typer.Argument(help="An id or a name.")]) -> None:
    """Show one entry with its sources and search terms."""
    settings: Settings = context.obj
    files = settings.watchlist_files
    found = read_vendor(vendor, load_watchlist(*files))
    place = read_entries(*files, categories=read_categories())[found.id][1]
    out = console()
    out.print(table(f"{found.name} ({place.file} line {place.line})", ("Field", "Value"), list(_fields(found))))
    if found.evidence is Evidence.BACKGROUND:
        out.print(plain("Unverified: from general knowledge; a similar name alone is never published."))


def _fields(vendor: Vendor) -> Iterator[tuple[str, str]]:
    """Yield a row for each value of each field of an entry."""
    for field in Vendor.__dataclass_fields__:
        value = getattr(vendor, field)
        for each in value if isinstance(value, tuple) else (value,):
            yield field.replace("_", " "), _format_value(each)
    search_terms = {
        "searched by name": search_names(vendor),
        "searched by whole name": search_short_names(vendor),
        "searched by phrase": search_phrases(vendor),
    }
    for title, texts in search_terms.items():
        yield title, " | ".join(texts) or "none"


def _format_value(value: object) -> str:
    phrase = getattr(value, "phrase", None)
    if phrase is not None:
        return (
            f"{phrase} ({getattr(value, 'strength', '')}{'' if getattr(value, 'search', True) else ', not searched'})"
        )
    return name_text(value) if hasattr(value, "since") else str(value)  # type: ignore[arg-type]


@vendors.command("check")
def check(
    context: typer.Context,
    network: Annotated[
        bool, typer.Option("--network", help="Also ask USAspending for names, owners, subsidiaries and UEIs.")
    ] = False,
    vendor: Annotated[
        list[str] | None, typer.Option("--vendor", help="With --network, only this entry, by id or name.")
    ] = None,
) -> None:
    """Check the watchlist for errors. Stored records are checked, too. Exit code 1 if a finding is serious.

    With --network it prints lines to add to entries, and the exit code is also 1 if an entry could not be checked.
    """
    settings: Settings = context.obj
    if vendor and not network:
        raise typer.BadParameter("--vendor needs --network")
    entries = read_entries(*settings.watchlist_files, categories=read_categories())
    watchlist = Watchlist(tuple(entry for entry, _ in entries.values()))
    asked = [read_vendor(each, watchlist) for each in vendor or ()] or list(watchlist.vendors)
    with closing(open_database(settings.database())) as database:
        failed = _lint(database, entries)
        if network:
            app_context = AppContext(settings=settings, database=database, watchlist=watchlist, stop=threading.Event())
            failed |= _check_network(app_context, [each for each in asked if each.kind is Kind.VENDOR])
    if failed:
        raise typer.Exit(FAILED)


def _lint(database: Database, entries: Entries) -> bool:
    """Print the findings about the entries; return whether one is serious."""
    with database.reading() as session:
        texts = RecordTexts(names=list_recipient_names(session), descriptions=list_described_recipients(session))
        measured = bool(texts.names)
        findings = lint_watchlist(entries, texts if measured else None)
    if findings:
        rows = [("serious" if each.serious else "advice", each.entry, each.what) for each in findings]
        console().print(table("Findings", ("", "Entry", "Finding"), rows))
    serious = sum(finding.serious for finding in findings)
    note = "" if measured else "; no records are stored, so no phrase was checked against them"
    typer.echo(one_line(f"{len(entries)} entries, {serious} serious findings, {len(findings) - serious} advice{note}"))
    return bool(serious)


def _check_network(app_context: AppContext, asked: Sequence[Vendor]) -> bool:
    """Print what USAspending proposes for each entry; return whether one could not be checked.

    An error concerns one entry. After `MAX_FAILURES` entries in a row USAspending counts as unreachable.
    """
    owners = owners_of(app_context.watchlist.vendors)
    failures = checked = in_a_row = 0
    with app_context.client(SOURCES["usaspending"]) as client:
        for number, vendor in enumerate(asked):
            try:
                _print_proposal(propose(client, vendor, owners))
                checked, in_a_row = checked + 1, 0
            except SourceError as error:
                failures, in_a_row = failures + 1, 0 if error.fails_step_only else in_a_row + 1
                typer.echo(one_line(f"{vendor.id}: not checked: {error}"), err=True)
            if in_a_row == MAX_FAILURES and number + 1 < len(asked):
                typer.echo(f"stopped after {MAX_FAILURES} failures in a row; {len(asked) - number - 1} left", err=True)
                break
        typer.echo(f"{checked} entries checked, {failures} not checked, {client.requests_sent} requests")
    return checked < len(asked)


def _print_proposal(proposal: Proposal) -> None:
    for uei in proposal.unknown:
        typer.echo(one_line(f"{proposal.vendor.id}: USAspending does not know the UEI {uei}"), err=True)
    if proposal.items:
        typer.echo(f"{proposal.vendor.id}: {proposal.requests} requests")
    for field, items in proposal.items.items():
        typer.echo(f"    {field}:")
        for item in items:
            typer.echo(f"      - {one_line(item)}")


@vendors.command("preview")
def preview_entries(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A watchlist file (YAML or CSV) that is not in use yet.")] = None,
    name: Annotated[str, typer.Option(help="The name of a company, instead of a file.")] = "",
    phrase: PhraseOption = None,
    legal_name: LegalNameOption = None,
    alias: AliasOption = None,
    exclude: ExcludeOption = None,
    uei: UeiOption = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Number of examples for each band.")] = EXAMPLES,
) -> None:
    """Show which stored records a new entry would match. Nothing is saved. Exit code 1 if none match."""
    settings: Settings = context.obj
    if (file is None) == (not name and not phrase):
        raise typer.BadParameter("name a file, or give --name or --phrase")
    if file is None:
        lists = {"legal_names": legal_name, "aliases": alias, "exclusions": exclude, "ueis": uei}
        entries = [entry_from({"name": name, "category": "analytics"}, lists, phrase)]
    else:
        categories = read_categories()
        read = read_spreadsheet if file.suffix.lower() == ".csv" else read_file
        entries = [vendor for vendor, _ in read(file, categories)]
    with closing(open_database(settings.database())) as database, database.reading() as session:
        shown, span = preview(entries, _stored(session), examples)
    for each in shown:
        _print_preview(each, span)
    if not any(each.total for each in shown):
        raise typer.Exit(FAILED)


def _stored(session: Session) -> Iterator[Award | Publication]:
    keys = all_keys(session)
    for first in range(0, len(keys), BATCH_SIZE):
        yield from (facts.record for facts in load_candidates(session, keys[first : first + BATCH_SIZE]))


def _print_preview(shown: Preview, span: Span) -> None:
    out = console()
    out.print(plain(describe(shown, span)))
    rows = (
        (match.band, award.recipient.name, str(award.signed or "not stated"), award.piid, match.reason)
        for award, match in sorted(shown.examples, key=lambda each: -each[1].score)
    )
    if shown.examples:
        out.print(table("Examples", ("Band", "Recipient", "Signed", "PIID", "Why"), rows))


def entry_from(
    texts: Mapping[str, str], lists: Mapping[str, Sequence[str] | None], phrases: Sequence[str] | None
) -> Vendor:
    """Return the entry described by options. Its id is made from its name if none is given.

    Raises:
        monitors.watchlist.yaml_reader.WatchlistError: the entry is invalid.
    """
    name = texts.get("name") or (phrases or [""])[0].partition("=")[0]
    entry: dict[str, object] = {field: text for field, text in {**texts, "name": name}.items() if text}
    entry.setdefault("id", re.sub(r"[^a-z0-9]+", "-", normalize_text(name).lower()).strip("-"))
    entry |= {field: list(values) for field, values in lists.items() if values}
    if phrases:
        entry["products"] = [_phrase(each) for each in phrases]
    return read_entry(entry, Place("the options"), read_categories())[0]


def _phrase(written: str) -> dict[str, str]:
    phrase, equals, strength = written.rpartition("=")
    return (
        {"phrase": phrase, "strength": strength} if equals else {"phrase": written, "strength": Strength.MEDIUM.value}
    )


@vendors.command("add")
def add(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The name that readers see.")],
    category: Annotated[str, typer.Option(help="Category id (`vendors list` shows them).")],
    identity: Annotated[str, typer.Option("--id", help="Entry id; by default made from the name.")] = "",
    legal_name: LegalNameOption = None,
    former_name: Annotated[list[str] | None, typer.Option("--former-name", help="A former name.")] = None,
    alias: AliasOption = None,
    phrase: PhraseOption = None,
    exclude: ExcludeOption = None,
    reseller: Annotated[list[str] | None, typer.Option("--reseller", help="A company that sells its products.")] = None,
    uei: UeiOption = None,
    cage: Annotated[list[str] | None, typer.Option("--cage", help="A CAGE code.")] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="A web address that documents the entry.")
    ] = None,
    portfolio: Annotated[Portfolio, typer.Option(help="How much of its business this is.")] = Portfolio.PURE,
    kind: Annotated[Kind, typer.Option(help="A vendor, or a topic: words that name no company.")] = Kind.VENDOR,
    note: Annotated[str, typer.Option(help="A note for readers of the list.")] = "",
    replace: ReplaceOption = False,
) -> None:
    """Add an entry to your own watchlist file. The rest of the file does not change."""
    texts = {"id": identity, "name": name, "category": category, "note": note}
    texts |= {"portfolio": portfolio.value} if portfolio is not Portfolio.PURE else {}
    texts |= {"kind": kind.value} if kind is not Kind.VENDOR else {}
    lists = {
        "legal_names": legal_name,
        "former_names": former_name,
        "aliases": alias,
        "exclusions": exclude,
        "resellers": reseller,
        "ueis": uei,
        "cages": cage,
        "sources": source,
    }
    settings: Settings = context.obj
    vendor = entry_from(texts, lists, phrase)
    _reject_known(settings, [vendor], replace=replace)
    _write(settings, [vendor])
    typer.echo(f"{vendor.id} is in {settings.own_watchlist}; the next poll and `rematch` use it")


@vendors.command("export")
def export_entries(
    context: typer.Context,
    category: Annotated[str, typer.Option(help="Only this category, by id.")] = "",
    evidence: Annotated[Evidence | None, typer.Option(help="Only entries with this evidence.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output file; standard output by default.")
    ] = None,
) -> None:
    """Write the watchlist as CSV, for `vendors import`."""
    settings: Settings = context.obj
    watchlist = load_watchlist(*settings.watchlist_files)
    category = known_id("category", category, watchlist.categories) if category else ""
    chosen = [
        vendor
        for vendor in watchlist.vendors
        if category in ("", vendor.category) and evidence in (None, vendor.evidence)
    ]
    with whole_output(output) as out:
        out.write(write_spreadsheet(chosen).encode())
    if output:
        typer.echo(f"{len(chosen)} entries in {output}", err=True)


@vendors.command("import")
def import_entries(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV file with the columns of `vendors export`.")],
    replace: ReplaceOption = False,
) -> None:
    """Import entries from a CSV file. They go to your own watchlist file; unchanged entries are skipped."""
    settings: Settings = context.obj
    known = load_watchlist(*settings.watchlist_files).by_id
    read = [vendor for vendor, _ in read_spreadsheet(file, read_categories())]
    changed = [vendor for vendor in read if known.get(vendor.id) != vendor]
    _reject_known(settings, changed, replace=replace)
    if changed:
        _write(settings, changed)
    new = sum(vendor.id not in known for vendor in changed)
    same = len(read) - len(changed)
    counts = f"{new} new, {len(changed) - new} replaced, {same} unchanged"
    console().print(plain(f"{len(read)} entries: {counts}" + (f"; in {settings.own_watchlist}" if changed else "")))


def _reject_known(settings: Settings, wanted: Sequence[Vendor], *, replace: bool) -> None:
    known = load_watchlist(*settings.watchlist_files).by_id
    clashing = [vendor.id for vendor in wanted if vendor.id in known]
    if clashing and not replace:
        more = f" and {len(clashing) - 1} others" if len(clashing) > 1 else ""
        raise WatchlistError(f'entry "{clashing[0]}"{more} is already on the watchlist; --replace replaces it')


def _write(settings: Settings, wanted: Sequence[Vendor]) -> None:
    """Write entries to the user's own file, after checking the result on a copy; report mistyped UEIs.

    Raises:
        WatchlistError: no search accepts one of the phrases, or the file cannot be changed.
    """
    for vendor in wanted:
        for fault in unsearchable_phrases(vendor):
            raise WatchlistError(f"{vendor.id}: {fault}")
    own = settings.own_watchlist
    files = settings.watchlist_files
    expected = dict(load_watchlist(*files).by_id) | {vendor.id: vendor for vendor in wanted}
    if own.resolve() not in [file.resolve() for file in files]:
        files = [*files, own]
    write_entries(own, wanted, _with_copy(files, own), expected)
    for vendor in wanted:
        for fault in mistyped_ueis(vendor):
            typer.echo(f"{vendor.id}: {fault}", err=True)


def _with_copy(files: Sequence[Path], own: Path) -> Callable[[Path], Mapping[str, Vendor]]:
    """Return a function that reads the watchlist with a copy of the user's own file."""

    def read(copy: Path) -> Mapping[str, Vendor]:
        return load_watchlist(*(copy if file.resolve() == own.resolve() else file for file in files)).by_id

    return read


vendors.command("suggest")(suggest)
