"""Final states of transport end jobs at once, and every exception is one of this package."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from akool_async import (
    Akool,
    AkoolError,
    ConnectFailed,
    CreateOutcomeUnknown,
    InvalidInput,
    Retry,
    TransportError,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.journal import Journal
from akool_async.simulator import Simulator
from tests.clocks import turns
from tests.folders import files_in

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, Until
    from tests.servers import Serve

NAME = "65f8017f56559aa67f0ecde7"
SPEECH: dict[str, Any] = {"input_text": "hi", "voice_id": "v"}


# The user's session is closed


async def test_a_watched_job_ends_with_its_token_when_the_user_s_session_is_closed(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    async with (
        aiohttp.ClientSession() as session,
        connect(simulator, clock=clock, session=session, journal=path) as akool,
    ):
        jobs = [await akool.submit(TTS(**SPEECH)).created() for _ in range(3)]
        await session.close()
        await elapse(clock, lambda: all(job.done() for job in jobs), most=30)
        for job in jobs:
            error = job.exception()
            assert isinstance(error, ConnectFailed)
            assert (error.token, error.cause) == (job.token, "client")
            assert "the session is closed" in str(error)
        refused = akool.submit(TTS(**SPEECH))
        with pytest.raises(ConnectFailed, match="the session is closed"):
            await refused  # at once: the manual clock stands still
    journal = Journal(path)
    left = [entry.id async for entry in journal.unfinished()]
    await journal.close()
    assert left == [job.id for job in jobs]  # they go on at Akool, and `recover()` finds them


async def test_a_long_queue_ends_at_once_when_the_user_s_session_is_closed(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        connect(simulator, clock=clock, session=session, max_concurrency=2) as akool,
    ):
        jobs = [akool.submit(TTS(**SPEECH)) for _ in range(200)]
        await jobs[0].created()
        await jobs[1].created()
        await session.close()
        await clock.advance(60)
        await until(lambda: all(job.done() for job in jobs))
        assert {type(job.exception()) for job in jobs} == {ConnectFailed}


async def test_a_closed_session_is_refused_when_the_client_is_made(connect: Connect) -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(InvalidInput, match="closed") as caught:
        connect("http://127.0.0.1:9", session=session)
    assert caught.value.field == "session"


async def test_a_session_that_is_closed_before_the_first_use_is_refused(connect: Connect) -> None:
    session = aiohttp.ClientSession()
    akool = connect("http://127.0.0.1:9", session=session)
    await session.close()
    with pytest.raises(InvalidInput, match="closed"):
        akool.submit(TTS(**SPEECH))


@pytest.mark.parametrize("wrong", [object(), "session", aiohttp.ClientSession])
def test_what_is_no_session_of_aiohttp_is_refused(wrong: Any, connect: Connect) -> None:
    with pytest.raises(InvalidInput, match=r"must be an aiohttp\.ClientSession"):
        connect("http://127.0.0.1:9", session=wrong)


# A session of another loop


@pytest.fixture
def foreign() -> Iterator[aiohttp.ClientSession]:
    """Return a session that was made in another event loop."""
    loop = asyncio.new_event_loop()

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    session = loop.run_until_complete(make())
    yield session
    loop.run_until_complete(session.close())
    loop.close()


async def use(akool: Akool, how: str) -> None:
    if how == "call":
        await akool.account.credit()
    elif how == "submit":
        await akool.submit(TTS(**SPEECH))
    elif how == "map":
        async for job in akool.map([TTS(**SPEECH)]):
            await job
    else:
        async with akool:
            pass


@pytest.mark.parametrize("how", ["call", "submit", "map", "enter"])
def test_a_session_of_an_earlier_loop_is_refused_before_anything_is_sent(
    how: str, foreign: aiohttp.ClientSession, recwarn: pytest.WarningsRecorder
) -> None:
    akool = Akool("key", base_url="http://127.0.0.1:9", session=foreign)
    with pytest.raises(InvalidInput, match="another loop"):
        asyncio.run(use(akool, how))
    assert not recwarn


# No thread pool any more


@pytest.mark.parametrize("whose", ["own", "the user's"])
async def test_without_a_thread_pool_a_call_ends_at_once_in_the_error_tree(
    whose: str, serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    url = server.url.replace("127.0.0.1", "localhost")  # a name is looked up in a thread
    await asyncio.get_running_loop().shutdown_default_executor()
    async with aiohttp.ClientSession() as session:
        settings = {} if whose == "own" else {"session": session}
        async with connect(url, **settings) as akool:
            with pytest.raises(TransportError, match="shutdown") as caught:
                await akool.account.credit()
            assert (caught.value.attempts, caught.value.cause) == (1, "client")
            expected = ConnectFailed if whose == "own" else CreateOutcomeUnknown
            with pytest.raises(expected):
                await akool.audio.tts(**SPEECH)
    assert not server.visits


async def test_a_job_whose_host_cannot_be_looked_up_any_more_ends_with_its_token(
    serve: Serve, connect: Connect
) -> None:
    created = {"code": 1000, "data": {"_id": "65f8017f56559aa67f0ecde7", "status": 1}}
    server = await serve(lambda visit: visit.say(created, connection="close"))
    async with connect(server.url.replace("127.0.0.1", "localhost")) as akool:
        job = await akool.submit(TTS(**SPEECH)).created()
        await asyncio.get_running_loop().shutdown_default_executor()
        with pytest.raises(ConnectFailed, match="shutdown") as caught:
            await job.wait(timeout=60)
    assert caught.value.token == job.token


# Whatever a session raises


class Odd(Exception):
    pass


@pytest.mark.parametrize(
    "raised", [RuntimeError("boom the-key"), AssertionError(), Odd("boom the-key"), KeyError("x")]
)
async def test_whatever_a_session_raises_is_an_error_of_this_package(
    raised: Exception, serve: Serve, connect: Connect
) -> None:
    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        await handler(request)
        raise raised

    server = await serve(lambda visit: visit.say({"code": 1000, "data": {"_id": "a" * 24}}))
    async with (
        aiohttp.ClientSession(middlewares=(middleware,)) as session,
        connect(server.url, session=session, retry=Retry(attempts=1)) as akool,
    ):
        with pytest.raises(CreateOutcomeUnknown, match=type(raised).__name__) as doubt:
            await akool.audio.tts(**SPEECH)
        with pytest.raises(TransportError) as caught:
            await akool.account.credit()
    assert server.creates == 1
    assert "the-key" not in f"{doubt.value} {caught.value}"


async def test_a_call_that_waits_for_a_token_when_the_client_closes_ends_in_the_error_tree(
    serve: Serve, connect: Connect, until: Until
) -> None:
    server = await serve(lambda visit: visit.hang())
    akool = connect(server.url, client_id="i", client_secret="a-client-secret")
    waiting = asyncio.create_task(akool.account.credit())
    await until(lambda: server.visits)
    await akool.close(grace=0)
    await turns()
    assert isinstance(waiting.exception(), AkoolError)


# The end of the program

SAVING = """
    import asyncio, atexit, sys, threading
    from akool_async import DownloadError, Status
    from akool_async.endpoints import Audio
    from akool_async.media import Policy, SessionDownloader
    from akool_async.result import Link

    def save():
        async def main():
            downloader = SessionDownloader(1, Policy(allow_private=True))
            link = Link(downloader, operation="audio.tts", accepted_at=0.0)
            result = Audio(
                id="65f8017f56559aa67f0ecde7", status=Status.COMPLETED, media=sys.argv[1]
            )
            try:
                print(await result.attach(link).save(sys.argv[2]))
            except DownloadError as error:
                print("refused", error.token is not None, error)
            finally:
                await downloader.close()
        asyncio.run(main())
