"""What a page's websocket carries, and what it may not do."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import pytest

from akool_async.clock import ManualClock
from akool_async.streaming.live_session import LiveSession
from tests.clocks import Until, turns
from tests.streaming.backend.conftest import Backend, Browser, Open, SignIn, Socket, Vendor


def caption(text: str, *, mid: str = "m", fin: bool = True, from_: str = "bot") -> bytes:
    """Return a message of the channel in which somebody says something."""
    payload = {"text": text, "from": from_}
    message = {"v": 2, "type": "chat", "mid": mid, "idx": 0, "fin": fin, "pld": payload}
    return json.dumps(message).encode()


async def sent_by(socket: Socket) -> dict[str, Any]:
    """Return the next message that the page is told to send into the channel."""
    while True:
        frame = await socket.hear()
        assert frame is not None
        if isinstance(frame, bytes):
            message: dict[str, Any] = json.loads(frame)
            return message


async def test_the_first_frame_says_how_long_there_is(browser: Browser) -> None:
    minted = await browser.start()
    async with browser.http.ws_connect(
        browser.url + minted["relay"], headers=browser.headers
    ) as websocket:
        first = await Socket(websocket).hear()
    assert first == {
        "type": "session",
        "remaining": 300,
        "ends_at": "2026-01-01T00:05:00Z",
        "join_before": "2026-01-01T00:05:00Z",
    }


async def test_a_typed_text_goes_out_as_a_message_that_the_page_sends_into_the_channel(
    browser: Browser,
) -> None:
    socket = await browser.join(await browser.start())
    await socket.tell("say", text="How are you?")
    message = await sent_by(socket)
    assert message["pld"] == {"text": "How are you?"}
    assert message["type"] == "chat"


async def test_what_arrives_in_the_channel_comes_back_as_captions(browser: Browser) -> None:
    socket = await browser.join(await browser.start())
    await socket.raw.send_bytes(caption("I am well."))
    assert await socket.hear_of("caption") == {
        "type": "caption",
        "speaker": "bot",
        "mid": "m",
        "text": "I am well.",
        "final": True,
        "gap": False,
    }


async def test_a_text_before_the_page_has_joined_is_refused_in_words(browser: Browser) -> None:
    socket = await browser.connect(await browser.start())
    await socket.tell("say", text="Hello")
    assert await socket.hear() == {"type": "refused", "message": "The avatar is not there yet."}


async def test_an_empty_text_is_refused_in_words(browser: Browser) -> None:
    socket = await browser.join(await browser.start())
    await socket.tell("say", text=" \n")
    assert await socket.hear() == {"type": "refused", "message": "The text is empty."}


async def test_an_interrupt_goes_out_as_a_command(browser: Browser) -> None:
    socket = await browser.join(await browser.start())
    await socket.tell("interrupt")
    message = await sent_by(socket)
    assert message["type"] == "command"
    assert message["pld"]["cmd"] == "interrupt"


# A text that takes long


class SlowAnswers:
    """An `on_text` that answers when it is told to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self, session: LiveSession, text: str) -> None:
        """Wait, then say something."""
        self.texts.append(text)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await session.say(f"You said {text}")


@pytest.fixture
def slow() -> SlowAnswers:
    """Answer slowly."""
    return SlowAnswers()


async def test_on_text_answers_instead_of_the_avatar_as_slowly_as_it_likes(
    open_backend: Open, sign_in: SignIn, slow: SlowAnswers, until: Until
) -> None:
    browser = sign_in(await open_backend(on_text=slow))
    socket = await browser.join(await browser.start())
    await socket.tell("say", text="one")
    await until(lambda: slow.texts)
    await socket.raw.send_bytes(caption("meanwhile"))
    await socket.hear_of("caption")
    slow.go.set()
    assert (await sent_by(socket))["pld"] == {"text": "You said one"}


async def test_a_second_text_is_refused_while_the_first_is_answered(
    open_backend: Open, sign_in: SignIn, slow: SlowAnswers
) -> None:
    browser = sign_in(await open_backend(on_text=slow))
    socket = await browser.join(await browser.start())
    await socket.tell("say", text="one")
    await socket.tell("say", text="two")
    assert (await socket.hear_of("refused"))["message"].startswith("The avatar still works")
    assert slow.texts == ["one"]


async def test_an_interrupt_cancels_the_answer_and_lets_the_next_text_in(
    open_backend: Open, sign_in: SignIn, slow: SlowAnswers, until: Until
) -> None:
    browser = sign_in(await open_backend(on_text=slow))
    socket = await browser.join(await browser.start())
    await socket.tell("say", text="one")
    await until(lambda: slow.texts)
    await socket.tell("interrupt")
    await until(lambda: slow.cancelled)
    await socket.tell("say", text="two")
    await until(lambda: slow.texts == ["one", "two"])


