"""Which addresses are on the public internet: what users name may be requested there, and nowhere in a private network.

A name is resolved once, and the connection goes to an address that was checked, so that a name server cannot give
another one in between (DNS rebinding).
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
# All that IANA has assigned: https://www.iana.org/assignments/ipv6-address-space. Others reach this machine or network,
# such as ::127.0.0.1, ::ffff:0:127.0.0.1 and fec0::1, which `is_global` takes for global.
GLOBAL_UNICAST = IPv6Network("2000::/3")


class PrivateAddress(Exception):
    """A host has an address in a private network. The message is one line."""


def resolve_public(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order in which to try them.

    Raises:
        PrivateAddress: one of them is not public.
        OSError: the host has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not all(map(is_public, addresses)):
        raise PrivateAddress(f"{host} is in a private network, or is this machine")
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet. Text that is no address is not."""
    try:
        given = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(given, IPv6Address) and not (given in GLOBAL_UNICAST or given in NAT64 or given.ipv4_mapped):
        return False
    return all(each.is_global and not each.is_multicast for each in (given, *_within(given)))


def _within(given: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address may lead to through a gateway."""
    if isinstance(given, IPv4Address):
        return []
    nat64 = IPv4Address(int(given) & 0xFFFFFFFF) if given in NAT64 else None
    teredo = given.teredo[1] if given.teredo else None
    return [each for each in (given.ipv4_mapped, given.sixtofour, teredo, nat64) if each]
