"""Manifests for tests, and what a check says of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from akool_async.batch import BatchRow, Checked, Fault, RowOptions, read
from akool_async.batch.manifest.sources import Rows

HEADER = "operation,key,input_text,voice_id"
PHOTO = "https://photos.example/ann.jpg"
OPTS = "262,175:363,175:313,215:272,279"


def said(text: str = "Hello.", **fields: Any) -> dict[str, Any]:
    """Return a row that is right."""
    return {"operation": "audio.tts", "input_text": text, "voice_id": "nicole"} | fields


def as_lines(rows: Iterable[Any]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def faults_of(checked: Checked) -> list[Fault]:
    return [fault for group in checked.faults for fault in group.first]


def rows_of(rows: Rows, **options: Any) -> list[BatchRow]:
    """Return the rows of a manifest without faults."""
    found: list[BatchRow] = []
    for row in read(rows, RowOptions(**options)):
        assert isinstance(row, BatchRow), str(row)
        found.append(row)
    return found
