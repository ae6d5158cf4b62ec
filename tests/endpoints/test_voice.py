"""VoiceLab: what its requests take, its two kinds of jobs, and its lists."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from akool_async import Akool, InvalidInput, Retry, Status
from akool_async.endpoints import (
    AudioSetting,
    ChangeOptions,
    ChangeVoice,
    CloneOptions,
    CloneVoice,
    DeleteLabVoices,
    ExtraOptions,
    GetLabVoice,
    GetVoiceResource,
    LabVoiceType,
    ListLabVoices,
    ListTranslationVoices,
    ListVoiceResources,
    PronunciationDict,
    SpeakText,
    SpeechOptions,
    TimberWeight,
    VoiceModify,
)
from akool_async.protocol.fields import MB
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator
from akool_async.uploads import check_files

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.servers import Serve, Visit

TALK = "https://media.example/talk.mp3"


def speak(**fields: Any) -> SpeakText:
    return SpeakText(**({"input_text": "Welcome.", "voice_id": "v"} | fields))


def refused(make: Any, **fields: Any) -> tuple[str, str]:
    """Return the field and the rule by which a request is refused."""
    with pytest.raises(InvalidInput) as caught:
        make(**fields)
    return caught.value.field, caught.value.rule


# What is said, and how


def test_options_are_values_or_dicts_of_the_same_shape() -> None:
    options = SpeechOptions(stability=0.5, speed=1.1, speaker_boost=True, volume=80)
    extra = ExtraOptions(
        audio_setting=AudioSetting(sample_rate=24000, format="mp3"),
        timber_weights=[TimberWeight(voice_id="a", weight=80)],
        pronunciation_dict=PronunciationDict(tone=["omg/oh my god"]),
        voice_modify=VoiceModify(pitch=50, sound_effects="robotic"),
    )
    as_dicts: dict[str, Any] = {
        "voice_options": {"stability": 0.5, "speed": 1.1, "speaker_boost": True, "volume": 80},
        "extra_options": {
            "audio_setting": {"sample_rate": 24000, "format": "mp3"},
            "timber_weights": [{"voice_id": "a", "weight": 80}],
            "pronunciation_dict": {"tone": ["omg/oh my god"]},
            "voice_modify": {"pitch": 50, "sound_effects": "robotic"},
        },
    }
    request = speak(voice_options=options, extra_options=extra)
    assert request == speak(**as_dicts)
    # What is not given is not sent.
    assert {name: request.to_wire()[name] for name in as_dicts} == json.loads(
        json.dumps(as_dicts), object_hook=_with_tuples
    )


def _with_tuples(document: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}


def test_pitch_stands_beside_the_options() -> None:
    # N23: every sample sends it there, and the table shows it under extra_options.
    assert speak(pitch=-5).to_wire()["pitch"] == -5
    assert refused(speak, extra_options={"pitch": -5}) == ("extra_options.pitch", "is not a field")


TEXT_RULE = "must hold 1 to 50000 characters"
SHARE_RULE = "must be from 0 to 1"
TURN_RULE = "must be from -100 to 100"
WRONG: list[tuple[str, Any, str, str]] = [
    ("input_text", "", "", TEXT_RULE),
    ("input_text", " \n", "", TEXT_RULE),
    ("input_text", "a" * 50_001, "", TEXT_RULE),
    ("voice_id", "", "", "must not be empty"),
    ("pitch", 13, "", "must be from -12 to 12"),
    ("pitch", -13, "", "must be from -12 to 12"),
    ("language_code", "eng", "", "must be two letters"),
    ("voice_options", {"stability": 1.1}, ".stability", SHARE_RULE),
    ("voice_options", {"stability": math.nan}, ".stability", SHARE_RULE),
    ("voice_options", {"similarity_boost": -0.1}, ".similarity_boost", SHARE_RULE),
    ("voice_options", {"style": 2}, ".style", SHARE_RULE),
    ("voice_options", {"speed": 0.6}, ".speed", "must be from 0.7 to 1.2"),
    ("voice_options", {"speed": 1.3}, ".speed", "must be from 0.7 to 1.2"),
    ("voice_options", {"volume": 101}, ".volume", "must be from 0 to 100"),
    ("voice_options", {"emotion": "bored"}, ".emotion", "must be one of happy, sad"),
    ("voice_options", {"tempo": 1}, ".tempo", "is not a field"),
    ("extra_options", {"apply_text_normalization": "yes"}, ".apply_text_norm", "must be one of"),
    ("extra_options", {"audio_setting": {"sample_rate": 1}}, ".audio_setting.sample_rate", "must"),
    ("extra_options", {"audio_setting": {"bitrate": 1}}, ".audio_setting.bitrate", "must"),
    ("extra_options", {"audio_setting": {"channel": 3}}, ".audio_setting.channel", "must"),
    (
        *("extra_options", {"audio_setting": {"format": "wav", "bitrate": 32000}}),
        *(".audio_setting.bitrate", "is for mp3 only"),
    ),
    (
        *("extra_options", {"timber_weights": [{"voice_id": "a", "weight": 1}] * 5}),
        *(".timber_weights", "must hold at most 4 voices"),
    ),
    (
        *("extra_options", {"timber_weights": [{"voice_id": "a", "weight": 101}]}),
        *(".timber_weights[0].weight", "must be from 1 to 100"),
    ),
    (
        *("extra_options", {"pronunciation_dict": {"tone": ["omg"]}}),
        *(".pronunciation_dict.tone", "must hold a word and its reading"),
    ),
    ("extra_options", {"voice_modify": {"pitch": 101}}, ".voice_modify.pitch", TURN_RULE),
    ("extra_options", {"voice_modify": {"timbre": -101}}, ".voice_modify.timbre", TURN_RULE),
    ("extra_options", {"voice_modify": {"sound_effects": "hall"}}, ".voice_modify.sound", "must"),
]


@pytest.mark.parametrize(("field", "value", "place", "rule"), WRONG)
def test_a_text_and_its_options_are_held_to_their_rules(
    field: str, value: Any, place: str, rule: str
) -> None:
    named, broken = refused(speak, **{field: value})
    assert named.startswith(field + place)
    assert broken.startswith(rule)


def test_the_largest_text_of_any_plan_is_taken_and_a_style_may_be_a_word() -> None:
    assert len(speak(input_text="a" * 50_000).input_text) == 50_000
    # Akool Multilingual 2 takes a word.
    assert speak(voice_options={"style": "cheerful"}).to_wire()["voice_options"] == {
        "style": "cheerful"
    }


def test_voices_to_mix_are_sent_beside_the_voice_id_as_akool_s_sample_does() -> None:
    # N24: Akool ignores them then, and requires the voice_id all the same.
    mixed = speak(extra_options={"timber_weights": [{"voice_id": "a", "weight": 80}] * 4})
    assert len(mixed.to_wire()["extra_options"]["timber_weights"]) == 4


@pytest.mark.parametrize("voice_id", ["6a" * 12, "AbCdEfGhIjKlMnOpQrSt", "a-_" * 21 + "a"])
def test_a_voice_id_has_any_shape(voice_id: str) -> None:
    assert speak(voice_id=voice_id).voice_id == voice_id  # N26


# Recordings


def test_a_changed_voice_has_options_of_its_own() -> None:
    request = ChangeVoice(
        voice_id="v",
        source_voice_file=TALK,
        voice_options=ChangeOptions(speed=1, file_format="wav"),
    )
    assert request.to_wire()["voice_options"] == {"speed": 1.0, "file_format": "wav"}
    for wrong in ({"volume": 1}, {"file_format": "ogg"}, {"style": "cheerful"}, {"speed": 2}):
        field, _ = refused(ChangeVoice, voice_id="v", source_voice_file=TALK, voice_options=wrong)
        assert field == f"voice_options.{next(iter(wrong))}"


@pytest.mark.parametrize(
    "name", ["akool multilingual 3", " Akool Multilingual 3", "Akool  Multilingual 3"]
)
def test_a_misspelt_model_is_refused_with_its_spelling_and_a_new_one_is_taken(name: str) -> None:
    with pytest.raises(InvalidInput, match="write Akool Multilingual 3") as caught:
        CloneVoice(source_voice_file=TALK, voice_model_name=name)
    assert caught.value.field == "voice_model_name"
    new = ChangeVoice(source_voice_file=TALK, voice_id="a", voice_model_name="Akool Multilingual 5")
    assert new.voice_model_name == "Akool Multilingual 5"


@pytest.mark.parametrize("name", ["clone_prompt", "need_volume_normalization"])
def test_what_only_the_third_model_takes_is_refused_for_the_known_others(name: str) -> None:
    options: Any = {name: "Hello." if name == "clone_prompt" else True}
    field, rule = refused(
        CloneVoice,
        source_voice_file=TALK,
        voice_model_name="Akool Multilingual 1",
        voice_options=options,
    )
    assert field == f"voice_options.{name}"
    assert rule == "is for Akool Multilingual 3, not for Akool Multilingual 1"
    for model in (None, "Akool Multilingual 3", "Akool Multilingual 5"):
        CloneVoice(source_voice_file=TALK, voice_model_name=model, voice_options=options)


def file_of(folder: Path, name: str, size: int, head: bytes = b"ID3\x04") -> Path:
    """Make a sparse file."""
    path = folder / name
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda file: CloneVoice(source_voice_file=file), 30),
        (lambda file: ChangeVoice(source_voice_file=file, voice_id="v"), 50),
        (
            lambda file: CloneVoice(
                source_voice_file=file, voice_options=CloneOptions(clone_prompt="a")
            ),
            20,
        ),
    ],
    ids=["clone", "change", "prompted clone"],
)
def test_a_recording_may_be_a_file_of_so_many_megabytes(
    make: Any, most: int, tmp_path: Path
) -> None:
    check_files(make(file_of(tmp_path, "fits.mp3", most * MB)))
    with pytest.raises(InvalidInput, match=f"must be at most {most} MB"):
        check_files(make(file_of(tmp_path, "large.mp3", most * MB + 1)))


def test_a_recording_whose_words_are_given_is_an_mp3_or_a_wav(tmp_path: Path) -> None:
    film = file_of(tmp_path, "a.mp4", 100, b"\0\0\0\x18ftypmp42")
    check_files(CloneVoice(source_voice_file=film))
    with pytest.raises(InvalidInput, match="must be audio"):
        check_files(
            CloneVoice(source_voice_file=film, voice_options=CloneOptions(clone_prompt="a"))
        )


def test_the_webhook_s_address_has_a_large_u() -> None:
    hook = "https://hooks.example/a"
    for request in (
        speak(webhook_url=hook),
        ChangeVoice(voice_id="v", source_voice_file=TALK, webhook_url=hook),
        CloneVoice(source_voice_file=TALK, webhook_url=hook),
    ):
        assert request.to_wire()["webhookUrl"] == hook  # N7


# Lookups


def answer(**data: Any) -> HttpResponse:
    body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
    return HttpResponse(status=200, headers={}, body=body)


def test_the_two_lookups_have_the_id_in_the_path_and_their_data_at_two_depths() -> None:
    row = {"_id": "a", "status": 3, "preview": TALK, "duration": 2410}
    speech, voice = GetVoiceResource(id="a"), GetLabVoice(id="a")
    assert speech.encode().path == "/api/open/v4/voice/resource/detail/a"  # N5
    assert voice.encode().path == "/api/open/v4/voice/detail/a"
    assert speech.decode(answer(result=row)).url == TALK  # N4
    assert voice.decode(answer(**row)).duration == 2410  # N28: milliseconds


def test_a_clone_answers_one_text_for_the_tags_of_its_gender() -> None:
    made = CloneVoice(source_voice_file=TALK, voice_options=CloneOptions(gender=["Male"]))
    assert made.to_wire()["voice_options"]["gender"] == ("Male",)
    assert GetLabVoice(id="a").decode(answer(_id="a", gender="Male")).gender == "Male"  # N22


# Lists


def query_of(request: ListLabVoices | ListVoiceResources) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.encode().path).query)


@pytest.mark.parametrize(("supported", "sent"), [(True, "1"), (False, "2")])
def test_whether_a_voice_streams_is_asked_as_one_or_two_and_answered_as_a_bool(
    supported: bool,  # noqa: FBT001
    sent: str,
) -> None:
    request = ListLabVoices(type=LabVoiceType.AKOOL, support_stream=supported)
    assert query_of(request)["support_stream"] == [sent]  # N25
    assert ListLabVoices.from_wire(request.to_wire()) == request
    row = GetLabVoice(id="a").decode(answer(_id="a", support_stream=supported))
    assert row.support_stream is supported


def test_tags_are_sequences_here_and_comma_lists_there() -> None:
    request = ListLabVoices(type=1, style=["Calm", "Confident"], gender=("Male",), name="Mine")
    assert query_of(request) == {
        "type": ["1"],
        "page": ["1"],
        "size": ["100"],
        "style": ["Calm,Confident"],
        "gender": ["Male"],
        "name": ["Mine"],
    }
    for wrong in ((), ("",), ("Calm,Confident",)):
        assert refused(ListLabVoices, type=1, style=wrong)[0] == "style"


@pytest.mark.parametrize("query", [ListLabVoices, ListVoiceResources])
def test_a_type_is_one_of_two(query: Any) -> None:
    assert query(type=2) == query(type=query(type=2).type)
    assert refused(query, type=3) == ("type", "must be one of 1, 2")


# Jobs to their results


async def test_a_voice_is_cloned_and_speaks(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        job = akool.voice.clone(
            source_voice_file=TALK, name="Mine", voice_options=CloneOptions(gender=["Female"])
        )
        voice = await job
        assert job.receipt is not None
        assert job.receipt.voice_id is None
        assert voice.voice_id is not None
        assert (voice.name, voice.gender) == ("Mine", "Female")
        assert voice.url.startswith(quick.url)
        speech = await akool.voice.tts(input_text="Hello.", voice_id=voice.voice_id)
        changed = await akool.voice.change(source_voice_file=TALK, voice_id=voice.voice_id)
    for made in (speech, changed):
        assert made.status is Status.COMPLETED
        assert made.url.startswith(quick.url)
        assert made.duration
        assert made.expires_at is not None
    assert quick.requests["voice.resource"] > 0
    assert quick.requests["voice.get"] > 0


async def test_lists_show_what_was_made(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        voices = [
            await akool.voice.clone(source_voice_file=TALK, name=name) for name in ("One", "Two")
        ]
        speech = await akool.voice.tts(input_text="Hello.", voice_id="v")
        changed = await akool.voice.change(source_voice_file=TALK, voice_id="v")
        own = [each async for each in akool.voice.list(type=1, size=1)]
        assert [each.id for each in own] == [voices[1].id, voices[0].id]
        assert [each.name for each in await akool.voice.list(type=1, name="two")] == ["Two"]
        assert [each.input_text for each in await akool.voice.resources(type=1)] == ["Hello."]
        assert [each.id for each in await akool.voice.resources(type=2)] == [changed.id]
        assert (await akool.voice.resource(id=speech.id)).id == speech.id
        page = await akool.voice.list(type=2, gender=["Female"], support_stream=True)
        assert page
        assert {(each.gender, each.support_stream) for each in page} == {("Female", True)}
        assert (await akool.voice.get(id=page[0].id)).voice_id == page[0].voice_id


async def test_voices_are_deleted_and_the_others_are_told_with_their_reasons(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        voice = await akool.voice.clone(source_voice_file=TALK)
        reply = await akool.voice.delete(ids=[voice.id, "6a"])
        assert reply.success_ids == (voice.id,)
        (refusal,) = reply.no_permission_voices
        assert (refusal.id, refusal.msg) == ("6a", "VoiceId:6a resource not found")
        assert len(await akool.voice.list(type=1)) == 0
    assert DeleteLabVoices(ids=["a", "b"]).to_wire() == {"_ids": ("a", "b")}  # N6: an array
    assert refused(DeleteLabVoices, ids=[])[0] == "ids"


async def test_a_lost_answer_to_a_delete_costs_no_error(serve: Serve) -> None:
    bodies: list[bytes] = []

    async def losing(visit: Visit) -> None:
        bodies.append(visit.body)
        if len(bodies) == 1:
            visit.reset()
            return
        gone = [{"_id": "a", "msg": "resource not found"}]
        data = {"successIds": [], "noPermissionVoices": gone}
        await visit.answer(json.dumps({"code": 1000, "msg": "ok", "data": data}).encode())

    server = await serve(losing)
    retry = Retry(initial=0.002, maximum=0.005)
    async with Akool("the-key", base_url=server.url, retry=retry) as akool:
        reply = await akool.voice.delete(ids=["a"])
    assert [each.id for each in reply.no_permission_voices] == ["a"]
    assert bodies == [b'{"_ids":["a"]}'] * 2


async def test_voices_for_translations_are_listed_and_deprecated(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick, on_deprecated="ignore") as akool:
        page = await akool.voice.video_translation(language_code="pl")
    assert ListTranslationVoices.deprecated is not None
    assert {each.language_code for each in page} == {"pl"}
