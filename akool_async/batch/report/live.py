"""Asks a run that goes on for its figures."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

import msgspec

from akool_async.batch.control import has_sockets
from akool_async.batch.figures import RunFigures
from akool_async.batch.folder import RunFolder

_PATIENCE: Final = 2.0


def figures_now(folder: RunFolder) -> RunFigures | None:
    """Return the figures of the run that goes on in a folder; `None` if none does. Blocks."""
    path = folder.control
    try:
        if has_sockets(path):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_PATIENCE)
                connection.connect(os.fspath(path))
                return _ask(connection, b"")
        place = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        with socket.create_connection(("127.0.0.1", int(place["port"])), _PATIENCE) as connection:
            return _ask(connection, msgspec.json.encode({"token": place["token"]}) + b"\n")
    except (OSError, ValueError, KeyError):  # there is no run, or none that can be asked
        return None


def _ask(connection: socket.socket, greeting: bytes) -> RunFigures:
    connection.sendall(greeting + b'{"do": "figures"}\n')
    with connection.makefile("rb") as answers:
        answer = msgspec.json.decode(answers.readline(), type=dict[str, Any])
    return msgspec.convert(answer["figures"], RunFigures)
