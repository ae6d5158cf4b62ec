"""A row of a manifest as it was read, before anybody asks what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

Cell: TypeAlias = Any
"""A text, a number, a truth value, a list, a dict, a date, a path, `None`, or a `NoCell`."""


class NoCell(NamedTuple):
    """A cell that holds no value that can be used."""

    why: str
    """Why, in words."""


class Table(NamedTuple):
    """What all rows of a table share: its header."""

    line: int
    """The header's line; 0 where the columns stand in the file's own description."""
    letters: Mapping[str, str] = {}
    """The letter of each column, in a spreadsheet."""


class RawRow(Struct, frozen=True, gc=False):
    """A row of a manifest. There are many, and a struct is made four times as fast as a tuple."""

    line: int
    """Its line, from 1; in a spreadsheet or table its number."""
    cells: Mapping[str, Cell]
    """By column; those of a table have all columns, an empty one an empty text or `None`."""
    table: Table | None = None
    """The table's header; `None` where each row names its own columns."""
