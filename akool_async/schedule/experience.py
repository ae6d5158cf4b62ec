"""What a client has learned about a host: job durations and batch sizes.

A client keeps it from one event loop to the next. With a journal it is also stored there,
and so kept from one process to the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from akool_async.errors import JournalError
from akool_async.observers import logger
from akool_async.protocol.endpoint import Family, Guess
from akool_async.schedule.batch_size import BatchSize

if TYPE_CHECKING:
    from akool_async.schedule.learner import Learner, Schedule

_STORE_EVERY: Final = 256
"""Completions of one operation after which its learned durations are stored again."""


@runtime_checkable
class Memory(Protocol):
    """A store of small named values that outlives the client; the journal is one."""

    def recall(self, name: str) -> bytes | None:
        """Return the value stored under a name.

        Raises:
            JournalError: the store cannot be read.
        """
        ...

    def remember(self, name: str, value: bytes) -> None:
        """Store a value under a name, in place of the one before; never block or raise."""
        ...


class Experience:
    """Learned job durations by operation, and learned batch sizes by family.

    Args:
        host: Scheme and host of the API; nothing learned here applies to another host.
        settings: The learning schedule's settings; `None` for the defaults.
        batch: The most ids in one lookup, if the user set it; then no batch size is learned.
    """

    def __init__(self, host: str, settings: Schedule | None, batch: int | None) -> None:
        self._host = host
        self._settings = settings
        self._batch = batch
        self._batch_sizes: dict[str, BatchSize] = {}
        self.learners: dict[str, Learner] = {}
        """By operation name."""
        self._stored: dict[str, int] = {}
        """How many completions what is stored rests on, by operation name."""
        self.memory: Memory | None = None
        """Where it is stored; `None` without a journal."""

    def learner(self, name: str, guess: Guess | None) -> Learner:
        """Return the learner of an operation; restore it from memory on first use.

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
            self._stored[name] = known.completions
        return known

    def batch_size(self, family: Family[Any]) -> BatchSize:
        """Return the batch size of a family; restore it from memory on first use."""
        known = self._batch_sizes.get(family.name)
        if known is None:
            most = min(family.batch, self._batch or family.batch)
            known = BatchSize(most, most) if self._batch else BatchSize(most)
            self._batch_sizes[family.name] = known
            remembered = self._recalled(self._batch_size_of(family.name))
            if remembered is not None and not self._batch:
                known.load(remembered)
        return known

    def _schedule_of(self, operation: str) -> str:
        return f"schedule {self._host} {operation}"

    def _batch_size_of(self, family: str) -> str:
        # "cap" is the name in existing journals: another word would lose what they hold.
        return f"cap {self._host} {family}"

    def _recalled(self, name: str) -> bytes | None:
        if self.memory is None:
            return None
        try:
            return self.memory.recall(name)
        except JournalError as error:
            # It can be learned again, so an unreadable value must not end a job.
            problem = error
        logger.warning("%r cannot be recalled: %s", name, problem)
        return None

    def note_ended(self, name: str) -> None:
        """Record that a job of an operation has ended; store its durations now and then."""
        learner = self.learners.get(name)
        if self.memory is None or learner is None:
            return
        # Not at each multiple: a job that is restored from the journal ends, and completes nothing.
        if learner.completions - self._stored[name] >= _STORE_EVERY:
            self._stored[name] = learner.completions
            self.memory.remember(self._schedule_of(name), learner.dump())

    def remember(self) -> None:
        """Store everything that was learned, if there is a memory."""
        if self.memory is None:
            return
        for name, learner in self.learners.items():
            if learner.completions:
                self.memory.remember(self._schedule_of(name), learner.dump())
        for family, size in self._batch_sizes.items():
            if size.learned:
                self.memory.remember(self._batch_size_of(family), size.dump())
