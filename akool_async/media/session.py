"""Requests for media: to its host, or to the proxy before it. They hold no secret of the API.

Without a proxy, `AddressGuard` sees each address before it is connected to. A proxy looks names up
itself, and so it decides where they lead. What can be told from the host alone is refused here: an
address that is not public, in any spelling, and a name that only a private network has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
import yarl

from akool_async.errors import InvalidInput
from akool_async.http.transport import HEADER_LIMITS
from akool_async.media.addresses import AddressGuard, is_public
from akool_async.media.failures import AttemptFailed, forbidden
from akool_async.media.policy import Policy

if TYPE_CHECKING:
    from akool_async.http.proxy import Proxies, Proxy

_READ_AHEAD: Final = 2**18
"""Bytes of one response that aiohttp may keep in memory before they are read, roughly."""

_PRIVATE: Final = re.compile(
    # Names without a dot, names that no public server may have, and odd spellings of an address.
    r"[^.]+|.*\.(?:localhost|local|internal|home\.arpa)|(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)"
)


class MediaSession:
    """Sends requests for media, with aiohttp sessions that are made when they are needed.

    Args:
        policy: The media that may be fetched.
        proxies: What says which proxy an address has; `None` where none has one.
    """

    def __init__(self, policy: Policy, proxies: Proxies | None = None) -> None:
        self._policy = policy
        self._proxies = proxies
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        """Whether it leads to proxies, and the session."""

    @property
    def opened(self) -> list[aiohttp.ClientSession]:
        """The sessions of aiohttp that it has made."""
        return list(self._sessions.values())

    def get(
        self, url: yarl.URL, *, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a GET, and follow no redirect.

        Raises:
            AttemptFailed: The proxy may not be asked for this host, or there is no such proxy.
        """
        proxy = self._proxy_of(url)
        if proxy is None:
            return self._session().get(url, headers=headers, allow_redirects=False)
        self._check(url)
        # A proxy reads a plain request itself. Of one over TLS it sees the CONNECT only.
        own: Mapping[str, str] = proxy.headers if url.scheme == "http" else {}
        return self._session(proxied=True).get(
            url,
            headers={**headers, **own},
            allow_redirects=False,
            proxy=proxy.url,
            proxy_headers=proxy.headers,
        )

    def _proxy_of(self, url: yarl.URL) -> Proxy | None:
        if self._proxies is None:
            return None
        try:
            return self._proxies.of(str(url))
        except InvalidInput as error:
            problem = AttemptFailed(str(error), final=True)
        raise problem

    def _check(self, url: yarl.URL) -> None:
        """Refuse a host that is not on the public internet, as far as its name tells."""
        policy, host = self._policy, (url.host or "").lower().rstrip(".")
        own = {"localhost": ("127.0.0.1", "::1")}.get(host, (host,))
        if policy.allow_private or any((each, url.port) in policy.own for each in own):
            return
        if not (is_public(host) if _is_address(host) else not _PRIVATE.fullmatch(host)):
            raise forbidden()

    def _session(self, *, proxied: bool = False) -> aiohttp.ClientSession:
        if proxied not in self._sessions:
            guard = AddressGuard(allow_private=self._policy.allow_private, own=self._policy.own)
            # A proxy is where the user says that it is.
            checked: Mapping[str, Any] = {} if proxied else {"socket_factory": guard.open_socket}
            self._sessions[proxied] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, **checked),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=_READ_AHEAD,
                **HEADER_LIMITS,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                trust_env=False,  # else aiohttp would send a password from ~/.netrc
            )
        return self._sessions[proxied]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
