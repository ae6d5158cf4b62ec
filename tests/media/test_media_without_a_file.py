"""Media without a file: read whole, or handed on as it comes, under the guards of a saved file."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from akool_async import DownloadError, InvalidInput, ResultExpired, Retry, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Audio
from akool_async.media import MediaStream, Policy, SessionDownloader
from akool_async.media.names import type_of
from akool_async.result import Link, Result
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clocks import Until
    from tests.media.conftest import Bench
    from tests.servers import Visit

Bring: TypeAlias = Callable[[Audio], Awaitable[bytes]]
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(5).randbytes(100_000)


async def read(result: Audio) -> bytes:
    return await result.read()


async def streamed(result: Audio) -> bytes:
    async with result.stream() as chunks:
        return b"".join([chunk async for chunk in chunks])


EITHER_WAY = pytest.mark.parametrize("bring", [read, streamed], ids=["read", "stream"])


# Whole


@EITHER_WAY
async def test_every_byte_is_the_servers_and_nothing_is_written(bring: Bring, bench: Bench) -> None:
    server = await bench.serve(bench.media())
    assert await bring(bench.result(f"{server.url}/a")) == bench.content
    assert bench.left() == []


@EITHER_WAY
async def test_a_broken_connection_is_resumed(bring: Bring, bench: Bench) -> None:
    chance, media = random.Random(3), bench.media()

    async def cut_often(visit: Visit) -> None:
        short = chance.randrange(1000, 50_000) if len(media.starts) < 20 else None
        await media(visit, cut=short)
        await visit.close()

    server = await bench.serve(cut_often)
    assert await bring(bench.result(f"{server.url}/a")) == bench.content
    assert media.starts == sorted(media.starts)
    assert len(media.starts) == 21


@EITHER_WAY
async def test_failures_before_the_first_byte_are_tried_again(bring: Bring, bench: Bench) -> None:
    media = bench.media()

    async def fail_twice(visit: Visit) -> None:
        if len(server.visits) < 3:
            await visit.answer(status=503)
        else:
            await media(visit)

    server = await bench.serve(fail_twice)
    assert await bring(bench.result(f"{server.url}/a")) == bench.content
    assert len(server.visits) == 3


@EITHER_WAY
@pytest.mark.parametrize("page", [b"<html>Sorry</html>", b"<html>" + b"Sorry " * 5000])
async def test_an_error_page_is_no_media_and_passes(
    bring: Bring, page: bytes, bench: Bench
) -> None:
    async def sorry_twice(visit: Visit) -> None:
        await visit.answer(page if len(server.visits) < 3 else PNG, content_type="text/html")

    server = await bench.serve(sorry_twice)
    assert await bring(bench.result(f"{server.url}/a")) == PNG


@EITHER_WAY
async def test_an_error_page_that_stays_is_an_error(bring: Bring, bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"<html>" + b"Sorry " * 5000))
    with pytest.raises(DownloadError, match="what came is a page and no media"):
        await bring(bench.result(f"{server.url}/a"))


@EITHER_WAY
async def test_gzip_is_decompressed(bring: Bring, bench: Bench) -> None:
    packed = gzip.compress(PNG)
    server = await bench.serve(lambda visit: visit.answer(packed, content_encoding="gzip"))
    assert await bring(bench.result(f"{server.url}/a")) == PNG


@EITHER_WAY
async def test_damaged_content_is_an_error(bring: Bring, bench: Bench) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    server = await bench.serve(lambda visit: visit.answer(PNG, content_md5=wrong))
    with pytest.raises(DownloadError):
        await bring(bench.result(f"{server.url}/a"))


# Guards


@EITHER_WAY
async def test_an_address_that_is_not_public_is_not_fetched(bring: Bring, bench: Bench) -> None:
    server = await bench.serve(bench.media())
    with pytest.raises(DownloadError, match="not on the public internet") as caught:
        await bring(bench.result(f"{server.url}/a", allow_private=False))
    assert caught.value.final
    assert server.visits == []


@EITHER_WAY
@pytest.mark.parametrize("target", ["ftp://example.com/a", "http://me:secret@127.0.0.1/a"])
async def test_a_redirect_leads_to_no_other_kind_of_address(
    bring: Bring, target: str, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(status=302, location=target))
    with pytest.raises(DownloadError):
        await bring(bench.result(f"{server.url}/a"))


@EITHER_WAY
async def test_media_over_the_limit_of_size_is_refused_by_its_length(
    bring: Bring, bench: Bench
) -> None:
    server = await bench.serve(bench.media())
    with pytest.raises(DownloadError, match="larger than 999999 bytes"):
        await bring(bench.result(f"{server.url}/a", largest=999_999))
    assert len(server.visits) == 1


@EITHER_WAY
async def test_a_small_reply_that_unpacks_to_too_much_is_refused(
    bring: Bring, bench: Bench
) -> None:
    bomb = gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(30_000_000))
    server = await bench.serve(lambda visit: visit.answer(bomb, content_encoding="gzip"))
    with pytest.raises(DownloadError, match="larger than 9000000 bytes"):
        await bring(bench.result(f"{server.url}/a", largest=9_000_000))


@EITHER_WAY
async def test_an_address_that_is_over_is_asked_for_once_more(bring: Bring, bench: Bench) -> None:
    media = bench.media()

    async def refuse_old(visit: Visit) -> None:
        await (visit.answer(status=403) if visit.target == "/old" else media(visit))

    server = await bench.serve(refuse_old)
    result = bench.result(f"{server.url}/old")

    async def fresh(_result: object) -> Result:
        return bench.result(f"{server.url}/new")

    assert result.link is not None
    result.link.fresh = fresh
    assert await bring(result) == bench.content


@EITHER_WAY
async def test_media_that_is_kept_no_longer_is_told_with_its_job(
    bring: Bring, bench: Bench
) -> None:
    clock = ManualClock()
    server = await bench.serve(lambda visit: visit.answer(status=404))
    result = bench.result(
        f"{server.url}/a", accepted_at=clock.now() - timedelta(days=8), clock=clock
    )
    with pytest.raises(ResultExpired) as caught:
        await bring(result)
    assert caught.value.snapshot is result
    assert caught.value.token


@EITHER_WAY
async def test_a_result_without_media_says_so(bring: Bring) -> None:
    with pytest.raises(DownloadError, match="has no media"):
        await bring(Audio(id="a", status=Status.PROCESSING, media="https://example.com/a"))


@EITHER_WAY
async def test_an_error_names_the_job_and_no_secret_of_the_address(
    bring: Bring, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(status=400))
    result = bench.result(f"{server.url}/a?sig=canary", accepted_at=ManualClock().now())
    with pytest.raises(DownloadError) as caught:
        await bring(result)
    assert caught.value.token == bench.token()
    assert "canary" not in str(caught.value)


# Reading


async def test_reading_has_a_limit_of_its_own(bench: Bench) -> None:
    server = await bench.serve(bench.media())
    result = bench.result(f"{server.url}/a")
    assert await result.read(limit=1_000_000) == bench.content
    with pytest.raises(DownloadError, match="larger than 999999 bytes"):
        await result.read(limit=999_999)


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_that_allows_nothing_is_refused(limit: int, bench: Bench) -> None:
    server = await bench.serve(bench.media())
    with pytest.raises(InvalidInput, match="at least 1 byte"):
        await bench.result(f"{server.url}/a").read(limit=limit)
    assert server.visits == []


async def test_reading_starts_over_where_the_server_cannot_resume(bench: Bench) -> None:
    media = bench.media(x_of="none")

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=500_000 if len(server.visits) == 1 else None)
        await visit.close()

    server = await bench.serve(cut_once)
    assert await bench.result(f"{server.url}/a").read() == bench.content
    assert media.starts == [0, 0]


# Streaming


async def test_a_stream_says_what_it_brings(bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(PNG, content_type="text/html"))
    async with bench.result(f"{server.url}/a").stream() as chunks:
        assert isinstance(chunks, MediaStream)
        assert chunks.media_type == "image/png"  # whatever the server calls it
        assert chunks.filename == "65f8017f56559aa67f0ecde7.png"
        assert chunks.size == len(PNG)


async def test_a_stream_that_is_decompressed_does_not_know_its_size(bench: Bench) -> None:
    packed = gzip.compress(PNG)
    server = await bench.serve(lambda visit: visit.answer(packed, content_encoding="gzip"))
    async with bench.result(f"{server.url}/a").stream() as chunks:
        assert chunks.size is None


@pytest.mark.parametrize(
    ("extension", "kind"),
    [
        (".mp3", "audio/mpeg"),
        (".mp4", "video/mp4"),
        (".jpg", "image/jpeg"),
        (".svg", "application/octet-stream"),  # may hold scripts
        (".html", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_media_type_is_never_one_that_a_browser_runs(extension: str, kind: str) -> None:
    assert type_of(extension) == kind


async def test_a_stream_that_broke_off_and_cannot_be_resumed_ends_with_an_error(
    bench: Bench,
) -> None:
    media = bench.media(x_of="none")

    async def cut(visit: Visit) -> None:
        await media(visit, cut=500_000)
        await visit.close()

    server = await bench.serve(cut)
    brought: list[bytes] = []
    async with bench.result(f"{server.url}/a").stream() as chunks:
        with pytest.raises(DownloadError, match="does not go on from there"):
            brought.extend([chunk async for chunk in kept(chunks, brought)])
    assert bench.content.startswith(b"".join(brought))
    assert len(b"".join(brought)) == 500_000
    assert len(server.visits) == 2


async def kept(chunks: MediaStream, brought: list[bytes]) -> Any:
    async for chunk in chunks:
        brought.append(chunk)
        yield chunk


async def test_a_file_that_changed_meanwhile_is_not_joined(bench: Bench) -> None:
    old, new = bench.media(etag='"old"'), bench.media(etag='"new"')

    async def change(visit: Visit) -> None:
        if len(server.visits) == 1:
            await old(visit, cut=500_000)
            await visit.close()
        else:
            await new(visit)

    server = await bench.serve(change)
    with pytest.raises(DownloadError, match="does not go on from there"):
        await streamed(bench.result(f"{server.url}/a"))


async def test_failure_before_the_first_byte_is_raised_on_entering(bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(status=400))
    with pytest.raises(DownloadError, match="HTTP 400"):
        async with bench.result(f"{server.url}/a").stream():
            pytest.fail("there is nothing to read")


async def test_a_slow_reader_makes_the_server_wait(bench: Bench) -> None:
    sent = 0

    async def pour(visit: Visit) -> None:
        nonlocal sent
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n")
        for _ in range(900):
            await visit.send(PNG[:100_000])
            sent += 100_000

    server = await bench.serve(pour)
    async with bench.result(f"{server.url}/a").stream() as chunks:
        before = -1
        while before != sent:  # until nothing moves
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 30_000_000  # what fits into sockets and buffers
        await anext(chunks)


async def test_a_reader_that_waits_is_no_stalled_server(bench: Bench) -> None:
    clock, media = ManualClock(), bench.media(content=PNG * 50)
    server = await bench.serve(media)
    result = bench.result(f"{server.url}/a", clock=clock, retry=Retry(attempts=1))
    async with result.stream() as chunks:
        first = await anext(chunks)
        await turns()
        for _ in range(20):
            await clock.advance(60)
        rest = [chunk async for chunk in chunks]
    assert first + b"".join(rest) == PNG * 50
    assert len(server.visits) == 1


async def test_a_stream_that_is_left_early_ends_its_request(bench: Bench, until: Until) -> None:
    server = await bench.serve(bench.media(content=PNG * 500))
    async with bench.result(f"{server.url}/a").stream() as chunks:
        await anext(chunks)
    await until(lambda: not server.tasks)


async def test_a_stream_is_read_in_another_task_than_it_is_opened(bench: Bench) -> None:
    server = await bench.serve(bench.media())

    async def body(chunks: MediaStream) -> bytes:
        return b"".join([chunk async for chunk in chunks])

    async with bench.result(f"{server.url}/a").stream() as chunks:
        reading = asyncio.create_task(body(chunks))
        assert await reading == bench.content


async def test_cancelling_the_reader_ends_the_request(bench: Bench, until: Until) -> None:
    async def hang(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + PNG[:1000])
        await visit.hang()

    server = await bench.serve(hang)
    reading = asyncio.create_task(streamed(bench.result(f"{server.url}/a")))
    await until(lambda: server.visits)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_stream_takes_one_of_the_places_for_downloads(bench: Bench) -> None:
    server = await bench.serve(bench.media(content=PNG * 500))
    downloader = SessionDownloader(1, Policy(allow_private=True), bench.retry)
    result = Audio(id="a", status=Status.COMPLETED, media=f"{server.url}/a")
    result.attach(Link(downloader))
    async with result.stream():
        second = asyncio.create_task(result.read())
        await turns()
        assert len(server.visits) == 1
    assert await second == PNG * 500
    assert len(server.visits) == 2
    await downloader.close()


async def test_a_stream_goes_on_when_its_client_is_closed(bench: Bench) -> None:
    server = await bench.serve(bench.media(content=PNG * 500))
    downloader = SessionDownloader(1, Policy(allow_private=True), bench.retry)
    result = Audio(id="a", status=Status.COMPLETED, media=f"{server.url}/a")
    result.attach(Link(downloader))
    async with result.stream() as chunks:
        first = await anext(chunks)
        await downloader.close()
        rest = [chunk async for chunk in chunks]
    assert first + b"".join(rest) == PNG * 500


async def test_a_stream_whose_task_is_cancelled_by_somebody_does_not_hang(bench: Bench) -> None:
    server = await bench.serve(bench.media(content=PNG * 500))
    async with bench.result(f"{server.url}/a").stream() as chunks:
        for task in asyncio.all_tasks():
            if task.get_name() == "akool-stream":
                task.cancel()
        with pytest.raises(DownloadError, match="was cancelled"):
            async for _ in chunks:
                pass
