"""Videos: lip sync, translation, talking photos and talking avatars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from mimetypes import MimeTypes
from pathlib import Path, PurePosixPath
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Required,
    TypeAlias,
    TypedDict,
    Unpack,
    overload,
)
from urllib.parse import urlsplit

from msgspec import Meta, field

from akool_async.endpoints.audio import TTS, Rate, Text
from akool_async.endpoints.namespace import Namespace, calls, lists, sends, submits
from akool_async.endpoints.paging import ByPage, Page, Pages
from akool_async.errors import InvalidInput, meaning_of
from akool_async.job import Job, Jobs
from akool_async.media.several import trimmed
from akool_async.protocol.cells import is_sequence
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import (
    Family,
    Guess,
    Lookup,
    Operation,
    Query,
    Recipe,
    Steps,
    Webhook,
)
from akool_async.protocol.fields import (
    MB,
    AudioUrl,
    Coding,
    Files,
    Id,
    ImageUrl,
    OneEach,
    Rule,
    Several,
    Url,
    VideoUrl,
    is_http_url,
    sized,
)
from akool_async.protocol.reply import Reply, Rows
from akool_async.protocol.snapshot import ID, Status
from akool_async.protocol.value import Input, Value
from akool_async.result import Result

_LIP_SYNC_PAGE = "https://docs.akool.com/ai-tools-suite/lip-sync"
_TRANSLATION_PAGE = "https://docs.akool.com/ai-tools-suite/video-translation"
_TALKING_PHOTO_PAGE = "https://docs.akool.com/ai-tools-suite/talking-photo"
_MOST = Files(kinds=("video",), largest=300 * MB)
"""What two pages say of their videos, and the code 1207 of all."""

_TALKING_AVATAR_PAGE = "https://docs.akool.com/ai-tools-suite/talking-avatar"

Language = Annotated[str, Meta(min_length=1)]
"""A `lang_code` from `video.languages`, such as `en`."""


class AudioSplits(Value):
    """Addresses of what a translation makes beside its video."""

    original_srt_url: str = ""
    """Captions in the language that is spoken, as an srt file."""
    translated_srt_url: str = ""
    """The same in the target language."""
    no_caption_video_url: str = ""
    """The video without captions."""


class Video(Result):
    """A video. For a lip-synced translation, `.url` is the lip-synced video (T26)."""

    media_field = "video"
    more_media = ("audio_splits",)

    status: Status = field(name="video_status", default=Status.QUEUED)
    video: str = ""
    """Address of the video, which may not be there yet (T25)."""
    lipsync_video_url: str = ""
    """Address of the lip-synced video, if a translation asked for one."""
    external_video: str = ""
    create_time: int = 0
    """Milliseconds since 1970."""
    video_id: str | None = None
    """Another id; lookups do not take it."""
    task_id: str | None = None
    """Another id; lookups do not take it."""
    video_lock_duration: float | None = None
    """Length of the video in seconds, estimated at creation."""
    deduction_lock_duration: float | None = None
    """Credits set aside at creation."""
    deduction_duration: float | None = None
    """Credits charged in the end."""
    error_code: int | None = None
    """Why it failed, where Akool says."""
    progress: float | None = None
    """Percent, where Akool says."""
    target_video: str = ""
    """The input video."""
    input_audio: str = ""
    """The input recording."""
    talking_photo: str = ""
    """The input photo."""
    image_url: str = ""
    """The input picture of a character swap."""
    video_url: str = ""
    """The input video of a character swap (N2)."""
    deduction_credit: float | None = None
    """Credits of a character swap; 0 after a failure."""
    video_duration: float | None = None
    """Seconds of a character swap."""
    model_name: str = ""
    resolution: str = ""
    source_language: str = ""
    language: str = ""
    """The target language."""
    lipsync: bool | None = None
    """Whether lip sync was requested."""
    lip_sync_type: bool | int | None = field(name="lipSyncType", default=None)
    """A number in replies of newer translations."""
    speaker_num: int | None = None
    audio_splits: AudioSplits = AudioSplits()
    """The captions of a translation, and its video without them; `urls` has them, too."""
    team_id: str = ""
    pre_video_id: str = ""
    target_video_md5: str = ""
    faceswap_quality: int | None = None
    storage_loc: int | None = None
    type: int | None = None
    sub_type: int | None = None
    from_: int | None = field(name="from", default=None)
    uid: int | None = None

    @property
    def media_url(self) -> str:
        """The lip-synced video if there is one, else the video."""
        return trimmed(self.lipsync_video_url) or trimmed(self.video)

    @property
    def reason(self) -> str:
        """Why the job failed, in one line; may be empty."""
        if self.told or not self.error_code:
            return self.told
        return f"{meaning_of((), self.error_code).sentence} [code {self.error_code}]".lstrip()


class GetVideo(Lookup[Video]):
    """Look up a video by its id."""

    path = "v3/content/video/infobymodelid"
    docs = _LIP_SYNC_PAGE
    also_in = (_TRANSLATION_PAGE, _TALKING_PHOTO_PAGE, _TALKING_AVATAR_PAGE)
    parse = Reply(Video)

    id: Id = field(name="video_model_id")
    """The job's `id`."""


