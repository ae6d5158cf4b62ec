"""The lock that keeps a journal to one process; the kernel frees it even after kill -9."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from akool_async.errors import JournalError, JournalInUse

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        # flock, not a POSIX record lock: it also excludes a second opener in the same process.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class FileLock:
    """An exclusive lock for a file, held from construction to `release`.

    The lock is on a file of its own, `<path>.lock`, which is never deleted: otherwise two
    processes could lock two different files of that name.

    Raises:
        JournalInUse: the lock is taken.
        JournalError: the lock file cannot be made.
    """

    def __init__(self, path: str, *, shown: str) -> None:
        self._descriptor: int | None = None
        kind: type[JournalError] = JournalError
        try:
            self._descriptor = _locked(f"{path}.lock")
        except BlockingIOError:
            kind, problem = JournalInUse, f"{_holder(path)} uses this journal"
        except OSError as error:
            problem = f"no lock can be made beside it ({error.strerror or error})"
        else:
            return
        raise kind(f"journal {shown}: {problem}")

    def release(self) -> None:
        """Free the lock; in a forked child, give up the child's share of the parent's lock."""
        # Close only, without LOCK_UN: the lock belongs to the open file that parent and child
        # share, so an unlock in the child would free the parent's lock.
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: str) -> int:
    """Open and lock a file; raise `BlockingIOError` if it is locked already."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    held = False
    try:
        held = _try_lock(descriptor)
    finally:
        if not held:
            os.close(descriptor)
    if not held:
        raise BlockingIOError
    _sign(descriptor)
    return descriptor


def _sign(descriptor: int) -> None:
    """Write this process's number into the lock file, for those who find it locked."""
    # The first byte stays a space: Windows lets nobody read a byte that is locked.
    with suppress(OSError):  # a full disk is no reason not to lock
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid():<10}".encode())


def _holder(path: str) -> str:
    """Say who holds a lock, as far as its file tells."""
    try:
        with open(f"{path}.lock", "rb") as file:  # noqa: PTH123 - the path may be bytes-like
            file.seek(1)
            number = int(file.read(10))
    except (OSError, ValueError):  # locked by an older version, or this very moment
        return "another process, or another client in this one,"
    ours = number == os.getpid()
    return "another client in this one" if ours else f"another process ({number})"
