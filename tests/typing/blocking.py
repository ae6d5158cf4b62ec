"""What type checkers know of the client without an event loop. Checked, never executed.

Mistakes stay mistakes: if a checker stops finding one, its ignore comment becomes
unnecessary, and that is an error.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, as_completed, wait
from pathlib import Path
from typing import Any, assert_type

from akool_async import Face, Snapshot, Submission
from akool_async.endpoints import (
    TTS,
    Credit,
    Detection,
    Faceswap,
    GetCredit,
    ImageReage,
    LabVoice,
    ListedAvatar,
    Model,
    Session,
    Video,
)
from akool_async.endpoints.paging import Page
from akool_async.sync import Akool, Chunks, Job, Jobs, Paged
from akool_async.webhook.outcome import Outcome

PHOTO = "https://photos.example/ann.jpg"
FACE = Face(PHOTO)


def a_method_returns_a_job_and_its_result(akool: Akool, request: ImageReage) -> None:
    job = akool.reage.image(target_image=[FACE], face_reage=10, modify_image=PHOTO)
    assert_type(job, Job[Faceswap])
    assert_type(job.result(), Faceswap)
    assert_type(job.result(timeout=1.5), Faceswap)
    assert_type(job.created(), Job[Faceswap])
    assert_type(job.cancel(), bool)
    assert_type(job.token, str)
    assert_type(job.snapshot, Faceswap | None)
    assert_type(list(job), list[Faceswap])
    assert_type(job.save("out/"), Path)
    assert_type(job.read(), bytes)
    with job.stream() as chunks:
        assert_type(chunks, Chunks)
        assert_type(next(iter(chunks)), bytes)
    assert_type(akool.submit(request, key="a"), Job[Faceswap])
    assert_type(akool.submit(Submission(request, tag=3)), Job[Faceswap])
    assert_type(akool.job("token"), Job[Any])
    assert_type(akool.job("token", ImageReage), Job[Faceswap])
    assert_type(akool.job(key="a", operation=TTS).result().id, str)
    assert_type(akool.streaming.session(avatar_id="a"), Job[Session])


def the_standard_library_takes_jobs(jobs: list[Job[Faceswap]]) -> None:
    future: Future[Faceswap] = jobs[0]
    assert_type(future.result(), Faceswap)
    assert_type(wait(jobs).done, set[Future[Faceswap]])
    assert_type([each.result() for each in as_completed(jobs)], list[Faceswap])

    def note(job: Job[Faceswap]) -> None: ...

    jobs[0].add_done_callback(note)


def several_languages_are_several_jobs(akool: Akool) -> None:
    one = akool.video.translate(url=PHOTO, source_language="en", language="fr", lipsync=True)
    assert_type(one, Job[Video])
    several = akool.video.translate(url=PHOTO, language=["fr", "ja"])
    assert_type(several, Jobs[Video])
    assert_type(several.result(), tuple[Video, ...])


def a_call_returns_its_value(akool: Akool) -> None:
    assert_type(akool.account.credit(), Credit)
    assert_type(akool.call(GetCredit()), Credit)
    assert_type(akool.faceswap.detect(img=b"png"), Detection)
    assert_type(akool.models.list(types=[1501]), tuple[Model, ...])
    assert_type(akool.reage.results(ids=["a"]), tuple[Faceswap, ...])
    assert_type(akool.voice.get(id="v"), LabVoice)
    assert_type(akool.webhooks.feed(b"{}"), Outcome)
    for result in akool.reage.results(ids=["a"]):
        assert_type(akool.save(result, "out/"), Path)


def a_list_is_plain(akool: Akool) -> None:
    avatars = akool.streaming.avatars(size=3)
    assert_type(avatars, Paged[ListedAvatar])
    assert_type(avatars.page(), Page[ListedAvatar])
    assert_type(list(avatars), list[ListedAvatar])


def map_is_a_plain_iterator(akool: Akool, requests: list[ImageReage]) -> None:
    jobs = akool.map(requests, ordered=True)
    assert_type(jobs, Generator[Job[Faceswap], None, None])
    assert_type(akool.progress(jobs, total=3), Generator[Job[Faceswap], None, None])
    rows: list[tuple[str, str, dict[str, Any]]] = [("key", "audio.tts", {})]
    assert_type(next(akool.map(rows)), Job[Any])
    assert_type(akool.recover(), Iterator[Job[Any]])
    assert_type(akool.find(key="a"), Job[Any] | None)


def any_job_is_a_job_of_a_snapshot(job: Job[Faceswap]) -> Job[Any]:
    snapshot: Snapshot = job.result()
    assert snapshot
    return job


def mistakes_stay_mistakes(akool: Akool) -> None:
    akool.reage.image(target_image=[FACE], face_reage="ten", modify_image=PHOTO)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    akool.reage.image(target_image=[FACE])  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    akool.streaming.open(avatar_id="a")  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    akool.video.translate(url=PHOTO, language=3)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    Akool(max_concurency=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


with Akool(max_concurrency=3) as opened:
    assert_type(opened, Akool)
