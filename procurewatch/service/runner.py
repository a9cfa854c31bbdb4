"""The jobs of `procurewatch run`: poll what is due, send alerts, build the site, say what the process does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from monitors.runs.pipeline import Progress
from monitors.runs.schedule import poll_when_due
from monitors.runs.status import RunReport
from procurewatch.alerts.sending import send_due
from procurewatch.commands.poll import run_and_report
from procurewatch.commands.publish import build_site
from procurewatch.context import AppContext
from procurewatch.failures import describe_failure
from sources.base import Source
from storage.database import Database
from storage.maintenance.processes import Registration
from storage.reading.records import load_publication_version
from storage.reading.source_health import find_silences

log = structlog.get_logger(__name__)

MAX_WAIT = timedelta(hours=1)  # that a site may wait for polls under way


class Activities:
    """What the process does, by job. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[str, str] = {}

    def lines(self) -> list[str]:
        """Return what it does, a line for each job, in the order in which they began."""
        with self._lock:
            return list(self._current.values())

    def has(self, job: str) -> bool:
        """Return whether a job is under way."""
        with self._lock:
            return job in self._current

    @contextmanager
    def doing(self, job: str, line: str) -> Iterator[Callable[[str], None]]:
        """Note a line for the block; yields a function that replaces it."""

        def note(text: str) -> None:
            with self._lock:
                self._current[job] = text

        note(line)
        try:
            yield note
        finally:
            with self._lock:
                del self._current[job]


class Service:
    """The jobs, by name: a source's each, then those of `procurewatch run` itself."""

    def __init__(self, app_context: AppContext, sources: Sequence[Source], registration: Registration) -> None:
        self.app_context = app_context
        self.activities = Activities()
        self._registration = registration
        self._sources = sources
        self._built: tuple[object, ...] = ()
        self._wanted_since: datetime | None = None

    def jobs(self) -> dict[str, Callable[[], None]]:
        """Return the jobs to call at every tick."""
        jobs: dict[str, Callable[[], None]] = {"process": self.report_state}
        for source in self._sources:
            jobs[source.name] = lambda source=source: self.poll_if_due(source)  # type: ignore[misc]
        jobs["alerts"] = self.send_alerts
        if self.app_context.settings.site_folder:
            jobs["site"] = self.build_if_changed
        return jobs

    def report_state(self) -> None:
        """Say that the process lives, and what it does."""
        self._registration.renew(self.activities.lines() or ["waiting for the next poll"])

    def poll_if_due(self, source: Source) -> None:
        """Poll a source if it is due, can have news, and no other process polls it."""
        if self.app_context.has_something_to_poll(source):
            every = self.app_context.poll_interval(source)
            poll_when_due(self.app_context.database, source.name, every, lambda _, claimed: self._poll(source, claimed))

    def _poll(self, source: Source, claimed: Database) -> None:
        own = replace(self.app_context, database=claimed)
        with self.activities.doing(source.name, f"polling {source.title}") as note:

            def listen(progress: Progress) -> None:
                done = f"step {progress.step} of {progress.steps}, {progress.tally.found} records found"
                note(f"polling {source.title}: {progress.label}, {done}")

            self.report_state()
            self._report(lambda: own.poll(source, own.today(), listen))

    def _report(self, run: Callable[[], RunReport]) -> None:
        """Run a poll and say how it ended: as text, or as a log line if the log is to be JSON."""
        if self.app_context.settings.log_format != "json":
            run_and_report(run)
            return
        try:
            report = run()
        except Exception as error:  # noqa: BLE001  the boundary of every job
            log.error("poll failed", message=describe_failure(error).message)  # noqa: TRY400  one line
        else:
            if report.status and not report.status.is_good:  # the pipeline logs good ones, at the level info
                log.warning("poll failed", run=report.run_id, **report.as_log())

    def send_alerts(self) -> None:
        """Send what subscriptions are due."""
        with self.activities.doing("alerts", "sending alerts"):
            send_due(self.app_context)

    def build_if_changed(self) -> None:
        """Build the static site if its contents have changed: a poll or a review, another day, a source that is silent.

        It waits for polls under way, which may change them again, but not for ever.
        """
        now, state = self._site_state()
        if state == self._built:
            return
        self._wanted_since = self._wanted_since or now
        if self._is_polling() and now - self._wanted_since < MAX_WAIT:
            return
        self._build()
        self._built, self._wanted_since = state, None

    def _is_polling(self) -> bool:
        return any(self.activities.has(source.name) for source in self._sources)

    def _site_state(self) -> tuple[datetime, tuple[object, ...]]:
        with self.app_context.database.reading() as session:
            now = self.app_context.database.now()
            version, _ = load_publication_version(session)
            silent = frozenset(each.source for each in find_silences(session, self.app_context.silences, now))
        return now, (version, now.date(), silent)

    def _build(self) -> None:
        folder = self.app_context.settings.site_folder
        if folder is None:
            return
        with self.activities.doing("site", f"building the site in {folder}"):
            summary, problems = build_site(self.app_context, folder)
            log.info("site built", summary=summary)
            for problem in problems:
                log.error("the site is not complete", problem=problem)
            self.app_context.announce(is_built=True)
