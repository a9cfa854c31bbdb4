"""A server that stands in for raw.githubusercontent.com with the files of the federal AI use-case inventory.

The file of 2024 holds published rows as they are (tests/data/ai_inventory). The records of 2025 are rows of
github.com/ombegov/2025-Federal-Agency-AI-Use-Case-Inventory (public domain), read in the copies that the public index
of GitHub holds of `Data/2025_individually_reported_AI_use_cases.csv` and of
`Data/2025_consolidated_COTS_AI_use_cases.csv` (commit 3c225ba); long narratives are shortened with "...".
raw.githubusercontent.com serves a CSV as text/plain and answers "404: Not Found" for a path that is not there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
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
INDIVIDUAL_HEADER = [
    "agency",
    "agency_name",
    "id",
    "use_case_name",
    "agency_bureau",
    "contact_email",
    "is_withheld",
    "development_stage",
    "is_high_impact",
    "HI_justification",
    "topic_area",
    "classification",
    "problem_solved",
    "benefits",
    "system_outputs",
    "operational_date",
    "contracting_usage",
    "vendor_name",
    "have_ato",
    "system_name_ato",
    "data_description",
    "link_to_data",
    "has_pii",
    "pia_url",
    "demographic_features",
    "has_custom_code",
    "code_url",
    "hi_testing_conducted",
    "hi_assessment_completed",
    "hi_potential_impacts",
    "hi_independent_review",
    "hi_ongoing_monitoring",
    "hi_training_established",
    "hi_failsafe_presence",
    "hi_appeal_process",
    "hi_public_consultation",
]
COMMERCIAL_HEADER = [
    "Agency",
    "AI Use Case",
    "Agency Use (Y/N)?",
    "Name of Commercial Product or Service Used",
    "Estimated # of Licenses/Users",
]
Row = Mapping[str, str]

PASSPORT_MODEL = {
    "agency": "DHS",
    "agency_name": "Department of Homeland Security",
    "id": "DHS-81",
    "use_case_name": "Passport Anomaly Model",
    "agency_bureau": "CBP",
    "contact_email": "ai@hq.dhs.gov",
    "development_stage": "Deployed",
    "is_high_impact": "Presumed High-Impact, but Not High-impact",
    "HI_justification": "The AI outputs do not serve as a principal basis for a decision ...\nThe AI output is an ...",
    "topic_area": "Law Enforcement",
    "classification": "Classical ML",
    "problem_solved": "The Passport Anomaly Model addresses challenges ...",
    "benefits": "The model assists CBP personnel in passenger targeting and vetting ...",
    "system_outputs": "The model\u2019s outputs are integrated into the Advanced Targeting System (ATS) ...",
    "operational_date": "2017-07-01 00:00:00",
    "contracting_usage": "In-house Development",
    "vendor_name": "ManTech",
    "have_ato": "Yes",
    "system_name_ato": "Automated Targeting System (ATS)",
    "data_description": "This model leverages data provided by air carriers ...",
    "has_pii": "Yes",
    "pia_url": "https://www.dhs.gov/sites/default/files/publications/privacy_pia_cbp_tsacop_09162014.pdf",
    "demographic_features": "['c) Age']",
    "has_custom_code": "Yes",
    "hi_public_consultation": "[]",
}
TOWER = {
    "agency": "DHS",
    "agency_name": "Department of Homeland Security",
    "id": "DHS-35",
    "use_case_name": "Autonomous Surveillance Tower",
    "agency_bureau": "CBP",
    "contact_email": "ai@hq.dhs.gov",
    "development_stage": "Deployed",
    "is_high_impact": "Presumed High-Impact, but Not High-impact",
    "topic_area": "Law Enforcement",
    "classification": "Classical ML",
    "problem_solved": "CBP's limited manpower constrains its ability to manually monitor all areas of the border ...",
    "operational_date": "2020-01-01 00:00:00",
    "contracting_usage": "Vendor Purchased",
    "vendor_name": "Anduril",
    "have_ato": "Yes",
    "system_name_ato": "Autonomous Surveillance Towers",
    "has_pii": "No",
    "pia_url": (
        "https://cbpgov.sharepoint.com/:b:/r/sites/AutonomousSurveillanceTowerASTProgram/Shared%20Documents/General/"
        "Tech,%20Cyber,%20Eng%20docs/Disposition%20PTA,%20PRIV%20Final.pdf?csf=1&web=1&e=Q9OWDC"
    ),
    "demographic_features": "[]",
    "has_custom_code": "Yes",
    "hi_public_consultation": "[]",
}
TRANSLATION = {
    "agency": "DOJ",
    "agency_name": "Department of Justice",
    "id": "DOJ-0295",
    "use_case_name": "FOIA Production Tools",
    "agency_bureau": "Department of Justice / Department wide",
    "contact_email": "AI@usdoj.gov",
    "is_withheld": "No",
    "development_stage": "Deployed",
    "is_high_impact": "Not High-impact",
    "topic_area": "Admin Functions",
    "classification": "Classical ML",
    "benefits": "The AI capabilities enable more accurate and efficient organization and retrieval ...",
    "operational_date": "01/2025",
    "contracting_usage": "Vendor Purchased",
    "vendor_name": "FOIA Xpress, Forum One, Adobe, and Polydelta",
    "have_ato": "No",
    "system_name_ato": "Redacted for cybersecurity purposes.",
    "has_pii": "Yes",
    "demographic_features": "['k) None of the above']",
    "has_custom_code": "No",
    "hi_public_consultation": "[]",
}
RETIRED = {
    "agency": "VA",
    "agency_name": "Department of Veterans Affairs",
    "id": "VA-25-856",
    "use_case_name": "AI-Enhanced Call Center",
    "agency_bureau": "VHA: Veterans Health Administration",
    "development_stage": "Retired",
    "is_high_impact": "Not High-impact",
    "demographic_features": "[]",
    "hi_public_consultation": "[]",
}
RECORDED = (PASSPORT_MODEL, TOWER, TRANSLATION, RETIRED)
COPILOT = {
    "Agency": "Department of Commerce",
    "AI Use Case": "Summarizing the key points of a lengthy report using AI.",
    "Agency Use (Y/N)?": "Y",
    "Name of Commercial Product or Service Used": "Palantir",
    "Estimated # of Licenses/Users": "1-100",
}
NOT_IN_USE = {
    "Agency": "Department of Commerce",
    "AI Use Case": "Planning travel routes using AI-driven map applications.",
    "Agency Use (Y/N)?": "N",
}
RECORDED_COMMERCIAL = (COPILOT, NOT_IN_USE)


def table(header: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Rows as the inventory writes them: UTF-8 with a byte order mark, quoted where needed, a line end after each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


class FakeAiInventory(FakeServer):
    """raw.githubusercontent.com with the three files; `files` holds what is served, by path.

    `wrong` names an assumption of the adapter's that does not hold.
    """

    def __init__(
        self,
        rows: Sequence[Row] = RECORDED,
        commercial: Sequence[Row] = RECORDED_COMMERCIAL,
        *,
        wrong: str = "",
        port: int = 0,
    ) -> None:
        self.files = {
            CONSOLIDATED: (DATA / "2024.csv").read_bytes(),
            INDIVIDUAL: table(INDIVIDUAL_HEADER, rows),
            COMMERCIAL: table(COMMERCIAL_HEADER, commercial),
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
