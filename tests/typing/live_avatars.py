"""What type checkers know of live avatars. Checked by mypy and pyright, never executed.

As in `api.py`, each mistake that a checker stops finding is an error.
"""

from collections.abc import AsyncIterator
from typing import assert_type

from aiohttp import web

from akool_async import Akool, Job
from akool_async.endpoints import Session
from akool_async.streaming import (
    AGORA,
    Arrival,
    Caption,
    Ended,
    Joined,
    Left,
    Limits,
    LiveSession,
    Missed,
    PageRequest,
    Reaped,
    RelayTransport,
    SessionCredentials,
    SessionEvent,
    Silent,
    Speaking,
    Speech,
    Spoken,
    Transport,
    Unrecognized,
    Warned,
    messages,
    transport_pair,
)
from akool_async.streaming.backend.aiohttp import BackendRoutes
from akool_async.streaming.backend.asgi import BackendApp


class Radio:
    """A transport as a program writes it: it inherits nothing."""

    limits = AGORA

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send(self, message: bytes) -> None:
        self.sent.append(message)

    async def messages(self) -> AsyncIterator[Arrival]:
        yield Joined()
        yield b"{}"
        yield Left(reason="over")

    async def close(self) -> None:
        self.sent.clear()


class Deaf:
    """It receives nothing, so it is no transport."""

    limits = AGORA

    async def send(self, message: bytes) -> None:
        """Send."""

    async def close(self) -> None:
        """Close."""


async def model() -> AsyncIterator[str]:
    yield "Good morning."


async def numbers() -> AsyncIterator[int]:
    yield 1


async def a_session_is_opened_and_talked_with(akool: Akool) -> None:
    opening = akool.streaming.open(avatar_id="a", duration=60, mode_type=1, transport=Radio())
    assert_type(opening, LiveSession)
    async with opening as session:
        assert_type(session, LiveSession)
        assert_type(session.id, str)
        assert_type(session.credentials, SessionCredentials)
        assert_type(session.remaining, float | None)
        speech = await session.say("Hello.")
        assert_type(speech, Speech)
        assert_type(await speech.spoken(), bool)
        assert_type(await session.speak(model()), str)
        assert_type(session.spoken, Spoken)
        await session.set_params(lang="en", mode=1)
        await session.interrupt()
        await session.close("done")
    await session.set_params(mode=3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await session.speak(numbers())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await session.say(b"Hello.")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def wrong_sessions(akool: Akool) -> None:
    akool.streaming.open()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    akool.streaming.open(avatar_id="a", transport=Deaf())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    akool.streaming.open(avatar_id="a", keep=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    akool.streaming.open(avatar_id="a", grace="long")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def each_event_is_one_of_nine(session: LiveSession) -> None:
    async for event in session:
        assert_type(event, SessionEvent)
        match event:
            case Caption():
                assert_type(event.text, str)
                assert_type(event.gap, bool)
            case Warned(seconds=seconds):
                assert_type(seconds, float)
            case Missed(count=count):
                assert_type(count, int)
            case Left(reason=reason) | Ended(reason=reason):
                assert_type(reason, str)
            case Unrecognized():
                assert_type(event.data, bytes)
            case Joined() | Speaking() | Silent():
                pass


async def sessions_without_a_block(akool: Akool) -> None:
    assert_type(akool.streaming.session(avatar_id="a", keep=True), Job[Session])
    assert_type(await akool.streaming.reap(), tuple[Reaped, ...])
    assert_type(await akool.streaming.reap(all=True), tuple[Reaped, ...])


def transports_are_protocols() -> None:
    relay: Transport = RelayTransport()
    memory, avatar = transport_pair(Limits(carrier="own", largest=500))
    pair: Transport = memory
    assert_type(messages.chat("Hello.", limits=relay.limits), tuple[bytes, ...])
    assert_type(messages.interrupt(limits=pair.limits), bytes)
    assert_type(avatar.received(), list[bytes])


async def user_of(request: PageRequest) -> str | None:
    return request.cookies.get("login")


def nobody(request: PageRequest) -> int:
    return len(request.path)


async def answered(session: LiveSession, text: str) -> None:
    await session.speak(model())


def a_page_has_a_backend(akool: Akool) -> None:
    routes = akool.streaming.aiohttp_routes(
        authorize=user_of,
        avatars=["a"],
        durations=[300, 900],
        session={"language": "en"},
        on_text=answered,
        origins=["https://www.example.com"],
        prefix="/avatar",
        silent_for=60,
    )
    assert_type(routes, BackendRoutes)
    app = web.Application()
    app.add_routes(routes)
    app.on_shutdown.append(routes.close)
    asgi = akool.streaming.asgi_app(authorize=lambda _: "ann", avatars=("a",), durations=(60,))
    assert_type(asgi, BackendApp)
    akool.streaming.asgi_app(avatars=["a"], durations=[60])  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    akool.streaming.asgi_app(authorize=nobody, avatars=["a"], durations=[60])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    akool.streaming.asgi_app(authorize=user_of, avatars=["a"], durations=["60"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
