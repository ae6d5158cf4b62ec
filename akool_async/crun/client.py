"""The front door of CRUN."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec

from akool_async.client.client import JOB_TIMEOUT, Client, checked_url
from akool_async.client.events import Hook
from akool_async.clock import Clock
from akool_async.crun.endpoints import DetectFaces, SwapFaces
from akool_async.crun.results import FaceDetection
from akool_async.engine import Flight, Limits, Semaphore
from akool_async.errors import MissingCredentials
from akool_async.http.auth import Credentials, find_credentials
from akool_async.http.retry import Retry
from akool_async.http.transport import Timeout
from akool_async.job import Job
from akool_async.media import SessionDownloader
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.backoff import Backoff

if TYPE_CHECKING:
    import aiohttp

    from akool_async.journal import Journal
    from akool_async.schedule.learner import Schedule

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
        return self.submit(operation(*args, **kwargs))

    return method


class Crun(Client):
    """A client of CRUN's API; its jobs, limits and errors are those of every client.

    Used as `async with Crun() as crun:`. Without `async with` it works too, and is to be
    closed with `await crun.close()`.

    Args:
        api_key: CRUN's api key. It goes to `base_url`, and nowhere else.
        base_url: Scheme and host of the API; https, or http on loopback.
        max_concurrency: Jobs at CRUN at once, from the create request to the end.
        timeout: Seconds for one HTTP request, body included, or a `Timeout`.
        job_timeout: Seconds from acceptance to the end of a job; `None` for no end; or a
            mapping by operation.
        retry: Which failed requests are repeated, and when.
        schedule: What a look at a job is worth; when to look is learned from how long jobs take.
        backoff: A plain schedule instead; or a mapping by result family, `detection` and `task`.
        limits: How many HTTP requests may be under way at once, and how many jobs of which
            operations in flight.
        semaphore: A limit of yours on jobs in flight, such as an `asyncio.Semaphore` that
            several clients share; beside `max_concurrency`.
        on_event: Told of each step of each job, as an `Event`, at once; or several such.
        session: An `aiohttp.ClientSession` to send API calls through; it is never closed.
        clock: Where time comes from; for tests.
        journal: A file that remembers every job; for one process at a time.
        save_to: A folder in which every result is saved as soon as its job completes.
        allow_private_downloads: Whether results may be fetched from addresses that are not
            on the public internet; CRUN's own, where it runs on this machine, is allowed.

    Raises:
        MissingCredentials: no key was given, and the environment holds none in CRUN_API_KEY.
        InvalidInput: a setting makes no sense.
    """

    requests_in = "akool_async.crun"

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        max_concurrency: int = 100,
        timeout: float | Timeout = 60.0,
        job_timeout: float | Mapping[str, float | None] | None = JOB_TIMEOUT,
        retry: Retry | None = None,
        schedule: Schedule | None = None,
        backoff: Backoff | Mapping[str, Backoff] | None = None,
        limits: Limits | Mapping[str, int] | None = None,
        semaphore: Semaphore | None = None,
        on_event: Hook | Sequence[Hook] = (),
        session: aiohttp.ClientSession | None = None,
        clock: Clock | None = None,
        journal: str | os.PathLike[str] | Journal | None = None,
        save_to: str | os.PathLike[str] | None = None,
        allow_private_downloads: bool = False,
    ) -> None:
        base_url = base_url or os.environ.get("CRUN_BASE_URL") or BASE_URL
        super().__init__(
            _credentials(api_key or os.environ.get("CRUN_API_KEY")),
            {"api": checked_url("base_url", base_url)},
            max_concurrency=max_concurrency,
            timeout=timeout,
            job_timeout=job_timeout,
            retry=retry,
            schedule=schedule,
            backoff=backoff,
            limits=limits,
            semaphore=semaphore,
            on_event=on_event,
            session=session,
            clock=clock,
            journal=journal,
            save_to=save_to,
            allow_private_downloads=allow_private_downloads,
        )

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by name."""
        return _OPERATIONS

    detect_faces = _starts(DetectFaces)
    swap_faces = _starts(SwapFaces)

    def _linked(
        self, result: Any, downloader: SessionDownloader, flight: Flight[Any] | None = None
    ) -> Any:
        request = None if flight is None else flight.request
        if isinstance(result, FaceDetection) and isinstance(request, DetectFaces):
            result = msgspec.structs.replace(result, image_url=request.image_url)
        return super()._linked(result, downloader, flight)


def _credentials(api_key: str | None) -> Credentials:
    if not api_key:
        raise MissingCredentials("no credential: give api_key=, or set CRUN_API_KEY")
    return find_credentials({"api_key": api_key})
