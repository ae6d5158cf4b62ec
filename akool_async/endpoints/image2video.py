"""Video out of a picture: by Akool's own models, by a model of choice, with sound added later.

Text to video has the same results and lookup.
"""

from __future__ import annotations

from contextlib import suppress
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from akool_async.endpoints.faceswap_family import Ids
from akool_async.endpoints.models import ByModel, ModelType
from akool_async.endpoints.namespace import Namespace, calls, calls_in_parts, submits
from akool_async.endpoints.removal import Deleted, Kept
from akool_async.endpoints.resolution import Resolution
from akool_async.endpoints.video import ListVideos
from akool_async.errors import NotFound
from akool_async.protocol.endpoint import (
    LOWERCASE_WEBHOOK,
    Command,
    Family,
    Guess,
    Operation,
    Query,
    Webhook,
)
from akool_async.protocol.fields import (
    ABSENT,
    AudioUrl,
    Id,
    ImageUrl,
    MaybeSeveral,
    OneOf,
    Rule,
    sized,
)
from akool_async.protocol.listed import Listed
from akool_async.protocol.price import Price, begun
from akool_async.protocol.reply import Reply, Rows
from akool_async.protocol.snapshot import ID
from akool_async.protocol.value import Input, Value
from akool_async.protocol.wire import HttpResponse
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/image2video"

MOST_VIDEOS = 500
"""Ids in one lookup. No page gives a limit, and a body has none of a request line's. The client
begins with a hundred, and learns what is taken."""

_SPACING = 0.18
"""A hundred jobs in flight then take about one lookup for seven of them, and their ends are noticed
after a tenth of their usual duration."""

MOST_SHOTS = 5
"""Parts of one video that have a prompt of their own."""


class AudioType(IntEnum):
    """Where a video's sound comes from."""

    AI = 1
    """Akool makes it."""
    OWN = 2
    """From `audio_url`."""
    NONE = 3
    """The video is silent."""


class GeneratedVideo(Result):
    """A video made out of a picture or a text."""

    media_field = "video_url"

    video_url: str = ""
    """Address of the video; not there before COMPLETED (N2)."""
    cover_url: str = ""
    """Address of a picture of it."""
    create_time: int = 0
    """Milliseconds since 1970."""
    update_time: int | None = None
    """Milliseconds since 1970; may be 0, or earlier than `create_time` (N20)."""
    deduction_credit: float | None = None
    """Credits charged."""
    video_duration: float | None = None
    """Length in seconds."""
    resolution: str = ""
    model_name: str = ""
    file_name: str = ""
    image_url: str = ""
    """The picture that it was made from."""
    prompt: str = ""
    negative_prompt: str = ""
    extend_prompt: bool | None = None
    effect_code: str = ""
    effect_name: str = ""
    audio_type: int | None = None
    """Where its sound comes from, as in `AudioType`."""
    audio_url: str = ""
    only_add_audio: bool | None = None
    """Whether it is another video with sound added."""
    pre_video_id: str = ""
    """Of a video with sound added: the `id` of the one without."""
    batch_id: str = ""
    """Another id; lookups do not take it."""
    batch_count: int | None = None
    """How many videos the request asked for."""
    sub_type: int | None = None
    webhook_url: str = field(name="webhookUrl", default="")
    uid: int | None = None
    team_id: str = ""


class GetVideos(Query[tuple[GeneratedVideo, ...]]):
    """Look up videos by their ids: made out of pictures or texts, or with sound added.

    Unknown ids are left out of the reply.
    """

    path = "v4/image2Video/resultsByIds"
    method = "POST"
    docs = _PAGE
    also_in = ("https://docs.akool.com/ai-tools-suite/text2video",)
    vague_refusals = frozenset({"failed to get results"})  # of an unreadable list of ids, too (N1)
    parse = Rows(GeneratedVideo, key="result")

    ids: Ids = field(name="_ids")
    """The jobs' `id`s."""


GENERATED_VIDEOS = Family(
    name="i2v",
    result=GeneratedVideo,
    lookup=lambda ids: GetVideos(ids=ids),
    batch=MOST_VIDEOS,
    media="video",
    predicts_url=False,  # N2
    usual=Guess(90.0, spacing=_SPACING),
)


_CREDITS = {"720p": 20, "1080p": 25, "4k": 30}
"""What the page prints for 5 seconds."""
_WITH_SOUND = 1.25
"""`generate_audio` costs a fifth more; with one model a quarter."""


def _documented_credits(request: Any) -> float | None:
    """Return the printed price: of Akool's own models, and where the request names none."""
    by_akool = (getattr(request, "model_name", None) or "Akool").startswith("Akool")
    for_five = _CREDITS.get(request.resolution or "")
    if for_five is None or request.video_length is None or not by_akool:
        return None
    sound = _WITH_SOUND if getattr(request, "generate_audio", None) else 1
    return for_five * begun(request.video_length, 5) * sound


