"""A file while it is not whole: hidden, beside its target, gone if it never gets whole.

Everything here blocks, and runs in threads. A lock lets one call in at a time, so that a
download which is cancelled while a thread still writes can be put away at once.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from akool_async.media.names import HEAD, Place

_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_BLOCK = 2**20
"""Bytes that are decompressed at once: a bomb goes off in small portions."""


class Digest(NamedTuple):
    """What a server says that the file's bytes hash to."""

    algorithm: str
    value: bytes


class Unsound(Exception):
    """The bytes are not what the server said that they are."""


class TooLarge(Exception):
    """There are more bytes than may be."""


class Gunzip:
    """Decompresses gzip as it comes."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def whole(self) -> bool:
        """Whether the end was seen."""
        return self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what some bytes decompress to, in bounded portions.

        Raises:
            zlib.error: they are no gzip.
        """
        more = False
        while data or more:
            if self._member.eof:  # gzip may be several, one after the other
                self._member = zlib.decompressobj(wbits=31)
            block = self._member.decompress(data, _BLOCK)
            more = len(block) == _BLOCK and not self._member.eof
            data = self._member.unconsumed_tail or self._member.unused_data
            yield block


class Part:
    """The file to which a download is written until it is whole.

    Args:
        place: Where it goes in the end.
        largest: Bytes; a file that would get larger is refused.
    """

    def __init__(self, place: Place, largest: int) -> None:
        self._place = place
        self._largest = largest
        self._path = place.folder / f".{place.part}.{secrets.token_hex(4)}.part"
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._over = False
        self._fresh = True
        self._failure: Exception | None = None
        self._size = 0
        self._gunzip: Gunzip | None = None
        self._digest: Digest | None = None
        self._hash = hashlib.sha256()
        self.received = 0
        """How many of the bytes that the server has are in it, decompressed or not."""
        self.head = b""
        """Its first bytes."""

    def begin(self, *, gzipped: bool, digest: Digest | None) -> None:
        """Begin the file, or begin it anew; the disk is touched when the first bytes come.

        Args:
            gzipped: Whether what comes is to be decompressed.
            digest: What all of it shall hash to.
        """
        with self._lock:
            self._fresh = True
            self._failure = None
            self._size, self.received, self.head = 0, 0, b""
            self._gunzip = Gunzip() if gzipped else None
            self._digest = digest
            self._hash = hashlib.new(
                digest.algorithm if digest else "sha256", usedforsecurity=False
            )

    def write(self, data: bytes) -> None:
        """Add bytes as they came.

        Raises:
            OSError: they cannot be written.
            TooLarge: the file would get too large.
            Unsound: they cannot be decompressed.
        """
        with self._lock:
            if self._over:
                return
            if self._failure is None:
                self._failure = self._attempted(data)
            if self._failure is not None:
                # Whatever is written after a gap is lost: so it fails again until begun anew.
                raise self._failure
            self.received += len(data)

    def _attempted(self, data: bytes) -> Exception | None:
        """Write bytes; return what went wrong with that."""
        try:
            if self._fresh:
                self._open()
            for block in [data] if self._gunzip is None else self._gunzip.feed(data):
                self._add(block)
        except zlib.error:
            return Unsound("what the server sends as gzip is none")
        except (OSError, TooLarge) as error:
            return error
        return None

    def _open(self) -> None:
        if self._descriptor is None:
            self._place.folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, _FLAGS, 0o666)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._fresh = False

    def _add(self, data: bytes) -> None:
        assert self._descriptor is not None
        self._size += len(data)
        if self._size > self._largest:
            raise TooLarge
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
        if self._digest is not None:
            self._hash.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def check(self) -> None:
        """Check a file that has all its bytes.

        Raises:
            Unsound: they are not the right ones.
        """
        if self._size == 0:
            raise Unsound("the server sent nothing")
        if self._gunzip is not None and not self._gunzip.whole:
            raise Unsound("the server's gzip ends too early")
        if self._digest is not None and self._hash.digest() != self._digest.value:
            raise Unsound(f"its {self._digest.algorithm} is not the one that the server names")

    def commit(self, target: Path, *, overwrite: bool) -> None:
        """Bring the file under its name, whole, and for good.

        Raises:
            FileExistsError: there is one, and it may not be overwritten.
            OSError: it cannot be written.
        """
        with self._lock:
            if self._over:
                return
            assert self._descriptor is not None
            os.fsync(self._descriptor)
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
            if overwrite:
                self._path.replace(target)
            else:
                _rename_to_new(self._path, target)
            self._over = True
            _sync_folder(self._place.folder)

    def discard(self) -> None:
        """Remove the file, unless it has got its name."""
        with self._lock:
            if self._over:
                return
            self._over = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            with contextlib.suppress(OSError):
                self._path.unlink()


def _rename_to_new(path: Path, target: Path) -> None:
    """Rename a file, and raise where there is one of that name."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # this file system knows no links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.replace(target)
    else:
        path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder outlive a loss of power, where the system can do that."""
    if os.name != "posix":
        return
    # Some file systems have no such thing; the file itself is on disk.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
