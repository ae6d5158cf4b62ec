"""A program that is stopped by Ctrl-C closes its session once."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.killing import ended
from tests.streaming.sessions import House, started

if TYPE_CHECKING:
    from tests.servers import Serve

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")


@pytest.mark.parametrize("times", [1, 2])
async def test_ctrl_c_closes_the_session_once(serve: Serve, times: int) -> None:
    house = House()
    process = await started((await serve(house)).url, "")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    await ended(process)
    assert house.closes == {house.opened[0]: 1}


async def test_ctrl_c_while_the_session_is_opened_waits_for_the_answer_and_closes_it(
    serve: Serve,
) -> None:
    house = House()
    process = await started((await serve(house)).url, "")
    await house.creating.wait()
    process.send_signal(signal.SIGINT)
    await ended(process)
    assert house.closes == {house.opened[0]: 1}


async def test_ctrl_c_twice_ends_the_program_while_nothing_answers_its_create(
    serve: Serve,
) -> None:
    house = House()
    house.answers_creates = False
    process = await started((await serve(house)).url, "")
    await house.creating.wait()
    process.send_signal(signal.SIGINT)
    await asyncio.sleep(0.2)
    assert process.returncode is None  # it waits for the answer
    over = asyncio.create_task(process.wait())
    for _ in range(2):  # the second, or a third where a busy machine took two as one
        if not over.done():
            process.send_signal(signal.SIGINT)
            await asyncio.wait([over], timeout=10)
    await ended(process)
    assert not house.closes
