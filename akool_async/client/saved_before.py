"""Looks for the files of results that were saved before, mostly by an earlier process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from akool_async.client.save_task import SaveTask
from akool_async.client.saving_place import SavingPlace
from akool_async.observers import logger

Gone: TypeAlias = tuple[SaveTask, int, str]
"""A result whose file is gone, its row in the journal, and that file."""


class SavedBefore:
    """Results whose files are still to be looked for: all that have come, in one thread.

    Args:
        place: Where results are saved.
        found: Called with those whose files are gone, for each group that was looked for.
        over: Called once nothing is left to be looked for.
    """

    def __init__(
        self,
        place: SavingPlace,
        found: Callable[[Sequence[Gone]], object],
        over: Callable[[], object],
    ) -> None:
        self._place = place
        self._found = found
        self._over = over
        self._waiting: list[SaveTask] = []
        self.task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, save: SaveTask) -> None:
        """Look for the file of a result soon."""
        self._waiting.append(save)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            while self._waiting:
                known = list(self._waiting)
                gone = await asyncio.to_thread(_gone, known, self._place)
                del self._waiting[: len(known)]
                self._found(gone)
        except RuntimeError as error:  # the interpreter ends, and starts no thread any more
            logger.warning("%d saved files were not looked for: %s", len(self._waiting), error)
            self._waiting.clear()
        finally:
            self.task = None
            self._over()

    def stop(self) -> None:
        """Look for nothing more."""
        self._waiting.clear()
        if self.task is not None:
            self.task.cancel()


def _gone(saves: Sequence[SaveTask], place: SavingPlace) -> list[Gone]:
    """Return the results whose files are gone, with their rows and those files. Blocks."""
    known = [(save, *save.before) for save in saves if save.before is not None]
    return [each for each in known if place.lacks(each[2])]
