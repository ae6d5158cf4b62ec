"""What happens when an account can pay for nothing, or is refused: nothing more is sent."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable

from akool_async.clock import Clock, sleep
from akool_async.errors import (
    AccountError,
    AkoolError,
    AuthenticationError,
    InsufficientCredit,
)

logger = logging.getLogger("akool_async")

_LOOK = 60.0
"""Seconds between two questions for the credit."""

_ONE_UPLOAD_TOO_MANY = 1223
"""A quota that concerns uploads only, not what other jobs need."""

_ACCOUNT_WIDE = frozenset({1004, 1101, 1102, 1103, 1109, 1200})
"""Codes that refuse the account, or its credential, whatever is asked for."""


def runs_out_of_credit(problem: Exception) -> bool:
    """Say whether an error means that no job can be paid for."""
    return isinstance(problem, InsufficientCredit) and problem.code != _ONE_UPLOAD_TOO_MANY


def stops_all(problem: Exception) -> bool:
    """Say whether an error means that no job can be created, whatever it is."""
    if isinstance(problem, AccountError | AuthenticationError):
        return problem.code in _ACCOUNT_WIDE
    return runs_out_of_credit(problem)


class Treasury:
    """Whether jobs can be paid for, as far as is known.

    Args:
        clock: Where time comes from.
        credit: Asks for the account's credit; given where jobs shall wait for it to return.
    """

    def __init__(self, clock: Clock, credit: Callable[[], Awaitable[float]] | None = None) -> None:
        self._clock = clock
        self._credit = credit
        self._asking: asyncio.Task[None] | None = None
        self._refusal: Exception | None = None
        self._refused_at = 0.0
        self.empty = False
        """Whether nothing may be created now."""

    def waits(self, problem: Exception) -> bool:
        """Say whether jobs wait until what stops them has passed, rather than end."""
        return self._credit is not None and runs_out_of_credit(problem)

    def refused(self, problem: Exception) -> None:
        """Learn that a create was refused, as all others would be."""
        self._refusal, self._refused_at = problem, self._clock.time()

    def accepted(self) -> None:
        """Learn that a create was accepted."""
        self._refusal = None

    def refusal(self) -> Exception | None:
        """Return why the next job of a stream would be refused; `None` where one shall find out.

        Each gets an error of its own.
        """
        if self._refusal is None or self._clock.time() - self._refused_at > _LOOK:
            return None
        return copy.copy(self._refusal)

    def run_out(self, go_on: Callable[[], None]) -> None:
        """Learn that a create was refused for want of credit."""
        if self.empty:
            return
        self.empty = True
        logger.warning("no credit left; jobs wait until there is some, or until akool.resume()")
        self._asking = asyncio.get_running_loop().create_task(self._ask(go_on))

    async def _ask(self, go_on: Callable[[], None]) -> None:
        assert self._credit is not None
        while self.empty:
            await sleep(self._clock, _LOOK)
            try:
                if await self._credit() > 0:
                    break
            except AkoolError as error:
                logger.debug("the credit cannot be asked for: %s", type(error).__name__)
        go_on()

    def refilled(self) -> None:
        """Learn that jobs may be created again."""
        self.empty, self._refusal = False, None
        self.close()

    def close(self) -> list[asyncio.Task[None]]:
        """Ask no more; return the task, if any, that ends now."""
        asking, self._asking = self._asking, None
        if asking is None or asking is asyncio.current_task():
            return []
        asking.cancel()
        return [asking]