VIDEOS = Family(
    name="video",
    result=Video,
    lookup=lambda ids: GetVideo(id=ids[0]),
    media="video",
    usual=Guess(120.0, 1.0),
)


class VideoOperation(Webhook, Operation[Video]):
    """The fields, and the reply, of every operation of this family."""

    family = VIDEOS
    parse = Reply(Video)


class LipSync(VideoOperation):
    """Move the mouth of the person in a video in time with a recording."""

    path = "v3/content/video/lipsync"
    docs = _LIP_SYNC_PAGE

    video_url: Annotated[VideoUrl, _MOST]
    """The video, at most 60 s, 300 MB and 60 frames per second; best at 25 or fewer."""
    audio_url: AudioUrl
    """The recording; it should be as long as the video."""


def _is_one_language(text: str) -> bool:
    return "," not in text


class StudioVoice(Input, omit_defaults=True):
    """How a translation speaks."""

    no_translate_words: Sequence[str] | None = None
    """Words that stay as they are, such as names."""
    fixed_words: Mapping[str, str] | None = None
    """Translations of words, such as `{"hello": "hola"}`."""
    pronounced_words: Mapping[str, str] | None = None
    """How words are to be pronounced."""
    style: (
        Literal[
            "affectionate",
            "angry",
            "calm",
            "cheerful",
            "depressed",
            "disgruntled",
            "embarrassed",
            "empathetic",
            "excited",
            "fearful",
            "friendly",
            "unfriendly",
            "sad",
            "serious",
            "relaxed",
            "professional",
        ]
        | None
    ) = None
    """The tone of the voice; Akool takes `professional` if it is not given."""


class DubbingVoice(Input):
    """The voice of one language of a translation."""

    voice_id: Id
    """A voice's `voice_id`."""


