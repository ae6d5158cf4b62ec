"""Which failed requests may be repeated, and when: pure, and keyed on what is known.

A retry repeats a request that failed. A poll, which looks again because the answer
was "not yet", is not a retry: see `backoff`.
"""

from __future__ import annotations

import math
import random
from enum import Enum

from akool_async.errors import AkoolError, ConnectFailed, RateLimited, ReplyError, TransportError
from akool_async.protocol.value import Input


class Fate(Enum):
    """What is known of a request that failed."""

    NEVER_SENT = "no connection was made"
    REFUSED = "the server asked to come again later, and started nothing"
    UNCLEAR = "it was sent, and no readable answer came"
    FINAL = "the server said no"


_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that often pass by themselves."""


def fate_of(error: AkoolError) -> Fate:
    """Say what is known of the request that raised an error."""
    if isinstance(error, ConnectFailed):
        return Fate.NEVER_SENT
    if isinstance(error, RateLimited):
        return Fate.REFUSED
    if isinstance(error, ReplyError):
        readable_refusal = 300 <= error.http_status < 500 and error.http_status not in _PASSING  # noqa: PLR2004
        return Fate.FINAL if readable_refusal else Fate.UNCLEAR
    return Fate.UNCLEAR if isinstance(error, TransportError) else Fate.FINAL


class Retry(Input):
    """How often, and how soon, a failed request is repeated.

    Delays are drawn with full jitter: anywhere between nothing and
    `initial * 2 ** (attempt - 1)`, at most `maximum`. A request that the server refused
    for its frequency starts from `throttled` instead. Where the server says `Retry-After`,
    that comes first.
    """

    attempts: int = 4
    """How many requests one call may send, the first included."""
    initial: float = 0.25
    """Seconds: bound of the first delay."""
    maximum: float = 8.0
    """Seconds: bound of every delay."""
    throttled: float = 1.0
    """Seconds: bound of the first delay after a refusal for frequency."""
    throttled_attempts: int = 10
    """How many requests one call may send while the server refuses it for frequency."""
    longest_hint: float = 120.0
    """Seconds: a `Retry-After` beyond this is not waited for; the error is raised instead."""

    def check(self) -> None:
        """Refuse policies that never send, or wait a negative time."""
        if self.attempts < 1:
            raise self.refuse("attempts", "must be at least 1: the first request counts")
        for name in ("initial", "maximum", "throttled", "longest_hint"):
            if not 0 <= getattr(self, name) < math.inf:
                raise self.refuse(name, "must be at least 0 seconds, and finite")

    def delay(self, error: AkoolError, attempt: int, *, repeatable: bool) -> float | None:
        """Return the seconds to wait before sending again, or `None` to give up.

        Args:
            error: What the request raised.
            attempt: How many requests were sent for this call, this one included.
            repeatable: Whether sending it twice does no more than sending it once.
        """
        fate = fate_of(error)
        if fate is Fate.FINAL or (fate is Fate.UNCLEAR and not repeatable):
            return None
        most, first = self.attempts, self.initial
        if fate is Fate.REFUSED:
            most, first = self.throttled_attempts, self.throttled
        hint: float = getattr(error, "retry_after", None) or 0.0
        if attempt >= most or hint > self.longest_hint:
            return None
        return hint + _jittered(first, attempt, self.maximum)

    def hold(self, error: RateLimited) -> float:
        """Return the seconds for which a refusal asks everybody to wait, at most `longest_hint`."""
        return min(error.retry_after or 0.0, self.longest_hint)


def _jittered(first: float, attempt: int, most: float) -> float:
    # The exponent is bounded: beyond it the maximum rules anyway.
    return random.uniform(0, min(most, first * 2.0 ** min(attempt - 1, 32)))
