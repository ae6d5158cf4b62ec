"""How the resolution of a picture or a video is spelt, where a model does not say otherwise."""

from __future__ import annotations

import re
from typing import Annotated, Final

from akool_async.protocol.fields import Rule

_SIZE: Final = re.compile(r"([0-9]+) *([pk]?)", re.IGNORECASE)


def _spelt(text: str) -> str:
    """Return the spelling that Akool takes; another word unchanged: a new model may know it."""
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        return text
    number, unit = size.groups()
    return number + (unit.lower() or ("p" if len(number) > 1 else "k"))


def _is_spelt(text: str) -> bool:
    return bool(text.strip()) and _spelt(text) == text


def _correction(text: str) -> str:
    return f"write {_spelt(text)}" if text.strip() else ""


Resolution = Annotated[
    str,
    Rule(
        "must be spelt in lower case and with its unit, such as 720p, 1080p or 4k",
        _is_spelt,
        _correction,
    ),
]
"""A resolution: `720p`, `1080p`, `4k`, or another that a model lists (N21)."""
