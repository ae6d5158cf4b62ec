"""The fields of simulated results that depend on the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akool_async.endpoints import (
    AgoraCredentials,
    AnalysisResult,
    AnalyzeContent,
    AnalyzeHeads,
    Button,
    FoundPerson,
    GenerateImage,
    HeadSwap,
    OpenSession,
    RefineImage,
    StudioAnalysis,
)
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Status

_CHOSEN = ("media_type", "model_name", "resolution")
_REPEATED = ("input_text", "rate", "type", "source_language", "language", "lipsync", *_CHOSEN)
"""Fields of requests that results repeat."""

_REPEATED_AT_ONCE = (*_REPEATED, "avatar_id")
"""Fields of requests that the create reply repeats; an avatar's details leave its name out."""

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
    names = _REPEATED_AT_ONCE if receipt else _REPEATED
    repeated = {name: getattr(request, name, None) for name in names}
    if isinstance(request, OpenSession):
        return repeated | _joined(serial, receipt=receipt)
    if isinstance(request, HeadSwap):
        return repeated | {"source_video_url": str(request.video_url)}
    if isinstance(request, AnalyzeHeads) or request.family.result is StudioAnalysis:
        found = _persons(request, serial, address) if status is Status.COMPLETED else None
        return repeated | _analyzed(request) | {"analysis_result": found}
    return repeated | (_made(request) if status is Status.COMPLETED else {})


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


def _made(request: Operation[Any]) -> dict[str, Any]:
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
            return {}


def _judged(content: str) -> dict[str, Any]:
    found = [word for word in _OFFENCES if word in content.lower()]
    conclusion = "Non-Compliant" if found else "Compliant"
    findings = [f"- {word}: found in the content." for word in found] or ["- nothing was found."]
    return {
        "result": "\n".join([*findings, f"Result: {conclusion}"]),
        "final_conclusion": conclusion,
    }


def _joined(serial: str, *, receipt: bool) -> dict[str, Any]:
    credentials = AgoraCredentials(
        agora_uid=100000,
        agora_app_id="simulated-app",
        agora_channel=f"simulated-channel-{serial}",
        agora_token=f"simulated-agora-token-{serial}" if receipt else "",  # T31
    )
    return {"credentials": credentials, "stream_type": "agora", "type": 1}
