"""The addresses that a download may connect to: public ones, and those that its policy allows.

A URL in a reply is not trusted: it could point into the network of the machine that downloads.
The guard checks where sockets are made, because only there is the address the one that is
connected to. A check of the URL would miss a redirect, a name that resolves to another
address the second time, and an unusual spelling such as `http://0x7f.1/`.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias

import yarl

from akool_async.media.failures import AttemptFailed, ForbiddenAddress

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""A result of `socket.getaddrinfo`: family, type, protocol, canonical name, address."""

_GLOBAL_UNICAST = ip_network("2000::/3")
_6TO4 = ip_network("2002::/16")
_NAT64 = ip_network("64:ff9b::/96")

_NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "168.63.129.16/32",  # Azure: the host of a virtual machine
        # Some of the Python versions that we support take these blocks for public:
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to a machine on the public internet.

    Loopback, private, shared (CGNAT), link-local, multicast, reserved and unspecified
    addresses do not, nor does a text that is no address. An IPv4 address inside an IPv6 one
    (mapped, 6to4, NAT64) is checked itself; Teredo and local NAT64 are never public.
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


class AddressGuard:
    """Refuses connections to addresses that are not allowed.

    Args:
        allow_private: Whether every address is allowed.
        own: Addresses and ports that are allowed even if they are not public.
    """

    def __init__(
        self, *, allow_private: bool = False, own: tuple[tuple[str, int], ...] = ()
    ) -> None:
        self._allow_private = allow_private
        self._own = frozenset(own)

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """Make the socket for an address; aiohttp's `socket_factory`.

        Raises:
            ForbiddenAddress: the address is not allowed.
        """
        family, kind, protocol, _, address = info
        if not (self._allow_private or address[:2] in self._own or is_public(str(address[0]))):
            raise ForbiddenAddress
        return socket.socket(family, kind, protocol)


def parse(text: str) -> yarl.URL:
    """Read an http or https URL.

    A URL that needs no quoting stays as it is: its signature covers the spelling.

    Raises:
        AttemptFailed: the text is no such URL, or names a user.
    """
    url = _read(text)
    if not url.host or url.scheme not in {"http", "https"}:
        raise AttemptFailed("that is no http or https address", final=True)
    if url.user is not None or url.password is not None:  # aiohttp would send it as a credential
        raise AttemptFailed("an address that names a user is not fetched", final=True)
    return url.with_fragment(None)


def redirected(url: yarl.URL, location: str) -> yarl.URL:
    """Return the URL to which a redirect leads.

    Raises:
        AttemptFailed: it is no http or https URL, or leads from https to http.
    """
    relative = _read(location)
    if not relative or (relative.scheme and not relative.host):
        raise AttemptFailed("a redirect leads to no http or https address", final=True)
    target = parse(str(url.join(relative)))
    if url.scheme == "https" and target.scheme != "https":
        raise AttemptFailed("a redirect leads from https to http", final=True)
    return target


def _read(text: str) -> yarl.URL:
    """Read any URL; return an empty one if the text is none."""
    if not text.isprintable():
        return yarl.URL()
    try:
        return yarl.URL(text, encoded=text.isascii() and " " not in text)
    except ValueError:
        return yarl.URL()
