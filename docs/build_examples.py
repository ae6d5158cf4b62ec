"""Writes `akool_async/cli/examples.json`: an example of each command that an endpoint makes.

Run `python docs/build_examples.py`. The examples are those of the reference, with the fields that
are needed only. `tests/cli/test_cli_help.py` compares the file with what this makes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from request_examples import fields_of

from akool_async.cli.fields import dashed
from akool_async.endpoints import ENDPOINTS, RECIPES, Face
from akool_async.endpoints.forms import FILE, form_of
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Operation, Recipe
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.protocol.value import Input

PAGE = Path(__file__).parents[1] / "akool_async" / "cli" / "examples.json"


def examples() -> dict[str, list[str]]:
    """Return the words after each command, an option with its value in one text."""
    return {name: _words(cls) for name, cls in sorted({**ENDPOINTS, **RECIPES}.items())}


def page() -> str:
    """Return the file's content."""
    return json.dumps(examples(), indent=2, ensure_ascii=False) + "\n"


def _words(cls: type[Input]) -> list[str]:
    given = _needed(cls, fields_of(cls))
    wire = cls(**given).to_wire()
    words = [
        word
        for plan in plan_of(cls)
        if plan.name in given
        for word in _options(plan, given[plan.name], wire.get(plan.wire_name))
    ]
    if issubclass(cls, Operation | Recipe):
        words.append("--save out/" if cls.family.media_of(cls) is not None else "--wait")
    return words


def _needed(cls: type[Input], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields without which the request breaks a rule, in short. One is kept at least."""
    kept = dict(fields)
    for name in reversed(fields):
        without = {each: value for each, value in kept.items() if each != name}
        if without and _holds(cls, without):
            kept = without
    for name, value in list(kept.items()):
        shorter = kept | {name: _shorter(value)}
        if _holds(cls, shorter):
            kept = shorter
    return kept


def _holds(cls: type[Input], fields: Mapping[str, Any]) -> bool:
    try:
        cls(**fields)
    except (InvalidInput, TypeError):
        return False
    return True


def _shorter(value: Any) -> Any:
    """Return one of several values; of a face, its picture without the landmarks."""
    first = value[0] if isinstance(value, tuple) and value else value
    first = Face(first.path) if isinstance(first, Face) else first
    return (first,) if isinstance(value, tuple) else first


def _options(plan: FieldPlan, value: Any, sent: Any) -> Iterator[str]:
    """Yield the options that give a field a value; an object is given as it is sent."""
    name, form = dashed(plan.name), form_of(plan)
    if form.flag:
        yield f"--{name}" if value else f"--no-{name}"
        return
    given = sent if form.metavar == "JSON" else value
    several = given if isinstance(given, tuple | list) else [given]
    for each in several if form.repeated or plan.one_each is not None else [given]:
        text = "photo.png" if form.metavar == FILE else _text(each)
        yield f"--{name} {shlex.quote(text)}"


def _text(value: Any) -> str:
    """Return a value as the command line takes it."""
    if isinstance(value, Face):
        return f"{value.path}@{value.opts}" if value.opts else str(value.path)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value.replace("'", "\u2019")  # a shell takes it as it is
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
