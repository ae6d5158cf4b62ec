"""The simulated Akool as a server: routes and checks are those of the endpoint classes.

An endpoint that is added to the library exists here at once: operations and lookups are
answered from the facts of their result family, other endpoints with an example of their reply
unless `_ANSWERS` has a better answer. `World` decides what becomes of the jobs.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast, get_args, get_origin
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from akool_async import errors
from akool_async.clock import Clock, LoopClock
from akool_async.endpoints import (
    ENDPOINTS,
    OPERATIONS,
    AnalyzeFrames,
    CancelFaceswaps,
    CloneVoice,
    CloseLiveFaceswap,
    CloseSession,
    CreateKnowledge,
    CreateLiveFaceswap,
    Credit,
    DeletedVideos,
    DeletedVoices,
    DeleteFaceswaps,
    DeleteKnowledge,
    DeleteLabVoices,
    DeleteVideos,
    DetectFaces,
    GetCredit,
    GetKnowledge,
    GetLabVoice,
    GetSession,
    GetStreamingAvatar,
    GetToken,
    Kept,
    LabVoiceType,
    LegacyDetectFaces,
    ListAvatars,
    ListEffects,
    ListKnowledge,
    ListLabVoices,
    ListLanguages,
    ListModels,
    ListSessions,
    ListStreamingAvatars,
    ListTranslationVoices,
    ListVideos,
    ListVoiceResources,
    ListVoices,
    OpenSession,
    Token,
    UpdateKnowledge,
    UpdateLiveFaceswap,
    Voice,
)
from akool_async.endpoints.paging import Page
from akool_async.protocol.endpoint import Endpoint, Family, Operation
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.protocol.snapshot import Status
from akool_async.protocol.wire import AKOOL, Envelope
from akool_async.simulator import catalogue, faces, media, voice_lab
from akool_async.simulator.channels import Channels
from akool_async.simulator.job_lists import job_rows
from akool_async.simulator.knowledge import NameTaken
from akool_async.simulator.refusal import Refusal
from akool_async.simulator.sessions import Sessions
from akool_async.simulator.webhooks import SimulatedWebhooks
from akool_async.simulator.world import Behaviour, World

if TYPE_CHECKING:
    from akool_async.webhook import WebhookCredentials

Fault: TypeAlias = Callable[[str, web.Request], Awaitable[web.StreamResponse | None]]
"""Called with an endpoint's name and the request before it is answered; may answer instead,
or raise `ConnectionResetError` to drop the connection."""

_OK = {"code": 1000, "msg": "OK"}


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
        value = _read(endpoint, await _wire_of(endpoint, request))
        if isinstance(value, Operation):
            return _OK | {"data": await self._created(value)}
        answer, family = _ANSWERS.get(endpoint), _LOOKUPS.get(endpoint)
        if answer is None and family is not None:
            return _OK | {"data": self._looked_up(family, value)}
        return (answer or _example)(self, value)

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
        return _written(request, self.world.snapshot(job, self.url, receipt=True))

    def _looked_up(self, family: Family[Any], lookup: Endpoint[Any]) -> Any:
        ids: list[str] = list(getattr(lookup, "ids", ())) or [getattr(lookup, "id", "")]
        if family.batch == 1:
            if ids[0] not in self.world.jobs:
                raise Refusal(1014, "Resource does not exist")
            return _written(lookup, self.world.snapshot(self.world.jobs[ids[0]], self.url))
        rows = tuple(self.world.snapshot(job, self.url) for job in self.world.shown(ids))
        return _written(lookup, rows)

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


async def _wire_of(endpoint: type[Endpoint[Any]], request: web.Request) -> Mapping[str, Any]:
    """Return the fields of a request, under wire names."""
    in_path = dict(request.match_info)
    if request.method != "GET":
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError as error:
            problem = str(error)
        else:
            return in_path | body
        raise Refusal(1003, f"Parameter error: {problem}")
    plans = {plan.wire_name: plan for plan in plan_of(endpoint)}
    return in_path | {
        name: _from_query(plans.get(name), request.query.getall(name)) for name in request.query
    }


def _from_query(plan: FieldPlan | None, texts: list[str]) -> Any:
    """Return the value of a field in a query; a field of many values is repeated there."""
    if plan is None or plan.coding:
        return texts[-1]
    if get_origin(plan.type) is tuple:
        return [_from_text(get_args(plan.type)[0], text) for text in texts]
    return _from_text(plan.type, texts[-1])


def _from_text(expected: Any, text: str) -> Any:
    try:
        return msgspec.convert(text, expected, strict=False)
    except msgspec.ValidationError:
        return text


def _read(endpoint: type[Endpoint[Any]], wire: Mapping[str, Any]) -> Endpoint[Any]:
    """Build the endpoint's value: the library's own checks are the simulator's."""
    try:
        return endpoint.from_wire(wire)
    except errors.InvalidInput as error:
        wire_names = {plan.name: plan.wire_name for plan in plan_of(endpoint)}
        first, *rest = re.split(r"(?=[.\[])", error.field, maxsplit=1)
        named = first if first in wire else wire_names.get(first, first)
        message = f"Parameter error: {named}{''.join(rest)} {error.rule}"
    raise Refusal(1003, message)


