"""The rows of a manifest, as requests."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from akool_async.endpoints import OPERATIONS, RECIPES
from akool_async.engine.keys import request_fingerprint
from akool_async.errors import AkoolError
from akool_async.protocol.endpoint import Operation, Recipe, Startable


class BatchRow(NamedTuple):
    """One row of a manifest, as a request that can be sent."""

    line: int
    """Its line in the manifest, from 1."""
    key: str
    """Its own key, or its fingerprint and its number among equal rows."""
    operation: str
    """The dotted name of the operation or recipe."""
    request: Startable[Any]
    priority: int = 0


class Fault(NamedTuple):
    """A row that cannot be sent."""

    line: int
    message: str


def read(
    manifest: str | os.PathLike[str], operation: str | None = None
) -> Iterator[BatchRow | Fault]:
    """Yield the rows of a JSONL file."""
    with Path(manifest).open("rb") as file:
        yield from rows_of((msgspec.json.decode(line) for line in file), operation)


def rows_of(rows: Iterable[Any], operation: str | None = None) -> Iterator[BatchRow | Fault]:
    """Yield rows from pairs of key and request, requests, or dicts."""
    equal: Counter[str] = Counter()
    for line, row in enumerate(rows, 1):
        try:
            yield _row(line, row, operation, equal)
        except (AkoolError, TypeError) as error:
            yield Fault(line, str(error))


def _row(line: int, row: Any, operation: str | None, equal: Counter[str]) -> BatchRow:
    key, priority = None, 0
    if isinstance(row, BatchRow):
        return row
    if isinstance(row, tuple):
        key, request = row
    elif isinstance(row, Mapping):
        given: dict[str, Any] = dict(row)
        key, priority = given.pop("key", None), given.pop("priority", 0)
        name = given.pop("operation", operation)
        request = {**OPERATIONS, **RECIPES}[name](**given)
    else:
        request = row
    if not isinstance(request, Operation | Recipe):
        raise TypeError("is no request")
    if key is None:
        key = request_fingerprint(request)
        equal[key] += 1
        key = f"{key}-{equal[key]}"
    return BatchRow(line, key, request.label, request, priority)
