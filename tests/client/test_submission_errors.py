"""What a submission brings with it, and what of it comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from akool_async import Face, InsufficientCredit
from akool_async.endpoints import TTS, ImageReage
from akool_async.protocol.endpoint import Operation, Recipe, Steps
from akool_async.result import Result
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect

PHOTO = "https://photos.example/photo.png"
SPEECH = TTS(input_text="hello", voice_id="voice")
REAGE = ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)


class Row:
    """A row of a table, as pandas has them: its comparison is no truth value."""

    def __eq__(self, _other: object) -> Any:
        return Comparison()

    __hash__ = object.__hash__


class Comparison:
    """One answer for each field."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of a row is ambiguous")


class SpokenReage(Recipe[Any]):
    """A recipe with one paid step."""

    name = "reage.spoken"
    family = ImageReage.family

    async def prepare(self, steps: Steps, /) -> Operation[Any]:
        """Say something first."""
        await steps.run(SPEECH)
        return REAGE


async def test_a_tag_may_be_anything_that_no_comparison_makes_sense_of(
    quick: Simulator, connect: Connect
) -> None:
    row = Row()
    async with connect(quick) as akool:
        job = akool.submit(SPEECH, tag=row)
        assert isinstance(await job, Result)
        assert job.tag is row


async def test_the_error_that_ends_all_queued_jobs_has_the_steps_of_its_own_job_only(
    quick: Simulator, connect: Connect
) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def fault(name: str, _request: web.Request) -> web.Response | None:
        if name != "reage.image":
            return None
        arrived.set()
        await answer.wait()
        return web.json_response({"code": 1006, "msg": "no credit"})

    quick.fault = fault
    async with connect(quick, max_concurrency=1) as akool:
        spoken = akool.submit(SpokenReage())
        await arrived.wait()
        others = [akool.submit(REAGE) for _ in range(2)]
        answer.set()
        errors = await asyncio.gather(spoken, *others, return_exceptions=True)
    assert [isinstance(error, InsufficientCredit) and error.steps for error in errors] == [
        spoken.steps,
        (),
        (),
    ]
    assert spoken.steps
