"""How the value of a field is written as an argument of the command line, told from its type."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from akool_async.cli.sources import Unreadable, json_of, picture_of, text_of
from akool_async.endpoints import Face
from akool_async.endpoints.detection import Picture
from akool_async.protocol.fields import FieldPlan, Rule, Url

FACE = "URL[@OPTS]"
"""How a face is written as an argument."""

FILE = "FILE"
"""How a file is written as an argument, and what shells complete as one."""

_URL: Rule = get_args(Url)[1]
_PICTURE: Rule = get_args(Picture)[1]

_MARKED = re.compile(r"(?P<path>.+)@(?P<opts>[-0-9.]+,[-0-9.,:]+)", re.DOTALL)
"""A face's address with its landmarks; other `@` belong to the address."""


class Form(NamedTuple):
    """How a field's value is written as an argument."""

    metavar: str
    read: Callable[[str], Any]
    """Read one argument, into a list where the option may be repeated."""
    repeated: bool = False
    choices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Other ways to write the choices."""
    flag: bool = False
    """Whether it is a pair of options without arguments."""


@cache
def form_of(plan: FieldPlan) -> Form:
    """Tell from a field's type how its value is written."""
    bare = _bare(plan.type)
    if get_origin(bare) is tuple:
        return _repeated(plan, _bare(get_args(bare)[0]))
    return _choice(bare) or _simple(plan, bare)


def _simple(plan: FieldPlan, bare: Any) -> Form:
    if bare is bool:
        return Form("", bool, flag=True)
    if bare is str and _PICTURE in plan.rules:
        return Form(FILE, _picture)
    if bare is str:
        return Form("URL" if _URL in plan.rules else "TEXT", text_of)
    if bare in {int, float}:
        return Form("INTEGER" if bare is int else "NUMBER", partial(_number, bare))
    return Form("JSON", json_of)


def _repeated(plan: FieldPlan, item: Any) -> Form:
    if item is Face:
        return Form(FACE, _faces, repeated=True)
    if item is str:
        return Form("TEXT", partial(_texts, split=plan.coding is not None), repeated=True)
    return Form("JSON", _documents, repeated=True)


def _choice(bare: Any) -> Form | None:
    """Return the form of a field that takes one of few values."""
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


def _chosen(known: tuple[str, ...], spellings: Mapping[str, Any], argument: str) -> Any:
    spelling = argument.lower()
    for each in (spelling, _dashed(spelling)):
        if each in spellings:
            return spellings[each]
    raise Unreadable(f"must be one of {', '.join(known)}")


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")


def _number(kind: type[int | float], argument: str) -> Any:
    """Return a number; what is none goes to the field, which says what it must be."""
    text = text_of(argument)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return text


def _picture(argument: str) -> str:
    """Return a picture as text; what is neither that nor a file was meant to be a file."""
    text = picture_of(argument)
    if not _PICTURE.holds(text):
        raise Unreadable(f"{argument[:60]!r} is no file, and {_PICTURE.text}")
    return text


def _texts(argument: str, *, split: bool) -> list[str]:
    text = text_of(argument)
    return [part for part in re.split(r"[\s,]+", text) if part] if split else [text]


def _faces(argument: str) -> list[Any]:
    """Read `URL`, `URL@opts`, or JSON, which files hold."""
    if argument == "-" or argument.lstrip()[:1] in {"@", "{", "["}:
        return _documents(argument)
    marked = _MARKED.fullmatch(argument)
    return [marked.groupdict()] if marked else [{"path": argument}]


def _documents(argument: str) -> list[Any]:
    document: Any = json_of(argument)
    return msgspec.convert(document, list[Any]) if isinstance(document, list) else [document]


def _bare(hint: Any) -> Any:
    """Return a type without its annotations and without `None`."""
    if get_origin(hint) is Annotated:
        return _bare(hint.__origin__)
    if get_origin(hint) in {Union, types.UnionType}:
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        return _bare(arms[0]) if len(arms) == 1 else hint
    return hint
