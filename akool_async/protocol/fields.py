"""The fields of a request: types with rules, spellings on the wire, and plans.

A field's type carries everything that the package knows of it: `Annotated[str, Rule(...)]` for a
rule, `Annotated[bool, Coding(...)]` for another spelling on the wire. A `FieldPlan` is that
knowledge, read once from the class; checks, wire, command line and reference page use the plan.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from pathlib import Path, PurePath
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from akool_async.errors import InvalidInput
from akool_async.plain import HIDDEN
from akool_async.protocol.addresses import trouble_with
from akool_async.protocol.cells import plain_number
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.secret import Confidential, Withheld, is_whole


class Rule(Struct, frozen=True):
    """A rule for a field's value, in words and as a test."""

    text: str
    holds: Callable[[Any], bool]
    trouble: Callable[[Any], str] | None = None
    """Says what is wrong with a value that breaks the rule; an empty text if the rule says it."""

    def broken_by(self, value: Any) -> str:
        """Return the rule in words, with what is wrong with a value that breaks it."""
        trouble = self.trouble(value) if self.trouble is not None else ""
        return f"{self.text}; {trouble}" if trouble else self.text


def sized(what: str, most: int, *, least: int = 1) -> Rule:
    """Return the rule of a sequence, or of a text, that holds so many of what is named."""
    span = f"{least} to {most}" if least else f"at most {most}"
    return Rule(f"must hold {span} {what}", lambda held: least <= len(held) <= most)


def spelt(*known: str) -> Rule:
    """Return the rule of a text whose known values are spelt as Akool spells them.

    Another text passes, since these lists grow; not an empty one.
    """
    meant = {each.lower(): each for each in known}

    def correction(text: str) -> str:
        return meant.get(" ".join(text.split()).lower(), "")

    def says(text: str) -> str:
        return f"write {correction(text)}" if correction(text) else ""

    return Rule(
        f"must be spelt as Akool spells it, such as {', '.join(known)}",
        lambda text: bool(text.strip()) and correction(text) in {"", text},
        says,
    )


class OneEach(Rule, frozen=True):
    """The rule of a field that takes one value, because each further one were a job of its own."""


class Coding(Struct, frozen=True):
    """The wire form of a field's value, where that is not JSON's own."""

    to_wire: Callable[[Any], Any]
    from_wire: Callable[[Any], Any]


class OneOf(Struct, frozen=True):
    """A field that takes a member of an enum, or its plain value."""

    enum: type[Enum]


class Secrecy(Struct, frozen=True):
    """That a field holds a secret: it is sent to Akool, and nothing else shows or keeps it."""


class Files(Struct, frozen=True):
    """That a field takes a file on disk in place of an address, and which ones."""

    kinds: tuple[str, ...] = ()
    """`image`, `video` or `audio`; empty for any file."""
    formats: tuple[str, ...] = ()
    """Extensions in lower case, with their dots; empty for any."""
    largest: int | None = None
    """Bytes of the largest file that Akool takes; `None` where no page says."""


class Unsent(Struct, frozen=True):
    """A field that helps to check a request, and is no part of it: no plan knows it.

    It is on no wire, in no journal, in no manifest, in no plain data and in no option of a command.
    The class empties it in `check`.
    """


MB = 2**20
"""Bytes. The pages say MB; a file just above their limit, if MB is 10**6, is for Akool to judge."""

_PLAIN_URL = re.compile(
    r"https?://(?![^/]{254})(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.)+[A-Za-z][A-Za-z0-9-]{0,62}"
    r"(?:/[!#-;=?-Z_a-z~]*)?"
)
"""Most addresses match this; the others need a closer look."""


def is_http_url(text: str) -> bool:
    """Say whether a text is an http or https address that a server can have."""
    return bool(_PLAIN_URL.fullmatch(text)) or (_has_host(text) and not trouble_with(text))


def _has_host(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # such as brackets without an IPv6 address in them
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _to_flag(value: Any) -> Any:
    number = plain_number(value)
    return bool(number) if isinstance(number, int | float) and number in (0, 1) else value


def none_if_empty(value: Any) -> Any:
    """Return `None` for an empty text; any other value unchanged."""
    return None if isinstance(value, str) and not value else value


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part for part in value.split(",") if part)


