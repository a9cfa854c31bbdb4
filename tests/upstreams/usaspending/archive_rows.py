"""USAspending's award archives as files: zips of CSV members, with the awards that the fake USAspending serves.

Facts: columns, tests/data/usaspending_archive; names of files and members, and the split into members, each with the
header, usaspending_api/download/management/commands/populate_monthly_files.py and common/etl/spark.py of the published
code. What an award does not say is blank, as a null is in the real files.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Literal

from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward

HEADERS = Path(__file__).parents[2] / "data" / "usaspending_archive"
PERMALINK = "https://www.usaspending.gov/award/{}/"
Kind = Literal["Contracts", "Assistance"]
Row = dict[str, str]


def columns(kind: Kind = "Contracts", *, delta: bool = False) -> list[str]:
    """Return the columns of an archive, in their order."""
    header = HEADERS / f"{kind.lower()}_{'delta' if delta else 'full'}.csv"
    return header.read_text(encoding="utf-8").strip().split(",")


def file_stem(fiscal_year: int | None, agency: str, kind: Kind, published: date) -> str:
    """Return the name of an archive without its suffix; that of a delta if no fiscal year is given."""
    year, form = (f"FY{fiscal_year}", "Full") if fiscal_year else ("FY(All)", "Delta")
    return f"{year}_{agency}_{kind}_{form}_{published:%Y%m%d}"


def write_archive(file: Path, columns: Sequence[str], rows: Iterable[Row], rows_per_member: int = 1_000_000) -> int:
    """Write rows as a zip of CSV members, each with the header; without rows there is one member. Return their number.

    The members are called as the file, with _1.csv, _2.csv ... at the end.
    """
    left = iter(rows)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        count = 0
        while (part := list(islice(left, rows_per_member))) or not count:
            count += 1
            archive.writestr(f"{file.stem}_{count}.csv", _member(columns, part))
    return count


def _member(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def archive_rows(awards: Iterable[CorpusAward]) -> Iterator[Row]:
    """Yield one row per action of each award."""
    for award in awards:
        for action in award.actions:
            yield archive_row(award, action)


def archive_row(award: CorpusAward, action: CorpusAction) -> Row:
    """Return one action of an award as a row: column -> text. Columns that are not there are blank.

    A row of assistance has the columns of assistance.
    """
    is_assistance = award.group not in {"contracts", "idvs"}
    special = _assistance(award, action) if is_assistance else _contract(award, action)
    common = {
        "modification_number": action.modification,
        "federal_action_obligation": _money(action.obligation),
        "action_date": action.action_date.isoformat(),
        "action_date_fiscal_year": str(fiscal_year(action.action_date)),
        "period_of_performance_start_date": _day(award.starts),
        "period_of_performance_current_end_date": _day(award.ends),
        **_agency(award, "awarding"),
        **_agency(award, "funding"),
        "recipient_uei": award.recipient_uei or "",
        "recipient_name": award.recipient_name or "",
        "recipient_name_raw": award.recipient_name or "",
        "recipient_parent_uei": award.recipient_parent_uei or "",
        "recipient_parent_name": award.recipient_parent_name or "",
        "recipient_parent_name_raw": award.recipient_parent_name or "",
        "recipient_state_code": award.recipient_state or "",
        "primary_place_of_performance_city_name": award.place_city or "",
        "transaction_description": action.description or "",
        "prime_award_base_transaction_description": award.shown_description or "",
        "action_type_code": action.action_type or "",
        "usaspending_permalink": PERMALINK.format(award.key),
        "last_modified_date": _day(award.modified_on(action)),
    }
    return common | special


def _contract(award: CorpusAward, action: CorpusAction) -> Row:
    is_idv = award.category == "idv"
    kind, text = award.type or "", award.type_description or ""
    return {
        "contract_transaction_unique_key": award.action_key(action),
        "contract_award_unique_key": award.key,
        "award_id_piid": award.piid,
        "transaction_number": action.transaction_number,
        "parent_award_agency_id": award.parent_agency or "",
        "parent_award_id_piid": award.parent_piid or "",
        "total_dollars_obligated": _money(award.total),
        "current_total_value_of_award": _money(award.exercised),
        "potential_total_value_of_award": _money(award.ceiling),
        "period_of_performance_potential_end_date": f"{award.may_end:%Y-%m-%d} 00:00:00" if award.may_end else "",
        "award_or_idv_flag": "IDV" if is_idv else "AWARD",
        "idv_type_code" if is_idv else "award_type_code": kind.removeprefix("IDV_"),
        "idv_type" if is_idv else "award_type": text,
        "primary_place_of_performance_state_code": award.place_state or "",
        "primary_place_of_performance_country_code": award.place_country or "",
        "action_type": action.action_type_description or "",
        "solicitation_identifier": award.solicitation or "",
        "product_or_service_code": award.psc_code or "",
        "product_or_service_code_description": award.psc_description or "",
        "naics_code": award.naics_code or "",
        "naics_description": award.naics_description or "",
        "extent_competed_code": award.extent_competed or "",
        "extent_competed": award.extent_competed_description or "",
        "number_of_actions": "1",
        "women_owned_small_business": "f",
    }


def _assistance(award: CorpusAward, action: CorpusAction) -> Row:
    is_aggregate = award.key.startswith("ASST_AGG")
    number, title = award.listings[0] if award.listings else ("", "")
    return {
        "assistance_transaction_unique_key": award.action_key(action),
        "assistance_award_unique_key": award.key,
        "award_id_uri" if is_aggregate else "award_id_fain": award.piid,
        "total_obligated_amount": _money(award.total),
        "cfda_number": number,
        "cfda_title": title,
        "assistance_type_code": award.type or "",
        "assistance_type_description": award.type_description or "",
        "action_type_description": action.action_type_description or "",
        "record_type_code": "1" if is_aggregate else "2",
    }


def _agency(award: CorpusAward, role: str) -> Row:
    known = {part: getattr(award, f"{role}_{part}") or "" for part in ("toptier_code", "toptier_name", "sub_code")}
    return {
        f"{role}_agency_code": known["toptier_code"],
        f"{role}_agency_name": known["toptier_name"],
        f"{role}_sub_agency_code": known["sub_code"],
        f"{role}_sub_agency_name": getattr(award, f"{role}_sub_name") or "",
        f"{role}_office_name": getattr(award, f"{role}_office") or "",
    }


def fiscal_year(day: date) -> int:
    """Return the US government's fiscal year of a day: it begins on October 1 of the year before."""
    return day.year + (day.month >= 10)


def _day(value: date | None) -> str:
    return value.isoformat()[:10] if value else ""


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"
