"""The content of an argument: its own text, a file, or standard input.

`@FILE` means the content of a file, and `-` that of standard input. `@@` stands for an `@` at
the beginning of a text.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import click

from akool_async.endpoints.forms import Unreadable, json_in

_STDIN_READ = "akool_async.cli.stdin"


def text_of(argument: str) -> str:
    """Return the text of an argument, without the line breaks at the end of a file.

    Raises:
        Unreadable: the file does not exist, or holds no text in UTF-8.
    """
    content = _content_of(argument)
    if content is None:
        return argument[1:] if argument.startswith("@@") else argument
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        pass
    raise Unreadable(f"{argument} must hold text in UTF-8")


def json_of(argument: str) -> Any:
    """Return the JSON document of an argument.

    Raises:
        Unreadable: the file does not exist, or holds no JSON.
    """
    return json_in(text_of(argument))


def picture_of(argument: str) -> str:
    """Return a picture in Akool's format: a file as base64, any other text unchanged.

    Raises:
        Unreadable: the file does not exist.
    """
    content = _content_of(argument)
    if content is None and _is_file(argument):
        content = _file(argument)
    return argument if content is None else base64.b64encode(content).decode()


def _content_of(argument: str) -> bytes | None:
    if argument == "-":
        return _standard_input()
    if argument.startswith("@") and not argument.startswith("@@"):
        return _file(argument[1:])
    return None


def _standard_input() -> bytes:
    notes = click.get_current_context().meta
    if notes.setdefault(_STDIN_READ, False):
        raise Unreadable("standard input can be read only once")
    notes[_STDIN_READ] = True
    return sys.stdin.buffer.read()


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        problem = getattr(error, "strerror", None) or str(error)
    raise Unreadable(f"{name!r} cannot be read: {problem}")


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # such as a picture in base64, too long for a file name
        return False
