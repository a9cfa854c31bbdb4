"""A server that stands in for raw.githubusercontent.com with the files of the federal AI use-case inventory.

It serves published rows as they are (tests/data/ai_inventory). raw.githubusercontent.com serves a CSV as text/plain and
answers "404: Not Found" for a path that is not there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from tests.upstreams.faults import Faulty
from tests.upstreams.server import Answer, FakeServer, LoggedRequest

FOLDER = "/ombegov/2025-Federal-Agency-AI-Use-Case-Inventory/main/Data/"
INDIVIDUAL = FOLDER + "2025_individually_reported_AI_use_cases.csv"
COMMERCIAL = FOLDER + "2025_consolidated_COTS_AI_use_cases.csv"
CONSOLIDATED = "/ombegov/2024-Federal-AI-Use-Case-Inventory/main/data/2024_consolidated_ai_inventory_raw_v2.csv"
NEXT_YEAR = "/ombegov/2026-Federal-Agency-AI-Use-Case-Inventory/main/README.md"
DATA = Path(__file__).parents[1] / "data" / "ai_inventory"
PLAIN = "text/plain; charset=utf-8"
Row = Mapping[str, str]


def _published(name: str) -> list[Row]:
    text = (DATA / f"{name}.csv").read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


USE_CASES = {row["id"]: row for row in _published("2025_individual")}
PRODUCTS = _published("2025_commercial")
TOWER, RETIRED, COPILOT = USE_CASES["DHS-35"], USE_CASES["VA-25-856"], PRODUCTS[0]


def table(*rows: Row) -> bytes:
    """Rows as the inventory writes them: UTF-8 with a byte order mark, quoted where needed, a line end after each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


class FakeAiInventory(FakeServer):
    """raw.githubusercontent.com with the three files; `files` holds what is served, by path.

    `wrong` names an assumption of the adapter's that does not hold.
    """

    def __init__(self, *, wrong: str = "", port: int = 0) -> None:
        self.files = {
            CONSOLIDATED: (DATA / "2024.csv").read_bytes(),
            INDIVIDUAL: (DATA / "2025_individual.csv").read_bytes(),
            COMMERCIAL: (DATA / "2025_commercial.csv").read_bytes(),
        }
        if wrong == "newest-year":
            self.files[NEXT_YEAR] = b"# 2026\n"
        elif wrong == "inventory-2024":
            del self.files[CONSOLIDATED]
        elif wrong == "commercial-2025":
            self.files[COMMERCIAL] = self.files[COMMERCIAL].replace(b"Agency Use (Y/N)?", b"In use")
        super().__init__(port=port)

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the file of that path."""
        if request.method not in ("GET", "HEAD"):
            return Answer(status=405, body=b"405: Method Not Allowed", content_type=PLAIN)
        body = self.files.get(request.path.partition("?")[0])
        if body is None:
            return Answer(status=404, body=b"404: Not Found", content_type=PLAIN)
        return Answer(body=body, content_type=PLAIN, headers={"Cache-Control": "max-age=300"})


class FaultyAiInventory(Faulty, FakeAiInventory):
    """The same, failing."""

    renaming = (b"vendor_name", b"supplier_name")