VIDEO_PRICE = Price(
    says="20 credits for each 5 s at 720p, 25 at 1080p, 30 at 4k; with `generate_audio` up to a"
    " quarter more; models that are not Akool's own may differ",
    page=_PAGE,
    date="2026-05-18",
    credits=_documented_credits,
    observed="100 for 5 s at 720p (Akool Basic, Akool Premium, Seedance Lite; 2026-10-09), 300 for"
    " 10 s at 1080p (Hailuo 2.3; 2026-09-07)",
)


class GeneratedVideoOperation(Webhook, Operation[GeneratedVideo], rename=LOWERCASE_WEBHOOK):
    """The webhook, the result and the reply of most operations of this family."""

    family = GENERATED_VIDEOS
    docs = _PAGE
    parse = Reply(GeneratedVideo)
    price = VIDEO_PRICE


def check_sound(request: Operation[GeneratedVideo], type: int, address: object) -> None:
    """Require a recording exactly where the sound is to come from it.

    Raises:
        InvalidInput: there is none, or one that would not be heard.
    """
    if (type == AudioType.OWN) != (address is not None):
        raise request.refuse("audio_url", "goes together with audio_type 2, and only with that")


class ImageToVideo(GeneratedVideoOperation):
    """Animate a picture with Akool's own model: by a text, or by an effect.

    `image2video.batch` takes other models.
    """

    path = "v4/image2Video/createBySourcePrompt"
    listed = Listed(
        lambda _: ListVideos(),
        by=("image_url", "prompt"),
        also=("effect_code", "negative_prompt", "resolution", "audio_url"),
        where={"only_add_audio": False, "batch_id": ""},
        only_ended=True,
    )

    image_url: ImageUrl
    """The picture."""
    prompt: str = ""
    """What happens in the video; left out with `effect_code`, which Akool would follow instead."""
    negative_prompt: str = ""
    """What must not be seen."""
    extend_prompt: bool | None = None
    """Whether Akool may write more about it."""
    resolution: Resolution
    """One of `720p`, `1080p` and `4k`."""
    audio_type: Annotated[AudioType | int, OneOf(AudioType)]
    """The sound: 1 is made by Akool, 2 is `audio_url`, 3 is none."""
    audio_url: AudioUrl | None = None
    """The sound, if `audio_type` is 2."""
    video_length: Literal[5, 10]
    """Seconds; 10 needs the pro plan or a higher one."""
    is_premium_model: bool | None = None
    """Whether to take the better model; it needs the pro plan or a higher one."""
    effect_code: Id | None = None
    """An effect in place of a prompt: an `effect_code` from `image2video.effects`."""

    def check(self) -> None:
        """Require a prompt or an effect, and a recording if it is to be heard."""
        if bool(self.prompt) == (self.effect_code is not None):
            named = "effect_code" if self.prompt else "prompt"
            rule = "exactly one of prompt and effect_code must be given: an effect ignores a prompt"
            raise self.refuse(named, rule)
        check_sound(self, self.audio_type, self.audio_url)


class Shot(Input):
    """A part of a video, with a prompt of its own."""

    duration: Annotated[int, Meta(ge=1)]
    """Seconds."""
    prompt: Annotated[str, Meta(min_length=1)]
    """What happens in it."""


Shots = Annotated[MaybeSeveral[Shot], sized("shots", MOST_SHOTS)]
"""One to five parts of a video."""

Seconds = Annotated[int, Meta(ge=1)]
"""A length in whole seconds; each model lists those that it can make."""

One = Annotated[
    int,
    Rule(
        "must be 1, as one request is one job: submit several requests for several videos, as"
        " akool.map does",
        lambda count: count == 1,
    ),
]
"""How many jobs a request asks for."""


