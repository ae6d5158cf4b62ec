"""The answers of the simulated Akool to single requests: what needs more than an example."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec

from akool_async.endpoints import (
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
from akool_async.simulator import catalogue, faces, voice_lab
from akool_async.simulator.job_lists import job_rows
from akool_async.simulator.knowledge import NameTaken
from akool_async.simulator.refusal import Refusal
from akool_async.simulator.sessions import Sessions
from akool_async.simulator.wire import written
from akool_async.simulator.world import World

OK: Final = {"code": 1000, "msg": "OK"}


class Simulated(Protocol):
    """The simulator, as far as answers need it."""

    api_key: str
    client_id: str
    client_secret: str
    tokens: set[str]
    world: World
    sessions: Sessions
    url: str

    @property
    def serial_numbers(self) -> Iterator[int]:
        """For bearer tokens: none is ever issued twice."""
        ...


LOOKUPS: Mapping[type[Endpoint[Any]], Family[Any]] = {
    type(operation.family.lookup(["0"])): operation.family for operation in OPERATIONS.values()
}
"""The family that each lookup observes."""

Answer: TypeAlias = Callable[[Simulated, Any], Mapping[str, Any]]


def example(_simulator: Simulated, endpoint: Any) -> Mapping[str, Any]:
    """Answer with an example of the reply: required fields only, each with a plain value."""
    codec: Any = endpoint.parse
    row = getattr(codec, "row", None)
    if row is not None:
        return OK | {"data": codec.encode((_example_of(row),))}
    return OK if codec.type is type(None) else OK | {"data": codec.encode(_example_of(codec.type))}


def _example_of(kind: type[Any]) -> Any:
    plain: Mapping[Any, Any] = {str: "example", int: 1, float: 1.0, bool: True}
    required = (field for field in msgspec.structs.fields(kind) if field.required)
    return kind(**{field.name: plain.get(field.type) for field in required})


def _token(simulator: Simulated, request: GetToken) -> Mapping[str, Any]:
    secrets = (simulator.api_key, simulator.client_secret)
    if request.client_id != simulator.client_id or request.client_secret not in secrets:
        raise Refusal(1101, "Invalid authorization or The request token has expired")
    token = f"simulated-token-{next(simulator.serial_numbers)}"
    simulator.tokens.add(token)
    return {"code": 1000, **msgspec.to_builtins(Token(token=token))}


def _credit(simulator: Simulated, _request: GetCredit) -> Mapping[str, Any]:
    return OK | {"data": msgspec.to_builtins(Credit(credit=simulator.world.credit))}


def _voices(_simulator: Simulated, request: ListVoices) -> Mapping[str, Any]:
    voices = tuple(
        Voice(
            voice_id=f"voice-{name.lower()}", name=name, gender=gender, from_=source, id=f"{n:024x}"
        )
        for n, (name, gender, source) in enumerate(_VOICES, 1)
        if request.from_ in {None, source}
    )
    return OK | {"data": written(request, voices)}


_VOICES = (("Nicole", "Female", 3), ("Daniel", "Male", 3), ("Mine", "Female", 4))


def _lab_voices(simulator: Simulated, request: ListLabVoices) -> Mapping[str, Any]:
    own = request.type is LabVoiceType.OWN
    voices: Sequence[Any] = (
        job_rows(simulator.world, request, simulator.url)
        if own
        else voice_lab.akool_voices(_samples(simulator))
    )
    return _paged(request, [each for each in voices if voice_lab.fits(each, request)])


def _lab_voice(simulator: Simulated, request: GetLabVoice) -> Mapping[str, Any]:
    known = {each.id: each for each in voice_lab.akool_voices(_samples(simulator))}
    known |= {each.id: each for each in _snapshots(simulator, CloneVoice)}
    if request.id not in known:
        raise Refusal(1014, "Resource does not exist")
    return OK | {"data": written(request, known[request.id])}


def _delete_voices(simulator: Simulated, request: DeleteLabVoices) -> Mapping[str, Any]:
    own = {each.id for each in _snapshots(simulator, CloneVoice)}
    ids = tuple(each for each in request.ids if each in own)
    simulator.world.remove(list(ids))
    refused = tuple(
        Kept(id=each, msg=f"VoiceId:{each} resource not found")
        for each in request.ids
        if each not in own
    )
    reply = DeletedVoices(success_ids=ids, no_permission_voices=refused)
    return OK | {"msg": "Delete voice successfully", "data": written(request, reply)}


def _translation_voices(simulator: Simulated, request: ListTranslationVoices) -> Mapping[str, Any]:
    language = request.language_code or "en"
    return _paged(request, voice_lab.translation_voices(language, _samples(simulator)))


def _samples(simulator: Simulated) -> str:
    return f"{simulator.url}/faces"


def _snapshots(simulator: Simulated, operation: type[Operation[Any]]) -> list[Any]:
    """Return the jobs of an operation, the newest first."""
    world = simulator.world
    jobs = [job for job in world.jobs.values() if isinstance(job.request, operation)]
    return [world.snapshot(job, simulator.url) for job in reversed(jobs)]


def _knowledge_bases(simulator: Simulated, request: ListKnowledge) -> Mapping[str, Any]:
    return _paged(request, simulator.world.knowledge.listed(request))


def _knowledge_base(simulator: Simulated, request: GetKnowledge) -> Mapping[str, Any]:
    found = simulator.world.knowledge.kept.get(request.id)
    if found is None:
        raise Refusal(*_NO_KNOWLEDGE)
    return OK | {"data": written(request, found)}


def _keep_knowledge(
    simulator: Simulated, request: CreateKnowledge | UpdateKnowledge
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
        return OK | {"data": written(request, kept)}
    raise Refusal(1233, "Knowledge already exists")


def _delete_knowledge(simulator: Simulated, request: DeleteKnowledge) -> Mapping[str, Any]:
    if simulator.world.knowledge.kept.pop(request.id, None) is None:
        raise Refusal(*_NO_KNOWLEDGE)
    return OK


_NO_KNOWLEDGE = (1232, "Knowledge not found")


def _avatars(simulator: Simulated, request: ListAvatars) -> Mapping[str, Any]:
    listed = [
        *job_rows(simulator.world, request, simulator.url),
        *catalogue.avatars(f"{simulator.url}/faces"),
    ]
    wanted = (request.from_, request.type)
    return _paged(request, [each for each in listed if _fits((each.from_, each.type), wanted)])


def _streaming_avatars(simulator: Simulated, request: ListStreamingAvatars) -> Mapping[str, Any]:
    platform = request.platform or "open"
    listed = catalogue.avatars(f"{simulator.url}/faces")
    return _paged(request, [each for each in listed if each.platform == platform])


def _streaming_avatar(simulator: Simulated, request: GetStreamingAvatar) -> Mapping[str, Any]:
    listed = catalogue.avatars(f"{simulator.url}/faces")
    for each in listed:
        if each.available and each.avatar_id == request.avatar_id:
            return OK | {"data": written(request, each)}
    raise Refusal(1014, "Resource does not exist")


def _sessions(simulator: Simulated, request: ListSessions) -> Mapping[str, Any]:
    newest_first = _snapshots(simulator, OpenSession)
    return _paged(
        request, [each for each in newest_first if _fits((each.status,), (request.status,))]
    )


def _job_list(simulator: Simulated, request: ListVideos | ListVoiceResources) -> Mapping[str, Any]:
    return _paged(request, job_rows(simulator.world, request, simulator.url))


def _fits(values: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return all(want in {None, value} for value, want in zip(values, wanted, strict=True))


def _paged(request: Any, rows: Sequence[Any]) -> Mapping[str, Any]:
    """Answer with the requested page."""
    start = (request.page - 1) * request.size
    shown = tuple(rows[start : start + request.size])
    return OK | {"data": written(request, Page(items=shown, count=len(rows)))}


def _languages(simulator: Simulated, request: ListLanguages) -> Mapping[str, Any]:
    return OK | {"data": written(request, catalogue.languages(f"{simulator.url}/faces"))}


def _close_session(simulator: Simulated, request: CloseSession) -> Mapping[str, Any]:
    simulator.sessions.close(request.id)
    return OK


def _session(simulator: Simulated, request: GetSession) -> Mapping[str, Any]:
    return OK | {"data": written(request, simulator.sessions.look_up(request.id))}


def _update_live(simulator: Simulated, request: UpdateLiveFaceswap) -> Mapping[str, Any]:
    _live_session(simulator, request.id)
    return OK


def _close_live(simulator: Simulated, request: CloseLiveFaceswap) -> Mapping[str, Any]:
    _live_session(simulator, request.id)
    simulator.world.remove([request.id])
    return OK


def _live_session(simulator: Simulated, id: str) -> None:
    """Refuse the id of a session that is closed, or never was."""
    job = simulator.world.jobs.get(id)
    if job is None or not isinstance(job.request, CreateLiveFaceswap):
        raise Refusal(1008, "The content you get does not exist")


def _analyze(simulator: Simulated, request: AnalyzeFrames) -> Mapping[str, Any]:
    counts = [_faces_at(each, simulator.world.behaviour.faces) for each in request.frame_urls]
    times = request.timestamps or range(len(counts))
    picture = zlib.crc32("".join(request.frame_urls).encode())
    found = faces.persons(counts, times, f"{simulator.url}/faces/{picture:08x}")
    return {"success": True, "frame_count": len(counts), "persons": found}


def _detect(simulator: Simulated, request: DetectFaces | LegacyDetectFaces) -> Mapping[str, Any]:
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


def _delete(simulator: Simulated, request: DeleteFaceswaps) -> Mapping[str, Any]:
    simulator.world.remove(list(request.ids))
    return OK


def _delete_videos(simulator: Simulated, request: DeleteVideos) -> Mapping[str, Any]:
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
    return OK | {"data": written(request, reply)}


def _effects(simulator: Simulated, request: ListEffects) -> Mapping[str, Any]:
    return OK | {"data": written(request, catalogue.effects(f"{simulator.url}/faces"))}


def _models(_simulator: Simulated, request: ListModels) -> Mapping[str, Any]:
    rows = tuple(model for each in request.types for model in catalogue.models(each))
    return OK | {"data": written(request, rows)}


def _cancel(simulator: Simulated, request: CancelFaceswaps) -> Mapping[str, Any]:
    simulator.world.cancel(list(request.job_ids))
    return OK


ANSWERS: Mapping[type[Endpoint[Any]], Answer] = {
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
