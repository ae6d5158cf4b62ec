"""Reage: faces made older or younger, in images and videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, field

from akool_async.endpoints.detection import DetectFaces
from akool_async.endpoints.face import Faces
from akool_async.endpoints.faceswap_family import (
    FACESWAPS,
    MOST_IDS,
    VIDEO_USUALLY,
    CancelFaceswaps,
    DeleteFaceswaps,
    Faceswap,
    FaceswapOperation,
    GetFaceswaps,
    check_landmarks,
)
from akool_async.endpoints.namespace import Namespace, calls, calls_in_parts, submits
from akool_async.protocol.endpoint import Operation, Recipe, Steps, Webhook
from akool_async.protocol.fields import ImageUrl, VideoUrl

_PAGE = "https://docs.akool.com/ai-tools-suite/reage"


class _Reage(FaceswapOperation):
    docs = _PAGE

    target_image: Faces = field(name="targetImage")
    """The faces to age, found in the original (T19)."""
    face_reage: Annotated[int, Meta(ge=-30, le=30)]
    """Years to add, from -30 to 30; below 0 for younger."""

    def check(self) -> None:
        """Require landmarks if there are several faces."""
        check_landmarks(self, "target_image", several=len(self.target_image) > 1)


class ImageReage(_Reage):
    """Make the faces in a picture older or younger."""

    path = "v3/faceswap/highquality/imgreage"

    if TYPE_CHECKING:  # mypy forgets what an inherited field holds
        target_image: Faces
    modify_image: ImageUrl = field(name="modifyImage")
    """The original picture."""


class VideoReage(_Reage):
    """Make the faces in a video older or younger."""

    path = "v3/faceswap/highquality/vidreage"
    media = "video"
    usual = VIDEO_USUALLY

    if TYPE_CHECKING:  # mypy forgets what an inherited field holds
        target_image: Faces
    modify_video: VideoUrl = field(name="modifyVideo")
    """The original video."""


class AgeFaces(Webhook, Recipe[Faceswap], kw_only=False):
    """Make all faces in a picture older or younger: detection, then reage.

    Raises:
        DetectionError: there is no face in the picture, or there are more than 8.
    """

    family = FACESWAPS
    docs = _PAGE
    paid_steps = 1

    url: ImageUrl
    """The picture."""
    years: Annotated[int, Meta(ge=-30, le=30)] = 10
    """Years to add, from -30 to 30; below 0 for younger."""

    async def prepare(self, steps: Steps, /) -> Operation[Faceswap]:
        """Find the faces."""
        found = await steps.call(DetectFaces(image_url=self.url))
        return ImageReage(
            target_image=found.swappable("picture"),
            face_reage=self.years,
            modify_image=self.url,
            webhook_url=self.webhook_url,
        )


class ReageNamespace(Namespace, title="reage"):
    """Reage in images and videos."""

    image = submits(ImageReage)
    video = submits(VideoReage)
    photo = submits(AgeFaces)
    results = calls_in_parts(GetFaceswaps, MOST_IDS)
    delete = calls(DeleteFaceswaps)
    cancel = calls(CancelFaceswaps)
