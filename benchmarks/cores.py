"""Which core a process runs on: the client on one, the server on another."""

from __future__ import annotations

import os

PINNED = "BENCHMARKS_PINNED"


def pin(number: int) -> bool:
    """Pin this process to one core, counted among those it may use; return whether it is pinned.

    It is not pinned on a machine with one core, on a system without this feature, or with
    `BENCHMARKS_PINNED=no` in the environment, which a quick run sets.
    """
    if not hasattr(os, "sched_setaffinity") or os.environ.get(PINNED) == "no":
        return False
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return False
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    return True
