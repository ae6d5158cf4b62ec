"""Retry policy: which failed requests are repeated, and when. Pure.

A retry repeats a failed request. A poll, which asks again because the job has not ended, is no
retry: see `akool_async.schedule`.
"""

from __future__ import annotations

import math
import random
from enum import Enum

from akool_async.errors import AkoolError, ConnectFailed, RateLimited, ReplyError, TransportError
from akool_async.protocol.value import Input


class RequestOutcome(Enum):
    """What is known about a failed request."""

    NOT_SENT = "there was no connection"
    THROTTLED = "the server refused it for its frequency, and started nothing"
    UNKNOWN = "it was sent, and no readable reply came"
    REFUSED = "the server refused it"


_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of transient failures."""


def outcome_of(error: AkoolError) -> RequestOutcome:
    """Return what is known about the request that raised an error."""
    if isinstance(error, ConnectFailed):
        return RequestOutcome.NOT_SENT
    if isinstance(error, RateLimited):
        return RequestOutcome.THROTTLED
    if isinstance(error, ReplyError):
        refused = 300 <= error.http_status < 500 and error.http_status not in _TRANSIENT  # noqa: PLR2004
        return RequestOutcome.REFUSED if refused else RequestOutcome.UNKNOWN
    if isinstance(error, TransportError):
        return RequestOutcome.UNKNOWN
    return RequestOutcome.REFUSED


class Retry(Input):
    """How often, and how soon, a failed request is repeated.

    A delay has full jitter: it is drawn between 0 and `initial * 2 ** (attempt - 1)` seconds, at
    most `maximum`. After a refusal for frequency, `throttled` takes the place of `initial`. A
    `Retry-After` of the server is added to the delay.
    """

    shows_defaults = True

    attempts: int = 4
    """Requests that one call may send, the first included."""
    initial: float = 0.25
    """Upper bound of the first delay, in seconds."""
    maximum: float = 8.0
    """Upper bound of every delay, in seconds."""
    throttled: float = 1.0
    """Upper bound of the first delay after a refusal for frequency, in seconds."""
    throttled_attempts: int = 10
    """Requests that one call may send while the server refuses them for their frequency."""
    longest_hint: float = 120.0
    """Longest `Retry-After` to wait for, in seconds. A longer one raises the error at once."""

    def check(self) -> None:
        """Refuse a policy without attempts, or with a time that is negative or infinite."""
        if self.attempts < 1:
            raise self.refuse("attempts", "must be at least 1: the first request counts")
        for name in ("initial", "maximum", "throttled", "longest_hint"):
            if not 0 <= getattr(self, name) < math.inf:
                raise self.refuse(name, "must be at least 0 seconds, and finite")

    def delay(self, error: AkoolError, attempt: int, *, repeatable: bool) -> float | None:
        """Return the seconds to wait before the next attempt, or `None` to give up.

        Args:
            error: The error of the failed request.
            attempt: Number of requests sent for this call, this one included.
            repeatable: Whether a request may be sent again although it may have reached the
                server.
        """
        outcome = outcome_of(error)
        cause = error.cause if isinstance(error, TransportError) else "host"
        if outcome is RequestOutcome.REFUSED or cause in {"certificate", "client"}:
            return None
        if outcome is RequestOutcome.UNKNOWN and not repeatable:
            return None
        most, first = self.attempts, self.initial
        # A shortage of this machine's own passes when other connections end. The host is not asked.
        own = outcome is RequestOutcome.NOT_SENT and cause == "machine"
        if outcome is RequestOutcome.THROTTLED or own:
            most, first = self.throttled_attempts, self.throttled
        hint: float = getattr(error, "retry_after", None) or 0.0
        if attempt >= most or hint > self.longest_hint:
            return None
        return hint + _jittered(first, attempt, self.maximum)

    def pause(self, attempt: int) -> float:
        """Return the longest delay, in seconds, after so many refusals in a row."""
        return min(self.maximum, self.throttled * 2.0 ** min(attempt - 1, 32))

    def hold(self, error: RateLimited) -> float:
        """Return the seconds that all requests wait after a refusal, at most `longest_hint`."""
        return min(error.retry_after or 0.0, self.longest_hint)


def _jittered(first: float, attempt: int, most: float) -> float:
    # The exponent is bounded against overflow; `most` applies long before.
    return random.uniform(0, min(most, first * 2.0 ** min(attempt - 1, 32)))
