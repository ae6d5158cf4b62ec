"""Draw a landscape that looks different for each digest: a sun over hills, in one hue.

A drawing is a list of rows, and a row has one byte for each pixel: the number of its colour. Only
spans of rows are painted, so a scene takes a fraction of a millisecond.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

Rows: TypeAlias = Sequence[bytes]
"""A drawing."""

_Span: TypeAlias = tuple[int, int, int]
"""Where it begins, where it ends, and its colour; it may reach beyond the row."""

SKY: Final = 16
"""Colours of the sky, from its top down."""
HILLS: Final = 4
"""Colours of the hills, from the farthest to the nearest."""


def colours(digest: bytes) -> bytes:
    """Return the colours of a scene, three bytes each: those of the sky, the hills, the sun."""
    hue = int.from_bytes(digest[:2], "big") / 65536
    turn = 0.06 + digest[2] / 1600
    sky = [
        _rgb(hue + turn * step / SKY, 0.42 + 0.42 * step / SKY, 0.45 + digest[3] / 800)
        for step in range(SKY)
    ]
    hills = [_rgb(hue + 0.02 * each, 0.40 - 0.085 * each, 0.42) for each in range(HILLS)]
    return b"".join([*sky, *hills, _rgb(0.10 + digest[4] / 4000, 0.90, 1.0)])


def landscapes(
    digest: bytes, size: tuple[int, int], first: int, moments: Iterable[float]
) -> list[Rows]:
    """Draw a landscape at several moments. Rows that the sun does not touch are drawn once.

    Args:
        digest: At least 16 bytes, which place everything.
        size: The columns and the rows.
        first: The number of the first of its `colours`.
        moments: Where the sun is on its way, from 0 for its rise to 1 for its setting.
    """
    width, height = size
    sky = [bytes([first + row * SKY // height]) * width for row in range(height)]
    hills = _hills(digest, width, height, first + SKY)
    still = [_painted(*each) for each in zip(sky, hills, strict=True)]
    radius = height // 7
    drawings: list[Rows] = []
    for moment in moments:
        middle = round(width * (0.08 + 0.84 * moment))
        above = round(height * (0.80 - (0.52 + digest[5] / 2000) * math.sin(math.pi * moment)))
        rows = [*still]
        for row in range(max(0, above - radius), min(height, above + radius + 1)):
            half = math.isqrt(radius * radius - (row - above) ** 2)
            sun = (middle - half, middle + half + 1, first + SKY + HILLS)
            rows[row] = _painted(sky[row], [sun, *hills[row]])
        drawings.append(rows)
    return drawings


def _hills(digest: bytes, width: int, height: int, first: int) -> list[list[_Span]]:
    """Return what the hills cover of each row. Near ones are lower and broader, and come last."""
    covered: list[list[_Span]] = [[] for _ in range(height)]
    for layer in range(HILLS):
        peaks = 2 + layer // 2
        for peak in range(peaks):
            chance = digest[6 + 2 * layer + peak]
            top = round(height * (0.30 + 0.16 * layer + (chance & 15) / 90))
            middle = round(width * ((peak + (chance >> 4) / 16) / peaks))
            slope = 1.1 + 0.7 * layer + (chance & 7) / 10
            for row in range(top, height):
                half = round((row - top) * slope) + 1
                covered[row].append((middle - half, middle + half, first + layer))
    return covered


def _painted(row: bytes, spans: Iterable[_Span]) -> bytes:
    painted = bytearray(row)
    for begin, end, ink in spans:
        left, right = max(0, begin), min(len(row), end)
        if left < right:
            painted[left:right] = bytes([ink]) * (right - left)
    return bytes(painted)


def _rgb(hue: float, lightness: float, saturation: float) -> bytes:
    parts = colorsys.hls_to_rgb(hue % 1.0, lightness, min(1.0, saturation))
    return bytes(round(255 * part) for part in parts)
