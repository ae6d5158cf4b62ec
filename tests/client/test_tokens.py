"""Tokens: a job goes on in any process, and whatever is no token is refused without I/O."""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from akool_async import (
    Akool,
    ClientClosed,
    Face,
    InvalidToken,
    JobFailed,
    JobTimeout,
    NotFound,
    Operation,
    Status,
    endpoints,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, Faceswap, ImageReage, VideoReage
from akool_async.protocol import token as tokens
from akool_async.protocol.token import JobReference
from akool_async.simulator import Simulator
from tests.clocks import Elapse

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")
REFERENCE = JobReference(
    name="reage.image", id="0123456789abcdef01234567", job_id="20260101-1", created=1_767_225_600
)
TOKEN = tokens.write(REFERENCE)


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def stranger() -> Akool:
    """Make a client that could not send anything: no loop runs where it is used."""
    return Akool(api_key="unused")


async def test_a_token_goes_on_with_the_job_in_another_client(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as first:
        job = await first.submit(reage()).created()
        token = job.token
    assert isinstance(job.exception(), ClientClosed)

    async with connect(simulator) as second:
        resumed = second.job(token, ImageReage)
        assert (resumed.name, resumed.id, resumed.job_id) == (job.name, job.id, job.job_id)
        assert (resumed.request, resumed.receipt, resumed.snapshot) == (None, None, None)
        assert resumed.token == token
        await clock.advance(60)
        result = await resumed
        assert (result.id, result.status) == (job.id, Status.COMPLETED)
        assert simulator.world.creates.total() == 1


async def test_a_token_of_a_job_of_this_client_leads_to_the_same_watch(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        twins = [akool.job(job.token) for _ in range(50)]
        assert akool.stats.in_flight == 1
        before = simulator.requests["faceswap.results"]
        await until(lambda: simulator.requests["faceswap.results"] >= before + 2)
        await clock.advance(60)
        assert all(result is job.result() for result in await asyncio.gather(job, *twins))
        assert simulator.requests["faceswap.results"] < 50


async def test_a_token_of_a_job_that_has_ended_leads_to_the_same_result(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(reage())
        result = await job
        assert await akool.job(job.token, ImageReage) == result


async def test_a_token_of_a_failed_job_leads_to_its_failure(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    simulator.world.behaviour = msgspec.structs.replace(simulator.world.behaviour, fail_rate=1.0)
    async with connect(simulator) as akool:
        token = (await akool.submit(reage()).created()).token
    await clock.advance(60)
    async with connect(simulator) as akool:
        with pytest.raises(JobFailed) as caught:
            await akool.job(token)
        assert caught.value.token == token
        assert caught.value.request is None


async def test_a_token_of_every_operation_says_which_one_it_is(
    simulator: Simulator, connect: Connect
) -> None:
    requests: list[Operation[Any]] = [reage(), TTS(input_text="hello", voice_id="voice")]
    async with connect(simulator) as akool:
        for request in requests:
            job = await akool.submit(request).created()
            assert tokens.read(job.token).name == request.label
            assert akool.job(job.token, type(request)).id == job.id


async def test_a_job_id_of_a_strange_form_keeps_no_token_from_being_read(
    simulator: Simulator, connect: Connect
) -> None:
    async def answer(name: str, _request: web.Request) -> web.Response | None:
        data = {"_id": "a" * 24, "job_id": "20260101/12:00 #1"}
        reply = {"code": 1000, "msg": "OK", "data": data}
        return web.json_response(reply) if name == "reage.image" else None

    simulator.fault = answer
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        assert job.job_id == "20260101/12:00 #1"
        assert akool.job(job.token, ImageReage).id == job.id


async def test_many_tokens_resumed_at_once_share_their_requests(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        jobs = [akool.submit(reage()) for _ in range(60)]
        held = [(await job.created()).token for job in jobs]
    await clock.advance(60)
    simulator.requests.clear()
    async with connect(simulator) as akool:
        results = await asyncio.gather(*[akool.job(token) for token in held])
        assert {result.id for result in results} == set(simulator.world.jobs)
        assert simulator.requests["faceswap.results"] == 1


async def test_the_token_of_a_job_that_ran_out_of_time_watches_on(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator, job_timeout=0.05) as akool:
        with pytest.raises(JobTimeout) as caught:
            await akool.submit(reage())
    await clock.advance(60)
    assert caught.value.token is not None
    async with connect(simulator) as akool:
        assert (await akool.job(caught.value.token)).status is Status.COMPLETED


async def test_an_old_token_of_a_job_that_does_not_exist_ends_as_not_found(
    simulator: Simulator, connect: Connect, elapse: Elapse
) -> None:
    own = ManualClock()
    an_hour_ago = int(own.now().timestamp()) - 3600
    token = tokens.write(msgspec.structs.replace(REFERENCE, name="audio.tts", created=an_hour_ago))
    async with connect(simulator, clock=own) as akool:
        job = akool.job(token)
        await elapse(own, job.done, step=0.1)
        with pytest.raises(NotFound) as caught:
            await job
        assert caught.value.token == token


async def test_a_token_holds_no_secret_and_fits_into_a_url(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        token = (await akool.submit(reage()).created()).token
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,200}", token)
    packed = base64.urlsafe_b64decode(token.removeprefix("akj1.") + "==")
    assert simulator.api_key.encode() not in packed
    assert b"photos.example" not in packed


def test_a_token_is_read_back_as_it_was_written() -> None:
    assert tokens.read(TOKEN) == REFERENCE


@given(st.text())
def test_any_text_is_refused_as_a_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        stranger().job(text)


@given(st.text(alphabet="ABCabc019-_=", max_size=200))
def test_any_text_behind_the_right_prefix_is_refused_as_a_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        stranger().job("akj1." + text)


@given(st.binary(max_size=64))
def test_any_bytes_with_the_right_checksum_are_refused_as_a_token(packed: bytes) -> None:
    blob = zlib.crc32(packed).to_bytes(4, "big") + packed
    with pytest.raises(InvalidToken):
        stranger().job("akj1." + base64.urlsafe_b64encode(blob).rstrip(b"=").decode())


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Change, drop or insert a character of a sound token."""
    at = draw(st.integers(0, len(TOKEN) - 1))
    inserted = draw(
        st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=2)
    )
    dropped = draw(st.integers(0, 2))
    return TOKEN[:at] + inserted + TOKEN[at + dropped :]


@given(mutated().filter(lambda text: text != TOKEN))
def test_a_token_that_lost_or_changed_a_character_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        stranger().job(text)


@pytest.mark.parametrize("alias", [TOKEN + "=", TOKEN + "\n", " " + TOKEN, TOKEN.upper()])
def test_another_spelling_of_a_token_is_refused(alias: str) -> None:
    with pytest.raises(InvalidToken):
        stranger().job(alias)


def test_no_two_texts_are_the_same_token() -> None:
    # The last character of base64 may hold bits that decode to nothing.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/"
    spelled: dict[str, list[str]] = {}
    for length in range(1, 5):
        token = tokens.write(msgspec.structs.replace(REFERENCE, id="x" * length))
        spelled[token] = [token[:-1] + last for last in letters if _is_token(token[:-1] + last)]
    assert spelled == {token: [token] for token in spelled}


def _is_token(text: str) -> bool:
    try:
        tokens.read(text)
    except InvalidToken:
        return False
    return True


@given(st.text().filter(lambda text: not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text)))
def test_a_forged_token_cannot_carry_an_id_out_of_its_place_in_a_url(hostile: str) -> None:
    encodable = hostile.encode("utf-8", "replace").decode()
    for forged in (
        msgspec.structs.replace(REFERENCE, id=encodable),
        msgspec.structs.replace(REFERENCE, job_id=encodable),
    ):
        with pytest.raises(InvalidToken):
            stranger().job(tokens.write(forged))


@pytest.mark.parametrize(
    "name", ["", "reage", "reage.image.", "../reage", "faceswap.results", "x" * 99]
)
def test_a_token_for_what_is_no_operation_is_refused(name: str) -> None:
    with pytest.raises(InvalidToken):
        stranger().job(tokens.write(msgspec.structs.replace(REFERENCE, name=name)))


@pytest.mark.parametrize("created", [-1, 2**33, 2**60])
def test_a_token_from_an_impossible_time_is_refused(created: int) -> None:
    with pytest.raises(InvalidToken):
        stranger().job(tokens.write(msgspec.structs.replace(REFERENCE, created=created)))


@pytest.mark.parametrize("value", [None, b"akj1.AAAA", 7, ["akj1."], REFERENCE])
def test_what_is_no_text_is_refused_as_a_token(value: str) -> None:
    with pytest.raises(InvalidToken):
        stranger().job(value)


@pytest.mark.parametrize(
    "operation",
    [each for name, each in endpoints.OPERATIONS.items() if name != "reage.image"],
    ids=lambda operation: operation.name,
)
def test_a_token_of_one_operation_is_refused_for_another(
    operation: type[Operation[Faceswap]],
) -> None:
    with pytest.raises(InvalidToken, match=f"ImageReage, not {operation.__name__}"):
        stranger().job(TOKEN, operation)


async def test_refusing_a_token_sends_no_request(simulator: Simulator, connect: Connect) -> None:
    async with connect(simulator) as akool:
        for wrong in ("", "akj1.", TOKEN[:-2], TOKEN.replace("akj1", "akj2")):
            with pytest.raises(InvalidToken):
                akool.job(wrong)
        with pytest.raises(InvalidToken):
            akool.job(TOKEN, VideoReage)
        assert akool.stats.in_flight == 0
        assert simulator.requests.total() == 0
