"""How an endpoint class becomes a client method with the same signature.

A namespace class binds each endpoint with one line: `tts = submits(TTS)`. The method takes the
fields of the class; type checkers know them through `ParamSpec`, so that no signature is written
twice. Binding also gives the endpoint its dotted name, and lists it in `ENDPOINTS`, `OPERATIONS`
or `RECIPES`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import GenericAlias, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)
from weakref import WeakKeyDictionary

import msgspec

from akool_async.endpoints.paging import Page, Paged
from akool_async.errors import InvalidInput
from akool_async.job import Job
from akool_async.protocol.arguments import in_words_of, unknown_attribute
from akool_async.protocol.endpoint import Endpoint, Operation, Query, Recipe, Startable
from akool_async.protocol.fields import Files, OneEach, extras, inner_of
from akool_async.protocol.filling import meaning_field
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Input

if TYPE_CHECKING:
    from akool_async.clock import Clock
    from akool_async.streaming.open_sessions import OpenSessions
    from akool_async.streaming.reaping import SessionRows
    from akool_async.streaming.session_job import SessionJob

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)
M = TypeVar("M", bound=Callable[..., Any])
R = TypeVar("R")

ENDPOINTS: dict[str, type[Endpoint[Any]]] = {}
"""Every endpoint that is bound to a namespace, by dotted name."""

OPERATIONS: dict[str, type[Operation[Any]]] = {}
"""Every operation, by dotted name."""


RECIPES: dict[str, type[Recipe[Any]]] = {}
"""Every recipe, by dotted name."""


class Executor(Protocol):
    """A client, as far as namespaces use it."""

    @property
    def clock(self) -> Clock:
        """Where the client's time comes from."""
        ...

    @property
    def open_sessions(self) -> OpenSessions:
        """The sessions that the client closes when it is closed."""
        ...

    @property
    def session_rows(self) -> SessionRows | None:
        """The rows of sessions; `None` without a journal."""
        ...

    def submit(self, request: Startable[S], /) -> Job[S]:
        """Start an operation or a recipe; return its job at once."""
        ...

    def hold(self, request: Startable[S], /, *, rarely: bool = True) -> SessionJob[S]:
        """Start the job of a session; look it up as a session that is held, or as every job."""
        ...

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send an endpoint; return its decoded reply."""
        ...


class Namespace:
    """A group of methods on the client, one for each endpoint bound in its class body."""

    title: str = ""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        """The client."""
        self.kept: dict[Endpoint[Any], Any] = {}
        """Replies that are not asked for twice; see `calls_once`."""
        self._asking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._asking = WeakKeyDictionary()

    def __repr__(self) -> str:
        own = {*dir(type(self))} - {*dir(Namespace)}
        verbs = sorted(verb for verb in own if not verb.startswith("_"))
        return f"<akool.{self.title}: {', '.join(verbs)}>"

    async def call_once(self, query: Query[T]) -> T:
        """Send a query, unless its reply is there; keep the reply for the life of the client."""
        async with self._asking.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if query not in self.kept:
                self.kept[query] = await self.executor.call(query)
        reply: T = self.kept[query]
        return reply

    if not TYPE_CHECKING:  # type checkers know each name

        def __getattr__(self, name: str) -> Any:
            """Say which method may be meant."""
            owner, known = f"akool.{self.title}", dir(type(self))
            raise AttributeError(unknown_attribute(owner, name, known, "method"))

    def __init_subclass__(cls, title: str) -> None:
        cls.title = title
        for verb, method in vars(cls).items():
            if isinstance(getattr(method, "__wrapped__", None), _Shown):
                method.__name__, method.__qualname__ = verb, f"{cls.__qualname__}.{verb}"
            endpoint = getattr(method, "endpoint", None)
            if endpoint is not None:
                _register(f"{title}.{verb}", endpoint)


def _register(name: str, endpoint: type[Endpoint[Any] | Recipe[Any]]) -> None:
    # An endpoint that is bound in two namespaces keeps its first name.
    endpoint.name = endpoint.name or name
    if issubclass(endpoint, Recipe):
        RECIPES[name] = endpoint
        return
    ENDPOINTS[name] = endpoint
    if issubclass(endpoint, Operation):
        OPERATIONS[name] = endpoint


def made(
    endpoint: Callable[..., R],
    namespace: Namespace,
    method: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    fields_of: Callable[..., Any] | None = None,
) -> R:
    """Build the request of a method; an error about its arguments names the method.

    Args:
        endpoint: What builds it: mostly its class.
        namespace: Whose method it is.
        method: The method, for its name.
        args: What was given by position.
        kwargs: What was given by name.
        fields_of: The class of the request, where `endpoint` is no class.
    """
    try:
        return endpoint(*args, **kwargs)
    except (TypeError, InvalidInput) as error:
        name = f"{namespace.title}.{method.__name__}"
        problem = in_words_of(name, fields_of or endpoint, error)
    raise problem


def calls(
    endpoint: Callable[P, Endpoint[T]],
) -> Callable[Concatenate[Namespace, P], Coroutine[Any, Any, T]]:
    """Make a method that builds `endpoint` from its arguments and sends it."""

    @functools.wraps(endpoint)
    async def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.executor.call(made(endpoint, self, method, args, kwargs))

    return _bound(with_signature_of(method, endpoint), endpoint)


def calls_once(
    query: Callable[P, Query[T]],
) -> Callable[Concatenate[Namespace, P], Coroutine[Any, Any, T]]:
    """Make a method that builds `query` from its arguments, and sends it once."""

    @functools.wraps(query)
    async def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.call_once(made(query, self, method, args, kwargs))

    return _bound(with_signature_of(method, query), query)


def calls_in_parts(
    query: Callable[P, Query[tuple[T, ...]]], most: int
) -> Callable[Concatenate[Namespace, P], Coroutine[Any, Any, tuple[T, ...]]]:
    """Make a method that builds `query`, asks for `most` of its `ids` at a time, and joins rows."""

    @functools.wraps(query)
    async def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> tuple[T, ...]:
        whole: Any = made(query, self, method, args, kwargs)
        rows: list[T] = []
        for start in range(0, len(whole.ids), most):
            part = msgspec.structs.replace(whole, ids=whole.ids[start : start + most])
            rows += await self.executor.call(part)
        return tuple(rows)

    return _bound(with_signature_of(method, query), query)


def submits(
    operation: Callable[P, Startable[S]],
) -> Callable[Concatenate[Namespace, P], Job[S]]:
    """Make a method that builds `operation` from its arguments and starts it."""

    @functools.wraps(operation)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Job[S]:
        return self.executor.submit(made(operation, self, method, args, kwargs))

    return _bound(with_signature_of(method, operation), operation)


def lists(
    query: Callable[P, Query[Page[T]]],
) -> Callable[Concatenate[Namespace, P], Paged[T]]:
    """Make a method that builds `query` from its arguments; its result is awaited or iterated."""

    @functools.wraps(query)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Paged[T]:
        return Paged(self.executor.call, made(query, self, method, args, kwargs))

    return _bound(with_signature_of(method, query), query)


def sends(endpoint: type[Endpoint[Any]], *, shown: bool = False) -> Callable[[M], M]:
    """Mark a handwritten method as the one that sends `endpoint`.

    Args:
        endpoint: The class.
        shown: Whether `inspect.signature` shows the fields of the class, for a method whose own
            signature names them for type checkers only.
    """

    def mark(method: M) -> M:
        return _bound(_shown(method, endpoint) if shown else method, endpoint)

    return mark


def _shown(method: M, endpoint: type[Endpoint[Any]]) -> M:
    """Show a method with the fields of a class; its errors about them name the method."""

    @functools.wraps(method)
    def explained(self: Namespace, /, *args: Any, **kwargs: Any) -> Any:
        bound = functools.partial(method, self)
        return made(bound, self, explained, args, kwargs, fields_of=endpoint)

    return with_signature_of(cast("M", explained), endpoint)


class _Shown:
    """The object that a method wraps: it shows `inspect.signature` the endpoint's signature.

    Required fields come first. The signature is made on demand: making all of them takes as long
    as importing half of the package.
    """

    def __init__(self, endpoint: Callable[..., Any]) -> None:
        self.__wrapped__ = endpoint

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.signature(self.__wrapped__)
        fields = [
            each.replace(annotation=_annotation(each)) for each in signature.parameters.values()
        ]
        fields.sort(key=lambda each: each.default is not inspect.Parameter.empty)
        # inspect drops the first parameter of a bound method, so there must be one.
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        return signature.replace(parameters=[own, *fields])


def _annotation(parameter: inspect.Parameter) -> Any:
    """Return a parameter's plain type; several values are taken where each becomes a job."""
    shown = accepted(plain(parameter.annotation))
    several = any(isinstance(each, OneEach) for each in extras(parameter.annotation))
    return shown | GenericAlias(Sequence, (shown,)) if several else shown


