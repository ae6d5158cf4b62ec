"""Many clients' worth of trouble: outages, sick families, refusals for frequency."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import (
    Akool,
    Backoff,
    CreateOutcomeUnknown,
    Face,
    InvalidInput,
    Job,
    JobTimeout,
    Limits,
    NotFound,
    RateLimited,
    ReplyError,
    Retry,
    Timeout,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, GenerateImage, ImageReage
from akool_async.http.breaker import Breaker
from akool_async.http.pace import Budget, Pace
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, LoopTime, Until
    from tests.faults.conftest import Documented, Scripted
    from tests.servers import Visit

PHOTO = "https://photos.example/photo.png"


def speech(number: object = 0) -> TTS:
    return TTS(input_text=f"text {number}", voice_id="voice")


def reage(years: int = 10) -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=years, modify_image=PHOTO)


def picture(number: int = 0) -> GenerateImage:
    return GenerateImage(prompt=f"picture {number}")


def refusal(status: int = 200, **fields: str) -> web.Response:
    """Return a refusal for frequency."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return web.json_response(
        {"code": 1005, "msg": "Frequent operation"}, status=status, headers=headers
    )


Answer = Callable[[str, web.Request], Awaitable[web.StreamResponse | None]]


def answering(choose: Callable[[str], web.StreamResponse | None]) -> Answer:
    """Turn a choice by endpoint into what a simulator takes."""

    async def answer(name: str, _request: web.Request) -> web.StreamResponse | None:
        return choose(name)

    return answer


# An outage, and what comes after it


class Log:
    """When looks arrived, by family; and an outage that can be switched on."""

    def __init__(self, clock: ManualClock) -> None:
        self.times: dict[str, list[float]] = {"audio.get": [], "faceswap.results": []}
        self.outage = False
        self._clock = clock

    async def __call__(self, name: str, _request: web.Request) -> web.StreamResponse | None:
        """Note a look, and answer it with a page during the outage."""
        if name not in self.times:
            return None
        self.times[name].append(self._clock.time())
        return await page(name, _request) if self.outage else None

    def between(self, start: float, end: float, name: str) -> int:
        """Return how many looks a family sent."""
        return sum(start <= each < end for each in self.times[name])

    def peak(self, start: float, end: float, name: str) -> int:
        """Return the most looks of a family in any one second."""
        seconds = Counter(math.floor(each) for each in self.times[name] if start <= each < end)
        return max(seconds.values(), default=0)


