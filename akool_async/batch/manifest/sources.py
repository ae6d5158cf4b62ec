"""Where rows come from: a manifest, a list of files, or a program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, cast

from akool_async.batch.manifest.fault import Fault, shown
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.row import RawRow
from akool_async.batch.manifest.source import Manifest, records
from akool_async.client.rows import Item as ClientItem
from akool_async.client.rows import Row
from akool_async.client.submission import Submission
from akool_async.protocol.endpoint import Operation, Recipe, Startable

Rows: TypeAlias = Manifest | Iterable[Manifest | Row | ClientItem[Any]]
"""A manifest's path, files for `each`, or rows as `akool.map` takes them."""

# Rows may be anything. Classes in variables of type `Any` keep what is asked of them simple.
_SUBMISSION: Final[Any] = Submission
_STARTABLE: Final[Any] = (Operation, Recipe)
_WHAT: Final = (
    "a row must be a request, (key, request), (key, operation name, parameters), or a dict with an"
    " operation"
)


class Given(NamedTuple):
    """A row whose request was built before."""

    line: int
    request: Startable[Any]
    key: str | None = None
    priority: int = 0


Item: TypeAlias = RawRow | Given | Fault


def items_of(rows: Rows, options: RowOptions) -> tuple[Iterator[Item], str, Path | None]:
    """Return the rows to be read, their file's name, and the folder that its files are in."""
    if isinstance(rows, str | os.PathLike):
        if options.each is not None:
            return _files([rows], options.each), "", None
        path = os.fsdecode(rows)
        base = None if path == "-" else Path(path).parent
        return records(rows, sheet=options.sheet), path, base
    if options.each is not None:
        return _files(cast("Iterable[Manifest]", rows), options.each), "", None
    listed = list(rows) if isinstance(rows, list | tuple) else rows
    if isinstance(listed, list) and listed and isinstance(listed[0], str | os.PathLike):
        if len(listed) == 1:
            return items_of(cast("list[Manifest]", listed)[0], options)
        sentence = (
            "several files were given: one manifest is read at a time, and for pictures --each"
            " names the parameter that takes them"
        )
        return iter([Fault(kind="file", sentence=sentence)]), "", None
    return _from_program(cast("Iterable[Any]", rows)), "", None


def _files(paths: Iterable[Manifest], parameter: str) -> Iterator[Item]:
    """Yield a row for each file; those of a folder are taken in order of their names."""
    line = 0
    for given in paths:
        found = list(_expanded(os.fsdecode(given)))
        for path in found:
            line += 1
            yield RawRow(line, {parameter: path})
        if not found:
            sentence = "there is no such file, and no file in a folder of this name"
            yield Fault(kind="file", sentence=sentence, file=os.fsdecode(given))


def _expanded(text: str) -> Iterator[str | Path]:
    if "://" in text:
        yield text
        return
    path = Path(text)
    if path.is_dir():
        files = sorted(path.iterdir())
        yield from (each for each in files if each.is_file() and not each.name.startswith("."))
    elif path.exists():
        yield path
    else:  # a shell that expands no patterns, as on Windows
        yield from (Path(each) for each in sorted(glob(text)) if Path(each).is_file())  # noqa: PTH207


def _from_program(rows: Iterable[Any]) -> Iterator[Item]:
    for line, row in enumerate(rows, 1):
        yield _item(line, row)


def _item(line: int, row: Any) -> Item:
    if isinstance(row, Mapping):
        return _of_mapping(line, cast("Mapping[str, Any]", row))
    if isinstance(row, _SUBMISSION):
        return Given(line, row.request, row.key, row.priority)
    match row:
        case _ if isinstance(row, _STARTABLE):
            return Given(line, row)
        case (str() as key, request) if isinstance(request, _STARTABLE):
            return Given(line, request, key)
        case (None | str(), str(), Mapping()):
            key, operation, parameters = cast("tuple[str, str, Mapping[str, Any]]", row)
            return RawRow(line, {**parameters, "operation": operation, "key": key})
        case _:
            return Fault(kind="syntax", sentence=f"{_WHAT} (here: {shown(row)})", line=line)


def _of_mapping(line: int, row: Mapping[str, Any]) -> Item:
    request: Any = row.get("request")
    if isinstance(request, _STARTABLE):
        return Given(line, request, row.get("key"), row.get("priority") or 0)
    return RawRow(line, {str(name): value for name, value in row.items()})
