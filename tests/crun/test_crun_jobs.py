"""CRUN's jobs, from the detection of faces to the saved swap."""

from __future__ import annotations

import asyncio
import json
import pickle
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import msgspec
import pytest
from aiohttp import web

from akool_async import (
    Akool,
    CancelNotSupported,
    CreateOutcomeUnknown,
    DownloadError,
    InsufficientCredit,
    InvalidInput,
    InvalidRequest,
    InvalidToken,
    Job,
    JobFailed,
    JobTimeout,
    MissingCredentials,
    NotFound,
    Retry,
    Status,
    endpoints,
)
from akool_async.clock import ManualClock
from akool_async.crun import Crun, DetectFaces, FaceDetection, FaceTarget, SwapFaces, SwappedImage
from akool_async.simulator.crun import CrunSimulator

if TYPE_CHECKING:
    from tests.clocks import Elapse, Until
    from tests.crun.conftest import Connect
    from tests.servers import Serve, Visit


PHOTO = "https://photos.example/group.png"
OTHER = "https://photos.example/other.png"
NEW = "https://photos.example/new.png"


def swap_of(found: FaceDetection, image_url: str = PHOTO) -> SwapFaces:
    return SwapFaces(
        detect_id=found.detect_id, image_url=image_url, faces=[FaceTarget(found.faces[0].id, NEW)]
    )


def failing(simulator: CrunSimulator) -> None:
    """Make all jobs fail that are created from now on."""
    world = simulator.world
    world.behaviour = msgspec.structs.replace(world.behaviour, fail_rate=1.0)


# Detection and swap