def _written(endpoint: Endpoint[Any], reply: Any) -> Any:
    codec: Any = endpoint.parse
    return _known(codec.encode(reply))


def _known(document: Any) -> Any:
    """Leave out fields that are `None`, as Akool does."""
    if isinstance(document, list | tuple):
        return [_known(each) for each in cast("Sequence[Any]", document)]
    if not isinstance(document, dict):
        return document
    items = cast("dict[str, Any]", document).items()
    return {name: _known(value) for name, value in items if value is not None}


_LOOKUPS: Mapping[type[Endpoint[Any]], Family[Any]] = {
    type(operation.family.lookup(["0"])): operation.family for operation in OPERATIONS.values()
}
"""The family that each lookup observes."""

Answer: TypeAlias = Callable[[Simulator, Any], Mapping[str, Any]]


def _example(_simulator: Simulator, endpoint: Any) -> Mapping[str, Any]:
    """Answer with an example of the reply: required fields only, each with a plain value."""
    codec: Any = endpoint.parse
    row = getattr(codec, "row", None)
    if row is not None:
        return _OK | {"data": codec.encode((_example_of(row),))}
    return (
        _OK if codec.type is type(None) else _OK | {"data": codec.encode(_example_of(codec.type))}
    )


def _example_of(kind: type[Any]) -> Any:
    plain: Mapping[Any, Any] = {str: "example", int: 1, float: 1.0, bool: True}
    required = (field for field in msgspec.structs.fields(kind) if field.required)
    return kind(**{field.name: plain.get(field.type) for field in required})


def _token(simulator: Simulator, request: GetToken) -> Mapping[str, Any]:
    secrets = (simulator.api_key, simulator.client_secret)
    if request.client_id != simulator.client_id or request.client_secret not in secrets:
        raise Refusal(1101, "Invalid authorization or The request token has expired")
    token = f"simulated-token-{next(simulator.serial_numbers)}"
    simulator.tokens.add(token)
    return {"code": 1000, **msgspec.to_builtins(Token(token=token))}


def _credit(simulator: Simulator, _request: GetCredit) -> Mapping[str, Any]:
    return _OK | {"data": msgspec.to_builtins(Credit(credit=simulator.world.credit))}


def _voices(_simulator: Simulator, request: ListVoices) -> Mapping[str, Any]:
    voices = tuple(
        Voice(
            voice_id=f"voice-{name.lower()}", name=name, gender=gender, from_=source, id=f"{n:024x}"
        )
        for n, (name, gender, source) in enumerate(_VOICES, 1)
        if request.from_ in {None, source}
    )
    return _OK | {"data": _written(request, voices)}


_VOICES = (("Nicole", "Female", 3), ("Daniel", "Male", 3), ("Mine", "Female", 4))


def _lab_voices(simulator: Simulator, request: ListLabVoices) -> Mapping[str, Any]:
    own = request.type is LabVoiceType.OWN
    voices: Sequence[Any] = (
        job_rows(simulator.world, request, simulator.url)
        if own
        else voice_lab.akool_voices(_samples(simulator))
    )
    return _paged(request, [each for each in voices if voice_lab.fits(each, request)])


def _lab_voice(simulator: Simulator, request: GetLabVoice) -> Mapping[str, Any]:
    known = {each.id: each for each in voice_lab.akool_voices(_samples(simulator))}
    known |= {each.id: each for each in _snapshots(simulator, CloneVoice)}
    if request.id not in known:
        raise Refusal(1014, "Resource does not exist")
    return _OK | {"data": _written(request, known[request.id])}


def _delete_voices(simulator: Simulator, request: DeleteLabVoices) -> Mapping[str, Any]:
    own = {each.id for each in _snapshots(simulator, CloneVoice)}
    ids = tuple(each for each in request.ids if each in own)
    simulator.world.remove(list(ids))
    refused = tuple(
        Kept(id=each, msg=f"VoiceId:{each} resource not found")
        for each in request.ids
        if each not in own
    )
    reply = DeletedVoices(success_ids=ids, no_permission_voices=refused)
    return _OK | {"msg": "Delete voice successfully", "data": _written(request, reply)}


