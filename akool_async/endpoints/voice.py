"""VoiceLab: text to speech, the voice of a recording changed, and cloned voices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, field

from akool_async.endpoints.namespace import Namespace, calls, lists, submits
from akool_async.endpoints.paging import ByPage, Page, Pages
from akool_async.endpoints.removal import Deleted, Kept
from akool_async.errors import InvalidInput
from akool_async.protocol.cells import plain_number
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import (
    Command,
    Family,
    Guess,
    Lookup,
    Operation,
    Query,
    Webhook,
)
from akool_async.protocol.fields import (
    MB,
    AudioUrl,
    Coding,
    CommaSeparated,
    FieldPlan,
    Files,
    Id,
    OneOf,
    Rule,
    Share,
    listable,
    sized,
    spelt,
)
from akool_async.protocol.listed import Listed
from akool_async.protocol.price import Price
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import ID
from akool_async.protocol.value import Input, Value
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/voiceLab"
_TRANSLATION_PAGE = "https://docs.akool.com/ai-tools-suite/video-translation"

MOST_CHARACTERS = 50_000
"""The most characters that any plan may have spoken at once."""


def _is_speakable(text: str) -> bool:
    return len(text) <= MOST_CHARACTERS and bool(text.strip())


def _is_language(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z]{2}", text) is not None


def _are_readings(rows: Sequence[str]) -> bool:
    return all(all(part.strip() for part in row.partition("/")) for row in rows)


def _are_ids(ids: Sequence[str]) -> bool:
    return bool(ids) and all(ids)


_SPOKEN = Rule(f"must hold 1 to {MOST_CHARACTERS} characters", _is_speakable)

_MODELS: Final = tuple(f"Akool Multilingual {number}" for number in (1, 2, 3, 4))

VoiceModel = Annotated[str, spelt(*_MODELS)]
"""A model that speaks."""

Speed = Annotated[float, Meta(ge=0.7, le=1.2)]
"""A speed; 1 is the voice's own."""

Turn = Annotated[int, Meta(ge=-100, le=100)]
"""A change, from -100 to 100; 0 changes nothing."""

_Language = Annotated[str, Rule("must be two letters", _is_language)]
"""A language by ISO 639-1, such as `en`."""

Tags = Annotated[CommaSeparated, listable("tag")]
"""Tags of voices; a voice with one of them is found."""


# Results


class VoiceResource(Result):
    """Speech, as a file: of a text, or of a recording whose voice was changed."""

    media_field = "preview"

    preview: str = ""
    """Address of the file; there is none before COMPLETED."""
    duration: int | None = None
    """Length of the speech in milliseconds (N28); 0 before COMPLETED."""
    deduction_credit: float | None = None
    """Credits charged; fractions count."""
    create_time: int = 0
    """Milliseconds since 1970."""
    update_time: int = 0
    """Milliseconds since 1970; 0 for never (N20)."""
    input_text: str = ""
    """The text that is said; empty for a changed voice."""
    source_voice_file: str = ""
    """The recording whose voice is changed. Only the create reply has it."""
    voice_id: str | None = None
    """The voice. Only the create reply has it."""
    voice_model_id: str | None = None
    """The voice's `id`. Only the create reply has it."""
    language_code: str = ""
    gender: str = ""
    rate: str = ""
    name: str = ""
    """A name that Akool gave."""
    file_name: str = ""
    priority: int | None = None
    uid: int | None = None
    webhook_url: str = field(name="webhookUrl", default="")
    team_id: str | None = None


class LabVoice(Result):
    """A voice: cloned from a recording, or one of Akool's own. Usable once it is COMPLETED.

    `.url` and `.save()` are about its sample, which is kept for 7 days; the voice stays.
    """

    media_field = "preview"

    voice_id: str | None = None
    """The id that `voice.tts` and `voice.change` take; `None` before COMPLETED. Its shape
    differs from voice to voice (N26)."""
    name: str = ""
    preview: str = ""
    """Address of a sample; there is none before COMPLETED."""
    text: str = ""
    """What the sample says."""
    duration: int | None = None
    """Length in milliseconds (N28)."""
    gender: str = ""
    """One text (N22)."""
    age: tuple[str, ...] = ()
    style: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    language: str = ""
    """Name of its language, such as `Polish`."""
    locale: str = ""
    """Its language by ISO 639-1."""
    voice_model_name: str = ""
    """The model that speaks with it. `voice.tts` says which of its options each model takes."""
    support_stream: bool | None = None
    """Whether a live avatar can speak with it."""
    deduction_credit: float | None = None
    """Credits charged: 0, as a plan counts voices."""
    source_voice_file: str = ""
    """The recording. Only the create reply has it."""
    create_time: int = 0
    """Milliseconds since 1970."""
    update_time: int = 0
    """Milliseconds since 1970; 0 for never (N20)."""
    uid: int | None = None
    webhook_url: str = field(name="webhookUrl", default="")
    team_id: str | None = None


