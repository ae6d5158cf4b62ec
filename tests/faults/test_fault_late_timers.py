"""A verdict by a timer that was late itself: the process was stopped, or its loop was blocked.

What a server answered meanwhile has arrived, and only was not read. So nothing is too late before
the loop has read it, and a job whose deadline passed meanwhile gets one more look.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from akool_async import Akool, Backoff, ClientClosed, JobTimeout, Retry, Timeout
from akool_async.clock import ManualClock, wait_for_all
from akool_async.endpoints import TTS
from akool_async.http.time_limit import TimeLimit
from akool_async.http.transport import AiohttpTransport, Delivery
from akool_async.media import Policy
from akool_async.media.downloader import StandaloneDownloader
from akool_async.media.source import Source
from akool_async.protocol.wire import HttpRequest
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Elapse, LoopTime, Until, turns
from tests.servers import Serve, Visit, head_of

SPEECH = TTS(input_text="hello", voice_id="voice")
RARELY = Backoff(initial=600.0, maximum=600.0)
"""So rarely that a look in turn never comes."""


def says(status: int, id: str) -> dict[str, Any]:
    return {"code": 1000, "msg": "OK", "data": {"_id": id, "status": status, "url": "https://a/b"}}


# The whole process is stopped

PROGRAM = textwrap.dedent("""
    import asyncio, json, sys
    from akool_async import Akool, Backoff, Timeout
    from akool_async.endpoints import TTS

    async def main(url):
        soon = Backoff(initial=0.05, maximum=0.05)
        settings = {"timeout": Timeout(total=1.0), "job_timeout": 1.0, "backoff": soon}
        async with Akool("the-key", base_url=url, **settings) as akool:
            jobs = [akool.submit(TTS(input_text=str(n), voice_id="voice")) for n in range(12)]
            ends = await asyncio.gather(*jobs, return_exceptions=True)
        print(json.dumps([type(each).__name__ for each in ends]))

    asyncio.run(main(sys.argv[1]))
