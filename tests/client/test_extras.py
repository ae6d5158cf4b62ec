"""What hooks keep about a job, and the figures that they read: neither outlives its owner."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from akool_async import Akool, Event, Job, Stats
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from akool_async.telemetry import OpenTelemetry

if TYPE_CHECKING:
    from tests.clients import Connect


def speech() -> TTS:
    return TTS(input_text="Hello.", voice_id="voice")


class Noted:
    """What the hook of a test keeps about a job."""

    def __init__(self) -> None:
        self.names: list[str] = []


class Notes:
    """A hook that keeps something with each job, and holds none of it itself."""

    def __init__(self) -> None:
        self.kept: list[weakref.ref[Noted]] = []

    def __call__(self, event: Event) -> None:
        noted = event.job.extras.get(self)
        if noted is None:
            noted = event.job.extras[self] = Noted()
            self.kept.append(weakref.ref(noted))
        noted.names.append(event.name)


async def test_a_hook_keeps_something_for_the_whole_life_of_a_job(
    quick: Simulator, connect: Connect
) -> None:
    notes, others = Notes(), Notes()
    async with connect(quick, on_event=[notes, others]) as akool:
        jobs = [akool.submit(speech()) for _ in range(2)]
        for job in jobs:
            await job
        for job in jobs:
            names = job.extras[notes].names
            assert (names[0], names[-1]) == ("job.queued", "job.completed")
            assert job.extras.keys() == {notes, others}
            assert job.extras[others] is not job.extras[notes]
    assert len(notes.kept) == 2


async def test_all_handles_on_a_job_share_its_extras_and_other_jobs_have_their_own(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        one, other = akool.submit(speech()), akool.submit(speech())
        assert one.extras == {}
        one.extras["mine"] = 7
        same = akool.job((await one.created()).token)
        assert same == one
        assert same.extras is one.extras
        assert other.extras == {}
        await one
        await other
        assert one.extras == {"mine": 7}


async def test_what_a_hook_keeps_is_freed_with_the_job(quick: Simulator, connect: Connect) -> None:
    notes = Notes()
    async with connect(quick, on_event=notes) as akool:
        held = akool.submit(speech())
        dropped = akool.submit(speech())
        await held
        await dropped
        del dropped
        gc.collect()
        assert [each() is not None for each in notes.kept] == [True, False]
        del held
        gc.collect()
        assert [each() for each in notes.kept] == [None, None]


async def test_what_a_hook_keeps_may_hold_the_job_itself(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        job: Job[Any] = akool.submit(speech())
        job.extras["itself"] = job
        await job
        gone = weakref.ref(job)
        del job
        gc.collect()
        assert gone() is None


# Figures


class Watching:
    """A hook that reads a client's figures, and holds the client no longer than others do."""

    def __init__(self) -> None:
        self.figures: list[weakref.WeakMethod[Callable[[], Stats]]] = []

    def watch(self, figures: Callable[[], Stats], /) -> None:
        """Take note of a client."""
        self.figures.append(weakref.WeakMethod(figures))

    def __call__(self, _event: Event) -> None:
        """Ignore all events."""


async def test_a_watcher_is_given_the_figures_of_its_client_once(
    quick: Simulator, connect: Connect
) -> None:
    watching = Watching()
    async with connect(quick, on_event=[watching, print]) as akool:
        (method,) = watching.figures
        figures = method()
        assert figures is not None
        assert figures() == Stats(places=100)
        await akool.submit(speech())
        assert figures().jobs["audio.tts"].completed == 1
        assert figures() == akool.figures()


@pytest.mark.parametrize("telemetry", [False, True])
async def test_a_hook_that_reads_figures_does_not_keep_the_client_alive(
    *, quick: Simulator, connect: Connect, telemetry: bool
) -> None:
    reader = InMemoryMetricReader()
    hook: Any = Watching()
    if telemetry:
        hook = OpenTelemetry(meter_provider=MeterProvider([reader]))
    akool: Akool | None = connect(quick, on_event=hook)
    assert akool is not None
    async with akool:
        await akool.submit(speech())
    gone = weakref.ref(akool)
    del akool
    gc.collect()
    assert gone() is None
    if telemetry:
        assert reader.get_metrics_data() is not None
    else:
        assert [each() for each in hook.figures] == [None]
