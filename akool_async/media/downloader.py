"""Downloads of one client: so many at once, on a session that holds no secret."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import aiohttp

from akool_async.clock import Clock, LoopClock
from akool_async.http.retry import Retry
from akool_async.media.policy import Policy

if TYPE_CHECKING:
    from akool_async.media.download import Progress, Wanted
    from akool_async.media.names import Place

_READ_AHEAD = 2**18
"""Bytes of one response that may lie in memory before they are asked for, about."""


class Downloader(Protocol):
    """What fetches media to disk."""

    async def save(
        self,
        wanted: Wanted,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Write what a URL holds to a file, whole or not at all, and return its path.

        Args:
            wanted: What to fetch.
            path: A file; or a folder, in which the file gets a name of its own.
            overwrite: Whether a file that is there may be replaced.
            progress: Called as bytes come.

        Raises:
            DownloadError: it could not be fetched whole.
            ResultExpired: it is kept no longer.
            OSError: it cannot be written there.
        """
        ...


class SessionDownloader:
    """Downloads through one session, so many at once; once closed, through one for each.

    Args:
        at_once: Requests under way at once.
        policy: What may be fetched, and for how long.
        retry: When a request that failed is followed by another.
        clock: Where time comes from.
    """

    def __init__(
        self,
        at_once: int = 8,
        policy: Policy | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self._retry = retry or Retry()
        self._clock = clock or LoopClock()
        self._at_once = at_once
        self._places = asyncio.Semaphore(at_once)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self._closed = False

    async def save(
        self,
        wanted: Wanted,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Write what a URL holds to a file, whole or not at all, and return its path."""
        # Here, so that a client that saves nothing loads nothing for it.
        from akool_async.media.download import Download, Kit
        from akool_async.media.threads import to_its_end

        place = await to_its_end(self._executor, partial(_place, wanted, path, overwrite))
        kit = Kit(self._policy, self._retry, self._clock, self._executor, self._lend)
        return await Download(wanted, place, kit, overwrite=overwrite, progress=progress).run()

    @cached_property
    def _executor(self) -> Executor:
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(self._at_once, thread_name_prefix="akool-download")

    @asynccontextmanager
    async def _lend(self) -> AsyncGenerator[aiohttp.ClientSession, None]:
        """Lend the session; where it is closed, or another loop's, one of their own."""
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is loop:
            async with self._places:
                if not self._closed:
                    self._session = self._session or self._new_session()
                    yield self._session
                    return
        # A result outlives its client, and maybe its loop.
        async with self._new_session() as session:
            yield session

    def _new_session(self) -> aiohttp.ClientSession:
        from akool_async.media.guard import Guard

        guard = Guard(allow_private=self._policy.allow_private, own=self._policy.own)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=guard.open_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            trust_env=False,  # it would bring a password along, from ~/.netrc
        )

    async def close(self) -> None:
        """Let go of all connections."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _place(wanted: Wanted, path: str | os.PathLike[str], overwrite: bool) -> Place:  # noqa: FBT001
    """Return where a file goes; raise before it is fetched in vain."""
    from akool_async.media.names import extension_of, place_of

    place = place_of(path, wanted.name)
    target = place.target(extension_of(wanted.url))
    if not overwrite and target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    return place


class OneDownload(SessionDownloader):
    """A downloader for a result that belongs to no client (any more)."""

    def __init__(
        self,
        policy: Policy | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(1, policy, retry, clock)
        self._closed = True
