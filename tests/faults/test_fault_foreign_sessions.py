"""Sessions with middlewares, recorders in them, and labels of codings that do not fit the body."""

from __future__ import annotations

import copy
import gzip
import importlib
import pickle
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import pytest

from akool_async import Akool, CreateOutcomeUnknown, ReplyError, Retry, TransportError
from akool_async.http.transport import LARGEST_REPLY
from akool_async.protocol.secret import Hidden, Secret
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.servers import Serve, Visit

SPEECH: dict[str, Any] = {"input_text": "hi", "voice_id": "v"}
NOW = Retry(attempts=1, throttled_attempts=3, initial=0.0, throttled=0.0)

Step: TypeAlias = Callable[[aiohttp.ClientRequest], Awaitable[None]]


class Between:
    """A middleware that does something before, and after, each request that it is to see."""

    def __init__(self, path: str, *, before: Step | None = None, after: Step | None = None) -> None:
        self._path = path
        self._before = before
        self._after = after
        self.seen = 0

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Do it."""
        if self._path not in request.url.path:
            return await handler(request)
        self.seen += 1
        if self._before is not None:
            await self._before(request)
        response = await handler(request)
        if self._after is not None:
            await self._after(request)
        return response


# A middleware that uses the client


async def test_a_middleware_may_use_the_client_itself(quick: Simulator, connect: Connect) -> None:
    amounts: list[float] = []

    async def ask(_: aiohttp.ClientRequest) -> None:
        amounts.append((await akool.account.credit()).credit)

    between = Between("audio", before=ask, after=ask)
    async with (
        aiohttp.ClientSession(middlewares=(between,)) as session,
        connect(quick, session=session) as akool,
    ):
        result = await akool.audio.tts(**SPEECH)
    assert result.url
    assert between.seen >= 2
    assert len(amounts) == 2 * between.seen
    assert quick.requests["audio.tts"] == 1


async def test_a_middleware_may_start_a_job_and_wait_for_it(
    quick: Simulator, connect: Connect
) -> None:
    urls: list[str] = []

    async def speak(_: aiohttp.ClientRequest) -> None:
        urls.append((await akool.audio.tts(**SPEECH)).url)

    between = Between("quota", before=speak)
    async with (
        aiohttp.ClientSession(middlewares=(between,)) as session,
        connect(quick, session=session) as akool,
    ):
        await akool.account.credit()
    assert len(urls) == 1


async def test_a_refusal_of_a_middleware_s_own_call_does_not_repeat_the_create(
    serve: Serve, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        busy = {"code": 1005, "msg": "busy"}
        await visit.say({"code": 1000, "data": {"_id": "a" * 24}} if visit.is_create else busy)

    async def ask(_: aiohttp.ClientRequest) -> None:
        await akool.account.credit()

    server = await serve(answer)
    async with (
        aiohttp.ClientSession(middlewares=(Between("audio", after=ask),)) as session,
        connect(server.url, session=session, retry=NOW) as akool,
    ):
        with pytest.raises(CreateOutcomeUnknown, match="RateLimited"):
            await akool.audio.tts(**SPEECH)
    assert server.creates == 1


async def test_a_middleware_that_needs_the_token_that_it_helps_to_fetch_is_told_so(
    serve: Serve, connect: Connect
) -> None:
    async def ask(_: aiohttp.ClientRequest) -> None:
        await akool.account.credit()

    server = await serve(lambda visit: visit.say({"code": 1000, "token": "t" * 20}))
    identity = {"client_id": "i", "client_secret": "a-client-secret"}
    async with (
        aiohttp.ClientSession(middlewares=(Between("getToken", before=ask),)) as session,
        connect(server.url, session=session, retry=NOW, **identity) as akool,
    ):
        with pytest.raises(TransportError, match="would wait for itself"):
            await akool.account.credit()
    assert not server.visits


# Recorders


@pytest.mark.parametrize("secret", [Secret("word"), Hidden(b"word")])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_secret_may_be_copied_in_its_process_and_not_be_pickled(
    secret: Any, copied: Callable[[Any], Any]
) -> None:
    assert copied([secret]) == [secret]
    assert "word" not in repr(copied([secret]))
    with pytest.raises(TypeError, match="leave x-api-key and Authorization out"):
        pickle.dumps(secret)


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("whose", ["own", "the user's"])
async def test_vcrpy_records_a_session_and_replays_it(
    whose: str, *, filtered: bool, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    if whose == "own" and not filtered:
        pytest.skip("a session of the client's own hides its key from what writes files")
    vcr = importlib.import_module("vcr")  # it has no types
    settings = {"filter_headers": ["x-api-key"]} if filtered else {}
    cassette = tmp_path / "cassette.yaml"

    async def run() -> tuple[str, float]:
        async with aiohttp.ClientSession() as session:
            given = {} if whose == "own" else {"session": session}
            async with connect(quick, **given) as akool:
                return (await akool.audio.tts(**SPEECH)).url, (await akool.account.credit()).credit

    with vcr.use_cassette(str(cassette), **settings):
        recorded = await run()
    sent = dict(quick.requests)
    with vcr.use_cassette(str(cassette), record_mode="none", **settings):
        assert await run() == recorded
    assert dict(quick.requests) == sent
    assert (quick.api_key in cassette.read_text()) is not filtered


# Codings and their labels

REPLY = b'{"code":1000,"msg":"OK","data":{"credit":5}}'
PACKED = gzip.compress(REPLY)
RAW_DEFLATE = zlib.compress(REPLY)[2:-4]
LABELLED = {
    "x-gzip": ("x-gzip", PACKED),
    "X-GZIP": ("X-GZIP", PACKED),
    "gzip": ("gzip", PACKED),
    "gzip twice": ("gzip, gzip", gzip.compress(PACKED)),
    "gzip in two members": ("gzip", gzip.compress(REPLY[:9]) + gzip.compress(REPLY[9:])),
    "gzip without a label": ("", PACKED),
    "gzip under another label": ("aws-chunked", PACKED),
    "gzip under deflate": ("deflate", PACKED),
    "gzip that was unpacked": ("gzip", REPLY),
    "x-gzip that was unpacked": ("x-gzip", REPLY),
    "deflate": ("deflate", zlib.compress(REPLY)),
    "deflate without a head": ("deflate", RAW_DEFLATE),
    "deflate that was unpacked": ("deflate", REPLY),
    "a character set": ("UTF-8", REPLY),
    "identity": ("identity", REPLY),
    "none": ("none", REPLY),
    "br that was unpacked": ("br", REPLY),
}


@pytest.mark.parametrize(("label", "body"), LABELLED.values(), ids=LABELLED)
async def test_a_sound_reply_is_read_whatever_its_label_says(
    label: str, body: bytes, serve: Serve, connect: Connect
) -> None:
    fields: dict[str, Any] = {"content_encoding": label} if label else {}
    server = await serve(lambda visit: visit.answer(body, **fields))
    async with aiohttp.ClientSession() as session:
        for given in ({}, {"session": session}):
            async with connect(server.url, retry=NOW, **given) as akool:
                assert (await akool.account.credit()).credit == 5
    assert server.visits[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "body",
    [PACKED[:-9], PACKED[:12], PACKED[:10] + b"?" * 20],
    ids=["cut", "cut early", "damaged"],
)
async def test_a_compressed_reply_that_is_damaged_leaves_a_create_in_doubt(
    body: bytes, serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.answer(body, content_encoding="x-gzip"))
    async with connect(server.url, retry=NOW) as akool:
        with pytest.raises(CreateOutcomeUnknown, match="the compressed reply is cut or damaged"):
            await akool.audio.tts(**SPEECH)
    assert server.creates == 1


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_bomb_under_another_label_is_not_unpacked(
    layers: int, serve: Serve, connect: Connect
) -> None:
    bomb = bytes(4 * LARGEST_REPLY)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    server = await serve(lambda visit: visit.answer(bomb, content_encoding="x-gzip"))
    async with Akool("key", base_url=server.url, retry=NOW) as akool:
        with pytest.raises(ReplyError, match="larger than"):
            await akool.account.credit()
