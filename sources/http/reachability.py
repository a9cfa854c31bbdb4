"""Whether this machine has a network: a quick look before many requests, each of which would be tried for minutes."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

CONNECT_SECONDS = 5.0
MAX_SECONDS = 7.0  # a DNS lookup has no timeout of its own
SLICE = 0.2  # seconds between two looks at whether the program is to stop
PORTS = {"http": 80, "https": 443}


def find_unreachable(addresses: Iterable[str], is_stopping: Callable[[], bool] = lambda: False) -> dict[str, str]:
    """Open a connection to each server, or to the proxy that leads to it, at the same time, and send nothing.

    Returns:
        The reasons by host if no server accepts within `MAX_SECONDS`; nothing if one does, or the program is to stop.
    """
    hosts = {urlsplit(address).hostname or address: address for address in addresses}
    faults = dict.fromkeys(hosts, f"no response within {MAX_SECONDS:g} seconds")
    found: queue.Queue[tuple[str, str]] = queue.Queue()
    for host, address in hosts.items():
        threading.Thread(target=_connect, args=(host, address, found), daemon=True).start()
    deadline = time.monotonic() + MAX_SECONDS
    left = len(hosts)
    while left and time.monotonic() < deadline:
        if is_stopping():
            return {}
        try:
            host, fault = found.get(timeout=SLICE)
        except queue.Empty:
            continue
        if not fault:
            return {}
        faults[host], left = fault, left - 1
    return faults


def _connect(host: str, address: str, found: queue.Queue[tuple[str, str]]) -> None:
    """Connect, and report why that is impossible, "" if it is not."""
    try:
        socket.create_connection(_target(address), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:  # ValueError: a port or a name that cannot be one
        found.put((host, getattr(error, "strerror", None) or str(error) or type(error).__name__))
    else:
        found.put((host, ""))


def _target(address: str) -> tuple[str, int]:
    """Return the host and port to connect to: those of the proxy that the environment names, if there is one."""
    parts, proxies = urlsplit(address), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 1080)
