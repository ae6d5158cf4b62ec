"""How the fields of a request are checked when it is built.

Most values are right as they are, and a request is built for each of a hundred thousand rows. So
each field has a fast test of its own. A value that passes it needs nothing more. Any other value
takes the full check: its wire spelling is decoded, msgspec converts it to the field's type, and
then each rule is tested. A value that msgspec refuses is tried once more with Python's own numbers
in place of another library's. A value that fails is refused with the name of its field, its rule
in words, and the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache, partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias, cast, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from akool_async.errors import InvalidInput
from akool_async.plain import HIDDEN
from akool_async.protocol.cells import is_sequence, plain_cells
from akool_async.protocol.fields import (
    UNIONS,
    FieldPlan,
    bare_type,
    extras,
    inner_of,
    none_if_empty,
    plan_of,
)
from akool_async.protocol.filling import filled
from akool_async.protocol.secret import Confidential, confidential
from akool_async.protocol.type_words import rule_in_words, words_of

Test: TypeAlias = Callable[[Any], bool]

_LEAST, _MOST = -(2**63), 2**64 - 1
"""The whole numbers that the JSON encoder takes."""
# In a variable of type `Any`, a class keeps what is asked of it simple.
_PATH: Final[Any] = PathLike
_TOO_LARGE = "must fit in 64 bits"
_SURROGATE = "must not hold a lone surrogate"


@cache
def checks_of(cls: type[Struct]) -> tuple[tuple[str, bool, Test, FieldPlan], ...]:
    """Return for each field: its name, whether it may be `None`, its fast test, and its plan."""
    return tuple(
        (plan.name, plan.optional, _is_hidden if plan.secret else _fast_test(plan), plan)
        for plan in plan_of(cls)
    )


# The fast test


def _fast_test(plan: FieldPlan) -> Test:
    """Return a test that passes only valid values of the right type; it may reject valid ones."""
    kind, limits = _type_and_limits(plan)
    shortest = limits.min_length or 0
    if plan.coding is not None and plan.coding.from_wire is none_if_empty:
        shortest = max(1, shortest)  # any other text is on the wire as it is here
    elif plan.coding is not None:
        return _never
    if kind is str and limits == Meta(min_length=limits.min_length):
        return _text_test(shortest, [rule.holds for rule in plan.rules])
    if plan.item is not None:
        return _items_test(plan.item, [rule.holds for rule in plan.rules])
    if plan.rules or not isinstance(kind, type):
        return _never
    if kind is int and limits == Meta(ge=limits.ge, le=limits.le):
        return _integer_test(limits)
    is_plain = issubclass(kind, bool | float | Enum) and limits == Meta()
    return (lambda value: type(value) is kind) if is_plain else _never


def _is_hidden(value: object) -> bool:
    return isinstance(value, Confidential)  # it was checked when it was made one


def _never(_value: object) -> bool:
    return False


def _type_and_limits(plan: FieldPlan) -> tuple[Any, Meta]:
    """Return a field's type, without `None` and without its limits, and those limits."""
    arms = [arm for arm in get_args(plan.type) if arm is not type(None)]
    hint = arms[0] if plan.optional and len(arms) == 1 else plan.type
    found = [extra for extra in extras(hint) if isinstance(extra, Meta)]
    return (hint.__origin__, found[0]) if len(found) == 1 else (hint, Meta())


def _text_test(shortest: int, rules: Sequence[Test]) -> Test:
    def keeps(text: str) -> bool:
        return len(text) >= shortest and all(rule(text) for rule in rules)

    # Texts that are not ASCII may hold a lone surrogate: the full check looks for one.
    if not rules:  # one call less: a request is built for each row
        return lambda value: type(value) is str and value.isascii() and len(value) >= shortest
    holds = rules[0] if len(rules) == 1 and not shortest else keeps
    return lambda value: type(value) is str and value.isascii() and holds(value)