async def test_the_end_of_a_session_cancels_the_answer(
    open_backend: Open, sign_in: SignIn, slow: SlowAnswers, until: Until
) -> None:
    browser = sign_in(await open_backend(on_text=slow))
    socket = await browser.join(await browser.start())
    await socket.tell("say", text="one")
    await until(lambda: slow.texts)
    await socket.tell("end")
    await until(lambda: slow.cancelled)


async def test_an_answer_that_fails_is_told_in_words_and_logged(
    open_backend: Open, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_session: LiveSession, _text: str) -> None:
        raise OSError("canary")

    browser = sign_in(await open_backend(on_text=fail))
    socket = await browser.join(await browser.start())
    await socket.tell("say", text="one")
    assert await socket.hear() == {"type": "refused", "message": "The avatar could not answer."}
    assert "canary" in caplog.text
    await socket.tell("say", text="two")
    assert (await socket.hear_of("refused"))["message"] == "The avatar could not answer."


# One page at a time


async def test_a_second_websocket_for_a_ticket_is_refused_while_the_first_is_there(
    browser: Browser,
) -> None:
    minted = await browser.start()
    first = await browser.join(minted)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await browser.connect(minted)
    assert refused.value.status == 409
    await first.tell("say", text="still here")
    await sent_by(first)


async def test_a_reload_goes_on_with_the_same_ticket(
    browser: Browser, vendor: Vendor, clock: ManualClock
) -> None:
    minted = await browser.start()
    for _ in range(3):
        socket = await browser.join(minted)
        await socket.raw.close()
        await turns()
        await clock.advance(14)
    socket = await browser.join(minted)
    await socket.tell("say", text="back")
    await sent_by(socket)
    assert not vendor.closes


@pytest.mark.parametrize("way", ["frame", "delete", "beacon"])
async def test_the_page_ends_its_session_and_its_ticket_is_worth_nothing_then(
    backend: Backend, browser: Browser, vendor: Vendor, until: Until, way: str
) -> None:
    minted = await browser.start()
    path = f"/sessions/{minted['ticket']}"
    socket = await browser.join(minted)
    if way == "frame":
        await socket.tell("end")
    elif way == "delete":
        assert (await browser.ask("DELETE", path))[0] == 204
    else:
        assert (await browser.ask("POST", path + "/end", data=b"bye"))[0] == 204
    assert await socket.hear_of("ended") == {"type": "ended", "reason": "ended by the page"}
    assert await socket.hear() is None
    assert socket.code == 1000
    assert (await browser.ask("DELETE", path))[0] == 404
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await browser.connect(minted)
    assert refused.value.status == 404
    await until(lambda: vendor.closes)
    await backend.close()
    assert list(vendor.closes.values()) == [1]


# What a page may send


async def test_a_frame_of_ten_megabytes_ends_the_websocket_and_then_the_session_once(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.join(await browser.start())
    with contextlib.suppress(ConnectionError):
        await socket.raw.send_bytes(bytes(10 * 2**20))
    with contextlib.suppress(ConnectionError):
        while await socket.hear() is not None:
            pass
    assert socket.code in {1009, 1006}  # the server may be gone before the client has read why
    await turns()
    await clock.advance(16)
    await until(lambda: vendor.closes)
    await backend.close()
    assert list(vendor.closes.values()) == [1]


async def test_a_frame_that_is_a_little_too_large_is_answered_with_the_code_for_that(
    browser: Browser,
) -> None:
    socket = await browser.join(await browser.start())
    await socket.raw.send_bytes(bytes(16_385))
    while await socket.hear() is not None:
        pass
    assert socket.code == 1009


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        '{"type":"what"}',
        '{"type":"say","text":"\\ud83c"}',
        '{"type":"say"}',
        '{"type":"say","text":7}',
        "7",
    ],
)
async def test_a_text_frame_that_nobody_understands_ends_the_websocket(
    browser: Browser, frame: str
) -> None:
    socket = await browser.join(await browser.start())
    await socket.raw.send_str(frame)
    while await socket.hear() is not None:
        pass
    assert socket.code == 1008


async def test_too_many_frames_end_the_websocket_and_coming_back_does_not_help(
    browser: Browser,
) -> None:
    minted = await browser.start()
    socket = await browser.connect(minted)
    with contextlib.suppress(ConnectionError):
        for _ in range(500):
            await socket.tell("pong")
    while await socket.hear() is not None:
        pass
    assert socket.code == 1008
    await turns()
    again = await browser.connect(minted)
    await again.tell("pong")
    while await again.hear() is not None:
        pass
    assert again.code == 1008


async def test_as_many_frames_as_the_channel_brings_are_no_trouble(
    browser: Browser, clock: ManualClock
) -> None:
    socket = await browser.join(await browser.start())
    for second in range(8):
        for number in range(30):
            await socket.raw.send_bytes(caption("a" * 900, mid=f"{second}-{number}"))
        for _ in range(30):
            await socket.hear_of("caption")
        await clock.advance(1)
