"""From value to value: what is sent for each kind of endpoint, and what is sent again."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from yarl import URL

from akool_async import (
    Akool,
    APIError,
    Backoff,
    ConnectFailed,
    CreateOutcomeUnknown,
    Face,
    RateLimited,
    ReplyError,
    Retry,
    TransportError,
)
from akool_async.clock import ManualClock

if TYPE_CHECKING:
    from aioresponses import aioresponses

    from tests.clocks import Until
    from tests.servers import Reaction, Serve, Visit

T = TypeVar("T")

HOST = "https://openapi.akool.com/api/open/"
ID = "65f8017f56559aa67f0ecde7"
CREDIT = b'{"code":1000,"msg":"OK","data":{"credit":5}}'
CREATED = json.dumps({"code": 1000, "data": {"_id": ID, "status": 3, "url": "https://a/b"}})
BUSY = b'{"code":1005,"msg":"Frequent operation"}'


# One of each kind, as aiohttp is asked to send it


def asked(responses: aioresponses, method: str, path: str) -> dict[str, Any]:
    """Return how aiohttp was called for the one request to an address."""
    (call,) = responses.requests[(method, URL(HOST + path))]
    arguments: dict[str, Any] = call.kwargs
    assert arguments["allow_redirects"] is False
    assert arguments["headers"]["x-api-key"] == "k"
    assert "Authorization" not in arguments["headers"]
    return arguments


async def test_a_query_asks_with_get(responses: aioresponses) -> None:
    responses.get(HOST + "v3/faceswap/quota/info", body=CREDIT)
    async with Akool("k") as akool:
        assert (await akool.account.credit()).credit == 5
    assert asked(responses, "GET", "v3/faceswap/quota/info")["data"] is None


async def test_a_query_by_ids_asks_with_commas(responses: aioresponses) -> None:
    path = "v3/faceswap/result/listbyids?_ids=a1,b2"
    responses.get(HOST + path, payload={"code": 1000, "data": {"result": [{"_id": "b2"}]}})
    async with Akool("k") as akool:
        rows = await akool.faceswap.results(ids=["a1", "b2"])
    assert [row.id for row in rows] == ["b2"]


async def test_a_command_posts_json_and_answers_nothing(responses: aioresponses) -> None:
    responses.post(HOST + "v3/faceswap/job/del", payload={"code": 1000, "msg": "OK"})
    async with Akool("k") as akool:
        await akool.faceswap.cancel(job_ids=["a", "b"])
    sent = asked(responses, "POST", "v3/faceswap/job/del")
    assert sent["data"] == b'{"job_ids":"a,b"}'
    assert sent["headers"]["Content-Type"] == "application/json"


async def test_a_page_of_a_list_is_a_query(responses: aioresponses) -> None:
    rows = [{"voice_id": "v", "name": "Nicole"}]
    responses.get(HOST + "v3/voice/list?from=3", payload={"code": 1000, "data": rows})
    async with Akool("k") as akool:
        voices = await akool.audio.voices(from_=3)
    assert [voice.name for voice in voices] == ["Nicole"]


async def test_a_token_is_asked_for_without_a_credential(responses: aioresponses) -> None:
    responses.post(HOST + "v3/getToken", payload={"code": 1000, "token": "t"})
    async with Akool("k") as akool:
        assert (await akool.account.token(client_id="i", client_secret="s")).token == "t"
    (call,) = responses.requests[("POST", URL(HOST + "v3/getToken"))]
    assert json.loads(call.kwargs["data"]) == {"clientId": "i", "clientSecret": "s"}
    assert not {"x-api-key", "Authorization"} & call.kwargs["headers"].keys()


async def test_an_operation_posts_and_its_lookup_gets(responses: aioresponses) -> None:
    row = {"_id": ID, "faceswap_status": 1}
    done = row | {"faceswap_status": 3, "url": "https://example.com/a.png"}
    responses.post(HOST + "v3/faceswap/highquality/imgreage", payload={"code": 1000, "data": row})
    lookup = HOST + f"v3/faceswap/result/listbyids?_ids={ID}"
    for reply in (row, done):
        responses.get(lookup, payload={"code": 1000, "data": {"result": [reply]}})
    backoff = Backoff(initial=0.001, multiplier=1.0, maximum=0.001, jitter=0.0)
    async with Akool("k", backoff=backoff) as akool:
        result = await akool.reage.image(
            target_image=[Face("https://example.com/face.png")],
            face_reage=10,
            modify_image="https://example.com/photo.png",
        )
    assert result.url == "https://example.com/a.png"
    assert json.loads(asked(responses, "POST", "v3/faceswap/highquality/imgreage")["data"]) == {
        "targetImage": [{"path": "https://example.com/face.png"}],
        "face_reage": 10,
        "modifyImage": "https://example.com/photo.png",
    }
    assert len(responses.requests[("GET", URL(lookup))]) == 2


# What is sent again, on a clock that moves when told


def replies(*answers: bytes | Callable[[Visit], Any]) -> Reaction:
    """React with one answer after the other, and with the last for ever."""
    left: list[bytes | Callable[[Visit], Any]] = list(answers)

    async def react(visit: Visit) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, bytes):
            await visit.answer(answer)
        else:
            outcome = answer(visit)
            if outcome is not None:
                await outcome

    return react


def status(number: int, body: bytes = b"<html>", **fields: str) -> Callable[[Visit], Any]:
    return lambda visit: visit.answer(body, number, **fields)


def reset(visit: Visit) -> None:
    visit.reset()


async def passing(clock: ManualClock, work: Coroutine[Any, Any, T]) -> T:
    """Let time pass until some work is done."""
    task = asyncio.ensure_future(work)
    for _ in range(5_000):
        if task.done():
            return task.result()
        await clock.advance(0.5)
        await asyncio.sleep(0.001)
    task.cancel()
    pytest.fail("it never ended")


PASSING: Iterable[tuple[str, Any]] = [
    ("reset", reset),
    ("html", b"<html>"),
    ("408", status(408)),
    ("425", status(425)),
    ("429", status(429)),
    ("500", status(500)),
    ("502", status(502)),
    ("503", status(503)),
    ("504", status(504)),
    ("1005", BUSY),
    ("1215", b'{"code":1215,"msg":"busy"}'),
]


@pytest.mark.parametrize(
    "trouble", [each for _, each in PASSING], ids=[name for name, _ in PASSING]
)
async def test_a_query_outlasts_trouble_that_passes(
    trouble: Any, serve: Serve, clock: ManualClock
) -> None:
    server = await serve(replies(trouble, trouble, CREDIT))
    async with Akool("k", base_url=server.url, clock=clock) as akool:
        assert (await passing(clock, akool.account.credit())).credit == 5
        # aiohttp itself may resend a query once, on a connection that was reset.
        assert akool.stats.requests["account.credit"] <= len(server.visits) == 3


@pytest.mark.parametrize(
    ("trouble", "kind", "attempts"),
    [
        (status(502), ReplyError, 4),
        (status(429), RateLimited, 10),
        (BUSY, RateLimited, 10),
        (status(307, location="/"), ReplyError, 1),
        (status(404), ReplyError, 1),
        (b'{"code":1009,"msg":"permission denied"}', APIError, 1),
        (b'{"code":4711,"msg":"new"}', APIError, 1),
    ],
    ids=["502", "429", "1005", "307", "404", "1009", "unknown"],
)
async def test_trouble_that_stays_is_raised_with_the_count_of_attempts(
    trouble: Any,
    kind: type[APIError | TransportError],
    attempts: int,
    serve: Serve,
    clock: ManualClock,
) -> None:
    server = await serve(replies(trouble))
    async with Akool("k", base_url=server.url, clock=clock) as akool:
        with pytest.raises(kind) as caught:
            await passing(clock, akool.account.credit())
    error: Any = caught.value
    assert error.attempts == len(server.visits) == attempts
    assert error.endpoint == "account.credit"


async def test_a_server_that_is_not_there_is_tried_as_often_as_allowed(
    refused_url: str, clock: ManualClock
) -> None:
    async with Akool("k", base_url=refused_url, clock=clock, retry=Retry(attempts=3)) as akool:
        with pytest.raises(ConnectFailed) as caught:
            await passing(clock, akool.account.credit())
        assert akool.stats.requests == {"account.credit": 3}
    assert (caught.value.attempts, caught.value.endpoint) == (3, "account.credit")


async def test_a_query_waits_as_long_as_the_server_asks(
    serve: Serve, clock: ManualClock, until: Until
) -> None:
    server = await serve(replies(status(429, retry_after="60"), CREDIT))
    async with Akool("k", base_url=server.url, clock=clock, retry=Retry(throttled=0.0)) as akool:
        call = asyncio.create_task(akool.account.credit())
        await until(lambda: server.visits)
        for _ in range(59):
            await clock.advance(1.0)
            await asyncio.sleep(0.001)
        assert (len(server.visits), call.done()) == (1, False)
        assert (await passing(clock, asyncio.wait_for(call, None))).credit == 5


async def test_a_create_refused_for_frequency_is_sent_again_until_it_is_taken(
    serve: Serve, clock: ManualClock
) -> None:
    server = await serve(replies(BUSY, status(429), status(503, retry_after="1"), CREATED.encode()))
    async with Akool("k", base_url=server.url, clock=clock) as akool:
        job = akool.audio.tts(input_text="Hello", voice_id="v")
        assert (await passing(clock, job.wait())).id == ID
    assert len(server.visits) == 4


@pytest.mark.parametrize(
    "trouble",
    [
        *(reset, b"<html>", b"", b'{"code":4711,"msg":"new"}'),
        *map(status, (408, 500, 502, 503, 504)),
    ],
    ids=["reset", "html", "empty", "unknown code", "408", "500", "502", "503", "504"],
)
async def test_a_create_without_a_readable_answer_is_sent_once(
    trouble: Any, serve: Serve, clock: ManualClock
) -> None:
    server = await serve(replies(trouble))
    async with Akool("k", base_url=server.url, clock=clock) as akool:
        job = akool.audio.tts(input_text="Hello", voice_id="v")
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await passing(clock, job.wait())
    assert len(server.visits) == 1
    assert caught.value.request == job.request


@pytest.mark.parametrize("code", [1003, 1006, 1101, 1200])
async def test_a_create_that_is_refused_is_sent_once(
    code: int, serve: Serve, clock: ManualClock
) -> None:
    server = await serve(replies(b'{"code":%d,"msg":"no"}' % code))
    async with Akool("k", base_url=server.url, clock=clock) as akool:
        with pytest.raises(APIError):
            await passing(clock, akool.audio.tts(input_text="Hello", voice_id="v").wait())
    assert len(server.visits) == 1


async def test_a_create_that_was_never_sent_is_tried_again(
    refused_url: str, clock: ManualClock
) -> None:
    async with Akool("k", base_url=refused_url, clock=clock) as akool:
        with pytest.raises(ConnectFailed):
            await passing(clock, akool.audio.tts(input_text="Hello", voice_id="v").wait())
        assert akool.stats.requests == {"audio.tts": 4}


async def test_a_command_that_may_be_repeated_is(serve: Serve, clock: ManualClock) -> None:
    server = await serve(replies(reset, b'{"code":1000,"msg":"OK"}'))
    async with Akool("k", base_url=server.url, clock=clock) as akool:
        await passing(clock, akool.faceswap.delete(ids=["a"]))
    assert [visit.body for visit in server.visits] == [b'{"_ids":"a"}'] * 2


async def test_an_error_of_akool_s_is_freed_as_soon_as_nobody_has_it(
    responses: aioresponses,
) -> None:
    responses.get(HOST + "v3/faceswap/quota/info", payload={"code": 1003, "msg": "No."})
    async with Akool("k") as akool:
        gc.collect()
        gc.disable()
        try:
            with pytest.raises(APIError) as caught:
                await akool.account.credit()
            freed = weakref.ref(caught.value)
            del caught
            assert freed() is None
        finally:
            gc.enable()
