"""The runtimes of a client, one for each event loop that uses it.

How this works
--------------
Many users may share a client: threads with a loop each, and several handlers in one loop. Each
loop has its own runtime and its own lifetime: entrances by `async with` are counted per loop, and
the last one to leave a loop closes the runtime there. What the loops share, such as the journal,
is closed when no loop uses the client any more.

A loop may be over without anybody saying so. So whenever a loop begins, those are let go of that
do not run, and whose thread has ended or runs the new loop. Such a loop may run again: then it gets
a new runtime. One that still has jobs is held weakly: its jobs hold it, through the timers and
tasks of their loop, and when that loop is dropped, it takes the runtime with it.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

from akool_async.client.runtime import Runtime
from akool_async.client.shared import Shared, Vendor
from akool_async.client.stats import Stats, together
from akool_async.clock import running_loop


class _Use:
    """How one loop uses the client."""

    def __init__(self) -> None:
        self.entered = 0
        """How many `async with` blocks are open."""
        self.closed = False
        """Whether the client was closed in this loop, and not entered again."""
        self.runtime: Callable[[], Runtime | None] = lambda: None
        """A weak reference to the loop's runtime."""


class Runtimes:
    """Makes the runtime of each event loop at the first use, and forgets it when the loop is over.

    Its table may be used by many threads at once.

    Args:
        shared: What all loops of the client share.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        # Reentrant: the garbage collector may run a finalizer in the middle of any call.
        self._lock = threading.RLock()
        self._by_loop: dict[asyncio.AbstractEventLoop, Runtime] = {}
        """The runtimes of the loops that run, and of those that ran last."""
        self._uses: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Use] = (
            weakref.WeakKeyDictionary()
        )
        self._closing: list[Runtime] = []
        self._closed = False
        """Whether the client was closed, and no loop uses it."""

    def get(self, purpose: str, *, vendor: Callable[[], Vendor], hint: str) -> Runtime:
        """Return the running loop's runtime.

        Args:
            vendor: Returns what the vendor's own client does; called for a new runtime.
            purpose: What the runtime is needed for: a method, or the class of a request.
            hint: The module in which the classes of requests are found.

        Raises:
            RuntimeError: no loop runs here, or the client is closed.
        """
        loop = running_loop()
        if loop is None:
            more = ""
            if purpose.isidentifier():
                more = f"; build {hint}.{purpose}(...) here, and submit it inside one"
            raise RuntimeError(f"no event loop is running, and {purpose} needs one{more}")
        runtime = self._by_loop.get(loop)
        return self._begin(loop, vendor) if runtime is None or runtime.closed else runtime

    def _begin(self, loop: asyncio.AbstractEventLoop, vendor: Callable[[], Vendor]) -> Runtime:
        with self._lock:
            use = self._use_of(loop)
            if self._closed or use.closed:
                raise RuntimeError("the client is closed; enter it again with `async with`")
            self._release_others(loop)
            runtime = use.runtime()
            if runtime is None or runtime.closed:
                runtime = Runtime(self._shared, vendor())
                use.runtime = weakref.ref(runtime)
            self._by_loop[loop] = runtime
            return runtime

    def _use_of(self, loop: asyncio.AbstractEventLoop) -> _Use:
        use = self._uses.get(loop)
        if use is None:
            use = self._uses[loop] = _Use()
        return use

    def _release_others(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go of the runtimes whose loops do not run, and may never run again."""
        here = threading.current_thread()
        for known, runtime in tuple(self._by_loop.items()):
            if known is loop or known.is_running():
                continue
            if known.is_closed() or runtime.thread is here or not runtime.thread.is_alive():
                del self._by_loop[known]
                if runtime.idle or known.is_closed():
                    runtime.let_go(tell=False)

    # Entered, left and closed

    def enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a closed client be used again; its own journal is opened again, too."""
        with self._lock:
            records = self._shared.records
            if self._closed and records is not None and records.owned:
                self._shared.open_records()
            self._closed = self._use_of(loop).closed = False

    def entered(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count one `async with` block that was entered."""
        with self._lock:
            self._use_of(loop).entered += 1

    def left(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Count one block that was left; return whether it was the last one of its loop."""
        with self._lock:
            use = self._use_of(loop)
            use.entered = max(0, use.entered - 1)
            return not use.entered

    def pump(self) -> None:
        """Let each loop look again for jobs that may be created; called in any thread."""
        here = running_loop()
        with self._lock:
            runtimes = [use.runtime() for use in tuple(self._uses.values())]
        for runtime in runtimes:
            if runtime is None or runtime.closed:
                continue
            if runtime.loop is here:
                runtime.engine.pump()
            else:
                with suppress(RuntimeError):  # the loop is closed
                    runtime.loop.call_soon_threadsafe(runtime.engine.pump)

    async def close(self, grace: float, saving: float | None) -> None:
        """End all jobs of this loop, and close its connections.

        If no other loop uses the client, its own journal is closed, too.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            use = self._use_of(loop)
            use.closed = True
            runtime = self._by_loop.pop(loop, None) or use.runtime()
        try:
            if runtime is not None:
                self._closing.append(runtime)
                try:
                    await runtime.close(grace, saving)
                finally:
                    self._closing.remove(runtime)
        finally:
            await self._close_shared(loop)

    async def _close_shared(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if any(self._in_use(other) for other in tuple(self._uses) if other is not loop):
                return
            self._closed = True
            self._release_others(loop)
        try:
            self._shared.experience.remember()
        finally:
            if self._shared.records is not None:
                await self._shared.records.close()

    def _in_use(self, loop: asyncio.AbstractEventLoop) -> bool:
        use = self._uses.get(loop)
        if use is None or use.closed or loop.is_closed():
            return False
        runtime = use.runtime()
        if runtime is None or runtime.closed:
            return False
        return use.entered > 0 or loop.is_running()

    def stats(self, loop: asyncio.AbstractEventLoop | None) -> Stats:
        """Return the figures of all loops; those of the moment of one loop, or of all."""
        with self._lock:
            parts = [self._shared.past]
            known = [use.runtime() for use in tuple(self._uses.values())]
            runtimes = {runtime for runtime in (*self._closing, *known) if runtime is not None}
            for runtime in runtimes:
                if not runtime.retired:
                    here = loop is None or runtime.loop is loop or runtime in self._closing
                    parts.append(runtime.stats if here else runtime.stats.past)
        return functools.reduce(together, parts, self._shared.stats())
