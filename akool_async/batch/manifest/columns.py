"""What the columns of a manifest stand for, and which of them nobody reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.row import Table
from akool_async.batch.manifest.shape import Shape, nearest

OPERATION, KEY, PRIORITY, PARAMETERS = "operation", "key", "priority", "parameters"
OWN_NAMES: Final = (OPERATION, KEY, PRIORITY)
"""The columns that are no parameters."""

SET: Final = "--set "
"""Begins the name of a column that is the command's own."""


class Layout:
    """The columns of some rows, and what each of them stands for.

    Args:
        columns: The columns, in order.
        options: Says what some of them stand for.
        table: The table's header, if it is one.
    """

    def __init__(self, columns: Sequence[str], options: RowOptions, table: Table | None) -> None:
        self.table = table
        self.names: dict[str, str] = {
            column: options.map.get(column, column)
            for column in columns
            if options.map.get(column, column)
        }
        """The name that each column stands for; columns that are to be left alone are not here."""
        self.names |= {SET + name: name for name in options.set}
        places = {name: column for column, name in self.names.items()}
        self.operation = places.get(OPERATION, "")
        self.key = places.get(KEY)
        self.priority = places.get(PRIORITY)
        self.nested = PARAMETERS in columns
        self.shapes: dict[str, Shape] = {}
        """By operation."""

    @property
    def twice(self) -> tuple[str, str, str] | None:
        """Two columns of the manifest that stand for one name, and the name."""
        places: dict[str, str] = {}
        for column, name in self.names.items():
            if not column.startswith(SET):
                if name in places:
                    return places[name], column, name
                places[name] = column
        return None

    def unread(self, shape: Shape) -> list[str]:
        """Return the columns that an operation does not read."""
        return [
            column
            for column, name in self.names.items()
            if column not in shape.read and name not in OWN_NAMES
        ]

    def misspelt(self, shape: Shape) -> Mapping[str, str]:
        """Return the columns with misspelt names, each with the name that is probably meant."""
        free = [name for name in (*shape.known, *OWN_NAMES) if name not in self.names.values()]
        near = {column: nearest(self.names[column], free) for column in self.unread(shape)}
        return {column: name for column, name in near.items() if name is not None}

    def shown(self, column: str) -> str:
        """Return a column as a fault names it: in a spreadsheet with its letter."""
        letter = self.table.letters.get(column) if self.table is not None else None
        return f"{letter} ({column})" if letter else column


class ColumnsRead:
    """Which columns and options somebody has read."""

    def __init__(self, options: RowOptions) -> None:
        self._options = options
        self._first: dict[str, tuple[int, Layout]] = {}
        self._read: set[str] = set()
        self._near: dict[str, str] = {}
        self._names: dict[str, None] = {}

    def note(self, layout: Layout, shape: Shape, line: int) -> None:
        """Take note of rows with one more shape."""
        for column in layout.names:
            self._first.setdefault(column, (line, layout))
        self._read |= shape.read
        overruled = {name.removeprefix(SET) for name in layout.names if name.startswith(SET)}
        self._read |= {each for each, name in layout.names.items() if name in overruled} - {
            SET + name for name in overruled
        }
        self._near |= layout.misspelt(shape)
        self._names |= dict.fromkeys(shape.known)

    def faults(self, file: str) -> Iterator[Fault]:
        """Yield a fault or notice for each column, and each option, that nobody has read."""
        for column, (line, layout) in self._first.items():
            name = layout.names[column]
            if column in self._read or name in OWN_NAMES or column.startswith("("):
                continue
            if column.startswith(SET):
                yield self._unused(file, name, f"--set {name}")
                continue
            near = self._near.get(column)
            if near and layout.table is None:  # told where it stands
                continue
            if column in self._options.map:  # a name that was meant to be one
                yield self._unused(file, name, f"--map '{column}={name}'")
                continue
            sentence = (
                f"no operation has such a parameter; did you mean {near!r}? --map"
                f" '{column}={near}' says so, and --map '{column}=' leaves the column out"
                if near
                else "no operation reads this column"
            )
            if layout.table is not None:
                line = layout.table.line  # noqa: PLW2901 - the header's
            yield Fault(
                kind="unread",
                sentence=sentence,
                file=file,
                line=line,
                column=layout.shown(column),
                notice=near is None,
            )
        if self._first:
            yield from self._unmapped(file)

    def _unused(self, file: str, name: str, option: str) -> Fault:
        near = nearest(name, [*self._names, *OWN_NAMES])
        sentence = f"{option}: no operation of this manifest has such a parameter"
        sentence += f"; did you mean {near!r}?" if near else ""
        return Fault(kind="unread", sentence=sentence, file=file)

    def _unmapped(self, file: str) -> Iterator[Fault]:
        for column in self._options.map:
            if column not in self._first and self._options.map[column]:
                near = nearest(column, list(self._first))
                sentence = f"--map {column}: there is no such column"
                sentence += f"; did you mean {near!r}?" if near else ""
                yield Fault(kind="unread", sentence=sentence, file=file)
