"""The output of commands: a value as a small table, or as JSON with snake-case names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, cast

import click
import msgspec
from msgspec import Struct
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from akool_async import Face, Result, Status
from akool_async.protocol.fields import plain_text
from akool_async.result import from_milliseconds

_UNBOUNDED = 100_000
"""Width of an output that is no terminal, in characters."""

_PADDING = 2
"""Characters between two columns of a table."""


def can_redraw(console: Console) -> bool:
    """Say whether a view can be redrawn in place.

    The file is asked, not rich: FORCE_COLOR in a build log makes rich assume a terminal.
    """
    return console.file.isatty() and not console.is_dumb_terminal


def fields_of(value: Struct) -> dict[str, Any]:
    """Return the fields of a value by snake-case name, as options are named too."""
    known = {
        field.name.rstrip("_"): getattr(value, field.name)
        for field in msgspec.structs.fields(value)
    }
    if isinstance(value, Result):
        known |= {"url": value.url, "urls": value.urls, "expires_at": value.expires_at}
    return known


def document(value: Any) -> Any:
    """Return a value as dicts, lists and other types that JSON has."""
    if isinstance(value, Struct):
        value = fields_of(value)
    if isinstance(value, dict):
        return {name: document(each) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, tuple | list):
        return [document(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, Status):
        return text_of(value)  # a number says nothing to those who read it
    # A session's credentials are shown to whoever opens it: no other reply has them.
    return msgspec.to_builtins(value, enc_hook=plain_text)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(document(value))).decode())


def show_fields(fields: Mapping[str, Any], *, err: bool = False) -> None:
    """Print one name and value per line; leave out empty values, and others equal to `url`.

    Where there is a `url`, nobody has to look for the media in the whole reply.
    """
    url = fields.get("url")
    full = {
        name: value
        for name, value in fields.items()
        if not _is_empty(value)
        and (name == "url" or value not in (url, (url,)))
        and not (name == "raw" and url)
    }
    width = max(map(len, full), default=0) + _PADDING
    for name, value in full.items():
        first, *more = text_of(_in_words(name, value)).split("\n")
        click.echo(
            "\n".join([name.ljust(width) + first, *(" " * width + line for line in more)]), err=err
        )


def show_rows(rows: Sequence[Any], *, err: bool = False) -> None:
    """Print values of one type as a table; on a terminal, leave out columns that do not fit."""
    console = Console(markup=False, emoji=False, highlight=False, stderr=err)
    # Ask the file, not rich: FORCE_COLOR in a build log makes rich assume a terminal.
    width = console.width if console.file.isatty() else _UNBOUNDED
    columns = _columns(rows)
    shown, left_out = _fitting(columns, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in shown:
        table.add_column(name, no_wrap=True)
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*map(Text, cells))
    Console(markup=False, emoji=False, highlight=False, width=width, stderr=err).print(table)
    if left_out:
        click.echo(f"There is no room for {', '.join(left_out)}; --json prints all.", err=True)


def _columns(rows: Sequence[Any]) -> dict[str, list[str]]:
    """Return the cells of each column that is not empty."""
    columns: dict[str, list[str]] = {}
    for field in msgspec.structs.fields(rows[0]) if rows else ():
        values = [getattr(row, field.name) for row in rows]
        if not all(map(_is_empty, values)):
            cells = [text_of(_in_words(field.name, each)).replace("\n", " ") for each in values]
            columns[field.name.rstrip("_")] = cells
    return columns


def _fitting(
    columns: Mapping[str, list[str]], width: int
) -> tuple[dict[str, list[str]], list[str]]:
    """Return the columns that fit the width, tried from left to right, and the names of others."""
    shown: dict[str, list[str]] = {}
    left_out: list[str] = []
    for name, cells in columns.items():
        needed = max(map(cell_len, [name, *cells])) + _PADDING
        if shown and needed > width + _PADDING:
            left_out.append(name)
            continue
        shown[name] = cells
        width -= needed
    return shown, left_out


def _in_words(name: str, value: Any) -> Any:
    """Return a time instead of the milliseconds since 1970 that some fields hold."""
    if name in {"create_time", "update_time"} and isinstance(value, int):
        return from_milliseconds(value) or value
    return value


def text_of(value: Any) -> str:
    """Return a value as text for people."""
    if isinstance(value, str) and "\n" in value:
        return "\n".join(map(text_of, value.splitlines()))
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, tuple | list):
        return "\n".join(map(text_of, cast("Sequence[Any]", value)))
    return "".join(mark if mark.isprintable() else " " for mark in _line_of(value))


def _line_of(value: Any) -> str:
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}".rstrip()
    if isinstance(value, Face):
        return f"{value.path}@{value.opts}" if value.opts else str(value.path)
    if isinstance(value, Struct):
        return msgspec.json.encode(document(value)).decode()
    if isinstance(value, float):
        return str(value).removesuffix(".0")
    return value.value if isinstance(value, StrEnum) else str(value)


def _is_empty(value: Any) -> bool:
    return value in (None, "", ()) or (type(value) is int and value == 0)
