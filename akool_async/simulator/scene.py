"""Draw a landscape that looks different for each digest: a sun over hills, in one hue.

A drawing is a list of rows, and a row has one byte for each pixel: the number of its colour. Only
spans of rows are painted, so a scene takes a fraction of a millisecond.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import Final, TypeAlias

Rows: TypeAlias = Sequence[bytes]
"""A drawing."""

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


def landscape(digest: bytes, width: int, height: int, first: int, moment: float) -> Rows:
    """Draw a landscape.

    Args:
        digest: At least 16 bytes, which place everything.
        width: The columns.
        height: The rows.
        first: The number of the first of its `colours`.
        moment: Where the sun is on its way, from 0 for its rise to 1 for its setting.
    """
    rows = [bytearray(bytes([first + row * SKY // height]) * width) for row in range(height)]
    radius = height // 7
    middle = round(width * (0.08 + 0.84 * moment))
    above = round(height * (0.80 - (0.52 + digest[5] / 2000) * math.sin(math.pi * moment)))
    for row in range(max(0, above - radius), min(height, above + radius + 1)):
        half = math.isqrt(radius * radius - (row - above) ** 2)
        _paint(rows[row], middle - half, middle + half + 1, first + SKY + HILLS)
    for layer in range(HILLS):
        for peak in range(2 + layer // 2):
            _hill(rows, digest[6 + 2 * layer + peak], layer, peak, first + SKY + layer)
    return [bytes(row) for row in rows]


def _hill(rows: Sequence[bytearray], chance: int, layer: int, peak: int, ink: int) -> None:
    """Paint a triangle that stands on the ground; near ones are lower and broader."""
    height, width = len(rows), len(rows[0])
    top = round(height * (0.30 + 0.16 * layer + (chance & 15) / 90))
    middle = round(width * ((peak + (chance >> 4) / 16) / (2 + layer // 2)))
    slope = 1.1 + 0.7 * layer + (chance & 7) / 10
    for row in range(top, height):
        half = round((row - top) * slope) + 1
        _paint(rows[row], middle - half, middle + half, ink)


def _paint(row: bytearray, begin: int, end: int, ink: int) -> None:
    begin, end = max(0, begin), min(len(row), end)
    if begin < end:
        row[begin:end] = bytes([ink]) * (end - begin)


def _rgb(hue: float, lightness: float, saturation: float) -> bytes:
    parts = colorsys.hls_to_rgb(hue % 1.0, lightness, min(1.0, saturation))
    return bytes(round(255 * part) for part in parts)
