"""An address may live for minutes: before its media expires, one look finds a fresh one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web

from akool_async import Akool, DownloadError, Face, Limits, ResultExpired, Status
from akool_async.clock import ManualClock
from akool_async.crun import Crun, FaceTarget
from akool_async.endpoints import TTS, Audio, AvatarType, Faceswap, Video
from akool_async.simulator import Simulator
from tests.clients import soon
from tests.folders import files_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Connect
    from tests.clocks import Elapse
    from tests.servers import Serve, Visit

PHOTO = "https://example.com/photo.jpg"
SPEECH = TTS(input_text="Hello", voice_id="v")


class ShortLived:
    """Gives each lookup another address of the media, and refuses those that are over.

    Args:
        simulator: The Akool to do that to.
        patch: Undoes it after the test.
    """

    def __init__(self, simulator: Simulator, patch: pytest.MonkeyPatch) -> None:
        self.given = 0
        """How many addresses were given."""
        self.over = 0
        """How many of them are over."""
        self.status = 403
        self._snapshot = simulator.world.snapshot
        patch.setattr(simulator.world, "snapshot", self._signed)
        simulator.fault = self._refuse

    def end_all(self) -> None:
        """Let all addresses be over that were given so far."""
        self.over = self.given

    def _signed(self, *arguments: Any, **named: Any) -> Any:
        result = self._snapshot(*arguments, **named)
        self.given += 1
        address = f"{result.media_url}?signature={self.given}"
        return msgspec.structs.replace(result, **{type(result).media_field: address})

    async def _refuse(self, name: str, request: web.Request) -> web.Response | None:
        if name == "media" and int(request.query["signature"]) <= self.over:
            return web.Response(status=self.status)
        return None


@pytest.fixture
def short_lived(quick: Simulator, monkeypatch: pytest.MonkeyPatch) -> ShortLived:
    return ShortLived(quick, monkeypatch)


def lookups(simulator: Simulator) -> int:
    return sum(number for name, number in simulator.requests.items() if name != "media")


STARTS: dict[str, Callable[[Akool], Any]] = {
    "faceswap": lambda akool: akool.reage.image(
        target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO
    ),
    "audio": lambda akool: akool.audio.tts(input_text="Hello", voice_id="v"),
    "image": lambda akool: akool.image.generate(prompt="A tree"),
    "video": lambda akool: akool.video.lip_sync(video_url=PHOTO, audio_url=PHOTO),
    "avatar": lambda akool: akool.avatar.upload(
        url=PHOTO, avatar_id="ann", type=AvatarType.STREAMING
    ),
}


@pytest.mark.parametrize("family", STARTS)
async def test_a_short_lived_address_is_looked_up_once_more_by_save(
    family: str, quick: Simulator, connect: Connect, short_lived: ShortLived, tmp_path: Path
) -> None:
    async with connect(quick) as akool:
        result = await STARTS[family](akool)
        short_lived.end_all()
        before = lookups(quick)
        path = await result.save(tmp_path)
    assert path.read_bytes() == quick.world.jobs[result.id].media().content
    assert lookups(quick) == before + 1
    assert quick.requests["media"] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_each_refusal_of_a_short_lived_address_leads_to_one_look(
    status: int, quick: Simulator, connect: Connect, short_lived: ShortLived, tmp_path: Path
) -> None:
    short_lived.status = status
    async with connect(quick) as akool:
        result = await akool.submit(SPEECH)
        short_lived.end_all()
        await result.save(tmp_path)
        assert quick.requests["media"] == 2
        short_lived.over = 10**9  # fresh addresses are refused, too
        before = lookups(quick)
        with pytest.raises(DownloadError, match=f"HTTP {status}"):
            await result.save(tmp_path)
    assert lookups(quick) == before + 1


async def test_a_result_that_was_looked_up_finds_its_fresh_address_too(
    quick: Simulator, connect: Connect, short_lived: ShortLived, tmp_path: Path
) -> None:
    async with connect(quick) as akool:
        speech = await akool.audio.get(id=(await akool.submit(SPEECH)).id)
        swap = await STARTS["faceswap"](akool)
        (swap,) = await akool.faceswap.results(ids=[swap.id])
        short_lived.end_all()
        await speech.save(tmp_path)
        await swap.save(tmp_path)
    assert len(files_in(tmp_path)) == 2


async def test_a_short_lived_address_does_not_keep_save_to_from_saving(
    quick: Simulator, connect: Connect, short_lived: ShortLived, tmp_path: Path
) -> None:
    short_lived.over = 1  # the address in the create's reply
    quick.world.behaviour = msgspec.structs.replace(quick.world.behaviour, instant_audio_rate=1.0)
    async with connect(quick, save_to=tmp_path) as akool:
        result = await akool.submit(SPEECH)
    assert files_in(tmp_path) == [f"{result.id}.wav"]
    assert quick.requests["media"] == 2


async def test_a_short_lived_address_is_looked_up_while_the_client_is_being_closed(
    *,
    quick: Simulator,
    connect: Connect,
    short_lived: ShortLived,
    gate: asyncio.Event,
    tmp_path: Path,
) -> None:
    refuse = quick.fault
    assert refuse is not None

    async def hold(name: str, request: web.Request) -> web.StreamResponse | None:
        if name == "media":
            await gate.wait()
        return await refuse(name, request)

    quick.fault = hold
    akool = connect(quick, save_to=tmp_path, limits=Limits(downloads=1))
    jobs = [akool.submit(TTS(input_text=f"{n}", voice_id="v")) for n in range(3)]
    await asyncio.gather(*jobs)
    short_lived.end_all()
    closing = asyncio.create_task(akool.close())
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert len(files_in(tmp_path)) == 3


@pytest.mark.parametrize("way", ["recover() with save_to", "key with save_to", "key and save()"])
async def test_a_short_lived_address_in_a_journal_is_looked_up_once_more(
    way: str, quick: Simulator, connect: Connect, short_lived: ShortLived, tmp_path: Path
) -> None:
    journal, out = tmp_path / "jobs.sqlite", tmp_path / "out"
    async with connect(quick, journal=journal) as akool:
        first = await akool.submit(SPEECH, key="one")
    short_lived.end_all()
    async with connect(quick, journal=journal, save_to=out if "save_to" in way else None) as akool:
        if "recover" in way:
            assert [job async for job in akool.recover()] == []
        else:
            result = await akool.submit(SPEECH, key="one")
            if "save()" in way:
                await result.save(f"{out}/")
    assert files_in(out) == [f"{first.id}.wav"]
    assert quick.requests["audio.tts"] == 1
    assert quick.requests["media"] == 2


async def test_media_that_has_expired_is_gone_without_another_look(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    connect: Connect,
    tmp_path: Path,
) -> None:
    async with connect(simulator, clock=clock) as akool:
        job = akool.submit(SPEECH)
        await elapse(clock, job.done)
        await clock.advance(8 * 24 * 3600)
        before = lookups(simulator)
        with pytest.raises(ResultExpired):
            await job.result().save(tmp_path)
    assert lookups(simulator) == before


@pytest.mark.parametrize("code", [1014, 1003, 1101, 1104])
async def test_a_look_that_is_refused_leaves_the_download_s_own_error(
    code: int, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick) as akool:
        result = await akool.submit(SPEECH)

        async def refuse(name: str, request: web.Request) -> web.Response | None:
            if name == "media":
                return web.Response(status=403)
            return web.json_response({"code": code, "msg": "no"})

        quick.fault = refuse
        with pytest.raises(DownloadError, match="HTTP 403"):
            await result.save(tmp_path)


async def test_after_its_client_was_closed_a_result_says_what_its_address_said(
    quick: Simulator, connect: Connect, short_lived: ShortLived, tmp_path: Path
) -> None:
    async with connect(quick) as akool:
        result = await akool.submit(SPEECH)
    short_lived.end_all()
    with pytest.raises(DownloadError, match="HTTP 403") as caught:
        await result.save(tmp_path)
    assert caught.value.token is not None


async def test_a_download_goes_on_at_its_fresh_address_where_it_broke_off(
    serve: Serve, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4000
    starts: list[int] = []
    addresses = 0

    async def react(visit: Visit) -> None:
        nonlocal addresses
        if "infobymodelid" in visit.target:
            addresses += 1
            media = f"{server.url}/media/{addresses}"
            row = {"_id": "65f8017f56559aa67f0ecde7", "status": 3, "url": media}
            await visit.say({"code": 1000, "msg": "OK", "data": row})
        elif visit.target != f"/media/{addresses}" or len(starts) in {1, 3}:
            starts.append(-1)
            await visit.answer(b"", 403)
        else:
            start = int(visit.headers.get("range", "bytes=0-")[6:-1])
            starts.append(start)
            fields = {"etag": '"one"', "content_length": str(len(content) - start)}
            if start:
                fields["content_range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            head = visit.answer(b"", 206 if start else 200, **fields)
            await head
            await visit.send(content[start:][: 300_000 if len(starts) < 5 else None])
            await visit.close()

    server = await serve(react)
    async with Akool("the-key", base_url=server.url, **soon()) as akool:
        result = await akool.audio.get(id="65f8017f56559aa67f0ecde7")
        path = await result.save(tmp_path / "a")
    assert path.read_bytes() == content
    assert starts == [0, -1, 300_000, -1, 600_000]
    assert addresses == 3


async def test_a_short_lived_address_of_crun_is_looked_up_once_more(
    serve: Serve, tmp_path: Path
) -> None:
    addresses = 0

    async def react(visit: Visit) -> None:
        nonlocal addresses
        if visit.is_create:
            await visit.answer(b'{"code": 200, "data": {"task_id": "t1"}}')
        elif "/media/" in visit.target:
            fresh = visit.target == "/media/2"
            await visit.answer(b"media" if fresh else b"", 200 if fresh else 404)
        else:
            addresses += 1
            result = {"code": 200, "media_urls": ["", f" {server.url}/media/{addresses}\u200b"]}
            data = {"task_id": "t1", "status": "success", "result": result}
            await visit.answer(json.dumps({"code": 200, "data": data}).encode())

    server = await serve(react)
    async with Crun("the-key", base_url=server.url, **soon()) as crun:
        swap = await crun.swap_faces(
            detect_id="m1", image_url=PHOTO, faces=[FaceTarget(0, "https://example.com/n.png")]
        )
        assert swap.url == f"{server.url}/media/1"
        assert (await swap.save(tmp_path / "a")).read_bytes() == b"media"


# What nobody sees round an address


UNSEEN = [
    " ",
    "\n",
    "\t",
    "\r\n",
    "\u00a0",
    "\u200b",
    "\u200e",
    "\u2060",
    "\ufeff",
    "\0",
    " \u200b\n",
]


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
async def test_what_nobody_sees_round_an_address_is_stripped(
    unseen: str, serve: Serve, tmp_path: Path
) -> None:
    address = ""

    async def react(visit: Visit) -> None:
        if visit.target.startswith("/media/"):
            await visit.answer(b"media")
            return
        row = {"_id": "65f8017f56559aa67f0ecde7", "status": 3, "url": f"{unseen}{address}{unseen}"}
        await visit.say({"code": 1000, "msg": "OK", "data": row})

    server = await serve(react)
    address = f"{server.url}/media/a.mp3"
    async with Akool("the-key", base_url=server.url, **soon()) as akool:
        result = await akool.audio.get(id="65f8017f56559aa67f0ecde7")
        assert result.url == address
        path = await result.save(tmp_path)
    assert path.name == "65f8017f56559aa67f0ecde7.mp3"


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_an_address_of_nothing_that_is_seen_is_none(unseen: str) -> None:
    results = [
        Audio(id="1", status=Status.COMPLETED, media=unseen),
        Faceswap(id="1", status=Status.COMPLETED, predicted_url=unseen),
        Video(id="1", status=Status.COMPLETED, video=unseen, lipsync_video_url=unseen),
    ]
    assert [result.url for result in results] == ["", "", ""]
    video = Video(id="1", status=Status.COMPLETED, video="https://a.b/c", lipsync_video_url=unseen)
    assert video.url == "https://a.b/c"
