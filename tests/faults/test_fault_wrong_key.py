"""A wrong api key, and jobs of one call of which some are refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import APIError, AuthenticationError, Limits
from akool_async.batch import run
from akool_async.endpoints import AudioElement, ListAvatars, TalkingAvatar, UploadAvatar
from akool_async.errors import ProcessingError

if TYPE_CHECKING:
    from akool_async.protocol.endpoint import Operation
    from tests.clients import Connect
    from tests.faults.conftest import Scripted
    from tests.servers import Visit

URL = "https://media.example/a.mp4"

AVATARS: list[Operation[Any]] = [
    UploadAvatar(url=URL, avatar_id="a1", type=1),
    TalkingAvatar(avatar_from=2, elements=[AudioElement(url=URL)]),
]


@pytest.mark.parametrize("request_", AVATARS, ids=lambda each: type(each).__name__)
async def test_an_account_that_does_not_exist_stops_the_jobs_of_avatars(
    request_: Operation[Any], scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(lambda visit: visit.say({"code": 1109, "msg": "account not exist"}))
    async with connect(server.url, limits=Limits(creates=1)) as akool:
        errors = [job.exception() async for job in akool.map([request_] * 30)]
        with pytest.raises(AuthenticationError):
            await akool.call(ListAvatars())
    assert [type(each) for each in errors] == [AuthenticationError] * 30
    assert sum(visit.is_create for visit in server.visits) == 1


async def test_a_run_with_a_wrong_api_key_ends_at_its_first_avatar(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(lambda visit: visit.say({"code": 1109, "msg": "account not exist"}))
    rows = [(f"row {n}", AVATARS[1]) for n in range(30)]
    akool = connect(server.url, limits=Limits(creates=1))
    outcomes = [each async for each in run(rows, akool, out=tmp_path / "out")]
    assert {each.error for each in outcomes} <= {"AuthenticationError"}
    assert sum(visit.is_create for visit in server.visits) == 1


async def test_an_avatar_that_cannot_be_made_is_its_own_row_s_trouble(
    scripted: Scripted, connect: Connect
) -> None:
    said = {"code": 1109, "msg": "create avatar video error"}
    server = await scripted(lambda visit: visit.say(said))
    async with connect(server.url) as akool:
        jobs = [akool.submit(AVATARS[1]) for _ in range(5)]
        errors = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(each) for each in errors] == [ProcessingError] * 5
    assert sum(visit.is_create for visit in server.visits) == 5


async def test_a_language_that_is_refused_takes_no_other_s_result(
    scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        language = json.loads(visit.body)["language"] if visit.body else ""
        if language in {"fr", "de"}:
            await visit.say({"code": 1003, "msg": f"no {language}"})
            return
        done = {"_id": "6a0000000000000000000801", "video_status": 3, "video": URL}
        await visit.say({"code": 1000, "msg": "OK", "data": done})

    server = await scripted(answer)
    async with connect(server.url) as akool:
        jobs = akool.video.translate(language=["ja", "fr", "de"], url=URL)
        with pytest.raises(APIError, match="no fr") as caught:
            await jobs
        assert "no de" in " ".join(caught.value.__notes__)
        assert jobs[0].result().url == URL
        assert [job.exception() is None for job in jobs] == [True, False, False]