def _translation_voices(simulator: Simulator, request: ListTranslationVoices) -> Mapping[str, Any]:
    language = request.language_code or "en"
    return _paged(request, voice_lab.translation_voices(language, _samples(simulator)))


def _samples(simulator: Simulator) -> str:
    return f"{simulator.url}/faces"


def _snapshots(simulator: Simulator, operation: type[Operation[Any]]) -> list[Any]:
    """Return the jobs of an operation, the newest first."""
    world = simulator.world
    jobs = [job for job in world.jobs.values() if isinstance(job.request, operation)]
    return [world.snapshot(job, simulator.url) for job in reversed(jobs)]


def _knowledge_bases(simulator: Simulator, request: ListKnowledge) -> Mapping[str, Any]:
    return _paged(request, simulator.world.knowledge.listed(request))


def _knowledge_base(simulator: Simulator, request: GetKnowledge) -> Mapping[str, Any]:
    found = simulator.world.knowledge.kept.get(request.id)
    if found is None:
        raise Refusal(*_NO_KNOWLEDGE)
    return _OK | {"data": _written(request, found)}


def _keep_knowledge(
    simulator: Simulator, request: CreateKnowledge | UpdateKnowledge
) -> Mapping[str, Any]:
    bases = simulator.world.knowledge
    now = int(simulator.world.clock.now().timestamp() * 1000)
    if isinstance(request, UpdateKnowledge) and request.id not in bases.kept:
        raise Refusal(*_NO_KNOWLEDGE)
    try:
        kept = (
            bases.update(request, now)
            if isinstance(request, UpdateKnowledge)
            else bases.create(request, now)
        )
    except NameTaken:
        pass
    else:
        return _OK | {"data": _written(request, kept)}
    raise Refusal(1233, "Knowledge already exists")


def _delete_knowledge(simulator: Simulator, request: DeleteKnowledge) -> Mapping[str, Any]:
    if simulator.world.knowledge.kept.pop(request.id, None) is None:
        raise Refusal(*_NO_KNOWLEDGE)
    return _OK


_NO_KNOWLEDGE = (1232, "Knowledge not found")


def _avatars(simulator: Simulator, request: ListAvatars) -> Mapping[str, Any]:
    listed = [
        *job_rows(simulator.world, request, simulator.url),
        *catalogue.avatars(f"{simulator.url}/faces"),
    ]
    wanted = (request.from_, request.type)
    return _paged(request, [each for each in listed if _fits((each.from_, each.type), wanted)])


def _streaming_avatars(simulator: Simulator, request: ListStreamingAvatars) -> Mapping[str, Any]:
    platform = request.platform or "open"
    listed = catalogue.avatars(f"{simulator.url}/faces")
    return _paged(request, [each for each in listed if each.platform == platform])


def _streaming_avatar(simulator: Simulator, request: GetStreamingAvatar) -> Mapping[str, Any]:
    listed = catalogue.avatars(f"{simulator.url}/faces")
    for each in listed:
        if each.available and each.avatar_id == request.avatar_id:
            return _OK | {"data": _written(request, each)}
    raise Refusal(1014, "Resource does not exist")


def _sessions(simulator: Simulator, request: ListSessions) -> Mapping[str, Any]:
    newest_first = _snapshots(simulator, OpenSession)
    return _paged(
        request, [each for each in newest_first if _fits((each.status,), (request.status,))]
    )


def _job_list(simulator: Simulator, request: ListVideos | ListVoiceResources) -> Mapping[str, Any]:
    return _paged(request, job_rows(simulator.world, request, simulator.url))


