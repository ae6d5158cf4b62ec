"""Waking a job, as a webhook does: one poll at once, and the later polls stay as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest

from akool_async import Akool, Backoff, Face, Job, Operation, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.engine import Engine
from akool_async.engine.wakes import EarlyWakes
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

Connect = Callable[..., Akool]
Make: TypeAlias = Callable[[], Operation[Any]]

EVERY_TWO_SECONDS = Backoff(initial=2.0, multiplier=1.0, maximum=2.0, jitter=0.0)


def speech() -> TTS:
    return TTS(input_text="hello", voice_id="voice")


def reage() -> ImageReage:
    face = Face("https://photos.example/face.png")
    return ImageReage(
        target_image=[face], face_reage=10, modify_image="https://photos.example/photo.png"
    )


each_kind_of_family = pytest.mark.parametrize("make", [speech, reage], ids=["single", "batch"])


def id_of(number: int) -> str:
    return f"{number:024x}"


class Vendor:
    """A server that accepts jobs as number 1, 2, 3 ..., none of which ends by itself."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        """The ids of each lookup."""
        self.next = 1
        self.ended: set[str] = set()
        self.creates_go_on = asyncio.Event()
        self.lookups_go_on = asyncio.Event()
        self.creates_go_on.set()
        self.lookups_go_on.set()

    async def __call__(self, visit: Visit) -> None:
        if visit.is_create:
            own, self.next = id_of(self.next), self.next + 1
            await self.creates_go_on.wait()
            await visit.say({"code": 1000, "data": {"_id": own}})
            return
        query = parse_qs(urlsplit(visit.target).query)
        single = "audio_model_id" in query
        ids = query["audio_model_id"] if single else query["_ids"][0].split(",")
        self.asked.append(ids)
        await self.lookups_go_on.wait()
        rows = [self._row(each) for each in ids]
        await visit.say({"code": 1000, "data": rows[0] if single else {"result": rows}})

    def _row(self, id: str) -> dict[str, Any]:
        status = int(Status.COMPLETED if id in self.ended else Status.PROCESSING)
        return {"_id": id, "status": status, "faceswap_status": status, "url": "https://a.b/c"}


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def engine_of(akool: Akool) -> Engine:
    return akool._runtime("a test").engine  # noqa: SLF001 - the receiver of webhooks is not there yet


async def passed(clock: ManualClock, seconds: float, step: float = 0.25) -> None:
    """Let time pass, and let each lookup on the way return."""
    for _ in range(round(seconds / step)):
        await clock.advance(step)
        await turns()


async def at_once(clock: ManualClock) -> None:
    """Let what is due now happen; no time passes."""
    await clock.advance(0)
    await turns()


async def started(akool: Akool, *requests: Operation[Any]) -> list[Job[Any]]:
    jobs = [akool.submit(request) for request in requests]
    await asyncio.gather(*[job.created() for job in jobs])
    return jobs


@each_kind_of_family
@pytest.mark.parametrize("wakes", [0, 1, 3])
async def test_a_woken_job_is_polled_at_once_and_once_and_later_as_often_as_others(
    *, vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect, make: Make, wakes: int
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        await started(akool, make())
        await passed(clock, 3.0)
        assert len(vendor.asked) == 1
        for _ in range(wakes):
            assert engine_of(akool).wake(id_of(1)) is True
        await at_once(clock)
        assert len(vendor.asked) == 1 + min(wakes, 1)
        vendor.asked.clear()
        await passed(clock, 20.0)
        assert vendor.asked == [[id_of(1)]] * 10


@each_kind_of_family
async def test_each_of_several_wakes_is_one_poll_and_none_of_them_leaves_a_poll_behind(
    vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect, make: Make
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        await started(akool, make())
        await passed(clock, 3.0)
        for number in range(3):
            engine_of(akool).wake(id_of(1))
            await at_once(clock)
            assert len(vendor.asked) == 2 + number
            await passed(clock, 0.5)
        vendor.asked.clear()
        await passed(clock, 20.0)
        assert len(vendor.asked) == 10


async def test_a_wake_asks_about_other_jobs_of_a_batch_family_in_the_same_request(
    vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        await started(akool, reage(), reage(), reage())
        await passed(clock, 3.0)
        vendor.asked.clear()
        engine_of(akool).wake(id_of(2))
        await at_once(clock)
        assert [sorted(ids) for ids in vendor.asked] == [[id_of(1), id_of(2), id_of(3)]]
        assert vendor.asked[0][0] == id_of(2)
        vendor.asked.clear()
        await passed(clock, 20.0)
        assert [len(ids) for ids in vendor.asked] == [3] * 10


async def test_a_wake_asks_about_no_other_job_of_a_family_with_one_id_in_a_lookup(
    vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        await started(akool, speech(), speech(), speech())
        await passed(clock, 3.0)
        vendor.asked.clear()
        engine_of(akool).wake(id_of(2))
        await at_once(clock)
        assert vendor.asked == [[id_of(2)]]


@each_kind_of_family
@pytest.mark.parametrize("wakes", [1, 3])
async def test_a_wake_while_the_job_is_being_polled_is_one_more_poll_at_once(
    *, vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect, make: Make, wakes: int
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        [job] = await started(akool, make())
        vendor.lookups_go_on.clear()
        await passed(clock, 3.0)
        assert len(vendor.asked) == 1
        for _ in range(wakes):
            assert engine_of(akool).wake(id_of(1)) is True
        await at_once(clock)
        assert len(vendor.asked) == 2
        vendor.lookups_go_on.set()
        await at_once(clock)
        assert len(vendor.asked) == 2
        vendor.asked.clear()
        await passed(clock, 20.0)
        assert len(vendor.asked) == 10
        assert not job.done()


@each_kind_of_family
async def test_a_job_that_has_ended_ends_by_its_wake_long_before_its_next_poll(
    vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect, make: Make
) -> None:
    server = await serve(vendor)
    seldom = Backoff(initial=1000.0, maximum=1000.0)
    async with connect(server.url, clock=clock, backoff=seldom) as akool:
        [job] = await started(akool, make())
        vendor.ended.add(id_of(1))
        engine_of(akool).wake(id_of(1))
        await clock.advance(0)
        assert (await job).status is Status.COMPLETED
        assert vendor.asked == [[id_of(1)]]


@each_kind_of_family
async def test_a_wake_after_the_end_does_nothing(
    vendor: Vendor, serve: Serve, clock: ManualClock, connect: Connect, make: Make
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        [job] = await started(akool, make())
        vendor.ended.add(id_of(1))
        await passed(clock, 2.0)
        result = await job
        vendor.asked.clear()
        assert engine_of(akool).wake(id_of(1)) is False
        await passed(clock, 20.0, step=1.0)
        assert vendor.asked == []
        assert await job is result


@each_kind_of_family
@pytest.mark.parametrize(("seconds", "polls"), [(0.0, 1), (59.5, 1), (60.0, 1), (60.5, 0)])
async def test_a_wake_that_overtakes_the_create_s_reply_counts_for_a_minute(
    *,
    vendor: Vendor,
    serve: Serve,
    clock: ManualClock,
    connect: Connect,
    make: Make,
    seconds: float,
    polls: int,
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        vendor.creates_go_on.clear()
        job = akool.submit(make())
        await turns()
        assert engine_of(akool).wake(id_of(1)) is False
        await clock.advance(seconds)
        vendor.creates_go_on.set()
        await job.created()
        await at_once(clock)
        assert vendor.asked == [[id_of(1)]] * polls
        vendor.asked.clear()
        await passed(clock, 20.0)
        assert len(vendor.asked) == 10


@pytest.mark.parametrize(("number", "polls"), [(1, 0), (2, 1), (10_001, 1)])
async def test_ten_thousand_unknown_ids_are_kept_and_of_more_the_latest(
    *,
    vendor: Vendor,
    serve: Serve,
    clock: ManualClock,
    connect: Connect,
    number: int,
    polls: int,
) -> None:
    server = await serve(vendor)
    async with connect(server.url, clock=clock, backoff=EVERY_TWO_SECONDS) as akool:
        for each in range(1, 10_002):
            assert engine_of(akool).wake(id_of(each)) is False
        vendor.next = number
        await started(akool, speech())
        await at_once(clock)
        assert vendor.asked == [[id_of(number)]] * polls


async def test_an_early_wake_counts_once_and_from_the_last_time_on(clock: ManualClock) -> None:
    wakes = EarlyWakes(clock)
    wakes.add("a")
    wakes.add("b")
    await clock.advance(50)
    wakes.add("a")
    await clock.advance(50)
    assert [wakes.take(each) for each in ("a", "a", "b", "c")] == [True, False, False, False]


def test_an_id_that_is_woken_again_is_kept_as_the_latest(clock: ManualClock) -> None:
    wakes = EarlyWakes(clock)
    for number in [*range(10_000), 0, 10_000]:
        wakes.add(id_of(number))
    assert [wakes.take(id_of(number)) for number in (0, 1, 2)] == [True, False, True]
