"""A result that travels in a pickle saves itself in another process, where there is no client."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from akool_async import DownloadError, Face, Retry
from akool_async.endpoints import ImageReage
from akool_async.media import StandaloneDownloader
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.servers import Serve, Visit

PHOTO = "https://photos.example/ann.jpg"
REAGE = ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)

IN_ANOTHER_PROCESS = """
import asyncio, pickle, sys
result = pickle.load(sys.stdin.buffer)
print(asyncio.run(result.save(sys.argv[1])))
"""


async def in_another_process(pickled: bytes, folder: Path, **environment: str) -> tuple[str, str]:
    """Save a result in a fresh process, where every warning is an error; return what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", IN_ANOTHER_PROCESS, f"{folder}/"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    out, err = await process.communicate(pickled)
    return out.decode().strip(), err.decode()


async def test_a_pickled_result_saves_itself_in_another_process(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(REAGE)
        pickled = pickle.dumps(await job)
        assert quick.api_key.encode() not in pickled
    out, err = await in_another_process(pickled, tmp_path)
    assert err == ""
    assert out == f"{tmp_path}/{job.id}.png"
    assert (tmp_path / f"{job.id}.png").stat().st_size > 0


async def test_it_goes_through_the_proxy_of_that_processs_environment(
    quick: Simulator, connect: Connect, serve: Serve, tmp_path: Path
) -> None:
    async def proxy(visit: Visit) -> None:
        await visit.answer(PICTURE, content_type="image/png")

    server = await serve(proxy)
    async with connect(quick) as akool:
        result = await akool.submit(REAGE)
        pickled, url = pickle.dumps(result), result.url
    _, err = await in_another_process(pickled, tmp_path, http_proxy=server.url, no_proxy="")
    assert err == ""
    assert (tmp_path / f"{result.id}.png").read_bytes() == PICTURE
    assert [visit.target for visit in server.visits] == [url]


async def test_where_its_address_has_expired_the_error_names_the_token(
    quick: Simulator, connect: Connect, tmp_path: Path, serve: Serve
) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.answer(status=403)

    server = await serve(refuse)
    async with connect(quick, allow_private_downloads=True) as akool:
        result = await akool.submit(REAGE)
        assert result.link is not None
        stale = msgspec.structs.replace(result, predicted_url=f"{server.url}/a.png")
        pickled = pickle.dumps(stale.attach(result.link))
        token = result.link.token(result.id)
        assert token is not None

        elsewhere = pickle.loads(pickled)
        retry = Retry(attempts=1)
        elsewhere.link.downloader = StandaloneDownloader(elsewhere.link.policy, retry)
        with pytest.raises(DownloadError, match=f"await akool.job\\('{token}'\\)") as caught:
            await elsewhere.save(tmp_path)
        assert caught.value.token == token
        assert await (await akool.job(token)).save(tmp_path)


async def test_copies_keep_the_client_and_pickles_the_token(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(REAGE)
        result = await job
        for copied in (copy.copy(result), copy.deepcopy(result)):
            assert copied == result
            assert copied.link is result.link
        again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(result))))
        assert again == result
        assert repr(again) == repr(result)
        assert again.expires_at == result.expires_at
        assert again.link.token(again.id) == job.token
        assert await again.save(tmp_path) == tmp_path / f"{job.id}.png"
