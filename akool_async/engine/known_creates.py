"""Which jobs of the vendor's belong to a create that this client knows, and which creates are lost.

Only for operations whose jobs a list shows. There the job of a create whose reply was lost can be
looked for (`akool.find`), and a job that belongs to another create must not be taken for it.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from array import array
from typing import Any

from akool_async.protocol.listed import Lost


class KnownCreates:
    """The creates of one client, in all its event loops, as far as lists show their jobs."""

    def __init__(self) -> None:
        # 8 bytes for each job, for as long as the client lives. Looking an id up is slow, and rare.
        self._ids = array("q")
        self._lock = threading.Lock()
        self._lost: list[tuple[str, Lost]] = []
        self._found: dict[tuple[str, float], list[tuple[Any, str]]] = {}
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    def turn(self) -> asyncio.Lock:
        """Return what a search of the running loop holds while a create gets its job.

        Two searches for one create find the same job, not one of them nothing.
        """
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def add(self, id: str) -> None:
        """Take note of a job whose create is known."""
        self._ids.append(hash(id))

    def __contains__(self, id: str) -> bool:
        return hash(id) in self._ids

    def claim(self, id: str) -> bool:
        """Take a job for a create whose reply was lost; return whether it belonged to none.

        In one step: two searches at once must not take one job.
        """
        with self._lock:
            if id in self:
                return False
            self.add(id)
            return True

    def give_back(self, id: str) -> None:
        """Undo `claim`."""
        with self._lock:
            self._ids.remove(hash(id))

    def lose(self, name: str, lost: Lost) -> None:
        """Take note of a create of unknown outcome."""
        self._lost.append((name, lost))

    def lost(self) -> list[Lost]:
        """Return the creates of unknown outcome."""
        return [each for _, each in tuple(self._lost)]

    def find(self, name: str, lost: Lost, id: str) -> None:
        """Take note of the id of a create that had been lost."""
        self._found.setdefault((name, lost.sent_at), []).append((lost.request, id))
        if (name, lost) in self._lost:
            self._lost.remove((name, lost))

    def found(self, name: str, lost: Lost) -> str | None:
        """Return the id of a create that was found before."""
        before = self._found.get((name, lost.sent_at), ())
        return next((found for request, found in before if request == lost.request), None)
