"""What is wrong, and what to do about it: this machine, the settings, what is stored, and each source."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from monitors.watchlist.model import Watchlist
from procurewatch.context import AppContext, disabled_reason
from procurewatch.doctor import installation, machine, network
from procurewatch.doctor.findings import Finding, Redaction, Result, guarded
from procurewatch.doctor.network import Reply, address_of, other_addresses
from procurewatch.doctor.upstream import SourceChecks
from procurewatch.settings import Settings, SettingsError
from sources.base import Source
from sources.registry import SOURCES
from storage.database import Database

__all__ = ["Finding", "Result", "examine"]

TRIES = 2  # of one request: a person is waiting at the terminal
NOT_ASKED = "Not asked"


def examine(given: Settings | SettingsError, *, only: Sequence[str] = (), offline: bool = False) -> Iterator[Finding]:
    """Give what is found, in the order of a report; nothing of it is secret.

    Args:
        given: the settings, or why they cannot be read.
        only: names of the sources to ask, whatever that costs of their quotas; all that are turned on if empty.
        offline: ask no source.
    """
    return map(Redaction.of(given if isinstance(given, Settings) else None), _examined(given, only, offline=offline))


def _examined(given: Settings | SettingsError, only: Sequence[str], *, offline: bool) -> Iterator[Finding]:
    yield from guarded(machine.SECTION, "program", machine.program())
    environment = list(guarded(machine.SECTION, "proxy", machine.environment()))
    yield from environment
    if isinstance(given, SettingsError):
        yield from installation.wrong_settings(given)
        return
    why_offline = "not asked because of --offline" if offline else ""
    if _wrong(environment):
        why_offline = "fix the proxy and certificate variables above first"
    with ExitStack() as stack:
        examination = _Examination(settings=_in_haste(given, only), named=bool(only), why_offline=why_offline)
        yield from examination.machine()
        yield from examination.installation(given, stack)
        yield from examination.upstreams()


def _wrong(findings: Iterable[Finding]) -> bool:
    return any(finding.result is Result.PROBLEM for finding in findings)


def _in_haste(given: Settings, only: Sequence[str]) -> Settings:
    """Return the settings with fewer tries, and with these sources alone if any are named."""
    own = {name: given.source(name) for name in SOURCES}
    tries = {name: each.model_copy(update={"tries": min(each.tries, TRIES)}) for name, each in own.items()}
    return given.model_copy(update={"sources": tries, "only_sources": list(only) or given.only_sources})


@dataclass(kw_only=True)
class _Examination:
    """One run of the doctor. `why_offline`: why no source is asked, "" if they are; `database`: `None` if unusable."""

    settings: Settings
    named: bool
    why_offline: str
    database: Database | None = None
    replies: Mapping[str, Reply] = field(default_factory=dict)

    def machine(self) -> Iterator[Finding]:
        """Check this machine, and which servers answer."""
        yield from guarded(machine.SECTION, "disk", machine.data_folder(self.settings.data_dir))
        if not self.why_offline:
            addresses = [address for source in self._asked() for address in self._addresses(source)]
            self.replies = network.reach(addresses, self.settings.contact)
            yield from guarded(machine.SECTION, "clock", network.clock(self.replies))

    def installation(self, given: Settings, stack: ExitStack) -> Iterator[Finding]:
        """Check the settings as they were given, the database, which `stack` closes, and the watchlist."""
        yield from guarded(installation.SETTINGS, "settings", installation.settings(given))
        opened = installation.opened(given.database())
        findings = [opened] if isinstance(opened, Finding) else []
        if isinstance(opened, Database):
            stack.enter_context(closing(opened))
            findings = list(guarded(installation.DATABASE, "database", installation.database(opened)))
            self.database = None if _wrong(findings) else opened
        yield from findings
        looked = installation.watchlist(given.watchlist_files, self.database)
        yield from guarded(installation.WATCHLIST, "watchlist", looked)

    def upstreams(self) -> Iterator[Finding]:
        """Check each source; report at the end which were not asked."""
        reported: set[str] = set()
        for source in self._asked():
            address = address_of(source, self.settings)
            fault = self.replies[address].fault if address in self.replies else ""
            if not fault:
                yield from guarded(source.title, "source", self._upstream(source), source.name)
            elif address not in reported:
                reported.add(address)
                same = [each for each in self._asked() if address_of(each, self.settings) == address]
                yield network.unreachable(address, fault, same)
        yield from self._left_out()

    def _asked(self) -> list[Source]:
        return [source for source in SOURCES.values() if not disabled_reason(self.settings, source)]

    def _addresses(self, source: Source) -> list[str]:
        return [address_of(source, self.settings), *other_addresses(source, self.settings)]

    def _upstream(self, source: Source) -> Iterator[Finding]:
        if not self.why_offline:
            faults = {address: self.replies[address].fault for address in self._addresses(source)}
            yield from network.reachable(source, faults)
        if self.database is None:
            return
        nobody = Watchlist(vendors=())  # probes use none
        app_context = AppContext(
            settings=self.settings, database=self.database, watchlist=nobody, stop=threading.Event()
        )
        checks = SourceChecks(app_context=app_context, source=source, named=self.named)
        yield from checks.not_asked() if self.why_offline else checks.asked()

    def _left_out(self) -> Iterator[Finding]:
        def finding(check: str, why: str, *names: str) -> Finding:
            return Finding(section=NOT_ASKED, check=check, result=Result.SKIPPED, says=f"{why}.", sources=names)

        if why := self.why_offline or ("" if self.database else "fix the database first"):
            yield finding("all sources", why, *(source.name for source in self._asked()))
        if not self.named:
            for source in SOURCES.values():
                if why := disabled_reason(self.settings, source):
                    yield finding(source.title, why, source.name)
