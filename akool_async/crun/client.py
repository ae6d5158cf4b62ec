"""The front door of CRUN."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, Unpack

import msgspec

from akool_async.client.client import Client
from akool_async.client.settings import (
    Settings,
    check_names,
    checked_text,
    checked_url,
    hide_secrets,
)
from akool_async.crun.endpoints import DetectFaces, SwapFaces
from akool_async.crun.results import FaceDetection
from akool_async.errors import InvalidInput, MissingCredentials
from akool_async.http.auth import Credentials, find_credentials
from akool_async.job import Job
from akool_async.protocol.arguments import in_words_of
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.secret import hidden
from akool_async.protocol.snapshot import Snapshot

_OPERATIONS: Mapping[str, type[Operation[Any]]] = {
    each.name: each for each in (DetectFaces, SwapFaces)
}

P = ParamSpec("P")
S = TypeVar("S", bound=Snapshot)

BASE_URL: Final = "https://api.crun.ai"


def _starts(operation: Callable[P, Operation[S]]) -> Callable[Concatenate[Client, P], Job[S]]:
    """Make a method that builds `operation` from its arguments and starts it."""

    @functools.wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Job[S]:
        try:
            request = operation(*args, **kwargs)
        except (TypeError, InvalidInput) as error:
            problem = in_words_of(getattr(operation, "name", ""), operation, error)
        else:
            return self.submit(request)
        raise problem

    return method


class Crun(Client):
    """A client of CRUN's API; its jobs, limits and errors are those of every client.

    Used as `async with Crun() as crun:`. Without `async with` it works too, and is closed by
    `await crun.close()`.

    Args:
        api_key: CRUN's api key. Else the environment's `CRUN_API_KEY`. It goes to `base_url`,
            and nowhere else.
        **settings: Settings by name, from `max_concurrency` to `journal`. Each is described at
            `akool_async.client.settings.Settings`, and in docs/settings.md. Result families,
            for `backoff`, are `detection` and `task`.

    Raises:
        MissingCredentials: no key was given, and the environment holds none in CRUN_API_KEY.
        InvalidInput: a setting makes no sense.
        TypeError: there is no setting of that name.
    """

    requests_in = "akool_async.crun"

    def __init__(self, api_key: str | None = None, **settings: Unpack[Settings]) -> None:
        # From here on, no traceback that shows local variables shows a secret.
        api_key = hidden(api_key)
        hide_secrets(settings)
        check_names("Crun", tuple(settings), Settings)
        base_url = checked_text("base_url", settings.get("base_url"))
        base_url = base_url or os.environ.get("CRUN_BASE_URL") or BASE_URL
        super().__init__(
            _credentials(checked_text("api_key", api_key)),
            {"api": checked_url("base_url", base_url)},
            settings,
        )

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by name."""
        return _OPERATIONS

    detect_faces = _starts(DetectFaces)
    swap_faces = _starts(SwapFaces)

    def _completed(self, result: Any, request: Operation[Any] | None) -> Any:
        # The reply does not say which picture it is about.
        if isinstance(result, FaceDetection) and isinstance(request, DetectFaces):
            return msgspec.structs.replace(result, image_url=request.image_url)
        return result


def _credentials(given: str | None) -> Credentials:
    api_key = given or hidden(os.environ.get("CRUN_API_KEY"))
    if not api_key:
        raise MissingCredentials("no credential: give api_key=, or set CRUN_API_KEY")
    found = find_credentials({"api_key": api_key})
    if not given:
        found.origin = "the environment's CRUN_API_KEY"
    return found
