"""`run.json`: what a run was started with."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from akool_async.batch.folder import RunFolder


def write_record(
    folder: RunFolder, arguments: Mapping[str, Any], manifests: tuple[str, ...] = ()
) -> None:
    """Write down what a run is started with, whole or not at all. Blocks.

    Args:
        folder: The run's folder.
        arguments: The arguments; no secret is among them.
        manifests: The manifests' paths.

    Raises:
        OSError: it cannot be written.
    """
    document = {
        "arguments": arguments,
        "manifests": [{"path": path, "sha256": _hash_of(path)} for path in manifests],
        "versions": {
            "akool_async": version("akool_async"),
            "python": platform.python_version(),
            "platform": sys.platform,
        },
        "process": os.getpid(),
        "directory": _working_directory(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    part = folder.arguments.with_name(".run.json.part")
    part.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder.arguments)


class Record(NamedTuple):
    """What `run.json` tells."""

    arguments: Mapping[str, Any] = {}
    """By name; none for the run of a program."""
    manifests: Sequence[str] = ()
    """Their paths."""
    directory: str = ""
    """The working folder, which relative paths begin at; empty if it is not known."""
    started: str | None = None
    """When the last process began, in the format of ISO 8601."""


def read_record(folder: RunFolder) -> Record:
    """Return what a run was started with; nothing of it if nothing readable is there. Blocks."""
    try:
        document: Any = json.loads(folder.arguments.read_text(encoding="utf-8"))
        return Record(
            dict(document["arguments"]),
            [str(each["path"]) for each in document["manifests"]],
            str(document.get("directory") or ""),
            str(document["started_at"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def _hash_of(path: str) -> str | None:
    """Return the SHA-256 of a manifest, in hex; `None` for what is no file, such as a pipe."""
    if not Path(path).is_file():
        return None
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
