"""Which requests start a job, for servers in tests that answer creates and lookups differently."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlsplit

from akool_async import Operation, crun
from akool_async.endpoints import OPERATIONS


@cache
def _routes() -> frozenset[tuple[str, str]]:
    operations: list[type[Operation[Any]]] = [
        *OPERATIONS.values(),
        crun.DetectFaces,
        crun.SwapFaces,
    ]
    return frozenset((each.method, each.root + each.path) for each in operations)


def is_create(method: str, path: str) -> bool:
    """Say whether a request starts a job, at Akool or at CRUN.

    Args:
        method: The HTTP method.
        path: The path from its root on, or the whole address; a query string is ignored.
    """
    return (method, urlsplit(path).path) in _routes()
