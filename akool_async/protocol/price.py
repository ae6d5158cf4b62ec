"""What Akool's pages print as the price of an operation: data, with page and day."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

_DIGITS: Final = 6
"""Akool counts in fractions of a credit; digits beyond these are errors of floats."""


class Price(Struct, frozen=True, kw_only=True):
    """The price of an operation, as a page prints it.

    Nobody charges by it: what accounts were seen to pay differs. Where it depends on the plan, it
    is that of the dearest one.
    """

    says: str
    """The price in words, for the reference."""
    page: str
    """Address of the page that prints it."""
    date: str
    """The day of the page's text, such as `2026-05-18`."""
    credits: Callable[[Any], float | None] = lambda _request: None
    """Work out what a request costs; `None` if that depends on what only Akool knows."""
    observed: str = ""
    """What accounts were seen to pay instead, and when."""

    def of(self, request: Any) -> float | None:
        """Return what a request costs in credits, by this price; `None` if it does not say."""
        cost = self.credits(request)
        return None if cost is None else round(float(cost), _DIGITS)


def begun(amount: float, unit: float) -> int:
    """Return how many units were begun: 12 seconds are three times 5 seconds."""
    return math.ceil(amount / unit)
