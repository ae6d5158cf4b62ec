"""A client is paused, and its limits are changed, while its jobs run."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Event, InvalidInput
from akool_async.client.events import ClientEvent
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, Until


def speech(number: int = 0) -> TTS:
    return TTS(input_text=f"{number}", voice_id="v")


def speeches(count: int) -> Iterator[TTS]:
    return (speech(number) for number in range(count))


def created(simulator: Simulator) -> int:
    return len(simulator.world.jobs)


async def test_a_paused_client_creates_nothing_until_it_is_resumed(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        akool.pause()
        jobs = [akool.submit(request) for request in speeches(3)]
        await turns()
        assert (created(quick), akool.stats.queued, akool.stats.paused) == (0, 3, True)
        akool.resume()
        await asyncio.gather(*jobs)
        assert not akool.stats.paused
    assert created(quick) == 3


async def test_jobs_in_flight_go_on_while_a_client_is_paused(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, max_concurrency=2) as akool:
        jobs = [akool.submit(request) for request in speeches(5)]
        await until(lambda: created(simulator) == 2)
        akool.pause()
        await elapse(clock, lambda: akool.stats.jobs["audio.tts"].completed == 2)
        await turns()
        assert (created(simulator), akool.stats.in_flight, akool.stats.queued) == (2, 0, 3)
        akool.resume()
        await elapse(clock, lambda: all(job.done() for job in jobs))


async def test_a_client_may_be_paused_before_its_first_job_and_in_any_thread(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    akool = connect(quick)
    akool.pause()
    async with akool:
        job = akool.submit(speech())
        await turns()
        assert created(quick) == 0
        thread = threading.Thread(target=akool.resume)
        thread.start()
        await until(job.done)
        thread.join()


async def test_a_paused_client_is_closed_as_any_other(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        akool.pause()
        job = akool.submit(speech())
    assert type(job.exception()).__name__ == "ClientClosed"
    assert created(quick) == 0


async def test_a_higher_limit_starts_jobs_at_once(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, max_concurrency=2) as akool:
        jobs = [akool.submit(request) for request in speeches(9)]
        await until(lambda: created(simulator) == 2)
        akool.set_concurrency(7)
        await until(lambda: created(simulator) == 7)  # no job has ended meanwhile
        assert akool.stats.places == 7
        await elapse(clock, lambda: all(job.done() for job in jobs))


async def test_a_lower_limit_is_reached_as_jobs_end(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, max_concurrency=4) as akool:
        jobs = [akool.submit(request) for request in speeches(8)]
        await until(lambda: created(simulator) == 4)
        akool.set_concurrency(1)
        assert akool.stats.in_flight == 4
        await elapse(clock, lambda: created(simulator) > 4)
        most = 0

        def watched() -> bool:
            nonlocal most
            most = max(most, akool.stats.in_flight)
            return all(job.done() for job in jobs)

        await elapse(clock, watched)
        assert most == 1


async def test_a_higher_limit_lets_map_read_on_at_once(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, max_concurrency=1) as akool:

        async def run() -> int:
            return len([job async for job in akool.map(speeches(12))])

        running = asyncio.ensure_future(run())
        await until(lambda: created(simulator) == 1)
        akool.set_concurrency(8)
        await until(lambda: created(simulator) == 8)
        await elapse(clock, running.done)
        assert await running == 12


async def test_limits_by_operation_change_while_jobs_hold_places(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, limits={"audio.*": 2}) as akool:
        jobs = [akool.submit(request) for request in speeches(8)]
        await until(lambda: created(simulator) == 2)
        akool.set_limits({"audio.tts": 3, "video.*": 1})
        await until(lambda: created(simulator) == 3)  # the two in flight count for the new pattern
        await turns()
        assert created(simulator) == 3
        akool.set_limits({})
        await until(lambda: created(simulator) == 8)
        await elapse(clock, lambda: all(job.done() for job in jobs))


@pytest.mark.parametrize("number", [0, -1, 1.5, "5", True])
async def test_a_limit_is_a_whole_number_of_at_least_1(number: Any) -> None:
    akool = Akool("key")
    with pytest.raises(InvalidInput):
        akool.set_concurrency(number)
    with pytest.raises(InvalidInput):
        akool.set_limits({"video.*": number})
    assert akool.stats.places == 100


class Hearing:
    """A hook that is told of the client as a whole, too."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bool, int]] = []

    def __call__(self, event: Event) -> None:
        pass

    def client_changed(self, event: ClientEvent) -> None:
        self.heard.append((event.name, event.paused, event.concurrency))


async def test_hooks_and_the_log_are_told_once_of_each_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook = Hearing()
    akool = Akool("key", on_event=hook)
    with caplog.at_level(logging.INFO, "akool_async"):
        akool.pause()
        akool.pause()
        akool.set_concurrency(5)
        akool.resume()
    assert hook.heard == [
        ("client.paused", True, 100),
        ("client.limits", True, 5),
        ("client.resumed", False, 5),
    ]
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        name for name, _, _ in hook.heard
    ]
    await akool.close()
