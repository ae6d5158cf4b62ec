"""A canary among the credentials: looked for wherever a secret could come out."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import pickle
import traceback
import types
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web

from akool_async import (
    Akool,
    AkoolError,
    AuthenticationError,
    CreateOutcomeUnknown,
    InvalidInput,
    MissingCredentials,
    Retry,
    Status,
    Timeout,
)
from akool_async.endpoints import TTS, GetToken, OpenSession
from akool_async.http.auth import find_credentials

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until
    from tests.faults.conftest import Documented, Scripted
    from tests.servers import Reaction, Visit

CANARY = "canary-"
KEY, SECRET, TOKEN, WORD = (
    f"{CANARY}{kind}-0123456789" for kind in ("key", "secret", "token", "word")
)
TESTS = str(Path(__file__).parents[1])
REQUEST = TTS(input_text="Hello", voice_id="voice")
SPEECH = "https://media.example/speech.mp3"

CREDENTIALS: Mapping[str, Mapping[str, Any]] = {
    "api key": {"api_key": KEY},
    "token": {"token": TOKEN},
    "pair": {"client_id": "the-id", "client_secret": SECRET},
    "all": {"api_key": KEY, "token": TOKEN, "client_id": "the-id", "client_secret": SECRET},
}

every_credential = pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS)


def shown(error: BaseException) -> str:
    """Return all that an error shows: its texts, its fields, its frames with their locals.

    The frames of the tests, which know the canary, are left out.
    """
    parts = [repr(error), str(error), repr(vars(error)), *traceback.format_exception(error)]
    chain: list[BaseException | None] = [error]
    for each in chain:
        if each is None:
            continue
        report = traceback.TracebackException.from_exception(each, capture_locals=True)
        parts += [
            f"{frame.name}: {name} = {value}"
            for frame in report.stack
            if not frame.filename.startswith(TESTS)
            for name, value in (frame.locals or {}).items()
        ]
        chain += [each.__cause__, each.__context__]
    return "\n".join(parts)


def mentions(text: str) -> list[str]:
    """Return the lines that hold a canary."""
    return [line for line in text.splitlines() if CANARY in line]


@pytest.fixture(autouse=True)
async def all_that_is_logged() -> AsyncIterator[Callable[[], str]]:
    """Log everything there is, in debug mode; fail a test whose log holds a canary."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.002
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(level)
    assert mentions(stream.getvalue()) == []


def echo(status: int) -> Reaction:
    """Answer with a page that repeats the request's headers and body, as some servers do."""

    async def act(visit: Visit) -> None:
        lines = [f"{name}: {value}" for name, value in visit.headers.items()]
        page = "<pre>" + "\n".join([*lines, visit.body.decode()]) + "</pre>"
        await visit.answer(page.encode(), status)

    return act


def refusing(number: int) -> Reaction:
    """Answer with an envelope whose sentence repeats the credential."""

    async def act(visit: Visit) -> None:
        sent = [visit.headers.get(name, "") for name in ("x-api-key", "authorization")]
        await visit.say({"code": number, "msg": f"not you: {sent} {visit.body.decode()}"})

    return act


async def reset(visit: Visit) -> None:
    """Drop the connection."""
    visit.reset()


async def hang(visit: Visit) -> None:
    """Never answer."""
    await visit.hang()


async def cut(visit: Visit) -> None:
    """End in the middle of a body that repeats the credential."""
    said = repr(visit.headers).encode()
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + said)


async def strange(visit: Visit) -> None:
    """Repeat the credential in a header that is no header."""
    await visit.send(b"HTTP/1.1 200 OK\r\n" + repr(visit.headers).encode() + b"\r\n\r\n")


TROUBLE: Mapping[str, Reaction] = {
    **{f"page {status}": echo(status) for status in (200, 302, 401, 403, 404, 413, 429, 500, 503)},
    **{f"code {number}": refusing(number) for number in (1003, 1005, 1006, 1101, 1205, 4711)},
    "reset": reset,
    "hang": hang,
    "cut": cut,
    "strange": strange,
}


async def failures(akool: Akool, credential: Mapping[str, Any]) -> list[BaseException]:
    """Do what can be done; return what went wrong."""
    outcomes = await asyncio.gather(
        akool.submit(REQUEST),
        akool.account.credit(),
        akool.faceswap.results(ids=["a"]),
        akool.faceswap.cancel(job_ids=["a"]),
        *([akool.account.token()] if "client_secret" in credential else []),
        return_exceptions=True,
    )
    return [outcome for outcome in outcomes if isinstance(outcome, BaseException)]


