"""What every command works with: settings, database, watchlist and the clients of the sources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from monitors.matching.matcher import Matcher
from monitors.runs.archive_jobs import has_archives, mark_changed_entries, plan_archive_backfill, plan_archive_poll
from monitors.runs.jobs import Job, plan_backfill, plan_import, plan_poll
from monitors.runs.pipeline import Progress, RunContext, record_failed_run, run_job
from monitors.runs.quotas import QuotaLedger
from monitors.runs.status import RunReport
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Vendor, Watchlist
from procurewatch.logs import DEBUG_LOG
from procurewatch.settings import Settings, SettingsError
from procurewatch.websub import announce
from sources.base import Source
from sources.http.client import Client, RateLimit, Timeouts
from sources.registry import SOURCES
from sources.usaspending_archive.reading import ArchivePass
from storage.claims import AlreadyClaimed
from storage.database import Database, open_database
from storage.errors import describe_error
from storage.models import POLL
from storage.reading.source_health import max_silence

if TYPE_CHECKING:
    from procurewatch.metrics import Metrics

log = structlog.get_logger(__name__)


class Busy(Exception):
    """Another process is reading the source. The message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """The settings, and the database and watchlist they name. Setting `stop` ends a run after the current award.

    `metrics` is `None` unless somebody may read them (`metrics_token`).
    """

    settings: Settings
    database: Database
    watchlist: Watchlist
    stop: threading.Event
    metrics: Metrics | None = None

    def client(self, source: Source) -> Client:
        """Return an HTTP client for a source (a context manager). Raises `SettingsError` for an invalid key."""
        own = self.settings.source(source.name)
        rate_limit = RateLimit(
            seconds_between=source.rate_limit.seconds_between if own.seconds_between is None else own.seconds_between,
            at_once=own.at_once or source.rate_limit.at_once,
            # seconds_between = 0 is for a test server, which needs no other limit either.
            max_requests=0 if own.seconds_between == 0 else source.rate_limit.max_requests,
            window_seconds=source.rate_limit.window_seconds,
        )
        # Each try uses one of the day's requests.
        tries = min(own.tries, 2) if source.quota else own.tries
        keys = {source.api_key_header: own.key.get_secret_value()} if source.api_key_header and own.key else {}
        try:
            return Client(
                source.name,
                base_url=own.base_url or source.base_url,
                rate_limit=rate_limit,
                contact=self.settings.contact,
                timeouts=Timeouts(tries=tries),
                key_headers=keys,
                api_key_parameter=source.api_key_parameter,
                extra_hosts={**source.extra_hosts, **own.extra_hosts},
                quota=self.quota(source),
                sleep=self.stop.wait,
                is_stopping=self.stop.is_set,
                on_response=lambda status, seconds: self._note_response(source, status, seconds),
            )
        except ValueError as error:
            raise SettingsError(str(error)) from error

    def _note_response(self, source: Source, status: int, seconds: float) -> None:
        if self.metrics:
            self.metrics.note_source_response(source.name, status, seconds)

    def seconds_per_request(self, source: Source) -> float:
        """Return the average time between two requests to a source at its rate limit, 0 if it has none."""
        between, limit = self.settings.source(source.name).seconds_between, source.rate_limit
        if between == 0:
            return 0.0
        pause = limit.seconds_between if between is None else between
        return max(pause, limit.window_seconds / limit.max_requests if limit.max_requests else 0.0)

    def quota(self, source: Source) -> QuotaLedger | None:
        """Return the ledger of a source's requests, or `None` if it has no quota or no key."""
        own = self.settings.source(source.name)
        if source.quota is None or own.key is None:
            return None
        return QuotaLedger(
            database=self.database,
            name=source.quota.name,
            requests_per_day=own.requests_per_day or source.quota.requests_per_day,
            key=own.key.get_secret_value().strip(),
        )

    def poll(
        self, source: Source, until: date, listen: Callable[[Progress], None], *, force: bool = False
    ) -> RunReport:
        """Poll a source up to a day. Call it on the context of `claimed`.

        With `force` it is polled even if its data has not changed since the last poll.
        """
        lookback = self.settings.lookback

        def plan() -> Job:
            mark_changed_entries(self.database, self.watchlist)
            if source.reads_archives:
                return plan_archive_poll(self.database, self.watchlist, until)
            return plan_poll(self.database, source, self.watchlist, until, lookback, force=force)

        return self._run(source, POLL, plan, listen)

    def backfill(
        self,
        source: Source,
        vendor: Vendor,
        since: date,
        until: date,
        listen: Callable[[Progress], None],
        *,
        notify: bool,
    ) -> RunReport:
        """Fetch a vendor's history between two days; with `notify`, publish it in the feeds.

        Call it on the context of `claimed`.
        """
        return self._run(
            source,
            f"backfill {vendor.id}",
            lambda: plan_backfill(self.database, source, vendor, since, until, publishes=notify),
            listen,
        )

    def read_archives(
        self,
        source: Source,
        orders: Sequence[ArchivePass],
        listen: Callable[[Progress], None],
        *,
        watchlist: Watchlist,
        notify: bool,
        purpose: str,
    ) -> RunReport:
        """Read award archives for the entries of `watchlist`; with `notify`, publish what is found in the feeds.

        Call it on the context of `claimed`.
        """
        return self._run(
            source,
            purpose,
            lambda: plan_archive_backfill(watchlist, orders, publishes=notify, purpose=purpose),
            listen,
        )

    def has_something_to_poll(self, source: Source) -> bool:
        """Return whether a source can have news: archives only if some were read before."""
        return not source.reads_archives or has_archives(self.database)

    def import_files(
        self, source: Source, files: Sequence[Path], listen: Callable[[Progress], None], *, notify: bool
    ) -> RunReport:
        """Import a source's files; with `notify`, publish what is new in the feeds.

        Call it on the context of `claimed`.
        """
        return self._run(source, "import", lambda: plan_import(source, files, publishes=notify), listen)

    @contextmanager
    def claimed(self, source: Source) -> Iterator[AppContext]:
        """Claim a source for this process; yields the context to read it with.

        Raises `Busy` if another process has the claim. If that process may have died, this takes a few seconds.
        """
        try:
            with self.database.claim(source.name, self.stop.wait) as claimed:
                yield replace(self, database=claimed)
        except AlreadyClaimed as other:
            who = f"another process ({other})" if str(other) else "another process"
            raise Busy(f"{source.title} is being polled by {who}; try again when it is done") from None

    def _run(
        self, source: Source, purpose: str, plan: Callable[[], Job], listen: Callable[[Progress], None]
    ) -> RunReport:
        """Plan and run a job. An error before its first step is recorded as a failed run, and raised."""
        try:
            run_context = RunContext(
                database=self.database,
                matcher=Matcher(self.watchlist),
                stop=self.stop,
                listen=listen,
                silence=self.max_silence(source),
            )
            with self.client(source) as client:
                report = run_job(run_context, source, client, plan())
        except Exception as error:
            reason = DEBUG_LOG.redact(describe_error(error))
            with suppress(Exception):  # the error itself is more important
                record_failed_run(self.database, source.name, purpose, reason, self.max_silence(source))
            raise
        self.announce()
        return report

    def announce(self, *, is_built: bool = False) -> None:
        """Notify the WebSub hub, if one is set, of the feeds with new entries. Failures are only logged.

        If the site is built as files (`site_folder`), the hub is notified only after that (`is_built`): it would read
        the old files.
        """
        settings = self.settings
        is_due = is_built or not settings.site_folder
        if not (settings.websub_hub and settings.site_url and is_due) or self.stop.is_set():
            return
        try:
            announce(
                self.database,
                hub=settings.websub_hub,
                base_url=settings.site_url,
                contact=settings.contact,
                sleep=self.stop.wait,
                min_change=settings.feed_min_change,
            )
        except Exception:
            log.exception("the WebSub hub could not be notified")

    def today(self) -> date:
        """Return the present day (UTC), the last day of every window, by the clock that all processes share."""
        return self.database.now().date()

    @property
    def sources(self) -> list[Source]:
        """The sources that are enabled and have the key they need."""
        return [source for source in SOURCES.values() if not disabled_reason(self.settings, source)]

    @property
    def source_titles(self) -> dict[str, str]:
        """The titles of the enabled sources, by name."""
        return {source.name: source.title for source in self.sources}

    def poll_interval(self, source: Source) -> timedelta:
        """Return the time between two polls of a source: the setting, but at least the source's own minimum."""
        return max(timedelta(hours=self.settings.poll_hours), source.min_poll_interval)

    def max_silence(self, source: Source) -> timedelta:
        """Return how long a source may be without a good poll."""
        return max_silence(self.poll_interval(source))

    @property
    def silences(self) -> dict[str, timedelta]:
        """How long each enabled source that can have news may be without a good poll, by name."""
        return {source.name: self.max_silence(source) for source in self.sources if self.has_something_to_poll(source)}


