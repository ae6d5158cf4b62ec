"""Errors in another process: whole, and with a token by which their jobs go on there."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import (
    AkoolError,
    APIError,
    AuthenticationError,
    CancelNotSupported,
    ClientClosed,
    ConnectFailed,
    CreateOutcomeUnknown,
    JobError,
    JobFailed,
    JobTimeout,
    PermissionDenied,
    RateLimited,
    Retry,
)

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.faults.conftest import Documented, Scripted
    from tests.servers import Reaction, Visit

PROGRAM = textwrap.dedent("""
    import asyncio, json, pickle, sys
    from akool_async import Akool

    async def main(url):
        errors = pickle.load(sys.stdin.buffer)
        async with Akool("the-key", base_url=url) as akool:
            for error in errors:
                fields = {name: repr(value) for name, value in vars(error).items()}
                status = None
                if error.token is not None:
                    status = (await akool.job(error.token)).status.value
                print(json.dumps([type(error).__name__, str(error), fields, status]))

    asyncio.run(main(sys.argv[1]))
""")


def code(number: int) -> Reaction:
    """Answer with an envelope that says no."""
    return lambda visit: visit.say({"code": number, "msg": "no"})


async def reset(visit: Visit) -> None:
    """Drop the connection."""
    visit.reset()


class Failing:
    """A server whose creates and looks do what a test says."""

    def __init__(self, documented: Documented) -> None:
        self.documented = documented
        self.create: Reaction | None = None
        self.look: Reaction | None = None

    async def __call__(self, visit: Visit) -> None:
        """Answer as told, or well."""
        told = self.create if visit.is_create else self.look
        await (told or self.documented.answer)(visit)


async def errors_of_all_kinds(connect: Connect, url: str, server: Failing) -> list[AkoolError]:
    """Let jobs end in every way in which they can."""
    request, errors = server.documented.request, []
    failed = {**server.documented.completed, "data": {"_id": server.documented.id, "status": 4}}
    ways: list[tuple[Reaction | None, Reaction | None, dict[str, Any]]] = [
        (None, lambda visit: visit.say(failed), {}),
        (None, lambda visit: visit.say(server.documented.pending), {"timeout": 0.02}),
        (None, code(1009), {}),
        (None, code(1101), {}),
        (code(1003), None, {}),
        (code(1005), None, {}),
        (reset, None, {}),
    ]
    for server.create, server.look, settings in ways:
        async with connect(url, retry=Retry(throttled_attempts=1)) as akool:
            with pytest.raises(AkoolError) as caught:
                await akool.submit(request, **settings)
            errors.append(caught.value)
    server.create, server.look = None, lambda visit: visit.say(server.documented.pending)
    async with connect(url) as akool:
        job = await akool.submit(request).created()
        with pytest.raises(CancelNotSupported) as unsupported:
            await job.cancel()
        errors.append(unsupported.value)
    closed = job.exception()
    assert isinstance(closed, ClientClosed)
    server.look = None
    return [*errors, closed]


async def test_errors_of_every_kind_are_whole_and_go_on_in_another_process(
    speech: Documented, scripted: Scripted, connect: Connect, refused_url: str
) -> None:
    failing = Failing(speech)
    server = await scripted(failing)
    errors = await errors_of_all_kinds(connect, server.url, failing)
    async with connect(refused_url) as akool:
        with pytest.raises(ConnectFailed) as caught:
            await akool.submit(speech.request)
        errors.append(caught.value)
    kinds = [JobFailed, JobTimeout, PermissionDenied, AuthenticationError, APIError, RateLimited]
    kinds += [CreateOutcomeUnknown, CancelNotSupported, ClientClosed, ConnectFailed]
    assert all(isinstance(error, kind) for error, kind in zip(errors, kinds, strict=True))
    assert [error.token is not None for error in errors] == [True] * 4 + [False] * 3 + [
        True
    ] * 2 + [False]

    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", PROGRAM, server.url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await program.communicate(pickle.dumps(errors))
    there = [json.loads(line) for line in output.splitlines()]
    assert program.returncode == 0
    for error, (kind, text, fields, status) in zip(errors, there, strict=True):
        here = {name: repr(value) for name, value in vars(error).items() if name != "job"}
        assert (kind, text, fields) == (type(error).__name__, str(error), here)
        assert status == (3 if error.token else None)
        assert isinstance(error, JobError) == ("snapshot" in fields)
