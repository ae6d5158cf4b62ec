"""One download: as many requests as it takes, each going on where the last one broke off."""

from __future__ import annotations

import errno
import inspect
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import aiohttp

from akool_async.clock import Clock, sleep
from akool_async.errors import AkoolError, DownloadError, ResultExpired
from akool_async.http.retry import Retry
from akool_async.media.guard import parse, redirected
from akool_async.media.names import Place, extension_for
from akool_async.media.part import Part, TooLarge, Unsound
from akool_async.media.policy import Policy
from akool_async.media.replies import (
    digest_of,
    etag_of,
    length_of,
    span_of,
    total_beyond,
    validator_of,
)
from akool_async.media.setback import PASSING, Foreign, Patience, Setback, setback_of
from akool_async.media.threads import WriteBehind, to_its_end
from akool_async.media.watch import Watch
from akool_async.protocol.wire import retry_after

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes received so far, and with how many there are, if the server said so.
May be a coroutine function. The first figure falls where a download has to begin anew."""

MOST_REDIRECTS: Final = 5

_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "akool_async"}
"""All that is sent, but for `Host`, and for a range."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({403, 404, 410})
_WHOLE, _PARTIAL, _BEYOND = 200, 206, 416
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Wanted(NamedTuple):
    """What is to be fetched."""

    url: str
    name: str
    """What the file is called in a folder, without an extension."""
    operation: str = ""
    token: str | None = None
    """Of the job that it is the result of."""
    expires_at: datetime | None = None


class Kit(NamedTuple):
    """What a download works with."""

    policy: Policy
    retry: Retry
    clock: Clock
    executor: Executor
    lend: Callable[[], AbstractAsyncContextManager[aiohttp.ClientSession]]
    """Lends a session for one request, once there is room for that."""


class _Known(NamedTuple):
    """What the server has said of the file that is being fetched."""

    validator: str | None
    """What tells whether it is still the same; without one, no request can go on."""
    etag: str | None
    modified: str | None
    total: int | None


