"""Warnings of what Akool no longer offers as it did: once for each endpoint and field.

What the client sends by itself warns of nothing: lookups of jobs that run, the exchange of an id
and secret for a token, the steps of a recipe. A user can change none of them.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from contextvars import ContextVar
from types import FrameType
from typing import Any, Final, NamedTuple, cast

import msgspec

from akool_async.protocol.deprecation import AkoolDeprecationWarning, Deprecated
from akool_async.protocol.endpoint import Lookup
from akool_async.protocol.fields import plan_of
from akool_async.protocol.value import Input

SETTLED: Final[set[type[Any]]] = set()
"""Classes of requests of which nothing is left to be told: what a warning costs on the way of each
request is a look at this set."""

_TOLD: Final[set[tuple[type[Any], str]]] = set()
"""Classes and fields of which this process has been warned; the field is empty for the class."""

_NOT_THE_USER: Final = frozenset({"akool_async", "asyncio"})


class Line(NamedTuple):
    """A line of the user's program."""

    file: str
    number: int
    module: str
    registry: dict[Any, Any]
    """What Python keeps there of warnings."""


LINE: Final[ContextVar[Line | None]] = ContextVar("LINE", default=None)
"""The line that led here, where another thread works for the one that has it."""


def user_line() -> Line:
    """Return the line of the user's program that led here.

    Where a task of asyncio stands between, that is the line that runs the event loop.
    """
    known = LINE.get()
    if known is not None:
        return known
    frame = inspect.currentframe()
    while frame is not None and _module(frame).partition(".")[0] in _NOT_THE_USER:
        if frame.f_back is None:
            break
        frame = frame.f_back
    assert frame is not None
    registry: dict[Any, Any] = frame.f_globals.setdefault("__warningregistry__", {})
    return Line(frame.f_code.co_filename, frame.f_lineno, _module(frame), registry)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def warn_of(request: Any, line: Line | None = None) -> None:
    """Warn of what is deprecated in a request, unless this process has been warned of it.

    Args:
        request: An endpoint or a recipe.
        line: Where it was made; else that is the line that led here.

    Raises:
        AkoolDeprecationWarning: Python's filters make errors of warnings.
    """
    cls = cast("type[Any]", request.__class__)
    notes = _notes_of(cls)
    for name, deprecated in notes.items():
        if (cls, name) not in _TOLD and (not name or _is_given(request, name)):
            advice = f"use {deprecated.instead}" if deprecated.instead else "nothing replaces it"
            what = f"field {request.label}({name}=...)" if name else f"endpoint {request.label}"
            place = user_line() if line is None else line
            warnings.warn_explicit(
                f"Akool {what}: {deprecated.state_words}; {advice}",
                AkoolDeprecationWarning,
                place.file,
                place.number,
                place.module,
                place.registry,
            )
            _TOLD.add((cls, name))
    if all((cls, name) in _TOLD for name in notes):
        SETTLED.add(cls)


def _notes_of(cls: type[Any]) -> Mapping[str, Deprecated]:
    """Return what is deprecated in a class, by field; the class itself has an empty name."""
    own: Deprecated | None = getattr(cls, "deprecated", None)
    plans = plan_of(cls) if issubclass(cls, Input) else ()  # what is no request is refused later
    notes = {plan.name: plan.deprecated for plan in plans if plan.deprecated is not None}
    # Jobs that run have to be looked up; their create has warned.
    return notes if own is None or issubclass(cls, Lookup) else {"": own} | notes


def _is_given(request: Any, name: str) -> bool:
    """Say whether a field has another value than its default."""
    default = next(each.default for each in msgspec.structs.fields(request) if each.name == name)
    return bool(getattr(request, name) != default)
