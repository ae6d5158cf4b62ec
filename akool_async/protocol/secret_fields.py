"""The secret fields of requests and replies: which there are, and how they are hidden.

A field's type says that it is a secret (`SecretText`, `HiddenText`); its plan knows. A secret that
was left out of a pickle or a journal is a `Withheld`: then the request can be shown, not sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import Struct

from akool_async.errors import InvalidInput
from akool_async.plain import HIDDEN
from akool_async.protocol.fields import LEFT_OUT, FieldPlan, inner_of, plan_of
from akool_async.protocol.secret import Confidential, Withheld, confidential, spellings_of

V = TypeVar("V", bound=Struct)

_LEAST: Final = 8
"""Shortest secret that is looked for in replies: a shorter one may be a part of a word."""


@cache
def places_of(cls: type[Struct]) -> tuple[FieldPlan, ...]:
    """Return the fields of a class that are secrets, or hold values with secrets."""
    try:
        return tuple(plan for plan in plan_of(cls) if plan.hides)
    except NameError:  # a field of a type that only type checkers know
        return ()


def hide_secrets(value: Struct) -> None:
    """Let the secrets of a reply hide themselves; called as it is built."""
    for plan in places_of(type(value)):
        if plan.secret:
            secret = confidential(getattr(value, plan.name))
            msgspec.structs.force_setattr(value, plan.name, secret)


def without_secrets(value: V) -> V:
    """Return a reply with an empty text in place of each secret."""
    changes: dict[str, Any] = {}
    for plan in places_of(type(value)):
        held = getattr(value, plan.name)
        if plan.secret:
            changes[plan.name] = ""
        elif isinstance(held, Struct):
            changes[plan.name] = without_secrets(held)
    return msgspec.structs.replace(value, **changes) if changes else value


def without_repeated(value: V, request: Struct | None) -> V:
    """Return a reply with `***` for each secret that its request has, too."""
    known = {*(() if request is None else secrets_in(request))}
    changes: dict[str, Any] = {}
    for plan in places_of(type(value)) if known else ():
        held = getattr(value, plan.name)
        if plan.secret and held in known:
            changes[plan.name] = HIDDEN
        elif isinstance(held, Struct):
            changes[plan.name] = without_repeated(held, request)
    return msgspec.structs.replace(value, **changes) if changes else value


def secrets_in(value: Struct) -> Iterator[str]:
    """Yield the secrets of a request, at whatever depth."""
    for plan in places_of(type(value)):
        for each in _values_in(getattr(value, plan.name)):
            if isinstance(each, Confidential):
                yield each
            elif isinstance(each, Struct):
                yield from secrets_in(each)


def _values_in(held: Any) -> tuple[object, ...]:
    if isinstance(held, tuple):
        return cast("tuple[object, ...]", held)
    if isinstance(held, Mapping):
        return tuple(cast("Mapping[str, object]", held).values())
    return (held,)


def lacks_secret(request: Struct) -> bool:
    """Say whether a secret was left out of a request."""
    return any(isinstance(each, Withheld) for each in secrets_in(request))


def refuse_withheld(request: Struct) -> None:
    """Refuse a request of which a secret was left out.

    Raises:
        InvalidInput: there is one.
    """
    if lacks_secret(request):
        name = next(plan.name for plan in places_of(type(request)))
        raise InvalidInput(name, HIDDEN, LEFT_OUT, owner=type(request).__name__)


def with_withheld(cls: type[Struct], wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a journal kept of a request, with what stands for each secret it left out."""
    found = dict(wire)
    for plan in places_of(cls):
        value = found.get(plan.wire_name)
        if plan.secret and value == HIDDEN:
            found[plan.wire_name] = Withheld()
        elif isinstance(value, dict):
            for kind in inner_of(plan.type):
                value = with_withheld(kind, cast("dict[str, Any]", value))
            found[plan.wire_name] = value
    return found


def censored(body: bytes, request: Struct) -> bytes:
    """Return the body of a reply with `***` for each secret of the request that it repeats."""
    for secret in secrets_in(request):
        if len(secret) >= _LEAST:
            for spelt in spellings_of(str.__str__(secret)):
                body = body.replace(spelt, HIDDEN.encode())
    return body
