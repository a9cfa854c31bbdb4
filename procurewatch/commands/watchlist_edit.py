"""Commands that change or copy the user's own watchlist: vendors add, export, import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from monitors.matching.lint import mistyped_ueis, unsearchable_phrases
from monitors.watchlist.csv_io import read_spreadsheet, write_spreadsheet
from monitors.watchlist.editor import write_entries
from monitors.watchlist.loader import load_watchlist, read_categories
from monitors.watchlist.model import Evidence, Kind, Portfolio, Vendor
from monitors.watchlist.yaml_reader import WatchlistError
from procurewatch.commands._common import whole_output
from procurewatch.commands.watchlist import (
    AliasOption,
    ExcludeOption,
    LegalNameOption,
    PhraseOption,
    UeiOption,
    entry_from,
    vendors,
)
from procurewatch.settings import Settings
from procurewatch.terminal import console, plain

__all__ = ["vendors"]

ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replace entries with the same id.")]


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
    """Add an entry to your own watchlist file, without changing the rest of it."""
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
    """Write the watchlist as CSV; `vendors import` reads it back unchanged."""
    settings: Settings = context.obj
    chosen = [
        vendor
        for vendor in load_watchlist(*settings.watchlist_files).vendors
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
    """Import entries from a CSV file into your own watchlist file; unchanged entries are skipped."""
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
