"""Builds values from plain data: the inverse of `to_dict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec
from msgspec import Struct

from akool_async.errors import InvalidInput
from akool_async.protocol.fields import UNIONS, tag_of


def rebuilt(kind: Any, data: object) -> Any:
    """Return the value of a class, or of a generic one with its parameters, from its plain data.

    Keys that are no fields are ignored: some are properties, others of a later version.

    Raises:
        InvalidInput: a field is missing, or has the wrong type.
    """
    name = getattr(kind, "__name__", str(kind))
    if not isinstance(data, Mapping):
        raise InvalidInput("data", data, "must be an object", owner=name)
    given: object = cast("Any", data)
    try:
        return msgspec.convert(_with_wire_names(kind, given), kind)
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at `$")
    first, dot, rest = path.strip("`.").partition(".")
    names = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
    where = f"{names.get(first, first)}{dot}{rest}" or "data"
    raise InvalidInput(where, given, rule[:1].lower() + rule[1:], owner=name)


def _with_wire_names(hint: Any, data: Any) -> Any:
    """Return plain data with the names that msgspec knows the fields by."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _with_wire_names(hint.__origin__, data)
    if origin in UNIONS:
        arms = [arm for arm in get_args(hint) if _may_hold(arm, data)]
        return _with_wire_names(_tagged(arms, data), data) if arms else data
    if not _may_hold(hint, data):
        return data
    if isinstance(data, Mapping):
        return _object(hint, cast("Mapping[str, Any]", data))
    items: Sequence[Any] = data
    return [_with_wire_names(get_args(hint)[0], each) for each in items]


def _may_hold(hint: Any, data: Any) -> bool:
    """Say whether a type is one of objects, or of lists, and the data is one."""
    if isinstance(data, Mapping):
        return _is_struct(hint) or get_origin(hint) in {dict, Mapping}
    return isinstance(data, list | tuple) and get_origin(hint) in {tuple, list, Sequence}


def _is_struct(hint: Any) -> bool:
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, Struct)


def _tag_of(hint: Any) -> dict[str, Any]:
    """Return the field and value by which a class is told from others; empty for most."""
    if not _is_struct(hint):
        return {}
    return tag_of(get_origin(hint) or hint)


def _tagged(arms: Sequence[Any], data: Any) -> Any:
    """Return the class that the data's tag names; else the first."""
    named = (arm for arm in arms if any(data.get(k) == tag for k, tag in _tag_of(arm).items()))
    return next(named, arms[0])


def _object(hint: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    if not _is_struct(hint):
        return {key: _with_wire_names(get_args(hint)[1], each) for key, each in data.items()}
    return _tag_of(hint) | {
        field.encode_name: _with_wire_names(field.type, data[field.name])
        for field in msgspec.structs.fields(hint)
        # An infinite number was written as null, and is its field's default.
        if data.get(field.name) is not None or (field.name in data and _takes_none(field.type))
    }


def _takes_none(hint: Any) -> bool:
    return hint in {Any, type(None)} or (
        get_origin(hint) in UNIONS and any(map(_takes_none, get_args(hint)))
    )
