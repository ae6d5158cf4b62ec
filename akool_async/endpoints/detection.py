"""Face detection: the faces in a picture, ready to be swapped or aged."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

import msgspec
from msgspec import Meta, Raw, field

from akool_async.endpoints.face import MOST_FACES, Face, are_points
from akool_async.errors import DetectionError
from akool_async.protocol import wire
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import Command, Query
from akool_async.protocol.fields import Coding, Rule, Url, Urls, VisibleUrl, is_http_url
from akool_async.protocol.reply import Reply, tolerant
from akool_async.protocol.value import Value
from akool_async.protocol.wire import HttpResponse

_POINTS = 4
"""Number of landmarks in Akool's `opts`; detection may print six, the last two empty (T21)."""

_LONGEST_PATH = 4096


class Box(Value):
    """A rectangle in a picture, in pixels from its upper left corner (T15).

    `bbox` of face swaps takes a box as it is, and sends its `corners`.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Its upper left and lower right corner, `x1, y1, x2, y2`, as `bbox` is written (N31)."""
        return self.x, self.y, self.x + self.width, self.y + self.height


def _corners_of(value: Any) -> Any:
    return value.corners if isinstance(value, Box) else value


def are_corners(numbers: Sequence[float]) -> bool:
    """Say whether these are the upper left and the lower right corner of a box."""
    if len(numbers) != 4:  # noqa: PLR2004 - two corners
        return False
    left, top, right, bottom = numbers
    return left < right and top < bottom and all(abs(each) < math.inf for each in numbers)


if TYPE_CHECKING:
    BoundingBox: TypeAlias = Sequence[float] | Box
else:
    BoundingBox = Annotated[
        Sequence[int | float],
        Coding(list, _corners_of),
        Rule(
            "must be the corners [x1, y1, x2, y2] with x1 < x2 and y1 < y2, and no"
            " [x, y, width, height] as detection's crop_region: pass its Box, which is converted",
            are_corners,
        ),
    ]
"""The corners of a face's box in its picture, `[x1, y1, x2, y2]` in pixels; or a `Box` of
detection. A list `[x, y, width, height]` is often not to be told from it, so do not pass one."""


class Detection(Value):
    """The faces in a picture."""

    faces: tuple[Face, ...] = ()
    """Ready to pass on. Each is its crop, where Akool made one, with landmarks in the crop;
    else the whole picture, with landmarks in the picture. Empty for an uploaded picture without
    crops: it has no address."""
    boxes: tuple[Box, ...] = ()
    """The position of each face in the picture."""
    crop_boxes: tuple[Box, ...] = ()
    """Where each crop lies in the picture, where Akool made crops: the `bbox` of a face whose
    `face_url` is the picture itself."""
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


_Region = tuple[float, float, float, float]
"""The x, y, width and height of a box (T15)."""


def _boxes(regions: Sequence[_Region]) -> tuple[Box, ...]:
    return tuple(Box(x=x, y=y, width=w, height=h) for x, y, w, h in regions)


class _Frame(Value):
    """One picture, or one frame of a video, as both endpoints print it."""

    landmarks: tuple[_Points, ...] = ()
    landmarks_str: tuple[str, ...] = ()
    region: tuple[_Region, ...] = ()
    crop_region: tuple[_Region, ...] = ()
    face_urls: tuple[str, ...] = ()
    crop_landmarks: tuple[_Points, ...] = ()

    def number(self) -> int:
        return max(len(self.region), len(self.face_urls))

    def detection(self, picture: str | None) -> Detection:
        points = tuple(map(landmark_text, self.landmarks_str or self.landmarks))
        return Detection(
            faces=self._crops() or _faces_in(picture, points),
            boxes=_boxes(self.region),
            crop_boxes=_boxes(self.crop_region),
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
    """The address of the picture (jpg, png, bmp, webp, or GIF), or of the video (mp4, mov, avi,
    webm). Faces have to be at least 80x80 pixels, and turned away by at most 45 degrees."""
    num_frames: Annotated[int, Meta(ge=1, le=100)] = 5
    """Number of a video's frames to search, at most 100; the page of live face swap says 24
    (T35)."""
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


class Appearance(Value):
    """A person in one frame."""

    timestamp: float = 0.0
    """The frame's time, in seconds."""
    frame_idx: int = 0
    """The frame's place in `frame_urls`, from 0."""
    bbox: tuple[float, ...] = ()
    """The corners of the face, `x1, y1, x2, y2`, in pixels (N31)."""


class Person(Value):
    """A person in the frames."""

    person_id: str
    """Such as `person_0`. It holds for this reply only."""
    index: int = 0
    """The person's place from left to right, from 0. It holds for this reply only."""
    face_url: str = ""
    """Address of a crop of the face."""
    bbox: tuple[float, ...] = ()
    """The corners of the face in the first appearance, `x1, y1, x2, y2`, in pixels (N31)."""
    confidence: float = 0.0
    """How sure it is that this is a face, from 0 to 1."""
    appearances: tuple[Appearance, ...] = ()
    """The frames that show the person."""
    first_seen: float = 0.0
    """Time of the first of them, in seconds."""
    last_seen: float = 0.0
    """Time of the last of them, in seconds."""


class FramesAnalysis(Value):
    """The persons in some frames; none, where no frame shows a face."""

    persons: tuple[Person, ...] = ()
    frame_count: int = 0
    """How many frames were analyzed."""


_ANALYSIS: Any = Reply(FramesAnalysis)


class AnalyzeFrames(Query[FramesAnalysis]):
    """Find the persons in a picture, or in frames of a video: each face once.

    In one picture, every face is a person; in several, faces of one person are put together.
    """

    method = "POST"
    host = "detect"
    root = "/"
    path = "interface/detect-api/faceswap/analyze_frames"
    docs = "https://docs.akool.com/ai-tools-suite/face-detection/analyze-frames"
    envelope = wire.AKOOL_FRAMES
    parse = _ANALYSIS

    frame_urls: Urls
    """Addresses of the frames, in their order."""
    timestamps: Sequence[float] | None = None
    """The time of each frame, in seconds; if not given, 0, 1, 2, and so on."""
    expand_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.3
    """How much of the surroundings a crop keeps, from 0 to 1."""

    def check(self) -> None:
        """Require a time for each frame, or none."""
        if self.timestamps is None:
            return
        if len(self.timestamps) != len(self.frame_urls):
            raise self.refuse("timestamps", "must hold as many times as frame_urls holds frames")
        if not all(map(math.isfinite, self.timestamps)):
            raise self.refuse("timestamps", "must hold finite numbers of seconds")


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
