"""Checks of the network: which servers answer, and whether this machine's clock agrees with theirs."""

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

MAX_SECONDS = 9.0  # for all servers together: a try that gets no answer, or a second one after a quick failure
TRIES = 2
MAX_CLOCK_DIFFERENCE = 300  # seconds; a smaller difference does no harm
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
    """The result of a first request to a server.

    `fault` says why it is unreachable, "" if it answered; `ahead` is by how many seconds its clock is ahead of ours,
    `None` if it sent no date.
    """

    fault: str = ""
    ahead: float | None = None


def main_address(source: Source, settings: Settings) -> str:
    """Return the address of a source's main host, according to the settings."""
    return (settings.source(source.name).base_url or source.base_url).rstrip("/")


def all_addresses(source: Source, settings: Settings) -> list[str]:
    """Return the addresses of all hosts of a source, the main one first."""
    extra = {**source.extra_hosts, **settings.source(source.name).extra_hosts}
    return [main_address(source, settings), *(address.rstrip("/") for address in extra.values())]


def _host(address: str) -> str:
    """Return the host and port of an address."""
    return urlsplit(address).netloc.rpartition("@")[2]


def contact_servers(addresses: Iterable[str], contact: str) -> dict[str, Reply]:
    """Send one request without a key to each server, in parallel; return the replies within `MAX_SECONDS`."""
    replies = {address: Reply(fault=f"no response within {MAX_SECONDS:g} seconds") for address in addresses}
    found: dict[str, Reply] = {}

    def contact_server(address: str) -> None:
        found[address] = _reply(address, contact)

    # A DNS lookup has no timeout, so a thread may outlive this call.
    threads = [threading.Thread(target=contact_server, args=(address,), daemon=True) for address in replies]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + MAX_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return replies | dict(found)


def _reply(address: str, contact: str) -> Reply:
    fault = ""
    try:
        with Client("doctor", base_url=address, rate_limit=RateLimit(seconds_between=0), contact=contact) as client:
            for _ in range(TRIES):
                try:
                    date = client.server_date()
                except SourceError as error:
                    fault = error.came_back
                else:
                    return Reply(ahead=(date - datetime.now(UTC)).total_seconds() if date else None)
    except Exception as error:  # noqa: BLE001  httpx and the resolver raise anything for a malformed address
        fault = f"{type(error).__name__}: {error}"
    return Reply(fault=fault)


def check_clock(replies: Mapping[str, Reply]) -> Iterator[Finding]:
    """Compare this machine's clock with the median of the servers', so that one wrong server has no effect."""
    apart = [reply.ahead for reply in replies.values() if reply.ahead is not None]
    if not apart:
        yield Finding(SECTION, "clock", Result.SKIPPED, "No server sent its time.")
        return
    ahead = median(apart)
    if abs(ahead) <= MAX_CLOCK_DIFFERENCE:
        message = f"Within {max(abs(ahead), 1):.0f} s of {pluralize(len(apart), 'server')}."
        yield Finding(SECTION, "clock", Result.OK, message)
        return
    way = "behind" if ahead > 0 else "ahead of"
    message = f"This clock is {_span(abs(ahead))} {way} {pluralize(len(apart), 'server')}."
    action = "Set it: polls request data by day, and certificates expire."
    yield Finding(SECTION, "clock", Result.PROBLEM, message, action)


def _span(seconds: float) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600)):
        if seconds >= 2 * size:
            return pluralize(round(seconds / size), unit)
    return pluralize(round(seconds / 60), "minute")


def check_connections(source: Source, faults: Mapping[str, str]) -> Iterator[Finding]:
    """Report that a source's main server answers, and which of its others do not. `faults` is by address."""
    own, *others = faults
    yield Finding(source.title, "connection", Result.OK, f"{_host(own)} answers.", sources=(source.name,))
    for address in others:
        if fault := faults[address]:
            yield replace(unreachable(address, fault, [source]), result=Result.WARNING)


def unreachable(address: str, fault: str, sources: Iterable[Source]) -> Finding:
    """Return one finding about an unreachable server and all sources read from it."""
    chosen = list(sources)
    section, names = ", ".join(source.title for source in chosen), tuple(source.name for source in chosen)
    message = sentence(f"{_host(address)} cannot be reached: {fault}")
    return Finding(section, "connection", Result.PROBLEM, message, _advice(fault), names)


def _advice(fault: str) -> str:
    """Return what to do about a failed connection."""
    for part, action in ADVICE.items():
        if part in fault:
            return action
    proxies = [name for name in os.environ if name.lower() in PROXIES]
    if proxies:
        return f"Check the network, and the proxy of {' and '.join(sorted(proxies))}."
    return "Check the network; behind a firewall, set HTTPS_PROXY."
