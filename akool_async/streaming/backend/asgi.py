"""The backend as a plain ASGI app, to be mounted in any framework, or served alone."""

from __future__ import annotations

import asyncio
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote

from akool_async.receivers.asgi import Message, Receive, Scope, Send, read_body
from akool_async.streaming.backend.answers import Answer, Refusal
from akool_async.streaming.backend.connection import Frame
from akool_async.streaming.backend.core import Backend
from akool_async.streaming.backend.rules import PageRequest


class BackendApp:
    """An ASGI app for HTTP and websockets.

    Where it is served alone, the server tells it to stop. Where it is mounted in another app, that
    one's lifespan awaits `close`.

    Args:
        backend: Holds the sessions.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def close(self) -> None:
        """End all sessions, and wait until each is closed; no new one is begun."""
        await self._backend.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket, or answer the server about the life of the app."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._relay(scope, receive, send)
        else:
            raise RuntimeError(f"the backend knows no {scope['type']!r} connections")

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch: list[asyncio.Task[None]] = []

        async def read(most: int) -> bytes:
            body = await read_body(receive, most)
            watch.append(asyncio.create_task(_gone(receive)))
            return body

        try:
            answer = await self._backend.answer(
                _asked(scope), read, lambda: any(each.done() for each in watch)
            )
        finally:
            for each in watch:
                each.cancel()
        for message in _messages("http.response", answer):
            await send(message)

    async def _relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            connection = await self._backend.connect(_asked(scope))
        except Refusal as refusal:
            if "websocket.http.response" in (scope.get("extensions") or {}):
                for message in _messages("websocket.http.response", refusal.answer):
                    await send(message)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await send({"type": "websocket.accept"})
            await connection.serve(_AsgiSocket(receive, send))
        finally:
            connection.release()


class _AsgiSocket:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._gone = False

    async def receive(self) -> Frame | None:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._gone = True
            return None
        text: str | None = message.get("text")
        frame: Frame = message["bytes"] if text is None else text
        return frame

    async def send(self, frame: Frame) -> None:
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", kind: frame})

    async def close(self, code: int, reason: str) -> None:
        if not self._gone:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


def _asked(scope: Scope) -> PageRequest:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        joint = "; " if name == "cookie" else ", "
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]}{joint}{text}" if name in headers else text
    client: Any = scope.get("client")
    return PageRequest(
        method=scope.get("method", "GET"),
        path=_path(scope),
        headers=headers,
        cookies=_cookies(headers.get("cookie", "")),
        query=dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))),
        remote=client[0] if client else None,
    )


def _path(scope: Scope) -> str:
    """Return the whole path: frameworks cut a mount's prefix off, or add a slash."""
    raw: bytes | None = scope.get("raw_path")
    if raw is not None:
        return unquote(raw.partition(b"?")[0].decode("latin-1"))
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    return path if path.startswith(root) else root + path


def _cookies(header: str) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header)
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _messages(kind: str, answer: Answer) -> tuple[Message, Message]:
    content = answer.content
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.all_headers({}).items()
    ]
    headers.append((b"content-length", str(len(content)).encode()))
    start = {"type": f"{kind}.start", "status": answer.status, "headers": headers}
    return start, {"type": f"{kind}.body", "body": content}


async def _gone(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
