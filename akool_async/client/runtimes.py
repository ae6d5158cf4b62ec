"""The runtimes of a client, one for each event loop that uses it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from akool_async.client.runtime import Runtime
from akool_async.client.shared import Shared, Vendor
from akool_async.client.stats import Stats, together


class Runtimes:
    """Makes the runtime of each event loop at the first use, and forgets it when the loop is over.

    Args:
        shared: What all loops of the client share.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._by_loop: dict[asyncio.AbstractEventLoop, Runtime] = {}
        self._closing: list[Runtime] = []
        self._past = Stats()
        """The figures of loops that are over."""
        self._closed = False

    def get(self, purpose: str, *, vendor: Callable[[], Vendor], hint: str) -> Runtime:
        """Return the running loop's runtime.

        Args:
            vendor: Returns what the vendor's own client does; called for a new runtime.
            purpose: What the runtime is needed for: a method, or the class of a request.
            hint: The module in which the classes of requests are found.

        Raises:
            RuntimeError: no loop runs here, or the client is closed.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None:
            more = ""
            if purpose.isidentifier():
                more = f"; build {hint}.{purpose}(...) here, and submit it inside one"
            raise RuntimeError(f"no event loop is running, and {purpose} needs one{more}")
        if self._closed:
            raise RuntimeError("the client is closed; enter it again with `async with`")
        if loop not in self._by_loop or self._by_loop[loop].closed:
            self._forget_closed(loop)
            self._by_loop[loop] = Runtime(self._shared, vendor())
        return self._by_loop[loop]

    def _forget_closed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget the runtimes of loops that are over, and of this loop if its own is closed."""
        kept: dict[asyncio.AbstractEventLoop, Runtime] = {}
        for known, runtime in self._by_loop.items():
            if known is loop or known.is_closed():
                self._past = together(self._past, runtime.stats.past)
            else:
                kept[known] = runtime
        self._by_loop = kept

    def open(self) -> None:
        """Let a closed client be used again; its own journal is opened again, too."""
        records = self._shared.records
        if self._closed and records is not None and records.owned:
            self._shared.open_records()
        self._closed = False

    async def close(self, grace: float) -> None:
        """End all jobs of this loop, close its connections, and the client's own journal."""
        self._closed = True
        runtime = self._by_loop.pop(asyncio.get_running_loop(), None)
        records = self._shared.records
        try:
            if runtime is not None:
                self._closing.append(runtime)
                try:
                    await runtime.close(grace)
                finally:
                    self._closing.remove(runtime)
                    self._past = together(self._past, runtime.stats.past)
            self._shared.experience.remember()
        finally:
            if records is not None:
                await records.close()

    def stats(self, loop: asyncio.AbstractEventLoop | None) -> Stats:
        """Return the figures of all loops; those of the moment of one loop, or of all."""
        parts = [self._past, *(runtime.stats for runtime in tuple(self._closing))]
        for known, runtime in tuple(self._by_loop.items()):
            here = loop is None or known is loop
            parts.append(runtime.stats if here else runtime.stats.past)
        return functools.reduce(together, parts, self._shared.stats())
