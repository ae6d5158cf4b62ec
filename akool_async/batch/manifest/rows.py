"""Rows of a manifest become requests, one by one, as they are read.

A row is an `operation`, which may be a recipe, the parameters by their names, and an optional `key`
and `priority`. A row without a key has one from what it asks for: the fingerprint of its request,
and its number among equal rows. So lines may be sorted, inserted and deleted: what was paid for
keeps its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct, structs

from akool_async.batch.manifest.cells import is_empty, key_in, priority_in
from akool_async.batch.manifest.columns import KEY, OPERATION, PARAMETERS, SET, ColumnsRead, Layout
from akool_async.batch.manifest.fault import Fault, FaultKind, shown
from akool_async.batch.manifest.keys import RowKeys
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.row import RawRow
from akool_async.batch.manifest.seen import FirstLines
from akool_async.batch.manifest.shape import Shape, nearest
from akool_async.batch.manifest.sources import Given, Rows, items_of
from akool_async.client.submission import check_key
from akool_async.endpoints import OPERATIONS, RECIPES
from akool_async.endpoints.forms import Unreadable
from akool_async.engine.keys import request_fingerprint
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Startable
from akool_async.uploads.inspecting import NO_UPLOADER

_STARTABLES: Mapping[str, type[Startable[Any]]] = {**OPERATIONS, **RECIPES}

NO_ROWS: Final = "it has no rows"
"""What is wrong with an empty manifest; an empty stream of rows is merely over."""

Inspect: TypeAlias = Callable[[Startable[Any]], object]
"""Looks at each request, and raises `InvalidInput` for one that may not be sent, such as one that
names a file where files cannot be uploaded."""


class BatchRow(Struct, frozen=True, gc=False):
    """A row of a manifest as a request."""

    line: int
    """Its line, from 1; in a spreadsheet or table its number."""
    key: str
    """Its own key; else the fingerprint of its request, and its number among equal rows."""
    operation: str
    """The dotted name of its operation or recipe."""
    request: Startable[Any]
    priority: int = 0
    input: str | None = None
    """The file that it was made for, of those given for `each`."""
    given: bool = False
    """Whether its key was made from its request."""


def read(
    rows: Rows, options: RowOptions | None = None, *, inspect: Inspect | None = None
) -> RowReader:
    """Return an iterator over the rows of a manifest, or what is wrong with them.

    It reads lazily: a row is yielded as soon as its line is there.

    Args:
        rows: The path of a manifest, `-` for standard input, files for `options.each`, or rows
            as `akool.map` takes them.
        options: How rows become requests.
        inspect: Looks at each request; what it refuses is a fault of the row.

    Raises:
        InvalidInput: on reading: the file needs a library that is not installed.
    """
    return RowReader(rows, options or RowOptions(), inspect)


class RowReader:
    """An iterator over rows as requests, and faults.

    Attributes:
        rows: How many rows were read, those with faults included.
        left_out: How many of them `dedupe` left out, as they equal an earlier one.
        keys: The keys that were given.
        names_keys: Whether rows without a key get one; a mere check saves a third of
            its time without them. `dedupe` needs them.
        file: The manifest's name, as it stands in faults.
    """

    def __init__(self, rows: Rows, options: RowOptions, inspect: Inspect | None = None) -> None:
        self._items, self.file, self._base = items_of(rows, options)
        self._options = options
        self._inspect = inspect
        self._set = {SET + name: value for name, value in options.set.items()}
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._columns = ColumnsRead(options)
        self._equal = FirstLines()
        self._once: set[tuple[str, str]] = set()
        self._rows = self._walk()
        self.keys = RowKeys()
        self.names_keys = True
        self._dedupe = options.dedupe
        self.rows = self.left_out = 0

    def __iter__(self) -> Iterator[BatchRow | Fault]:
        return self._rows  # one call less for each row

    def __next__(self) -> BatchRow | Fault:
        return next(self._rows)

    def _walk(self) -> Iterator[BatchRow | Fault]:
        broken = False
        for item in self._items:
            if isinstance(item, Fault):
                broken = broken or not item.notice
                yield item
                continue
            self.rows += 1
            if type(item) is RawRow:
                made = self._made(item)
                if self._options.each is not None:
                    made = _made_for(str(item.cells[self._options.each]), made)
            else:
                assert isinstance(item, Given)
                made = self._given(item)
            if type(made) is BatchRow:
                yield made
            elif made is None:
                self.left_out += 1
            else:
                assert isinstance(made, list)
                yield from made
        if not self.rows and not broken:
            yield self._fault("file", NO_ROWS)
        yield from self._columns.faults(self.file)

    def _made(self, raw: RawRow) -> BatchRow | list[Fault] | None:
        cells, columns = raw.cells, tuple(raw.cells)
        layout = self._layouts.get(columns)
        if layout is None:
            layout = self._layouts[columns] = Layout(columns, self._options, raw.table)
        if layout.nested and isinstance(cells[PARAMETERS], Mapping):
            others = {name: cell for name, cell in cells.items() if name != PARAMETERS}
            return self._made(RawRow(raw.line, {**others, **cells[PARAMETERS]}, raw.table))
        if self._set:
            cells = {**cells, **self._set}
        operation: Any = self._options.operation or cells.get(layout.operation)
        try:
            shape = layout.shapes[operation]
        except (KeyError, TypeError):  # TypeError: it is a list, or an object
            found = self._shape(layout, operation, raw.line)
            if isinstance(found, list):
                return found
            shape = found
        try:
            request = shape.build(cells)
            if self._inspect is not None:
                self._inspect(request)
            key = None if layout.key is None else key_in(cells[layout.key])
            priority = 0 if layout.priority is None else priority_in(cells[layout.priority])
        except (InvalidInput, Unreadable, TypeError):
            return self._faults(raw.line, layout, shape, cells)
        if shape.misspelt and (faults := self._misspelt(raw.line, shape, cells)):
            return faults
        return self._keyed(raw.line, key, request, priority, layout)

    def _given(self, item: Given) -> BatchRow | list[Fault] | None:
        try:
            if item.key is not None:
                check_key(item.key)
            if self._inspect is not None:
                self._inspect(item.request)
        except InvalidInput as error:
            sentence = f"{error.rule} (here: {shown(error.value)})"
            return [self._fault("value", sentence, item.line, error.field)]
        return self._keyed(item.line, item.key, item.request, item.priority, None)

    def _keyed(
        self,
        line: int,
        key: str | None,
        request: Startable[Any],
        priority: int,
        layout: Layout | None,
    ) -> BatchRow | list[Fault] | None:
        """Give a row its key; return `None` for a row that is to be left out."""
        try:
            return self._with_key(line, key, request, priority, layout)
        except InvalidInput as error:  # a file that counts by its content cannot be read
            sentence = f"{error.rule} (here: {shown(error.value)})"
            return [self._fault("value", sentence, line, error.field)]

    def _with_key(
        self,
        line: int,
        key: str | None,
        request: Startable[Any],
        priority: int,
        layout: Layout | None,
    ) -> BatchRow | list[Fault] | None:
        name = request.label
        if key is not None:
            first = self.keys.take(key, line)
            equal = self._dedupe and self._equal.add(f"{request_fingerprint(request)} {key}", line)
            if not first:
                return BatchRow(line, key, name, request, priority)
            return None if equal else [self._twice(key, line, first, layout)]
        if not self.names_keys:
            return BatchRow(line, "", name, request, priority)
        given, first = self.keys.given(request, line)
        if first and self._dedupe:
            return None
        return BatchRow(line, given, name, request, priority, given=True)

    def _twice(self, key: str, line: int, first: int, layout: Layout | None) -> Fault:
        sentence = f"the key {shown(key)} stands in line {first} already, and one key is one job"
        column = KEY if layout is None else layout.shown(layout.key or KEY)
        return self._fault("key", sentence, line, column)

    def _shape(self, layout: Layout, operation: Any, line: int) -> Shape | list[Fault]:
        """Work out what rows with an operation and with some columns are."""
        if layout.twice is not None:
            first, second, name = layout.twice
            sentence = f"this column and {layout.shown(first)} are both {name}: leave one out"
            return self._first_only("file", sentence, line, layout, second)
        column = layout.operation
        if operation is None and not column and layout.table is not None:
            near = nearest(OPERATION, list(layout.names))
            sentence = "there is no such column: --operation names the operation of all rows"
            if any(name.strip() in _STARTABLES for name in layout.names):
                sentence = "the first line must hold the names of the columns, and this is a row"
            sentence += f"; is it the column {near!r}?" if near else ""
            return self._first_only("missing", sentence, line, layout, OPERATION)
        known = _STARTABLES.get(operation.strip()) if isinstance(operation, str) else None
        if known is None:
            place = layout.shown(column) if column else ""
            return [self._fault("operation", _no_operation(operation), line, place)]
        shape = Shape(known, layout.names, self._base)
        self._columns.note(layout, shape, line)
        if layout.table is None:
            shape.misspelt = layout.misspelt(shape)
        layout.shapes[str(operation)] = shape
        return shape

    def _first_only(
        self, kind: FaultKind, sentence: str, line: int, layout: Layout, column: str
    ) -> list[Fault]:
        """Return a fault of a table's header, or of a command; nothing if it was told before."""
        if layout.table is not None:
            line = layout.table.line
            if (column, sentence) in self._once:
                return []
            self._once.add((column, sentence))
        return [self._fault(kind, sentence, line, layout.shown(column))]

    def _misspelt(self, line: int, shape: Shape, cells: Mapping[str, Any]) -> list[Fault]:
        """Return a fault for each name in a row that nearly is one that is not there."""
        return [
            self._fault(
                "unread",
                f"{shape.cls.name} has no such parameter; did you mean {name!r}?",
                line,
                column,
            )
            for column, name in shape.misspelt.items()
            if not is_empty(cells[column])
        ]

    def _faults(
        self, line: int, layout: Layout, shape: Shape, cells: Mapping[str, Any]
    ) -> list[Fault]:
        """Return all that is wrong with a row."""
        faults = self._misspelt(line, shape, cells)
        for problem in shape.problems(cells, self._inspect):
            kind, column, sentence = problem
            if kind == "missing" and problem.column in shape.absent:
                faults += self._first_only(kind, sentence, line, layout, column)
            elif sentence.startswith(NO_UPLOADER):
                again = (column, NO_UPLOADER) in self._once
                self._once.add((column, NO_UPLOADER))
                short = f"is a file, too{sentence.removeprefix(NO_UPLOADER)}"
                sentence = short if again else sentence
                faults.append(self._fault(kind, sentence, line, layout.shown(column)))
            elif column.startswith(SET):
                if (column, sentence) not in self._once:
                    faults.append(self._fault(kind, f"{column}: {sentence}"))
                self._once.add((column, sentence))
            else:
                faults.append(self._fault(kind, sentence, line, layout.shown(column)))
        for own, read in ((layout.key, key_in), (layout.priority, priority_in)):
            try:
                value = None if own is None else read(cells[own])
            except (Unreadable, InvalidInput) as error:
                sentence = error.rule if isinstance(error, InvalidInput) else str(error)
                faults.append(self._fault("value", sentence, line, layout.shown(own or "")))
            else:
                if isinstance(value, str) and (first := self.keys.take(value, line)):
                    faults.append(self._twice(value, line, first, layout))
        return faults

    def _fault(self, kind: FaultKind, sentence: str, line: int = 0, column: str = "") -> Fault:
        return Fault(kind=kind, sentence=sentence, file=self.file, line=line, column=column)


def _made_for(file: str, made: BatchRow | list[Fault] | None) -> BatchRow | list[Fault] | None:
    """Return a row, or what is wrong with it, with the name of the file that it was made for."""
    if isinstance(made, BatchRow):
        return structs.replace(made, input=file)
    return made and [structs.replace(fault, input=file) if fault.line else fault for fault in made]


def _no_operation(operation: Any) -> str:
    if is_empty(operation):
        return "the row names no operation, as in audio.tts; --operation names one for all rows"
    if not isinstance(operation, str):
        return f"must be the name of an operation (here: {shown(operation)})"
    near = nearest(operation, list(_STARTABLES))
    hint = f"; did you mean {near!r}?" if near else f"; they are {', '.join(_STARTABLES)}"
    return f"there is no operation {shown(operation)}{hint}"
