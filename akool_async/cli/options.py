"""Types of options that several commands share."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A finite number in a range; click's own type accepts infinity and NaN."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail with a message for the user."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number", param, ctx)
        return number


RATE = Number(0, 1)
"""A part of all jobs, from 0 to 1."""

PACE = Number(0, min_open=True)
"""A factor on durations, above 0."""

SECONDS = Number(0, min_open=True)
"""A duration, above 0."""
