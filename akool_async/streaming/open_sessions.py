"""The sessions of a client that are open: they are closed with it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from akool_async.job import Job
from akool_async.streaming.waiting import lasting


class Closable(Protocol):
    """A session, as far as its client closes it."""

    @property
    def job(self) -> Job[Any]:
        """The job that opened the session."""
        ...

    @property
    def over(self) -> bool:
        """Whether its time is over by much, so that there is nothing to close."""
        ...

    def end(self) -> asyncio.Task[Any]:
        """Begin to end the session; return the task that does it."""
        ...

    def closed_by_hand(self) -> None:
        """End as a session whose close the user has sent."""
        ...


class OpenSessions:
    """The sessions of a client that were opened, and not closed yet."""

    def __init__(self) -> None:
        self._sessions: dict[Closable, asyncio.AbstractEventLoop] = {}

    def add(self, session: Closable) -> None:
        """Keep a session of the running loop; forget those whose time is over."""
        for each in [each for each in self._sessions if each.over]:
            self.discard(each)
        self._sessions[session] = asyncio.get_running_loop()

    def discard(self, session: Closable) -> None:
        """Forget a session that is closed."""
        self._sessions.pop(session, None)

    @property
    def ids(self) -> set[str | None]:
        """The ids of the sessions, in all event loops."""
        return {session.job.id for session in tuple(self._sessions)}

    def closed_by_hand(self, close: object) -> None:
        """Take note that the user has closed a session: it is not closed again."""
        here, closed = asyncio.get_running_loop(), getattr(close, "id", None)
        for session, loop in tuple(self._sessions.items()):
            if (loop is here or loop.is_closed()) and session.job.id == closed:
                session.closed_by_hand()

    async def close(self) -> None:
        """Close the sessions of the running loop, and of loops that are over.

        Those that could not be closed are in the log.
        """
        here = asyncio.get_running_loop()
        ours = [each for each, loop in self._sessions.items() if loop is here or loop.is_closed()]
        endings = [each.end() for each in ours if not each.over]
        for ending in endings:
            await lasting(ending)
