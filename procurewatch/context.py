"""Everything a command works with, open_app from the settings: database, watchlist, matcher and sources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from monitors.matching.matcher import Matcher
from monitors.runs.jobs import Job, plan_backfill, plan_import, plan_poll
from monitors.runs.pipeline import Progress, RunContext, run_job
from monitors.runs.quotas import QuotaLedger
from monitors.runs.status import RunReport
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Vendor, Watchlist
from procurewatch.settings import Settings, SettingsError
from procurewatch.websub import announce
from sources.base import Source
from sources.http.client import Client, RateLimit, Timeouts
from sources.registry import SOURCES
from storage.database import Database, open_database


class Busy(Exception):
    """Another process is at the source. The message says so in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """The settings and what they open_app. `stop` ends a run at the next award."""

    settings: Settings
    database: Database
    watchlist: Watchlist
    stop: threading.Event

    def client(self, source: Source) -> Client:
        """Return a client for a source, to be used as a context manager. Raises `SettingsError` for a broken key."""
        own = self.settings.source(source.name)
        rate_limit = RateLimit(
            seconds_between=source.rate_limit.seconds_between if own.seconds_between is None else own.seconds_between,
            at_once=own.at_once or source.rate_limit.at_once,
            # Who sets no time at all between two requests asks a server of their own, which bears as many as come.
            max_requests=0 if own.seconds_between == 0 else source.rate_limit.max_requests,
            window_seconds=source.rate_limit.window_seconds,
        )
        # A try more costs one of the day's requests.
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
            )
        except ValueError as error:
            raise SettingsError(str(error)) from error

    def quota(self, source: Source) -> QuotaLedger | None:
        """Return what counts a source's requests, `None` if it has no quota or no key."""
        own = self.settings.source(source.name)
        if source.quota is None or own.key is None:
            return None
        return QuotaLedger(
            database=self.database,
            name=source.quota.name,
            requests_per_day=own.requests_a_day or source.quota.requests_per_day,
            key=own.key.get_secret_value().strip(),
        )

    def poll(
        self, source: Source, until: date, listen: Callable[[Progress], None], *, force: bool = False
    ) -> RunReport:
        """Poll a source up to a day; the caller holds the lock on it.

        With `force` it is asked even when its data has not changed since the last poll.
        """
        job = plan_poll(self.database, source, self.watchlist, until, self.settings.lookback, force=force)
        return self._run(source, job, listen)

    def backfill(
        self,
        source: Source,
        vendor: Vendor,
        since: date,
        until: date,
        listen: Callable[[Progress], None],
        *,
        tell: bool,
    ) -> RunReport:
        """Fetch a vendor's history between two days; the caller holds the lock on the source."""
        job = plan_backfill(self.database, source, vendor, since, until, publishes=tell)
        return self._run(source, job, listen)

    def read_files(
        self, source: Source, files: Sequence[Path], listen: Callable[[Progress], None], *, tell: bool
    ) -> RunReport:
        """Read files that somebody holds; the caller holds the lock on the source."""
        return self._run(source, plan_import(source, files, publishes=tell), listen)

    @contextmanager
    def claimed(self, source: Source) -> Iterator[None]:
        """Lock a source. Raises `Busy` if another process has it."""
        with self.database.try_lock(source.name) as held:
            if not held:
                raise Busy(
                    f"another Procurewatch is reading {source.title} into this database; try again when it is done"
                )
            yield

    def _run(self, source: Source, job: Job, listen: Callable[[Progress], None]) -> RunReport:
        matcher = Matcher(self.watchlist)
        run_context = RunContext(database=self.database, matcher=matcher, stop=self.stop, listen=listen)
        began = datetime.now(UTC)
        with self.client(source) as client:
            report = run_job(run_context, source, client, job)
        self._announce(began)
        return report

    def _announce(self, since: datetime) -> None:
        """Tell the hub, if there is one, which feeds have had news; that it cannot be told is no failure of a run."""
        settings = self.settings
        if settings.websub_hub and settings.site_url:
            announce(
                self.database,
                hub=settings.websub_hub,
                base_url=settings.site_url,
                contact=settings.contact,
                since=since,
                sleep=self.stop.wait,
            )

    @property
    def sources(self) -> list[Source]:
        """The sources that are turned on and have the key they need."""
        return [source for source in SOURCES.values() if not self.disabled_reason(source)]

    @property
    def source_titles(self) -> dict[str, str]:
        """What the sources that are asked are called, by name."""
        return {source.name: source.title for source in self.sources}

    def disabled_reason(self, source: Source) -> str:
        """Return why a source is not asked, "" if it is."""
        return disabled_reason(self.settings, source)

    def every(self, source: Source) -> timedelta:
        """How often a source is polled: as the settings say, but not more often than brings anything."""
        return max(timedelta(hours=self.settings.poll_hours), source.min_poll_interval)


def disabled_reason(settings: Settings, source: Source) -> str:
    """Return why a source is not asked with these settings, "" if it is."""
    own = settings.source(source.name)
    only = settings.only_sources
    if only and source.name not in only:
        return "not among only_sources"
    if not (source.enabled_by_default if own.enabled is None else own.enabled) and source.name not in only:
        return "turned off"
    if source.api_key_header and not own.key:
        return f"it needs a key: set PROCUREWATCH_SOURCES__{source.name.upper()}__KEY"
    return ""


@contextmanager
def open_app(settings: Settings) -> Iterator[AppContext]:
    """Open the database and read the watchlist.

    Raises:
        SettingsError: a source is named that there is not.
        monitors.watchlist.loader.WatchlistError, storage.database.DatabaseError: what they say.
    """
    unknown = sorted({*settings.sources, *settings.only_sources} - set(SOURCES))
    if unknown:
        raise SettingsError(f"unknown source {unknown[0]!r} in the settings; there are: {', '.join(SOURCES)}")
    watchlist = load_watchlist(*settings.watchlist_files)
    database = open_database(settings.database())
    try:
        yield AppContext(settings=settings, database=database, watchlist=watchlist, stop=threading.Event())
    finally:
        database.close()
