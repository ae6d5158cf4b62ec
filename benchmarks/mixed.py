"""Mixed rows of a night: two pictures, a speech and a video in each four, with short jobs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from akool_async import Operation
from akool_async.endpoints import TTS, ImageReage, TalkingPhoto

OPTS = "262,175:363,175:313,215:272,279"
SECONDS = 0.1
"""How long a job takes."""

MAKE: dict[str, Any] = {
    "reage.image": ImageReage,
    "audio.tts": TTS,
    "video.talking_photo": TalkingPhoto,
}


def rows(count: int, *, seconds: float = SECONDS, name: str = "row") -> Iterator[dict[str, Any]]:
    """Yield rows of a manifest that are all different, each with a key."""
    for number in range(count):
        photo = f"https://photos.example/{name}/{number}.jpg?seconds={seconds}"
        row: dict[str, Any] = {"key": f"{name}-{number}"}
        if number % 2 == 0:
            row |= {"operation": "reage.image", "face_reage": number % 60 - 30}
            row |= {"target_image": [{"path": photo, "opts": OPTS}], "modify_image": photo}
        elif number % 4 == 1:
            row |= {"operation": "audio.tts", "voice_id": "voice-nicole"}
            row |= {"input_text": f"Good morning, number {number} of {name}. seconds={seconds}"}
        else:
            row |= {"operation": "video.talking_photo", "talking_photo_url": photo}
            row |= {"audio_url": f"https://photos.example/{number}.mp3"}
        yield row


def manifest(path: Path, *parts: Iterator[dict[str, Any]]) -> Path:
    """Write rows as lines of JSON."""
    with path.open("wb") as file:
        for part in parts:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in part)
    return path


def pairs(path: Path) -> Iterator[tuple[str, Operation[Any]]]:
    """Read a manifest as one would by hand: each line becomes a key and a request."""
    with path.open("rb") as file:
        for line in file:
            row = msgspec.json.decode(line)
            key = row.pop("key")
            yield key, MAKE[row.pop("operation")](**row)


def photos(path: Path, count: int) -> Path:
    """Write a CSV of photos, as a script by hand takes them, and `akool run` too."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "target_image", "face_reage", "modify_image"])
        for number in range(count):
            photo = f"https://photos.example/{number}.jpg?seconds={SECONDS}"
            writer.writerow([f"photo-{number}", photo, number % 60 - 30, photo])
    return path
