"""How a field's value is written as a text, derived from its type.

Arguments of the command line and cells of a manifest are such texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from akool_async.endpoints.detection import Picture
from akool_async.endpoints.face import Face
from akool_async.protocol.fields import FieldPlan, Rule, bare_type, plan_of
from akool_async.protocol.value import Input

FACE = "URL|FILE[@OPTS]"
"""Form of a face."""

ADDRESS = "URL|FILE"
"""Form of an address, or of a file that is uploaded; shells complete it as a file name."""

FILE = "FILE"
"""Form of a picture, which the command line takes from a file."""

TEXT = "TEXT"
"""Form of a text."""

PICTURE: Rule = get_args(Picture)[1]
"""The rule of a picture in base64."""

_MARKED = re.compile(r"(?P<path>.+)@(?P<opts>[-0-9.]+,[-0-9.,:]+)", re.DOTALL)
"""A face's address and its landmarks; any other `@` belongs to the address."""


_FALSE_AND_TRUE = {"false": False, "no": False, "0": False, "true": True, "yes": True, "1": True}

_KINDS = {"`int`": "a whole number", "`float`": "a number", "`str`": "text", "`null`": "nothing"}
"""The names of types in rules, and the words that users see instead."""


class Unreadable(Exception):
    """A text cannot be read as a value; the message says what it must be."""


class Form(NamedTuple):
    """The form of a field's value as a text."""

    metavar: str
    """Its name in help texts; empty for a truth value."""
    read: Callable[[str], Any]
    """Read one text, or raise `Unreadable`; returns a list if `repeated`."""
    repeated: bool = False
    """Whether the field holds several values."""
    choices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Other spellings of the choices."""
    keys: tuple[str, ...] = ()
    """Of a JSON object: its names; one that is required ends with `*`."""
    flag: bool = False
    """Whether it is a truth value: a pair of options without arguments, `--x` and `--no-x`."""


@cache
def form_of(plan: FieldPlan) -> Form:
    """Return the form of a field, derived from its type."""
    bare = bare_type(plan.type)
    if get_origin(bare) is tuple:
        return _repeated(plan, bare_type(get_args(bare)[0]))
    return _choice(bare) or _simple(plan, bare)


def _simple(plan: FieldPlan, bare: Any) -> Form:
    if bare is bool:
        return Form("", _truth, flag=True)
    if bare is str and PICTURE in plan.rules:
        return Form(FILE, str)
    if bare is str:
        return Form(ADDRESS if plan.files is not None and plan.rules else TEXT, str)
    if bare in {int, float}:
        return Form("INTEGER" if bare is int else "NUMBER", partial(_number, bare))
    return Form("JSON", json_in, keys=_keys(bare))


def _keys(kind: Any) -> tuple[str, ...]:
    """Return the names that a JSON object for an input has; those that it needs end with `*`."""
    if not (isinstance(kind, type) and issubclass(kind, Input)):
        return ()
    return tuple(f"{plan.wire_name}{'*' if plan.required else ''}" for plan in plan_of(kind))


def _repeated(plan: FieldPlan, item: Any) -> Form:
    if item is Face:
        return Form(FACE, _faces, repeated=True)
    if item is str:
        return Form(TEXT, partial(_texts, split=plan.coding is not None), repeated=True)
    if item in {int, float}:
        metavar = "INTEGER" if item is int else "NUMBER"
        return Form(metavar, partial(_numbers, item), repeated=True)
    return Form("JSON", _documents, repeated=True, keys=_keys(item))


def _choice(bare: Any) -> Form | None:
    """Return the form of a field with a fixed set of values; `None` for other types."""
    names: Mapping[str, Any] = {}
    values: list[Any] = []
    if get_origin(bare) is Literal:
        values = list(get_args(bare))
    elif isinstance(bare, type) and issubclass(bare, Enum):
        values = [member.value for member in bare]
        names = {_dashed(member.name): member.value for member in bare}
    if not values:
        return None
    known = {str(value): value for value in values}
    own = tuple(name for name in names if name not in {text.lower() for text in known})
    spellings = {text.lower(): value for text, value in {**names, **known}.items()}
    read = partial(_chosen, tuple(known), spellings)
    return Form(f"[{'|'.join(known)}]", read, choices=(*known, *own), names=own)


def _chosen(known: tuple[str, ...], spellings: Mapping[str, Any], text: str) -> Any:
    spelling = text.lower()
    for each in (spelling, _dashed(spelling)):
        if each in spellings:
            return spellings[each]
    raise Unreadable(f"must be one of {', '.join(known)}")


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")


def _number(kind: type[int | float], text: str) -> Any:
    """Return a number, or the text if it is none: the field then refuses it with its rule."""
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return text


def _numbers(kind: type[int | float], text: str) -> list[Any]:
    """Read a number, several in one text, or a JSON list of them."""
    parts = re.split(r"[\s,]+", text.strip().removeprefix("[").removesuffix("]"))
    return [_number(kind, part) for part in parts if part]


def _truth(text: str) -> bool:
    truth = _FALSE_AND_TRUE.get(text.strip().lower())
    if truth is None:
        raise Unreadable("must be true or false")
    return truth


def _texts(text: str, *, split: bool) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part] if split else [text]


def _faces(text: str) -> list[Any]:
    """Read a face as `URL` or `URL@OPTS`, or faces as JSON."""
    if text.lstrip()[:1] in {"{", "["}:
        return _documents(text)
    marked = _MARKED.fullmatch(text)
    return [marked.groupdict()] if marked else [{"path": text}]


def _documents(text: str) -> list[Any]:
    document: Any = json_in(text)
    return msgspec.convert(document, list[Any]) if isinstance(document, list) else [document]


def json_in(text: str) -> Any:
    """Return the JSON document that a text is.

    Raises:
        Unreadable: it is none.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        problem = str(error)
    raise Unreadable(f"must be JSON: {problem}")


def in_words(rule: str) -> str:
    """Return a rule with words in place of the names of types."""
    for kind, words in _KINDS.items():
        rule = rule.replace(kind, words)
    return rule.removesuffix(", not a text")  # a cell, and an argument, is always one
