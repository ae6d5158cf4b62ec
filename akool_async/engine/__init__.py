"""How jobs run: one limit, one queue, and one watch per result family."""

from __future__ import annotations

from akool_async.engine.core import Engine, Limits
from akool_async.engine.flight import Flight, Phase
from akool_async.engine.ledger import Ledger, request_fingerprint
from akool_async.engine.treasury import Treasury

__all__ = ["Engine", "Flight", "Ledger", "Limits", "Phase", "Treasury", "request_fingerprint"]
