"""Face swap in images and videos."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias
from urllib.parse import urlsplit

from msgspec import field

from akool_async.endpoints.detection import (
    AnalyzeFrames,
    BoundingBox,
    DetectFaces,
    Detection,
    LegacyDetectFaces,
    paired,
    picture_text,
)
from akool_async.endpoints.face import Face, Faces, OneOrMore
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
from akool_async.endpoints.live_faceswap import (
    CloseLiveFaceswap,
    CreateLiveFaceswap,
    LiveFaceswapSession,
    UpdateLiveFaceswap,
)
from akool_async.endpoints.namespace import Namespace, calls, calls_in_parts, sends, submits
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import (
    Media,
    Operation,
    Recipe,
    Steps,
    Webhook,
)
from akool_async.protocol.fields import (
    ABSENT,
    Flag,
    ImageUrl,
    MaybeSeveral,
    Rule,
    Taken,
    VideoUrl,
    VisibleUrl,
    sized,
    spelt,
)
from akool_async.protocol.value import Input
from akool_async.streaming.closing import GRACE

_PAGE = "https://docs.akool.com/ai-tools-suite/faceswap"


class _Swap(FaceswapOperation):
    source_image: Faces = field(name="sourceImage")
    """The new faces, one picture each, in the order of `target_image` (T18)."""
    target_image: Faces = field(name="targetImage")
    """The faces to replace, found in the original (T18)."""
    face_enhance: Flag = False
    """Whether to enhance the new faces."""

    def check(self) -> None:
        """Require as many new faces as old ones, and landmarks if there are several."""
        check_pairs(self, "faces")


def check_pairs(operation: _Swap | FaceswapPro, what: str) -> None:
    """Refuse new and old faces that are no pairs, and several pairs without landmarks.

    Raises:
        InvalidInput: there are more of one than of the other, or a face lacks its `opts`.
    """
    pairs = len(operation.source_image)
    if pairs != len(operation.target_image):
        raise operation.refuse("source_image", f"must hold as many {what} as target_image")
    for name in ("source_image", "target_image"):
        check_landmarks(operation, name, several=pairs > 1)


class ImageFaceswap(_Swap):
    """Swap faces in a picture."""

    path = "v3/faceswap/highquality/specifyimage"

    if TYPE_CHECKING:  # mypy forgets what inherited fields hold
        source_image: Faces
        target_image: Faces
    modify_image: ImageUrl = field(name="modifyImage")
    """The original picture."""


class VideoFaceswap(_Swap):
    """Swap faces in a video."""

    path = "v3/faceswap/highquality/specifyvideo"
    deprecated = Deprecated(
        since="2026-05-06", state="legacy", instead="faceswap.plus", page=f"{_PAGE}/faceswap-plus"
    )
    media = "video"
    usual = VIDEO_USUALLY

    if TYPE_CHECKING:  # mypy forgets what inherited fields hold
        source_image: Faces
        target_image: Faces
    modify_video: VideoUrl = field(name="modifyVideo")
    """The original video (T19)."""


_MOVIES = (".mp4", ".mov", ".avi", ".webm", ".mkv")


def _is_video(target: str | Path) -> bool:
    """Say whether the file that a swap begins from is a video, by its extension."""
    place = target.name if isinstance(target, Path) else urlsplit(target).path
    return place.lower().endswith(_MOVIES)


MOST_PAIRS = 50
"""The most pairs of pictures in one `faceswap.pro`."""


if TYPE_CHECKING:
    Pictures: TypeAlias = Faces
else:
    Pictures = Annotated[Sequence[Face], sized("pictures", MOST_PAIRS)]
"""One to fifty pictures, each with the landmarks of one face."""


class FaceswapPro(FaceswapOperation):
    """Swap one face in a picture, at the highest quality; or one in each of several pictures.

    It is one job, whatever the number of pairs. `FaceswapPlus` swaps several faces in a picture.
    """

    path = "v4/faceswap/faceswapByImage"
    docs = f"{_PAGE}/image-faceswap-v4"

    source_image: Pictures = field(name="sourceImage")
    """The new faces, one picture each, in the order of `target_image`."""
    target_image: Pictures = field(name="targetImage")
    """The whole original pictures: no crops of them, as `ImageFaceswap` takes (N32). Akool's
    page takes `opts` from detection's `crop_landmarks`; they belong to the crop, and the
    `landmarks_str` to the whole picture (N33). Both are accepted. Required for every picture as
    soon as there is more than one pair."""
    model_name: Annotated[str, spelt("akool_faceswap_image_hq")] | None = None
    """The model: `akool_faceswap_image_hq`, which is also used where none is named."""
    face_enhance: bool = False
    """Whether to enhance the new faces (N34)."""
    single_face_mode: bool = False
    """Whether each picture shows one face only."""

    def check(self) -> None:
        """Require pairs of pictures, and landmarks if there are several."""
        check_pairs(self, "pictures")


class SourceFaceInfo(Input, omit_defaults=True):
    """A new face."""

    face_url: ImageUrl
    """A crop that detection made of the face; or an original picture, with `bbox`."""
    bbox: BoundingBox | None = None
    """The face in the original picture: detection's `crop_boxes`, or a person's `bbox`. Needed
    if, and only if, `face_url` is an original picture."""


class TargetFaceInfo(Input, omit_defaults=True):
    """A face to replace."""

    face_url: ImageUrl | None = None
    """A crop that detection made of the face; or an original picture, with `bbox`."""
    bbox: BoundingBox | None = None
    """The face in the original picture, as in `SourceFaceInfo`."""


if TYPE_CHECKING:
    _Source: TypeAlias = Taken[SourceFaceInfo | str | Path, SourceFaceInfo]
else:
    _Source = SourceFaceInfo


class FaceMapping(Input):
    """Which new face replaces which old one."""

    source_face_info: _Source
    """The new face."""
    target_face_info: TargetFaceInfo
    """The face to replace."""


class FaceswapPlus(FaceswapOperation):
    """Swap faces in a picture or in a video.

    Akool recommends it for everything but a single face at the highest quality.
    """

    path = "v4/faceswap/faceswapPlusByImage"
    docs = f"{_PAGE}/faceswap-plus"

    source_url: ImageUrl
    """Picture with the new face; also required where `face_mapping` names the new faces."""
    target_url: VisibleUrl
    """Picture or video whose faces are replaced. A video (mp4, mov, avi) should be shorter than
    60 seconds, and show 8 faces at most."""
    single_face_mode: bool = False
    """Whether one face is swapped, which needs no mapping."""
    face_mapping: Annotated[
        MaybeSeveral[FaceMapping], Rule("must hold at least one pair", bool)
    ] = ABSENT
    """Which new face replaces which old one. Required unless `single_face_mode` is set."""
    model_style: Annotated[str, spelt("realistic", "beautify", "lossless")] | None = None
    """The style: `realistic`, which is also used where none is named, `beautify` or `lossless`."""
    face_enhance: bool = False
    """Whether to enhance the new faces (N34)."""

    @property
    def makes(self) -> Media | None:
        """A video, if the target's extension is that of one."""
        return "video" if _is_video(self.target_url) else super().makes

    def check(self) -> None:
        """Require the pairs of faces, if there may be several."""
        if not self.single_face_mode and self.face_mapping is None:
            raise self.refuse("face_mapping", "is required unless single_face_mode is set")


