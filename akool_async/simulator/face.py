"""The face and the voice of a simulated avatar, as tracks of WebRTC; with the extra `live`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

SIZE: Final = 240
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


_PAPER, _SKIN, _DARK, _WHITE = (
    Colour(60, 140, 120),
    Colour(170, 105, 155),
    Colour(40, 128, 128),
    Colour(235, 128, 128),
)


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
    centre, top = SIZE // 2 + sway, SIZE // 2
    _fill(planes, _Ellipse(centre, top, 80, 100), _SKIN)
    for eye in (centre - 32, centre + 32):
        _fill(planes, _Ellipse(eye, top - 30, 14, 2 if blinks else 10), _WHITE)
        _fill(planes, _Ellipse(eye + sway, top - 30, 5, 1 if blinks else 6), _DARK)
    _fill(planes, _Ellipse(centre, top + 45, 34, 3 + round(16 * mouth)), _DARK)
    first, second, third = (bytes(each) for each in planes)
    return first, second, third


def _fill(planes: tuple[bytearray, ...], shape: _Ellipse, colour: Colour) -> None:
    for plane, part, scale in zip(planes, colour, (1, 2, 2), strict=True):
        width, high = SIZE // scale, max(1, shape.high // scale)
        for step in range(-high, high + 1):
            half = shape.wide / scale * math.sqrt(1 - (step / (high + 1)) ** 2)
            start, end = round(shape.x / scale - half), round(shape.x / scale + half)
            row = (shape.y // scale + step) * width
            plane[row + start : row + end] = bytes([part]) * (end - start)


def _padded(content: bytes, width: int, line: int) -> bytes:
    """Return the rows of a plane as the frame wants them: each filled up to its line."""
    if width == line:
        return content
    rows = (content[start : start + width] for start in range(0, len(content), width))
    return b"".join(row.ljust(line, b"\0") for row in rows)
