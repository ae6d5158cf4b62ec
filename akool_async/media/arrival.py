"""A file as it arrives: what its replies bring, one after another.

One reply goes through four steps, each of which may raise `AttemptFailed`:

1. its headers begin the file (status 200), or continue it (206);
2. its body goes to the sink;
3. the end of the body is compared with the length that was announced;
4. the content is compared with the digest that was announced, and must be no error page.

If a reply contradicts an earlier one, nothing that came can be trusted: `_start_over` forgets the
`RemoteFile`, and without that the next request asks for the whole file.
"""

from __future__ import annotations

import inspect

import aiohttp

from akool_async.media.content import CorruptContent, TooLarge, Undecodable
from akool_async.media.failures import AttemptFailed, LocalError
from akool_async.media.headers import Headers, coding_of, digest_of, length_from_refusal
from akool_async.media.pages import complaint_about
from akool_async.media.progress import Progress
from akool_async.media.remote_file import RemoteFile
from akool_async.media.retry_budget import PASSING
from akool_async.media.sink import Put, Sink
from akool_async.media.stall_guard import StallGuard
from akool_async.protocol.wire import retry_after

_WHOLE, _PARTIAL, _RANGE_NOT_SATISFIABLE = 200, 206, 416


class Arrival:
    """Puts one file together from the replies of its host.

    Args:
        sink: Where the bytes go.
        largest: Bytes of the largest file that is allowed.
        progress: Called as bytes come.
    """

    def __init__(self, sink: Sink, largest: int, progress: Progress | None) -> None:
        self._sink = sink
        self._largest = largest
        self._progress = progress
        self._remote: RemoteFile | None = None
        self.content_type = ""
        """What the server calls it."""
        self._unconfirmed_end: int | None = None
        """Where a body ended without a sign that it was complete."""

    @property
    def received(self) -> int:
        """Bytes that are here, as they came."""
        return self._sink.received

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, as they come, if the server said so."""
        return None if self._remote is None else self._remote.total

    @property
    def asked(self) -> dict[str, str]:
        """Headers for the next request: they ask for what is missing, if that can be asked for."""
        return {} if self._remote is None else self._remote.range_from(self._sink.received)

    async def take(self, response: aiohttp.ClientResponse, guard: StallGuard) -> None:
        """Take in a reply; return once the file is whole.

        Raises:
            AttemptFailed: the file is not whole, or not what the server announced.
            LocalError: this machine, or the caller's progress callback, failed.
        """
        status, headers = response.status, response.headers
        if status == _WHOLE:
            end = self._begin(headers)
            await self._receive(response, guard)
            self._check_end(headers, end)
        elif status == _PARTIAL:
            end = self._resume(headers)
            await self._receive(response, guard)
            self._check_end(headers, end)
        elif status == _RANGE_NOT_SATISFIABLE and self._remote is not None:
            self._check_nothing_follows(headers)
        else:
            raise _refused(status, headers)
        await self._check_content()

    def _begin(self, headers: Headers) -> int | None:
        """Begin the file, or start it over; return where the body has to end, if that is known."""
        coding = coding_of(headers)
        # A range counts compressed bytes, the file on disk has decompressed ones: no resuming.
        remote = RemoteFile.described_by(headers, resumable=not coding)
        self._check_size(remote.total)
        self._remote = remote
        self.content_type = headers.get("Content-Type", "")
        digest = None if coding else digest_of(headers)
        self._sink.begin(coding=coding, digest=digest, content_type=self.content_type)
        return remote.total

    def _resume(self, headers: Headers) -> int:
        """Check that a partial reply continues the file; return where its body has to end."""
        remote = self._remote
        span = None if remote is None else remote.continued_by(headers, self._sink.received)
        if remote is None or span is None:
            raise self._start_over("what came is not the rest of the file")
        self._check_size(span.total)
        self._remote = remote._replace(total=remote.total or span.total)
        return span.last + 1

    def _check_nothing_follows(self, headers: Headers) -> None:
        """Check that the server refuses the range because the file is whole."""
        if length_from_refusal(headers) != self._sink.received:
            raise self._start_over("the server has no such range")

    async def _receive(self, response: aiohttp.ClientResponse, guard: StallGuard) -> None:
        """Hand the body of a reply to the sink."""
        try:
            async with self._sink.receiving() as put:
                await self._pass_on(response, guard, put)
        except TooLarge:
            problem = self._too_large()
        except Undecodable as error:
            problem = AttemptFailed(str(error), final=True)
        except CorruptContent as error:
            problem = self._start_over(str(error))
        else:
            return
        raise problem

    async def _pass_on(self, response: aiohttp.ClientResponse, guard: StallGuard, put: Put) -> None:
        received = self._sink.received
        async for data in response.content.iter_any():
            guard.received(len(data))
            received += len(data)
            with guard.local_work():
                await put(data)
                await self._report(received)

    async def _report(self, received: int) -> None:
        """Call the caller's progress callback."""
        if self._progress is None:
            return
        try:
            returned = self._progress(received, self._remote.total if self._remote else None)
            if inspect.isawaitable(returned):
                await returned
        except Exception as error:  # noqa: BLE001 - the caller's own error goes back to the caller
            problem = LocalError(error)
        else:
            return
        raise problem

    def _check_end(self, headers: Headers, end: int | None) -> None:
        """Check that the end of a body is the end of the file."""
        assert self._remote is not None
        remote, received = self._remote, self._sink.received
        if end not in {None, received} or received > (remote.total or received):
            raise self._start_over("what came is not what was announced")
        if received < (remote.total or 0):
            raise AttemptFailed(f"only {received} of {remote.total} bytes came")
        announced = end is not None or "Transfer-Encoding" in headers
        if not announced and remote.validator is not None and self._unconfirmed_end != received:
            # Without a length, a body ends with its connection, also with one that was cut. So
            # ask for the bytes that follow; a second end at the same place is the end.
            self._unconfirmed_end = received
            raise AttemptFailed("nothing says whether that was all")

    async def _check_content(self) -> None:
        try:
            await self._sink.check()
        except CorruptContent as error:
            problem = self._start_over(str(error))
        else:
            told = complaint_about(self._sink.head, self.content_type)
            if told is None:
                return
            # An error page under status 200, which often passes.
            problem = self._start_over(told)
        raise problem

    def _check_size(self, total: int | None) -> None:
        if total is not None and total > self._largest:
            raise self._too_large()

    def _too_large(self) -> AttemptFailed:
        return AttemptFailed(f"it is larger than {self._largest} bytes", final=True)

    def _start_over(self, reason: str) -> AttemptFailed:
        """Forget the file, so that the next request asks for all of it; return the failure."""
        self._remote = None
        return AttemptFailed(reason, no_progress=True)


def _refused(status: int, headers: Headers) -> AttemptFailed:
    named = {name.lower(): value for name, value in headers.items()}
    return AttemptFailed(
        f"HTTP {status}", status=status, wait=retry_after(named), final=status not in PASSING
    )
