"""Large heads of replies are read; what the parser says of others stands in the error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from akool_async import CreateOutcomeUnknown, Retry, TransportError
from akool_async.media import Policy, SessionDownloader, Source
from tests.servers import head_of

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.servers import Serve, Visit

ID = "65f8017f56559aa67f0ecde7"
BODY = b'{"code":1000,"msg":"OK","data":{"_id":"%s","status":%d,"url":"%s"}}'
HEADS: dict[str, dict[str, Any]] = {
    "one long line": {"x_policy": "p" * 60_000},
    "many lines": {f"x_line_{number}": "v" for number in range(900)},
    "long and many": {f"x_line_{number}": "v" * 9_000 for number in range(300)},
}


def speech(status: int) -> bytes:
    return BODY % (ID.encode(), status, b"https://media.example/a.mp3")


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("whose", ["own", "the user's"])
async def test_a_job_whose_replies_have_a_large_head_is_created_and_watched(
    kind: str, whose: str, serve: Serve, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        await visit.answer(speech(1 if visit.is_create else 3), **HEADS[kind])

    server = await serve(answer)
    async with aiohttp.ClientSession() as session:
        settings = {} if whose == "own" else {"session": session}
        async with connect(server.url, **settings) as akool:
            result = await akool.audio.tts(input_text="hi", voice_id="v")
    assert result.url.endswith("a.mp3")
    assert server.creates == 1


@pytest.mark.parametrize("kind", HEADS)
async def test_media_whose_reply_has_a_large_head_is_saved(
    kind: str, serve: Serve, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"ID3 media", **HEADS[kind]))
    downloader = SessionDownloader(1, Policy(allow_private=True), Retry(attempts=1))
    path = await downloader.save(Source(f"{server.url}/a.mp3", "a"), tmp_path)
    await downloader.close()
    assert path.read_bytes() == b"ID3 media"


UNREADABLE = {
    "got more than 65536 bytes when reading": head_of(200, {"x_token": "s3cret" * 20_000}),
    "too many headers received": head_of(200, {f"x_{number}": "v" for number in range(1100)}),
    "invalid header token": b"HTTP/1.1 200 OK\r\nx-token s3cret\r\n\r\n",
    "bad status line: Expected HTTP/, RTSP/ or ICE/": b"HTTX/1.1 200 s3cret\r\n\r\n",
    "duplicate Content-Length": b"HTTP/1.1 200 OK\r\n" + 2 * b"Content-Length: 2\r\n",
}


@pytest.mark.parametrize(("sentence", "head"), UNREADABLE.items())
async def test_the_parser_s_sentence_stands_in_the_error_without_the_server_s_bytes(
    sentence: str, head: bytes, serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.send(head))
    async with connect(server.url, retry=Retry(attempts=1)) as akool:
        with pytest.raises(TransportError, match=sentence) as caught:
            await akool.account.credit()
        with pytest.raises(CreateOutcomeUnknown, match=sentence) as doubt:
            await akool.audio.tts(input_text="hi", voice_id="v")
    assert "s3cret" not in f"{caught.value} {doubt.value}"


async def test_what_is_wrong_with_the_body_s_chunks_stands_in_the_error(
    serve: Serve, connect: Connect
) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n"
    server = await serve(lambda visit: visit.send(chunks))
    async with connect(server.url, retry=Retry(attempts=1)) as akool:
        with pytest.raises(TransportError, match="invalid character in chunk size"):
            await akool.account.credit()
