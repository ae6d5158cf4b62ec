"""One download: as many requests as it takes, each resuming where the last one broke off.

How it works. `run` sends requests until one of them leaves the file whole. A request either
returns or ends with `AttemptFailed`, which `RetryBudget` turns into a delay or into giving up.
Three things outlive a request: the bytes in the sink (a file, the memory, or a reader), what the
server said about the file, and the deadline. The first two belong to the `Arrival`, which takes in
what a request brings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

import aiohttp

from akool_async.clock import LATE, Clock, sleep
from akool_async.http.retry import Retry
from akool_async.media.addresses import parse, redirected
from akool_async.media.arrival import Arrival
from akool_async.media.failures import AttemptFailed, LocalError, failure_of
from akool_async.media.policy import Policy
from akool_async.media.progress import Progress
from akool_async.media.retry_budget import RetryBudget
from akool_async.media.session import MediaSession
from akool_async.media.sink import Sink
from akool_async.media.source import Source
from akool_async.media.stall_guard import StallGuard

MAX_REDIRECTS: Final = 5

_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "akool_async"}
"""All headers that are sent, besides `Host` and those that ask for a range."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({403, 404, 410})
_STALE: Final = _GONE | {400, 401}
"""Statuses with which stores refuse an address whose permission has run out."""


class Resources(NamedTuple):
    """The settings and tools that the downloads of one client share."""

    policy: Policy
    retry: Retry
    clock: Clock
    borrow_session: Callable[[], AbstractAsyncContextManager[MediaSession]]
    """Waits for a free place, and lends a session for one request."""


class Download:
    """The download of one file.

    Args:
        source: The file to fetch.
        sink: Where its bytes go.
        resources: The settings and tools to fetch it with.
        progress: Called as bytes come.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        resources: Resources,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._source = source
        self._resources = resources
        self._arrival = Arrival(sink, resources.policy.largest, progress)
        self._deadline = math.inf
        self._looked_at = -1
        """The bytes that were there when a fresh address was last asked for."""

    @property
    def url(self) -> str:
        """The address, which may have become another one meanwhile."""
        return self._source.url

    @property
    def content_type(self) -> str:
        """What the server calls the file."""
        return self._arrival.content_type

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, as they come, if the server said so."""
        return self._arrival.total

    async def run(self) -> None:
        """Send requests until the file is whole.

        Raises:
            DownloadError: the file could not be fetched whole.
            ResultExpired: Akool does not keep the file any more.
            OSError: the file cannot be written.
        """
        try:
            await self._fetch()
        except LocalError as local:
            problem = local.error
        else:
            return
        raise problem

    async def _fetch(self) -> None:
        clock = self._resources.clock
        budget = RetryBudget(self._resources.retry)
        while (failure := await self._request()) is not None:
            delay = budget.delay(failure, self._arrival.received)
            if failure.status in _GONE and self._source.expired(clock.now()):
                raise self._source.gone(failure.reason)
            if failure.status in _STALE and await self._has_fresh_address():
                continue
            if delay is None or clock.time() + delay >= self._deadline:
                # A status says how it is now; it may be otherwise in some minutes.
                final = failure.final and not failure.status
                stale = failure.status in _STALE
                raise self._source.failed(failure.reason, budget.requests, final=final, stale=stale)
            until = clock.time() + delay
            await sleep(clock, delay)
            if clock.time() > until + LATE:  # the process was stopped: that is no server's fault
                self._deadline += clock.time() - until

    async def _has_fresh_address(self) -> bool:
        """Look for a fresh address, once where the download stands; return whether there is one.

        Some addresses live for minutes, and the file for days.
        """
        fresh, received = self._source.fresh, self._arrival.received
        if fresh is None or received <= self._looked_at:
            return False
        self._looked_at = received
        url = await fresh()
        if url in {"", self._source.url}:
            return False
        self._source = self._source._replace(url=url)
        return True

    async def _request(self) -> AttemptFailed | None:
        """Send one request; return its failure, or `None` if the file is whole."""
        try:
            async with self._resources.borrow_session() as session:
                await self._exchange(session)
        except AttemptFailed as failure:
            return failure
        # aiohttp raises RuntimeError if the session or the connection was closed meanwhile.
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError, ValueError) as error:
            return failure_of(error)
        return None

    async def _exchange(self, session: MediaSession) -> None:
        """Send one request, guarded against a server that stalls, and take in the reply."""
        policy, clock = self._resources.policy, self._resources.clock
        # The time begins with the first request, not while the download waits for a place.
        self._deadline = min(self._deadline, clock.time() + policy.timeout)
        least = policy.slowest * policy.window
        guard = StallGuard(clock, least=least, window=policy.window, deadline=self._deadline)
        try:
            await self._follow(session, guard)
        finally:
            self._deadline = guard.deadline

    async def _follow(self, session: MediaSession, guard: StallGuard) -> None:
        """Send one request, and follow its redirects."""
        headers = _HEADERS | self._arrival.asked
        async with guard.guarding():
            url = parse(self._source.url)
            for _ in range(MAX_REDIRECTS + 1):
                async with session.get(url, headers=headers) as response:
                    location = response.headers.get("Location", "")
                    if response.status not in _REDIRECTS or not location:
                        await self._arrival.take(response, guard)
                        return
                url = redirected(url, location)
            raise AttemptFailed(f"there are more than {MAX_REDIRECTS} redirects", final=True)
