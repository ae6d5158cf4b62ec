"""The content of a file as it comes: decompressed, counted, and checked for what was announced."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from akool_async.media.names import HEAD, extension_in

_BLOCK = 2**20
"""Bytes that are decompressed at once, so that a decompression bomb cannot fill the memory."""


class Digest(NamedTuple):
    """The digest of the file's bytes, as the server says it."""

    algorithm: str
    value: bytes


class CorruptContent(Exception):
    """The bytes are not those that the server announced."""


class Undecodable(Exception):
    """The bytes are encoded in a way that nobody here can decode."""


class TooLarge(Exception):
    """The file would get larger than the policy allows."""


class Gunzip:
    """Decompresses gzip as it comes."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def whole(self) -> bool:
        """Whether the end of the stream has come."""
        return self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed bytes, in portions of bounded size.

        Raises:
            zlib.error: the data is not gzip.
        """
        more = False
        while data or more:
            if self._member.eof:  # a gzip file may be several streams, one after the other
                self._member = zlib.decompressobj(wbits=31)
            block = self._member.decompress(data, _BLOCK)
            more = len(block) == _BLOCK and not self._member.eof
            data = self._member.unconsumed_tail or self._member.unused_data
            yield block


class Content:
    """What comes of a file, portion by portion, and whether it is what was announced.

    Args:
        largest: Bytes of the largest file that is allowed.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.begin(coding="", digest=None)

    def begin(self, *, coding: str, digest: Digest | None) -> None:
        """Begin, or start over.

        Args:
            coding: How the bytes are said to be encoded; empty for not at all.
            digest: The digest of all bytes, if it is known.
        """
        self.size = 0
        """Bytes so far, decompressed."""
        self.head = b""
        """The first bytes."""
        self._first = True
        self._coding = coding
        self._gunzip = Gunzip() if coding == "gzip" else None
        self._digest = digest
        self._hash = hashlib.new(digest.algorithm if digest else "sha256", usedforsecurity=False)

    @property
    def decoded(self) -> bool:
        """Whether the bytes come otherwise than the file has them."""
        return self._gunzip is not None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes as they came; yield them as the file has them, in portions of bounded size.

        Raises:
            TooLarge: the file would get too large.
            CorruptContent: the bytes cannot be decompressed.
            Undecodable: the bytes are encoded otherwise than by gzip.
        """
        if self._first:
            self._check_coding(data)
            self._first = False
        blocks = iter([data]) if self._gunzip is None else self._gunzip.feed(data)
        try:
            for block in blocks:
                self._count(block)
                yield block
        except zlib.error:
            problem = "what the server sends as gzip is none"
        else:
            return
        raise CorruptContent(problem)

    def _check_coding(self, data: bytes) -> None:
        """Believe the first bytes more than the label: media that shows itself is not encoded."""
        if self._coding and extension_in(data):
            self._coding, self._gunzip = "", None
        if self._coding not in {"", "gzip"}:
            raise Undecodable(f"it comes encoded as {self._coding[:20]!r}, unasked")

    def _count(self, block: bytes) -> None:
        self.size += len(block)
        if self.size > self._largest:
            raise TooLarge
        if len(self.head) < HEAD:
            self.head += block[: HEAD - len(self.head)]
        if self._digest is not None:
            self._hash.update(block)

    def check(self) -> None:
        """Check a file that has all its bytes.

        Raises:
            CorruptContent: the bytes are not those that the server announced.
        """
        if self.size == 0:
            raise CorruptContent("the server sent nothing")
        if self._gunzip is not None and not self._gunzip.whole:
            raise CorruptContent("the server's gzip ends too early")
        if self._digest is not None and self._hash.digest() != self._digest.value:
            raise CorruptContent(
                f"its {self._digest.algorithm} is not the one that the server names"
            )
