"""What an agent may do: which tools it gets, what it may spend, where it may write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIMIT: Final = 10.0
"""Credits that an agent may spend in a day without a question, unless the user sets another limit:
ten pictures, and no video."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the user of `akool mcp` allows."""

    tools: tuple[str, ...] = ()
    """Namespaces, such as `reage`, or tools, such as `voice_tts`; empty for all."""
    read_only: bool = False
    """Whether there are only tools that read."""
    compact: bool = False
    """Whether three general tools stand for those of all endpoints."""
    limit: float = LIMIT
    """Credits that may be spent in 24 hours without a question."""
    unpriced: float | None = None
    """Credits that a job without a known price counts; `None`: each one is a question."""
    folder: Path | None = None
    """Where files are saved; `None`: nowhere."""
    takes_files: bool = False
    """Whether files in the folder may stand in the place of addresses, and be uploaded."""
