"""Option types that several commands share."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A number in a range; infinity and "not a number" are in none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number, or refuse the text."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number", param, ctx)
        return number


RATE = Number(0, 1)
"""A part of a whole."""

PACE = Number(0, min_open=True)
"""A factor on durations."""

SECONDS = Number(0, min_open=True)
"""A duration."""