class TranslateVideo(VideoOperation):
    """Translate the speech in a video, into one language.

    Each language is a job of its own, with its own price and result. `akool.video.translate` takes
    a sequence of languages, and returns a job for each; `TranslateVideo.each` makes the requests.
    """

    path = "v3/content/video/createbytranslate"
    docs = _TRANSLATION_PAGE
    usual = Guess(240.0, 1.0)

    url: Annotated[VideoUrl, _MOST]
    """The video, at most 60 s, 300 MB and 30 frames per second, and with sound."""
    source_language: Language = "DEFAULT"
    """The `lang_code` of the spoken language; `DEFAULT` lets Akool detect it."""
    language: Annotated[
        Language,
        # N10: Akool starts a job for each part of a text with commas, and names one of them.
        OneEach(
            "must be one lang_code, because each language is a job of its own: give a list to"
            " akool.video.translate() or TranslateVideo.each(), write a row for each language into"
            " a manifest, or run one command for each",
            _is_one_language,
        ),
    ]
    """The `lang_code` of the target language."""
    lipsync: bool = False
    """Whether to lip-sync the new speech, too; once for each video and language."""
    speaker_num: Annotated[int, Meta(ge=0)] | None = None
    """How many people speak in the video; 0, Akool's default, lets Akool count them."""
    remove_bgm: bool | None = None
    """Whether to remove the background music."""
    caption_type: Literal[0, 1, 2, 3, 4] | None = None
    """Captions: 0 none (Akool's default), 1 add the original ones, 2 add those of the target
    language, 3 translate the video's own and put them in their place, 4 add translated ones."""
    caption_url: Annotated[Url, Files(formats=(".srt", ".ass"))] | None = None
    """Captions of your own, as an srt or ass file."""
    studio_voice: StudioVoice | None = None
    """How it is spoken; a dict of the same shape is taken too."""
    dynamic_duration: bool | None = None
    """Whether the video may become longer or shorter, to suit the new speech."""
    voices_map: (
        Annotated[
            Mapping[str, DubbingVoice], Deprecated(since="2025-11-25", page=_TRANSLATION_PAGE)
        ]
        | None
    ) = None
    """The voice of the target language, such as `{"fr": {"voice_id": "..."}}`. Akool's own demo
    still sends it."""

    def check(self) -> None:
        """Require that a voice is one of the language asked for."""
        if self.voices_map is not None and {*self.voices_map} - {self.language}:
            raise self.refuse("voices_map", f"must name voices of {self.language!r} only")

    @classmethod
    def each(cls, *, language: Sequence[str], **fields: Any) -> tuple[TranslateVideo, ...]:
        """Return one request for each of several languages, for `akool.map` and batches.

        Args:
            language: The `lang_code` of each target language.
            fields: The other fields, the same for all. Of `voices_map`, each request gets the
                voice of its own language.

        Raises:
            InvalidInput: there is no language, one of them twice, or a field breaks a rule.
        """
        languages = [language] if isinstance(language, str) else [*language]
        if not languages or len({*languages}) < len(languages):
            rule = "must name one language at least, and each of them once"
            raise InvalidInput("language", language, rule, owner=cls.__name__)
        voices: Mapping[str, Any] = fields.pop("voices_map", None) or {}
        if unasked := {*voices} - {*languages}:
            rule = f"must name voices of the languages asked for only, not {', '.join(unasked)}"
            raise InvalidInput("voices_map", voices, rule, owner=cls.__name__)
        own = ({each: voices[each]} if each in voices else None for each in languages)
        return tuple(
            cls(language=each, voices_map=voice, **fields)
            for each, voice in zip(languages, own, strict=True)
        )


_HEIGHTS = range(10_000)


def _without_type(value: object) -> object:
    """Return a whole number, such as from a cell of a spreadsheet, as a text."""
    return str(value) if type(value) is int and value in _HEIGHTS else value


class TalkingPhoto(VideoOperation):
    """Let the person in a photo say a recording."""

    path = "v3/content/video/createbytalkingphoto"
    docs = _TALKING_PHOTO_PAGE
    usual = Guess(90.0, 1.0)

    talking_photo_url: ImageUrl
    """The photo."""
    audio_url: AudioUrl
    """The recording."""
    prompt: Annotated[str, Meta(min_length=1)] | None = None
    """How the person moves, in words."""
    resolution: Annotated[Literal["720", "1080"], Coding(str, _without_type)] | None = None
    """The height of the video in pixels, as a text without a p (N21)."""


_FORMATS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".mp4", ".mov", ".avi"})
_HEX = frozenset("0123456789abcdefABCDEF")


@cache
def _known_types() -> MimeTypes:
    return MimeTypes()


