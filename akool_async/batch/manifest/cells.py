"""Cells become values of parameters, in whatever way a cell may be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast, get_args, get_origin

import msgspec

from akool_async.batch.manifest.fault import shown
from akool_async.batch.manifest.row import NoCell
from akool_async.client.submission import check_key
from akool_async.endpoints.face import Face
from akool_async.endpoints.forms import TEXT, Form, Unreadable, form_of
from akool_async.errors import InvalidInput
from akool_async.protocol.fields import FieldPlan, Rule, Url, bare_type
from akool_async.protocol.files import path_in_url

Read: TypeAlias = Callable[[Any], Any]
"""Makes a parameter's value of a cell that is not empty; raises `Unreadable` where it cannot."""


IS_ADDRESS: Rule = get_args(Url)[1]
"""The rule of parameters that take an address."""


class CellReader(NamedTuple):
    """How a parameter's cells are read."""

    read: Read
    direct: type[Any] | None = None
    """The type of cells that nearly always need no reading."""
    parts: tuple[str, ...] = ()
    """The fields of the parameter's one item, where it may be spread over several columns."""


def reader_of(plan: FieldPlan, base: Path | None) -> CellReader:
    """Return how a parameter's cells are read.

    Args:
        plan: The parameter.
        base: The folder that the names of files are relative to; `None` for the working folder.
    """
    form, bare = form_of(plan), bare_type(plan.type)
    if IS_ADDRESS in plan.rules:
        return CellReader(partial(_address, base), str)
    if form.metavar == TEXT and not form.repeated:
        return CellReader(_text, str)
    if get_origin(bare) is tuple:
        item = get_args(bare)[0]
        if item is Face:
            return CellReader(partial(_faces, base, form), None, Face.__struct_fields__)
        return CellReader(partial(_items, form))
    direct = bare if bare in {int, float, bool} else None
    return CellReader(partial(_other, form), direct)


def is_empty(cell: Any) -> bool:
    """Say whether a cell holds nothing: an empty text, or nothing at all."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _checked(cell: Any) -> Any:
    if isinstance(cell, NoCell):
        raise Unreadable(cell.why)
    return cell


def _text(cell: Any) -> Any:
    """Return a text; a number is written in digits, as spreadsheets have numbers only."""
    if type(cell) in {int, float}:
        return str(cell)
    return _checked(cell)


def _address(base: Path | None, cell: Any) -> Any:
    if isinstance(cell, str):
        return cell.strip() if cell[:4] == "http" else _file(base, cell.strip())
    return _checked(cell)


def _file(base: Path | None, text: str) -> str | Path:
    """Return the path of a file that is there; else the text, which the parameter refuses."""
    if text.startswith("file:"):
        path = path_in_url(text)
        if path is None:
            return text
    elif "://" in text:
        return text
    else:
        path = Path(text)
    if base is not None:
        path = base / path
    try:
        return path if path.is_file() else text
    except (OSError, ValueError):  # such as a text that is too long for a name
        return text


def _other(form: Form, cell: Any) -> Any:
    return form.read(cell.strip()) if isinstance(cell, str) else _checked(cell)


def _items(form: Form, cell: Any) -> Any:
    if isinstance(cell, str):
        return form.read(cell.strip())
    return [cell] if isinstance(cell, Mapping) else _checked(cell)


def _faces(base: Path | None, form: Form, cell: Any) -> Any:
    """Return faces: from `URL` or `URL@OPTS`, from JSON, or from objects and lists of them."""
    items: Any = _items(form, cell)
    if not isinstance(items, list):
        return items
    faces = cast("list[Any]", items)  # type: ignore[redundant-cast]
    try:  # built one by one, they cost half as much as checked together
        return tuple([Face(**each) for each in faces])
    except (InvalidInput, TypeError):  # not right yet, or a fault of the row's, which has a name
        pass
    return [_face(base, form, each) for each in faces]


def _face(base: Path | None, form: Form, face: Any) -> Any:
    if isinstance(face, str):
        face = form.read(face.strip())[0]
    if not isinstance(face, dict):
        return face
    fields = cast("dict[str, Any]", face)
    path = fields.get("path")
    return {**fields, "path": _address(base, path)} if isinstance(path, str) else fields


def priority_in(cell: Any) -> int:
    """Return a priority, 0 for an empty cell.

    Raises:
        Unreadable: the cell holds no whole number.
    """
    if type(cell) is int:
        return cell
    try:
        return 0 if is_empty(cell) else msgspec.convert(_checked(cell), int, strict=False)
    except msgspec.ValidationError:
        pass
    raise Unreadable(f"must be a whole number (here: {shown(cell)})")


def key_in(cell: Any) -> str | None:
    """Return a key: a text, or a number in digits; `None` for an empty cell.

    Raises:
        Unreadable: the cell holds neither.
        InvalidInput: no store can hold the text.
    """
    if type(cell) is not str:
        if cell is None:
            return None
        cell = _text(cell)
        if not isinstance(cell, str):
            raise Unreadable(f"must be a text or a number (here: {shown(cell)})")
    if not cell.isascii():
        check_key(cell)
    return cell.strip() or None
