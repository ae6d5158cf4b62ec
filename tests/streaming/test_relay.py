"""The transport over a page, fed by a websocket handler of a user's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from akool_async.errors import NotJoined
from akool_async.streaming.events import Joined, Left
from akool_async.streaming.messages import LIVEKIT
from akool_async.streaming.relay import RelayTransport
from akool_async.streaming.transport import Arrival, JoinsLater, Transport


async def _taken(_message: bytes) -> None:
    pass


async def all_of(transport: RelayTransport) -> list[Arrival]:
    """Return all that arrived, and close."""
    await transport.close()
    return [each async for each in transport.messages()]


def test_it_is_a_transport_that_is_joined_later() -> None:
    transport = RelayTransport(LIVEKIT)
    assert isinstance(transport, Transport)
    assert isinstance(transport, JoinsLater)
    assert transport.limits is LIVEKIT
    assert not transport.joined


async def test_nothing_can_be_sent_while_no_page_has_joined() -> None:
    transport = RelayTransport()
    with pytest.raises(NotJoined):
        await transport.send(b"x")
    with transport.page(_taken), pytest.raises(NotJoined):
        await transport.send(b"x")


async def test_coming_and_going_arrive_in_order_with_the_messages() -> None:
    transport = RelayTransport()
    with transport.page(_taken) as page:
        page.joined()
        page.joined()
        page.take(b"1")
        page.left("moved")
        page.left("again")
    with transport.page(_taken) as page:
        page.joined()
        page.take(b"2")
    assert await all_of(transport) == [
        Joined(),
        b"1",
        Left(reason="moved"),
        Joined(),
        b"2",
        Left(reason="the page is gone"),
    ]


async def test_a_transport_has_one_page_at_a_time() -> None:
    transport = RelayTransport()
    with transport.page(_taken), pytest.raises(RuntimeError), transport.page(_taken):
        pass


async def test_messages_that_nobody_reads_are_bounded_and_news_is_kept() -> None:
    transport = RelayTransport()
    with transport.page(_taken) as page:
        page.joined()
        for _ in range(5000):
            page.take(b"x")
    arrived = await all_of(transport)
    assert len(arrived) == 1025
    assert arrived[-1] == Left(reason="the page is gone")


async def test_a_websocket_that_fails_is_a_page_that_has_not_joined() -> None:
    async def fail(_message: bytes) -> None:
        raise ConnectionResetError

    transport = RelayTransport()
    with transport.page(fail) as page:
        page.joined()
        with pytest.raises(NotJoined):
            await transport.send(b"x")


@pytest.fixture
async def transport() -> AsyncIterator[RelayTransport]:
    """Return a transport that is closed after the test."""
    made = RelayTransport()
    yield made
    await made.close()


async def test_a_handler_of_aiohttp_needs_ten_lines(transport: RelayTransport) -> None:
    async def relay(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(max_msg_size=16_384)
        await websocket.prepare(request)
        with transport.page(websocket.send_bytes, websocket.close) as page:
            async for frame in websocket:
                if frame.type is WSMsgType.BINARY:
                    page.take(frame.data)
                elif frame.data == "joined":
                    page.joined()
        return websocket

    app = web.Application()
    app.router.add_get("/relay", relay)
    async with TestClient(TestServer(app)) as client:
        websocket = await client.ws_connect("/relay")
        await websocket.send_str("joined")
        await websocket.send_bytes(b"in")
        arrived = transport.messages()
        assert [await anext(arrived), await anext(arrived)] == [Joined(), b"in"]
        await transport.send(b"out")
        assert await websocket.receive_bytes() == b"out"
        closing = asyncio.create_task(transport.close())
        assert (await websocket.receive()).type is WSMsgType.CLOSE
        await closing
