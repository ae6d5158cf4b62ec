"""The fields of simulated results that depend on the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akool_async.endpoints import (
    AgoraCredentials,
    AnalyzeContent,
    Button,
    CreateLiveFaceswap,
    GenerateImage,
    OpenSession,
    RefineImage,
)
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Status

_REPEATED = ("input_text", "rate", "type", "source_language", "language", "lipsync")
"""Fields of requests that results repeat."""

_REPEATED_AT_ONCE = (*_REPEATED, "avatar_id")
"""Fields of requests that the create reply repeats; an avatar's details leave its name out."""

_OFFENCES = ("gun", "hate", "violence", "weapon")
"""Words that make a content, or its address, non-compliant."""


def particulars(
    request: Operation[Any], serial: str, status: Status, *, receipt: bool
) -> Mapping[str, Any]:
    """Return the fields of a job's result that depend on its request.

    Args:
        request: The request.
        serial: The job's id.
        status: The job's status.
        receipt: Whether this is the create reply.
    """
    names = _REPEATED_AT_ONCE if receipt else _REPEATED
    repeated = {name: getattr(request, name, None) for name in names}
    if isinstance(request, OpenSession):
        return repeated | _joined(serial, receipt=receipt)
    if isinstance(request, CreateLiveFaceswap):
        return _live(serial)
    return repeated | (_made(request) if status is Status.COMPLETED else {})


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


def _live(serial: str) -> dict[str, Any]:
    return {
        "front_user_id": "1",
        "algorithm_user_id": "3",
        "front_rtc_token": f"simulated-rtc-token-{serial}",
        "channel_id": f"simulated-channel-{serial}",
        "app_id": "simulated-app",
    }


def _joined(serial: str, *, receipt: bool) -> dict[str, Any]:
    credentials = AgoraCredentials(
        agora_uid=100000,
        agora_app_id="simulated-app",
        agora_channel=f"simulated-channel-{serial}",
        agora_token=f"simulated-agora-token-{serial}" if receipt else "",  # T31
    )
    return {"credentials": credentials, "stream_type": "agora", "type": 1}
