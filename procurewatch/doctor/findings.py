"""A finding of the doctor, and the removal of secrets from it."""

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
SECRET_SUFFIXES = ("KEY", "TOKEN", "PASSWORD")  # of the names of variables that hold secrets


class Result(StrEnum):
    """The result of a check. Only a problem needs an action."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what a check found (`message`) and what to do about it (`action`), in sentences.

    `sources` are the names of the sources it is about. `holds` says whether an assumption of a source holds; it is
    `None` if that is not known or the finding is about something else.
    """

    section: str
    check: str
    result: Result
    message: str
    action: str = ""
    sources: tuple[str, ...] = ()
    holds: bool | None = None

    @property
    def text(self) -> str:
        """The finding as one line."""
        return f"{self.check}: {self.message} {self.action}".rstrip()


def sentence(text: str) -> str:
    """Return a text on one line, with a period at its end."""
    line = one_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."


def catch_errors(section: str, check: str, findings: Iterable[Finding], *sources: str) -> Iterator[Finding]:
    """Yield the findings of a check; an unexpected error becomes a finding, so that the other checks still run."""
    try:
        yield from findings
    except Exception as error:  # noqa: BLE001  whatever it is, the other checks still run
        message = sentence(f"The check itself failed: {type(error).__name__}: {error}")
        yield Finding(section, check, Result.PROBLEM, message, "Please report it, with this output.", sources)


class Redaction:
    """Removes keys, passwords and the path of the home folder from findings."""

    def __init__(self, secrets: Iterable[str], home: Path) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        homes = {str(home), str(home.resolve())} - {home.root}
        self._home = re.compile("|".join(rf"{re.escape(each)}(?![\w-]|\.\w)" for each in sorted(homes, key=len)[::-1]))

    @classmethod
    def of(cls, settings: Settings | None) -> Self:
        """Return the redaction for the environment and, if they can be read, the settings."""
        secrets = [
            value
            for name, value in os.environ.items()
            if name.upper().startswith(PREFIX) and name.upper().endswith(SECRET_SUFFIXES)
        ]
        if settings:
            hidden = [settings.web_token, settings.mail.password, *(each.key for each in settings.sources.values())]
            secrets += [secret.get_secret_value() for secret in hidden if secret]
            secrets.append(_password(settings.database()))
        return cls([form for secret in secrets for form in (secret, secret.strip())], Path.home())

    def __call__(self, finding: Finding) -> Finding:
        """Return the finding without secrets."""
        return replace(finding, message=self._clean(finding.message), action=self._clean(finding.action))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        text = USER_AND_PASSWORD.sub("", one_line(text))
        return self._home.sub("~", text) if self._home.pattern else text


def _password(url: str) -> str:
    """Return the password in a database URL, or the whole URL if it cannot be parsed."""
    try:
        return make_url(url).password or ""
    except (ArgumentError, ValueError):
        return url