@every_credential
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_no_error_shows_a_credential(
    trouble: str, credential: Mapping[str, Any], scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        pair = "client_id" in credential and "token" not in credential
        if pair and visit.target.endswith("getToken") and len(server.visits) == 1:
            await visit.say({"code": 1000, "token": TOKEN})
        else:
            await TROUBLE[trouble](visit)

    server = await scripted(answer)
    once = Retry(attempts=2, throttled_attempts=1, initial=0.0, throttled=0.0)
    hasty = Timeout(total=0.1 if trouble == "hang" else 5.0)
    async with connect(server.url, retry=once, timeout=hasty, **credential) as akool:
        errors = await failures(akool, credential)
    assert len(errors) >= 4
    for error in errors:
        assert isinstance(error, AkoolError)
        assert mentions(shown(error)) == []
        assert CANARY.encode() not in pickle.dumps(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


@every_credential
async def test_no_task_that_is_cancelled_shows_a_credential(
    credential: Mapping[str, Any], scripted: Scripted, connect: Connect, until: Until
) -> None:
    async def answer(visit: Visit) -> None:
        if visit.target.endswith("getToken"):
            await visit.say({"code": 1000, "token": TOKEN})
        else:
            await visit.hang()

    server = await scripted(answer)

    def hanging() -> int:
        return sum(not visit.target.endswith("getToken") for visit in server.visits)

    word = f"http://me:{WORD}@"
    for settings in ({}, {"proxy": server.url.replace("http://", word)}):
        async with connect(server.url, **credential, **settings) as akool:
            server.visits.clear()
            calls = [
                asyncio.create_task(akool.account.credit()),
                asyncio.create_task(akool.faceswap.cancel(job_ids=["a"])),
            ]
            await until(lambda: hanging() == 2)
            assert shown_by(akool) == []  # with requests on their way
            for call in calls:
                assert mentions(repr(call.get_stack())) == []
                call.cancel()
            for call in calls:
                with pytest.raises(asyncio.CancelledError) as caught:
                    await call
                assert mentions(shown(caught.value)) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": f"{KEY}\n"},
        {"token": f"{TOKEN} x"},
        {"client_secret": SECRET},
        {"client_id": "i", "client_secret": f"{SECRET}\x00"},
        {"api_key": KEY, "max_concurrency": 0},
        {"api_key": KEY, "timeout": None},
        {"api_key": KEY, "proxy": f"socks://me:{WORD}@host"},
        {"api_key": KEY, "proxy": f"http://me:{WORD}@host:x"},
        {"api_key": KEY, "base_url": f"https://me:{WORD}@host"},
        {"api_key": KEY, "proxy": f"http://me:{WORD}@host", "max_concurrency": 0},
    ],
)
def test_no_setting_that_is_refused_shows_a_credential(settings: dict[str, Any]) -> None:
    with pytest.raises((InvalidInput, MissingCredentials)) as caught:
        Akool(**settings)
    # An address with a password in it is shown by the frames that it was passed to, as it is.
    lines = [line for line in mentions(shown(caught.value)) if "url = " not in line]
    assert lines == []
    assert CANARY not in str(caught.value)


def test_no_variable_that_is_refused_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in (
        {"AKOOL_CLIENT_SECRET": SECRET},
        {"AKOOL_API_KEY": f"{KEY}\n"},
        {"AKOOL_CLIENT_ID": "i", "AKOOL_CLIENT_SECRET": f"{SECRET}\n"},
    ):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            with pytest.raises((InvalidInput, MissingCredentials)) as caught:
                Akool()
            assert mentions(shown(caught.value)) == []


SKIPPED = (type, types.ModuleType, types.FunctionType, types.CodeType, types.FrameType)


def reachable(root: object) -> Iterator[object]:
    """Yield all that can be reached from an object: sessions, connections, tasks, their locals.

    Only the event loop is a wall: behind it are the test and its server.
    """
    seen: set[int] = set()
    layer = [root]
    while layer:
        following: list[object] = []
        for each in layer:
            if id(each) in seen or isinstance(each, (*SKIPPED, asyncio.AbstractEventLoop)):
                continue
            seen.add(id(each))
            yield each
            following += gc.get_referents(each)
            if isinstance(each, msgspec.Struct):  # the collector does not look into all of them
                following += msgspec.structs.astuple(each)
        layer = following


def shown_by(root: object, least: int = 300) -> list[str]:
    """Return what shows a canary, of all that can be reached from an object: so much at least."""
    found, count = [], 0
    for each in reachable(root):
        count += 1
        text = repr(each)
        if type(each).__module__.startswith("akool_async") and not isinstance(each, str):
            text += str(each)
        if CANARY in text:
            found.append(f"{type(each)}: {text[:300]}")
    assert count > least
    return found