class GetVoiceResource(Lookup[VoiceResource]):
    """Look up a speech by its id."""

    path = "v4/voice/resource/detail/{_id}"
    docs = _PAGE
    parse = Reply(VoiceResource, inside="result")  # N4

    id: Id = field(name="_id")
    """The job's `id`."""


class GetLabVoice(Lookup[LabVoice]):
    """Look up a voice by its id."""

    path = "v4/voice/detail/{_id}"
    docs = _PAGE
    parse = Reply(LabVoice)

    id: Id = field(name="_id")
    """The voice's `id`: not its `voice_id`."""


VOICE_RESOURCES = Family(
    name="voice_resource",
    result=VoiceResource,
    lookup=lambda ids: GetVoiceResource(id=ids[0]),
    media="audio",
    usual=Guess(10.0),
    predicts_url=False,
)
LAB_VOICES = Family(
    name="voice",
    result=LabVoice,
    lookup=lambda ids: GetLabVoice(id=ids[0]),
    media="audio",
    usual=Guess(30.0),
    predicts_url=False,
)


class VoiceResourceOperation(Webhook, Operation[VoiceResource]):
    """The reply of every operation of this family."""

    family = VOICE_RESOURCES
    docs = _PAGE
    parse = Reply(VoiceResource)


# Text to speech


class SpeechOptions(Input, omit_defaults=True):
    """How a text is said. A voice's model ignores the options of other models."""

    stability: Share | None = None
    """How even the voice stays, from 0 to 1; Akool Multilingual 1."""
    similarity_boost: Share | None = None
    """How near to the original voice, from 0 to 1; Akool Multilingual 1."""
    style: Share | Id | None = None
    """How strong its style is, from 0 to 1; Akool Multilingual 1. Akool Multilingual 2 takes a
    word, such as `cheerful`."""
    speed: Speed | None = None
    """From 0.7 to 1.2; Akool Multilingual 1, 2 and 3."""
    speaker_boost: bool | None = None
    """Whether to come nearer to the original speaker; Akool Multilingual 1."""
    emotion: (
        Literal["happy", "sad", "angry", "fearful", "disgusted", "surprised", "neutral"] | None
    ) = None
    """For Chinese voices of Akool Multilingual 2 and 3."""
    volume: Annotated[int, Meta(ge=0, le=100)] | None = None
    """From 0 to 100; Akool Multilingual 2 and 3."""


class AudioSetting(Input, omit_defaults=True):
    """The form of the file, for Akool Multilingual 3."""

    sample_rate: Literal[8000, 16000, 22050, 24000, 32000, 44100] | None = None
    """Samples a second; 32000 if not given."""
    bitrate: Literal[32000, 64000, 128000, 256000] | None = None
    """Bits a second of an mp3; 128000 if not given."""
    format: Literal["mp3", "wav"] | None = None
    """`mp3` if not given."""
    channel: Literal[1, 2] | None = None
    """1 for mono, 2 for stereo; 1 if not given."""

    def check(self) -> None:
        """Refuse the bit rate of a wav."""
        if self.bitrate is not None and self.format == "wav":
            raise self.refuse("bitrate", "is for mp3 only")


class TimberWeight(Input):
    """The share of one voice in a mixed voice."""

    voice_id: Id
    """The voice."""
    weight: Annotated[int, Meta(ge=1, le=100)]
    """Its weight, from 1 to 100."""


class PronunciationDict(Input):
    """How words are read, for Akool Multilingual 3."""

    tone: Annotated[
        Sequence[str],
        Rule("must hold a word and its reading each, such as omg/oh my god", _are_readings),
    ]
    """A word, a slash and its reading each: `omg/oh my god`, or `emeishan/(e2)(mei2)(shan1)`."""


