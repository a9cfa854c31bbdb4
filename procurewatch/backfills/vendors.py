"""Backfill several vendors from the APIs: how long it takes, then one after the other, each failing by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import typer

from feeds.text import one_line, pluralize
from monitors.runs.jobs import backfill_outlook
from monitors.runs.status import RunReport
from monitors.watchlist.model import Vendor, Watchlist
from procurewatch.command_line.known import known_id
from procurewatch.command_line.query_options import read_vendor
from procurewatch.command_line.terminal import console, fail, following, plain
from procurewatch.context import AppContext
from sources.base import Source
from sources.http.reachability import find_unreachable
from sources.records import AwardCategory
from sources.registry import SOURCES
from storage.models import RunStatus

# A source that ended so will not answer for the next vendor either.
DOWN = frozenset({RunStatus.UNREACHABLE, RunStatus.BLOCKED, RunStatus.QUOTA_USED_UP})
LONG = 2 * 3600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorBackfill:
    """The history of one vendor in one source: how many searches it takes, and how many were done before."""

    vendor: Vendor
    source: Source
    searches: int
    done: int


def choose_vendors(
    watchlist: Watchlist, names: Sequence[str], categories: Sequence[str], *, everything: bool
) -> list[Vendor]:
    """Return the entries that are named, those of the categories, or all; each once.

    Raises:
        typer.BadParameter: a vendor or category does not exist.
    """
    named = {read_vendor(name, watchlist).id for name in names}
    wanted = {known_id("category", category, watchlist.categories) for category in categories}
    return [each for each in watchlist.vendors if everything or each.id in named or each.category in wanted]


def plan(
    app_context: AppContext, vendors: Sequence[Vendor], sources: Sequence[Source], since: date
) -> list[VendorBackfill]:
    """Return what to read, vendor by vendor. A source that has only whole lists is read once for all vendors."""
    planned, seen, until = [], set(), app_context.today()
    with app_context.database.reading() as session:
        for vendor in vendors:
            for source in sources:
                steps, done = backfill_outlook(session, source, vendor, since, until)
                same = (source.name, tuple(step.key for step in steps))
                if not steps or (same in seen and AwardCategory.CONTRACT not in source.lists_every):
                    continue
                seen.add(same)
                planned.append(VendorBackfill(vendor=vendor, source=source, searches=len(steps), done=done))
    return planned


def print_outlook(app_context: AppContext, planned: Sequence[VendorBackfill]) -> None:
    """Print how many searches there are, and how long they take at the rate limits of the sources."""
    vendors = len({each.vendor.id for each in planned})
    searches, done = sum(each.searches for each in planned), sum(each.done for each in planned)
    seconds = sum((each.searches - each.done) * app_context.seconds_per_request(each.source) for each in planned)
    out = console()
    out.print(
        plain(
            f"{pluralize(vendors, 'watchlist entry', 'watchlist entries')}: {pluralize(searches, 'search', 'searches')}"
            + (f", {done} of them done before" if done else "")
            + f"; at least {_duration(seconds)} at the rate limits, longer for each award that is found"
        )
    )
    if seconds > LONG:
        out.print(plain("`backfill --archive` reads the contracts of the whole watchlist from files, in less time"))
    left = Counter[str]()
    for each in planned:
        left[each.source.name] += each.searches - each.done
    for source in {each.source.name: each.source for each in planned}.values():
        quota = app_context.quota(source)
        if quota and left[source.name] > quota.remaining():
            out.print(
                plain(
                    f"{source.title}: {pluralize(left[source.name], 'search', 'searches')}, but only "
                    f"{pluralize(quota.remaining(), 'request')} left today; run the command again on later days"
                )
            )


def _duration(seconds: float) -> str:
    """Return a time as "40 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def require_network(app_context: AppContext, sources: Sequence[Source]) -> None:
    """Exit with one line if no server of the sources can be reached."""
    if not (faults := _unreachable(app_context, sources)):
        return
    host, reason = next(iter(faults.items()))
    others = f", nor can {pluralize(len(faults) - 1, 'other server')}" if len(faults) > 1 else ""
    fail(f"no connection: {host} cannot be reached ({one_line(reason)}){others}; check the network and run it again")


def is_offline(app_context: AppContext, sources: Sequence[Source]) -> bool:
    """Return whether no server of the sources can be reached."""
    return bool(_unreachable(app_context, sources))


def _unreachable(app_context: AppContext, sources: Sequence[Source]) -> dict[str, str]:
    addresses = [app_context.settings.source(source.name).base_url or source.base_url for source in sources]
    return find_unreachable(addresses, app_context.stop.is_set)


def with_few_tries(app_context: AppContext) -> AppContext:
    """Return the context with one try for each request: without a network, more tries only take longer."""
    settings = app_context.settings
    sources = {name: settings.source(name).model_copy(update={"tries": 1}) for name in SOURCES}
    return replace(app_context, settings=settings.model_copy(update={"sources": sources}))


class Runner:
    """Runs backfills one after the other. A source that is down is not asked for the following vendors."""

    def __init__(self, app_context: AppContext, since: date, *, notify: bool) -> None:
        self._app_context = app_context
        self._since = since
        self._notify = notify
        self._down: dict[str, Source] = {}
        self._skipped = Counter[str]()

    def is_skipped(self, job: VendorBackfill) -> bool:
        """Return whether the job's source is down; count the job as skipped if it is."""
        if job.source.name not in self._down:
            return False
        self._skipped[job.source.name] += 1
        return True

    def run(self, job: VendorBackfill) -> RunReport:
        """Run one backfill and show its progress."""
        title = f"{job.vendor.name} in {job.source.title}"
        with self._app_context.claimed(job.source) as claimed, following(title) as listen:
            until = self._app_context.today()
            report = claimed.backfill(job.source, job.vendor, self._since, until, listen, notify=self._notify)
        if report.status in DOWN:
            self._down[job.source.name] = job.source
        return report

    def print_skipped(self) -> None:
        """Print which sources were not asked for some vendors, and what to do."""
        for name, count in self._skipped.items():
            entries = pluralize(count, "more entry", "more entries")
            title = self._down[name].title
            typer.echo(f"{title}: not asked for {entries}; run the command again to resume", err=True)
