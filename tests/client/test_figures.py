"""`akool.stats` and `job.eta`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from akool_async import Akool, Job, Stats
from akool_async.endpoints import TTS, AgeFaces
from akool_async.endpoints.audio import AUDIOS
from akool_async.simulator import Simulator
from tests.clients import Connect, Refusing

PHOTO = "https://photos.example/photo.png"
USUAL = AUDIOS.usual.median if AUDIOS.usual else 0.0


def speech(text: str = "hello") -> TTS:
    return TTS(input_text=text, voice_id="voice")


def eta_of(job: Job[Any]) -> float | None:
    return job.eta


# akool.stats


async def test_stats_count_jobs_by_operation_and_by_what_became_of_them(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.fault = Refusing(1003)
    async with connect(simulator, max_concurrency=2) as akool:
        await asyncio.gather(akool.submit(speech()), return_exceptions=True)
        await asyncio.gather(akool.submit(speech(), timeout=0.05), return_exceptions=True)
        jobs = [akool.submit(speech(f"{n}")) for n in range(5)]
        await asyncio.gather(jobs[0].created(), jobs[1].created())
        await jobs[4].cancel()
        now = akool.stats
    counts = now.jobs["audio.tts"]
    assert (counts.refused, counts.timed_out, counts.cancelled) == (1, 1, 1)
    assert (counts.in_flight, counts.queued, counts.completed) == (2, 2, 0)
    assert (now.in_flight, now.queued, now.places, now.peak_in_flight) == (2, 2, 2, 2)
    after = akool.stats
    assert (after.in_flight, after.queued, after.jobs["audio.tts"].closed) == (0, 0, 4)


async def test_stats_count_requests_retries_polls_and_saves(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    quick.fault = Refusing(1005, 1005)
    async with connect(quick, save_to=tmp_path) as akool:
        await asyncio.gather(*(akool.submit(speech(f"{n}")) for n in range(4)))
    stats = akool.stats
    assert stats.requests["audio.tts"] == quick.requests["audio.tts"] == 6
    assert (stats.retries, stats.refusals) == (2, stats.refusals)
    assert stats.refusals >= 1
    assert stats.looks == {"audio": quick.requests["audio.get"]}
    assert stats.polls_per_job == quick.requests["audio.get"] / 4
    assert (stats.jobs["audio.tts"].completed, stats.jobs["audio.tts"].saved) == (4, 4)


async def test_a_recipe_counts_as_the_job_that_it_leads_to(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        await akool.submit(AgeFaces(PHOTO))
        assert akool.stats.jobs["reage.image"].completed == 1


async def test_stats_hold_the_median_that_was_learned_and_jobs_an_eta(
    connect: Connect,
) -> None:
    async with (
        Simulator(pace=0.2, instant_audio_rate=0.0) as simulator,
        connect(simulator, backoff=None) as akool,
    ):
        for _ in range(3):  # what was learned is taken in some times a second
            await asyncio.gather(*(akool.submit(speech(f"{n}")) for n in range(30)))
        durations = sorted(job.duration for job in simulator.world.jobs.values())
        median = akool.stats.jobs["audio.tts"].median
        assert median is not None
        assert durations[0] < median < USUAL / 2
        job = akool.submit(speech())
        assert eta_of(job) is None  # it waits for its place
        await job.created()
        assert job.eta is not None
        assert 0 < job.eta < USUAL
        await job
        assert eta_of(job) is None


async def test_with_a_plain_schedule_nothing_is_learned(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        job = akool.submit(speech())
        await job.created()
        assert job.eta is None
        await job
        assert akool.stats.jobs["audio.tts"].median is None


def test_stats_can_be_read_where_no_loop_runs_and_outlive_the_loop() -> None:
    with Simulator(pace=0.02, instant_audio_rate=0.0).in_thread() as simulator:
        akool = Akool(simulator.api_key, base_url=simulator.url, max_concurrency=7)
        assert akool.stats == Stats(places=7)

        async def speak() -> None:
            async with akool:
                await akool.submit(speech())

        for count in (1, 2):
            asyncio.run(speak())
            stats = akool.stats
            assert stats.jobs["audio.tts"].completed == count
            assert stats.requests["audio.tts"] == count
            assert stats.looks["audio"] == simulator.requests["audio.get"]
            assert (stats.in_flight, stats.places) == (0, 7)


async def test_stats_are_read_from_another_thread(simulator: Simulator, connect: Connect) -> None:
    async with connect(simulator, max_concurrency=1) as akool:
        first, _ = akool.submit(speech()), akool.submit(speech())
        await first.created()
        stats = await asyncio.to_thread(lambda: akool.stats)
        assert (stats.in_flight, stats.queued) == (1, 1)
