"""Judging the rows of an archive, one by one: whether a row is wanted, and to which award it belongs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sources.candidates import Candidates
from sources.usaspending_archive.columns import CONTRACTS, DELETED, columns_of, deleted_contract_key


class RowFilter:
    """Judges the rows of one file. It remembers the distinct names that it has looked up."""

    def __init__(self, candidates: Candidates, header: Sequence[str]) -> None:
        self.columns = columns_of(header)
        self.candidates = candidates
        at = {name: index for index, name in enumerate(header)}
        self._at = {name: at.get(name) for name in self.columns.all}
        self._award, self._change = at[self.columns.award_key], at.get(self.columns.change)
        self._names = [at[name] for name in self.columns.names if name in at]
        self._texts = [at[name] for name in self.columns.texts if name in at]
        self.header = header
        self._known_names: dict[str, bool] = {}
        self._known_codes: dict[tuple[str, ...], bool] = {}
        self._stored: dict[str, list[str]] | None = None

    def judge(self, values: Sequence[str]) -> tuple[str, bool]:
        """Return the award key of a row, and whether the row is wanted."""
        if self._change is not None and values[self._change].strip().upper() == DELETED:
            key = self._deleted_key(dict(zip(self.header, map(str.strip, values), strict=True)))
            return key, key in self.candidates.award_keys
        key = values[self._award].strip().upper()
        return key, (
            key in self.candidates.award_keys
            or any(map(self.is_name, (values[at] for at in self._names)))
            or self._has_code(values)
            or any(map(self.is_text, dict.fromkeys(values[at] for at in self._texts)))
        )

    def is_name(self, name: str) -> bool:
        """Whether somebody with this name may be on the watchlist."""
        found = self._known_names.get(name)
        if found is None:
            found = self._known_names[name] = bool(name.strip()) and self.candidates.may_concern_name(name.strip())
        return found

    def is_text(self, text: str) -> bool:
        """Whether a description may concern somebody on the watchlist."""
        return self.candidates.may_concern_text(text)

    def _has_code(self, values: Sequence[str]) -> bool:
        """Whether a row has an identifier, a number or a product code that is looked for."""
        wanted, columns = self.candidates, self.columns
        return (
            self.fits([self._value(values, name) for name in columns.codes])
            or any(self._value(values, name).upper() in wanted.ueis for name in columns.ueis)
            or self._value(values, columns.cage).upper() in wanted.cages
            or self._value(values, columns.solicitation).upper() in wanted.solicitations
            or self._parent(values) in wanted.parent_keys
        )

    def fits(self, codes: Sequence[str]) -> bool:
        """Whether product and industry codes, and their names, are enough."""
        psc, psc_text, naics, naics_text = key = tuple(code.strip() for code in codes)
        found = self._known_codes.get(key)
        if found is None:
            found = self._known_codes[key] = self.candidates.may_concern_codes(psc, psc_text, naics, naics_text)
        return found

    def _value(self, values: Sequence[str], name: str) -> str:
        at = self._at[name]
        return "" if at is None else values[at].strip()

    def _parent(self, values: Sequence[str]) -> str:
        piid, agency = self._value(values, self.columns.parent_piid), self._value(values, self.columns.parent_agency)
        return f"CONT_IDV_{piid}_{agency}".upper() if piid and agency else ""

    def _deleted_key(self, row: Mapping[str, str]) -> str:
        """Return the award key of a deleted action. A delta does not state it, but its parts.

        The key of assistance has the code of a department, which is missing: the stored award with the number is meant.
        """
        if key := row[self.columns.award_key].upper():
            return key
        if self.columns is CONTRACTS:
            return deleted_contract_key(row)
        if self._stored is None:
            self._stored = defaultdict(list)
            for stored in self.candidates.award_keys:
                self._stored[stored.rpartition("_")[0]].append(stored)
        parts = (f"ASST_NON_{row.get('award_id_fain', '')}", f"ASST_AGG_{row.get('award_id_uri', '')}")
        found = [key for part in parts for key in self._stored.get(part.upper(), ())]
        return found[0] if len(found) == 1 else ""
