"""Where a download may go: public addresses, and what its policy allows besides.

The guard sits where sockets are made, so it sees the address that is really connected to:
also behind a redirect, behind a name that resolves to something else the second time, and
where a URL spells an address in a way of its own (`http://0x7f.1/`).
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias

import yarl

from akool_async.media.setback import ForbiddenAddress, Setback

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""One of `socket.getaddrinfo`'s answers: family, type, protocol, canonical name, address."""

_GLOBAL_UNICAST = ip_network("2000::/3")
_6TO4 = ip_network("2002::/16")
_NAT64 = ip_network("64:ff9b::/96")

_NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "168.63.129.16/32",  # a machine's own host, at Azure
        # Blocks that some of the Pythons we run on take for public ones:
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to a machine on the public internet.

    Loopback, private, shared (CGNAT), link-local, multicast, reserved and unspecified
    addresses do not, nor does what is no address. An IPv4 address inside an IPv6 one
    (mapped, 6to4, NAT64) is judged by itself; Teredo and local NAT64 are never public.
    """
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = ip if isinstance(ip, IPv4Address) else _embedded(ip)
    if inner is not None:
        return _is_global(inner)
    return ip in _GLOBAL_UNICAST and _is_global(ip)


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a connection to an IPv6 one would end at."""
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return IPv4Address((int(ip) >> 80) & 0xFFFF_FFFF) if ip in _6TO4 else None


def _is_global(ip: IPv4Address | IPv6Address) -> bool:
    if ip.is_multicast or ip.is_reserved or not ip.is_global:
        return False
    return not any(ip in block for block in _NOT_PUBLIC)


class Guard:
    """Checks each URL that is asked for, and each address that is connected to.

    Args:
        allow_private: Whether every address may be connected to.
        own: Addresses and ports that may be, whatever they are.
    """

    def __init__(
        self, *, allow_private: bool = False, own: tuple[tuple[str, int], ...] = ()
    ) -> None:
        self._allow_private = allow_private
        self._own = frozenset(own)

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """Make the socket for an address; aiohttp's `socket_factory`.

        Raises:
            ForbiddenAddress: nothing may be sent there.
        """
        family, kind, protocol, _, address = info
        if not (self._allow_private or address[:2] in self._own or is_public(str(address[0]))):
            raise ForbiddenAddress
        return socket.socket(family, kind, protocol)


def parse(text: str) -> yarl.URL:
    """Read an http(s) URL; one that needs no quoting stays as it is, since signatures cover it.

    Raises:
        Setback: it is none, or names a user.
    """
    url = _read(text)
    if not url.host or url.scheme not in {"http", "https"}:
        raise Setback("that is no http or https address", final=True)
    if url.user is not None or url.password is not None:  # would be sent as a credential
        raise Setback("an address that names a user is not fetched", final=True)
    return url.with_fragment(None)


def redirected(url: yarl.URL, location: str) -> yarl.URL:
    """Return where a redirect leads.

    Raises:
        Setback: it leads to what is no http(s) address, or from https to http.
    """
    led = _read(location)
    if not led or (led.scheme and not led.host):
        raise Setback("a redirect leads to no http or https address", final=True)
    target = parse(str(url.join(led)))
    if url.scheme == "https" and target.scheme != "https":
        raise Setback("a redirect leads from https to http", final=True)
    return target


def _read(text: str) -> yarl.URL:
    """Read a URL of any kind; what is none becomes an empty one."""
    if not text.isprintable():
        return yarl.URL()
    try:
        return yarl.URL(text, encoded=text.isascii() and " " not in text)
    except ValueError:
        return yarl.URL()
