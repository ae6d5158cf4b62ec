"""Creates: sent again only where certainly nothing was started, and never in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    AuthenticationError,
    ConnectFailed,
    CreateOutcomeUnknown,
    Face,
    InsufficientCredit,
    InvalidRequest,
    ProcessingError,
    RateLimited,
    Retry,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import ImageReage
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Elapse = Callable[..., Awaitable[None]]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

FACE = Face("https://photos.example/face.png")


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def answer_creates(
    simulator: Simulator, answer: Answer, *, first: int | None = None, started: bool = False
) -> None:
    """Let creates (or the first so many) be answered so, after Akool has started them or not."""

    async def instead(name: str, request: web.Request) -> web.StreamResponse | None:
        if name != "reage.image" or (first is not None and simulator.requests[name] > first):
            return None
        await request.read()
        if started:
            simulator.world.create(reage())
        return await answer(request)

    simulator.fault = instead


def text(content: str, status: int = 200, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=content, status=status, headers=headers)

    return answer


def envelope(code: int, data: object = None, status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": code, "msg": "said so", "data": data}, status=status)

    return answer


async def a_dropped_connection(_request: web.Request) -> web.StreamResponse:
    raise ConnectionResetError


async def half_a_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "500"})
    await response.prepare(request)
    await response.write(b'{"code": 1000, "data": {')
    raise ConnectionResetError


IN_DOUBT: dict[str, Answer] = {
    "a dropped connection": a_dropped_connection,
    "half a body": half_a_body,
    "HTTP 500": text("", 500),
    "HTTP 504": text("<html>Gateway Timeout</html>", 504),
    "HTTP 503 that does not say when": text("", 503),
    "HTTP 408": text("", 408),
    "HTTP 400 without an envelope": text("<html>Bad Request</html>", 400),
    "a redirect": text("", 307, Location="https://elsewhere.example/"),
    "a page of HTML that says success": text("<html>Welcome</html>"),
    "an empty body": text(""),
    "half a document": text('{"code": 1000, "data": {"_id": "0123'),
    "a document that is no envelope": text("[1000]"),
    "success without data": envelope(1000),
    "success without an id": envelope(1000, {"job_id": "20260101-1"}),
    "success with an empty id": envelope(1000, {"_id": ""}),
    "success with an id that reaches out of its place": envelope(1000, {"_id": "../../account"}),
    "success with an id that is several": envelope(1000, {"_id": "a,b"}),
}


@pytest.mark.parametrize("doubt", IN_DOUBT)
async def test_a_create_in_doubt_is_never_sent_again(
    simulator: Simulator, connect: Connect, doubt: str
) -> None:
    answer_creates(simulator, IN_DOUBT[doubt], started=True)
    async with connect(simulator) as akool:
        request = reage()
        job = akool.submit(request)
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await job
        error = caught.value
        assert error.request is request
        assert error.name == "reage.image"
        assert error.token is None
        assert datetime.now(UTC) - error.sent_at < timedelta(minutes=1)
        assert job.exception() is error
        assert job.id is None
        assert simulator.requests["reage.image"] == 1
        assert simulator.world.creates.total() == 1


async def test_a_create_that_gets_no_answer_in_time_is_in_doubt(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    answer_creates(simulator, never, started=True)
    async with connect(simulator, timeout=0.3) as akool:
        with pytest.raises(CreateOutcomeUnknown, match="no answer"):
            await akool.submit(reage())
        await until(lambda: simulator.requests["reage.image"])
        assert simulator.requests["reage.image"] == 1


REFUSED_FOR_NOW: dict[str, Answer] = {
    "too frequent": envelope(1005),
    "too frequent, as an HTTP error": envelope(1005, status=500),
    "busy": envelope(1215),
    "HTTP 429": text("slow down", 429),
    "HTTP 429 that says when": text("", 429, **{"Retry-After": "0"}),
    "HTTP 503 that says when": text("", 503, **{"Retry-After": "0"}),
}


@pytest.mark.parametrize("refusal", REFUSED_FOR_NOW)
async def test_a_create_refused_for_now_is_sent_again_and_starts_one_job(
    simulator: Simulator, clock: ManualClock, elapse: Elapse, refusal: str
) -> None:
    own = ManualClock()
    answer_creates(simulator, REFUSED_FOR_NOW[refusal], first=2)
    async with Akool(base_url=simulator.url, api_key=simulator.api_key, clock=own) as akool:
        job = akool.submit(reage())
        await elapse(own, lambda: job.id, step=0.5)
        assert simulator.requests["reage.image"] == 3
        assert simulator.world.creates.total() == 1
        await clock.advance(60)
        await elapse(own, job.done, step=0.5)
        assert job.result().status is Status.COMPLETED


async def test_a_create_refused_for_now_again_and_again_ends_as_rate_limited(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    answer_creates(simulator, envelope(1005))
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        retry=Retry(throttled_attempts=5),
    )  # fmt: skip
    async with akool:
        job = akool.submit(reage())
        await elapse(own, job.done)
        error = job.exception()
        assert isinstance(error, RateLimited)
        assert error.attempts == 5
        assert simulator.requests["reage.image"] == 5


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1003, InvalidRequest),
        (1006, InsufficientCredit),
        (1104, InsufficientCredit),
        (1102, AuthenticationError),
        (1201, ProcessingError),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_a_refused_create_is_not_sent_again(
    simulator: Simulator, connect: Connect, code: int, expected: type[APIError], status: int
) -> None:
    answer_creates(simulator, envelope(code, status=status))
    async with connect(simulator) as akool:
        with pytest.raises(expected) as caught:
            await akool.submit(reage())
        assert (caught.value.code, caught.value.http_status) == (code, status)
        assert caught.value.endpoint == "reage.image"
        assert simulator.requests["reage.image"] == 1


async def test_an_account_without_credit_says_so(simulator: Simulator, connect: Connect) -> None:
    simulator.world.credit = 2.0
    async with connect(simulator, max_concurrency=1, job_timeout=0.01) as akool:
        jobs = [akool.submit(reage()) for _ in range(4)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [isinstance(each, InsufficientCredit) for each in outcomes] == [
            False, False, True, True,
        ]  # fmt: skip


FINISHED = {"_id": "a" * 24, "faceswap_status": 3, "url": "https://cdn.example/a.png"}


async def test_a_readable_success_counts_whatever_http_says(
    simulator: Simulator, connect: Connect
) -> None:
    answer_creates(simulator, envelope(1000, FINISHED, status=500))
    async with connect(simulator) as akool:
        assert (await akool.submit(reage())).id == "a" * 24


async def test_a_create_that_finds_no_server_is_tried_again_and_then_not_in_doubt(
    refused_url: str,
) -> None:
    retry = Retry(attempts=3, initial=0.001)
    async with Akool(base_url=refused_url, api_key="key", retry=retry) as akool:
        job = akool.submit(reage())
        with pytest.raises(ConnectFailed) as caught:
            await job
        assert caught.value.attempts == 3
        assert akool.stats.requests == {"reage.image": 3}


async def test_a_create_finds_the_server_that_comes_back(refused_url: str, until: Until) -> None:
    retry = Retry(attempts=1000, initial=0.001, maximum=0.002)
    simulator = Simulator(pace=0.01, port=int(refused_url.rpartition(":")[2]))
    async with Akool(base_url=refused_url, api_key=simulator.api_key, retry=retry) as akool:
        job = akool.submit(reage())
        await until(lambda: akool.stats.requests.get("reage.image", 0) >= 3)
        async with simulator:
            await job.created()
            assert simulator.requests["reage.image"] == 1


async def test_a_create_with_a_stale_token_is_sent_again_with_a_new_one(
    simulator: Simulator,
) -> None:
    akool = Akool(
        base_url=simulator.url, client_id=simulator.client_id, client_secret=simulator.api_key
    )
    async with akool:
        await akool.submit(reage()).created()
        simulator.tokens.clear()
        jobs = [akool.submit(reage()) for _ in range(10)]
        await asyncio.gather(*[job.created() for job in jobs])
        assert simulator.world.creates.total() == 11
        assert simulator.requests["account.token"] == 2


async def test_a_token_that_stays_refused_ends_the_job_after_one_renewal(
    simulator: Simulator,
) -> None:
    answer_creates(simulator, envelope(1101))
    akool = Akool(
        base_url=simulator.url, client_id=simulator.client_id, client_secret=simulator.api_key
    )
    async with akool:
        with pytest.raises(AuthenticationError):
            await akool.submit(reage())
        assert simulator.requests["reage.image"] == 2


async def test_an_unreadable_token_reply_leaves_no_create_in_doubt(simulator: Simulator) -> None:
    async def sick(name: str, _request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=200, text="<html>") if name == "account.token" else None

    simulator.fault = sick
    akool = Akool(
        base_url=simulator.url, client_id=simulator.client_id, client_secret=simulator.api_key,
        retry=Retry(attempts=1),
    )  # fmt: skip
    async with akool:
        with pytest.raises(AkoolError) as caught:
            await akool.submit(reage())
        assert not isinstance(caught.value, CreateOutcomeUnknown)
        assert simulator.requests["reage.image"] == 0


async def test_a_sick_create_ends_no_other_job(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    answer_creates(simulator, a_dropped_connection, first=1)
    async with connect(simulator) as akool:
        jobs = [akool.submit(reage()) for _ in range(5)]
        done = await asyncio.gather(*[job.created() for job in jobs], return_exceptions=True)
        assert sum(isinstance(each, CreateOutcomeUnknown) for each in done) == 1
        await clock.advance(60)
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert sum(isinstance(each, CreateOutcomeUnknown) for each in outcomes) == 1
        assert sum(isinstance(each, BaseException) for each in outcomes) == 1
