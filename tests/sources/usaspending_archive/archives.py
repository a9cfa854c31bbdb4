"""Award archives as USAspending publishes them: all columns, zipped CSV files."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sources.records import Document, Payload, Record
from sources.usaspending_archive.rows import parse
from sources.usaspending_archive.scan import AwardRows, MemberScan

HEADERS = {
    file.stem.removesuffix("_full"): tuple(file.read_text("utf-8").strip().split(","))
    for file in (Path(__file__).parents[2] / "data" / "usaspending_archive").glob("*.csv")
}
READ_AT = datetime(2026, 11, 18, tzinfo=UTC)
KEY = "CONT_AWD_70CMSD21P00000001_7012_-NONE-_-NONE-"


def contract(piid: str = "70CMSD21P00000001", modification: str = "0", **values: str) -> dict[str, str]:
    """Return a row of a contracts archive: a purchase order of ICE."""
    return {
        "contract_transaction_unique_key": f"7012_-NONE-_{piid}_{modification}_-NONE-_0",
        "contract_award_unique_key": f"CONT_AWD_{piid}_7012_-NONE-_-NONE-",
        "award_id_piid": piid,
        "modification_number": modification,
        "transaction_number": "0",
        "federal_action_obligation": "1000.00",
        "total_dollars_obligated": "1000.00",
        "action_date": "2021-09-13",
        "awarding_agency_code": "070",
        "awarding_agency_name": "Department of Homeland Security",
        "recipient_name": "ACME PAPER INC",
        "award_type": "PURCHASE ORDER",
        "transaction_description": "PAPER",
        "prime_award_base_transaction_description": "PAPER",
        "last_modified_date": "2021-09-14 16:42:25+00",
        **values,
    }


def grant(fain: str = "G-1", modification: str = "0", **values: str) -> dict[str, str]:
    """Return a row of an assistance archive: a grant of the Department of Justice."""
    return {
        "assistance_transaction_unique_key": f"1550_{fain}_-NONE-_16.738_{modification}",
        "assistance_award_unique_key": f"ASST_NON_{fain}_015",
        "award_id_fain": fain,
        "modification_number": modification,
        "action_date": "2021-09-13",
        "recipient_name": "CITY OF SPRINGFIELD",
        "transaction_description": "PAPER",
        **values,
    }


def csv_bytes(header: Sequence[str], rows: Iterable[Mapping[str, str]], end: str = "\n") -> bytes:
    """Return a CSV file with these columns."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, lineterminator=end, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def contracts_csv(*rows: Mapping[str, str]) -> bytes:
    """Return a CSV file of contracts."""
    return csv_bytes(HEADERS["contracts"], rows)


def write_zip(file: Path, members: Mapping[str, bytes]) -> str:
    """Write an archive; return its path."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(file)


def payload_of(scan: MemberScan, award: AwardRows) -> Payload:
    """Return the payload that the rows of an award make."""
    header, rows = (
        Document(url="file:x.zip", request="", retrieved_at=READ_AT, content_type="text/csv", body=body)
        for body in (scan.header, b"\n".join(award.rows))
    )
    return Payload(source="archive", key=award.key, revision="", documents=(header, rows))


def records_of(scan: MemberScan) -> list[Record]:
    """Return all records of the rows that a scan found."""
    return [record for award in scan.awards for record in parse(payload_of(scan, award))]
