"""The first check of an award search: the request's model, and how USAspending words what does not fit it.

Facts: the pydantic models in usaspending_api/search/v2/views/spending_by_award.py and common/pydantic_base_models/, and
common/helpers/pydantic_error_formatter.py. That formatter fails on many errors itself, so plain mistakes (a date
before 2007-10-01, page 0, an unknown order) are answered with status 500.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from tests.upstreams.server import Refusal, refuse, unhandled
from tests.upstreams.usaspending.search.search_rules import EARLIEST
from tests.upstreams.usaspending.search.tiny_shield import DAY_FORMAT, UNPROCESSABLE

Level = Literal["awards", "subawards"]
Scope = Literal["domestic", "foreign"]


def _day(text: str) -> str:
    datetime.strptime(text, DAY_FORMAT)  # noqa: DTZ007 - a day has no zone
    return text


def _of_length(length: int) -> AfterValidator:
    def check(text: str | None) -> str | None:
        if text is not None and len(text) != length:
            raise ValueError(f"must be {length} characters")
        return text

    return AfterValidator(check)


class _Agency(BaseModel):
    type: Literal["awarding", "funding"]
    tier: Literal["toptier", "subtier"]
    name: str
    toptier_name: str | None = None


class _Amounts(BaseModel):
    lower_bound: int | None = None
    upper_bound: int | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower_bound is not None and self.upper_bound is not None and self.upper_bound < self.lower_bound:
            raise ValueError("the bounds are the wrong way around")
        return self


class _Tree(BaseModel):
    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if getattr(self, "require", None) is None and getattr(self, "exclude", None) is None:
            text = 'At least one of "require" or "exclude" must be provided'
            raise PydanticCustomError("missing_required_field", text, {"expected_type": "array, object"})
        return self


class _Naics(_Tree):
    require: list[str | int] | None = None
    exclude: list[str | int] | None = None


class _Paths(_Tree):
    require: list[list[str]] | None = None
    exclude: list[list[str]] | None = None


class _Location(BaseModel):
    country: Annotated[str, _of_length(3)]
    state: Annotated[str | None, _of_length(2)] = None
    county: Annotated[str | None, _of_length(3)] = None
    city: str | None = None
    district_original: Annotated[str | None, _of_length(2)] = None
    district_current: Annotated[str | None, _of_length(2)] = None
    zip: Annotated[str, Field(pattern=r"^\d{5}$")] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        district = self.district_original or self.district_current
        if (self.county or district) and self.state is None:
            raise ValueError("a county or a district needs a state")
        if district and (self.county or self.country.upper() != "USA"):
            raise ValueError("a district needs the USA and no county")
        if self.district_original and self.district_current:
            raise ValueError("one kind of district at a time")
        return self


class _ProgramActivity(BaseModel):
    name: str | None = None
    code: str | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.name is None and self.code is None:
            raise ValueError("a name or a code must be provided")
        return self


class _Account(BaseModel):
    aid: str
    main: str
    ata: str | None = None
    bpoa: str | None = None
    epoa: str | None = None
    a: str | None = None
    sub: str | None = None


class _AccountPart(BaseModel):
    aid: str | None = None
    main: str | None = None
    ata: str | None = None
    bpoa: str | None = None
    epoa: str | None = None
    a: str | None = None
    sub: str | None = None
    agency: str | None = None
    faaid: str | None = None
    famain: str | None = None


class _Period(BaseModel):
    start_date: Annotated[str, AfterValidator(_day)]
    end_date: Annotated[str, AfterValidator(_day)]
    date_type: Literal["action_date", "date_signed", "last_modified_date", "new_awards_only"] | None = None

    @model_validator(mode="after")
    def _late_enough(self) -> Self:
        if min(self.start_date, self.end_date) < EARLIEST:
            raise ValueError("too early")
        return self


class _Filters(BaseModel):
    agencies: list[_Agency] | None = None
    award_amounts: list[_Amounts] | None = None
    award_ids: list[str] | None = None
    award_type_codes: list[str] | None = None
    award_unique_id: str | None = None
    contract_pricing_type_codes: list[str] | None = None
    def_codes: list[str] | None = None
    description: str | None = None
    extent_competed_type_codes: list[str] | None = None
    keywords: list[str] | None = None
    naics_codes: list[str] | _Naics | None = None
    place_of_performance_locations: list[_Location] | None = None
    place_of_performance_scope: Scope | None = None
    program_activities: list[_ProgramActivity] | None = None
    program_numbers: list[str] | None = None
    psc_codes: _Paths | list[str] | None = None
    recipient_locations: list[_Location] | None = None
    recipient_scope: Scope | None = None
    recipient_search_text: list[str] | None = None
    recipient_type_names: list[str] | None = None
    set_aside_type_codes: list[str] | None = None
    tas_codes: _Paths | list[_AccountPart] | None = None
    time_period: list[_Period] | None = None
    treasury_account_components: list[_Account] | None = None


class AwardRequest(BaseModel):
    """An award search as its model has it; filters and other names that it does not know are dropped."""

    fields: list[str]
    filters: _Filters
    limit: int = 10
    order: Literal["asc", "desc"] = "desc"
    page: Annotated[int, Field(ge=1)] | None = None
    sort: str | None = None
    subawards: bool = False
    last_record_unique_id: int | None = None
    last_record_sort_value: str | None = None
    spending_level: Level | None = None

    @property
    def level(self) -> Level:
        """What is searched: `spending_level`, or without it what the older `subawards` says."""
        return self.spending_level or ("subawards" if self.subawards else "awards")


def read_request(body: Mapping[str, Any]) -> AwardRequest:
    """Return the request as the model reads it. Raises `Refusal` with the words of USAspending's formatter."""
    try:
        return AwardRequest.model_validate(dict(body))
    except ValidationError as error:
        raise _refusal(error.errors()[0]) from None


def _refusal(error: ErrorDetails) -> Refusal:
    """Return the refusal for a model's first error; the 500 where the formatter itself would fail."""
    place = error["loc"]
    if error["msg"] == "Field required":
        return refuse(UNPROCESSABLE, f"Missing value: '{place[0]}' is a required field")
    if not all(isinstance(part, str) for part in place[:2]):
        return unhandled()
    expected = "dictionary"
    if error["type"].endswith("_type"):
        expected = error["type"].strip("_epty")  # upstream strips letters, not the ending: "list_type" becomes "lis"
    elif context := error.get("ctx"):
        if "expected_type" not in context:
            return unhandled()
        expected = context["expected_type"]
    key = "|".join(str(part) for part in place[:2])
    return refuse(UNPROCESSABLE, f"Invalid value in '{key}'. '{error['input']}' is not a valid type ({expected}).")
