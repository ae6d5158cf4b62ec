"""What downloads may do, and for how long."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from akool_async.protocol.value import Input


class Policy(Input):
    """What a download may fetch, and when it is given up."""

    allow_private: bool = False
    """Whether media may come from addresses that are not on the public internet."""
    own: tuple[tuple[str, int], ...] = ()
    """IP addresses and ports that it may come from all the same."""
    largest: int = 4 * 2**30
    """Bytes of the largest file, decompressed."""
    timeout: float = 3600.0
    """Seconds that one file may take, with all its requests."""
    slowest: float = 1024.0
    """Bytes per second that a request must bring, taken over `window`."""
    window: float = 30.0
    """Seconds over which the speed of a request is taken."""

    def check(self) -> None:
        """Refuse policies under which nothing could be fetched."""
        if self.largest < 1:
            raise self.refuse("largest", "must be at least 1 byte")
        for name in ("timeout", "window"):
            if not 0 < getattr(self, name) < math.inf:
                raise self.refuse(name, "must be more than 0 seconds, and finite")
        if not 0 <= self.slowest < math.inf:
            raise self.refuse("slowest", "must be at least 0 bytes per second, and finite")


def own_addresses(base_url: str) -> tuple[tuple[str, int], ...]:
    """Return the addresses and ports of an API that runs on this machine; of others, none."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    addresses = {"localhost": ("127.0.0.1", "::1")}.get(host, (host,))
    return tuple((each, port) for each in addresses if each in {"127.0.0.1", "::1"})
