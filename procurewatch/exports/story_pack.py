"""A story pack: one zip file with rows, raw evidence, checksums, a timeline, citations and a README.

`sha256sum -c SHA256SUMS` in the unpacked folder checks every file. User names of officials are removed from the
evidence; evidence/index.csv has the checksum of the original beside that of the file.
"""

from __future__ import annotations

import hashlib
import mimetypes
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from itertools import chain

from sqlalchemy.orm import Session

from feeds.citations import Citation, as_bibtex, as_markdown, as_text, cite_award
from feeds.pages.coverage import coverage_lines
from feeds.pages.timeline import TimelineSection, render_timeline
from feeds.text import format_date, format_time, one_line, pluralize
from feeds.urls import award_page_name
from procurewatch.exports.csv_json import csv_bytes
from procurewatch.exports.data_package import data_package
from procurewatch.exports.formats import ExportFormat, export_bytes, ocds_bytes
from procurewatch.exports.ocds import OWN_PREFIX, PROCESSES
from procurewatch.exports.redaction import FIELDS, remove_user_names
from procurewatch.exports.stream_buffer import StreamBuffer
from procurewatch.query_coverage import About, freshness
from sources.registry import SOURCES, publisher_of
from storage.errors import each_alone, left_out
from storage.models import StoredEvidence, StoredRecord
from storage.reading.coverage import DEFENSE, coverage_of
from storage.reading.events import load_events_for
from storage.reading.export_rows import ATTRIBUTION, Row, RowType, attribution, in_batches, with_bands
from storage.reading.records import known_agencies, load_evidence_for, load_payload
from storage.reading.timelines import by_date, load_links_for
from storage.search.query import Query
from storage.search.spending import EVERYTHING

