"""Recipes: several steps in one call, each paid step a job of its own."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from akool_async import (
    Akool,
    AuthenticationError,
    Backoff,
    ClientClosed,
    CreateOutcomeUnknown,
    DetectionError,
    InvalidInput,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    Status,
)
from akool_async.endpoints import (
    TTS,
    Audio,
    AudioElement,
    AvatarElement,
    Faceswap,
    Image,
    ImageElement,
    ImageFaceswap,
    ImageReage,
    RefineImage,
    SwapFaces,
    TalkingAvatar,
    TalkingPhoto,
    Video,
    VideoFaceswap,
)
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

SOURCE = "https://media.example/new.png"
TARGET = "https://media.example/old.png"
MOVIE = "https://media.example/old.MP4"
PHOTO = "https://media.example/photo.png"
WEBHOOK = "https://media.example/hook"
LOOKUPS = {"faceswap.results", "audio.get", "image.get", "video.get"}


@pytest.fixture
async def akool(quick: Simulator, connect: Connect) -> AsyncIterator[Akool]:
    async with connect(quick) as client:
        yield client


Answer = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


class Watcher:
    """Notes which endpoints are asked, and answers some of them in the simulator's place."""

    def __init__(self, simulator: Simulator) -> None:
        self.names: list[str] = []
        """All but the lookups, in order."""
        self.answers: dict[str, Answer] = {}
        simulator.fault = self

    async def __call__(self, name: str, request: web.Request) -> web.StreamResponse | None:
        if name not in LOOKUPS:
            self.names.append(name)
        return await self.answers[name](request) if name in self.answers else None

    def say(self, name: str, document: Mapping[str, Any], status: int = 200) -> None:
        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.json_response(document, status=status)

        self.answers[name] = answer

    def hold(self, name: str, gate: asyncio.Event) -> None:
        async def answer(_request: web.Request) -> None:
            await gate.wait()

        self.answers[name] = answer

    def drop(self, name: str) -> None:
        async def answer(request: web.Request) -> None:
            await request.read()
            raise ConnectionResetError

        self.answers[name] = answer


@pytest.fixture
def watcher(quick: Simulator) -> Watcher:
    return Watcher(quick)


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """Return what a simulated Akool can wait for before it answers; opens at the end."""
    opened = asyncio.Event()
    yield opened
    opened.set()


def requests(simulator: Simulator) -> list[Any]:
    """Return the requests of all jobs that were created, in order."""
    return [job.request for job in simulator.world.jobs.values()]


# Swap