""")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP")
@pytest.mark.parametrize("stopped_during", ["creates", "lookups"])
async def test_a_verdict_by_a_late_timer_is_none_after_the_whole_process_was_stopped(
    serve: Serve, tmp_path: Path, until: Until, stopped_during: str
) -> None:
    answers = asyncio.Event()

    async def answer(visit: Visit) -> None:
        if visit.is_create:
            if stopped_during == "creates":
                await answers.wait()
            await visit.say(says(1, f"{int(json.loads(visit.body)['input_text']):024x}"))
        else:
            await answers.wait()
            await visit.say(says(3, visit.target.rpartition("=")[2]))

    server = await serve(answer)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    arguments = (sys.executable, str(program), server.url)
    child = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    try:
        waiting = 24 if stopped_during == "lookups" else 12
        await until(lambda: len(server.visits) >= waiting)
        child.send_signal(signal.SIGSTOP)
        answers.set()
        await asyncio.sleep(1.5)  # longer than each of its limits: the stop is what is tested
        child.send_signal(signal.SIGCONT)
        out, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert json.loads(out) == ["Audio"] * 12


# Requests

GET = HttpRequest(method="GET", path="/a")


async def test_a_verdict_by_a_late_timer_of_a_request_waits_for_the_answer_that_has_come(
    serve: Serve, loop_time: LoopTime
) -> None:
    gate = asyncio.Event()

    async def answer(visit: Visit) -> None:
        await gate.wait()
        await visit.send(head_of(200, {"content_length": "2"}))
        await turns(10)
        await visit.send(b"{}")

    server = await serve(answer)
    transport = AiohttpTransport(Timeout(total=2.0))
    delivery = Delivery()
    sending = asyncio.create_task(transport.send(server.url, GET, None, delivery))
    await turns()
    await loop_time.hold_up(1000)
    gate.set()
    await turns()
    assert (await sending).status == 200
    await transport.close()


async def test_a_verdict_by_a_late_timer_leaves_a_request_the_time_that_it_had(
    serve: Serve, loop_time: LoopTime
) -> None:
    async def hang(visit: Visit) -> None:
        await visit.hang()

    server = await serve(hang)
    transport = AiohttpTransport(Timeout(total=8.0))
    sending = asyncio.create_task(transport.send(server.url, GET, None, Delivery()))
    await turns()
    for _ in range(3):  # whoever uses a debugger stops more than once
        await loop_time.hold_up(1000)
    await loop_time.advance(4.0)
    assert not sending.done()
    await loop_time.advance(4.0)
    assert sending.done()
    assert "within 8 seconds" in str(sending.exception())
    await transport.close()


async def test_a_verdict_by_a_late_timer_is_put_off_to_twice_the_limit_at_most(
    loop_time: LoopTime,
) -> None:
    limit = TimeLimit(1.0)

    async def request() -> bool:
        task = limit.start()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return limit.expired(task)
        finally:
            limit.stop(task)
        return False

    sending = asyncio.create_task(request())
    await turns()
    for _ in range(15):  # a loop that somebody blocks again and again
        await loop_time.hold_up(0.3)
        assert not sending.done()
    await loop_time.hold_up(0.3)
    assert await sending


async def test_a_verdict_by_a_late_timer_puts_no_create_in_doubt_that_had_not_been_sent(
    simulator: Simulator, loop_time: LoopTime
) -> None:
    settings: dict[str, Any] = {"timeout": Timeout(total=1.0), "backoff": RARELY}
    async with Akool(simulator.api_key, base_url=simulator.url, **settings) as akool:
        for passes in range(12):  # from "not begun" to "answered"
            job = akool.submit(SPEECH)
            await turns(passes)
            await loop_time.hold_up(100.0)
            await job.created()


async def test_a_verdict_by_a_late_timer_closes_no_connection_that_waits_for_an_answer(
    serve: Serve, loop_time: LoopTime
) -> None:
    # A connection with a reply that nobody asked for takes its session out of service; sessions
    # out of service are closed when the last request on them is over.
    gate = asyncio.Event()

    async def answer(visit: Visit) -> None:
        if visit.target == "/slow":
            await gate.wait()
            await visit.answer(b"{}")
        else:
            await visit.send(head_of(200, {"content_length": "2"}) + b"{}")
            await visit.send(head_of(408, {"content_length": "0"}))

    server = await serve(answer)
    transport = AiohttpTransport(Timeout(total=2.0))
    slow = HttpRequest(method="GET", path="/slow")
    waiting = asyncio.create_task(transport.send(server.url, slow, None, Delivery()))
    await turns()
    for _ in range(3):
        for _ in range(2):
            sending = asyncio.create_task(transport.send(server.url, GET, None, Delivery()))
            await turns()
            await asyncio.gather(sending, return_exceptions=True)
        await loop_time.hold_up(100.0)
    gate.set()
    assert (await waiting).status == 200
    await transport.close()


# Jobs


@pytest.fixture
async def slow(simulator: Simulator, clock: ManualClock) -> Any:
    """Open a client, on a manual clock, whose jobs have a minute and are looked at rarely."""
    settings: dict[str, Any] = {"job_timeout": 60.0, "backoff": RARELY, "retry": Retry(attempts=1)}
    key, url = simulator.api_key, simulator.url
    async with Akool(key, base_url=url, clock=clock, **settings) as client:
        yield client


async def test_a_verdict_by_a_late_timer_of_a_job_waits_for_one_look(
    simulator: Simulator, slow: Akool, clock: ManualClock, until: Until
) -> None:
    jobs = [await slow.submit(SPEECH).created() for _ in range(5)]
    await clock.hold_up(3600.0)
    await until(lambda: all(job.done() for job in jobs))
    assert [job.exception() for job in jobs] == [None] * 5
    assert simulator.requests["audio.get"] == 5  # one look each


async def test_a_job_that_one_look_after_a_late_timer_shows_unfinished_runs_out_of_time(
    simulator: Simulator, slow: Akool, clock: ManualClock, elapse: Elapse
) -> None:
    async def unfinished(name: str, request: web.Request) -> web.Response | None:
        if name != "audio.get":
            return None
        return web.json_response(says(2, request.query["audio_model_id"]))

    simulator.fault = unfinished
    job = await slow.submit(SPEECH).created()
    await clock.hold_up(3600.0)
    assert not job.done()
    await elapse(clock, job.done, step=0.25, most=8)
    assert isinstance(job.exception(), JobTimeout)
    assert simulator.requests["audio.get"] == 1


async def test_a_job_that_nobody_shows_after_a_late_timer_runs_out_of_time_in_the_end(
    simulator: Simulator, slow: Akool, clock: ManualClock, elapse: Elapse
) -> None:
    async def broken(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=502) if name == "audio.get" else None

    simulator.fault = broken
    job = await slow.submit(SPEECH).created()
    await clock.hold_up(3600.0)
    await clock.advance(20.0)
    assert not job.done()
    await elapse(clock, job.done, step=1.0, most=40)
    assert isinstance(job.exception(), JobTimeout)


async def test_a_deadline_that_comes_in_time_needs_no_further_look(
    simulator: Simulator, slow: Akool, clock: ManualClock
) -> None:
    job = await slow.submit(SPEECH).created()
    await clock.advance(60.0)
    assert isinstance(job.exception(), JobTimeout)
    assert simulator.requests["audio.get"] == 0


async def test_a_verdict_by_a_late_timer_of_a_wait_waits_for_one_look(
    quick: Simulator, connect: Connect, loop_time: LoopTime
) -> None:
    async with connect(quick, backoff=RARELY) as akool:
        job = await akool.submit(SPEECH).created()
        waiting = asyncio.create_task(job.wait(timeout=1.0))
        await turns()
        await loop_time.hold_up(1000.0)
        await loop_time.advance(0.02)
        assert (await waiting).url


async def test_a_wait_that_was_held_up_ends_all_the_same_if_the_job_goes_on(
    quick: Simulator, connect: Connect, loop_time: LoopTime
) -> None:
    async def unfinished(name: str, request: web.Request) -> web.Response | None:
        if name != "audio.get":
            return None
        return web.json_response(says(2, request.query["audio_model_id"]))

    quick.fault = unfinished
    async with connect(quick, backoff=RARELY) as akool:
        job = await akool.submit(SPEECH).created()
        waiting = asyncio.create_task(job.wait(timeout=1.0))
        await turns()
        await loop_time.hold_up(1000.0)
        await loop_time.advance(2.0)
        with pytest.raises(TimeoutError):
            await waiting
        assert not job.done()


async def test_a_wait_whose_time_is_over_in_the_very_turn_of_the_end_has_the_result(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(SPEECH)
        await until(job.done)
        waiting = asyncio.create_task(job.wait(timeout=0.0))
        assert (await waiting).url


# The end of a client


async def test_a_verdict_by_a_late_timer_of_a_closing_client_waits_for_answers_that_have_come(
    simulator: Simulator, connect: Connect, loop_time: LoopTime, gate: asyncio.Event
) -> None:
    async def wait(name: str, _request: web.Request) -> None:
        if name == "audio.tts":
            await gate.wait()

    simulator.fault = wait
    akool = connect(simulator, backoff=RARELY)
    jobs = [akool.submit(SPEECH) for _ in range(6)]
    await turns()
    closing = asyncio.create_task(akool.close(grace=1.0))
    await turns()
    await loop_time.hold_up(1000.0)
    gate.set()
    await turns()
    await loop_time.advance(1.0)
    await closing
    assert {type(job.exception()) for job in jobs} == {ClientClosed}
    assert all(job.token for job in jobs)


async def test_a_wait_for_all_ends_in_time_where_nothing_holds_it_up(loop_time: LoopTime) -> None:
    never = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait_for_all([never], 8.0))
    await turns()
    await loop_time.advance(7.5)
    assert not waiting.done()
    await loop_time.advance(0.5)
    assert await waiting is False
    assert await wait_for_all([], 8.0)


# Downloads


@pytest.mark.parametrize("policy", [Policy(timeout=10.0), Policy(window=10.0)], ids=["all", "one"])
async def test_a_verdict_by_a_late_timer_of_a_download_waits_for_the_bytes_that_have_come(
    serve: Serve, tmp_path: Path, clock: ManualClock, policy: Policy
) -> None:
    content, gate, asked = b"x" * 50_000, asyncio.Event(), asyncio.Event()

    async def answer(visit: Visit) -> None:
        await visit.send(head_of(200, {"content_length": str(len(content))}) + content[:100])
        asked.set()
        await gate.wait()
        await visit.send(content[100:])

    server = await serve(answer)
    downloader = StandaloneDownloader(
        msgspec.structs.replace(policy, allow_private=True), Retry(attempts=1), clock
    )
    source = Source(f"{server.url}/a.mp4", "a")
    saving = asyncio.create_task(downloader.save(source, tmp_path / "a.mp4"))
    await asked.wait()
    await turns()
    await clock.hold_up(1000.0)
    gate.set()
    path = await saving
    assert path.read_bytes() == content
    assert len(server.visits) == 1


async def test_a_download_that_stalls_after_a_stop_ends_all_the_same(
    serve: Serve, tmp_path: Path, clock: ManualClock, elapse: Elapse
) -> None:
    asked = asyncio.Event()

    async def answer(visit: Visit) -> None:
        await visit.send(head_of(200, {"content_length": "50000"}) + b"x")
        asked.set()
        await visit.hang()

    server = await serve(answer)
    downloader = StandaloneDownloader(Policy(allow_private=True), Retry(attempts=1), clock)
    source = Source(f"{server.url}/a.mp4", "a")
    saving = asyncio.create_task(downloader.save(source, tmp_path / "a.mp4"))
    await asked.wait()
    await clock.hold_up(1000.0)
    await elapse(clock, saving.done, step=10.0, most=10)
    assert saving.exception() is not None