def _items_test(item: Any, rules: Sequence[Test]) -> Test:
    """Return a test that passes tuples of inputs: each of these was checked when it was built."""

    def holds(value: Any) -> bool:
        if type(value) is not tuple:
            return False
        for each in cast("tuple[object, ...]", value):
            if type(each) is not item:
                return False
        return all(rule(value) for rule in rules)

    return holds


def _integer_test(limits: Meta) -> Test:
    least = _LEAST if limits.ge is None else limits.ge
    most = _MOST if limits.le is None else limits.le
    return lambda value: type(value) is int and least <= value <= most


# The full check


def checked(plan: FieldPlan, value: Any, owner: str) -> Any:
    """Return the value in its field's type; a secret as one that hides itself.

    Raises:
        InvalidInput: the value has the wrong type or breaks a rule. It shows no secret.
    """
    if not plan.hides:
        return _checked(plan, value, owner)
    try:
        value = _checked(plan, value, owner)
    except InvalidInput as error:
        field, rule, refused = error.field, error.rule, error.value
    else:
        return value if not plan.secret or value is None else confidential(value)
    # What is wrong may be the shape of the value that holds the secret: no text of it is shown.
    shown = refused if isinstance(refused, int | float) and not plan.secret else HIDDEN
    raise InvalidInput(field, shown, rule, owner=owner)


def _checked(plan: FieldPlan, value: Any, owner: str) -> Any:
    if plan.item is not None and type(value) is list:
        given = cast("list[Any]", value)  # type: ignore[redundant-cast]
        if _are_right(plan, given):
            return tuple(given)
    if plan.files is not None:
        value = _out_of_list(plan, value, owner)
        if isinstance(value, _PATH):
            return Path(value)  # the file itself is looked at when the request is submitted
    value = _in_type(plan, value, owner)
    if not is_text(value):
        raise InvalidInput(plan.name, value, _SURROGATE, owner=owner)
    if value is not None:
        for rule in plan.rules:
            if not rule.holds(value):
                raise InvalidInput(plan.name, value, rule.broken_by(value), owner=owner)
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        raise InvalidInput(plan.name, value, _TOO_LARGE, owner=owner)
    return value


def _in_type(plan: FieldPlan, value: Any, owner: str) -> Any:
    """Return the value in its field's type; its rules are not tested yet."""
    if plan.one_each is not None and is_sequence(value):
        raise InvalidInput(plan.name, value, plan.one_each.text, owner=owner)
    if plan.coding is not None:
        value = plan.coding.from_wire(value)
    if type(value) is plan.type:  # for texts, numbers and enums, the type is all there is
        return value
    value, refusal = _converted(plan, value)
    if refusal is not None:
        raise InvalidInput(plan.name + refusal.field, refusal.value, refusal.rule, owner=owner)
    return value


def _out_of_list(plan: FieldPlan, value: Any, owner: str) -> Any:
    """Return the file of a field that is a list on the wire; other values unchanged."""
    if plan.coding is None:
        return value
    try:
        return plan.coding.from_wire(value)
    except InvalidInput as error:
        refused = error
    raise InvalidInput(refused.field, refused.value, refused.rule, owner=owner)


def is_text(value: Any) -> bool:
    """Say whether UTF-8 can encode all texts of a value."""
    if isinstance(value, tuple):
        return _are_texts(cast("tuple[Any, ...]", value))  # type: ignore[redundant-cast]
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _are_texts(values: tuple[Any, ...]) -> bool:
    if values and isinstance(values[0], Struct):  # inputs: each was checked when it was built
        return True
    try:
        return "".join(values).isascii() or all(map(is_text, values))
    except TypeError:  # some of them are no texts
        return all(map(is_text, values))


def _plain_sequence(value: Any) -> Any:
    """Return a sequence that msgspec does not know, such as a deque, as a tuple."""
    known = type(value) in {list, tuple} or not is_sequence(value)
    return value if known else tuple(value)


class _Refusal(Struct, frozen=True):
    field: str
    value: Any
    rule: str


