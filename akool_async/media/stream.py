"""A download that a program reads as it comes, to pass it on or to put it elsewhere.

A task of its own fetches the file, and waits while a little of it has not been read. So the reader
may be any task, as it is in a web server, and no cancellation of the one hits the other. What has
been read cannot be taken back: from then on a broken connection is resumed, or ends the stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

from akool_async.errors import DownloadError
from akool_async.media.content import Content, CorruptContent, Digest
from akool_async.media.failures import AttemptFailed
from akool_async.media.names import HEAD, extension_for, safe_name, type_of
from akool_async.media.pages import complaint_about
from akool_async.media.threads import completed

if TYPE_CHECKING:
    from akool_async.media.download import Download
    from akool_async.media.sink import Put

_MOST: Final = 2**20
"""Bytes that may wait to be read before fetching waits."""


class StreamSink:
    """Hands the content of a file to one reader.

    Args:
        largest: Bytes of the largest file that is allowed.
    """

    def __init__(self, largest: int) -> None:
        self._content = Content(largest)
        self._content_type = ""
        self.received = 0
        self._held: list[bytes] = []
        """The first bytes, until they show that the file is no page."""
        self._ready: deque[bytes] = deque()
        self._size = 0
        """Bytes in `_ready`."""
        self._released = False
        """Whether the reader was given something."""
        self._ended = False
        self._problem: Exception | None = None
        self._more = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def head(self) -> bytes:
        """The first bytes of the file."""
        return self._content.head

    @property
    def decoded(self) -> bool:
        """Whether the server's bytes are decompressed here."""
        return self._content.decoded

    def begin(self, *, coding: str, digest: Digest | None, content_type: str) -> None:
        """Begin the file, or start it over; raise if the reader has the beginning of it."""
        if self._released:
            problem = "it broke off, and the server does not go on from there"
            raise AttemptFailed(problem, final=True)
        self.received = 0
        self._held.clear()
        self._content_type = content_type
        self._content.begin(coding=coding, digest=digest)

    @asynccontextmanager
    async def receiving(self) -> AsyncGenerator[Put, None]:
        """Take bytes inside."""
        yield self._put

    async def _put(self, data: bytes) -> None:
        # Counted first: a timeout while this waits for the reader must not make them come twice.
        self.received += len(data)
        for block in self._content.feed(data):
            self._hold_or_release(block)
            while self._size > _MOST:
                self._room.clear()
                await self._room.wait()

    def _hold_or_release(self, block: bytes) -> None:
        self._held.append(block)
        if not self._released and len(self.head) < HEAD:
            return
        if not self._released and (told := complaint_about(self.head, self._content_type)):
            raise CorruptContent(told)
        self._release()

    def _release(self) -> None:
        self._released = True
        chunks = [block for block in self._held if block]
        self._held.clear()
        self._ready.extend(chunks)
        self._size += sum(map(len, chunks))
        self._more.set()

    async def check(self) -> None:
        """Check a file that has all its bytes."""
        self._content.check()

    def end(self, problem: Exception | None = None) -> None:
        """Hand out what is left if the file is whole, and then the error if it is not."""
        if problem is None:
            self._release()
        self._problem, self._ended = problem, True
        self._more.set()

    async def begun(self) -> None:
        """Wait for the first bytes; raise the error if none come."""
        await self._something()
        if not self._ready and self._problem is not None:
            raise self._problem

    async def take(self) -> bytes | None:
        """Return the next bytes; `None` at the end."""
        await self._something()
        if self._ready:
            chunk = self._ready.popleft()
            self._size -= len(chunk)
            self._room.set()
            return chunk
        if self._problem is not None:
            raise self._problem
        return None

    async def _something(self) -> None:
        while not (self._ready or self._ended):
            self._more.clear()
            await self._more.wait()


class MediaStream:
    """The content of a result's media, as it comes: an asynchronous iterator of bytes."""

    def __init__(self, sink: StreamSink, download: Download, name: str) -> None:
        self._sink = sink
        self._download = download
        self._name = name

    @property
    def media_type(self) -> str:
        """The type for a `Content-Type`, such as `image/png`.

        It is always one of picture, sound or video, never what a server calls a page; or
        `application/octet-stream`.
        """
        return type_of(self._extension)

    @property
    def filename(self) -> str:
        """A safe file name with the job's id and the extension, such as `65f8017f5655.png`."""
        return safe_name(self._name) + self._extension

    @property
    def _extension(self) -> str:
        download = self._download
        return extension_for(download.url, download.content_type, self._sink.head)

    @property
    def size(self) -> int | None:
        """Bytes of the whole media, for a `Content-Length`; `None` if the server did not say."""
        return None if self._sink.decoded else self._download.total

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes.

        Raises:
            DownloadError: the rest could not be fetched, or what came was damaged.
        """
        chunk = await self._sink.take()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


@asynccontextmanager
async def streaming(
    download: Download, sink: StreamSink, name: str
) -> AsyncGenerator[MediaStream, None]:
    """Fetch a file inside, from the moment on that its first bytes are there.

    Args:
        download: Brings the file to the sink.
        sink: Hands it out.
        name: The file's name without an extension.
    """
    fetching = asyncio.get_running_loop().create_task(_fetch(download, sink), name="akool-stream")
    try:
        await sink.begun()
        yield MediaStream(sink, download, name)
    finally:
        fetching.cancel()
        await completed(fetching)


async def _fetch(download: Download, sink: StreamSink) -> None:
    try:
        await download.run()
    except asyncio.CancelledError:
        sink.end(DownloadError("the task that fetches the media was cancelled"))
        raise
    except Exception as error:  # noqa: BLE001 - the reader gets it
        sink.end(error)
    else:
        sink.end()