class ImageToVideoBatch(ByModel, GeneratedVideoOperation):
    """Animate a picture with a model of choice, from `models.list`.

    Akool's page calls it a batch, as it can make several videos of one request: several paid jobs.
    Here it makes one. `akool.models.check(request)` says whether the model can do what is asked.
    """

    path = "v4/image2Video/createBySourcePrompt/batch"
    listed = Listed(
        lambda _: ListVideos(),
        by=("image_url", "prompt"),
        also=("model_name", "negative_prompt", "resolution"),
        where={"only_add_audio": False},
        only_ended=True,
    )
    parse = Reply(GeneratedVideo, in_array=True, inside="successList", beside="errorList")
    model_type: ClassVar[int] = ModelType.IMAGE_TO_VIDEO

    image_url: ImageUrl
    """The picture, which is the first frame."""
    prompt: Annotated[str, Meta(min_length=1)]
    """What happens in the video."""
    model_name: Id | None = None
    """The model: a `value` from `models.list(types=[1501])`, such as `AkoolImage2VideoFastV1`,
    `AkoolImage2VideoHDV1`, `seedance-1-0-lite-i2v-250428` or
    `kwaivgi/kling-v3.0-std/image-to-video`. Akool chooses if not given."""
    negative_prompt: str | None = None
    """What must not be seen."""
    extend_prompt: bool | None = None
    """Whether Akool may write more about it, if the model's `supported_extend_prompt` says so."""
    resolution: Resolution | None = None
    """A value of the model's `resolution_list`, such as `480p`, `720p`, `1080p` or `4k`; left out
    for a model without one (N14)."""
    video_length: Seconds
    """Seconds: one of the model's `duration_list`."""
    last_image_url: ImageUrl | None = None
    """The last frame, if the model's `supported_last_frame` says so."""
    generate_audio: bool | None = None
    """Whether the model makes sound, too, which costs extra; only for models that can."""
    multi_prompt: Shots = ABSENT
    """Shots, each with its prompt; their durations add up to `video_length`. For
    `kwaivgi/kling-video-o3-pro/image-to-video`."""
    count: One = 1
    """Always 1."""

    def check(self) -> None:
        """Require a resolution where no model says otherwise, and shots that fill the video."""
        if self.resolution is None and self.model_name is None:
            raise self.refuse("resolution", "is required without model_name")
        lengths = [shot.duration for shot in self.multi_prompt or ()]
        if lengths and sum(lengths) != self.video_length:
            rule = f"its durations must add up to video_length, which is {self.video_length}"
            raise self.refuse("multi_prompt", rule)


class UpdateVideoAudio(Operation[GeneratedVideo]):
    """Make a video again with sound: a new job, with an `id` of its own.

    Sound that is asked for with the video itself costs nothing more.
    """

    path = "v4/image2Video/updateVideoAudio"
    listed = Listed(
        lambda _: ListVideos(),
        by=("pre_video_id",),
        also=("audio_url",),
        where={"only_add_audio": True},
        only_ended=True,
    )
    price = Price(
        says="5 credits for a video of 5 s, 10 for one of 10 s",
        page=_PAGE,
        date="2026-05-18",
        credits=lambda _request: 10,  # its length is not in the request
    )
    family = GENERATED_VIDEOS
    docs = _PAGE
    usual = Guess(30.0, spacing=_SPACING)
    parse = Reply(GeneratedVideo)

    pre_video_id: Id
    """The `id` of the finished video."""
    audio_type: Literal[1, 2]
    """The sound: 1 is made by Akool, 2 is `audio_url`."""
    audio_url: AudioUrl | None = None
    """The sound, if `audio_type` is 2 (N19)."""

    def check(self) -> None:
        """Require a recording if it is to be heard."""
        check_sound(self, self.audio_type, self.audio_url)


class Effect(Value):
    """An effect for `image2video.create`."""

    effect_code: str
    """The code that `image2video.create` takes."""
    name: str = ""
    logo: str = ""
    """Address of a picture of it."""
    video_url: str = ""
    """Address of a video that shows it."""
    create_time: int = 0
    """Milliseconds since 1970."""
    id: str = ID


class ListEffects(Query[tuple[Effect, ...]]):
    """List the effects. Akool may know of more than it shows."""

    path = "v4/image2Video/effects"
    docs = _PAGE
    parse = Rows(Effect, key="result")


class DeletedVideos(Deleted):
    """Which videos were deleted, and which were not."""

    no_permission_items: tuple[Kept, ...] = field(name="noPermissionItems", default=())
    """Those that stay: a video that is being made, for example."""


class DeleteVideos(Command[DeletedVideos]):
    """Delete videos: made out of pictures or texts, or with sound added.

    It may refuse some of them, and delete the others: the reply says which.
    """

    path = "v4/image2Video/delbyids"
    docs = _PAGE
    repeatable = True
    parse = Reply(DeletedVideos)

    ids: Ids = field(name="_ids")
    """The jobs' `id`s."""

    def decode(self, response: HttpResponse) -> DeletedVideos:
        """Accept "not found": an earlier request, whose answer was lost, may have deleted them."""
        with suppress(NotFound):
            return super().decode(response)
        return DeletedVideos(success_ids=tuple(self.ids))


class ImageToVideoNamespace(Namespace, title="image2video"):
    """Videos out of pictures, with a text or an effect."""

    create = submits(ImageToVideo)
    batch = submits(ImageToVideoBatch)
    audio = submits(UpdateVideoAudio)
    results = calls_in_parts(GetVideos, MOST_VIDEOS)
    effects = calls(ListEffects)
    delete = calls(DeleteVideos)
