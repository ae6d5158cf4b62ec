"""Values as plain data, as JSON can hold it: what `to_dict` and `to_json` return."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from enum import Enum
from functools import singledispatch
from pathlib import PurePath
from typing import Any, Final

HIDDEN: Final = "***"
"""Stands for a secret."""


@singledispatch
def plain(value: Any) -> Any:
    """Return a value as plain data.

    An enum's member becomes its value, a date an ISO 8601 text, a duration its seconds, bytes a
    base64 text, and a number that is not finite null.

    Raises:
        TypeError: the value is no data, such as an open file.
    """
    to_dict = getattr(value, "to_dict", None)
    if not callable(to_dict):
        raise TypeError(f"{type(value).__name__} is no plain data")
    return to_dict()


@plain.register
def _(value: None) -> None:
    return value


@plain.register
def _(value: bool) -> bool:  # noqa: FBT001 - it is the value
    return value


@plain.register
def _(value: int) -> int:
    return int(value)


@plain.register
def _(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@plain.register
def _(value: str) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if type(value).__repr__ is not str.__repr__:  # it hides itself in logs; here, too
        return HIDDEN
    text = str.__str__(value)
    # Half of a surrogate pair can be in no reply of a web server.
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


@plain.register
def _(value: bytes) -> str:
    if type(value).__repr__ is not bytes.__repr__:
        return HIDDEN
    return base64.b64encode(value).decode()


@plain.register
def _(value: Enum) -> Any:
    return plain(value.value)


@plain.register
def _(value: date) -> str:  # and `datetime`, which is a subclass
    return value.isoformat()


@plain.register
def _(value: timedelta) -> float:
    return value.total_seconds()


@plain.register
def _(value: PurePath) -> str:
    return str(value)


@plain.register(Mapping)
def _(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(plain(key)): plain(each) for key, each in value.items()}


@plain.register(Sequence)
@plain.register(AbstractSet)
def _(value: Any) -> Any:
    # A sequence with fields of its own, such as a page of a list, says itself what it is.
    to_dict = getattr(value, "to_dict", None)
    return to_dict() if callable(to_dict) else [plain(each) for each in value]


@plain.register
def _(value: BaseException) -> Any:
    to_dict = getattr(value, "to_dict", None)
    return to_dict() if callable(to_dict) else {"type": type(value).__name__, "message": str(value)}


def as_json(data: Any) -> str:
    """Return plain data as JSON text on one line."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
