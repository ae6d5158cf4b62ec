"""An example call for each endpoint and recipe, from the exchanges that Akool's pages print.

Long addresses are replaced by short ones, and long texts are cut. Each example is built as a
request once, so that no example breaks a rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from posixpath import splitext
from typing import Any
from urllib.parse import urlsplit

import msgspec
from python_text import value_text

from akool_async.endpoints import ENDPOINTS, Face
from akool_async.protocol.endpoint import Recipe
from akool_async.protocol.fields import plan_of
from akool_async.protocol.value import Input

_EXCHANGES = Path(__file__).parents[1] / "tests" / "fixtures"
_WIDTH = 80
_LONGEST_TEXT = 60
_LEFT_OUT = frozenset({"webhook_url", "img", "client_id", "client_secret"})
"""Fields without which an example is easier to read."""


def example_of(called: str, cls: type[Input], *, assigned: str) -> str:
    """Return a call as Python code, imports included; nothing for an undocumented endpoint.

    Args:
        called: What is called, such as `await akool.audio.tts`.
        cls: The class of the request.
        assigned: Name of the variable that takes what is returned; empty for none.
    """
    if cls not in _documented() and not issubclass(cls, Recipe):
        return ""  # a test reports that its exchange is missing
    fields = fields_of(cls)
    cls(**fields)
    imported = sorted({type(each).__name__ for each in _inputs_in([*fields.values()])})
    opening = f"{assigned} = {called}(" if assigned else f"{called}("
    call = _in_lines(opening, _arguments(fields), ")")
    if not imported:
        return call
    line = f"from akool_async.endpoints import {', '.join(imported)}"
    if len(line) > _WIDTH:
        line = _in_lines("from akool_async.endpoints import (", imported, ")")
    return f"{line}\n\n{call}"


def fields_of(cls: type[Input]) -> dict[str, Any]:
    """Return the fields of the documented request, or of a request made of others' fields."""
    documented = _documented().get(cls)
    if documented is None:
        return {plan.name: _known_value(plan.name) for plan in plan_of(cls) if plan.required}
    fields = {field.name: field for field in msgspec.structs.fields(cls)}
    values = {plan.name: getattr(documented, plan.name) for plan in plan_of(cls)}
    return {
        name: _shortened(name, value)
        for name, value in values.items()
        if value not in (None, fields[name].default) and name not in _LEFT_OUT
    }


@cache
def _documented() -> Mapping[type[Input], Input]:
    """Return the documented request of each endpoint that has one."""
    found: dict[type[Input], Input] = {}
    for name, cls in ENDPOINTS.items():
        path = _EXCHANGES.joinpath(*name.split(".")).with_suffix(".json")
        if path.exists():
            found[cls] = cls.from_wire(_sent(json.loads(path.read_text("utf-8"))))
    return found


def _sent(exchange: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a page sends; the numbers of a query are texts there."""
    query = exchange.get("query", {})
    typed = {name: _as_number(text) for name, text in query.items()}
    sent = exchange.get("body", typed) | exchange.get("stand_in", {})
    return {name: value for name, value in sent.items() if value is not None}


def _as_number(text: Any) -> Any:
    """Return the number that a text of digits is; those of a repeated name, each."""
    if isinstance(text, list):
        return [_as_number(each) for each in text]
    return int(text) if text.isdecimal() else text


def _known_value(name: str) -> Any:
    """Return a plain value of some documented request for a field of this name."""
    for request in _documented().values():
        value = getattr(request, name) if name in request.__struct_fields__ else None
        if value is not None and not isinstance(value, tuple | Input):
            return _shortened(name, value)
    return f"https://media.example/{name}.jpg"


def _shortened(name: str, value: Any) -> Any:
    """Return a value that says the same in less space."""
    if isinstance(value, Input):
        parts = {field: getattr(value, field) for field in value.__struct_fields__}
        return type(value)(**{field: _shortened(name, part) for field, part in parts.items()})
    if isinstance(value, tuple):
        return tuple(_shortened(name, each) for each in value)
    if isinstance(value, Enum) or not isinstance(value, str):
        return value
    if re.match(r"https?://", value):
        return f"https://media.example/{name}{splitext(urlsplit(value).path)[1]}"
    return value if len(value) <= _LONGEST_TEXT else value.partition(".")[0] + "."


def _inputs_in(values: Sequence[Any]) -> Iterator[Input]:
    for value in values:
        if isinstance(value, Input):
            yield value
            yield from _inputs_in([getattr(value, name) for name in value.__struct_fields__])
        elif isinstance(value, tuple):
            yield from _inputs_in(value)


def _code(value: Any) -> str:
    """Return a value as Python code."""
    if isinstance(value, Face):
        rest = _arguments({"opts": value.opts} if value.opts else {})
        return _in_lines("Face(", [value_text(value.path), *rest], ")")
    if isinstance(value, Input):
        given = {name: getattr(value, name) for name in value.__struct_fields__}
        fields = {name: part for name, part in given.items() if part is not None}
        return _in_lines(f"{type(value).__name__}(", _arguments(fields), ")")
    if isinstance(value, tuple):
        return _in_lines("[", [_code(each) for each in value], "]")
    return value_text(value)


def _arguments(fields: Mapping[str, Any]) -> list[str]:
    return [f"{name}={_code(value)}" for name, value in fields.items()]


def _in_lines(opening: str, parts: Sequence[str], closing: str) -> str:
    """Return parts on one line, or on a line each where one line is too long."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    inner = "\n".join(f"    {part},".replace("\n", "\n    ") for part in parts)
    return f"{opening}\n{inner}\n{closing}"
