"""A story pack: one zip with rows, raw evidence, hashes, a timeline, citations and a note on how it came about.

`sha256sum -c SHA256SUMS` in the unpacked folder checks every file. Evidence is handed out without officials' user
names; evidence/index.csv has the hash of the original beside that of the file.
"""

from __future__ import annotations

import hashlib
import mimetypes
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain

from sqlalchemy.orm import Session

from feeds.citations import as_bibtex, as_markdown, as_text, cite_award
from feeds.pages.timeline import Told, render_timeline
from feeds.urls import award_page_name
from procurewatch.exports.csv_json import csv_bytes
from procurewatch.exports.formats import ExportFormat, export_bytes, ocds_bytes
from procurewatch.exports.ocds import OWN_PREFIX, PROCESSES
from procurewatch.exports.pack_metadata import Vintage, note
from procurewatch.exports.redaction import without_user_names
from procurewatch.exports.stream_buffer import Spout
from storage.models import StoredEvidence, StoredRecord
from storage.reading.batches import events_together, links_together
from storage.reading.export_rows import Row, RowsOf, in_batches, with_bands
from storage.reading.records import evidence_together, payload
from storage.reading.timelines import in_time

MOST_RECORDS = 500
CONTENT_TYPE = "application/zip"
EVIDENCE_INDEX = (
    "record_key",
    "retrieved_at",
    "url",
    "request",
    "content_type",
    "original_sha256",
    "original_size",
    "file",
    "file_sha256",
    "user_names_removed",
)
SUFFIXES = {
    "application/json": ".json",
    "application/xml": ".xml",
    "application/atom+xml": ".xml",
    "text/html": ".html",
}


class _Zip:
    """A zip that is written piece by piece, and the hash of every file in it."""

    def __init__(self, made: datetime) -> None:
        self.sums: dict[str, str] = {}
        self._made = made
        self._spout = Spout()
        self._archive = zipfile.ZipFile(self._spout, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Write one file; give what of the zip is ready."""
        digest = hashlib.sha256()
        entry = zipfile.ZipInfo(name, self._made.timetuple()[:6])
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        with self._archive.open(entry, "w") as out:
            for piece in pieces:
                digest.update(piece)
                out.write(piece)
                yield self._spout.take()
        self.sums[name] = digest.hexdigest()
        yield self._spout.take()

    def end(self) -> Iterator[bytes]:
        """Write the list of hashes, and the end of the zip."""
        listed = "".join(f"{digest}  {name}\n" for name, digest in self.sums.items())
        yield from self.add("SHA256SUMS", [listed.encode()])
        self._archive.close()
        yield self._spout.take()


def pack_bytes(
    session: Session, records: Sequence[StoredRecord], subject: str, *, ocid_prefix: str = OWN_PREFIX
) -> Iterator[bytes]:
    """Give a story pack of records, and of what is linked with them, piece by piece.

    Args:
        session: open until the last piece is taken.
        records: at most `MOST_RECORDS`, with the matches that may be told.
        subject: what was asked for, in words.
    """
    made = datetime.now(UTC)
    ends = _ends(session, records)
    whole = list({record.key: record for record in (*records, *chain(*ends.values()))}.values())
    evidence = _evidence_of(session, whole)
    vintage = Vintage(made=made, subject=subject, records=tuple(whole), asked=len(records), evidence=evidence)
    out = _Zip(made)
    yield from out.add("README.txt", [note(vintage).encode()])
    for kind in RowsOf:
        rows = export_bytes(session, whole, ExportFormat.CSV, kind=kind, bands=_bands_of(whole))
        yield from out.add(f"{kind}.csv", rows)
    if any(record.category in PROCESSES for record in whole):
        yield from out.add("releases.ocds.json", ocds_bytes(session, whole, ocid_prefix=ocid_prefix))
    yield from out.add("timeline.html", [render_timeline(subject, made, _told(session, records, ends))])
    yield from _citations(out, whole, evidence)
    yield from _evidence(out, session, whole, evidence)
    yield from out.end()


def pack_name(records: Sequence[StoredRecord]) -> str:
    """Return what a pack's file may be called: safe anywhere."""
    return f"{award_page_name(records[0].key)}.zip" if len(records) == 1 else "procurewatch-story-pack.zip"


def _ends(session: Session, records: Sequence[StoredRecord]) -> dict[str, list[StoredRecord]]:
    """Return what each record is linked with, as far as it is stored, with its published matches."""
    found: dict[str, list[StoredRecord]] = {}
    for batch in in_batches(records):
        for key, links in links_together(session, [record.key for record in batch]).items():
            found[key] = list(with_bands(other for _, other in links if other is not None))
    return found


def _told(session: Session, records: Sequence[StoredRecord], ends: Mapping[str, list[StoredRecord]]) -> list[Told]:
    """Return each record with the events of its own and of what is linked with it."""
    told = []
    for record in records:
        keys = [record.key, *(other.key for other in ends.get(record.key, ()))]
        told.append(Told(record, tuple(in_time(chain(*events_together(session, keys).values())))))
    return told


def _bands_of(records: Sequence[StoredRecord]) -> frozenset[str]:
    return frozenset(match.band for record in records for match in record.matches)


def _evidence_of(session: Session, records: Sequence[StoredRecord]) -> dict[str, list[StoredEvidence]]:
    found: dict[str, list[StoredEvidence]] = {}
    for batch in in_batches(records):
        found |= evidence_together(session, [record.key for record in batch])
    return found


def _citations(
    out: _Zip, records: Sequence[StoredRecord], evidence: dict[str, list[StoredEvidence]]
) -> Iterator[bytes]:
    forms = {"txt": as_text, "md": as_markdown, "bib": as_bibtex}
    for suffix, cite in forms.items():
        cited = (cite(cite_award(record, evidence.get(record.key, ()))) for record in records)
        yield from out.add(f"citations.{suffix}", (f"{each}\n".encode() for each in cited))


def _evidence(
    out: _Zip, session: Session, records: Sequence[StoredRecord], evidence: dict[str, list[StoredEvidence]]
) -> Iterator[bytes]:
    written: dict[str, tuple[str, bool]] = {}
    rows: list[Row] = []
    for record in records:
        for kept in evidence.get(record.key, ()):
            if kept.sha256 not in written:
                body = payload(session, kept.sha256) or b""
                handed = without_user_names(body)
                name = f"evidence/{kept.sha256}{_suffix(kept.content_type)}"
                yield from out.add(name, [handed])
                written[kept.sha256] = name, handed != body
            name, changed = written[kept.sha256]
            rows.append(_index_row(record, kept, name, out.sums[name], changed=changed))
    yield from out.add("evidence/index.csv", csv_bytes(EVIDENCE_INDEX, rows))


def _index_row(record: StoredRecord, kept: StoredEvidence, name: str, digest: str, *, changed: bool) -> Row:
    values = (
        record.key,
        kept.retrieved_at,
        kept.url,
        kept.request,
        kept.content_type,
        kept.sha256,
        kept.size,
        name,
        digest,
        "yes" if changed else "no",
    )
    return dict(zip(EVIDENCE_INDEX, values, strict=True))


def _suffix(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".bin"