_IS_URL = Rule("must be an http or https URL", is_http_url, trouble_with)

if TYPE_CHECKING:
    Url: TypeAlias = str | Path
else:  # msgspec takes no union of a text and a class of another library
    Url = Annotated[str, _IS_URL, Files()]
"""An http(s) address that Akool can reach; or the path of a file, which is uploaded first."""

G = TypeVar("G")
V = TypeVar("V")
T = TypeVar("T")

if TYPE_CHECKING:

    class Taken(Generic[G, V]):
        """A field that takes more than it then holds, such as an address in place of a face."""

        def __get__(self, value: object, owner: object, /) -> V:
            """Return what the field holds."""
            ...

        def __set__(self, value: object, given: G, /) -> None:
            """Take a value as a request is built."""

    Several: TypeAlias = Taken[T | Sequence[T], Sequence[T]]
    MaybeSeveral: TypeAlias = Taken[T | Sequence[T] | None, Sequence[T] | None]
else:
    Taken = None
    Several = Sequence
    MaybeSeveral = Sequence[T] | None
"""A field that takes one value, or several, and holds a sequence."""

ABSENT: Any = None
"""The default of a `MaybeSeveral`."""

ImageUrl = Annotated[Url, Files(kinds=("image",))]
"""The address, or the path, of a picture."""

VideoUrl = Annotated[Url, Files(kinds=("video",))]
"""The address, or the path, of a video."""

VisibleUrl = Annotated[Url, Files(kinds=("image", "video"))]
"""The address, or the path, of a picture or a video."""

AudioUrl = Annotated[Url, Files(kinds=("audio", "video"))]
"""The address, or the path, of a recording. The sound may stand in the file of a video, such as
mp4."""


Share = Annotated[float, Meta(ge=0, le=1)]
"""A number from 0 to 1."""


def _are_urls(texts: Sequence[str]) -> bool:
    return bool(texts) and all(map(is_http_url, texts))


Urls = Annotated[Sequence[str], Rule("must hold http or https URLs, one at least", _are_urls)]
"""One http(s) address at least. It takes no paths of files."""

Id = Annotated[str, Meta(min_length=1)]
"""An id that Akool gave."""

HiddenText = Annotated[str, Secrecy()]
"""A secret in a reply, such as a token. Its class calls `hide_secrets` when it is built."""

SecretText = Annotated[
    HiddenText,
    Meta(min_length=1),
    Rule(f"must be the secret itself; {HIDDEN} stands for one that was left out", is_whole),
]
"""A secret in a request. It is no part of what a key is compared by, nor of the journal."""

WebhookUrl = Annotated[str, Coding(str, none_if_empty), _IS_URL]
"""An http(s) address that Akool posts to; an empty text means no address (T42)."""

Flag = Annotated[bool, Coding(int, _to_flag)]
"""True or False here, 1 or 0 on the wire (T11)."""

CommaSeparated = Annotated[Sequence[str], Coding(",".join, _split)]
"""A sequence of strings here, one comma-separated string on the wire (T12)."""


def _are_listable(texts: Sequence[str]) -> bool:
    return bool(texts) and all(texts) and "," not in "".join(texts)


def listable(what: str) -> Rule:
    """Return the rule of a `CommaSeparated` field that may not be empty."""
    return Rule(f"must hold at least one {what}, without commas", _are_listable)


class FieldPlan(Struct, frozen=True, kw_only=True):
    """One field of a request: its two names, its type, its rules."""

    name: str
    wire_name: str
    type: Any
    rules: tuple[Rule, ...]
    coding: Coding | None
    required: bool
    optional: bool
    """Whether it may be `None`."""
    files: Files | None = None
    """Which files it takes in place of an address; `None` for none."""
    deprecated: Deprecated | None = None
    """That it is not to be used any more; `None` for most."""
    secret: bool = False
    """Whether it is a secret."""
    hides: bool = False
    """Whether it is a secret, or holds values with a secret in them."""

    inner: tuple[Any, ...] = ()
    """The classes of the values that it holds."""
    item: Any = None
    """The class of which it takes several, if there is one."""
    one_each: OneEach | None = None
    """The rule that refuses several values where each were a job of its own."""


