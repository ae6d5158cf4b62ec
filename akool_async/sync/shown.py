"""What `help()` and `inspect.signature` show of a blocking method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import GenericAlias
from typing import Any, Final, get_args, get_origin, get_overloads

from akool_async.endpoints.paging import Page
from akool_async.protocol.help_texts import LaterText, doc_of, result_of, starts_job
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
        if not hasattr(self._method, "endpoint"):
            return signature
        return signature.replace(return_annotation=self.returned())

    @property
    def doc(self) -> LaterText:
        """The docstring of a method that builds its request from its arguments."""
        return doc_of(self._endpoint, self.returned, blocking=True)

    @property
    def _endpoint(self) -> Any:
        return getattr(self._method, "endpoint")  # noqa: B009 - functions declare no attributes

    def returned(self) -> Any:
        """Return the type of what the method returns."""
        cls = self._endpoint
        result = result_of(cls)
        if starts_job(cls):
            job = GenericAlias(Job, (result,))
            # Several values of a parameter become a job each.
            several = bool(get_overloads(self._method))
            return job | GenericAlias(Jobs, (result,)) if several else job
        return _PAGED[get_args(result)] if get_origin(result) is Page else result