async def test_a_swap_finds_pairs_and_swaps(
    quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    source, target = f"{SOURCE}?faces=2", f"{TARGET}?faces=2"
    job = akool.faceswap.swap(source=source, target=target, face_enhance=True, webhook_url=WEBHOOK)
    swapped = await job
    assert type(swapped) is Faceswap
    assert swapped.url.startswith(quick.url)
    assert watcher.names == ["faceswap.detect", "faceswap.detect", "faceswap.image"]
    (sent,) = requests(quick)
    new = await akool.faceswap.detect(image_url=source)
    old = await akool.faceswap.detect(image_url=target)
    assert sent == ImageFaceswap(
        source_image=new.faces,
        target_image=old.faces,
        modify_image=target,
        face_enhance=True,
        webhook_url=WEBHOOK,
    )


@pytest.mark.parametrize("target", [MOVIE, f"{MOVIE}?a=b.png", "https://media.example/a.mov"])
async def test_a_target_that_is_named_as_a_video_is_one(
    target: str, quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    job = akool.faceswap.swap(source=SOURCE, target=target, face_enhance=True, webhook_url=WEBHOOK)
    assert (await job).status is Status.COMPLETED
    assert watcher.names[-1] == job.name == "faceswap.video"
    (sent,) = requests(quick)
    assert isinstance(sent, VideoFaceswap)
    assert (sent.modify_video, sent.face_enhance, sent.webhook_url) == (target, True, WEBHOOK)


@pytest.mark.parametrize("target", [TARGET, "https://media.example/mp4", "https://mp4.example"])
async def test_any_other_target_is_a_picture(target: str, quick: Simulator, akool: Akool) -> None:
    await akool.faceswap.swap(source=SOURCE, target=target).created()
    assert isinstance(requests(quick)[0], ImageFaceswap)


@pytest.mark.parametrize(
    ("target", "video", "kind"), [(TARGET, True, VideoFaceswap), (MOVIE, False, ImageFaceswap)]
)
async def test_what_a_target_is_can_be_told(
    target: str, *, video: bool, kind: type[Any], quick: Simulator, akool: Akool
) -> None:
    await akool.faceswap.swap(source=SOURCE, target=target, video=video).created()
    assert type(requests(quick)[0]) is kind


# Reage


@pytest.mark.parametrize("faces", [1, 8])
async def test_all_faces_of_a_photo_are_aged(
    faces: int, quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    url = f"{PHOTO}?faces={faces}"
    aged = await akool.reage.photo(url, years=-20)
    assert type(aged) is Faceswap
    assert aged.url
    assert watcher.names == ["faceswap.detect", "reage.image"]
    (sent,) = requests(quick)
    assert isinstance(sent, ImageReage)
    assert (sent.face_reage, sent.modify_image, len(sent.target_image)) == (-20, url, faces)


async def test_a_photo_is_aged_by_ten_years_unless_told_otherwise(
    quick: Simulator, akool: Akool
) -> None:
    await akool.reage.photo(PHOTO, webhook_url=WEBHOOK).created()
    (sent,) = requests(quick)
    assert (sent.face_reage, sent.webhook_url) == (10, WEBHOOK)


# No face, too many, not as many


START = Callable[[Akool, int, int], Any]


def swap(akool: Akool, new: int, old: int) -> Any:
    return akool.faceswap.swap(source=f"{SOURCE}?faces={new}", target=f"{TARGET}?faces={old}")


def age(akool: Akool, faces: int, _old: int) -> Any:
    return akool.reage.photo(f"{PHOTO}?faces={faces}")


MISFITS: Sequence[tuple[START, int, int, str]] = (
    (swap, 0, 1, "no face was found in the source"),
    (swap, 1, 0, "no face was found in the target"),
    (swap, 9, 9, "9 faces were found in the source; Akool takes 8"),
    (swap, 8, 12, "12 faces were found in the target; Akool takes 8"),
    (swap, 2, 3, "2 faces were found in the source, and 3 in the target"),
    (age, 0, 0, "no face was found in the picture"),
    (age, 9, 0, "9 faces were found in the picture; Akool takes 8"),
)


@pytest.mark.parametrize("misfit", MISFITS, ids=[misfit[-1] for misfit in MISFITS])
async def test_faces_that_do_not_fit_cost_nothing(
    misfit: tuple[START, int, int, str], quick: Simulator, akool: Akool
) -> None:
    start, new, old, said = misfit
    job = start(akool, new, old)
    with pytest.raises(DetectionError, match=said) as caught:
        await job
    assert caught.value.endpoint == "faceswap.detect"
    assert (caught.value.steps, caught.value.token) == ((), None)
    assert job.exception() is caught.value
    assert (quick.world.creates.total(), quick.world.credit) == (0, 10_000.0)


async def test_a_detection_that_fails_ends_the_recipe(
    quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    watcher.say("faceswap.detect", {"error_code": 1, "error_msg": "decode failed"}, 400)
    with pytest.raises(DetectionError, match="decode failed"):
        await akool.reage.photo(PHOTO)
    watcher.say("faceswap.detect", {"code": 1101, "msg": "Illegal token"})
    with pytest.raises(AuthenticationError):
        await akool.faceswap.swap(source=SOURCE, target=TARGET)
    assert quick.world.creates.total() == 0


# Speaking


async def test_a_photo_speaks_a_text(quick: Simulator, akool: Akool, watcher: Watcher) -> None:
    job = akool.video.speaking_photo(
        talking_photo_url=PHOTO,
        input_text="hello there",
        voice_id="voice-nicole",
        rate="80%",
        webhook_url=WEBHOOK,
    )
    video = await job
    assert type(video) is Video
    assert video.url.startswith(quick.url)
    assert watcher.names == ["audio.tts", "video.talking_photo"]
    speech, film = requests(quick)
    assert speech == TTS(input_text="hello there", voice_id="voice-nicole", rate="80%")
    spoken = next(iter(quick.world.jobs))
    assert film == TalkingPhoto(
        talking_photo_url=PHOTO,
        audio_url=(await akool.audio.get(id=spoken)).url,
        webhook_url=WEBHOOK,
    )


@pytest.mark.parametrize("background", [None, "#aafbe3", "https://media.example/room.png"])
@pytest.mark.parametrize("source", [2, 3])
async def test_an_avatar_speaks_a_text(
    background: Any, source: Any, quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    (avatar, *_rest) = await akool.avatar.list(from_=source)
    video = await akool.video.speaking_avatar(
        avatar_id=avatar.avatar_id,
        avatar_from=source,
        input_text="hello there",
        voice_id="voice-nicole",
        background=background,
        webhook_url=WEBHOOK,
    )
    assert type(video) is Video
    assert watcher.names == ["avatar.list", "audio.tts", "video.talking_avatar"]
    _speech, film = requests(quick)
    assert isinstance(film, TalkingAvatar)
    assert (film.avatar_from, film.webhook_url) == (source, WEBHOOK)
    stage = [each for each in film.elements if isinstance(each, ImageElement)]
    assert [each.url for each in stage] == ([background] if background else [])
    speaker, sound = film.elements[len(stage) :]
    assert isinstance(speaker, AvatarElement)
    assert (speaker.avatar_id, speaker.url) == (avatar.avatar_id, None)
    assert isinstance(sound, AudioElement)
    assert sound.url == (await akool.audio.get(id=next(iter(quick.world.jobs)))).url


async def test_a_backdrop_that_is_none_is_refused_before_the_speech_is_paid_for(
    quick: Simulator, akool: Akool
) -> None:
    with pytest.raises(InvalidInput):
        akool.video.speaking_avatar(
            avatar_id="Alma", input_text="hi", voice_id="v", background="red"
        )
    assert quick.world.creates.total() == 0


# Refining


async def test_an_image_is_refined_from_the_result(
    quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    image = await akool.image.generate(prompt="a red fox")
    assert image.buttons == ("U1", "U2", "U3", "U4", "V1", "V2", "V3", "V4")
    large = await image.upscale(2)
    varied = await image.vary(3)
    again = await varied.upscale(4)
    assert type(large) is type(varied) is type(again) is Image
    assert [each.op_button for each in (large, varied, again)] == ["U2", "V3", "U4"]
    assert [each.image_content_model_id for each in (large, varied, again)] == [
        image.id,
        image.id,
        varied.id,
    ]
    assert len({image.id, large.id, varied.id, again.id}) == 4
    assert (large.buttons, len(varied.buttons)) == ((), 8)
    assert watcher.names == ["image.generate", "image.refine", "image.refine", "image.refine"]
    assert requests(quick)[1:] == [
        RefineImage(id=image.id, button="U2"),
        RefineImage(id=image.id, button="V3"),
        RefineImage(id=varied.id, button="U4"),
    ]


@pytest.mark.parametrize("number", [0, 5, -1])
@pytest.mark.parametrize("verb", ["upscale", "vary"])
async def test_there_are_four_pictures_and_no_more(
    number: int, verb: str, quick: Simulator, akool: Akool
) -> None:
    image = await akool.image.generate(prompt="a red fox")
    with pytest.raises(InvalidInput) as caught:
        getattr(image, verb)(number)
    assert caught.value.field == "button"
    assert quick.requests["image.refine"] == 0


async def test_an_image_that_was_looked_up_is_refined_and_saved_like_any_other(
    akool: Akool, tmp_path: Path
) -> None:
    image = await akool.image.generate(prompt="a red fox")
    looked_up = await akool.image.get(id=image.id)
    assert (await looked_up.upscale(2)).op_button == "U2"
    assert (await looked_up.save(tmp_path)).exists()
    aged = await akool.reage.photo(PHOTO)
    (row,) = await akool.faceswap.results(ids=[aged.id])
    assert (await row.save(tmp_path)).exists()


async def test_an_image_without_a_client_says_what_to_use(akool: Akool) -> None:
    image = await akool.image.generate(prompt="a red fox")
    travelled: Image = pickle.loads(pickle.dumps(image))
    assert travelled == image
    with pytest.raises(RuntimeError, match=r"akool\.image\.refine"):
        travelled.upscale(1)


# The job of a recipe


async def test_a_recipe_is_the_job_of_its_last_operation(
    quick: Simulator, akool: Akool, watcher: Watcher, gate: asyncio.Event
) -> None:
    watcher.hold("faceswap.detect", gate)
    job = akool.faceswap.swap(source=SOURCE, target=TARGET)
    assert (job.name, job.id, job.request, job.receipt) == ("faceswap.swap", None, None, None)
    assert (job.status, job.done()) == (Status.QUEUED, False)
    with pytest.raises(asyncio.InvalidStateError):
        _ = job.token
    gate.set()
    assert await job.created() is job
    assert job.name == "faceswap.image"
    assert job.request == requests(quick)[0]
    assert [job.id] == [*quick.world.jobs]
    resumed = akool.job(job.token, ImageFaceswap)
    assert (await resumed) == (await job)


async def test_a_recipe_tells_of_its_last_operation_s_changes(akool: Akool) -> None:
    job = akool.reage.photo(PHOTO)
    statuses = [snapshot.status async for snapshot in job]
    assert statuses[-1] is Status.COMPLETED
    assert len(statuses) == len({*statuses})


async def test_recipes_are_submitted_and_mapped_like_operations(
    quick: Simulator, akool: Akool
) -> None:
    results = await asyncio.gather(
        akool.submit(SwapFaces(source=SOURCE, target=TARGET)),
        akool.reage.photo(PHOTO),
        akool.image.generate(prompt="a fox"),
    )
    assert [type(each) for each in results] == [Faceswap, Faceswap, Image]
    assert quick.world.creates.total() == 3


# Places


async def test_one_place_is_enough_for_any_number_of_recipes(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick, max_concurrency=1) as akool:
        jobs: Sequence[Any] = [
            *(swap(akool, 2, 2) for _ in range(3)),
            *(akool.reage.photo(PHOTO) for _ in range(3)),
            *(
                akool.video.speaking_photo(talking_photo_url=PHOTO, input_text="hi", voice_id="v")
                for _ in range(3)
            ),
            *(
                akool.video.speaking_avatar(avatar_id="Alma", input_text="hi", voice_id="v")
                for _ in range(3)
            ),
            *(akool.image.generate(prompt="a fox") for _ in range(3)),
        ]
        results = await asyncio.gather(*jobs)
        assert all(result.url for result in results)
        assert akool.stats.peak_in_flight == 1
    assert quick.world.peak_in_flight == 1
    assert quick.world.creates.total() == 15 + 6


async def test_a_recipe_holds_no_place_while_it_prepares(
    quick: Simulator, connect: Connect, watcher: Watcher, gate: asyncio.Event
) -> None:
    watcher.hold("faceswap.detect", gate)
    async with connect(quick, max_concurrency=1) as akool:
        held = [swap(akool, 1, 1), akool.reage.photo(PHOTO)]
        assert (await akool.image.generate(prompt="a fox")).url
        assert akool.stats.in_flight == 0
        assert not any(job.done() for job in held)
        gate.set()
        await asyncio.gather(*held)


# What was paid before


def speaking(akool: Akool) -> Any:
    return akool.video.speaking_photo(
        talking_photo_url=PHOTO, input_text="hello there", voice_id="voice-nicole"
    )


async def paid(akool: Akool, tokens: Sequence[str]) -> Audio:
    """Return the speech that a step's token stands for."""
    (token,) = tokens
    return await akool.job(token, TTS)


async def test_a_refused_step_s_error_names_the_steps_paid_before(
    quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    watcher.say("video.talking_photo", {"code": 1003, "msg": "Parameter error"})
    job = speaking(akool)
    with pytest.raises(InvalidRequest) as caught:
        await job
    assert caught.value.token is None
    speech = await paid(akool, caught.value.steps)
    assert speech.id in quick.world.jobs
    assert speech.url
    assert quick.world.creates.total() == 1


async def test_a_failed_step_s_error_names_the_steps_paid_before(
    quick: Simulator, akool: Akool, watcher: Watcher
) -> None:
    failed = {"_id": "any", "video_status": 4, "error_reason": "no mouth"}
    watcher.say("video.get", {"code": 1000, "msg": "OK", "data": failed})
    job = speaking(akool)
    await job.created()

    async def same_id(_request: web.Request) -> web.StreamResponse:
        data = failed | {"_id": job.id}
        return web.json_response({"code": 1000, "msg": "OK", "data": data})

    watcher.answers["video.get"] = same_id
    with pytest.raises(JobFailed, match="no mouth") as caught:
        await job
    assert caught.value.token == job.token
    assert (await paid(akool, caught.value.steps)).input_text == "hello there"
    assert caught.value.steps[0] != job.token


async def test_an_unknown_step_s_error_names_the_steps_paid_before(
    akool: Akool, watcher: Watcher
) -> None:
    watcher.drop("video.talking_photo")
    with pytest.raises(CreateOutcomeUnknown) as caught:
        await speaking(akool)
    assert caught.value.name == "video.talking_photo"
    assert isinstance(caught.value.request, TalkingPhoto)
    assert (await paid(akool, caught.value.steps)).url
    assert watcher.names.count("video.talking_photo") == 1


async def test_a_first_step_that_failed_is_named_itself(quick: Simulator, connect: Connect) -> None:
    quick.world.behaviour = replace(quick.world.behaviour, fail_rate=1.0, pace=0.01)
    async with connect(quick) as akool:
        job = speaking(akool)
        with pytest.raises(JobFailed) as caught:
            await job
    (token,) = caught.value.steps
    assert caught.value.token == token
    assert caught.value.name == "audio.tts"
    assert quick.world.creates == {"audio.tts": 1}


async def test_an_error_travels_with_the_tokens_of_its_steps(
    akool: Akool, watcher: Watcher
) -> None:
    watcher.say("video.talking_photo", {"code": 1003, "msg": "Parameter error"})
    with pytest.raises(InvalidRequest) as caught:
        await speaking(akool)
    travelled = pickle.loads(pickle.dumps(caught.value))
    assert travelled.steps == caught.value.steps != ()


# Cancelling while it prepares


async def test_a_recipe_cancelled_while_it_looks_for_faces_sends_nothing_more(
    quick: Simulator, akool: Akool, watcher: Watcher, gate: asyncio.Event, until: Until
) -> None:
    watcher.hold("faceswap.detect", gate)
    job = akool.faceswap.swap(source=SOURCE, target=TARGET)
    await until(lambda: len(watcher.names) == 2)
    assert await job.cancel()
    assert job.cancelled()
    with pytest.raises(JobCancelled) as caught:
        await job
    assert (caught.value.steps, caught.value.token) == ((), None)
    gate.set()
    await akool.account.credit()
    assert quick.world.creates.total() == 0


async def test_a_recipe_cancelled_before_its_first_turn_sends_nothing_at_all(
    quick: Simulator, akool: Akool
) -> None:
    job = akool.faceswap.swap(source=SOURCE, target=TARGET)
    assert await job.cancel()
    with pytest.raises(JobCancelled):
        await job
    await akool.account.credit()
    assert [*quick.requests] == ["account.credit"]


async def test_a_recipe_cancelled_after_it_prepared_is_cancelled_at_akool(
    quick: Simulator, connect: Connect
) -> None:
    quick.world.behaviour = replace(quick.world.behaviour, pace=100.0)  # else it may end first
    async with connect(quick, backoff=Backoff(initial=600.0, maximum=600.0)) as akool:
        job = await akool.reage.photo(PHOTO).created()
        assert await job.cancel()
        assert quick.requests["faceswap.cancel"] == 1


async def test_a_step_at_akool_goes_on_though_its_recipe_is_cancelled(
    quick: Simulator, akool: Akool, watcher: Watcher, until: Until
) -> None:
    waiting = asyncio.Event()
    watcher.hold("audio.get", waiting)
    job = speaking(akool)
    await until(lambda: quick.requests["audio.get"])
    assert await job.cancel()
    waiting.set()
    assert isinstance(job.exception(), JobCancelled)
    await akool.account.credit()
    assert quick.world.creates == {"audio.tts": 1}


async def test_giving_up_on_cancelling_leaves_no_recipe_without_an_end(
    quick: Simulator, akool: Akool, watcher: Watcher, gate: asyncio.Event, until: Until
) -> None:
    watcher.hold("audio.tts", gate)
    job = speaking(akool)
    await until(lambda: quick.requests["audio.tts"])
    cancelling = asyncio.create_task(job.cancel())
    await asyncio.sleep(0)
    cancelling.cancel()
    await asyncio.wait([cancelling])
    gate.set()
    await until(job.done)
    assert isinstance(job.exception(), JobCancelled)
    await until(lambda: quick.world.creates == {"audio.tts": 1})


async def test_a_recipe_is_cancelled_once_however_often_it_is_asked(
    quick: Simulator, akool: Akool, watcher: Watcher, gate: asyncio.Event, until: Until
) -> None:
    watcher.hold("audio.tts", gate)
    job = speaking(akool)
    await until(lambda: quick.requests["audio.tts"])
    asked = [asyncio.create_task(job.cancel()) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*asked) == [True, True, True]
    assert isinstance(job.exception(), JobCancelled)


# Closing while it prepares


async def test_closing_ends_a_recipe_that_looks_for_faces(
    quick: Simulator, connect: Connect, watcher: Watcher, gate: asyncio.Event, until: Until
) -> None:
    watcher.hold("faceswap.detect", gate)
    akool = connect(quick)
    job = akool.faceswap.swap(source=SOURCE, target=TARGET)
    await until(lambda: watcher.names)
    await akool.close()
    with pytest.raises(ClientClosed) as caught:
        await job
    assert (caught.value.steps, caught.value.token) == ((), None)
    assert quick.world.creates.total() == 0


async def test_closing_ends_a_recipe_that_waits_for_a_paid_step(
    quick: Simulator, connect: Connect, watcher: Watcher, gate: asyncio.Event, until: Until
) -> None:
    watcher.hold("audio.get", gate)
    akool = connect(quick)
    job = speaking(akool)
    await until(lambda: quick.requests["audio.get"])
    await akool.close()
    with pytest.raises(ClientClosed) as caught:
        await job
    gate.set()
    watcher.answers.clear()
    async with connect(quick) as another:
        assert (await paid(another, caught.value.steps)).url
    assert quick.world.creates == {"audio.tts": 1}


async def test_closing_leaves_no_step_in_the_queue(
    quick: Simulator, connect: Connect, gate: asyncio.Event, watcher: Watcher, until: Until
) -> None:
    watcher.hold("image.get", gate)
    akool = connect(quick, max_concurrency=1)
    first = akool.image.generate(prompt="a fox")
    await first.created()
    job = speaking(akool)
    await until(lambda: akool.stats.queued)
    await akool.close()
    with pytest.raises(ClientClosed):
        await job
    with pytest.raises(ClientClosed):
        await first
    assert quick.world.creates == {"image.generate": 1}


def test_a_recipe_needs_a_running_loop_like_everything_else() -> None:
    akool = Akool("the-key")
    with pytest.raises(RuntimeError, match="SwapFaces"):
        akool.faceswap.swap(source=SOURCE, target=TARGET)


def test_documents_of_recipes_are_plain() -> None:
    recipe = SwapFaces(source=SOURCE, target=TARGET, face_enhance=True)
    assert json.loads(json.dumps(recipe.to_wire())) == {
        "source": SOURCE,
        "target": TARGET,
        "face_enhance": 1,
    }
    assert SwapFaces.from_wire(recipe.to_wire()) == recipe
