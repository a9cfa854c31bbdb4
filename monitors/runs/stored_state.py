"""What an adapter may know of what is stored (`sources.base.Stored`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import select
from sqlmodel import col

from monitors.matching.matcher import Matcher
from monitors.matching.prefilter import WatchlistCandidates
from monitors.runs.match_rows import MIN_NUMBER_LENGTH
from monitors.runs.record_batch import RecordBatch
from monitors.watchlist.model import Watchlist
from sources.base import FileProgress, LargeFile, StoredVersion
from sources.records import Award, Publication, Record
from storage.database import Database, server_time
from storage.models import MatchBand
from storage.reading.archives import has_evidence, listed_actions
from storage.reading.records import matched_award_keys, noticed_solicitations, published_agreements
from storage.reading.source_records import count_listed_actions, stored_revision
from storage.schema.tables import ActionRow, MatchRow, RecordRow, SourceRecordRow
from storage.writing.archives import save_archive_file
from storage.writing.runs import load_checkpoint, save_checkpoint

NOTE = "note/"


class StoredState:
    """The database as one source's adapter sees it during a run.

    `searched`: the entries that files are searched for, `None` for the whole watchlist.
    """

    def __init__(
        self,
        database: Database,
        matcher: Matcher,
        source: str,
        batch: RecordBatch,
        *,
        on_progress: Callable[[FileProgress], None] = lambda _reading: None,
        searched: Watchlist | None = None,
    ) -> None:
        self._searched = searched or matcher.watchlist
        self._database = database
        self._matcher = matcher
        self._source = source
        self._batch = batch
        self._on_progress = on_progress

    def stored_version(self, key: str, /) -> StoredVersion | None:
        """Return what this source has brought of a record, `None` if nothing."""
        with self._database.reading() as session:
            revision = stored_revision(session, self._source, key)
            if revision is None:
                return None
            actions = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == key)).all()
            return StoredVersion(
                key=key,
                revision=revision,
                actions=frozenset((row.modification, row.signed, row.obligation) for row in actions),
                texts=frozenset((row.modification, row.description) for row in actions),
                action_count=count_listed_actions(session, self._source, key),
                matched=self.is_matched(key),
            )

    def was_read(self, key: str, /) -> bool:
        """Return whether this run has already read a record completely."""
        return key in self._batch.read

    def is_matched(self, key: str, /) -> bool:
        """Return whether an award is stored, from whatever source, and has a match that is not rejected."""
        matched = col(MatchRow.record_key) == key, col(MatchRow.band) != MatchBand.REJECTED
        with self._database.reading() as session:
            return session.scalars(select(col(MatchRow.record_key)).where(*matched).limit(1)).first() is not None

    def keys_with_piid(self, piid: str, /) -> Sequence[str]:
        """Return the keys of this source's stored awards that have a PIID."""
        own = select(col(SourceRecordRow.record_key)).where(col(SourceRecordRow.source) == self._source)
        query = select(col(RecordRow.key)).where(col(RecordRow.piid) == piid, col(RecordRow.key).in_(own))
        with self._database.reading() as session:
            return list(session.scalars(query))

    def matches_watchlist(self, record: Record, /) -> bool:
        """Return whether a record matches the watchlist."""
        return isinstance(record, (Award, Publication)) and bool(self._matcher.matches(record))

    def candidates(self, *, known: bool = True) -> WatchlistCandidates:
        """Return what decides which rows of a large file are wanted; with `known`, also those of stored awards."""
        if not known:
            return WatchlistCandidates(self._searched)
        with self._database.reading() as session:
            return WatchlistCandidates(
                self._searched,
                award_keys=matched_award_keys(session),
                parent_keys=published_agreements(session),
                solicitations=frozenset(
                    number for number in noticed_solicitations(session) if len(number) >= MIN_NUMBER_LENGTH
                ),
            )

    def get_state(self, name: str, /) -> str:
        """Return what the source recorded under a name, "" if nothing."""
        with self._database.reading() as session:
            return load_checkpoint(session, self._source, NOTE + name) or ""

    def set_state(self, name: str, value: str, /) -> None:
        """Record something for the source, after everything that it returned before is stored."""
        self._batch.store()  # a note says what was read: it must not outlive records that were lost
        with self._database.writing() as session:
            save_checkpoint(session, self._source, NOTE + name, value, server_time(session))

    def has_evidence(self, key: str, url: str, sha256: str, /) -> bool:
        """Return whether a record has evidence with a URL and a hash."""
        with self._database.reading() as session:
            return has_evidence(session, key, url, sha256)

    def listed_actions(self, url: str, since: date, until: date, other_url: str = "", /) -> Mapping[str, str]:
        """Return the award of each action, by action key, that was read from URLs that begin so."""
        with self._database.reading() as session:
            return listed_actions(session, self._source, url, since, until, other_url=other_url)

    def save_file(self, file: LargeFile, /) -> None:
        """Store which file was read, after everything that was read from it before."""
        self._batch.store()
        facts = {name: value for name, value in asdict(file).items() if name != "name"}
        with self._database.writing() as session:
            save_archive_file(session, file.name, facts, server_time(session))

    def progress(self, reading: FileProgress, /) -> None:
        """Report how far a large file was read, and end the step when the program is to stop."""
        self._on_progress(reading)
