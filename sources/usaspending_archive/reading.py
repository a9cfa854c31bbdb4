"""Reading one archive, a pass at a time, so that a run that was killed continues with the next file in it.

The first pass finds the rows that may concern the watchlist, whatever is stored: so it finds the same after it was
interrupted. Later passes read what was read when fewer awards were known again, for the other rows of those awards, and
for orders under them. `PASSES` are enough for an order under an agreement under another one.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sources.base import FailedStep, FetchStep, FileProgress, LargeFile, NotModified, Stored
from sources.candidates import Candidates
from sources.errors import SourceError
from sources.http.client import Client
from sources.http.transfer import Transfer, TransferReader
from sources.records import Document, Payload, Problem
from sources.usaspending_archive.download import PACE, LocalFile, delete_download, download, hash_file
from sources.usaspending_archive.listing import FILES, ArchiveFile
from sources.usaspending_archive.members import SOURCE, DamagedMember, Member, csv_members
from sources.usaspending_archive.scan import AwardRows, KnownAwards, MemberScan, scan_stream
from sources.usaspending_archive.scanning import ScanJob, Scanned, Scans, WorkerFailed

Found = Payload | Problem | NotModified | FailedStep
PASSES = 3
CSV_TYPE = "text/csv"
ROW_SIZE = 2000  # bytes that a row of an archive has about, inflated: for progress only
BUFFER = 1024 * 1024
MAX_LINES = 400  # characters of line numbers in a URL


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePass:
    """One pass over one archive: what a step reads.

    `location` is the path or fsspec URL of a file of the user, "" for a published one. That is downloaded into
    `folder`, or, if that is "", read while it comes. `keep`: the download is not deleted after the last pass.
    `knows_awards`: the first pass, too, reads all rows of stored awards. What was read is noted under `run`, so that
    two runs that look for something else do not share it.
    """

    name: str
    number: int = 1
    location: str = ""
    folder: str = ""
    keep: bool = False
    knows_awards: bool = False
    run: str = ""

    @property
    def file(self) -> ArchiveFile:
        """What the name says about the archive."""
        return ArchiveFile.named(self.name)

    @property
    def url(self) -> str:
        """The URL of the evidence."""
        return f"file:{quote(self.name)}" if self.location else self.file.url

    @property
    def step(self) -> FetchStep:
        """The step that reads it."""
        key = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:80]
        digest = hashlib.sha256(f"{self.name} {self.location}".encode()).hexdigest()[:8]
        return FetchStep(key=f"{key}-{digest}/{self.number}", query=asdict(self), part=self.name)

    @classmethod
    def of(cls, step: FetchStep) -> ArchivePass:
        """Return what a step reads."""
        return cls(**dict[str, Any](step.query))


@dataclass(kw_only=True)
class Notes:
    """What is noted of an archive: for each file in it that was read, with which awards known, and its rows.

    `is_whole`: every file in it was read. `stated` is what is known about the archive itself.
    """

    known: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    is_whole: bool = False
    stated: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, stored: Stored, name: str) -> Notes:
        """Return what was noted under a name."""
        return cls(**json.loads(stored.get_state(name) or "{}"))

    def save(self, stored: Stored, name: str) -> None:
        """Note it, after everything that was read is stored."""
        stored.set_state(name, json.dumps(asdict(self), sort_keys=True))


class ArchiveReader:
    """Reads one pass over one archive. `skips_stored`: later passes leave out rows whose evidence is stored."""

    def __init__(
        self, client: Client, step: FetchStep, stored: Stored, scans: Scans | None = None, *, skips_stored: bool = True
    ) -> None:
        self._client = client
        self._step = step
        self._stored = stored
        self._scans = scans or Scans()
        self._order = ArchivePass.of(step)
        self._skips_stored = skips_stored and self._order.number > 1
        self._note = f"{self._order.run}/{self._order.name}"
        self._notes = Notes.load(stored, self._note)
        self._read_now = 0  # rows, in this pass
        wanted = stored.candidates(known=self._order.number > 1 or self._order.knows_awards)
        self._digest = keys_digest(wanted)
        self._wanted: Candidates = wanted
        if self._order.number > 1:
            self._wanted = KnownAwards(
                award_keys=wanted.award_keys, parent_keys=wanted.parent_keys, solicitations=wanted.solicitations
            )

    def read(self) -> Iterator[Found]:
        """Read what is due; give payloads, and a failed step for each file in the archive that cannot be read.

        Raises:
            SourceError: the archive cannot be downloaded, or is none.
            OSError: a file cannot be read or written.
        """
        if self._order.number == 1 or any(self._is_due(member) for member in self._notes.known):
            yield from self._read_local() if self._order.location or self._order.folder else self._read_stream()

    def finish(self) -> Iterator[Found]:
        """Store that the archive was read completely, or say that it was not, and delete the download."""
        folder = Path(self._order.folder)
        if not self._notes.is_whole:
            if self._order.folder and (folder / self._order.name).exists():  # damaged: the next time a new one
                delete_download(folder, self._order.name)
            reason = "it was not read completely"
            yield FailedStep(step=replace(self._step, key=f"{self._step.key}/incomplete"), reason=reason)
            return
        self._save_file(is_complete=True)
        if self._order.folder and not self._order.keep:
            delete_download(folder, self._order.name)

    def _is_due(self, member: str) -> bool:
        """Return whether a file in the archive is to be read: again only if other awards are known now."""
        if self._order.number == 1:
            return member not in self._notes.known
        return self._notes.known.get(member, self._digest) != self._digest

    def _read_local(self) -> Iterator[Found]:
        local = self._local_file()
        if self._order.number == 1:
            self._save_file(sha256=local.sha256, size=local.size, etag=local.etag, modified=local.modified)
        location = local.location
        members = csv_members(location)
        total, done = sum(member.compressed for member in members), 0
        number = self._order.number
        self._scans.expect(ScanJob(location, each.name, number) for each in members if self._is_due(each.name))
        for member in members:
            if self._is_due(member.name):
                progress = _MemberProgress(self._stored, self._order.name, member, done, total, self._read_now)
                try:
                    job = ScanJob(location, member.name, number)
                    yield from self._found(self._scans.result(job, self._wanted, progress.on_rows))
                except (DamagedMember, WorkerFailed) as error:
                    yield self._failed(member.name, error)
            done += member.compressed
        self._note_whole({member.name for member in members})

    def _read_stream(self) -> Iterator[Found]:
        """Read a published archive while it comes. What comes after a damaged file in it cannot be read."""
        digest = hashlib.sha256()
        began = PACE.wait(self._client)
        transfer = Transfer(self._client, self._order.file.path, host=FILES)

        def on_chunk(chunk: memoryview) -> None:
            digest.update(chunk)
            size = transfer.remote.size if transfer.remote else None
            self._stored.progress(
                FileProgress(
                    name=self._order.name, doing="reading", done=transfer.position, total=size, rows=self._read_now
                )
            )

        stream = io.BufferedReader(TransferReader(transfer, on_chunk), BUFFER)
        members = set()
        try:
            for scan in scan_stream(stream, self._order.name, self._wanted):
                members.add(scan.member)
                if self._is_due(scan.member):
                    yield from self._found(Scanned(scan, self._wanted))
        except DamagedMember as error:
            yield self._failed(error.place.partition("/")[2], error)
            return
        while stream.read(BUFFER):  # the archive's directory
            pass
        PACE.count(began, transfer.position)
        stated = transfer.remote
        etag, modified = (stated.etag, stated.modified) if stated else ("", "")
        self._save_file(sha256=digest.hexdigest(), size=transfer.position, etag=etag, modified=modified)
        self._note_whole(members)

    def _save_file(self, *, is_complete: bool = False, **stated: Any) -> None:
        """Store what is known about the archive."""
        file = self._order.file
        self._notes.stated |= stated
        self._stored.save_file(
            LargeFile(
                name=file.name,
                url=self._order.url,
                kind=file.kind or "",
                agency=file.agency,
                fiscal_year=file.fiscal_year,
                is_delta=file.is_delta,
                published=file.published,
                rows=self._rows,
                is_complete=is_complete,
                **self._notes.stated,
            )
        )

    @property
    def _rows(self) -> int:
        return sum(self._notes.rows.values())

    def _local_file(self) -> LocalFile:
        """Return the archive as a file: the user's, or a download. Only for the first pass it is hashed."""
        path = Path(self._order.folder) / self._order.name
        location = self._order.location or str(path)
        if self._order.number > 1 and (self._order.location or path.exists()):
            return LocalFile(location=location, sha256="", size=0)
        doing = "checking" if self._order.location or path.exists() else "downloading"

        def on_bytes(done: int, total: int | None) -> None:
            self._stored.progress(FileProgress(name=self._order.name, doing=doing, done=done, total=total))

        if self._order.location:
            return hash_file(location, on_bytes)
        path.parent.mkdir(parents=True, exist_ok=True)
        return download(self._client, self._order.file, path.parent, on_bytes)

    def _found(self, scanned: Scanned) -> Iterator[Found]:
        """Give what was found in one file of the archive, then note that it was read, and with which awards known."""
        scan = scanned.scan
        place = f"{self._order.url}#{quote(scan.member or self._order.name)}"
        now = datetime.now(UTC)
        header = Document(url=place, request="", retrieved_at=now, content_type=CSV_TYPE, body=scan.header)
        if scan.unreadable:
            yield self._unreadable(scan, header)
        for award in scan.awards:
            url = f"{place}:{_lines(award.lines)}"
            rows = replace(header, url=url, body=b"\n".join(award.rows))
            if self._skips_stored and self._stored.has_evidence(award.key, url, rows.sha256):
                yield NotModified(key=award.key)
            else:
                yield _payload(award, header, rows)
        is_all = self._order.number > 1 or not scan.left_out
        self._notes.known[scan.member] = keys_digest(scanned.candidates) if is_all else ""
        self._notes.rows[scan.member] = scan.rows
        self._read_now += scan.rows
        self._notes.save(self._stored, self._note)

    def _unreadable(self, scan: MemberScan, header: Document) -> Problem:
        line, reason = scan.unreadable[0]
        count = f"{len(scan.unreadable)} rows do not fit" if len(scan.unreadable) > 1 else "a row does not fit"
        key = f"{self._order.name}/{scan.member}"
        return Problem(
            source=SOURCE, key=key, reason=f"{count} the header of {key}: line {line} has {reason}", documents=(header,)
        )

    def _failed(self, member: str, error: SourceError) -> FailedStep:
        part = f"{self._order.name}/{member}".rstrip("/")
        return FailedStep(step=replace(self._step, key=f"{self._step.key}/damaged", part=part), reason=str(error))

    def _note_whole(self, members: set[str]) -> None:
        self._notes.is_whole = members <= self._notes.known.keys()
        self._notes.save(self._stored, self._note)


