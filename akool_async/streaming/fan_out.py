"""Events for several listeners: each has its own bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final
from weakref import WeakSet

from akool_async.streaming.events import Ended, Missed, SessionEvent

MOST_WAITING: Final = 1024
"""Events that wait for one iterator; more push out the oldest."""


class Listener(AsyncIterator[SessionEvent]):
    """An iterator of events, from the moment on in which it was made.

    Dropping it ends it: nothing but its user holds it.
    """

    def __init__(self) -> None:
        self._waiting: deque[SessionEvent] = deque(maxlen=MOST_WAITING)
        self._missed = 0
        self._ended = False
        self._news = asyncio.Event()

    def take(self, event: SessionEvent) -> None:
        """Take an event; it is the last one if it is `Ended`."""
        self._missed += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(event)
        self._ended = isinstance(event, Ended)
        self._news.set()

    async def __anext__(self) -> SessionEvent:
        while True:
            if self._missed:
                missed, self._missed = Missed(count=self._missed), 0
                return missed
            if self._waiting:
                return self._waiting.popleft()
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()


class FanOut:
    """Gives each event to all iterators."""

    def __init__(self) -> None:
        self._listeners: WeakSet[Listener] = WeakSet()
        self._ended: Ended | None = None

    def listener(self) -> Listener:
        """Return a new iterator; after the end it yields `Ended` alone."""
        listener = Listener()
        if self._ended is not None:
            listener.take(self._ended)
        else:
            self._listeners.add(listener)
        return listener

    def tell(self, event: SessionEvent) -> None:
        """Give an event to all iterators. After `Ended` nothing more is told."""
        if self._ended is not None:
            return
        if isinstance(event, Ended):
            self._ended = event
        for listener in tuple(self._listeners):
            listener.take(event)
