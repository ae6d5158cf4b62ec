"""The measuring instrument of a contestant, in the contestant's own process."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

KEY = "benchmark"

Figures = dict[str, float]


class Meter:
    """Measures a contestant between entering and leaving the `with` block.

    Imports and the warm-up come before it and are not measured. The requests for the server's
    counters lie outside the measured span.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._woken: list[tuple[str, float]] = []
        self._before: dict[str, Any] = {}
        self._after: dict[str, Any] = {}
        self._cpu = self._wall = 0.0

    def __enter__(self) -> Self:
        self._before = ask(self.url)
        self._wall = time.monotonic()
        self._cpu = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._cpu = time.process_time() - self._cpu
        self._wall = time.monotonic() - self._wall
        self._after = ask(self.url)

    def woke(self, job: str) -> None:
        """Note that the awaiter of a job has learned of its end."""
        self._woken.append((job, time.monotonic()))

    @property
    def woken(self) -> list[tuple[str, float]]:
        """Ids of jobs, and when their awaiters learned of their ends."""
        return self._woken

    def figures(self, count: int, **more: float) -> Figures:
        """Return the figures of `count` jobs or requests."""
        before, after = self._before, self._after
        paths = after["requests"]
        known = {path: number - before["requests"].get(path, 0) for path, number in paths.items()}
        return {
            "count": count,
            "cpu": self._cpu / count * 1e6,
            "wall": self._wall,
            "requests": sum(known.values()) / count,
            "looks": sum(n for path, n in known.items() if _is_look(path)) / count,
            "created": after["created"] - before["created"],
            "share": self._cpu / self._wall,
            "server_share": (after["cpu"] - before["cpu"]) / self._wall,
            "connections": after["most_connections"],
            "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            **delays(self._woken),
            **more,
        }


def _is_look(path: str) -> bool:
    return path.endswith(("listbyids", "infobymodelid"))


def ask(url: str) -> dict[str, Any]:
    """Return the server's counters."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("GET", "/statistics")
    counters: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return counters


def ended(job: str) -> float:
    """Return when a job was complete, in seconds of the monotonic clock."""
    return int(job[:14], 16) / 1e6


def delays(woken: Sequence[tuple[str, float]]) -> Figures:
    """Return the delays from the ends of jobs to the wake-ups, in milliseconds."""
    if not woken:
        return {}
    waits = sorted(1e3 * (moment - ended(job)) for job, moment in woken)
    return {
        "woken": len(waits),
        "mean": sum(waits) / len(waits),
        "p50": quantile(waits, 0.5),
        "p99": quantile(waits, 0.99),
        "longest": waits[-1],
    }


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return a quantile of sorted values."""
    return ordered[max(0, min(len(ordered) - 1, round(part * len(ordered)) - 1))]


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def forget_peak() -> None:
    """Reset the peak of resident memory."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak() -> int:
    """Return the peak of resident memory since the reset, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


async def lag(late: Callable[[float], object], every: float = 0.01) -> None:
    """Report by how many seconds the event loop is late, until cancelled."""
    while True:
        due = time.monotonic() + every
        await asyncio.sleep(every)
        late(time.monotonic() - due)
