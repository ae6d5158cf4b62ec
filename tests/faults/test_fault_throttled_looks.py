"""Kind: a small client that is throttled for a moment is slowed down for a moment."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import Face, Operation, Retry
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.http.pace import Pace
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse

PHOTO = "https://photos.example/photo.png"


def speech() -> TTS:
    return TTS(input_text="text", voice_id="voice")


def reage() -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=5, modify_image=PHOTO)


REFUSALS: dict[str, Callable[[], web.Response]] = {
    "too frequent": lambda: web.json_response({"code": 1005, "msg": "Frequent operation"}),
    "busy": lambda: web.json_response({"code": 1215, "msg": "busy"}),
    "HTTP 429": lambda: web.Response(status=429),
    "HTTP 503 that says when": lambda: web.Response(status=503, headers={"Retry-After": "1"}),
}


@pytest.mark.parametrize("jobs", [1, 5])
@pytest.mark.parametrize("refuse", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("make", [speech, reage])
async def test_three_looks_that_are_too_frequent_delay_a_result_by_some_seconds(
    make: Callable[[], Operation[Any]],
    refuse: Callable[[], web.Response],
    jobs: int,
    *,
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
) -> None:
    own, refused = ManualClock(), Counter[str]()

    async def refuse_three(name: str, request: web.Request) -> web.Response | None:
        if name not in {"audio.get", "faceswap.results"}:
            return None
        # One look is about all reages.
        which = request.query.get("audio_model_id", "")
        refused[which] += 1
        return refuse() if refused[which] <= 3 else None

    simulator.fault = refuse_three
    async with connect(simulator, clock=own, backoff=None, retry=Retry()) as akool:
        running = [akool.submit(make()) for _ in range(jobs)]
        await asyncio.gather(*(job.created() for job in running))
        await clock.advance(60)
        begun = own.time()
        await elapse(own, lambda: refused.total() > 0, step=0.1)
        first_look = own.time() - begun
        await elapse(own, lambda: all(job.done() for job in running), step=0.1)
        # One look waits 1 + 2 + 4 seconds at most, and as long as the server itself asks for.
        # Several in one moment may be so many that the rate falls, too.
        most = 10.5 if jobs == 1 else 25
        assert own.time() - begun - first_look < most


async def test_an_old_job_is_looked_at_again_soon_after_a_look_that_was_too_frequent(
    simulator: Simulator, connect: Connect, elapse: Elapse
) -> None:
    own, asked, refused = ManualClock(), list[float](), 0

    async def refuse_one(name: str, _request: web.Request) -> web.Response | None:
        nonlocal refused
        if name != "audio.get":
            return None
        asked.append(own.time())
        if own.time() > 600 and not refused:
            refused = len(asked)
            return REFUSALS["too frequent"]()
        return None

    simulator.fault = refuse_one
    async with connect(simulator, clock=own, backoff=None, retry=Retry()) as akool:
        await akool.submit(speech()).created()
        await elapse(own, lambda: refused and len(asked) > refused, step=0.5)
        assert asked[refused] - asked[refused - 1] < 1.6


async def test_a_look_that_is_refused_on_and_on_is_repeated_ever_more_slowly(
    simulator: Simulator, connect: Connect, elapse: Elapse
) -> None:
    own, asked = ManualClock(), list[float]()

    async def refuse_all(name: str, _request: web.Request) -> web.Response | None:
        if name != "audio.get":
            return None
        asked.append(own.time())
        return REFUSALS["too frequent"]()

    simulator.fault = refuse_all
    async with connect(simulator, clock=own, backoff=None, retry=Retry()) as akool:
        job = await akool.submit(speech()).created()
        await elapse(own, lambda: own.time() > 600)
        assert not job.done()
    assert 30 < len(asked) < 200


async def test_a_refusal_slows_down_those_who_send_much_and_not_one_look(
    clock: ManualClock,
) -> None:
    few, many = Pace("requests", clock), Pace("requests", clock)
    for _ in range(3):
        few.refused(await few.turn())
        await clock.advance(2.0)
    assert few.limit == math.inf
    assert few.refusals == 3
    sent = [await many.turn() for _ in range(20)]
    many.refused(sent[-1])
    assert many.limit == pytest.approx(0.7 * 4)
