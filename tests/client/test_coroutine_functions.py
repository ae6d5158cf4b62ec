"""Hooks and done callbacks may be coroutine functions: the client awaits them."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Event, Job
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.engine import calls as calls_module
from akool_async.engine.calls import AT_ONCE, Calls
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until


def speech(text: object = "hello") -> TTS:
    """Return a request."""
    return TTS(input_text=str(text), voice_id="voice")


async def test_a_coroutine_function_is_awaited_with_the_events_of_a_job_in_order(
    quick: Simulator, connect: Connect
) -> None:
    told: defaultdict[Any, list[str]] = defaultdict(list)
    plain: defaultdict[Any, list[str]] = defaultdict(list)

    async def slow(event: Event) -> None:
        await asyncio.sleep(0.01 if event.name == "job.queued" else 0)
        told[event.job].append(event.name)

    def at_once(event: Event) -> None:
        plain[event.job].append(event.name)

    async with connect(quick, on_event=[slow, at_once]) as akool:
        await asyncio.gather(*[akool.submit(speech(n)) for n in range(20)])
    assert told == plain
    assert {names[-1] for names in told.values()} == {"job.completed"}
    assert len(told) == 20


async def test_objects_and_partial_functions_are_awaited_too(
    quick: Simulator, connect: Connect
) -> None:
    told: list[str] = []

    class Hook:
        async def __call__(self, event: Event) -> None:
            await asyncio.sleep(0)
            told.append(f"object {event.name}")

    async def hook(prefix: str, event: Event) -> None:
        await asyncio.sleep(0)
        told.append(f"{prefix} {event.name}")

    async with connect(quick, on_event=[Hook(), functools.partial(hook, "partial")]) as akool:
        await akool.submit(speech())
    assert {"object job.completed", "partial job.completed"} <= set(told)


async def test_an_error_of_a_coroutine_function_is_logged_and_its_own(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []

    async def broken(event: Event) -> None:
        await asyncio.sleep(0)
        ended.append(event.name)
        raise asyncio.CancelledError if event.name == "job.queued" else ValueError("broken")

    async with connect(quick, on_event=broken) as akool:
        assert (await akool.submit(speech())).url
    failures = [each for each in caplog.records if "a hook at" in each.message]
    assert len(failures) == len(ended)
    assert ended[-1] == "job.completed"
    assert all(each.exc_info for each in failures)


async def test_a_done_callback_may_be_a_coroutine_function(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    number = contextvars.ContextVar("number", default=0)
    told: list[tuple[str | None, int]] = []

    async def note(job: Job[Any]) -> None:
        await asyncio.sleep(0)
        told.append((job.id, number.get()))

    async def broken(_job: Job[Any]) -> None:
        raise ValueError("broken")

    context = contextvars.copy_context()
    context.run(number.set, 7)
    async with connect(quick) as akool:
        job = akool.submit(speech())
        job.add_done_callback(note, context=context)
        job.add_done_callback(broken)
        job.add_done_callback(note)
        assert job.remove_done_callback(note) == 2
        job.add_done_callback(note, context=context)
        await job
        job.add_done_callback(note)  # after its end
    assert told == [(job.id, 7), (job.id, 0)]
    assert "a done callback of audio.tts failed" in caplog.text


async def test_closing_waits_for_coroutine_functions_within_a_bound(
    quick: Simulator,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []

    async def hook(event: Event) -> None:
        await asyncio.sleep(0.05)
        ended.append(event.name)

    async with connect(quick, on_event=hook) as akool:
        await akool.submit(speech())
    assert ended[-1] == "job.completed"

    async def endless(_event: Event) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("akool_async.client.runtime.CALL_TIME", 0.05)
    async with connect(quick, on_event=endless) as akool:
        await akool.submit(speech())
    assert "calls of hooks were cut off" in caplog.text


# Bound and back-pressure


async def test_no_more_than_a_bound_run_at_once() -> None:
    calls, gate = Calls(ManualClock()), asyncio.Event()
    running = most = 0

    async def work(_number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    for number in range(3 * AT_ONCE):
        calls.add(number, "work", work, number)
    await turns()
    assert most == AT_ONCE
    gate.set()
    await calls.close(10.0)
    assert calls.left == 0


async def test_creates_wait_while_too_many_calls_wait(
    quick: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(calls_module, "MOST", 20)
    gate = asyncio.Event()

    async def hook(_event: Event) -> None:
        await gate.wait()

    async with connect(quick, on_event=hook, max_concurrency=5) as akool:

        async def run() -> None:
            async for _job in akool.map(speech(n) for n in range(60)):
                pass

        running = asyncio.create_task(run())
        await until(lambda: quick.world.creates.total() and not akool.stats.in_flight)
        created = quick.world.creates.total()
        assert created < 30
        await turns()
        assert quick.world.creates.total() == created
        gate.set()
        await running
    assert quick.world.creates.total() == 60


async def test_calls_that_never_return_do_not_stop_creates_for_good(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(calls_module, "MOST", 20)
    caplog.set_level(logging.WARNING)
    calls, relieved = Calls(clock), list[bool]()
    calls.relieved = lambda: relieved.append(True)

    async def endless(_number: int) -> None:
        await asyncio.Event().wait()

    for number in range(30):
        calls.add(number, "endless", endless, number)
    held = [calls.held]
    await clock.advance(11.0)
    held.append(calls.held)
    assert held == [True, False]
    assert relieved
    assert "do not return" in caplog.text
    await calls.close(0.0)


async def test_a_hook_may_submit_a_job_and_await_it(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    more: list[Any] = []

    async def chain(event: Event) -> None:
        if event.name == "job.completed" and event.job.tag is None:
            more.append(await akool.submit(speech("more"), tag="more"))

    akool: Akool
    async with connect(quick, on_event=chain, max_concurrency=1) as akool:
        await akool.submit(speech())
        await until(lambda: bool(more))
    assert more[0].url