class VoiceModify(Input, omit_defaults=True):
    """Changes of the voice, for Akool Multilingual 3."""

    pitch: Turn | None = None
    """From -100 (deeper) to 100 (brighter)."""
    intensity: Turn | None = None
    """From -100 (stronger) to 100 (softer)."""
    timbre: Turn | None = None
    """From -100 (fuller) to 100 (crisper)."""
    sound_effects: (
        Literal["spacious_echo", "auditorium_echo", "lofi_telephone", "robotic"] | None
    ) = None
    """One effect."""


class ExtraOptions(Input, omit_defaults=True):
    """Further options of a text. A model ignores those of others."""

    previous_text: str | None = None
    """What was said before, for a natural transition; Akool Multilingual 1."""
    next_text: str | None = None
    """What is said after it; Akool Multilingual 1."""
    apply_text_normalization: Literal["auto", "on", "off"] | None = None
    """Whether numbers and such are spelt out; Akool Multilingual 1."""
    apply_language_text_normalization: bool | None = None
    """The same by the rules of the language; slow; Japanese, Akool Multilingual 1."""
    latex_read: bool | None = None
    """Whether formulas in LaTeX are read; Akool Multilingual 3."""
    text_normalization: bool | None = None
    """Whether numbers are read better, which takes a little longer; Akool Multilingual 3."""
    audio_setting: AudioSetting | None = None
    """The form of the file; Akool Multilingual 3."""
    timber_weights: Annotated[Sequence[TimberWeight], sized("voices", 4, least=0)] | None = None
    """Up to 4 voices to mix; Akool Multilingual 3. The page says that Akool ignores them where
    there is a `voice_id`, which it requires all the same (N24)."""
    pronunciation_dict: PronunciationDict | None = None
    """How words are read; Akool Multilingual 3."""
    voice_modify: VoiceModify | None = None
    """Changes of the voice; Akool Multilingual 3."""
    subtitle_enable: bool | None = None
    """Whether subtitles are made; no page says where they come out. Akool Multilingual 3."""


class SpeakText(VoiceResourceOperation):
    """Say a text in a voice.

    An option that the voice's model does not have is ignored, not refused: a voice's
    `voice_model_name` says which model it has.
    """

    path = "v4/voice/tts"
    listed = Listed(
        lambda _: ListVoiceResources(type=VoiceResourceType.TTS),
        by=("input_text",),
        also=("language_code",),
    )
    price = Price(
        says="4.4 credits for 1000 characters with the plan Pro, 3.2 with Pro Max, 2.4 with"
        " Business",
        page=_PAGE,
        date="2026-05-18",
        credits=lambda request: 4.4 * len(request.input_text) / 1000,
    )

    input_text: Annotated[str, _SPOKEN]
    """The text: at most 5000 characters with the plan Pro, 10 000 with Pro Max, 50 000 with
    Business."""
    voice_id: Id
    """A voice's `voice_id` or `id`, from `voice.list`."""
    voice_options: SpeechOptions | None = None
    """How it is said; a dict of the same shape is taken too."""
    language_code: _Language | None = None
    """Language of the text by ISO 639-1, such as `en`; Akool Multilingual 1, 3 and 4."""
    pitch: Annotated[int, Meta(ge=-12, le=12)] | None = None
    """From -12 to 12, 0 for the voice's own; Akool Multilingual 3 (N23)."""
    extra_options: ExtraOptions | None = None
    """Further options; a dict of the same shape is taken too."""


# A changed voice


class ChangeOptions(Input, omit_defaults=True):
    """How a recording is said in another voice."""

    stability: Share | None = None
    """How even the voice stays, from 0 to 1."""
    similarity_boost: Share | None = None
    """How near to the original voice, from 0 to 1."""
    style: Share | None = None
    """How strong its style is, from 0 to 1."""
    speaker_boost: bool | None = None
    """Whether to come nearer to the original speaker."""
    remove_background_noise: bool | None = None
    """Whether to remove noise; no if not given."""
    speed: Speed | None = None
    """From 0.7 to 1.2; 1 if not given."""
    file_format: Literal["mp3", "wav"] | None = None
    """`mp3` if not given."""