def keys_digest(wanted: Candidates) -> str:
    """Return a digest of the awards whose rows are wanted."""
    digest = hashlib.sha256()
    for keys in (wanted.award_keys, wanted.parent_keys, wanted.solicitations):
        digest.update("\n".join(sorted(keys)).encode() + b"\0")
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _MemberProgress:
    """Reports how far an archive is while one file in it is read: `before` of `total` compressed bytes were read."""

    stored: Stored
    archive: str
    member: Member
    before: int
    total: int
    rows_before: int

    def on_rows(self, rows: int) -> None:
        """Report that so many rows of the file were read."""
        share = min(1.0, rows * ROW_SIZE / max(self.member.size, 1))
        done = self.before + int(self.member.compressed * share)
        self.stored.progress(
            FileProgress(name=self.archive, doing="reading", done=done, total=self.total, rows=self.rows_before + rows)
        )


def _payload(award: AwardRows, *documents: Document) -> Payload:
    return Payload(source=SOURCE, key=award.key, revision="", documents=documents)


def _lines(lines: Sequence[int]) -> str:
    """Return line numbers as text, "3,7-9"; of very many, the first, the last and a digest of all."""
    spans: list[tuple[int, int]] = []
    for line in sorted(lines):
        if spans and spans[-1][1] + 1 == line:
            spans[-1] = spans[-1][0], line
        else:
            spans.append((line, line))
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
    if len(text) <= MAX_LINES:
        return text
    return f"{spans[0][0]}...{spans[-1][1]},{hashlib.sha256(text.encode()).hexdigest()[:12]}"
