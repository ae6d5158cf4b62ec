"""One lookup under way: what it has taken, and gives back whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from akool_async.engine.record import JobRecord
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)


class Look(Generic[S]):
    """A place of the limiter, and the jobs that nobody else polls meanwhile.

    Args:
        leave: Gives the place back.
        again: Plans the next poll of jobs.
    """

    __slots__ = ("_again", "_entered", "_leave", "chunk")

    def __init__(
        self, leave: Callable[[], object], again: Callable[[list[JobRecord[S]]], object]
    ) -> None:
        self._leave = leave
        self._again = again
        self._entered = True
        self.chunk: list[JobRecord[S]] = []
        """The jobs that it is about; none once each has ended, or has its next turn."""

    def leave(self) -> None:
        """Give the place back."""
        if self._entered:
            self._entered = False
            self._leave()

    def give_back(self) -> bool:
        """Give back what is still taken, after a cancel or an interrupt; say whether that was any.

        A cancel may have ended the lookup's task before its first step.
        """
        broken_off = self._entered or bool(self.chunk)
        try:
            self._again(self.chunk)
            self.chunk = []
        finally:
            self.leave()
        return broken_off
