"""The fields of simulated results that depend on the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akool_async.endpoints import (
    AnalysisResult,
    AnalyzeContent,
    Button,
    CreateLiveFaceswap,
    FoundPerson,
    GenerateImage,
    HeadSwap,
    OpenSession,
    PersonAnalysis,
    RefineImage,
    SessionCredentials,
)
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Status
from akool_async.simulator import voice_lab

_NEVER_REPEATED = frozenset({"id", "webhook_url"})
_REPEATED_AT_ONCE = frozenset({"avatar_id", "voice_id", "source_voice_file"})
"""Fields of requests that only the create reply repeats."""

_OFFENCES = ("gun", "hate", "violence", "weapon")
"""Words that make a content, or its address, non-compliant."""


def particulars(
    request: Operation[Any], serial: str, status: Status, address: str, *, receipt: bool
) -> Mapping[str, Any]:
    """Return the fields of a job's result that depend on its request.

    Args:
        request: The request.
        serial: The job's id.
        status: The job's status.
        address: The simulator's address.
        receipt: Whether this is the create reply.
    """
    repeated = _repeated(request, receipt=receipt) | voice_lab.told_at_once(request)
    if isinstance(request, OpenSession):
        return repeated | _joined(request, serial, receipt=receipt)
    if isinstance(request, CreateLiveFaceswap):
        return _live(serial)
    if isinstance(request, HeadSwap):
        return repeated | {"source_video_url": str(request.video_url)}
    if issubclass(request.family.result, PersonAnalysis):
        found = _persons(request, serial, address) if status is Status.COMPLETED else None
        return repeated | _analyzed(request) | {"analysis_result": found}
    return repeated | (_made(request, serial) if status is Status.COMPLETED else {})


def _repeated(request: Operation[Any], *, receipt: bool) -> dict[str, Any]:
    """Return the fields that the result has, too, under the same name."""
    result = request.family.result
    names = {*request.__struct_fields__} & {*result.__struct_fields__}
    names -= _NEVER_REPEATED | {result.media_field}
    names -= frozenset() if receipt else _REPEATED_AT_ONCE
    return {name: getattr(request, name) for name in names}


def _analyzed(request: Operation[Any]) -> dict[str, Any]:
    names = {"video_url": "video_url", "url": "source_url"}
    return {
        field: str(getattr(request, name))
        for name, field in names.items()
        if hasattr(request, name)
    }


def _persons(request: Operation[Any], serial: str, address: str) -> AnalysisResult:
    """Return two persons; with the tracks of a video, where Swap Studio names them."""
    crops = [f"{address}/faces/{serial}_{number}.png" for number in range(2)]
    tracks = f"{address}/faces/{serial}.json"
    return AnalysisResult(
        detected_objects=len(crops),
        media=tuple(FoundPerson(obj_id=n, img_url=url) for n, url in enumerate(crops)),
        track_manifest_url=tracks if getattr(request, "media_type", "") == "video" else None,
    )


def _made(request: Operation[Any], serial: str) -> dict[str, Any]:
    match request:
        case AnalyzeContent():
            return _judged(str(request.content))
        case GenerateImage():
            prompt = request.prompt
            return {"prompt": prompt, "origin_prompt": prompt, "buttons": (*Button,)}
        case RefineImage():
            refined = {"image_content_model_id": request.id, "op_button": request.button}
            # A variation shows four pictures again; a 4K picture is one.
            return refined | {"buttons": (*Button,) if request.button.startswith("V") else ()}
        case _:
            return voice_lab.told_in_the_end(request, serial)


def _judged(content: str) -> dict[str, Any]:
    found = [word for word in _OFFENCES if word in content.lower()]
    conclusion = "Non-Compliant" if found else "Compliant"
    findings = [f"- {word}: found in the content." for word in found] or ["- nothing was found."]
    return {
        "result": "\n".join([*findings, f"Result: {conclusion}"]),
        "final_conclusion": conclusion,
    }


def _live(serial: str) -> dict[str, Any]:
    return {
        "front_user_id": "1",
        "algorithm_user_id": "3",
        "front_rtc_token": f"simulated-rtc-token-{serial}",
        "channel_id": f"simulated-channel-{serial}",
        "app_id": "simulated-app",
    }


def credentials_of(session: OpenSession, serial: str) -> SessionCredentials:
    """Return the credentials of a session's channel, with the token."""
    credentials: SessionCredentials = _joined(session, serial, receipt=True)["credentials"]
    return credentials


def _joined(session: OpenSession, serial: str, *, receipt: bool) -> dict[str, Any]:
    kind = session.stream_type or "agora"
    own = {} if session.credentials is None else session.credentials.body_fields()
    given = {**_channel(kind, serial, receipt=receipt), **own}
    known = {name: given[name] for name in given if name in SessionCredentials.__struct_fields__}
    if not receipt:  # T31
        known.pop(f"{kind}_token", None)
        known.pop("trtc_sdk_user_sig", None)
    return {"credentials": SessionCredentials(**known), "stream_type": kind, "type": 1}


def _channel(kind: str, serial: str, *, receipt: bool) -> dict[str, Any]:
    """Return the channel that Akool makes for a session without one of the user's own."""
    channel = f"simulated-channel-{serial}"
    token = f"simulated-{kind}-token-{serial}" if receipt else ""
    match kind:
        case "livekit":
            return {
                "livekit_url": "wss://livekit.invalid",
                "livekit_token": token,
                "livekit_room_name": channel,
                "livekit_server_identity": "server",
                "livekit_client_identity": "client",
            }
        case "trtc":
            named = {"trtc_app_id": 20000001, "trtc_room_id": channel, "trtc_user_id": "user"}
            return {**named, "trtc_user_sig": token}
        case _:
            named = {"agora_app_id": "simulated-app", "agora_channel": channel}
            return {"agora_uid": 100000, **named, "agora_token": token}
