"""What a row costs: as given, as replies tell it, as was learned, or as Akool documents it.

Few pages print a price, and accounts were seen to pay others. So prices are measured: the account's
credit is read before and after, and what it fell by was paid for the rows that were sent in
between. Where rows of several operations were sent, many such readings tell the prices apart, as
soon as there are as many different ones as there are operations (least squares). Whoever spends
from the same account meanwhile spoils a reading: prices are estimates. Until an operation's price
is measured, that of its page counts. A price that is not known is `None`, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from akool_async.protocol.price import Price

_NAME: Final = "price "
"""Prices are kept in the journal under this and the operation's name."""
_SMALL: Final = 1e-9


class Prices:
    """The prices of operations, as far as they are known.

    Args:
        given: By operation, prices that the user gave; they are never learned.
        learned: What `dump` returned in an earlier process.
    """

    def __init__(
        self, given: Mapping[str, float] | None = None, learned: Mapping[str, bytes] | None = None
    ) -> None:
        self._given = dict(given or {})
        self._learned: dict[str, float] = {}
        for name, value in (learned or {}).items():
            self._learned[name.removeprefix(_NAME)] = msgspec.json.decode(value, type=float)
        self._sums: dict[tuple[str, str], float] = {}
        """Sums of products of the counts of two operations, over all readings."""
        self._costs: dict[str, float] = {}
        """Sums of products of the counts of an operation and the cost."""

    def of(self, operation: str, request: Any = None) -> float | None:
        """Return what a row of an operation costs in credits; `None` if that is not known."""
        return self.of_kind(operation, documented_price(request))

    def of_kind(self, operation: str, documented: float | None) -> float | None:
        """Return the same; `documented` is the price that a page prints for the request, if any."""
        measured = self.measured(operation)
        return documented if measured is None else measured

    def measured(self, operation: str) -> float | None:
        """Return the price that the user gave, or that was learned; `None` if there is none."""
        given = self._given.get(operation)
        return self._learned.get(operation) if given is None else given

    def told(self, operation: str, credits: float) -> None:
        """Take note of what a reply says that a job has cost."""
        known = self._learned.get(operation)
        self._learned[operation] = credits if known is None else (known + credits) / 2

    def learn(self, sent: Mapping[str, int], cost: float) -> None:
        """Take in a reading.

        Args:
            sent: By operation, the rows that were sent since the reading before.
            cost: The credits that the account had less; a negative cost is a payment of the
                user's, and tells nothing.
        """
        counts = {name: count for name, count in sent.items() if count}
        if not counts or cost < 0:
            return
        for one, count in counts.items():
            self._costs[one] = self._costs.get(one, 0.0) + count * cost
            for other, others in counts.items():
                pair = one, other
                self._sums[pair] = self._sums.get(pair, 0.0) + count * others
        self._learned |= self._solved()

    def dump(self) -> dict[str, bytes]:
        """Return what was learned, by names to keep it under."""
        return {
            _NAME + operation: msgspec.json.encode(price)
            for operation, price in self._learned.items()
        }

    def _solved(self) -> dict[str, float]:
        names = sorted(self._costs)
        matrix = [
            [*(self._sums.get((one, other), 0.0) for other in names), self._costs[one]]
            for one in names
        ]
        solution = _solve(matrix)
        if solution is None:
            return {}
        return {name: price for name, price in zip(names, solution, strict=True) if price >= 0}


def learned_in(recall_all: Any) -> Mapping[str, bytes]:
    """Return the prices that a journal keeps, by its method `recall_all`."""
    found: Mapping[str, bytes] = recall_all(_NAME)
    return found


def documented_price(request: Any) -> float | None:
    """Return the price that Akool documents for a request, where it can be worked out."""
    price: float | None = None if request is None else request.estimate()
    return price


def is_contradicted(request: Any) -> bool:
    """Say whether accounts were seen to pay another price than the one that is documented."""
    price: Price | None = getattr(request, "price", None)
    return price is not None and bool(price.observed)


def _solve(matrix: Sequence[list[float]]) -> list[float] | None:
    """Solve linear equations by elimination; `None` if they have no one solution."""
    size = len(matrix)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(matrix[row][column]))
        largest = max((abs(value) for value in matrix[pivot][:size]), default=0.0)
        if abs(matrix[pivot][column]) <= _SMALL * max(1.0, largest):
            return None
        rows = list(matrix)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        matrix = rows
        for row in range(size):
            if row != column:
                factor = matrix[row][column] / matrix[column][column]
                matrix[row][:] = [
                    a - factor * b for a, b in zip(matrix[row], matrix[column], strict=True)
                ]
    return [matrix[row][size] / matrix[row][row] for row in range(size)]
