"""FOIA offices by agency, from `offices.yaml`, which documents the source of every address."""

from __future__ import annotations

import functools
import importlib.resources
import re

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from feeds.text import one_line
from storage.models import StoredRecord

AGENCY_SEARCH = "https://www.foia.gov/agency-search.html"

_WEB = r"^https?://[^\s<>\"]+$"


class FoiaOffice(BaseModel):
    """An agency's FOIA office. Unknown values are empty.

    `codes` and `names` identify the agency in records. `whole`: the office of a whole department. `known` is the year,
    month or day of the source; `verified` if the source is the agency's own page. `muckrock` is MuckRock's agency id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    agency: str = Field(min_length=3)
    whole: bool = False
    codes: tuple[str, ...] = ()
    names: tuple[str, ...] = Field(min_length=1)
    email: str = Field("", pattern=r"^([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.(gov|mil))?$")
    portal: str = Field("", pattern=rf"{_WEB}|^$")
    page: str = Field("", pattern=rf"{_WEB}|^$")
    postal: tuple[str, ...] = ()
    note: str = ""
    muckrock: int | None = Field(None, ge=1)
    source: str = Field(pattern=_WEB)
    known: str = Field(pattern=r"^20\d\d(-[01]\d(-[0-3]\d)?)?$")
    verified: bool

    @property
    def has_address(self) -> bool:
        """Whether any address of the office is known."""
        return bool(self.email or self.portal or self.postal)


@functools.cache
def offices() -> tuple[FoiaOffice, ...]:
    """Return all offices, in the order of the file."""
    content = importlib.resources.files("feeds.foia").joinpath("offices.yaml").read_bytes()
    return TypeAdapter(tuple[FoiaOffice, ...]).validate_python(yaml.safe_load(content))


def office_for(record: StoredRecord) -> FoiaOffice | None:
    """Return the buying agency's office, else its department's, else `None`."""
    tiers = ((record.sub_agency_code, record.sub_agency_name), (record.agency_code, record.agency_name))
    return next(filter(None, (_office(code, name) for code, name in tiers)), None)


def is_own_office(office: FoiaOffice, record: StoredRecord) -> bool:
    """Return whether an office is the buying agency's own, not its department's."""
    return not record.sub_agency_name or _office(record.sub_agency_code, record.sub_agency_name) == office


def _office(code: str, name: str) -> FoiaOffice | None:
    by_code, by_name = _index()
    return by_code.get(code.strip().upper()) or by_name.get(_plain(name))


@functools.cache
def _index() -> tuple[dict[str, FoiaOffice], dict[str, FoiaOffice]]:
    by_code = {code: office for office in offices() for code in office.codes}
    return by_code, {_plain(name): office for office in offices() for name in office.names}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", one_line(name).casefold().replace("&", "and")).strip()