class Download:
    """One file on its way.

    Args:
        wanted: What is to be fetched.
        place: Where it goes.
        kit: What to fetch it with.
        overwrite: Whether a file that is there may be replaced.
        progress: Called as bytes come.
    """

    def __init__(
        self,
        wanted: Wanted,
        place: Place,
        kit: Kit,
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self._wanted = wanted
        self._place = place
        self._kit = kit
        self._overwrite = overwrite
        self._progress = progress
        self._part = Part(place, kit.policy.largest)
        self._known: _Known | None = None
        self._content_type = ""
        self._doubted: int | None = None
        """Where the file seemed to end, though nothing said that this was all."""
        self._deadline = math.inf

    async def run(self) -> Path:
        """Bring the file to its place, and return where that is.

        Raises:
            DownloadError: it could not be fetched whole.
            ResultExpired: it is kept no longer.
            OSError: it cannot be written there.
        """
        try:
            await self._fetch()
            return await self._commit()
        except Foreign as foreign:
            problem = foreign.error
        finally:
            await to_its_end(self._kit.executor, self._part.discard)
        if isinstance(problem, DownloadError):
            problem.token = self._wanted.token
        raise problem

    async def _fetch(self) -> None:
        """Send requests until the file is whole."""
        patience = Patience(self._kit.retry)
        while (setback := await self._request()) is not None:
            delay = patience.delay(setback, self._part.received)
            if setback.status in _GONE and self._expired:
                raise self._expiry(setback)
            if delay is None or self._kit.clock.time() + delay >= self._deadline:
                raise self._error(setback, patience.requests)
            await sleep(self._kit.clock, delay)

    async def _request(self) -> Setback | None:
        """Send one request; return what kept it from being the last."""
        try:
            async with self._kit.lend() as session:
                await self._exchange(session)
        except Setback as setback:
            return setback
        # A session that is closed meanwhile, or a connection, is a RuntimeError to aiohttp.
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError, ValueError) as error:
            return setback_of(error)
        return None

    async def _exchange(self, session: aiohttp.ClientSession) -> None:
        policy, clock = self._kit.policy, self._kit.clock
        self._deadline = min(self._deadline, clock.time() + policy.timeout)
        least = policy.slowest * policy.window
        watch = Watch(clock, least=least, window=policy.window, deadline=self._deadline)
        async with watch.kept():
            url = parse(self._wanted.url)
            for _ in range(MOST_REDIRECTS + 1):
                async with session.get(
                    url, headers=_HEADERS | self._range(), allow_redirects=False
                ) as response:
                    location = response.headers.get("Location", "")
                    if response.status not in _REDIRECTS or not location:
                        await self._take(response, watch)
                        return
                url = redirected(url, location)
            raise Setback(f"there are more than {MOST_REDIRECTS} redirects", final=True)

    def _range(self) -> dict[str, str]:
        known, received = self._known, self._part.received
        if known is None or known.validator is None or not received:
            return {}
        return {"Range": f"bytes={received}-", "If-Range": known.validator}

    async def _take(self, response: aiohttp.ClientResponse, watch: Watch) -> None:
        """Take in what a reply brings; returns once the file is whole."""
        status, headers = response.status, response.headers
        if status == _BEYOND and self._known is not None:
            self._check_nothing_is_beyond(headers)
        elif status in {_WHOLE, _PARTIAL}:
            end = self._go_on(headers) if status == _PARTIAL else self._begin(headers)
            await self._receive(response, watch)
            self._check_end(end, vouched=end is not None or "Transfer-Encoding" in headers)
        else:
            named = {name.lower(): value for name, value in headers.items()}
            reason = f"HTTP {status}"
            raise Setback(
                reason, status=status, wait=retry_after(named), final=status not in PASSING
            )
        await self._check_content()

    def _begin(self, headers: Mapping[str, str]) -> int | None:
        """Begin the file, or begin it anew; return how many bytes shall come."""
        encoding = headers.get("Content-Encoding", "").strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise Setback(f"it comes encoded as {encoding[:20]!r}, unasked", final=True)
        gzipped = "gzip" in encoding
        total = length_of(headers)
        self._check_size(total)
        # Where a compressed body broke off, there is no place in the file to go on from.
        validator = None if gzipped else validator_of(headers)
        self._known = _Known(validator, etag_of(headers), _modified(headers), total)
        self._content_type = headers.get("Content-Type", "")
        digest = None if gzipped else digest_of(headers)
        self._part.begin(gzipped=gzipped, digest=digest)
        return total

    def _go_on(self, headers: Mapping[str, str]) -> int:
        """Check that a partial reply goes on where the file is; return where it shall end."""
        known, span = self._known, span_of(headers)
        if (
            known is None
            or span is None
            or span.first != self._part.received
            or (known.total and span.total and known.total != span.total)
            or known.etag != etag_of(headers)
            or _modified(headers) not in {None, known.modified}
            or headers.get("Content-Encoding", "identity").lower() != "identity"
        ):
            raise self._anew("what came is not the rest of the file")
        self._check_size(span.total)
        self._known = known._replace(total=known.total or span.total)
        return span.last + 1

    def _check_nothing_is_beyond(self, headers: Mapping[str, str]) -> None:
        """Check that the file is whole, since the server has no bytes after those here."""
        total = total_beyond(headers)
        if total != self._part.received:
            raise self._anew("the server has no such range")

    async def _receive(self, response: aiohttp.ClientResponse, watch: Watch) -> None:
        received = self._part.received
        async with WriteBehind(self._kit.executor, self._write) as behind:
            async for data in response.content.iter_any():
                watch.note(len(data))
                received += len(data)
                with watch.busy():
                    await behind.put(data)
                    await self._tell(received)

    def _write(self, data: bytes) -> None:
        try:
            self._part.write(data)
        except OSError as error:
            problem: Exception = Foreign(_in_words(error, self._place))
        except TooLarge:
            problem = self._too_large()
        except Unsound as error:
            problem = self._anew(str(error))
        else:
            return
        raise problem

    async def _tell(self, received: int) -> None:
        if self._progress is None:
            return
        try:
            told = self._progress(received, self._known.total if self._known else None)
            if inspect.isawaitable(told):
                await told
        except Exception as error:  # noqa: BLE001 - it is the caller's, and goes back there
            problem = Foreign(error)
        else:
            return
        raise problem

    def _check_end(self, end: int | None, *, vouched: bool) -> None:
        """Check that a body that came to its end is the end of the file."""
        assert self._known is not None
        known, received = self._known, self._part.received
        if end not in {None, received} or received > (known.total or received):
            raise self._anew("what came is not what was announced")
        if received < (known.total or 0):
            raise Setback(f"only {received} of {known.total} bytes came")
        if not vouched and known.validator is not None and self._doubted != received:
            # A connection that is cut looks like one that is done: so ask for what comes after.
            self._doubted = received
            raise Setback("nothing says whether that was all")

    async def _check_content(self) -> None:
        try:
            await to_its_end(self._kit.executor, self._part.check)
        except Unsound as error:
            problem = self._anew(str(error))
        else:
            return
        raise problem

    async def _commit(self) -> Path:
        extension = extension_for(self._wanted.url, self._content_type, self._part.head)
        target = self._place.target(extension)
        commit = partial(self._part.commit, target, overwrite=self._overwrite)
        try:
            await to_its_end(self._kit.executor, commit)
        except OSError as error:
            problem = Foreign(_in_words(error, self._place))
        else:
            return target
        raise problem

    def _check_size(self, total: int | None) -> None:
        if total is not None and total > self._kit.policy.largest:
            raise self._too_large()

    def _too_large(self) -> Setback:
        return Setback(f"it is larger than {self._kit.policy.largest} bytes", final=True)

    def _anew(self, reason: str) -> Setback:
        """Forget what is known of the file, so that the next request begins it anew."""
        self._known = None
        return Setback(reason, vain=True)

    @property
    def _expired(self) -> bool:
        expires_at = self._wanted.expires_at
        return expires_at is not None and self._kit.clock.now() >= expires_at

    def _expiry(self, setback: Setback) -> ResultExpired:
        wanted = self._wanted
        message = f"its media was kept until {wanted.expires_at:%Y-%m-%d %H:%M} UTC, and is gone"
        return ResultExpired(
            f"{message} [{setback.reason}]", name=wanted.operation, token=wanted.token
        )

    def _error(self, setback: Setback, requests: int) -> AkoolError:
        tried = f", in {requests} requests" if requests > 1 else ""
        shown = _without_query(self._wanted.url)
        error = DownloadError(f"{shown} could not be fetched whole{tried}: {setback.reason}")
        error.token = self._wanted.token
        return error


def _modified(headers: Mapping[str, str]) -> str | None:
    return headers.get("Last-Modified")


def _in_words(error: OSError, place: Place) -> Exception:
    """Return an error of the disk as one that stands alone, and says what to do."""
    if error.errno in _FULL:
        return DownloadError(
            f"there is no room for the file in {place.folder} ({error.strerror}); nothing was"
            " left there, and it can be fetched again"
        )
    return OSError(*(error.args if error.filename is None else (*error.args[:2], error.filename)))


def _without_query(url: str) -> str:
    """Signed links carry their permission in the query; an error need not show it."""
    return url.partition("?")[0].partition("#")[0]