MAX_RECORDS = 500
CONTENT_TYPE = "application/zip"
EVIDENCE_COLUMNS = (
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
FORMATS = {"txt": as_text, "md": as_markdown, "bib": as_bibtex}
SUFFIXES = {
    "application/json": ".json",
    "application/xml": ".xml",
    "application/atom+xml": ".xml",
    "text/html": ".html",
}
README = """STORY PACK: {subject}

Made {made} by Procurewatch {version}: {records}.

FILES
records.csv, actions.csv, events.csv   the rows (docs/exports.md describes every column)
datapackage.json                       a data dictionary of these rows (Frictionless Data Package)
releases.ocds.json                     the same as Open Contracting Data Standard 1.1 releases
timeline.html                          the events of all sources in order of time; opens in any browser
citations.txt, .md, .bib               a citation for each record
evidence/                              the sources' responses; evidence/index.csv lists their URLs and times
SHA256SUMS                             a checksum for every file: check with "sha256sum -c SHA256SUMS"

FRESHNESS
{freshness}

COVERAGE
{coverage}

METHOD
Records are fetched from the official sources named above and stored unchanged. A record matches a vendor when its
recipient, a former name, the recipient's parent or its Unique Entity ID is on the watchlist, or when its description
names a product. The column matched_because gives the reason and quotes the words. A match says that a record fits the
watchlist; it is not an accusation. Uncertain matches that nobody has reviewed are not in this pack.

WHAT WAS REMOVED
SAM.gov and FPDS send the user names of the officials who entered a record. In evidence/ they are replaced by
"[removed]" wherever one of these fields has a value:
{fields}.
For each file, evidence/index.csv has the checksum of the source's response (original_sha256) and of the file here
(file_sha256). Where they are equal, nothing was removed.
{attribution}
CAUTION
Obligated is the amount committed, not the amount paid. A ceiling may never be reached. A negative amount is a
de-obligation. Do not add up what two sources say about one award. Check an amount on the official page before you print
it.{delay}
"""
LEFT_OUT = "These could not be read, or not written into every file of this pack:\n\n"
DELAY = """ Awards of the Department of Defense and the Army Corps of Engineers become public 90 days after they are
signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackMetadata:
    """What a pack contains. The first `selected` records match the query, the rest are linked."""

    about: About
    records: Sequence[StoredRecord]
    selected: int
    evidence: Mapping[str, Sequence[StoredEvidence]]


def pack_bytes(
    session: Session,
    records: Sequence[StoredRecord],
    subject: str,
    query: Query = EVERYTHING,
    *,
    ocid_prefix: str = OWN_PREFIX,
    coverage: Sequence[str] = (),
) -> Iterator[bytes]:
    """Yield a story pack of records, and of the records linked with them, in chunks.

    Args:
        session: must stay open until the last chunk is read.
        records: at most `MAX_RECORDS`, with the matches to publish.
        subject: a description of the query.
        query: the query itself, which selects the actions to list and add up.
        coverage: which contracts were read completely, in sentences; by default those of the records' vendors.
    """
    linked = _linked_records(session, records)
    everything = list({record.key: record for record in (*records, *chain(*linked.values()))}.values())
    evidence: dict[str, list[StoredEvidence]] = {}
    for batch in in_batches(everything):
        keys = [record.key for record in batch]
        evidence |= dict(each_alone(session, keys, lambda part: load_evidence_for(session, part).items(), str))
    vendors = sorted({match.vendor_id for record in everything for match in record.matches})
    coverage = coverage or coverage_lines(coverage_of(session, vendors), dict(known_agencies(session)))
    about = About(description=subject, coverage=tuple(coverage), freshness=freshness(session))
    metadata = PackMetadata(about=about, records=everything, selected=len(records), evidence=evidence)
    bands = frozenset(match.band for record in everything for match in record.matches)
    out = _Zip(about.made)
    yield from out.add("README.txt", [_readme(metadata).encode()])
    for row_type in RowType:
        rows = export_bytes(session, everything, ExportFormat.CSV, query=query, row_type=row_type, bands=bands)
        yield from out.add(f"{row_type}.csv", rows)
    files = [(f"{row_type}.csv", "csv", row_type) for row_type in RowType]
    yield from out.add("datapackage.json", [data_package(metadata.about, files)])
    if any(record.category in PROCESSES for record in everything):
        yield from out.add(
            "releases.ocds.json", ocds_bytes(session, everything, metadata.about, ocid_prefix=ocid_prefix)
        )
    yield from out.add("timeline.html", [render_timeline(subject, about.made, _timeline(session, records, linked))])
    for suffix, write in FORMATS.items():
        cite = partial(_citations, write, evidence)
        cited = chain(*(each_alone(session, [record], cite, lambda each: each.key) for record in everything))
        yield from out.add(f"citations.{suffix}", cited)
    yield from _evidence_files(out, session, everything, evidence)
    if missing := left_out(session):
        lines = (f"{one_line(f'{key}: {reason}')}\n".encode() for key, reason in missing.items())
        yield from out.add("LEFT-OUT.txt", [LEFT_OUT.encode(), *lines])
    yield from out.finish()


def _citations(
    write: Callable[[Citation], str], evidence: Mapping[str, Sequence[StoredEvidence]], records: Sequence[StoredRecord]
) -> Iterator[bytes]:
    for record in records:
        cited = cite_award(record, evidence.get(record.key, ()), publisher=publisher_of(record.source))
        yield f"{write(cited)}\n".encode()


def pack_name(records: Sequence[StoredRecord]) -> str:
    """Return a file name for a pack, safe on any system."""
    return f"{award_page_name(records[0].key)}.zip" if len(records) == 1 else "procurewatch-story-pack.zip"


class _Zip:
    """Writes a zip file in chunks and computes the checksum of every file in it."""

    def __init__(self, made: datetime) -> None:
        self.checksums: dict[str, str] = {}
        self._made = made
        self._buffer = StreamBuffer()
        self._archive = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Add one file; yield the bytes of the zip that are ready."""
        digest = hashlib.sha256()
        entry = zipfile.ZipInfo(name, self._made.timetuple()[:6])
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        with self._archive.open(entry, "w") as out:
            for chunk in chunks:
                digest.update(chunk)
                out.write(chunk)
                yield self._buffer.take()
        self.checksums[name] = digest.hexdigest()
        yield self._buffer.take()

    def finish(self) -> Iterator[bytes]:
        """Add SHA256SUMS and close the zip."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in self.checksums.items())
        yield from self.add("SHA256SUMS", [lines.encode()])
        self._archive.close()
        yield self._buffer.take()


def _readme(metadata: PackMetadata) -> str:
    linked = len(metadata.records) - metadata.selected
    more = f", and {pluralize(linked, 'record')} linked with them" if linked else ""
    attributed = sum(1 for record in metadata.records if attribution(record))
    note = f"\nATTRIBUTION\n{ATTRIBUTION} ({pluralize(attributed, 'record')} here.)\n" if attributed else ""
    return README.format(
        subject=one_line(metadata.about.description),
        made=format_time(metadata.about.made),
        version=version("procurewatch"),
        records=f"{pluralize(metadata.selected, 'record')}{more}",
        freshness="\n".join([*_freshness(metadata), *metadata.about.freshness]),
        coverage="\n".join(metadata.about.coverage),
        fields=", ".join(FIELDS),
        attribution=note,
        delay=DELAY if any(record.agency_code in DEFENSE for record in metadata.records) else "",
    )


def _freshness(metadata: PackMetadata) -> Iterator[str]:
    for name in sorted({record.source for record in metadata.records}):
        records = [record for record in metadata.records if record.source == name]
        times = [each.retrieved_at for record in records for each in metadata.evidence.get(record.key, ())]
        title = SOURCES[name].title if name in SOURCES else name
        fetched = f"; last fetched {format_time(max(times))}, first {format_time(min(times))}" if times else ""
        newest = format_date(max((record.modified for record in records if record.modified), default=None))
        yield f"{title}: {pluralize(len(records), 'record')}{fetched}; last changed at the source: {newest}"


def _linked_records(session: Session, records: Sequence[StoredRecord]) -> dict[str, list[StoredRecord]]:
    """Return the stored records linked with each record, with their published matches."""
    links = load_links_for(session, [record.key for record in records])
    return {key: list(with_bands(other for _, other in found if other is not None)) for key, found in links.items()}


def _timeline(
    session: Session, records: Sequence[StoredRecord], linked: Mapping[str, list[StoredRecord]]
) -> list[TimelineSection]:
    """Return each record with its own events and those of the records linked with it, in order of time."""
    sections = []
    for record in records:
        keys = [record.key, *(other.key for other in linked.get(record.key, ()))]
        events = chain(*load_events_for(session, keys).values())
        sections.append(TimelineSection(record, tuple(by_date(event for event in events if not event.part_of))))
    return sections


def _evidence_files(
    out: _Zip, session: Session, records: Sequence[StoredRecord], evidence: Mapping[str, Sequence[StoredEvidence]]
) -> Iterator[bytes]:
    files: dict[str, tuple[str, bool]] = {}
    rows: list[Row] = []
    for record in records:
        for each in evidence.get(record.key, ()):
            if each.sha256 not in files:
                body = _body(session, record.key, each.sha256)
                redacted = remove_user_names(body or b"")
                name = f"evidence/{each.sha256}{_suffix(each.content_type)}" if body is not None else ""
                if name:  # else its bytes have been removed
                    yield from out.add(name, [redacted])
                files[each.sha256] = name, redacted != (body or b"")
            name, is_redacted = files[each.sha256]
            source = (each.retrieved_at, each.url, each.request, each.content_type, each.sha256, each.size)
            row = (record.key, *source, name, out.checksums.get(name, ""), "yes" if is_redacted else "no")
            rows.append(dict(zip(EVIDENCE_COLUMNS, row, strict=True)))
    yield from out.add("evidence/index.csv", csv_bytes(EVIDENCE_COLUMNS, rows))


def _body(session: Session, record_key: str, sha256: str) -> bytes | None:
    """Return a response's bytes, `None` if they have been removed or cannot be read."""
    found = each_alone(
        session, [sha256], lambda part: [load_payload(session, each) for each in part], lambda _: record_key
    )
    return found[0] if found else None


def _suffix(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".bin"
