"""Ends are delivered: `on_end` is told of each end of a key at least once, across restarts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from akool_async import (
    Akool,
    CreateOutcomeUnknown,
    InvalidInput,
    Job,
    JobFailed,
    JobTimeout,
)
from akool_async.endpoints import TTS, AgeFaces
from akool_async.journal import Claim, Intent, JobStore, Journal, State
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until


def speech(text: object = "hello") -> TTS:
    """Return a request."""
    return TTS(input_text=str(text), voice_id="voice")


class Ends(list[tuple[str | None, str]]):
    """An `on_end` that notes key and outcome; it fails as often as it is told."""

    def __init__(self, fail: int = 0) -> None:
        super().__init__()
        self.fail = fail
        self.tries: list[str | None] = []

    async def __call__(self, job: Job[Any]) -> None:
        """Take note of an end, after a while."""
        self.tries.append(job.key)
        await asyncio.sleep(0)
        if self.fail:
            self.fail -= 1
            raise ValueError("the database is down")
        error = job.exception()
        self.append((job.key, "result" if error is None else type(error).__name__))


async def left(path: Path) -> list[str | None]:
    """Return the keys in the outbox."""
    journal = Journal(path)
    keys = [entry.key async for _, entry in journal.owed()]
    await journal.close()
    return keys


async def test_each_end_of_a_key_is_told_once_and_acknowledged(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    ends = Ends()
    async with connect(quick, journal=path, on_end=ends) as akool:
        await asyncio.gather(*[akool.submit(speech(n), key=f"{n}") for n in range(5)])
        await akool.submit(speech("without a key"))
        await akool.submit(speech(0), key="0")  # it has ended, and was told
    assert sorted(ends) == [(f"{n}", "result") for n in range(5)]
    assert await left(path) == []
    async with connect(quick, journal=path, on_end=ends) as akool:
        await akool.submit(speech(0), key="0")
        assert [job async for job in akool.recover()] == []
    assert len(ends) == 5


class SlowJournal(Journal):
    """A journal that answers about keys when it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.gate = asyncio.Event()

    async def claim(self, intents: Sequence[Intent]) -> Sequence[Claim]:
        """Wait, then do what a journal does."""
        await self.gate.wait()
        return await super().claim(intents)


