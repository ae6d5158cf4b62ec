"""Types in words: the rule that a value of the wrong type breaks, as a person says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, Literal, cast, get_args, get_origin

from msgspec import Meta, Struct

from akool_async.protocol.cells import is_sequence
from akool_async.protocol.fields import UNIONS, bare_type, extras, inner_of, plan_of
from akool_async.protocol.filling import meaning_field
from akool_async.protocol.words import did_you_mean, joined

_ONE: Final[Mapping[Any, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    bytes: "bytes",
}
_SEVERAL: Final[Mapping[Any, str]] = {
    str: "texts",
    int: "whole numbers",
    float: "numbers",
    bool: "truth values",
}
_ADDRESS: Final = "an address, or the path of a file"
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.+?)`")
_STEP: Final = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
"""A step of a path into a value, as msgspec writes it: `[0]`, `[...]` or `.name`."""


def rule_in_words(sentence: str, path: str, expected: Any, value: Any, *, file: bool) -> str:
    """Return the rule that msgspec says a value breaks.

    Args:
        sentence: What msgspec says.
        path: Where in the value it is.
        expected: The type of the whole value.
        value: The whole value.
        file: Whether the value may be the path of a file.
    """
    kind = _type_at(expected, path)
    given = _value_at(value, path)
    if sentence == "Expected `str` of length >= 1":
        return "must not be empty"
    if found := _FIELD.fullmatch(sentence):
        return _field_in_words(found[1], found[2], kind)
    if kind is not None and (choices := _choices(bare_type(kind))):
        return one_of(choices, given)
    wrong = re.fullmatch(r"Expected `.+?`(, got `(\w+)`| [<>]= \S+)", sentence)
    if kind is None or not wrong:
        return sentence[:1].lower() + sentence[1:]
    words = _ADDRESS if file and not path else words_of(kind)
    if wrong[2] is None:  # a number that is out of its range
        return f"must be {_range_of(kind)}" if _range_of(kind) else f"must be {words}"
    return f"must be {words}{_but_is(kind, given)}"


def _field_in_words(what: str, name: str, kind: Any) -> str:
    if what == "missing required":
        return f"needs {name}"
    known = (plan.wire_name for cls in inner_of(kind) for plan in plan_of(cls))
    return f"has no {name!r}{did_you_mean(name, known)}"


def words_of(kind: Any) -> str:
    """Return a type in words, such as `a list of Face`."""
    bare = bare_type(kind)
    if bare in _ONE:
        limits = _range_of(kind)
        return f"{_ONE[bare]} {limits}" if limits else _ONE[bare]
    origin, args = get_origin(bare), get_args(bare)
    if origin is tuple:
        return f"a list of {_several(args[0])}"
    if origin in UNIONS:
        arms = [float if arm is int and float in args else arm for arm in args]
        return " or ".join(dict.fromkeys(map(words_of, arms)))
    if isinstance(bare, type) and issubclass(bare, Struct):
        meant = _meant_by(bare)
        return f"{_article(bare.__name__)}{f' or its {meant}' if meant else ''}"
    if choices := _choices(bare):
        return one_of(choices).removeprefix("must be ")
    return "a dict" if origin is Mapping else str(cast("object", bare))


def _several(item: Any) -> str:
    bare = bare_type(item)
    if bare in _SEVERAL:
        return _SEVERAL[bare]
    if get_origin(bare) in UNIONS:
        return joined([_several(arm) for arm in get_args(bare)], "or")
    if isinstance(bare, type) and issubclass(bare, Struct):
        meant = _meant_by(bare)
        return f"{bare.__name__}, or of {_plural(meant)}" if meant else bare.__name__
    return words_of(bare)


def _plural(noun: str) -> str:
    return f"{noun}{'es' if noun.endswith('s') else 's'}"


def _meant_by(cls: type[Struct]) -> str:
    field = meaning_field(cls)
    return "" if field is None else "address" if field.files is not None else field.name


def _but_is(kind: Any, given: Any) -> str:
    """Return what the value is, where that helps, or what to do with it."""
    bare, is_number = bare_type(kind), isinstance(given, int | float)
    if get_origin(bare) is tuple:
        item = bare_type(get_args(bare)[0])
        fits = isinstance(given, str) if item is str else is_number and item in {int, float}
        if fits:
            return ": wrap it in [ ]"
    if is_number and not isinstance(given, bool):
        return "" if bare in {int, float} else ", not a number"
    return f", not {_given_words(given)}"


def _given_words(given: Any) -> str:
    if given is None or isinstance(given, bool):
        return str(given)
    if isinstance(given, str):
        return "a text"
    if isinstance(given, dict):
        return "a dict"
    return "a list" if is_sequence(given) else _article(type(given).__name__)


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}"


def _range_of(kind: Any) -> str:
    for extra in extras(kind):
        if isinstance(extra, Meta) and extra.ge is not None:
            least = extra.ge
            return f"at least {least}" if extra.le is None else f"from {least} to {extra.le}"
    return ""


def _choices(kind: Any) -> Sequence[Any]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [member.value for member in kind]
    return get_args(kind) if get_origin(kind) is Literal else ()


def one_of(choices: Sequence[Any], given: Any = None) -> str:
    """Return the rule of a field with a fixed set of values, with the one that may be meant."""
    rule = f"must be {'one of ' if len(choices) > 1 else ''}{', '.join(map(str, choices))}"
    if not isinstance(given, str) or len(choices) == 1:
        return rule
    return f"{rule}{did_you_mean(given, map(str, choices))}"


# Inside of a value


def _type_at(expected: Any, path: str) -> Any:
    """Return the type at a path; `None` if that is not known."""
    for index, name in _STEP.findall(path):
        bare = bare_type(expected)
        args = get_args(bare)
        if index and args:
            expected = args[-1] if get_origin(bare) is Mapping else args[0]
        elif name and (classes := inner_of(bare)):
            types = {plan.wire_name: plan.type for cls in classes for plan in plan_of(cls)}
            expected = types.get(name)
        else:
            return None
    return expected


def _value_at(value: Any, path: str) -> Any:
    """Return what stands at a path; `None` if that cannot be found."""
    for index, name in _STEP.findall(path):
        if index.isdecimal() and is_sequence(value) and int(index) < len(value):
            value = value[int(index)]
        elif name and isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(name)
        else:
            return None
    return value