class SwapFaces(Webhook, Recipe[Faceswap]):
    """Put the faces of one picture onto those of another picture or video.

    It detects the faces of both, pairs them in the order in which they were found, and swaps them.

    Raises:
        DetectionError: no face, more than 8 faces, or different numbers of faces in the two.
    """

    family = FACESWAPS
    docs = _PAGE
    paid_steps = 1

    source: ImageUrl
    """Picture with the new faces."""
    target: VisibleUrl
    """Picture or video whose faces are replaced."""
    video: bool | None = None
    """Whether the target is a video. By default its extension decides: mp4, mov, avi, webm, mkv."""
    face_enhance: Flag = False
    """Whether to enhance the new faces."""

    async def prepare(self, steps: Steps, /) -> Operation[Faceswap]:
        """Find and pair the faces."""
        new, old = await asyncio.gather(
            steps.call(DetectFaces(image_url=self.source)),
            steps.call(DetectFaces(image_url=self.target)),
        )
        sources, targets = paired(new.swappable("source"), old.swappable("target"))
        if self._swaps_video():
            return VideoFaceswap(
                source_image=sources,
                target_image=targets,
                modify_video=self.target,
                face_enhance=self.face_enhance,
                webhook_url=self.webhook_url,
            )
        return ImageFaceswap(
            source_image=sources,
            target_image=targets,
            modify_image=self.target,
            face_enhance=self.face_enhance,
            webhook_url=self.webhook_url,
        )

    def _swaps_video(self) -> bool:
        return _is_video(self.target) if self.video is None else self.video


class FaceswapNamespace(Namespace, title="faceswap"):
    """Face swap in images and videos."""

    image = submits(ImageFaceswap)
    video = submits(VideoFaceswap)
    pro = submits(FaceswapPro)
    plus = submits(FaceswapPlus)
    swap = submits(SwapFaces)
    detect_legacy = calls(LegacyDetectFaces)
    analyze_frames = calls(AnalyzeFrames)
    results = calls_in_parts(GetFaceswaps, MOST_IDS)
    delete = calls(DeleteFaceswaps)
    cancel = calls(CancelFaceswaps)
    live_create = submits(CreateLiveFaceswap)
    live_update = calls(UpdateLiveFaceswap)
    live_close = calls(CloseLiveFaceswap)

    def live(self, *, source_image: OneOrMore, grace: float = GRACE) -> LiveFaceswapSession:
        """Open a live face swap that is always closed: `async with akool.faceswap.live(...)`.

        Args:
            source_image: The new face, with its landmarks from detection.
            grace: Seconds in which the close is repeated while no answer comes.

        Raises:
            InvalidInput: an argument breaks a rule; nothing was sent.
        """
        return LiveFaceswapSession(self.executor, source_image, grace=grace)

    @sends(DetectFaces)
    async def detect(
        self,
        *,
        image_url: str | Path | None = None,
        img: bytes | os.PathLike[str] | str | None = None,
        single_face: bool = False,
        num_frames: int = 5,
        legacy: bool = False,
    ) -> Detection:
        """Find the faces in a picture or a video, ready to be passed to a swap or a reage.

        Args:
            image_url: The picture's, or video's, address; or its path, for a client with `uploads`.
            img: The picture itself: its bytes, its path, or its base64 text.
            single_face: Whether to return the largest face only.
            num_frames: Number of a video's frames to search, from 1 to 100.
            legacy: Whether to ask Akool's older host, which makes no crops and takes no videos.

        Raises:
            DetectionError: Akool could not read the picture.
            InvalidInput: no picture was given.
        """
        text = await picture_text(img)
        if legacy:
            return await self.executor.call(
                LegacyDetectFaces(image_url=image_url, img=text, single_face=single_face)
            )
        return await self.executor.call(
            DetectFaces(
                image_url=image_url, img=text, single_face=single_face, num_frames=num_frames
            )
        )
