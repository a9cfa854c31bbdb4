"""Addresses of clients, and the proxies that are trusted to name them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from starlette.datastructures import Headers
from starlette.types import Scope

MAX_ADDRESS_LENGTH = 255  # characters
UNKNOWN = "unknown"


class Proxies:
    """The reverse proxies whose X-Forwarded-For is trusted."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        self._networks = tuple(networks)

    def __contains__(self, address: str) -> bool:
        """Whether an address is that of a trusted proxy."""
        found = _parse(address)
        return found is not None and any(found in network for network in self._networks)

    def client(self, scope: Scope, headers: Headers) -> str:
        """Return the client's address: the peer or, for a trusted proxy, the address that it forwards for.

        Every proxy adds the address of its own peer at the end, so the last one that is not a trusted proxy counts.
        For IPv6 it is the /64 network, because one client has all of its addresses.
        """
        client = peer_address(scope)
        forwarded = ",".join(headers.getlist("x-forwarded-for")).split(",")  # a proxy may add its own header
        while client in self and forwarded and forwarded[-1].strip():
            client = forwarded.pop().strip()
        return normalize_address(client)


def normalize_address(given: str) -> str:
    """Return an IPv4 address, the /64 network of an IPv6 address, or `UNKNOWN`."""
    address = _parse(given)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address) if address else UNKNOWN


def peer_address(scope: Scope) -> str:
    """Return the address of the connection."""
    return str((scope.get("client") or ("", 0))[0])


def _parse(given: str) -> IPv4Address | IPv6Address | None:
    """Return an address, IPv4 if it is IPv4 written as IPv6; `None` if it is none."""
    if len(given) > MAX_ADDRESS_LENGTH:
        return None
    try:
        address = ipaddress.ip_address(given.strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
