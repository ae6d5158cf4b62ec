"""Events of a family whose lookups take many ids: a burst becomes a few full lookups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from akool_async import Akool, Face, Job, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import ImageReage
from akool_async.simulator import Simulator
from akool_async.webhook import Outcome
from tests.armed import CREDENTIALS, HOOK, body
from tests.clocks import Elapse, Until, turns

LOOKUP = "faceswap.results"
PHOTO = "https://photos.example/ann.jpg"
FACE = Face(PHOTO, "262,175:363,175:313,215:272,279")


@pytest.fixture
async def simulated(clock: ManualClock) -> AsyncIterator[Simulator]:
    """A simulated Akool whose jobs end when the test says so; it calls no address."""
    async with Simulator(clock=clock, pace=1e6, omit_rate=0.0, fail_rate=0.0) as running:
        yield running


@pytest.fixture
async def akool(simulated: Simulator, clock: ManualClock) -> AsyncIterator[Akool]:
    hook: dict[str, Any] = {"webhook_url": HOOK, "webhook_credentials": CREDENTIALS}
    async with Akool(simulated.api_key, base_url=simulated.url, clock=clock, **hook) as client:
        yield client


async def begin(akool: Akool, count: int) -> list[Job[Any]]:
    request = ImageReage(target_image=[FACE], face_reage=10, modify_image=PHOTO)
    jobs = [akool.submit(request) for _ in range(count)]
    for job in jobs:
        await job.created()
    return jobs


async def tell(akool: Akool, simulated: Simulator, job: Job[Any]) -> None:
    """End a job, and bring the event about it."""
    assert job.id is not None
    simulated.world.close(job.id)
    assert await akool.webhooks.feed(body(job.id)) is Outcome.WOKEN


async def test_a_rare_event_is_looked_up_at_once(
    akool: Akool, simulated: Simulator, until: Until
) -> None:
    first, second = await begin(akool, 2)
    await tell(akool, simulated, first)
    await until(first.done)
    assert not second.done()
    assert simulated.requests[LOOKUP] == 1


async def test_a_burst_of_events_is_gathered_into_few_lookups(
    akool: Akool, simulated: Simulator, clock: ManualClock, elapse: Elapse
) -> None:
    jobs = await begin(akool, 60)
    for job in jobs:
        await tell(akool, simulated, job)
        await clock.advance(0.005)
        await turns()
    begun = clock.time()
    await elapse(clock, lambda: all(job.done() for job in jobs), step=0.01)
    assert clock.time() - begun < 0.5, "nobody waits long for those that come after"
    assert simulated.requests[LOOKUP] < 15


async def test_what_arrives_while_a_lookup_is_under_way_shares_the_next(
    akool: Akool, simulated: Simulator, clock: ManualClock, gate: asyncio.Event, elapse: Elapse
) -> None:
    asked: list[str] = []

    async def held(name: str, request: Any) -> None:
        if name == LOOKUP:
            asked.append(request.query["_ids"])
            await gate.wait()

    jobs = await begin(akool, 20)
    simulated.fault = held
    for job in jobs:
        await tell(akool, simulated, job)
        await turns()
    assert asked == [jobs[0].id]
    assert all(job.status is not Status.COMPLETED for job in jobs)
    gate.set()
    await elapse(clock, lambda: all(job.done() for job in jobs), step=0.01)
    assert len(asked) == 2
    assert len(asked[1].split(",")) == 19


async def test_closing_while_events_are_gathered_looks_up_nothing_more(
    akool: Akool, simulated: Simulator, clock: ManualClock, until: Until
) -> None:
    first, second, _ = await begin(akool, 3)
    await tell(akool, simulated, first)
    await until(first.done)
    await tell(akool, simulated, second)
    await akool.close()
    await clock.advance(10.0)
    await turns()
    assert simulated.requests[LOOKUP] == 1
