"""The asynchronous client behind a synchronous one."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from akool_async.media.threads import Here
from akool_async.observers import logger
from akool_async.sync.background import CLOSED, Background, check_may_wait

if TYPE_CHECKING:
    from akool_async.client.akool import Akool
    from akool_async.client.stats import Stats


GRACE: Final = 5.0
"""Seconds. Closing a client waits at most so long for the answers to creates."""
_SAVING: Final = 5.0
"""Seconds. At the end of the program, a client that nobody closed saves results so long."""


class _Process:
    """What belongs to one process."""

    def __init__(self) -> None:
        self.inherited: list[object] = []
        """What the parent has open. Freed here, it would make asyncio and aiohttp complain."""
        self.open: weakref.WeakSet[Behind] = weakref.WeakSet()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin, also in a child after a fork: another thread of the parent may hold the lock."""
        self.id = os.getpid()
        # Reentrant: the garbage collector may close a generator in the middle of any call.
        self.lock = threading.RLock()
        self.inherited += [behind.running for behind in tuple(self.open)]
        self.open = weakref.WeakSet()


class Behind:
    """The asynchronous client behind a synchronous one, and its share in the background loop.

    The loop is joined at the first use. In a child after a fork, the client is made once more.

    Args:
        make: Makes the asynchronous client.
    """

    def __init__(self, make: Callable[[], Akool]) -> None:
        self._make = make
        self._process = _process.id
        self._akool = self._made()
        self._background: Background | None = None
        self.half_read: weakref.WeakSet[Any] = weakref.WeakSet()
        """What is closed before the client at the end of the program: the loop's side of `map`."""
        self._entered = 0
        self._closed = False
        self._finalizer: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return repr(self._akool)

    @property
    def running(self) -> tuple[object, ...]:
        """What is open, in the process that has opened it."""
        return self._akool, self._background

    @property
    def akool(self) -> Akool:
        """The asynchronous client, in this process.

        Raises:
            JournalInUse: the process that made the client has its journal open.
        """
        with _process.lock:
            return self._here()

    def _here(self) -> Akool:
        if self._process != _process.id:
            mine = self._made()
            self._akool, self._background, self._process = mine, None, _process.id
            self.half_read = weakref.WeakSet()
        return self._akool

    def _made(self) -> Akool:
        akool = self._make()
        akool.in_background = True
        return akool

    def background(self) -> Background:
        """Return the client's share in the loop.

        Raises:
            RuntimeError: the client is closed; or this is the loop's own thread.
            JournalInUse: the process that made the client has its journal open.
        """
        check_may_wait()
        with _process.lock:
            self._here()
            if self._closed:
                raise RuntimeError(CLOSED)
            if self._background is None:
                self._background = self._joined()
            return self._background

    def _joined(self) -> Background:
        background = Background()
        finalizer = weakref.finalize(self, _left_open, self._akool, background, _process.id)
        finalizer.atexit = False  # `_close_all` closes with more patience
        self._finalizer = finalizer.detach
        _process.open.add(self)
        # The last one registered is called first: before that of the journal, which may be newer.
        atexit.unregister(_close_all)
        atexit.register(_close_all)
        return background

    # Opened and closed

    def enter(self) -> None:
        """Open the client, also one that was closed."""
        with _process.lock:
            akool = self._here()
            self._closed = False
        self.run(akool.__aenter__)
        with _process.lock:
            self._entered += 1

    def leave(self) -> None:
        """Leave one `with` block; the last one closes the client."""
        with _process.lock:
            self._entered = max(0, self._entered - 1)
            last = not self._entered
        if last:
            self.close()

    def close(self, grace: float = GRACE, saving: float | None = None) -> None:
        """Close the client, and give its share in the loop back."""
        check_may_wait()
        with _process.lock:
            if self._closed or self._process != _process.id:
                self._closed = True  # what the parent has open is the parent's
                return
            background = self._background or self._joined()  # a journal is open from the start
        try:
            background.run(self._akool.close, grace, saving)
        finally:
            with _process.lock:
                mine = self._background in {background, None}
                self._background, self._closed = None, True
            if mine:
                self._give_back(background)

    def end(self) -> None:
        """Close the client at the end of the program."""
        try:
            self.run(_close_at_exit, self._akool, tuple(self.half_read))
        finally:
            self._background, self._closed = None, True

    def _give_back(self, background: Background) -> None:
        _process.open.discard(self)
        if self._finalizer is not None:
            self._finalizer()
        background.leave()

    # Used

    def figures(self) -> Stats:
        """Return the client's figures, counted in the loop where it is open."""
        akool, background = self.akool, self._background
        try:
            return akool.figures() if background is None else background.run(akool.figures)
        except RuntimeError:  # it was closed just now, or a hook asks
            return akool.figures()

    def run(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Call a function in the loop, and wait for what it returns, or for its coroutine."""
        return self.background().run(function, *arguments)


def _left_open(akool: Akool, background: Background, process: int) -> None:
    """Close a client that nobody holds, in a thread: the garbage collector must not wait."""
    if process != _process.id:
        return
    logger.warning("Akool was not closed: use `with`, or `akool.close()`")
    try:
        threading.Thread(target=partial(_close, akool, background), daemon=True).start()
    except RuntimeError:  # the interpreter is at its end
        return


def _close(akool: Akool, background: Background) -> None:
    try:
        background.run(akool.close)
    finally:
        background.leave()


class _Here(Here, ThreadPoolExecutor):
    """Runs each call at once. A loop takes no executor of another kind as its own."""


async def _close_at_exit(akool: Akool, half_read: Sequence[Any]) -> None:
    asyncio.get_running_loop().set_default_executor(_Here(1))
    for each in half_read:
        await each.close()
    await akool.close(GRACE, _SAVING)


async def _complain_no_more() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)


def _close_all() -> None:
    """Close what the program has left open. The loop's thread ends with the interpreter."""
    left_open = tuple(_process.open)
    for behind in left_open:
        try:
            behind.end()
        except Exception:
            logger.exception("Akool could not be closed at the end of the program")
    if left_open:
        # What was left half-read, such as a `map`, ends with the interpreter.
        Background().run(_complain_no_more)


_process = _Process()

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_process.begin_anew)
