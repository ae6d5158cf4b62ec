"""Lookups that many long jobs share are apart, so that a batch takes few requests."""

from __future__ import annotations

from akool_async import Akool
from akool_async.clock import ManualClock
from akool_async.endpoints import ImageToVideo
from akool_async.simulator import Simulator
from tests.clocks import turns

JOBS = 500


async def test_500_videos_of_a_minute_and_a_half_take_few_requests(clock: ManualClock) -> None:
    request = ImageToVideo(
        image_url="https://photos.example/ann.png",
        prompt="slow push in",
        resolution="720p",
        audio_type=3,
        video_length=5,
    )
    async with (
        Simulator(pace=45.0, clock=clock) as simulator,  # 90 seconds, half of them
        Akool(simulator.api_key, base_url=simulator.url, max_concurrency=100, clock=clock) as akool,
    ):
        jobs = [akool.submit(request) for _ in range(JOBS)]
        while not all(job.done() for job in jobs):
            await turns(40)
            await clock.advance(2.0)
    assert simulator.requests["image2video.create"] == JOBS
    assert sum(simulator.requests.values()) <= 1.2 * JOBS  # 1.14 on average; without the pauses 1.7
