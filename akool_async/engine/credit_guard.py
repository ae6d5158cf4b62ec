"""Stops creates when the account has no credit, or is refused."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable

from akool_async.clock import Clock, sleep
from akool_async.engine.tasks import start
from akool_async.errors import (
    AccountError,
    AuthenticationError,
    InsufficientCredit,
)
from akool_async.observers import logger

_INTERVAL = 60.0
"""Seconds between two questions for the credit, and between two probes of a refusal."""

_ONE_UPLOAD_TOO_MANY = 1223
"""A quota of uploads only. Other jobs do not need it."""

_ACCOUNT_WIDE = frozenset({1004, 1101, 1102, 1103, 1109, 1200})
"""Codes that refuse the account, or its credential, for every request."""


def is_out_of_credit(problem: Exception) -> bool:
    """Say whether an error means that no job can be paid for."""
    return isinstance(problem, InsufficientCredit) and problem.code != _ONE_UPLOAD_TOO_MANY


def stops_all(problem: Exception) -> bool:
    """Say whether an error means that no job can be created, of any operation."""
    if isinstance(problem, AccountError | AuthenticationError):
        return problem.code in _ACCOUNT_WIDE
    return is_out_of_credit(problem)


class CreditGuard:
    """Whether jobs can be paid for, as far as is known.

    Args:
        clock: Where time comes from.
        credit: Returns the account's credit. Given where jobs wait for credit to return.
    """

    def __init__(self, clock: Clock, credit: Callable[[], Awaitable[float]] | None = None) -> None:
        self._clock = clock
        self._credit = credit
        self._asking: asyncio.Task[None] | None = None
        self._refusal: Exception | None = None
        self._refused_at = 0.0
        self.empty = False
        """Whether no job may be created now."""

    def waits(self, problem: Exception) -> bool:
        """Say whether jobs wait until this refusal has passed, rather than end."""
        return self._credit is not None and is_out_of_credit(problem)

    def refused(self, problem: Exception) -> None:
        """Record that a create was refused as all others would be."""
        # A copy: the error itself may be raised, and then holds the frames it passed, and its job.
        self._refusal, self._refused_at = copy.copy(problem), self._clock.time()

    def accepted(self) -> None:
        """Record that a create was accepted."""
        self._refusal = None

    def refusal(self) -> Exception | None:
        """Return a copy of the error with which to fail the next job that fails fast.

        Returns `None` if no create was refused, or if one job is to be sent as a probe.
        """
        if self._refusal is None or self._clock.time() - self._refused_at > _INTERVAL:
            return None
        return copy.copy(self._refusal)

    def run_out(self, go_on: Callable[[], None]) -> None:
        """Record that a create was refused for want of credit; call `go_on` when it returns."""
        if self.empty:
            return
        self.empty = True
        logger.warning("no credit left; jobs wait until there is some, or until akool.resume()")
        self._start_asking(go_on)

    def _start_asking(self, go_on: Callable[[], None]) -> None:
        def over(task: asyncio.Task[None]) -> None:
            failed = task.cancelled() or task.exception() is not None
            if failed and self._asking is task:  # by something else: jobs wait for the answer
                self._start_asking(go_on)

        self._asking = start(self._ask(go_on), over)

    async def _ask(self, go_on: Callable[[], None]) -> None:
        assert self._credit is not None
        while self.empty:
            await sleep(self._clock, _INTERVAL)
            try:
                if await self._credit() > 0:
                    break
            except Exception as error:  # noqa: BLE001 - whatever it is, jobs wait for the answer
                logger.debug("the credit cannot be asked for: %s", type(error).__name__)
        go_on()

    def refilled(self) -> None:
        """Record that jobs may be created again."""
        self.empty, self._refusal = False, None
        self.close()

    def close(self) -> list[asyncio.Task[None]]:
        """Stop asking for credit; return the task, if any, that ends now."""
        asking, self._asking = self._asking, None
        if asking is None or asking is asyncio.current_task():
            return []
        asking.cancel()
        return [asking]
