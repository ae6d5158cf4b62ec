"""The two kinds of data object: values that arrive, and inputs that are checked.

Structs from msgspec inherit neither `frozen` for type checkers nor `kw_only` at
all; the metaclass applies both, so that no class line repeats them. Nor can they
choose where an inherited field stands; the fields of a class that is `abstract`
stand first in each class that is not, or where that names them again.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    Self,
    TypeAlias,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, StructMeta

from akool_async.errors import InvalidInput


class _ValueMeta(StructMeta):
    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        abstract: bool = False,
        **config: Any,
    ) -> Any:
        config = {"frozen": True, "kw_only": True} | config
        lent: dict[str, _Lent] = {}
        for base in bases:
            lent |= getattr(base, "_lent", {})
        if abstract:
            namespace["_lent"] = lent | _taken_out(namespace)
        elif lent:
            _put_in(namespace, lent)
        return super().__new__(mcs, name, bases, namespace, **config)


_Lent: TypeAlias = tuple[Any, Any]
"""A field of an abstract class: its type and its default."""


def _taken_out(namespace: dict[str, Any]) -> dict[str, _Lent]:
    """Take the fields out of an abstract class."""
    annotations: dict[str, str] = namespace.get("__annotations__", {})
    names = [each for each, hint in annotations.items() if not hint.startswith("ClassVar")]
    own = {each: annotations.pop(each) for each in names}
    part = type("", (), {"__annotations__": own, "__module__": namespace["__module__"]})
    hints = get_type_hints(part, include_extras=True)
    return {each: (hints[each], namespace.pop(each, msgspec.NODEFAULT)) for each in own}


def _put_in(namespace: dict[str, Any], lent: Mapping[str, _Lent]) -> None:
    """Give a class the fields of abstract ones, before its own unless it names them."""
    own: dict[str, Any] = namespace.get("__annotations__", {})
    others = {each: field for each, field in lent.items() if each not in own}
    if hidden := others.keys() & namespace:
        raise TypeError(f"inherited fields that are named again need their types: {hidden}")
    namespace["__annotations__"] = {each: hint for each, (hint, _) in others.items()} | own
    for each, (_, default) in others.items():
        if default is not msgspec.NODEFAULT:
            namespace[each] = default
    namespace["_lent"] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Value(Struct, metaclass=_ValueMeta, frozen=True, kw_only=True):
    """An immutable record with keyword-only fields."""


class Rule(Struct, frozen=True):
    """A rule that a field's value keeps, in words and as a test."""

    text: str
    holds: Callable[[Any], bool]


class Coding(Struct, frozen=True):
    """How a field's value is spelled on the wire when JSON's own way is not Akool's."""

    to_wire: Callable[[Any], Any]
    from_wire: Callable[[Any], Any]


_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?:/[!-~]*)?")
"""The addresses that most are; what else may be one is looked at more closely."""


def is_http_url(text: str) -> bool:
    """Say whether a text is an address with a host, for http or https."""
    if _PLAIN_URL.fullmatch(text):
        return True
    try:
        parts = urlsplit(text)
    except ValueError:  # such as brackets that hold no IPv6 address
        return False
    told = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return told and not any(map(str.isspace, text))


def _to_flag(value: Any) -> Any:
    return bool(value) if value in (0, 1) else value


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part for part in value.split(",") if part)


Url = Annotated[str, Rule("must be an http or https URL", is_http_url)]
"""An http(s) address that Akool can reach."""

Id = Annotated[str, Meta(min_length=1)]
"""An id that something was given by Akool."""

WebhookUrl = Annotated[
    str, Coding(str, _none_if_empty), Rule("must be an http or https URL", is_http_url)
]
"""An http(s) address that Akool posts to; an empty one means none (T42)."""

Flag = Annotated[bool, Coding(int, _to_flag)]
"""True or False here, 1 or 0 on the wire (T11)."""

CommaSeparated = Annotated[Sequence[str], Coding(",".join, _split)]
"""A sequence of strings here, one comma-separated string on the wire (T12)."""


class OneOf(Struct, frozen=True):
    """A field that takes a member of an enum, or its plain value."""

    enum: type[Enum]


class FieldPlan(Value):
    """What is known of one field: its two names, its type, its rules."""

    name: str
    wire_name: str
    type: Any
    rules: tuple[Rule, ...]
    coding: Coding | None
    required: bool
    optional: bool
    """Whether it may be `None`."""


