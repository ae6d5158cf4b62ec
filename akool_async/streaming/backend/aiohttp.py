"""The backend as routes of `aiohttp.web`."""

from __future__ import annotations

from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from akool_async.observers import logger
from akool_async.receivers.aiohttp import read_body
from akool_async.streaming.backend import frames
from akool_async.streaming.backend.answers import Answer, Refusal
from akool_async.streaming.backend.connection import Frame, TooLarge
from akool_async.streaming.backend.core import Backend
from akool_async.streaming.backend.rules import PageRequest

_CLOSE_WITHIN: Final = 1.0
"""Seconds in which a page has to answer a close."""


class BackendRoutes(list[web.RouteDef]):
    """The routes of a backend.

    `app.add_routes(routes)` serves them, and `app.on_shutdown.append(routes.close)` ends all
    sessions when the server stops.

    Args:
        backend: Holds the sessions.
        prefix: What stands before `/sessions`.
    """

    def __init__(self, backend: Backend, prefix: str) -> None:
        self._backend = backend
        self._warned = False
        root = f"{prefix}/sessions"
        super().__init__(
            web.route("*", path, self._handle)
            for path in (root, root + "/{ticket}", root + "/{ticket}/{what}")
        )

    async def close(self, _app: web.Application | None = None) -> None:
        """End all sessions, and wait until each is closed; no new one is begun."""
        await self._backend.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not self._warned and self.close not in request.app.on_shutdown:
            self._warned = True
            logger.warning(
                "sessions stay open while the server stops:"
                " add app.on_shutdown.append(routes.close)"
            )
        asked = _asked(request)
        if web.WebSocketResponse().can_prepare(request).ok:
            return await self._relay(request, asked)
        answer = await self._backend.answer(
            asked, lambda most: read_body(request, most), lambda: _is_gone(request)
        )
        return _response(answer)

    async def _relay(self, request: web.Request, asked: PageRequest) -> web.StreamResponse:
        try:
            connection = await self._backend.connect(asked)
        except Refusal as refusal:
            return _response(refusal.answer)
        try:
            # Without compression: its memory would be most of what a session takes.
            websocket = web.WebSocketResponse(
                timeout=_CLOSE_WITHIN, max_msg_size=frames.LARGEST, compress=False
            )
            await websocket.prepare(request)
            await connection.serve(_AiohttpSocket(websocket))
        finally:
            connection.release()
        if websocket.close_code == WSCloseCode.ABNORMAL_CLOSURE and request.transport is not None:
            request.transport.abort()  # a page that is frozen reads nothing more
        return websocket


class _AiohttpSocket:
    def __init__(self, websocket: web.WebSocketResponse) -> None:
        self._websocket = websocket

    async def receive(self) -> Frame | None:
        message = await self._websocket.receive()
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            frame: Frame = message.data
            return frame
        if message.type is WSMsgType.ERROR:
            raise TooLarge  # the websocket was closed with 1009, or with another code
        return None

    async def send(self, frame: Frame) -> None:
        if isinstance(frame, str):
            await self._websocket.send_str(frame)
        else:
            await self._websocket.send_bytes(frame)

    async def close(self, code: int, reason: str) -> None:
        await self._websocket.close(code=code, message=reason.encode())


def _asked(request: web.Request) -> PageRequest:
    return PageRequest(
        method=request.method,
        path=request.path,
        headers={name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers},
        cookies=request.cookies,
        query=dict(request.query),
        remote=request.remote,
    )


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _response(answer: Answer) -> web.Response:
    headers = answer.all_headers({})
    return web.Response(status=answer.status, body=answer.content, headers=headers)
