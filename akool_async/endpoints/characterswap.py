"""Character swap v4: the person in a picture moves as the one in a video, or replaces that one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from akool_async.endpoints.namespace import Namespace, calls, submits
from akool_async.endpoints.persons import SWAP_MODELS, check_model
from akool_async.endpoints.video import VIDEOS, GetVideo, Video
from akool_async.protocol.endpoint import LOWERCASE_WEBHOOK, Guess, Operation, Webhook
from akool_async.protocol.fields import Files, ImageUrl, VideoUrl
from akool_async.protocol.price import Price, begun
from akool_async.protocol.reply import Reply

_PAGES = "https://docs.akool.com/ai-tools-suite/character-swap"
_MP4 = Files(kinds=("video",), formats=(".mp4",))
_PICTURES = Files(kinds=("image",), formats=(".jpeg", ".jpg", ".png"))


_WAN, _KLING_PRO, _KLING_STD = SWAP_MODELS[:3]


def _documented_credits(request: CharacterSwap) -> float | None:
    model, seconds = request.model_name or _WAN.name, request.duration
    if seconds is None:
        return None
    if model == _KLING_PRO.name:
        return 2 * seconds
    if model == _KLING_STD.name:
        return 5 * begun(seconds, 3)
    by_resolution = {"480p": 5, "720p": 10, "1080p": 15} if model == _WAN.name else {}
    unit = by_resolution.get(request.resolution or "720p")
    return None if unit is None else unit * begun(seconds, 5)


class CharacterSwap(Webhook, Operation[Video], rename=LOWERCASE_WEBHOOK):
    """Let the person in a picture move as the one in a video, or replace that one.

    It needs the Pro plan or a higher one. Akool's newest pages send readers to Swap Studio V5.
    """

    path = "v4/characterSwap/create"
    docs = f"{_PAGES}/create"
    also_in = (f"{_PAGES}/character-swap",)
    family = VIDEOS
    # N3: the create reply says `status`, the lookup `video_status`.
    parse = Reply(Video, aliases={"video_status": "status"})
    usual = Guess(120.0, 1.0)
    price = Price(
        says="5, 10 or 15 credits for each 5 seconds begun at 480p, 720p or 1080p; for Kling pro 2"
        " credits a second, for Kling std 5 for each 3 seconds",
        page=f"{_PAGES}/character-swap",
        date="2026-05-18",
        credits=_documented_credits,
    )

    image: Annotated[ImageUrl, _PICTURES]
    """The picture of the person: png or jpeg. For Kling at most 10 MB, at least 300 pixels wide and
    high, and from 1:2.5 to 2.5:1."""
    video: Annotated[VideoUrl, _MP4]
    """The video with the motion: mp4. For Kling with a clear face, and 3 to 30 seconds long."""
    duration: Annotated[float, Meta(ge=1, le=120)] | None = None
    """Seconds, from 1 to 120; for Kling from 3 to 30. If it is left out, Akool measures the
    video."""
    resolution: str | None = None
    """One of `480p`, `720p` and `1080p`; Akool takes 720p if it is left out. Not for Kling."""
    mode: Literal["animate", "replace"] | None = None
    """Whether the person moves (`animate`) or is put into the video (`replace`); Akool takes
    `animate` if it is left out. Not for Kling."""
    prompt: str | None = None
    """Guidance in words: at most 500 characters, for Kling 5000."""
    model_name: str | None = None
    """The model: `wavespeed-ai/wan-2.2/animate`, which Akool takes if it is left out,
    `kwaivgi/kling-v2.6-pro/motion-control` or `kwaivgi/kling-v2.6-std/motion-control`."""
    negative_prompt: Annotated[str, Meta(max_length=2000)] | None = None
    """What is not to be seen: at most 2000 characters. Only for Kling."""
    character_orientation: Literal["image", "video"] | None = None
    """Which of the two the person is turned like; Akool takes `video`. Only for Kling."""
    keep_original_sound: bool | None = None
    """Whether to keep the sound of the video; Akool does if it is left out. Only for Kling."""

    def check(self) -> None:
        """Check the fields by what the model takes."""
        check_model(self, _WAN.name)


class CharacterSwapNamespace(Namespace, title="characterswap"):
    """Character swap v4: a picture's person moves as in a video."""

    create = submits(CharacterSwap)
    get = calls(GetVideo)
