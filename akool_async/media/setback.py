"""What can come between a download and its end, and how long to wait before the next try."""

from __future__ import annotations

import random
from typing import Final

import aiohttp

from akool_async.http.retry import Retry

MOST_REQUESTS: Final = 1000
"""How many requests one download may send, however well each of them does."""


class Setback(Exception):
    """A request that did not bring the download to its end.

    Args:
        reason: What happened, in words; no part of a URL's query.
        status: The HTTP status, where that is what happened.
        wait: Seconds that the server asked to wait.
        final: Whether another request would be in vain.
        vain: Whether it was no progress, even if bytes came.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int = 0,
        wait: float | None = None,
        final: bool = False,
        vain: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.wait = wait or 0.0
        self.final = final
        self.vain = vain


class Foreign(Exception):
    """Wraps an error that is not the server's: of the disk, or of the caller's own callback."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class ForbiddenAddress(OSError):
    """A connection was about to go where it may not go."""

    def __init__(self) -> None:
        # Always in the same words: then it comes whole through the race of several addresses.
        super().__init__("the address is not public")


_MEANINGS: Final = (
    (aiohttp.ClientConnectorCertificateError, "its host's certificate is not valid", True),
    (aiohttp.InvalidURL, "that is no http or https address", True),
    (aiohttp.ServerTimeoutError, "the server did not answer in time", False),
)
"""What some errors of a connection mean, and whether they are final."""


def setback_of(error: Exception) -> Setback:
    """Say what an error of a connection means; in words: aiohttp's own show headers."""
    for cls, reason, final in _MEANINGS:
        if isinstance(error, cls):
            return Setback(reason, final=final)
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error.os_error)
    if isinstance(error, TimeoutError):
        return Setback("it took too long", vain=True)
    return Setback(f"the connection broke ({type(error).__name__})")


def _not_connected(error: OSError) -> Setback:
    if isinstance(error, ForbiddenAddress):
        hint = "allow_private_downloads=True allows that"
        return Setback(f"its host is not on the public internet; {hint}", final=True)
    return Setback(f"no connection: {error.strerror or type(error).__name__}")


TOO_MANY: Final = 429

THROTTLED: Final = frozenset({403, 404, TOO_MANY, 503})
"""HTTP statuses after which it is better to wait a little longer: the server asks for that, or
what it shall serve is not there yet, just after a job has completed."""

PASSING: Final = THROTTLED | {408, 425, 500, 502, 504}
"""HTTP statuses that often pass by themselves."""


class Patience:
    """Decides when a download tries again, and when it gives up.

    `Retry.attempts` bounds the requests in a row that brought the download no further: one
    that is cut a hundred times, each time a little later, gets to its end.
    """

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._vain = 0
        self._furthest = 0
        self.requests = 0
        """How many were sent and met with a setback."""

    def delay(self, setback: Setback, reached: int) -> float | None:
        """Return the seconds to wait before the next request, or `None` to give up.

        Args:
            setback: What the last request met with.
            reached: How many bytes of the file are here.
        """
        self.requests += 1
        further = reached > self._furthest and not setback.vain
        self._furthest = max(self._furthest, reached)
        self._vain = 0 if further else self._vain + 1
        retry = self._retry
        most = retry.throttled_attempts if setback.status == TOO_MANY else retry.attempts
        given_up = self._vain >= most or self.requests >= MOST_REQUESTS
        if setback.final or given_up or setback.wait > retry.longest_hint:
            return None
        first = retry.throttled if setback.status in THROTTLED else retry.initial
        # The exponent is bounded: beyond it the maximum rules anyway.
        grown = first * 2.0 ** min(max(0, self._vain - 1), 32)
        return setback.wait + random.uniform(0, min(retry.maximum, grown))
