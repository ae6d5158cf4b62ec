"""Bytes of a manifest: opened, unpacked, and cut into lines of bounded length."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, TypeAlias, cast

from akool_async.batch.manifest.fault import Fault

LONGEST_LINE: Final = 1 << 20
"""Bytes of a line, at most. No request of Akool's needs as many."""

_GZIP, _UTF_16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")
BOM: Final = b"\xef\xbb\xbf"

TOO_LONG: Final = (
    f"is longer than {LONGEST_LINE >> 20} MB, and no request is that long:"
    " is a line break or a quote missing?"
)
BINARY: Final = (
    "is no text: it may be a picture, or have the wrong name. JSON Lines, CSV, XLSX and Parquet are"
    " read"
)
IN_UTF_16: Final = (
    "is in UTF-16, which some programs call Unicode text: save it as UTF-8, in Excel as"
    " 'CSV UTF-8 (Comma delimited)'"
)
NOT_UTF_8: Final = (
    "is not in UTF-8, so letters such as é would arrive wrong: save the file as UTF-8, in Excel"
    " as 'CSV UTF-8 (Comma delimited)'"
)


Line: TypeAlias = tuple[int, bytes]
"""The number of a line, from 1, and its content."""


def opened(path: Path | None) -> IO[bytes]:
    """Open a file, or standard input for `None`; what gzip has packed is unpacked.

    Raises:
        OSError: the file cannot be opened.
    """
    # Not `sys.stdin`: a thread that waits there for a row that never comes holds a lock which the
    # interpreter wants as it ends, and aborts the process for.
    stream = open(0, "rb", closefd=False) if path is None else path.open("rb")  # noqa: SIM115
    if stream.peek(2)[:2] != _GZIP:
        return stream
    if path is None:
        unpacked = gzip.GzipFile(fileobj=stream)
    else:
        stream.close()
        unpacked = gzip.GzipFile(path)
    return io.BufferedReader(cast("io.RawIOBase", unpacked))


def peeked(stream: IO[bytes]) -> bytes:
    """Return the first bytes of a stream without taking them; waits until there are some."""
    try:
        return cast("io.BufferedReader", stream).peek(1)
    except (EOFError, OSError, zlib.error):  # what gzip has packed is torn: reading will say so
        return b""


def is_utf_16(head: bytes) -> bool:
    """Say whether a file with these first bytes is in UTF-16, with or without a mark."""
    first, second = head[:256:2].count(0), head[1:256:2].count(0)
    # Latin letters have a zero as every second byte, and nothing is a zero and a zero.
    latin = not (first and second) and (first + second) * 8 > len(head[:256])
    return head.startswith(_UTF_16) or latin


def is_binary(head: bytes) -> bool:
    """Say whether a file with these first bytes is no text at all, such as a picture."""
    return b"\x00" in head[:256]


def lines_of(stream: IO[bytes], file: str) -> Iterator[Line | Fault]:
    """Yield the lines of a stream, as they come; one that is too long is a fault, and is skipped.

    A stream that breaks off ends with a fault.
    """
    number = 0
    while True:
        number += 1
        try:
            content = stream.readline(LONGEST_LINE)
            too_long = len(content) == LONGEST_LINE and not content.endswith(b"\n")
            while too_long and len(rest := stream.readline(LONGEST_LINE)):
                if rest.endswith(b"\n"):
                    break
        except (EOFError, OSError, zlib.error) as error:
            problem = f"the file cannot be read beyond this line: {_why(error)}"
            yield Fault(kind="file", sentence=problem, file=file, line=number)
            return
        if not content:
            return
        if too_long:
            yield Fault(kind="syntax", sentence=f"this line {TOO_LONG}", file=file, line=number)
        else:
            yield number, content.removeprefix(BOM) if number == 1 else content


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or "it ends too early"
