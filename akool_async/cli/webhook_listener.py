"""The server of `akool webhooks listen`: takes in webhooks, sends them on, and answers.

What it found out about a body goes to the terminal only. Who sent it gets the answer that every
receiver gives: it does not say which check failed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import click
from aiohttp import web
from msgspec import Struct

from akool_async.cli.webhook_file import Archive, saved
from akool_async.cli.webhook_posts import Posted, Poster, address_for
from akool_async.errors import WebhookError
from akool_async.receivers.aiohttp import read_body, refusal
from akool_async.receivers.answers import OK, Refused, check_head
from akool_async.webhook.credentials import WebhookCredentials
from akool_async.webhook.event import Event
from akool_async.webhook.recent import RecentEvents
from akool_async.webhook.signed import opened

_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
_UNREACHABLE: Final = 502
_AIOHTTP: Final = "aiohttp.server"
"""The name under which aiohttp logs about its servers."""


class Arrival(Struct):
    """A request that arrived, and what became of it."""

    at: float
    """When it arrived, in seconds since 1970."""
    method: str
    target: str
    """Path and query of its address."""
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes | None = None
    """`None` if it was refused by its head, or its body did not come in time."""
    event: Event | None = None
    repeated: bool = False
    posted: Posted | None = None
    """How the program to which it was sent on answered."""
    answer: int = OK
    """The HTTP status of our answer."""
    refused: int | None = None
    """The status that the head was refused with, even if we answer something else."""
    unsaved: str = ""
    """Why it could not be saved, if it could not."""

    @property
    def verdict(self) -> str:
        """What it was taken for: verified, repeated or refused."""
        if self.event is None:
            return "refused"
        return "repeated" if self.repeated else "verified"


class Listener:
    """Serves one address, whatever the path.

    Args:
        credentials: What webhooks are verified with.
        poster: Sends webhooks on.
        tolerance: Seconds by which an event's time may differ from now; `None` for no check.
        forward_to: Where verified webhooks are sent on to, if anywhere.
        archive: Where bodies are saved, if anywhere.
        answer: The status of every answer, instead of the right one.
    """

    def __init__(
        self,
        credentials: WebhookCredentials,
        poster: Poster,
        *,
        tolerance: float | None,
        forward_to: str | None = None,
        archive: Archive | None = None,
        answer: int | None = None,
    ) -> None:
        self._credentials = credentials
        self._poster = poster
        self._tolerance = tolerance
        self._forward_to = forward_to
        self._archive = archive
        self._fixed_answer = answer
        self._recent = RecentEvents()
        self._runner = self._made_runner()
        self.arrivals: asyncio.Queue[Arrival | None] = asyncio.Queue()
        """What has arrived, in the order of the answers; at the end `None`."""
        self.verdicts: Counter[str] = Counter()

    async def start(self, port: int) -> int:
        """Listen on loopback, and return the port.

        Raises:
            click.ClickException: the port cannot be listened on.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            problem = error.strerror
        else:
            return int(self._runner.addresses[0][1])
        await self.stop()
        raise click.ClickException(f"port {port} cannot be listened on: {problem}")

    async def stop(self) -> None:
        """Answer what has arrived, and listen no more."""
        await self._runner.cleanup()
        self.arrivals.put_nowait(None)

    def _made_runner(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0.5,
            handler_cancellation=True,
            logger=_ServerLog(self._tell_unreadable),
        )

    def _tell_unreadable(self) -> None:
        """Tell of a request that is no HTTP; aiohttp has answered it."""
        arrival = Arrival(time.time(), "", "", {}, refused=_BAD_REQUEST, answer=_BAD_REQUEST)
        self._tell(arrival)

    def _tell(self, arrival: Arrival) -> None:
        self.verdicts[arrival.verdict] += 1
        self.arrivals.put_nowait(arrival)

    async def _handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        arrival = Arrival(time.time(), request.method, request.raw_path, headers)
        try:
            check_head(request.method, headers)
            arrival.body = await read_body(request)
        except Refused as refused:
            arrival.refused = arrival.answer = refused.status
        else:
            await self._take_in(arrival, arrival.body)
        if self._fixed_answer is not None:
            arrival.answer = self._fixed_answer
        self._tell(arrival)
        return _answer(arrival)

    async def _take_in(self, arrival: Arrival, body: bytes) -> None:
        """Verify a body, save it, and send it on."""
        try:
            arrival.event, digest = opened(body, self._credentials, tolerance=self._tolerance)
        except WebhookError:
            arrival.answer = _BAD_REQUEST
        else:
            arrival.repeated = not self._recent.add(digest)
        self._save(arrival, body)
        # What anybody could have made is not sent on: the program may be no receiver of webhooks.
        if self._forward_to is not None and arrival.event is not None:
            to = address_for(self._forward_to, arrival.target)
            arrival.posted = await self._poster.post(to, body)
            arrival.answer = arrival.posted.status or _UNREACHABLE

    def _save(self, arrival: Arrival, body: bytes) -> None:
        if self._archive is not None:
            try:
                self._archive.add(saved(arrival.at, arrival.target, arrival.verdict, body))
            except OSError as error:
                arrival.unsaved = error.strerror or str(error)


class _ServerLog(logging.Logger):
    """Hears of requests that aiohttp cannot read: it logs them, some as errors with a traceback.

    Anyone can send such a request, and many do to a public address.
    """

    def __init__(self, unreadable: Callable[[], None]) -> None:
        super().__init__(_AIOHTTP, logging.DEBUG)
        self._unreadable = unreadable

    def handle(self, record: logging.LogRecord) -> None:
        """Take in what aiohttp logs; pass on what is an error of this program."""
        error = record.exc_info[1] if record.exc_info else None
        # Errors about a request have the status of its answer.
        if getattr(error, "code", _SERVER_ERROR) < _SERVER_ERROR:
            self._unreadable()
        elif record.levelno >= logging.ERROR:
            logging.getLogger(_AIOHTTP).handle(record)


def _answer(arrival: Arrival) -> web.Response:
    if arrival.answer < _BAD_REQUEST:
        return web.Response(status=arrival.answer)
    answer = refusal(arrival.answer)
    if arrival.body is None:
        answer.force_close()  # the rest of the body is not read
    return answer
