"""Face detection: the faces in a picture, ready to be swapped or aged."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Raw, field

from akool_async.endpoints.face import MOST_FACES, Face, are_points
from akool_async.errors import DetectionError
from akool_async.protocol import wire
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import Command
from akool_async.protocol.fields import Rule, Url, VisibleUrl, is_http_url
from akool_async.protocol.reply import Reply, tolerant
from akool_async.protocol.value import Value
from akool_async.protocol.wire import HttpResponse

_POINTS = 4
"""Number of landmarks in Akool's `opts`; detection may print six, the last two empty (T21)."""

_LONGEST_PATH = 4096


class Box(Value):
    """A rectangle in a picture, in pixels from its upper left corner (T15)."""

    x: float
    y: float
    width: float
    height: float


class Detection(Value):
    """The faces in a picture."""

    faces: tuple[Face, ...] = ()
    """Ready to pass on. Each is its crop, where Akool made one, with landmarks in the crop;
    else the whole picture, with landmarks in the picture. Empty for an uploaded picture without
    crops: it has no address."""
    boxes: tuple[Box, ...] = ()
    """The position of each face in the picture."""
    landmarks: tuple[str, ...] = ()
    """Each face's four points in the picture, as `Face.opts` takes them."""

    def swappable(self, picture: str) -> tuple[Face, ...]:
        """Return the faces, if they can be swapped or aged.

        Args:
            picture: The picture's name in an error.

        Raises:
            DetectionError: there is no face, or there are more than 8.
        """
        found = len(self.faces)
        problem = ""
        if not found:
            problem = f"no face was found in the {picture}"
        elif found > MOST_FACES:
            problem = f"{found} faces were found in the {picture}; Akool takes {MOST_FACES}"
        if problem:
            raise DetectionError(0, problem, endpoint="faceswap.detect")
        return self.faces


def paired(
    new: tuple[Face, ...], old: tuple[Face, ...]
) -> tuple[tuple[Face, ...], tuple[Face, ...]]:
    """Return new and old faces, paired in the order in which they were found.

    Raises:
        DetectionError: there are more of one than of the other.
    """
    if len(new) != len(old):
        found = "1 face was" if len(new) == 1 else f"{len(new)} faces were"
        problem = f"{found} found in the source, and {len(old)} in the target"
        raise DetectionError(0, problem, endpoint="faceswap.detect")
    return new, old


_Point = str | Annotated[tuple[int | float, ...], Meta(min_length=2)]
_Points = str | tuple[_Point, ...]
"""A face's landmarks: a text or a list, of texts or of numbers."""


class _Frame(Value):
    """One picture, or one frame of a video, as both endpoints print it."""

    landmarks: tuple[_Points, ...] = ()
    landmarks_str: tuple[str, ...] = ()
    region: tuple[tuple[float, float, float, float], ...] = ()
    face_urls: tuple[str, ...] = ()
    crop_landmarks: tuple[_Points, ...] = ()

    def number(self) -> int:
        return max(len(self.region), len(self.face_urls))

    def detection(self, picture: str | None) -> Detection:
        points = tuple(map(landmark_text, self.landmarks_str or self.landmarks))
        return Detection(
            faces=self._crops() or _faces_in(picture, points),
            boxes=tuple(Box(x=x, y=y, width=w, height=h) for x, y, w, h in self.region),
            landmarks=points,
        )

    def _crops(self) -> tuple[Face, ...]:
        marks = tuple(map(landmark_text, self.crop_landmarks))
        if len(marks) != len(self.face_urls) or not all(map(is_http_url, self.face_urls)):
            return ()
        if not all(map(are_points, marks)):
            return ()
        return tuple(map(_face, self.face_urls, marks))


def _face(path: str, points: str) -> Face:
    return Face(path, opts=points if are_points(points) else None)


def _faces_in(picture: str | None, points: Sequence[str]) -> tuple[Face, ...]:
    return () if picture is None else tuple(_face(picture, each) for each in points)


