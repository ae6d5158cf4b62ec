"""Which requests create a job: a POST may also read, so a test asks for the operation's path."""

from __future__ import annotations

from urllib.parse import urlsplit

from akool_async.crun import Crun
from akool_async.endpoints import OPERATIONS

_CREATES = {
    (operation.method, operation.root + operation.path)
    for operation in (*OPERATIONS.values(), *Crun("unused").operations.values())
}


def is_create(method: str, path: str) -> bool:
    """Return whether a request creates a job; `path` may have a query, or be a whole URL."""
    return (method, urlsplit(path).path) in _CREATES
