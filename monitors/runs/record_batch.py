"""Filter, match, store and count the records of a run, a batch in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from monitors.matching.amount_checks import add_amount_warning
from monitors.matching.matcher import Matcher
from monitors.runs.jobs import Job
from monitors.runs.match_rows import match_rows, matches_of_solicitation, named_elsewhere
from monitors.runs.status import Tally
from sources.base import FetchStep, Source
from sources.records import Award, Publication, Record
from storage.database import Database, server_time
from storage.schema.tables import RecordRow
from storage.writing.events import PublishRule
from storage.writing.renumbering import current_key
from storage.writing.runs import save_checkpoint
from storage.writing.save import Saved, is_quarantined, problem_with, save_record

log = structlog.get_logger(__name__)

BATCH_SIZE = 10  # records in one transaction: what a kill loses is read again


class RecordBatch:
    """The records of a run that are not stored yet. `read` are the keys of all that it has read completely.

    Records are counted by their keys: a source returns the same record for several searches, and fetches one that
    cannot be read again.
    """

    def __init__(self, database: Database, matcher: Matcher, source: Source, job: Job, tally: Tally) -> None:
        self.read: set[str] = set()
        self._database = database
        self._matcher = matcher
        self._source = source
        self._job = job
        self._tally = tally
        self._step: FetchStep | None = None
        self._waiting: list[Record] = []
        self._named_elsewhere: dict[str, frozenset[str]] = {}
        self._found: set[str] = set()
        self._problems: set[str] = set()
        self._matched: set[str] = set()
        self._filtered_out = 0  # read and not stored: an archive has millions, so their keys are not remembered

    def begin(self, step: FetchStep) -> None:
        """Set the step to which the next records belong."""
        self._step = step

    def add(self, records: Sequence[Record]) -> None:
        """Add the records of one payload, without those that are not worth storing; store when enough are waiting."""
        prepared = [self._prepare(record) for record in records]
        self._named_elsewhere |= self._vendors_named_elsewhere([record for record in prepared if record])
        for record in prepared:
            if record:
                self.read.add(record.key)
                self._waiting.append(record)
                self.count_found(record.key)
            else:
                self._filtered_out += 1
                self.count_found("")
            self._tally.read = len(self.read) + self._filtered_out
        if len(self._waiting) >= BATCH_SIZE:
            self.store()

    def count_found(self, key: str) -> None:
        """Count a record that the source returned; "" for one that was filtered out."""
        self._found |= {key} if key else set()
        self._tally.found = len(self._found) + self._filtered_out

    def store(self, checkpoint: str = "") -> None:
        """Store the records, and a checkpoint if one is named, in one transaction."""
        if not self._waiting and not checkpoint:
            return
        with self._database.writing() as session:
            now = server_time(session)
            for record in _in_order(self._waiting):
                self._store_one(session, record, now)
            if checkpoint:
                save_checkpoint(session, self._source.name, checkpoint, "done", now)
        self._waiting.clear()
        self._named_elsewhere.clear()

    def _prepare(self, record: Record) -> Record | None:
        """Return a record as it is to be stored, `None` if it is not worth storing, a problem if that raises an error.

        Raises:
            sqlalchemy.exc.DBAPIError: the database failed.
        """
        try:
            prepared = add_amount_warning(record) if isinstance(record, Award) else record
            return prepared if self._source.store_unmatched or self._is_worth_storing(prepared) else None
        except DBAPIError:
            raise
        except Exception as error:
            log.warning("record cannot be checked", source=record.source, key=record.key, exc_info=True)
            return problem_with(record, error)

    def _vendors_named_elsewhere(self, records: Sequence[Record]) -> dict[str, frozenset[str]]:
        try:
            return named_elsewhere(self._matcher, records)
        except Exception:  # the same error puts the one record into quarantine when it is stored
            log.warning("records cannot be compared", source=self._source.name, exc_info=True)
            return {}

    def _is_worth_storing(self, record: Record) -> bool:
        """Return whether a record matches, is stored already, or belongs to an award or a notice that is."""
        if not isinstance(record, (Award, Publication)) or self._matcher.matches(record):
            return True
        keys = [record.key, *([record.parent_key] if isinstance(record, Award) and record.parent_key else [])]
        with self._database.reading() as session:
            if any(session.get(RecordRow, current_key(session, key)) is not None for key in keys):
                return True
            return isinstance(record, Award) and bool(matches_of_solicitation(session, record))

    def _store_one(self, session: Session, record: Record, now: datetime) -> None:
        """Store one record; one that cannot be stored goes into quarantine with its reason."""
        elsewhere = self._named_elsewhere.get(record.key, frozenset())
        was_in_quarantine = is_quarantined(session, record.source, record.key)
        saved = save_record(
            session,
            record,
            lambda found: match_rows(session, self._matcher, found, now, elsewhere),
            now,
            self._publish_rule(record),
            since=self._job.recent_since,
            history_until=self._job.history_until,
            read_until=self._job.read_until,
        )
        if saved.problem:
            self._tally.known_problems += was_in_quarantine and record.key not in self._problems
            self._problems.add(record.key)
            self._tally.problems = len(self._problems)
            log.warning("record in quarantine", source=record.source, key=record.key, reason=saved.problem)
        else:
            session.flush()
            self._count_saved(record.key, saved)

    def _count_saved(self, key: str, saved: Saved) -> None:
        self._tally.new_awards += saved.new
        self._tally.changed_awards += saved.changed and not saved.new
        self._matched |= {key} if saved.matched else set()
        self._tally.matched = len(self._matched)
        self._tally.events += saved.events

    def _publish_rule(self, record: Record) -> PublishRule:
        """Return for which vendors a record's events are published: not for those to whose baseline it belongs.

        What happened after the day of the baseline does not belong to it.
        """
        step = self._step
        is_news = step is None or any(day > (step.until or date.max) for day in days_of(record))
        quiet_for = frozenset[str]() if step is None or is_news else step.quiet_for
        return lambda vendors: self._job.should_publish([vendor for vendor in vendors if vendor not in quiet_for])


def _in_order(records: Sequence[Record]) -> Sequence[Record]:
    """Return awards in order of signing, so that the earlier of two is the first purchase; others as they came."""
    if not all(isinstance(record, Award) for record in records):
        return records
    return sorted(records, key=lambda record: (isinstance(record, Award) and record.signed) or date.min)


def days_of(record: Record) -> list[date]:
    """Return the days on which something happened to a record, as far as its source says."""
    match record:
        case Award():
            days = [record.modified, *(action.signed for action in record.actions)]
        case Publication():
            days = [record.published]
        case _:
            days = []
    return [day for day in days if day]
