"""A live session is closed once, however its block is left."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Retry
from akool_async.clock import ManualClock
from akool_async.streaming.live_session import LiveSession
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.servers import RawServer, Serve, Visit

SESSION = "6a00000000000000000001aa"
CREDENTIALS = {"agora_uid": 7, "agora_app_id": "app", "agora_channel": "c", "agora_token": "CANARY"}
OPENED = {"_id": SESSION, "uid": 1, "type": 1, "status": 1, "stream_type": "agora"}
OK = {"code": 1000, "msg": "OK"}
LOST = "lost"
"""Drop the connection in place of an answer."""


class Stage:
    """A server of one session: what it answers to the create, to looks, and to closes."""

    def __init__(
        self, *closes: Any, created: Any = None, looks: tuple[Any, ...] = ({"status": 2},)
    ) -> None:
        opened = {**OK, "data": {**OPENED, "credentials": CREDENTIALS}}
        self.created = opened if created is None else created
        self.closes = [*closes, OK]
        self.looks = [*looks]
        self.seen: list[str] = []
        self.closed: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, visit: Visit) -> None:
        verb = visit.target.partition("?")[0].rpartition("/")[2]
        self.seen.append(verb)
        answer: Any = OK
        if verb == "create":
            await self.gate.wait()
            answer = self.created
        elif verb == "close":
            self.closed.append(json.loads(visit.body)["id"])
            answer = self.closes.pop(0) if len(self.closes) > 1 else self.closes[0]
        elif verb == "detail":
            look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            answer = look if "code" in look else {**OK, "data": {**OPENED, **look}}
        if answer == LOST:
            visit.reset()
        else:
            await visit.say(answer)

    def count(self, verb: str) -> int:
        """Return how many requests of a kind arrived."""
        return self.seen.count(verb)


def client(server: RawServer, **settings: Any) -> Akool:
    settings.setdefault("retry", Retry(attempts=1))
    return Akool("the-key", base_url=server.url, **settings)


def opened(akool: Akool, **fields: Any) -> LiveSession:
    return akool.streaming.open(avatar_id="Alma", **fields)


async def test_a_session_is_opened_shown_and_closed_once(serve: Serve, clock: ManualClock) -> None:
    stage = Stage()
    async with client(await serve(stage), clock=clock) as akool:
        async with opened(akool, duration=600) as session:
            start = datetime(2026, 1, 1, tzinfo=UTC)
            assert (session.id, session.credentials.agora_token) == (SESSION, "CANARY")
            assert session.join_before == start + timedelta(minutes=5)
            assert session.ends_at == start + timedelta(minutes=10)
            await clock.advance(10.0)
            assert session.remaining == 590.0
            assert repr(session) == f"<LiveSession {SESSION}: open>"
        assert session.closed
        assert repr(session) == f"<LiveSession {SESSION}: closed>"
    assert (stage.count("create"), stage.closed) == (1, [SESSION])


async def test_a_session_without_a_duration_has_no_end(serve: Serve) -> None:
    async with client(await serve(Stage())) as akool, opened(akool) as session:
        assert (session.ends_at, session.remaining) == (None, None)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_a_session_is_closed_whatever_is_raised_in_its_block(
    serve: Serve, error: type[BaseException]
) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        with pytest.raises(error):
            async with opened(akool):
                raise error
    assert stage.seen == ["create", "close"]


@pytest.mark.parametrize("step", range(130))
async def test_a_cancel_at_any_step_leaves_no_session_open(serve: Serve, step: int) -> None:
    stage = Stage()

    async def use(akool: Akool) -> None:
        async with opened(akool, duration=60) as session:
            await akool.streaming.get(id=session.id)

    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(use(akool))
        await turns(step)
        task.cancel()
        await asyncio.wait([task])
        assert stage.count("close") == stage.count("create") <= 1
    assert stage.count("close") == stage.count("create") <= 1
