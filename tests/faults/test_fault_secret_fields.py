"""A canary in every secret field of a request and of a reply: nothing but the wire shows it."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import traceback
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    CreateOutcomeUnknown,
    InvalidInput,
    JobFailed,
    JournalError,
    Limits,
    Retry,
)
from akool_async.batch import run
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.rows import read
from akool_async.batch.report.page import write_report
from akool_async.endpoints import ENDPOINTS, ElevenLabsSettings, OpenSession, Session
from akool_async.engine.keys import request_fingerprint
from akool_async.journal import Journal
from akool_async.protocol.secret_fields import places_of, secrets_in

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.faults.conftest import Scripted
    from tests.servers import Visit

CANARY = "canary-0123456789"
TESTS = str(Path(__file__).parents[1])
ID = "65f8017f56559aa67f0ecde7"
CHANNELS: Mapping[str, dict[str, Any]] = {
    "agora": {"agora_uid": 7, "agora_channel": "c", "agora_token": CANARY},
    "livekit": {"livekit_url": "wss://rtc.example", "livekit_token": CANARY},
    "trtc": {
        "trtc_sdk_app_id": 1,
        "trtc_sdk_room_id": "r",
        "trtc_sdk_user_id": "u",
        "trtc_sdk_user_sig": CANARY,
    },
}
VOICE = {"elevenlabs_settings": {"api_key": CANARY}}


def session(kind: str = "livekit", secret: str = CANARY, **fields: Any) -> OpenSession:
    """Return a request with a secret in each field that may hold one."""
    made: dict[str, Any] = {
        "avatar_id": "a",
        "voice_params": VOICE,
        "stream_type": kind,
        "credentials": CHANNELS[kind],
        **fields,
    }
    return OpenSession(**json.loads(json.dumps(made).replace(CANARY, secret)))


REQUESTS = {kind: session(kind) for kind in CHANNELS}
every_request = pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)


@pytest.fixture(autouse=True)
async def all_that_is_logged() -> AsyncIterator[None]:
    """Log everything there is, in debug mode; fail a test whose log holds a canary."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    yield
    root.removeHandler(handler)
    root.setLevel(level)
    assert CANARY not in stream.getvalue()


def shown(value: Any) -> Iterator[str]:
    """Yield all that a value or an error shows of itself, and what a pickle and a copy do."""
    for each in (value, [value], {"it": value}, copy.copy(value), copy.deepcopy(value)):
        yield from (repr(each), str(each), f"{each}", pretty_repr(each), "%s %r" % (each, each))  # noqa: UP031
    yield repr(pickle.dumps(value))
    yield repr(pickle.loads(pickle.dumps(value)))
    if isinstance(value, msgspec.Struct | AkoolError):
        yield from (repr(value.to_dict()), value.to_json())  # type: ignore[union-attr]
    if isinstance(value, BaseException):
        yield repr(vars(value))


def locals_of(error: BaseException) -> str:
    """Return the local variables in the frames of an error, but for those of tests."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = (frame for frame in report.stack if not frame.filename.startswith(TESTS))
    return "\n".join(repr(frame.locals) for frame in frames)


def all_bytes(folder: Path) -> bytes:
    """Return what all files below a folder hold."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


# Requests


@every_request
async def test_only_the_wire_shows_a_request_s_secrets(request_: OpenSession) -> None:
    assert (request_.encode().body or b"").count(CANARY.encode()) == 2
    assert [*secrets_in(request_)] == [CANARY, CANARY]
    for text in (*shown(request_), *shown(request_.credentials), repr(request_.to_wire())):
        assert CANARY not in text


@every_request
async def test_a_changed_secret_is_the_same_request_under_a_key(request_: OpenSession) -> None:
    kind = request_.stream_type or ""
    other = session(kind, secret="another-0123456789")
    assert other != request_
    assert request_fingerprint(other) == request_fingerprint(request_)
    assert request_fingerprint(session(kind, avatar_id="b")) != request_fingerprint(request_)


