"""The voices of the simulated Akool, and what its replies say of speeches and clones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akool_async.endpoints import (
    ChangeVoice,
    CloneVoice,
    LabVoice,
    ListLabVoices,
    SpeakText,
    TranslationVoice,
)
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Status

_NAMES = ("Alma", "Boris", "Chloe", "Dario", "Elena", "Farid", "Grace", "Hugo")
_STYLES = ("Authoritative", "Calm", "Confident", "Enthusiastic")
_AGES = ("Young", "Middle", "Elderly")
_SCENARIOS = ("Advertisement", "Education")
_MODELS = 4
_SAMPLE = "This is a sample."
_CREATED = 1_760_000_000_000
_PACE = 60
"""Milliseconds for a character."""
_RECORDED = 12_000
"""Milliseconds of each recording: nobody listens to it."""


def akool_voices(address: str) -> tuple[LabVoice, ...]:
    """Return Akool's own voices.

    Args:
        address: The address of their samples.
    """
    return tuple(_voice(number, address) for number in range(len(_NAMES)))


def _voice(number: int, address: str) -> LabVoice:
    name = _NAMES[number]
    model = number % _MODELS + 1
    return LabVoice(
        id=f"{number + 1:024x}",
        status=Status.COMPLETED,
        voice_id=f"simulated-voice-{name.lower()}",
        name=name,
        preview=f"{address}/{name.lower()}.png",
        text=_SAMPLE,
        duration=_PACE * len(_SAMPLE),
        gender="Female" if number % 2 == 0 else "Male",
        age=(_AGES[number % len(_AGES)],),
        style=(_STYLES[number % len(_STYLES)],),
        scenario=(_SCENARIOS[number % len(_SCENARIOS)],),
        language="English",
        locale="en",
        voice_model_name=f"Akool Multilingual {model}",
        support_stream=model % 2 == 1,
        deduction_credit=0,
        create_time=_CREATED,
    )


def fits(voice: LabVoice, request: ListLabVoices) -> bool:
    """Say whether a list of voices shows a voice."""
    wanted = {name: getattr(request, name) for name in ("style", "age", "scenario")}
    return (
        all(not tags or {*tags} & {*getattr(voice, name)} for name, tags in wanted.items())
        and (not request.gender or voice.gender in request.gender)
        and (request.name or "").lower() in voice.name.lower()
        and request.support_stream in {None, voice.support_stream}
    )


def translation_voices(language_code: str, address: str) -> tuple[TranslationVoice, ...]:
    """Return the voices for videos in a language."""
    return tuple(
        TranslationVoice(
            id=voice.id,
            voice_id=voice.voice_id or "",
            name=voice.name,
            gender=voice.gender,
            language_code=language_code,
            preview=voice.preview,
            duration=voice.duration,
        )
        for voice in akool_voices(address)
    )


def told_at_once(request: Operation[Any]) -> dict[str, Any]:
    """Return what each reply says of a request, from the create reply on."""
    match request:
        case CloneVoice():
            return {"deduction_credit": 0.0, **_tags(request)}
        case SpeakText():
            return {"deduction_credit": round(request.estimate() or 0.0, 4)}
        case ChangeVoice():
            return {"deduction_credit": round(_RECORDED / 60_000 * 4.4, 4)}
        case _:
            return {}


def told_in_the_end(request: Operation[Any], serial: str) -> dict[str, Any]:
    """Return what the last reply says beside it."""
    match request:
        case CloneVoice():
            return {
                "voice_id": f"simulated-voice-{serial}",
                "voice_model_name": request.voice_model_name or "Akool Multilingual 3",
                "support_stream": True,
                "text": _SAMPLE,
                "duration": _PACE * len(_SAMPLE),
            }
        case SpeakText():
            return {"duration": _PACE * len(request.input_text)}
        case ChangeVoice():
            return {"duration": _RECORDED}
        case _:
            return {}


def _tags(request: CloneVoice) -> dict[str, Any]:
    options = request.voice_options
    if options is None:
        return {}
    tags: dict[str, Sequence[str]] = {
        name: getattr(options, name) or () for name in ("style", "age", "scenario")
    }
    # N22: asked as tags, answered as one text.
    return {**tags, "gender": options.gender[0] if options.gender else ""}
