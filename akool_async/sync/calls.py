"""How a method of the asynchronous client becomes one that blocks, with the same signature.

`blocking(method)` runs the method in the background loop, and waits for what it is to return: of a
coroutine function its value, of one that starts a job the job. Type checkers know parameters and
results through `ParamSpec`, so no signature is written twice.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, overload

from akool_async.endpoints.paging import Paged as AsyncPaged
from akool_async.job import Job as AsyncJob
from akool_async.job import Jobs as AsyncJobs
from akool_async.protocol.help_texts import LaterText
from akool_async.protocol.snapshot import Snapshot
from akool_async.sync.behind import Behind
from akool_async.sync.job import Job, Jobs
from akool_async.sync.paging import Paged
from akool_async.sync.shown import Shown

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


# Values may be anything. Classes in variables of type `Any` keep what is asked of them simple.
_JOB: Final[Any] = AsyncJob
_JOBS: Final[Any] = AsyncJobs
_PAGED: Final[Any] = AsyncPaged


class Blocks(Protocol):
    """What has blocking methods: a client, or a namespace of one."""

    @property
    def behind(self) -> Behind:
        """The asynchronous client, and its place in the background loop."""
        ...

    @property
    def original(self) -> Any:
        """What has the asynchronous methods."""
        ...


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Blocks, P], T]: ...
@overload
def blocking(
    method: Callable[Concatenate[Any, P], AsyncJob[S]],
) -> Callable[Concatenate[Blocks, P], Job[S]]: ...
@overload
def blocking(
    method: Callable[Concatenate[Any, P], AsyncPaged[T]],
) -> Callable[Concatenate[Blocks, P], Paged[T]]: ...
@overload
def blocking(
    method: Callable[Concatenate[Any, P], None],
) -> Callable[Concatenate[Blocks, P], None]: ...
def blocking(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method that runs an asynchronous one in the background loop."""

    @functools.wraps(method)
    def call(self: Blocks, /, *args: Any, **kwargs: Any) -> Any:
        return outcome_of(self.behind, method, self.original, *args, **kwargs)

    call.__annotations__ = {}
    shown = Shown(method)
    setattr(call, "__wrapped__", shown)  # noqa: B010 - functions declare no attributes
    if isinstance(method.__doc__, LaterText):
        call.__doc__ = shown.doc
    return call


def outcome_of(
    behind: Behind, method: Callable[..., Any], owner: Any, /, *args: Any, **kwargs: Any
) -> Any:
    """Call a method in the loop, and return what comes of it."""
    return behind.run(functools.partial(_outcome, behind, method, owner, *args, **kwargs))


async def _outcome(
    behind: Behind, method: Callable[..., Any], owner: Any, /, *args: Any, **kwargs: Any
) -> Any:
    value = method(owner, *args, **kwargs)
    return presented(await value if inspect.iscoroutine(value) else value, behind)


def presented(value: Any, behind: Behind) -> Any:
    """Return a value as a program without a loop uses it; called in the loop."""
    if isinstance(value, _JOB):
        return Job(value, behind)
    if isinstance(value, _JOBS):
        return Jobs(Job(job, behind) for job in value)
    if isinstance(value, _PAGED):
        return Paged(value, behind)
    return value