def _converted(plan: FieldPlan, value: Any) -> tuple[Any, _Refusal | None]:
    """Convert a value with msgspec; return it, or the reason why that failed."""
    if plan.inner:
        try:
            value = filled(plan.type, value)
        except InvalidInput as error:
            return None, _Refusal(error.field, error.value, error.rule)
    if _passes_for_object(value) and plan.inner:
        rule = f"must be {words_of(plan.type)}, not a {type(value).__name__}"
        return None, _Refusal("", value, rule)
    refusal: _Refusal | None = None
    for prepare in (_plain_sequence, plain_cells, partial(_with_values, plan.type)):
        try:
            return msgspec.convert(prepare(value), plan.type), None
        except Exception as error:  # noqa: BLE001 - a foreign object may raise any error
            refusal = _refusal_of(error, value, plan)
    return None, refusal


def _are_right(plan: FieldPlan, values: list[Any]) -> bool:
    """Say whether nothing has to be converted in a list of inputs, and all rules hold."""
    for each in values:
        if type(each) is not plan.item:
            return False
    return all(rule.holds(values) for rule in plan.rules)


_UNDERSTOOD: Final[tuple[type[Any], ...]] = (str, bytes, Mapping, Struct)
"""What msgspec takes for what it is."""


def _passes_for_object(value: object) -> bool:
    """Say whether msgspec takes a value for an empty object: an array of numpy, for one."""
    subscripted = hasattr(type(value), "__getitem__")
    return subscripted and not isinstance(value, _UNDERSTOOD) and not is_sequence(value)


def _with_values(expected: Any, value: Any) -> Any:
    """Return a dict as a value; a sequence with dicts, where one holds the path of a file.

    msgspec takes a path in no text field, not even in a dict. And its rules are in other words
    than ours.
    """
    arms = get_args(expected) if get_origin(expected) in UNIONS else (expected,)
    kinds = [arm for arm in arms if isinstance(arm, type) and issubclass(arm, Struct)]
    if len(kinds) == 1 and _is_dict(value):
        return _built(kinds[0], value, "")
    if not is_sequence(value) or not any(map(_holds_path, value)):
        return value
    return tuple(_valued(expected, index, each) for index, each in enumerate(value))


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _holds_path(item: object) -> bool:
    return isinstance(item, dict) and any(
        isinstance(each, _PATH) for each in cast("dict[str, object]", item).values()
    )


def _valued(expected: Any, index: int, item: Any) -> Any:
    if not _holds_path(item):
        return item
    kinds = inner_of(expected)
    cls = next((each for each in kinds if has_tag(each, item)), kinds[0] if kinds else None)
    return item if cls is None else _built(cls, item, f"[{index}]")


def _built(cls: Any, item: Any, place: str) -> Any:
    """Build a value inside of another one."""
    try:
        return cls.from_dict(item)
    except InvalidInput as error:
        refused = error
    raise InvalidInput(f"{place}.{refused.field}", refused.value, refused.rule)


def has_tag(cls: Any, data: Any) -> bool:
    """Say whether the tag in some data is that of a class."""
    config = cls.__struct_config__
    return bool(config.tag_field) and data.get(config.tag_field) == config.tag


def _refusal_of(error: Exception, value: Any, plan: FieldPlan) -> _Refusal:
    if isinstance(error, InvalidInput):
        return _Refusal(error.field, error.value, error.rule)
    if isinstance(error, UnicodeError):
        return _Refusal("", value, _SURROGATE)
    if not isinstance(error, msgspec.ValidationError):
        return _Refusal("", value, f"cannot be read ({type(error).__name__})")
    rule, _, path = str(error).partition(" - at `$")
    path, cause = path.rstrip("`"), error.__cause__
    if isinstance(cause, InvalidInput):
        return _Refusal(f"{path}.{cause.field}", cause.value, cause.rule)
    file = plan.files is not None and bare_type(plan.type) is str
    return _Refusal(path, value, rule_in_words(rule, path, plan.type, value, file=file))
