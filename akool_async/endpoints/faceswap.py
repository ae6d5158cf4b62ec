"""Face swap in images and videos; reage has the same results and lookup."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import field

from akool_async.endpoints.detection import (
    DetectFaces,
    Detection,
    LegacyDetectFaces,
    paired,
    picture_text,
)
from akool_async.endpoints.face import Face, Faces
from akool_async.endpoints.namespace import Namespace, calls, calls_in_parts, sends, submits
from akool_async.errors import NotFound
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import (
    Command,
    Family,
    Guess,
    Operation,
    Query,
    Recipe,
    Steps,
    Webhook,
)
from akool_async.protocol.fields import CommaSeparated, Flag, ImageUrl, Rule, VideoUrl, VisibleUrl
from akool_async.protocol.reply import Nothing, Reply, Rows
from akool_async.protocol.snapshot import ID, Status
from akool_async.protocol.wire import HttpResponse
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/faceswap"
_REAGE_PAGE = "https://docs.akool.com/ai-tools-suite/reage"


def _are_ids(ids: Sequence[str]) -> bool:
    return bool(ids) and all(ids) and "," not in "".join(ids)


Ids = Annotated[CommaSeparated, Rule("must hold at least one id, without commas", _are_ids)]
"""Ids of jobs, `_id` unless the field says otherwise."""


MOST_IDS = 300
"""The most ids in one request: its line stays under the 8 KiB that common servers accept. For
lookups of watched jobs, the client learns a lower limit."""

_YEARS = range(1970, 2243)
"""Years that are believed; a date in another year is ignored."""


class Faceswap(Result):
    """A picture or video with other faces, or other ages."""

    media_field = "predicted_url"

    # The fields stand in the order of the wire: msgspec searches for each key from the field of
    # the last key on, so that it finds each one at once. Many rows of this kind are decoded.
    faceswap_type: int | None = None
    faceswap_quality: int | None = None
    status: Status = field(name="faceswap_status", default=Status.QUEUED)
    deduction_status: int | None = None
    image: int | None = None
    video_duration: float | None = None
    """Length of a video in seconds."""
    deduction_duration: float | None = None
    """What was charged, if it is not 0: Akool prints 0 beside results that cost something, too."""
    update_time: int | None = None
    """Milliseconds since 1970; 0 for never (T14)."""
    id: str = ID
    user_id: str | None = field(name="userId", default=None)
    uid: int | None = None
    predicted_url: str = field(name="url", default="")
    """The media's address; there is no file before COMPLETED (T25)."""
    created_at: datetime | None = field(name="createdAt", default=None)
    """When Akool created the job."""

    @property
    def creation_time(self) -> datetime | None:
        """When Akool created the job."""
        created = self.created_at
        if created is None or created.year not in _YEARS:
            return None
        return created if created.tzinfo else created.replace(tzinfo=UTC)


class GetFaceswaps(Query[tuple[Faceswap, ...]]):
    """Look up face swaps and reages by their ids (T20); unknown ids are left out of the reply."""

    path = "v3/faceswap/result/listbyids"
    docs = _PAGE
    also_in = (_REAGE_PAGE,)
    parse = Rows(Faceswap, key="result")

    ids: Ids = field(name="_ids")
    """The jobs' `id`s."""

    def parts(self) -> Iterator[GetFaceswaps]:
        """Yield queries for all ids, none of them too long for a request line."""
        for start in range(0, len(self.ids), MOST_IDS):
            yield GetFaceswaps(ids=self.ids[start : start + MOST_IDS])


class DeleteFaceswaps(Command[None]):
    """Delete results of face swaps and reages. A result that is gone already is no error."""

    path = "v3/faceswap/result/delbyids"
    docs = _PAGE
    repeatable = True
    parse = Nothing()

    ids: Ids = field(name="_ids")
    """The jobs' `id`s."""

    def decode(self, response: HttpResponse) -> None:
        """Accept "not found": an earlier request, whose answer was lost, may have deleted them."""
        with suppress(NotFound):
            super().decode(response)


class CancelFaceswaps(Command[None]):
    """Cancel face swaps and reages that have not ended."""

    path = "v3/faceswap/job/del"
    docs = _REAGE_PAGE
    repeatable = True
    parse = Nothing()

    job_ids: Ids
    """The jobs' `job_id`s: not their `id`s."""


def _cancel(_id: str, job_id: str | None) -> CancelFaceswaps | None:
    return CancelFaceswaps(job_ids=[job_id]) if job_id else None


FACESWAPS = Family(
    name="faceswap",
    result=Faceswap,
    lookup=lambda ids: GetFaceswaps(ids=ids),
    batch=MOST_IDS,
    cancel=_cancel,
    media="image",
    usual=Guess(10.0),
)
VIDEO_USUALLY = Guess(90.0, 1.0)
"""How long a swap, or a reage, in a video takes."""


class FaceswapOperation(Webhook, Operation[Faceswap]):
    """The fields, and the reply, of every operation of this family."""

    family = FACESWAPS
    docs = _PAGE
    parse = Reply(Faceswap)


class _Swap(FaceswapOperation):
    source_image: Faces = field(name="sourceImage")
    """The new faces, one picture each, in the order of `target_image` (T18)."""
    target_image: Faces = field(name="targetImage")
    """The faces to replace, found in the original (T18)."""
    face_enhance: Flag = False
    """Whether to enhance the new faces."""

    def check(self) -> None:
        """Require as many new faces as old ones, and landmarks if there are several."""
        if len(self.source_image) != len(self.target_image):
            raise self.refuse("source_image", "must hold as many faces as target_image")
        several = len(self.source_image) > 1
        for name in ("source_image", "target_image"):
            check_landmarks(self, name, several=several)


def check_landmarks(operation: FaceswapOperation, name: str, *, several: bool) -> None:
    """Refuse faces without landmarks where there are several faces.

    Raises:
        InvalidInput: a face lacks its `opts`.
    """
    faces: Sequence[Face] = getattr(operation, name)
    for index, face in enumerate(faces):
        if several and not face.opts:
            raise operation.refuse(f"{name}[{index}].opts", "is required with more than one face")


class ImageFaceswap(_Swap):
    """Swap faces in a picture."""

    path = "v3/faceswap/highquality/specifyimage"

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

    modify_video: VideoUrl = field(name="modifyVideo")
    """The original video (T19)."""


_MOVIES = (".mp4", ".mov", ".avi", ".webm", ".mkv")


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
        target = self.target
        place = target.name if isinstance(target, Path) else urlsplit(target).path
        named = place.lower().endswith(_MOVIES)
        return named if self.video is None else self.video


class FaceswapNamespace(Namespace, title="faceswap"):
    """Face swap in images and videos."""

    image = submits(ImageFaceswap)
    video = submits(VideoFaceswap)
    swap = submits(SwapFaces)
    detect_legacy = calls(LegacyDetectFaces)
    results = calls_in_parts(GetFaceswaps)
    delete = calls(DeleteFaceswaps)
    cancel = calls(CancelFaceswaps)

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
