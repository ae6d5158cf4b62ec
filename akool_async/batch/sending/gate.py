"""Whether a run creates: it may be paused and resumed, and in the end be drained."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from akool_async.batch.live import LiveRows
from akool_async.batch.sending.feeding import Feeding

if TYPE_CHECKING:
    from akool_async.client.akool import Akool

_LOOK_AGAIN: Final = 0.05
"""Seconds until the jobs are looked at again that could not be dropped yet."""


class Gate:
    """Lets rows through to Akool, or holds them back.

    The feeding of rows stops, and so does the client: rows that were fed before may wait for a
    place or for credit, upload their files, or be recipes that have more to create.

    Args:
        akool: Creates the jobs.
        feeding: Takes rows from the manifest.
        live: The rows whose jobs go on.
    """

    def __init__(self, akool: Akool, feeding: Feeding, live: LiveRows) -> None:
        self._akool = akool
        self._feeding = feeding
        self._live = live
        self._dropping: asyncio.Task[None] | None = None

    def hold(self) -> None:
        """Create nothing until `open` is called."""
        self._feeding.paused = True
        self._akool.pause()

    def open(self) -> None:
        """Create again; also what waits for credit."""
        self._feeding.paused = False
        self._live.wake()
        self._akool.resume()

    def shut(self) -> None:
        """Create nothing more, and drop what is not at Akool."""
        self._feeding.stop()
        self._akool.pause()
        self._dropping = asyncio.create_task(self._drop_unsent())

    def leave(self) -> None:
        """Drop no more."""
        if self._dropping is not None:
            self._dropping.cancel()

    async def _drop_unsent(self) -> None:
        """Drop the jobs of which nothing is at Akool; a recipe's, once its step there has ended."""
        while any(live.job is not None and live.job.id is None for live in self._live):
            for live in self._live:
                if live.job is not None and live.unsent:
                    await live.job.cancel()
            await asyncio.sleep(_LOOK_AGAIN)
