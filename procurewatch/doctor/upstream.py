"""One source: its last poll, its key, its control query, and each assumption that its adapter makes."""

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
from storage.reading.source_health import health_of
from storage.writing.runs import checkpoints, note_checkpoint

HOLDS, DOES_NOT = "holds", "does not hold"
NOTES = f"{NOTE}assumption/"
PROBED = "/probed"  # after an assumption's name: when it was probed
KEPT_FREE = 0.7  # of a day's requests: unless a source is named, it is asked only while more than that is left


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChecks:
    """Checks one source. `named`: the user named it, so that its quota may be spent on it."""

    app_context: AppContext
    source: Source
    named: bool

    def asked(self) -> Iterator[Finding]:
        """Ask the source. Whether each assumption holds is stored."""
        yield from self._last_poll()
        try:
            client = self.app_context.client(self.source)
        except SettingsError as error:
            yield self._finding("key", Result.PROBLEM, sentence(str(error)), self._check_the_key)
            return
        with client:
            if why := self._too_dear():
                yield self._finding("control query", Result.SKIPPED, why, self._name_it)
                yield from self._stored()
            elif (yield from self._control(client)):
                yield from self._assumptions(client)

    def not_asked(self) -> Iterator[Finding]:
        """Report what is known of the source without asking it."""
        yield from self._last_poll()
        yield from self._stored()

    def _finding(self, check: str, result: Result, says: str, do: str = "", *, holds: bool | None = None) -> Finding:
        return Finding(
            section=self.source.title,
            check=check,
            result=result,
            says=says,
            do=do,
            sources=(self.source.name,),
            holds=holds,
        )

    def _last_poll(self) -> Iterator[Finding]:
        with self.app_context.database.reading() as session:
            health = health_of(session, self.source.name)
        if health.last_run is None:
            return
        good = health.last_verdict in GOOD_STATUSES
        said = f": {one_line(health.last_message)}" if health.last_message else ""
        says = sentence(f"{format_time(health.last_run)}, {health.last_verdict or 'stopped'}{said}")
        yield self._finding("last poll", Result.OK if good else Result.WARNING, says)

    def _too_dear(self) -> str:
        """Return why the source's quota is not spent on it, "" if it is."""
        quota = self.app_context.quota(self.source)
        if quota is None or self.named:
            return ""
        left = quota.remaining()
        if left > quota.requests_per_day * KEPT_FREE:
            return ""
        return f"Not asked: {left} of {quota.requests_per_day} requests are left today, and polls need them."

    @property
    def _name_it(self) -> str:
        cost = 1 + len(self.source.assumptions)
        return f"`procurewatch doctor --source {self.source.name}` asks; it costs about {pluralize(cost, 'request')}."

    @property
    def _check_the_key(self) -> str:
        return f"Check the setting sources.{self.source.name}.key; keys expire."

    def _control(self, client: Client) -> Generator[Finding, None, bool]:
        """Ask for what always exists; return whether it is worth asking more."""
        check, what = "control query", "what always exists"
        try:
            there = self.source.health_check(client)
        except QuotaUsedUp as error:
            yield self._finding(check, Result.WARNING, sentence(f"Not answered: {_reason(error)}"))
            yield from self._stored()
            return False
        except Blocked as error:
            keyed = self.source.api_key_header is not None
            says = sentence(f"{'Refused' if keyed else 'The source refuses to answer'}: {_reason(error)}")
            do = self._check_the_key if keyed else "Wait a day. If it is still refused, try another network."
            yield self._finding("key" if keyed else check, Result.PROBLEM, says, do)
            return False
        except SourceError as error:
            says, do = sentence(f"Failed: {_reason(error)}"), "Try again later. If it still fails, please report it."
            yield self._finding(check, Result.PROBLEM, says, do)
            return False
        if self.source.api_key_header:
            way = "in the address, because the header is not read" if client.key_in_address else "in the header"
            yield self._finding("key", Result.OK, f"Accepted, {way}.")
        if there:
            yield self._finding(check, Result.OK, f"Answered, and found {what}.")
        else:
            do = "The source has changed: update Procurewatch, or please report it."
            yield self._finding(check, Result.PROBLEM, f"Answered, but did not find {what}.", do)
        return True

    def _assumptions(self, client: Client) -> Iterator[Finding]:
        if self.app_context.quota(self.source) and not self.named:
            yield from self._stored()
            if self.source.assumptions:
                says = (
                    f"{pluralize(len(self.source.assumptions), 'assumption')} not probed, to keep requests for polls."
                )
                yield self._finding("assumptions", Result.SKIPPED, says, self._name_it)
            return
        for assumption in self.source.assumptions:
            yield self._probed(assumption, client)

    def _probed(self, assumption: Assumption, client: Client) -> Finding:
        """Probe an assumption, and store the result."""
        try:
            holds = assumption.probe(client)
        except SourceError as error:
            says = sentence(f"Could not be probed: {_reason(error)}")
            return self._finding(assumption.name, Result.WARNING, says)
        except Exception as error:  # noqa: BLE001  an answer that the probe did not foresee: the other probes still run
            says = sentence(f"Could not be probed: {type(error).__name__}: {error}")
            return self._finding(assumption.name, Result.WARNING, says, "Please report it.")
        now = datetime.now(UTC)
        noted = {assumption.name: HOLDS if holds else DOES_NOT, assumption.name + PROBED: now.isoformat()}
        with self.app_context.database.writing() as session:
            for name, value in noted.items():
                note_checkpoint(session, self.source.name, NOTES + name, value, now)
        return self._answered(assumption, holds=holds)

    def _stored(self) -> Iterator[Finding]:
        """Report the stored results of earlier probes."""
        with self.app_context.database.reading() as session:
            noted = checkpoints(session, self.source.name, NOTES)
        for assumption in self.source.assumptions:
            if found := noted.get(NOTES + assumption.name):
                probed = noted.get(NOTES + assumption.name + PROBED)
                when = f" ({format_time(datetime.fromisoformat(probed))})" if probed else ""
                yield self._answered(assumption, holds=found == HOLDS, when=when)

    def _answered(self, assumption: Assumption, *, holds: bool, when: str = "") -> Finding:
        said = f"{HOLDS if holds else DOES_NOT}{when}: {assumption.says}"
        result = Result.OK if holds else Result.WARNING
        do = "" if holds else sentence(assumption.otherwise)
        return self._finding(assumption.name, result, sentence(said), do, holds=holds)


def _reason(error: SourceError) -> str:
    """Return what came back, and when the source may be asked again."""
    until = f"; it may be asked again at {format_time(error.retry_at)}" if error.retry_at else ""
    return f"{error.request}: {error.came_back}{until}"
