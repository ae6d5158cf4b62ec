"""How often a download sends another request after a failed one, and how long it waits."""

from __future__ import annotations

import random
from typing import Final

from akool_async.http.retry import Retry
from akool_async.media.failures import AttemptFailed

MAX_REQUESTS: Final = 1000
"""Requests of one download, even if each of them brings it further."""

TOO_MANY: Final = 429

THROTTLED: Final = frozenset({403, 404, TOO_MANY, 503})
"""HTTP statuses with longer delays: the server asks for less, or the media of a job that has
just completed is not there yet."""

PASSING: Final = THROTTLED | {408, 425, 500, 502, 504}
"""HTTP statuses that often pass by themselves."""


class RetryBudget:
    """Decides when a download sends another request, and when it gives up.

    `Retry.attempts` limits the requests in a row without progress. So a download that is cut
    a hundred times, each time a little later, still gets to its end. A host that asks for less, and
    a shortage of our own such as too many open files, is no outage: `Retry.throttled_attempts`.
    """

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._without_progress = 0
        """Failed requests in a row that brought the download no further."""
        self._furthest = 0
        self.requests = 0
        """Requests that failed."""

    def delay(self, failure: AttemptFailed, received: int) -> float | None:
        """Return the seconds to wait before the next request, or `None` to give up.

        Args:
            failure: How the last request failed.
            received: Bytes of the file received so far.
        """
        self.requests += 1
        progress = received > self._furthest and not failure.no_progress
        self._furthest = max(self._furthest, received)
        self._without_progress = 0 if progress else self._without_progress + 1
        retry = self._retry
        no_outage = failure.here or failure.status == TOO_MANY
        most = retry.throttled_attempts if no_outage else retry.attempts
        spent = self._without_progress >= most or self.requests >= MAX_REQUESTS
        if failure.final or spent or failure.wait > retry.longest_hint:
            return None
        slow = failure.here or failure.status in THROTTLED
        first = retry.throttled if slow else retry.initial
        # The exponent is bounded, because a float overflows; the maximum is far below anyway.
        grown = first * 2.0 ** min(max(0, self._without_progress - 1), 32)
        return failure.wait + random.uniform(0, min(retry.maximum, grown))
