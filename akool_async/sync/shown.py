"""What `help()` and `inspect.signature` show of a blocking method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import GenericAlias
from typing import Any, Final, TypeVar, get_args, get_origin, get_overloads

from akool_async.endpoints.paging import Page
from akool_async.protocol.endpoint import Endpoint, Operation, Recipe
from akool_async.sync.job import Job, Jobs
from akool_async.sync.paging import Paged

_PAGED: Final[Any] = Paged


class Shown:
    """The object that a blocking method wraps: the parameters of the original, and the own result.

    The signature is made on demand: making all of them takes long.

    Args:
        method: The asynchronous method.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.signature(self._method)
        endpoint: type[Any] | None = getattr(self._method, "endpoint", None)
        if endpoint is None:
            return signature
        returned = _returned(endpoint, several=bool(get_overloads(self._method)))
        return signature.replace(return_annotation=returned)


def _returned(endpoint: type[Any], *, several: bool) -> Any:
    """Return the type of what a method returns that sends an endpoint.

    Args:
        endpoint: The class of its requests.
        several: Whether several values of a parameter become a job each.
    """
    reply = reply_of(endpoint)
    if issubclass(endpoint, Operation | Recipe):
        job = GenericAlias(Job, (reply,))
        return job | GenericAlias(Jobs, (reply,)) if several else job
    if get_origin(reply) is Page:
        return _PAGED[get_args(reply)]
    return reply


def reply_of(endpoint: type[Any]) -> Any:
    """Return the type of what an endpoint's reply means, or of its job's result."""
    for cls in endpoint.__mro__:
        for base in vars(cls).get("__orig_bases__", ()):
            origin, arguments = get_origin(base), get_args(base)
            of_endpoint = inspect.isclass(origin) and issubclass(origin, Endpoint | Recipe)
            if of_endpoint and arguments and not isinstance(arguments[0], TypeVar):
                return arguments[0]
    return inspect.Signature.empty
