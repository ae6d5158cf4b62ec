"""A webhook receiver as a handler for `aiohttp.web`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

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

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def handler_for(feeding: Feeding, feed: Feed) -> Handler:
    """Return a handler that takes in webhooks.

    Args:
        feeding: Knows which tokens belong to the account.
        feed: Takes in a body and a token.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            check_head(request.method, request.headers)  # their case does not matter
            token = token_of(request.path, feeding)
            status = await status_of(feed, await read_body(request), token)
        except Refused as refused:
            status = refused.status
        if status == OK:
            return web.Response()
        answer = refusal(status)
        answer.force_close()  # the rest of the body is not read
        return answer

    return handle


def refusal(status: int) -> web.Response:
    """Return the answer of a request that was not taken in."""
    allow = {"Allow": "POST"} if status == NOT_ALLOWED else None
    return web.Response(status=status, body=REFUSED, content_type="text/plain", headers=allow)


async def read_body(request: web.Request, largest: int = LARGEST) -> bytes:
    """Read a body of at most so many bytes, in limited time.

    Raises:
        Refused: 400, 408 or 413.
    """
    try:
        return await _read(request, largest)
    except (ConnectionError, web.RequestPayloadError):  # nobody waits, or it is no HTTP
        raise Refused(400) from None


async def _read(request: web.Request, largest: int) -> bytes:
    if request.content.is_eof():  # all of it has come with the head, as nearly always
        body = request.content.read_nowait()
        if len(body) > largest:
            raise Refused(413)
        return body
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > largest:
                    break
                chunks.append(chunk)
    except TimeoutError:
        size = -1
    if size < 0:
        raise Refused(408)
    if size > largest:
        raise Refused(413)
    return b"".join(chunks)
