"""The form of a field's value as an argument of the command line, derived from its type."""

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
from akool_async.protocol.fields import FieldPlan, Rule

FACE = "URL|FILE[@OPTS]"
"""Form of a face as an argument."""

ADDRESS = "URL|FILE"
"""Form of an address, or of a file that is uploaded; shells complete it as a file name."""

FILE = "FILE"
"""Form of a file as an argument; shells complete it as a file name."""

_PICTURE: Rule = get_args(Picture)[1]

_MARKED = re.compile(r"(?P<path>.+)@(?P<opts>[-0-9.]+,[-0-9.,:]+)", re.DOTALL)
"""A face's address and its landmarks; any other `@` belongs to the address."""


class Form(NamedTuple):
    """The form of a field's value as an argument."""

    metavar: str
    read: Callable[[str], Any]
    """Read one argument; returns a list if the option may be repeated."""
    repeated: bool = False
    choices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Other spellings of the choices."""
    flag: bool = False
    """Whether it is a pair of options without arguments, `--x` and `--no-x`."""


@cache
def form_of(plan: FieldPlan) -> Form:
    """Return the form of a field, derived from its type."""
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
        return Form(ADDRESS if plan.files is not None and plan.rules else "TEXT", text_of)
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


def _chosen(known: tuple[str, ...], spellings: Mapping[str, Any], argument: str) -> Any:
    spelling = argument.lower()
    for each in (spelling, _dashed(spelling)):
        if each in spellings:
            return spellings[each]
    raise Unreadable(f"must be one of {', '.join(known)}")


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")


def _number(kind: type[int | float], argument: str) -> Any:
    """Return a number, or the text if it is none: the field then refuses it with its rule."""
    text = text_of(argument)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return text


def _picture(argument: str) -> str:
    """Return a picture as text, from a file or an argument in base64.

    Any other argument is taken for the name of a file that does not exist.
    """
    text = picture_of(argument)
    if not _PICTURE.holds(text):
        raise Unreadable(f"{argument[:60]!r} is no file, and {_PICTURE.text}")
    return text


def _texts(argument: str, *, split: bool) -> list[str]:
    text = text_of(argument)
    return [part for part in re.split(r"[\s,]+", text) if part] if split else [text]


def _faces(argument: str) -> list[Any]:
    """Read a face as `URL` or `URL@OPTS`, or faces as JSON, as files and standard input have."""
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
