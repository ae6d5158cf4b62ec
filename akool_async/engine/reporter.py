"""Counts the events of jobs, and notifies the listener."""

from __future__ import annotations

from typing import Any

from akool_async.engine.record import JobRecord
from akool_async.engine.settings import EventListener
from akool_async.observers import shield


class Reporter:
    """Counts each event, and notifies a listener of it.

    Args:
        listener: Notified of each event, if anybody wants to know.
    """

    def __init__(self, listener: EventListener | None) -> None:
        self._listener = listener
        self._listening = False

    def ask(self) -> None:
        """Ask, whenever a job begins, whether anybody wants to know: events are many."""
        if self._listener is not None:
            self._listening = self._listener.listening

    def report(self, event: str, record: JobRecord[Any], about: object = None) -> None:
        """Report one event, with a status, an outcome or a path that belongs to it."""
        record.operation.events[event] += 1
        if self._listening and self._listener is not None:
            shield("the listener of events", self._listener, event, record, about)
