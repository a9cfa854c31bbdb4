"""Checks of one source: its last poll, its API key, its control query and the assumptions of its adapter."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from feeds.text import format_time, one_line, pluralize
from monitors.runs.stored_state import NOTE
from procurewatch.context import AppContext
from procurewatch.doctor.findings import Finding, Result, sentence
from procurewatch.settings import SettingsError
from sources.base import Assumption, Source
from sources.errors import Blocked, QuotaUsedUp, SourceError
from sources.http.client import Client
from storage.models import GOOD_STATUSES
from storage.reading.source_health import load_health
from storage.writing.runs import load_checkpoints, save_checkpoint

HOLDS, DOES_NOT = "holds", "does not hold"
NOTES = f"{NOTE}assumption/"
PROBED_AT = "/probed"  # suffix of the entry with the time of the probe
RESERVED_QUOTA = 0.7  # share of a day's requests that is left for polls unless the user names the source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChecks:
    """Checks one source. `named` is true if the user named it, so that its quota may be used."""

    app_context: AppContext
    source: Source
    named: bool

    def online(self) -> Iterator[Finding]:
        """Check the source with requests, and store whether each assumption holds."""
        yield from self._last_poll()
        try:
            client = self.app_context.client(self.source)
        except SettingsError as error:
            yield self._finding("key", Result.PROBLEM, sentence(str(error)), self._key_advice)
            return
        with client:
            if why := self._quota_reserved():
                yield self._finding("control query", Result.SKIPPED, why, self._how_to_force)
                yield from self._stored()
            elif (yield from self._control(client)):
                yield from self._assumptions(client)

    def offline(self) -> Iterator[Finding]:
        """Report what is stored about the source."""
        yield from self._last_poll()
        yield from self._stored()

    def _finding(
        self, check: str, result: Result, message: str, action: str = "", *, holds: bool | None = None
    ) -> Finding:
        return Finding(self.source.title, check, result, message, action, (self.source.name,), holds)

    def _last_poll(self) -> Iterator[Finding]:
        with self.app_context.database.reading() as session:
            health = load_health(session, self.source.name)
        if health.last_run is None:
            return
        good = health.last_status in GOOD_STATUSES
        reason = f": {one_line(health.last_message)}" if health.last_message else ""
        message = sentence(f"{format_time(health.last_run)}, {health.last_status or 'stopped'}{reason}")
        yield self._finding("last poll", Result.OK if good else Result.WARNING, message)

    def _quota_reserved(self) -> str:
        """Return why the source's quota is reserved for polls, or "" if it may be used."""
        quota = self.app_context.quota(self.source)
        if quota is None or self.named:
            return ""
        left = quota.remaining()
        if left > quota.requests_per_day * RESERVED_QUOTA:
            return ""
        return f"Not checked: {left} of {quota.requests_per_day} requests are left today, and polls need them."

    @property
    def _how_to_force(self) -> str:
        cost = 1 + len(self.source.assumptions)
        return f"`procurewatch doctor --source {self.source.name}` checks it with about {pluralize(cost, 'request')}."

    @property
    def _key_advice(self) -> str:
        return f"Check the setting sources.{self.source.name}.key; keys expire."

    def _control(self, client: Client) -> Generator[Finding, None, bool]:
        """Run the control query; return whether the assumptions can be probed."""
        check = "control query"
        try:
            there = self.source.health_check(client)
        except QuotaUsedUp as error:
            yield self._finding(check, Result.WARNING, sentence(f"Not run: {_reason(error)}"))
            yield from self._stored()
            return False
        except Blocked as error:
            keyed = self.source.api_key_header is not None
            message = sentence(f"{'Rejected' if keyed else 'Blocked'}: {_reason(error)}")
            action = self._key_advice if keyed else "Wait a day. If it is still blocked, try another network."
            yield self._finding("key" if keyed else check, Result.PROBLEM, message, action)
            return False
        except SourceError as error:
            message, action = (
                sentence(f"Failed: {_reason(error)}"),
                "Try again later. If it still fails, please report it.",
            )
            yield self._finding(check, Result.PROBLEM, message, action)
            return False
        if self.source.api_key_header:
            way = "in the address, because the header is not read" if client.key_in_url else "in the header"
            yield self._finding("key", Result.OK, f"Accepted, {way}.")
        if there:
            yield self._finding(check, Result.OK, "Found the expected records.")
        else:
            action = "The source has changed: update Procurewatch, or please report it."
            yield self._finding(check, Result.PROBLEM, "Answered without the expected records.", action)
        return True

    def _assumptions(self, client: Client) -> Iterator[Finding]:
        if self.app_context.quota(self.source) and not self.named:
            yield from self._stored()
            if self.source.assumptions:
                message = (
                    f"{pluralize(len(self.source.assumptions), 'assumption')} not probed, to leave requests for polls."
                )
                yield self._finding("assumptions", Result.SKIPPED, message, self._how_to_force)
            return
        for assumption in self.source.assumptions:
            yield self._probed(assumption, client)

    def _probed(self, assumption: Assumption, client: Client) -> Finding:
        """Probe an assumption and store the result."""
        try:
            holds = assumption.probe(client)
        except SourceError as error:
            return self._finding(assumption.name, Result.WARNING, sentence(f"Could not be probed: {_reason(error)}"))
        except Exception as error:  # noqa: BLE001  an unexpected response: the other probes still run
            message = sentence(f"Could not be probed: {type(error).__name__}: {error}")
            return self._finding(assumption.name, Result.WARNING, message, "Please report it.")
        now = datetime.now(UTC)
        entries = {assumption.name: HOLDS if holds else DOES_NOT, assumption.name + PROBED_AT: now.isoformat()}
        with self.app_context.database.writing() as session:
            for name, value in entries.items():
                save_checkpoint(session, self.source.name, NOTES + name, value, now)
        return self._result(assumption, holds=holds)

    def _stored(self) -> Iterator[Finding]:
        """Report the stored results of earlier probes."""
        with self.app_context.database.reading() as session:
            stored = load_checkpoints(session, self.source.name, NOTES)
        for assumption in self.source.assumptions:
            if found := stored.get(NOTES + assumption.name):
                probed = stored.get(NOTES + assumption.name + PROBED_AT)
                when = f" ({format_time(datetime.fromisoformat(probed))})" if probed else ""
                yield self._result(assumption, holds=found == HOLDS, when=when)

    def _result(self, assumption: Assumption, *, holds: bool, when: str = "") -> Finding:
        message = f"{HOLDS if holds else DOES_NOT}{when}: {assumption.says}"
        result = Result.OK if holds else Result.WARNING
        action = "" if holds else sentence(assumption.otherwise)
        return self._finding(assumption.name, result, sentence(message), action, holds=holds)


def _reason(error: SourceError) -> str:
    """Return the response, and when the source accepts requests again."""
    until = f"; try again after {format_time(error.retry_at)}" if error.retry_at else ""
    return f"{error.request}: {error.came_back}{until}"
