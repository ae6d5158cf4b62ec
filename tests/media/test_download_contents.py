"""What a server says of a file is checked: its hash, its encoding, its size."""

from __future__ import annotations

import base64
import gzip
import hashlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError

if TYPE_CHECKING:
    from tests.conftest import Serve, Visit
    from tests.media.conftest import Finished, Left, Media


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
    name: str,
    hashed: Callable[[bytes], str],
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    tmp_path: Path,
) -> None:
    media = new_media(**{"etag": '"one"', name: hashed(content)})

    async def corrupt_once(visit: Visit) -> None:
        if not media.starts:
            await media.answer(visit, 0, b"\0" + content[1:])
        else:
            await media(visit)

    server = await serve(corrupt_once)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert media.starts == [0, 0]


@pytest.mark.parametrize(
    ("name", "hashed"), [("content_md5", md5), ("x_amz_checksum_sha256", sha256)]
)
async def test_a_file_that_never_hashes_to_what_the_server_says_is_given_up(
    name: str,
    hashed: Callable[[bytes], str],
    serve: Serve,
    new_media: type[Media],
    finished: Finished,
    left: Left,
    tmp_path: Path,
) -> None:
    media = new_media(**{"etag": '"one"', name: hashed(b"another")})
    server = await serve(media)
    with pytest.raises(DownloadError, match=r"(md5|sha256) is not the one"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert media.starts == [0, 0, 0, 0]
    assert left(tmp_path) == []


async def test_a_hash_is_checked_over_all_requests_of_a_download(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media(etag='"one"', x_amz_checksum_sha256=sha256(content))

    async def cut_often(visit: Visit) -> None:
        await media(visit, cut=300_000)
        await visit.close()

    server = await serve(cut_often)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
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
    fields: dict[str, str],
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    tmp_path: Path,
) -> None:
    server = await serve(new_media(**fields))
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content


# Encodings


async def test_a_download_asks_for_the_file_as_it_is(
    serve: Serve, new_media: type[Media], finished: Finished, tmp_path: Path
) -> None:
    server = await serve(new_media())
    await finished(f"{server.url}/a").save(tmp_path / "a")
    assert server.visits[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
async def test_gzip_that_nobody_asked_for_is_decompressed(
    encoding: str, serve: Serve, content: bytes, finished: Finished, tmp_path: Path
) -> None:
    packed = gzip.compress(content[:600_000]) + gzip.compress(content[600_000:])
    server = await serve(lambda visit: visit.answer(packed, content_encoding=encoding))
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content


async def test_gzip_that_breaks_off_begins_anew(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media(gzip.compress(content), etag='"one"', content_encoding="gzip")

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 300_000)
        await visit.close()

    server = await serve(cut_once)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert media.starts == [0, 0]


@pytest.mark.parametrize("flaw", ["cut", "corrupt", "no gzip"])
async def test_gzip_that_cannot_be_decompressed_is_given_up(
    flaw: str, serve: Serve, content: bytes, finished: Finished, left: Left, tmp_path: Path
) -> None:
    packed = gzip.compress(content)
    body = {"cut": packed[:-1], "corrupt": packed[:-8] + bytes(8), "no gzip": content}[flaw]
    server = await serve(lambda visit: visit.answer(body, content_encoding="gzip"))
    with pytest.raises(DownloadError, match="gzip"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert left(tmp_path) == []


async def test_an_encoding_that_cannot_be_decoded_is_refused_at_once(
    serve: Serve, finished: Finished, left: Left, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"...", content_encoding="br"))
    with pytest.raises(DownloadError, match="'br'"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert len(server.visits) == 1
    assert left(tmp_path) == []


# Sizes


async def test_a_file_that_is_announced_as_too_large_is_not_read(
    serve: Serve,
    head: Callable[[int, dict[str, str]], bytes],
    finished: Finished,
    left: Left,
    tmp_path: Path,
) -> None:
    server = await serve(lambda visit: visit.send(head(200, {"content_length": str(10**15)})))
    with pytest.raises(DownloadError, match="larger than 4294967296 bytes"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert len(server.visits) == 1
    assert left(tmp_path) == []


async def test_a_file_that_turns_out_too_large_is_dropped(
    serve: Serve, content: bytes, finished: Finished, left: Left, tmp_path: Path
) -> None:
    chunk = b"%x\r\n%b\r\n" % (len(content), content)

    async def never_end(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await visit.send(chunk)

    server = await serve(never_end)
    with pytest.raises(DownloadError, match="larger than 2500000 bytes"):
        await finished(f"{server.url}/a", largest=2_500_000).save(tmp_path / "a")
    assert len(server.visits) == 1
    assert left(tmp_path) == []


async def test_a_bomb_of_gzip_goes_off_in_small_portions(
    serve: Serve, finished: Finished, left: Left, tmp_path: Path
) -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    server = await serve(lambda visit: visit.answer(bomb, content_encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(DownloadError, match="larger"):
            await finished(f"{server.url}/a", largest=32 * 2**20).save(tmp_path / "a")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20
    assert left(tmp_path) == []


async def test_a_file_of_exactly_the_largest_size_is_taken(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    server = await serve(new_media())
    result = finished(f"{server.url}/a", largest=len(content))
    assert (await result.save(tmp_path / "a")).read_bytes() == content
