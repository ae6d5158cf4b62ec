"""The simulated Akool: as strict, as slow and as forgetful as the real one."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web

from akool_async import Akool, InvalidInput, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import ENDPOINTS, OPERATIONS, ImageReage
from akool_async.simulator import Behaviour, Simulator

FACE = {"path": "https://example.com/face.png"}
PICTURE = "https://example.com/photo.png"
REAGE: Mapping[str, Any] = {"targetImage": [FACE], "face_reage": 10, "modifyImage": PICTURE}
SPEECH: Mapping[str, Any] = {"input_text": "Hello", "voice_id": "v"}
WEEK = 7 * 86400.0

Reply: TypeAlias = dict[str, Any]
Send: TypeAlias = Callable[..., Awaitable[Reply]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as raw:
        yield raw


@pytest.fixture
def send(session: aiohttp.ClientSession, simulator: Simulator) -> Send:
    """Send bare HTTP to an endpoint; return the envelope."""

    async def request(
        name: str,
        fields: Mapping[str, Any] | bytes = b"",
        *,
        to: Simulator = simulator,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        endpoint = ENDPOINTS[name]
        signed = {"x-api-key": to.api_key} if headers is None else headers
        query = endpoint.method == "GET"
        body = fields if isinstance(fields, bytes) else json.dumps(dict(fields)).encode()
        async with session.request(
            endpoint.method,
            to.url + endpoint.root + re.sub(r"[{]\w+[}]", "none", endpoint.path),
            params=fields if query and not isinstance(fields, bytes) else None,
            data=None if query else body,
            headers=signed,
        ) as response:
            # N35: where a word stands for the code, the HTTP status says who is to blame.
            assert response.status == 200 or (response.status == 400 and endpoint.envelope.codes)
            document: Reply = await response.json()
            return document

    return request


async def created(
    send: Send, to: Simulator, name: str = "reage.image", count: int = 1
) -> list[str]:
    """Create jobs; return their ids."""
    fields = REAGE if name == "reage.image" else SPEECH
    replies = [await send(name, fields, to=to) for _ in range(count)]
    return [reply["data"]["_id"] for reply in replies]


async def rows(send: Send, to: Simulator, ids: list[str]) -> list[Reply]:
    reply = await send("faceswap.results", {"_ids": ",".join(ids)}, to=to)
    found: list[Reply] = reply["data"]["result"]
    return found


# Every endpoint, as strict as its class


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_every_endpoint_is_answered_with_an_envelope(
    name: str, send: Send, simulator: Simulator
) -> None:
    assert isinstance((await send(name))[ENDPOINTS[name].envelope.code], int)
    assert simulator.requests == {ENDPOINTS[name].name: 1}


@pytest.mark.parametrize("name", [name for name, cls in ENDPOINTS.items() if cls.signed])
async def test_no_credential_and_a_wrong_one_are_told_apart(name: str, send: Send) -> None:
    envelope = ENDPOINTS[name].envelope
    code = "code" if envelope.codes else envelope.code
    assert (await send(name, headers={}))[code] == 1102
    for header in ({"x-api-key": "wrong"}, {"Authorization": "Bearer wrong"}):
        assert (await send(name, headers=header))[code] == 1101


async def test_of_two_credentials_the_token_counts(send: Send, simulator: Simulator) -> None:
    both = {"x-api-key": simulator.api_key, "Authorization": "Bearer wrong"}
    assert (await send("account.credit", headers=both))["code"] == 1101
    simulator.tokens.add("right")
    both = {"x-api-key": "wrong", "Authorization": "Bearer right"}
    assert (await send("account.credit", headers=both))["code"] == 1000


async def test_a_token_is_exchanged_and_never_the_same_twice(
    send: Send, simulator: Simulator
) -> None:
    pair = {"clientId": simulator.client_id, "clientSecret": simulator.api_key}
    first = (await send("account.token", pair, headers={}))["token"]
    simulator.tokens.clear()
    second = (await send("account.token", pair, headers={}))["token"]
    assert simulator.tokens == {second}
    assert first != second
    assert (await send("account.token", pair | {"clientSecret": "no"}, headers={}))["code"] == 1101


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"face_reage": 99}, "face_reage"),
        ({"face_reage": "10"}, "face_reage"),
        ({"modifyImage": "photo.png"}, "modifyImage"),
        ({"targetImage": []}, "targetImage"),
        ({"targetImage": [{"path": "face.png"}]}, "targetImage[0].path"),
        ({"targetImage": [FACE, FACE]}, "targetImage[0].opts"),
        ({"webhookUrl": "nowhere"}, "webhookUrl"),
        ({"modify_image": PICTURE}, "modify_image"),
        ({"modifyImage": None}, "modifyImage"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_wire_name(
    changes: Mapping[str, Any], named: str, send: Send, simulator: Simulator
) -> None:
    reply = await send("reage.image", {**REAGE, **changes})
    assert reply["code"] == 1003
    assert reply["msg"].startswith(f"Parameter error: {named} ")
    assert simulator.world.jobs == {}


@pytest.mark.parametrize("body", [b"no json", b"[]", b"\xff", b'{"a":'])
async def test_a_body_that_is_no_object_is_refused(body: bytes, send: Send) -> None:
    assert (await send("reage.image", body))["code"] == 1003


async def test_what_does_not_exist_is_not_found(send: Send) -> None:
    assert (await send("audio.get", {"audio_model_id": "0"}))["code"] == 1014


# Jobs over time


async def test_a_job_is_queued_then_in_work_then_completed(
    send: Send, simulator: Simulator, clock: ManualClock
) -> None:
    (id_,) = await created(send, simulator)
    duration = simulator.world.jobs[id_].duration
    seen = []
    for moment in (0.0, 0.19, 0.21, 0.99, 1.01, 50.0):
        await clock.advance(moment * duration - clock.time())
        (row,) = await rows(send, simulator, [id_])
        seen.append(row["faceswap_status"])
    assert seen == [1, 1, 2, 2, 3, 3]


async def test_a_failed_job_says_why(
    send: Send, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    async with Simulator(fail_rate=1.0, omit_rate=0.0, clock=clock) as failing:
        (id_,) = await created(send, failing)
        await clock.advance(3600.0)
        (row,) = await rows(send, failing, [id_])
        assert row["faceswap_status"] == 4
        assert row["error_reason"]
        async with session.get(row["url"]) as response:
            assert response.status == 404


async def test_speech_may_be_ready_when_it_is_created(send: Send, clock: ManualClock) -> None:
    async with Simulator(instant_audio_rate=1.0, clock=clock) as instant:
        assert (await send("audio.tts", SPEECH, to=instant))["data"]["status"] == 3
        assert instant.world.peak_in_flight == 0


async def story(seed: int) -> list[tuple[Any, ...]]:
    """Run a simulated world by itself; return what it decides."""
    request = ImageReage.from_wire(REAGE)
    behaviour = Behaviour(seed=seed, fail_rate=0.3, omit_rate=0.3)
    async with Simulator(behaviour, clock=ManualClock()) as simulator:
        world = simulator.world
        jobs = [world.create(request) for _ in range(40)]
        shown = [job.id for job in world.shown([job.id for job in jobs])]
        decided = [(job.id, job.job_id, job.duration, job.outcome, job.reason) for job in jobs]
        return [*decided, tuple(shown)]


async def test_the_same_seed_tells_the_same_story() -> None:
    assert await story(7) == await story(7)
    assert await story(7) != await story(8)


async def test_credit_is_spent_job_by_job_until_there_is_none(
    send: Send, clock: ManualClock
) -> None:
    async with Simulator(credit=2.0, clock=clock) as poor:
        await created(send, poor, count=2)
        assert (await send("account.credit", to=poor))["data"]["credit"] == 0.0
        assert (await send("reage.image", REAGE, to=poor))["code"] == 1006
        assert poor.world.creates == {"reage.image": 2}


async def test_jobs_in_flight_are_counted_until_they_end(
    send: Send, simulator: Simulator, clock: ManualClock
) -> None:
    await created(send, simulator, count=3)
    assert simulator.world.in_flight == 3
    await clock.advance(3600.0)
    await created(send, simulator, count=2)
    assert simulator.world.in_flight == 2
    assert simulator.world.peak_in_flight == 3


async def test_a_job_that_is_cancelled_or_deleted_is_in_flight_no_more(
    send: Send, simulator: Simulator, clock: ManualClock
) -> None:
    first, second = await created(send, simulator, count=2)
    job_id = simulator.world.jobs[first].job_id
    await send("faceswap.cancel", {"job_ids": job_id})
    assert simulator.world.in_flight == 1
    await send("faceswap.delete", {"_ids": second})
    assert simulator.world.in_flight == 0
    (row,) = await rows(send, simulator, [first, second])
    assert (row["_id"], row["faceswap_status"]) == (first, 4)
    await clock.advance(3600.0)
    assert simulator.world.in_flight == 0


async def test_a_job_that_has_ended_cannot_be_cancelled(
    send: Send, simulator: Simulator, clock: ManualClock
) -> None:
    (id_,) = await created(send, simulator)
    await clock.advance(3600.0)
    await send("faceswap.cancel", {"job_ids": simulator.world.jobs[id_].job_id})
    (row,) = await rows(send, simulator, [id_])
    assert row["faceswap_status"] == 3


# Lists


async def test_a_list_is_shuffled_and_forgetful_but_not_for_ever(
    send: Send, clock: ManualClock
) -> None:
    async with Simulator(omit_rate=0.3, clock=clock) as forgetful:
        ids = await created(send, forgetful, count=40)
        looks = [[row["_id"] for row in await rows(send, forgetful, ids)] for _ in range(12)]
    assert all(set(look) < set(ids) for look in looks)
    assert all(look != [each for each in ids if each in look] for look in looks)
    assert set().union(*looks) == set(ids)


async def test_ids_that_nobody_knows_are_left_out(send: Send, simulator: Simulator) -> None:
    (id_,) = await created(send, simulator)
    assert [row["_id"] for row in await rows(send, simulator, ["0", id_, "1"])] == [id_]


async def test_a_list_that_forgets_nothing_is_whole(send: Send, simulator: Simulator) -> None:
    ids = await created(send, simulator, count=30)
    found = [row["_id"] for row in await rows(send, simulator, ids)]
    assert sorted(found) == sorted(ids)
    assert found != ids


# Media

SIGNATURES = {"image/png": b"\x89PNG\r\n", "video/mp4": b"\0\0\0\x20ftypisom", "audio/wav": b"RIFF"}


@pytest.mark.parametrize(
    ("name", "kind", "fields"),
    [
        ("reage.image", "image/png", REAGE),
        ("audio.tts", "audio/wav", SPEECH),
        (
            "faceswap.video",
            "video/mp4",
            {"sourceImage": [FACE], "targetImage": [FACE], "modifyVideo": PICTURE},
        ),
    ],
)
async def test_media_is_there_once_the_job_is_completed_and_for_seven_days(
    *,
    name: str,
    kind: str,
    fields: Mapping[str, Any],
    send: Send,
    session: aiohttp.ClientSession,
    simulator: Simulator,
    clock: ManualClock,
) -> None:
    url = (await send(name, fields))["data"]["url"]  # T25: named long before it is there
    id_ = next(iter(simulator.world.jobs))

    async def fetched() -> tuple[int, str, bytes]:
        async with session.get(url) as response:
            return response.status, response.content_type, await response.read()

    assert (await fetched())[0] == 404
    await clock.advance(3600.0)
    status, content_type, content = await fetched()
    assert (status, content_type) == (200, kind)
    assert content.startswith(SIGNATURES[kind])
    assert id_.encode() in content
    await clock.advance(WEEK - 3601.0)
    assert (await fetched())[0] == 200
    await clock.advance(2.0)
    assert (await fetched())[0] == 403


async def test_no_two_jobs_have_the_same_file(simulator: Simulator) -> None:
    request = ImageReage.from_wire(REAGE)
    files = {simulator.world.create(request).media().content for _ in range(20)}
    assert len(files) == 20


# Faces


@pytest.mark.parametrize("legacy", [False, True], ids=["newer", "legacy"])
@pytest.mark.parametrize("count", [0, 1, 3, 9])
async def test_detection_finds_as_many_faces_as_it_is_told_to(count: int, *, legacy: bool) -> None:
    async with (
        Simulator(faces=count) as simulator,
        Akool(simulator.api_key, base_url=simulator.url) as akool,
    ):
        found = await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)
        largest = await akool.faceswap.detect(image_url=PICTURE, single_face=True, legacy=legacy)
    assert len(found.faces) == len(found.boxes) == len(set(found.landmarks)) == count
    assert len(largest.faces) == min(count, 1)
    assert {face.path == PICTURE for face in found.faces} <= {legacy}


async def test_the_crops_of_faces_are_pictures_that_differ_by_picture(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        Simulator(faces=2) as simulator,
        Akool(simulator.api_key, base_url=simulator.url) as akool,
    ):
        crops = {
            face.path
            for name in ("a", "b")
            for face in (await akool.faceswap.detect(image_url=PICTURE + name)).faces
        }
        assert len(crops) == 4
        for url in crops:
            async with session.get(str(url)) as response:
                assert (await response.read()).startswith(SIGNATURES["image/png"])


# Faults


async def test_a_fault_may_answer_in_the_place_of_an_endpoint(
    send: Send, simulator: Simulator
) -> None:
    async def too_many(name: str, _request: web.Request) -> web.Response | None:
        busy = {"code": 1005, "msg": "Frequent operation"}
        return web.json_response(busy) if name == "reage.image" else None

    simulator.fault = too_many
    assert (await send("reage.image", REAGE))["code"] == 1005
    assert (await send("account.credit"))["code"] == 1000
    assert simulator.world.jobs == {}
    assert simulator.requests == {"reage.image": 1, "account.credit": 1}


async def test_a_fault_may_drop_the_connection(send: Send, simulator: Simulator) -> None:
    async def drop(_name: str, _request: web.Request) -> None:
        raise ConnectionResetError

    simulator.fault = drop
    with pytest.raises(aiohttp.ClientError):
        await send("reage.image", REAGE)
    simulator.fault = None
    assert (await send("account.credit"))["code"] == 1000


async def test_a_fault_may_take_its_time(send: Send, simulator: Simulator) -> None:
    gate = asyncio.Event()

    async def wait(_name: str, _request: web.Request) -> None:
        await gate.wait()

    simulator.fault = wait
    call = asyncio.ensure_future(send("account.credit"))
    await asyncio.sleep(0.02)
    assert not call.done()
    gate.set()
    assert (await call)["code"] == 1000


# How it is run


async def test_a_client_and_the_simulator_understand_each_other(
    akool: Akool, simulator: Simulator, clock: ManualClock
) -> None:
    job = akool.submit(ImageReage.from_wire(REAGE))
    for _ in range(2000):
        if job.done():
            break
        await clock.advance(0.5)
        await asyncio.sleep(0.001)
    assert job.result().status is Status.COMPLETED
    assert simulator.world.creates == {"reage.image": 1}


def test_it_runs_in_a_thread_for_callers_of_any_kind() -> None:
    with Simulator(port=0).in_thread() as simulator:
        address = f"{simulator.url}/api/open/v3/faceswap/quota/info"
        request = urllib.request.Request(address, headers={"x-api-key": simulator.api_key})  # noqa: S310
        with urllib.request.urlopen(request) as response:  # noqa: S310
            assert json.load(response)["data"]["credit"] == 10_000
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(request)  # noqa: S310


async def test_it_can_be_started_again() -> None:
    simulator = Simulator()
    for _ in range(2):
        async with simulator, Akool(simulator.api_key, base_url=simulator.url) as akool:
            await akool.account.credit()
    assert simulator.requests == {"account.credit": 2}


def test_fewer_faces_than_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 0"):
        Simulator(faces=-1)


@pytest.mark.parametrize("field", ["fail_rate", "instant_audio_rate", "omit_rate"])
@pytest.mark.parametrize("rate", [-0.1, 1.1, "1"])
def test_a_rate_that_is_no_part_of_a_whole_is_refused(field: str, rate: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        Simulator(**{field: rate})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_every_operation_has_a_family_that_the_simulator_can_show() -> None:
    world = Simulator(clock=ManualClock()).world
    assert {cls.family.name for cls in OPERATIONS.values()} >= {"faceswap", "audio"}
    assert world.in_flight == 0


def test_the_pytest_fixture_comes_with_the_package(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(
        """
        from akool_async import Akool, Face

        async def test_with_the_simulator(akool_simulator):
            async with Akool(akool_simulator.api_key, base_url=akool_simulator.url) as akool:
                result = await akool.reage.image(
                    target_image=[Face("https://example.com/a.png")],
                    face_reage=5,
                    modify_image="https://example.com/b.png",
                )
            assert result.url.startswith(akool_simulator.url)

        def test_it_is_a_new_one_each_time(akool_simulator):
            assert not akool_simulator.requests
        """
    )
    outcome = pytester.runpytest_subprocess("-p", "no:anyio", "-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=2)
