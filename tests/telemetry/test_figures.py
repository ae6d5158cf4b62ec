"""`akool.stats`, `job.eta`, and the same figures as OpenTelemetry's SDK reports them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from akool_async import Akool, Job, Stats
from akool_async.endpoints import TTS, AgeFaces
from akool_async.protocol.endpoint import Guess
from akool_async.simulator import Simulator
from akool_async.telemetry import OpenTelemetry

if TYPE_CHECKING:
    from tests.telemetry.conftest import Connect

Until = Callable[[Callable[[], object]], Awaitable[None]]

PHOTO = "https://photos.example/photo.png"
USUALLY = TTS.family.usual or Guess(0.0)


class Metrics:
    """A hook, and what its metrics are now."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.hook = OpenTelemetry(meter_provider=self._provider)

    def points(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return a metric's points, by the values of their attributes."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return {
            tuple((point.attributes or {}).values()): point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        }

    def values(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return a metric's values, by those of their attributes."""
        return {key: point.value for key, point in self.points(name).items()}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def speech(text: str = "hello") -> TTS:
    return TTS(input_text=text, voice_id="voice")


def eta_of(job: Job[Any]) -> float | None:
    return job.eta


class Refusing:
    """Refuses the first creates of speeches, each with a code of its own."""

    def __init__(self, *codes: int) -> None:
        self._codes = list(codes)

    async def __call__(self, name: str, _request: web.Request) -> web.Response | None:
        """Refuse, or let the simulator answer."""
        if name != "audio.tts" or not self._codes:
            return None
        return web.json_response({"code": self._codes.pop(0), "msg": "no"})


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
        assert durations[0] < median < USUALLY.median / 2
        job = akool.submit(speech())
        assert eta_of(job) is None  # it waits for its place
        await job.created()
        assert job.eta is not None
        assert 0 < job.eta < USUALLY.median
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


# The same as metrics


async def test_ends_are_counted_by_operation_and_outcome_with_their_durations(
    quick: Simulator, connect: Connect, metrics: Metrics
) -> None:
    quick.fault = Refusing(1003)
    async with connect(quick, on_event=metrics.hook) as akool:
        await asyncio.gather(akool.submit(speech()), return_exceptions=True)
        await asyncio.gather(*(akool.submit(speech(f"{n}")) for n in range(3)))
    assert metrics.values("akool.jobs.ended") == {
        ("audio.tts", "refused"): 1,
        ("audio.tts", "completed"): 3,
    }
    durations = metrics.points("akool.job.duration")
    point = durations["audio.tts", "completed"]
    assert isinstance(point, HistogramDataPoint)
    assert point.count == 3
    assert point.explicit_bounds[-1] == 4 * 3600
    shortest = min(job.duration for job in quick.world.jobs.values())
    assert 3 * shortest <= point.sum < 60


async def test_metrics_report_what_stats_say_now(
    simulator: Simulator, connect: Connect, metrics: Metrics
) -> None:
    async with connect(simulator, on_event=metrics.hook, max_concurrency=2) as akool:
        jobs = [akool.submit(speech(f"{n}")) for n in range(5)]
        await asyncio.gather(jobs[0].created(), jobs[1].created())
        assert metrics.values("akool.jobs.in_flight") == {("audio.tts",): 2}
        assert metrics.values("akool.jobs.queued") == {("audio.tts",): 3}
        assert metrics.values("akool.places") == {(): 2}
    assert metrics.values("akool.jobs.queued") == {("audio.tts",): 0}


async def test_metrics_count_requests_retries_and_polls_over_all_loops(
    quick: Simulator, connect: Connect, metrics: Metrics
) -> None:
    quick.fault = Refusing(1005)
    akool = connect(quick, on_event=metrics.hook, backoff=None)
    for _ in range(2):
        async with akool:
            await akool.submit(speech())
    assert metrics.values("akool.requests") == {
        ("audio.tts",): 3,
        ("audio.get",): quick.requests["audio.get"],
    }
    assert metrics.values("akool.retries") == {(): 1}
    assert metrics.values("akool.refusals") == {(): 1}
    assert metrics.values("akool.polls") == {("audio",): quick.requests["audio.get"]}
    (median,) = metrics.values("akool.job.median").values()
    assert median == akool.stats.jobs["audio.tts"].median


async def test_metrics_are_read_in_another_thread(
    simulator: Simulator, connect: Connect, metrics: Metrics
) -> None:
    async with connect(simulator, on_event=metrics.hook) as akool:
        await akool.submit(speech()).created()
        in_flight = await asyncio.to_thread(metrics.values, "akool.jobs.in_flight")
        assert in_flight == {("audio.tts",): 1}


async def test_one_hook_reports_several_clients_together(
    simulator: Simulator, connect: Connect, metrics: Metrics
) -> None:
    async with (
        connect(simulator, on_event=metrics.hook) as one,
        connect(simulator, on_event=[print, metrics.hook]) as other,
    ):
        await asyncio.gather(*(each.submit(speech()).created() for each in (one, other)))
        assert metrics.values("akool.jobs.in_flight") == {("audio.tts",): 2}
        assert metrics.values("akool.places") == {(): 200}
