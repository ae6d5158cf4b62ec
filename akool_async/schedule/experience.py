"""What a client has learned of a host, and keeps from one event loop to the next.

With a journal it is kept there, too, and so from one process to the next.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from akool_async.errors import JournalError
from akool_async.protocol.endpoint import Family, Guess
from akool_async.schedule.batch_size import Cap

if TYPE_CHECKING:
    from akool_async.journal import Journal
    from akool_async.schedule.learner import Learner, Schedule

logger = logging.getLogger("akool_async")

_OFTEN: Final = 256
"""Completions of one operation after which what was learned of it is written down."""


class Experience:
    """How long jobs take, by operation; and how many ids a lookup may hold, by family.

    Args:
        host: Scheme and host of the API: what is learned is true of it alone.
        settings: What a look is worth.
        batch: Ids in a lookup at most, where the user has said that.
    """

    def __init__(self, host: str, settings: Schedule | None, batch: int | None) -> None:
        self._host = host
        self._settings = settings
        self._batch = batch
        self._caps: dict[str, Cap] = {}
        self.learners: dict[str, Learner] = {}
        """By operation name."""
        self.journal: Journal | None = None
        """Where it is kept."""

    def learner(self, name: str, guess: Guess | None) -> Learner:
        """Return the learner of an operation's jobs.

        Args:
            name: The operation's dotted name.
            guess: How long its jobs usually take, if that is known.
        """
        known = self.learners.get(name)
        if known is None:
            # Not before the first job: importing it takes long.
            from akool_async.schedule.learner import Learner, Schedule

            known = Learner(self._settings or Schedule(), guess)
            self.learners[name] = known
            remembered = self._recalled(self._schedule_of(name))
            if remembered is not None:
                known.load(remembered)
        return known

    def cap(self, family: Family[Any]) -> Cap:
        """Return how many ids of a family one lookup may ask about."""
        known = self._caps.get(family.name)
        if known is None:
            most = min(family.batch, self._batch or family.batch)
            known = Cap(most, most) if self._batch else Cap(most)
            self._caps[family.name] = known
            remembered = self._recalled(self._cap_of(family.name))
            if remembered is not None and not self._batch:
                known.load(remembered)
        return known

    def _schedule_of(self, operation: str) -> str:
        return f"schedule {self._host} {operation}"

    def _cap_of(self, family: str) -> str:
        return f"cap {self._host} {family}"

    def _recalled(self, name: str) -> bytes | None:
        if self.journal is None:
            return None
        try:
            return self.journal.recall(name)
        except JournalError as error:  # what could be learned again is no reason to lose a job
            problem = error
        logger.warning("%r cannot be recalled: %s", name, problem)
        return None

    def noted(self, name: str) -> None:
        """Learn that a job of an operation has ended; writes down what is new now and then."""
        learner = self.learners.get(name)
        if self.journal is not None and learner is not None and learner.completions % _OFTEN == 0:
            self.journal.remember(self._schedule_of(name), learner.dump())

    def remember(self) -> None:
        """Write down everything, where there is a journal."""
        if self.journal is None:
            return
        for name, learner in self.learners.items():
            if learner.completions:
                self.journal.remember(self._schedule_of(name), learner.dump())
        for family, cap in self._caps.items():
            if cap.learned:
                self.journal.remember(self._cap_of(family), cap.dump())
