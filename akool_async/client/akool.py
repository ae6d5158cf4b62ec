"""The front door: one object that owns the session, the engine and the namespaces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from akool_async.http.transport import (
    Timeout,  # first: aiohttp before all of our own takes 2 ms less
)

# isort: split
from akool_async.client.client import JOB_TIMEOUT, LARGEST_DOWNLOAD, Client, checked_url
from akool_async.client.events import Hook
from akool_async.clock import Clock
from akool_async.endpoints.registry import Namespaces
from akool_async.engine import Limits, Semaphore
from akool_async.http.auth import find_credentials, hidden
from akool_async.http.retry import Retry
from akool_async.protocol.endpoint import Operation
from akool_async.schedule.backoff import Backoff

if TYPE_CHECKING:
    import aiohttp

    from akool_async.journal import Journal
    from akool_async.schedule.learner import Schedule

BASE_URL: Final = "https://openapi.akool.com"
LEGACY_DETECT_URL: Final = "https://sg3.akool.com"


class Akool(Client, Namespaces):
    """A client of Akool's API.

    Used as `async with Akool() as akool:`. Without `async with` it works too, and is to be
    closed with `await akool.close()`. It may be made where no loop runs, and works again in
    a second `asyncio.run()`; sessions and limits are per loop.

    Args:
        api_key: Akool's api key. Arguments beat the environment as a whole; in each, an api
            key beats a token, and a token beats a client id and secret.
        client_id: With `client_secret`, exchanged for a token.
        client_secret: See `client_id`.
        token: A bearer token.
        base_url: Scheme and host of the API; https, or http on loopback.
        detect_url: Scheme and host of face detection; `base_url` if not given.
        max_concurrency: Jobs at Akool at once, from the create request to the end.
        timeout: Seconds for one HTTP request, body included, or a `Timeout`.
        job_timeout: Seconds from acceptance to the end of a job; `None` for no end; or a
            mapping by operation.
        retry: Which failed requests are repeated, and when.
        schedule: What a look at a job is worth; when to look is learned from how long jobs take.
        backoff: A plain schedule instead; or a mapping by result family.
        limits: How many HTTP requests may be under way at once; or how many jobs of which
            operations in flight, such as `{"video.*": 20}`; or both, as a `Limits`.
        semaphore: A limit of yours on jobs in flight, such as an `asyncio.Semaphore` that
            several clients share; beside `max_concurrency`.
        on_event: Told of each step of each job, as an `Event`, at once; or several such.
        session: An `aiohttp.ClientSession` to send API calls through; it is never closed.
        clock: Where time comes from; for tests.
        journal: A file that remembers every job, so that a crash loses none and a key is
            one create; for one process at a time.
        on_credit: What happens to jobs when there is no credit left: "raise" ends them with
            `InsufficientCredit`; "pause" lets them wait until credit returns, or
            `akool.resume()` is called.
        save_to: A folder in which every result is saved as soon as its job completes, in the
            background; `close()` waits for that. A job's result is there at once.
        allow_private_downloads: Whether results may be fetched from addresses that are not
            on the public internet. Where the API runs on this machine, as a simulator does,
            its own address and port are allowed without it.
        max_download_bytes: Size of the largest result that is saved.
        proxy: A proxy for API calls, such as `http://user:password@proxy.example:3128`.
        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as they are now, name the
            proxy where `proxy` does not.

    Raises:
        MissingCredentials: no credential was given, and the environment holds none in
            AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET.
        InvalidInput: a setting makes no sense.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        token: str | None = None,
        base_url: str | None = None,
        detect_url: str | None = None,
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
        on_credit: Literal["raise", "pause"] = "raise",
        save_to: str | os.PathLike[str] | None = None,
        allow_private_downloads: bool = False,
        max_download_bytes: int = LARGEST_DOWNLOAD,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        # From here on, no traceback that shows locals shows these.
        api_key, token, client_secret = map(hidden, (api_key, token, client_secret))
        proxy = hidden(proxy)
        given = {
            "api_key": api_key,
            "token": token,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        base_url = base_url or os.environ.get("AKOOL_BASE_URL") or BASE_URL
        super().__init__(
            find_credentials(given),
            _hosts(base_url, detect_url),
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
            on_credit=on_credit,
            save_to=save_to,
            allow_private_downloads=allow_private_downloads,
            max_download_bytes=max_download_bytes,
            proxy=proxy,
            trust_env=trust_env,
        )

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by dotted name."""
        from akool_async.endpoints import OPERATIONS

        return OPERATIONS

    async def _credit(self) -> float:
        return (await self.account.credit()).credit

    async def _exchange_token(self) -> str:
        from akool_async.endpoints.account import GetToken

        return (await self.call(GetToken())).token


def _hosts(base_url: str, detect_url: str | None) -> Mapping[str, str]:
    """Say where requests go; the legacy host is one more only where no other was named."""
    base = checked_url("base_url", base_url)
    detect = base if detect_url is None else checked_url("detect_url", detect_url)
    legacy = LEGACY_DETECT_URL if base == BASE_URL and detect_url is None else detect
    return {"api": base, "detect": detect, "legacy_detect": legacy}
