"""The note in a story pack: what this is, how it was made, how fresh it is, and what to be careful with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from feeds.text import day, moment, one_line, plural
from procurewatch.exports.redaction import FIELDS
from sources.registry import SOURCES
from storage.models import StoredEvidence, StoredRecord
from storage.reading.export_rows import ATTRIBUTION, attribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """What a pack holds and how old it is. The first `asked` records are what was asked for, the rest is linked."""

    made: datetime
    subject: str
    records: tuple[StoredRecord, ...]
    asked: int
    evidence: Mapping[str, Sequence[StoredEvidence]]


def note(vintage: Vintage) -> str:
    """Return the note as plain text."""
    parts = (_what(vintage), FILES, _sources(vintage), METHOD, _removed(vintage), CARE)
    return "\n\n".join(filter(None, parts)) + "\n"


def _what(vintage: Vintage) -> str:
    linked = len(vintage.records) - vintage.asked
    more = f", and {plural(linked, 'record')} linked with them" if linked else ""
    return (
        f"STORY PACK: {one_line(vintage.subject)}\n\n"
        f"Made {moment(vintage.made)} by Procurewatch {version('procurewatch')}: "
        f"{plural(vintage.asked, 'record')}{more}."
    )


FILES = """WHAT IS IN IT
records.csv, actions.csv, events.csv   the rows (docs/exports.md describes every column)
releases.ocds.json                     the same as Open Contracting Data Standard 1.1 releases
timeline.html                          what happened, in order, over all sources; opens in any browser
citations.txt, .md, .bib               how to cite each record
evidence/                              what the sources answered; evidence/index.csv says which, whence and when
SHA256SUMS                             the hash of every file: check with "sha256sum -c SHA256SUMS\""""

METHOD = """METHOD
Records are fetched from the official sources named above and kept as they came. A record concerns a vendor when its
recipient, a former name, the recipient's parent or its Unique Entity ID is on the watchlist, or when its description
names a product; the column matched_because says which, and quotes the words. A match says that a record fits, and
nothing about anybody's conduct. Matches that nobody has reviewed and that are not certain are not in this pack."""

REMOVED = """WHAT WAS REMOVED
SAM.gov and FPDS send the user names of the officials who typed a record in. They are no news, and in evidence/ they
are replaced by "[removed]", wherever one of these fields has a value:
{fields}.
evidence/index.csv has, for each file, the hash of the bytes as the source sent them (original_sha256) and that of the
file as it is here (file_sha256); where they are the same, nothing was removed."""

CARE = """WITH CARE
Obligated is what is committed to be paid, not what was paid; a ceiling may never be reached; a negative amount is
money taken back. What two sources say of one award must not be added up. Check an amount on the official page before
you print it. Awards of the Department of Defense and the Army Corps of Engineers become public 90 days after they are
signed."""


def _sources(vintage: Vintage) -> str:
    lines = ["HOW FRESH IT IS"]
    for name in sorted({record.source for record in vintage.records}):
        own = [record for record in vintage.records if record.source == name]
        kept = [one.retrieved_at for record in own for one in vintage.evidence.get(record.key, ())]
        title = SOURCES[name].title if name in SOURCES else name
        asked = f"; last asked {moment(max(kept))}, first {moment(min(kept))}" if kept else ""
        newest = day(max((record.modified for record in own if record.modified), default=None))
        lines.append(f"{title}: {plural(len(own), 'record')}{asked}; the newest was last changed there: {newest}")
    return "\n".join(lines)


def _removed(vintage: Vintage) -> str:
    said = REMOVED.format(fields=", ".join(FIELDS))
    marked = [record for record in vintage.records if attribution(record)]
    return said + (f"\n\nATTRIBUTION\n{ATTRIBUTION} ({plural(len(marked), 'record')} here.)" if marked else "")
