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
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    get_args,
)
from weakref import WeakKeyDictionary

import msgspec

from akool_async.endpoints.paging import Page, Paged
from akool_async.errors import InvalidInput
from akool_async.job import Job
from akool_async.protocol.arguments import in_words_of, unknown_attribute
from akool_async.protocol.endpoint import Endpoint, Operation, Query, Recipe, Startable
from akool_async.protocol.help_texts import doc_of, result_of
from akool_async.protocol.snapshot import Snapshot

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

    def __dir__(self) -> list[str]:
        """Return the names of the methods, without what only this package uses."""
        own = {*dir(type(self))} - {*vars(Namespace)}
        return sorted(each for each in own if not each.startswith("_"))

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
    try:
        raise problem
    finally:
        del problem  # or this frame and the error would hold each other


def calls(
    endpoint: Callable[P, Endpoint[T]],
) -> Callable[Concatenate[Namespace, P], Coroutine[Any, Any, T]]:
    """Make a method that builds `endpoint` from its arguments and sends it."""

    @functools.wraps(endpoint)
    async def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.executor.call(made(endpoint, self, method, args, kwargs))

    return _bound(with_signature_of(method, endpoint, result_of), endpoint)


def calls_once(
    query: Callable[P, Query[T]],
) -> Callable[Concatenate[Namespace, P], Coroutine[Any, Any, T]]:
    """Make a method that builds `query` from its arguments, and sends it once."""

    @functools.wraps(query)
    async def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.call_once(made(query, self, method, args, kwargs))

    return _bound(with_signature_of(method, query, result_of), query)


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

    return _bound(with_signature_of(method, query, result_of), query)


def submits(
    operation: Callable[P, Startable[S]],
) -> Callable[Concatenate[Namespace, P], Job[S]]:
    """Make a method that builds `operation` from its arguments and starts it."""

    @functools.wraps(operation)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Job[S]:
        return self.executor.submit(made(operation, self, method, args, kwargs))

    return _bound(with_signature_of(method, operation, _job_of), operation)


def lists(
    query: Callable[P, Query[Page[T]]],
) -> Callable[Concatenate[Namespace, P], Paged[T]]:
    """Make a method that builds `query` from its arguments; its result is awaited or iterated."""

    @functools.wraps(query)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Paged[T]:
        return Paged(self.executor.call, made(query, self, method, args, kwargs))

    return _bound(with_signature_of(method, query, _paged_of), query)


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

    The signature is made on demand: making all of them takes as long
    as importing half of the package.
    """

    def __init__(
        self, endpoint: Callable[..., Any], returns: Callable[[Any], Any] | None = None
    ) -> None:
        self.__wrapped__ = endpoint
        self._returns = returns

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.signature(self.__wrapped__)
        fields = list(signature.parameters.values())
        # inspect drops the first parameter of a bound method, so there must be one.
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        shown = signature.replace(parameters=[own, *fields])
        if self._returns is None:
            return shown
        return shown.replace(return_annotation=self._returns(self.__wrapped__))


def with_signature_of(
    method: M, endpoint: Callable[..., Any], returns: Callable[[Any], Any] | None = None
) -> M:
    """Let `inspect.signature` show the fields of a class as the parameters of a method.

    Args:
        method: The method.
        endpoint: The class.
        returns: Returns, of the class, the type of what the method returns; with it, `help` shows
            all that the class knows of the method.
    """
    shown: Any = method
    shown.__wrapped__ = _Shown(endpoint, returns)
    if returns is not None:
        shown.__doc__ = doc_of(endpoint, lambda: returns(endpoint))
    return method


def _job_of(cls: Any) -> Any:
    return cast("Any", Job)[result_of(cls)]


def _paged_of(cls: Any) -> Any:
    return cast("Any", Paged)[get_args(result_of(cls))]


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