def landmark_text(points: _Points) -> str:
    """Return four points as Akool's `opts` writes them: `x,y` joined by colons (T21)."""
    if isinstance(points, str):
        return ":".join(points.split(":")[:_POINTS])
    pairs = (point if isinstance(point, str) else f"{point[0]},{point[1]}" for point in points)
    return ":".join([*pairs][:_POINTS])


class _FrameReply(Reply[_Frame]):
    """The reply of both endpoints: one frame, or frames by number."""

    def __call__(self, data: Raw, /) -> _Frame:
        document: Mapping[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        if "faces_obj" not in document:
            return super().__call__(data)
        in_order = (tolerant(_Frame, frame) for frame in _frames(document["faces_obj"]))
        # The frames of a video show the same faces, but some frames miss some of them.
        return max(in_order, key=_Frame.number, default=_Frame())


def _frames(documents: Any) -> list[Any]:
    """Return the frames by number. A list of them, or null, is what some servers make of that."""
    if documents is None or isinstance(documents, list):
        rows: list[Any] = cast("Any", documents) or []
        return rows
    frames = msgspec.convert(documents, dict[int, Any], strict=False)
    return [frames[number] for number in sorted(frames)]


_FRAME: Any = _FrameReply(_Frame)


_BASE64 = r"[A-Za-z0-9+/_\-\s]++=*\s*"


def _is_picture(text: str) -> bool:
    """Refuse the path of a file that does not exist, unless it reads as base64."""
    return text.startswith("data:") or re.fullmatch(_BASE64, text) is not None


Picture = Annotated[str, Rule("must be a picture in base64, or a data URI", _is_picture)]
"""A picture as text."""


class _Detect(Command[Detection]):
    root = "/"
    envelope = wire.AKOOL_DETECTION
    repeatable = True
    parse = _FRAME

    image_url: Url | None = None
    """The picture's address."""
    img: Picture | None = None
    """The picture itself, in base64 or as a data URI."""
    single_face: bool = False
    """Whether to return the largest face only."""

    def check(self) -> None:
        """Require a picture; Akool ignores `img` if both are given."""
        if self.image_url is None and self.img is None:
            raise self.refuse("image_url", "must be given, or else img")

    def decode(self, response: HttpResponse) -> Detection:
        """Return the faces, each with the address of its picture."""
        frame: Any = super().decode(response)
        detection: Detection = frame.detection(self.image_url)
        return detection


class DetectFaces(_Detect):
    """Find the faces in a picture, or in a video."""

    host = "detect"
    path = "interface/detect-api/detect_faces"
    docs = "https://docs.akool.com/ai-tools-suite/face-detection/detect-faces"

    image_url: VisibleUrl | None = field(name="url", default=None)
    """The picture's, or video's, address."""
    num_frames: Annotated[int, Meta(ge=1, le=100)] = 5
    """Number of a video's frames to search, at most 100 (T35)."""
    return_face_url: bool = True
    """Whether to make a crop of each face; a swap works best with crops."""


class LegacyDetectFaces(_Detect):
    """Find the faces in a picture, on Akool's older host, `https://sg3.akool.com/detect`."""

    host = "legacy_detect"
    deprecated = Deprecated(
        since="2026-01-07", state="legacy", instead="faceswap.detect", page=DetectFaces.docs
    )
    path = "detect"
    docs = "https://docs.akool.com/ai-tools-suite/faceswap"


async def picture_text(picture: bytes | os.PathLike[str] | str | None) -> str | None:
    """Return a picture as the wire takes it: bytes and files become base64.

    A text is the path of a file if there is one, and base64 or a data URI otherwise.
    """
    if isinstance(picture, os.PathLike) or (isinstance(picture, str) and await _is_file(picture)):
        import anyio

        picture = await anyio.Path(picture).read_bytes()
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return base64.b64encode(picture).decode()
    return picture  # the request refuses a wrong type


async def _is_file(text: str) -> bool:
    if len(text) > _LONGEST_PATH or "\0" in text or text.startswith("data:"):
        return False
    import anyio

    try:
        return await anyio.Path(text).is_file()
    except OSError:  # such as a name that is too long for a file
        return False
