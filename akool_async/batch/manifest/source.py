"""Which file is read how."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final, TypeAlias

from akool_async.batch.manifest import csv_file, jsonl, parquet, xlsx
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.row import RawRow
from akool_async.batch.manifest.streams import (
    BINARY,
    BOM,
    IN_UTF_16,
    is_binary,
    is_utf_16,
    opened,
    peeked,
)

Manifest: TypeAlias = str | os.PathLike[str]
"""The path of a manifest; `-` for standard input."""

_Reader: TypeAlias = Callable[[IO[bytes], str], Iterator[RawRow | Fault]]

_BY_ENDING: Final[Mapping[str, _Reader]] = {
    ".jsonl": jsonl.read,
    ".ndjson": jsonl.read,
    ".json": jsonl.read,
    ".csv": csv_file.read,
    ".tsv": csv_file.read,
    ".tab": csv_file.read,
}

_NO_TEXTS: Final[Mapping[str, str]] = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "spreadsheet"),
    ".parquet": "Parquet file",
}

_ZIP, _OLE, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
"""The first bytes of XLSX and ODS, of XLS, and of Parquet. A name may be wrong, these are not."""


def records(
    manifest: Manifest, *, sheet: str | None = None, file: str | None = None
) -> Iterator[RawRow | Fault]:
    """Yield the rows of a manifest lazily; what cannot be read is a fault.

    Args:
        manifest: JSON Lines or CSV, also packed with gzip; XLSX; Parquet; `-` for JSON Lines or
            CSV from standard input.
        sheet: The sheet of a spreadsheet, by name; else its first.
        file: The manifest's name in faults; else its path.

    Raises:
        InvalidInput: the file needs a library that is not installed.
    """
    shown = os.fsdecode(manifest) if file is None else file
    path = None if manifest == "-" else Path(os.fsdecode(manifest))
    problem = None if path is None else _problem_with(path)
    if problem is not None:
        yield Fault(kind="file", sentence=problem, file=shown)
        return
    try:
        stream = opened(path)
    except OSError as error:
        sentence = f"the file cannot be read: {error.strerror}"
    else:
        try:
            yield from _read(stream, path, shown, sheet)
        finally:
            if path is not None:
                stream.close()
        return
    yield Fault(kind="file", sentence=sentence, file=shown)


def _problem_with(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        return f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISDIR(mode):
        return (
            "this is a folder, and no manifest: name a file in it, or for its pictures add"
            " --each with the name of their parameter"
        )
    return None


def _read(
    stream: IO[bytes], path: Path | None, file: str, sheet: str | None
) -> Iterator[RawRow | Fault]:
    head = peeked(stream)
    if head.startswith((_ZIP, _OLE, _PARQUET)):
        if path is None:
            sentence = "standard input takes JSON Lines or CSV: give the name of this file instead"
            yield Fault(kind="file", sentence=sentence, file=file)
        elif head.startswith(_PARQUET):
            yield from parquet.read(path, file)
        else:
            yield from xlsx.read(path, file, sheet)
    elif is_utf_16(head):
        yield Fault(kind="file", sentence=f"the file {IN_UTF_16}", file=file)
    elif path is not None and path.stat().st_size == 0:
        yield Fault(kind="file", sentence="the file is empty", file=file)
    elif path is not None and path.suffix.lower() in _NO_TEXTS:
        what = _NO_TEXTS[path.suffix.lower()]
        sentence = f"the file is no {what}, whatever its name says: a text is named .csv or .jsonl"
        yield Fault(kind="file", sentence=sentence, file=file)
    elif is_binary(head):
        yield Fault(kind="file", sentence=f"the file {BINARY}", file=file)
    else:
        yield from _reader_of(path, head)(stream, file)


def _reader_of(path: Path | None, head: bytes) -> _Reader:
    """Return the reader for the ending of a name; where it says nothing, for the content."""
    name = path.name.lower().removesuffix(".gz") if path is not None else ""
    known = _BY_ENDING.get(os.path.splitext(name)[1])  # noqa: PTH122 - of a name, not a path
    if known is not None:
        return known
    return jsonl.read if head.removeprefix(BOM).lstrip()[:1] in {b"{", b"["} else csv_file.read