def _is_picture_or_movie(url: str) -> bool:
    """Refuse the extensions of other formats; Akool judges addresses without an extension."""
    extension = PurePosixPath(urlsplit(url).path).suffix.lower()
    return extension in _FORMATS or _known_types().guess_type(f"a{extension}") == (None, None)


def _is_link_or_colour(text: str) -> bool:
    if text.startswith("#"):
        return len(text) in {4, 7} and set(text[1:]) <= _HEX
    return is_http_url(text)


_Visible = Rule(
    "must be png, jpg, jpeg, webp, mp4, mov or avi, if its name says what it is",
    _is_picture_or_movie,
)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


Number = Annotated[int | float, Rule("must be finite", _is_finite)]


_VISIBLE_FILES = Files(kinds=("image", "video"), formats=tuple(sorted(_FORMATS)))

if TYPE_CHECKING:
    Background: TypeAlias = str | Path
else:  # as `Url`
    Background = Annotated[
        str,
        Rule("must be an http or https URL, or a colour such as #aafbe3", _is_link_or_colour),
        _Visible,
        _VISIBLE_FILES,
    ]
"""The address, or the path, of a picture; or a colour in hexadecimal."""


class AvatarElement(Input, tag_field="type", tag="avatar", omit_defaults=True):
    """The speaking avatar of a talking avatar video: one of Akool's, or your own."""

    scale_x: Number
    """Horizontal scale; 1 keeps the size."""
    scale_y: Number
    """Vertical scale; 1 keeps the size."""
    offset_x: Number
    """Left edge in the picture, in pixels."""
    offset_y: Number
    """Top edge in the picture, in pixels."""
    url: Annotated[Url, _Visible, _VISIBLE_FILES] | None = None
    """Your own avatar, with `avatar_from=3`."""
    avatar_id: Id | None = None
    """An avatar's `avatar_id`, from `avatar.list`."""
    width: Number | None = None
    """Width in pixels."""
    height: Number | None = None
    """Height in pixels."""

    def check(self) -> None:
        """Require one source of the avatar."""
        if (self.url is None) == (self.avatar_id is None):
            raise self.refuse("avatar_id", "exactly one of avatar_id and url must be given")


class ImageElement(Input, tag_field="type", tag="image", omit_defaults=True):
    """A picture, or a plain colour, in a talking avatar video."""

    url: Background
    """The picture; or a colour in hexadecimal."""
    scale_x: Number
    """Horizontal scale; 1 keeps the size."""
    scale_y: Number
    """Vertical scale; 1 keeps the size."""
    offset_x: Number
    """Left edge in the picture, in pixels."""
    offset_y: Number
    """Top edge in the picture, in pixels."""
    width: Number | None = None
    """Width in pixels."""
    height: Number | None = None
    """Height in pixels."""


class AudioElement(Input, tag_field="type", tag="audio", omit_defaults=True):
    """What the avatar says: a recording, or a text in a voice."""

    url: AudioUrl | None = None
    """The recording; the text is ignored beside it."""
    input_text: Annotated[str, sized("characters", 50_000)] | None = None
    """The text, with `voice_id`: at most 5000 characters in the plan Pro, 10 000 in Pro Max and
    50 000 in Business. No job of `audio.tts` is needed."""
    voice_id: Id | None = None
    """The voice that says the text."""

    def check(self) -> None:
        """Require a recording, or a text with its voice."""
        if (self.input_text is None) != (self.voice_id is None):
            raise self.refuse("voice_id", "input_text and voice_id go together")
        if self.url is None and self.input_text is None:
            raise self.refuse("url", "a recording, or input_text and voice_id, must be given")


Element = AvatarElement | ImageElement | AudioElement


def _is_nonempty(elements: Sequence[object]) -> bool:
    return bool(elements)


