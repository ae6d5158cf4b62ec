"""What agents may spend: a limit that asks first, in both protocols."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitResult, InputRequiredResult

from akool_async import Akool
from akool_async.clock import ManualClock
from akool_async.journal import Journal
from akool_async.mcp.rules import Rules
from akool_async.mcp.server import server_of
from akool_async.mcp.spending import Spending
from akool_async.simulator import Simulator
from tests.clients import soon
from tests.mcp.agents import PICTURE, REAGE, Person, agent

MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])


@MODES
async def test_the_person_is_asked_beyond_the_limit(quick: Simulator, mode: str) -> None:
    person = Person("accept", "decline", "cancel")
    async with agent(quick, person=person, mode=mode, limit=1) as spender:
        await spender.data("image_create", **PICTURE)
        assert not person.asked
        await spender.data("image_create", **PICTURE, key="second")
        assert "image.create costs about 1 credits. 1 of 1 credits" in person.asked[0]
        assert "did not allow" in await spender.error("image_create", **PICTURE, key="third")
        assert "did not allow" in await spender.error("image_create", **PICTURE, key="fourth")
        # What is paid for is no question.
        assert (await spender.data("image_create", **PICTURE, key="second"))["repeated"]
    assert len(person.asked) == 3
    assert quick.requests["image.create"] == 2


@MODES
async def test_a_job_without_a_known_price_is_a_question(quick: Simulator, mode: str) -> None:
    person = Person("accept")
    async with agent(quick, person=person, mode=mode, limit=100) as spender:
        await spender.data("reage_photo", **REAGE)
    assert "no page of Akool's says how many" in person.asked[0]


@MODES
async def test_a_client_that_cannot_ask_is_told_how_to_raise_the_limit(
    quick: Simulator, mode: str
) -> None:
    async with agent(quick, mode=mode, limit=0) as spender:
        for refusal in (
            await spender.error("image_create", **PICTURE),
            await spender.error("reage_photo", **REAGE),
        ):
            assert "--limit" in refusal
            assert "nothing is paid" in refusal
    assert quick.requests.total() == 0


async def test_an_answer_is_good_for_its_own_question_and_once(quick: Simulator) -> None:
    answers: Any = {"spend": ElicitResult(action="accept", content={})}
    async with agent(quick, person=Person(), limit=0) as forger:
        use: Any = partial(forger.client.session.call_tool, allow_input_required=True)
        for made_up in (None, "made-up"):
            asked = await use(
                "image_create",
                PICTURE | {"key": "one"},
                input_responses=answers,
                request_state=made_up,
            )
            assert isinstance(asked, InputRequiredResult)
        state = asked.request_state
        other = {"prompt": "a dog", "key": "one"}  # another request, though key and price are equal
        again = await use("image_create", other, input_responses=answers, request_state=state)
        assert isinstance(again, InputRequiredResult)
        state = again.request_state
        done = await use("image_create", other, input_responses=answers, request_state=state)
        assert isinstance(done, CallToolResult)
        assert not done.is_error
        third = {"prompt": "a bird"}
        replayed = await use("image_create", third, input_responses=answers, request_state=state)
        assert isinstance(replayed, InputRequiredResult)
    assert quick.requests["image.create"] == 1


async def test_jobs_that_start_at_once_do_not_pass_the_limit_together(quick: Simulator) -> None:
    async with agent(quick, limit=3) as crowd:
        calls = [crowd.call("image_create", prompt=f"cat {each}") for each in range(8)]
        answers = await asyncio.gather(*calls)
    assert [each.is_error for each in answers].count(False) == 3
    assert quick.requests["image.create"] == 3


async def test_a_restart_is_no_way_around_the_limit(quick: Simulator, tmp_path: Path) -> None:
    journal = tmp_path / "agents.sqlite"
    async with agent(quick, journal=journal, limit=1) as spender:
        await spender.data("image_create", **PICTURE)
    async with agent(quick, journal=journal, limit=1) as restarted:
        assert "--limit" in await restarted.error("image_create", prompt="a dog")
    assert quick.requests["image.create"] == 1


async def test_a_job_that_a_restart_sends_is_counted(quick: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "agents.sqlite"
    journal = Journal(path)
    client = Akool(quick.api_key, base_url=quick.url, journal=journal, **soon())
    async with client as akool:
        akool.pause()
        server = await server_of(akool, journal, Rules(limit=1), asyncio.Event())
        async with Client(server) as connected:
            starting = asyncio.create_task(connected.call_tool("image_create", PICTURE))
            while not [*journal.entries()]:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0)
            starting.cancel()
    await journal.close()
    assert quick.requests["image.create"] == 0
    async with agent(quick, journal=path, limit=1) as restarted:
        assert (await restarted.data("image_create", **PICTURE))["repeated"]
        assert "--limit" in await restarted.error("image_create", prompt="a dog")
    assert quick.requests["image.create"] == 1


async def test_what_was_not_started_counts_nothing(quick: Simulator) -> None:
    quick.world.credit = 0
    async with agent(quick, limit=5) as poor:
        await poor.error("image_create", **PICTURE)
        await asyncio.sleep(0)
        shown = await poor.data("image_create", prompt="a dog", dry_run=True)
        assert shown["spent_credits"] == 0


async def test_credits_are_free_again_after_a_day(clock: ManualClock) -> None:
    journal = Journal(":memory:")
    spending = Spending(10, journal, clock)
    spending.reserve("one", 8)
    assert not spending.fits(3)
    spending.settle("one", 5.5)
    assert spending.fits(4.5)
    await clock.advance(timedelta(hours=25).total_seconds())
    assert spending.spent == 0
    spending.reserve("two", 9)
    assert spending.spent == 9
    spending.release("two")
    assert spending.spent == 0
    await journal.close()
