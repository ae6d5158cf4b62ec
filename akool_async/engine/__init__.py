"""How jobs run: one limit, one queue, and one watch per result family."""

from __future__ import annotations

from akool_async.engine.core import Engine, Limits
from akool_async.engine.flight import Flight, Phase

__all__ = ["Engine", "Flight", "Limits", "Phase"]
