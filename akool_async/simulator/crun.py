"""An embedded CRUN: detection and image multi-face swap on loopback.

Routes and checks are those of the endpoint classes; jobs, their durations and their outcomes are
those of the simulated Akool's world. The replies are written here as CRUN's pages print them, not
as the library reads them, so that the tests compare two sources. No callback is sent.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from akool_async.clock import Clock, LoopClock
from akool_async.crun import DetectFaces, GetDetection, GetTask, SwapFaces
from akool_async.crun.results import DETECTION_LIFETIME, MEDIA_LIFETIME
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Endpoint, Operation
from akool_async.protocol.snapshot import Status
from akool_async.simulator.server import Fault
from akool_async.simulator.world import Behaviour, SimulatedJob, World

_DETECTION_WORDS: Mapping[Status, str] = {
    Status.QUEUED: "starting",
    Status.PROCESSING: "processing",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
}
_TASK_WORDS: Mapping[Status, str] = {
    Status.QUEUED: "pending",
    Status.PROCESSING: "running",
    Status.COMPLETED: "success",
    Status.FAILED: "failed",
}
_ENDPOINTS: tuple[type[Endpoint[Any]], ...] = (DetectFaces, GetDetection, SwapFaces, GetTask)


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class CrunSimulator:
    """A simulated CRUN on loopback: `async with CrunSimulator() as sim`.

    Args:
        behaviour: Its behaviour; or give the fields of `Behaviour` as keywords.
        port: The port to listen at; 0 for any free port.
        api_key: The one api key that it accepts.
        faces: Number of faces in every picture.
        clock: The source of time.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        port: int = 0,
        api_key: str = "simulated-crun-key",
        faces: int = 2,
        clock: Clock | None = None,
        **fields: Any,
    ) -> None:
        self.api_key = api_key
        self.world = World(behaviour or Behaviour(**fields), clock or LoopClock())
        self.requests: Counter[str] = Counter()
        """Requests received, by endpoint; downloads are counted as `media`."""
        self.fault: Fault | None = None
        """A hook that may answer instead of any endpoint."""
        self._faces = faces
        self._port = port
        self._runner: web.AppRunner | None = None
        self.url = ""
        """Its address, once it is started."""

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
        app = web.Application()
        app.router.add_get("/media/{file}", self._handler("media", self._media))
        for endpoint in _ENDPOINTS:
            handler = self._handler(endpoint.name, self._answering(endpoint))
            app.router.add_route(endpoint.method, endpoint.root + endpoint.path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _handler(
        self, name: str, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests[name] += 1
            try:
                instead = await self.fault(name, request) if self.fault else None
            except ConnectionResetError:
                if request.transport is not None:
                    request.transport.abort()
                instead = web.Response(status=500)
            return await answer(request) if instead is None else instead

        return handle

    def _answering(
        self, endpoint: type[Endpoint[Any]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._check_key(request)
                data = self._data(_read(endpoint, await _wire_of(request)))
            except _Refusal as refusal:
                return _json({"code": refusal.code, "message": refusal.message, "data": None})
            return _json({"code": 200, "message": "success", "data": data})

        return answer

    def _check_key(self, request: web.Request) -> None:
        if request.headers.getall("X-API-KEY", []) != [self.api_key]:
            raise _Refusal(401, "the api key is missing or invalid")

    def _data(self, value: Endpoint[Any]) -> Mapping[str, Any]:
        if isinstance(value, DetectFaces):
            return {"detect_task_id": self._created(value).id}
        if isinstance(value, SwapFaces):
            self._check_swap(value)
            return {"task_id": self._created(value).id}
        if isinstance(value, GetDetection):
            return self._detection(self._job(value.detect_task_id, DetectFaces))
        assert isinstance(value, GetTask)
        return self._task(self._job(value.task_id, SwapFaces))

    def _created(self, request: Operation[Any]) -> SimulatedJob:
        if self.world.credit < 1:
            raise _Refusal(402, "the account has no credits left")
        return self.world.create(request)

    def _job(self, id: str, operation: type[Operation[Any]]) -> SimulatedJob:
        job = self.world.jobs.get(id)
        if job is None or not isinstance(job.request, operation):
            raise _Refusal(404, "there is no such task")
        return job

    def _check_swap(self, swap: SwapFaces) -> None:
        """Refuse a swap whose detection is unknown, expired, or of another picture."""
        now = self.world.clock.time()
        detection = self.world.jobs.get(swap.detect_id.removeprefix("detect-"))
        if detection is None or detection.status_at(now) is not Status.COMPLETED:
            raise _Refusal(404, "there is no such detect_id")
        if now > detection.ends + DETECTION_LIFETIME.total_seconds():
            raise _Refusal(404, "the detect_id has expired")
        assert isinstance(detection.request, DetectFaces)
        if swap.image_url != detection.request.image_url:
            raise _Refusal(422, "image_url is not the one that was detected")
        for face in swap.faces:
            if face.face_id not in range(self._faces):
                raise _Refusal(422, f"face_id {face.face_id} was not detected")

    def _detection(self, job: SimulatedJob) -> Mapping[str, Any]:
        status = job.status_at(self.world.clock.time())
        failed, done = status is Status.FAILED, status is Status.COMPLETED
        return {
            "detect_task_id": job.id,
            "result": self._found(job) if done else None,
            "status": _DETECTION_WORDS[status],
            "error": job.reason if failed else None,
        }

    def _found(self, job: SimulatedJob) -> Mapping[str, Any]:
        links = (f"{self.url}/media/{job.id}-{number}.png" for number in range(self._faces))
        return {
            "id": f"detect-{job.id}",
            "status": "succeed",  # one of its three words for this
            "type": "face_detect",
            "hair_id": None,
            "faces": [{"id": number, "link": link} for number, link in enumerate(links)],
            "started_at": f"{job.created_at:%Y-%m-%d %H:%M:%S}",
            "finished_at": f"{self.world.clock.now():%Y-%m-%d %H:%M:%S}",
            "error": None,
        }

    def _task(self, job: SimulatedJob) -> Mapping[str, Any]:
        status = job.status_at(self.world.clock.time())
        result: Mapping[str, Any] | None = None
        if status is Status.COMPLETED:
            address = f"{self.url}/media/{job.id}.png"
            result = {"code": 200, "message": "success", "media_urls": [address]}
        elif status is Status.FAILED:
            result = {"code": 501, "message": job.reason, "media_urls": []}
        created = int(job.created_at.timestamp())
        return {
            "task_id": job.id,
            "provider": "CRUN",
            "model_version": SwapFaces.model,
            "status": _TASK_WORDS[status],
            "param": job.request.to_wire(),
            "create_at": created,
            "result": result,
            "duration_s": job.duration if result else None,
            "complete_at": created + job.duration if result else None,
            "source": "api",
            "credits": 1 if status is Status.COMPLETED else 0,
        }

    async def _media(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"].partition(".")[0]
        job = self.world.jobs.get(name.partition("-")[0])
        if job is None or job.status_at(self.world.clock.time()) is not Status.COMPLETED:
            raise web.HTTPNotFound
        if self.world.clock.now() > job.created_at + MEDIA_LIFETIME:
            raise web.HTTPForbidden
        media = job.media()
        return web.Response(body=media.content, content_type=media.content_type)


def _json(document: Mapping[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json")


async def _wire_of(request: web.Request) -> Mapping[str, Any]:
    """Return the fields of a request, under wire names."""
    if request.method == "GET":
        return dict(request.query)
    if request.content_type == "application/json":
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(await request.read(), type=dict[str, Any])
    raise _Refusal(422, "the body is no JSON object")


def _read(endpoint: type[Endpoint[Any]], wire: Mapping[str, Any]) -> Endpoint[Any]:
    """Build the endpoint's value: the library's own checks are the simulator's."""
    try:
        return endpoint.from_wire(wire)
    except InvalidInput as error:
        message = str(error)
    raise _Refusal(422, message)
