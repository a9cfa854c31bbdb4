"""What the doctor finds, one line each, safe to show to anybody."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from feeds.text import one_line
from procurewatch.settings import PREFIX, Settings

USER_AND_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
SECRET_VARIABLES = ("KEY", "TOKEN")  # what the name of a variable that holds a secret ends with


class Result(StrEnum):
    """The result of a check. Only a problem needs an action."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report.

    `section` is what was looked at, `check` what about it, `says` what was found and `do` what to do about it, in
    sentences. `sources` are the names of the sources that it concerns. `holds` is the answer to an assumption of a
    source, `None` if it is not known, or if the finding is about something else.
    """

    section: str
    check: str
    result: Result
    says: str
    do: str = ""
    sources: tuple[str, ...] = ()
    holds: bool | None = None

    @property
    def text(self) -> str:
        """The finding as one line."""
        return f"{self.check}: {self.says} {self.do}".rstrip()


def sentence(text: str) -> str:
    """Return a text on one line, with a full stop at its end."""
    line = one_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."


def guarded(section: str, check: str, findings: Iterable[Finding], *sources: str) -> Iterator[Finding]:
    """Give the findings of a check; an unexpected error becomes a finding and does not end the report."""
    try:
        yield from findings
    except Exception as error:  # noqa: BLE001  whatever it is, the other checks still run
        says = sentence(f"The check itself failed: {type(error).__name__}: {error}")
        do = "Please report it, with this output."
        yield Finding(section=section, check=check, result=Result.PROBLEM, says=says, do=do, sources=sources)


class Redaction:
    """Takes keys, passwords and the user's home folder out of findings."""

    def __init__(self, secrets: Iterable[str], home: Path) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        homes = {str(home), str(home.resolve())} - {home.root}
        self._home = re.compile("|".join(rf"{re.escape(each)}(?![\w-]|\.\w)" for each in sorted(homes, key=len)[::-1]))

    @classmethod
    def of(cls, settings: Settings | None) -> Self:
        """Return the redaction for these settings; for the environment alone when they cannot be read."""
        secrets = [
            value
            for name, value in os.environ.items()
            if name.upper().startswith(PREFIX) and name.upper().endswith(SECRET_VARIABLES)
        ]
        if settings:
            held = [settings.web_token, *(each.key for each in settings.sources.values())]
            secrets += [secret.get_secret_value() for secret in held if secret]
            secrets.append(_password(settings.database()))
        return cls([form for secret in secrets for form in (secret, secret.strip())], Path.home())

    def __call__(self, finding: Finding) -> Finding:
        """Return the finding without them."""
        return replace(finding, says=self._clean(finding.says), do=self._clean(finding.do))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        text = USER_AND_PASSWORD.sub("", one_line(text))
        return self._home.sub("~", text) if self._home.pattern else text


def _password(url: str) -> str:
    """Return the password of a database's URL, all of the URL if it cannot be read."""
    try:
        return make_url(url).password or ""
    except (ArgumentError, ValueError):
        return url