class Input(Value, forbid_unknown_fields=True, gc=False):
    """A value from the user: checked when it is built, before any network.

    Built of plain values, it is in no cycle, and the garbage collector need not look for one.

    Raises:
        InvalidInput: on building, if a field has the wrong type or breaks a rule.
    """

    def __post_init__(self) -> None:
        for name, optional, is_fine, plan in _checks_of(type(self)):
            given = getattr(self, name)
            if (given is None and optional) or is_fine(given):
                continue
            checked = _checked(plan, given, type(self).__name__)
            if checked is not given:
                msgspec.structs.force_setattr(self, name, checked)
        self.check()

    def check(self) -> None:
        """Check the rules that join several fields; raise `InvalidInput`."""

    def refuse(self, field: str, rule: str) -> InvalidInput:
        """Build the error for a field that breaks a rule joining several fields."""
        return InvalidInput(field, getattr(self, field, None), rule, owner=type(self).__name__)

    def to_wire(self) -> dict[str, Any]:
        """Return the fields under their wire names as plain data, without those that are `None`."""
        wire: dict[str, Any] = msgspec.to_builtins(self.body_fields(), enc_hook=plain_text)
        return wire

    def body_fields(self) -> dict[str, Any]:
        """Return what `to_wire` returns, ready for the JSON encoder, but not yet plain data."""
        fields: dict[str, Any] = {}
        for plan in plan_of(type(self)):
            value = getattr(self, plan.name)
            if value is None:
                continue
            if plan.coding is not None:
                value = plan.coding.to_wire(msgspec.to_builtins(value, enc_hook=plain_text))
            fields[plan.wire_name] = value
        return fields

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Build the value from fields under their wire names; the inverse of `to_wire`.

        Raises:
            InvalidInput: a field is unknown, missing, of the wrong type, or breaks a rule.
        """
        plans = {plan.wire_name: plan for plan in plan_of(cls)}
        for key in wire:
            if key not in plans:
                raise InvalidInput(key, wire[key], "is not a field", owner=cls.__name__)
        for plan in plans.values():
            if plan.required and wire.get(plan.wire_name) is None:
                raise InvalidInput(plan.wire_name, None, "is required", owner=cls.__name__)
        return cls(**{plans[key].name: _decoded(plans[key], value) for key, value in wire.items()})


def plain_text(value: Any) -> str:
    """Return a text of some class of its own as a plain one."""
    if isinstance(value, str):
        return str.__str__(value)
    raise NotImplementedError


def _decoded(plan: FieldPlan, value: Any) -> Any:
    return plan.coding.from_wire(value) if plan.coding else value


def _checked(plan: FieldPlan, value: Any, owner: str) -> Any:
    """Return the value in its field's type, or refuse it."""
    if plan.coding is not None:
        value = plan.coding.from_wire(value)
    if type(value) is not plan.type:  # which says it all of texts, numbers and enums
        value, refusal = _converted(value, plan.type)
        if refusal is not None:
            raise InvalidInput(plan.name + refusal.field, refusal.value, refusal.rule, owner=owner)
    if not _is_text(value):
        raise InvalidInput(plan.name, value, "must not hold a lone surrogate", owner=owner)
    if value is not None:
        for rule in plan.rules:
            if not rule.holds(value):
                raise InvalidInput(plan.name, value, rule.text, owner=owner)
    return value


def _is_text(value: Any) -> bool:
    """Say whether UTF-8 can hold a value's texts."""
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
    if values and isinstance(values[0], Input):  # all are, and were checked when they were built
        return True
    try:
        return "".join(values).isascii() or all(map(_is_text, values))
    except TypeError:  # not all of them are texts
        return all(map(_is_text, values))


def _plain_sequence(value: Any) -> Any:
    """Return sequences that msgspec does not know, such as a deque, as tuples."""
    known = (str, bytes, bytearray, list, tuple)
    if not isinstance(value, known) and isinstance(value, Sequence):
        return tuple(cast("list[Any]", value))
    return cast("Any", value)


class _Refusal(Struct, frozen=True):
    field: str
    value: Any
    rule: str


def _converted(value: Any, expected: Any) -> tuple[Any, _Refusal | None]:
    """Convert a value with msgspec; return it, or what is wrong with it."""
    value = _plain_sequence(value)
    try:
        return msgspec.convert(value, expected), None
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at `$")
        cause = error.__cause__
        inner = f".{cause.field}" if isinstance(cause, InvalidInput) else ""
        if isinstance(cause, InvalidInput):
            return None, _Refusal(path.rstrip("`") + inner, cause.value, cause.rule)
        return None, _Refusal(path.rstrip("`"), value, _in_words(rule, expected))


