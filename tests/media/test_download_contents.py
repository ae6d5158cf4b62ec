"""What a server says of a file is checked: its hash, its encoding, its size."""

from __future__ import annotations

import base64
import gzip
import hashlib
import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from akool_async import DownloadError

if TYPE_CHECKING:
    from tests.media.conftest import Bench
    from tests.servers import Visit


def in_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def md5(data: bytes) -> str:
    return in_base64(hashlib.md5(data, usedforsecurity=False).digest())


def sha256(data: bytes) -> str:
    return in_base64(hashlib.sha256(data).digest())


@pytest.mark.parametrize(
    ("name", "hashed"), [("content_md5", md5), ("x_amz_checksum_sha256", sha256)]
)
async def test_a_file_that_does_not_hash_to_what_the_server_says_is_fetched_again(
    name: str, hashed: Callable[[bytes], str], bench: Bench
) -> None:
    media = bench.media(**cast("Any", {name: hashed(bench.content)}))

    async def corrupt_once(visit: Visit) -> None:
        if not media.starts:
            await media.answer(visit, 0, b"\0" + bench.content[1:])
        else:
            await media(visit)

    server = await bench.serve(corrupt_once)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 0]


@pytest.mark.parametrize(
    ("name", "hashed"), [("content_md5", md5), ("x_amz_checksum_sha256", sha256)]
)
async def test_a_file_that_never_hashes_to_what_the_server_says_is_given_up(
    name: str, hashed: Callable[[bytes], str], bench: Bench
) -> None:
    media = bench.media(**cast("Any", {name: hashed(b"another")}))
    server = await bench.serve(media)
    with pytest.raises(DownloadError, match=r"(md5|sha256) is not the one"):
        await bench.save(f"{server.url}/a")
    assert media.starts == [0, 0, 0, 0]
    assert bench.left() == []


async def test_a_hash_is_checked_over_all_requests_of_a_download(bench: Bench) -> None:
    media = bench.media(etag='"one"', x_amz_checksum_sha256=sha256(bench.content))

    async def cut_often(visit: Visit) -> None:
        await media(visit, cut=300_000)
        await visit.close()

    server = await bench.serve(cut_often)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 300_000, 600_000, 900_000]


@pytest.mark.parametrize(
    "fields",
    [
        {"content_md5": "nonsense"},
        {"content_md5": ""},
        {"x_amz_checksum_sha256": sha256(b"the first of several parts") + "-3"},
        {"etag": '"00000000000000000000000000000000"'},
    ],
    ids=str,
)
async def test_what_need_not_be_a_hash_of_the_file_condemns_none(
    fields: dict[str, Any], bench: Bench
) -> None:
    server = await bench.serve(bench.media(**fields))
    assert await bench.save(f"{server.url}/a") == bench.content


# Encodings


async def test_a_download_asks_for_the_file_as_it_is(bench: Bench) -> None:
    server = await bench.serve(bench.media())
    await bench.save(f"{server.url}/a")
    assert server.visits[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
async def test_gzip_that_nobody_asked_for_is_decompressed(encoding: str, bench: Bench) -> None:
    packed = gzip.compress(bench.content[:600_000]) + gzip.compress(bench.content[600_000:])
    server = await bench.serve(lambda visit: visit.answer(packed, content_encoding=encoding))
    assert await bench.save(f"{server.url}/a") == bench.content


async def test_gzip_that_breaks_off_begins_anew(bench: Bench) -> None:
    media = bench.media(gzip.compress(bench.content), etag='"one"', content_encoding="gzip")

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 300_000)
        await visit.close()

    server = await bench.serve(cut_once)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 0]


@pytest.mark.parametrize("flaw", ["cut", "corrupt", "no gzip"])
async def test_gzip_that_cannot_be_decompressed_is_given_up(flaw: str, bench: Bench) -> None:
    packed = gzip.compress(bench.content)
    body = {"cut": packed[:-1], "corrupt": packed[:-8] + bytes(8), "no gzip": bench.content}[flaw]
    server = await bench.serve(lambda visit: visit.answer(body, content_encoding="gzip"))
    with pytest.raises(DownloadError, match="gzip"):
        await bench.save(f"{server.url}/a")
    assert bench.left() == []


async def test_an_encoding_that_cannot_be_decoded_is_refused_at_once(bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"...", content_encoding="br"))
    with pytest.raises(DownloadError, match="'br'"):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == 1
    assert bench.left() == []


# Sizes


async def test_a_file_that_is_announced_as_too_large_is_not_read(bench: Bench) -> None:
    huge = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n"
    server = await bench.serve(lambda visit: visit.send(huge))
    with pytest.raises(DownloadError, match="larger than 4294967296 bytes"):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == 1
    assert bench.left() == []


async def test_a_file_that_turns_out_too_large_is_dropped(bench: Bench) -> None:
    chunk = b"%x\r\n%b\r\n" % (len(bench.content), bench.content)

    async def never_end(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await visit.send(chunk)

    server = await bench.serve(never_end)
    with pytest.raises(DownloadError, match="larger than 2500000 bytes"):
        await bench.save(f"{server.url}/a", largest=2_500_000)
    assert len(server.visits) == 1
    assert bench.left() == []


async def test_a_bomb_of_gzip_goes_off_in_small_portions(bench: Bench) -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    server = await bench.serve(lambda visit: visit.answer(bomb, content_encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(DownloadError, match="larger"):
            await bench.save(f"{server.url}/a", largest=32 * 2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20
    assert bench.left() == []


async def test_a_file_of_exactly_the_largest_size_is_taken(bench: Bench) -> None:
    server = await bench.serve(bench.media())
    result = bench.result(f"{server.url}/a", largest=len(bench.content))
    assert (await result.save(bench.folder / "a")).read_bytes() == bench.content
