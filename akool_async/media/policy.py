"""The limits of downloads: addresses, size, time and speed."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from akool_async.protocol.value import Input


class Policy(Input):
    """The media that a download may fetch, and the limits at which it gives up."""

    shows_defaults = True

    allow_private: bool = False
    """Whether media may come from addresses that are not on the public internet."""
    own: tuple[tuple[str, int], ...] = ()
    """IP addresses and ports that are allowed even if they are not public."""
    largest: int = 4 * 2**30
    """Bytes of the largest file, decompressed."""
    timeout: float = 3600.0
    """Seconds for one file, with all its requests and the delays between them."""
    slowest: float = 1024.0
    """Bytes per second that a request must bring on average over `window`."""
    window: float = 30.0
    """Seconds over which the speed of a request is measured."""

    def check(self) -> None:
        """Refuse limits under which no file could be fetched."""
        if self.largest < 1:
            raise self.refuse("largest", "must be at least 1 byte")
        for name in ("timeout", "window"):
            if not 0 < getattr(self, name) < math.inf:
                raise self.refuse(name, "must be more than 0 seconds, and finite")
        if not 0 <= self.slowest < math.inf:
            raise self.refuse("slowest", "must be at least 0 bytes per second, and finite")


def own_addresses(base_url: str) -> tuple[tuple[str, int], ...]:
    """Return the addresses and ports of an API on this machine; none for any other API."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    addresses = {"localhost": ("127.0.0.1", "::1")}.get(host, (host,))
    return tuple((each, port) for each in addresses if each in {"127.0.0.1", "::1"})
