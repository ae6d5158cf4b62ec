"""`save_to="s3://bucket/prefix"` keeps what a folder keeps: whole, once, and found again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import obstore
import pytest
from aiohttp import web
from obstore.store import AzureStore, GCSStore, S3Store

from akool_async.endpoints import TTS
from akool_async.journal import Journal
from akool_async.simulator import Simulator
from akool_async.uploads import Bucket

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Connect
    from tests.s3 import S3

SPEECH = TTS(input_text="Hello", voice_id="v")


@pytest.fixture(autouse=True)
def credentials(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)


def saved(path: Path) -> list[str | None]:
    journal = Journal(path)
    try:
        return [entry.saved for entry in journal.entries()]
    finally:
        journal.close_now()


async def test_results_are_in_the_bucket_once_the_client_is_closed(
    quick: Simulator, connect: Connect, s3: S3, tmp_path: Path
) -> None:
    place, journal = s3.place("out"), tmp_path / "j"
    async with connect(quick, save_to=place, journal=journal) as akool:
        results = await asyncio.gather(*(akool.submit(SPEECH, key=f"{n}") for n in range(4)))
    assert s3.names() == sorted(f"out/{result.id}.wav" for result in results)
    for result in results:
        name = f"out/{result.id}.wav"
        assert s3.read(name) == quick.world.jobs[result.id].media().content
        assert s3.media_type(name) == "audio/wav"
    assert saved(journal) == [f"{place}/{result.id}.wav" for result in results]


async def test_a_bucket_object_may_be_given(quick: Simulator, connect: Connect, s3: S3) -> None:
    async with connect(quick, save_to=s3.bucket("out")) as akool:
        result = await akool.submit(SPEECH)
    assert s3.names() == [f"out/{result.id}.wav"]


async def test_results_in_a_store_of_obstores_own_are_saved_once_and_have_an_address(
    quick: Simulator, connect: Connect, s3: S3, tmp_path: Path
) -> None:
    config = {"config": s3.options, "client_options": {"allow_http": True}}
    place, journal = f"s3://{s3.name}/out", tmp_path / "j"
    for prefix in ("out", "/out/"):
        bucket = Bucket(S3Store(s3.name, prefix=prefix, **config))
        async with connect(quick, save_to=bucket, journal=journal) as akool:
            result = await akool.submit(SPEECH, key="k")
        assert saved(journal) == [f"{place}/{result.id}.wav"]
        assert quick.requests["media"] == 1
    assert s3.names() == [f"out/{result.id}.wav"]
    s3.remove(f"out/{result.id}.wav")
    async with connect(quick, save_to=bucket, journal=journal) as akool:
        await akool.submit(SPEECH, key="k")
    assert s3.names() == [f"out/{result.id}.wav"]  # it was missing


@pytest.mark.parametrize(
    ("store", "address"),
    [
        (S3Store("b", region="x"), "s3://b/a.wav"),
        (GCSStore("b", prefix="p/q", skip_signature=True), "gs://b/p/q/a.wav"),
        (
            AzureStore("c", prefix="p", account_name="a", account_key="a2V5"),
            "az://c/p/a.wav",
        ),
    ],
)
async def test_each_kind_of_store_has_addresses_of_its_own(
    store: S3Store | GCSStore | AzureStore,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(*_arguments: object, **_options: object) -> None:
        pass

    monkeypatch.setattr(obstore, "put_async", nothing)  # there is no such cloud here
    (tmp_path / "a.wav").write_bytes(b"sound")
    assert await Bucket(store).save(tmp_path / "a.wav") == address


async def test_half_a_download_is_never_in_the_bucket(
    quick: Simulator, connect: Connect, s3: S3, caplog: pytest.LogCaptureFixture
) -> None:
    async def halve(name: str, request: web.Request) -> web.StreamResponse | None:
        if name != "media":
            return None
        reply = web.StreamResponse(headers={"Content-Length": "1000"})
        await reply.prepare(request)
        await reply.write(bytes(500))
        assert request.transport is not None
        request.transport.close()
        return reply

    quick.fault = halve
    with caplog.at_level(logging.ERROR):
        akool = connect(quick, save_to=s3.place("out"))
        async with akool:
            await akool.submit(SPEECH)
            await akool.close(saving=1)
    assert s3.names() == []


async def test_what_is_gone_from_the_bucket_is_saved_again_and_nothing_else(
    quick: Simulator, connect: Connect, s3: S3, tmp_path: Path
) -> None:
    settings = {"save_to": s3.place("out"), "journal": tmp_path / "j"}
    async with connect(quick, **settings) as akool:
        kept, lost = await asyncio.gather(*(akool.submit(SPEECH, key=k) for k in "ab"))
    s3.remove(f"out/{lost.id}.wav")
    before = quick.requests["media"]
    async with connect(quick, **settings) as akool:
        async for _ in akool.recover():
            pass
    assert s3.names() == sorted([f"out/{kept.id}.wav", f"out/{lost.id}.wav"])
    assert quick.requests["media"] == before + 1


async def test_a_bucket_that_refuses_leaves_the_result_unsaved_in_the_journal(
    quick: Simulator,
    connect: Connect,
    s3: S3,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        async with connect(quick, save_to="s3://nowhere/out", journal=tmp_path / "j") as akool:
            await akool.submit(SPEECH, key="a")
    assert "is not saved" in caplog.text
    assert saved(tmp_path / "j") == [None]
    async with connect(quick, save_to=s3.place("out"), journal=tmp_path / "j") as akool:
        async for _ in akool.recover():
            pass
    assert len(s3.names()) == 1