class ChangeVoice(VoiceResourceOperation):
    """Say a recording in another voice."""

    path = "v4/voice/change"
    listed = Listed(
        lambda _: ListVoiceResources(type=VoiceResourceType.CHANGE),
        by=("source_voice_file",),
        shown={"source_voice_file": "file_name"},  # all that rows show of the address
    )
    price = Price(
        says="4.4 credits for a minute with the plan Pro, 3.2 with Pro Max, 2.4 with Business",
        page=_PAGE,
        date="2026-05-18",
    )
    usual = Guess(20.0)

    voice_id: Id
    """A voice's `voice_id` or `id`, from `voice.list`."""
    source_voice_file: Annotated[AudioUrl, Files(kinds=("audio", "video"), largest=50 * MB)]
    """The recording: at most 50 MB."""
    voice_options: ChangeOptions | None = None
    """How it is said; a dict of the same shape is taken too."""
    voice_model_name: VoiceModel | None = None
    """Only `Akool Multilingual 1`."""


# Cloned voices


class CloneOptions(Input, omit_defaults=True):
    """What is known of a voice, and how it is cloned."""

    style: Sequence[Id] | None = None
    """Tags, such as Authoritative, Calm, Confident, Enthusiastic."""
    gender: Sequence[Id] | None = None
    """Tags: Male, Female."""
    age: Sequence[Id] | None = None
    """Tags: Young, Middle, Elderly."""
    scenario: Sequence[Id] | None = None
    """Tags, such as Education. The page's sample says Advertisenment, its table
    Advertisement (N22)."""
    remove_background_noise: bool | None = None
    """Whether to remove noise; no if not given."""
    language: _Language | None = None
    """Language of the recording by ISO 639-1; `en` if not given."""
    clone_prompt: Id | None = None
    """The exact words of the recording, punctuation included, for a better clone. The recording
    is then an mp3 or wav of less than 8 seconds and at most 20 MB. Akool Multilingual 3."""
    need_volume_normalization: bool | None = None
    """Whether to even out the volume; no if not given. Akool Multilingual 3."""


_OTHER_MODELS: Final = frozenset(_MODELS) - {"Akool Multilingual 3"}
"""The known models that do not take what the third one takes. A new one may."""
_RECORDING: Final = Files(kinds=("audio", "video"), largest=30 * MB)
_PROMPTED: Final = Files(kinds=("audio",), formats=(".mp3", ".wav"), largest=20 * MB)


class CloneVoice(Webhook, Operation[LabVoice]):
    """Clone a voice from a recording. The job's result has the `voice_id` to speak with.

    A plan keeps so many voices: 30 with Pro, 180 with Max, 500 with Business.
    """

    path = "v4/voice/clone"
    listed = Listed(
        lambda _: ListLabVoices(type=LabVoiceType.OWN),
        by=("name",),
        also=("source_voice_file", "voice_model_name"),
    )
    family = LAB_VOICES
    docs = _PAGE
    parse = Reply(LabVoice)

    source_voice_file: Annotated[AudioUrl, _RECORDING]
    """The recording: mp3, mp4, wav and others, at most 30 MB."""
    name: str | None = None
    """A name for the voice."""
    voice_model_name: VoiceModel | None = None
    """The model that is to speak with it: Akool Multilingual 1, 3 or 4."""
    voice_options: CloneOptions | None = None
    """What is known of the voice; a dict of the same shape is taken too."""

    def check(self) -> None:
        """Refuse options that the model is known not to have."""
        if self.voice_options is None or self.voice_model_name not in _OTHER_MODELS:
            return
        for name in ("clone_prompt", "need_volume_normalization"):
            if value := getattr(self.voice_options, name):
                rule = f"is for Akool Multilingual 3, not for {self.voice_model_name}"
                raise InvalidInput(f"voice_options.{name}", value, rule, owner="CloneVoice")

    def files_for(self, plan: FieldPlan) -> Files | None:
        """Take less where the recording's words are given."""
        prompted = self.voice_options is not None and self.voice_options.clone_prompt
        return _PROMPTED if plan.files is not None and prompted else plan.files


# Calls


class VoiceResourceType(IntEnum):
    """What a speech was made of."""

    TTS = 1
    CHANGE = 2


