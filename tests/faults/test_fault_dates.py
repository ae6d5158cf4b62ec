"""A date computed from an offset taken once, and times that a server gives without a doubt."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async import Akool, CreateOutcomeUnknown, JobError, NotFound, ResultExpired
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, Analysis, Audio, Faceswap, Video
from akool_async.media import StandaloneDownloader
from akool_async.protocol import token
from akool_async.protocol.snapshot import Status
from akool_async.protocol.token import JobReference
from akool_async.protocol.wire import retry_after
from akool_async.result import LIFETIME, Link, Result
from akool_async.simulator import Simulator
from tests.clocks import Elapse, Until

SPEECH = TTS(input_text="hello", voice_id="voice")
START = datetime(2026, 1, 1, tzinfo=UTC)


class WallClock(ManualClock):
    """A clock whose date somebody sets: NTP after boot, a suspend, a person."""

    def __init__(self) -> None:
        super().__init__(START)
        self.set_by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.set_by


@pytest.fixture
def clock() -> WallClock:
    """Return a clock that stands still until a test moves it, and whose date can be set."""
    return WallClock()


SET = pytest.mark.parametrize("by", [timedelta(hours=9), timedelta(days=-400), timedelta(days=9)])


@SET
async def test_a_date_from_an_offset_taken_once_is_in_no_token(
    akool: Akool, clock: WallClock, by: timedelta
) -> None:
    before = await akool.submit(SPEECH).created()
    await clock.advance(1.0)
    clock.set_by = by
    after = await akool.submit(SPEECH).created()
    assert token.read(before.token).created_at == START
    assert token.read(after.token).created_at == START + timedelta(seconds=1) + by
    assert after.token == after.token  # the same one, whenever it is asked for


@SET
async def test_a_date_from_an_offset_taken_once_is_in_no_error_of_a_create_in_doubt(
    akool: Akool, simulator: Simulator, clock: WallClock, by: timedelta
) -> None:
    async def broken(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=502) if name == "audio.tts" else None

    simulator.fault = broken
    clock.set_by = by
    with pytest.raises(CreateOutcomeUnknown) as caught:
        await akool.submit(SPEECH)
    assert caught.value.sent_at == START + by


@SET
async def test_a_date_from_an_offset_taken_once_is_in_no_result_and_no_journal(
    simulator: Simulator, clock: WallClock, elapse: Elapse, tmp_path: Path, by: timedelta
) -> None:
    path = tmp_path / "jobs"
    settings: dict[str, Any] = {"clock": clock, "journal": path}
    async with Akool(simulator.api_key, base_url=simulator.url, **settings) as akool:
        await akool.account.credit()  # the client has begun
        clock.set_by = by
        job = await akool.submit(SPEECH, key="a").created()
        await elapse(clock, job.done)
        result = job.result()
        assert result.link is not None
        assert result.link.accepted_at == (START + by).timestamp()
    with contextlib.closing(sqlite3.connect(path)) as rows:
        ((written,),) = rows.execute("SELECT created_at FROM job").fetchall()
    assert written == (START + by).timestamp()


async def gone(name: str, _request: web.Request) -> web.Response | None:
    """Say of each job that there is none."""
    if name != "audio.get":
        return None
    return web.json_response({"code": 1008, "msg": "The content you get does not exist"})


@pytest.mark.parametrize(
    "age", [timedelta(days=10), timedelta(days=20_000), timedelta(hours=9), timedelta(hours=-5)]
)
async def test_a_resumed_job_has_its_own_grace_whatever_the_date_in_its_token(
    akool: Akool, simulator: Simulator, clock: WallClock, elapse: Elapse, age: timedelta
) -> None:
    # Created a second ago, by a machine whose clock was wrong.
    known = token.read((await akool.submit(SPEECH).created()).token).id
    created = int((clock.now() - age).timestamp())
    text = token.write(JobReference(name="audio.tts", id=known, job_id=None, created=created))
    async with Akool(simulator.api_key, base_url=simulator.url, clock=clock) as other:
        simulator.fault = gone
        job = other.job(text)
        await elapse(clock, lambda: simulator.requests["audio.get"] >= 3, step=0.5)
        assert not job.done()
        assert job.token == text
        simulator.fault = None
        await elapse(clock, job.done)
        assert job.result().url


async def test_a_resumed_job_that_is_gone_ends_after_its_own_grace(
    akool: Akool, simulator: Simulator, clock: WallClock, elapse: Elapse
) -> None:
    created = int((clock.now() - timedelta(days=10)).timestamp())
    text = token.write(JobReference(name="audio.tts", id="a" * 24, job_id=None, created=created))
    simulator.fault = gone
    job = akool.job(text)
    await elapse(clock, job.done)
    assert 30 <= clock.time() <= 90
    assert isinstance(job.exception(), ResultExpired)
    young = akool.job(
        token.write(
            JobReference(name="audio.tts", id="b" * 24, job_id=None, created=int(START.timestamp()))
        )
    )
    await elapse(clock, young.done)
    assert isinstance(young.exception(), NotFound)


# Times that a server gives

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("cls", [Audio, Video, Analysis])
@pytest.mark.parametrize("unit", [1, 1000], ids=["seconds", "milliseconds"])
def test_a_doubtful_time_of_a_server_in_seconds_is_no_time_in_1970(cls: Any, unit: int) -> None:
    result = cls(id="a" * 24, status=Status.COMPLETED, create_time=int(AT.timestamp()) * unit)
    assert result.creation_time == AT
    assert result.expires_at == (AT + LIFETIME if cls.media_field else None)


def accepted(result: Result, at: datetime = AT) -> Result:
    """Return a result whose job was accepted at a time."""
    link = Link(StandaloneDownloader(), operation="audio.tts", accepted_at=at.timestamp())
    return result.attach(link)


@pytest.mark.parametrize("created", [1, 86_400_000, 2**31, 10**11, 10**12])
def test_a_doubtful_time_of_a_server_gives_no_expiry_before_acceptance(created: int) -> None:
    result = accepted(Audio(id="a", status=Status.COMPLETED, create_time=created))
    until = result.expires_at
    assert until is None or until > AT
    swap = accepted(Faceswap(id="a", created_at=AT - timedelta(days=8)))
    assert swap.expires_at is None


def test_a_time_of_a_server_that_makes_sense_still_says_when_a_result_expires() -> None:
    for late in (timedelta(), timedelta(hours=9), timedelta(hours=-9)):  # clocks differ
        created = int((AT + late).timestamp() * 1000)
        result = accepted(Audio(id="a", status=Status.COMPLETED, create_time=created))
        assert result.expires_at == AT + late + LIFETIME
    assert accepted(Audio(id="a")).expires_at == AT + LIFETIME


async def test_media_is_not_given_up_as_expired_for_a_doubtful_time_of_a_server(
    simulator: Simulator, clock: WallClock, elapse: Elapse, tmp_path: Path
) -> None:
    async def in_seconds(name: str, request: web.Request) -> web.Response | None:
        if name != "audio.get":
            return None
        data = {
            "_id": request.query["audio_model_id"],
            "status": 3,
            "url": f"{simulator.url}/media/none.mp3",
            "create_time": int(START.timestamp()),
        }
        return web.json_response({"code": 1000, "msg": "OK", "data": data})

    simulator.fault = in_seconds
    async with Akool(simulator.api_key, base_url=simulator.url, clock=clock) as akool:
        job = await akool.submit(SPEECH).created()
        await elapse(clock, job.done)
        saving = asyncio.create_task(job.result().save(tmp_path))
        await elapse(clock, saving.done)
    error = saving.exception()
    assert error is not None
    assert not isinstance(error, JobError)  # such as `ResultExpired`
    assert job.result().expires_at == START + LIFETIME


@pytest.mark.parametrize("off", [timedelta(days=-3), timedelta(hours=5), timedelta(days=900)])
def test_a_dated_retry_after_is_measured_by_the_date_of_the_reply_itself(off: timedelta) -> None:
    there = datetime.now(UTC).replace(microsecond=0) + off
    headers = {
        "date": format_datetime(there, usegmt=True),
        "retry-after": format_datetime(there + timedelta(seconds=7), usegmt=True),
    }
    assert retry_after(headers) == 7.0
    earlier = headers | {"retry-after": format_datetime(there - timedelta(hours=1), usegmt=True)}
    assert retry_after(earlier) == 0.0


@pytest.mark.parametrize("date", ["", "yesterday", "Wed, 21 Oct 99999999999999 07:28:00 GMT"])
def test_a_dated_retry_after_beside_no_readable_date_is_measured_by_our_clock(date: str) -> None:
    until = datetime.now(UTC) + timedelta(seconds=100)
    waited = retry_after({"date": date, "retry-after": format_datetime(until, usegmt=True)})
    assert waited is not None
    assert 0 <= waited <= 100


async def test_a_dated_retry_after_of_a_server_with_another_clock_is_waited_for_and_not_longer(
    akool: Akool, simulator: Simulator, clock: WallClock, elapse: Elapse, until: Until
) -> None:
    there = START + timedelta(days=-900)

    async def throttle(name: str, _request: web.Request) -> web.Response | None:
        if name != "audio.tts" or simulator.requests[name] > 1:
            return None
        headers = {
            "Date": format_datetime(there, usegmt=True),
            "Retry-After": format_datetime(there + timedelta(seconds=20), usegmt=True),
        }
        return web.json_response({"code": 1005, "msg": "frequent"}, status=429, headers=headers)

    simulator.fault = throttle
    job = akool.submit(SPEECH)
    await until(lambda: simulator.requests["audio.tts"])
    await elapse(clock, lambda: job.id is not None or job.done(), step=0.5)
    assert 20 <= clock.time() <= 25
