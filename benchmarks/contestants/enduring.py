"""akool_async under faults: how its jobs end, and whether its memory grows."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator

from akool_async import Akool, CreateOutcomeUnknown, Timeout
from akool_async.endpoints import ImageReage
from benchmarks.contestants.ours import requests
from benchmarks.meter import KEY, Figures, Meter, ask, resident

AT_ONCE = 500


async def soak(meter: Meter, *, seconds: float) -> Figures:
    """Run jobs for some seconds, then wait for the unfinished ones."""
    until = time.monotonic() + seconds
    handed = 0
    ends: Counter[str] = Counter()

    def stream() -> Iterator[ImageReage]:
        nonlocal handed
        for request in requests(10**9):
            if time.monotonic() > until:
                return
            handed += 1
            yield request

    before = ask(meter.url)
    sizes: list[int] = []
    sampling = asyncio.create_task(_sampled(sizes, seconds / 60))
    timeout = Timeout(total=3.0, connect=3.0)
    async with Akool(KEY, base_url=meter.url, max_concurrency=AT_ONCE, timeout=timeout) as akool:
        async for job in akool.map(stream()):
            error = job.exception()
            ends["completed" if error is None else type(error).__name__] += 1
    sampling.cancel()
    after = ask(meter.url)
    created = after["created"] - before["created"]
    return {
        "jobs": handed,
        "completed": ends.pop("completed", 0),
        "unknown": ends.pop(CreateOutcomeUnknown.__name__, 0),
        "otherwise": ends.total(),
        "created": created,
        "requests": sum(after["requests"].values()) / max(1, handed),
        **_growth(sizes),
    }


async def _sampled(sizes: list[int], every: float) -> None:
    while True:
        sizes.append(resident())
        await asyncio.sleep(every)


def _growth(sizes: list[int]) -> Figures:
    """Compare the memory in the last quarter of the time with that in the second."""
    quarter = max(1, len(sizes) // 4)
    early, late = (
        statistics.fmean(each) for each in (sizes[quarter : 2 * quarter], sizes[-quarter:])
    )
    return {"early": early, "late": late, "growth": late / early}
