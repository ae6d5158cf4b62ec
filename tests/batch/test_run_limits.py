"""Limits on creates: those of recipes, which take several, are counted one by one."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from akool_async.simulator import Simulator
from tests.batch.run_parts import finished, left, started, statuses, swaps, talks
from tests.clients import Connect
from tests.clocks import Until


async def test_a_step_that_failed_counts_as_created_and_its_recipe_as_failed(
    connect: Connect, out: Path
) -> None:
    async with Simulator(
        pace=0.02, omit_rate=0.0, instant_audio_rate=0.0, fail_rate=1.0
    ) as failing:
        await finished(talks(12), connect(failing), out, max_creates=4)
        assert failing.world.creates == {"audio.tts": 3}  # the next recipe may need two
        assert set(statuses(out).values()) == {"failed"}
        await finished(talks(3), connect(failing), out)
        assert failing.world.creates.total() == 3
        assert set(statuses(out).values()) == {"failed"}


async def test_the_second_step_of_a_recipe_counts_where_an_earlier_process_sent_the_first(
    connect: Connect, out: Path, until: Until
) -> None:
    async with Simulator(pace=0.1, spread=0.0, omit_rate=0.0, instant_audio_rate=0.0) as quick:
        run, work = started(talks(5), connect(quick), out)
        await until(lambda: run.counts.total("in_flight") == 5)
        await left(work)
        run = await finished(talks(5), connect(quick), out, max_creates=0)
        assert quick.world.creates == {"audio.tts": 5}
        assert run.stopped_by
        await finished(talks(5), connect(quick), out, max_creates=3)
        assert quick.world.creates.total() == 8
        await finished(talks(5), connect(quick), out, max_creates=2)
        assert quick.world.creates.total() == 10
        assert set(statuses(out).values()) == {"completed"}


async def test_a_recipe_with_one_paid_step_counts_as_one_create(
    quick: Simulator, connect: Connect, out: Path
) -> None:
    rows = swaps([f"https://host.example/{n}.jpg" for n in range(6)])
    await finished(rows, connect(quick), out, max_creates=3)
    assert quick.world.creates.total() == 3
    await finished(rows, connect(quick), out, max_creates=3)
    assert quick.world.creates.total() == 6


async def test_a_refused_second_step_gives_its_own_create_back_and_not_that_of_the_first(
    quick: Simulator, connect: Connect, out: Path
) -> None:
    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        return web.json_response({"code": 1003, "msg": "no"}) if "talking" in name else None

    quick.fault = refuse
    await finished(talks(8), connect(quick), out, max_creates=5)
    assert quick.world.creates == {"audio.tts": 4}
    assert set(statuses(out).values()) == {"refused"}
    quick.fault = None
    await finished(talks(4), connect(quick), out, max_creates=4)
    assert quick.world.creates["audio.tts"] == 4
    assert set(statuses(out).values()) == {"completed"}