def _in_words(rule: str, expected: Any) -> str:
    for kind in (expected, *get_args(expected)):
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _one_of([member.value for member in kind])
        if get_origin(kind) is Literal:
            return _one_of(get_args(kind))
    told = rule[:1].lower() + rule[1:]
    if told == "expected `str` of length >= 1":
        return "must not be empty"
    return (re.fullmatch(_OUT_OF_RANGE, told) and _range_in_words(expected)) or told


def _one_of(values: Sequence[Any]) -> str:
    return f"must be {'one of ' if len(values) > 1 else ''}{', '.join(map(str, values))}"


_OUT_OF_RANGE = r"expected `\w+` [<>]= \S+"


def _range_in_words(expected: Any) -> str:
    for extra in _extras(expected):
        if isinstance(extra, Meta) and extra.ge is not None:
            least = extra.ge
            return (
                f"must be at least {least}"
                if extra.le is None
                else f"must be from {least} to {extra.le}"
            )
    return ""


@cache
def plan_of(cls: type[Input]) -> tuple[FieldPlan, ...]:
    """Return what is known of each field of an input class, in order."""
    return tuple(
        FieldPlan(
            name=field.name,
            wire_name=field.encode_name,
            type=_kept_as_tuples(field.type),
            rules=tuple(extra for extra in _extras(field.type) if isinstance(extra, Rule)),
            coding=next((e for e in _extras(field.type) if isinstance(e, Coding)), None),
            required=field.required,
            optional=type(None) in get_args(field.type),
        )
        for field in msgspec.structs.fields(cls)
    )


_Test: TypeAlias = Callable[[Any], bool]


@cache
def _checks_of(cls: type[Input]) -> tuple[tuple[str, bool, _Test, FieldPlan], ...]:
    """Return, by field, its name, whether it may be `None`, what spares most values the rest."""
    return tuple((plan.name, plan.optional, _glance(plan), plan) for plan in plan_of(cls))


def _glance(plan: FieldPlan) -> _Test:
    """Return a test that only values pass which are right as they are; others may be, too."""
    arms = [arm for arm in get_args(plan.type) if arm is not type(None)]
    hint = arms[0] if plan.optional and len(arms) == 1 else plan.type
    metas = [extra for extra in _extras(hint) if isinstance(extra, Meta)]
    kind, meta = (hint.__origin__, metas[0]) if len(metas) == 1 else (hint, Meta())
    told = Meta(min_length=meta.min_length) if kind is str else Meta(ge=meta.ge, le=meta.le)
    plain = plan.coding is None and meta == told
    if plain and kind is str:
        return _glance_at_text(meta.min_length or 0, [rule.holds for rule in plan.rules])
    if not plain or plan.rules or not isinstance(kind, type):
        return lambda _value: False
    if kind is int:
        least = -math.inf if meta.ge is None else meta.ge
        most = math.inf if meta.le is None else meta.le
        return lambda value: type(value) is int and least <= value <= most
    known = issubclass(kind, bool | float | Enum)
    return lambda value: known and type(value) is kind


def _glance_at_text(shortest: int, rules: Sequence[_Test]) -> _Test:
    def keeps(text: str) -> bool:
        return len(text) >= shortest and all(rule(text) for rule in rules)

    holds = rules[0] if len(rules) == 1 and not shortest else keeps
    return lambda value: type(value) is str and value.isascii() and holds(value)


def _extras(hint: Any) -> list[Any]:
    """Return the annotations of a type, those of its optional form included."""
    if get_origin(hint) is Annotated:
        return [*hint.__metadata__, *_extras(hint.__origin__)]
    if get_origin(hint) in {Union, types.UnionType}:
        return [extra for arm in get_args(hint) for extra in _extras(arm)]
    return []


def _kept_as_tuples(hint: Any) -> Any:
    """Rewrite `Sequence[X]` as `tuple[X, ...]`, and drop what msgspec does not read."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, OneOf):
                return extra.enum
        kept = tuple(extra for extra in hint.__metadata__ if isinstance(extra, Meta))
        bare = _kept_as_tuples(hint.__origin__)
        return cast("Any", Annotated)[(bare, *kept)] if kept else bare
    if origin is Sequence:
        return types.GenericAlias(tuple, (_kept_as_tuples(args[0]), ...))
    if origin in {Union, types.UnionType}:
        return Union[tuple(map(_kept_as_tuples, args))]  # noqa: UP007 - built at run time
    return hint


__all__ = [
    "Coding",
    "CommaSeparated",
    "FieldPlan",
    "Flag",
    "Id",
    "Input",
    "OneOf",
    "Rule",
    "Url",
    "Value",
    "WebhookUrl",
    "is_http_url",
    "plain_text",
    "plan_of",
]