@every_credential
async def test_no_object_shows_a_credential(
    credential: Mapping[str, Any], speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        if visit.target.endswith("getToken"):
            await visit.say({"code": 1000, "token": TOKEN})
        else:
            await speech.answer(visit)

    server = await scripted(answer)
    async with connect(server.url, **credential) as akool:
        job = akool.submit(speech.request)
        result = await job
        for root, least in ((akool, 300), (job, 300), (result, 20)):
            assert shown_by(root, least) == []
        if "client_secret" in credential:
            filled_in = GetToken().filled_in(lambda: find_credentials(credential).pair)
            assert mentions(f"{filled_in} {filled_in!r}") == []
        assert CANARY not in job.token
        for each in (result, job.receipt, job.request):
            assert CANARY.encode() not in pickle.dumps(each)
        assert CANARY not in repr(akool.stats)
    for each in (akool, find_credentials(credential)):
        with pytest.raises(TypeError):
            pickle.dumps(each)


@every_credential
async def test_no_log_of_a_server_holds_a_credential(
    credential: Mapping[str, Any], connect: Connect, all_that_is_logged: Callable[[], str]
) -> None:
    async def answer(request: web.Request) -> web.Response:
        token = {"token": TOKEN} if request.path.endswith("getToken") else {}
        data = {"_id": "65f8017f56559aa67f0ecde7", "status": 3, "credit": 1, "url": SPEECH}
        return web.json_response({"code": 1000, "data": data, **token})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log_format='%r %s "%{Referer}i" "%{User-Agent}i"')
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with connect(f"http://127.0.0.1:{runner.addresses[0][1]}", **credential) as akool:
        await akool.submit(REQUEST)
        await akool.account.credit()
    await runner.cleanup()
    assert "aiohttp.access" in all_that_is_logged()
    assert "quota/info" in all_that_is_logged()


@every_credential
async def test_no_journal_holds_a_credential(
    credential: Mapping[str, Any],
    tmp_path: Path,
    speech: Documented,
    scripted: Scripted,
    connect: Connect,
) -> None:
    faults = [refusing(1003), refusing(1205), echo(500), reset]

    async def answer(visit: Visit) -> None:
        if visit.target.endswith("getToken"):
            await visit.say({"code": 1000, "token": TOKEN})
        elif visit.is_create and faults:
            await faults.pop(0)(visit)
        else:
            # A reply that repeats the credential in what becomes the result.
            document = speech.created if visit.is_create else speech.completed
            sent = visit.headers.get("x-api-key") or visit.headers["authorization"]
            await visit.say({**document, "data": {**document["data"], "input_text": sent}})

    server = await scripted(answer)
    path = tmp_path / "jobs.sqlite"
    async with connect(server.url, journal=path, **credential) as akool:
        for _ in range(6):
            await asyncio.gather(akool.submit(speech.request), return_exceptions=True)
        assert CANARY.encode() not in all_bytes(tmp_path)
    assert CANARY.encode() not in all_bytes(tmp_path)
    assert b"completed" in all_bytes(tmp_path)


async def test_no_journal_holds_the_token_of_a_session_s_channel(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    credentials = {"agora_uid": 7, "agora_channel": "c", "agora_token": TOKEN}
    session = {"_id": "65f8017f56559aa67f0ecde7", "status": 3, "credentials": credentials}
    server = await scripted(lambda visit: visit.say({"code": 1000, "data": session}))
    async with connect(server.url, journal=tmp_path / "jobs.sqlite") as akool:
        opened = await akool.submit(OpenSession(avatar_id="a"), key="k")
        assert opened.credentials.agora_token == TOKEN
        assert CANARY.encode() not in all_bytes(tmp_path)
    async with connect(server.url, journal=tmp_path / "jobs.sqlite") as akool:
        again = await akool.submit(OpenSession(avatar_id="a"), key="k")
    assert (again.credentials.agora_channel, again.credentials.agora_token) == ("c", "")


def all_bytes(folder: Path) -> bytes:
    """Return what the files of a folder hold."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_credential
async def test_no_other_place_hears_of_a_credential(
    credential: Mapping[str, Any],
    status: int,
    speech: Documented,
    scripted: Scripted,
    connect: Connect,
) -> None:
    elsewhere = await scripted(lambda visit: visit.answer(b"{}"))

    async def answer(visit: Visit) -> None:
        if visit.target.endswith("getToken"):
            await visit.say({"code": 1000, "token": TOKEN})
        elif next(redirected, False):
            await visit.answer(b"", status, location=f"{elsewhere.url}{visit.target}")
        else:
            await speech.answer(visit)

    # A create, two commands; a create that is accepted; two polls of its job.
    redirected = iter([True, True, True, False, True, True])
    server = await scripted(answer)
    async with connect(server.url, **credential) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            await akool.submit(speech.request)
        for _ in range(2):  # the commands that may be repeated are not either
            with pytest.raises(AkoolError):
                await akool.faceswap.delete(ids=["a"])
        assert (await akool.submit(speech.request)).status is Status.COMPLETED
    assert elsewhere.connections == 0


async def test_a_credential_goes_in_one_header_alone(scripted: Scripted, connect: Connect) -> None:
    server = await scripted(lambda visit: visit.say({"code": 1000, "data": {"credit": 1}}))
    async with connect(server.url, **CREDENTIALS["all"]) as akool:
        await akool.account.credit()
    (visit,) = server.visits
    assert [name for name, value in visit.headers.items() if CANARY in value] == ["x-api-key"]
    assert CANARY not in visit.target


async def test_a_refused_token_is_told_without_it(scripted: Scripted, connect: Connect) -> None:
    server = await scripted(refusing(1101))
    async with connect(server.url, token=TOKEN) as akool:
        with pytest.raises(AuthenticationError) as caught:
            await akool.account.credit()
    assert "***" in caught.value.msg