async def test_an_outage_gets_a_few_probes_and_its_end_no_stampede(
    clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with Simulator(clock=clock, pace=1000, omit_rate=0, instant_audio_rate=0) as simulator:
        log = simulator.fault = Log(clock)
        settings: dict[str, Any] = {"api_key": simulator.api_key, "max_concurrency": 1000}
        async with connect(simulator.url, clock=clock, backoff=Backoff(), **settings) as akool:
            requests = [speech(n) for n in range(100)], [reage() for _ in range(100)]
            jobs = [akool.submit(request) for each in requests for request in each]
            await asyncio.gather(*[job.created() for job in jobs])

            async def run(moment: float) -> None:
                while clock.time() < moment:
                    await clock.advance(0.5)
                    await turns()

            await run(30.0)
            log.outage = True
            await run(60.0)
            log.outage = False
            await run(90.0)
            assert not any(job.done() for job in jobs)
    for name in log.times:
        assert log.between(32, 60, name) <= 10
        assert log.peak(60, 90, name) <= max(2 * log.peak(10, 30, name), 5)
        assert log.between(80, 90, name) >= log.between(20, 30, name) / 3  # it is back


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("well", [lambda t: t < 1.0 or t > 121.0, lambda t: t > 120.0])
async def test_an_outage_puts_few_of_a_long_line_of_creates_in_doubt(
    well: Callable[[float], bool],
    clock: ManualClock,
    *,
    shared: bool,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    times: list[float] = []

    async def fault(name: str, request: web.Request) -> web.StreamResponse | None:
        if name == "audio.tts":
            times.append(clock.time())
        return None if well(clock.time()) else await page(name, request)

    async with Simulator(clock=clock, omit_rate=0, instant_audio_rate=1.0) as simulator:
        simulator.fault = fault
        async with connect(
            simulator.url,
            clock=clock,
            api_key=simulator.api_key,
            limits=Limits(creates=10),
            semaphore=asyncio.Semaphore(600) if shared else None,
        ) as akool:
            jobs = [akool.submit(speech(n)) for n in range(600)]
            await elapse(clock, lambda: all(job.done() for job in jobs), step=0.25)
            ends = Counter(type(job.exception()) for job in jobs)
    # Those under way when it began, one for each probe, and those in line that are few.
    assert 5 <= ends[CreateOutcomeUnknown] <= 10 + 30
    assert ends[type(None)] == 600 - ends[CreateOutcomeUnknown]
    assert simulator.world.creates.total() == ends[type(None)]
    assert len(times) == 600  # and none was sent twice
    assert clock.time() < 200
    after = [each for each in times if each >= 120.0]
    assert sum(each < after[0] + 5.0 for each in after[1:]) < 60  # they come back by and by
    assert [record.message for record in caplog.records] == [
        "creates get no answer; queued jobs wait while one create at a time probes the host"
    ]


async def test_creates_that_hang_while_later_ones_are_answered_are_no_outage(
    connect: Connect, loop_time: LoopTime, caplog: pytest.LogCaptureFixture
) -> None:
    asked, over = itertools.count(), asyncio.Event()

    async def fault(_name: str, _request: web.Request) -> None:
        if next(asked) < 5:
            await over.wait()
        await loop_time.advance(0.005)

    async with Simulator(omit_rate=0, instant_audio_rate=1.0) as simulator:
        simulator.fault = fault
        settings: dict[str, Any] = {"limits": Limits(creates=8), "timeout": Timeout(total=0.3)}
        async with connect(simulator.url, api_key=simulator.api_key, **settings) as akool:
            jobs = [akool.submit(speech(n)) for n in range(400)]
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
            over.set()
    ends = Counter(type(each) for each in outcomes)
    assert ends[CreateOutcomeUnknown] == 5
    assert len(ends) == 2
    assert "creates get no answer" not in caplog.text


async def test_a_look_that_is_answered_lets_creates_go_on(
    clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    well_since = 100.0

    async def fault(name: str, request: web.Request) -> web.StreamResponse | None:
        began = name == "audio.tts" and clock.time() < 1.0
        return None if began or clock.time() > well_since else await page(name, request)

    async with Simulator(clock=clock, pace=1.0, omit_rate=0, instant_audio_rate=0.0) as simulator:
        simulator.fault = fault
        settings: dict[str, Any] = {"limits": Limits(creates=2), "max_concurrency": 50}
        async with connect(
            simulator.url, clock=clock, api_key=simulator.api_key, **settings
        ) as akool:
            jobs = [akool.submit(speech(n)) for n in range(200)]
            await elapse(clock, lambda: sum(job.done() for job in jobs) > 100, step=0.25)
            unknown = sum(
                job.done() and isinstance(job.exception(), CreateOutcomeUnknown) for job in jobs
            )
            assert unknown <= 20
            assert clock.time() < well_since + 120


async def test_few_creates_that_fail_are_told_at_once(
    clock: ManualClock, speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(lambda visit: visit.answer(b"<html>", 502))
    async with connect(server.url, clock=clock) as akool:
        for _ in range(2):  # after the first, the host is known to be down
            jobs = [akool.submit(speech.request) for _ in range(90)]
            ends = await asyncio.gather(*jobs, return_exceptions=True)
            assert all(isinstance(end, CreateOutcomeUnknown) for end in ends)
    assert clock.time() == 0.0


async def test_creates_that_are_refused_hold_back_no_other(
    clock: ManualClock, speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(lambda visit: visit.say({"code": 1003, "msg": "no"}))
    async with connect(server.url, clock=clock, limits=Limits(creates=2)) as akool:
        jobs = [akool.submit(speech.request) for _ in range(100)]
        await asyncio.gather(*jobs, return_exceptions=True)
    assert clock.time() == 0.0


@pytest.fixture
def breaker(clock: ManualClock) -> Breaker:
    """Return a breaker that knows two families."""
    made = Breaker(clock)
    made.join("audio", lambda: None)
    made.join("video", lambda: None)
    return made


async def sent(breaker: Breaker, clock: ManualClock, seconds: float, *, well: bool) -> list[float]:
    """Send looks of one family as fast as it may, for some seconds; return when."""
    times: list[float] = []
    end = clock.time() + seconds
    while clock.time() < end and len(times) < 10_000:
        pause = breaker.wait("audio")
        if pause > 0:
            await clock.advance(pause)
            continue
        times.append(clock.time())
        (breaker.answered if well else breaker.failed)("audio")
        if not well:
            await clock.advance(0.001)
    return times


async def test_a_sick_family_gets_probes_at_growing_intervals(
    breaker: Breaker, clock: ManualClock
) -> None:
    times = await sent(breaker, clock, 60.0, well=False)
    probes = times[3:]  # three failures make it sick
    assert 8 <= len(probes) <= 16
    gaps = [later - earlier for earlier, later in itertools.pairwise(probes)]
    assert gaps[0] < 1.1 < gaps[-1] <= 10.0
    assert breaker.wait("video") == 0.0


async def test_a_family_that_recovers_begins_slowly_and_is_free_in_the_end(
    breaker: Breaker, clock: ManualClock
) -> None:
    await sent(breaker, clock, 30.0, well=False)
    await clock.advance(10.0)
    began = clock.time()
    times = await sent(breaker, clock, 60.0, well=True)
    first = [each - began for each in times if each < began + 2.0]
    assert 8 <= len(first) <= 13
    assert len([each for each in times if each < began + 10.0]) < 200
    await clock.advance(60.0)
    assert [breaker.wait("audio") for _ in range(3)][1:] == [0.0, 0.0]


async def test_the_first_family_that_recovers_lets_the_others_try_at_once(
    clock: ManualClock,
) -> None:
    woken: list[str] = []
    breaker = Breaker(clock)
    for family in ("audio", "video", "image"):
        breaker.join(family, lambda family=family: woken.append(family))  # type: ignore[misc]
    for _ in range(5):
        for family in ("audio", "video"):
            while breaker.wait(family) > 0:
                await clock.advance(1.0)
            breaker.failed(family)
    assert breaker.wait("video") > 0
    breaker.answered("audio")
    assert woken == ["video"]
    assert breaker.wait("video") == 0.0


# One that is sick delays no other


async def drop(_name: str, _request: web.Request) -> web.StreamResponse:
    raise ConnectionResetError


async def page(_name: str, _request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>sick</html>", status=502)


@pytest.mark.parametrize("sickness", [None, drop, page], ids=["hangs", "drops", "errs"])
async def test_a_sick_family_delays_no_other(
    sickness: Answer | None, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    over = asyncio.Event()

    async def fault(name: str, request: web.Request) -> web.StreamResponse | None:
        if name != "audio.get":
            return None
        return await (sickness(name, request) if sickness else answered_late(over))

    async with Simulator(clock=clock, omit_rate=0, instant_audio_rate=0) as simulator:
        simulator.fault = fault
        async with connect(
            simulator.url, clock=clock, api_key=simulator.api_key, backoff=Backoff()
        ) as akool:
            sick = [akool.submit(speech(n)) for n in range(40)]
            await asyncio.gather(*[job.created() for job in sick])
            await clock.advance(30.0)
            well: list[Job[Any]] = [akool.submit(reage(n)) for n in range(20)]
            well += [akool.submit(picture(n)) for n in range(20)]  # looked at one by one, too
            await asyncio.gather(*[job.created() for job in well])
            began = clock.time()
            await elapse(clock, lambda: all(job.done() for job in well))
            assert clock.time() - began < 30
            assert not any(job.done() for job in sick)
        over.set()


async def answered_late(over: asyncio.Event) -> web.StreamResponse:
    """Hang until the test is over."""
    await over.wait()
    return web.Response()


async def test_an_id_whose_look_hangs_delays_no_other(
    clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    over, sick_id = asyncio.Event(), ""

    async def fault(_name: str, request: web.Request) -> web.StreamResponse | None:
        sick = request.query.get("audio_model_id") == sick_id
        return await answered_late(over) if sick else None

    async with Simulator(clock=clock, omit_rate=0, instant_audio_rate=0) as simulator:
        simulator.fault = fault
        async with connect(simulator.url, clock=clock, api_key=simulator.api_key) as akool:
            sick = await akool.submit(speech()).created()
            sick_id = sick.id or ""
            well = [akool.submit(speech(n)) for n in range(40)]
            await elapse(clock, lambda: all(job.done() for job in well))
            assert not sick.done()
        over.set()


async def test_two_creates_that_are_answered_with_one_id_both_end(
    speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(speech.answer)
    async with connect(server.url) as akool:
        jobs = [akool.submit(speech.request) for _ in range(3)]
        results = await asyncio.gather(*jobs)
        assert {result.id for result in results} == {speech.id}
        twins = [akool.submit(speech.request, timeout=seconds) for seconds in (0.05, 60)]
        server.reaction = lambda visit: visit.say(
            speech.created if visit.is_create else speech.pending
        )
        with pytest.raises(JobTimeout):
            await twins[0]
        server.reaction = speech.answer
        await twins[1]
        server.reaction = lambda visit: visit.say(speech.created)
        for _ in range(2):
            await akool.submit(speech.request).created()  # these end with the client


# Refusals for frequency


@pytest.mark.parametrize(
    "refuse", [refusal, lambda: refusal(429), lambda: web.Response(status=429)]
)
async def test_creates_that_are_refused_slow_down_creates_alone_and_recover(
    refuse: Callable[[], web.Response],
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    times: list[float] = []
    refused: list[float] = []

    def choose(name: str) -> web.StreamResponse | None:
        if name != "audio.tts":
            return None
        now = clock.time()
        if sum(each > now - 1.0 for each in times) >= 5:  # five a second
            refused.append(now)
            return refuse()
        times.append(now)
        return None

    async with Simulator(clock=clock, instant_audio_rate=1.0) as simulator:
        simulator.fault = answering(choose)
        async with connect(
            simulator.url, clock=clock, api_key=simulator.api_key, retry=Retry()
        ) as akool:
            jobs = [akool.submit(speech(n)) for n in range(100)]
            await elapse(clock, lambda: all(job.done() for job in jobs), step=0.1)
            assert all(job.exception() is None for job in jobs)
            slow = akool.stats
            await clock.advance(300)
            assert akool.stats.creates_per_second is None
    assert len(times) == 100
    assert 43 <= len(refused) <= 80  # 48 at once are the first to learn of it
    assert clock.time() - 300 < 45  # 20 seconds is the least
    assert slow.refusals == len(refused)
    assert slow.creates_per_second is not None
    assert slow.creates_per_second < 6
    assert slow.reads_per_second is None
    assert [record.message for record in caplog.records] == [
        "the server asks for fewer creates; slowing down"
    ]


async def test_reads_that_are_refused_slow_down_reads_alone(
    clock: ManualClock, connect: Connect, elapse: Elapse, caplog: pytest.LogCaptureFixture
) -> None:
    left = 20

    def choose(name: str) -> web.StreamResponse | None:
        nonlocal left
        if name == "audio.get" and left > 0:
            left -= 1
            return refusal()
        return None

    async with Simulator(clock=clock, omit_rate=0, instant_audio_rate=0) as simulator:
        simulator.fault = answering(choose)
        async with connect(simulator.url, clock=clock, api_key=simulator.api_key) as akool:
            jobs = [akool.submit(speech(n)) for n in range(20)]
            await elapse(clock, lambda: left == 0)
            assert akool.stats.reads_per_second is not None
            assert akool.stats.creates_per_second is None
            await elapse(clock, lambda: all(job.done() for job in jobs))
            assert all(job.exception() is None for job in jobs)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", ["audio.tts", "audio.get"])
async def test_retry_after_holds_back_everybody_for_as_long_as_it_says(
    name: str, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    seen: list[float] = []

    def choose(asked: str) -> web.StreamResponse | None:
        if asked == name:
            seen.append(clock.time())
            return refusal(429, Retry_After="40") if len(seen) == 1 else None
        return None

    async with Simulator(clock=clock, omit_rate=0, instant_audio_rate=0) as simulator:
        simulator.fault = answering(choose)
        limits = Limits(creates=1, polls=1)
        async with connect(
            simulator.url, clock=clock, api_key=simulator.api_key, limits=limits
        ) as akool:
            jobs = [akool.submit(speech(n)) for n in range(5)]
            await elapse(clock, lambda: all(job.done() for job in jobs))
            assert all(job.exception() is None for job in jobs)
    assert len(seen) >= 6
    assert seen[1] - seen[0] >= 40


async def test_a_retry_after_beyond_the_cap_ends_a_create_and_holds_the_others_for_the_cap(
    clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    seen: list[float] = []

    def choose(asked: str) -> web.StreamResponse | None:
        if asked == "audio.tts":
            seen.append(clock.time())
            return refusal(429, Retry_After="3600") if len(seen) == 1 else None
        return None

    async with Simulator(clock=clock, omit_rate=0, instant_audio_rate=1.0) as simulator:
        simulator.fault = answering(choose)
        async with connect(
            simulator.url, clock=clock, api_key=simulator.api_key, limits=Limits(creates=1)
        ) as akool:
            first, second = akool.submit(speech(1)), akool.submit(speech(2))
            await elapse(clock, second.done)
            with pytest.raises(RateLimited) as caught:
                await first
            await second
    assert caught.value.retry_after == 3600
    assert 120 <= seen[1] - seen[0] < 130


async def test_a_pace_is_cut_once_for_all_that_was_sent_before_it(clock: ManualClock) -> None:
    pace = Pace("requests", clock)
    turns = [await pace.turn() for _ in range(50)]
    for turn in turns:
        pace.refused(turn)
    assert pace.limit == pytest.approx(0.7 * 50 / 5)
    waiting = [asyncio.create_task(pace.turn()) for _ in range(3)]
    await clock.advance(2.0)
    times = [task.result() for task in waiting]
    assert times == pytest.approx([1 / 7, 2 / 7, 3 / 7], rel=0.05)
    pace.refused(times[-1])
    assert pace.limit == pytest.approx(7, rel=0.1)  # it was sent too soon to tell
    await clock.advance(10.0)
    pace.refused(await pace.turn())
    assert pace.limit < 1.0 < pace.limit * 10


async def test_one_early_refusal_does_not_bring_a_client_to_a_halt(clock: ManualClock) -> None:
    pace = Pace("requests", clock)
    pace.refused(await pace.turn())
    assert pace.limit == math.inf


async def test_who_gives_up_waiting_for_a_turn_holds_up_nobody(clock: ManualClock) -> None:
    pace = Pace("requests", clock)
    pace.refused(await pace.turn(), hold=10.0)
    waiting = [asyncio.create_task(pace.turn()) for _ in range(3)]
    await clock.advance(1.0)
    for task in waiting[:2]:
        task.cancel()
    await clock.advance(10.0)
    assert waiting[2].result() == pytest.approx(10.0)


# A storm of retries


async def test_a_budget_stops_a_storm_of_retries(
    clock: ManualClock, connect: Connect, scripted: Scripted, elapse: Elapse
) -> None:
    async def sick(visit: Visit) -> None:
        await visit.answer(b"<html>", 502)

    server = await scripted(sick)
    async with connect(server.url, clock=clock, retry=Retry(attempts=10)) as akool:
        calls = [asyncio.create_task(akool.account.credit()) for _ in range(200)]
        await elapse(clock, lambda: all(call.done() for call in calls))
        assert all(isinstance(call.exception(), ReplyError) for call in calls)
    assert server.polls == 200 + 500 // 14


def test_a_budget_is_earned_back_by_what_succeeds() -> None:
    budget = Budget(size=28, cost=14)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(14):
        budget.give_back(retried=False)
    assert [budget.spend() for _ in range(2)] == [True, False]
    budget.give_back(retried=True)
    assert budget.spend()
    for _ in range(100):
        budget.give_back(retried=True)
    assert budget.left == 28


# Time


class LeapingClock(ManualClock):
    """A clock whose date is set while its seconds go on."""

    leap = timedelta()

    def now(self) -> datetime:
        """Return the date that somebody has set."""
        return super().now() + self.leap


@pytest.mark.parametrize("days", [-400, 400])
async def test_a_date_that_is_set_ends_no_job_and_keeps_none(
    days: int, connect: Connect, elapse: Elapse
) -> None:
    clock = LeapingClock()
    async with Simulator(clock=ManualClock(), omit_rate=0, instant_audio_rate=0) as simulator:
        settings: dict[str, Any] = {"api_key": simulator.api_key, "backoff": Backoff()}
        async with connect(simulator.url, clock=clock, **settings) as akool:
            job = await akool.submit(speech(), timeout=100).created()
            clock.leap = timedelta(days=days)
            await clock.advance(50)
            later = await akool.submit(speech(), timeout=100).created()
            await clock.advance(49)
            assert not job.done()
            await elapse(clock, job.done)
            assert clock.time() < 103
            await clock.advance(149 - clock.time())
            assert not later.done()
            await elapse(clock, later.done)
            assert clock.time() < 153
            assert all(isinstance(each.exception(), JobTimeout) for each in (job, later))


@pytest.mark.parametrize("value", [None, 0, -1, math.inf, math.nan, "60"])
def test_a_request_without_an_end_is_refused(value: Any) -> None:
    for field, make in (
        ("total", lambda: Akool("k", timeout=value)),
        ("total", lambda: Timeout(total=value)),
        ("connect", lambda: Timeout(connect=value)),
    ):
        with pytest.raises(InvalidInput) as caught:
            make()
        assert caught.value.field == field


async def test_no_default_is_without_an_end(
    clock: ManualClock, speech: Documented, scripted: Scripted, connect: Connect, elapse: Elapse
) -> None:
    assert Timeout() == Timeout(total=60.0, connect=10.0)
    server = await scripted(lambda visit: visit.say(speech.created))
    async with connect(server.url, clock=clock, backoff=None) as akool:
        job = await akool.submit(speech.request).created()
        await elapse(clock, job.done, step=60.0)
        assert isinstance(job.exception(), JobTimeout)
    assert 4 * 3600 <= clock.time() <= 4 * 3600 + 60


@pytest.mark.parametrize("number", [1008, 1014])
async def test_a_young_job_may_be_unknown_for_a_while_and_an_older_one_not(
    number: int,
    of_each_family: Documented,
    *,
    clock: ManualClock,
    scripted: Scripted,
    connect: Connect,
    elapse: Elapse,
) -> None:
    async def answer(visit: Visit) -> None:
        if visit.is_create:
            await of_each_family.answer(visit)
        else:
            await visit.say({"code": number, "msg": "no such thing"}, 404)

    server = await scripted(answer)
    slowly = Backoff(initial=1.0, maximum=4.0)
    async with connect(server.url, clock=clock, backoff=slowly) as akool:
        job = akool.submit(of_each_family.request)
        await job.created()
        await elapse(clock, lambda: clock.time() >= 29)
        assert not job.done()
        await elapse(clock, job.done)
        assert clock.time() < 40
        with pytest.raises(NotFound) as caught:
            await job
        assert caught.value.token == job.token
