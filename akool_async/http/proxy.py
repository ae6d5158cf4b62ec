"""Proxies before the API and the media. Their credentials are hidden like all others.

aiohttp's `trust_env` is not used: it would also send the credential of a `.netrc` file, as a
second one beside ours (T2).
"""

from __future__ import annotations

import base64
import re
import urllib.request
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, Self
from urllib.parse import SplitResult, unquote, urlsplit

from akool_async.errors import InvalidInput
from akool_async.protocol.addresses import trouble_with_host
from akool_async.protocol.secret import Secret


class Proxy(NamedTuple):
    """The address of a proxy, without user and password, and the headers that it gets."""

    url: str
    headers: Mapping[str, str]

    @classmethod
    def parse(cls, field: str, url: str) -> Self:
        """Read `http://user:password@host:port`.

        Raises:
            InvalidInput: It is no address of a proxy. The error shows no password.
        """
        url = Secret(url)
        read = _read(url)
        if read is None:
            raise InvalidInput(field, "***", "must be http://host:port, with a user if need be")
        return cls(*read)


def _read(url: str) -> tuple[str, Mapping[str, str]] | None:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    if not url.isprintable() or trouble_with_host(parts):
        return None
    host = f"[{host}]" if ":" in host else host
    place = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{place}", _headers(parts.username, parts.password)


def _headers(user: str | None, password: str | None) -> Mapping[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return {"Proxy-Authorization": Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")}


class Proxies:
    """The proxy of each address: one for all, or what the environment says now.

    Args:
        given: The address of a proxy for all addresses.
        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY apply if `given` is `None`.

    Raises:
        InvalidInput: `given` is no address of a proxy.
    """

    def __init__(self, given: str | None, *, trust_env: bool) -> None:
        self._given = None if given is None else Proxy.parse("proxy", given)
        found = urllib.request.getproxies() if trust_env and given is None else {}
        self._found = {scheme: Secret(url) for scheme, url in found.items()}
        self._exempt = Exemptions(found["no"]) if "no" in found else None

    def of(self, url: str) -> Proxy | None:
        """Return the proxy of an address; `None` if it is reached without one.

        Raises:
            InvalidInput: The environment names something that is no proxy.
        """
        if self._given is not None:
            return self._given
        parts = urlsplit(url)
        proxy = self._found.get(parts.scheme)
        if proxy is None or self._is_exempt(parts):
            return None
        return Proxy.parse(f"{parts.scheme.upper()}_PROXY", proxy)

    def _is_exempt(self, parts: SplitResult) -> bool:
        if self._exempt is not None:
            return self._exempt.cover(parts)
        return bool(urllib.request.proxy_bypass(parts.netloc))  # some systems have a list of theirs


class _Exemption(NamedTuple):
    name: str
    """A host's name, of which those below are exempt too; empty for a network."""
    network: IPv4Network | IPv6Network | None
    port: int | None


class Exemptions:
    """The hosts that NO_PROXY names: names, addresses and networks, each with a port or without.

    Python's own reading knows no networks, and no IPv6 addresses.

    Args:
        text: Such as `localhost, .corp.example, 10.0.0.0/8, fd00::/8, [::1]:8080`; `*` for all.
    """

    def __init__(self, text: str) -> None:
        entries = text.replace(",", " ").lower().split()
        self._all = "*" in entries
        self._exemptions = [_exemption(entry) for entry in entries]

    def cover(self, parts: SplitResult) -> bool:
        """Say whether the host of an address is reached without a proxy."""
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or {"http": 80}.get(parts.scheme, 443)
        address = _address(host)
        return self._all or any(
            each.port in {None, port}
            and (_is_named(host, each.name) if address is None else _is_in(address, each.network))
            for each in self._exemptions
        )


def _exemption(entry: str) -> _Exemption:
    network = _network(entry)
    if network is not None:
        return _Exemption("", network, None)
    name, _, port = entry.rpartition(":")
    if not name or not port.isdecimal():
        name, port = entry, ""
    network = _network(name)
    bare = "" if network else name.removeprefix("*").strip(".")
    return _Exemption(bare, network, int(port) if port else None)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        network = ip_network(re.sub(r"\[([^]]*)\](?!:)", r"\1", text), strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return ip_network((mapped, network.prefixlen - _MAPPED), strict=False)


_MAPPED = 96
"""Bits before the IPv4 address in an IPv6 one that stands for it."""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_named(host: str, name: str) -> bool:
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_in(address: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network | None) -> bool:
    return network is not None and address in network
