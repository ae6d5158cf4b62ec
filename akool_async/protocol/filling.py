"""What stands for a nested value: one where a list is taken, and an address where a face is.

A class with one required field, which is a text, is meant by that text: `Face` by the address of
its picture. That is a rule of the type; no class and no field is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from os import PathLike
from typing import Any, Final, cast, get_args, get_origin

from msgspec import Struct

from akool_async.errors import InvalidInput
from akool_async.protocol.cells import is_sequence
from akool_async.protocol.fields import FieldPlan, bare_type, inner_of, plan_of

# In a variable of type `Any`, a class keeps what is asked of it simple.
_PATH: Final[Any] = PathLike


@cache
def meaning_field(cls: type[Struct]) -> FieldPlan | None:
    """Return the field by whose text a class is meant; `None` for most classes."""
    required = [plan for plan in plan_of(cls) if plan.required]
    only = required[0] if len(required) == 1 else None
    # A text does not say that it is a secret: that has to be named.
    return only if only is not None and bare_type(only.type) is str and not only.secret else None


def filled(expected: Any, value: Any) -> Any:
    """Return a value with nested values in place of what stands for them.

    Raises:
        InvalidInput: what stands for one breaks a rule of it.
    """
    expected = bare_type(expected)
    if value is None or not inner_of(expected):
        return value
    origin, args = get_origin(expected), get_args(expected)
    if origin is tuple:
        return _list_of(args[0], value)
    if origin is Mapping and isinstance(value, Mapping):
        given = cast("Mapping[Any, Any]", value)  # type: ignore[redundant-cast]
        return {key: filled(args[1], each) for key, each in given.items()}
    return _meant(expected, value) if isinstance(expected, type) else value


def _list_of(item: Any, value: Any) -> Any:
    if isinstance(value, (*inner_of(item), dict)) or _stands_for(item, value):
        return (_at(0, item, value),)
    if not is_sequence(value):
        return value
    if all(type(each) is item for each in value):
        return tuple(value)
    return tuple(_at(index, item, each) for index, each in enumerate(value))


def _at(index: int, item: Any, value: Any) -> Any:
    try:
        return filled(item, value)
    except InvalidInput as error:
        refused = error
    raise InvalidInput(f"[{index}]{refused.field}", refused.value, refused.rule)


def _stands_for(expected: Any, value: Any) -> bool:
    field = meaning_field(expected) if isinstance(expected, type) else None
    if field is None:
        return False
    return isinstance(value, str) or (field.files is not None and isinstance(value, _PATH))


def _meant(cls: Any, value: Any) -> Any:
    """Return the value that a text, or a path, stands for; any other value unchanged."""
    if not _stands_for(cls, value):
        return value
    field = meaning_field(cls)
    assert field is not None
    try:
        return cls(**{field.name: value})
    except InvalidInput as error:
        refused = error
    raise InvalidInput(f".{refused.field}", refused.value, refused.rule)
