"""What type checkers know of the public API. Checked by mypy and pyright, never executed.

Mistakes stay mistakes: if a checker stops finding one, its ignore comment becomes
unnecessary, and that is an error.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, assert_type

import aiohttp

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    Backoff,
    CreateOutcomeUnknown,
    Event,
    Face,
    InvalidInput,
    Job,
    JobError,
    JobFailed,
    Jobs,
    JobTimeout,
    Limits,
    Operation,
    Retry,
    Schedule,
    Snapshot,
    Status,
    Submission,
    Timeout,
)
from akool_async.clock import ManualClock
from akool_async.crun import Crun
from akool_async.endpoints import (
    OPERATIONS,
    TTS,
    Analysis,
    Audio,
    AudioElement,
    Avatar,
    Button,
    Credit,
    Detection,
    FaceMapping,
    Faceswap,
    HairMapping,
    HairSwap,
    Image,
    ImageFaceswap,
    ImageReage,
    ListedAvatar,
    Scale,
    Session,
    SpokenLanguage,
    SwapFaces,
    TargetFaceInfo,
    Token,
    Video,
    Voice,
)
from akool_async.endpoints.paging import Page
from akool_async.errors import JobLike
from akool_async.journal import JobStore

PHOTO = "https://photos.example/ann.jpg"
FACE = Face(PHOTO)


# A call of a method is a job at once; awaiting it is the result.


async def method_returns_a_job_and_awaiting_it_the_result(akool: Akool) -> None:
    job = akool.reage.image(target_image=[FACE], face_reage=10, modify_image=PHOTO)
    assert_type(job, Job[Faceswap])
    assert_type(await job, Faceswap)
    assert_type(await job.wait(timeout=1.5), Faceswap)
    assert_type(await job.created(), Job[Faceswap])
    assert_type(akool.audio.tts(input_text="Hello", voice_id="v"), Job[Audio])


async def every_operation_is_a_job_of_its_result(akool: Akool) -> None:
    faces = [FACE]
    swap, reage, image, video = akool.faceswap, akool.reage, akool.image, akool.video
    swapped = swap.video(source_image=faces, target_image=faces, modify_video=PHOTO)
    assert_type(swapped, Job[Faceswap])
    aged = reage.video(target_image=(FACE,), face_reage=-10, modify_video=PHOTO)
    assert_type(aged, Job[Faceswap])
    assert_type(akool.audio.clone(input_text="Hello", voice_url=PHOTO), Job[Audio])
    assert_type(image.generate(prompt="A hill", scale=Scale.SQUARE), Job[Image])
    assert_type(image.generate(prompt="A hill", scale="16:9"), Job[Image])
    assert_type(image.refine(id="a", button="U1"), Job[Image])
    assert_type((await image.refine(id="a", button=Button.V4)).upscale(2), Job[Image])
    background = image.replace_background(
        origin_img=PHOTO,
        modify_origin_img_size="1x1",
        overlay_origin_x=-1,
        overlay_origin_y=0,
        canvas_size="2x2",
    )
    assert_type(background, Job[Image])
    assert_type(video.lip_sync(video_url=PHOTO, audio_url=PHOTO), Job[Video])
    translated = video.translate(url=PHOTO, source_language="en", language="fr", lipsync=True)
    assert_type(translated, Job[Video])
    several = video.translate(url=PHOTO, language=["fr", "ja"], studio_voice={"style": "calm"})
    assert_type(several, Jobs[Video])
    assert_type(await several, tuple[Video, ...])
    assert_type([job.token for job in several], list[str])
    assert_type(video.talking_photo(talking_photo_url=PHOTO, audio_url=PHOTO), Job[Video])
    elements = [AudioElement(url=PHOTO)]
    assert_type(video.talking_avatar(avatar_from=2, elements=elements), Job[Video])
    assert_type(akool.moderation.analyze(content="Hello", type=4), Job[Analysis])
    assert_type(akool.avatar.upload(url=PHOTO, avatar_id="a1", type=1), Job[Avatar])
    assert_type(akool.streaming.session(avatar_id="a1", duration=60), Job[Session])


async def every_call_is_a_coroutine_of_its_reply(akool: Akool) -> None:
    assert_type(await akool.account.token(), Token)
    assert_type(await akool.faceswap.detect(image_url=PHOTO), Detection)
    assert_type(await akool.faceswap.detect(img=b"png"), Detection)
    assert_type((await akool.faceswap.detect(img=Path("a.png"))).faces, tuple[Face, ...])
    assert_type(await akool.faceswap.cancel(job_ids=["a"]), None)
    assert_type(await akool.reage.results(ids=["a"]), tuple[Faceswap, ...])
    assert_type(await akool.image.get(id="a"), Image)
    assert_type(await akool.video.get(id="a"), Video)
    assert_type(await akool.video.languages(), tuple[SpokenLanguage, ...])
    assert_type(await akool.moderation.get(id="a"), Analysis)
    assert_type(await akool.avatar.get(id="a"), Avatar)
    assert_type(await akool.avatar.list(from_=2, type=1, page=1, size=9), Page[ListedAvatar])
    assert_type(await akool.streaming.avatars(size=100), Page[ListedAvatar])
    assert_type(await akool.streaming.sessions(status=Status.COMPLETED), Page[Session])
    assert_type(await akool.streaming.get(id="a"), Session)
    assert_type(await akool.streaming.close(id="a"), None)


async def calls_are_coroutines_of_their_reply(akool: Akool) -> None:
    assert_type(await akool.account.credit(), Credit)
    assert_type(await akool.faceswap.results(ids=["a", "b"]), tuple[Faceswap, ...])
    assert_type(await akool.faceswap.delete(ids=("a",)), None)
    assert_type(await akool.audio.get(id="a"), Audio)


async def jobs_gather_into_a_list_of_results(akool: Akool) -> None:
    jobs = [
        akool.reage.image(target_image=[FACE], face_reage=years, modify_image=PHOTO)
        for years in (-10, 10)
    ]
    assert_type(await asyncio.gather(*jobs), list[Faceswap])
    tolerant = await asyncio.gather(*jobs, return_exceptions=True)
    assert_type(tolerant, list[Faceswap | BaseException])
    speech = akool.audio.tts(input_text="Hello", voice_id="v")
    assert_type(await asyncio.gather(jobs[0], speech), tuple[Faceswap, Audio])
    assert_type(await asyncio.wait_for(jobs[0], timeout=5), Faceswap)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(jobs[0].wait())
    assert_type(task.result(), Faceswap)


async def recipes_are_jobs_too(akool: Akool) -> None:
    assert_type(akool.faceswap.swap(source=PHOTO, target=PHOTO), Job[Faceswap])
    assert_type(akool.reage.photo(PHOTO, years=10), Job[Faceswap])
    assert_type(akool.submit(SwapFaces(source=PHOTO, target=PHOTO), key="k"), Job[Faceswap])


async def a_paged_list_is_awaited_for_a_page_and_iterated_for_all(akool: Akool) -> None:
    page = await akool.audio.voices(from_=3)
    assert_type(page[0], Voice)
    async for voice in akool.audio.voices():
        assert_type(voice.voice_id, str)


async def what_a_crash_left_comes_back_as_jobs(akool: Akool) -> None:
    async for job in akool.recover():
        assert_type(job, Job[Any])


async def token_and_class_resume_a_typed_job(akool: Akool, token: str) -> None:
    assert_type(akool.job(token, ImageReage), Job[Faceswap])
    assert_type(akool.job(token, TTS), Job[Audio])
    assert_type(akool.job(token), Job[Any])
    assert_type(akool.job("65a0", ImageReage, job_id="1"), Job[Faceswap])
    assert_type(akool.job("65a0", "reage.image"), Job[Any])


async def values_are_submitted_and_mapped(akool: Akool) -> None:
    request = ImageReage(target_image=(FACE,), face_reage=-30, modify_image=PHOTO)
    assert_type(request.face_reage, int)
    assert_type(akool.submit(request, timeout=None, priority=3), Job[Faceswap])

    def stream() -> Iterator[TTS]:
        yield TTS(input_text="Hello", voice_id="v")

    async def live() -> AsyncIterator[tuple[str, TTS]]:
        yield "key", TTS(input_text="Hello", voice_id="v")

    async for job in akool.map(stream(), ordered=True):
        assert_type(job, Job[Audio])
    async for keyed in akool.map(live()):
        assert_type(keyed.result(), Audio)
    swap = ImageFaceswap(source_image=[FACE], target_image=[FACE], modify_image=PHOTO)
    async for either in akool.map([request, swap]):
        assert_type(either, Job[Faceswap])


async def submissions_are_submitted_and_mapped(akool: Akool) -> None:
    speech = TTS(input_text="Hello", voice_id="v")
    submission = Submission(speech, key="k", timeout=None, priority=3, tag=("row", 7))
    assert_type(submission, Submission[Audio])
    assert_type(submission.key, str | None)
    assert_type(submission.priority, int)
    assert_type(submission.tag, object)
    assert_type(akool.submit(submission), Job[Audio])
    assert_type(akool.submit(Submission(speech)), Job[Audio])
    assert_type(await akool.submit(Submission(speech, timeout=5)), Audio)
    assert_type(akool.submit(Submission(SwapFaces(source=PHOTO, target=PHOTO))), Job[Faceswap])
    assert_type(akool.submit(speech, tag=submission), Job[Audio])

    def stream() -> Iterator[Submission[Audio]]:
        yield submission

    async def live() -> AsyncIterator[Submission[Faceswap]]:
        yield Submission(SwapFaces(source=PHOTO, target=PHOTO), tag=1)

    async for job in akool.map(stream()):
        assert_type(job, Job[Audio])
    async for swap in akool.map(live(), ordered=True):
        assert_type(swap, Job[Faceswap])
    async for each in akool.map([submission, Submission(speech)]):
        assert_type(each.result(), Audio)


async def a_stream_mixes_requests_pairs_and_submissions(
    akool: Akool, mixed: Sequence[TTS | tuple[str, TTS] | Submission[Audio]]
) -> None:
    async for job in akool.map(mixed):
        assert_type(job, Job[Audio])


async def rows_of_a_table_become_jobs_of_any_result(akool: Akool) -> None:
    parameters = {"input_text": "Hello", "voice_id": "v"}
    async for job in akool.map([(None, "audio.tts", parameters)], timeout=60.0, priority=1):
        assert_type(job, Job[Any])
    rows = ({"operation": "audio.tts", "key": str(n), **parameters} for n in range(3))
    async for each in akool.map(rows, retry_failed=True):
        assert_type(each, Job[Any])
    async for either in akool.map([("k", "audio.tts", parameters), Submission(TTS(**parameters))]):
        assert_type(either, Job[Any])


async def members_of_a_job_have_types(job: Job[Faceswap]) -> None:
    assert_type(job.name, str)
    assert_type(job.key, str | None)
    assert_type(job.tag, object)
    assert_type(job.extras, dict[object, Any])
    assert_type(job.id, str | None)
    assert_type(job.job_id, str | None)
    assert_type(job.token, str)
    assert_type(job.request, Operation[Faceswap] | None)
    assert_type(job.receipt, Faceswap | None)
    assert_type(job.credits, float | None)
    assert_type((await job).credits, float | None)
    assert_type((await job).credits_are_final, bool)
    assert_type(TTS(input_text="Hello", voice_id="v").estimate(), float | None)
    assert_type(job.snapshot, Faceswap | None)
    assert_type(job.status, Status)
    assert_type(job.done(), bool)
    assert_type(job.result(), Faceswap)
    assert_type(job.exception(), BaseException | None)
    assert_type(job.cancelled(), bool)
    assert_type(await job.cancel(), bool)
    async for snapshot in job:
        assert_type(snapshot, Faceswap)

    def done(ended: Job[Faceswap]) -> None:
        assert_type(ended.result().url, str)

    job.add_done_callback(done)
    assert_type(job.remove_done_callback(done), int)


async def results_have_types(swap: Faceswap, audio: Audio) -> None:
    assert_type(swap.id, str)
    assert_type(swap.url, str)
    assert_type(swap.status, Status)
    assert_type(await swap.save("out/"), Path)
    assert_type(await audio.save(Path("out")), Path)
    assert_type(await audio.read(limit=10), bytes)
    async with audio.stream() as chunks:
        assert_type(await anext(chunks), bytes)
        assert_type([chunk async for chunk in chunks], list[bytes])
    assert_type(audio.to_json(), str)
    assert_type(Audio.from_dict(audio.to_dict()), Audio)
    assert swap.expires_at is not None
    assert_type(swap.expires_at.timestamp(), float)


def a_status_compares_and_may_be_unknown(status: Status) -> None:
    assert_type(Status(3), Status)
    assert_type(status.terminal, bool)
    assert_type(status is Status.COMPLETED, bool)


def errors_carry_what_they_are_about(error: AkoolError) -> None:
    assert_type(error.token, str | None)
    match error:
        case JobFailed() | JobTimeout():
            assert_type(error.name, str)
            assert_type(error.job, JobLike | None)
            if error.job is not None:
                assert_type(error.job.done(), bool)
                assert_type(error.job.token, str)
        case APIError():
            assert_type(error.code, int)
            assert_type(error.msg, str)
            assert_type(error.http_status, int)
        case InvalidInput():
            assert_type(error.field, str)
            assert_type(error.rule, str)
        case CreateOutcomeUnknown():
            assert_type(error.request, object)
            assert_type(error.row, int | None)
        case _:
            pass


async def a_lost_create_is_found_or_not(akool: Akool, error: CreateOutcomeUnknown) -> None:
    assert_type(await akool.find(error), Job[Any] | None)
    assert_type(await akool.find(key="order 1", within=60), Job[Any] | None)


def a_job_is_what_its_error_carries(job: Job[Faceswap]) -> JobLike:
    return job


def a_timeout_is_also_the_builtin_one(late: JobTimeout) -> tuple[JobError, TimeoutError]:
    return late, late


def an_invalid_input_is_also_a_value_error(wrong: InvalidInput) -> ValueError:
    return wrong


def settings_are_values(
    session: aiohttp.ClientSession, store: JobStore, hook: Callable[[Event], None]
) -> Akool:
    return Akool(
        "key",
        base_url="https://openapi.akool.com",
        max_concurrency=50,
        timeout=Timeout(total=30, connect=5),
        job_timeout={"faceswap.video": None, "audio.tts": 60},
        retry=Retry(attempts=2),
        schedule=Schedule(),
        backoff={"faceswap": Backoff(initial=1, maximum=30)},
        limits=Limits(creates=8),
        semaphore=asyncio.Semaphore(9),
        on_event=[hook, print],
        session=session,
        journal=store,
        save_to=Path("results"),
        max_download_bytes=2**30,
        allow_private_downloads=True,
        proxy="http://proxy.example:3128",
        trust_env=True,
        on_credit="pause",
        on_outage="wait",
        clock=ManualClock(),
        token="t",
        client_id="i",
        client_secret="s",
        detect_url="https://detect.example",
    )


def settings_have_short_forms_and_crun_shares_them(hook: Callable[[Event], None]) -> Crun:
    Akool(
        api_key=None,
        timeout=30,
        job_timeout=None,
        backoff=Backoff(),
        limits={"video.*": 20},
        on_event=hook,
        journal="jobs.sqlite",
        save_to="results/",
        on_credit="raise",
    )
    return Crun(
        "key",
        base_url=None,
        max_concurrency=50,
        timeout=30,
        job_timeout=60.5,
        retry=None,
        schedule=None,
        backoff=None,
        limits=None,
        semaphore=None,
        on_event=(),
        session=None,
        journal=Path("jobs.sqlite"),
        save_to=None,
        max_download_bytes=1,
        allow_private_downloads=False,
        proxy=None,
        trust_env=False,
        on_credit="raise",
        on_outage="raise",
        clock=None,
    )


def a_function_of_yours_is_generic_over_requests(requests: Sequence[Operation[Faceswap]]) -> int:
    return len(requests)


def operations_are_found_by_name() -> type[Operation[Any]]:
    return OPERATIONS["reage.image"]


def a_snapshot_is_what_every_result_is(swap: Faceswap, audio: Audio) -> list[Snapshot]:
    return [swap, audio]


# Mistakes that must stay mistakes.


async def mistakes_in_arguments(akool: Akool) -> None:
    akool.reage.image(target_image=[FACE], face_reage="10", modify_image=PHOTO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    akool.reage.image(target_image=[FACE], modify_image=PHOTO)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    akool.reage.image([FACE], 10, PHOTO)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    akool.reage.image(targetImage=[FACE], face_reage=10, modify_image=PHOTO)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await akool.faceswap.results(ids=[1, 2])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await akool.audio.voices(from_=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def mistakes_in_values(request: ImageReage) -> None:
    ImageReage(target_image=[FACE], face_reage=None, modify_image=PHOTO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TTS(input_text="Hello")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    request.face_reage = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Akool("key", max_concurency=50)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Akool("key", on_credit="wait")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Akool("key", journal=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Akool("key", on_event="print")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Akool("key", limits=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Crun("key", max_concurrency=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Crun("key", on_credit="wait")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Crun("key", token="t")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Akool("key", max_concurrency="50")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Akool("key", timeout=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def mistakes_with_jobs(akool: Akool, job: Job[Faceswap], token: str) -> Audio:
    job.url  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018
    akool.submit(Submission(Credit(credit=1)))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]
    akool.submit(TTS(input_text="Hello", voice_id="v"), key=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Submission(TTS(input_text="Hello", voice_id="v"), keys="k")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Submission(TTS(input_text="Hello", voice_id="v"), key="k").key = "l"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    akool.submit(Credit(credit=1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    akool.job(token, Faceswap)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    job.add_done_callback(_takes_audio)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return await job  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def _takes_audio(job: Job[Audio]) -> None:
    assert_type(job.result().input_text, str)


def what_stands_for_a_face(akool: Akool) -> None:
    """One face where several are taken, and an address or a path where a face is."""
    url, path = "https://photos.example/ann.jpg", Path("ann.jpg")
    akool.reage.image(target_image=Face(url), face_reage=5, modify_image=url)
    akool.reage.image(target_image=url, face_reage=5, modify_image=url)
    akool.reage.image(target_image=path, face_reage=5, modify_image=url)
    akool.reage.image(target_image=[url], face_reage=5, modify_image=url)
    akool.reage.image(target_image=[path, Face(url), url], face_reage=5, modify_image=url)
    akool.reage.image(target_image=(Face(url),), face_reage=5, modify_image=url)
    request = ImageReage(target_image=url, face_reage=5, modify_image=url)
    assert_type(request.target_image, Sequence[Face])
    assert_type(FaceMapping(source_face_info=url, target_face_info=TargetFaceInfo()), FaceMapping)
    assert_type(HairSwap(target_url=url, mappings=[url]).mappings, Sequence[HairMapping] | None)
    akool.reage.image(target_image=5, face_reage=5, modify_image=url)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    akool.reage.image(target_image=[5], face_reage=5, modify_image=url)  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
