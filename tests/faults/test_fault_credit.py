"""No credit left: nothing more is sent, and what waits ends, or waits on."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import APIError, InsufficientCredit, InvalidInput, Limits, Retry
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.journal import Journal

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse
    from tests.faults.conftest import Documented, Scripted
    from tests.servers import Visit

MEDIA = "https://cdn.example/speech.mp3"
ID = "65f8017f56559aa67f0ecde7"


def speeches(count: int) -> list[TTS]:
    return [TTS(input_text=f"text {n}", voice_id="voice") for n in range(count)]


class Account:
    """An account that pays for so many jobs, and then for none."""

    def __init__(self, credit: int, code: int = 1006) -> None:
        self.credit = credit
        self.code = code
        self.asked = 0

    async def __call__(self, visit: Visit) -> None:
        """Answer as Akool does."""
        if visit.target.endswith("quota/info"):
            self.asked += 1
            await visit.say({"code": 1000, "data": {"credit": self.credit}})
        elif not visit.is_create:
            await visit.say(
                {"code": 1000, "data": {"_id": visit.target[-24:], "status": 3, "url": MEDIA}}
            )
        elif self.credit > 0:
            self.credit -= 1
            await visit.say({"code": 1000, "data": {"_id": ID, "status": 3, "url": MEDIA}})
        else:
            await visit.say({"code": self.code, "msg": "Your quota is not enough"})


@pytest.mark.parametrize("code", [1006, 1104])
async def test_without_credit_all_that_waits_ends_unsent(
    code: int, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(Account(3, code))
    async with connect(server.url, limits=Limits(creates=1)) as akool:
        jobs = [akool.submit(request) for request in speeches(200)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [isinstance(each, InsufficientCredit) for each in outcomes] == [False] * 3 + [
            True
        ] * 197
        assert len({id(each) for each in outcomes}) == 200  # an error of each one's own
        assert akool.stats.in_flight == akool.stats.queued == 0
    assert server.creates == 4


@pytest.mark.parametrize("resumed", [True, False])
async def test_without_credit_the_rest_of_a_stream_ends_unsent(
    *, resumed: bool, clock: ManualClock, scripted: Scripted, connect: Connect
) -> None:
    account = Account(3)
    server = await scripted(account)
    rows = [(f"row {n}", request) for n, request in enumerate(speeches(500))]
    journal = Journal(":memory:")
    settings: dict[str, Any] = {"limits": Limits(creates=2), "journal": journal, "clock": clock}
    async with connect(server.url, **settings) as akool:
        ends = [job.exception() async for job in akool.map(rows)]
        assert sum(isinstance(end, InsufficientCredit) for end in ends) == 497
        assert len({id(end) for end in ends if end}) == 497
        assert server.creates <= 5
        account.credit, sold = 1000, server.creates
        ends = [job.exception() async for job in akool.map(rows)]
        assert sum(end is None for end in ends) == 3  # what completed is known
        assert server.creates == sold
        assert (await akool.submit(rows[499][1], key="row 499")).id == ID  # not of a stream
        account.credit = 0
        ends = [job.exception() async for job in akool.map(rows)]
        account.credit, sold = 1000, server.creates
        if resumed:
            akool.resume()
        else:
            await clock.advance(61)
        ends = [job.exception() async for job in akool.map(rows)]
        assert not any(ends)
        assert server.creates == sold + 496
    await journal.close()


@pytest.mark.parametrize("code", [1004, 1101, 1102, 1103, 1109, 1200])
@pytest.mark.parametrize("on_credit", ["raise", "pause"])
async def test_an_account_that_is_refused_ends_all_that_waits_unsent(
    code: int, on_credit: str, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(Account(3, code))
    settings: dict[str, Any] = {"limits": Limits(creates=1), "on_credit": on_credit}
    async with connect(server.url, **settings) as akool:
        jobs = [akool.submit(request) for request in speeches(100)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, APIError)]
    assert [each.code for each in refused] == [code] * 97
    assert server.creates == 4


@pytest.mark.parametrize("code", [1003, 1009, 1205, 1213, 1221])
async def test_a_refusal_of_one_job_is_no_other_s(
    code: int, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(Account(0, code))
    async with connect(server.url) as akool:
        jobs = [akool.submit(request) for request in speeches(60)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(each, APIError) for each in outcomes)
    assert server.creates == 60


async def test_a_page_that_says_401_ends_one_job_alone(
    scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(lambda visit: visit.answer(b"<html>", 401))
    async with connect(server.url, limits=Limits(creates=1)) as akool:
        jobs = [akool.submit(request) for request in speeches(3)]
        await asyncio.gather(*jobs, return_exceptions=True)
    assert server.creates == 3  # it may come from a proxy, in passing


async def test_creates_that_are_under_way_are_held_back_if_nothing_of_them_has_left(
    scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        first = json.loads(visit.body)["input_text"] == "text 0"
        await visit.say({"code": 1005 if first else 1006, "msg": "no"})

    server = await scripted(answer)
    slow = Retry(throttled=5.0, maximum=5.0)
    async with connect(server.url, retry=slow) as akool:
        first, second = map(akool.submit, speeches(2))
        with pytest.raises(InsufficientCredit):
            await second
        with pytest.raises(InsufficientCredit):
            await first
    assert server.creates == 2


@pytest.mark.parametrize("code", [1006, 1104])
async def test_a_paused_client_sends_nothing_until_it_is_resumed(
    code: int,
    *,
    clock: ManualClock,
    scripted: Scripted,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(0, code)
    server = await scripted(account)
    settings: dict[str, Any] = {"on_credit": "pause", "limits": Limits(creates=2)}
    async with connect(server.url, clock=clock, **settings) as akool:
        jobs = [akool.submit(request) for request in speeches(50)]
        await elapse(clock, lambda: account.asked >= 3)
        assert server.creates == 2
        assert not any(job.done() for job in jobs)
        assert (akool.stats.queued, akool.stats.in_flight) == (50, 0)
        account.credit = 1000
        akool.resume()
        await asyncio.gather(*jobs)
    assert server.creates == 52
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_paused_client_goes_on_by_itself_when_there_is_credit(
    clock: ManualClock, scripted: Scripted, connect: Connect, elapse: Elapse
) -> None:
    account = Account(5)
    server = await scripted(account)
    async with connect(
        server.url, clock=clock, on_credit="pause", limits=Limits(creates=1)
    ) as akool:
        jobs = [akool.submit(request) for request in speeches(20)]
        await elapse(clock, lambda: account.asked >= 2)
        assert sum(job.done() for job in jobs) == 5
        assert [job.done() for job in jobs[:6]] == [True] * 5 + [False]
        asked, account.credit = account.asked, 8
        # Asked once more, it has some; asked after that, a create has been refused again.
        await elapse(clock, lambda: account.asked >= asked + 2)
        assert sum(job.done() for job in jobs) == 13
        account.credit = 100
        await elapse(clock, lambda: all(job.done() for job in jobs))
        assert all(job.exception() is None for job in jobs)
    assert server.creates == 22


async def test_a_paused_client_that_is_closed_leaves_nothing(
    clock: ManualClock, scripted: Scripted, connect: Connect, elapse: Elapse
) -> None:
    account = Account(0)
    server = await scripted(account)
    async with connect(server.url, clock=clock, on_credit="pause") as akool:
        jobs = [akool.submit(request) for request in speeches(3)]
        await elapse(clock, lambda: account.asked >= 1)
        assert await jobs[0].cancel()
    assert all(job.done() for job in jobs)


async def test_credit_that_cannot_be_asked_for_is_asked_for_again(
    clock: ManualClock, speech: Documented, scripted: Scripted, connect: Connect, elapse: Elapse
) -> None:
    account = Account(0)
    asked = 0

    async def answer(visit: Visit) -> None:
        nonlocal asked
        if visit.target.endswith("quota/info"):
            asked += 1
            if asked < 3:
                await visit.say({"code": 1009, "msg": "no"})
                return
            account.credit = 10
        await account(visit)

    server = await scripted(answer)
    async with connect(server.url, clock=clock, on_credit="pause") as akool:
        job = akool.submit(speech.request)
        await elapse(clock, job.done)
        assert (await job).id == ID


async def test_an_upload_too_many_ends_that_upload_alone(
    scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        text = json.loads(visit.body or b"{}").get("input_text")
        if text == "text 0":
            await visit.say({"code": 1223, "msg": "liveAvatar upload exceed"})
        else:
            await visit.say({"code": 1000, "data": {"_id": ID, "status": 3, "url": MEDIA}})

    server = await scripted(answer)
    async with connect(server.url, limits=Limits(creates=1)) as akool:
        outcomes = await asyncio.gather(*map(akool.submit, speeches(5)), return_exceptions=True)
    assert [isinstance(each, InsufficientCredit) for each in outcomes] == [True] + [False] * 4


def test_there_are_two_ways_to_take_an_empty_account(connect: Connect) -> None:
    with pytest.raises(InvalidInput):
        connect("http://127.0.0.1:9", on_credit="ignore")
