"""Downloads: streamed to a temporary file beside the target, checked, renamed into place.

They run on sessions that hold no secret, and in a lane of their own.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import anyio
from anyio import to_thread

from akool_async.errors import DownloadError

_CHUNK = 256 * 1024
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")


class Downloader(Protocol):
    """What fetches media to disk."""

    async def fetch(self, url: str, target: Path) -> None:
        """Write what a URL holds to a file, whole or not at all.

        Raises:
            DownloadError: it could not be fetched whole.
        """
        ...


class SessionDownloader:
    """Downloads through one session, so many at once; once closed, through one for each."""

    def __init__(self, at_once: int = 8, total: float = 600.0) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._timeout = aiohttp.ClientTimeout(total=total, sock_connect=10, sock_read=60)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def fetch(self, url: str, target: Path) -> None:
        """Write what a URL holds to a file, whole or not at all."""
        if self._closed:  # a result outlives its client, and maybe its event loop
            await OneDownload().fetch(url, target)
            return
        async with self._places:
            if self._session is None:
                self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            await _fetch(self._session, url, target, self._timeout)

    async def close(self) -> None:
        """Let go of all connections."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class OneDownload:
    """A downloader for a result that belongs to no client (any more)."""

    async def fetch(self, url: str, target: Path) -> None:
        """Write what a URL holds to a file, through a session of its own."""
        downloader = SessionDownloader()
        try:
            await downloader.fetch(url, target)
        finally:
            await downloader.close()


async def _fetch(
    session: aiohttp.ClientSession,
    url: str,
    target: Path,
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
) -> None:
    part = anyio.Path(target.with_name(f".{target.name}.{secrets.token_hex(4)}.part"))
    problem = ""
    try:
        await _stream(session, url, part, timeout)
        await to_thread.run_sync(os.replace, part, target)
    except (aiohttp.ClientError, TimeoutError) as error:
        status = getattr(error, "status", None)
        problem = f"HTTP {status}" if status else type(error).__name__
    finally:
        with anyio.CancelScope(shield=True):
            await part.unlink(missing_ok=True)
    if problem:
        raise DownloadError(f"{_without_query(url)} could not be fetched whole: {problem}")


async def _stream(
    session: aiohttp.ClientSession,
    url: str,
    part: anyio.Path,
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
) -> None:
    async with (
        session.get(url, timeout=timeout, raise_for_status=True) as response,
        await part.open("wb") as file,
    ):
        async for chunk in response.content.iter_chunked(_CHUNK):
            await file.write(chunk)
        await file.flush()
        await to_thread.run_sync(os.fsync, file.wrapped.fileno())


def _without_query(url: str) -> str:
    """Signed links carry their permission in the query; an error need not show it."""
    return url.partition("?")[0]


async def target_of(path: str | os.PathLike[str], name: str, url: str) -> Path:
    """Return the file to write: the path itself, or, for a folder, a name of ours inside it.

    A path is a folder if it is one already, or ends in a separator.
    """
    text = os.fspath(path)
    place = anyio.Path(text)
    if not (text.endswith(("/", os.sep)) or await place.is_dir()):
        await place.parent.mkdir(parents=True, exist_ok=True)
        return Path(place)
    await place.mkdir(parents=True, exist_ok=True)
    return Path(place) / (safe_name(name) + extension_of(url))


def safe_name(name: str) -> str:
    """Return a file name that stays in its folder, whatever the name says."""
    return _UNSAFE.sub("-", name).strip(".-")[:100] or "result"


def extension_of(url: str) -> str:
    """Return the extension of a URL's path, with its dot, or nothing."""
    try:
        suffix = Path(urlsplit(url).path).suffix
    except ValueError:  # no URL at all: the download will say so
        return ""
    return suffix.lower() if _EXTENSION.fullmatch(suffix) else ""
