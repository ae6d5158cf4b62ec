"""Which core a process runs on: the client on one, the server on another."""

from __future__ import annotations

import os

PINNED = "BENCHMARKS_PINNED"


def pin(number: int) -> bool:
    """Keep this process on one core, counted among those it may use; say whether it is so.

    With a single core, or where the system knows no such thing, nothing happens; neither where
    the environment says `BENCHMARKS_PINNED=no`, as a quick run does.
    """
    if not hasattr(os, "sched_setaffinity") or os.environ.get(PINNED) == "no":
        return False
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return False
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    return True
