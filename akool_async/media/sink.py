"""Where the bytes of a download go."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeAlias

from akool_async.media.content import Content, Digest

Put: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Takes bytes as they came, and waits while there is no room for more."""


class Sink(Protocol):
    """Takes the content of a file, checks it, and may have to take it again from its beginning."""

    @property
    def received(self) -> int:
        """Bytes taken from the server, as they came: compressed ones, if they came so."""
        ...

    @property
    def head(self) -> bytes:
        """The first bytes of the file."""
        ...

    def begin(self, *, coding: str, digest: Digest | None, content_type: str) -> None:
        """Begin the file, or start it over.

        Args:
            coding: How the bytes are said to be encoded; empty for not at all.
            digest: The digest of all bytes, if it is known.
            content_type: What the server calls it.

        Raises:
            AttemptFailed: it cannot be started over any more.
        """
        ...

    def receiving(self) -> AbstractAsyncContextManager[Put]:
        """Take bytes inside; at the end all of them have been taken in.

        Raises:
            CorruptContent: the bytes are not those that the server announced.
            TooLarge: the file would get too large.
            Undecodable: nobody here can decode the bytes.
            LocalError: this machine cannot take them.
        """
        ...

    async def check(self) -> None:
        """Check a file that has all its bytes.

        Raises:
            CorruptContent: the bytes are not those that the server announced.
        """
        ...


class MemorySink:
    """Keeps the content of a file in memory.

    Args:
        largest: Bytes of the largest file that is allowed.
    """

    def __init__(self, largest: int) -> None:
        self._content = Content(largest)
        self.received = 0
        self.kept = bytearray()
        """The file so far."""

    @property
    def head(self) -> bytes:
        """The first bytes of the file."""
        return self._content.head

    def begin(self, *, coding: str, digest: Digest | None, content_type: str) -> None:  # noqa: ARG002
        """Begin the file, or start it over."""
        self.received = 0
        self.kept.clear()
        self._content.begin(coding=coding, digest=digest)

    @asynccontextmanager
    async def receiving(self) -> AsyncGenerator[Put, None]:
        """Take bytes inside."""
        yield self._put

    async def _put(self, data: bytes) -> None:
        self.received += len(data)
        for block in self._content.feed(data):
            self.kept += block

    async def check(self) -> None:
        """Check a file that has all its bytes."""
        self._content.check()
