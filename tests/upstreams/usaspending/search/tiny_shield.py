"""USAspending's own validator, TinyShield: which values a request may hold, and how each refusal is worded.

Facts: usaspending_api/common/validator/tinyshield.py and helpers.py. A value of the wrong type or outside a list of
choices is a 400, a value that is missing, too long, too short, too large or too small is a 422. Numbers may come as
text. Text loses the whitespace around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, cast

from tests.upstreams.server import Refusal, refuse

BAD = HTTPStatus.BAD_REQUEST
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
MOST_ITEMS = 5000  # of a list, and of the characters of a text
MISSING: Any = object()
CONTROLS = dict.fromkeys(map(ord, "\t\v\b\f\r\n"))
DAY_FORMAT = "%Y-%m-%d"


class Rule(ABC):
    """What one value must be. `kind` is the name of its type in a refusal."""

    kind: ClassVar[str]
    null: bool = False

    @abstractmethod
    def check(self, key: str, value: Any) -> Any:
        """Return the value as the API goes on to use it. Raises `Refusal`."""

    def wrong_type(self, key: str, value: object, more: str = "") -> Refusal:
        """Return the refusal for a value of another type."""
        return refuse(BAD, f"Invalid value in '{key}'. '{value}' is not a valid type ({self.kind}){more}")


def bounded(key: str, value: object, least: float, most: float) -> None:
    """Refuse a number, or a text or list by its length, that lies outside its bounds."""
    size, unit = (value, "") if isinstance(value, int) else (len(cast("Sized", value)), " items")
    if size > most:
        raise refuse(UNPROCESSABLE, f"Field '{key}' value '{value}' is above max '{most}'{unit}")
    if size < least:
        raise refuse(UNPROCESSABLE, f"Field '{key}' value '{value}' is below min '{least}'{unit}")


@dataclass(frozen=True)
class Text(Rule):
    """A text of `least` to `most` characters."""

    kind = "text"
    least: int = 1
    most: int = MOST_ITEMS
    null: bool = False

    def check(self, key: str, value: Any) -> str:
        """Return the text without control characters and the whitespace around it."""
        if type(value) is not str:
            raise self.wrong_type(key, value)
        bounded(key, value, self.least, self.most)
        return value.translate(CONTROLS).strip()


@dataclass(frozen=True)
class Integer(Rule):
    """A whole number, which may come as text."""

    kind = "integer"
    least: float = float("-inf")
    most: float = float("inf")
    null: bool = False

    def check(self, key: str, value: Any) -> int:
        """Return the number."""
        try:
            number = int(value) if type(value) in {int, str} else None
        except ValueError:
            number = None
        if number is None:
            raise self.wrong_type(key, value)
        bounded(key, number, self.least, self.most)
        return number


class Float(Rule):
    """A number, which may come as text."""

    kind = "float"

    def check(self, key: str, value: Any) -> float:
        """Return the number."""
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.wrong_type(key, value) from None


class Boolean(Rule):
    """True or false, which may come as text or number."""

    kind = "boolean"

    def check(self, key: str, value: Any) -> bool:
        """Return whether it is true."""
        text = str(value).lower()
        if text not in {"1", "t", "true", "0", "f", "false"}:
            raise self.wrong_type(key, value, ". Use true/false")
        return text in {"1", "t", "true"}


@dataclass(frozen=True)
class Choice(Rule):
    """One of several values."""

    kind = "enum"
    values: tuple[str, ...]

    def check(self, key: str, value: Any) -> str:
        """Return the value."""
        if value not in self.values:
            raise refuse(BAD, f"Field '{key}' is outside valid values {list(self.values)}")
        return str(value)


@dataclass(frozen=True)
class Day(Rule):
    """A date, YYYY-MM-DD, not before `earliest`; `too_early` is the refusal's text for one that is."""

    kind = "date"
    earliest: str
    too_early: str

    def check(self, key: str, value: Any) -> str:
        """Return the date as YYYY-MM-DD."""
        try:
            day = datetime.strptime(str(value), DAY_FORMAT).date().isoformat()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            raise self.wrong_type(key, value, f". Expected format: ({DAY_FORMAT})") from None
        if day < self.earliest:
            raise refuse(UNPROCESSABLE, self.too_early)
        return day


@dataclass(frozen=True)
class ListOf(Rule):
    """A list of at least one and at most 5,000 items."""

    kind = "array"
    of: Rule

    def check(self, key: str, value: Any) -> list[Any]:
        """Return the items, each checked."""
        if type(value) is not list:
            raise self.wrong_type(key, value)
        bounded(key, value, 1, MOST_ITEMS)
        return [self.of.check(key, item) for item in value]


@dataclass(frozen=True)
class Object(Rule):
    """An object with no other keys than these. Refusals name the key of the whole object."""

    kind = "object"
    keys: Mapping[str, Rule]
    required: tuple[str, ...] = ()

    def check(self, key: str, value: Any) -> dict[str, Any]:
        """Return the object, each value checked."""
        if type(value) is not dict:
            raise self.wrong_type(key, value)
        if not value:
            raise refuse(BAD, f"'{key}' is empty. Please populate object")
        for name in value:
            if name not in self.keys:
                raise refuse(BAD, f"Unexpected field '{name}' in parameter {key}")
        if not set(self.required) <= set(value):
            raise refuse(UNPROCESSABLE, f"Required object fields: {list(self.keys)}")
        return {name: nullable(rule, key, value[name]) for name, rule in self.keys.items() if name in value}


@dataclass(frozen=True)
class AnyOf(Rule):
    """A value that one of several rules accepts; the first that does is used."""

    kind = "any"
    rules: tuple[Rule, ...]

    def check(self, key: str, value: Any) -> Any:
        """Return the value as the first rule that accepts it gives it."""
        for rule in self.rules:
            try:
                return rule.check(key, value)
            except Refusal:
                continue
        kinds = ", ".join(sorted(rule.kind for rule in self.rules))
        raise refuse(UNPROCESSABLE, f"Invalid value in '{key}'. '{value}' is not a valid type ({kinds})")


def nullable(rule: Rule, key: str, value: Any) -> Any:
    """Check a value, unless it is a null that the rule allows."""
    return None if value is None and rule.null else rule.check(key, value)


@dataclass(frozen=True)
class Field:
    """One value of a request: `key` is where it stands, as "filters|keywords"."""

    key: str
    rule: Rule
    required: bool = False
    default: Any = MISSING

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("|")[2]


def names_of(fields: Iterable[Field]) -> set[str]:
    """Return the names of all fields: what a message about unused filters does not mention."""
    return {field.name for field in fields}


def checked(fields: Sequence[Field], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `fields` take from a request, nested as it is; an empty object counts as missing.

    Raises `Refusal`: a missing value is refused before a wrong one.
    """
    found = [(field, _found(field, body)) for field in fields]
    result: dict[str, Any] = {}
    for field, value in found:
        if value is MISSING:
            continue
        *above, name = field.key.split("|")
        place = result
        for part in above:
            place = place.setdefault(part, {})
        place[name] = nullable(field.rule, field.key, value)
    return result


def _found(field: Field, body: Mapping[str, Any]) -> Any:
    value: Any = body
    for part in field.key.split("|"):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    if value != {}:
        return value
    if field.required:
        raise refuse(UNPROCESSABLE, f"Missing value: '{field.key}' is a required field")
    return field.default
