"""When a source is due, and the jobs of a process that runs until it is stopped.

At every tick the database says which source is due, by its own clock, so a restart loses nothing and several processes
can share the work. A claim on the source keeps two of them from polling it at once. APScheduler only gives the ticks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import DBAPIError

from storage.claims import AlreadyClaimed
from storage.database import Database
from storage.errors import describe_error
from storage.models import RunStatus
from storage.reading.source_health import load_wait, unfinished_steps
from storage.writing.runs import latest_run

log = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(minutes=15)
JITTER = 0.1  # of a tick
STEP_RETRY = timedelta(hours=1)  # after failed steps of a source that works otherwise
Poller = Callable[[str, Database], object]  # gets a source's name, and the database to write with


def due_at(database: Database, source: str, every: timedelta, now: datetime) -> datetime:
    """Return when a source is to be polled next (UTC), from how its last poll ended.

    After a good poll that is after `every`, after a failed or interrupted one after fifteen minutes. After failed steps
    it is after an hour for each time that they have failed, but after `every` at the latest. It is never before the
    source's own Retry-After. Times that only a wrong clock can have recorded are ignored.
    """
    with database.reading() as session:
        last = latest_run(session, source, "poll")
        wait = load_wait(session, source, now)
        failures = min((step.failures for step in unfinished_steps(session, source)), default=1)
    if last is None or last.started > now:
        due = now
    elif last.status and RunStatus(last.status).is_good:
        due = last.started + every
    elif last.status == RunStatus.INCOMPLETE:
        due = (last.ended or last.started) + min(STEP_RETRY * failures, every)
    else:
        due = (last.ended or last.started) + min(FIRST_RETRY, every)
    return max(due, wait) if wait else due


def poll_when_due(database: Database, source: str, every: timedelta, poll: Poller, now: datetime | None = None) -> bool:
    """Poll a source if it is due and no other process is polling it; return whether it was polled."""
    now = now or database.now()
    if due_at(database, source, every, now) > now:
        return False
    try:
        with database.claim(source) as claimed:
            if due_at(database, source, every, now) > now:  # the other process has just finished
                return False
            poll(source, claimed)
            return True
    except AlreadyClaimed as other:
        log.info("another process is polling the source", source=source, process=str(other))
        return False


def keep_running(jobs: Mapping[str, Callable[[], object]], *, tick: timedelta, stop: threading.Event) -> None:
    """Call each job at every tick until `stop` is set, then wait for those under way.

    A job never runs twice at once: ticks that it misses while it runs, or while the machine sleeps, are one later call.
    An exception ends that call only.

    Args:
        jobs: by name.
        tick: the time between two calls of a job. Each comes up to a tenth of it later, so that the jobs, and the
            machines that were started together, do not all begin at the same moment.
    """
    scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(len(jobs))})
    for name, job in jobs.items():
        scheduler.add_job(
            partial(_call, name, job),
            "interval",
            seconds=tick.total_seconds(),
            jitter=tick.total_seconds() * JITTER,
            next_run_time=datetime.now(UTC),
            id=name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=True)


def _call(name: str, job: Callable[[], object]) -> None:
    try:
        job()
    except DBAPIError as error:
        log.warning("the database failed; trying again at the next tick", job=name, reason=describe_error(error))
    except Exception:
        log.exception("job failed; trying again at the next tick", job=name)
