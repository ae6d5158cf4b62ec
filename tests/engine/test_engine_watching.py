"""Watching: few requests, matched by id, and no wait that ends for a passing trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from akool_async import (
    AccountError,
    Akool,
    AkoolError,
    AuthenticationError,
    Backoff,
    Face,
    InvalidRequest,
    Job,
    JobFailed,
    JobTimeout,
    Limits,
    NotFound,
    Operation,
    PermissionDenied,
    ProcessingError,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageFaceswap, ImageReage, VideoReage
from akool_async.protocol import token as tokens
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Elapse = Callable[..., Awaitable[None]]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

FACE = Face("https://photos.example/face.png")
PHOTO = "https://photos.example/photo.png"
AN_HOUR_AGO = int(ManualClock().now().timestamp()) - 3600


def reage(years: int = 10) -> ImageReage:
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=PHOTO)


def speech(text: object = "hello") -> TTS:
    return TTS(input_text=str(text), voice_id="voice")


def reply(code: int, data: object = None, status: int = 200) -> web.Response:
    return web.json_response({"code": code, "msg": "said so", "data": data}, status=status)


def ids_of(request: web.Request) -> list[str]:
    """Return the ids that a look is about."""
    query = request.query
    return [query["audio_model_id"]] if "audio_model_id" in query else query["_ids"].split(",")


class Looks:
    """A fault hook that notes what each look is about, and may answer it instead."""

    def __init__(self, instead: Callable[[list[str]], web.Response | None] | None = None) -> None:
        self.asked: list[list[str]] = []
        self.instead = instead

    async def __call__(self, name: str, request: web.Request) -> web.Response | None:
        if name not in {"faceswap.results", "audio.get"}:
            return None
        self.asked.append(ids_of(request))
        return self.instead(self.asked[-1]) if self.instead else None


@pytest.fixture
def own() -> ManualClock:
    """Return a client's own clock; the simulator's stands still meanwhile."""
    return ManualClock()


async def started(akool: Akool, count: int) -> list[Job[Any]]:
    """Start reages, and wait until all of them are accepted."""
    jobs = [akool.submit(reage(n % 30)) for n in range(count)]
    await asyncio.gather(*[job.created() for job in jobs])
    return jobs


def unknown_tokens(count: int) -> list[str]:
    """Return tokens of jobs that the simulated Akool never heard of."""
    return [
        tokens.write(
            tokens.JobReference(
                name="reage.image", id=f"{n:024x}", job_id=None, created=AN_HOUR_AGO
            )
        )
        for n in range(count)
    ]


async def test_face_swaps_and_reages_are_asked_about_together(
    *, simulator: Simulator, clock: ManualClock, own: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    looks = simulator.fault = Looks()
    async with connect(simulator, clock=own) as akool:
        swap = ImageFaceswap(source_image=[FACE], target_image=[FACE], modify_image=PHOTO)
        film = VideoReage(
            target_image=[FACE], face_reage=1, modify_video="https://photos.example/film.mp4"
        )
        jobs = [akool.submit(swap), akool.submit(reage()), akool.submit(film)]
        await asyncio.gather(*[job.created() for job in jobs])
        ids = {job.id for job in jobs}
        await elapse(own, lambda: any(set(asked) == ids for asked in looks.asked), step=0.01)
        await clock.advance(60)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.01)
        results = await asyncio.gather(*jobs)
        assert {result.id for result in results} == ids


async def test_a_list_of_ids_is_cut_to_the_limit(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    looks = simulator.fault = Looks()
    async with connect(simulator, limits=Limits(batch=10)) as akool:
        jobs = await started(akool, 35)
        await clock.advance(60)
        await asyncio.gather(*jobs)
        assert max(map(len, looks.asked)) == 10
        assert {each for asked in looks.asked for each in asked} == {job.id for job in jobs}


async def test_due_jobs_fill_as_few_requests_as_their_number_needs(
    *, simulator: Simulator, clock: ManualClock, own: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    async with connect(simulator) as akool:
        held = [job.token for job in await started(akool, 35)]
    await clock.advance(60)
    looks = simulator.fault = Looks()
    async with connect(simulator, clock=own, limits=Limits(batch=10)) as akool:
        jobs = [akool.job(token) for token in held]
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.01)
        await asyncio.gather(*jobs)
        assert sorted(map(len, looks.asked)) == [5, 10, 10, 10]


async def test_no_limit_lifts_what_a_request_line_can_hold(
    simulator: Simulator, own: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    looks = simulator.fault = Looks()
    async with connect(simulator, clock=own, limits=Limits(batch=100_000)) as akool:
        for token in unknown_tokens(301):
            akool.job(token)
        await elapse(own, lambda: len(looks.asked) >= 2, step=0.01)
        assert [len(asked) for asked in looks.asked[:2]] == [300, 1]


async def test_rows_are_matched_by_id_though_they_come_shuffled_and_with_gaps(
    connect: Connect,
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.5) as simulator, connect(simulator) as akool:
        jobs = [akool.submit(reage(n % 30)) for n in range(40)]
        results = await asyncio.gather(*jobs)
        for job, result in zip(jobs, results, strict=True):
            assert result.id == job.id
            assert result.url == f"{simulator.url}/media/{job.id}.png"
            assert simulator.world.jobs[result.id].request == job.request


async def test_rows_about_unknown_jobs_or_none_are_ignored(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    strangers = [
        {"_id": "f" * 24, "faceswap_status": 3, "url": "https://elsewhere.example/a.png"},
        {"faceswap_status": 4},
        "nonsense",
    ]
    looks = simulator.fault = Looks(lambda _: reply(1000, {"result": strangers}))
    async with connect(simulator) as akool:
        jobs = await started(akool, 3)
        await until(lambda: len(looks.asked) >= 5)
        assert not any(job.done() for job in jobs)
        looks.instead = None
        await clock.advance(60)
        await asyncio.gather(*jobs)


async def test_a_lookup_of_one_may_leave_its_id_out(simulator: Simulator, connect: Connect) -> None:
    simulator.fault = Looks(
        lambda _: reply(1000, {"status": 3, "url": "https://cdn.example/a.mp3"})
    )
    async with connect(simulator) as akool:
        job = akool.submit(speech())
        result = await job
        assert result.id == job.id
        assert result.url == "https://cdn.example/a.mp3"


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "expected"),
    [(1003, InvalidRequest), (1009, PermissionDenied), (1015, ProcessingError)],
)
async def test_a_refused_list_is_split_until_only_the_sick_id_ends(
    *,
    simulator: Simulator,
    clock: ManualClock,
    own: ManualClock,
    connect: Connect,
    elapse: Elapse,
    code: int,
    expected: type[AkoolError],
    status: int,
) -> None:
    sick = ""
    looks = simulator.fault = Looks(
        lambda asked: reply(code, status=status) if sick in asked else None
    )
    async with connect(simulator, clock=own) as akool:
        jobs = await started(akool, 32)
        looks.asked.clear()
        sick = jobs[20].id or ""
        await elapse(own, jobs[20].done, step=0.01)
        with pytest.raises(expected) as caught:
            await jobs[20]
        assert caught.value.token == jobs[20].token
        # Every refusal of several halves the list: 32, 16, 8, 4, 2, 1. From then on the sick id
        # is asked about alone, until it was refused three times.
        assert sum(sick in asked for asked in looks.asked) <= 6 + 2

        others = [job for job in jobs if job is not jobs[20]]
        assert not any(job.done() for job in others)
        await clock.advance(60)
        await elapse(own, lambda: all(job.done() for job in others), step=0.01)
        await asyncio.gather(*others)
        # A refusal that has an envelope says nothing about lengths.
        assert max(len(asked) for asked in looks.asked[-3:]) > 1


@pytest.mark.parametrize("status", [400, 413, 414, 431])
async def test_a_list_too_long_for_the_server_is_halved_once_and_for_all(
    *,
    simulator: Simulator,
    clock: ManualClock,
    own: ManualClock,
    connect: Connect,
    elapse: Elapse,
    status: int,
) -> None:
    def too_long(asked: list[str]) -> web.Response | None:
        return (
            web.Response(status=status, text="<html>too long</html>") if len(asked) > 25 else None
        )

    async with connect(simulator) as akool:
        held = [job.token for job in await started(akool, 80)]
    looks = simulator.fault = Looks(too_long)
    async with connect(simulator, clock=own) as akool:
        jobs = [akool.job(token) for token in held]
        await elapse(own, lambda: all(job.snapshot for job in jobs), step=0.01)
        assert [len(asked) for asked in looks.asked[:7]] == [80, 40, 40, 20, 20, 20, 20]
        learned = 7
        await elapse(own, lambda: 25 in map(len, looks.asked), step=0.01)
        await clock.advance(60)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.01)
        await asyncio.gather(*jobs)
        # It closes in on the largest that fits, by halves, and stays there for a hundred lookups.
        sizes = [len(asked) for asked in looks.asked[learned : learned + 100]]
        assert max(sizes) <= (20 + 40) // 2
        assert sum(size > 25 for size in sizes) < 12


async def test_one_id_is_never_too_long_and_proves_that_length_was_not_the_trouble(
    *, simulator: Simulator, clock: ManualClock, own: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    looks = simulator.fault = Looks(lambda _: web.Response(status=400, text="<html>sick</html>"))
    async with connect(simulator, clock=own) as akool:
        jobs = await started(akool, 16)
        await elapse(own, lambda: sum(len(asked) == 1 for asked in looks.asked) >= 16, step=0.01)
        assert not any(job.done() for job in jobs)
        looks.instead = None
        looks.asked.clear()
        await elapse(own, lambda: max(map(len, looks.asked), default=0) > 8, step=0.01)
        await clock.advance(60)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.01)
        await asyncio.gather(*jobs)


async def test_a_job_that_is_finished_when_it_is_created_is_never_looked_at(
    connect: Connect,
) -> None:
    async with Simulator(instant_audio_rate=1.0) as simulator, connect(simulator) as akool:
        results = await asyncio.gather(*[akool.submit(speech(n)) for n in range(5)])
        assert all(result.url for result in results)
        assert simulator.requests == {"audio.tts": 5}


async def test_a_job_that_failed_when_it_was_created_is_never_looked_at(connect: Connect) -> None:
    behaviour: dict[str, Any] = {"instant_audio_rate": 1.0, "fail_rate": 1.0}
    async with Simulator(**behaviour) as simulator, connect(simulator) as akool:
        job = akool.submit(speech())
        with pytest.raises(JobFailed) as caught:
            await job
        assert caught.value.token == job.token
        assert simulator.requests == {"audio.tts": 1}


async def a_dropped_connection(_request: web.Request) -> web.StreamResponse:
    raise ConnectionResetError


async def half_a_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "500"})
    await response.prepare(request)
    await response.write(b'{"code": 1000, "data": {')
    raise ConnectionResetError


def text(content: str, status: int = 200, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=content, status=status, headers=headers)

    return answer


def envelope(code: int, data: object = None, status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return reply(code, data, status)

    return answer


def rows(**fields: object) -> Answer:
    """Answer with one row per id, in the manner of either family."""

    async def answer(request: web.Request) -> web.StreamResponse:
        documents = [{"_id": each} | fields for each in ids_of(request)]
        single = "audio_model_id" in request.query
        return reply(1000, documents[0] if single else {"result": documents})

    return answer


PASSING: dict[str, Answer] = {
    "HTTP 500": text("", 500),
    "a page of HTML": text("<html>Bad Gateway</html>", 502),
    "a page of HTML that says success": text("<html>Welcome</html>"),
    "a page that asks to log in": text("<html>who are you?</html>", 401),
    "a page that forbids": text("<html>blocked by our firewall</html>", 403),
    "a redirect": text("", 302, Location="https://elsewhere.example/"),
    "HTTP 429": text("", 429),
    "HTTP 503 that says when": text("", 503, **{"Retry-After": "1"}),
    "an empty body": text(""),
    "half a document": text('{"code": 1000, "data": {"result": ['),
    "half a body": half_a_body,
    "a dropped connection": a_dropped_connection,
    "no data": envelope(1000),
    "data of another kind": envelope(1000, "soon"),
    "too frequent": envelope(1005),
    "busy": envelope(1215),
    "a processing error, twice": envelope(1110),
    "a code that nobody knows": envelope(4711),
    "not found, just after its creation": envelope(1014),
    "gone, just after its creation": envelope(1008),
    "a status that nobody knows": rows(status=7, faceswap_status=7),
    "a status that is no number": rows(status="soon", faceswap_status="soon"),
    "a url without an end": rows(status=2, faceswap_status=2, url="https://cdn.example/a"),
}


@pytest.mark.parametrize("trouble", PASSING)
@pytest.mark.parametrize("make", [reage, speech])
async def test_a_wait_survives(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    trouble: str,
    make: Callable[[], Operation[Any]],
) -> None:
    own = ManualClock()
    looks = 0

    async def trouble_first(name: str, request: web.Request) -> web.StreamResponse | None:
        nonlocal looks
        if name not in {"faceswap.results", "audio.get"}:
            return None
        looks += 1
        return await PASSING[trouble](request) if looks <= 2 else None

    simulator.fault = trouble_first
    async with Akool(base_url=simulator.url, api_key=simulator.api_key, clock=own) as akool:
        job: Job[Any] = await akool.submit(make()).created()
        await elapse(own, lambda: looks >= 3, step=0.5)
        assert not job.done()
        await clock.advance(60)
        await elapse(own, job.done, step=0.5)
        assert job.result().status is Status.COMPLETED
        # Nothing in this took as long as a missing job is given the benefit of the doubt.
        assert own.time() < 30


async def test_an_unknown_status_is_shown_and_is_no_end(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async def unheard_of(name: str, request: web.Request) -> web.StreamResponse | None:
        return await rows(faceswap_status=7)(request) if name == "faceswap.results" else None

    simulator.fault = unheard_of
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        await until(lambda: job.status == 7)
        assert not job.status.terminal
        assert not job.done()
        simulator.fault = None
        await clock.advance(60)
        await job


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1003, InvalidRequest),
        (1009, PermissionDenied),
        (1101, AuthenticationError),
        (1102, AuthenticationError),
        (1103, AccountError),
        (1200, AccountError),
    ],
)
@pytest.mark.parametrize("make", [reage, speech])
async def test_a_definite_refusal_ends_a_wait(
    simulator: Simulator,
    connect: Connect,
    code: int,
    expected: type[AkoolError],
    make: Callable[[], Operation[Any]],
) -> None:
    looks = simulator.fault = Looks(lambda _: reply(code))
    async with connect(simulator) as akool:
        job: Job[Any] = akool.submit(make())
        with pytest.raises(expected) as caught:
            await job
        assert caught.value.token == job.token
        assert len(looks.asked) == 1
        assert akool.stats.in_flight == 0


@pytest.mark.parametrize("code", [1008, 1014])
async def test_not_found_is_believed_only_some_time_after_the_creation(
    simulator: Simulator, elapse: Elapse, code: int
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks(lambda _: reply(code))
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff=Backoff(initial=1.0, maximum=2.0),
    )  # fmt: skip
    async with akool:
        job = await akool.submit(speech()).created()
        await elapse(own, lambda: own.time() >= 28, step=0.5)
        assert len(looks.asked) > 5
        assert not job.done()
        await elapse(own, job.done, step=0.5)
        assert 30 <= own.time() < 35
        assert isinstance(job.exception(), NotFound)


async def test_a_processing_error_ends_a_wait_at_the_third_look_in_a_row(
    simulator: Simulator, connect: Connect
) -> None:
    answers = iter([1110, 1110, 1000, 1110, 1110, 1110])
    pending = {"status": 2}
    looks = simulator.fault = Looks(lambda _: reply(next(answers), pending))
    async with connect(simulator) as akool:
        with pytest.raises(ProcessingError):
            await akool.submit(speech())
        assert len(looks.asked) == 6


async def test_a_refused_account_is_confirmed_by_one_id_and_then_ends_all(
    simulator: Simulator, own: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    looks = simulator.fault = Looks()
    async with connect(simulator, clock=own) as akool:
        jobs = await started(akool, 20)
        looks.instead = lambda _: reply(1200)
        looks.asked.clear()
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.01)
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(outcome, AccountError) for outcome in outcomes)
        assert [getattr(outcome, "token", "") for outcome in outcomes] == [
            job.token for job in jobs
        ]
        assert min(map(len, looks.asked)) == 1
        assert len(looks.asked) <= 4


async def test_a_refused_account_that_one_id_does_not_confirm_ends_nothing(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    looks = simulator.fault = Looks()
    async with connect(simulator) as akool:
        jobs = await started(akool, 20)
        looks.instead = lambda asked: reply(1200) if len(asked) > 1 else None
        looks.asked.clear()
        await until(lambda: len(looks.asked) >= 8)
        assert not any(job.done() for job in jobs)
        looks.instead = None
        await clock.advance(60)
        await asyncio.gather(*jobs)


async def test_a_family_whose_endpoint_hangs_does_not_hold_up_another(
    *,
    simulator: Simulator,
    clock: ManualClock,
    own: ManualClock,
    connect: Connect,
    elapse: Elapse,
    gate: asyncio.Event,
) -> None:
    async def hang(name: str, _request: web.Request) -> None:
        if name == "audio.get":
            await gate.wait()

    simulator.fault = hang
    async with connect(simulator, clock=own) as akool:
        stuck = [akool.submit(speech(n)) for n in range(30)]
        jobs = await started(akool, 10)
        await elapse(
            own, lambda: simulator.requests["audio.get"] == 14, step=0.01
        )  # two places are kept
        await clock.advance(60)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.01)
        await asyncio.gather(*jobs)
        assert not any(job.done() for job in stuck)


async def test_creates_that_hang_do_not_hold_up_looks(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    until: Until,
    gate: asyncio.Event,
) -> None:
    async def hang(name: str, _request: web.Request) -> None:
        if name == "audio.tts":
            await gate.wait()

    simulator.fault = hang
    async with connect(simulator) as akool:
        jobs = await started(akool, 10)
        for n in range(100):
            akool.submit(speech(n))
        await until(lambda: simulator.requests["audio.tts"] == 48)
        await clock.advance(60)
        await asyncio.gather(*jobs)
        await akool.close(grace=0)


@pytest.mark.parametrize(
    ("make", "limits"), [(speech, Limits(polls=3)), (reage, Limits(batch_polls=3, batch=1))]
)
async def test_looks_at_once_are_limited(
    *,
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    until: Until,
    make: Callable[[], Operation[Any]],
    limits: Limits,
    gate: asyncio.Event,
) -> None:
    under_way = most = 0

    async def wait_for_the_gate(name: str, _request: web.Request) -> None:
        nonlocal under_way, most
        if name in {"audio.get", "faceswap.results"}:
            under_way += 1
            most = max(most, under_way)
            await gate.wait()
            under_way -= 1

    simulator.fault = wait_for_the_gate
    async with connect(simulator, limits=limits) as akool:
        jobs: list[Job[Any]] = [akool.submit(make()) for _ in range(20)]
        await asyncio.gather(*[job.created() for job in jobs])
        await until(lambda: under_way == 3)
        gate.set()
        await clock.advance(60)
        await asyncio.gather(*jobs)
        assert most == 3


async def test_a_hundred_jobs_need_few_requests_each(connect: Connect) -> None:
    # Durations and schedule as by default, and ten times as fast.
    schedule = Backoff(initial=0.05, maximum=1.0)
    async with (
        Simulator(pace=0.1) as simulator,
        connect(simulator, max_concurrency=50, backoff=schedule) as akool,
    ):
        await asyncio.gather(*[akool.submit(reage(n % 30)) for n in range(100)])
        assert simulator.requests["reage.image"] == 100
        assert simulator.requests["faceswap.results"] < 50
        assert simulator.requests.total() < 150


async def test_a_job_is_looked_at_less_often_as_it_ages(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    times: list[float] = []

    async def note(name: str, _request: web.Request) -> None:
        if name == "faceswap.results":
            times.append(own.time())

    simulator.fault = note
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff=Backoff(initial=1.0, multiplier=2.0, maximum=10.0, jitter=0.0),
    )  # fmt: skip
    async with akool:
        await akool.submit(reage()).created()
        await elapse(own, lambda: len(times) == 7, step=0.25)
        gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
        assert gaps == pytest.approx([1, 2, 4, 8, 10, 10, 10], abs=0.3)


async def test_each_family_can_have_a_schedule_of_its_own(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff={"audio": Backoff(initial=50.0, maximum=50.0)},
    )  # fmt: skip
    async with akool:
        await akool.submit(speech()).created()
        await akool.submit(reage()).created()
        await elapse(own, lambda: own.time() >= 30, step=0.5)
        assert simulator.requests["faceswap.results"] >= 5
        assert simulator.requests["audio.get"] == 0
        await elapse(own, lambda: own.time() >= 65)
        assert simulator.requests["audio.get"] == 1


async def test_jobs_ride_along_in_each_others_requests(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff=Backoff(initial=1.0, multiplier=1.0, maximum=1.0, jitter=0.0),
    )  # fmt: skip
    async with akool:
        for _ in range(30):
            await akool.submit(reage()).created()
            await own.advance(0.1)
        before = simulator.requests["faceswap.results"]
        begun = own.time()
        await elapse(own, lambda: own.time() >= begun + 20, step=0.1)
        # One look a second for all of them, though each began at another time.
        assert 15 <= simulator.requests["faceswap.results"] - before <= 22


@pytest.mark.parametrize("trouble", ["HTTP 502", "a code that nobody knows"])
async def test_trouble_makes_looks_rarer_and_success_makes_them_usual_again(
    simulator: Simulator, elapse: Elapse, trouble: str
) -> None:
    own = ManualClock()
    sick: Callable[[], web.Response] = (
        (lambda: web.Response(status=502)) if trouble == "HTTP 502" else (lambda: reply(4711))
    )
    looks = simulator.fault = Looks(lambda _: sick())
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff=Backoff(initial=1.0, multiplier=1.0, maximum=64.0, jitter=0.0),
    )  # fmt: skip
    async with akool:
        await akool.submit(reage()).created()
        await elapse(own, lambda: own.time() >= 600)
        # Without trouble 600 looks; with a setback of 0 to 64 seconds, 32 on average, far fewer.
        assert 5 < len(looks.asked) < 100
        looks.instead = None
        recovered = len(looks.asked)
        await elapse(own, lambda: len(looks.asked) > recovered)
        begun, asked = own.time(), len(looks.asked)
        await elapse(own, lambda: own.time() >= begun + 20)
        assert 15 <= len(looks.asked) - asked <= 21


async def test_a_job_that_has_ended_is_looked_at_no_more(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff=Backoff(initial=1.0, maximum=1.0),
    )  # fmt: skip
    async with akool:
        over = await akool.submit(reage(), timeout=20.0).created()
        await akool.submit(reage()).created()
        await elapse(own, over.done)
        assert isinstance(over.exception(), JobTimeout)
        looks.asked.clear()
        await elapse(own, lambda: len(looks.asked) > 5)
        assert not any(over.id in asked for asked in looks.asked[1:])


async def test_a_client_without_jobs_sends_nothing(
    simulator: Simulator, clock: ManualClock, elapse: Elapse
) -> None:
    own = ManualClock()
    async with Akool(base_url=simulator.url, api_key=simulator.api_key, clock=own) as akool:
        job = await akool.submit(reage()).created()
        await clock.advance(60)
        await elapse(own, job.done)
        requests = simulator.requests.total()
        await elapse(own, lambda: own.time() >= 1000, step=100.0)
        assert simulator.requests.total() == requests


async def test_what_the_create_reply_alone_said_is_kept_in_the_result(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        await clock.advance(60)
        result = await job
        assert result.job_id == job.job_id == simulator.world.jobs[result.id].job_id
        assert result == job.snapshot
