"""A file that is not whole yet: hidden, beside its target, and deleted if it never gets whole.

Everything here blocks, and runs in threads. A lock lets one call in at a time: a download that
is cancelled discards the file while a thread may still be about to write to it. A call that
comes after `discard` or `commit` does nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from pathlib import Path

from akool_async.media.content import Content, CorruptContent, Digest, TooLarge, Undecodable
from akool_async.media.names import Destination

_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class PartFile:
    """The file to which a download is written until it is whole.

    Args:
        destination: Where the file goes in the end.
        largest: Bytes of the largest file that is allowed.
    """

    def __init__(self, destination: Destination, largest: int) -> None:
        self._destination = destination
        self._path = destination.folder / f".{destination.part}.{secrets.token_hex(4)}.part"
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._done = False
        """Whether the file was committed or discarded."""
        self._empty_first = True
        """Whether the first bytes that come replace those on disk."""
        self._failure: Exception | None = None
        self._content = Content(largest)
        self.received = 0
        """Bytes taken from the server, as they came: compressed ones, if they came so."""

    @property
    def head(self) -> bytes:
        """The first bytes of the file."""
        return self._content.head

    def begin(self, *, coding: str, digest: Digest | None) -> None:
        """Begin the file, or start it over; the disk is touched when the first bytes come.

        Args:
            coding: How the bytes are said to be encoded; empty for not at all.
            digest: The digest of all bytes, if it is known.
        """
        with self._lock:
            self._empty_first = True
            self._failure = None
            self.received = 0
            self._content.begin(coding=coding, digest=digest)

    def write(self, data: bytes) -> None:
        """Add bytes as they came.

        Raises:
            OSError: the bytes cannot be written.
            TooLarge: the file would get too large.
            CorruptContent: the bytes cannot be decompressed.
            Undecodable: the bytes are encoded otherwise than by gzip.
        """
        with self._lock:
            if self._done:
                return
            if self._failure is None:
                self._failure = self._try_to_write(data)
            if self._failure is not None:
                # The failed bytes are a gap in the file, so no later ones may follow: every
                # write fails until `begin`.
                raise self._failure
            self.received += len(data)

    def _try_to_write(self, data: bytes) -> Exception | None:
        """Write bytes; return the error, if there is one."""
        try:
            for block in self._content.feed(data):
                if self._empty_first:
                    self._open()
                self._add(block)
        except (OSError, CorruptContent, TooLarge, Undecodable) as error:
            return error
        return None

    def _open(self) -> None:
        if self._descriptor is None:
            self._destination.folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, _FLAGS, 0o666)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._empty_first = False

    def _add(self, data: bytes) -> None:
        assert self._descriptor is not None
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def check(self) -> None:
        """Check the content of a file that has all its bytes.

        Raises:
            CorruptContent: the bytes are not those that the server announced.
        """
        self._content.check()

    def commit(self, target: Path, *, overwrite: bool) -> None:
        """Flush the file to the disk, and rename it to its target.

        Raises:
            FileExistsError: the target exists, and may not be overwritten.
            OSError: the file cannot be written.
        """
        with self._lock:
            if self._done:
                return
            assert self._descriptor is not None
            os.fsync(self._descriptor)
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
            if overwrite:
                self._path.replace(target)
            else:
                _rename_to_new(self._path, target)
            self._done = True
            _sync_folder(self._destination.folder)

    def discard(self) -> None:
        """Delete the file, unless it was committed."""
        with self._lock:
            if self._done:
                return
            self._done = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            with contextlib.suppress(OSError):
                self._path.unlink()


def _rename_to_new(path: Path, target: Path) -> None:
    """Rename a file, and raise if the target exists; a link does both in one step."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.replace(target)
    else:
        path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable, on systems that can do that."""
    if os.name != "posix":
        return
    # Some file systems cannot flush a folder; the file itself is on disk by now.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
