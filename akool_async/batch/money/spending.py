"""The money of a run: what it has spent, what the account has left, and whether more may be sent.

Akool says what an account has, and hardly ever what a job costs. So the credit is read when the run
begins, every half minute, and, where there is a limit, every hundred creates. Until the next
reading, what was sent counts at its price.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from akool_async.batch.money.prices import Prices, documented_price, is_contradicted
from akool_async.errors import AkoolError

INTERVAL: Final = 30.0
"""Seconds between two readings."""
EVERY: Final = 100
"""Creates after which the credit is read again, where there is a limit."""
UNPRICED: Final = 10
"""Rows of unknown price that may go on at once, where there is a limit: by so many it may
overshoot."""
_CLEAR: Final = 20
"""A reading tells prices if so many times more rows were sent than go on, or were sent earlier by
another process: nobody knows whether Akool takes the credit when a job begins or when it ends."""
_ROUNDING: Final = 1e-9
_SHORTEST: Final = 1.0
"""Seconds between two readings at least."""

Verdict: TypeAlias = Literal["yes", "wait", "no"]


class _Kind(NamedTuple):
    """What decides about the price of a row."""

    operation: str
    documented: float | None
    """The price that Akool documents for such a request, if it does."""


class Money:
    """Counts credits, and says whether another row may be sent.

    Args:
        ask: Returns the account's credit.
        prices: What rows cost.
        most: The most credits that may be spent; `None` for no limit.
        changed: Called after each reading.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[float]],
        prices: Prices,
        *,
        most: float | None,
        changed: Callable[[], object],
    ) -> None:
        self.prices = prices
        self.spent: float | None = None
        """Credits, as the account says; `None` before it has said so."""
        self.left: float | None = None
        self._ask = ask
        self._most = most
        self._changed = changed
        self._going_on: dict[str, _Kind] = {}
        """By key, rows that were sent, and have not ended."""
        self._open: Counter[_Kind] = Counter()
        """Rows that were sent, and had not ended at the last reading."""
        self._ended: Counter[_Kind] = Counter()
        """Those of them that have ended since."""
        self._sent: Counter[str] = Counter()
        """By operation, rows that were sent since the last reading that told prices."""
        self._earlier = 0
        """Rows that an earlier process had sent, and that have ended since then."""
        self._cost = 0.0
        """Credits that were spent since then."""
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether the credit is being read."""
        return self._task is not None

    async def begin(self) -> None:
        """Read the credit, and go on reading it.

        Raises:
            AkoolError: there is a limit, and the credit cannot be read.
        """
        try:
            await self.read()
        except AkoolError:
            if self._most is not None:
                raise
        self._task = asyncio.create_task(self._keep_reading())

    async def close(self) -> None:
        """Read the credit once more, and no more after that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if self._sent:
                with suppress(AkoolError, TimeoutError):
                    await asyncio.wait_for(self.read(), 10)

    def send(self, key: str, operation: str, request: Any) -> None:
        """Take note that a row is sent."""
        if key in self._going_on:  # a second row of one key makes no job
            return
        kind = _Kind(operation, documented_price(request))
        self._going_on[key] = kind
        self._open[kind] += 1
        self._sent[operation] += 1
        if self._most is not None and self._sent.total() % EVERY == 0:
            self._wanted.set()

    def end(self, key: str, *, created: bool) -> None:
        """Take note that a row has ended, or was not created."""
        kind = self._going_on.pop(key, None)
        if kind is None:
            self._earlier += created
        elif created:
            self._ended[kind] += 1
        else:
            self._open[kind] -= 1
            self._sent[kind.operation] = max(0, self._sent[kind.operation] - 1)

    def verdict(self, operation: str, request: Any) -> Verdict:
        """Say whether one more row may be sent; after "wait", that is to be asked again."""
        if self._most is None:
            return "yes"
        price = self.prices.of(operation, request)
        fits = self._certain < self._most
        if price is not None:
            fits = self._certain + price <= self._most + _ROUNDING
        is_sure = price is not None and not self._may_cost_more(operation, request)
        if fits and (is_sure or self._open.total() < UNPRICED):
            return "yes"
        if not self._open.total():
            return "no"
        self._wanted.set()
        return "wait"

    def _may_cost_more(self, operation: str, request: Any) -> bool:
        """Say whether a row's price is only documented, and known to differ from what is paid."""
        return self.prices.measured(operation) is None and is_contradicted(request)

    @property
    def _certain(self) -> float:
        """Credits that are spent, or will be by what is in flight, as far as prices are known."""
        return (self.spent or 0.0) + sum(
            count * (self.prices.of_kind(*kind) or 0.0) for kind, count in self._open.items()
        )

    async def read(self) -> None:
        """Read the account's credit, and learn prices from it.

        Raises:
            AkoolError: Akool does not say.
        """
        ended, sent, earlier = self._ended.copy(), self._sent.copy(), self._earlier
        going_on = self._open.total() - ended.total()
        left = await self._ask()
        cost = 0.0 if self.left is None else self.left - left
        self.left, self.spent = left, (self.spent or 0.0) + max(0.0, cost)
        self._cost += cost
        self._open -= ended
        self._ended -= ended
        is_clear = bool(sent) and self._is_clear(sent, going_on + earlier)
        if is_clear:
            self.prices.learn(sent, self._cost)
        if is_clear or not going_on:  # what the next readings add has nothing to do with these
            self._sent -= sent
            self._earlier -= earlier
            self._cost = 0.0
        self._changed()

    def _is_clear(self, sent: Counter[str], others: int) -> bool:
        """Say whether a reading tells prices; the first one under a limit has to be exact.

        Args:
            sent: The rows that are counted.
            others: Rows of which nobody knows whether they are paid for by now, or were before.
        """
        unpriced = any(self.prices.of(operation) is None for operation in sent)
        if unpriced and self._most is not None:
            return not others
        return sent.total() >= _CLEAR * others

    async def _keep_reading(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), INTERVAL)
            self._wanted.clear()
            if self._sent or self._open:
                with suppress(AkoolError):
                    await self.read()
            await asyncio.sleep(_SHORTEST)