async def test_an_end_is_told_whose_key_is_submitted_again_at_the_start(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    ends = Ends(fail=1)
    async with connect(quick, journal=path, on_end=ends) as akool:
        await akool.submit(speech(0), key="0")
    assert await left(path) == ["0"]
    journal = SlowJournal(path)
    async with connect(quick, journal=journal, on_end=ends) as akool:
        job = akool.submit(speech(0), key="0")
        async with aclosing(journal.owed()) as owed:  # the client has read it as well, before
            assert [entry.key async for _, entry in owed] == ["0"]
        journal.gate.set()
        await job
        await until(lambda: ends == [("0", "result")])
    await journal.close()
    assert await left(path) == []


async def test_failures_cancels_and_timeouts_are_told(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    ends, sound = Ends(), quick.world.behaviour
    async with connect(quick, journal=path, on_end=ends) as akool:
        quick.world.behaviour = replace(sound, fail_rate=1.0)
        with pytest.raises(JobFailed):
            await akool.submit(speech("fails"), key="fails")
        quick.world.behaviour = sound
        assert await akool.submit(speech("cancelled"), key="cancelled").cancel()
        quick.world.behaviour = replace(sound, pace=10.0)
        with pytest.raises(JobTimeout):
            await akool.submit(speech("late"), key="late", timeout=0.001)
        quick.world.behaviour = sound
        await until(lambda: len(ends) >= 2)
        assert ("fails", "JobFailed") in ends
        assert ("late", "JobTimeout") in ends
    async with connect(quick, journal=path, on_end=ends) as akool:
        await asyncio.gather(*[job async for job in akool.recover()])
    assert ends[-1] == ("late", "result")  # the real end of what went on at Akool


async def test_a_job_that_is_cancelled_in_line_is_told(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    ends, gate = Ends(), asyncio.Event()

    async def wait(*_about: object) -> None:
        await gate.wait()

    quick.fault = wait
    async with connect(quick, journal=path, on_end=ends, max_concurrency=1) as akool:
        first = akool.submit(speech(1), key="1")
        await until(lambda: quick.requests["audio.tts"])
        queued = await akool.submit(speech(2), key="2").recorded()
        assert await queued.cancel()
        await until(lambda: ("2", "JobCancelled") in ends)
        gate.set()
        await first
    assert await left(path) == []


async def test_it_is_called_again_until_it_takes_the_end(
    quick: Simulator, connect: Connect, path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.engine.calls._FIRST", 0.001)
    ends = Ends(fail=4)
    async with connect(quick, journal=path, on_end=ends) as akool:
        await akool.submit(speech(), key="k")
        await until(lambda: bool(ends))
    assert ends == [("k", "result")]
    assert len(ends.tries) == 5


async def test_pauses_grow_and_hold_up_no_other_key(
    quick: Simulator, connect: Connect, path: Path, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str | None] = []

    async def on_end(job: Job[Any]) -> None:
        if job.key == "bad":
            raise ValueError("not this one")
        told.append(job.key)

    async with connect(quick, journal=path, on_end=on_end) as akool:
        await akool.submit(speech("bad"), key="bad")
        await asyncio.gather(*[akool.submit(speech(n), key=f"{n}") for n in range(150)])
        await until(lambda: len(told) == 150)
    assert "again in" in caplog.text
    assert await left(path) == ["bad"]


async def test_what_was_not_taken_is_told_by_the_next_process(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    failing, ends = Ends(fail=1000), Ends()
    async with connect(quick, journal=path, on_end=failing) as akool:
        before = await akool.submit(speech(), key="k")
        await akool.submit(AgeFaces(url="https://media.example/a.png", years=5), key="older")
    assert failing == []
    assert len(await left(path)) == 2
    results: list[Any] = []

    async def on_end(job: Job[Any]) -> None:
        await ends(job)
        results.append(job.result())

    async with connect(quick, journal=path, on_end=on_end):
        await until(lambda: len(ends) == 2)
    assert ends == [("k", "result"), ("older", "result")]
    assert results[0].url == before.url
    assert await left(path) == []
    async with connect(quick, journal=path, on_end=on_end):
        await turns()
    assert len(ends) == 2
    assert quick.world.creates["audio.tts"] == 1


async def test_ends_of_one_key_come_in_order(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    gate, ends, sound = asyncio.Event(), Ends(), quick.world.behaviour

    async def on_end(job: Job[Any]) -> None:
        await gate.wait()
        await ends(job)

    async with connect(quick, journal=path, on_end=on_end) as akool:
        quick.world.behaviour = replace(sound, fail_rate=1.0)
        with pytest.raises(JobFailed):
            await akool.submit(speech(), key="k")
        quick.world.behaviour = sound
        await akool.submit(speech(), key="k", retry_failed=True)
        gate.set()
        await until(lambda: len(ends) == 2)
    assert ends == [("k", "JobFailed"), ("k", "result")]
    assert await left(path) == []


async def test_an_old_end_does_not_acknowledge_a_newer_one(path: Path) -> None:
    from akool_async.journal import Change, Intent

    journal = Journal(path)
    await journal.claim([Intent(name="audio.tts", request=b"{}", fingerprint="f", key="k")])
    await journal.note(1, Change(State.FAILED, owed=1))
    await journal.note(1, Change(State.COMPLETED, owed=2))
    journal.acknowledge_soon(1, 1)
    assert [end async for end, _ in journal.owed()] == [2]
    journal.acknowledge_soon(1, 2)
    assert [end async for end, _ in journal.owed()] == []
    await journal.close()


async def test_a_create_in_doubt_is_told_once(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    from akool_async.journal import Intent

    journal = Journal(path)
    request = speech()
    intent = Intent(name="audio.tts", request=b'{"input_text":"x"}', fingerprint="f", key="k")
    await journal.claim([intent])
    await journal.intend(intent, 1)
    await journal.close()
    del request
    ends = Ends()
    for _ in range(2):
        async with connect(quick, journal=path, on_end=ends) as akool:
            for job in [job async for job in akool.recover()]:
                assert isinstance(job.exception(), CreateOutcomeUnknown)
            await until(lambda: bool(ends))
    assert ends == [("k", "CreateOutcomeUnknown")]


async def test_closing_tells_no_end_and_leaves_it_to_the_next_process(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    ends = Ends()
    akool = connect(quick, journal=path, on_end=ends, max_concurrency=1)
    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(3)]
    await jobs[0].created()
    await akool.close()
    assert ends == []
    async with connect(quick, journal=path, on_end=ends) as akool:
        await asyncio.gather(*[job async for job in akool.recover()])
        await until(lambda: len(ends) == 3)
    assert sorted(ends) == [("0", "result"), ("1", "result"), ("2", "result")]
    assert quick.world.creates.total() == 3


async def test_a_plain_function_is_told_too(quick: Simulator, connect: Connect, path: Path) -> None:
    told: list[str | None] = []
    async with connect(quick, journal=path, on_end=lambda job: told.append(job.key)) as akool:
        await akool.submit(speech(), key="k")
    assert told == ["k"]


def test_on_end_needs_a_journal_that_keeps_ends(path: Path) -> None:
    class Plain(JobStore):
        """A store without an outbox."""

    with pytest.raises(InvalidInput, match="needs a journal"):
        Akool("key", on_end=print)
    with pytest.raises(InvalidInput, match="on_end"):
        Akool("key", on_end=7, journal=path)  # type: ignore[arg-type]
    store: Any = Plain()  # type: ignore[abstract]
    with pytest.raises(InvalidInput, match="Outbox"):
        Akool("key", on_end=print, journal=store)


_SERVER = """
import asyncio, sys
from akool_async import Akool, Backoff
from akool_async.endpoints import TTS

async def on_end(job):
    await asyncio.sleep(0.02)
    if job.exception() is None:
        print(job.key, flush=True)

async def main(url, path):
    async with Akool("{key}", base_url=url, journal=path, on_end=on_end, max_concurrency=5,
                     backoff=Backoff(initial=0.005, maximum=0.02)) as akool:
        jobs = [job async for job in akool.recover()]
        for n in range(30):
            jobs.append(akool.submit(TTS(input_text=str(n), voice_id="v"), key=str(n)))
        await asyncio.gather(*jobs, return_exceptions=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_every_end_is_told_although_the_process_is_killed_again_and_again(
    quick: Simulator, path: Path
) -> None:
    script, told = _SERVER.format(key=quick.api_key), list[str]()
    for kill_after in (3, 6, 9, None):
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, quick.url, str(path), stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        while line := await server.stdout.readline():
            told.append(line.decode().strip())
            if kill_after is not None and len(told) >= kill_after:
                server.kill()
        await server.wait()
    journal = Journal(path)
    states = {entry.key: entry.state for entry in journal.entries()}
    journal.close_now()
    completed = {key for key, state in states.items() if state is State.COMPLETED}
    assert completed == set(told)
    assert len(states) == 30
    assert quick.world.creates.total() <= 30
    assert await left(path) == []
