"""A webhook receiver as a plain ASGI app, to be mounted in any framework, or served alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from akool_async.receivers.answers import (
    NOT_ALLOWED,
    OK,
    REFUSED,
    SLOWEST,
    Feed,
    Feeding,
    Refused,
    check_head,
    status_of,
    token_of,
)
from akool_async.webhook.signed import LARGEST

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class AsgiReceiver:
    """An ASGI app that takes in webhooks.

    Args:
        feeding: Knows which tokens belong to the account.
        feed: Takes in a body and a token.
    """

    def __init__(self, feeding: Feeding, feed: Feed) -> None:
        self._feeding = feeding
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's questions about the life of the app."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            raise RuntimeError(f"a webhook receiver knows no {scope['type']!r} connections")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in scope["headers"]
            }
            check_head(scope["method"], headers)
            token = token_of(scope["path"], self._feeding)
            body = await read_body(receive)
            status = await status_of(self._feed, body, token)
        except Refused as refused:
            status = refused.status
        await send({"type": "http.response.start", "status": status, "headers": _headers(status)})
        await send({"type": "http.response.body", "body": b"" if status == OK else REFUSED})


def _headers(status: int) -> list[tuple[bytes, bytes]]:
    if status == OK:
        return [(b"content-length", b"0")]
    headers = [
        (b"content-length", str(len(REFUSED)).encode()),
        (b"content-type", b"text/plain"),
        (b"connection", b"close"),  # the rest of the body is not read
    ]
    return [*headers, (b"allow", b"POST")] if status == NOT_ALLOWED else headers


async def read_body(receive: Receive, largest: int = LARGEST) -> bytes:
    """Read a body of at most so many bytes, in limited time.

    Raises:
        Refused: 408, 413, or 400 if the client has gone.
    """
    try:
        async with asyncio.timeout(SLOWEST):
            return await _whole(receive, largest)
    except TimeoutError:
        pass
    raise Refused(408)


async def _whole(receive: Receive, largest: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400)
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > largest:
            raise Refused(413)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _live(receive: Receive, send: Send) -> None:
    """Say that the app is ready, and at the end that it is done: it has nothing to open."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
