"""Rows from spreadsheets: XLSX, and what else calamine reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from akool_async.batch.manifest.broken_cells import BrokenCells
from akool_async.batch.manifest.extras import needs
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.header import header_of
from akool_async.batch.manifest.row import Cell, NoCell, RawRow, Table

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_DATES: Final = (dt.date, dt.time, dt.timedelta)
_DIGITS_KEPT: Final = 10**15
"""Spreadsheets keep 15 digits of a number, and make zeros of the others."""

_TOO_LONG: Final = NoCell(
    "a spreadsheet keeps 15 digits of a number, so this one may be wrong:"
    " format the column as text, and type it again"
)


def read(path: Path, file: str, sheet: str | None = None) -> Iterator[RawRow | Fault]:
    """Yield the rows of a spreadsheet's first sheet, or of the one with a name."""
    with needs("python_calamine", "excel", f"{file} is a spreadsheet"):
        from python_calamine import CalamineError, CalamineWorkbook
    problem: str | None = None
    try:
        with CalamineWorkbook.from_path(path) as workbook:  # pyright: ignore[reportUnknownMemberType]
            yield from _rows(workbook, path, file, sheet)
    except CalamineError as error:
        problem = f"the spreadsheet cannot be read ({error}): open it, and save it again as XLSX"
    if problem is not None:
        yield Fault(kind="file", sentence=problem, file=file)


def _rows(
    workbook: CalamineWorkbook, path: Path, file: str, sheet: str | None
) -> Iterator[RawRow | Fault]:
    names = workbook.sheet_names
    if sheet is not None and sheet not in names:
        sentence = f"it has no sheet {sheet!r}; its sheets are {', '.join(names)}"
        yield Fault(kind="file", sentence=sentence, file=file)
        return
    index = 0 if sheet is None else names.index(sheet)
    yield from _Sheet(workbook.get_sheet_by_index(index), BrokenCells(path, index), file)
    others = [name for name in names if name != names[index]]
    if sheet is None and others:
        sentence = (
            f"only the first sheet, {names[0]!r}, was read: --sheet names another one"
            f" ({', '.join(others)})"
        )
        yield Fault(kind="file", sentence=sentence, file=file, notice=True)


class _Sheet:
    """The rows of one sheet; the first row that holds anything is the header."""

    def __init__(self, sheet: CalamineSheet, broken: BrokenCells, file: str) -> None:
        self._sheet = sheet
        self._broken = broken
        self._file = file
        self._left = sheet.start[1] if sheet.start else 0
        """The index of the first column that holds anything: rows begin with it."""

    def __iter__(self) -> Iterator[RawRow | Fault]:
        header: Sequence[str] | None = None
        table = Table(0)
        for line, record in enumerate(self._sheet.iter_rows(), 1):
            cells: list[Cell] = [_cell(each) for each in record]
            for column, why in self._broken.in_row(line):
                if 0 <= column - self._left < len(cells):
                    cells[column - self._left] = NoCell(why)
            if all(cell == "" for cell in cells):
                continue
            if header is not None:
                yield RawRow(line, dict(zip(header, cells, strict=True)), table)
                continue
            letters = {index: letter(self._left + index) for index in range(len(cells))}
            header, faults = header_of(cells, self._file, line, letters)
            yield from faults
            table = Table(line, _by_name(header, letters))


def _by_name(header: Sequence[str], letters: Mapping[int, str]) -> Mapping[str, str]:
    return {name: letters[index] for index, name in enumerate(header)}


def _cell(value: Cell) -> Cell:
    if type(value) is float and value.is_integer():  # spreadsheets have no whole numbers
        return int(value) if abs(value) < _DIGITS_KEPT else _TOO_LONG
    if isinstance(value, _DATES):
        return NoCell(
            f"the cell holds the date or time {value}: format the column as text, and type the"
            " value again, as spreadsheets make dates of texts such as 3-4"
        )
    return value


def letter(index: int) -> str:
    """Return the letters of a column: A for 0, AA for 26."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
