"""Kind: one row that nobody can read costs the other jobs of its lookup nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import Akool, Backoff, Face, Job
from akool_async.clock import ManualClock
from akool_async.endpoints import ImageReage
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse

PHOTO = "https://photos.example/photo.png"

UNREADABLE = {
    "a document cut short": '{"code": 1000, "data": {"result": [{"_id": "',
    "a page": "<html>Welcome</html>",
    "no data": '{"code": 1000, "data": null}',
    "nothing": "",
}


def reage(years: int) -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=years % 30, modify_image=PHOTO)


class Looks:
    """Answers lists that hold a sick id with a body that cannot be read."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.sick: set[str] = set()
        self.all_sick = False
        self.asked: list[list[str]] = []

    async def __call__(self, name: str, request: web.Request) -> web.Response | None:
        """Answer a look, or leave it to the simulator."""
        if name != "faceswap.results":
            return None
        ids = request.query["_ids"].split(",")
        self.asked.append(ids)
        unreadable = self.all_sick or not self.sick.isdisjoint(ids)
        return web.Response(text=self.body) if unreadable else None


async def started(akool: Akool, number: int) -> list[Job[Any]]:
    jobs: list[Job[Any]] = [akool.submit(reage(n)) for n in range(number)]
    await asyncio.gather(*(job.created() for job in jobs))
    return jobs


def client(simulator: Simulator, own: ManualClock, connect: Connect) -> Akool:
    backoff = Backoff(initial=1.0, multiplier=1.2, maximum=5.0)
    return connect(simulator, clock=own, backoff=backoff, max_concurrency=400)


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_list_is_split_down_to_the_sick_id_and_the_others_end(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse, body: str
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks(body)
    async with client(simulator, own, connect) as akool:
        jobs = await started(akool, 60)
        sick = jobs[17]
        looks.sick = {sick.id or ""}
        await clock.advance(60)  # all of them are complete at the server
        others = [job for job in jobs if job is not sick]
        await elapse(own, lambda: all(job.done() for job in others), step=0.1)
        assert own.time() < 60
        assert not sick.done()
        # Twice as a whole, then by halves: two looks for each halving of 60.
        assert len(looks.asked) < 25
        looks.sick.clear()
        await elapse(own, sick.done, step=0.1)
        assert sick.result().url


async def test_a_sick_id_is_asked_about_alone_until_its_answer_can_be_read(
    simulator: Simulator, connect: Connect, elapse: Elapse
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks("{")
    async with client(simulator, own, connect) as akool:
        jobs = await started(akool, 20)
        sick = jobs[3].id or ""
        looks.sick = {sick}
        await elapse(own, lambda: [sick] in looks.asked, step=0.1)
        looks.asked.clear()
        begun = own.time()
        await elapse(own, lambda: own.time() > begun + 60, step=0.1)
        assert looks.asked.count([sick]) >= 5
        assert [asked for asked in looks.asked if sick in asked and len(asked) > 1] == []
        looks.sick.clear()
        looks.asked.clear()
        await elapse(own, lambda: any(sick in asked and len(asked) > 1 for asked in looks.asked))


async def test_a_host_that_answers_nothing_readable_is_not_asked_about_each_id_on_its_own(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks("<html>log in, please</html>")
    async with client(simulator, own, connect) as akool:
        jobs = await started(akool, 300)
        looks.all_sick = True
        begun = own.time()
        await elapse(own, lambda: own.time() > begun + 600)
        assert len(looks.asked) < 600  # one look a second at most, and no storm
        assert not any(job.done() for job in jobs)
        looks.all_sick = False
        looks.asked.clear()
        await clock.advance(60)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.5)
        await asyncio.gather(*jobs)
        assert len(looks.asked) < 60