class TalkingAvatar(VideoOperation):
    """Let an avatar say a recording, in a scene of several elements."""

    path = "v3/talkingavatar/create"
    docs = _TALKING_AVATAR_PAGE

    avatar_from: Literal[2, 3, 7]
    """2 for Akool's avatars, 3 for the account's own and for one given by its URL, 7 for one that
    AI has made; 7 stands on a page that Akool has not published yet."""
    elements: Annotated[Several[Element], Rule("must hold at least one element", _is_nonempty)]
    """The elements of the video; dicts of the same shape are taken too."""
    width: Literal[3840] = 3840
    """Width of the video in pixels; only 3840 is accepted (T28)."""
    height: Literal[2160] = 2160
    """Height of the video in pixels; only 2160 is accepted (T28)."""

    def check(self) -> None:
        """Require `avatar_from=3` for an avatar given by its URL."""
        for index, element in enumerate(self.elements):
            own = isinstance(element, AvatarElement) and element.url is not None
            if own and self.avatar_from != 3:  # noqa: PLR2004 - the page's number for own avatars
                field = f"elements[{index}].url"
                raise InvalidInput(field, element.url, "needs avatar_from=3", owner="TalkingAvatar")


class _Spoken(Webhook, Recipe[Video]):
    """The fields of recipes that begin with a text."""

    family = VIDEOS

    input_text: Text
    """The text to say: at most 5000 words."""
    voice_id: Id
    """A voice's `voice_id`, from `audio.voices`."""
    rate: Rate = "100%"
    """The speed of the speech, from `0%` to `100%`."""

    async def speech(self, steps: Steps) -> str:
        """Say the text, as a paid job of its own; return the recording's address."""
        tts = TTS(input_text=self.input_text, voice_id=self.voice_id, rate=self.rate)
        return (await steps.run(tts)).url


class SpeakingPhoto(_Spoken):
    """Let the person in a photo say a text: text to speech, then talking photo."""

    docs = _TALKING_PHOTO_PAGE

    talking_photo_url: ImageUrl
    """The photo."""

    async def prepare(self, steps: Steps, /) -> Operation[Video]:
        """Say the text."""
        return TalkingPhoto(
            talking_photo_url=self.talking_photo_url,
            audio_url=await self.speech(steps),
            webhook_url=self.webhook_url,
        )


class SpeakingAvatar(_Spoken):
    """Let an avatar from the list say a text: text to speech, then talking avatar.

    An `AudioElement` with `input_text` and `voice_id` does it in one job, by `talking_avatar`.
    """

    docs = _TALKING_AVATAR_PAGE

    avatar_id: Id
    """An avatar's `avatar_id`, from `avatar.list`."""
    avatar_from: Literal[2, 3, 7] = 2
    """The same avatar's `from_`: 2 for Akool's, 3 for the account's, 7 for one that AI has made."""
    background: Background | None = None
    """The background: the URL of a picture, or a colour such as `#aafbe3`."""

    async def prepare(self, steps: Steps, /) -> Operation[Video]:
        """Say the text, and place the elements as in the page's example."""
        speech = AudioElement(url=await self.speech(steps))
        speaker = AvatarElement(
            avatar_id=self.avatar_id,
            scale_x=1,
            scale_y=1,
            offset_x=1920,
            offset_y=1080,
            width=1080,
            height=1080,
        )
        return TalkingAvatar(
            avatar_from=self.avatar_from,
            elements=[*self._stage(), speaker, speech],
            webhook_url=self.webhook_url,
        )

    def _stage(self) -> list[ImageElement]:
        if self.background is None:
            return []
        whole = ImageElement(
            url=self.background,
            scale_x=1,
            scale_y=1,
            offset_x=1920,
            offset_y=1080,
            width=3840,
            height=2160,
        )
        return [whole]


class SpokenLanguage(Value):
    """A source or target language of translations."""

    lang_code: str
    """The code that `video.translate` takes."""
    lang_name: str = ""
    url: str = ""
    """Address of its icon."""


class ListLanguages(Query[tuple[SpokenLanguage, ...]]):
    """List the source and target languages of translations."""

    path = "v3/language/list"
    docs = _TRANSLATION_PAGE
    parse = Rows(SpokenLanguage, key="lang_list")


