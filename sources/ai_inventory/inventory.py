"""The federal inventory of AI use cases: which vendors' products agencies use, and their privacy assessments.

Upstream: github.com/ombegov/2024-Federal-AI-Use-Case-Inventory and .../2025-Federal-Agency-AI-Use-Case-Inventory, as
raw files from raw.githubusercontent.com. Access: open, no key. Limits: none documented; three files of 3.0, 3.1 and
0.1 MB, read once in six days. Lag: yearly; agencies had to report for 2025 by January 2026. Corrections: rows of 2025
are changed in place "on a rolling basis" (its README), which changes a row's digest; 2024 is final. Caveats: the
Department of War and the intelligence agencies are not included; agencies may leave out IDs, vendors and details; each
year has a repository and columns of its own, so that a new year needs a change here; cells are free text with several
vendors or none. Only 2024 names contract numbers: the first links a use case with its award.

A row describes a use, not a purchase: it has no amount and no date of publication.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from sources.ai_inventory.row_parser import (
    COMMERCIAL,
    CONSOLIDATED,
    FILES,
    INDIVIDUAL,
    YEAR,
    InventoryFile,
    read_inventory,
)
from sources.base import (
    Assumption,
    DateWindow,
    ExpectedRows,
    Fetched,
    FetchStep,
    NotModified,
    SearchTerms,
    Source,
    Stored,
    StoredVersion,
)
from sources.errors import Refused, SourceChanged
from sources.http.client import Client, RateLimit
from sources.records import Payload, Problem, Publication, Record

TABLE = "text/csv, text/plain"
NEXT_YEAR = f"/ombegov/{YEAR + 1}-Federal-Agency-AI-Use-Case-Inventory/main/README.md"


def _holds(client: Client, file: InventoryFile) -> bool:
    """Whether a file is at its address, with the known columns and at least one use case."""
    try:
        document = client.get(file.address, accept=TABLE)
        return any(isinstance(record, Publication) for record in read_inventory(document, client.source))
    except (Refused, SourceChanged):
        return False


def _is_newest(client: Client) -> bool:
    try:
        client.get(NEXT_YEAR, accept="text/plain")
    except Refused:
        return True
    return False


class AiInventory(Source):
    """The source `aiinventory`."""

    name = "aiinventory"
    title = "Federal AI use-case inventory"
    publisher = "Federal Agency AI Use Case Inventory"
    base_url = "https://raw.githubusercontent.com"
    rate_limit = RateLimit(seconds_between=1.0, at_once=1)
    expected_rows = ExpectedRows(at_least=1_000, at_most=50_000)
    min_poll_interval = timedelta(days=6)
    reporting_delay = "The inventory does not cover the Department of War and the intelligence agencies."
    assumptions = (
        Assumption(
            name="inventory-2024",
            says="The inventory of 2024 is at its address, with the columns that are known.",
            otherwise="The step of that file fails by itself. Use cases that are stored stay.",
            basis=f"github.com/{CONSOLIDATED.repository}, {CONSOLIDATED.path}",
            probe=lambda client: _holds(client, CONSOLIDATED),
        ),
        Assumption(
            name="commercial-2025",
            says="The commercial products of 2025 are at their address, with the columns that are known.",
            otherwise="The step of that file fails by itself. Use cases that are stored stay.",
            basis=f"github.com/{COMMERCIAL.repository}, {COMMERCIAL.path}",
            probe=lambda client: _holds(client, COMMERCIAL),
        ),
        Assumption(
            name="newest-year",
            says=f"There is no inventory of {YEAR + 1} yet.",
            otherwise="Newer use cases are not read until this program knows the columns of their file.",
            basis="Each year is a repository of its own.",
            probe=_is_newest,
        ),
    )

    def health_check(self, client: Client) -> bool:
        """Whether the newest file of individually reported use cases can be read and is not empty."""
        document = client.get(INDIVIDUAL.address, accept=TABLE)
        return any(isinstance(record, Publication) for record in read_inventory(document, self.name))

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a step for each file. The days make no difference: a file holds a whole year."""
        return self.backfill_steps(terms, window.signed_since, window.until)

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan the same steps as a poll: there is no other history."""
        if since > until or not (terms.names or terms.phrases):
            return []
        part = "inventory files"
        return [FetchStep(key=f"{file.year}/{file.name}", query={"file": file.address}, part=part) for file in FILES]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Read one file: a payload if any row is new or changed, else `NotModified` for each row."""
        document = client.get(str(step.query["file"]), accept=TABLE)
        records = read_inventory(document, self.name)
        if all(
            isinstance(record, Problem) or _is_held(record, stored.stored_version(record.key)) for record in records
        ):
            yield from (record if isinstance(record, Problem) else NotModified(key=record.key) for record in records)
        else:
            key = f"AI_USE_CASE_{step.key.replace('/', '_').upper()}"
            yield Payload(source=self.name, key=key, revision=document.sha256[:16], documents=(document,))

    def parse(self, payload: Payload) -> list[Record]:
        """Read a file into its use cases, and problems for rows that cannot be read. Pure."""
        records: list[Record] = []
        for document in payload.documents:
            try:
                records += read_inventory(document, self.name)
            except SourceChanged as error:
                records.append(Problem(source=self.name, key=payload.key, reason=str(error), documents=(document,)))
        return records


def _is_held(record: Publication, known: StoredVersion | None) -> bool:
    return known is not None and known.revision == record.revision
