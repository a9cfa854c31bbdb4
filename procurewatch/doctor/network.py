"""The network: which servers answer, and whether this machine's clock agrees with theirs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from urllib.parse import urlsplit

from feeds.text import pluralize
from procurewatch.doctor.findings import Finding, Result, sentence
from procurewatch.doctor.machine import PROXIES, SECTION
from procurewatch.settings import Settings
from sources.base import Source
from sources.errors import SourceError
from sources.http.client import Client, RateLimit

LONGEST = 17.0  # seconds for all servers together: two tries, and a resolver that does not answer
TRIES = 2
APART = 300  # seconds: a smaller difference between two clocks does no harm
DNS = "Check the network and its DNS."
ADVICE = {
    "CERTIFICATE_VERIFY_FAILED": "Set SSL_CERT_FILE to the certificates of your organization, and check the clock.",
    "ProxyError": "Check the proxy that the environment names.",
    "Name or service not known": DNS,  # Linux
    "name resolution": DNS,  # Linux, without any network
    "nodename nor servname": DNS,  # macOS
    "getaddrinfo failed": DNS,  # Windows
    "InvalidURL": "Check the address in the settings.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a first request to a server: why it is not reachable, "" if it is.

    `ahead` is how many seconds its clock is ahead of ours, `None` if it did not say.
    """

    fault: str = ""
    ahead: float | None = None


def address_of(source: Source, settings: Settings) -> str:
    """Return where a source is, as the settings have it."""
    return (settings.source(source.name).base_url or source.base_url).rstrip("/")


def other_addresses(source: Source, settings: Settings) -> list[str]:
    """Return where its other hosts are."""
    return [
        address.rstrip("/") for address in {**source.extra_hosts, **settings.source(source.name).extra_hosts}.values()
    ]


def host_of(address: str) -> str:
    """Return the host of an address for a reader, with its port if it names one."""
    return urlsplit(address).netloc.rpartition("@")[2]


def reach(addresses: Iterable[str], contact: str) -> dict[str, Reply]:
    """Send one request to each server, all at once; return a reply for each address, after `LONGEST` at the latest.

    No key is sent.
    """
    replies = {address: Reply(fault=f"no answer within {LONGEST:g} seconds") for address in addresses}
    found: dict[str, Reply] = {}

    def ask(address: str) -> None:
        found[address] = _reply(address, contact)

    # A DNS lookup has no timeout, so a thread may outlive this call.
    threads = [threading.Thread(target=ask, args=(address,), daemon=True) for address in replies]
    for thread in threads:
        thread.start()
    until = time.monotonic() + LONGEST
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return replies | dict(found)


def _reply(address: str, contact: str) -> Reply:
    fault = ""
    try:
        with Client("doctor", base_url=address, rate_limit=RateLimit(seconds_between=0), contact=contact) as client:
            for _ in range(TRIES):
                try:
                    there = client.server_date()
                except SourceError as error:
                    fault = error.came_back
                else:
                    return Reply(ahead=(there - datetime.now(UTC)).total_seconds() if there else None)
    except Exception as error:  # noqa: BLE001  an address that httpx or the resolver cannot take: it is not reached
        fault = f"{type(error).__name__}: {error}"
    return Reply(fault=fault)


def clock(replies: Mapping[str, Reply]) -> Iterator[Finding]:
    """Compare this machine's clock with the median of the servers', so that one wrong server does not count."""
    apart = [reply.ahead for reply in replies.values() if reply.ahead is not None]
    if not apart:
        yield Finding(section=SECTION, check="clock", result=Result.SKIPPED, says="No server gave its time.")
        return
    ahead = median(apart)
    if abs(ahead) <= APART:
        says = f"Within {max(abs(ahead), 1):.0f} s of {pluralize(len(apart), 'server')}."
        yield Finding(section=SECTION, check="clock", result=Result.OK, says=says)
        return
    way = "behind" if ahead > 0 else "ahead of"
    says = f"This clock is {_span(abs(ahead))} {way} {pluralize(len(apart), 'server')}."
    do = "Set it: polls ask by day, and certificates expire."
    yield Finding(section=SECTION, check="clock", result=Result.PROBLEM, says=says, do=do)


def _span(seconds: float) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600)):
        if seconds >= 2 * size:
            return pluralize(round(seconds / size), unit)
    return pluralize(round(seconds / 60), "minute")


def reachable(source: Source, faults: Mapping[str, str]) -> Iterator[Finding]:
    """Report that a source's own server answers, and which of its other servers do not. `faults` is by address."""
    own, *others = faults
    yield Finding(
        section=source.title,
        check="connection",
        result=Result.OK,
        says=f"{host_of(own)} answers.",
        sources=(source.name,),
    )
    for address in others:
        if fault := faults[address]:
            yield replace(unreachable(address, fault, [source]), result=Result.WARNING)


def unreachable(address: str, fault: str, sources: Iterable[Source]) -> Finding:
    """Return the one finding about a server that cannot be reached, and all sources that are read from it."""
    chosen = list(sources)
    return Finding(
        section=", ".join(source.title for source in chosen),
        check="connection",
        result=Result.PROBLEM,
        says=sentence(f"{host_of(address)} cannot be reached: {fault}"),
        do=advice(fault),
        sources=tuple(source.name for source in chosen),
    )


def advice(fault: str) -> str:
    """Return what to do about a failed connection."""
    for part, do in ADVICE.items():
        if part in fault:
            return do
    proxies = [name for name in os.environ if name.lower() in PROXIES]
    if proxies:
        return f"Check the network, and the proxy of {' and '.join(sorted(proxies))}."
    return "Check the network; behind a firewall, set HTTPS_PROXY."
