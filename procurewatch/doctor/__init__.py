"""Checks of the machine, the settings, the database, the watchlist and each source, for `procurewatch doctor`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from monitors.watchlist.model import Watchlist
from procurewatch.context import AppContext, disabled_reason
from procurewatch.doctor import installation, machine, network
from procurewatch.doctor.findings import Finding, Redaction, Result, catch_errors
from procurewatch.doctor.network import Reply, all_addresses, main_address
from procurewatch.doctor.upstream import SourceChecks
from procurewatch.settings import Settings, SettingsError
from sources.base import Source
from sources.registry import SOURCES
from storage.database import Database

__all__ = ["Finding", "Result", "examine"]

MAX_TRIES = 2  # per request: a person is waiting at the terminal
NOT_CHECKED = "Not checked"


def examine(given: Settings | SettingsError, *, only: Sequence[str] = (), offline: bool = False) -> Iterator[Finding]:
    """Yield all findings in the order of the report, without secrets.

    Args:
        given: the settings, or the error that prevents reading them.
        only: names of the sources to check, whatever that uses of their quotas; all enabled ones if empty.
        offline: send no requests.
    """
    redact = Redaction.of(given if isinstance(given, Settings) else None)
    return map(redact, _findings(given, only, offline=offline))


def _findings(given: Settings | SettingsError, only: Sequence[str], *, offline: bool) -> Iterator[Finding]:
    yield from catch_errors(machine.SECTION, "program", machine.check_program())
    environment = list(catch_errors(machine.SECTION, "proxy", machine.check_environment()))
    yield from environment
    if isinstance(given, SettingsError):
        yield from installation.report_wrong_settings(given)
        return
    why_offline = "not checked because of --offline" if offline else ""
    if _has_problem(environment):
        why_offline = "fix the proxy and certificate variables above first"
    with ExitStack() as stack:
        examination = _Examination(settings=_for_doctor(given, only), named=bool(only), why_offline=why_offline)
        yield from examination.check_machine()
        yield from examination.check_installation(given, stack)
        yield from examination.check_sources()


def _has_problem(findings: Iterable[Finding]) -> bool:
    return any(finding.result is Result.PROBLEM for finding in findings)


def _for_doctor(given: Settings, only: Sequence[str]) -> Settings:
    """Return the settings with fewer tries, and with only the named sources if there are any."""
    own = {name: given.source(name) for name in SOURCES}
    sources = {name: each.model_copy(update={"tries": min(each.tries, MAX_TRIES)}) for name, each in own.items()}
    return given.model_copy(update={"sources": sources, "only_sources": list(only) or given.only_sources})


@dataclass(kw_only=True)
class _Examination:
    """One run of the doctor.

    `why_offline` is the reason to send no requests, "" if there is none; `database` is `None` if it is unusable.
    """

    settings: Settings
    named: bool
    why_offline: str
    database: Database | None = None
    replies: Mapping[str, Reply] = field(default_factory=dict)

    def check_machine(self) -> Iterator[Finding]:
        """Check the disk, and which servers answer."""
        yield from catch_errors(machine.SECTION, "disk", machine.check_disk(self.settings.data_dir))
        if not self.why_offline:
            addresses = [each for source in self._enabled() for each in all_addresses(source, self.settings)]
            self.replies = network.contact_servers(addresses, self.settings.contact)
            yield from catch_errors(machine.SECTION, "clock", network.check_clock(self.replies))

    def check_installation(self, given: Settings, stack: ExitStack) -> Iterator[Finding]:
        """Check the settings as given, the database, which `stack` closes, and the watchlist."""
        yield from catch_errors(installation.SETTINGS, "settings", installation.check_settings(given))
        opened = installation.open_or_report(given.database())
        if isinstance(opened, Database):
            stack.enter_context(closing(opened))
            findings = list(catch_errors(installation.DATABASE, "database", installation.check_database(opened)))
            self.database = None if _has_problem(findings) else opened
            yield from findings
        else:
            yield opened
        findings_of_watchlist = installation.check_watchlist(given.watchlist_files, self.database)
        yield from catch_errors(installation.WATCHLIST, "watchlist", findings_of_watchlist)

    def check_sources(self) -> Iterator[Finding]:
        """Check each source; list those that were not checked last."""
        reported: set[str] = set()
        for source in self._enabled():
            address = main_address(source, self.settings)
            fault = self.replies[address].fault if address in self.replies else ""
            if not fault:
                yield from catch_errors(source.title, "source", self._check_source(source), source.name)
            elif address not in reported:
                reported.add(address)
                affected = [each for each in self._enabled() if main_address(each, self.settings) == address]
                yield network.unreachable(address, fault, affected)
        if why := self.why_offline or ("" if self.database else "fix the database first"):
            names = tuple(source.name for source in self._enabled())
            yield Finding(NOT_CHECKED, "all sources", Result.SKIPPED, f"{why}.", sources=names)
        for source in [] if self.named else SOURCES.values():
            if why := disabled_reason(self.settings, source):
                yield Finding(NOT_CHECKED, source.title, Result.SKIPPED, f"{why}.", sources=(source.name,))

    def _enabled(self) -> list[Source]:
        return [source for source in SOURCES.values() if not disabled_reason(self.settings, source)]

    def _check_source(self, source: Source) -> Iterator[Finding]:
        if not self.why_offline:
            addresses = all_addresses(source, self.settings)
            yield from network.check_connections(source, {each: self.replies[each].fault for each in addresses})
        if self.database is None:
            return
        watchlist = Watchlist(vendors=())  # probes use none
        context = AppContext(
            settings=self.settings, database=self.database, watchlist=watchlist, stop=threading.Event()
        )
        checks = SourceChecks(app_context=context, source=source, named=self.named)
        yield from checks.offline() if self.why_offline else checks.online()
