"""What OpenTelemetry's SDK reports of a client: the figures of `akool.stats`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from akool_async.telemetry import OpenTelemetry
from tests.clients import Connect, Refusing


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