class ListedVideo(Value):
    """A video in the list."""

    id: str = ID
    type: int | None = None
    """15 in all rows that anybody has seen: image to video."""
    sub_type: int | None = None
    status: Status = field(name="video_status", default=Status.QUEUED)
    create_time: int = 0
    """Milliseconds since 1970."""
    update_time: int = 0
    """Milliseconds since 1970."""
    video: str = ""
    """Address of the video."""
    external_video: str = ""
    image_url: str = ""
    """The picture that it was made from."""
    prompt: str = ""
    negative_prompt: str = ""
    effect_code: str = ""
    model_name: str = ""
    resolution: str = ""
    video_duration: float | None = None
    """Seconds."""
    audio_type: int | None = None
    audio_url: str = ""
    pre_video_id: str = ""
    """The video that it was made from."""
    only_add_audio: bool | None = None
    """Whether only its audio was made."""
    batch_id: str = ""
    deduction_credit: float | None = None
    webhook_url: str = field(name="webhookUrl", default="")
    uid: int | None = None


class ListVideos(ByPage, Query[Page[ListedVideo]]):
    """List videos that the API made of images, a page at a time.

    No page of Akool's documents this list; it was seen to work in October 2026. It never
    shows other kinds of videos, and nobody has seen one there that had not ended.
    """

    path = "v3/content/video/list"
    docs = "https://docs.akool.com/ai-tools-suite/image2video"
    parse = Pages(ListedVideo, key="result")

    size: Annotated[int, Meta(ge=1)] = 50
    """Videos on a page."""


class _Translated(TypedDict, total=False):
    """The fields of `TranslateVideo` but the language, for type checkers and editors."""

    url: Required[str | Path]
    source_language: str
    lipsync: bool
    speaker_num: int | None
    remove_bgm: bool | None
    caption_type: int | None
    caption_url: str | Path | None
    studio_voice: StudioVoice | Mapping[str, Any] | None
    dynamic_duration: bool | None
    voices_map: Mapping[str, DubbingVoice | Mapping[str, str] | str] | None
    webhook_url: str | None


class VideoNamespace(Namespace, title="video"):
    """Lip sync, translation, talking photos and talking avatars."""

    lip_sync = submits(LipSync)
    talking_photo = submits(TalkingPhoto)
    talking_avatar = submits(TalkingAvatar)
    speaking_photo = submits(SpeakingPhoto)
    speaking_avatar = submits(SpeakingAvatar)
    get = calls(GetVideo)
    languages = calls(ListLanguages)
    list = lists(ListVideos)

    @overload
    def translate(  # type: ignore[overload-overlap] # pyright: ignore[reportOverlappingOverload] - a text is a sequence, too
        self, *, language: str, **fields: Unpack[_Translated]
    ) -> Job[Video]: ...

    @overload
    def translate(
        self, *, language: Sequence[str], **fields: Unpack[_Translated]
    ) -> Jobs[Video]: ...

    @sends(TranslateVideo, shown=True)
    def translate(self, *, language: Any, **fields: Any) -> Job[Video] | Jobs[Video]:
        """Translate the speech in a video, into one language or into several.

        One language gives a job; a sequence of them gives `Jobs`, one for each language.

        Args:
            language: The `lang_code` of the target language, or a sequence of them.
            **fields: The fields of `TranslateVideo`; of `voices_map`, each job gets its own voice.

        Raises:
            InvalidInput: a field breaks a rule, or a language is named twice. No job is started.
        """
        if not is_sequence(language):
            return self.executor.submit(TranslateVideo(language=language, **fields))
        requests = TranslateVideo.each(language=language, **fields)
        # A deprecated field warns at its first use, and a filter may make an error of that: then no
        # job may have been started.
        in_turn = sorted(requests, key=lambda each: each.voices_map is None)
        jobs = {each.language: self.executor.submit(each) for each in in_turn}
        return Jobs(jobs[each.language] for each in requests)
