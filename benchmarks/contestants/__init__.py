"""The contestants: coroutines that do the same work, each in a process of its own.

python -m benchmarks.contestants NAME '{"url": "http://127.0.0.1:8080", "count": 100}'
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.meter import Figures

Contestant = Callable[..., Coroutine[Any, Any, Figures]]

CONTESTANTS = {
    "floor": "benchmarks.contestants.bare:floor",
    "naive": "benchmarks.contestants.bare:naive",
    "ours": "benchmarks.contestants.ours:run",
    "speeches": "benchmarks.contestants.ours:speeches",
    "journalled": "benchmarks.contestants.journalled:run",
    "batch_hand": "benchmarks.contestants.batch_run:by_hand",
    "batch_whole": "benchmarks.contestants.batch_run:whole",
    "batch_again": "benchmarks.contestants.batch_run:again",
    "batch_slow": "benchmarks.contestants.batch_run:slow",
    "batch_seen": "benchmarks.contestants.batch_run:seen",
    "holding": "benchmarks.contestants.holding:hold",
    "holding_naive": "benchmarks.contestants.holding:naive",
    "httpx": "benchmarks.contestants.others:httpx",
    "openai": "benchmarks.contestants.others:openai",
    "requests": "benchmarks.contestants.others:requests",
    "calling": "benchmarks.contestants.calling:ours",
    "calling_bare": "benchmarks.contestants.calling:bare",
    "blocking_calls": "benchmarks.contestants.blocking:calls",
    "blocking_jobs": "benchmarks.contestants.blocking:jobs",
    "queueing": "benchmarks.contestants.queueing:ours",
    "queueing_naive": "benchmarks.contestants.queueing:naive",
    "decoding": "benchmarks.contestants.decoding:decode",
    "armed": "benchmarks.contestants.armed:run",
    "armed_ending": "benchmarks.contestants.armed:ending",
    "armed_holding": "benchmarks.contestants.armed:hold",
    "verifying": "benchmarks.contestants.receiving:verifying",
    "handling": "benchmarks.contestants.receiving:handling",
    "interrupting": "benchmarks.contestants.interrupting:ours",
    "interrupting_fifo": "benchmarks.contestants.interrupting:fifo",
    "speaking": "benchmarks.contestants.speaking:ours",
    "speaking_whole": "benchmarks.contestants.speaking:whole",
    "backing": "benchmarks.contestants.backing:hold",
    "soak": "benchmarks.contestants.enduring:soak",
}
"""Module and function, by name."""
