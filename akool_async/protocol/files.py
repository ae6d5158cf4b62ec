"""Files on disk in the place of addresses: which fields of a request hold one. Pure.

A field that takes an address takes a `pathlib.Path`, too. The request keeps the path; the client
uploads the file and puts its address there when it sends the request. A text is never taken for a
path, unless `with_paths` is asked to: a text may come from a stranger, and would name any file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from akool_async.protocol.cells import is_sequence
from akool_async.protocol.checking import has_tag
from akool_async.protocol.fields import FieldPlan, Files, inner_of, plan_of
from akool_async.protocol.value import Input

R = TypeVar("R", bound=Input)

_NO_PATH: Final = re.compile(r"data:|#|[A-Za-z][A-Za-z0-9+.-]*://")
"""What a text begins with that is meant as something else, such as a misspelt address."""


class WantedFile(NamedTuple):
    """A file that a request needs an address for."""

    field: str
    """The path to its field, such as `source_image[0].path`."""
    path: Path
    takes: Files
    """What the field takes."""
    owner: str
    """The class of the request, for messages."""


@cache
def _places(cls: type[Input]) -> tuple[tuple[FieldPlan, bool], ...]:
    """Return the fields that may hold a file, and for each whether it holds values that may."""
    found = ((plan, any(map(_may_hold, inner_of(plan.type)))) for plan in plan_of(cls))
    return tuple((plan, inner) for plan, inner in found if inner or plan.files is not None)


def _may_hold(cls: type[Input]) -> bool:
    return bool(_places(cls))


def holds_files(request: Input) -> bool:
    """Say whether a request names a file on disk. Called with each request, so it is short."""
    for plan, inner in _places(type(request)):
        value = getattr(request, plan.name)
        if isinstance(value, Path):
            return True
        if inner and value is not None:
            for each in (value,) if isinstance(value, Input) else value:
                if holds_files(each):
                    return True
    return False


def files_in(request: Input, owner: str = "") -> list[WantedFile]:
    """Return the files that a request names, in the order of its fields."""
    owner = owner or type(request).__name__
    found: list[WantedFile] = []
    for plan, inner in _places(type(request)):
        value = getattr(request, plan.name)
        if isinstance(value, Path):
            takes = request.files_for(plan) or Files()
            found.append(WantedFile(plan.name, value, takes, owner))
        elif isinstance(value, Input):
            inside = files_in(value, owner)
            found += (file._replace(field=f"{plan.name}.{file.field}") for file in inside)
        elif inner and value is not None:
            for index, each in enumerate(value):
                where = f"{plan.name}[{index}]."
                found += (file._replace(field=where + file.field) for file in files_in(each, owner))
    return found


def with_addresses(request: R, address_of: Callable[[Path], str]) -> R:
    """Return a request with an address in place of each file."""
    changes: dict[str, Any] = {}
    for plan, inner in _places(type(request)):
        value = getattr(request, plan.name)
        if isinstance(value, Path):
            changes[plan.name] = address_of(value)
        elif isinstance(value, Input):
            changes[plan.name] = with_addresses(value, address_of)
        elif inner and value is not None:
            changes[plan.name] = tuple(with_addresses(each, address_of) for each in value)
    return msgspec.structs.replace(request, **changes) if changes else request


# Texts that are paths


def with_paths(
    cls: type[Input],
    given: Mapping[str, Any],
    *,
    folder: str | os.PathLike[str] = "",
    bare: bool = True,
) -> dict[str, Any]:
    """Return the fields of a request, with a path in place of each text that names a file.

    Only for texts of the user's own, such as arguments of a command or rows of his manifest.
    A text that is no address, where the field takes an address, is the path of a file; so is one
    that begins with `file:`.

    Args:
        cls: The class of the request.
        given: The fields by their Python names, or by their wire names.
        folder: What relative paths begin from; the working directory if it is not given.
        bare: Whether a path may stand there without `file:`.
    """
    plans = {name: plan for plan in plan_of(cls) for name in (plan.wire_name, plan.name)}
    return {
        name: _with_path(plans[name], value, folder, bare=bare) if name in plans else value
        for name, value in given.items()
    }


def _with_path(plan: FieldPlan, value: Any, folder: str | os.PathLike[str], *, bare: bool) -> Any:
    if isinstance(value, str):
        path = _path_in(plan, value, bare=bare) if plan.files is not None else None
        return value if path is None else Path(folder, path)
    kinds = inner_of(plan.type)

    def named(each: Any) -> Any:
        if not isinstance(each, Mapping) or not kinds:
            return cast("Any", each)
        data = cast("Mapping[str, Any]", each)
        cls = next((kind for kind in kinds if has_tag(kind, data)), kinds[0])
        return with_paths(cls, data, folder=folder, bare=bare)

    return [named(each) for each in value] if is_sequence(value) else named(value)


def _path_in(plan: FieldPlan, text: str, *, bare: bool) -> Path | None:
    """Return the path that a text means; `None` for an address, and for what is none of both."""
    if text.startswith("file:"):
        return path_in_url(text)
    means_something_else = not bare or not text.strip() or _NO_PATH.match(text)
    if means_something_else or all(rule.holds(text) for rule in plan.rules):
        return None
    return Path(text)


def path_in_url(url: str) -> Path | None:
    """Return the path in an address that begins with `file:`; `None` for a file elsewhere."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.netloc in {"", "localhost"} else None
