"""The fields of a live session: what goes together, and credentials of each service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from akool_async import Akool, InvalidInput, NotFound
from akool_async.endpoints import (
    AudioElement,
    ChannelCredentials,
    ElevenLabsSettings,
    ListStreamingAvatars,
    OpenSession,
    SessionCredentials,
    TalkingAvatar,
    TalkingPhoto,
    TurnDetection,
    VoiceParams,
)
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

URL = "https://media.example/a.mp3"
PICTURE = "https://media.example/a.png"
AGORA = {"agora_uid": 7, "agora_channel": "c", "agora_token": "TOKEN"}
LIVEKIT = {"livekit_url": "wss://rtc.example", "livekit_token": "TOKEN"}
TRTC = {
    "trtc_sdk_app_id": 1,
    "trtc_sdk_room_id": "r",
    "trtc_sdk_user_id": "u",
    "trtc_sdk_user_sig": "SIG",
}
KEY = {"api_key": "KEY"}
FAST = {"scene_mode": "fast_dialogue"}

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("mode_type", {"mode_type": 3}),
    ("stream_type", {"stream_type": "zoom"}),
    ("e2e_type", {"e2e_type": "openai"}),
    ("voice_params.speed", {"voice_params": {"speed": 1.3}}),
    ("voice_params.voice_id", {"voice_params": {"voice_id": "alloy"}}),
    ("voice_params.voice_id", {**FAST, "voice_params": {"voice_id": "nobody"}}),
    ("voice_params.speed", {**FAST, "voice_params": {"speed": 1.0}}),
    ("voice_params.stt_type", {**FAST, "voice_params": {"stt_type": "openai_realtime"}}),
    ("voice_params.pron_map", {**FAST, "voice_params": {"pron_map": {"a": "b"}}}),
    ("voice_params.turn_detection.type", {"voice_params": {"turn_detection": {"type": "vad"}}}),
    (
        "voice_params.turn_detection.threshold",
        {"voice_params": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}},
    ),
    (
        "voice_params.turn_detection.threshold",
        {"voice_params": {"turn_detection": {"type": "server_vad", "threshold": 2}}},
    ),
    ("voice_params.elevenlabs_settings.api_key", {"voice_params": {"elevenlabs_settings": {}}}),
    (
        "voice_params.elevenlabs_settings.stability",
        {"voice_params": {"elevenlabs_settings": {**KEY, "stability": 2}}},
    ),
    ("credentials.agora_uid", {"credentials": LIVEKIT}),
    ("credentials.livekit_url", {"stream_type": "livekit", "credentials": AGORA}),
    ("credentials.livekit_url", {"credentials": {**AGORA, "livekit_url": "wss://rtc.example"}}),
    (
        "credentials.trtc_sdk_user_sig",
        {"stream_type": "trtc", "credentials": {**TRTC} | {"trtc_sdk_user_sig": None}},
    ),
    (
        "credentials.audio_only_from_data_stream",
        {"credentials": {**AGORA, "audio_only_from_data_stream": True}},
    ),
]


@pytest.mark.parametrize(("field", "fields"), REFUSED)
def test_what_does_not_go_together_is_refused(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as told:
        OpenSession(avatar_id="a", **fields)
    assert told.value.field == field


TAKEN: list[dict[str, Any]] = [
    {"scene_mode": "meeting", "stream_type": "livekit"},
    {**FAST, "e2e_type": "openai", "voice_params": {"voice_id": "cedar", "stt_language": "en"}},
    {**FAST, "voice_params": {"voice_id": "AbC", "elevenlabs_settings": KEY}},
    {"credentials": AGORA},
    {"stream_type": "agora", "credentials": {**AGORA, "agora_app_id": "app"}},
    {
        "stream_type": "livekit",
        "credentials": {**LIVEKIT, "livekit_room_name": "r", "audio_only_from_data_stream": True},
    },
    {"stream_type": "trtc", "credentials": TRTC},
    {"voice_params": {"turn_detection": {"type": "server_vad", "threshold": 0}}},
]


@pytest.mark.parametrize("fields", TAKEN)
def test_what_goes_together_is_sent_as_it_is(fields: dict[str, Any]) -> None:
    body = OpenSession(avatar_id="a", **fields).encode().body or b""
    assert json.loads(body) == {"avatar_id": "a", **fields}


def test_parts_of_a_session_are_values_too() -> None:
    request = OpenSession(
        avatar_id="a",
        stream_type="livekit",
        credentials=ChannelCredentials(livekit_url="wss://rtc.example", livekit_token="TOKEN"),
        voice_params=VoiceParams(
            turn_detection=TurnDetection(type="server_vad", silence_duration_ms=200),
            elevenlabs_settings=ElevenLabsSettings(api_key="KEY"),
        ),
    )
    assert request == OpenSession(
        avatar_id="a",
        stream_type="livekit",
        credentials=LIVEKIT,  # type: ignore[arg-type] # a dict of the same shape
        voice_params={  # type: ignore[arg-type]
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
            "elevenlabs_settings": KEY,
        },
    )


@pytest.mark.parametrize("spelling", ["trtc_", "trtc_sdk_"])
def test_both_spellings_of_trtc_are_read(spelling: str) -> None:
    told = {"app_id": 20000001, "room_id": "r", "user_id": "u", "user_sig": "SIG"}
    credentials = {spelling + name: value for name, value in told.items()}
    body = json.dumps({"code": 1000, "data": {"_id": "6" * 24, "credentials": credentials}})
    session = OpenSession(avatar_id="a", stream_type="trtc").receive(
        HttpResponse(status=200, headers={}, body=body.encode())
    )
    for prefix in ("trtc_", "trtc_sdk_"):
        assert [getattr(session.credentials, prefix + name) for name in told] == [*told.values()]


@pytest.mark.parametrize("kind", ["agora", "livekit", "trtc"])
async def test_the_simulator_opens_a_channel_of_the_kind_asked_for(
    kind: Any, simulator: Simulator, connect: Callable[..., Akool]
) -> None:
    async with connect(simulator) as akool:
        job = await akool.streaming.session(avatar_id="a", stream_type=kind).created()
        assert job.receipt is not None
        told = job.receipt.credentials.to_dict()
        assert {name.partition("_")[0] for name, value in told.items() if value} == {kind}
        assert secret_of(job.receipt.credentials)
        assert not secret_of((await akool.streaming.get(id=job.id or "")).credentials)


async def test_the_simulator_uses_a_channel_of_the_user_s_own(
    simulator: Simulator, connect: Callable[..., Akool]
) -> None:
    own = ChannelCredentials(livekit_url="wss://rtc.example", livekit_token="TOKEN")
    async with connect(simulator) as akool:
        opened = akool.streaming.session(avatar_id="a", stream_type="livekit", credentials=own)
        job = await opened.created()
        assert job.receipt is not None
        told = job.receipt.credentials
        assert (told.livekit_url, told.livekit_token) == ("wss://rtc.example", "TOKEN")
        assert told.livekit_room_name


def secret_of(credentials: SessionCredentials) -> str:
    return credentials.agora_token or credentials.livekit_token or credentials.trtc_user_sig


async def test_an_avatar_for_sessions_is_looked_up_by_its_name(
    simulator: Simulator, connect: Callable[..., Akool]
) -> None:
    async with connect(simulator) as akool:
        (first, *_) = await akool.streaming.avatars(size=1)
        found = await akool.streaming.avatar(avatar_id=first.avatar_id)
        assert (found.avatar_id, found.platform) == (first.avatar_id, "open")
        with pytest.raises(NotFound):
            await akool.streaming.avatar(avatar_id="nobody")


def test_a_list_says_whose_avatars_it_shows() -> None:
    assert ListStreamingAvatars(platform="aigc").to_wire()["platform"] == "aigc"
    for wrong in ({"size": 101}, {"platform": "other"}):
        with pytest.raises(InvalidInput):
            ListStreamingAvatars(**wrong)


# Talking photos and avatars


@pytest.mark.parametrize("resolution", ["720p", "1080P", "480", 720.0, True])
def test_a_talking_photo_s_resolution_has_no_p(resolution: Any) -> None:
    with pytest.raises(InvalidInput, match="must be one of 720, 1080"):
        TalkingPhoto(talking_photo_url=PICTURE, audio_url=URL, resolution=resolution)


@pytest.mark.parametrize("resolution", ["720", 720])
def test_a_talking_photo_s_resolution_is_sent_as_a_text(resolution: Any) -> None:
    made = TalkingPhoto(talking_photo_url=PICTURE, audio_url=URL, resolution=resolution, prompt="p")
    sent = json.loads(made.encode().body or b"")
    assert (sent["resolution"], sent["prompt"]) == ("720", "p")


def test_an_avatar_says_a_text_without_a_recording() -> None:
    said = AudioElement(input_text="Hello", voice_id="v")
    sent = TalkingAvatar(avatar_from=7, elements=[said]).to_wire()
    assert [*sent["elements"]] == [{"type": "audio", "input_text": "Hello", "voice_id": "v"}]
    both = AudioElement(input_text="Hello", voice_id="v", url=URL)
    assert both.to_wire()["url"] == URL


@pytest.mark.parametrize("text", ["", "a" * 50_001])
def test_a_text_that_no_plan_takes_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="50000 characters"):
        AudioElement(input_text=text, voice_id="v")
