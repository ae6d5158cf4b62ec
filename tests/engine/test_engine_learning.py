"""What the client learns of how long jobs take, from looks at them."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable

from akool_async import Akool, Schedule
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator

Elapse = Callable[..., Awaitable[None]]


async def test_jobs_that_nobody_has_looked_at_yet_say_nothing_of_how_long_jobs_take(
    simulator: Simulator, clock: ManualClock, elapse: Elapse
) -> None:
    async with Akool(
        base_url=simulator.url,
        api_key=simulator.api_key,
        clock=clock,
        max_concurrency=300,
        schedule=Schedule(jitter=0.0),
    ) as akool:

        async def speak(times: int) -> None:
            requests = [TTS(input_text=str(number), voice_id="voice") for number in range(times)]
            jobs = [akool.submit(request) for request in requests]
            await elapse(clock, lambda: all(job.done() for job in jobs), step=0.1)

        for _ in range(10):
            await speak(10)
        # All of these are watched from one moment on, and none is looked at for long.
        await speak(200)
        learned = akool.stats.jobs["audio.tts"].median
    took = statistics.median(job.duration for job in simulator.world.jobs.values())
    assert learned is not None
    assert took / 1.25 < learned < took * 1.25
