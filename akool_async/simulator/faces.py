"""The result of the simulated face detection: a row of faces, all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH, _HEIGHT = 100, 110
_GAP = 20
_POINTS = ((30, 40), (70, 40), (50, 65), (35, 90))
"""Eyes, nose and mouth of a face, in pixels from its upper left corner."""


def frame(count: int) -> Mapping[str, Any]:
    """Return the positions of a picture's faces, as Akool's pages print them."""
    corners = [(_GAP + number * (_WIDTH + _GAP), _GAP) for number in range(count)]
    found = [[(x + left, y + down) for x, y in _POINTS] for left, down in corners]
    return {
        # T21: six points, of which the last two are empty.
        "landmarks": [[*points, (0, 0), (0, 0)] for points in found],
        "landmarks_str": [_text(points) for points in found],
        "region": [(left, down, _WIDTH, _HEIGHT) for left, down in corners],
    }


def persons(
    counts: Sequence[int], times: Sequence[float], address: str
) -> Sequence[Mapping[str, Any]]:
    """Return the persons in frames, each of which shows the first so many of them."""
    most = max(counts)
    corners = [(_GAP + number * (_WIDTH + _GAP), _GAP) for number in range(most)]
    return [
        _person(number, corner, [at for at, count in enumerate(counts) if count > number], times)
        | {"face_url": f"{address}-{number}.png"}
        for number, corner in enumerate(corners)
    ]


def _person(
    number: int, corner: tuple[int, int], frames: Sequence[int], times: Sequence[float]
) -> dict[str, Any]:
    left, down = corner
    box = (left, down, left + _WIDTH, down + _HEIGHT)
    return {
        "person_id": f"person_{number}",
        "index": number,
        "bbox": box,
        "confidence": 0.95,
        "appearances": [
            {"timestamp": float(times[at]), "frame_idx": at, "bbox": box} for at in frames
        ],
        "first_seen": float(times[frames[0]]),
        "last_seen": float(times[frames[-1]]),
    }


def crops(count: int, address: str) -> Mapping[str, Any]:
    """Return a crop of each face, and the face's position in the crop."""
    return {
        "face_urls": [f"{address}-{number}.png" for number in range(count)],
        "crop_region": [(0, 0, _WIDTH, _HEIGHT)] * count,
        "crop_landmarks": [_text(_POINTS)] * count,
    }


def _text(points: Sequence[tuple[int, int]]) -> str:
    return ":".join(f"{x},{y}" for x, y in points)
