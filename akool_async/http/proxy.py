"""Proxies between the client and the API. Their credentials are hidden like all others.

aiohttp's `trust_env` is not used: it would also send the credential of a `.netrc` file, as a
second one beside ours (T2).
"""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

from akool_async.errors import InvalidInput
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
    host = f"[{host}]" if ":" in host else host
    place = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{place}", _headers(parts.username, parts.password)


def _headers(user: str | None, password: str | None) -> Mapping[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return {"Proxy-Authorization": Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")}


def find_proxies(
    hosts: Iterable[str], given: str | None, *, trust_env: bool
) -> Mapping[str, Proxy]:
    """Return the proxy of each host that is reached through one.

    Args:
        hosts: The hosts, each with its scheme.
        given: The address of a proxy for all hosts.
        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY apply if `given` is `None`.

    Raises:
        InvalidInput: The address is no address of a proxy.
    """
    if given is not None:
        return dict.fromkeys(hosts, Proxy.parse("proxy", given))
    found = {host: _proxy_from_environment(host) for host in hosts} if trust_env else {}
    return {host: proxy for host, proxy in found.items() if proxy is not None}


def _proxy_from_environment(host: str) -> Proxy | None:
    parts = urlsplit(host)
    url = urllib.request.getproxies().get(parts.scheme)
    if url is None or urllib.request.proxy_bypass(parts.netloc):
        return None
    return Proxy.parse(f"{parts.scheme.upper()}_PROXY", url)
