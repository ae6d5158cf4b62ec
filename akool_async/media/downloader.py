"""The downloads of one client: limited in number, on a session that holds no secret."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from akool_async.clock import Clock, LoopClock
from akool_async.errors import DownloadError
from akool_async.http.retry import Retry
from akool_async.media.policy import Policy

if TYPE_CHECKING:
    import aiohttp

    from akool_async.http.proxy import Proxies
    from akool_async.media.download import Resources
    from akool_async.media.names import Destination
    from akool_async.media.progress import Progress
    from akool_async.media.session import MediaSession
    from akool_async.media.source import Source
    from akool_async.media.stream import MediaStream


class Downloader(Protocol):
    """Fetches media to disk, to memory, or for somebody who reads it as it comes."""

    @property
    def policy(self) -> Policy:
        """The media that may be fetched, and the time for it."""
        ...

    async def save(
        self,
        source: Source,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Write the media at a URL to a file, whole or not at all, and return its path.

        Args:
            source: The media to fetch.
            path: A file; or a folder, in which the file gets a name of its own.
            overwrite: Whether an existing file may be replaced.
            progress: Called as bytes come.

        Raises:
            DownloadError: the media could not be fetched whole.
            ResultExpired: Akool does not keep the media any more.
            OSError: the file cannot be written.
        """
        ...

    async def check(self, source: Source, path: str) -> None:
        """Say now that a file is there which may not be replaced, as far as its name is known.

        Raises:
            FileExistsError: it is there.
        """
        ...

    async def read(self, source: Source, limit: int) -> bytes:
        """Return the media at a URL, whole.

        Args:
            source: The media to fetch.
            limit: The most bytes that it may have.

        Raises:
            DownloadError: the media could not be fetched whole, or is larger.
            ResultExpired: Akool does not keep the media any more.
        """
        ...

    def stream(self, source: Source) -> AbstractAsyncContextManager[MediaStream]:
        """Fetch the media at a URL inside, and hand it out as it comes.

        Raises:
            DownloadError: the media could not be fetched.
            ResultExpired: Akool does not keep the media any more.
        """
        ...


class SessionDownloader:
    """Downloads through one shared session; after `close`, through a new one per request.

    Args:
        at_once: Requests at the same time.
        policy: The media that may be fetched, and the time for it.
        retry: When a failed request is followed by another.
        clock: The clock that times are read from.
        proxies: What says which proxy an address has.
    """

    def __init__(
        self,
        at_once: int = 8,
        policy: Policy | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self._retry = retry or Retry()
        self._clock = clock or LoopClock()
        self._proxies = proxies
        self._at_once = at_once
        self._free = asyncio.Semaphore(at_once)
        self._session: MediaSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self._closed = False

    async def save(
        self,
        source: Source,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Write the media at a URL to a file, whole or not at all; see `Downloader.save`."""
        # Imported here, so that a client that saves nothing does not load it.
        from akool_async.media.download import Download
        from akool_async.media.file_sink import FileSink
        from akool_async.media.names import absolute
        from akool_async.media.threads import run_to_completion

        # A relative path belongs to the working directory of now: it may change meanwhile.
        given = os.fspath(path)
        place = absolute(given)
        choose = partial(_destination, source, place, overwrite)
        destination = await run_to_completion(self._executor, choose)
        sink = FileSink(destination, self._executor, self.policy.largest, overwrite=overwrite)
        download = Download(source, sink, self._resources(self.policy), progress=progress)
        try:
            await download.run()
            saved = await sink.commit(download.url, download.content_type)
        except DownloadError as error:  # such as a full disk, which knows of no job
            error.token = source.token
            raise
        finally:
            await sink.discard()
        if destination.has_extension:
            return Path(given)
        in_folder = destination.folder == Path(place)
        return Path(given, saved.name) if in_folder else Path(given).with_name(saved.name)

    async def check(self, source: Source, path: str) -> None:
        """Say now that a file is there which may not be replaced; see `Downloader.check`."""
        from akool_async.media.threads import run_to_completion

        await run_to_completion(self._executor, partial(_destination, source, path, False))

    async def read(self, source: Source, limit: int) -> bytes:
        """Return the media at a URL, whole; see `Downloader.read`."""
        from akool_async.media.download import Download
        from akool_async.media.sink import MemorySink

        largest = min(limit, self.policy.largest)
        sink = MemorySink(largest)
        policy = msgspec.structs.replace(self.policy, largest=largest)
        await Download(source, sink, self._resources(policy)).run()
        return bytes(sink.kept)

    @asynccontextmanager
    async def stream(self, source: Source) -> AsyncGenerator[MediaStream, None]:
        """Fetch the media at a URL inside; see `Downloader.stream`."""
        from akool_async.media.download import Download
        from akool_async.media.stream import StreamSink, streaming

        sink = StreamSink(self.policy.largest)
        download = Download(source, sink, self._resources(self.policy))
        async with streaming(download, sink, source.name) as chunks:
            yield chunks

    def _resources(self, policy: Policy) -> Resources:
        from akool_async.media.download import Resources

        return Resources(policy, self._retry, self._clock, self._borrow_session)

    @cached_property
    def _executor(self) -> Executor:
        try:
            from concurrent.futures import ThreadPoolExecutor
        except RuntimeError:  # at the end of the program it cannot be loaded any more
            from akool_async.media.threads import Here

            return Here()
        return ThreadPoolExecutor(self._at_once, thread_name_prefix="akool-download")

    @asynccontextmanager
    async def _borrow_session(self) -> AsyncGenerator[MediaSession, None]:
        """Lend the shared session, or a new one if that is closed or of another loop."""
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is loop:
            async with self._free:
                if not self._closed:
                    self._session = self._session or self._new_session()
                    yield self._session
                    return
        # A result may be saved after its client was closed, and in another event loop.
        async with self._new_session() as session:
            yield session

    def _new_session(self) -> MediaSession:
        from akool_async.media.session import MediaSession

        return MediaSession(self.policy, self._proxies)

    @property
    def own_sessions(self) -> list[aiohttp.ClientSession]:
        """The sessions that the downloader has to close."""
        return [] if self._session is None else self._session.opened

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _destination(source: Source, path: str, overwrite: bool) -> Destination:  # noqa: FBT001
    """Return where a file goes; raise now if it may not be written there, before it is fetched."""
    from akool_async.media.names import destination_of, extension_of

    destination = destination_of(path, source.name, source.mark)
    extension = extension_of(source.url)
    target = destination.target(extension)
    named = destination.has_extension or extension  # else only the file itself tells its name
    if not overwrite and named and target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    return destination


class StandaloneDownloader(SessionDownloader):
    """A downloader for a result without a client: every request has a session of its own.

    The environment names the proxy, as there is no client that could.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
    ) -> None:
        from akool_async.http.proxy import Proxies

        super().__init__(1, policy, retry, clock, Proxies(None, trust_env=True))
        self._closed = True