async def test_faces_are_found_and_swapped_and_the_picture_is_saved(
    quick_crun: CrunSimulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick_crun.url) as crun:
        detecting = crun.detect_faces(image_url=PHOTO)
        assert_type(detecting, Job[FaceDetection])
        found = await detecting
        first, second = found.faces
        swapping = crun.swap_faces(
            detect_id=found.detect_id,
            image_url=found.image_url,
            faces=[FaceTarget(first.id, NEW), FaceTarget(second.id, second.link)],
            disable_safety_checker=False,
        )
        assert_type(swapping, Job[SwappedImage])
        swap = await swapping
        path = await swap.save(tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.name == f"{swapping.id}.png"
    assert quick_crun.world.creates == {"crun.detect_faces": 1, "crun.swap_faces": 1}


async def test_faces_are_accepted_as_dicts_too(quick_crun: CrunSimulator, connect: Connect) -> None:
    async with connect(quick_crun.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        swap = await crun.swap_faces(
            detect_id=found.detect_id,
            image_url=PHOTO,
            faces=[{"face_id": 1, "target": NEW}],  # type: ignore[list-item]
        )
        assert swap.url


async def test_both_vocabularies_run_through_the_same_statuses(
    simulated_crun: CrunSimulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async def observed(job: Job[FaceDetection] | Job[SwappedImage]) -> list[tuple[Status, str]]:
        return [(snapshot.status, snapshot.state) async for snapshot in job]

    async with connect(simulated_crun.url) as crun:

        async def run(
            job: Job[FaceDetection] | Job[SwappedImage],
        ) -> list[tuple[Status, str]]:
            watching = asyncio.create_task(observed(job))
            await job.created()
            duration = simulated_crun.world.jobs[str(job.id)].duration
            await clock.advance(duration / 2)
            await until(lambda: job.status is Status.PROCESSING)
            await clock.advance(duration)
            await watching
            return watching.result()

        *before, last = await run(crun.detect_faces(image_url=PHOTO))
        assert before == [(Status.QUEUED, ""), (Status.PROCESSING, "processing")]
        assert last == (Status.COMPLETED, "succeeded")
        (detection,) = simulated_crun.world.jobs
        face = FaceTarget(0, NEW)
        detect_id = f"detect-{detection}"
        swapping = crun.swap_faces(detect_id=detect_id, image_url=PHOTO, faces=[face])
        *before, last = await run(swapping)
        assert before == [(Status.QUEUED, ""), (Status.PROCESSING, "running")]
        assert last == (Status.COMPLETED, "success")


async def test_a_picture_without_faces_is_a_result(connect: Connect) -> None:
    async with CrunSimulator(pace=0.01, faces=0) as simulator, connect(simulator.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        assert found.detect_id
        assert found.faces == ()


async def test_a_detection_holds_the_address_that_its_swap_must_use(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url) as crun:
        job = crun.detect_faces(image_url=PHOTO)
        found = await job
        assert found.image_url == PHOTO
        assert pickle.loads(pickle.dumps(found)) == found
        assert (await connect_and_resume(connect, quick_crun, job.token)).image_url == ""


async def connect_and_resume(
    connect: Connect, simulator: CrunSimulator, token: str
) -> FaceDetection:
    async with connect(simulator.url) as other:
        return await other.job(token, DetectFaces)


async def test_a_detection_has_faces_and_no_media(
    quick_crun: CrunSimulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick_crun.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        assert found.url == ""
        with pytest.raises(DownloadError):
            await found.save(tmp_path)


async def test_many_pictures_run_under_one_limit(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url, max_concurrency=4) as crun:
        requests = [DetectFaces(image_url=f"{PHOTO}?{number}") for number in range(20)]
        found = [job.result() async for job in crun.map(requests)]
        assert len({each.detect_id for each in found}) == 20
        assert crun.stats.peak_in_flight == 4
    assert quick_crun.world.peak_in_flight <= 4


# Expiry


async def test_a_detect_id_expires_an_hour_after_the_request(
    simulated_crun: CrunSimulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    async with connect(simulated_crun.url, clock=clock) as crun:
        asked_at = clock.now()
        job = crun.detect_faces(image_url=PHOTO)
        await elapse(clock, job.done, step=0.1)
        found = await job
        assert found.expires_at is not None
        assert found.expires_at <= asked_at + timedelta(hours=1, seconds=1)

        await clock.advance((found.expires_at - clock.now()).total_seconds())
        await crun.submit(swap_of(found)).created()  # it is still good at that moment
        await clock.advance(60)
        late = crun.submit(swap_of(found))
        await elapse(clock, late.done, step=0.1)
        with pytest.raises(NotFound, match="expired"):
            late.result()


async def test_media_expires_after_fourteen_days(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url) as crun:
        swap = await crun.submit(swap_of(await crun.detect_faces(image_url=PHOTO)))
        (job,) = (job for job in quick_crun.world.jobs.values() if job.id == swap.id)
        created = job.created_at.replace(microsecond=0)
        assert swap.expires_at == created + timedelta(days=14)


# Errors


async def test_a_swap_of_another_picture_is_refused(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        with pytest.raises(InvalidRequest, match="image_url"):
            await crun.submit(swap_of(found, OTHER))
    assert quick_crun.world.creates["crun.swap_faces"] == 0


async def test_a_face_that_was_not_detected_is_refused(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        face = FaceTarget(len(found.faces), NEW)
        with pytest.raises(InvalidRequest, match="face_id"):
            await crun.swap_faces(detect_id=found.detect_id, image_url=PHOTO, faces=[face])


async def test_the_id_of_the_job_is_no_detect_id(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        with pytest.raises(NotFound, match="detect_id"):
            await crun.swap_faces(
                detect_id=f"detect-{found.detect_id}", image_url=PHOTO, faces=[FaceTarget(0, NEW)]
            )


async def test_an_account_without_credits_raises_insufficient_credit(connect: Connect) -> None:
    async with CrunSimulator(credit=0.0) as simulator, connect(simulator.url) as crun:
        with pytest.raises(InsufficientCredit) as caught:
            await crun.detect_faces(image_url=PHOTO)
    assert caught.value.code == 402


async def test_a_failed_job_has_its_reason(quick_crun: CrunSimulator, connect: Connect) -> None:
    async with connect(quick_crun.url) as crun:
        found = await crun.detect_faces(image_url=PHOTO)
        failing(quick_crun)
        for job in (crun.detect_faces(image_url=PHOTO), crun.submit(swap_of(found))):
            with pytest.raises(JobFailed) as caught:
                await job
            assert quick_crun.world.jobs[str(job.id)].reason in str(caught.value)
            assert caught.value.token == job.token


async def test_running_out_of_time_leaves_the_job_awaitable(
    simulated_crun: CrunSimulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulated_crun.url, job_timeout={"crun.detect_faces": 0.02}) as crun:
        with pytest.raises(JobTimeout) as caught:
            await crun.detect_faces(image_url=PHOTO)
        assert caught.value.token is not None
        await clock.advance(60)
        assert (await connect_and_resume(connect, simulated_crun, caught.value.token)).faces


async def test_a_created_job_cannot_be_cancelled(
    simulated_crun: CrunSimulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulated_crun.url) as crun:
        job = await crun.detect_faces(image_url=PHOTO).created()
        with pytest.raises(CancelNotSupported):
            await job.cancel()
        await clock.advance(60)
        assert (await job).faces


async def test_a_create_whose_connection_drops_is_sent_once_and_its_outcome_is_unknown(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async def drop(name: str, request: web.Request) -> web.StreamResponse | None:
        if name == "crun.detect_faces":
            await request.read()
            raise ConnectionResetError
        return None

    quick_crun.fault = drop
    async with connect(quick_crun.url) as crun:
        jobs = [crun.detect_faces(image_url=f"{PHOTO}?{number}") for number in range(5)]
        for job in jobs:
            with pytest.raises(CreateOutcomeUnknown) as caught:
                await job
            assert caught.value.request == job.request
    assert quick_crun.requests == {"crun.detect_faces": 5}


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"{",
        b"<h1>a proxy</h1>",
        b'{"code": 200, "message": "success", "data": {}}',
        b'{"code": 200, "message": "success", "data": null}',
        b'{"code": 200, "data": {"task_id": "t1"}}',  # that is a swap's
        b'{"code": 200, "data": {"detect_task_id": "../evil"}}',
    ],
)
async def test_a_create_without_a_readable_answer_is_not_sent_again(
    reply: bytes, serve: Serve, connect: Connect
) -> None:
    async def react(visit: Visit) -> None:
        await visit.answer(reply)

    server = await serve(react)
    async with connect(server.url) as crun:
        with pytest.raises(CreateOutcomeUnknown):
            await crun.detect_faces(image_url=PHOTO)
    assert len(server.visits) == 1


async def test_a_create_that_was_never_sent_is_tried_again(
    refused_url: str, connect: Connect
) -> None:
    async with connect(refused_url, retry=Retry(attempts=3, initial=0.001)) as crun:
        with pytest.raises(Exception, match=r"connection refused\); nothing was sent") as caught:
            await crun.detect_faces(image_url=PHOTO)
    assert getattr(caught.value, "attempts", 0) == 3


async def test_a_wait_survives_broken_answers(quick_crun: CrunSimulator, connect: Connect) -> None:
    lookups = 0

    async def break_down(name: str, _request: web.Request) -> web.StreamResponse | None:
        nonlocal lookups
        if name != "crun.detection":
            return None
        lookups += 1
        if lookups == 1:
            raise ConnectionResetError
        answers = {2: (502, b"<h1>bad</h1>"), 3: (200, b"{"), 4: (404, b"not here")}
        status, body = answers.get(lookups, (0, b""))
        return web.Response(status=status, body=body) if status else None

    quick_crun.fault = break_down
    async with connect(quick_crun.url) as crun:
        assert (await crun.detect_faces(image_url=PHOTO)).faces
    assert lookups > 4


# Tokens


async def test_another_client_watches_a_job_by_its_token(
    simulated_crun: CrunSimulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulated_crun.url) as first:
        token = (await first.detect_faces(image_url=PHOTO).created()).token
    assert simulated_crun.api_key not in token
    async with connect(simulated_crun.url) as second:
        job = second.job(token, DetectFaces)
        assert_type(job, Job[FaceDetection])
        assert job.name == "crun.detect_faces"
        await clock.advance(60)
        found = await job
        assert found.expires_at is not None
        swapping = await second.submit(swap_of(found)).created()
    await clock.advance(60)
    async with connect(simulated_crun.url) as third:
        swap = await third.job(swapping.token)
    assert isinstance(swap, SwappedImage)
    assert simulated_crun.world.creates == {"crun.detect_faces": 1, "crun.swap_faces": 1}


async def test_a_token_of_one_vendor_is_refused_by_the_other(
    quick_crun: CrunSimulator, connect: Connect
) -> None:
    async with connect(quick_crun.url) as crun, Akool("key", base_url=quick_crun.url) as akool:
        job = await crun.detect_faces(image_url=PHOTO).created()
        with pytest.raises(InvalidToken):
            akool.job(job.token)
        with pytest.raises(InvalidToken):
            crun.job(job.token, SwapFaces)
        assert (await job).faces
    assert not [name for name in endpoints.OPERATIONS if name.startswith("crun")]
    assert not [name for name in endpoints.ENDPOINTS if name.startswith("crun")]


# The client


def test_the_error_for_a_missing_key_names_the_variable() -> None:
    with pytest.raises(MissingCredentials, match="CRUN_API_KEY"):
        Crun()


async def test_the_environment_is_read_when_a_client_is_made(
    monkeypatch: pytest.MonkeyPatch, quick_crun: CrunSimulator
) -> None:
    monkeypatch.setenv("CRUN_API_KEY", quick_crun.api_key)
    monkeypatch.setenv("CRUN_BASE_URL", quick_crun.url)
    monkeypatch.setenv("AKOOL_API_KEY", "akool-s")
    monkeypatch.setenv("AKOOL_BASE_URL", "https://akool.example")
    async with Crun() as crun:
        assert await crun.detect_faces(image_url=PHOTO).created()


async def test_arguments_beat_the_environment(
    monkeypatch: pytest.MonkeyPatch, quick_crun: CrunSimulator
) -> None:
    monkeypatch.setenv("CRUN_API_KEY", "another")
    monkeypatch.setenv("CRUN_BASE_URL", "https://another.example")
    async with Crun(quick_crun.api_key, base_url=quick_crun.url) as crun:
        assert await crun.detect_faces(image_url=PHOTO).created()


@pytest.mark.parametrize("name", ["AKOOL_API_KEY", "AKOOL_TOKEN"])
def test_akool_s_key_is_not_given_to_crun(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "akool-s")
    with pytest.raises(MissingCredentials):
        Crun()


@pytest.mark.parametrize(
    "url", ["http://api.crun.ai", "ftp://api.crun.ai", "api.crun.ai", "https://api.crun.ai/api/v1"]
)
def test_an_unsafe_host_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        Crun("key", base_url=url)


def test_a_client_shows_its_host_and_not_its_key() -> None:
    assert repr(Crun("the-key")) == "<Crun https://api.crun.ai, api key>"


async def test_the_key_is_sent_to_no_redirect_and_no_media_host(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    async def give_media(visit: Visit) -> None:
        await visit.answer(b"media")

    elsewhere = await serve(give_media)

    async def react(visit: Visit) -> None:
        if visit.is_create:
            await visit.answer(b'{"code": 200, "data": {"task_id": "t1"}}')
        elif sum(not each.is_create for each in server.visits) == 1:
            await visit.answer(status=307, location=f"{elsewhere.url}{visit.target}")
        else:
            result = {"code": 200, "media_urls": [f"{elsewhere.url}/0.png"]}
            data = {"task_id": "t1", "status": "success", "result": result}
            await visit.answer(json.dumps({"code": 200, "data": data}).encode())

    server = await serve(react)
    async with connect(server.url, "the-key", allow_private_downloads=True) as crun:
        swap = await crun.swap_faces(detect_id="m1", image_url=PHOTO, faces=[FaceTarget(0, NEW)])
        assert (await swap.save(tmp_path)).read_bytes() == b"media"
    (download,) = elsewhere.visits
    assert download.target == "/0.png"
    assert "the-key" not in str(download.headers)


async def test_a_wrong_key_is_refused(quick_crun: CrunSimulator, connect: Connect) -> None:
    async with connect(quick_crun.url, "wrong-key") as crun:
        with pytest.raises(Exception, match="api key") as caught:
            await crun.detect_faces(image_url=PHOTO)
    assert getattr(caught.value, "code", 0) == 401
    assert "wrong-key" not in str(caught.value)
    assert quick_crun.requests == {"crun.detect_faces": 1}


def test_a_method_without_a_loop_names_the_request_to_build_instead() -> None:
    with pytest.raises(RuntimeError, match=r"akool_async\.crun\.DetectFaces"):
        Crun("key").detect_faces(image_url=PHOTO)


def test_job_timeouts_are_accepted_for_crun_s_operations_only() -> None:
    Crun("key", job_timeout={"crun.swap_faces": 60.0})
    with pytest.raises(InvalidInput):
        Crun("key", job_timeout={"reage.image": 60.0})