def _fits(values: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return all(want in {None, value} for value, want in zip(values, wanted, strict=True))


def _paged(request: Any, rows: Sequence[Any]) -> Mapping[str, Any]:
    """Answer with the requested page."""
    start = (request.page - 1) * request.size
    shown = tuple(rows[start : start + request.size])
    return _OK | {"data": _written(request, Page(items=shown, count=len(rows)))}


def _languages(simulator: Simulator, request: ListLanguages) -> Mapping[str, Any]:
    return _OK | {"data": _written(request, catalogue.languages(f"{simulator.url}/faces"))}


def _close_session(simulator: Simulator, request: CloseSession) -> Mapping[str, Any]:
    simulator.sessions.close(request.id)
    return _OK


def _session(simulator: Simulator, request: GetSession) -> Mapping[str, Any]:
    return _OK | {"data": _written(request, simulator.sessions.look_up(request.id))}


def _update_live(simulator: Simulator, request: UpdateLiveFaceswap) -> Mapping[str, Any]:
    _live_session(simulator, request.id)
    return _OK


def _close_live(simulator: Simulator, request: CloseLiveFaceswap) -> Mapping[str, Any]:
    _live_session(simulator, request.id)
    simulator.world.remove([request.id])
    return _OK


def _live_session(simulator: Simulator, id: str) -> None:
    """Refuse the id of a session that is closed, or never was."""
    job = simulator.world.jobs.get(id)
    if job is None or not isinstance(job.request, CreateLiveFaceswap):
        raise Refusal(1008, "The content you get does not exist")


def _analyze(simulator: Simulator, request: AnalyzeFrames) -> Mapping[str, Any]:
    counts = [_faces_at(each, simulator.world.behaviour.faces) for each in request.frame_urls]
    times = request.timestamps or range(len(counts))
    picture = zlib.crc32("".join(request.frame_urls).encode())
    found = faces.persons(counts, times, f"{simulator.url}/faces/{picture:08x}")
    return {"success": True, "frame_count": len(counts), "persons": found}


def _detect(simulator: Simulator, request: DetectFaces | LegacyDetectFaces) -> Mapping[str, Any]:
    address = "" if request.image_url is None else str(request.image_url)
    most = _faces_at(address, simulator.world.behaviour.faces)
    count = min(most, 1) if request.single_face else most
    frame = faces.frame(count)
    if isinstance(request, DetectFaces):
        picture = zlib.crc32((address or request.img or "").encode())
        crops = faces.crops(count, f"{simulator.url}/faces/{picture:08x}")
        frame = {"faces_obj": {"0": {**frame, **(crops if request.return_face_url else {})}}}
    return {"error_code": 0, "error_msg": "SUCCESS", **frame}


def _faces_at(address: str, otherwise: int) -> int:
    """Return the number of a picture's faces; `?faces=3` in its address sets it."""
    said = parse_qs(urlsplit(address).query).get("faces", [""])[-1]
    return int(said) if said.isdecimal() and len(said) <= 2 else otherwise  # noqa: PLR2004


def _delete(simulator: Simulator, request: DeleteFaceswaps) -> Mapping[str, Any]:
    simulator.world.remove(list(request.ids))
    return _OK


def _delete_videos(simulator: Simulator, request: DeleteVideos) -> Mapping[str, Any]:
    """Delete what has ended; refuse the others, in a success."""
    world = simulator.world
    kept: dict[str, str] = {}
    for each in request.ids:
        job = world.jobs.get(each)
        if job is None:
            kept[each] = "video resource not exist"
        elif not job.status_at(world.clock.time()).terminal:
            kept[each] = "video resource is processing, please try again later"
    gone = tuple(each for each in request.ids if each not in kept)
    world.remove(list(gone))
    items = tuple(Kept(id=each, msg=why) for each, why in kept.items())
    reply = DeletedVideos(success_ids=gone, no_permission_items=items)
    return _OK | {"data": _written(request, reply)}


def _effects(simulator: Simulator, request: ListEffects) -> Mapping[str, Any]:
    return _OK | {"data": _written(request, catalogue.effects(f"{simulator.url}/faces"))}


def _models(_simulator: Simulator, request: ListModels) -> Mapping[str, Any]:
    rows = tuple(model for each in request.types for model in catalogue.models(each))
    return _OK | {"data": _written(request, rows)}


def _cancel(simulator: Simulator, request: CancelFaceswaps) -> Mapping[str, Any]:
    simulator.world.cancel(list(request.job_ids))
    return _OK


_ANSWERS: Mapping[type[Endpoint[Any]], Answer] = {
    AnalyzeFrames: _analyze,
    CancelFaceswaps: _cancel,
    CloseLiveFaceswap: _close_live,
    CloseSession: _close_session,
    CreateKnowledge: _keep_knowledge,
    DeleteFaceswaps: _delete,
    DeleteKnowledge: _delete_knowledge,
    DeleteLabVoices: _delete_voices,
    DeleteVideos: _delete_videos,
    DetectFaces: _detect,
    LegacyDetectFaces: _detect,
    GetCredit: _credit,
    GetStreamingAvatar: _streaming_avatar,
    GetKnowledge: _knowledge_base,
    GetLabVoice: _lab_voice,
    GetSession: _session,
    GetToken: _token,
    ListAvatars: _avatars,
    ListKnowledge: _knowledge_bases,
    ListLabVoices: _lab_voices,
    ListEffects: _effects,
    ListLanguages: _languages,
    ListModels: _models,
    ListSessions: _sessions,
    ListStreamingAvatars: _streaming_avatars,
    ListVideos: _job_list,
    ListTranslationVoices: _translation_voices,
    ListVoiceResources: _job_list,
    ListVoices: _voices,
    UpdateKnowledge: _keep_knowledge,
    UpdateLiveFaceswap: _update_live,
}
"""The endpoints with an answer of their own."""
