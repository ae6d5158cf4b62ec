"""A path stands where an address does: the file is uploaded, and Akool gets its address."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import msgspec
import pytest
from aiohttp import web

from akool_async import (
    CreateOutcomeUnknown,
    Face,
    InvalidInput,
    JobCancelled,
    JournalError,
    KeyConflict,
    Limits,
    Submission,
    UploadError,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import (
    AgeFaces,
    ImageElement,
    ImageReage,
    LipSync,
    SpeakingPhoto,
    SwapFaces,
    TalkingAvatar,
)
from akool_async.engine.state import PREPARING
from akool_async.journal import Entry, Journal, State
from akool_async.simulator import Simulator
from akool_async.uploads import LocalFile

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.s3 import S3
    from tests.uploads.conftest import Photo

FACE = "https://example.com/face.jpg"


def reage(photo: Path | str, face: Path | str = FACE, years: int = 10) -> ImageReage:
    return ImageReage(target_image=[Face(face)], face_reage=years, modify_image=photo)


def sent(quick: Simulator) -> list[Any]:
    """Return the requests that the simulated Akool got."""
    return [job.request for job in quick.world.jobs.values()]


def rows(given: Any) -> Any:
    """Return dicts where values are taken; type checkers know only values."""
    return given


def content_at(address: str) -> bytes:
    with urlopen(address) as reply:  # noqa: S310 - on loopback
        content: bytes = reply.read()
    return content


def entries(path: Path) -> list[Entry]:
    journal = Journal(path)
    try:
        return list(journal.entries())
    finally:
        journal.close_now()


class Shelf:
    """An uploader that keeps what it was given."""

    def __init__(self, *failures: Exception) -> None:
        self.files: list[LocalFile] = []
        self.failures = list(failures)
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()
        self.running = self.most = 0

    async def upload(self, file: LocalFile, /) -> str:
        """Keep a file."""
        self.files.append(file)
        self.begun.set()
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.running -= 1
        return f"https://shelf.example.com/{file.name}"


async def test_a_photo_on_disk_is_uploaded_and_its_signed_address_is_sent(
    quick: Simulator, connect: Connect, s3: S3, photo: Photo
) -> None:
    path = photo()
    async with connect(quick, uploads=s3.bucket()) as akool:
        job = akool.reage.image(target_image=[Face(path)], face_reage=10, modify_image=path)
        await job
        assert job.request == reage(path, path)
    [request] = sent(quick)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert s3.names() == [f"akool/{digest}.jpg"]
    assert request.modify_image == request.target_image[0].path
    assert "X-Amz-Expires=604800" in request.modify_image
    assert content_at(request.modify_image) == path.read_bytes()


async def test_a_file_is_uploaded_once_however_many_rows_and_processes_use_it(
    quick: Simulator, connect: Connect, s3: S3, photo: Photo
) -> None:
    face, photos = photo("face.jpg", 99), [photo(f"{n}.jpg", n) for n in range(3)]
    requests = [reage(photos[n % 3], face, n) for n in range(12)]
    async with connect(quick, uploads=s3.bucket()) as akool:
        jobs = [job async for job in akool.map(requests)]
        assert all(job.exception() is None for job in jobs)
    assert (s3.puts(), len(s3.names())) == (4, 4)
    async with connect(quick, uploads=s3.bucket()) as akool:  # as in another process
        await akool.submit(reage(photos[0], face, 20))
    assert s3.puts() == 4
    assert len(sent(quick)) == 13


async def test_equal_contents_under_other_names_are_one_object(
    quick: Simulator, connect: Connect, s3: S3, photo: Photo
) -> None:
    async with connect(quick, uploads=s3.bucket()) as akool:
        await akool.submit(reage(photo("a.jpg"), photo("b.JPEG")))
    assert s3.puts() == 1


async def test_without_an_uploader_a_path_is_refused_with_what_to_do(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    async with connect(quick) as akool:
        with pytest.raises(InvalidInput, match=r"uploads='s3://my-bucket/akool'") as refused:
            akool.submit(reage(photo()))
        with pytest.raises(InvalidInput, match="uploads="):
            await akool.faceswap.detect(image_url=photo())
        [job] = [job async for job in akool.map([reage(photo())])]
        assert isinstance(job.exception(), InvalidInput)
    assert refused.value.field == "modify_image"
    assert quick.requests == {}


@contextmanager
def refused(field: str, rule: str) -> Iterator[None]:
    with pytest.raises(InvalidInput, match=rule) as error:
        yield
    assert error.value.field == field


async def test_files_that_no_field_takes_are_refused_before_anything_is_uploaded(
    quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
) -> None:
    shelf = Shelf()
    (empty := tmp_path / "empty.jpg").touch()
    (text := tmp_path / "notes.txt").write_text("no picture")
    (song := tmp_path / "song.jpg").write_bytes(b"ID3" + bytes(100))
    (bitmap := tmp_path / "a.bmp").write_bytes(b"BM" + bytes(100))
    large = tmp_path / "large.mp4"
    large.write_bytes(b"\0\0\0\x18ftypisom")
    with large.open("r+b") as file:
        file.truncate(300 * 2**20 + 1)  # a hole: it takes no room on the disk
    async with connect(quick, uploads=shelf) as akool:
        with refused("target_image[0].path", "no such file"):
            await akool.submit(reage(photo(), tmp_path / "missing.jpg"))
        with refused("modify_image", "empty file"):
            await akool.submit(reage(empty))
        with refused("modify_image", "a folder"):
            await akool.submit(reage(tmp_path))
        with refused("modify_image", "must be an image, and is text/plain"):
            await akool.submit(reage(text))
        with refused("modify_image", "must be an image, and is audio/mpeg"):
            await akool.submit(reage(song))
        with refused("video_url", r"must be at most 300 MB, and is 300\.0 MB"):
            await akool.submit(LipSync(video_url=large, audio_url=FACE))
        with refused("content", "must be one of gif, jpeg, jpg, png, webp, and is bmp"):
            await akool.moderation.analyze(content=bitmap, type=1)
    assert shelf.files == []
    assert "reage.image" not in quick.requests


async def test_each_field_with_an_address_takes_a_path(
    quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
) -> None:
    (voice := tmp_path / "voice.mp3").write_bytes(b"ID3" + bytes(100))
    (film := tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    picture = photo()
    scene = {"scale_x": 1, "scale_y": 1, "offset_x": 0, "offset_y": 0}
    async with connect(quick, uploads=Shelf()) as akool:
        await asyncio.gather(
            akool.faceswap.video(
                source_image=rows([{"path": picture}]), target_image=[Face(FACE)], modify_video=film
            ),
            akool.audio.clone(input_text="Hello", voice_url=voice),
            akool.image.generate(prompt="a cat", source_image=picture),
            akool.video.lip_sync(video_url=film, audio_url=voice),
            akool.video.talking_avatar(
                avatar_from=2,
                elements=rows(
                    [
                        ImageElement(url=picture, **scene),
                        {"type": "image", "url": picture, **scene},
                        {"type": "audio", "url": voice},
                    ]
                ),
            ),
            akool.moderation.analyze(content=film, type=2),
            akool.avatar.upload(url=film, avatar_id="me", type=1),
        )
    assert len(sent(quick)) == 7
    assert b"file:" not in b"".join(request.encode().body for request in sent(quick))


async def test_a_job_holds_no_place_while_its_file_is_uploaded(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    async with connect(quick, uploads=shelf, max_concurrency=1) as akool:
        slow = akool.submit(reage(photo()))
        await akool.submit(reage(FACE))
        assert akool.stats.in_flight == 0
        shelf.gate.set()
        await slow


async def test_uploads_keep_to_their_own_lane(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, shelf.gate.set)
    async with connect(quick, uploads=shelf, limits=Limits(uploads=2)) as akool:
        await asyncio.gather(*(akool.submit(reage(photo(f"{n}.jpg", n))) for n in range(6)))
    assert shelf.most == 2
    assert len(shelf.files) == 6


async def test_a_cancelled_job_sends_nothing_and_others_with_its_file_go_on(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    async with connect(quick, uploads=shelf) as akool:
        one, two = akool.submit(reage(photo())), akool.submit(reage(photo(), years=3))
        await shelf.begun.wait()
        await one.cancel()
        shelf.gate.set()
        await two
        with pytest.raises(JobCancelled):
            await one
    assert len(shelf.files) == len(sent(quick)) == 1


async def test_a_closed_client_leaves_no_upload_behind(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    async with connect(quick, uploads=shelf) as akool:
        job = akool.submit(reage(photo()))
        await shelf.begun.wait()
    assert job.done()
    assert shelf.running == 0
    assert sent(quick) == []


async def test_an_address_is_young_when_it_is_sent_however_long_the_job_waited(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    clock, shelf, places = ManualClock(), Shelf(), asyncio.Semaphore(1)
    await places.acquire()
    async with connect(quick, uploads=shelf, clock=clock, semaphore=places) as akool:
        job = akool.submit(reage(photo()))
        while not akool.stats.queued:
            await clock.settle()
        assert len(shelf.files) == 1
        await clock.advance(2 * 3600)
        places.release()
        await job.created()
    assert len(shelf.files) == 2


async def test_a_webhook_address_stands_beside_the_address_of_a_file(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    hook = "https://hooks.example.com/akool"
    async with connect(quick, uploads=Shelf()) as akool:
        request = msgspec.structs.replace(reage(photo()), webhook_url=hook)
        await akool.submit(request)
    [request] = sent(quick)
    assert request.webhook_url == hook
    assert request.modify_image.startswith("https://shelf.example.com/")


class TestKeys:
    async def test_a_create_whose_reply_was_lost_is_neither_uploaded_nor_sent_again(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        async def drop(name: str, request: web.Request) -> web.Response | None:
            if name != "reage.image":
                return None
            assert request.transport is not None
            request.transport.close()
            return web.Response()

        quick.fault, path = drop, photo()
        async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
            with pytest.raises(CreateOutcomeUnknown) as unknown:
                await akool.submit(reage(path), key="k")
        assert unknown.value.request == reage(path)
        shelf, quick.fault = Shelf(), None
        async with connect(quick, uploads=shelf, journal=tmp_path / "j") as akool:
            [job] = [job async for job in akool.recover()]
            assert isinstance(job.exception(), CreateOutcomeUnknown)
            assert job.request == reage(path)
            with pytest.raises(CreateOutcomeUnknown):
                await akool.submit(reage(path), key="k")
        assert shelf.files == sent(quick) == []

    async def test_a_key_is_of_the_content_and_not_of_the_path_or_the_address(
        self, quick: Simulator, connect: Connect, s3: S3, photo: Photo, tmp_path: Path
    ) -> None:
        journal = tmp_path / "j.sqlite"
        async with connect(quick, uploads=s3.bucket(), journal=journal) as akool:
            first = await akool.submit(reage(photo("a.jpg")), key="row 1")
        async with connect(quick, uploads=s3.bucket(), journal=journal) as akool:
            again = await akool.submit(reage(photo("moved.jpg")), key="row 1")
            assert again.id == first.id
            with pytest.raises(KeyConflict):
                await akool.submit(reage(photo("a.jpg", 1)), key="row 1")
        assert len(sent(quick)) == 1
        [entry] = entries(journal)
        assert b"file://" in entry.request
        assert b"X-Amz" not in entry.request

    async def test_nothing_is_uploaded_for_a_key_that_the_journal_knows(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
            await akool.submit(reage(photo()), key="row 1")
        shelf = Shelf()
        async with connect(quick, uploads=shelf, journal=tmp_path / "j") as akool:
            await akool.submit(reage(photo()), key="row 1")
        assert shelf.files == []

    async def test_one_key_submitted_twice_at_once_is_one_create(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
            jobs = [akool.submit(reage(photo()), key="k") for _ in range(2)]
            one, two = await asyncio.gather(*jobs)
            other = akool.submit(reage(photo("b.jpg", 1)), key="k")
            with pytest.raises(KeyConflict):
                await other
        assert one.id == two.id
        assert len(sent(quick)) == 1

    async def test_a_job_that_was_not_sent_is_uploaded_and_sent_by_the_next_process(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        shelf, path = Shelf(), photo()
        shelf.gate = asyncio.Event()
        async with connect(quick, uploads=shelf, journal=tmp_path / "j") as akool:
            await akool.submit(reage(path), key="k").recorded()
            await shelf.begun.wait()
        assert [entry.state for entry in entries(tmp_path / "j")] == [State.QUEUED]
        async with connect(quick, journal=tmp_path / "j") as akool:  # it cannot send it
            [job] = [job async for job in akool.recover()]
            with pytest.raises(JournalError, match="uploads"):
                await job
        assert [entry.state for entry in entries(tmp_path / "j")] == [State.QUEUED]
        async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
            [job] = [job async for job in akool.recover()]
            await job
            assert job.request == reage(path)
        assert len(sent(quick)) == 1

    async def test_a_file_that_changed_since_its_key_was_submitted_is_not_sent(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        shelf, path = Shelf(), photo()
        shelf.gate = asyncio.Event()
        async with connect(quick, uploads=shelf, journal=tmp_path / "j") as akool:
            await akool.submit(reage(path), key="k").recorded()
        photo(number=1)
        async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
            [job] = [job async for job in akool.recover()]
            with pytest.raises(InvalidInput, match="another content"):
                await job
        assert sent(quick) == []

    async def test_a_file_that_cannot_be_uploaded_leaves_its_key_free(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        refusal = UploadError("no such bucket")
        refusal.final = True
        async with connect(quick, uploads=Shelf(refusal), journal=tmp_path / "j") as akool:
            with pytest.raises(UploadError, match="no such bucket"):
                await akool.submit(reage(photo()), key="k")
            await akool.submit(reage(photo()), key="k")
        [entry] = entries(tmp_path / "j")
        assert (entry.state, entry.attempt) == (State.COMPLETED, 1)


class TestRecipes:
    async def test_recipes_take_paths(
        self, quick: Simulator, connect: Connect, s3: S3, photo: Photo, tmp_path: Path
    ) -> None:
        (film := tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
        async with connect(quick, uploads=s3.bucket(), journal=tmp_path / "j") as akool:
            await akool.reage.photo(photo())
            await akool.submit(SwapFaces(source=photo(), target=film), key="swap")
            speaking = SpeakingPhoto(input_text="Hi", voice_id="v", talking_photo_url=photo())
            await akool.submit(speaking, key="speak")
        assert s3.puts() == 2
        assert [type(each).__name__ for each in sent(quick)] == [
            "ImageReage",
            "VideoFaceswap",
            "TTS",
            "TalkingPhoto",
        ]

    async def test_a_recipe_under_a_known_key_pays_nothing_again(
        self, quick: Simulator, connect: Connect, photo: Photo, tmp_path: Path
    ) -> None:
        for name in ("a.jpg", "moved.jpg"):
            async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
                await akool.submit(AgeFaces(photo(name)), key="k")
        assert len(sent(quick)) == 1
        async with connect(quick, uploads=Shelf(), journal=tmp_path / "j") as akool:
            with pytest.raises(KeyConflict):
                await akool.submit(AgeFaces(photo("a.jpg", 1)), key="k")


async def test_rows_of_map_may_hold_paths_but_no_text_is_taken_for_one(
    quick: Simulator, connect: Connect, photo: Photo
) -> None:
    path = photo()
    rows: list[Any] = [
        {"operation": "reage.photo", "url": path},
        {"operation": "reage.photo", "url": str(path)},
        Submission(AgeFaces(path), tag="row"),
    ]
    async with connect(quick, uploads=Shelf()) as akool:
        ended = [job.exception() async for job in akool.map(rows, ordered=True)]
    assert [type(each).__name__ for each in ended] == ["NoneType", "InvalidInput", "NoneType"]


def test_plain_data_is_never_read_from_disk(photo: Photo) -> None:
    with pytest.raises(InvalidInput):
        AgeFaces.from_dict(AgeFaces(photo()).to_dict())
    with pytest.raises(InvalidInput):
        AgeFaces.from_wire({"url": photo().as_uri()})


def test_preparing_is_a_state_after_the_claim() -> None:
    assert PREPARING.meaning == "its recipe's steps run, or its files are uploaded"


def test_a_scene_keeps_its_paths() -> None:
    element = ImageElement(url=Path("a.png"), scale_x=1, scale_y=1, offset_x=0, offset_y=0)
    request = TalkingAvatar(avatar_from=2, elements=[element])
    assert request.elements[0] == element