async def test_a_pickled_request_is_shown_and_not_sent(
    scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(lambda visit: visit.say({"code": 1000, "data": {"_id": ID}}))
    again = pickle.loads(pickle.dumps(REQUESTS["livekit"]))
    async with connect(server.url) as akool:
        with pytest.raises(InvalidInput, match="build the request again"):
            akool.submit(again)
        (job,) = [job async for job in akool.map([again])]
        assert isinstance(job.exception(), InvalidInput)
        with pytest.raises(InvalidInput, match="build the request again"):
            again.encode()
    assert server.visits == []


REFUSED: list[dict[str, Any]] = [
    {"voice_params": {"elevenlabs_settings": {"api_key": [CANARY]}}},
    {"voice_params": {"elevenlabs_settings": {"apikey": CANARY}}},
    {"voice_params": {"elevenlabs_settings": CANARY}},
    {"voice_params": {"speed": 7, "elevenlabs_settings": {"api_key": CANARY}}},
    {"voice_params": {"voice_id": "v", "elevenlabs_settings": {"api_key": CANARY}}},
    {"voice_params": [CANARY]},
    {"credentials": CANARY},
    {"credentials": {"livekit_url": 5, "livekit_token": CANARY}},
    {"credentials": {"agora_token": CANARY}},
    {"credentials": {"agora_token": CANARY, "agora_uid": CANARY}},
    {"stream_type": "livekit", "credentials": CHANNELS["agora"]},
    {"credentials": CHANNELS["trtc"]},
]


@pytest.mark.parametrize("fields", REFUSED)
async def test_a_refusal_shows_no_secret(fields: dict[str, Any]) -> None:
    for build in (OpenSession.from_wire, OpenSession.from_dict):
        with pytest.raises(InvalidInput) as told:
            build({"avatar_id": "a", **fields})
        for text in shown(told.value):
            assert CANARY not in text


async def test_what_stands_for_a_secret_is_none() -> None:
    with pytest.raises(InvalidInput, match="must be the secret itself"):
        ElevenLabsSettings(api_key="***")
    with pytest.raises(InvalidInput, match="must be the secret itself"):
        OpenSession.from_dict(REQUESTS["agora"].to_dict())


# Errors


async def refuse(visit: Visit) -> None:
    """Refuse with a sentence that repeats the request."""
    await visit.say({"code": 1003, "msg": f"no: {visit.body.decode()}"})


async def echo(visit: Visit) -> None:
    """Answer with a page that repeats the request."""
    await visit.answer(b"<pre>" + visit.body + b"</pre>")


async def fail(visit: Visit) -> None:
    """Say that the job has failed; repeat its credentials."""
    sent = json.loads(visit.body)["credentials"] if visit.body else {}
    await visit.say(
        {"code": 1000, "data": {"_id": ID, "status": 4, "credentials": sent}},
    )


async def reset(visit: Visit) -> None:
    """Drop the connection."""
    visit.reset()


@every_request
@pytest.mark.parametrize(
    ("reaction", "expected"),
    [
        (refuse, APIError),
        (echo, CreateOutcomeUnknown),
        (fail, JobFailed),
        (reset, CreateOutcomeUnknown),
    ],
)
async def test_no_error_shows_a_secret(
    reaction: Callable[[Visit], Any],
    expected: type[AkoolError],
    request_: OpenSession,
    scripted: Scripted,
    connect: Connect,
) -> None:
    server = await scripted(reaction)
    async with connect(server.url, retry=Retry(attempts=1)) as akool:
        job = akool.submit(request_)
        with pytest.raises(expected) as caught:
            await job
        for text in (*shown(caught.value), repr(job), repr(job.receipt), repr(job.snapshot)):
            assert CANARY not in text
        assert CANARY not in locals_of(caught.value)


def escaped(text: str, times: int) -> str:
    """Write a text as many servers write JSON: in ASCII, and a slash with a backslash."""
    for _ in range(times):
        text = json.dumps(text)[1:-1].replace("/", "\\/")
    return text


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("named", ["a secret of the request", "the api key"])
async def test_no_error_shows_a_secret_that_the_reply_escapes(
    times: int, named: str, scripted: Scripted, connect: Connect
) -> None:
    secret = f"{CANARY}/+\u00e9"
    message = escaped(f"no: {secret}", times)

    async def refuse_in_json(visit: Visit) -> None:
        body = f'{{"code": 1003, "msg": "{message}"}}'
        await visit.answer(body.encode(), content_type="application/json")

    server = await scripted(refuse_in_json)
    in_request = "request" in named
    key, field = ("the-key", secret) if in_request else (f"{CANARY}/+", "another-0123456789")
    async with connect(server.url, api_key=key) as akool:
        with pytest.raises(APIError) as caught:
            await akool.submit(session(secret=field))
        assert CANARY not in "".join(shown(caught.value))


# Replies


async def opened(visit: Visit) -> None:
    """Open a session with credentials of every kind, then say that it is over."""
    status = 1 if visit.body else 3
    credentials = dict(ChainMap(*CHANNELS.values())) if visit.body else {}
    await visit.say(
        {"code": 1000, "data": {"_id": ID, "status": status, "credentials": credentials}}
    )


async def test_a_session_has_its_secrets_and_shows_none(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(opened)
    told: list[str] = []
    async with connect(
        server.url, journal=tmp_path / "j.sqlite", on_event=lambda event: told.append(repr(event))
    ) as akool:
        job = akool.submit(REQUESTS["livekit"], key="k")
        result = await job
        for secret in ("agora_token", "livekit_token", "trtc_user_sig", "trtc_sdk_user_sig"):
            assert getattr(result.credentials, secret) == CANARY
        texts = [*shown(result), *shown(result.credentials), job.token, repr(job), *told]
        assert not [text for text in texts if CANARY in text]
    assert CANARY.encode() not in all_bytes(tmp_path)
    again = pickle.loads(pickle.dumps(result))
    assert again.credentials.livekit_url == "wss://rtc.example"


async def test_every_reply_with_a_secret_hides_it() -> None:
    replies = [Session, *(getattr(cls.parse, "type", None) for cls in ENDPOINTS.values())]
    structs = {
        each
        for each in replies
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and places_of(each)
    }
    assert Session in structs
    for cls in structs:
        for plan in places_of(cls):
            if plan.secret:
                reply = cls(**{plan.name: CANARY})
                assert not [text for text in shown(reply) if CANARY in text]


# The journal


async def test_a_journal_holds_no_secret_and_a_row_is_not_sent_without_it(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    path = tmp_path / "j.sqlite"
    server = await scripted(lambda visit: visit.hang())
    request_ = REQUESTS["livekit"]
    async with connect(server.url, journal=path, limits=Limits(creates=1)) as akool:
        first = akool.submit(session("agora"), key="first")
        waiting = akool.submit(request_, key="second")
        await waiting.recorded()
        await asyncio.sleep(0)
        assert CANARY.encode() not in all_bytes(tmp_path)
    assert not first.done() or first.exception() is not None
    assert CANARY.encode() not in all_bytes(tmp_path)

    server = await scripted(opened)
    async with connect(server.url, journal=path) as akool:
        rows = {job.key: job async for job in akool.recover()}
        assert rows["first"].exception() is not None
        error = rows["second"].exception()
        assert isinstance(error, JournalError)
        assert "held a secret" in str(error)
        assert "submit its key again" in str(error)
        assert rows["second"].request is not None
        assert "'***'" in repr(rows["second"].request)
        assert [visit for visit in server.visits if visit.is_create] == []
        # The caller's request, with a newer secret, is the same job: it is sent now.
        newer = session("livekit", secret="another-0123456789")
        assert (await akool.submit(newer, key="second")).id == ID
        assert (await akool.submit(request_, key="second")).id == ID
    (sent,) = [visit for visit in server.visits if visit.is_create]
    assert sent.body.count(b"another-0123456789") == 2
    assert CANARY.encode() not in all_bytes(tmp_path)


# Runs


async def test_the_folder_of_a_run_holds_no_secret(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(opened)
    manifest, out = tmp_path / "rows.jsonl", tmp_path / "out"
    rows = [
        {"operation": "streaming.session", "key": f"row {n}", **session(kind).to_wire(str)}
        for n, kind in enumerate(CHANNELS)
    ]
    broken = {"operation": "streaming.session", "avatar_id": "a", "credentials": {"x": CANARY}}
    text = "\n".join(json.dumps(row) for row in (*rows, broken)).replace('"***"', f'"{CANARY}"')
    manifest.write_text(text + "\n")
    assert CANARY in text
    akool: Akool = connect(server.url)
    outcomes = [each async for each in run(manifest, akool, out=out)]
    assert sorted(str(each.status) for each in outcomes) == [*["completed"] * 3, "refused"]
    assert CANARY not in repr(outcomes)
    assert CANARY.encode() not in all_bytes(out)
    assert sum(CANARY.encode() in visit.body for visit in server.visits) == 3


async def test_a_journal_s_row_shows_that_there_was_a_secret(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(opened)
    journal = Journal(tmp_path / "j.sqlite")
    async with connect(server.url, journal=journal) as akool:
        await akool.submit(REQUESTS["trtc"], key="k")
        entry = journal.get(1)
    assert entry is not None
    assert b'"trtc_sdk_user_sig":"***"' in entry.request
    await journal.close()


BROKEN: Mapping[str, str] = {
    "torn.jsonl": '{"operation": "streaming.session", "voice_params": {"api_key": "%s"\n',
    "twice.jsonl": '{"operation": "streaming.session", "credentials": "%s", "credentials": "%s"}\n',
    "wrong.jsonl": '{"operation": "streaming.session", "avatar_id": "a", "voice_params": "%s"}\n',
    "cell.csv": 'operation,avatar_id,voice_params\nstreaming.session,a,"{""%s"": "\n',
    "shape.csv": 'operation,avatar_id,credentials\nstreaming.session,a,"[""%s""]"\n',
    "text.csv": "operation,avatar_id,credentials\nstreaming.session,a,%s\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_row_s_secret_is_not_repeated(
    name: str, tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(opened)
    manifest, out = tmp_path / name, tmp_path / "out"
    manifest.write_text(BROKEN[name].replace("%s", CANARY))
    faults = [each for each in read(manifest) if isinstance(each, Fault)]
    assert faults
    assert CANARY not in repr([*faults, *map(str, faults)])
    outcomes = [each async for each in run(manifest, connect(server.url), out=out)]
    assert CANARY not in repr(outcomes)
    assert CANARY.encode() not in all_bytes(out)
    assert not [visit for visit in server.visits if visit.is_create]


async def test_the_report_of_a_run_holds_no_secret(
    tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(refuse)
    rows = [(f"row {kind}", request_) for kind, request_ in REQUESTS.items()]
    outcomes = [each async for each in run(rows, connect(server.url), out=tmp_path / "out")]
    assert {each.error for each in outcomes} == {"InvalidRequest"}
    page = await asyncio.to_thread(write_report, RunFolder.at(tmp_path / "out"))
    assert "***" in page.read_text(encoding="utf-8")
    assert CANARY.encode() not in all_bytes(tmp_path / "out")
