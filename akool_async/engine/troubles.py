"""Failed lookups of one family: what the log says of them, and a job that runs out of time."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Final

from akool_async.clock import Clock
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.errors import AkoolError, RateLimited
from akool_async.observers import logger

_SICK: Final = 3
"""Failed lookups in a row from which on the log says that a family is in trouble."""
_SHOWN: Final = 200
"""Characters of an error's text that a message repeats."""


class _Trouble:
    """Failures in a row, and the last of them."""

    __slots__ = ("error", "number", "since", "told")

    def __init__(self, since: float) -> None:
        self.since = since
        self.number = 0
        self.error: Exception | None = None
        self.told = False
        """Whether the log has named it."""

    def add(self, error: Exception) -> None:
        self.number += 1
        self.error = error

    def __str__(self) -> str:
        assert self.error is not None
        kind = type(self.error).__name__
        # The texts of foreign errors may show what nobody should read, such as a header.
        text = f": {self.error}" if isinstance(self.error, AkoolError) else ""
        return f"{kind}{text}"[:_SHOWN]


class Troubles:
    """The failed lookups of one family, in a row: of the whole family, and of single jobs.

    Args:
        family: The family's name.
        jobs: Its watched jobs.
        clock: Where time comes from.
    """

    def __init__(self, family: str, jobs: Sized, clock: Clock) -> None:
        self._family = family
        self._jobs = jobs
        self._clock = clock
        self._whole: _Trouble | None = None
        """The lookups since the last answer, whichever jobs they were about."""
        self.alone: dict[JobRecord[Any], _Trouble] = {}
        """By job, failed lookups that were about that job alone."""

    def failed(self, chunk: Sequence[JobRecord[Any]], error: Exception, *, passing: bool) -> None:
        """Count a failed lookup.

        Args:
            chunk: The jobs that it was about.
            error: Why it failed.
            passing: Whether the host is in trouble, rather than one of the jobs.
        """
        now = self._clock.time()
        if len(chunk) == 1 and chunk[0].state is WATCHED:  # else nobody would forget it
            self.alone.setdefault(chunk[0], _Trouble(now)).add(error)
        if passing:
            self._whole = self._whole or _Trouble(now)
            self._whole.add(error)
            self._warn(self._whole)

    def _warn(self, trouble: _Trouble) -> None:
        # A host that asks for fewer requests is not sick, and the rate limit says so itself.
        if trouble.told or trouble.number < _SICK or isinstance(trouble.error, RateLimited):
            return
        trouble.told = True
        logger.warning(
            "%s: %d lookups in a row failed, the last one with %s; the jobs that wait, %d, are"
            " polled until there are answers",
            self._family,
            trouble.number,
            trouble,
            len(self._jobs),
        )

    def answered(self) -> None:
        """Take note of an answer: the host is well."""
        trouble, self._whole = self._whole, None
        if trouble is not None and trouble.told:
            seconds = self._clock.time() - trouble.since
            logger.warning(
                "%s: lookups are answered again, after %d failed ones in %.0f seconds",
                self._family,
                trouble.number,
                seconds,
            )

    def is_new(self, error: Exception) -> bool:
        """Say whether the last failed lookup had another kind of error, or there was none."""
        return self._whole is None or type(self._whole.error) is not type(error)

    def of(self, record: JobRecord[Any]) -> str:
        """Return what stood between a job and an answer, as the end of a sentence."""
        trouble = self.alone.get(record) or self._whole
        if trouble is None:
            return ""
        return f"; lookups that failed in a row: {trouble.number}, the last one with {trouble}"
