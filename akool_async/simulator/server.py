"""The simulated Akool as a server: routes and checks are those of the endpoint classes.

An endpoint that is added to the library exists here at once: operations and lookups are
answered from the facts of their result family, other endpoints with an example of their reply
unless `answers.py` has a better answer. `World` decides what becomes of the jobs.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from akool_async import errors
from akool_async.clock import Clock, LoopClock
from akool_async.endpoints import (
    ENDPOINTS,
    OpenSession,
)
from akool_async.protocol.endpoint import Endpoint, Family, Operation
from akool_async.protocol.snapshot import Status
from akool_async.protocol.wire import AKOOL, Envelope
from akool_async.simulator import media
from akool_async.simulator.answers import ANSWERS, LOOKUPS, OK, example
from akool_async.simulator.channels import Channels
from akool_async.simulator.refusal import Refusal
from akool_async.simulator.sessions import Sessions
from akool_async.simulator.webhooks import SimulatedWebhooks
from akool_async.simulator.wire import read, wire_of, written
from akool_async.simulator.world import Behaviour, World

if TYPE_CHECKING:
    from akool_async.webhook import WebhookCredentials

Fault: TypeAlias = Callable[[str, web.Request], Awaitable[web.StreamResponse | None]]
"""Called with an endpoint's name and the request before it is answered; may answer instead,
or raise `ConnectionResetError` to drop the connection."""


class Simulator:
    """A simulated Akool on loopback: `async with Simulator() as sim`.

    Args:
        behaviour: Its behaviour; or give the fields of `Behaviour` as keywords.
        port: The port to listen at; 0 for any free port.
        api_key: The one api key that it accepts; it is the client secret too.
        client_id: The one client id that it accepts.
        client_secret: A second client secret that it accepts; webhooks are encrypted with it.
        clock: The source of time.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        port: int = 0,
        api_key: str = "simulated-api-key",
        client_id: str = "simulated-client-id",
        client_secret: str = "simulated-client-secret-",  # noqa: S107 - it opens nothing
        clock: Clock | None = None,
        **fields: Any,
    ) -> None:
        self.api_key = api_key
        self.client_id = client_id
        self.client_secret = client_secret
        self.world = World(behaviour or Behaviour(**fields), clock or LoopClock())
        self.sessions = Sessions(self.world)
        """The sessions with live avatars."""
        self.channels = Channels(self.world, self.sessions)
        """The channels of those sessions, and the avatars in them."""
        self.webhooks = SimulatedWebhooks(
            self.world,
            lambda: self.webhook_credentials,
            lambda job: self.world.media_url(job, self.url),
        )
        """The webhooks that it sends: how many, and how they were answered."""
        self.requests: Counter[str] = Counter()
        """Requests received, by endpoint; downloads are counted as `media`."""
        self.fault: Fault | None = None
        """A hook that may answer instead of any endpoint."""
        self.tokens: set[str] = set()
        """Bearer tokens that are valid now."""
        self.serial_numbers = itertools.count(1)
        """For bearer tokens: none is ever issued twice."""
        self._port = port
        self._runner: web.AppRunner | None = None
        self.url = ""
        """Its address, once it is started."""

    def __repr__(self) -> str:
        return f"<Simulator {self.url or 'not started'}, {len(self.world.jobs)} jobs>"

    @cached_property
    def webhook_credentials(self) -> WebhookCredentials:
        """What it signs and encrypts webhooks with: `Akool(webhook_credentials=...)` takes them."""
        from akool_async.webhook import WebhookCredentials

        return WebhookCredentials(client_id=self.client_id, client_secret=self.client_secret)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_get("/media/{file}", self._serve_media)
        app.router.add_get("/faces/{file}", _serve_face)
        for endpoint in dict.fromkeys(ENDPOINTS.values()):
            app.router.add_route(
                endpoint.method, endpoint.root + endpoint.path, self._handler(endpoint)
            )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        # With the usual backlog of 128, the 129th new connection waits a second.
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=4096)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        await self.webhooks.stop()
        await self.channels.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def join(self, *, channel: str, token: str, uid: int, sdp: str) -> str:
        """Let a page join the channel of a session: it meets the avatar there, by WebRTC.

        It is called in the loop in which the simulator runs, and needs the extra `live`. All
        media and messages stay on loopback. Who joins a second time takes the place of the first.

        Args:
            channel: The session's `agora_channel`.
            token: Its `agora_token`, which is valid for 300 s.
            uid: Its `agora_uid`.
            sdp: The offer, with a data channel `stream-message` that the page opens.

        Returns:
            The answer, as SDP.

        Raises:
            Refusal: no such session runs, the token does not open it, or the offer is no SDP.
            ImportError: the extra `live` is not installed.
        """
        return await self.channels.join(channel=channel, token=token, uid=uid, sdp=sdp)

    @contextmanager
    def in_thread(self) -> Generator[Self]:
        """Run in a thread with an event loop of its own, for synchronous callers too."""
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(self):
            yield self

    def _handler(
        self, endpoint: type[Endpoint[Any]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests[endpoint.name] += 1
            if self.fault is not None:
                instead = await self._faulty(endpoint.name, request)
                if instead is not None:
                    return instead
            try:
                return _json(await self._answer(endpoint, request))
            except ConnectionResetError:  # the job runs, and nobody is told
                _drop(request)
                return web.Response(status=500)
            except Refusal as refusal:
                return _refused(endpoint.envelope, refusal)

        return handle

    async def _faulty(self, name: str, request: web.Request) -> web.StreamResponse | None:
        assert self.fault is not None
        try:
            return await self.fault(name, request)
        except ConnectionResetError:
            _drop(request)
            return web.Response(status=500)

    async def _answer(
        self, endpoint: type[Endpoint[Any]], request: web.Request
    ) -> Mapping[str, Any]:
        if endpoint.signed:
            self._check_credentials(request)
        value = read(endpoint, await wire_of(endpoint, request))
        if isinstance(value, Operation):
            return OK | {"data": await self._created(value)}
        answer, family = ANSWERS.get(endpoint), LOOKUPS.get(endpoint)
        if answer is None and family is not None:
            return OK | {"data": self._looked_up(family, value)}
        return (answer or example)(self, value)

    def _check_credentials(self, request: web.Request) -> None:
        authorization = request.headers.get("Authorization")
        key = request.headers.get("x-api-key")
        if authorization is None and key is None:
            raise Refusal(1102, "Authorization cannot be empty")
        # T2: if both are sent, Akool ignores the api key.
        valid = (
            authorization.removeprefix("Bearer ") in self.tokens
            if authorization is not None
            else key == self.api_key
        )
        if not valid:
            raise Refusal(1101, "Invalid authorization or The request token has expired")

    async def _created(self, request: Operation[Any]) -> Any:
        if self.world.credit < 1:
            raise Refusal(1006, "Your quota is not enough")
        if isinstance(request, OpenSession):
            self.sessions.check_room()
        job = self.world.create(request)
        await self.webhooks.created(job)
        if self.world.loses_reply():
            raise ConnectionResetError
        return written(request, self.world.snapshot(job, self.url, receipt=True))

    def _looked_up(self, family: Family[Any], lookup: Endpoint[Any]) -> Any:
        ids: list[str] = list(getattr(lookup, "ids", ())) or [getattr(lookup, "id", "")]
        if family.batch == 1:
            if ids[0] not in self.world.jobs:
                raise Refusal(1014, "Resource does not exist")
            return written(lookup, self.world.snapshot(self.world.jobs[ids[0]], self.url))
        rows = tuple(self.world.snapshot(job, self.url) for job in self.world.shown(ids))
        return written(lookup, rows)

    async def _serve_media(self, request: web.Request) -> web.StreamResponse:
        self.requests["media"] += 1
        if self.fault is not None:
            instead = await self._faulty("media", request)
            if instead is not None:
                return instead
        job = self.world.jobs.get(request.match_info["file"].partition(".")[0])
        if job is None or job.status_at(self.world.clock.time()) is not Status.COMPLETED:
            raise web.HTTPNotFound
        if self.world.expired(job):
            raise web.HTTPForbidden
        made = job.media()
        return web.Response(body=made.content, content_type=made.content_type)


def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _serve_face(request: web.Request) -> web.StreamResponse:
    crop = media.picture(f"face {request.match_info['file']}", "found by the akool_async simulator")
    return web.Response(body=crop.content, content_type=crop.content_type)


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    body = msgspec.json.encode(document)
    return web.Response(body=body, status=status, content_type="application/json")


def _refused(envelope: Envelope, refusal: Refusal) -> web.Response:
    words = [word for word, code in envelope.codes if code != envelope.success]
    if not words:
        return _json({envelope.code: refusal.code, envelope.msg: refusal.msg})
    # N35: a word stands for the code, and the HTTP status says who is to blame.
    if type(errors.api_error(refusal.code, "")) is errors.AuthenticationError:
        return _refused(AKOOL, refusal)
    return _json({envelope.code: words[0], envelope.msg: refusal.msg}, status=400)