def disabled_reason(settings: Settings, source: Source) -> str:
    """Return why a source is not polled with these settings, or "" if it is."""
    own = settings.source(source.name)
    only = settings.only_sources
    if only and source.name not in only:
        return "not among only_sources"
    if not (source.enabled_by_default if own.enabled is None else own.enabled) and source.name not in only:
        return "disabled"
    if source.api_key_header and not own.key:
        return f"needs a key: set PROCUREWATCH_SOURCES__{source.name.upper()}__KEY"
    return ""


@contextmanager
def open_app(settings: Settings, open_with: Callable[[str], Database] = open_database) -> Iterator[AppContext]:
    """Open the database and read the watchlist.

    Args:
        open_with: opens the database: `open_database`, or `storage.database.open_for_reading`.

    Raises:
        SettingsError: the settings name an unknown source.
        monitors.watchlist.yaml_reader.WatchlistError: the watchlist is invalid.
        storage.database.DatabaseError: the database cannot be opened.
    """
    unknown = sorted({*settings.sources, *settings.only_sources} - set(SOURCES))
    if unknown:
        raise SettingsError(f"unknown source {unknown[0]!r} in the settings; there are: {', '.join(SOURCES)}")
    watchlist = load_watchlist(*settings.watchlist_files)
    database = open_with(settings.database())
    try:
        yield AppContext(
            settings=settings,
            database=database,
            watchlist=watchlist,
            stop=threading.Event(),
            metrics=_make_metrics() if settings.metrics_token else None,
        )
    finally:
        database.close()


def _make_metrics() -> Metrics:
    from procurewatch.metrics import Metrics  # noqa: PLC0415  most commands need none

    return Metrics()