class ListVoiceResources(ByPage, Query[Page[VoiceResource]]):
    """List the speeches that were made, the newest first, a page at a time."""

    path = "v4/voice/resource/list"
    docs = _PAGE
    parse = Pages(VoiceResource)

    type: Annotated[VoiceResourceType | int, OneOf(VoiceResourceType)]
    """1 for texts that were said, 2 for changed voices."""


class LabVoiceType(IntEnum):
    """Whose a voice is."""

    OWN = 1
    AKOOL = 2


_STREAMS: Final[Mapping[Any, bool]] = {1: True, 2: False, "1": True, "2": False}


def _one_or_two(supported: bool) -> int:  # noqa: FBT001 - the value of a field
    return 1 if supported else 2


def _from_one_or_two(value: Any) -> Any:
    number = plain_number(value)
    known = isinstance(number, int | float | str) and number in _STREAMS
    return _STREAMS[number] if known else value


class ListLabVoices(ByPage, Query[Page[LabVoice]]):
    """List voices, the account's own or Akool's, a page at a time."""

    path = "v4/voice/list"
    docs = _PAGE
    parse = Pages(LabVoice)

    type: Annotated[LabVoiceType | int, OneOf(LabVoiceType)]
    """1 for the account's own voices, 2 for Akool's."""
    style: Tags | None = None
    """Only voices with one of these tags: Authoritative, Calm, Confident, Enthusiastic."""
    gender: Tags | None = None
    """Only voices with one of these tags: Male, Female."""
    age: Tags | None = None
    """Only voices with one of these tags: Young, Middle, Elderly."""
    scenario: Tags | None = None
    """Only voices with one of these tags: Advertisement, Education (N22)."""
    name: str | None = None
    """Only voices with a name like this one."""
    support_stream: Annotated[bool, Coding(_one_or_two, _from_one_or_two)] | None = None
    """Only voices that a live avatar can speak with, or only others (N25)."""


class DeletedVoices(Deleted):
    """What became of the voices that were to be deleted."""

    no_permission_voices: tuple[Kept, ...] = field(name="noPermissionVoices", default=())
    """Those that are not: they are gone already, or are not the account's."""


class DeleteLabVoices(Command[DeletedVoices]):
    """Delete voices of the account's own. A voice that Akool does not delete is no error.

    The reply names such voices. It names a voice that an earlier request deleted, too.
    """

    path = "v4/voice/del"
    docs = _PAGE
    repeatable = True
    parse = Reply(DeletedVoices)

    ids: Annotated[Sequence[str], Rule("must hold at least one id", _are_ids)] = field(name="_ids")
    """The voices' `id`s: not their `voice_id`s (N6)."""


class TranslationVoice(Value):
    """A voice that a translated video can have."""

    voice_id: str
    """The id that a translation takes."""
    id: str = ID
    name: str = ""
    gender: str = ""
    language: str = ""
    language_code: str = ""
    preview: str = ""
    """Address of a sample."""
    duration: int | None = None
    """Length of the sample in milliseconds (N28)."""
    age: tuple[str, ...] = ()
    style: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    category: str = ""
    use_case: str = field(name="useCase", default="")
    thumbnail_url: str = field(name="thumbnailUrl", default="")
    flag_url: str = ""
    create_time: int = 0
    """Milliseconds since 1970."""


class ListTranslationVoices(ByPage, Query[Page[TranslationVoice]]):
    """List the voices for videos that are translated into a language, a page at a time.

    Akool's own demo still calls it.
    """

    path = "v4/voice/videoTranslation"
    docs = _TRANSLATION_PAGE
    deprecated = Deprecated(since="2025-11-25", page=_TRANSLATION_PAGE)
    parse = Pages(TranslationVoice)

    language_code: Id | None = None
    """The `lang_code` of the target language, from `video.languages`."""


class VoiceNamespace(Namespace, title="voice"):
    """VoiceLab: text to speech, changed voices and cloned voices."""

    tts = submits(SpeakText)
    change = submits(ChangeVoice)
    clone = submits(CloneVoice)
    list = lists(ListLabVoices)
    get = calls(GetLabVoice)
    resources = lists(ListVoiceResources)
    resource = calls(GetVoiceResource)
    delete = calls(DeleteLabVoices)
    video_translation = lists(ListTranslationVoices)
