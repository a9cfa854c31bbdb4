"""What USAspending publishes every month about what was read before: a delta, or else a new file of the fiscal year.

A delta has the changes since the delta before, of all fiscal years, and says which actions were deleted. Where none is
published, the file of the current fiscal year is read again: an action that is not in it any more was deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from sources.base import FailedStep, Fetched, FetchStep, NotModified, Stored
from sources.errors import Refused
from sources.http.client import Client
from sources.records import Award, Payload, Problem, Removal
from sources.usaspending_archive.listing import (
    ALL,
    FILE_HOST,
    FOLDER,
    LIST_PATH,
    ArchiveFile,
    ArchiveKind,
    agency_numbers,
    fiscal_year_days,
    list_files,
    newest,
)
from sources.usaspending_archive.members import SOURCE
from sources.usaspending_archive.reading import PASSES, ArchivePass, ArchiveReader
from sources.usaspending_archive.rows import parse

RUN = "monthly"  # what the notes about these files begin with
# After so long a delta may have been published and replaced by the next one. September 2026 came after 49 days.
MAX_GAP = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyUpdate:
    """What to look for: archives of a kind and an agency ("" for all) that are newer than what was read.

    `since` is the day up to which the changes of all fiscal years were read, as YYYY-MM-DD; `fiscal_year` the current
    one; `read` the day of the newest file that was read of each fiscal year. `terms` is a digest of what is looked for.
    """

    kind: str
    agency: str
    since: str
    fiscal_year: int
    read: Mapping[str, str] = field(default_factory=dict)
    terms: str = ""

    @property
    def newest(self) -> date:
        """The day up to which the changes of the newest fiscal year were read."""
        return date.fromisoformat(max(self.since, self.read[max(self.read)] if self.read else ""))

    @property
    def step(self) -> FetchStep:
        """The step that looks for it."""
        agency = self.agency.lower() or ALL
        return FetchStep(
            key=f"monthly/{self.kind}/{agency}",
            query={"monthly": True, **asdict(self)},
            part=f"monthly archives of {self.kind}",
        )

    @classmethod
    def of(cls, step: FetchStep) -> MonthlyUpdate:
        """Return what a step looks for."""
        return cls(**{name: value for name, value in dict[str, Any](step.query).items() if name != "monthly"})


def read_update(client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
    """Read what is new. Raises `SourceError`."""
    update = MonthlyUpdate.of(step)
    since = date.fromisoformat(update.since)
    agency = agency_number(client, update.agency, stored)
    listed = list_files(client, ArchiveKind(update.kind), agency, update.fiscal_year)
    deltas = [file for file in reversed(listed) if file.is_delta and file.published and file.published > since]
    for delta in deltas:
        yield from read_whole(client, delta, stored, update.terms)
    full = newest(listed)
    if full is None and str(update.fiscal_year - 1) in update.read:  # in October there is none of the new year
        full = newest(list_files(client, ArchiveKind(update.kind), agency, update.fiscal_year - 1))
    if full and _is_due(full, update, deltas):
        known = str(full.fiscal_year) in update.read
        yield from (read_again if known else read_whole)(client, full, stored, update.terms)
    elif not deltas:
        yield NotModified(key=full.name if full else step.key)


def agency_number(client: Client, code: str, stored: Stored) -> str | int:
    """Return USAspending's number of a department, "all" for "". It is asked for once."""
    if not code:
        return ALL
    if number := stored.get_state(f"agency/{code}"):
        return int(number)
    found = agency_numbers(client).get(code)
    if found is None:
        raise Refused(client.source, f"POST {LIST_PATH}", f"there is no department {code!r}")
    stored.set_state(f"agency/{code}", str(found[0]))
    return found[0]


def _is_due(full: ArchiveFile, update: MonthlyUpdate, deltas: list[ArchiveFile]) -> bool:
    """Return whether the file of a fiscal year has changes that no delta has brought."""
    last = update.read.get(str(full.fiscal_year))
    if full.published is None or full.fiscal_year is None:
        return False
    if last is None:  # a year that has just begun, after one that was read
        return str(full.fiscal_year - 1) in update.read
    if deltas and deltas[0].published and deltas[0].published - update.newest <= MAX_GAP:
        return False
    return full.published > date.fromisoformat(max(last, "" if deltas else update.since))


def read_whole(client: Client, file: ArchiveFile, stored: Stored, terms: str = "") -> Iterator[Fetched]:
    """Read a published archive while it comes, in all passes, from its beginning, and note for which `terms`."""
    yield from _read_passes(client, file, stored)
    yield from _finish(client, file, stored, terms)


def read_again(client: Client, file: ArchiveFile, stored: Stored, terms: str) -> Iterator[Fetched]:
    """Read a newer file of a fiscal year that was read before, and find the actions that are not in it any more.

    None is found if anything in it cannot be read. It counts as read when they are stored.
    """
    days = fiscal_year_days(file.fiscal_year or 0)
    wanted = stored.candidates().award_keys
    # An award may have actions of several departments, which are in the file of all only.
    others = f"{FILE_HOST}{FOLDER}FY{file.fiscal_year}_" if file.agency else ""
    listed = stored.listed_actions(file.series, *days, others)
    missing = {action: award for action, award in listed.items() if award in wanted}
    is_whole = True
    for fetched in _read_passes(client, file, stored, skips_stored=False):
        records = parse(fetched) if isinstance(fetched, Payload) else [None]
        for record in records:
            is_whole &= isinstance(record, Award)
            for each in record.actions if isinstance(record, Award) else ():
                missing.pop(each.key, None)
        yield fetched
    if is_whole:
        for action, award in sorted(missing.items()):
            yield _removal(file, award, action)
    yield from _finish(client, file, stored, terms)


def _read_passes(
    client: Client, file: ArchiveFile, stored: Stored, *, skips_stored: bool = True
) -> Iterator[Payload | Problem | NotModified | FailedStep]:
    stored.set_state(f"{RUN}/{file.name}", "")
    for number in range(1, PASSES + 1):
        yield from ArchiveReader(client, _step(file, number), stored, skips_stored=skips_stored).read()


def _finish(client: Client, file: ArchiveFile, stored: Stored, terms: str) -> Iterator[Fetched]:
    reader = ArchiveReader(client, _step(file, PASSES), stored)
    stored.set_state(f"{RUN}/{file.name}", terms)  # of no effect until the file counts as read
    yield from reader.finish()


def _step(file: ArchiveFile, number: int) -> FetchStep:
    return ArchivePass(name=file.name, number=number, knows_awards=True, run=RUN).step


def _removal(file: ArchiveFile, award: str, action: str) -> Removal:
    return Removal(
        source=SOURCE,
        key=award,
        action_key=action,
        removed=file.published,
        reason=f"USAspending's archive {file.name} does not list this action any more",
        documents=(),
    )
