"""What an agent has spent in the last 24 hours, and whether it may spend more."""

from __future__ import annotations

import json
from typing import Final

from akool_async.clock import Clock
from akool_async.journal import Journal

_DAY: Final = 24 * 3600.0
_NAME: Final = "mcp.spending"
"""The name under which the journal keeps it, so that a restart is no way around the limit."""


class Spending:
    """Credits by the keys of jobs: estimates at first, then what Akool says.

    A job's credits are counted before it is sent, so that jobs that start at once cannot pass the
    limit together.

    Args:
        limit: Credits that may be spent in 24 hours.
        journal: Keeps what was spent.
        clock: Where time comes from.
    """

    def __init__(self, limit: float, journal: Journal, clock: Clock) -> None:
        self.limit = limit
        self._journal = journal
        self._clock = clock
        kept = journal.recall(_NAME)
        self._spent: dict[str, tuple[float, float]] = {}
        for key, (time, cost) in json.loads(kept or b"{}").items():
            self._spent[key] = float(time), float(cost)

    @property
    def spent(self) -> float:
        """Credits spent or reserved in the last 24 hours."""
        since = self._now() - _DAY
        return round(sum(cost for time, cost in self._spent.values() if time > since), 6)

    def fits(self, credits: float) -> bool:
        """Say whether so many more credits stay within the limit."""
        return self.spent + credits <= self.limit

    def reserve(self, key: str, credits: float) -> None:
        """Count the credits of a job that is about to be sent."""
        since = self._now() - _DAY
        self._spent = {each: held for each, held in self._spent.items() if held[0] > since}
        self._spent[key] = self._now(), credits
        self._keep()

    def settle(self, key: str, credits: float) -> None:
        """Count what Akool says that a job costs, in place of what was reserved."""
        if key in self._spent:
            self._spent[key] = self._spent[key][0], credits
            self._keep()

    def release(self, key: str) -> None:
        """Count nothing for a job that was certainly not started."""
        if self._spent.pop(key, None) is not None:
            self._keep()

    def _now(self) -> float:
        # A restarted process has to read it: seconds since 1970.
        return self._clock.now().timestamp()

    def _keep(self) -> None:
        self._journal.remember(_NAME, json.dumps(self._spent).encode())
