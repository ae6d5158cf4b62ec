"""The face and the voice of a simulated avatar, as tracks of WebRTC; with the extra `live`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

SIZE: Final = 320
"""Width and height of the picture, in pixels."""
_PICTURES_A_SECOND: Final = 12
_MOUTHS: Final = (0.0, 0.45, 1.0, 0.7)
"""How far the mouth is open, picture by picture, while it speaks."""

_RATE: Final = 48_000
_SAMPLES: Final = 960
"""Samples of 20 ms."""
_TONE: Final = 200
"""Hertz; a whole number of waves fits into 20 ms, so equal pieces join smoothly."""
_LOUDNESS: Final = 6000


class Colour(NamedTuple):
    """A colour as video has it: brightness, and two differences."""

    y: int
    u: int
    v: int


class _Ellipse(NamedTuple):
    x: int
    y: int
    wide: int
    """Half of its width."""
    high: int
    """Half of its height."""


_PAPER = Colour(74, 140, 118)
_HAIR = Colour(52, 122, 138)
_SHIRT = Colour(98, 168, 100)
_SHADE = Colour(140, 110, 154)
_SKIN = Colour(172, 108, 150)
_LIPS = Colour(104, 112, 176)
_DARK = Colour(40, 128, 128)
_WHITE = Colour(232, 128, 128)


class _Track(MediaStreamTrack):
    """A track with pieces of one length."""

    def __init__(self, speaking: Callable[[], bool], seconds: float) -> None:
        super().__init__()
        self._speaking = speaking
        self._seconds = seconds
        self._begun: float | None = None
        self._count = -1

    async def _next(self) -> int:
        """Wait until the next piece is due; return its number."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        if self._begun is None:
            self._begun = now
        self._count += 1
        await asyncio.sleep(self._begun + self._count * self._seconds - now)
        return self._count


class Face(_Track):
    """A face that sways and blinks; its mouth moves while the avatar speaks."""

    kind = "video"

    def __init__(self, speaking: Callable[[], bool]) -> None:
        super().__init__(speaking, 1 / _PICTURES_A_SECOND)

    async def recv(self) -> VideoFrame:
        """Return the next picture."""
        number = await self._next()
        mouth = _MOUTHS[number % len(_MOUTHS)] if self._speaking() else 0.0
        sway = round(3 * math.sin(number / 8))
        blinks = number % (4 * _PICTURES_A_SECOND) < 2  # noqa: PLR2004 - a sixth of a second
        frame = VideoFrame(SIZE, SIZE, "yuv420p")
        for plane, content in zip(frame.planes, _picture(mouth, sway, blinks), strict=True):
            plane.update(_padded(content, plane.width, plane.line_size))
        frame.pts, frame.time_base = number, Fraction(1, _PICTURES_A_SECOND)
        return frame


class Voice(_Track):
    """A tone while the avatar speaks, else silence."""

    kind = "audio"

    def __init__(self, speaking: Callable[[], bool]) -> None:
        super().__init__(speaking, _SAMPLES / _RATE)

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms."""
        number = await self._next()
        frame = AudioFrame("s16", "mono", _SAMPLES)
        frame.planes[0].update(_tone() if self._speaking() else bytes(2 * _SAMPLES))
        frame.pts, frame.sample_rate = number * _SAMPLES, _RATE
        frame.time_base = Fraction(1, _RATE)
        return frame


@cache
def _tone() -> bytes:
    turn = math.tau * _TONE / _RATE
    samples = (round(_LOUDNESS * math.sin(turn * number)) for number in range(_SAMPLES))
    return b"".join(each.to_bytes(2, "little", signed=True) for each in samples)


@cache
def _picture(mouth: float, sway: int, blinks: bool) -> tuple[bytes, bytes, bytes]:  # noqa: FBT001 - cached
    """Return the three planes of a picture."""
    planes = tuple(
        bytearray(bytes([part]) * (SIZE // scale) ** 2)
        for part, scale in zip(_PAPER, (1, 2, 2), strict=True)
    )
    for shape, colour in _shapes(SIZE // 2 + sway, mouth, sway, blinks=blinks):
        _fill(planes, shape, colour)
    first, second, third = (bytes(each) for each in planes)
    return first, second, third


def _shapes(
    centre: int, mouth: float, sway: int, *, blinks: bool
) -> Iterator[tuple[_Ellipse, Colour]]:
    """Yield what a picture is made of, from back to front."""
    yield _Ellipse(centre, 130, 88, 104), _HAIR
    yield _Ellipse(SIZE // 2, 352, 130, 100), _SHIRT
    yield _Ellipse(SIZE // 2 + sway // 2, 240, 30, 46), _SHADE
    yield _Ellipse(centre, 148, 70, 92), _SKIN
    yield _Ellipse(centre, 66, 60, 26), _HAIR
    for eye in (centre - 28, centre + 28):
        yield _Ellipse(eye, 112, 15, 3), _HAIR
        yield _Ellipse(eye, 134, 13, 2 if blinks else 8), _WHITE
        yield _Ellipse(eye + sway, 134, 5, 1 if blinks else 6), _DARK
    yield _Ellipse(centre, 166, 7, 5), _SHADE
    yield _Ellipse(centre, 200, 26, 5 + round(11 * mouth)), _LIPS
    yield _Ellipse(centre, 200, 20, 1 + round(9 * mouth)), _DARK


def _fill(planes: tuple[bytearray, ...], shape: _Ellipse, colour: Colour) -> None:
    """Draw an ellipse; the dots at its left and right edge are mixed, so that it looks smooth."""
    for plane, part, scale in zip(planes, colour, (1, 2, 2), strict=True):
        width, high = SIZE // scale, max(1, shape.high // scale)
        for step in range(-high, high + 1):
            line = shape.y // scale + step
            if not 0 <= line < width:  # the shoulders end below the picture
                continue
            half = shape.wide / scale * math.sqrt(1 - (step / (high + 1)) ** 2)
            left, right = shape.x / scale - half, shape.x / scale + half
            start, end = max(0, math.ceil(left)), min(width, math.floor(right))
            row = line * width
            plane[row + start : row + end] = bytes([part]) * (end - start)
            for dot, share in ((start - 1, start - left), (end, right - end)):
                if 0 <= dot < width:
                    behind = plane[row + dot]
                    plane[row + dot] = round(behind + (part - behind) * min(1.0, share))


def _padded(content: bytes, width: int, line: int) -> bytes:
    """Return the rows of a plane as the frame wants them: each filled up to its line."""
    if width == line:
        return content
    rows = (content[start : start + width] for start in range(0, len(content), width))
    return b"".join(row.ljust(line, b"\0") for row in rows)