"""
ENDS = {"atexit": "atexit.register(save)", "thread": "late()"}
LATE = """
    def late():
        def wait():
            threading.main_thread().join()
            save()
        threading.Thread(target=wait).start()
"""


def run_saving(end: str, url: str, folder: Path) -> str:
    script = "\n".join(map(textwrap.dedent, (SAVING, LATE, ENDS[end])))
    command = [sys.executable, "-W", "error", "-c", script, url, f"{folder}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("end", ENDS)
async def test_saving_at_the_end_of_the_program_says_what_is_missing(
    end: str, serve: Serve, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"ID3 media"))
    url = f"{server.url.replace('127.0.0.1', 'localhost')}/a.mp3"
    output = await asyncio.to_thread(run_saving, end, url, tmp_path)
    assert output.startswith("refused True")
    assert "the program is ending" in output
    assert not server.visits
    assert not files_in(tmp_path)


@pytest.mark.parametrize("end", ENDS)
async def test_saving_at_the_end_of_the_program_works_where_no_name_is_looked_up(
    end: str, serve: Serve, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"ID3 media"))
    output = await asyncio.to_thread(run_saving, end, f"{server.url}/a.mp3", tmp_path)
    assert output == f"{tmp_path / NAME}.mp3\n"
    assert files_in(tmp_path) == [f"{NAME}.mp3"]
