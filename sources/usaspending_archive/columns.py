"""The columns of USAspending's award archives that are read, by header name: their order and number have changed.

Facts: usaspending_api/download/delta_downloads/transaction_contract_monthly.py and transaction_assistance_monthly.py
(297 and 112 columns); populate_monthly_delta_files.py for the columns that a delta adds.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DELETED = "D"  # in `change`
NONE = "-NONE-"


class NotAnArchive(ValueError):
    """A file is no CSV file of an award archive. The message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns that decide whether a row is wanted. A column may be missing, except the two keys."""

    award_key: str
    action_key: str
    identifier: str
    names: tuple[str, ...] = ("recipient_name", "recipient_parent_name", "recipient_parent_name_raw")
    ueis: tuple[str, ...] = ("recipient_uei", "recipient_parent_uei")
    cage: str = "cage_code"
    texts: tuple[str, ...] = ("transaction_description", "prime_award_base_transaction_description")
    codes: tuple[str, ...] = (
        "product_or_service_code",
        "product_or_service_code_description",
        "naics_code",
        "naics_description",
    )
    solicitation: str = "solicitation_identifier"
    parent_piid: str = "parent_award_id_piid"
    parent_agency: str = "parent_award_agency_id"
    change: str = "correction_delete_ind"

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.keys, *self.names, *self.ueis, *self.texts, *self.codes, self.cage)

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that say of which award a row is, and what that belongs to."""
        return (self.award_key, self.solicitation, self.parent_piid, self.parent_agency, self.change)


CONTRACTS = Columns("contract_award_unique_key", "contract_transaction_unique_key", "award_id_piid")
ASSISTANCE = Columns("assistance_award_unique_key", "assistance_transaction_unique_key", "award_id_fain")


@lru_cache(maxsize=8)  # the rows of each award are read with the header of their file
def read_header(line: bytes) -> tuple[str, ...]:
    """Return the names of the columns. Raises `NotAnArchive` if the line is not readable as a header."""
    text = line.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace").replace("\0", "")
    try:
        names = next(csv.reader([text]), [])
    except csv.Error as error:
        raise NotAnArchive(f"its first line is no header: {error}") from error
    return tuple(name.strip() for name in names)


def columns_of(header: Sequence[str]) -> Columns:
    """Return the columns of a file of contracts or of assistance. Raises `NotAnArchive` if it is neither."""
    for columns in (CONTRACTS, ASSISTANCE):
        if columns.award_key in header and columns.action_key in header:
            return columns
    first = ", ".join(header[:3])[:80]
    raise NotAnArchive(
        f"its header has no {CONTRACTS.award_key} and no {ASSISTANCE.award_key}; it begins with: {first or 'nothing'}"
    )


def deleted_contract_key(row: Mapping[str, str]) -> str:
    """Return the award key of a deleted contract action, which a delta only gives in parts; "" if they are missing.

    Only the actions of an IDV have neither a transaction number nor a parent.
    """
    agency, piid = row.get("agency_id", ""), row.get("award_id_piid", "")
    parent_piid, parent_agency = row.get("parent_award_id_piid", ""), row.get("parent_award_agency_id", "")
    if not agency or not piid:
        return ""
    if parent_piid or parent_agency or row.get("transaction_number"):
        return f"CONT_AWD_{piid}_{agency}_{parent_piid or NONE}_{parent_agency or NONE}".upper()
    return f"CONT_IDV_{piid}_{agency}".upper()
