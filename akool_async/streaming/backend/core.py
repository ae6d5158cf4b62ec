"""Where sessions are minted, found by their tickets, and ended. It knows no web framework."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from akool_async.clock import Clock
from akool_async.errors import AkoolError, InvalidInput
from akool_async.observers import logger
from akool_async.receivers.answers import Refused
from akool_async.streaming.backend.access import Access
from akool_async.streaming.backend.allowance import Allowance
from akool_async.streaming.backend.answers import (
    LARGEST_BODY,
    Answer,
    Refusal,
    busy,
    refusal_of,
    shown,
    stopping,
    unknown_ticket,
)
from akool_async.streaming.backend.connection import Connection
from akool_async.streaming.backend.page_session import FAILED, NOT_OPENED, PageSession
from akool_async.streaming.backend.rules import PageRequest, Rules
from akool_async.streaming.live_session import LiveSession
from akool_async.streaming.messages.limits import AGORA, LIMITS
from akool_async.streaming.relay import RelayTransport

ReadBody: TypeAlias = Callable[[int], Awaitable[bytes]]
"""Reads the body of a request, of so many bytes at most; raises `Refused`."""

_ROUTE: Final = re.compile(
    r"/sessions(?:/(?P<ticket>[A-Za-z0-9_\-]{1,64})(?P<what>/relay|/end|/leave)?)?"
)
_METHODS: Final = {
    "mint": "POST",
    "end": "POST",
    "leave": "POST",
    "session": "DELETE",
    "relay": "GET",
}


class MakeSession(Protocol):
    """Makes a session that is not opened yet: `akool.streaming.open`."""

    def __call__(self, **fields: Any) -> LiveSession:
        """Make a session."""
        ...


class Route(NamedTuple):
    """What an address is about."""

    what: str
    """`mint`, `session`, `end`, `leave` or `relay`."""
    ticket: str


class _Wanted(Struct):
    """The body of a request for a session."""

    avatar_id: str | None = None
    duration: int | None = None


class Backend:
    """Holds the sessions of a backend.

    Args:
        make_session: Makes a session that is not opened yet.
        clock: Where time comes from.
        rules: Say who may have which session.

    Raises:
        InvalidInput: Akool would take none of the sessions that the rules allow.
    """

    def __init__(self, make_session: MakeSession, clock: Clock, rules: Rules) -> None:
        self._make_session = make_session
        self._clock = clock
        self._rules = rules
        self._access = Access(rules)
        self._allowance = Allowance(rules, clock)
        self._sessions: dict[bytes, PageSession] = {}
        """By the hash of the ticket, so that to look one up tells nothing by its time."""
        self._tasks: set[asyncio.Task[None]] = set()
        """Of sessions that are opened, or being opened or closed."""
        self._stopped = False
        stream_type = rules.session.get("stream_type") or AGORA.carrier
        self._limits = LIMITS.get(stream_type, AGORA)
        for avatar in rules.avatars:
            for duration in rules.durations:
                self._live_session(avatar, duration, RelayTransport(self._limits))

    def _live_session(self, avatar: str, duration: int, transport: RelayTransport) -> LiveSession:
        return self._make_session(
            avatar_id=avatar,
            duration=duration,
            transport=transport,
            grace=self._rules.grace,
            **self._rules.session,
        )

    # What an adapter calls

    async def answer(
        self, request: PageRequest, read: ReadBody, is_gone: Callable[[], bool]
    ) -> Answer:
        """Answer a request over HTTP.

        Args:
            request: Its head.
            read: Reads its body.
            is_gone: Says whether nobody waits for the answer any more.
        """
        more: dict[str, str] = {}
        try:
            route = self._route(request.path)
            more |= self._access.check_origin(request)
            if request.method == "OPTIONS":
                answer = self._access.preflight()
            else:
                answer = await self._answer(route, request, read, is_gone)
        except Refusal as refusal:
            answer = refusal.answer
        except Exception as error:
            logger.exception("a page's request could not be answered")
            answer = refusal_of(error).answer
        return msgspec.structs.replace(answer, headers=answer.all_headers(more))

    async def connect(self, request: PageRequest) -> Connection:
        """Return the connection for a websocket, which is not accepted yet.

        Raises:
            Refusal: it must not be accepted.
        """
        route = self._route(request.path)
        self._access.check_origin(request)
        session = self._find(route.ticket, await self._access.user(request))
        if route.what != "relay":
            raise Refusal(404, "unknown", "There is no websocket at this address.")
        if session.connected:
            raise Refusal(409, "connected", "This session is open in another window.")
        return session.connect()

    async def close(self) -> None:
        """End all sessions, and wait until each is closed; no new one is begun."""
        self._stopped = True
        for session in tuple(self._sessions.values()):
            session.end("the server stops")
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def open(self) -> int:
        """How many sessions are open, or being opened or closed."""
        return len(self._tasks)

    # How it is done

    def _route(self, path: str) -> Route:
        head, sessions, tail = path.rpartition("/sessions")
        found = _ROUTE.fullmatch(sessions + tail)
        if found is None or not head.endswith(self._rules.prefix):
            raise Refusal(404, "unknown", "There is nothing at this address.")
        ticket, what = found["ticket"], found["what"]
        if ticket is None:
            return Route("mint", "")
        return Route("session" if what is None else what[1:], ticket)

    async def _answer(
        self, route: Route, request: PageRequest, read: ReadBody, is_gone: Callable[[], bool]
    ) -> Answer:
        if request.method != _METHODS[route.what]:
            allowed = _METHODS[route.what]
            raise Refusal(405, "method", f"Only {allowed} is answered here.", allow=allowed)
        user = await self._access.user(request)
        if route.what == "mint":
            return await self._mint(user, request, read, is_gone)
        session = self._find(route.ticket, user)
        if route.what == "relay":
            raise Refusal(426, "websocket", "Only a websocket is answered here.")
        if route.what == "leave":
            session.leave()
        else:
            session.end("ended by the page")
        return Answer(status=204)

    def _find(self, ticket: str, user: str) -> PageSession:
        session = self._sessions.get(_hash(ticket))
        if session is None or not hmac.compare_digest(session.user.encode(), user.encode()):
            raise unknown_ticket()
        return session

    async def _mint(
        self, user: str, request: PageRequest, read: ReadBody, is_gone: Callable[[], bool]
    ) -> Answer:
        avatar, duration = self._allowed(await _wanted(request, read))
        if self._stopped:
            raise stopping()
        if is_gone():  # `authorize`, or the body, took its time
            raise Refusal(408, "gone", "Nobody waits for a session any more.")
        ticket, session = self._begin(user, avatar, duration)
        try:
            await session.settled.wait()
        except asyncio.CancelledError:
            session.end("nobody waits for it")
            raise
        if session.failure is not None and session.reason == FAILED:
            if isinstance(session.failure, AkoolError):
                logger.error("a session could not be opened: %s", session.failure)
            raise refusal_of(session.failure)
        if is_gone():
            session.end("nobody waits for it")
        if session.reason is not None:
            raise busy() if session.reason == NOT_OPENED else stopping()
        return _minted(ticket, f"{request.path}/{ticket}/relay", session.live)

    def _allowed(self, wanted: _Wanted) -> tuple[str, int]:
        rules = self._rules
        avatar = rules.avatars[0] if wanted.avatar_id is None else wanted.avatar_id
        duration = rules.durations[0] if wanted.duration is None else wanted.duration
        if avatar not in rules.avatars:
            raise Refusal(400, "avatar_id", "There is no such avatar here.")
        if duration not in rules.durations:
            raise Refusal(400, "duration", "There is no such duration here.")
        return avatar, duration

    def _begin(self, user: str, avatar: str, duration: int) -> tuple[str, PageSession]:
        """Begin to open a session, and give it a ticket."""
        grant = self._allowance.reserve(user, duration)
        ticket = secrets.token_urlsafe(16)
        key = _hash(ticket)
        try:
            transport = RelayTransport(self._limits)
            live = self._live_session(avatar, duration, transport)
        except InvalidInput:
            grant.settle(0)
            raise
        session = PageSession(
            user=user,
            live=live,
            transport=transport,
            grant=grant,
            rules=self._rules,
            clock=self._clock,
            on_over=lambda: self._sessions.pop(key, None),
        )
        self._sessions[key] = session
        self._tasks.add(session.task)
        session.task.add_done_callback(self._tasks.discard)
        return ticket, session


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()


async def _wanted(request: PageRequest, read: ReadBody) -> _Wanted:
    try:
        body = await read(LARGEST_BODY)
    except Refused as refused:
        raise Refusal(refused.status, "body", "The request is too large, or too slow.") from None
    if not body:
        return _Wanted()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # what a form can send, any site can send
        raise Refusal(415, "body", "The request must be JSON.")
    try:
        return msgspec.json.decode(body, type=_Wanted)
    except msgspec.MsgspecError:
        raise Refusal(400, "body", "The request must hold avatar_id and duration.") from None


def _minted(ticket: str, relay: str, session: LiveSession) -> Answer:
    ends_at = session.ends_at
    body: dict[str, str | int | float | datetime | dict[str, Any] | None] = {
        "ticket": ticket,
        "relay": relay,
        "stream_type": session.receipt.stream_type or AGORA.carrier,
        "credentials": shown(session.credentials),
        "join_before": session.join_before,
        "ends_at": ends_at,
        "remaining": session.remaining,
    }
    return Answer(status=201, body=body)