@cache
def plan_of(cls: type[Struct]) -> tuple[FieldPlan, ...]:
    """Return the plan of each field of an input class, in order."""
    fields = (field for field in msgspec.structs.fields(cls) if not _is_unsent(field))
    return tuple(map(_plan, fields))


def _is_unsent(field: msgspec.structs.FieldInfo) -> bool:
    return any(isinstance(extra, Unsent) for extra in extras(field.type))


def _plan(field: msgspec.structs.FieldInfo) -> FieldPlan:
    found, kind = extras(field.type), _kept_as_tuples(field.type)
    inner = inner_of(kind)
    secret = any(isinstance(extra, Secrecy) for extra in found)
    return FieldPlan(
        name=field.name,
        wire_name=field.encode_name,
        type=kind,
        rules=tuple(extra for extra in found if isinstance(extra, Rule)),
        coding=next((extra for extra in found if isinstance(extra, Coding)), None),
        required=field.required,
        optional=type(None) in {*get_args(field.type), *get_args(kind)},
        # The last one is the nearest: a type may narrow what the type inside it takes.
        files=next((extra for extra in reversed(found) if isinstance(extra, Files)), None),
        deprecated=next((extra for extra in found if isinstance(extra, Deprecated)), None),
        secret=secret,
        one_each=next((extra for extra in found if isinstance(extra, OneEach)), None),
        hides=secret or any(plan.hides for cls in inner for plan in plan_of(cls)),
        inner=inner,
        item=_item_of(kind),
    )


def _item_of(kind: Any) -> Any:
    bare = bare_type(kind)
    item = get_args(bare)[0] if get_origin(bare) is tuple else None
    return item if isinstance(item, type) and issubclass(item, Struct) else None


def inner_of(hint: Any) -> tuple[Any, ...]:
    """Return the classes of values that a type holds inside."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        return (hint,)
    return tuple(cls for arg in get_args(hint) for cls in inner_of(arg))


UNIONS = frozenset({Union, types.UnionType})
"""What `get_origin` returns for `X | Y`."""


def bare_type(hint: Any) -> Any:
    """Return a type without its annotations and without `None`."""
    if get_origin(hint) is Annotated:
        return bare_type(hint.__origin__)
    if get_origin(hint) in UNIONS:
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        return bare_type(arms[0]) if len(arms) == 1 else hint
    return hint


def tag_of(cls: type[Struct]) -> dict[str, Any]:
    """Return the field and value that tell a class from others in a union; empty for most."""
    config = cls.__struct_config__
    return {config.tag_field: config.tag} if config.tag_field else {}


def extras(hint: Any) -> list[Any]:
    """Return the annotations of a type, those of its optional form included."""
    if get_origin(hint) is Annotated:
        return [*hint.__metadata__, *extras(hint.__origin__)]
    if get_origin(hint) in UNIONS:
        return [extra for arm in get_args(hint) for extra in extras(arm)]
    return []


def _kept_as_tuples(hint: Any) -> Any:
    """Rewrite `Sequence[X]` as `tuple[X, ...]`; drop the annotations that msgspec cannot read."""
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
    if origin in UNIONS:
        return Union[tuple(map(_kept_as_tuples, args))]  # noqa: UP007 - built at run time
    return hint


def plain_text(value: Any) -> str:
    """Return a text of a subclass of `str` as a plain one, as it is sent; a secret, too.

    Raises:
        InvalidInput: it stands for a secret that was left out.
    """
    if isinstance(value, Withheld):
        raise InvalidInput("secret", value, LEFT_OUT)
    if isinstance(value, str):
        return str.__str__(value)
    raise NotImplementedError


def text_or_address(value: Any) -> str:
    """Return a text as it may be kept: a secret as `***`, a path as its address on this machine."""
    if isinstance(value, Confidential):
        return HIDDEN
    return Path(value).absolute().as_uri() if isinstance(value, PurePath) else plain_text(value)


def as_sent(value: Any) -> str:
    """Return what `plain_text` does; for the path of a file, its address on this machine."""
    return text_or_address(value) if isinstance(value, PurePath) else plain_text(value)


LEFT_OUT = (
    "was left out, because a secret is neither pickled nor kept in a journal: build the request"
    " again with the secret itself"
)