def with_signature_of(method: M, endpoint: Callable[..., Any]) -> M:
    """Let `inspect.signature` show the fields of a class as the parameters of a method."""
    setattr(method, "__wrapped__", _Shown(endpoint))  # noqa: B010 - functions declare no attributes
    return method


def plain(hint: Any) -> Any:
    """Return a type without the rules in its annotations."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        takes_files = any(isinstance(each, Files) for each in args[1:])
        return plain(args[0]) | Path if takes_files else plain(args[0])
    if origin in {Union, UnionType}:
        shown = plain(args[0])
        for arg in args[1:]:
            shown |= plain(arg)
        return shown
    return GenericAlias(Sequence, (plain(args[0]),)) if origin is Sequence else hint


def accepted(hint: Any) -> Any:
    """Return a plain type with what is taken in place of nested values."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        shown = accepted(args[0])
        for arg in args[1:]:
            shown |= accepted(arg)
        return shown
    if origin is Sequence:
        item = accepted(args[0])
        several = GenericAlias(Sequence, (item,))
        return item | several if inner_of(args[0]) else several
    return _or_its_text(hint) if isinstance(hint, type) and issubclass(hint, Input) else hint


def _or_its_text(cls: type[Input]) -> Any:
    """Return a class, and the text or path that stands for it, if any does."""
    field = meaning_field(cls)
    if field is None:
        return cls
    return cls | str if field.files is None else cls | str | Path


def _bound(method: M, endpoint: Callable[..., Any]) -> M:
    setattr(method, "endpoint", endpoint)  # noqa: B010 - functions declare no attributes
    return method


def without_loop(namespace: type[Namespace]) -> dict[str, Callable[..., Any]]:
    """Return the methods of a namespace that make sense in a program without an event loop.

    The others, such as `streaming.open`, return what lives in one.
    """
    return {
        name: method
        for name, method in vars(namespace).items()
        if not name.startswith("_")
        and inspect.isfunction(method)
        and (
            hasattr(method, "endpoint")
            or inspect.iscoroutinefunction(method)
            or method.__annotations__.get("return") == "None"
        )
    }
